"""Temporary credentials: issued, used, expired, mixed up; and the official credential sources fed by the emulator."""

import pytest
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials.provider.ecs_ram_role import EcsRamRoleCredentialsProvider
from alibabacloud_credentials.provider.uri import URLCredentialsProvider
from clients import KEY, REGION
from test_refusals import refused

ROLE = "acs:ram::1234567890123456:role/tester"


def assume(client, **more):
    answer = client("AssumeRole", RoleArn=ROLE, RoleSessionName="oracle", **more)
    return answer["Credentials"]


def client_of(make, emulator, credentials, token=None):
    return make(
        emulator, credentials["AccessKeyId"], credentials["AccessKeySecret"], token or credentials["SecurityToken"]
    )


def test_a_role_is_assumed_and_used(client, make, emulator):
    temporary = client_of(make, emulator, assume(client))
    assert temporary("DescribeImages", RegionId=REGION)["TotalCount"] == 2
    identity = temporary("GetCallerIdentity")
    assert identity["IdentityType"] == "AssumedRoleUser"
    assert identity["Arn"] == "acs:ram::1234567890123456:assumed-role/tester/oracle"
    assert client("GetCallerIdentity")["IdentityType"] == "RAMUser"


def test_credentials_end(client, make, emulator):
    temporary = client_of(make, emulator, assume(client, DurationSeconds=900))
    emulator.advance(890)
    temporary("DescribeRegions")
    emulator.advance(10)
    refused(temporary, 400, "InvalidSecurityToken.Expired", "DescribeRegions")


def test_tokens_that_do_not_belong(client, make, emulator):
    one, other = assume(client), assume(client)
    mixed = client_of(make, emulator, one, token=other["SecurityToken"])
    refused(mixed, 400, "InvalidSecurityToken.MismatchWithAccessKey", "DescribeRegions")
    cut = client_of(make, emulator, one, token=one["SecurityToken"][:40])
    refused(cut, 400, "InvalidSecurityToken.Malformed", "DescribeRegions")
    without = make(emulator, one["AccessKeyId"], one["AccessKeySecret"])
    refused(without, 400, "MissingSecurityToken", "DescribeRegions")


@pytest.mark.parametrize(
    "status, code, change",
    [
        (400, "InvalidParameter.RoleArn", dict(RoleArn="tester")),
        (400, "InvalidParameter.RoleSessionName", dict(RoleSessionName="a b")),
        (400, "InvalidParameter.DurationSeconds", dict(DurationSeconds=899)),
        (400, "InvalidParameter.PolicyGrammar", dict(Policy="{")),
        (404, "EntityNotExist.Role", dict(RoleArn="acs:ram::1234567890123456:role/missing")),
        (403, "NoPermission", dict(RoleArn="acs:ram::1234567890123456:role/forbidden")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_role_that_is_not_given(client, status, code, change):
    refused(client, status, code, "AssumeRole", **{"RoleArn": ROLE, "RoleSessionName": "oracle", **change})


def test_an_identity_token_is_exchanged_without_a_key(make, emulator):
    """The current SDK sends this call unsigned; the core SDK cannot, and signs it."""
    client = make(emulator, *KEY)
    answer = client(
        "AssumeRoleWithOIDC",
        RoleArn=ROLE,
        RoleSessionName="oracle",
        OIDCToken="eyJhbGciOi.J9.sig-_",
        OIDCProviderArn="acs:ram::1234567890123456:oidc-provider/idp",
    )
    client_of(make, emulator, answer["Credentials"])("DescribeRegions")
    (entry,) = emulator.requests("AssumeRoleWithOIDC")
    assert "OIDCToken" not in entry["params"]
    assert ("signature" in entry) == (make.name == "core-v1")


def metadata_provider(emulator, **options):
    provider = EcsRamRoleCredentialsProvider(async_update_enabled=False, **options)
    # The address of the metadata server is fixed in the library.
    provider._EcsRamRoleCredentialsProvider__metadata_service_host = emulator.host
    return provider


def check_credentials(make, emulator, credentials):
    client = make(
        emulator, credentials.get_access_key_id(), credentials.get_access_key_secret(), credentials.get_security_token()
    )
    client("DescribeRegions")


def test_the_official_library_reads_the_metadata_server(make, emulator):
    emulator.control("POST", "metadata", {"v1": False})
    check_credentials(make, emulator, metadata_provider(emulator, disable_imds_v1=True).get_credentials())
    seen = [entry["action"] for entry in emulator.control("GET", "requests")]
    role = "/latest/meta-data/ram/security-credentials/"
    assert seen[0] == "PUT /latest/api/token"
    assert f"GET {role}" in seen and f"GET {role}emulator-role" in seen


def test_the_official_library_falls_back_to_no_token(make, emulator):
    emulator.control("POST", "faults", [{"action": "PUT /latest/api/token", "do": "http", "status": 404, "times": 9}])
    check_credentials(make, emulator, metadata_provider(emulator).get_credentials())


def test_a_metadata_server_without_a_role(emulator):
    emulator.control("POST", "metadata", {"role": None})
    with pytest.raises(CredentialException):
        metadata_provider(emulator).get_credentials()


def test_the_official_library_reads_the_credentials_uri(make, emulator):
    provider = URLCredentialsProvider(uri=f"{emulator.url}/_emulator/credentials")
    check_credentials(make, emulator, provider.get_credentials())

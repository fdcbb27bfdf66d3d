"""Every source of keys, end to end: the plugin with a home of its own, STS, metadata server and credentials URI.

A relay in front of the emulator says by which key calls were signed; the emulator's log says how the key was come by.
"""

import concurrent.futures
import json
import pathlib

import pytest
from clients import KEY
from world import CONFIG, INI, ROLE

OTHER_ROLE = "acs:ram::1234567890123456:role/publisher"
PROVIDER = "acs:ram::1234567890123456:oidc-provider/idp"
OIDC_TOKEN = "eyJhbGciOi.J9.sig-_"
POLICY = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"ecs:*","Resource":"*"}]}'
VARIABLES = {
    "alicloud": ("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_SECURITY_TOKEN"),
    "alibaba_cloud": (
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    ),
    "alibabacloud": ("ALIBABACLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_SECRET", "ALIBABACLOUD_SECURITY_TOKEN"),
}
URI = "GET /_emulator/credentials"
METADATA = ["PUT /latest/api/token", "GET /latest/meta-data/ram/security-credentials/emulator-role"]
ROLE_PARAMS = {
    "RoleArn": ROLE,
    "RoleSessionName": "oracle",
    "DurationSeconds": "900",
    "Policy": POLICY,
    "ExternalId": "ext-1",
}
KEY_FIELDS = {"access_key_id": KEY[0], "access_key_secret": KEY[1]}
ROLE_SETTINGS = {
    "roleArn": ROLE,
    "sessionName": "oracle",
    "sessionExpiration": 900,
    "policy": POLICY,
    "externalId": "ext-1",
}
OIDC_PARAMS = {
    "RoleArn": ROLE,
    "OIDCProviderArn": PROVIDER,
    "RoleSessionName": "oracle",
    "DurationSeconds": "900",
    "Policy": POLICY,
}
OIDC_SETTINGS = {
    "roleArn": ROLE,
    "oidcProviderArn": PROVIDER,
    "roleSessionName": "oracle",
    "sessionExpiration": 900,
    "policy": POLICY,
}
ROLE_FIELDS = {
    "ram_role_arn": ROLE,
    "ram_session_name": "oracle",
    "expired_seconds": 900,
    "policy": POLICY,
    "external_id": "ext-1",
}


class Source:
    """How a source is set up, what has to be called for its key, and with which parameters."""

    def __init__(self, set_up, called, params, temporary):
        self.set_up, self.called, self.params = set_up, list(called), params
        self.temporary = bool(called) if temporary is None else temporary


SOURCES = {}


def source(*called, params=None, temporary=None):
    """Registers a set-up under its name. `called` is what the key costs; a key that costs something is temporary."""

    def register(set_up):
        name = set_up.__name__
        SOURCES[name] = pytest.param(Source(set_up, called, params, temporary), id=name)
        return set_up

    return register


@source()
def the_settings(world):
    world.settings = {"accessKey": KEY[0], "secretKey": KEY[1]}


@source(temporary=True)
def the_settings_with_a_token(world):
    world.settings = dict(zip(("accessKey", "secretKey", "securityToken"), world.temporary(), strict=True))


@source()
def variables_alicloud(world):
    world.variables.update(zip(VARIABLES["alicloud"], KEY, strict=False))


@source(temporary=True)
def variables_alicloud_with_a_token(world):
    world.variables.update(zip(VARIABLES["alicloud"], world.temporary(), strict=True))


@source()
def variables_alibaba_cloud(world):
    world.variables.update(zip(VARIABLES["alibaba_cloud"], KEY, strict=False))


@source(temporary=True)
def variables_alibaba_cloud_with_a_token(world):
    world.variables.update(zip(VARIABLES["alibaba_cloud"], world.temporary(), strict=True))


@source()
def variables_alibabacloud(world):
    world.variables.update(zip(VARIABLES["alibabacloud"], KEY, strict=False))


@source(temporary=True)
def variables_alibabacloud_with_a_token(world):
    world.variables.update(zip(VARIABLES["alibabacloud"], world.temporary(), strict=True))


@source()
def profile_ak(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="AK", **KEY_FIELDS)


@source()
def profile_by_variable(world):
    world.variables["ALICLOUD_PROFILE"] = "second"
    world.profiles(
        {"name": "first", "mode": "AK", "access_key_id": "wrong", "access_key_secret": "wrong"},
        {"name": "second", "mode": "AK", **KEY_FIELDS},
    )


@source()
def profile_in_another_file(world):
    world.profiles(mode="AK", access_key_id="wrong", access_key_secret="wrong")
    other = json.dumps({"current": "", "profiles": [{"name": "builder", "mode": "AK", **KEY_FIELDS}]})
    world.settings = {"profile": "builder", "sharedCredentialsFile": world.file("elsewhere.json", other)}


@source()
def profile_that_is_current(world):
    world.profiles(mode="AK", **KEY_FIELDS)


@source(temporary=True)
def profile_sts_token(world):
    world.settings = {"profile": "builder"}
    key_id, secret, token = world.temporary()
    world.profiles(mode="StsToken", access_key_id=key_id, access_key_secret=secret, sts_token=token)


@source("AssumeRole", params=ROLE_PARAMS)
def profile_ram_role_arn(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="RamRoleArn", **KEY_FIELDS, **ROLE_FIELDS)


@source("AssumeRole", "AssumeRole", params=ROLE_PARAMS)
def profile_chainable_ram_role_arn(world):
    world.settings = {"profile": "builder"}
    world.profiles(
        {"name": "builder", "mode": "ChainableRamRoleArn", "source_profile": "middle", **ROLE_FIELDS},
        {"name": "middle", "mode": "ChainableRamRoleArn", "source_profile": "base", "ram_role_arn": OTHER_ROLE},
        {"name": "base", "mode": "AK", **KEY_FIELDS},
    )


@source(*METADATA)
def profile_ecs_ram_role(world):
    world.settings = {"profile": "builder"}
    world.variables["ALICLOUD_ECS_METADATA_ENDPOINT"] = world.relay.url
    world.profiles(mode="EcsRamRole", ram_role_name="emulator-role")


@source("AssumeRoleWithOIDC", params=OIDC_PARAMS)
def profile_oidc(world):
    world.settings = {"profile": "builder"}
    world.profiles(
        mode="OIDC",
        oidc_provider_arn=PROVIDER,
        oidc_token_file=world.file("token", OIDC_TOKEN + "\n"),
        ram_role_arn=ROLE,
        ram_session_name="oracle",
        expired_seconds=900,
        policy=POLICY,
    )


@source(URI)
def profile_credentials_uri(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="CredentialsURI", credentials_uri=world.uri)


@source(URI)
def profile_external(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="External", process_command=world.command())


@source()
def ini_access_key(world):
    world.ini(type="access_key", **KEY_FIELDS)


@source()
def ini_section_by_variable(world):
    text = "".join(f"{key} = {value}\n" for key, value in {"type": "access_key", **KEY_FIELDS}.items())
    world.file(INI, f"[builder]\n{text}")
    world.variables["ALIBABA_CLOUD_PROFILE"] = "builder"


@source("AssumeRole", params={name: ROLE_PARAMS[name] for name in ("RoleArn", "RoleSessionName", "Policy")})
def ini_ram_role_arn(world):
    world.ini(type="ram_role_arn", **KEY_FIELDS, role_arn=ROLE, role_session_name="oracle", policy=POLICY)


@source("AssumeRoleWithOIDC", params={name: OIDC_PARAMS[name] for name in ("RoleArn", "OIDCProviderArn")})
def ini_oidc_role_arn(world):
    token = world.file("token", OIDC_TOKEN)
    world.ini(type="oidc_role_arn", role_arn=ROLE, oidc_provider_arn=PROVIDER, oidc_token_file_path=token)


@source(*METADATA)
def ini_ecs_ram_role(world):
    world.variables["ALICLOUD_ECS_METADATA_ENDPOINT"] = world.relay.url
    world.ini(type="ecs_ram_role", role_name="emulator-role")


@source(*METADATA)
def ecs_role_name(world):
    world.variables["ALICLOUD_ECS_METADATA_ENDPOINT"] = world.relay.url
    world.settings = {"ecsRoleName": "emulator-role"}


@source(*METADATA)
def ecs_role_by_variable_where_a_token_is_needed(world):
    world.emulator.control("POST", "metadata", {"v1": False})
    world.variables["ALICLOUD_ECS_METADATA_ENDPOINT"] = world.relay.url
    world.variables["ALIBABA_CLOUD_ECS_METADATA"] = "emulator-role"


@source(URI)
def credentials_uri(world):
    world.settings = {"credentialsUri": world.uri}


@source(URI)
def credentials_uri_by_variable(world):
    world.variables["ALIBABA_CLOUD_CREDENTIALS_URI"] = world.uri


@source("AssumeRole", params=ROLE_PARAMS)
def assume_role(world):
    world.settings = {"accessKey": KEY[0], "secretKey": KEY[1], "assumeRole": json.dumps(ROLE_SETTINGS)}


@source("AssumeRole", "AssumeRole", params=ROLE_PARAMS)
def assume_role_on_top_of_a_profiles_role(world):
    world.settings = {"profile": "builder", "assumeRole": json.dumps(ROLE_SETTINGS)}
    world.profiles(mode="RamRoleArn", **KEY_FIELDS, ram_role_arn=OTHER_ROLE)


@source("AssumeRoleWithOIDC", params=OIDC_PARAMS)
def assume_role_with_oidc(world):
    world.settings = {"assumeRoleWithOidc": json.dumps({**OIDC_SETTINGS, "oidcToken": OIDC_TOKEN})}


@source("AssumeRoleWithOIDC", params=OIDC_PARAMS)
def assume_role_with_oidc_and_a_token_file_by_variable(world):
    world.settings = {"assumeRoleWithOidc": json.dumps(OIDC_SETTINGS)}
    world.variables["ALIBABA_CLOUD_OIDC_TOKEN_FILE"] = world.file("token", OIDC_TOKEN)


@source("AssumeRoleWithOIDC", params={name: OIDC_PARAMS[name] for name in ("RoleArn", "OIDCProviderArn")})
def oidc_by_variables_alone(world):
    world.variables["ALIBABA_CLOUD_ROLE_ARN"] = ROLE
    world.variables["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"] = PROVIDER
    world.variables["ALIBABA_CLOUD_OIDC_TOKEN_FILE"] = world.file("token", OIDC_TOKEN)


def check_key(world, temporary):
    """Every call of ECS so far was signed by a temporary key with its token, or by the long-term one without."""
    keys = world.relay.keys("DescribeImages")
    assert keys
    for key_id, has_token in keys:
        assert (key_id.startswith("STS."), has_token) == (temporary, temporary)
        assert temporary or key_id == KEY[0]


@pytest.mark.parametrize("source", SOURCES.values())
def test_a_source_gives_the_key(world, source):
    source.set_up(world)
    plugin = world.configured()
    for _ in range(2):
        assert plugin.read("m-system")["imageOwnerAlias"] == "system"
    # The second call costs nothing more.
    assert world.called() == [*source.called, "DescribeImages", "DescribeImages"]
    check_key(world, source.temporary)
    if source.params:
        asked = world.emulator.requests(source.called[-1])[-1]["params"]
        assert source.params.items() <= asked.items()
    if source.called[:1] == ["AssumeRole"]:
        signers = [key_id.startswith("STS.") for key_id, _ in world.relay.keys("AssumeRole")]
        assert signers == [False, True][: len(source.called)]
    if source.called == ["AssumeRoleWithOIDC"]:
        assert world.relay.keys("AssumeRoleWithOIDC") == [(None, False)], "no key is needed, so none is shown"


REFRESHED = [source for source in SOURCES.values() if source.values[0].called]


@pytest.mark.parametrize("source", REFRESHED)
def test_a_key_that_has_expired_is_renewed_by_itself(world, source):
    source.set_up(world)
    plugin = world.configured()
    plugin.read("m-system")
    world.emulator.control("DELETE", "requests")
    # Longer than any source's key lives.
    world.emulator.advance(7 * 3600)
    assert plugin.read("m-system")["imageOwnerAlias"] == "system"
    called = [action for action in world.called() if action != "DescribeImages"]
    assert called == source.called
    before, after = world.relay.keys("DescribeImages")[0], world.relay.keys("DescribeImages")[-1]
    assert before != after


@pytest.mark.parametrize("source", REFRESHED)
def test_twenty_reads_with_an_expired_key_renew_it_once(world, source):
    source.set_up(world)
    plugin = world.configured()
    plugin.read("m-system")
    world.emulator.control("DELETE", "requests")
    world.emulator.advance(7 * 3600)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        reads = [pool.submit(plugin.read, "m-system", f"read-{number}") for number in range(20)]
        assert all(read.result()["imageOwnerAlias"] == "system" for read in reads)
    called = [action for action in world.called() if action != "DescribeImages"]
    assert called == source.called
    assert len({key_id for key_id, _ in world.relay.keys("DescribeImages")}) == 2


def test_the_first_twenty_reads_ask_for_one_key(world):
    assume_role(world)
    plugin = world.configured()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        reads = [pool.submit(plugin.read, "m-system", f"read-{number}") for number in range(20)]
        assert all(read.result()["imageOwnerAlias"] == "system" for read in reads)
    assert world.called().count("AssumeRole") == 1


BROKEN = {}


def broken(*fragments, without=()):
    """Registers a set-up that must be refused, with what the refusal has to say, and what not.

    `{home}` stands for the home folder.
    """

    def register(set_up):
        name = set_up.__name__
        BROKEN[name] = pytest.param(set_up, fragments, without, id=name)
        return set_up

    return register


@broken("{home}/.aliyun/config.json is cut short: line 1, column")
def a_config_that_is_cut_short(world):
    world.settings = {"profile": "builder"}
    world.file(CONFIG, '{"current": "builder", "profiles": [{"na')


@broken("{home}/.aliyun/config.json is not valid JSON: line 2, column 3")
def a_config_that_is_no_json(world):
    world.settings = {"profile": "builder"}
    world.file(CONFIG, '{\n  current: "builder"\n}')


@broken('{home}/.aliyun/config.json has no list "profiles"')
def a_config_without_profiles(world):
    world.settings = {"profile": "builder"}
    world.file(CONFIG, "{}")


@broken("{home}/.aliyun/config.json is not UTF-8 text (byte 2)")
def a_config_that_is_no_text(world):
    world.settings = {"profile": "builder"}
    world.file(CONFIG, b'{"\xff')


@broken("{home}/.aliyun/config.json cannot be read: ")
def a_config_that_cannot_be_read(world):
    """A link to itself, which nobody can read, not even root."""
    world.settings = {"profile": "builder"}
    path = world.home / CONFIG
    path.parent.mkdir()
    path.symlink_to(path)


@broken("{home}/.aliyun/config.json cannot be read: not a regular file")
def a_config_that_is_a_folder(world):
    world.settings = {"profile": "builder"}
    (world.home / CONFIG).mkdir(parents=True)


@broken("{home}/.aliyun/config.json can be changed by everybody", "run: chmod 600 {home}/.aliyun/config.json")
def a_config_that_everybody_can_change(world):
    world.settings = {"profile": "builder"}
    pathlib.Path(world.profiles(mode="AK", **KEY_FIELDS)).chmod(0o666)


@broken('the profile "builder" is asked for, but {home}/.aliyun/config.json does not exist')
def a_config_that_is_not_there(world):
    world.settings = {"profile": "builder"}


@broken('{home}/.aliyun/config.json has no profile "publisher"; it has builder, tester')
def a_profile_that_is_not_there(world):
    world.settings = {"profile": "publisher"}
    world.profiles({"name": "builder", "mode": "AK", **KEY_FIELDS}, {"name": "tester"})


@broken('the profile "builder" of {home}/.aliyun/config.json, of mode AK, has no access_key_secret')
def a_profile_with_half_a_key(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="AK", access_key_id=KEY[0])


@broken('the profile "builder" of {home}/.aliyun/config.json, of mode StsToken, has no sts_token')
def a_profile_without_its_token(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="StsToken", **KEY_FIELDS)


@broken('the mode "CloudSSO", which is not supported', "RamRoleArn")
def a_profile_of_a_mode_that_is_not_known(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="CloudSSO")


@broken("builds on itself: one → two → one")
def profiles_that_build_on_each_other(world):
    world.settings = {"profile": "one"}
    world.profiles(
        {"name": "one", "mode": "ChainableRamRoleArn", "source_profile": "two", "ram_role_arn": ROLE},
        {"name": "two", "mode": "ChainableRamRoleArn", "source_profile": "one", "ram_role_arn": ROLE},
    )


@broken('the command of the profile "builder"', "no luck", "exit status: 3")
def a_command_that_fails(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="External", process_command="echo no luck >&2; exit 3")


@broken('the command of the profile "builder"', "did not print JSON")
def a_command_that_prints_something_else(world):
    world.settings = {"profile": "builder"}
    world.profiles(mode="External", process_command="echo hello")


@broken("the OIDC token file {home}/gone cannot be read: No such file")
def an_oidc_token_file_that_is_not_there(world):
    world.settings = {"assumeRoleWithOidc": json.dumps({**OIDC_SETTINGS, "oidcTokenFile": f"{world.home}/gone"})}


@broken("{home}/.alibabacloud/credentials, line 2: neither")
def an_ini_file_that_is_none(world):
    world.file(INI, "[default]\nnonsense")


@broken("the section [default] of {home}/.alibabacloud/credentials has no type")
def an_ini_section_without_a_type(world):
    world.ini(**KEY_FIELDS)


@broken(
    "{home}/.alibabacloud/credentials has no section [builder]; it has [default]",
)
def an_ini_section_that_is_not_there(world):
    """The profile's name is the section's where there is no file of the CLI."""
    world.variables["ALIBABA_CLOUD_CREDENTIALS_FILE"] = world.ini(type="access_key", **KEY_FIELDS)
    world.variables["ALIBABA_CLOUD_PROFILE"] = "builder"


@broken(
    "alicloud:secretKey",
    "ALICLOUD_SECRET_KEY, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABACLOUD_ACCESS_KEY_SECRET",
    without=["alicloud:accessKey:"],
)
def settings_with_half_a_key(world):
    world.settings = {"accessKey": KEY[0]}


@broken(
    "the environment variable ALICLOUD_ACCESS_KEY is set",
    "none of ALICLOUD_SECRET_KEY, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABACLOUD_ACCESS_KEY_SECRET is",
)
def variables_with_the_id_alone(world):
    world.variables["ALICLOUD_ACCESS_KEY"] = KEY[0]


@broken(
    "the environment variable ALIBABACLOUD_ACCESS_KEY_SECRET is set",
    "none of ALICLOUD_ACCESS_KEY, ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABACLOUD_ACCESS_KEY_ID is",
)
def variables_with_the_secret_alone(world):
    world.variables["ALIBABACLOUD_ACCESS_KEY_SECRET"] = KEY[1]


@broken("the access key secret contains a blank", "copy it again", "ALICLOUD_SECRET_KEY")
def a_secret_copied_wrong(world):
    world.variables.update(zip(VARIABLES["alicloud"], (KEY[0], "two words"), strict=False))


@broken("a temporary one", "security token", "missing")
def a_temporary_key_without_its_token(world):
    world.variables.update(zip(VARIABLES["alicloud"], world.temporary()[:2], strict=False))


@broken("InvalidSecurityToken.Malformed", "Id, secret and token", "copy all three again")
def a_token_that_is_cut_short(world):
    key_id, secret, token = world.temporary()
    world.variables.update(zip(VARIABLES["alicloud"], (key_id, secret, token[:40]), strict=True))


@broken("SignatureDoesNotMatch", "The secret does not belong to the key", "copy id and secret again")
def a_secret_of_another_key(world):
    world.settings = {"accessKey": KEY[0], "secretKey": "somebody-elses"}


@broken("InvalidAccessKeyId.NotFound", "Check that it is complete and not deleted", "accessKey")
def a_key_that_nobody_knows(world):
    world.settings = {"accessKey": "LTAInobodysKey", "secretKey": KEY[1]}


@broken("/_emulator/nothing", "the setting credentialsUri", "answered with HTTP status 404")
def a_credentials_uri_with_nothing_there(world):
    world.settings = {"credentialsUri": f"{world.emulator.url}/_emulator/nothing"}


@broken("is no http or https address", "ALIBABA_CLOUD_CREDENTIALS_URI")
def a_credentials_uri_that_is_none(world):
    world.variables["ALIBABA_CLOUD_CREDENTIALS_URI"] = "file:///etc/passwd"


@broken("the ECS RAM role somebody is not attached to this instance")
def an_ecs_role_that_is_not_attached(world):
    world.variables["ALICLOUD_ECS_METADATA_ENDPOINT"] = world.relay.url
    world.settings = {"ecsRoleName": "somebody"}


@broken("ALIBABA_CLOUD_IMDSV1_DISABLED", "it gives no session token")
def a_metadata_server_without_tokens(world):
    world.emulator.control(
        "POST", "faults", [{"action": "PUT /latest/api/token", "do": "http", "status": 404, "times": 9}]
    )
    world.variables["ALICLOUD_ECS_METADATA_ENDPOINT"] = world.relay.url
    world.variables["ALIBABA_CLOUD_IMDSV1_DISABLED"] = "true"
    world.settings = {"ecsRoleName": "emulator-role"}


@broken(
    "EntityNotExist.Role",
    "AssumeRole",
    "acs:ram::1234567890123456:role/missing",
)
def a_role_that_is_not_there(world):
    role = json.dumps({"roleArn": "acs:ram::1234567890123456:role/missing"})
    world.settings = {"accessKey": KEY[0], "secretKey": KEY[1], "assumeRole": role}


@broken(
    "NoPermission",
    "sts:AssumeRole",
    "acs:ram::1234567890123456:role/forbidden",
)
def a_role_that_may_not_be_assumed(world):
    role = json.dumps({"roleArn": "acs:ram::1234567890123456:role/forbidden"})
    world.settings = {"accessKey": KEY[0], "secretKey": KEY[1], "assumeRole": role}


@broken("alicloud:accessKey", "alicloud:secretKey", "ALICLOUD_ACCESS_KEY", "alicloud:profile")
def nothing_at_all(world):
    pass


@pytest.mark.parametrize("set_up, fragments, without", BROKEN.values())
def test_a_broken_source_says_what_to_do(world, set_up, fragments, without):
    set_up(world)
    text = world.refusal()
    for fragment in fragments:
        assert fragment.replace("{home}", str(world.home)) in text
    for fragment in without:
        assert fragment not in text
    assert KEY[1] not in text and "somebody-elses" not in text
    assert "DescribeImages" not in world.called() or "DescribeImages" in text


@pytest.mark.parametrize("fallback", [False, True], ids=["alone", "with-a-good-one-behind"])
def test_a_broken_source_is_never_passed_over(world, fallback):
    """What is set up and broken is an error, also where the next source would do."""
    world.file(CONFIG, "{")
    if fallback:
        world.ini(type="access_key", **KEY_FIELDS)
    assert f"{world.home}/.aliyun/config.json is cut short" in world.refusal()
    assert world.called() == []

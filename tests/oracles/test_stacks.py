"""The two private clouds, called by the core SDK as their programs call them: with extra parameters and headers."""

import json
import urllib.request

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest
from clients import KEY, Refused, Tea

REGION = "cn-stack-env-d01"
FIVE_STATES = "Creating,Waiting,Available,UnAvailable,CreateFailed"

A = {"Product": "ecs", "Department": "37", "ResourceGroup": "71"}, {"RegionId": REGION}
B = (
    {"Department": "37", "OrganizationId": "37", "ResourceGroup": "71"},
    {
        "x-acs-regionid": REGION,
        "x-acs-organizationid": "37",
        "x-acs-resourcegroupid": "71",
        "x-acs-request-version": "v1",
        "x-acs-asapi-product": "ecs",
        "x-ascm-product-name": "ecs",
    },
)
STACKS = [
    pytest.param("apsarastack", *A, id="apsarastack"),
    pytest.param("alibabacloudstack", *B, id="alibabacloudstack"),
]


def call(emulator, action, parameters, headers, version="2014-05-26"):
    request = RpcRequest("Ecs", version, action)
    request.set_endpoint(emulator.host)
    request.set_protocol_type("http")
    request.set_method("POST")
    request.add_query_param("RegionId", REGION)
    for name, value in parameters.items():
        request.add_query_param(name, value)
    for name, value in headers.items():
        request.add_header(name, value)
    acs = AcsClient(region_id=REGION, credential=AccessKeyCredential(*KEY), auto_retry=False, timeout=60)
    try:
        return json.loads(acs.do_action_with_exception(request))
    except ServerException as error:
        raise Refused(error.get_http_status(), error.get_error_code(), error.get_error_msg()) from error


@pytest.mark.parametrize("flavour, extra, headers", STACKS)
def test_an_image_is_made_and_read(start, flavour, extra, headers):
    emulator = start("--flavour", flavour)
    create = {"SnapshotId": "s-system", "ImageName": "mine", "Description": "", "ClientToken": "t"}
    image_id = call(emulator, "CreateImage", {**extra, **create}, headers)["ImageId"]
    assert call(emulator, "CreateImage", {**extra, **create}, headers)["ImageId"] == image_id
    emulator.advance(10)
    find = {"ImageId": image_id, "ImageOwnerAlias": "self", "Status": FIVE_STATES}
    (image,) = call(emulator, "DescribeImages", {**extra, **find}, headers)["Images"]["Image"]
    assert (image["Status"], image["ImageName"]) == ("Available", "mine")
    assert not {"Usable", "BootMode", "Features", "ImageFamily"} & set(image)
    with pytest.raises(Refused) as caught:
        call(emulator, "DescribeImages", {**extra, "Status": "ALL"}, headers)
    assert (caught.value.status, caught.value.code) == (400, "InvalidParamter")


@pytest.mark.parametrize("flavour, extra, headers", STACKS)
def test_what_a_stack_wants_is_wanted(start, flavour, extra, headers):
    emulator = start("--flavour", flavour)
    for name in extra:
        with pytest.raises(Refused) as caught:
            call(emulator, "DescribeImages", {k: v for k, v in extra.items() if k != name}, headers)
        assert caught.value.code == "MissingParameter" and name in caught.value.message
    for name in headers:
        with pytest.raises(Refused) as caught:
            call(emulator, "DescribeImages", extra, {k: v for k, v in headers.items() if k != name})
        assert caught.value.code == "MissingParameter" and name.lower() in caught.value.message


@pytest.mark.parametrize("flavour", ["apsarastack", "alibabacloudstack"])
def test_a_stack_knows_version_one_alone(start, flavour):
    emulator = start("--flavour", flavour)
    with pytest.raises(Refused) as caught:
        Tea("v3", emulator, *KEY)("DescribeImages")
    assert (caught.value.status, caught.value.code) == (400, "MissingParameter")


def test_the_secret_travels_only_where_it_is_demanded(start):
    extra, headers = A
    emulator = start("--flavour", "apsarastack", "--demand-secret-in-query")
    with pytest.raises(Refused) as caught:
        call(emulator, "DescribeImages", extra, headers)
    assert "AccessKeySecret" in caught.value.message
    call(emulator, "DescribeImages", {**extra, "AccessKeySecret": KEY[1]}, headers)
    without, with_secret = emulator.requests("DescribeImages")
    assert "secret_in_query" not in without and with_secret["secret_in_query"] is True
    assert KEY[1] not in json.dumps(with_secret)


def test_a_resource_group_set_is_looked_up_at_the_root_of_apsara_stack(start):
    emulator = start("--flavour", "apsarastack")
    query = {"Product": "ascm", "Department": "", "ResourceGroup": "", "resourceGroupName": "rs-demo"}
    answer = call(emulator, "ListResourceGroup", query, {}, version="2019-05-10")
    assert answer["code"] == "200"
    (entry,) = answer["data"]
    assert (entry["resourceGroupName"], entry["organizationID"], entry["id"]) == ("rs-demo", 37, 71)


def test_a_resource_group_set_is_looked_up_at_a_path_of_alibaba_cloud_stack(start):
    """No SDK goes there; what the core SDK signed is sent to that path, which version 1 does not cover."""
    emulator = start("--flavour", "alibabacloudstack")
    request = RpcRequest("ascm", "2019-05-10", "ListResourceGroup")
    request.set_method("POST")
    request.set_accept_format("json")
    request.add_query_param("resourceGroupName", "rs-")
    url = request.get_url(REGION, *KEY)
    path = "/ascm/auth/resource_group/list_resource_group"
    head = {"x-ascm-product-name": "ascm", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{emulator.url}{path}{url.removeprefix('/')}", b"{}", head, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        names = [entry["resourceGroupName"] for entry in json.load(answer)["data"]]
    assert names == ["rs-demo", "rs-other"]

"""What is refused, with the documented status and code as the SDKs report them."""

import pytest
from clients import KEY, Refused


def refused(client, status, code, action, **parameters):
    with pytest.raises(Refused) as caught:
        client(action, **parameters)
    seen = caught.value
    assert (seen.status, seen.code) == (status, code), seen
    return seen


def create(client, emulator, **parameters):
    image_id = client("CreateImage", SnapshotId="s-system", **parameters)["ImageId"]
    emulator.advance(10)
    return image_id


def test_an_unknown_key(make, emulator):
    refused(make(emulator, "nobody", KEY[1]), 404, "InvalidAccessKeyId.NotFound", "DescribeRegions")


def test_a_wrong_secret(make, emulator):
    client = make(emulator, KEY[0], "wrong-secret")
    # The core SDK compares the string that the server echoes with the one it signed: the same, so it blames the secret.
    code = "InvalidAccessKeySecret" if make.name == "core-v1" else "SignatureDoesNotMatch"
    with pytest.raises(Refused) as caught:
        client("DescribeRegions")
    assert (caught.value.status, caught.value.code) == (400, code)
    (entry,) = emulator.requests("DescribeRegions")
    assert (entry["status"], entry["code"]) == (400, "SignatureDoesNotMatch")
    assert KEY[1] not in str(caught.value)


def test_a_clock_that_is_off(client, emulator):
    emulator.advance(16 * 60, callers_too=False)
    refused(client, 400, "InvalidTimeStamp.Expired", "DescribeRegions")


@pytest.mark.parametrize(
    "status, code, parameters",
    [
        (404, "InvalidInstanceId.NotFound", dict(InstanceId="i-none")),
        (404, "InvalidSnapshotId.NotFound", dict(SnapshotId="s-none")),
        (404, "InvalidSnapshotId.NotFound", dict(DiskDeviceMapping=[{"SnapshotId": "s-none"}])),
        (404, "InvalidResourceGroup.NotFound", dict(SnapshotId="s-system", ResourceGroupId="rg-none")),
        (404, "InvalidRegionId.NotFound", dict(SnapshotId="s-system", RegionId="cn-nowhere")),
        (403, "InvalidSnapshot.TooOld", dict(SnapshotId="s-2013")),
        (403, "OperationDenied", dict(SnapshotId="s-data")),
        (400, "OperationDenied", dict(DiskDeviceMapping=[{"SnapshotId": "s-data"}])),
        (400, "MissingParameter", dict(ImageName="no-source")),
        (400, "IncorrectInstanceStatus", dict(InstanceId="i-starting")),
        (400, "InstanceLockedForSecurity", dict(InstanceId="i-locked")),
        (400, "InvalidImageName.Malformed", dict(SnapshotId="s-system", ImageName="http://x")),
        (400, "InvalidImageFamily.Malformed", dict(SnapshotId="s-system", ImageFamily="acs:x")),
        (400, "InvalidDescription.Malformed", dict(SnapshotId="s-system", Description="x")),
        (400, "InvalidArchitecture.Malformed", dict(SnapshotId="s-system", Architecture="sparc")),
        (400, "InvalidPlatform.Malformed", dict(SnapshotId="s-system", Platform="BeOS")),
        (400, "InvalidBootMode.NotSupport", dict(SnapshotId="s-system", BootMode="LILO")),
        (400, "InvalidClientToken.Malformed", dict(SnapshotId="s-system", ClientToken="x" * 65)),
        (400, "Duplicate.TagKey", dict(SnapshotId="s-system", Tag=[{"Key": "a"}, {"Key": "a"}])),
        (400, "InvalidTagKey.Malformed", dict(SnapshotId="s-system", Tag=[{"Key": "acs:a", "Value": "1"}])),
        (
            400,
            "InvalidDevice.InUse",
            dict(DiskDeviceMapping=[{"SnapshotId": "s-system"}, {"Device": "/dev/xvdb"}, {"Device": "/dev/xvdb"}]),
        ),
        (400, "InvalidSize.ValueNotSupported", dict(DiskDeviceMapping=[{"SnapshotId": "s-system", "Size": 39}])),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_create_that_cannot_be(client, status, code, parameters):
    refused(client, status, code, "CreateImage", **parameters)
    assert client("DescribeImages", ImageOwnerAlias="self", Status="ALL")["TotalCount"] == 0


def test_a_duplicate_name(client, emulator):
    create(client, emulator, ImageName="one")
    refused(client, 400, "InvalidImageName.Duplicated", "CreateImage", SnapshotId="s-system", ImageName="one")
    other = create(client, emulator, ImageName="other")
    refused(client, 400, "InvalidImageName.Duplicated", "ModifyImageAttribute", ImageId=other, ImageName="one")


def test_a_token_used_for_something_else(client, emulator):
    create(client, emulator, ClientToken="t")
    refused(client, 400, "IdempotenceParamNotMatch", "CreateImage", InstanceId="i-running", ClientToken="t")


def test_images_that_are_not_there_or_not_ours(client):
    for action, more in (("DeleteImage", {}), ("ModifyImageAttribute", dict(Description="new"))):
        refused(client, 404, "InvalidImageId.NotFound", action, ImageId="m-none", **more)
        refused(client, 403, "Forbidden", action, ImageId="m-foreign", **more)
        refused(client, 403, "Forbidden", action, ImageId="m-system", **more)


def test_an_image_under_way(client, emulator):
    image_id = client("CreateImage", InstanceId="i-running")["ImageId"]
    refused(client, 403, "InvalidStatus.ImageIsCreating", "ModifyImageAttribute", ImageId=image_id, Description="new")
    refused(client, 400, "IncorrectImageStatus", "CopyImage", ImageId=image_id, DestinationRegionId="eu-central-1")


def test_an_image_in_use_or_shared(client, emulator):
    image_id = create(client, emulator)
    use = {"region": "cn-hangzhou", "image": image_id, "used_by": ["i-running"]}
    emulator.control("POST", "change", use)
    refused(client, 403, "ImageUsingByInstance", "DeleteImage", ImageId=image_id)
    client("ModifyImageSharePermission", ImageId=image_id, AddAccount=["1111222233334444"])
    refused(client, 403, "ImageUseShared", "DeleteImage", ImageId=image_id, Force=True)
    client("ModifyImageSharePermission", ImageId=image_id, RemoveAccount=["1111222233334444"])
    client("DeleteImage", ImageId=image_id, Force=True)


def test_a_snapshot_of_an_image(client, emulator):
    image_id = create(client, emulator)
    refused(client, 403, "SnapshotCreatedImage", "DeleteSnapshot", SnapshotId="s-system", Force=True)
    client("DeleteImage", ImageId=image_id)
    client("DeleteSnapshot", SnapshotId="s-system")
    refused(client, 404, "InvalidSnapshotId.NotFound", "DeleteSnapshot", SnapshotId="s-system")


def test_metadata_support_does_not_go_back(client, emulator):
    image_id = create(client, emulator, Features={"ImdsSupport": "v2"})
    back = dict(ImageId=image_id, Features={"ImdsSupport": "v1"})
    refused(client, 403, "InvalidOperation.FeaturesImdsSupportNotMatch", "ModifyImageAttribute", **back)


def test_tags_and_groups_of_what_is_not_there(client, emulator):
    on = dict(ResourceType="image", ResourceId=["m-none"])
    refused(client, 404, "InvalidResourceId.NotFound", "TagResources", **on, Tag=[{"Key": "a", "Value": "1"}])
    refused(client, 404, "InvalidResourceId.NotFound", "UntagResources", **on, TagKey=["a"])
    join = dict(ResourceType="image", ResourceId=create(client, emulator))
    refused(client, 404, "InvalidResourceGroup.NotFound", "JoinResourceGroup", **join, ResourceGroupId="rg-none")
    client("JoinResourceGroup", **join, ResourceGroupId="rg-other")
    refused(client, 403, "InvalidResourceGroup.Duplicate", "JoinResourceGroup", **join, ResourceGroupId="rg-other")


def test_filters_that_make_no_sense(client):
    refused(client, 400, "InvalidParamter", "DescribeImages", Status="Broken")
    refused(client, 400, "InvalidParamter", "DescribeImages", Status="ALL,Available")
    refused(client, 400, "InvalidParamter", "DescribeImages", PageSize=101)
    refused(client, 400, "InvalidImageOwnerAlias.ValueNotSupported", "DescribeImages", ImageOwnerAlias="me")
    refused(client, 404, "InvalidOSType", "DescribeImages", OSType="os2")


def test_a_list_of_ids_where_it_is_refused(start, make):
    client = make(start("--image-ids", "refuse"), *KEY)
    refused(client, 400, "InvalidImageId.Malformed", "DescribeImages", ImageId="m-system,m-foreign")


def test_an_action_that_is_not_emulated(client):
    refused(client, 404, "InvalidApi.NotFound", "DescribeZones")


def test_too_many_calls(start, make):
    emulator = start("--calls-per-second", "2")
    client = make(emulator, *KEY)
    for _ in range(2):
        client("DescribeRegions")
    refused(client, 400, "Throttling", "DescribeRegions")
    emulator.advance(1)
    client("DescribeRegions")


@pytest.mark.parametrize(
    "fault, status, code",
    [
        (dict(do="throttle"), 400, "Throttling.User"),
        (dict(do="throttle", code="Throttling.Api", status=503), 503, "Throttling.Api"),
        (dict(do="error", code="ServiceUnavailable", status=503), 503, "ServiceUnavailable"),
        (dict(do="error", code="OperationConflict", status=409), 409, "OperationConflict"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_fault_strikes_once(client, emulator, fault, status, code):
    emulator.control("POST", "faults", [{"action": "DescribeImages", "match": {"ImageId": "m-system"}, **fault}])
    client("DescribeImages", ImageId="m-foreign")
    refused(client, status, code, "DescribeImages", ImageId="m-system")
    client("DescribeImages", ImageId="m-system")


@pytest.mark.parametrize("do, made", [("reset_before", 0), ("reset_after", 1)])
def test_a_connection_that_is_cut(client, emulator, do, made):
    emulator.control("POST", "faults", [{"action": "CreateImage", "do": do}])
    with pytest.raises(Exception) as caught:
        client("CreateImage", SnapshotId="s-system", ClientToken="t")
    assert not isinstance(caught.value, Refused)
    (entry,) = emulator.requests("CreateImage")
    assert (entry["status"], entry["code"]) == (None, do)
    emulator.advance(10)
    assert client("DescribeImages", ImageOwnerAlias="self")["TotalCount"] == made
    client("CreateImage", SnapshotId="s-system", ClientToken="t")
    emulator.advance(10)
    assert client("DescribeImages", ImageOwnerAlias="self")["TotalCount"] == 1

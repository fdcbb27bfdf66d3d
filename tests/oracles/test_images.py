"""Images from birth to death."""

import pytest
from clients import KEY


def described(client, image_id, **more):
    images = client("DescribeImages", ImageId=image_id, Status="ALL", **more)["Images"]["Image"]
    return images[0] if images else None


def tags(image):
    return {tag["TagKey"]: tag["TagValue"] for tag in image["Tags"]["Tag"]}


def finished(client, emulator, **parameters):
    parameters = parameters or dict(SnapshotId="s-system")
    image_id = client("CreateImage", **parameters)["ImageId"]
    emulator.advance(10)
    return image_id


def test_an_image_of_an_instance_with_everything(client, emulator):
    image_id = finished(
        client,
        emulator,
        InstanceId="i-running",
        ImageName="镜像.oracle-1",
        Description="a b+c/d=e&f%g *~ 描述",
        ImageFamily="oracle",
        ImageVersion="1.0",
        Platform="Ubuntu",
        Architecture="x86_64",
        BootMode="UEFI",
        ResourceGroupId="rg-other",
        ClientToken="token-1",
        DetectionStrategy="Standard",
        Features={"ImdsSupport": "v2"},
        Tag=[{"Key": "k 1", "Value": "v/1"}, {"Key": "空", "Value": ""}],
    )
    image = described(client, image_id)
    for name, expect in dict(
        ImageName="镜像.oracle-1",
        Description="a b+c/d=e&f%g *~ 描述",
        ImageFamily="oracle",
        ImageVersion="1.0",
        Platform="Ubuntu",
        Architecture="x86_64",
        BootMode="UEFI",
        ResourceGroupId="rg-other",
        Status="Available",
        Usable=True,
        Progress="100%",
        Size=40,
        ImageOwnerAlias="self",
        OSType="linux",
    ).items():
        assert image[name] == expect, name
    assert image["Features"]["ImdsSupport"] == "v2"
    assert tags(image) == {"k 1": "v/1", "空": ""}
    disks = image["DiskDeviceMappings"]["DiskDeviceMapping"]
    assert [(disk["Device"], disk["Type"], disk["Size"]) for disk in disks] == [
        ("/dev/xvda", "system", "40"),
        ("/dev/xvdb", "data", "100"),
    ]
    snapshots = client("DescribeSnapshots", SnapshotIds=f'["{disks[0]["SnapshotId"]}"]')["Snapshots"]["Snapshot"]
    assert snapshots[0]["Status"] == "accomplished"


def test_the_signature_is_what_it_should_be(client, emulator):
    client("DescribeImages")
    (entry,) = emulator.requests("DescribeImages")
    assert entry["signature"] == client.signature
    assert entry["params"]["RegionId"] == "cn-hangzhou"
    assert not {"AccessKeyId", "Signature", "SecurityToken"} & set(entry["params"])


def test_an_image_of_mappings(client, emulator):
    mappings = [
        {"SnapshotId": "s-system", "Size": 50, "DiskType": "system", "Device": "/dev/xvda"},
        {"SnapshotId": "s-data", "DiskType": "data"},
        {"Size": 20, "Device": "/dev/xvdz"},
    ]
    image = described(client, finished(client, emulator, DiskDeviceMapping=mappings))
    disks = image["DiskDeviceMappings"]["DiskDeviceMapping"]
    assert [(disk["Device"], disk["Size"], disk["SnapshotId"]) for disk in disks] == [
        ("/dev/xvda", "50", "s-system"),
        ("/dev/xvdb", "100", "s-data"),
        ("/dev/xvdz", "20", ""),
    ]


def test_an_image_comes_into_being(client, emulator):
    image_id = client("CreateImage", SnapshotId="s-system", ImageName="born")["ImageId"]
    assert described(client, image_id) is None
    emulator.advance(1)
    image = described(client, image_id)
    assert (image["Status"], image["Progress"], image["Usable"]) == ("Creating", "50%", False)
    assert client("DescribeImages", ImageId=image_id)["TotalCount"] == 0
    emulator.advance(1)
    image = described(client, image_id)
    assert (image["Status"], image["Progress"], image["Usable"]) == ("Available", "100%", False)
    emulator.advance(1)
    assert described(client, image_id)["Usable"] is True


def test_a_failed_image(client, emulator):
    emulator.control("POST", "faults", [{"action": "CreateImage", "do": "fail_later"}])
    image_id = finished(client, emulator)
    image = described(client, image_id)
    assert (image["Status"], image["Usable"]) == ("CreateFailed", False)
    client("DeleteImage", ImageId=image_id)


def test_tags_come_and_go(client, emulator):
    image_id = finished(client, emulator)
    on = dict(ResourceType="image", ResourceId=[image_id])
    client("TagResources", **on, Tag=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    client("TagResources", **on, Tag=[{"Key": "a", "Value": "3"}])
    assert tags(described(client, image_id)) == {"a": "3", "b": "2"}
    assert client("DescribeImages", Tag=[{"Key": "a", "Value": "3"}])["TotalCount"] == 1
    assert client("DescribeImages", Tag=[{"Key": "a", "Value": "1"}])["TotalCount"] == 0
    client("UntagResources", **on, TagKey=["a"])
    assert tags(described(client, image_id)) == {"b": "2"}
    listed = client("ListTagResources", **on)["TagResources"]["TagResource"]
    assert [(tag["ResourceId"], tag["TagKey"], tag["TagValue"]) for tag in listed] == [(image_id, "b", "2")]
    client("UntagResources", **on, All=True)
    assert tags(described(client, image_id)) == {}


def test_an_image_is_renamed_and_described_anew(client, emulator):
    image_id = finished(client, emulator, SnapshotId="s-system", ImageName="before", Description="before")
    client("ModifyImageAttribute", ImageId=image_id, ImageName="after")
    image = described(client, image_id)
    assert (image["ImageName"], image["Description"]) == ("after", "before")
    client(
        "ModifyImageAttribute",
        ImageId=image_id,
        Description="",
        ImageFamily="family",
        BootMode="UEFI",
        LicenseType="BYOL",
        Features={"NvmeSupport": "supported"},
    )
    image = described(client, image_id)
    assert (image["ImageName"], image["Description"], image["ImageFamily"]) == ("after", "", "family")
    assert (image["BootMode"], image["Features"]["NvmeSupport"]) == ("UEFI", "supported")
    assert client("DescribeImageFromFamily", ImageFamily="family")["Image"]["ImageId"] == image_id


def test_an_image_joins_a_group(client, emulator):
    image_id = finished(client, emulator)
    client("JoinResourceGroup", ResourceType="image", ResourceId=image_id, ResourceGroupId="rg-other")
    assert described(client, image_id)["ResourceGroupId"] == "rg-other"


def test_an_image_is_shared_and_unshared(client, emulator):
    image_id = finished(client, emulator)
    client("ModifyImageSharePermission", ImageId=image_id, AddAccount=["1111222233334444"])
    accounts = client("DescribeImageSharePermission", ImageId=image_id)["Accounts"]["Account"]
    assert [str(account["AliyunId"]) for account in accounts] == ["1111222233334444"]
    client("ModifyImageSharePermission", ImageId=image_id, RemoveAccount=["1111222233334444"])
    client("DeleteImage", ImageId=image_id)


def test_an_image_is_copied(client, emulator):
    image_id = finished(client, emulator)
    there = "eu-central-1"
    copy_id = client("CopyImage", ImageId=image_id, DestinationRegionId=there, DestinationImageName="copy")["ImageId"]
    assert client("DescribeTasks", RegionId=there)["TaskSet"]["Task"] == [], "a copy is no task"
    emulator.advance(1)
    assert described(client, copy_id, RegionId=there)["Status"] == "Creating"
    emulator.advance(10)
    copy = described(client, copy_id, RegionId=there)
    assert (copy["Status"], copy["IsCopied"], copy["ImageName"]) == ("Available", True, "copy")
    assert described(client, copy_id) is None


def test_an_image_goes_and_then_its_snapshots(client, emulator):
    image_id = finished(client, emulator, InstanceId="i-running")
    disks = described(client, image_id)["DiskDeviceMappings"]["DiskDeviceMapping"]
    client("DeleteImage", ImageId=image_id, Force=True)
    assert described(client, image_id) is None
    for disk in disks:
        client("DeleteSnapshot", SnapshotId=disk["SnapshotId"], Force=True)
    left = client("DescribeSnapshots")["Snapshots"]["Snapshot"]
    assert [snapshot["SnapshotId"] for snapshot in left] == ["s-system", "s-data", "s-2013"]


def test_a_client_token_makes_one_image(client, emulator):
    parameters = dict(SnapshotId="s-system", ImageName="once", ClientToken="token-1")
    first = client("CreateImage", **parameters)["ImageId"]
    assert client("CreateImage", **parameters)["ImageId"] == first
    client("DeleteImage", ImageId=first)
    assert client("CreateImage", **parameters)["ImageId"] == first


def test_images_are_paged(client, emulator):
    for number in range(12):
        client("CreateImage", SnapshotId="s-system", ImageName=f"page-{number}")
    emulator.advance(10)
    seen = []
    for page in (1, 2, 3):
        answer = client("DescribeImages", ImageOwnerAlias="self", PageSize=5, PageNumber=page)
        assert (answer["TotalCount"], answer["PageNumber"], answer["PageSize"]) == (12, page, 5)
        seen += [image["ImageName"] for image in answer["Images"]["Image"]]
    assert sorted(seen) == sorted(f"page-{number}" for number in range(12))


def test_snapshots_are_paged_by_token(client):
    first = client("DescribeSnapshots", MaxResults=2)
    second = client("DescribeSnapshots", MaxResults=2, NextToken=first["NextToken"])
    ids = [snapshot["SnapshotId"] for page in (first, second) for snapshot in page["Snapshots"]["Snapshot"]]
    assert ids == ["s-system", "s-data", "s-2013"]
    assert not second["NextToken"]


def test_the_stock_is_there(client, emulator):
    def states():
        instances = client("DescribeInstances")["Instances"]["Instance"]
        return {instance["InstanceId"]: instance["Status"] for instance in instances}

    assert states() == {"i-running": "Running", "i-stopped": "Stopped", "i-starting": "Starting", "i-locked": "Stopped"}
    emulator.advance(5)
    assert states()["i-starting"] == "Running"
    owners = {image["ImageId"]: image["ImageOwnerAlias"] for image in client("DescribeImages")["Images"]["Image"]}
    assert owners == {"m-system": "system", "m-foreign": "others"}


@pytest.mark.parametrize("how, expect", [("many", 2), ("first", 1)])
def test_several_ids_at_once(start, make, how, expect):
    client = make(start("--image-ids", how), *KEY)
    assert client("DescribeImages", ImageId="m-system,m-foreign")["TotalCount"] == expect


def test_the_state_survives_a_restart(start, make, tmp_path):
    flags = ("--state", str(tmp_path / "state.json"))
    first = start(*flags)
    image_id = finished(make(first, *KEY), first, SnapshotId="s-system", ImageName="kept")
    first.process.kill()
    first.process.wait()
    first.stop = lambda: None
    assert described(make(start(*flags), *KEY), image_id)["ImageName"] == "kept"


def test_regions_are_listed(client):
    regions = client("DescribeRegions")["Regions"]["Region"]
    assert "ecs.eu-central-1.aliyuncs.com" in [region["RegionEndpoint"] for region in regions]

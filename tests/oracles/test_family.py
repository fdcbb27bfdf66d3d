"""What stands beside an image: its copies in other regions, its shares, its family, and how it is found."""

import pytest
from clients import KEY
from test_images import described, finished
from test_refusals import refused

THERE = "eu-central-1"
# Copies take 2 s and are seen after 200 ms; what the cloud does a moment later, it does after 500 ms.
BUILD, MOMENT = 2, 0.5


def copied(client, image_id, **parameters):
    return client("CopyImage", **{"ImageId": image_id, "DestinationRegionId": THERE, **parameters})["ImageId"]


def states(client, image_ids, region=THERE):
    """Status and progress of each image, or `None`."""
    images = [described(client, image_id, RegionId=region) for image_id in image_ids]
    return [image and (image["Status"], image["Progress"]) for image in images]


def change(emulator, image_id, region="cn-hangzhou", **more):
    emulator.control("POST", "change", {"region": region, "image": image_id, **more})


def found(client, **filters):
    """The ids that a look-up answers with."""
    return [image["ImageId"] for image in client("DescribeImages", **filters)["Images"]["Image"]]


# Copies.


def test_a_copy_has_labels_of_its_own(client, emulator):
    source = finished(
        client,
        emulator,
        SnapshotId="s-system",
        ImageName="source",
        ImageFamily="family",
        Description="before",
        Platform="Ubuntu",
        Tag=[{"Key": "a", "Value": "1"}],
    )
    labels = dict(
        DestinationImageName="copy",
        DestinationDescription="after",
        ResourceGroupId="rg-other",
        Tag=[{"Key": "b", "Value": "2"}],
    )
    copy = copied(client, source, **labels)
    plain = copied(client, source)
    emulator.advance(10)
    image = described(client, copy, RegionId=THERE)
    assert (image["ImageName"], image["Description"], image["ResourceGroupId"]) == ("copy", "after", "rg-other")
    assert image["Tags"]["Tag"] == [{"TagKey": "b", "TagValue": "2"}]
    assert (image["IsCopied"], image["Platform"], image["ImageFamily"]) == (True, "Ubuntu", "")
    image = described(client, plain, RegionId=THERE)
    assert (image["ImageName"], image["Description"], image["Tags"]["Tag"]) == ("", "", [])
    assert described(client, source)["IsCopied"] is False


@pytest.mark.parametrize("end", ["destination", "source"])
def test_five_copies_run_at_a_time_at_either_end(client, emulator, end):
    regions = ["cn-beijing", "cn-shanghai", "cn-shenzhen", "cn-qingdao", "cn-chengdu", "us-east-1", "us-west-1"]
    if end == "destination":
        # Copies of images of other regions, all to one.
        sources = [client("CreateImage", RegionId=region, SnapshotId="s-system")["ImageId"] for region in regions]
        emulator.advance(10)
        copies = zip(regions, sources, strict=True)
        made = [(THERE, copied(client, source, RegionId=region)) for region, source in copies]
    else:
        source = finished(client, emulator)
        made = [(region, copied(client, source, DestinationRegionId=region)) for region in regions]

    def seen():
        return [states(client, [image_id], region)[0] for region, image_id in made]

    emulator.advance(BUILD / 2)
    half, waits, ready = ("Creating", "50%"), ("Waiting", "0%"), ("Available", "100%")
    assert seen() == [half] * 5 + [waits] * 2
    region, image_id = made[5]
    waiting = client("DescribeImages", RegionId=region, Status="Waiting")["Images"]["Image"]
    assert image_id in [image["ImageId"] for image in waiting]
    assert waiting[0]["Usable"] is False
    emulator.advance(BUILD / 2)
    assert seen() == [ready] * 5 + [("Creating", "0%")] * 2
    emulator.advance(BUILD)
    assert seen() == [ready] * 7


def test_a_shorter_queue(start, make):
    emulator = start("--copies-at-once", "1")
    client = make(emulator, *KEY)
    source = finished(client, emulator)
    made = [copied(client, source) for _ in range(3)]
    emulator.advance(BUILD / 2)
    assert [status for status, _ in states(client, made)] == ["Creating", "Waiting", "Waiting"]
    emulator.advance(BUILD)
    assert [status for status, _ in states(client, made)] == ["Available", "Creating", "Waiting"]


def test_a_copy_under_way_is_left_alone(client, emulator):
    source = finished(client, emulator)
    copy = copied(client, source)
    emulator.advance(BUILD / 2)
    (disk,) = described(client, copy, RegionId=THERE)["DiskDeviceMappings"]["DiskDeviceMapping"]
    assert (disk["Progress"], disk["RemainTime"]) == ("50%", 1)
    there = dict(RegionId=THERE, ImageId=copy)
    for force in (False, True):
        refused(client, 403, "OperationDenied.ImageCopying", "DeleteImage", **there, Force=force)
        refused(client, 403, "OperationDenied.ImageCopying", "DeleteImage", ImageId=source, Force=force)
    refused(client, 403, "OperationDenied.ImageCopying", "CopyImage", **there, DestinationRegionId="cn-beijing")
    refused(client, 403, "InvalidStatus.ImageIsCreating", "ModifyImageAttribute", **there, Description="new")
    share = dict(AddAccount=["1111222233334444"])
    refused(client, 400, "IncorrectImageStatus", "ModifyImageSharePermission", **there, **share)
    emulator.advance(BUILD / 2)
    client("DeleteImage", **there)
    client("DeleteImage", ImageId=source)


def test_a_copy_is_cancelled(client, emulator):
    source = finished(client, emulator)
    copy = copied(client, source, DestinationImageName="copy")
    there = dict(RegionId=THERE, ImageId=copy)
    emulator.advance(BUILD / 2)
    (disk,) = described(client, copy, RegionId=THERE)["DiskDeviceMappings"]["DiskDeviceMapping"]
    client("CancelCopyImage", **there)
    refused(client, 400, "IncorrectImageStatus", "CancelCopyImage", **there)
    refused(client, 403, "OperationDenied.ImageCopying", "DeleteImage", **there)
    emulator.advance(MOMENT)
    assert states(client, [copy]) == [None]
    refused(client, 404, "InvalidImageId.NotFound", "CancelCopyImage", **there)
    snapshots = client("DescribeSnapshots", RegionId=THERE, SnapshotIds=f'["{disk["SnapshotId"]}"]')
    assert snapshots["Snapshots"]["Snapshot"] == []
    assert described(client, source)["Status"] == "Available"
    copied(client, source, DestinationImageName="copy")


def test_a_copy_that_is_cancelled_at_the_last_instant_is_never_available(client, emulator):
    copy = copied(client, finished(client, emulator))
    emulator.advance(BUILD - 0.1)
    client("CancelCopyImage", RegionId=THERE, ImageId=copy)
    emulator.advance(MOMENT - 0.1)
    assert states(client, [copy]) == [("Creating", "99%")]
    emulator.advance(0.1)
    assert states(client, [copy]) == [None]


def test_a_copy_that_waits_is_cancelled_and_leaves_the_queue(start, make):
    emulator = start("--copies-at-once", "1")
    client = make(emulator, *KEY)
    source = finished(client, emulator)
    first, second, third = [copied(client, source) for _ in range(3)]
    emulator.advance(BUILD / 2)
    client("CancelCopyImage", RegionId=THERE, ImageId=second)
    emulator.advance(BUILD / 2)
    assert states(client, [first, second, third]) == [("Available", "100%"), None, ("Creating", "0%")]


def test_a_copy_that_has_ended_is_not_cancelled_but_deleted(client, emulator):
    source = finished(client, emulator)
    copy = copied(client, source)
    emulator.control("POST", "faults", [{"action": "CopyImage", "do": "fail_later"}])
    failed = copied(client, source)
    emulator.advance(BUILD)
    assert states(client, [copy, failed]) == [("Available", "100%"), ("CreateFailed", "50%")]
    for image_id in (copy, failed):
        refused(client, 400, "IncorrectImageStatus", "CancelCopyImage", RegionId=THERE, ImageId=image_id)
        client("DeleteImage", RegionId=THERE, ImageId=image_id)
        refused(client, 404, "InvalidImageId.NotFound", "CancelCopyImage", RegionId=THERE, ImageId=image_id)


def test_what_is_no_copy_or_must_end_is_not_cancelled(client, emulator):
    source = finished(client, emulator)
    copy = copied(client, source)
    refused(client, 400, "ImageCreatedNotFromCopy", "CancelCopyImage", ImageId=source)
    refused(client, 404, "InvalidImageId.NotFound", "CancelCopyImage", ImageId=copy)
    refused(client, 404, "InvalidRegionId.NotFound", "CancelCopyImage", RegionId="cn-nowhere", ImageId=copy)
    change(emulator, copy, THERE, cancellable=False)
    refused(client, 400, "CancelNotSupported", "CancelCopyImage", RegionId=THERE, ImageId=copy)
    emulator.advance(BUILD)
    assert states(client, [copy]) == [("Available", "100%")]


def test_a_client_token_makes_one_copy(client, emulator):
    source = finished(client, emulator)
    first = copied(client, source, ClientToken="token-1")
    assert copied(client, source, ClientToken="token-1") == first
    again = dict(ImageId=source, ClientToken="token-1")
    refused(client, 400, "IdempotenceParamNotMatch", "CopyImage", **again, DestinationRegionId="cn-beijing")
    emulator.advance(10)
    assert found(client, RegionId=THERE, ImageOwnerAlias="self") == [first]
    emulator.control("POST", "change", {"region": "cn-hangzhou", "tokens": "forget"})
    assert copied(client, source, ClientToken="token-1") != first


def test_the_name_of_a_copy_is_unique_where_it_goes(start, make):
    emulator = start("--names-freed-after", "60s")
    client = make(emulator, *KEY)
    source = finished(client, emulator, SnapshotId="s-system", ImageName="name")
    copy = copied(client, source, DestinationImageName="name")
    to = dict(ImageId=source, DestinationRegionId=THERE)
    refused(client, 400, "InvalidImageName.Duplicated", "CopyImage", **to, DestinationImageName="name")
    client("CancelCopyImage", RegionId=THERE, ImageId=copy)
    emulator.advance(MOMENT)
    assert states(client, [copy]) == [None]
    refused(client, 400, "InvalidImageName.Duplicated", "CopyImage", **to, DestinationImageName="name")
    emulator.advance(60)
    copied(client, source, DestinationImageName="name")


@pytest.mark.parametrize(
    "status, code, parameters",
    [
        (400, "SourceRegion.NotFound", dict(RegionId="cn-nowhere")),
        (400, "DestinationRegion.NotFound", dict(DestinationRegionId="cn-nowhere")),
        (403, "IncorrectDestinationRegion", dict(DestinationRegionId="cn-hangzhou")),
        (404, "InvalidImageId.NotFound", dict(ImageId="m-none")),
        (404, "InvalidImageId.NotFound", dict(RegionId="cn-beijing")),
        (403, "OperationDenied.SameRegionOnly", dict(ImageId="m-foreign")),
        (403, "Forbbiden", dict(ImageId="m-system")),
        (404, "InvalidResourceGroup.NotFound", dict(ResourceGroupId="rg-none")),
        (400, "InvalidImageName.Malformed", dict(DestinationImageName="1")),
        (400, "InvalidDescription.Malformed", dict(DestinationDescription="https://x")),
        (400, "InvalidClientToken.Malformed", dict(ClientToken="x" * 65)),
        (400, "InvalidTagKey.Malformed", dict(Tag=[{"Key": "acs:a", "Value": "1"}])),
        (400, "Duplicate.TagKey", dict(Tag=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])),
        (400, "InvalidEncrypted.NotMatchKmsKeyId", dict(KMSKeyId="key")),
        (404, "InvalidParameter.KMSKeyId.NotFound", dict(KMSKeyId="missing", Encrypted=True)),
        (412, "DryRunOperation", dict(DryRun=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_copy_that_cannot_be(client, emulator, status, code, parameters):
    source = finished(client, emulator)
    refused(client, status, code, "CopyImage", **{"ImageId": source, "DestinationRegionId": THERE, **parameters})
    assert client("DescribeImages", RegionId=THERE, ImageOwnerAlias="self", Status="ALL")["TotalCount"] == 0


def test_a_source_that_cannot_be_copied(client, emulator):
    source = finished(client, emulator)
    to = dict(ImageId=source, DestinationRegionId=THERE)
    client("ModifyImageAttribute", ImageId=source, Status="Deprecated")
    refused(client, 400, "IncorrectImageStatus", "CopyImage", **to)
    client("ModifyImageAttribute", ImageId=source, Status="Available")
    client("ModifyImageSharePermission", ImageId=source, IsPublic=True)
    refused(client, 400, "OperationDenied.CommunityImage", "CopyImage", **to)
    client("ModifyImageSharePermission", ImageId=source, IsPublic=False)
    copied(client, source)


def test_a_copy_is_encrypted(client, emulator):
    source = finished(client, emulator)
    made = [copied(client, source, **more) for more in ({}, dict(Encrypted=True, KMSKeyId="key"))]
    emulator.advance(10)
    for image_id, expect in zip(made, ("false", "true"), strict=True):
        (disk,) = described(client, image_id, RegionId=THERE)["DiskDeviceMappings"]["DiskDeviceMapping"]
        assert str(disk["Encrypted"]).lower() == expect
    back = dict(RegionId=THERE, DestinationRegionId="cn-beijing")
    refused(client, 403, "OperationDeined.EncryptedSnapshot", "CopyImage", **back, ImageId=made[1])


# Shares.

ACCOUNTS = [f"11112222333344{number:02}" for number in range(99)]


def shared_with(client, image_id, **page):
    accounts = client("DescribeImageSharePermission", ImageId=image_id, **page)["Accounts"]["Account"]
    return [str(account["AliyunId"]) for account in accounts]


def share(client, image_id, accounts):
    client("ModifyImageSharePermission", ImageId=image_id, AddAccount=accounts)


def unshare(client, image_id, accounts):
    client("ModifyImageSharePermission", ImageId=image_id, RemoveAccount=accounts)


def test_accounts_beyond_the_tenth_are_ignored(client, emulator):
    image_id = finished(client, emulator)
    share(client, image_id, ACCOUNTS[:12])
    assert shared_with(client, image_id, PageSize=100) == ACCOUNTS[:10]
    # Not even looked at.
    share(client, image_id, [*ACCOUNTS[:10], "nobody"])
    share(client, image_id, ACCOUNTS[10:12])
    unshare(client, image_id, ACCOUNTS[:12])
    assert shared_with(client, image_id) == ACCOUNTS[10:12]


def test_shares_are_paged_by_ten(client, emulator):
    image_id = finished(client, emulator)
    for first in (0, 10, 20):
        share(client, image_id, ACCOUNTS[first : first + 9])
    everybody = [account for account in ACCOUNTS[:30] if account not in (ACCOUNTS[9], ACCOUNTS[19], ACCOUNTS[29])]
    answer = client("DescribeImageSharePermission", ImageId=image_id)
    assert (answer["TotalCount"], answer["PageNumber"], answer["PageSize"]) == (27, 1, 10)
    assert (answer["ImageId"], answer["RegionId"]) == (image_id, "cn-hangzhou")
    pages = [shared_with(client, image_id, PageNumber=page) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [10, 10, 7]
    assert [account for page in pages for account in page] == everybody
    assert shared_with(client, image_id, PageNumber=4) == []
    assert shared_with(client, image_id, PageSize=100) == everybody
    for page in (dict(PageSize=101), dict(PageSize=0), dict(PageNumber=0)):
        refused(client, 400, "InvalidParameter", "DescribeImageSharePermission", ImageId=image_id, **page)


def test_an_image_is_shared_with_fifty_at_most(client, emulator):
    image_id = finished(client, emulator)
    for first in range(0, 50, 10):
        share(client, image_id, ACCOUNTS[first : first + 10])
    one_more = dict(ImageId=image_id, AddAccount=[ACCOUNTS[50]])
    refused(client, 403, "QuotaExceed.ShareImageUser", "ModifyImageSharePermission", **one_more)
    share(client, image_id, ACCOUNTS[:10])
    client("ModifyImageSharePermission", **one_more, RemoveAccount=[ACCOUNTS[0]])
    assert shared_with(client, image_id, PageSize=100) == ACCOUNTS[1:51]


def test_a_share_that_is_there_or_is_not_is_no_failure(client, emulator):
    image_id = finished(client, emulator)
    assert shared_with(client, image_id) == []
    unshare(client, image_id, ACCOUNTS[:1])
    share(client, image_id, ACCOUNTS[:1])
    share(client, image_id, ACCOUNTS[:2])
    assert shared_with(client, image_id) == ACCOUNTS[:2]
    assert described(client, image_id)["IsSelfShared"] == "true"
    unshare(client, image_id, ACCOUNTS[:2])
    assert described(client, image_id)["IsSelfShared"] == "false"


def test_with_whom_an_image_cannot_be_shared(client, emulator):
    image_id = finished(client, emulator)
    for status, code, account in (
        (404, "InvalidAccount.Forbbiden", "1234567890123456"),
        (404, "InvalidAccount.NotFound", "somebody"),
        (404, "InvalidAccount.NotFound", "42"),
    ):
        accounts = [ACCOUNTS[0], account]
        refused(client, status, code, "ModifyImageSharePermission", ImageId=image_id, AddAccount=accounts)
    assert shared_with(client, image_id) == [], "a refused call shares with nobody"


def test_an_account_that_is_closed_is_shared_with_no_more(client, emulator):
    image_id = finished(client, emulator)
    share(client, image_id, ACCOUNTS[:2])
    emulator.control("POST", "change", {"region": "cn-hangzhou", "account": ACCOUNTS[0], "gone": True})
    assert shared_with(client, image_id) == ACCOUNTS[1:2]
    for way in ("AddAccount", "RemoveAccount"):
        closed = {"ImageId": image_id, way: ACCOUNTS[:1]}
        refused(client, 404, "InvalidAccount.NotFound", "ModifyImageSharePermission", **closed)


def test_a_shared_image_stays_as_it_is(client, emulator):
    image_id = finished(client, emulator)
    share(client, image_id, ACCOUNTS[:1])
    for force in (False, True):
        refused(client, 403, "ImageUseShared", "DeleteImage", ImageId=image_id, Force=force)
    refused(client, 403, "ImageUseShared", "ModifyImageAttribute", ImageId=image_id, Status="Deprecated")
    unshare(client, image_id, ACCOUNTS[:1])
    client("ModifyImageAttribute", ImageId=image_id, Status="Deprecated")
    deprecated = dict(ImageId=image_id, AddAccount=ACCOUNTS[:1])
    refused(client, 403, "OperationDenied.InvalidImageStatus", "ModifyImageSharePermission", **deprecated)
    client("DeleteImage", ImageId=image_id)
    refused(client, 404, "InvalidImageId.NotFound", "ModifyImageSharePermission", **deprecated)
    refused(client, 404, "InvalidImageId.NotFound", "DescribeImageSharePermission", ImageId=image_id)


def test_what_is_not_ours_or_not_finished_is_not_shared(client):
    for image_id in ("m-foreign", "m-system"):
        with_somebody = dict(ImageId=image_id, AddAccount=ACCOUNTS[:1])
        refused(client, 403, "Forbidden", "ModifyImageSharePermission", **with_somebody)
    fresh = client("CreateImage", SnapshotId="s-system")["ImageId"]
    with_somebody = dict(ImageId=fresh, AddAccount=ACCOUNTS[:1])
    refused(client, 400, "IncorrectImageStatus", "ModifyImageSharePermission", **with_somebody)
    refused(client, 404, "InvalidImageId.NotFound", "ModifyImageSharePermission", RegionId=THERE, **with_somebody)


def test_an_encrypted_image_is_shared_only_with_a_key_of_its_own_and_no_data_disk(client, emulator):
    sources = [finished(client, emulator), finished(client, emulator, InstanceId="i-running")]
    key = dict(Encrypted=True, KMSKeyId="key")
    service = copied(client, sources[0], Encrypted=True)
    own, whole = copied(client, sources[0], **key), copied(client, sources[1], **key)
    emulator.advance(10)
    for image_id, code in (
        (service, "InvalidOperation.ServiceKeyEncryptedImageUnsupported"),
        (whole, "OperationDeined.FullImage"),
    ):
        there = dict(RegionId=THERE, ImageId=image_id, AddAccount=ACCOUNTS[:1])
        refused(client, 403, code, "ModifyImageSharePermission", **there)
    client("ModifyImageSharePermission", RegionId=THERE, ImageId=own, AddAccount=ACCOUNTS[:1])


def test_a_community_image(client, emulator):
    image_id = finished(client, emulator)
    client("ModifyImageSharePermission", ImageId=image_id, IsPublic=True)
    groups = client("DescribeImageSharePermission", ImageId=image_id)["ShareGroups"]["ShareGroup"]
    assert [group["Group"] for group in groups] == ["all"]
    refused(client, 403, "Image.Public", "ModifyImageSharePermission", ImageId=image_id, AddAccount=ACCOUNTS[:1])
    refused(client, 403, "ImageIsPublic", "DeleteImage", ImageId=image_id, Force=True)
    client("ModifyImageSharePermission", ImageId=image_id, IsPublic=False)
    refused(client, 403, "Image.NotPublic", "ModifyImageSharePermission", ImageId=image_id, IsPublic=False)
    client("DeleteImage", ImageId=image_id)


# Families.


def newest(client, family, **more):
    """The name of the newest image of the family, or `None`."""
    image = client("DescribeImageFromFamily", ImageFamily=family, **more).get("Image")
    return image["ImageName"] if image else None


def test_the_newest_available_image_of_a_family(client, emulator):
    made = {}
    for name in ("one", "two"):
        made[name] = finished(client, emulator, SnapshotId="s-system", ImageName=name, ImageFamily="family")
    assert newest(client, "family") == "two"
    client("CreateImage", SnapshotId="s-system", ImageName="three", ImageFamily="family")
    emulator.advance(BUILD / 2)
    assert newest(client, "family") == "two", "one that is not finished does not count"
    emulator.advance(BUILD / 2)
    assert newest(client, "family") == "three"
    client("DeleteImage", ImageId=found(client, ImageName="three")[0])
    client("ModifyImageAttribute", ImageId=made["two"], Status="Deprecated")
    assert newest(client, "family") == "one"
    client("ModifyImageAttribute", ImageId=made["two"], Status="Available")
    assert newest(client, "family") == "two"
    client("ModifyImageAttribute", ImageId=made["two"], ImageFamily="")
    assert newest(client, "family") == "one"
    assert newest(client, "family", RegionId=THERE) is None


def test_a_family_without_an_image_is_no_failure(client, emulator):
    assert newest(client, "nothing") is None
    (entry,) = emulator.requests("DescribeImageFromFamily")
    assert entry["status"] == 200
    nowhere = dict(RegionId="cn-nowhere", ImageFamily="family")
    refused(client, 404, "InvalidRegionId.NotFound", "DescribeImageFromFamily", **nowhere)


def test_what_is_told_of_the_newest_image(client, emulator):
    image_id = finished(
        client,
        emulator,
        InstanceId="i-running",
        ImageName="golden",
        ImageFamily="family",
        ImageVersion="7",
        Description="text",
        Platform="Ubuntu",
        Tag=[{"Key": "a", "Value": "1"}],
    )
    image = client("DescribeImageFromFamily", ImageFamily="family")["Image"]
    for name, expect in dict(
        ImageId=image_id,
        ImageName="golden",
        ImageFamily="family",
        ImageVersion="7",
        Description="text",
        Platform="Ubuntu",
        Architecture="x86_64",
        ImageOwnerAlias="self",
        IsCopied=False,
        OSType="linux",
        Progress="100%",
        Size=40,
        Status="Available",
        Usage="none",
        Tags={"Tag": [{"TagKey": "a", "TagValue": "1"}]},
    ).items():
        assert image[name] == expect, name
    disks = image["DiskDeviceMappings"]["DiskDeviceMapping"]
    assert [(disk["Device"], disk["Type"], disk["Size"]) for disk in disks] == [
        ("/dev/xvda", "system", "40"),
        ("/dev/xvdb", "data", "100"),
    ]


def test_the_family_of_another_account_bears_its_number(client, emulator):
    change(emulator, "m-foreign", family="family")
    assert newest(client, "family") is None
    assert newest(client, "acs:6543210987654321:family") == "somebody-elses-image"
    assert found(client, ImageFamily="acs:6543210987654321:family") == ["m-foreign"]
    refused(client, 400, "InvalidImageFamily.Malformed", "CreateImage", SnapshotId="s-system", ImageFamily="acs:x")


# Status.


def test_a_status_goes_to_and_fro(client, emulator):
    image_id = finished(client, emulator)
    to = dict(ImageId=image_id)
    refused(client, 403, "ImageStatus.NotDeprecated", "ModifyImageAttribute", **to, Status="Available")
    client("ModifyImageAttribute", **to, Status="Deprecated")
    refused(client, 403, "ImageStatus.NotAvailable", "ModifyImageAttribute", **to, Status="Deprecated")
    image = described(client, image_id)
    assert (image["Status"], image["Usable"]) == ("Deprecated", False)
    assert found(client, ImageId=image_id) == []
    assert found(client, ImageId=image_id, Status="Deprecated") == [image_id]
    client("ModifyImageAttribute", **to, Description="while deprecated")
    client("ModifyImageAttribute", **to, Status="Available")
    image = described(client, image_id)
    assert (image["Status"], image["Usable"], image["Description"]) == ("Available", True, "while deprecated")
    refused(client, 400, "InvalidParameter", "ModifyImageAttribute", **to, Status="Creating")


# Filters.


@pytest.fixture
def stocked(start, make):
    return make(start("--public-images"), *KEY)


def test_public_images_are_found_page_by_page(stocked):
    answer = stocked("DescribeImages", ImageOwnerAlias="system")
    assert (answer["TotalCount"], len(answer["Images"]["Image"])) == (10, 10)
    answer = stocked("DescribeImages")
    assert (answer["TotalCount"], len(answer["Images"]["Image"])) == (11, 10)
    ids = found(stocked) + found(stocked, PageNumber=2)
    assert (len(set(ids)), ids.count("m-foreign")) == (11, 1)
    assert found(stocked, RegionId=THERE, PageSize=100) == found(stocked, PageSize=100)


@pytest.mark.parametrize(
    "filters, expect",
    [
        (
            dict(Architecture="arm64"),
            ["aliyun_3_arm64_20G_alibase_20240528.vhd", "ubuntu_22_04_arm64_20G_alibase_20240508.vhd"],
        ),
        (dict(Architecture="i386"), ["centos_6_10_32_20G_alibase_20190226.vhd"]),
        (dict(InstanceType="ecs.g8y.large", ImageName="ubuntu"), ["ubuntu_22_04_arm64_20G_alibase_20240508.vhd"]),
        (dict(InstanceType="ecs.g7.large", ImageName="ubuntu"), ["ubuntu_22_04_x64_20G_alibase_20240322.vhd"]),
        (dict(OSType="windows"), ["win2022_21H2_x64_dtc_en-us_40G_alibase_20240515.vhd"]),
        (dict(IsSupportCloudinit=False), ["centos_6_10_32_20G_alibase_20190226.vhd"]),
        (dict(IsSupportIoOptimized=False), ["centos_6_10_32_20G_alibase_20190226.vhd"]),
        (dict(IsSupportCloudinit=True, ImageName="centos_6"), []),
        (dict(ImageName="debian"), ["debian_12_5_x64_20G_alibase_20240419.vhd"]),
        (
            dict(ImageFamily="acs:alibaba_cloud_linux_3_2104_lts_x64"),
            ["aliyun_3_x64_20G_alibase_20230727.vhd", "aliyun_3_x64_20G_alibase_20240528.vhd"],
        ),
        (dict(Status="Deprecated"), ["ubuntu_22_04_x64_20G_alibase_20240508.vhd"]),
        (dict(ImageId="centos_7_9_x64_20G_alibase_20240403.vhd"), ["centos_7_9_x64_20G_alibase_20240403.vhd"]),
        (dict(Usage="instance"), ["m-system"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_public_images_are_filtered(stocked, filters, expect):
    assert found(stocked, ImageOwnerAlias="system", **filters) == expect


def test_public_images_have_families(stocked):
    assert newest(stocked, "acs:alibaba_cloud_linux_3_2104_lts_x64") == "aliyun_3_x64_20G_alibase_20240528.vhd"
    assert newest(stocked, "acs:ubuntu_22_04_x64") == "ubuntu_22_04_x64_20G_alibase_20240322.vhd"
    assert newest(stocked, "ubuntu_22_04_x64") is None
    for action, more in (("DeleteImage", {}), ("ModifyImageAttribute", dict(Description="mine"))):
        refused(stocked, 403, "Forbidden", action, ImageId="debian_12_5_x64_20G_alibase_20240419.vhd", **more)


def test_public_images_come_to_a_state_that_was_kept_without_them(start, make, tmp_path):
    flags = ("--state", str(tmp_path / "state.json"))
    first = start(*flags)
    image_id = finished(make(first, *KEY), first, SnapshotId="s-system", ImageName="kept")
    first.process.kill()
    first.process.wait()
    first.stop = lambda: None
    client = make(start(*flags, "--public-images"), *KEY)
    assert client("DescribeImages", ImageOwnerAlias="system")["TotalCount"] == 10
    assert found(client, ImageOwnerAlias="self") == [image_id]


def test_owners(client, emulator):
    own = finished(client, emulator)
    assert found(client) == ["m-system", "m-foreign", own]
    for alias, expect in (("self", [own]), ("system", ["m-system"]), ("others", ["m-foreign"]), ("marketplace", [])):
        assert found(client, ImageOwnerAlias=alias) == expect
    assert found(client, ImageOwnerAlias="others", ImageOwnerId=6543210987654321) == ["m-foreign"]
    assert found(client, ImageOwnerAlias="others", ImageOwnerId=1) == []
    assert found(client, ImageOwnerAlias="others", IsPublic=True) == []
    for alias in ("self", "system", "marketplace"):
        owner = dict(ImageOwnerAlias=alias, ImageOwnerId=1)
        refused(client, 400, "InvalidOperation.ImageOwnerIdUnsupported", "DescribeImages", **owner)
    refused(client, 400, "InvalidImageOwnerAlias.PublicImageUnsupported", "DescribeImages", IsPublic=True)


def test_own_images_are_filtered(client, emulator):
    common = dict(SnapshotId="s-system", Tag=[{"Key": "a", "Value": "1"}])
    both = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    one = finished(client, emulator, **common, ImageName="web-one", ResourceGroupId="rg-other", ImageFamily="family")
    two = finished(client, emulator, **common | dict(Tag=both), ImageName="web-two", Architecture="arm64")
    three = finished(client, emulator, InstanceId="i-running", ImageName="db", Platform="Windows Server 2022")
    change(emulator, two, used_by=["i-running"])
    (system, _) = described(client, three)["DiskDeviceMappings"]["DiskDeviceMapping"]
    for filters, expect in (
        (dict(ImageName="web"), [one, two]),
        (dict(ImageName="*web-t*"), [two]),
        (dict(ImageName="Web"), []),
        (dict(ImageFamily="family"), [one]),
        (dict(ResourceGroupId="rg-other"), [one]),
        (dict(SnapshotId="s-system"), [one, two]),
        (dict(SnapshotId=system["SnapshotId"]), [three]),
        (dict(Architecture="arm64"), [two]),
        (dict(OSType="windows"), [three]),
        (dict(Usage="instance"), [two]),
        (dict(Usage="none"), [one, three]),
        (dict(ActionType="ChangeOS"), [one, two, three]),
        (dict(InstanceType="ecs.c8y.large"), [two]),
        (dict(Tag=[{"Key": "a", "Value": "1"}]), [one, two]),
        (dict(Tag=[{"Key": "a"}]), [one, two]),
        (dict(Tag=both), [two]),
        (dict(Tag=[{"Key": "a", "Value": "2"}]), []),
        (dict(ImageName="web", Tag=both, Architecture="x86_64"), []),
        (dict(Status="Creating,Waiting"), []),
        (dict(Status="Available,Deprecated"), [one, two, three]),
    ):
        assert found(client, ImageOwnerAlias="self", **filters) == expect, filters


@pytest.mark.parametrize(
    "status, code, filters",
    [
        (404, "InvalidArchitecture", dict(Architecture="sparc")),
        (404, "InvalidOSType", dict(OSType="os2")),
        (404, "InvalidUsage", dict(Usage="much")),
        (400, "InvalidInstanceType.ValueNotSupported", dict(InstanceType="ecs.none")),
        (400, "InvalidParamter", dict(ActionType="CreateOS")),
        (400, "InvalidParamter", dict(Status="available")),
        (400, "InvalidTagCount", dict(Tag=[{"Key": f"k{number}", "Value": "v"} for number in range(21)])),
        (400, "InvalidTag.Mismatch", dict(Tag=[{"Value": "v"}])),
        (404, "InvalidFilterKey.NotFound", dict(Filter=[{"Key": "Colour", "Value": "red"}])),
        (412, "DryRunOperation", dict(DryRun=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_filter_that_is_refused(client, status, code, filters):
    refused(client, status, code, "DescribeImages", **filters)


# Tags.


def counted(client, **filters):
    """Each pair in use, with how many images have it."""
    tags = client("DescribeTags", **filters)["Tags"]["Tag"]
    return {(tag["TagKey"], tag["TagValue"]): tag["ResourceTypeCount"]["Image"] for tag in tags}


def test_tags_are_counted(client, emulator):
    one, two = finished(client, emulator), finished(client, emulator)
    for image_id, pairs in ((one, {"a": "1", "b": ""}), (two, {"a": "1", "c": "3"})):
        wanted = [{"Key": key, "Value": value} for key, value in pairs.items()]
        client("TagResources", ResourceType="image", ResourceId=[image_id], Tag=wanted)
    client("TagResources", ResourceType="snapshot", ResourceId=["s-data"], Tag=[{"Key": "a", "Value": "1"}])
    everything = {("a", "1"): 2, ("b", ""): 1, ("c", "3"): 1}
    assert counted(client) == counted(client, ResourceType="image") == everything
    assert counted(client, ResourceType="image", ResourceId=one) == {("a", "1"): 1, ("b", ""): 1}
    assert counted(client, ResourceType="snapshot", ResourceId="s-data") == {("a", "1"): 0}
    assert counted(client, Tag=[{"Key": "c", "Value": "3"}]) == {("c", "3"): 1}
    assert counted(client, RegionId=THERE) == counted(client, ResourceId="m-none") == {}
    refused(client, 404, "InvalidResourceType.NotFound", "DescribeTags", ResourceType="car")
    client("UntagResources", ResourceType="image", ResourceId=[one], All=True)
    assert counted(client, ResourceId=one) == {}


def test_tags_are_paged_by_fifty(client, emulator):
    image_id = finished(client, emulator)
    change(emulator, image_id, tags={f"key-{number:02}": "" for number in range(60)})
    answer = client("DescribeTags")
    assert (answer["TotalCount"], answer["PageSize"], len(answer["Tags"]["Tag"])) == (60, 50, 50)
    assert len(counted(client) | counted(client, PageNumber=2)) == 60
    assert len(counted(client, PageSize=100)) == 60
    refused(client, 400, "InvalidParameter", "DescribeTags", PageSize=101)


# Regions.


def test_regions_of_one_process_are_kept_apart(client, emulator):
    made = {}
    for region in ("cn-hangzhou", THERE, "us-east-1"):
        parameters = dict(RegionId=region, SnapshotId="s-system", ImageName="golden", ImageFamily="family")
        made[region] = client("CreateImage", **parameters, ClientToken="one-for-all")["ImageId"]
    emulator.advance(10)
    assert len(set(made.values())) == 3
    for region, image_id in made.items():
        assert found(client, RegionId=region, ImageOwnerAlias="self") == [image_id]
        image = client("DescribeImageFromFamily", RegionId=region, ImageFamily="family")["Image"]
        assert image["ImageId"] == image_id
        elsewhere = dict(RegionId="cn-beijing", ImageId=image_id)
        assert client("DescribeImages", **elsewhere, Status="ALL")["TotalCount"] == 0
        for action, more in (
            ("ModifyImageAttribute", dict(Description="new")),
            ("ModifyImageSharePermission", dict(AddAccount=ACCOUNTS[:1])),
            ("DescribeImageSharePermission", {}),
            ("CopyImage", dict(DestinationRegionId="ap-south-1")),
            ("CancelCopyImage", {}),
            ("DeleteImage", {}),
        ):
            refused(client, 404, "InvalidImageId.NotFound", action, **elsewhere, **more)
    client("DeleteImage", RegionId=THERE, ImageId=made.pop(THERE))
    assert [found(client, RegionId=region, ImageOwnerAlias="self") for region in made] == [[i] for i in made.values()]

"""Images made of objects in OSS and written to them, the tasks that do it, and the objects as `oss2` sees them."""

import pathlib

import oss2
import oss_vectors
import pytest
from clients import KEY, REGION, Tea
from project import ROOT
from test_images import described, finished
from test_refusals import refused

GIB = 1 << 30
RAW = {"OSSBucket": "b-images", "OSSObject": "disk.raw"}
ROLE = "acs:ram::1234567890123456:role/builder"


def store(emulator, name="b-images", style="address", region=REGION, auth=None):
    """A bucket as `oss2` reaches it. Only an address needs no proxy."""
    session = oss2.Session()
    session.session.trust_env = False
    endpoint = emulator.url if style == "address" else f"http://oss-{region}.aliyuncs.com"
    return oss2.Bucket(
        auth or oss2.Auth(*KEY),
        endpoint,
        name,
        session=session,
        proxies=None if style == "address" else {"http": emulator.url},
        is_path_style=style == "path",
    )


@pytest.fixture(params=["address", "path", "host"])
def bucket(request, emulator):
    return store(emulator, style=request.param)


def denied(status, code, call, *arguments, **more):
    with pytest.raises(oss2.exceptions.OssError) as caught:
        call(*arguments, **more)
    assert (caught.value.status, caught.value.code) == (status, code), caught.value


def imported(client, *mappings, **more):
    answer = client("ImportImage", DiskDeviceMapping=list(mappings or (RAW,)), **more)
    return answer["ImageId"], answer["TaskId"]


def exported(client, image_id, **more):
    return client("ExportImage", ImageId=image_id, OSSBucket="b-images", **more)["TaskId"]


def task(client, task_id):
    return client("DescribeTaskAttribute", TaskId=task_id)


def operations(client, task_id):
    return task(client, task_id)["OperationProgressSet"]["OperationProgress"]


def names(bucket):
    return [each.key for each in oss2.ObjectIterator(bucket)]


def test_an_import_from_its_task_to_its_image(client, emulator):
    qcow2 = {"OSSBucket": "b-images-cn-hangzhou", "OSSObject": "disk.qcow2", "Format": "qcow2", "DiskImageSize": 30}
    image_id, task_id = imported(
        client,
        {**RAW, "Format": "RAW"},
        qcow2,
        ImageName="imported",
        Description="of files",
        Architecture="x86_64",
        OSType="linux",
        Platform="Ubuntu",
        BootMode="UEFI",
        LicenseType="BYOL",
        ResourceGroupId="rg-other",
        Tag=[{"Key": "k", "Value": "v"}],
    )
    emulator.advance(1)
    running = task(client, task_id)
    assert (running["TaskAction"], running["TaskStatus"]) == ("ImportImage", "Processing")
    assert (running["TaskProcess"], running["SupportCancel"]) == ("66%", "true")
    image = described(client, image_id)
    assert (image["Status"], image["Progress"], image["ImageName"]) == ("Creating", "50%", "imported")
    emulator.advance(0.5)
    assert task(client, task_id)["TaskStatus"] == "Finished"
    assert described(client, image_id)["Status"] == "Creating"
    emulator.advance(0.5)
    image = described(client, image_id)
    for name, expect in dict(
        Status="Available",
        Description="of files",
        Platform="Ubuntu",
        BootMode="UEFI",
        ResourceGroupId="rg-other",
        Size=5,
    ).items():
        assert image[name] == expect, name
    members = ("Type", "Format", "ImportOSSBucket", "ImportOSSObject", "Size")
    assert [tuple(disk[name] for name in members) for disk in image["DiskDeviceMappings"]["DiskDeviceMapping"]] == [
        ("system", "raw", "b-images", "disk.raw", "5"),
        ("data", "QCOW2", "b-images-cn-hangzhou", "disk.qcow2", "30"),
    ]


def test_a_token_makes_one_import(client, emulator):
    first = imported(client, ClientToken="t")
    emulator.advance(10)
    assert imported(client, ClientToken="t") == first
    other = dict(DiskDeviceMapping=[RAW], OSType="linux", ClientToken="t")
    refused(client, 400, "IdempotenceParamNotMatch", "ImportImage", **other)
    assert client("DescribeTasks", TaskAction="ImportImage")["TotalCount"] == 1


def test_an_import_that_fails_says_why(client, emulator):
    emulator.fault({"action": "ImportImage", "do": "fail_later", "code": "X.Y", "message": "not readable"})
    image_id, task_id = imported(client)
    emulator.advance(10)
    (operation,) = operations(client, task_id)
    assert (operation["ErrorCode"], operation["ErrorMsg"]) == ("X.Y", "not readable")
    assert (task(client, task_id)["TaskStatus"], described(client, image_id)["Status"]) == ("Failed", "CreateFailed")


def test_an_import_that_somebody_stops(client, emulator):
    image_id, task_id = imported(client)
    emulator.advance(1)
    change = {"region": REGION, "task": image_id, "code": "OperationDenied", "message": "stopped"}
    emulator.control("POST", "change", change)
    assert operations(client, task_id)[0]["ErrorMsg"] == "stopped"
    emulator.advance(1)
    assert described(client, image_id)["Status"] == "CreateFailed"


@pytest.mark.parametrize("flags, left", [((), None), (("--cancelled-imports-stay",), "CreateFailed")])
def test_a_cancelled_import(start, make, flags, left):
    emulator = start(*flags)
    client = make(emulator, *KEY)
    image_id, task_id = imported(client)
    emulator.advance(1)
    refused(client, 403, "ImageIsImporting", "DeleteImage", ImageId=image_id)
    client("CancelTask", TaskId=task_id)
    refused(client, 403, "InvalidTaskId.IncorrectTaskStatus", "CancelTask", TaskId=task_id)
    emulator.advance(1)
    image = described(client, image_id)
    assert (image and image["Status"]) == left


def test_an_export_and_its_objects(client, emulator, bucket):
    image_id = finished(client, emulator, InstanceId="i-running")
    before = names(bucket)
    task_id = exported(client, image_id, OSSPrefix="web")
    refused(client, 403, "ImageIsExporting", "DeleteImage", ImageId=image_id)
    refused(client, 403, "ImageIsExporting", "ExportImage", ImageId=image_id, OSSBucket="b-images")
    assert (names(bucket), task(client, task_id)["TaskStatus"]) == (before, "Processing")
    emulator.advance(2)
    assert task(client, task_id)["TaskStatus"] == "Finished"
    items = [
        {item["Name"]: item["Value"] for item in operation["RelatedItemSet"]["RelatedItem"]}
        for operation in operations(client, task_id)
    ]
    assert [item["OSSObject"] for item in items] == [
        f"web_{image_id}_system.raw.tar.gz",
        f"web_{image_id}_data_xvdb.raw.tar.gz",
    ]
    assert {(item["OSSBucket"], item["ImageFormat"]) for item in items} == {("b-images", "raw")}
    sizes = [bucket.head_object(item["OSSObject"]).content_length for item in items]
    assert sizes == [40 * GIB, 100 * GIB]
    for item in items:
        bucket.delete_object(item["OSSObject"])
    assert names(bucket) == before
    client("DeleteImage", ImageId=image_id)


@pytest.mark.parametrize("flags, left", [((), 0), (("--cancelled-exports-stay",), 1)])
def test_a_cancelled_export(start, make, flags, left):
    emulator = start(*flags)
    client, bucket = make(emulator, *KEY), store(emulator)
    before = len(names(bucket))
    task_id = exported(client, finished(client, emulator))
    client("CancelTask", TaskId=task_id)
    emulator.advance(10)
    assert task(client, task_id)["TaskStatus"] == "Failed"
    assert len(names(bucket)) == before + left


def test_exports_that_cannot_be(client, emulator):
    image_id = finished(client, emulator)
    for status, code, more in (
        (400, "InvalidOSSBucket.NotFound", dict(OSSBucket="b-images-eu-central-1")),
        (400, "InvalidOSSBucket.NotFound", dict(OSSBucket="b-none")),
        (400, "InvalidOSSPrefix.Malformed", dict(OSSPrefix="a-b")),
        (400, "InvalidImageFormat.RegionNotSupported", dict(ImageFormat="qcow2")),
        (403, "NoSetRoletoECSServiceAcount", dict(RoleName="missing-role")),
        (403, "InvalidImageCategory.NotSupported", dict(ImageId="m-system")),
        (404, "InvalidImageId.NotFound", dict(ImageId="m-none")),
    ):
        refused(client, status, code, "ExportImage", **{"ImageId": image_id, "OSSBucket": "b-images", **more})


def test_exports_beyond_the_quotas(start, make):
    emulator = start("--exports-at-once", "1", "--exports-a-week", "2")
    client = make(emulator, *KEY)
    one, other = (finished(client, emulator, SnapshotId="s-system", ImageName=name) for name in ("one", "other"))
    more = dict(ImageId=other, OSSBucket="b-images")
    exported(client, one)
    refused(client, 403, "ConcurrentQuotaExceed.ExportImage", "ExportImage", **more)
    emulator.advance(2)
    exported(client, other)
    emulator.advance(2)
    refused(client, 403, "WeeklyQuotaExceed.ExportImage", "ExportImage", **more)


def test_imports_that_cannot_be(client, emulator):
    for name, size, archive in (("cold.raw", 1, "Archive"), ("empty.raw", 0, "Standard")):
        change = {"region": REGION, "bucket": "b-images", "object": name, "size": size, "class": archive}
        emulator.control("POST", "change", change)
    for status, code, mapping, more in (
        (403, "MissingParameter.DiskDeviceMapping", None, {}),
        (400, "MissingParameter", {"OSSObject": "disk.raw"}, {}),
        (400, "InvalidOSSBucket.NotFound", {**RAW, "OSSBucket": "b-images-eu-central-1"}, {}),
        (400, "InvalidOSSObject.NotFound", {**RAW, "OSSObject": "none.raw"}, {}),
        (400, "InvalidOSSObject.NeedRestore", {**RAW, "OSSObject": "cold.raw"}, {}),
        (400, "InvalidOSSObject.Size", {**RAW, "OSSObject": "empty.raw"}, {}),
        (400, "InvalidImageSize", {**RAW, "DiskImageSize": 4}, {}),
        (400, "InvalidImageFormat.Malformed", {**RAW, "Format": "ISO"}, {}),
        (400, "InvalidPlatform.Malformed", RAW, dict(Platform="BeOS")),
        (400, "InvalidBootMode.NotSupport", RAW, dict(Architecture="arm64", BootMode="BIOS")),
        (403, "NoSetRoletoECSServiceAcount", RAW, dict(RoleName="missing-role")),
    ):
        refused(client, status, code, "ImportImage", DiskDeviceMapping=[mapping] if mapping else [], **more)
    assert client("DescribeTasks")["TotalCount"] == 0


def test_tasks_are_found_and_paged(client, emulator):
    made = []
    for _ in range(3):
        made.append(imported(client))
        emulator.advance(10)
    exported(client, made[0][0])

    def found(**filters):
        return [task["TaskId"] for task in client("DescribeTasks", **filters)["TaskSet"]["Task"]]

    tasks = [task_id for _, task_id in made]
    assert found(TaskAction="ImportImage") == tasks
    assert found(TaskAction="ImportImage", ResourceIds=[made[1][0]]) == [tasks[1]]
    assert found(TaskIds=f"{tasks[0]},{tasks[2]}") == [tasks[0], tasks[2]]
    assert found(TaskStatus="Finished", PageSize=2, PageNumber=2) == [tasks[2]]
    (running,) = client("DescribeTasks", TaskStatus="Processing")["TaskSet"]["Task"]
    assert (running["TaskAction"], running["ResourceId"]) == ("ExportImage", made[0][0])
    refused(client, 400, "InvalidTaskId.NotFound", "DescribeTaskAttribute", TaskId="t-none")
    refused(client, 400, "InvalidTaskId.NotFound", "CancelTask", TaskId="t-none")


def test_objects_are_put_seen_got_and_deleted(bucket, emulator):
    key = "folder/a b+c%d 镜像.raw"
    content = bytes(range(256))
    made = bucket.put_object(key, content, headers={"x-oss-meta-a": "1"})
    seen = bucket.head_object(key)
    assert (seen.content_length, seen.etag, seen.object_type) == (256, made.etag, "Normal")
    assert bucket.get_object_meta(key).content_length == 256
    assert bucket.get_object(key).read() == content
    assert key in names(bucket)
    page = bucket.list_objects_v2(prefix="folder/")
    assert [each.key for each in page.object_list] == [key]
    assert bucket.delete_object(key).status == 204
    assert bucket.delete_object(key).status == 204
    assert not bucket.object_exists(key)
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.head_object(key)
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_object(key)
    (entry,) = emulator.requests("PutObject")
    assert entry["params"] == {"Bucket": "b-images", "Object": key}
    assert (entry["method"], entry["status"], entry["signature"]) == ("PUT", 200, "oss-v1")


def test_an_object_that_was_put_there_becomes_an_image(client, emulator):
    store(emulator).put_object("mine.vhd", b"x" * 1000)
    image_id, _ = imported(client, {"OSSBucket": "b-images", "OSSObject": "mine.vhd"})
    emulator.advance(10)
    (disk,) = described(client, image_id)["DiskDeviceMappings"]["DiskDeviceMapping"]
    assert (disk["Format"], disk["Size"]) == ("vhd", "1")


def test_objects_are_listed_page_by_page(bucket):
    for number in range(5):
        bucket.put_object(f"page/{number}", b"")
    pages = oss2.ObjectIterator(bucket, prefix="page/", max_keys=2)
    assert [each.key for each in pages] == [f"page/{number}" for number in range(5)]
    again = oss2.ObjectIteratorV2(bucket, prefix="page/", max_keys=2)
    assert [each.key for each in again] == [f"page/{number}" for number in range(5)]


def test_a_bucket_that_is_not_there(emulator):
    bucket = store(emulator, "b-none")
    denied(404, "NoSuchBucket", bucket.head_object, "disk.raw")
    denied(404, "NoSuchBucket", bucket.delete_object, "disk.raw")
    emulator.control("POST", "change", {"region": REGION, "bucket": "b-images", "gone": True})
    denied(404, "NoSuchBucket", store(emulator).delete_object, "disk.raw")


def test_a_bucket_of_another_region(emulator):
    there = "b-images-eu-central-1"
    assert store(emulator, there).head_object("disk.raw").status == 200
    assert store(emulator, there, "host", "eu-central-1").head_object("disk.raw").status == 200
    denied(403, "AccessDenied", store(emulator, there, "host").head_object, "disk.raw")


def test_a_bucket_without_rights(emulator):
    emulator.control("POST", "change", {"region": REGION, "bucket": "b-images", "forbidden": True})
    denied(403, "AccessDenied", store(emulator).head_object, "disk.raw")
    refused(Tea("v3", emulator, *KEY), 403, "InvalidOSS.NotAuthorized", "ImportImage", DiskDeviceMapping=[RAW])


def test_keys_that_are_wrong(emulator):
    def go(status, code, auth):
        denied(status, code, store(emulator, auth=auth).delete_object, "disk.raw")

    go(403, "SignatureDoesNotMatch", oss2.Auth(KEY[0], "wrong"))
    go(403, "InvalidAccessKeyId", oss2.Auth("nobody", KEY[1]))
    go(403, "AccessDenied", oss2.AnonymousAuth())
    assert [entry["code"] for entry in emulator.requests("DeleteObject")] == [
        "SignatureDoesNotMatch",
        "InvalidAccessKeyId",
        "AccessDenied",
    ]
    assert store(emulator).head_object("disk.raw").status == 200


def test_a_clock_that_is_off(emulator):
    emulator.advance(14 * 60, callers_too=False)
    assert store(emulator).head_object("disk.raw").status == 200
    emulator.advance(2 * 60, callers_too=False)
    denied(403, "RequestTimeTooSkewed", store(emulator).head_object, "disk.raw")


def test_temporary_keys(emulator):
    sts = Tea("v3", emulator, *KEY)

    def temporary():
        made = sts("AssumeRole", RoleArn=ROLE, RoleSessionName="oracle")["Credentials"]
        return made["AccessKeyId"], made["AccessKeySecret"], made["SecurityToken"]

    def go(*key):
        return store(emulator, auth=oss2.StsAuth(*key)).head_object("disk.raw").status

    one, other = temporary(), temporary()
    assert go(*one) == 200
    denied(403, "AccessKeyIdAndSecurityTokenNotMatch", go, *one[:2], other[2])
    denied(403, "InvalidSecurityToken", go, *one[:2], "x")
    denied(403, "InvalidAccessKeyId", go, *KEY, one[2])
    emulator.advance(3601)
    denied(403, "SecurityTokenExpired", go, *one)
    assert one[2] not in str(emulator.control("GET", "requests"))


def test_faults_bend_calls_to_oss(emulator):
    bucket = store(emulator)
    match = {"Bucket": "b-images", "Object": "disk.raw"}
    emulator.fault({"action": "HeadObject", "match": match, "do": "error", "code": "InternalError", "status": 500})
    emulator.fault({"action": "DeleteObject", "do": "http", "status": 503})
    emulator.fault({"action": "DeleteObject", "do": "reset_after"})
    assert bucket.head_object("disk.qcow2").status == 200
    denied(500, "InternalError", bucket.head_object, "disk.raw")
    assert bucket.head_object("disk.raw").status == 200
    denied(503, "", bucket.delete_object, "disk.raw")
    assert bucket.object_exists("disk.raw")
    with pytest.raises(oss2.exceptions.RequestError):
        bucket.delete_object("disk.raw")
    assert not bucket.object_exists("disk.raw")
    assert [entry["code"] for entry in emulator.requests("DeleteObject")] == ["http", "reset_after"]


def test_objects_survive_a_restart(start, tmp_path):
    flags = ("--state", str(tmp_path / "state.json"))
    emulator = start(*flags)
    store(emulator).put_object("kept", b"\0\xff")
    store(emulator).delete_object("disk.raw")
    emulator.process.kill()
    emulator.process.wait()
    emulator.stop = lambda: None
    bucket = store(start(*flags))
    assert names(bucket) == ["disk.qcow2", "kept"]
    assert bucket.get_object("kept").read() == b"\0\xff"


def test_the_state_tells_buckets_objects_and_tasks(client, emulator):
    task_id = exported(client, finished(client, emulator))
    state = emulator.control("GET", "state")
    assert state["buckets"]["b-images"]["objects"]["disk.raw"]["size"] == 4831838208
    (kept,) = state["regions"][REGION]["tasks"]
    assert (kept["id"], kept["status"]) == (task_id, "Processing")
    emptied = emulator.control("DELETE", "state")
    assert (emptied["regions"], list(emptied["buckets"])) == ({}, ["b-images"])


def test_what_is_not_emulated(emulator):
    bucket = store(emulator)
    denied(501, "NotImplemented", bucket.get_bucket_acl)
    denied(501, "NotImplemented", bucket.get_object, "disk.raw")
    newer = oss2.Bucket(oss2.AuthV4(*KEY), emulator.url, "b-images", session=bucket.session, region=REGION)
    denied(501, "NotImplemented", newer.head_object, "disk.raw")


def test_the_signing_vectors_are_those_of_the_sdk():
    for crate in ("emulator", "aliyun"):
        kept = pathlib.Path(ROOT, "provider", "crates", crate, "testdata", "oss-signing-vectors.json")
        assert kept.read_text(encoding="utf-8") == oss_vectors.text(), f"see {oss_vectors.__file__}"

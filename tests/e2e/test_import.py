"""`pulumi import`, and the program that it writes."""

import json

import pytest
from test_lifecycle import IMAGE, wait_until_usable

TAG = {"Tag.1.Key": "Team", "Tag.1.Value": "Images", "Tag.2.Key": "cost center", "Tag.2.Value": 'a "quoted" $value'}

# Images as somebody made them by hand, with what CreateImage cannot set.
MADE_ELSEWHERE = {
    "plain": ({"SnapshotId": "s-system"}, {}),
    "tagged": ({"InstanceId": "i-running", "Description": "made by hand", "ResourceGroupId": "rg-other"} | TAG, {}),
    "family": ({"InstanceId": "i-stopped", "ImageFamily": "family", "ImageVersion": "v1", "BootMode": "UEFI"}, {}),
    "disks": (
        {
            "DiskDeviceMapping.1.Device": "/dev/xvda",
            "DiskDeviceMapping.1.DiskType": "system",
            "DiskDeviceMapping.1.SnapshotId": "s-system",
            "DiskDeviceMapping.1.Size": "60",
            "DiskDeviceMapping.2.Device": "/dev/xvdb",
            "DiskDeviceMapping.2.DiskType": "data",
            "DiskDeviceMapping.2.SnapshotId": "s-data",
            "DiskDeviceMapping.3.Device": "/dev/xvdc",
            "DiskDeviceMapping.3.DiskType": "data",
            "DiskDeviceMapping.3.Size": "20",
        },
        {"Features.NvmeSupport": "supported", "Features.ImdsSupport": "v2"},
    ),
    "windows": ({"SnapshotId": "s-system", "Platform": "Windows Server 2022"}, {"LicenseType": "BYOL"}),
}


@pytest.fixture
def made_elsewhere(cloud):
    """The images' ids by their names."""
    ids = {}
    for name, (params, more) in MADE_ELSEWHERE.items():
        ids[name] = cloud.call("CreateImage", ImageName=f"made-{name}", **params)["ImageId"]
        wait_until_usable(cloud, ids[name])
        if more:
            cloud.call("ModifyImageAttribute", ImageId=ids[name], **more)
    cloud.forget_requests()
    return ids


@pytest.mark.alike
@pytest.mark.languages("typescript", "python", "go")
def test_the_program_that_is_written_of_imported_images_changes_nothing(
    program, language, cloud, made_elsewhere, write_program
):
    stack = program("", language=language)
    wanted = [{"type": IMAGE, "name": name, "id": image} for name, image in made_elsewhere.items()]
    file = stack.home / "import.json"
    file.write_text(json.dumps({"resources": wanted}))
    stack.run("import", "--file", str(file), "--yes", "--generate-code=false")
    assert {name: resource["id"] for name, resource in stack.resources().items()} == made_elsewhere

    written = write_program(stack, language)
    (stack.folder / language.main).write_text(written)
    for said in ("made by hand", "cost center", "Windows Server 2022", "BYOL", "supported", "/dev/xvdc", "rg-other"):
        assert said in written, written
    for reported in ("createTime", "CreateTime", "create_time", "progress", "importOss", "import_oss"):
        assert reported not in written, written
    stack.preview("--expect-no-changes")
    language.prebuild(stack)
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.up()
    stack.preview("--expect-no-changes")
    assert cloud.changes() == []


def test_an_image_that_is_not_there_is_not_imported(program):
    stack = program({})
    said = stack.run("import", IMAGE, "imported", "m-missing", "--yes", "--generate-code=false", fails=True)
    assert "m-missing" in said

"""The example's whole life, in every language: what the command says, and what the cloud was asked for."""

import json
import re
import time

from emulator import Call
from project import EVERY_TEST
from scene import PATIENCE
from stack import diagnostics

IMAGE = "alicloud:ecs/image:Image"
THIRD = "test-image-of-two-disks"


def test_lifecycle(example, language, quickest, cloud):
    stack = example

    # The first `up` makes three images, each by one call, and another that gives it its name.
    warned = stack.up()
    ids = stack.outputs()
    first, second, third = ids["fromInstanceId"], ids["fromSnapshotId"], ids["fromDisksId"]
    name_of_second = ids["fromSnapshotName"]
    assert by_name(cloud.changes()) == {
        "test-image": {
            "Architecture": "x86_64",
            "Description": "test-image",
            "InstanceId": "i-running",
            "Platform": "CentOS",
            "ResourceGroupId": "rg-default",
            "Tag.1.Key": "FinanceDept",
            "Tag.1.Value": "FinanceDeptJoshua",
        },
        name_of_second: {"Description": f"The system disk alone, beside {first}", "SnapshotId": "s-system"},
        THIRD: {
            "DiskDeviceMapping.1.Device": "/dev/xvda",
            "DiskDeviceMapping.1.DiskType": "system",
            "DiskDeviceMapping.1.SnapshotId": "s-system",
            "DiskDeviceMapping.2.Device": "/dev/xvdb",
            "DiskDeviceMapping.2.DiskType": "data",
            "DiskDeviceMapping.2.SnapshotId": "s-data",
            "DiskDeviceMapping.2.Size": "200",
        },
    }
    assert name_of_second.startswith("from-snapshot-")
    assert ids["fromDisksSize"] == 40
    assert ids["existingStatus"] == "Available"
    assert set(cloud.images()) == {first, second, third}
    assert diagnostics(warned).count("`imageName`") == 1, "the old spelling is warned of once"

    language.prebuild(stack)

    # Nothing changed, so nothing is announced and nothing is called.
    cloud.forget_requests()
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert cloud.changes() == []

    # Another description and another tag: an update in place, of exactly that.
    stack.set(description="described anew", financeDept="FinanceDeptMary")
    assert stack.steps() == {"from-instance": "update"}
    assert cloud.changes() == [], "a preview changes nothing"
    stack.up()
    assert sorted_calls(cloud.changes()) == sorted_calls(
        [
            Call("ModifyImageAttribute", {"ImageId": first, "Description": "described anew"}),
            tag(first, FinanceDept="FinanceDeptMary"),
        ]
    )
    assert cloud.images()[first]["description"] == "described anew"
    assert cloud.images()[first]["tags"] == {"FinanceDept": "FinanceDeptMary"}

    # The rest goes alike in every language.
    if EVERY_TEST or language.folder == quickest:
        first, second, third = in_other_hands(stack, language, cloud, (first, second, third))

    # All of it goes, and only what was ours.
    cloud.forget_requests()
    stack.run("destroy", "--yes")
    assert sorted((call.action, call.params["ImageId"]) for call in cloud.changes()) == sorted(
        ("DeleteImage", image) for image in (first, second, third)
    )
    assert cloud.images() == {}
    assert stack.resources() == {}
    assert cloud.snapshots().keys() >= {"s-system", "s-data"}

    assert "e2e-secret-never-shown" not in stack.kept_text()
    assert stack.plugin_stderr.read_text() == ""


def in_other_hands(stack, language, cloud, images):
    """Other sources, and what somebody else does to the images. The ids of the three images in the end."""
    first, second, third = images

    # Other sources. Names are unique: the image that has its name from the program goes before its successor comes,
    # the one with a name of Pulumi's making goes after.
    (snapshot_of_first,) = [disk["snapshot"] for disk in cloud.images()[first]["disks"] if disk["kind"] == "system"]
    stack.set(instanceId="i-stopped", systemSnapshotId=snapshot_of_first)
    announced = stack.steps()
    if language.folder == "csharp":
        # Released .NET SDKs register in a preview what is only looked at, while its id is not known.
        announced.pop("existing")
    assert announced.keys() == {"from-instance", "from-snapshot", "from-disks"}
    cloud.forget_requests()
    stack.up()
    ids = stack.outputs()
    assert set(ids.values()).isdisjoint({first, second, third})
    order = in_order(cloud.changes())
    assert sorted(order) == sorted(
        [
            ("DeleteImage", first),
            ("CreateImage", "test-image"),
            ("named", "test-image"),
            ("CreateImage", "from-snapshot"),
            ("named", ids["fromSnapshotName"]),
            ("DeleteImage", second),
            ("DeleteImage", third),
            ("CreateImage", THIRD),
            ("named", THIRD),
        ]
    )
    assert order.index(("DeleteImage", first)) < order.index(("CreateImage", "test-image"))
    assert order.index(("DeleteImage", third)) < order.index(("CreateImage", THIRD))
    assert order.index(("named", ids["fromSnapshotName"])) < order.index(("DeleteImage", second))
    first, second, third = ids["fromInstanceId"], ids["fromSnapshotId"], ids["fromDisksId"]
    assert set(cloud.images()) == {first, second, third}
    stack.preview("--expect-no-changes")

    # Someone changes one image and deletes another: `refresh` sees both, `up` repairs both.
    cloud.call("ModifyImageAttribute", ImageId=first, Description="changed by hand")
    cloud.call("UntagResources", ResourceType="image", **{"ResourceId.1": first, "TagKey.1": "FinanceDept"})
    cloud.call("DeleteImage", ImageId=third)
    stack.run("refresh", "--yes")
    seen = stack.resources()
    assert seen["from-instance"]["outputs"]["description"] == "changed by hand"
    assert not seen["from-instance"]["outputs"].get("tags")
    assert "from-disks" not in seen
    assert stack.steps() == {"from-instance": "update", "from-disks": "create"}
    cloud.forget_requests()
    stack.up()
    # The cloud still knows the deleted image's token, so there may be more than one request for its successor.
    made_again = [call for call in cloud.changes() if is_of_creation(call)]
    assert set(in_order(made_again)) == {("CreateImage", THIRD), ("named", THIRD)}
    assert made_again[-1].params["ImageName"] == THIRD
    assert sorted_calls(call for call in cloud.changes() if call not in made_again) == sorted_calls(
        [
            Call("ModifyImageAttribute", {"ImageId": first, "Description": "described anew"}),
            tag(first, FinanceDept="FinanceDeptMary"),
        ]
    )
    third = stack.outputs()["fromDisksId"]
    assert cloud.images()[first]["description"] == "described anew"
    assert cloud.images()[first]["tags"] == {"FinanceDept": "FinanceDeptMary"}
    assert set(cloud.images()) == {first, second, third}
    stack.preview("--expect-no-changes")

    # An image made elsewhere comes under Pulumi's management, and leaves with the next `up`, as no program names it.
    made = cloud.call("CreateImage", ImageName="made-elsewhere", SnapshotId="s-system", Description="made by hand")
    elsewhere = made["ImageId"]
    wait_until_usable(cloud, elsewhere)
    cloud.forget_requests()
    stack.run("import", IMAGE, "imported", elsewhere, "--yes", "--generate-code=false", "--protect=false")
    imported = stack.resources()["imported"]
    assert imported["id"] == elsewhere
    assert imported["inputs"]["imageName"] == "made-elsewhere"
    assert imported["inputs"]["description"] == "made by hand"
    assert [mapping["snapshotId"] for mapping in imported["inputs"]["diskDeviceMappings"]] == ["s-system"]
    assert cloud.changes() == [], "an import changes nothing"
    stack.up()
    assert [(call.action, call.params["ImageId"]) for call in cloud.changes()] == [("DeleteImage", elsewhere)]
    return first, second, third


def is_naming(call):
    return call.action == "ModifyImageAttribute" and call.params.keys() == {"ImageId", "ImageName"}


def is_of_creation(call):
    return call.action == "CreateImage" or is_naming(call)


def stem_of(call):
    """What an image is called until the last call of its creation names it, without what says so."""
    stem, unfinished = re.fullmatch(r"(.+?)(-unfinished-[0-9a-f]{12}-[0-9a-f]{12})?", call.params["ImageName"]).groups()
    assert unfinished, f"made under a name that does not say that it is unfinished: {call}"
    return stem


def in_order(calls):
    """What is made, named and deleted."""
    found = []
    for call in calls:
        if call.action == "CreateImage":
            found.append((call.action, stem_of(call)))
        elif is_naming(call):
            found.append(("named", call.params["ImageName"]))
        else:
            found.append((call.action, call.params["ImageId"]))
    return found


def tag(image, **tags):
    params = {"ResourceType": "image", "ResourceId.1": image}
    for number, (key, value) in enumerate(tags.items(), start=1):
        params |= {f"Tag.{number}.Key": key, f"Tag.{number}.Value": value}
    return Call("TagResources", params)


def by_name(calls):
    """What images are made of, by the names that they have in the end. Each is made by one call, under a name that says
    that it is unfinished; a later one gives it its own. Of the token only the presence counts."""
    made, found = {}, {}
    for call in calls:
        if is_naming(call):
            name = call.params["ImageName"]
            (stem,) = [stem for stem in made if re.fullmatch(rf"{re.escape(stem)}(-[0-9a-f]{{7}})?", name)]
            found[name] = made.pop(stem)
            continue
        assert call.action == "CreateImage", call
        stem, params = stem_of(call), dict(call.params)
        assert params.pop("ClientToken") and params.pop("ImageName"), call
        assert stem not in made, f"created twice: {stem}"
        made[stem] = params
    assert not made, f"never named: {', '.join(made)}"
    return found


def sorted_calls(calls):
    return sorted(calls, key=lambda call: (call.action, json.dumps(call.params, sort_keys=True)))


def wait_until_usable(cloud, image):
    give_up = time.monotonic() + PATIENCE
    while not (there := cloud.images()[image])["usable"]:
        assert there["status"] in ("Creating", "Available") and time.monotonic() < give_up, there

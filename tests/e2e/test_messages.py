"""What a user is told, word for word where words matter, at the terminal where it is read."""

import re

import emulator
from stack import diagnostics

IMAGE = """
import pulumi_alicloud as alicloud
image = alicloud.ecs.Image("image", {arguments})
"""


def one_line(printed):
    return " ".join(printed.split())


def test_the_old_name_is_warned_of_once_per_resource(program, cloud):
    two = "\n".join(
        f'alicloud.ecs.Image("{name}", name="old-spelling-{name}", snapshot_id="s-system")' for name in ("one", "two")
    )
    stack = program(f"import pulumi_alicloud as alicloud\n{two}\n")
    said = diagnostics(stack.up())
    for name in ("one", "two"):
        assert re.search(rf"alicloud:ecs:Image \({name}\):\n +warning: .*`imageName`", said)
    assert said.count("imageName") == 2
    assert len(set(cloud.images())) == 2

    # The new spelling of the same name is not a change, and nothing is warned of any more.
    file = stack.folder / "__main__.py"
    file.write_text(file.read_text().replace(" name=", " image_name="))
    assert "imageName" not in stack.preview("--expect-no-changes")


def test_missing_credentials(program, cloud):
    stack = program(IMAGE.format(arguments='snapshot_id="s-system"'), configured=False)
    stack.set_all({"alicloud:region": emulator.REGION, "alicloud:endpoints[0].ecs": cloud.url})
    stack.env["HOME"] = str(stack.home)
    said = one_line(stack.up(fails=True))
    for name in ("alicloud:accessKey", "alicloud:secretKey", "ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY"):
        assert name in said
    assert cloud.requests() == []


def test_missing_region(program, cloud):
    stack = program(IMAGE.format(arguments='snapshot_id="s-system"'), configured=False)
    stack.set_all(
        {"alicloud:accessKey": emulator.KEY_ID, "alicloud:endpoints[0].ecs": cloud.url},
        secret={"alicloud:secretKey": emulator.KEY_SECRET},
    )
    said = one_line(stack.up(fails=True))
    assert "alicloud:region" in said
    assert "ALICLOUD_REGION" in said
    assert cloud.requests() == []


def test_credentials_from_the_environment(program, cloud):
    stack = program(IMAGE.format(arguments='snapshot_id="s-system"'), configured=False)
    stack.env |= {
        "ALICLOUD_ACCESS_KEY": emulator.KEY_ID,
        "ALICLOUD_SECRET_KEY": emulator.KEY_SECRET,
        "ALICLOUD_REGION": emulator.REGION,
        "ALIBABA_CLOUD_ENDPOINT_ECS": cloud.url,
    }
    stack.up()
    assert len(cloud.images()) == 1
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.images() == {}
    assert emulator.KEY_SECRET not in stack.kept_text()


def test_every_mistake_is_named_by_its_path_and_nothing_is_created(program, cloud):
    stack = program(
        IMAGE.format(
            arguments="""
    image_name="http://x",
    description="d",
    disk_device_mappings=[
        {"device": "/dev/xvda", "disk_type": "system", "snapshot_id": "s-system"},
        {"device": "/dev/xvdb", "disk_type": "tape", "snapshot_id": "s-data", "size": 4},
    ],
    tags={"acs:owner": "me"},
"""
        )
    )
    said = one_line(stack.up(fails=True))
    for path in (
        "imageName",
        "description",
        "diskDeviceMappings[1].diskType",
        "diskDeviceMappings[1].size",
        'tags["acs:owner"]',
    ):
        assert path in said, f"{path} is not named"
    for told in ("tape", "http://x", "5", "32768"):
        assert told in said
    assert cloud.changes() == []


def test_two_sources_are_both_named(program, cloud):
    stack = program(IMAGE.format(arguments='snapshot_id="s-system", instance_id="i-running"'))
    said = stack.preview(fails=True)
    assert "instanceId" in said
    assert "snapshotId" in said
    assert cloud.changes() == []


def test_no_source_names_all_three(program, cloud):
    stack = program(IMAGE.format(arguments='image_name="nothing"'))
    said = stack.preview(fails=True)
    for source in ("instanceId", "snapshotId", "diskDeviceMappings"):
        assert source in said
    assert cloud.changes() == []


def test_the_cloud_s_refusal_is_told_in_its_words(program, cloud):
    stack = program(IMAGE.format(arguments='snapshot_id="s-2013"'))
    said = one_line(stack.up(fails=True))
    (refused,) = [entry for entry in cloud.requests() if entry["action"] == "CreateImage"]
    assert refused["code"] in said
    assert re.search(r"[Rr]equest ?[Ii]d", said), "what the cloud's support asks for first"
    assert cloud.images() == {}


def test_an_unreachable_endpoint_is_named(program, cloud):
    stack = program(IMAGE.format(arguments='snapshot_id="s-system"'))
    stack.set_all({"alicloud:endpoints[0].ecs": "http://127.0.0.1:1"})
    said = one_line(stack.up(fails=True))
    assert "127.0.0.1:1" in said
    assert "refused" in said.lower()

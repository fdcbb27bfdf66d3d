"""`pulumi do … list`: the account's images, copies and shares, without a program or a state."""

import json

import emulator
import pytest
from project import plugin_binary
from test_lifecycle import wait_until_usable

# The cloud tells a hundred images at a time.
IMAGES = 99
COPIES = 3
SOURCE_REGION = "cn-beijing"
ACCOUNTS = [str(1_000_000_000_000_000 + number) for number in range(1, 13)]
SOURCE = {"SnapshotId": "s-system"}
# It looks for plugins that are installed, and not on PATH.
DO = ("do", "--package", str(plugin_binary()))


@pytest.fixture
def stack(program, cloud):
    """Whose settings the command does not read: those of the provider come from the environment."""
    stack = program({}, configured=False)
    stack.env |= {
        "ALICLOUD_ACCESS_KEY": emulator.KEY_ID,
        "ALICLOUD_SECRET_KEY": emulator.KEY_SECRET,
        "ALICLOUD_REGION": emulator.REGION,
        "ALIBABA_CLOUD_ENDPOINT_ECS": cloud.url,
    }
    return stack


@pytest.fixture
def listed(stack, cloud):
    """What a list has, each by its id, and how many calls that takes."""

    def listed(resource, *options):
        cloud.forget_requests()
        found = json.loads(stack.quiet(*DO, f"alicloud:ecs:{resource}", "list", *options))
        assert cloud.refusals() == []
        names = {each["id"]: each["name"] for each in found}
        assert len(names) == len(found), "listed twice"
        return names, len(cloud.requests())

    return listed


def test_lists_go_from_page_to_page_and_end_where_they_are_told_to(listed, stack, cloud):
    def made(action, name, more, key="ImageName", region=emulator.REGION):
        return cloud.call(action, RegionId=region, **{key: name}, **more)["ImageId"]

    source = made("CreateImage", "source", SOURCE, region=SOURCE_REGION)
    wait_until_usable(cloud, source)
    names = [f"web-{number:02}" for number in range(IMAGES)]
    images = {made("CreateImage", name, SOURCE): name for name in names}
    to = {"ImageId": source, "DestinationRegionId": emulator.REGION}
    copies = {
        made("CopyImage", name, to, "DestinationImageName", SOURCE_REGION): name
        for name in (f"copy-{number}" for number in range(COPIES))
    }
    for image in copies:
        wait_until_usable(cloud, image)
    every, shared = images | copies, next(iter(copies))

    page, calls = listed("Image")
    assert (len(page), calls) == (100, 1)
    assert page.items() <= every.items()
    assert listed("Image", "--all") == (every, 2)
    found, calls = listed("Image", "--count", "101")
    assert (len(found), calls) == (101, 2)
    assert found.items() <= every.items()
    narrowed = {image: name for image, name in images.items() if name.startswith("web-1")}
    assert listed("Image", "--all", "--image-name", "web-1", "--status", "ALL") == (narrowed, 1)

    assert listed("ImageCopy", "--all") == (copies, 2)

    for start in range(0, len(ACCOUNTS), 10):
        added = {f"AddAccount.{at}": account for at, account in enumerate(ACCOUNTS[start : start + 10], start=1)}
        cloud.call("ModifyImageSharePermission", ImageId=shared, **added)
    shares = {f"{shared}:{account}": account for account in ACCOUNTS}
    assert listed("ImageSharePermission", "--all", "--image-id", shared) == (shares, 1)
    found, calls = listed("ImageSharePermission", "--count", "5", "--image-id", shared)
    assert (len(found), calls) == (5, 1)
    assert found.items() <= shares.items()
    assert "imageId" in stack.run(*DO, "alicloud:ecs:ImageSharePermission", "list", fails=True)

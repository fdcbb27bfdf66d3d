"""The engine's ordinary commands on copies and shares."""

import pytest
from emulator import REGION
from program import COPY, SHARE, Copy, Share
from stack import diagnostics
from test_lifecycle import wait_until_usable

SOURCE_REGION, ACCOUNT = "cn-beijing", "1000000000000001"
IMPORT = ("--yes", "--generate-code=false", "--protect=false")


@pytest.fixture
def source(cloud):
    """An image in another region than the stack's."""
    made = cloud.call("CreateImage", RegionId=SOURCE_REGION, ImageName="source", SnapshotId="s-system")
    wait_until_usable(cloud, made["ImageId"])
    return made["ImageId"]


@pytest.fixture
def stack(program, cloud, source):
    return program({})


def say(stack, source, **given):
    """A copy, the accounts that may use it, and another copy."""
    common = {"sourceImageId": source, "sourceRegionId": SOURCE_REGION, "description": "tier 1"}
    stack.program.resources = {
        "copy": Copy(common | given),
        "share": Share({"accountId": ACCOUNT}, ids={"imageId": "copy"}),
        "other": Copy(common | {name: value for name, value in given.items() if name != "imageName"}),
    }


def ids(stack):
    return {name: resource["id"] for name, resource in stack.resources().items()}


def changes(cloud):
    """What was asked for, of which image."""
    return [(call.action, call.params["ImageId"]) for call in cloud.changes()]


def check_settled(stack, cloud):
    """Cloud and state hold the same copies and shares, and no preview would change them."""
    images = cloud.images()
    (here,) = [found for region, found in cloud.regions().items() if region == REGION]
    shares = [f"{image}:{account}" for image in here for account in images[image]["shared_with"]]
    assert sorted(ids(stack).values()) == sorted([*here, *shares])
    stack.preview("--expect-no-changes")


def test_targets_and_replacements(stack, source, cloud):
    say(stack, source)
    stack.up()
    first = ids(stack)
    check_settled(stack, cloud)

    # An update of one of two copies, and of the other.
    say(stack, source, description="tier 2")
    cloud.forget_requests()
    stack.up("--target", stack.urn("copy"))
    assert changes(cloud) == [("ModifyImageAttribute", first["copy"])]
    stack.up()
    assert changes(cloud)[1:] == [("ModifyImageAttribute", first["other"])]

    # A refresh of one of two that somebody has changed, and of the other.
    cloud.call("ModifyImageSharePermission", ImageId=first["copy"], **{"RemoveAccount.1": ACCOUNT})
    cloud.call("ModifyImageAttribute", ImageId=first["other"], Description="by hand")
    stack.run("refresh", "--yes", "--target", stack.urn("share"))
    assert ids(stack).keys() == {"copy", "other"}
    assert stack.resources()["other"]["outputs"]["description"] == "tier 2"
    stack.run("refresh", "--yes")
    assert stack.resources()["other"]["outputs"]["description"] == "by hand"
    cloud.forget_requests()
    stack.up()
    assert sorted(changes(cloud)) == sorted(
        [("ModifyImageSharePermission", first["copy"]), ("ModifyImageAttribute", first["other"])]
    )
    assert ids(stack) == first
    check_settled(stack, cloud)

    # A share that is made anew is the same, and does not go with the older entry. With another copy it is one of that.
    stack.up("--replace", stack.urn("share"))
    assert ids(stack) == first
    check_settled(stack, cloud)
    stack.up("--replace", stack.urn("copy"))
    second = ids(stack)
    assert second["copy"] != first["copy"] and second["other"] == first["other"]
    assert second["share"] == f"{second['copy']}:{ACCOUNT}"
    check_settled(stack, cloud)

    # What is shared is not deleted before the share is.
    stack.run("destroy", "--yes", "--target", stack.urn("share"))
    assert ids(stack).keys() == {"copy", "other"}
    stack.run("destroy", "--yes", "--target", stack.urn("copy"))
    assert list(cloud.regions()[REGION]) == [second["other"]]
    stack.up()
    check_settled(stack, cloud)
    stack.run("destroy", "--yes")
    assert list(cloud.regions()) == [SOURCE_REGION]
    assert cloud.refusals() == []


def test_what_the_state_forgot_is_imported(stack, source, cloud):
    def forget(*names):
        for name in names:
            stack.run("state", "delete", stack.urn(name), "--yes")

    say(stack, source, imageName="golden")
    stack.up()
    first = ids(stack)

    # A share is the same one again.
    forget("share")
    stack.up()
    assert ids(stack) == first
    check_settled(stack, cloud)

    # A name is taken, and the advice is good: the source, which the cloud does not tell, is the program's to say.
    forget("share", "copy")
    said = " ".join(diagnostics(stack.up(fails=True)).split())
    assert f"pulumi import {COPY} copy {first['copy']}" in said, said
    cloud.forget_requests()
    stack.run("import", COPY, "copy", first["copy"], *IMPORT)
    assert "sourceImageId" not in stack.resources()["copy"]["inputs"]
    stack.run("import", SHARE, "share", first["share"], *IMPORT)
    stack.up()
    assert cloud.changes() == []
    assert ids(stack) == first
    check_settled(stack, cloud)
    stack.run("refresh", "--yes")
    assert stack.resources()["copy"]["outputs"]["sourceImageId"] == source

    # The source may be told with the import.
    forget("share", "copy")
    stack.run("import", COPY, "copy", f"{SOURCE_REGION}/{source}/{first['copy']}", *IMPORT)
    stack.run("import", SHARE, "share", first["share"], *IMPORT)
    assert ids(stack) == first
    check_settled(stack, cloud)
    stack.run("refresh", "--yes", "--expect-no-changes")
    # An import does not tell that the share depends on the copy. The program does.
    stack.up()
    assert cloud.changes() == []
    stack.run("destroy", "--yes")
    assert list(cloud.regions()) == [SOURCE_REGION]

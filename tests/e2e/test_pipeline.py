"""The pipeline's whole life, in every language: an image, its copy in a second region, its shares and its family."""

import emulator
import pytest
from stack import Stack

IMAGE = "alicloud:ecs/image:Image"
SECOND_REGION = "cn-beijing"
ACCOUNTS = ("1000000000000001", "1000000000000002")
SHARES = {f"share-{account}" for account in ACCOUNTS}


@pytest.fixture
def pipeline(language, cloud, binary, tmp_path, request):
    folder = language.example(tmp_path / "program", "pipeline-")
    stack = Stack(folder, tmp_path / "home", binary, language.wire(folder))
    request.node.shown = lambda: (stack, cloud)
    # An explicit provider has nothing of the stack's settings.
    stack.env |= {
        "ALICLOUD_ACCESS_KEY": emulator.KEY_ID,
        "ALICLOUD_SECRET_KEY": emulator.KEY_SECRET,
        "ALIBABA_CLOUD_ENDPOINT_ECS": cloud.url,
    }
    stack.init(cloud)
    return stack


def shared_with(cloud, image):
    accounts = cloud.call("DescribeImageSharePermission", ImageId=image)["Accounts"]["Account"]
    return {account["AliyunId"] for account in accounts}


@pytest.mark.alike
def test_pipeline(pipeline, language, cloud):
    stack = pipeline
    assert stack.steps().keys() >= {"golden", "copy", *SHARES}
    assert cloud.changes() == [], "a preview changes nothing"

    stack.up()
    ids = stack.outputs()
    golden, copy = ids["goldenId"], ids["copyId"]
    assert cloud.regions() == {emulator.REGION: [golden], SECOND_REGION: [copy]}
    assert shared_with(cloud, golden) == set(ACCOUNTS)
    assert (ids["newestId"], ids["listedIds"]) == (golden, [golden])
    assert ids["newestName"] == cloud.images()[golden]["name"]
    assert ids["copyStatus"] == "Available"
    assert [call.params["DestinationRegionId"] for call in cloud.changes() if call.action == "CopyImage"] == [
        SECOND_REGION
    ]
    language.prebuild(stack)

    cloud.forget_requests()
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert cloud.changes() == []

    # Another description: both images are changed in place.
    stack.set(description="Base image of both tiers")
    assert stack.steps() == {"golden": "update", "copy": "update"}
    stack.up()
    assert {image["description"] for image in cloud.images().values()} == {"Base image of both tiers"}
    assert stack.outputs()["copyId"] == copy

    # Somebody takes a share away and deletes the copy: a refresh sees both, and `up` makes both again.
    cloud.call("ModifyImageSharePermission", ImageId=golden, **{"RemoveAccount.1": ACCOUNTS[0]})
    cloud.call("DeleteImage", RegionId=SECOND_REGION, ImageId=copy)
    stack.run("refresh", "--yes")
    assert stack.steps() == {"copy": "create", f"share-{ACCOUNTS[0]}": "create"}
    stack.up()
    again = stack.outputs()
    assert again["goldenId"] == golden and again["copyId"] != copy
    assert cloud.regions() == {emulator.REGION: [golden], SECOND_REGION: [again["copyId"]]}
    assert shared_with(cloud, golden) == set(ACCOUNTS)
    stack.preview("--expect-no-changes")

    # Shares go before their image.
    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert cloud.refusals() == []

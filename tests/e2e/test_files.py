"""An image made of a file and exported as files, in every language, from the first `up` to `destroy`."""

import emulator
import pytest
from stack import Stack

BUCKET = "b-images"


@pytest.fixture
def files(language, cloud, binary, tmp_path, request):
    folder = language.example(tmp_path / "program", "files-")
    stack = Stack(folder, tmp_path / "home", binary, language.wire(folder))
    request.node.shown = lambda: (stack, cloud)
    stack.env |= {"ALIBABA_CLOUD_ENDPOINT_OSS": cloud.url}
    stack.init(cloud)
    return stack


def exported(cloud):
    """The objects in the bucket that were not there at first."""
    objects = cloud.control("GET", "state")["buckets"].get(BUCKET, {"objects": {}})["objects"]
    return {name for name in objects if not name.startswith("disk.")}


@pytest.mark.alike
def test_files(files, language, cloud):
    stack = files
    assert stack.steps().keys() >= {"imported", "exported"}
    assert cloud.changes() == [], "a preview changes nothing"

    stack.up()
    outputs = stack.outputs()
    image = outputs["imageId"]
    assert cloud.images().keys() == {image}
    assert outputs["files"] == [f"web_{image}_system.raw.tar.gz"]
    assert exported(cloud) == set(outputs["files"])
    language.prebuild(stack)

    cloud.forget_requests()
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert cloud.changes() == []

    # Another description changes the image in place, another prefix exports it anew.
    stack.set(description="Base image of both tiers", prefix="both")
    steps = stack.steps()
    assert steps["imported"] == "update" and steps["exported"] in ("replace", "delete-replaced", "create-replacement")
    stack.up()
    assert stack.outputs()["imageId"] == image
    assert exported(cloud) == {f"both_{image}_system.raw.tar.gz"}

    # Somebody deletes the file: a refresh sees it, and `up` writes it again.
    gone = {"region": emulator.REGION, "bucket": BUCKET, "object": f"both_{image}_system.raw.tar.gz", "gone": True}
    cloud.control("POST", "change", [gone])
    stack.run("refresh", "--yes")
    assert stack.steps() == {"exported": "create"}
    stack.up()
    assert exported(cloud) == {f"both_{image}_system.raw.tar.gz"}

    stack.run("destroy", "--yes")
    assert cloud.images() == {} and exported(cloud) == set()
    # That the file is not there is the one answer that is none of success.
    assert {entry["action"] for entry in cloud.requests() if entry["status"] >= 400} == {"HeadObject"}

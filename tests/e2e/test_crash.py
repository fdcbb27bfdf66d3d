"""Killed at any instant, and run again: exactly the wanted image, and nothing to clean up by hand."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

NAMED = 'image_name="golden", '
# What holds the create where it is to be killed: before the cloud has made anything, and after the plugin knows the id.
HELD = {"before the image is made": "CreateImage", "while the image is waited for": "DescribeImages"}


def program_with(name):
    return (
        "import pulumi\nimport pulumi_alicloud as alicloud\n"
        f'image = alicloud.ecs.Image("image", {name}snapshot_id="s-system", description="a golden image")\n'
        'pulumi.export("id", image.id)\n'
    )


@pytest.mark.parametrize("instant", HELD)
@pytest.mark.parametrize("victim", ["plugin", "pulumi"])
@pytest.mark.parametrize("name", ["", NAMED], ids=["autonamed", "named"])
def test_a_create_that_is_killed_makes_one_image(program, cloud, name, victim, instant):
    stack = program(program_with(name))
    cloud.fault({"action": HELD[instant], "do": "hang", "times": 1000})
    process = start(stack, "up", "--yes", "--skip-preview")
    wait_for(lambda: any(entry["action"] == HELD[instant] for entry in cloud.requests()) or held(cloud, instant))
    kill(stack, victim, process)
    process.wait()
    cloud.clear_faults()

    stack.run("cancel", "--yes") if victim == "pulumi" else None
    stack.up()
    images = cloud.images()
    assert list(images) == [stack.outputs()["id"]]
    stack.preview("--expect-no-changes")
    stack.run("destroy", "--yes", "--skip-preview")
    assert cloud.images() == {}
    assert stack.resources() == {}


def held(cloud, instant):
    """A call that hangs is not served yet, so it may not be in the log; what came before it is."""
    return instant.startswith("while") and bool(cloud.images())


def start(stack, *args):
    return subprocess.Popen(
        ["pulumi", *args, "--non-interactive", "--color=never"],
        cwd=stack.folder,
        env=stack.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(stack, victim, process):
    if victim == "pulumi":
        process.kill()
        return
    home = f"PULUMI_HOME={stack.env['PULUMI_HOME']}".encode()
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            ours = home in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if ours and Path(os.fsdecode(words[0])).name == "pulumi-resource-alicloud":
            os.kill(int(folder.name), signal.SIGKILL)
            killed += 1
    assert killed, "no plugin was running"


def wait_for(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("what was waited for did not happen")

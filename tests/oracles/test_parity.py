"""The same call through the plugin and through the official SDKs reaches the cloud with the same business parameters.

The plugin and each SDK get an emulator and an image of their own. What is compared is the log of what arrived: every
parameter of the call but those of the protocol (key, signature, time), the images' ids, and the ClientToken, which the
plugin makes itself. The right side of each test is written by hand from the cloud's documentation.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import threading

import clients
import pytest

HERE = pathlib.Path(__file__).resolve().parent
IMAGE = "<the image>"
FLAGS = ("--image-ready-after", "0s")
NASTY = "a&b=c d+e%2F/~*'(!)é空🜂\t\"\\"
# The Python SDKs write a boolean as Python does, the Node.js SDK and the plugin as JSON does. The cloud's documentation
# says `true` and `false`, and the cloud takes either.
PYTHON_WORDS = {("DeleteImage", "Force", "True"): "true"}
TAGS = {"Tëam 空/1": "web & co=+%20~*", "empty": "", "plain": "value"}


@pytest.fixture(scope="session")
def node():
    """A process of the official Node.js SDK, which takes longer to load than to use. Without Node.js the tests that
    need it are skipped, which counts as failed in CI."""
    for tool in ("node", "npm"):
        if subprocess.run(["which", tool], stdout=subprocess.DEVNULL).returncode:
            pytest.skip(f"{tool} is missing, so the official Node.js SDK cannot be asked")
    made = subprocess.run([HERE / "node" / "modules"], stdout=subprocess.PIPE, text=True, check=True)
    environment = {**os.environ, "ORACLE_NODE_MODULES": made.stdout.strip()}
    with tempfile.TemporaryFile("w+") as said:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": said}
        with subprocess.Popen(["node", HERE / "node" / "call.mjs"], env=environment, text=True, **pipes) as process:
            yield process, said
            process.stdin.close()


class Node:
    """@alicloud/ecs20140526."""

    def __init__(self, process, emulator, key_id, secret):
        self.process, self.said = process
        self.fixed = {"endpoint": emulator.host, "key": key_id, "secret": secret, "region": clients.REGION}

    def __call__(self, action, **parameters):
        call = {**self.fixed, "action": action, "parameters": {"RegionId": clients.REGION, **parameters}}
        patience = threading.Timer(120, self.process.kill)
        patience.start()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(call) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        patience.cancel()
        self.said.seek(0)
        assert line, f"Node.js has ended, in this call or in an earlier one: {self.said.read()}"
        said = json.loads(line)
        if "refused" in said:
            raise clients.Refused(**said["refused"])
        return said["answer"]


@pytest.fixture(params=[*(maker.name for maker in clients.ALL), "node"])
def sdk(request, start):
    """An official SDK with an emulator of its own."""
    theirs = start(*FLAGS)
    if request.param == "node":
        return theirs, Node(request.getfixturevalue("node"), theirs, *clients.KEY)
    (maker,) = [maker for maker in clients.ALL if maker.name == request.param]
    return theirs, maker(theirs, *clients.KEY)


class Ours:
    def __init__(self, plug, emulator):
        self.cloud = emulator
        self.plugin = plug().configure(
            region=clients.REGION,
            accessKey=clients.KEY[0],
            secretKey=clients.KEY[1],
            endpoints=json.dumps([{"ecs": emulator.url}]),
        )

    def create(self, **inputs):
        image_id, self.state = self.plugin.create("parity", inputs)
        self.inputs = inputs
        return image_id

    def change(self, image_id, **changes):
        inputs = {key: value for key, value in {**self.inputs, **changes}.items() if value is not None}
        self.state = self.plugin.update(image_id, "parity", self.state, self.inputs, inputs)
        self.inputs = inputs

    def delete(self, image_id):
        self.plugin.delete(image_id, "parity", self.state, self.inputs)


@pytest.fixture
def ours(plug, start):
    return Ours(plug, start(*FLAGS))


def arrived(emulator, action, image_id=None):
    """The parameters of each such call that arrived, but for the ClientToken and the image's id."""
    calls = []
    for entry in emulator.requests(action):
        assert entry["status"] == 200, entry
        assert entry["params"]["RegionId"] == clients.REGION
        calls.append(
            {
                name: IMAGE if value == image_id else value
                for name, value in entry["params"].items()
                if name != "ClientToken"
            }
        )
    return calls


def wire_tags(tags):
    """The plugin sends tags in the order of their keys; so do the calls it is compared with."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


CREATIONS = {
    "instance": (
        {
            "instanceId": "i-running",
            "imageName": "from-instance",
            "description": NASTY,
            "imageFamily": "golden.web",
            "imageVersion": "2026.11",
            "detectionStrategy": "Standard",
            "resourceGroupId": "rg-other",
            "bootMode": "UEFI-Preferred",
            "tags": TAGS,
        },
        {
            "InstanceId": "i-running",
            "ImageName": "from-instance",
            "Description": NASTY,
            "ImageFamily": "golden.web",
            "ImageVersion": "2026.11",
            "DetectionStrategy": "Standard",
            "ResourceGroupId": "rg-other",
            "BootMode": "UEFI-Preferred",
            "Tag": wire_tags(TAGS),
        },
    ),
    "snapshot": (
        {
            "snapshotId": "s-system",
            "imageName": "from-snapshot",
            "architecture": "arm64",
            "platform": "Fedora CoreOS",
            "features": {"imdsSupport": "v2"},
        },
        {
            "SnapshotId": "s-system",
            "ImageName": "from-snapshot",
            "Architecture": "arm64",
            "Platform": "Fedora CoreOS",
            "Features": {"ImdsSupport": "v2"},
        },
    ),
    "disks": (
        {
            "diskDeviceMappings": [
                {"snapshotId": "s-system", "size": 50, "diskType": "system", "device": "/dev/xvda"},
                {"snapshotId": "s-data", "diskType": "data"},
                {"size": 20, "device": "/dev/xvdz"},
            ],
            "imageName": "from-disks",
            "tags": {"one": "1"},
        },
        {
            "DiskDeviceMapping": [
                {"SnapshotId": "s-system", "Size": 50, "DiskType": "system", "Device": "/dev/xvda"},
                {"SnapshotId": "s-data", "DiskType": "data"},
                {"Size": 20, "Device": "/dev/xvdz"},
            ],
            "ImageName": "from-disks",
            "Tag": [{"Key": "one", "Value": "1"}],
        },
    ),
}


@pytest.mark.parametrize("inputs, parameters", CREATIONS.values(), ids=CREATIONS)
def test_an_image_is_asked_for_in_the_same_words(ours, sdk, inputs, parameters):
    theirs, client = sdk
    ours.create(**inputs)
    client("CreateImage", **parameters)
    assert arrived(ours.cloud, "CreateImage") == arrived(theirs, "CreateImage")


def test_an_image_is_looked_up_in_the_same_words(ours, sdk):
    theirs, client = sdk
    ours.plugin.read("m-system")
    client("DescribeImages", ImageId="m-system", Status="ALL")
    assert arrived(ours.cloud, "DescribeImages") == arrived(theirs, "DescribeImages")


@pytest.fixture
def pair(ours, sdk):
    """The same image on both sides: (ours, its id, their emulator, their client, its id)."""
    theirs, client = sdk
    tags = {"keep": "1", "drop/é": "2", "change": "3"}
    mine = ours.create(snapshotId="s-system", imageName="before", description="before", imageFamily="before", tags=tags)
    their = client("CreateImage", SnapshotId="s-system", ImageName="before", Tag=wire_tags(tags))["ImageId"]
    return ours, mine, theirs, client, their


def same(pair, action):
    ours, mine, theirs, client, their = pair
    sent, official = arrived(ours.cloud, action, mine), arrived(theirs, action, their)
    if not isinstance(client, Node):
        official = [
            {name: PYTHON_WORDS.get((action, name, value), value) for name, value in call.items()} for call in official
        ]
    assert len(sent) == 1
    assert sent == official


def test_attributes_are_changed_in_the_same_words(pair):
    ours, mine, _, client, their = pair
    ours.change(
        mine,
        imageName="after",
        description=NASTY,
        imageFamily="family-2",
        bootMode="UEFI",
        licenseType="BYOL",
        features={"nvmeSupport": "supported", "imdsSupport": "v2"},
    )
    client(
        "ModifyImageAttribute",
        ImageId=their,
        ImageName="after",
        Description=NASTY,
        ImageFamily="family-2",
        BootMode="UEFI",
        LicenseType="BYOL",
        Features={"NvmeSupport": "supported", "ImdsSupport": "v2"},
    )
    same(pair, "ModifyImageAttribute")


def test_attributes_are_cleared_in_the_same_words(pair):
    ours, mine, _, client, their = pair
    ours.change(mine, description=None, imageFamily=None)
    client("ModifyImageAttribute", ImageId=their, Description="", ImageFamily="")
    same(pair, "ModifyImageAttribute")


def test_tags_come_and_go_in_the_same_words(pair):
    ours, mine, _, client, their = pair
    ours.change(mine, tags={"keep": "1", "change": "", **TAGS})
    on = {"ResourceType": "image", "ResourceId": [their]}
    client("UntagResources", **on, TagKey=["drop/é"])
    client("TagResources", **on, Tag=wire_tags({"change": "", **TAGS}))
    same(pair, "UntagResources")
    same(pair, "TagResources")


def test_a_group_is_joined_in_the_same_words(pair):
    ours, mine, _, client, their = pair
    ours.change(mine, resourceGroupId="rg-other")
    client("JoinResourceGroup", ResourceType="image", ResourceId=their, ResourceGroupId="rg-other")
    same(pair, "JoinResourceGroup")


@pytest.mark.parametrize("force", [False, True], ids=["unless-in-use", "by-force"])
def test_an_image_is_deleted_in_the_same_words(pair, force):
    ours, mine, _, client, their = pair
    if force:
        ours.change(mine, force=True)
    ours.delete(mine)
    client("DeleteImage", ImageId=their, **({"Force": True} if force else {}))
    same(pair, "DeleteImage")

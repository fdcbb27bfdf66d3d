"""Killed at any instant, and run again: exactly the wanted images, and nothing to clean up by hand.

For each operation its calls are recorded in a run that nothing harms. Then, for each moment of each call, the plugin or the
command is killed at exactly that moment, and a user does what the engine says: runs the command again, after `pulumi
cancel` where a killed command has left the stack locked.
"""

import os
import queue
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest
from emulator import Emulator
from program import Image
from proxy import instants
from stack import images_of

PATIENCE = 120
# What a user takes to see what happened and to run the command again, in the cloud's time.
LATER_MS = 60_000
STOCK = {"s-system", "s-data", "s-2013"}

GOLDEN = {
    "imageName": "golden",
    "instanceId": "i-running",
    "description": "a golden image",
    "imageFamily": "family",
    "resourceGroupId": "rg-default",
    "tags": {"kept": "1", "changed": "1", "removed": "1"},
    "deleteAutoSnapshot": True,
}
CHANGED = GOLDEN | {
    "imageName": "golden-2",
    "description": "another text",
    "resourceGroupId": "rg-other",
    "tags": {"kept": "1", "changed": "2", "added": "1"},
}
AUTONAMED = {"snapshotId": "s-system", "description": "a golden image"}
OF_AN_INSTANCE = {"instanceId": "i-running", "description": "a golden image", "deleteAutoSnapshot": True}


@dataclass(frozen=True)
class Operation:
    """What the program says of the image before and after; `None` stands for no image."""

    before: dict | None
    after: dict | None

    @property
    def command(self):
        return ("destroy" if self.after is None else "up", "--yes", "--skip-preview")


OPERATIONS = {
    "create, named": Operation(None, GOLDEN | {"licenseType": "BYOL"}),
    "create, autonamed": Operation(None, AUTONAMED),
    "update": Operation(GOLDEN, CHANGED),
    "replace, delete first": Operation(GOLDEN, GOLDEN | {"instanceId": "i-stopped"}),
    "replace, create first": Operation(AUTONAMED, OF_AN_INSTANCE),
    "delete": Operation(GOLDEN, None),
}


class Scene:
    """One operation on one stack, again and again from the same beginning."""

    def __init__(self, operation, stack, images, proxy, binary, folder):
        self.operation, self.stack, self.images, self.proxy = operation, stack, images, proxy
        self.binary, self.folder = binary, folder
        self.cloud = None
        self.proxy.ticks = True
        self.start_cloud()
        stack.init(proxy)
        self.say(operation.before)
        stack.up()
        self.stop_cloud()
        stack.save(folder / "stack")
        shutil.copy(folder / "cloud.json", folder / "beginning.json")

    def start_cloud(self):
        flags = ("--manual-clock", "--state", self.folder / "cloud.json")
        self.cloud = Emulator(self.binary, self.folder / "emulator.log", *flags, image_ready_after="1s")
        self.proxy.cloud = self.cloud

    def stop_cloud(self):
        self.cloud.stop()

    def say(self, inputs):
        self.images.images = {} if inputs is None else {"image": Image(inputs)}

    def begin(self):
        self.stop_cloud()
        shutil.copy(self.folder / "beginning.json", self.folder / "cloud.json")
        self.start_cloud()
        self.stack.restore(self.folder / "stack")
        self.say(self.operation.after)

    def unharmed(self):
        """The calls that the operation makes, and what it leaves."""
        self.begin()
        self.proxy.watch()
        self.stack.run(*self.operation.command)
        calls = list(self.proxy.seen)
        wanted = self.made()
        self.check(wanted)
        return calls, wanted

    def harmed(self, instant, victim, wanted):
        self.begin()
        started = queue.Queue()
        self.proxy.watch(instant, lambda: self.kill(victim, started.get(timeout=PATIENCE)))
        process = self.stack.start(*self.operation.command)
        started.put(process)
        self.stack.end(process, PATIENCE)
        assert self.proxy.struck, f"the instant did not come; calls: {', '.join(self.proxy.seen)}"

        self.cloud.advance(LATER_MS)
        self.proxy.watch()
        if victim == "pulumi":
            self.stack.run("cancel", "--yes")
        self.stack.run(*self.operation.command)
        if self.stack.deployment().get("pending_operations"):
            # The engine goes on warning of a create that it has not seen the end of, till it is told that all is well.
            self.stack.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--expect-no-changes")
        self.check(wanted)

    def kill(self, victim, process):
        """While the call is held, so that nothing else happens meanwhile."""
        plugins = self.stack.plugins()
        assert len(plugins) == 1, f"plugins: {plugins}"
        if victim == "plugin":
            os.kill(plugins[0], signal.SIGKILL)
        else:
            process.kill()
        # A plugin ends with its engine.
        give_up = time.monotonic() + PATIENCE
        while self.stack.plugins():
            assert time.monotonic() < give_up, "the plugin outlives the engine"
            time.sleep(0.01)

    def made(self):
        """The account's images as far as they are the same each time they are made."""
        plain = ("description", "family", "license_type", "resource_group", "tags", "status", "usable")
        autonamed = self.operation.after is not None and "imageName" not in self.operation.after
        return [
            {
                **{key: image[key] for key in plain},
                "name": image["name"][: len("image-")] if autonamed else image["name"],
                "disks": [(disk["device"], disk["size"]) for disk in image["disks"]],
            }
            for image in self.cloud.images().values()
        ]

    def check(self, wanted):
        made = self.made()
        assert made == wanted
        assert len(made) == (0 if self.operation.after is None else 1)
        images = self.cloud.images()
        used = {disk["snapshot"] for image in images.values() for disk in image["disks"]}
        assert self.cloud.snapshots().keys() - STOCK == used - STOCK, "snapshots of no image"
        deployment = self.stack.deployment()
        assert [found["id"] for found in images_of(deployment)] == list(images)
        assert not deployment.get("pending_operations")
        if self.operation.after is None:
            assert not deployment.get("resources")
            return
        self.stack.preview("--expect-no-changes")
        self.stack.run("destroy", "--yes", "--skip-preview")
        assert self.cloud.images() == {}
        assert self.cloud.snapshots().keys() <= STOCK
        assert images_of(self.stack.deployment()) == []


@pytest.mark.parametrize("victim", ["plugin", "pulumi"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_every_instant(operation, victim, hosted, images, proxy, binary, tmp_path, request):
    scene = Scene(OPERATIONS[operation], hosted, images, proxy, binary, tmp_path)
    failures = {}
    try:
        calls, wanted = scene.unharmed()
        for instant in instants(calls):
            before = len(hosted.transcript)
            failed = None
            try:
                scene.harmed(instant, victim, wanted)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed = str(error).splitlines()[0]
                failures[str(instant)] = "\n".join([str(error), *hosted.transcript[before:]])
            request.node.user_properties.append(("crash", (operation, str(instant), victim, failed)))
    finally:
        scene.stop_cloud()
    told = (f"== killed {victim}, {instant}:\n{text}" for instant, text in failures.items())
    assert not failures, f"{len(failures)} cells failed\n" + "\n".join(told)

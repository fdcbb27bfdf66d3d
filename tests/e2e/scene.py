"""One operation on one image, again and again from the same beginning, and what happens in the middle of it."""

import queue
import shutil
import time
from dataclasses import dataclass, field

from emulator import Emulator
from program import Image
from stack import images_of

PATIENCE = 120
# What a user takes to see what happened and to run the command again, in seconds of the
# cloud's time.
LATER = 60
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
    # The one change after which the image is looked at.
    "licenseType": "BYOL",
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
    command: str = "up"
    timeouts: dict = field(default_factory=dict)


OPERATIONS = {
    "create, named": Operation(None, GOLDEN | {"licenseType": "BYOL"}),
    "create, autonamed": Operation(None, AUTONAMED),
    "update": Operation(GOLDEN, CHANGED),
    "replace, delete first": Operation(GOLDEN, GOLDEN | {"instanceId": "i-stopped"}),
    "replace, create first": Operation(AUTONAMED, OF_AN_INSTANCE),
    "delete": Operation(GOLDEN, None, "destroy"),
    "refresh": Operation(GOLDEN, GOLDEN, "refresh"),
}


class Scene:
    """The cloud's clock stands still but for the proxy's ticks, so that each run makes the same calls."""

    def __init__(self, stack, proxy):
        self.stack, self.proxy = stack, proxy
        self.state, self.saved_state = stack.home / "state", stack.home / "saved-state"
        self.clouds, self.saved_clouds = stack.home / "cloud.json", stack.home / "saved-cloud.json"
        self.cloud = self.operation = None

    def prepare(self, operation):
        self.operation = operation
        self.proxy.ticks = True
        self.open()
        self.stack.init_quickly(self.proxy)
        self.say(operation.before)
        self.stack.up()
        self.close()
        shutil.copytree(self.state, self.saved_state)
        shutil.copy(self.clouds, self.saved_clouds)

    def open(self):
        self.cloud = self.proxy.cloud = Emulator("--manual-clock", "--state", self.clouds, "--image-ready-after", "1s")

    def close(self):
        if self.cloud:
            self.cloud.stop()
            self.cloud = None

    def say(self, inputs):
        image = None if inputs is None else Image(inputs, self.operation.timeouts)
        self.stack.program.images = {"image": image} if image else {}

    def begin(self):
        """All is as it was before the operation."""
        self.close()
        shutil.copy(self.saved_clouds, self.clouds)
        self.open()
        shutil.rmtree(self.state)
        shutil.copytree(self.saved_state, self.state)
        self.say(self.operation.after)

    def run(self, **options):
        return self.stack.run(self.operation.command, "--yes", **options)

    def unharmed(self):
        """The calls that the operation makes, and what it leaves."""
        self.begin()
        self.proxy.watch()
        self.run()
        calls, wanted = list(self.proxy.seen), self.made()
        self.check(wanted)
        return calls, wanted

    def harmed(self, instant, strike):
        """What the command prints at whose `instant` the `strike` comes, which is told the process."""
        self.begin()
        started = queue.Queue()
        self.proxy.watch(instant, lambda: strike(started.get(timeout=PATIENCE)))
        process = self.stack.start(self.operation.command, "--yes")
        started.put(process)
        printed = self.stack.end(process, PATIENCE)
        with self.proxy.turn:
            assert self.proxy.struck, f"the instant did not come; calls: {', '.join(self.proxy.seen)}"
        self.wait_for_no_plugin()
        self.cloud.advance(LATER)
        self.proxy.watch()
        return printed

    def wait_for_no_plugin(self):
        """A plugin ends with its engine."""
        give_up = time.monotonic() + PATIENCE
        while self.stack.plugins():
            assert time.monotonic() < give_up, "the plugin outlives the engine"
            time.sleep(0.01)

    def unknown(self):
        """The images that the state does not hold."""
        held = {found.get("id") for found in images_of(self.stack.deployment())}
        return [image for image in self.cloud.images().values() if image["id"] not in held]

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
        """Cloud and state hold what is wanted and nothing else, no preview would change it, and all of it goes."""
        made = self.made()
        assert made == wanted, f"{made} is not {wanted}"
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
        self.stack.run("destroy", "--yes")
        assert self.cloud.images() == {}
        assert self.cloud.snapshots().keys() <= STOCK
        assert images_of(self.stack.deployment()) == []

"""One operation on one image, copy, import, export or share, again and again from the same beginning, and what happens
in the middle of it."""

import json
import queue
import re
import shutil
import time
from dataclasses import dataclass, field

from emulator import REGION, Emulator
from program import Copy, Export, Image, Import, Share
from stack import resources_of

PATIENCE = 120
# What a user takes to see what happened and to run the command again, in seconds of the
# cloud's time.
LATER = 60
# How long an image or a copy is made for, in seconds of the cloud's time: until one of the first looks, or longer than
# any scene.
SOON, NOT_SOON = 1, 3600
STOCK = {"s-system", "s-data", "s-2013"}
# Where each kind of resource finds the two images that it is made of, and what stands for their ids in its inputs. No
# program of a scene makes them.
SOURCES = {Copy: "cn-beijing", Export: REGION, Share: REGION}
SOURCE, ANOTHER = "m-source", "m-another"

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
COPIED = {
    "sourceImageId": SOURCE,
    "sourceRegionId": SOURCES[Copy],
    "imageName": "golden",
    "description": "a golden copy",
    "tags": {"kept": "1", "changed": "1", "removed": "1"},
    "deleteAutoSnapshot": True,
}
COPY_CHANGED = COPIED | {
    "imageName": "golden-2",
    "description": "another text",
    "resourceGroupId": "rg-other",
    "tags": {"kept": "1", "changed": "2", "added": "1"},
}
COPY_AUTONAMED = {name: COPIED[name] for name in ("sourceImageId", "sourceRegionId", "deleteAutoSnapshot")}
IMPORTED = {
    "diskDeviceMappings": [{"ossBucket": "b-images", "ossObject": "disk.qcow2"}],
    "imageName": "golden",
    "description": "a golden image",
    "tags": {"kept": "1", "changed": "1", "removed": "1"},
    "deleteAutoSnapshot": True,
}
IMPORT_CHANGED = IMPORTED | {
    "imageName": "golden-2",
    "description": "another text",
    "licenseType": "BYOL",
    "tags": {"kept": "1", "changed": "2", "added": "1"},
}
IMPORT_AUTONAMED = {name: IMPORTED[name] for name in ("diskDeviceMappings", "deleteAutoSnapshot")}
ANOTHER_FILE = {"diskDeviceMappings": [{"ossBucket": "b-images", "ossObject": "disk.raw"}]}
EXPORTED = {"imageId": SOURCE, "ossBucket": "b-images", "ossPrefix": "web"}
# What differs from one run to the next: ids, marks, automatic names and times.
FRESH = re.compile(r"\b[mst]-[0-9a-z]{20}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\bimage-[0-9a-f]{7}\b")
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z")
SHARED = {"imageId": SOURCE, "accountId": "1000000000000001"}


@dataclass(frozen=True)
class Operation:
    """What the program says of the resource before and after; `None` stands for none. One that begins `late` finds the
    resource still being made, as its time has run out."""

    before: dict | None
    after: dict | None
    command: str = "up"
    timeouts: dict = field(default_factory=dict)
    kind: type = Image
    late: bool = False


OPERATIONS = {
    "create, named": Operation(None, GOLDEN | {"licenseType": "BYOL"}),
    "create, autonamed": Operation(None, AUTONAMED),
    "update": Operation(GOLDEN, CHANGED),
    "replace, delete first": Operation(GOLDEN, GOLDEN | {"instanceId": "i-stopped"}),
    "replace, create first": Operation(AUTONAMED, OF_AN_INSTANCE),
    "delete": Operation(GOLDEN, None, "destroy"),
    "refresh": Operation(GOLDEN, GOLDEN, "refresh"),
    "copy: create, named": Operation(None, COPIED, kind=Copy),
    "copy: create, autonamed": Operation(None, COPY_AUTONAMED, kind=Copy),
    "copy: update": Operation(COPIED, COPY_CHANGED, kind=Copy),
    "copy: replace": Operation(COPY_AUTONAMED, COPY_AUTONAMED | {"sourceImageId": ANOTHER}, kind=Copy),
    "copy: delete": Operation(COPIED, None, "destroy", kind=Copy),
    "copy: delete under way": Operation(COPIED, None, "destroy", {"create": "1s"}, Copy, late=True),
    "import: create, named": Operation(None, IMPORTED, kind=Import),
    "import: create, autonamed": Operation(None, IMPORT_AUTONAMED, kind=Import),
    "import: update": Operation(IMPORTED, IMPORT_CHANGED, kind=Import),
    "import: replace": Operation(IMPORT_AUTONAMED, IMPORT_AUTONAMED | ANOTHER_FILE, kind=Import),
    "import: delete": Operation(IMPORTED, None, "destroy", kind=Import),
    "import: delete under way": Operation(IMPORTED, None, "destroy", {"create": "1s"}, Import, late=True),
    "export: create": Operation(None, EXPORTED, kind=Export),
    "export: replace": Operation(EXPORTED, EXPORTED | {"ossPrefix": "both"}, kind=Export),
    "export: delete": Operation(EXPORTED, None, "destroy", kind=Export),
    "export: delete under way": Operation(EXPORTED, None, "destroy", {"create": "1s"}, Export, late=True),
    "share: create": Operation(None, SHARED, kind=Share),
    "share: replace": Operation(SHARED, SHARED | {"accountId": "1000000000000002"}, kind=Share),
    "share: delete": Operation(SHARED, None, "destroy", kind=Share),
}


class Scene:
    """The cloud's clock stands still but for the proxy's ticks, so that each run makes the same calls."""

    def __init__(self, stack, proxy):
        self.stack, self.proxy = stack, proxy
        self.state, self.saved_state = stack.home / "state", stack.home / "saved-state"
        self.clouds, self.saved_clouds = stack.home / "cloud.json", stack.home / "saved-cloud.json"
        self.cloud = self.operation = None
        self.sources = {}
        self.files = set()
        self.proved = set()

    def prepare(self, operation):
        self.operation = operation
        self.open()
        self.files = self.objects()
        if region := SOURCES.get(operation.kind):
            for source in (SOURCE, ANOTHER):
                made = self.cloud.call("CreateImage", RegionId=region, ImageName=source, SnapshotId="s-system")
                self.sources[source] = made["ImageId"]
            self.cloud.advance(2 * NOT_SOON)
        self.proxy.ticks = True
        self.stack.env["ALIBABA_CLOUD_ENDPOINT_OSS"] = self.proxy.url
        self.stack.init_quickly(self.proxy)
        self.say(operation.before)
        self.stack.up(fails=operation.late)
        self.close()
        shutil.copytree(self.state, self.saved_state)
        shutil.copy(self.clouds, self.saved_clouds)

    def open(self):
        ready_after = NOT_SOON if self.operation.late else SOON
        self.cloud = self.proxy.cloud = Emulator(
            "--manual-clock", "--state", self.clouds, "--image-ready-after", f"{ready_after}s"
        )

    def close(self):
        if self.cloud:
            self.cloud.stop()
            self.cloud = None

    def say(self, inputs):
        self.stack.program.resources = {}
        if inputs is not None:
            inputs = {
                name: self.sources.get(value, value) if isinstance(value, str) else value
                for name, value in inputs.items()
            }
            self.stack.program.resources["image"] = self.operation.kind(inputs, self.operation.timeouts)

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

    def images(self):
        """The account's images, by id, without those that were there before."""
        sources = self.sources.values()
        return {image: found for image, found in self.cloud.images().items() if image not in sources}

    def shares(self):
        """The account's shares, by the ids that they have in a state."""
        names = {image: source for source, image in self.sources.items()}
        return {
            f"{image}:{account}": (names.get(image, image), account)
            for image, found in self.cloud.images().items()
            for account in found["shared_with"]
        }

    def objects(self):
        """All that is in buckets, by its path."""
        buckets = self.cloud.control("GET", "state")["buckets"]
        return {f"{bucket}/{name}" for bucket, found in buckets.items() for name in found["objects"]}

    def exported(self):
        """What exports have written, by the ids that they have in a state."""
        names = {image: source for source, image in self.sources.items()}
        return {
            image: path.replace(image, names[image])
            for path in sorted(self.objects() - self.files)
            for image in names
            if image in path
        }

    def unknown(self):
        """The images that the state does not hold."""
        held = {found.get("id") for found in resources_of(self.stack.deployment())}
        return [image for image in self.images().values() if image["id"] not in held]

    def made(self):
        """The account's images, files and shares as far as they are the same each time they are made."""
        plain = ("description", "family", "license_type", "resource_group", "tags", "status", "usable")
        autonamed = self.operation.after is not None and "imageName" not in self.operation.after
        images = [
            {
                **{key: image[key] for key in plain},
                "name": image["name"][: len("image-")] if autonamed else image["name"],
                "disks": [(disk["device"], disk["size"]) for disk in image["disks"]],
                "copied_from": image["copied_from"],
            }
            for image in self.images().values()
        ]
        return [*images, *self.exported().values(), *self.shares().values()]

    def check(self, wanted):
        """Cloud and state hold what is wanted and nothing else, no preview would change it, and all of it goes. The
        last two are tried once for all states of the same shape."""
        made = self.made()
        assert made == wanted, f"{made} is not {wanted}"
        assert len(made) == (0 if self.operation.after is None else 1)
        used = {disk["snapshot"] for image in self.images().values() for disk in image["disks"]}
        assert self.cloud.snapshots().keys() - STOCK == used - STOCK, "snapshots of no image"
        deployment = self.stack.deployment()
        assert [found["id"] for found in resources_of(deployment)] == [*self.images(), *self.exported(), *self.shares()]
        assert not deployment.get("pending_operations")
        if self.operation.after is None:
            assert not deployment.get("resources")
            return
        shape = shape_of(deployment["resources"])
        if shape in self.proved:
            return
        self.stack.preview("--expect-no-changes")
        self.stack.run("destroy", "--yes")
        assert self.made() == []
        assert self.cloud.snapshots().keys() <= STOCK
        assert resources_of(self.stack.deployment()) == []
        self.proved.add(shape)


def shape_of(resources):
    """Two states of the same shape differ in nothing but what each run makes anew."""
    numbers = {}
    text = TIME.sub("", json.dumps(resources, sort_keys=True))
    return FRESH.sub(lambda found: f"<{numbers.setdefault(found[0], len(numbers))}>", text)

"""`customTimeouts` hold to the second, say what to do, and lose nothing."""

import time
from dataclasses import replace

import pytest
from cases import sampled
from late import Late
from program import Copy, Export, Import, Share
from proxy import BEFORE, Instant
from scene import CHANGED, COPIED, EXPORTED, GOLDEN, IMPORTED, PATIENCE, SHARED, Operation
from stack import diagnostics

SECONDS = 3
# What more an operation may take than it is allowed, beside what a machine with other things to do makes of it.
SLACK = 1.0

NAMED = Operation(None, GOLDEN | {"licenseType": "BYOL"}, timeouts={"create": f"{SECONDS}s"})
UPDATE = Operation(GOLDEN, CHANGED, timeouts={"update": f"{SECONDS}s"})
DELETE = Operation(GOLDEN, None, "destroy", timeouts={"delete": f"{SECONDS}s"})
COPY = Operation(None, COPIED, timeouts={"create": f"{SECONDS}s"}, kind=Copy)
IMPORT = Operation(None, IMPORTED, timeouts={"create": f"{SECONDS}s"}, kind=Import)
EXPORT = Operation(None, EXPORTED, timeouts={"create": f"{SECONDS}s"}, kind=Export)
EXPORT_DELETE = Operation(EXPORTED, None, "destroy", timeouts={"delete": f"{SECONDS}s"}, kind=Export)
SHARE = Operation(None, SHARED, timeouts={"create": f"{SECONDS}s"}, kind=Share)


def hold(process):
    process.wait(PATIENCE)


KEEP_WAITING = "Run `pulumi up` again to keep waiting"
AGAIN = ("time ran out after", "Run the command again", "customTimeouts allows more time")
# What never ends, and what the user is told.
CASES = {
    "create: never usable": (NAMED, None, ("not usable after 3 s", KEEP_WAITING, "customTimeouts.create")),
    "create: CreateImage": (NAMED, Instant(BEFORE, "CreateImage", 1), ("CreateImage: ", *AGAIN)),
    "create: the account's images": (NAMED, Instant(BEFORE, "DescribeImages", 1), ("DescribeImages: ", *AGAIN)),
    "create: the first look": (
        NAMED,
        Instant(BEFORE, "DescribeImages", 2),
        ("not usable after 3 s: it is not visible", KEEP_WAITING, "customTimeouts.create"),
    ),
    "create: a look": (NAMED, Instant(BEFORE, "DescribeImages", 3), ("customTimeouts.create",)),
    "create: ModifyImageAttribute": (
        NAMED,
        Instant(BEFORE, "ModifyImageAttribute", 1),
        ("ModifyImageAttribute: ", *AGAIN),
    ),
    "create: the name": (NAMED, Instant(BEFORE, "ModifyImageAttribute", 2), ("ModifyImageAttribute: ", *AGAIN)),
    "update: ModifyImageAttribute": (
        UPDATE,
        Instant(BEFORE, "ModifyImageAttribute", 1),
        ("ModifyImageAttribute: ", *AGAIN),
    ),
    "update: TagResources": (UPDATE, Instant(BEFORE, "TagResources", 1), ("TagResources: ", *AGAIN)),
    "delete: never gone": (DELETE, "DeleteImage", ("still there 3 s after", "again", "customTimeouts.delete")),
    "delete: DeleteImage": (DELETE, Instant(BEFORE, "DeleteImage", 1), ("DeleteImage: ", *AGAIN)),
    "copy: never usable": (COPY, None, ("not usable after 3 s", KEEP_WAITING, "customTimeouts.create")),
    "import: never usable": (IMPORT, None, ("not usable after 3 s", KEEP_WAITING, "customTimeouts.create")),
    "export: never ended": (
        EXPORT,
        None,
        ("has not ended after 3 s", "again to keep waiting", "customTimeouts.create"),
    ),
    "export: ExportImage": (
        EXPORT,
        Instant(BEFORE, "ExportImage", 1),
        ("ExportImage: ", *AGAIN, "the next `pulumi up` finds out and begins no second one"),
    ),
    "export: DeleteObject": (EXPORT_DELETE, Instant(BEFORE, "DeleteObject", 1), ("DeleteObject", *AGAIN)),
    "share: ModifyImageSharePermission": (
        SHARE,
        Instant(BEFORE, "ModifyImageSharePermission", 1),
        ("ModifyImageSharePermission: ", *AGAIN, "the next `pulumi up` makes sure of it"),
    ),
}
# One for each operation and each way in which it waits.
SAMPLE = (
    "create: never usable",
    "create: CreateImage",
    "create: the first look",
    "update: TagResources",
    "delete: never gone",
    "copy: never usable",
    "import: never usable",
    "export: never ended",
    "export: DeleteObject",
    "share: ModifyImageSharePermission",
)


@pytest.mark.parametrize("case", sampled(CASES, *SAMPLE))
def test_custom_timeouts_hold_to_the_second(case, scene, request):
    operation, stuck, told = CASES[case]
    scene.prepare(operation)
    _, wanted = scene.unharmed()

    def run():
        if isinstance(stuck, Instant):
            return scene.harmed(stuck, hold)
        scene.begin()
        return endless(scene, stuck)

    assert_ends_in_time(scene, run, told, lambda text: note(request, f"{case}: {text}"))
    scene.run()
    scene.check(wanted)


def test_an_update_that_waits_on_has_a_limit_of_its_own(scene, request):
    # At the pace of the other tests an image that is never shown is given up as soon as this.
    scene.stack.env["PULUMI_ALICLOUD_POLL_MS"] = "50"
    limits = {"update": f"{SECONDS}s"}
    scene.prepare(replace(NAMED, timeouts=limits))
    _, wanted = scene.unharmed()
    scene.operation = replace(NAMED, timeouts=limits | {"create": "1s"})
    scene.begin()
    endless(scene)
    told = ("not usable after 3 s", KEEP_WAITING, "customTimeouts.update")
    assert_ends_in_time(scene, lambda: endless(scene), told, lambda text: note(request, f"update: waits on: {text}"))
    scene.run()
    scene.check(wanted)


def endless(scene, ignored=None):
    """What the command prints where the cloud's time stands still, or where the cloud ignores an action."""
    scene.proxy.watch()
    scene.proxy.ticks, scene.proxy.ignored = ignored is not None, {ignored}
    printed = scene.run(fails=True)
    scene.proxy.ticks, scene.proxy.ignored = True, set()
    return printed


def assert_ends_in_time(scene, run, told, note_times):
    scene.stack.time_plugin_calls()
    started = time.monotonic()
    with Late() as late:
        said = " ".join(diagnostics(run()).split())
    command = time.monotonic() - started
    call = max(scene.stack.plugin_calls(), key=lambda call: call.seconds)
    times = (
        f"{call.method} took {call.seconds:.2f} s of {SECONDS} s allowed, the command {command:.2f} s, "
        f"the machine was {late.seconds:.2f} s late"
    )
    note_times(times)
    assert SECONDS <= call.seconds <= SECONDS + SLACK + late.seconds, times
    for text in told:
        assert text in said, said


def note(request, text):
    request.node.user_properties.append(("time", text))

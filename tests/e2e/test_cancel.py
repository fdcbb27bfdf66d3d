"""Ctrl-C in each wait: the command ends at once, and the next one goes on from there."""

import signal
import time

import pytest
from cases import sampled
from late import Late
from proxy import ANSWERED, BEFORE, UNANSWERED, Instant
from scene import OPERATIONS, PATIENCE

# What the plugin may take, and what the engine itself from then to its own end, beside what a machine with other things
# to do makes of it. With nothing else to do the engine takes a tenth of a second.
LIMIT = 2.0
ENGINE = 2.0
# Long enough for a wait between two looks not to end by itself.
SLOW_MS = "600000"

# The operation, and the call in which the signal comes. Where a call is answered, the wait is the one for
# the next look.
WAITS = {
    "create: the account's images": ("create, named", Instant(BEFORE, "DescribeImages", 1)),
    "create: CreateImage under way": ("create, named", Instant(BEFORE, "CreateImage", 1)),
    "create: CreateImage carried out": ("create, named", Instant(UNANSWERED, "CreateImage", 1)),
    "create: before the first look": ("create, named", Instant(ANSWERED, "CreateImage", 1)),
    "create: the first look": ("create, named", Instant(BEFORE, "DescribeImages", 2)),
    "create: until usable, a look": ("create, named", Instant(BEFORE, "DescribeImages", 3)),
    "create: until usable, between looks": ("create, named", Instant(ANSWERED, "DescribeImages", 2)),
    "create: ModifyImageAttribute": ("create, named", Instant(BEFORE, "ModifyImageAttribute", 1)),
    "create: read-back": ("create, named", Instant(BEFORE, "DescribeImages", 5)),
    "create: the name": ("create, named", Instant(BEFORE, "ModifyImageAttribute", 2)),
    "update: ModifyImageAttribute": ("update", Instant(BEFORE, "ModifyImageAttribute", 1)),
    "update: JoinResourceGroup": ("update", Instant(BEFORE, "JoinResourceGroup", 1)),
    "update: UntagResources": ("update", Instant(BEFORE, "UntagResources", 1)),
    "update: TagResources": ("update", Instant(BEFORE, "TagResources", 1)),
    "update: read-back": ("update", Instant(BEFORE, "DescribeImages", 1)),
    "update: read-back, between looks": ("update", Instant(ANSWERED, "DescribeImages", 1)),
    "delete: DeleteImage": ("delete", Instant(BEFORE, "DeleteImage", 1)),
    "delete: until gone, a look": ("delete", Instant(BEFORE, "DescribeImages", 1)),
    "delete: until gone, between looks": ("delete", Instant(ANSWERED, "DescribeImages", 1)),
    "delete: DeleteSnapshot": ("delete", Instant(BEFORE, "DeleteSnapshot", 1)),
    "refresh: the preview's look": ("refresh", Instant(BEFORE, "DescribeImages", 1)),
    "refresh: the look": ("refresh", Instant(BEFORE, "DescribeImages", 2)),
    "copy: CopyImage carried out": ("copy: create, named", Instant(UNANSWERED, "CopyImage", 1)),
    "copy: until usable, between looks": ("copy: create, named", Instant(ANSWERED, "DescribeImages", 2)),
    "copy: CancelCopyImage": ("copy: delete under way", Instant(BEFORE, "CancelCopyImage", 1)),
    "import: ImportImage carried out": ("import: create, named", Instant(UNANSWERED, "ImportImage", 1)),
    "import: until usable, between looks": ("import: create, named", Instant(ANSWERED, "DescribeImages", 2)),
    "import: CancelTask": ("import: delete under way", Instant(BEFORE, "CancelTask", 1)),
    "export: the image's tasks": ("export: create", Instant(BEFORE, "DescribeTasks", 1)),
    "export: ExportImage carried out": ("export: create", Instant(UNANSWERED, "ExportImage", 1)),
    "export: until ended, between looks": ("export: create", Instant(ANSWERED, "DescribeTaskAttribute", 1)),
    "export: CancelTask": ("export: delete under way", Instant(BEFORE, "CancelTask", 1)),
    "export: DeleteObject": ("export: delete", Instant(BEFORE, "DeleteObject", 1)),
    "share: carried out": ("share: create", Instant(UNANSWERED, "ModifyImageSharePermission", 1)),
    "share: the look": ("share: create", Instant(BEFORE, "DescribeImageSharePermission", 1)),
}
METHODS = {
    "create, named": "Create",
    "update": "Update",
    "delete": "Delete",
    "refresh": "Read",
    "copy: create, named": "Create",
    "copy: delete under way": "Delete",
    "import: create, named": "Create",
    "import: delete under way": "Delete",
    "export: create": "Create",
    "export: delete under way": "Delete",
    "export: delete": "Delete",
    "share: create": "Create",
}
# What the cloud has to ignore for a look to show that there is something to wait for.
IGNORED = {"update": "ModifyImageAttribute", "delete": "DeleteImage"}


@pytest.mark.parametrize("operation", sampled(METHODS, "create, named", "delete", "export: create"))
def test_ctrl_c_ends_every_wait_at_once(operation, scene, request):
    scene.prepare(OPERATIONS[operation])
    _, wanted = scene.unharmed()
    for wait, (of, instant) in WAITS.items():
        if of != operation:
            continue
        with Late() as late:
            plugin, command = interrupt(scene, instant, operation)
        busy = late.seconds
        times = f"Ctrl-C, {wait}: the plugin {plugin:.2f} s, the command {command:.2f} s, the machine {busy:.2f} s late"
        request.node.user_properties.append(("time", times))
        assert plugin <= LIMIT + busy, times
        assert command <= LIMIT + ENGINE + busy, times
        assert not scene.stack.deployment().get("pending_operations"), "the engine has not heard of the end"
        scene.run()
        scene.check(wanted)


def interrupt(scene, instant, operation):
    """How long after the signal the plugin has answered, and the command has ended."""
    pressed, ended = [], []

    def press(process):
        pressed.append(time.time())
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        ended.append(time.time())

    stack, pace = scene.stack, scene.stack.env["PULUMI_ALICLOUD_POLL_MS"]
    if instant.moment == ANSWERED:
        stack.env["PULUMI_ALICLOUD_POLL_MS"] = SLOW_MS
        scene.proxy.ignored = {IGNORED.get(operation)}
    stack.time_plugin_calls()
    scene.harmed(instant, press)
    stack.env["PULUMI_ALICLOUD_POLL_MS"] = pace
    scene.proxy.ignored = set()
    # The preview before it has calls of its own.
    answered = max(call.ended for call in stack.plugin_calls() if call.method == METHODS[operation])
    return answered - pressed[0], ended[0] - pressed[0]

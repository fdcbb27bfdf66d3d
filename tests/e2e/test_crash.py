"""Killed at any instant, and run again: exactly the wanted images, and nothing to clean up by hand.

For each operation its calls are recorded in a run that nothing harms. Then, for each moment of each call, the plugin or
the command is killed at exactly that moment, and a user does what the engine says: runs the command again, where a
killed command has left the stack locked after `pulumi cancel`.
"""

import contextlib
import os
import signal
import subprocess
from functools import partial

import pytest
from project import EVERY_TEST
from proxy import ANSWERED, LOOKS, UNANSWERED, instants
from scene import OPERATIONS, STOCK
from stack import diagnostics, resources_of

# Of a create: it gives the image its own name.
LAST_CALL = [("ModifyImageAttribute", UNANSWERED), ("ModifyImageAttribute", ANSWERED)]
# What is killed by `make test`, and only where a call has changed something and its answer is lost: each way in which
# something can be half done, once. `make test-all` kills them all at every instant.
SAMPLE = {
    "create, named": ("plugin", "pulumi"),
    "replace, delete first": ("plugin",),
    "delete": ("pulumi",),
    "copy: delete under way": ("plugin",),
    "import: delete under way": ("pulumi",),
    "export: create": ("plugin", "pulumi"),
    "export: replace": ("plugin",),
    "share: create": ("plugin", "pulumi"),
}
CHANGES = {name: ("plugin", "pulumi") for name in OPERATIONS if name != "refresh"} if EVERY_TEST else SAMPLE
CASES = [(operation, victim) for operation, victims in CHANGES.items() for victim in victims]


@pytest.mark.parametrize(("operation", "victim"), CASES)
def test_killed_at_every_instant(operation, victim, scene, request):
    def kill(instant, process):
        """While the call is held, so that nothing else happens. The plugin of the preview ends meanwhile, and after the
        last call the one that made it."""
        killed = 0
        for pid in scene.stack.plugins() if victim == "plugin" else [process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
        assert killed or instant.moment == ANSWERED
        scene.wait_for_no_plugin()

    scene.prepare(OPERATIONS[operation])
    calls, wanted = scene.unharmed()
    failures = {}
    tried = [instant for instant in instants(calls) if EVERY_TEST or leaves_doubt(instant)]
    assert tried
    for instant in tried:
        said, failed = len(scene.stack.transcript), None
        try:
            scene.harmed(instant, partial(kill, instant))
            repair(scene, victim, instant)
            scene.check(wanted)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed = str(error).splitlines()[0]
            failures[instant] = "\n".join([str(error), *scene.stack.transcript[said:]])
        request.node.user_properties.append(("crash", (operation, str(instant), victim, failed)))
    told = [f"== {victim} killed, {instant}:\n{text}" for instant, text in failures.items()]
    assert not told, "\n".join([f"{len(told)} cells failed", *told])


def leaves_doubt(instant):
    return instant.moment == UNANSWERED and not instant.action.startswith(LOOKS)


def repair(scene, victim, instant):
    if victim == "pulumi":
        scene.stack.run("cancel", "--yes")
    finished = [image for image in scene.unknown() if "-unfinished-" not in image["name"]]
    if finished:
        assert (instant.action, instant.moment) in LAST_CALL, "only what is complete has its own name"
        (image,) = finished
        repair_finished(scene, image)
    else:
        scene.run()
    if scene.stack.deployment().get("pending_operations"):
        # The engine goes on warning of a create that it has not seen the end of, until it is told that all is well.
        scene.stack.run("refresh", "--yes", "--clear-pending-creates", "--expect-no-changes")


def repair_finished(scene, image):
    """Killed between a create's last call and the save: nothing tells this image from one that another state has. So it
    is named and not touched, and the user decides."""
    given = "imageName" in scene.operation.after
    said = " ".join(diagnostics(scene.run(fails=given)).split())
    type_ = scene.operation.kind.type
    assert f"pulumi import {type_} image {image['id']}" in said, said
    assert scene.cloud.images()[image["id"]] == image
    if given:
        for found in resources_of(scene.stack.deployment()):
            # What a broken-off replacement has left stands in the way of the import, as the message says.
            assert f"pulumi state delete '{found['urn']}'" in said, said
            scene.stack.run("state", "delete", found["urn"], "--yes")
        scene.stack.run("import", type_, "image", image["id"], "--yes", "--generate-code=false", "--protect=false")
        scene.run()
        return
    scene.cloud.call("DeleteImage", ImageId=image["id"])
    for disk in image["disks"]:
        if disk["snapshot"] not in STOCK:
            scene.cloud.call("DeleteSnapshot", SnapshotId=disk["snapshot"])

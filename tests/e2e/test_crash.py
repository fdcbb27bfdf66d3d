"""Killed at any instant, and run again: exactly the wanted images, and nothing to clean up by hand.

For each operation its calls are recorded in a run that nothing harms. Then, for each moment of each call, the plugin or
the command is killed at exactly that moment, and a user does what the engine says: runs the command again, where a
killed command has left the stack locked after `pulumi cancel`.
"""

import os
import signal
import subprocess

import pytest
from proxy import instants
from scene import OPERATIONS

CHANGES = [name for name in OPERATIONS if name != "refresh"]


@pytest.mark.parametrize("victim", ["plugin", "pulumi"])
@pytest.mark.parametrize("operation", CHANGES)
def test_killed_at_every_instant(operation, victim, scene, request):
    def kill(process):
        """While the call is held, so that nothing else happens meanwhile."""
        (plugin,) = scene.stack.plugins()
        os.kill(plugin if victim == "plugin" else process.pid, signal.SIGKILL)
        scene.wait_for_no_plugin()

    scene.prepare(OPERATIONS[operation])
    calls, wanted = scene.unharmed()
    failures = {}
    for instant in instants(calls):
        said, failed = len(scene.stack.transcript), None
        try:
            scene.harmed(instant, kill)
            repair(scene, victim)
            scene.check(wanted)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed = str(error).splitlines()[0]
            failures[instant] = "\n".join([str(error), *scene.stack.transcript[said:]])
        request.node.user_properties.append(("crash", (operation, str(instant), victim, failed)))
    told = [f"== {victim} killed, {instant}:\n{text}" for instant, text in failures.items()]
    assert not told, "\n".join([f"{len(told)} cells failed", *told])


def repair(scene, victim):
    if victim == "pulumi":
        scene.stack.run("cancel", "--yes")
    scene.run()
    if scene.stack.deployment().get("pending_operations"):
        # The engine goes on warning of a create that it has not seen the end of, until it is told that all is well.
        scene.stack.run("refresh", "--yes", "--clear-pending-creates", "--expect-no-changes")

"""Records what the engine asks of the plugin in the life of the Python example, for tests/integration/recording.rs to
play again: tests/e2e/run python -n 0 -o python_files=record.py

Elsewhere it is not collected: its name is not that of a test."""

import json
from pathlib import Path

from emulator import KEY_ID, KEY_SECRET
from project import ROOT
from stack import Stack

RECORDING = ROOT / "tests/data/engine-traffic.json"
METHODS = ("CheckConfig", "DiffConfig", "Configure", "Check", "Diff", "Create", "Read", "Update", "Delete")


def test_recording(python, cloud, binary, tmp_path):
    folder = python.example(tmp_path / "program")
    stack = Stack(folder, tmp_path / "home", binary, python.wire(folder))
    stack.init(cloud)
    steps = []

    def record(name, *command):
        log = tmp_path / f"{name}.json"
        stack.env["PULUMI_DEBUG_GRPC"] = str(log)
        # A preview would ask everything twice.
        stack.run(*command, "--yes", "--skip-preview", "--parallel", "1")
        del stack.env["PULUMI_DEBUG_GRPC"]
        steps.extend({"command": name} | call for call in calls(log))

    record("up", "up")
    record("refresh", "refresh")
    stack.set(description="described anew", financeDept="FinanceDeptMary")
    record("update", "up")
    (snapshot,) = [disk["snapshot"] for disk in first_image(cloud)["disks"] if disk["kind"] == "system"]
    stack.set(systemSnapshotId=snapshot, instanceId="i-stopped")
    record("replace", "up")
    record("destroy", "destroy")
    lines = (json.dumps(step, ensure_ascii=False, sort_keys=True) for step in steps)
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    text = text.replace(cloud.url, "http://cloud.example").replace(KEY_ID, "emulator").replace(KEY_SECRET, "emulator")
    for private in (str(tmp_path), str(Path.home()), str(ROOT), "127.0.0.1", "localhost"):
        assert private not in text, f"the recording holds {private}"
    RECORDING.write_text(text)


def first_image(cloud):
    return next(image for image in cloud.images().values() if image["name"] == "test-image")


def calls(log):
    """The finished calls about settings and resources, in their order, without the addresses that are in them."""
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        method = entry["method"].removeprefix("/pulumirpc.ResourceProvider/")
        if method in METHODS and "response" in entry:
            request = {name: value for name, value in entry["request"].items() if not name.startswith("resourceStatus")}
            yield {"method": method, "request": request, "response": entry["response"]}

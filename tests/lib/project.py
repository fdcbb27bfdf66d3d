"""Where this repository is, and the binary under test."""

import os
import shlex
from pathlib import Path

# If not, the tests leave out what costs much and has been seen in another form: see who asks.
EVERY_TEST = os.environ.get("EVERY_TEST") == "true"
ROOT = Path(__file__).resolve().parents[2]


def plugin_binary():
    """`PROVIDER_BIN`, or else what `make build` made."""
    path = Path(ROOT, os.environ.get("PROVIDER_BIN") or "target/debug/pulumi-resource-alicloud").resolve()
    assert path.is_file(), f"{path} is missing: `make build` makes it"
    return path


def emulator_command():
    """`EMULATOR_BIN`, with its arguments, or else the binary's own emulator."""
    if given := os.environ.get("EMULATOR_BIN"):
        program, *arguments = shlex.split(given)
        return [ROOT / program, *arguments]
    return [plugin_binary(), "emulator"]

"""The recipe for CI that README.md shows, in a shell and as it is typed there."""

import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from project import ROOT, plugin_binary
from stack import Stack

PATIENCE = 300


def recipe():
    readme = (ROOT / "README.md").read_text().split("\n## Test your images in CI")[1].split("\n## ")[0]
    (text,) = re.findall(r"```sh\n(.*?)```", readme, re.S)
    return text


@pytest.fixture
def port():
    """One that the system gives to nobody else meanwhile: it is bound here, in a way that lets another listen at it."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def replaced(text, changes):
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.mark.languages("yaml")
def test_the_recipe_for_ci_runs_as_it_stands(language, tmp_path, port):
    """But for the user's home and the port, which the tests have of their own."""
    folder = language.example(tmp_path / "program", "files-")
    stack = Stack(folder, tmp_path / "home", None, language.wire(folder), quick=False)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"):
        del stack.env[name]
    version = re.search(r"resource-alicloud-v([\d.]+)/", recipe())[1]
    install = ("plugin", "install", "resource", "alicloud", f"v{version}", "--file", str(plugin_binary()))
    subprocess.run(["pulumi", *install], env=stack.env, check=True, capture_output=True)
    script = replaced(
        recipe(),
        {
            "~/.pulumi": stack.env["PULUMI_HOME"],
            "pulumi login --local": f"pulumi login file://{stack.home / 'state'}",
            "127.0.0.1:8080": f"127.0.0.1:{port}",
        },
    )
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        # As a CI runs it: the first command that fails ends it. What it has started goes with it.
        shell = subprocess.Popen(
            [shutil.which("bash"), "-ec", script],
            cwd=folder, env=stack.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        status = shell.wait(PATIENCE)
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
    said = printed.read_text()
    assert status == 0, said
    assert "profile flaky" in said and "trying again" in said
    assert re.findall(r"^Resources:\n +(.*)$", said, re.M)[-1] == "- 3 deleted"

"""The site as a reader sees it, in Chromium: browser.mjs has the checks, each of which is a test here."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("browser.mjs")


def node(*arguments):
    program = shutil.which("node")
    assert program, "Node.js is missing"
    done = subprocess.run([program, SCRIPT, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def results(folder):
    """What came of each check: nothing, or what was wrong."""
    for name in ("CHROMIUM", "DOCS_NODE_MODULES"):
        assert name in os.environ, f"{name} is not set: tests/docs/run sets it"
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        return json.loads(node(f"http://127.0.0.1:{server.server_port}", str(folder)))
    finally:
        server.shutdown()


@pytest.mark.parametrize("check", node("--list").split())
def test_in_chromium(results, check):
    assert results[check] is None, results[check]

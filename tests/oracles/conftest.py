"""Starts one emulator for each test and hands out clients made of official SDKs."""

import os
import pathlib
import shlex
import subprocess

import clients
import pytest
from emulator import Emulator
from plugin import Plugin
from relay import Relay
from world import World

ROOT = pathlib.Path(__file__).resolve().parents[2]


def command():
    given = os.environ.get("EMULATOR_BIN")
    words = shlex.split(given) if given else ["target/debug/pulumi-resource-alicloud", "emulator"]
    words[0] = str(ROOT / words[0])
    return words


@pytest.fixture
def start():
    """Starts emulators with further flags, and stops them when the test is over."""
    running = []

    def start_one(*flags):
        keys = ["--access-key-id", clients.KEY[0], "--access-key-secret", clients.KEY[1]]
        emulator = Emulator(
            subprocess.Popen(
                [*command(), "--manual-clock", *keys, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        running.append(emulator)
        emulator.read_address()
        return emulator

    yield start_one
    for emulator in running:
        emulator.stop()


@pytest.fixture
def emulator(start):
    return start()


@pytest.fixture(params=clients.ALL, ids=lambda client: client.name)
def make(request):
    """One way to make a client: which SDK, and which signature."""
    return request.param


@pytest.fixture
def client(make, emulator):
    return make(emulator, *clients.KEY)


@pytest.fixture
def plug():
    """Starts plugin processes with no environment but the variables given, and stops them when the test is over."""
    running = []

    def start_one(**variables):
        plugin = Plugin(variables)
        running.append(plugin)
        return plugin

    yield start_one
    for plugin in running:
        plugin.stop()


@pytest.fixture
def world(tmp_path, start, plug):
    home = tmp_path / "home"
    home.mkdir()
    emulator = start("--image-ready-after", "0s")
    relay = Relay(emulator)
    yield World(home, emulator, relay, plug)
    relay.stop()

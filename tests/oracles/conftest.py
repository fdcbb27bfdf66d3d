"""Starts one emulator for each test and hands out clients made of official SDKs."""

import clients
import pytest
from emulator import Emulator
from plugin import Plugin
from relay import Relay
from world import World


@pytest.fixture
def start():
    """Starts emulators with further flags, and stops them when the test is over."""
    running = []

    def start_one(*flags):
        emulator = Emulator("--manual-clock", *flags, key=clients.KEY)
        running.append(emulator)
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

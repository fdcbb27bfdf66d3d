"""The program itself: its first line, its warnings, its errors and its end."""

import signal
import socket
import subprocess

import pytest
from clients import KEY, Tea
from project import emulator_command


def run(*flags):
    return subprocess.run([*emulator_command(), *flags], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_whatever_is_open(start, sign):
    emulator = start()
    host, port = emulator.host.split(":")
    with socket.create_connection((host, int(port))) as silent, socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /nothing HTTP/1.1\r\nHost: e\r\n\r\n")
        assert idle.recv(1024).startswith(b"HTTP/1.1 404")
        emulator.process.send_signal(sign)
        assert emulator.process.wait(timeout=60) == 0
        assert silent.recv(1024) == b""


def test_an_open_address_is_warned_about(start):
    emulator = start("--listen", "0.0.0.0:0")
    emulator.host = emulator.host.replace("0.0.0.0", "127.0.0.1")
    Tea("v3", emulator, *KEY)("DescribeRegions")
    emulator.process.terminate()
    emulator.process.wait(timeout=60)
    emulator.expected = emulator.said()
    assert emulator.expected.startswith("warning: 0.0.0.0:0 can be reached from other machines")


def test_a_damaged_state_file_is_an_error_and_no_panic(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"version": 1, "sta')
    ended = run("--state", str(path))
    assert ended.returncode not in (0, 101)
    assert "state.json" in ended.stderr and "malformed" in ended.stderr
    assert "panicked" not in ended.stderr and ended.stdout == ""


def test_an_address_in_use_is_an_error_that_names_it(emulator):
    ended = run("--listen", emulator.host)
    assert ended.returncode not in (0, 101)
    assert emulator.host in ended.stderr and ended.stdout == ""


@pytest.mark.parametrize(
    "flags", [("--image-ready-after", "soon"), ("--listen", "here"), ("--image-ids", "some"), ("--flavour", "sweet")]
)
def test_a_flag_that_makes_no_sense_is_an_error_that_names_it(flags):
    ended = run(*flags)
    assert ended.returncode == 2
    assert flags[0] in ended.stderr and flags[1] in ended.stderr

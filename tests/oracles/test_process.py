"""The program itself: its first line, its warnings, its errors and its end."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from clients import KEY, Tea
from emulator import REGION, Emulator
from project import emulator_command, plugin_binary


def run(*flags):
    return subprocess.run([*emulator_command(), *flags], capture_output=True, text=True, timeout=60)


def run_plugin(*words):
    """What it says to those words when it ends by itself."""
    return subprocess.run(
        [plugin_binary(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20
    )


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


def test_one_state_file_is_one_emulators(tmp_path, start):
    path = tmp_path / "state.json"
    command = [*emulator_command(), "--state", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline().startswith("listening on ")
        try:
            ended = run("--state", str(path))
        finally:
            first.kill()
    assert ended.returncode == 1 and ended.stdout == ""
    assert "another emulator uses the state file" in ended.stderr and str(path) in ended.stderr
    # A lock ends with its process, however that ends.
    start("--state", str(path))


def test_a_state_file_may_be_empty_or_a_link(tmp_path, start):
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("empty")
    emulator = start("--state", str(tmp_path / "link"))
    emulator.call("CreateImage", SnapshotId="s-system", ImageName="kept")
    assert (tmp_path / "link").is_symlink() and "kept" in (tmp_path / "empty").read_text()


def test_an_address_to_listen_on_may_be_a_name(start):
    assert start("--listen", "localhost:0").host.startswith("127.0.0.1:")


def test_an_address_in_use_is_an_error_that_names_it(emulator):
    ended = run("--listen", emulator.host)
    assert ended.returncode not in (0, 101)
    assert emulator.host in ended.stderr and ended.stdout == ""


@pytest.mark.parametrize(
    "flags",
    [
        ("--image-ready-after", "soon"),
        ("--image-ready-after", "-1s"),
        ("--calls-per-second", "-1"),
        ("--listen", "here"),
        ("--image-ids", "some"),
        ("--flavour", "sweet"),
    ],
)
def test_a_flag_that_makes_no_sense_is_an_error_that_names_it(flags):
    ended = run(*flags)
    assert ended.returncode == 2
    assert f"invalid value '{flags[1]}' for '{flags[0]} " in ended.stderr


def test_it_says_what_it_stocks_and_what_goes_wrong_with_its_profile(start):
    emulator = start("--profile", "flaky", "--public-images", "--copy-ready-after", "90s")
    profile, stock, key = (emulator.process.stdout.readline().strip() for _ in range(3))
    assert profile.startswith(
        "profile flaky: images take 2s, imports and exports 5s, copies 90s, 5 of them at a time in a region; "
    )
    assert key == f"access key {KEY[0]}, secret as given"

    round_of_calls = range(41)
    for _ in round_of_calls:
        with contextlib.suppress(AssertionError, OSError, http.client.HTTPException):
            emulator.call("DescribeInstances")
    wrong = {call + 1: (r["status"], r["code"]) for call, r in enumerate(emulator.requests()) if r["code"]}
    assert wrong == {
        2: (None, "reset_after"),
        5: (500, "InternalError"),
        16: (503, "http"),
        24: (None, "reset_before"),
        33: (400, "Throttling.User"),
    }
    # The sixth is served, and late.
    assert f"of {len(round_of_calls)} calls to ECS {len(wrong) + 1} go wrong (cut after it was carried out, " in profile

    region = emulator.control("GET", "state")["regions"][REGION]
    kinds = dict(part.split(" ", 1) for part in stock.removeprefix("every region starts with ").split("; "))
    for kind in ("instances", "snapshots"):
        assert kinds[kind].split() == [thing["id"] for thing in region[kind]]
    own, public = kinds["images"].split()[:2], int(kinds["images"].split()[2])
    assert own == [image["id"] for image in region["images"]][:2] and len(region["images"]) == 2 + public


def test_with_a_flaky_profile_an_image_is_listed_a_moment_after_it_is_made(start):
    emulator = start("--profile", "flaky", "--image-ready-after", "0s")

    def total():
        return emulator.call("DescribeImages", Status="ALL", ImageOwnerAlias="self")["TotalCount"]

    emulator.call("CreateImage", SnapshotId="s-system", ImageName="golden")
    with contextlib.suppress(OSError, http.client.HTTPException):
        total()
    assert total() == 0
    emulator.advance(0.5)
    assert total() == 1


def test_images_live_their_lives_on_a_flaky_cloud(plug):
    emulator = Emulator("--profile", "flaky", "--image-ready-after", "0s", key=KEY)
    plugin = plug().configure(
        region=REGION, accessKey=KEY[0], secretKey=KEY[1], endpoints=f'[{{"ecs": "{emulator.url}"}}]'
    )

    def life(name):
        inputs = {"snapshotId": "s-system", "imageName": name, "tags": {"n": "1"}}
        checked, _ = plugin.check(name, inputs)
        image, state = plugin.create(name, checked)
        changed = plugin.update(image, name, state, checked, checked | {"description": "described", "tags": {"n": "2"}})
        assert (changed["description"], changed["tags"], changed["imageName"]) == ("described", {"n": "2"}, name)
        plugin.delete(image, name, changed, checked)
        return image

    names = [f"image-{number}" for number in range(4)]
    with ThreadPoolExecutor(len(names)) as pool:
        images = list(pool.map(life, names))
    assert len(set(images)) == len(names) and emulator.images() == {}
    assert {entry["code"] for entry in emulator.refusals()} >= {"InternalError", "reset_after", "http"}
    emulator.stop()


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_profile_and_ends_with_an_example(flag):
    said = run(flag).stdout
    assert all(name in said for name in ("fast", "real", "slow", "flaky"))
    example = said.partition("Example: ")[2].splitlines()
    assert example[1].split()[:2] == ["pulumi-resource-alicloud", "emulator"] and example[-1].strip() == "pulumi up"
    flags = [word for word in example[1].split() if word.startswith("--")]
    assert flags and all(f"      {flag} " in said or f"      {flag}\n" in said for flag in flags)


# The plugin that the emulator is a part of.


@pytest.mark.parametrize("word", ["version", "emulater", "127.0.0.1", "127.0.0.1:http", ":4711", "::1:4711"])
def test_a_word_that_is_no_subcommand_and_no_engine_is_refused(word):
    ended = run_plugin(word)
    assert ended.returncode == 2 and ended.stdout == ""
    for part in (f"'{word}'", "schema, mapping, emulator", "host:port", "--version"):
        assert part in ended.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1"])
def test_an_engines_address_is_taken(address):
    with subprocess.Popen([plugin_binary(), address], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip().isdigit()
        process.kill()


@pytest.mark.parametrize("words", [("schema",), ("mapping", "alicloud")])
def test_who_has_read_enough_is_no_error(words):
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run([plugin_binary(), *words], stdout=write, stderr=subprocess.PIPE, text=True, timeout=20)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")

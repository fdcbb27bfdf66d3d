"""Many images in rounds, made and deleted while calls go wrong at random: nothing may be left over, in the cloud or in
the state, and a plugin that stays must not grow. First through the real command, then through one plugin process.
"""

import argparse
import collections
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import emulator
from emulator import SOON, Emulator
from plugin import Plugin
from program import Image, Program
from project import plugin_binary
from proxy import JSON, Proxy
from serving import body_of, forward, send
from stack import Stack, resources_of

AT_A_TIME = 32
# The share of calls that go wrong.
BAD = 0.05
# How much the memory of a plugin that stays may exceed what it was after the second round.
GROWTH = 1.10
# Throttling is not among what goes wrong: it slows the plugin down, as it should, and chance is not what throttles.
BROKEN = 500, JSON, b'{"Code": "InternalError", "Message": "The request processing has failed."}'
UNAVAILABLE = 503, [("content-type", "text/plain")], b"no upstream"
GARBAGE = 200, [("content-type", "text/html")], b"<html>a proxy's greeting</html>"


KINDS = ("broken", "unavailable", "garbage", "lost", "carried out and lost")


class Weather(Proxy):
    """Passes calls on as they come, and spoils some. Which, hangs on the seed, the action, the images that it is about,
    and how many such calls there were before, and so not on the order in which calls happen to come."""

    def __init__(self, cloud, seed):
        super().__init__()
        self.cloud = cloud
        self.seed = seed
        self.before = collections.Counter()
        self.names = {}
        self.counts = collections.Counter()

    def fate(self, action, about):
        number = self.before[action, about] = self.before[action, about] + 1
        drawn = random.Random(f"{self.seed} {action} {about} {number}")
        return drawn.choice(KINDS) if drawn.random() < BAD else "good"

    def images(self, parameters):
        """By the names that they have in the program."""
        if name := parameters.get("ImageName"):
            return name[0].partition("-unfinished-")[0]
        ids = [one for name in ("ImageId", "ResourceId.1") for one in parameters.get(name, [""])[0].split(",")]
        return ",".join(sorted(self.names.get(one, "") for one in ids))

    def answer(self, handler):
        body, action = body_of(handler), handler.headers["x-acs-action"]
        parameters = parse_qs(urlsplit(handler.path).query) | parse_qs(body.decode())
        with self.turn:
            about = self.images(parameters)
            kind = self.fate(action, about)
            self.counts[kind] += 1
        spoilt = {"broken": BROKEN, "unavailable": UNAVAILABLE, "garbage": GARBAGE}.get(kind)
        if kind == "lost":
            handler.close_connection = True
            return
        answer = spoilt or forward(handler, body, self.cloud.host)
        if action == "CreateImage" and not spoilt and answer[0] == 200:
            with self.turn:
                self.names[json.loads(answer[2])["ImageId"]] = about
        if kind == "carried out and lost":
            handler.close_connection = True
            return
        send(handler, *answer)

    def told(self):
        bad = self.counts.total() - self.counts["good"]
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()) if kind != "good")
        return f"{self.counts.total()} calls, {bad} of them spoilt ({bad / self.counts.total():.1%}): {kinds}"


class Watch:
    """The most memory that plugins of a stack have had, in kB."""

    def __init__(self, stack):
        self.stack, self.most, self.over = stack, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self):
        while not self.over.wait(0.1):
            self.most = max([self.most, *map(resident, self.stack.plugins())])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def resident(process):
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    # One that has just ended has no memory.
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def inputs(number, name):
    source = {"snapshotId": "s-system"} if number % 2 else {"instanceId": "i-running", "deleteAutoSnapshot": True}
    return source | {"imageName": name, "description": f"number {number}", "tags": {"number": str(number)}}


def assert_nothing_is_left(cloud):
    assert cloud.images() == {}
    assert cloud.snapshots().keys() == {"s-system", "s-data", "s-2013"}


def through_the_command(cloud, weather, folder, rounds, images):
    (folder / "program").mkdir()
    (folder / "program" / "Pulumi.yaml").write_text("name: program\nruntime: python\n")
    with running(Program()) as program:
        stack = Stack(folder / "program", folder / "home", plugin_binary(), {}, program)
        stack.env["PULUMI_ALICLOUD_POLL_MS"] = "100"
        stack.init(weather)
        for turn in range(rounds):
            started = time.monotonic()
            try:
                most = one_round(stack, cloud, {f"image-{turn}-{number}": number for number in range(images)})
            except AssertionError:
                print(stack.transcript[-1])
                raise
            seconds = time.monotonic() - started
            print(f"round {turn + 1}: {images} up, refreshed, destroyed in {seconds:.0f} s; a plugin had {most} kB")


def one_round(stack, cloud, numbers):
    options = ("--yes", "--skip-preview", f"--parallel={AT_A_TIME}")
    stack.program.resources = {name: Image(inputs(number, name)) for name, number in numbers.items()}
    with Watch(stack) as watch:
        stack.run("up", *options)
        assert sorted(image["name"] for image in cloud.images().values()) == sorted(numbers)
        assert sorted(found["id"] for found in resources_of(stack.deployment())) == sorted(cloud.images())
        stack.run("refresh", *options, "--expect-no-changes")
        stack.run("destroy", *options)
    assert_nothing_is_left(cloud)
    assert not stack.deployment().get("resources")
    return watch.most


def through_one_plugin(cloud, weather, rounds, images):
    sizes = []
    with running(Plugin({})) as plugin:
        plugin.configure(
            region=emulator.REGION,
            accessKey=emulator.KEY_ID,
            secretKey=emulator.KEY_SECRET,
            endpoints=f'[{{"ecs": "{weather.url}"}}]',
        )
        for turn in range(rounds):
            started = time.monotonic()
            names = {f"image-{turn}-{number}": number for number in range(images)}
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                list(pool.map(lambda name, names=names: one_life(plugin, name, names[name]), names))
            assert_nothing_is_left(cloud)
            sizes.append(resident(plugin.process.pid))
            seconds = time.monotonic() - started
            print(f"round {turn + 1}: {images} made, read, deleted in {seconds:.0f} s; the plugin has {sizes[-1]} kB")
    settled, most = sizes[1], max(sizes[1:])
    print(f"the plugin after round 2: {settled} kB, later at most {most} kB: {most / settled - 1:+.1%}")
    assert most <= settled * GROWTH, "the plugin grows"


def one_life(plugin, name, number):
    checked, failures = plugin.check(name, inputs(number, name))
    assert not failures, failures
    image, state = plugin.create(name, checked)
    assert plugin.read(image, name, state, checked) == state
    plugin.delete(image, name, state, checked)


@contextlib.contextmanager
def running(what):
    try:
        yield what
    finally:
        what.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="in all rounds together")
    parser.add_argument("--rounds", type=int, default=10, help="at least 2")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of an earlier run, to repeat it")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    size = options.rounds, options.images // options.rounds
    try:
        soak(options.seed, size)
    except BaseException:
        print(f"soak: failed; `make soak SEED={options.seed}` repeats it")
        raise


def soak(seed, size):
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        running(Emulator(*SOON)) as cloud,
    ):
        print(f"Through the command, seed {seed}")
        with running(Weather(cloud, seed)) as weather:
            through_the_command(cloud, weather, Path(folder), *size)
            print(weather.told())
        print(f"Through one plugin, seed {seed}")
        with running(Weather(cloud, seed)) as weather:
            through_one_plugin(cloud, weather, *size)
            print(weather.told())


main()

"""Everything that is measured, in one run, as `bench/results.json`; report.py makes the rest of it."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tests/e2e")]

import emulator  # noqa: E402
import languages  # noqa: E402
import report  # noqa: E402
from stack import Stack  # noqa: E402

PLUGIN = ROOT / "target/release/pulumi-resource-alicloud"
# The emulator too is the one that users have.
os.environ["PROVIDER_BIN"] = str(PLUGIN)
BENCH = ROOT / "target/release/bench"
PREVIEWS = (100, 1_000, 10_000)
SIZES = (1, 10, 100, 1_000)
IN_FLIGHT = (100, 1_000)
# What others may take of the processors before the run. The load average would still tell of the build just before it.
BUSY_LIMIT = 0.1
BUSY_SECONDS = 3
PROGRAM = """\
import pulumi
import pulumi_alicloud as alicloud

for index in range(pulumi.Config().require_int("images")):
    alicloud.ecs.Image(f"golden-{index}", instance_id="i-running", image_name=f"golden-{index}",
                       description="Base image of the web tier", tags={"team": "web"})
"""


def say(text):
    print(f"bench: {text}", flush=True)


def bench(*arguments):
    """What the Rust side measured."""
    command = [BENCH, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def machine():
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": model, "processors": os.cpu_count(), "memory_gib": round(memory / 2**30),
        "system": platform.system(), "busy_at_start": busy(), "busy_limit": BUSY_LIMIT,
    }  # fmt: skip


def busy():
    """The share of the processors that others take, or None where the system does not tell."""

    def times():
        spent = [int(ticks) for ticks in stat.read_text().split("\n", 1)[0].split()[1:9]]
        return sum(spent), sum(spent[3:5])

    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    total, idle = times()
    time.sleep(BUSY_SECONDS)
    total_later, idle_later = times()
    return 1 - (idle_later - idle) / (total_later - total)


def start(plugin):
    measured = bench("start", plugin)
    return {
        "starts": len(measured["port_line_s"]),
        "port_line_ms": statistics.median(measured["port_line_s"]) * 1e3,
        "port_line_fastest_ms": min(measured["port_line_s"]) * 1e3,
        "configure_ms": statistics.median(measured["configure_s"]) * 1e3,
        "idle_rss_mib": statistics.median(measured["idle_rss_mib"]),
        "binary_mb": Path(plugin).stat().st_size / 1e6,
        "schema_mb": measured["schema_bytes"] / 1e6,
    }


def creates(plugin, count, work):
    """Memory while that many creates wait for their images, which are ready when the clock is set forward."""
    cloud = emulator.Emulator("--manual-clock", "--image-ready-after", "10m")
    command = [
        BENCH, "creates", plugin, "--count", str(count), "--endpoint", cloud.url,
        "--access-key", emulator.KEY_ID, "--secret-key", emulator.KEY_SECRET,
    ]  # fmt: skip
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            lines = []
            reader = threading.Thread(target=lambda: lines.extend(map(json.loads, client.stdout)))
            reader.start()
            while len(cloud.images()) < count:
                assert client.poll() is None, "the creates ended before there were images"
                time.sleep(0.5)
                # Images are shown a while after they are made.
                cloud.control("POST", "clock", {"advance_ms": 500})
            cloud.control("POST", "clock", {"advance_ms": 5_000})
            # Each create has looked at its image a few times by then.
            time.sleep(15)
            waiting = list(lines)
            cloud.control("POST", "clock", {"advance_ms": 900_000})
            reader.join()
    finally:
        cloud.stop()
    assert client.returncode == 0, f"the client ended with {client.returncode}"
    assert lines[-1]["done"] == count and not lines[-1]["failures"], lines[-1]["failures"][:3]
    assert waiting[-1]["done"] == 0, "creates ended before their images were ready"
    return {
        "creates": count,
        "in_flight_rss_mib": max(line["rss_kib"] for line in waiting) / 1024,
        "peak_rss_mib": lines[-1]["peak_kib"] / 1024,
    }


class Cli:
    """The real command with a Python program, one stack for each plugin."""

    def __init__(self, work):
        self.work = work
        self.python = languages.Python(work / "python")
        self.python.build()
        self.echo = self.script("echo", "echo")
        self.echo_of_states = self.script("echo-of-states", f"echo --reported '{self.reported()}'")

    def script(self, name, command):
        script = self.work / name
        script.write_text(f"#!/bin/sh\nexec '{BENCH}' {command} \"$@\"\n")
        script.chmod(0o755)
        return script

    def reported(self):
        """A file with the outputs that the plugin adds to the inputs of the program's images."""
        cloud = emulator.Emulator("--image-ready-after", "0s")
        try:
            stack = self.stack("reported", PLUGIN, cloud)
            stack.set(images=1)
            timed(stack, *ACTIONS["up"])
        finally:
            cloud.stop()
        image = stack.resources()["golden-0"]
        file = self.work / "reported.json"
        outputs = image["outputs"].items()
        file.write_text(json.dumps({name: value for name, value in outputs if name not in image["inputs"]}))
        return file

    def stack(self, name, plugin, cloud):
        folder = self.work / name / "program"
        folder.mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
        (folder / "__main__.py").write_text(PROGRAM)
        stack = Stack(folder, self.work / name / "home", plugin, self.python.wire(folder), quick=False)
        stack.init(cloud)
        return stack


def timed(stack, *arguments):
    started = time.monotonic()
    try:
        stack.run(*arguments)
    except AssertionError:
        print(stack.report(), file=sys.stderr)
        raise
    return time.monotonic() - started


class Wait(NamedTuple):
    images: int
    ready_after: int
    parallel: int


WAITS = (Wait(1, 1, 16), Wait(100, 30, 100))
ACTIONS = {
    "preview": ["preview"],
    "up": ["up", "--yes", "--skip-preview"],
    "preview, no change": ["preview"],
    "refresh": ["refresh", "--yes", "--skip-preview"],
    "destroy": ["destroy", "--yes", "--skip-preview"],
}


def life(cli, plugins, size, name):
    """The life of that many images, ready at once, with each plugin by turns; calls an image takes, by action."""
    cloud = emulator.Emulator("--image-ready-after", "0s")
    try:
        stacks = {who: cli.stack(f"{name}-{who.replace(' ', '-')}", plugin, cloud) for who, plugin in plugins.items()}
        seconds, calls = {who: {} for who in stacks}, {who: {} for who in stacks}
        for stack in stacks.values():
            stack.set(images=size)
        for action, arguments in ACTIONS.items():
            for who, stack in stacks.items():
                cloud.forget_requests()
                seconds[who][action] = timed(stack, *arguments)
                counted = Counter(entry["action"] for entry in cloud.requests())
                calls[who][action] = {call: count / size for call, count in sorted(counted.items())}
    finally:
        cloud.stop()
    for echo in report.FLOORS:
        assert not any(calls.get(echo, {}).values()), f"{echo} has called the cloud"
    return {"images": size, "seconds": seconds, "calls_per_image": calls}


def waited(cli, who, plugin, case):
    """An `up` of images that take a while, and how long they were looked at."""
    count, ready_after, parallel = case
    name = f"wait-{count}-{who}"
    cloud = emulator.Emulator("--image-ready-after", f"{ready_after}s")
    try:
        stack = cli.stack(name, plugin, cloud)
        stack.set(images=count)
        cloud.forget_requests()
        seconds = timed(stack, *ACTIONS["up"], "--parallel", str(parallel))
        requests = cloud.requests()
        made = [entry["at_ms"] for entry in requests if entry["action"] == "CreateImage"]
        looks = [entry["at_ms"] for entry in requests if entry["action"] == "DescribeImages"]
        timed(stack, *ACTIONS["destroy"], "--parallel", str(parallel))
    finally:
        cloud.stop()
    assert len(made) >= count, f"{len(made)} images were made"
    return {
        "plugin": who, "images": count, "ready_after_s": ready_after, "parallel": parallel, "up_s": seconds,
        "last_look_after_last_create_s": (max(looks) - max(made)) / 1e3, "describe_images": len(looks),
    }  # fmt: skip


def micro():
    """Single operations by criterion, in the build that instructions are counted in."""
    subprocess.run(
        ["cargo", "bench", "--quiet", "--profile", "instructions", "-p", "bench", "--bench", "micro", "--",
         "--warm-up-time", "1", "--measurement-time", "2", "--quiet"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    found = sorted((ROOT / "target/criterion").glob("*/new/estimates.json"))
    assert found, "criterion left no figures"
    return {file.parents[1].name: json.loads(file.read_text())["median"]["point_estimate"] / 1e3 for file in found}


class Run:
    def __init__(self):
        self.results = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine(), "left_out": []}
        self.failed = False

    def part(self, name, measure, *arguments):
        """One part's figures; where they cannot be had, why, and the others go on."""
        say(name)
        started = time.monotonic()
        try:
            figures = measure(*arguments)
        except (AssertionError, OSError, subprocess.CalledProcessError, ValueError, KeyError) as failure:
            traceback.print_exc()
            first = (str(failure) or type(failure).__name__).splitlines()[0]
            self.leave_out(f"{name}: {first}".replace(str(ROOT) + "/", ""))
            self.failed = True
            return None
        say(f"{name}: {time.monotonic() - started:.0f} s")
        return figures

    def keep(self, name, figures):
        """Written at once, so that a run that is broken off leaves what it has measured."""
        self.results[name] = figures
        (ROOT / "bench/results.json").write_text(json.dumps(self.results, indent=2) + "\n")

    def leave_out(self, what):
        say(f"left out: {what}")
        self.results["left_out"].append(what)


def main():
    began = time.monotonic()
    run = Run()
    results = run.results
    if report.is_busy(results["machine"]):
        say(f"the machine is busy: others take {results['machine']['busy_at_start']:.0%} of its processors")
    sizes = [int(size) for size in os.environ.get("BENCH_SIZES", "").split()] or list(SIZES)
    peer = os.environ.get("PEER")
    plugins = {"ours": PLUGIN} | ({"peer": Path(peer).resolve()} if peer else {})
    if not peer:
        run.leave_out("another plugin: PEER names none")
    if not_asked := [str(size) for size in SIZES if size not in sizes]:
        run.leave_out(f"the life of {', '.join(not_asked)} images: BENCH_SIZES asks for others")

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        work = Path(folder)
        run.keep("start", {who: run.part(f"start, {who}", start, plugin) for who, plugin in plugins.items()})
        run.keep("throughput", run.part("throughput", bench, "throughput", PLUGIN))
        run.keep("preview", run.part("growing previews", bench, "preview", PLUGIN, *PREVIEWS))
        run.keep("signatures", run.part("signatures", bench, "signatures"))
        run.keep(
            "creates",
            {
                who: [
                    run.part(f"{count} creates at a time, {who}", creates, plugin, count, work) for count in IN_FLIGHT
                ]
                for who, plugin in plugins.items()
            },
        )
        cli = Cli(work)
        by_turns = {"echo": cli.echo, "echo of states": cli.echo_of_states} | plugins
        waits = [
            run.part(f"up of {case.images} images, {who}", waited, cli, who, plugin, case)
            for who, plugin in plugins.items()
            for case in WAITS
        ]
        run.keep("waited", waits)
        run.keep("micro_us", run.part("single operations", micro))
        run.keep(
            "life",
            [run.part(f"the life of {size} images", life, cli, by_turns, size, f"life-{size}") for size in sizes],
        )
    run.keep("seconds", round(time.monotonic() - began))
    report.write(results)
    say(f"written: bench/results.json, bench/RESULTS.md, the plots, README.md; {results['seconds']} s in all")
    return run.failed


if __name__ == "__main__":
    sys.exit(main())

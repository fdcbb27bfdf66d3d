"""One stack of one program, driven by the real `pulumi` command."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import emulator
import vault

# An image that the program only looks at is read, and left out while its id is not known.
READS = ("same", "read", "discard")
CLOUD_VARIABLES = (
    "ALICLOUD_", "ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALIBABACLOUDSTACK_", "APSARASTACK_", "PULUMI_", "VAULT_",
)  # fmt: skip
# The commands that ask the program, or its language host, something.
HOSTED = ("up", "preview", "refresh", "destroy")
# What begins after the preview.
DEED = re.compile(r"^(?:Updating|Refreshing|Destroying) \(.*\):$", re.M)
# Stacks as they are before anything is in them: their state, and their settings for a cloud of any address.
MADE = {}
ANY_CLOUD = "http://any.cloud"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class PluginCall:
    method: str
    ended: float
    seconds: float


class Stack:
    """`folder` holds the program, unless `program` takes its place; all else that the command keeps goes to `home`. One
    that is not `quick` is as users have it. `plugin` is on PATH; without it, there is what tests install."""

    def __init__(self, folder, home, plugin, env, program=None, *, quick=True):
        self.folder = Path(folder)
        self.home = Path(home)
        self.program = program
        self.quick = quick
        for name in ("state", "pulumi", "plugin"):
            (self.home / name).mkdir(parents=True)
        self.plugin_stderr = self.home / "plugin-stderr"
        self.plugin_stderr.touch()
        self.grpc_log = self.home / "grpc.log"
        self.transcript = []
        self.printed = []
        # The engine runs this in place of the plugin itself, so that what it writes to stderr is kept.
        if plugin:
            wrapper = self.home / "plugin" / "pulumi-resource-alicloud"
            wrapper.write_text(f"#!/bin/sh\nexec '{plugin}' \"$@\" 2>>'{self.plugin_stderr}'\n")
            wrapper.chmod(0o755)
        self.use(env)

    def use(self, env):
        """The variables of the command are the language's, besides the stack's own; none of a cloud's."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(CLOUD_VARIABLES)}
        path = os.pathsep.join([str(self.home / "plugin"), env.get("PATH", ""), outside["PATH"]])
        # A command is over before collecting its garbage has been worth a sixth of its time.
        quick = vault.running().env | {"GOGC": "400"} if self.quick else {"PULUMI_CONFIG_PASSPHRASE": "e2e"}
        self.env = (
            outside
            | env
            | quick
            | {
                "PATH": path,
                "PULUMI_BACKEND_URL": f"file://{self.home / 'state'}",
                "PULUMI_HOME": str(self.home / "pulumi"),
                "PULUMI_SKIP_UPDATE_CHECK": "1",
            }
        )

    def move_to(self, language):
        """The same program with another SDK."""
        (self.folder / "venv").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "node_modules", ignore_errors=True)
        self.use(language.wire(self.folder))

    def start(self, *args):
        """The command under way."""
        if self.program and args[0] in HOSTED:
            args += (f"--client={self.program.address}",)
        return subprocess.Popen(
            ["pulumi", *args, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def end(self, process, patience=None):
        """What a command under way printed till its end, whichever it is."""
        printed = ANSI.sub("", process.communicate(timeout=patience)[0])
        self.transcript.append(f"$ {' '.join(process.args)}\n{printed}")
        self.printed.append(printed)
        return printed

    def run(self, *args, fails=False):
        """What the command printed; it must end well, or with an error where it `fails`."""
        process = self.start(*args)
        printed = self.end(process)
        expected = "a failure" if fails else "success"
        assert (process.returncode != 0) == fails, f"pulumi {args[0]} ended with {process.returncode}, not {expected}"
        return printed

    def make(self):
        """A new stack, without any configuration."""
        provider = vault.PROVIDER if self.quick else "passphrase"
        self.run("stack", "init", "test", f"--secrets-provider={provider}")

    def init(self, cloud):
        """A new stack, configured to use the emulator as a user would configure it."""
        self.make()
        self.set_all(
            secret={"alicloud:secretKey": emulator.KEY_SECRET},
            plain={
                "alicloud:region": emulator.REGION,
                "alicloud:accessKey": emulator.KEY_ID,
                "alicloud:endpoints[0].ecs": cloud.url,
            },
        )

    def init_quickly(self, cloud, region=emulator.REGION):
        """As `init`; the region may also be left open. The first such stack of each program is made and configured by
        commands, and the others are its copies."""
        project = re.search(r"^name: (\S+)$", (self.folder / "Pulumi.yaml").read_text(), re.M)[1]
        settings = self.folder / "Pulumi.test.yaml"
        if (project, region) in MADE:
            state, text = MADE[project, region]
            shutil.copytree(state.name, self.home / "state", dirs_exist_ok=True)
            settings.write_text(text.replace(ANY_CLOUD, cloud.url))
            self.env["PULUMI_STACK"] = "test"
            return
        self.init(cloud)
        if region is None:
            self.run("config", "rm", "alicloud:region")
        state = tempfile.TemporaryDirectory()
        shutil.copytree(self.home / "state", state.name, dirs_exist_ok=True)
        MADE[project, region] = state, settings.read_text().replace(cloud.url, ANY_CLOUD)

    def set(self, **config):
        self.set_all(plain=config)

    def set_all(self, plain, secret=None):
        words = [word for name, value in plain.items() for word in ("--plaintext", f"{name}={value}")]
        words += [word for name, value in (secret or {}).items() for word in ("--secret", f"{name}={value}")]
        self.run("config", "set-all", "--path", *words)

    def up(self, *args, **options):
        return self.run("up", "--yes", *args, **options)

    def preview(self, *args, **options):
        return self.run("preview", *args, **options)

    def urn(self, name):
        return self.resources()[name]["urn"]

    def steps(self):
        """What a preview announces: the operation for each resource that is not left as it is."""
        return announced(json.loads(self.quiet("preview", "--json")))

    def quiet(self, *args):
        """Standard output alone, for the commands that answer in JSON."""
        done = subprocess.run(
            ["pulumi", *args, "--non-interactive"],
            cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        self.transcript.append(f"$ pulumi {' '.join(args)}\n{done.stderr}")
        assert done.returncode == 0, f"pulumi {args[0]} ended with {done.returncode}: {done.stdout}"
        return done.stdout

    def outputs(self):
        return json.loads(self.quiet("stack", "output", "--json"))

    def resources(self):
        """What the state holds of images, copies and shares, by the name in the program."""
        return {resource["urn"].rsplit("::", 1)[1]: resource for resource in resources_of(self.deployment())}

    def deployment(self):
        """All that the state holds."""
        (file,) = (self.home / "state" / ".pulumi" / "stacks").glob("*/test.json")
        return json.loads(file.read_text())["checkpoint"]["latest"] or {}

    def plugins(self):
        """The processes of the plugin that commands on this stack have started."""
        home = f"PULUMI_HOME={self.env['PULUMI_HOME']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            # One that has ended meanwhile has no files any more.
            with contextlib.suppress(OSError):
                name = Path(os.fsdecode((folder / "cmdline").read_bytes().split(b"\0")[0])).name
                ours = home in (folder / "environ").read_bytes().split(b"\0")
                if ours and name == "pulumi-resource-alicloud":
                    found.append(int(folder.name))
        return found

    def kept_text(self):
        """Everything that the command stored or printed."""
        files = [file for file in (self.home / "state").rglob("*") if file.is_file()]
        files += self.folder.glob("Pulumi.*.yaml")
        return "\n".join([*self.printed, *(file.read_text(errors="replace") for file in files)])

    def plugin_calls(self):
        """The answers of the plugin since `time_plugin_calls`, as the engine saw them, with its times."""
        entries = [json.loads(line) for line in self.grpc_log.read_text().splitlines()]
        return [
            PluginCall(
                entry["method"].rsplit("/", 1)[1],
                seconds_of(entry["timestamp"]),
                entry["duration"] / 1e9,
            )
            for entry in entries
            if "ResourceProvider" in entry["method"] and entry["progress"] == "response_completed"
        ]

    def time_plugin_calls(self):
        self.grpc_log.write_text("")
        self.env["PULUMI_DEBUG_GRPC"] = str(self.grpc_log)

    def report(self):
        return "\n".join([*self.transcript, "plugin's stderr:", self.plugin_stderr.read_text(errors="replace")])


def seconds_of(timestamp):
    """Since 1970, of a time that is written to the nanosecond, without closing zeroes."""
    whole, _, fraction = timestamp.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


def resources_of(deployment):
    return [found for found in deployment.get("resources", []) if found["type"].startswith("alicloud:ecs/")]


def diagnostics(printed):
    """The closing part, in which the command repeats each message once; not the preview's before it."""
    printed = DEED.split(printed)[-1]
    return re.split(r"^(?:Outputs|Resources):$", printed.split("\nDiagnostics:\n", 1)[-1], flags=re.M)[0]


def announced(preview):
    changing = (step for step in preview["steps"] if not step["op"].startswith(READS))
    return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in changing if not step["urn"].endswith("::test")}


def copy_program(source, target):
    """The program's own files, without what earlier runs in its folder left."""
    left = shutil.ignore_patterns("node_modules", "venv", "__pycache__", "bin", "obj", "Pulumi.*.yaml")
    shutil.copytree(source, target, ignore=left)
    return target

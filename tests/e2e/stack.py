"""One stack of one program, driven by the real `pulumi` command."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import emulator

# An image that the program only looks at is read, and left out while its id is not known.
READS = ("same", "read", "discard")
CLOUD_VARIABLES = (
    "ALICLOUD_", "ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALIBABACLOUDSTACK_", "APSARASTACK_", "PULUMI_",
)  # fmt: skip
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Stack:
    """`folder` holds the program; everything else the command keeps goes to `home`."""

    def __init__(self, folder, home, plugin, env):
        self.folder = Path(folder)
        self.home = Path(home)
        for name in ("state", "pulumi", "plugin"):
            (self.home / name).mkdir(parents=True)
        self.plugin_stderr = self.home / "plugin-stderr"
        self.plugin_stderr.touch()
        self.transcript = []
        self.printed = []
        # The engine runs this in place of the plugin itself, so that what it writes to stderr is kept.
        wrapper = self.home / "plugin" / "pulumi-resource-alicloud"
        wrapper.write_text(f"#!/bin/sh\nexec '{plugin}' \"$@\" 2>>'{self.plugin_stderr}'\n")
        wrapper.chmod(0o755)
        self.use(env)

    def use(self, env):
        """The variables of the command are the language's, besides the stack's own; none of a cloud's."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(CLOUD_VARIABLES)}
        path = os.pathsep.join([str(self.home / "plugin"), env.get("PATH", ""), outside["PATH"]])
        self.env = (
            outside
            | env
            | {
                "PATH": path,
                "PULUMI_BACKEND_URL": f"file://{self.home / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "e2e",
                "PULUMI_HOME": str(self.home / "pulumi"),
                "PULUMI_SKIP_UPDATE_CHECK": "1",
            }
        )

    def move_to(self, language):
        """The same program with another SDK."""
        (self.folder / "venv").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "node_modules", ignore_errors=True)
        self.use(language.wire(self.folder))

    def run(self, *args, fails=False):
        """What the command printed; it must end well, or with an error where it `fails`."""
        done = subprocess.run(
            ["pulumi", *args, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        printed = ANSI.sub("", done.stdout)
        self.transcript.append(f"$ pulumi {' '.join(args)}\n{printed}")
        self.printed.append(printed)
        expected = "a failure" if fails else "success"
        assert (done.returncode != 0) == fails, f"pulumi {args[0]} ended with {done.returncode}, not {expected}"
        return printed

    def init(self, cloud):
        """A new stack, configured to use the emulator as a user would configure it."""
        self.run("stack", "init", "test")
        self.set_all(
            secret={"alicloud:secretKey": emulator.KEY_SECRET},
            plain={
                "alicloud:region": emulator.REGION,
                "alicloud:accessKey": emulator.KEY_ID,
                "alicloud:endpoints[0].ecs": cloud.url,
            },
        )

    def set(self, **config):
        self.set_all(plain=config)

    def set_all(self, plain, secret=None):
        words = [word for name, value in plain.items() for word in ("--plaintext", f"{name}={value}")]
        words += [word for name, value in (secret or {}).items() for word in ("--secret", f"{name}={value}")]
        self.run("config", "set-all", "--path", *words)

    def up(self, **options):
        return self.run("up", "--yes", "--skip-preview", **options)

    def preview(self, *args, **options):
        return self.run("preview", *args, **options)

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
        """What the state holds of images, by the name in the program."""
        deployment = json.loads(self.quiet("stack", "export"))["deployment"]
        return {
            resource["urn"].rsplit("::", 1)[1]: resource
            for resource in deployment.get("resources", [])
            if resource["type"] == "alicloud:ecs/image:Image"
        }

    def kept_text(self):
        """Everything that the command stored or printed."""
        files = [file for file in (self.home / "state").rglob("*") if file.is_file()]
        files += self.folder.glob("Pulumi.*.yaml")
        return "\n".join([*self.printed, *(file.read_text(errors="replace") for file in files)])

    def report(self):
        return "\n".join([*self.transcript, "plugin's stderr:", self.plugin_stderr.read_text(errors="replace")])


def diagnostics(printed):
    """The closing part, in which the command repeats each message once."""
    return re.split(r"^(?:Outputs|Resources):$", printed.split("\nDiagnostics:\n", 1)[-1], flags=re.M)[0]


def announced(preview):
    changing = (step for step in preview["steps"] if not step["op"].startswith(READS))
    return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in changing if not step["urn"].endswith("::test")}


def copy_program(source, target):
    """The program's own files, without what earlier runs in its folder left."""
    left = shutil.ignore_patterns("node_modules", "venv", "__pycache__", "bin", "obj", "Pulumi.*.yaml")
    shutil.copytree(source, target, ignore=left)
    return target

"""How a program in each language gets its packages: the SDK of this repository and what the language's host needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import stack

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "sdk"


def run(*command, cwd, env=None):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown = " ".join(str(word) for word in command)
    assert done.returncode == 0, f"{shown} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def run_binary(folder, binary):
    assert (folder / binary).is_file(), f"{binary} is missing"
    project = folder / "Pulumi.yaml"
    text, replaced = re.subn(
        r"^runtime: (\w+)$", rf"runtime: {{name: \1, options: {{binary: {binary}}}}}", project.read_text(), flags=re.M
    )
    assert replaced == 1, text
    project.write_text(text)


class Language:
    """`build` makes the SDK's package in `work`, once; `wire` makes a copied program find it; `check` compiles both."""

    needs: tuple[str, ...] = ()

    def __init__(self, work):
        self.work = Path(work)

    def missing(self):
        return [program for program in ("pulumi", *self.needs) if shutil.which(program) is None]

    def build(self):
        raise NotImplementedError

    def wire(self, folder):
        """Environment variables for the command."""
        raise NotImplementedError

    def prebuild(self, folder):
        """Where the language's host compiles a program each time it runs, compiles it once instead."""

    def check(self, folder):
        """Compiles the SDK, where `build` does not, and a wired program, without running it."""
        raise NotImplementedError

    def example(self, folder):
        return stack.copy_program(ROOT / "examples" / type(self).__name__.lower(), folder)


class TypeScript(Language):
    needs = ("pulumi-language-nodejs", "node")

    def build(self):
        installed = Path(os.environ["NODE_MODULES"])
        sdk = self.work / "nodejs"
        shutil.copytree(SDK / "nodejs", sdk, ignore=shutil.ignore_patterns("node_modules", "bin"))
        (sdk / "node_modules").symlink_to(installed)
        run("node", installed / "typescript/bin/tsc", cwd=sdk)
        shutil.copy(sdk / "package.json", sdk / "bin")

    def wire(self, folder):
        # A folder of links: packages are found from where they really are, ours from beside the others.
        installed, modules = Path(os.environ["NODE_MODULES"]), folder / "node_modules"
        (modules / "@pulumi").mkdir(parents=True)
        for package in (*installed.iterdir(), *(installed / "@pulumi").iterdir()):
            if package.name != "@pulumi":
                (modules / package.relative_to(installed)).symlink_to(package)
        shutil.copytree(self.work / "nodejs" / "bin", modules / "@pulumi" / "alicloud")
        return {}

    def check(self, folder):
        run("node", folder / "node_modules/typescript/bin/tsc", "--noEmit", cwd=folder)


class Python(Language):
    needs = ("pulumi-language-python",)
    mypy = ("--config-file", ROOT / "tests/e2e/mypy.ini", "--cache-dir", os.devnull)

    def build(self):
        sdk = self.work / "python"
        shutil.copytree(SDK / "python", sdk, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", sdk,
            "--target", self.installed, cwd=sdk)  # fmt: skip

    def wire(self, folder):
        (folder / "venv").symlink_to(sys.prefix)
        return self.path() | {"PATH": str(Path(sys.executable).parent)}

    def check(self, folder):
        run(sys.executable, "-m", "mypy", *self.mypy, "-p", "pulumi_alicloud", cwd=folder, env=self.path())
        run(sys.executable, "-m", "mypy", *self.mypy, "__main__.py", cwd=folder, env=self.path())

    @property
    def installed(self):
        return self.work / "installed"

    def path(self):
        return {"PYTHONPATH": str(self.installed)}


class Go(Language):
    needs = ("pulumi-language-go", "go")

    def build(self):
        pass

    def wire(self, folder):
        run("go", "mod", "edit", f"-replace=github.com/pulumi/pulumi-alicloud/sdk/v3={SDK}", cwd=folder)
        return {}

    def prebuild(self, folder):
        run("go", "build", "-o", "program", cwd=folder)
        run_binary(folder, "program")

    def check(self, folder):
        run("go", "vet", "./go/...", cwd=SDK)
        run("go", "vet", "./...", cwd=folder)


class CSharp(Language):
    needs = ("pulumi-language-dotnet", "dotnet")

    def build(self):
        sdk, feed = self.work / "dotnet", self.work / "feed"
        shutil.copytree(SDK / "dotnet", sdk, ignore=shutil.ignore_patterns("bin", "obj"))
        feed.mkdir()
        framework = "-p:TargetFramework=net8.0"
        run("dotnet", "restore", framework, cwd=sdk, env=self.packages())
        run("dotnet", "build", "--no-restore", framework, f"-p:PackageOutputPath={feed}", cwd=sdk, env=self.packages())

    def wire(self, folder):
        settings = folder / "nuget.config"
        settings.write_text(settings.read_text().replace("../../sdk/dotnet/bin/Debug", str(self.work / "feed")))
        return self.packages()

    def prebuild(self, folder):
        run_binary(folder, "bin/Debug/net8.0/CustomImages.dll")

    def check(self, folder):
        run("dotnet", "build", cwd=folder, env=self.packages())

    def packages(self):
        """A package once restored keeps being used, so each run has a folder of its own for them."""
        env = {"NUGET_PACKAGES": str(self.work / "packages")}
        if offline := os.environ.get("RestoreSources"):
            env["RestoreSources"] = f"{offline};{self.work / 'feed'}"
        return env


LANGUAGES = {language.__name__.lower(): language for language in (TypeScript, Python, Go, CSharp)}

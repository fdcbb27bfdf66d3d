"""How a program in each language gets its packages: the SDK of this repository and what the language's host needs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import stack
from project import EVERY_TEST, ROOT

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
    folder: str
    runtime: str
    main: str
    # What a program needs in its folder besides, as the example has it.
    beside: tuple[str, ...] = ()

    def __init__(self, work):
        self.work = Path(work)

    def missing(self):
        return [program for program in ("pulumi", *self.needs) if shutil.which(program) is None]

    def build(self):
        raise NotImplementedError

    def wire(self, folder):
        """Environment variables for the command."""
        raise NotImplementedError

    def prebuild(self, stack):
        """If the language's host checks or compiles a program each time it runs, it has done so often enough."""

    def check(self, folder):
        """Compiles the SDK, where `build` does not, and a wired program, without running it."""
        raise NotImplementedError

    def program(self, folder, text):
        """A folder with a program of one file, given as text, to be wired."""
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: program\nruntime: {self.runtime}\n")
        for name in self.beside:
            shutil.copy(ROOT / "examples" / self.folder / name, folder / name)
        (folder / self.main).write_text(text)
        return folder

    def example(self, folder, kind=""):
        """A copy of the example, or of the one of that kind."""
        return stack.copy_program(ROOT / "examples" / f"{kind}{self.folder}", folder)


def link_packages(installed, folder):
    """A folder of links: packages are found from where they really are, ours from beside the others."""
    modules = folder / "node_modules"
    (modules / "@pulumi").mkdir(parents=True)
    for package in (*installed.iterdir(), *(installed / "@pulumi").iterdir()):
        if package.name != "@pulumi":
            (modules / package.relative_to(installed)).symlink_to(package)
    return modules


class TypeScript(Language):
    needs = ("pulumi-language-nodejs", "node")
    folder, runtime, main = "typescript", "nodejs", "index.ts"
    beside = ("package.json", "tsconfig.json")

    def build(self):
        installed = Path(os.environ["NODE_MODULES"])
        sdk = self.work / "nodejs"
        shutil.copytree(SDK / "nodejs", sdk, ignore=shutil.ignore_patterns("node_modules", "bin"))
        (sdk / "node_modules").symlink_to(installed)
        run("node", installed / "typescript/bin/tsc", cwd=sdk)
        shutil.copy(sdk / "package.json", sdk / "bin")

    def wire(self, folder):
        modules = link_packages(Path(os.environ["NODE_MODULES"]), folder)
        shutil.copytree(self.work / "nodejs" / "bin", modules / "@pulumi" / "alicloud")
        return {}

    def prebuild(self, stack):
        stack.env["PULUMI_NODEJS_TRANSPILE_ONLY"] = "true"

    def check(self, folder):
        run("node", folder / "node_modules/typescript/bin/tsc", "--noEmit", cwd=folder)


class Python(Language):
    needs = ("pulumi-language-python",)
    # Whether its host lists packages without pip. pip takes as long as all the rest of a command.
    quick = False
    folder, runtime, main = "python", "python", "__main__.py"
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
        in_place_of_pip = [ROOT / "tests/e2e/quick"] if self.quick else []
        return {"PYTHONPATH": os.pathsep.join(map(str, [*in_place_of_pip, self.installed]))}


class QuickPython(Python):
    """For tests in which the program's language does not matter, and for what goes alike in every language."""

    quick = True


class Go(Language):
    needs = ("pulumi-language-go", "go")
    folder, runtime, main = "go", "go", "main.go"
    beside = ("go.mod", "go.sum")

    def build(self):
        pass

    def wire(self, folder):
        run("go", "mod", "edit", f"-replace=github.com/pulumi/pulumi-alicloud/sdk/v3={SDK}", cwd=folder)
        # What a debugger would need takes half of the time that linking takes.
        return {"GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -ldflags=-s".strip()}

    def prebuild(self, stack):
        run("go", "build", "-o", "program", cwd=stack.folder)
        run_binary(stack.folder, "program")

    def check(self, folder):
        run("go", "vet", "./go/...", cwd=SDK)
        run("go", "vet", "./...", cwd=folder)


class CSharp(Language):
    needs = ("pulumi-language-dotnet", "dotnet")
    folder, runtime, main = "csharp", "dotnet", "Program.cs"
    beside = ("CustomImages.csproj", "nuget.config")

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

    def prebuild(self, stack):
        run_binary(stack.folder, "bin/Debug/net8.0/CustomImages.dll")

    def check(self, folder):
        run("dotnet", "build", cwd=folder, env=self.packages())

    def packages(self):
        """A package once restored keeps being used, so each run has a folder of its own for them."""
        env = {"NUGET_PACKAGES": str(self.work / "packages")}
        if offline := os.environ.get("RestoreSources"):
            env["RestoreSources"] = f"{offline};{self.work / 'feed'}"
        return env


class Yaml(Language):
    """Its programs have neither an SDK nor a compiler."""

    needs = ("pulumi-language-yaml",)
    folder, runtime, main = "yaml", "yaml", "Main.yaml"

    def build(self):
        pass

    def wire(self, folder):
        return {}


class PublishedTypeScript(TypeScript):
    """With the published SDK in place of ours."""

    needs = ("node",)

    def missing(self):
        return super().missing() + [name for name in ("PUBLISHED_NODE_MODULES",) if name not in os.environ]

    def build(self):
        pass

    def wire(self, folder):
        link_packages(self.installed, folder)
        return {}

    @property
    def installed(self):
        return Path(os.environ["PUBLISHED_NODE_MODULES"])

    def version(self):
        """Of the SDK, which asks for the same of the plugin."""
        return json.loads((self.installed / "@pulumi/alicloud/package.json").read_text())["version"]


class PublishedPython(Python):
    """With the published SDK in place of ours, in an environment of its own."""

    quick = not EVERY_TEST

    def missing(self):
        return super().missing() + [name for name in ("PUBLISHED_PYTHON",) if name not in os.environ]

    def build(self):
        pass

    def wire(self, folder):
        programs = Path(os.environ["PUBLISHED_PYTHON"])
        (folder / "venv").symlink_to(programs.parent)
        return self.path() | {"PATH": str(programs)}

    def version(self):
        """Of the SDK, which asks for the same of the plugin."""
        environment = Path(os.environ["PUBLISHED_PYTHON"]).parent
        (found,) = environment.glob("lib/python*/site-packages/pulumi_alicloud-*.dist-info")
        return found.stem.partition("-")[2]


class PublishedYaml(Yaml):
    """There is no SDK, so programs themselves ask for the plugin of a version."""

    def version(self):
        return "4.0.0"


# Those whose programs start sooner come first.
LANGUAGES = {language.folder: language for language in (Yaml, Python, TypeScript, Go, CSharp)}
PUBLISHED = {language.folder: language for language in (PublishedTypeScript, PublishedPython, PublishedYaml)}

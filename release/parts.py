"""Makes what a release consists of, in `dist/`: an archive of the plugin for each platform, packages of the SDKs, sums.

    python3 release/parts.py [--tag vX.Y.Z] [PART …]

A PART is a platform (linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64), an SDK
(nodejs, python, dotnet) or `sums`. A part that is named is made, or the command fails. Where none is named, every part
is made that this machine has the tools for, and the others are told with what is missing. One that fails is told, and
the command fails once the others are made. `--tag` is for a release: it must name the version of the source and of what
`make generate` has made, and the schema must say who publishes it.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PROGRAM = "pulumi-resource-alicloud"
VERSION = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
PUBLISHER = ("publisher", "homepage", "repository", "pluginDownloadURL")
ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ARM64": "arm64"}


class Missing(Exception):
    """What a part needs and this machine does not have."""


@dataclass(frozen=True)
class Target:
    """A platform as Rust names it. On a machine of another system or processor `linker` links for it; without one, only
    a machine of that system does."""

    system: str
    triple: str
    linker: str = ""

    def tools(self, native):
        """The variables of the build."""
        if native:
            return {}
        if platform.system() == self.system and self.system != "Linux":
            # Apple's and Microsoft's tools build for both processors.
            return {}
        if not self.linker:
            raise Missing(f"machine with {self.system}")
        if not shutil.which(self.linker):
            raise Missing(self.linker)
        name = self.triple.replace("-", "_")
        return {f"CARGO_TARGET_{name.upper()}_LINKER": self.linker, f"CC_{name}": self.linker}


def target_of(name):
    windows = "msvc" if platform.system() == "Windows" else "gnu"
    return {
        "linux-amd64": Target("Linux", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu-gcc"),
        "linux-arm64": Target("Linux", "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
        "darwin-amd64": Target("Darwin", "x86_64-apple-darwin"),
        "darwin-arm64": Target("Darwin", "aarch64-apple-darwin"),
        "windows-amd64": Target("Windows", f"x86_64-pc-windows-{windows}", "x86_64-w64-mingw32-gcc"),
        "windows-arm64": Target("Windows", "aarch64-pc-windows-msvc"),
    }[name]


TARGETS = ("linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64", "windows-arm64")


def host():
    """This machine's platform, as the engine names it."""
    return f"{platform.system().lower()}-{ARCHITECTURES.get(platform.machine(), platform.machine())}"


def run(*command, cwd=ROOT, env=None):
    """What it prints goes where this prints."""
    subprocess.run([str(word) for word in command], cwd=cwd, env=os.environ | (env or {}), check=True)


def said(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def need(*programs):
    if missing := [program for program in programs if shutil.which(program) is None]:
        raise Missing(", ".join(missing))


def archive_name(target):
    """As the engine asks a server for it."""
    return f"{PROGRAM}-v{VERSION}-{target}.tar.gz"


def write_archive(file, members):
    """The same bytes from the same contents: names to contents and modes."""
    with (
        open(file, "wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(mode="w", fileobj=packed, format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, (content, mode) in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))


def pack(binary, target, folder):
    """The archive of a built plugin: it stands at the root, under the name that the engine runs."""
    name = PROGRAM + (".exe" if target.startswith("windows") else "")
    members = {"LICENSE": ((ROOT / "LICENSE").read_bytes(), 0o644), name: (Path(binary).read_bytes(), 0o755)}
    file = Path(folder) / archive_name(target)
    write_archive(file, members)
    return file


def plugin(name):
    target, native = target_of(name), name == host()
    need("cargo")
    variables = target.tools(native)
    if not native and not Path(said("rustc", "--print", "target-libdir", "--target", target.triple)).is_dir():
        raise Missing(f"`rustup target add {target.triple}`")
    aim = () if native else ("--target", target.triple)
    run("cargo", "build", "--release", "--locked", "--package", "provider", *aim, env=variables)
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).joinpath(*aim[1:], "release")
    return pack(folder / (PROGRAM + (".exe" if target.system == "Windows" else "")), name, DIST)


def only(folder, pattern):
    """The one package that was made. It has the version of this source, unless `make generate` was forgotten."""
    (file,) = folder.glob(pattern)
    if VERSION not in file.name:
        sys.exit(f"dist: {file.name} is not version {VERSION}: run `make generate`")
    return shutil.copy(file, DIST)


def nodejs():
    need("node", "npm")
    modules = said("toolchain/node-modules")
    with tempfile.TemporaryDirectory() as work:
        sdk = Path(work) / "sdk"
        shutil.copytree(ROOT / "sdk/nodejs", sdk, ignore=shutil.ignore_patterns("node_modules", "bin"))
        (sdk / "node_modules").symlink_to(modules)
        run("node", f"{modules}/typescript/bin/tsc", cwd=sdk)
        for name in ("package.json", "README.md"):
            shutil.copy(sdk / name, sdk / "bin")
        shutil.copy(ROOT / "LICENSE", sdk / "bin")
        run("npm", "pack", "--silent", "--pack-destination", work, cwd=sdk / "bin")
        return only(Path(work), "*.tgz")


def python():
    environment = said("toolchain/python-env", "tests/e2e/requirements.txt")
    with tempfile.TemporaryDirectory() as work:
        sdk = Path(work) / "sdk"
        shutil.copytree(ROOT / "sdk/python", sdk, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
        shutil.copy(ROOT / "LICENSE", sdk)
        shutil.copy(ROOT / "sdk/nodejs/README.md", sdk)
        options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", work)
        run(f"{environment}/python", "-m", "pip", "wheel", *options, sdk)
        return only(Path(work), "*.whl")


def dotnet():
    need("dotnet")
    with tempfile.TemporaryDirectory() as work:
        sdk = Path(work) / "sdk"
        shutil.copytree(ROOT / "sdk/dotnet", sdk, ignore=shutil.ignore_patterns("bin", "obj"))
        framework = "-p:TargetFramework=net8.0"
        run("dotnet", "restore", framework, cwd=sdk)
        options = ("--no-restore", "--configuration", "Release", framework, f"-p:PackageOutputPath={work}")
        run("dotnet", "build", *options, cwd=sdk)
        return only(Path(work), "*.nupkg")


def sums():
    """Of all of this version that is there by now, in the form that `sha256sum --check` reads."""
    file = DIST / "SHA256SUMS"
    others = sorted(path for path in DIST.iterdir() if path.is_file() and VERSION in path.name)
    file.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in others))
    return file


SDKS = {"nodejs": nodejs, "python": python, "dotnet": dotnet}
PARTS = (*TARGETS, *SDKS, "sums")


def make(part):
    if part == "sums":
        return sums()
    return SDKS[part]() if part in SDKS else plugin(part)


def check_tag(tag):
    if tag != f"v{VERSION}":
        sys.exit(f"dist: the tag is {tag}, and the version in Cargo.toml is {VERSION}")
    if (made := json.loads((ROOT / "schema.json").read_text())["version"]) != VERSION:
        sys.exit(f"dist: schema.json is of version {made}, and Cargo.toml of {VERSION}: run `make generate`")
    if left := left_open():
        sys.exit(f"dist: {', '.join(left)}: to be filled in, in provider/src/publisher.rs; then `make generate`")


def left_open():
    schema = json.loads((ROOT / "schema.json").read_text())
    return [name for name in PUBLISHER if schema.get(name, "unpublished") == "unpublished"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag")
    parser.add_argument("parts", nargs="*", metavar="PART")
    asked = parser.parse_args()
    if unknown := [part for part in asked.parts if part not in PARTS]:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if asked.tag:
        check_tag(asked.tag)
    elif left := left_open():
        print(f"dist: not for a release: {', '.join(left)} not filled in, in provider/src/publisher.rs", flush=True)
    if not asked.parts:
        shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(exist_ok=True)
    failed = []
    for part in asked.parts or PARTS:
        try:
            file = Path(make(part))
        except Missing as missing:
            print(f"dist: {part} is left out: there is no {missing}", flush=True)
            if asked.parts:
                sys.exit(1)
        except subprocess.CalledProcessError as error:
            print(f"dist: {part} is not made: {error.cmd[0]} ended with {error.returncode}", flush=True)
            failed.append(part)
        else:
            print(f"dist: {file.relative_to(ROOT)}, {file.stat().st_size:,} bytes{runs_with(part)}", flush=True)
    if failed:
        sys.exit(f"dist: failed: {', '.join(failed)}")


def runs_with(part):
    """What a plugin built on this machine for machines like it needs of them."""
    library, version = platform.libc_ver()
    return f"; it needs {library} {version} or newer" if part == host() and library else ""


if __name__ == "__main__":
    main()

"""A release as users come by it: from a server that has the archives, by hand or because a program names the server."""

import hashlib
import json
import os
import tarfile
import zipfile
from pathlib import Path

import parts
import pytest
from program import Image
from serving import Serving, send

NOWHERE = "http://127.0.0.1:1"


class Files(Serving):
    """A server that has these files, and what was asked of it."""

    def __init__(self):
        self.files, self.asked = {}, []
        super().__init__()

    def answer(self, handler):
        self.asked.append(handler.path)
        content = self.files.get(handler.path)
        send(handler, *((200, [], content) if content else (404, [], b"no such file")))


@pytest.fixture
def server():
    running = Files()
    yield running
    running.stop()


@pytest.fixture
def archive(binary, tmp_path):
    """Its path on a server, and its content: what is at its root starts the plugin that is tested."""
    program = tmp_path / "started"
    # The rest makes it the greater part of the archive.
    program.write_text(f"#!/bin/sh\nexec '{binary}' \"$@\"\n# {os.urandom(50_000).hex()}\n")
    file = parts.pack(program, parts.host(), tmp_path)
    return f"/{file.name}", file.read_bytes()


@pytest.fixture
def stack(bare, cloud, request):
    request.node.shown = lambda: (bare, cloud)
    bare.init_quickly(cloud)
    return bare


def image(**options):
    return {"image": Image({"snapshotId": "s-system"}, options={"version": parts.VERSION} | options)}


def install(stack, server, **options):
    return stack.run("plugin", "install", "resource", "alicloud", f"v{parts.VERSION}", "--server", server, **options)


def installed(stack):
    """The versions in the plugin cache that have their program."""
    listed = json.loads(stack.quiet("plugin", "ls", "--json"))
    folder = Path(stack.env["PULUMI_HOME"]) / "plugins"
    return [
        found["version"]
        for found in listed
        if (folder / f"resource-{found['name']}-v{found['version']}" / parts.PROGRAM).is_file()
    ]


def test_sums_are_of_this_version_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "DIST", tmp_path)
    (tmp_path / parts.archive_name("linux-amd64")).write_bytes(b"new")
    (tmp_path / "pulumi-resource-alicloud-v0.0.9-linux-amd64.tar.gz").write_bytes(b"old")
    (tmp_path / f"folder-{parts.VERSION}").mkdir()
    lines = parts.sums().read_text().splitlines()
    assert lines == [f"{hashlib.sha256(b'new').hexdigest()}  {parts.archive_name('linux-amd64')}"]


def test_a_tag_that_does_not_fit_or_a_schema_without_a_publisher_is_refused(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"the version in Cargo\.toml is"):
        parts.check_tag("v9.9.9")
    with pytest.raises(SystemExit, match="homepage, repository, pluginDownloadURL: to be filled in"):
        parts.check_tag(f"v{parts.VERSION}")
    monkeypatch.setattr(parts, "ROOT", tmp_path)
    (tmp_path / "schema.json").write_text('{"version": "0.0.9"}')
    with pytest.raises(SystemExit, match=r"schema\.json is of version 0\.0\.9"):
        parts.check_tag(f"v{parts.VERSION}")
    filled_in = {"version": parts.VERSION, **{name: f"https://example.com/{name}" for name in parts.PUBLISHER}}
    (tmp_path / "schema.json").write_text(json.dumps(filled_in))
    parts.check_tag(f"v{parts.VERSION}")


@pytest.mark.thorough
def test_the_packages_hold_what_they_should(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "DIST", tmp_path)
    names = {part: Path(parts.make(part)).name for part in parts.SDKS}
    assert names == {
        "nodejs": f"pulumi-alicloud-{parts.VERSION}.tgz",
        "python": f"pulumi_alicloud-{parts.VERSION}-py3-none-any.whl",
        "dotnet": f"Pulumi.AliCloud.{parts.VERSION}.nupkg",
    }
    with tarfile.open(tmp_path / names["nodejs"]) as package:
        assert {"package/package.json", "package/index.js", "package/LICENSE"} <= set(package.getnames())
    with zipfile.ZipFile(tmp_path / names["python"]) as package:
        (about,) = [name for name in package.namelist() if name.endswith(".dist-info/METADATA")]
        assert "Custom images of Alibaba Cloud" in package.read(about).decode().split("\n\n", 1)[1]
        assert "pulumi_alicloud/ecs/image.py" in package.namelist()
    with zipfile.ZipFile(tmp_path / names["dotnet"]) as package:
        assert any(name.endswith("Pulumi.AliCloud.dll") for name in package.namelist())


def test_the_plugin_is_installed_from_a_server(stack, server, archive, cloud):
    path, server.files[path] = archive
    install(stack, server.url)
    assert (server.asked, installed(stack)) == ([path], [parts.VERSION])
    stack.program.resources = image()
    assert "warning" not in stack.up()
    assert len(cloud.images()) == 1
    stack.preview("--expect-no-changes")


def test_a_program_names_the_server(stack, server, archive, cloud):
    path, server.files[path] = archive
    stack.program.resources = image(pluginDownloadURL=server.url)
    assert "warning" not in stack.up()
    assert (server.asked, installed(stack)) == ([path], [parts.VERSION])
    assert len(cloud.images()) == 1
    stack.preview("--expect-no-changes")

    # On another machine the state says where the plugin is.
    stack.run("plugin", "rm", "--all", "--yes")
    stack.run("destroy", "--yes")
    assert server.asked == [path, path]
    assert cloud.images() == {}


@pytest.mark.parametrize("by", ("hand", "program"))
def test_what_keeps_the_plugin_from_being_installed_is_told(by, stack, server, archive, cloud):
    path, content = archive

    def attempt(url, **options):
        if by == "hand":
            return install(stack, url, **options)
        stack.program.resources = image(pluginDownloadURL=url)
        return stack.up(**options)

    said = attempt(NOWHERE, fails=True)
    assert NOWHERE in said and "connection refused" in said
    said = attempt(server.url, fails=True)
    assert server.url + path in said and "404" in said
    # Within what comes first, and within the program.
    for length in (1000, len(content) // 2):
        server.files[path] = content[:length]
        said = attempt(server.url, fails=True)
        assert "alicloud" in said and "unexpected EOF" in said
        assert installed(stack) == []
    assert cloud.images() == {}

    # Nothing of it is in the way of the whole archive.
    server.files[path] = content
    attempt(server.url)
    assert installed(stack) == [parts.VERSION]
    assert len(cloud.images()) == (by == "program")

"""The descriptors of proto/, compiled by the project's own tool."""

import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def ours(tmp_path_factory) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Each file of proto/ by its name."""
    out = tmp_path_factory.mktemp("wire") / "descriptors.bin"
    command = ["cargo", "run", "--quiet", "--package", "codegen", "--", "descriptors", str(out)]
    subprocess.run(command, cwd=ROOT, check=True)
    compiled = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    written = {str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto")}
    files = {file.name: file for file in compiled.file if file.name in written}
    assert files.keys() == written, "every file of proto/ is compiled"
    return files

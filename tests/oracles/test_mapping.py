"""What `pulumi convert` is told of Terraform's names, read with the types that Pulumi's own converter reads it with.

The reader in `mapping/` refuses fields that those types do not have, lets the converter's own library check names
against schemas, and hands back what it has understood. That is compared with schema.json.
"""

import json
import re
import subprocess
import urllib.parse

import pytest
from project import ROOT, plugin_binary
from pulumi.runtime.proto import provider_pb2

HERE = ROOT / "tests" / "oracles"
IMAGE = "alicloud:ecs/image:Image"
IMAGE_COPY = "alicloud:ecs/imageCopy:ImageCopy"
IMAGE_EXPORT = "alicloud:ecs/imageExport:ImageExport"
IMAGE_IMPORT = "alicloud:ecs/imageImport:ImageImport"
IMAGE_SHARE_PERMISSION = "alicloud:ecs/imageSharePermission:ImageSharePermission"
GET_IMAGES = "alicloud:ecs/getImages:getImages"

# Of each provider the resources and the data sources.
NAMES = {
    "alicloud": (
        {
            "alicloud_copy_image": IMAGE_COPY,
            "alicloud_image": IMAGE,
            "alicloud_image_copy": IMAGE_COPY,
            "alicloud_image_export": IMAGE_EXPORT,
            "alicloud_image_import": IMAGE_IMPORT,
            "alicloud_image_share_permission": IMAGE_SHARE_PERMISSION,
        },
        {"alicloud_images": GET_IMAGES},
    ),
    "apsarastack": (
        {
            "apsarastack_image": IMAGE,
            "apsarastack_image_export": IMAGE_EXPORT,
            "apsarastack_image_import": IMAGE_IMPORT,
            "apsarastack_image_share_permission": IMAGE_SHARE_PERMISSION,
        },
        {"apsarastack_images": GET_IMAGES},
    ),
    "alibabacloudstack": (
        {
            "alibabacloudstack_ecs_image": IMAGE,
            "alibabacloudstack_image": IMAGE,
            "alibabacloudstack_image_export": IMAGE_EXPORT,
            "alibabacloudstack_image_import": IMAGE_IMPORT,
            "alibabacloudstack_image_share_permission": IMAGE_SHARE_PERMISSION,
        },
        {"alibabacloudstack_ecs_images": GET_IMAGES, "alibabacloudstack_images": GET_IMAGES},
    ),
}
# Blocks that Terraform names in the singular.
SINGULAR = {"disk_device_mapping": "diskDeviceMappings"}
TYPES = {"string": "String", "integer": "Int", "boolean": "Bool"}


@pytest.fixture(scope="session")
def reader():
    """The program that reads. Without Go the tests are skipped, which counts as failed in CI."""
    if subprocess.run(["which", "go"], stdout=subprocess.DEVNULL).returncode:
        pytest.skip("go is missing, so the converter's own types cannot read mappings")
    built = subprocess.run([HERE / "mapping" / "build"], stdout=subprocess.PIPE, text=True, check=True)
    return built.stdout.strip()


@pytest.fixture(scope="session")
def schema():
    return json.loads((ROOT / "schema.json").read_text())


def answered(plugin, provider):
    answer = plugin.call("GetMapping", provider_pb2.GetMappingRequest(key="terraform", provider=provider))
    assert answer.provider == provider
    return answer.data


def read(reader, data):
    return subprocess.run([reader], input=data, capture_output=True, timeout=60)


def camel(name):
    return SINGULAR.get(name) or re.sub("_(.)", lambda match: match[1].upper(), name)


class Declared:
    """What schema.json says of properties, in the words of what the reader has understood."""

    def __init__(self, schema):
        self.schema = schema

    def type_of(self, spec):
        """What a property is, apart from its name and who sets it."""
        if nested := self.nested(spec):
            return {"type": "List", "maxItemsOne": True, "properties": nested}
        if spec["type"] == "array":
            nested = self.nested(spec["items"])
            items = {"properties": nested} if nested else {"item": TYPES[spec["items"]["type"]]}
            return {"type": "List", "maxItemsOne": False, **items}
        if spec["type"] == "object":
            return {"type": "Map", "maxItemsOne": False, "item": TYPES[spec["additionalProperties"]["type"]]}
        return {"type": TYPES[spec["type"]], "maxItemsOne": False}

    def nested(self, spec):
        if "$ref" not in spec:
            return None
        token = urllib.parse.unquote(spec["$ref"].removeprefix("#/types/"))
        properties = self.schema["types"][token]["properties"]
        return {name: self.type_of(one) for name, one in properties.items()}

    def of(self, inputs, outputs):
        """Of each property what it is, and whether a program may give it."""
        return {name: (self.type_of(spec), name in inputs) for name, spec in (inputs | outputs).items()}


def types(understood):
    """The same of what was understood: names as they are here."""
    named = {}
    for name, one in understood.items():
        assert one["name"] == camel(name), name
        what = {key: one[key] for key in ("type", "maxItemsOne", "item") if key in one}
        if "properties" in one:
            what["properties"] = types(one["properties"])
        named[one["name"]] = what
    return named


@pytest.mark.parametrize("provider", NAMES)
def test_the_converters_own_types_read_everything_that_is_declared(reader, schema, plug, provider):
    ended = read(reader, answered(plug(), provider))
    assert ended.returncode == 0, ended.stderr.decode()
    understood = json.loads(ended.stdout)
    resources, sources = NAMES[provider]
    assert understood["name"] == provider
    for section, tokens in (("resources", resources), ("dataSources", sources)):
        assert {name: entry["token"] for name, entry in understood[section].items()} == tokens

    declared = Declared(schema)
    for name, entry in (understood["resources"] | understood["dataSources"]).items():
        if function := schema["functions"].get(entry["token"]):
            expected = declared.of(function.get("inputs", {})["properties"], function["outputs"]["properties"])
        else:
            resource = schema["resources"][entry["token"]]
            expected = declared.of(resource["inputProperties"], resource["properties"])
        properties = types(entry["properties"])
        assert properties == {property: what for property, (what, _) in expected.items()}, name
        for one in entry["properties"].values():
            is_input = expected[one["name"]][1]
            assert (one["optional"], one["computed"]) == (is_input, not is_input), f"{name}: {one['name']}"
            assert is_input or not one["forceNew"], f"{name}: {one['name']}"


@pytest.mark.parametrize("provider", NAMES)
def test_the_command_prints_what_the_converter_is_told(plug, provider):
    done = subprocess.run([plugin_binary(), "mapping", provider], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == answered(plug(), provider)


@pytest.mark.parametrize("provider", ["aws", ""])
def test_the_command_refuses_other_providers(provider):
    done = subprocess.run([plugin_binary(), "mapping", provider], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: there is no mapping for the Terraform provider `{provider}`\n"


def test_the_reader_refuses_what_the_types_do_not_have(reader, plug):
    good = json.loads(answered(plug(), "alicloud"))
    misspelt, nameless, stray = (json.loads(json.dumps(good)) for _ in range(3))
    image = misspelt["provider"]["resources"]["alicloud_image"]
    image["force"]["forcesNew"] = True
    del nameless["resources"]["alicloud_image"]["fields"]["disk_device_mapping"]["element"]["fields"]["size"]
    stray["dataSources"]["alicloud_images"]["fields"]["colour"] = {"name": "colour"}
    for bad, says in ((misspelt, "forcesNew"), (nameless, "disk_device_mapping.size"), (stray, "colour")):
        ended = read(reader, json.dumps(bad).encode())
        assert ended.returncode == 1 and says in ended.stderr.decode(), ended.stderr

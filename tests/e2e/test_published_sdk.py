"""The published SDKs as clients: their programs run unchanged, and moving between them and ours changes nothing."""

import json
import os
import re
from pathlib import Path

import emulator
import pytest
from emulator import Call
from languages import run
from program import COPY, IMAGE, SHARE
from project import ROOT
from stack import diagnostics
from test_lifecycle import by_name, is_of_creation, sorted_calls, tag

SECOND_REGION = "cn-beijing"
ACCOUNT = "1000000000000001"

# The same program in each language, with both the default provider and one of its own.
PYTHON = """
import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
provider = alicloud.Provider(
    "own",
    region="cn-hangzhou",
    access_key="e2e-key",
    secret_key=config.require_secret("secret"),
    endpoints=[alicloud.ProviderEndpointArgs(ecs=config.require("endpoint"))],
    profile="of-a-file-that-is-not-there",
    shared_credentials_file="/nowhere/config.json",
    client_connect_timeout=30000,
    client_read_timeout=60000,
    max_retry_timeout=120,
    configuration_source="round/trip",
    skip_region_validation=True,
    protocol="HTTPS",
    secure_transport="true",
    source_ip="10.0.0.1",
    sign_version=alicloud.ProviderSignVersionArgs(oss="v4"),
    features=alicloud.ProviderFeaturesArgs(
        ecs_instance=alicloud.ProviderFeaturesEcsInstanceArgs(replace_on_image_update=True)
    ),
)
web = alicloud.ecs.Image(
    "web",
    image_name="web",
    instance_id="i-running",
    description=config.require("description"),
    platform="CentOS",
    architecture="x86_64",
    resource_group_id="rg-other",
    tags={"Team": config.require("team")},
    force=True,
    delete_auto_snapshot=True,
    opts=pulumi.ResourceOptions(provider=provider),
)
disks = alicloud.ecs.Image(
    "disks",
    boot_mode="UEFI",
    image_family="family",
    license_type="Auto",
    detection_strategy="Standard",
    features=alicloud.ecs.ImageFeaturesArgs(nvme_support="supported"),
    disk_device_mappings=[
        alicloud.ecs.ImageDiskDeviceMappingArgs(device="/dev/xvda", disk_type="system", snapshot_id="s-system"),
        alicloud.ecs.ImageDiskDeviceMappingArgs(device="/dev/xvdb", disk_type="data", snapshot_id="s-data", size=200),
    ],
)
second = alicloud.Provider(
    "second",
    region="cn-beijing",
    access_key="e2e-key",
    secret_key=config.require_secret("secret"),
    endpoints=[alicloud.ProviderEndpointArgs(ecs=config.require("endpoint"))],
)
copy = alicloud.ecs.ImageCopy(
    "copy",
    source_image_id=web.id,
    source_region_id="cn-hangzhou",
    image_name="copy",
    description=config.require("description"),
    encrypted=True,
    kms_key_id="key",
    tags={"Team": "web"},
    force=True,
    delete_auto_snapshot=True,
    opts=pulumi.ResourceOptions(provider=second),
)
share = alicloud.ecs.ImageSharePermission("share", image_id=disks.id, account_id="1000000000000001")
existing = alicloud.ecs.Image.get("existing", web.id, opts=pulumi.ResourceOptions(provider=provider))
# The published plugin refuses to look for images by none of three of its filters.
every = alicloud.ecs.get_images()
found = alicloud.ecs.get_images_output(
    name_regex="^w.b$", owners="self", image_id=web.id, opts=pulumi.InvokeOutputOptions(provider=provider)
)
pulumi.export("webId", web.id)
pulumi.export("disksId", disks.id)
pulumi.export("name", disks.image_name)
pulumi.export("sizes", disks.disk_device_mappings.apply(lambda mappings: [mapping.size for mapping in mappings]))
pulumi.export("nvme", disks.features.nvme_support)
pulumi.export("description", existing.description)
pulumi.export("usable", existing.usable)
pulumi.export("copyId", copy.id)
pulumi.export("shareId", share.id)
pulumi.export("system", [image.id for image in every.images if image.image_owner_alias == "system"])
pulumi.export("foundImages", found.images.apply(lambda images: [[each.id, each.name, each.tags] for each in images]))
pulumi.export("foundSize", found.images.apply(lambda images: images[0].disk_device_mappings[0].size))
"""
TYPESCRIPT = """
import * as pulumi from "@pulumi/pulumi";
import * as alicloud from "@pulumi/alicloud";

const config = new pulumi.Config();
const provider = new alicloud.Provider("own", {
    region: "cn-hangzhou",
    accessKey: "e2e-key",
    secretKey: config.requireSecret("secret"),
    endpoints: [{ ecs: config.require("endpoint") }],
    profile: "of-a-file-that-is-not-there",
    sharedCredentialsFile: "/nowhere/config.json",
    clientConnectTimeout: 30000,
    clientReadTimeout: 60000,
    maxRetryTimeout: 120,
    configurationSource: "round/trip",
    skipRegionValidation: true,
    protocol: "HTTPS",
    secureTransport: "true",
    sourceIp: "10.0.0.1",
    signVersion: { oss: "v4" },
    features: { ecsInstance: { replaceOnImageUpdate: true } },
});
const web = new alicloud.ecs.Image("web", {
    imageName: "web",
    instanceId: "i-running",
    description: config.require("description"),
    platform: "CentOS",
    architecture: "x86_64",
    resourceGroupId: "rg-other",
    tags: { Team: config.require("team") },
    force: true,
    deleteAutoSnapshot: true,
}, { provider });
const disks = new alicloud.ecs.Image("disks", {
    bootMode: "UEFI",
    imageFamily: "family",
    licenseType: "Auto",
    detectionStrategy: "Standard",
    features: { nvmeSupport: "supported" },
    diskDeviceMappings: [
        { device: "/dev/xvda", diskType: "system", snapshotId: "s-system" },
        { device: "/dev/xvdb", diskType: "data", snapshotId: "s-data", size: 200 },
    ],
});
const second = new alicloud.Provider("second", {
    region: "cn-beijing",
    accessKey: "e2e-key",
    secretKey: config.requireSecret("secret"),
    endpoints: [{ ecs: config.require("endpoint") }],
});
const copy = new alicloud.ecs.ImageCopy("copy", {
    sourceImageId: web.id,
    sourceRegionId: "cn-hangzhou",
    imageName: "copy",
    description: config.require("description"),
    encrypted: true,
    kmsKeyId: "key",
    tags: { Team: "web" },
    force: true,
    deleteAutoSnapshot: true,
}, { provider: second });
const share = new alicloud.ecs.ImageSharePermission("share", { imageId: disks.id, accountId: "1000000000000001" });
const existing = alicloud.ecs.Image.get("existing", web.id, undefined, { provider });
// The published plugin refuses to look for images by none of three of its filters.
const every = alicloud.ecs.getImagesOutput();
const found = alicloud.ecs.getImagesOutput({ nameRegex: "^w.b$", owners: "self", imageId: web.id }, { provider });
export const webId = web.id;
export const disksId = disks.id;
export const name = disks.imageName;
export const sizes = disks.diskDeviceMappings.apply(mappings => mappings.map(mapping => mapping.size));
export const nvme = disks.features.nvmeSupport;
export const description = existing.description;
export const usable = existing.usable;
export const copyId = copy.id;
export const shareId = share.id;
export const system = every.images.apply(images =>
    images.filter(image => image.imageOwnerAlias === "system").map(image => image.id));
export const foundImages = found.images.apply(images => images.map(image => [image.id, image.name, image.tags]));
export const foundSize = found.images[0].diskDeviceMappings[0].size;
"""
PROGRAMS = {"python": PYTHON, "typescript": TYPESCRIPT}


@pytest.mark.alike
@pytest.mark.languages(*PROGRAMS)
def test_a_program_of_the_published_sdk_runs_unchanged_and_moves_to_ours_and_back(program, published, language, cloud):
    stack = program(PROGRAMS[language.folder], language=published)
    stack.set_all({"endpoint": cloud.url}, secret={"secret": emulator.KEY_SECRET})
    stack.set(description="by the published SDK", team="web")
    warned = stack.up()
    published.prebuild(stack)
    first = stack.outputs()
    web, disks, copy = first["webId"], first["disksId"], first["copyId"]
    assert {region: set(ids) for region, ids in cloud.regions().items()} == {
        emulator.REGION: {web, disks},
        SECOND_REGION: {copy},
    }
    calls = without_place(cloud.changes())
    (copying,) = [call for call in calls if call.action == "CopyImage"]
    assert copying.params.pop("ClientToken") and copying.params.pop("DestinationImageName")
    assert copying.params == {
        "ImageId": web,
        "DestinationRegionId": SECOND_REGION,
        "DestinationDescription": "by the published SDK",
        "Encrypted": "true",
        "KMSKeyId": "key",
        "Tag.1.Key": "Team",
        "Tag.1.Value": "web",
    }
    sharing = Call("ModifyImageSharePermission", {"ImageId": disks, "AddAccount.1": ACCOUNT})
    naming = Call("ModifyImageAttribute", {"ImageId": copy, "ImageName": "copy"})
    for call in (copying, sharing, naming):
        calls.remove(call)
    assert [call for call in calls if not is_of_creation(call)] == [
        Call("ModifyImageAttribute", {"ImageId": disks, "Features.NvmeSupport": "supported"})
    ]
    assert by_name(call for call in calls if is_of_creation(call)) == {
        "web": {
            "InstanceId": "i-running",
            "Description": "by the published SDK",
            "Platform": "CentOS",
            "Architecture": "x86_64",
            "ResourceGroupId": "rg-other",
            "Tag.1.Key": "Team",
            "Tag.1.Value": "web",
        },
        first["name"]: {
            "BootMode": "UEFI",
            "ImageFamily": "family",
            "DetectionStrategy": "Standard",
            "DiskDeviceMapping.1.Device": "/dev/xvda",
            "DiskDeviceMapping.1.DiskType": "system",
            "DiskDeviceMapping.1.SnapshotId": "s-system",
            "DiskDeviceMapping.2.Device": "/dev/xvdb",
            "DiskDeviceMapping.2.DiskType": "data",
            "DiskDeviceMapping.2.SnapshotId": "s-data",
            "DiskDeviceMapping.2.Size": "200",
        },
    }
    assert first | {"disksId": "", "name": ""} == {
        "webId": web,
        "disksId": "",
        "copyId": copy,
        "shareId": f"{disks}:{ACCOUNT}",
        "system": ["m-system"],
        "foundImages": [[web, "web", {"Team": "web"}]],
        "foundSize": "40",
        "name": "",
        "sizes": [40, 200],
        "nvme": "supported",
        "description": "by the published SDK",
        "usable": True,
    }
    for setting in ("signVersion.oss", "features"):
        assert f"{setting}: has no effect" in diagnostics(warned)
    settled(stack, cloud)

    # An update in place, of exactly what changed.
    stack.set(description="described anew", team="api")
    assert stack.steps() == {"web": "update", "copy": "update"}
    stack.up()
    assert sorted_calls(without_place(cloud.changes())) == sorted_calls(
        [
            Call("ModifyImageAttribute", {"ImageId": web, "Description": "described anew"}),
            Call("ModifyImageAttribute", {"ImageId": copy, "Description": "described anew"}),
            tag(web, Team="api"),
        ]
    )
    second = stack.outputs()
    assert second == first | {"description": "described anew", "foundImages": [[web, "web", {"Team": "api"}]]}

    # The same text with our SDK, whose version is another, and back again.
    cloud.forget_requests()
    for sdk in (language, published):
        stack.move_to(sdk)
        stack.preview("--expect-no-changes")
        sdk.prebuild(stack)
        stack.up()
        assert cloud.changes() == []
        assert stack.outputs() == second
    assert set(cloud.images()) == {web, disks, copy}

    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert stack.resources() == {}
    assert emulator.KEY_SECRET not in stack.kept_text()
    assert stack.plugin_stderr.read_text() == ""


def settled(stack, cloud):
    cloud.forget_requests()
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes", "--expect-no-changes")
    stack.preview("--expect-no-changes")
    assert cloud.changes() == []


def without_place(calls):
    """Without what the settings of the program's own provider add to every call."""
    place = {"SecureTransport": "true", "SourceIp": "10.0.0.1"}
    assert any(call.params.items() >= place.items() for call in calls)
    return [
        Call(call.action, {name: value for name, value in call.params.items() if name not in place}) for call in calls
    ]


# What the published SDK calls settings and properties, and how they nest, as the package itself tells.
NAMES = """
import inspect
import json
import re
import pulumi_alicloud
from pulumi import _types
from pulumi_alicloud.ecs import GetImagesResult, _inputs, get_images, image, image_copy, image_share_permission, outputs

top = vars(pulumi_alicloud._inputs)
known = {"provider": _types.input_type_types(pulumi_alicloud.ProviderArgs)}
known["image"] = _types.input_type_types(image.ImageArgs)
known["state"] = _types.resource_types(image.Image)
known["copy"] = _types.input_type_types(image_copy.ImageCopyArgs)
known["copy's state"] = _types.resource_types(image_copy.ImageCopy)
known["share"] = _types.input_type_types(image_share_permission.ImageSharePermissionArgs)
known["share's state"] = _types.resource_types(image_share_permission.ImageSharePermission)
arguments = set(inspect.signature(get_images).parameters) - {"opts"}
known["arguments"] = {re.sub("_(.)", lambda found: found[1].upper(), name) for name in arguments}
known["result"] = _types.output_type_types(GetImagesResult)
known["getImagesImage"] = _types.output_type_types(outputs.GetImagesImageResult)
known["getImagesImageDiskDeviceMapping"] = _types.output_type_types(outputs.GetImagesImageDiskDeviceMappingResult)
for name in ("AssumeRole", "AssumeRoleWithOidc", "Features", "FeaturesEcsInstance", "SignVersion"):
    known[f"Provider{name}"] = _types.input_type_types(top[f"Provider{name}Args"])
for name in ("ImageDiskDeviceMapping", "ImageFeatures"):
    known[name] = _types.output_type_types(getattr(outputs, name))
    known[name] |= _types.input_type_types(getattr(_inputs, f"{name}Args"))
print(json.dumps({where: sorted(names) for where, names in known.items()}))
"""


def test_every_setting_and_property_of_the_published_sdk_is_ours_too(published_python):
    python = Path(os.environ["PUBLISHED_PYTHON"]) / "python"
    theirs = json.loads(run(python, "-c", NAMES, cwd=ROOT / "tests/e2e"))
    schema = json.loads((ROOT / "schema.json").read_text())
    image, copy, share = (schema["resources"][token] for token in (IMAGE, COPY, SHARE))
    look_up = schema["functions"]["alicloud:ecs/getImages:getImages"]
    ours = {
        "provider": schema["provider"]["inputProperties"],
        "image": image["inputProperties"],
        "state": image["properties"],
        "copy": copy["inputProperties"],
        "copy's state": copy["properties"],
        "share": share["inputProperties"],
        "share's state": share["properties"],
        "arguments": look_up["inputs"]["properties"],
        "result": look_up["outputs"]["properties"],
    } | {token.rsplit(":", 1)[1]: type_["properties"] for token, type_ in schema["types"].items()}
    missing = {where: set(names) - set(ours[where]) for where, names in theirs.items()}
    assert {where: names for where, names in missing.items() if names} == {}


# The inputs and outputs of each resource and of the provider, and the functions, as the package itself tells.
THERE = """
import importlib
import json
import pulumi_alicloud
from pulumi import _types

there = {}
for name, module in (
    ("Image", "image"), ("ImageCopy", "image_copy"), ("ImageExport", "image_export"), ("ImageImport", "image_import"),
    ("ImageSharePermission", "image_share_permission"),
):
    module = importlib.import_module(f"pulumi_alicloud.ecs.{module}")
    there[name] = {
        "inputs": sorted(_types.input_type_types(getattr(module, f"{name}Args"))),
        "outputs": sorted(_types.resource_types(getattr(module, name))),
    }
there["Provider"] = {"inputs": sorted(_types.input_type_types(pulumi_alicloud.ProviderArgs)), "outputs": []}
there["functions"] = sorted(dir(pulumi_alicloud.ecs))
print(json.dumps(there))
"""


def told_of_the_published_sdk():
    """What the guide says that it does not have: of each resource and function the names by their kind."""
    guide = (ROOT / "docs/guides/moving-from-the-published-provider.md").read_text()
    told = {}
    for name, cell in re.findall(r"^\| \[(\w+)\]\([\w:]+\) \| (.*) \|$", guide, re.M):
        kinds = re.findall(r"(inputs|outputs): ([^;]*)", cell) or [("inputs", cell)]
        told[name] = {kind: set(re.findall(r"`(\w+)`", names)) for kind, names in kinds}
    return told


def test_what_the_published_sdk_does_not_have_is_told(published_python):
    python = Path(os.environ["PUBLISHED_PYTHON"]) / "python"
    there = json.loads(run(python, "-c", THERE, cwd=ROOT / "tests/e2e"))
    schema = json.loads((ROOT / "schema.json").read_text())
    told = told_of_the_published_sdk()
    assert f"Of the Python package {published_python.version()}" in " ".join(
        (ROOT / "docs/guides/moving-from-the-published-provider.md").read_text().split()
    )

    assert "get_images" in there["functions"] and "get_image_from_family" not in there["functions"]
    assert told.pop("getImageFromFamily") == {"inputs": set()}
    provider = schema["provider"]["inputProperties"].keys() - set(there["Provider"]["inputs"])
    assert told.pop("Provider") == {"inputs": provider}
    readme = (ROOT / "README.md").read_text().split("What the published SDK does not have.")[1].split("\n- **")[0]
    for token, declared in schema["resources"].items():
        name = token.rsplit(":", 1)[1]
        inputs = declared["inputProperties"].keys() - set(there[name]["inputs"])
        outputs = declared["properties"].keys() - set(there[name]["outputs"])
        missing = told.pop(name, {"inputs": set()})
        assert missing["inputs"] == inputs, name
        # Of an export the outputs are what it is for; of the others the guide tells elsewhere.
        if name == "ImageExport":
            assert missing["outputs"] == outputs - {"imageFormat", "roleName"}
        assert {word for word in inputs if f"`{word}`" not in readme} == set(), name
    assert told == {}

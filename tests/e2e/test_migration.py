"""Stacks of the official provider, taken over by this one."""

import copy
import json

import emulator
import pytest
from cases import sampled
from emulator import Call
from program import COPY, IMAGE, SHARE
from project import ROOT
from scene import STOCK
from test_lifecycle import wait_until_usable

OFFICIAL = ROOT / "tests/data/official-state.json"
# What the data calls things, and what the emulator and these tests call them.
NAMES = {
    "urn:pulumi:t::holdout::": "urn:pulumi:test::program::",
    "holdout-t": "program-test",
    '"s-1"': '"s-system"',
    '"i-1"': '"i-running"',
    '"rg-1"': '"rg-other"',
}
PROVIDER_ID = "61f9e0b6-5840-4ebc-aefb-2d177e7ae6e5"
DEFAULT = "default_4_0_0"
SECRET = "4dabf18193072939515e22adb298388d"

# What the authors of these resources have written.
PROGRAM = """
import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
{provider}
description = config.get("description") or "bb"
alicloud.ecs.Image("by_name", name="b", description=description, snapshot_id="s-system", opts=opts)
alicloud.ecs.Image(
    "by_image_name",
    architecture="x86_64",
    delete_auto_snapshot=True,
    description="golden image",
    force=True,
    image_name="a",
    instance_id="i-running",
    platform="CentOS",
    resource_group_id="rg-other",
    tags={{"a": config.get("tag") or "b"}},
    opts=opts,
)
alicloud.ecs.Image(
    "by_mappings",
    boot_mode="UEFI",
    disk_device_mappings=[
        alicloud.ecs.ImageDiskDeviceMappingArgs(
            device="/dev/xvda", disk_type="system", size=40, snapshot_id="s-system"
        ),
        alicloud.ecs.ImageDiskDeviceMappingArgs(device="/dev/xvdb", disk_type="data", size=100),
    ],
    features=alicloud.ecs.ImageFeaturesArgs(nvme_support="supported"),
    image_name=config.get("name") or "c",
    opts=opts,
)
"""
PROVIDERS = {
    "explicit": """
provider = alicloud.Provider(
    "p",
    region="cn-hangzhou",
    access_key="e2e-key",
    secret_key=config.require_secret("secret"),
    endpoints=[alicloud.ProviderEndpointArgs(ecs=config.require("endpoint"))],
)
opts = pulumi.ResourceOptions(provider=provider)
""",
    "default": "opts = None",
}


@pytest.fixture(params=sampled(PROVIDERS, "default"))
def provider(request):
    return request.param


@pytest.fixture
def taken_over(program, cloud, provider):
    """A stack that holds the official provider's state, of images that exist, with the program of its authors."""
    stack = program(PROGRAM.format(provider=PROVIDERS[provider]))
    stack.set_all({"endpoint": cloud.url}, secret={"secret": emulator.KEY_SECRET})
    images = make_images(cloud)
    text = OFFICIAL.read_text()
    for official, ours in NAMES.items():
        assert official in text, official
        text = text.replace(official, ours)
    resources = json.loads(text)["resources"]
    urn = resources[0]["provider"].rsplit("::", 1)[0]
    if provider == "default":
        urn = f"{urn.rsplit('::', 1)[0]}::{DEFAULT}"
    for resource in resources:
        del resource["provider"]
        image = images[resource["outputs"]["imageName"]]
        resource["id"] = resource["outputs"]["id"] = image
        if mappings := resource["outputs"].get("diskDeviceMappings"):
            assert [disk["snapshot"] for disk in cloud.images()[image]["disks"]] == [
                mapping["snapshotId"] for mapping in mappings
            ]
    put_into(stack, cloud, urn, resources)
    return stack


def put_into(stack, cloud, urn, resources):
    """Makes these the stack's resources, by the provider of that URN, which is the program's own or the default one."""
    parent = "urn:pulumi:test::program::pulumi:pulumi:Stack::program-test"
    settings = {
        "accessKey": emulator.KEY_ID,
        "endpoints": json.dumps([{"ecs": cloud.url}]),
        "region": emulator.REGION,
        "secretKey": {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(emulator.KEY_SECRET)},
    }
    is_default = urn.endswith(DEFAULT)
    if is_default:
        settings["version"] = "4.0.0"
    deployment = json.loads(stack.quiet("stack", "export"))
    deployment["deployment"]["resources"] = [
        {"urn": parent, "custom": False, "type": "pulumi:pulumi:Stack"},
        {
            "urn": urn,
            "custom": True,
            "id": PROVIDER_ID,
            "type": "pulumi:providers:alicloud",
            "inputs": settings,
            "outputs": copy.deepcopy(settings),
        }
        | ({} if is_default else {"parent": parent}),
        *({"parent": parent, "provider": f"{urn}::{PROVIDER_ID}", "custom": True} | each for each in resources),
    ]
    file = stack.home / "official.json"
    file.write_text(json.dumps(deployment))
    stack.run("stack", "import", "--file", str(file))
    file.unlink()
    cloud.forget_requests()


def make_images(cloud):
    """The images that the state speaks of, as the official provider made them; their ids by their names."""
    requests = {
        "b": {"Description": "bb", "SnapshotId": "s-system"},
        "a": {
            "Architecture": "x86_64",
            "Description": "golden image",
            "InstanceId": "i-running",
            "Platform": "CentOS",
            "ResourceGroupId": "rg-other",
            "Tag.1.Key": "a",
            "Tag.1.Value": "b",
        },
        "c": {
            "BootMode": "UEFI",
            "DiskDeviceMapping.1.Device": "/dev/xvda",
            "DiskDeviceMapping.1.DiskType": "system",
            "DiskDeviceMapping.1.Size": "40",
            "DiskDeviceMapping.1.SnapshotId": "s-system",
            "DiskDeviceMapping.2.Device": "/dev/xvdb",
            "DiskDeviceMapping.2.DiskType": "data",
            "DiskDeviceMapping.2.Size": "100",
        },
    }
    made = {}
    for name, params in requests.items():
        # The cloud takes no names so short today.
        made[name] = cloud.call("CreateImage", ImageName=f"short-{name}", **params)["ImageId"]
        cloud.control("POST", "change", {"region": emulator.REGION, "image": made[name], "name": name})
    for image in made.values():
        wait_until_usable(cloud, image)
    return made


def nvme(cloud, stack, support):
    image = stack.resources()["by_mappings"]["id"]
    cloud.call("ModifyImageAttribute", ImageId=image, **{"Features.NvmeSupport": support})
    cloud.forget_requests()


def test_a_stack_of_the_official_provider_lives_on(taken_over, cloud):
    stack = taken_over
    images = {name: resource["id"] for name, resource in stack.resources().items()}
    # The feature that its author asked for was given; the state is from before that.
    nvme(cloud, stack, "supported")
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes")
    stack.preview("--expect-no-changes")

    # The present name in place of the old one is no change either.
    file = stack.folder / "__main__.py"
    assert file.read_text().count(' name="b"') == 1
    file.write_text(file.read_text().replace(' name="b"', ' image_name="b"'))
    stack.preview("--expect-no-changes")
    stack.up()
    assert cloud.changes() == []

    stack.set(description="described anew", tag="c", name="renamed")
    assert stack.steps() == {"by_name": "update", "by_image_name": "update", "by_mappings": "update"}
    stack.up()
    asked = {(call.action, call.params.get("ImageId") or call.params["ResourceId.1"]) for call in cloud.changes()}
    assert asked == {
        ("ModifyImageAttribute", images["by_name"]),
        ("TagResources", images["by_image_name"]),
        ("ModifyImageAttribute", images["by_mappings"]),
    }
    assert {name: resource["id"] for name, resource in stack.resources().items()} == images
    assert cloud.images()[images["by_mappings"]]["name"] == "renamed"
    stack.preview("--expect-no-changes")

    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert stack.resources() == {}
    assert emulator.KEY_SECRET not in stack.kept_text()


@pytest.mark.parametrize("provider", ["default"], indirect=True)
def test_what_the_official_provider_left_undone_is_seen_and_mended(taken_over, cloud):
    """Its state says that the feature its author asked for is not there, and the cloud says so too."""
    stack = taken_over
    nvme(cloud, stack, "unsupported")
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes")
    assert stack.steps() == {"by_mappings": "update"}
    stack.up()
    (call,) = cloud.changes()
    image = stack.resources()["by_mappings"]["id"]
    assert (call.action, call.params) == (
        "ModifyImageAttribute",
        {"ImageId": image, "Features.NvmeSupport": "supported"},
    )
    stack.preview("--expect-no-changes")


@pytest.mark.parametrize("provider", ["default"], indirect=True)
def test_a_stack_of_the_official_provider_is_destroyed_at_once(taken_over, cloud):
    """Its state does not say which snapshots an image of an instance has, and the author wants them gone with it."""
    stack = taken_over
    (forced,) = [image for image in cloud.images().values() if image["name"] == "a"]
    cloud.control("POST", "change", {"region": emulator.REGION, "image": forced["id"], "used_by": ["i-running"]})
    made_along = {disk["snapshot"] for disk in forced["disks"]}
    assert made_along and made_along <= cloud.snapshots().keys()
    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert stack.resources() == {}
    assert cloud.snapshots().keys() >= {"s-system", "s-data"}
    assert not made_along & cloud.snapshots().keys()


SOURCE_REGION, ACCOUNT = "cn-beijing", "1000000000000001"
# No state of these was to be had. What is here follows the official provider's images: a default that is `false` is not
# among the inputs, and all that its schema has is among the outputs.
COPY_META = '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"delete":600000000000}}'
FAMILY_PROGRAM = """
import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
source = config.require("source")
description = config.get("description") or "a copy"
copied = alicloud.ecs.ImageCopy(
    "copied",
    image_name="copied",
    description=description,
    source_image_id=source,
    source_region_id="cn-beijing",
    tags={{"team": "web"}},
    delete_auto_snapshot=True,
)
alicloud.ecs.{older}("older", image_name="older", source_image_id=source, source_region_id="cn-beijing")
alicloud.ecs.ImageSharePermission("shared", image_id=copied.id, account_id="1000000000000001")
"""


def put_family_into(stack, cloud):
    """The official provider's state of two copies, one of the older type, and of a share; the source."""

    def made(action, region, **params):
        image = cloud.call(action, RegionId=region, **params)["ImageId"]
        wait_until_usable(cloud, image)
        return image

    source = made("CreateImage", SOURCE_REGION, ImageName="source", SnapshotId="s-system")
    common = {"sourceImageId": source, "sourceRegionId": SOURCE_REGION}
    to = {"ImageId": source, "DestinationRegionId": emulator.REGION}
    told = {"description": "a copy", "tags": {"team": "web"}}
    tagged = {"DestinationDescription": "a copy", "Tag.1.Key": "team", "Tag.1.Value": "web"}
    copies = {
        "copied": (COPY, common | told | {"deleteAutoSnapshot": True}, tagged),
        "older": ("alicloud:ecs/copyImage:CopyImage", common, {}),
    }
    resources = []
    for name, (type_, inputs, params) in copies.items():
        image = made("CopyImage", SOURCE_REGION, DestinationImageName=name, **to, **params)
        outputs = {"id": image, "name": name, "force": False, "description": "", "tags": {}, "__meta": COPY_META}
        resources.append((name, type_, image, inputs | {"imageName": name}, outputs))
    copied = resources[0][2]
    cloud.call("ModifyImageSharePermission", ImageId=copied, **{"AddAccount.1": ACCOUNT})
    share = f"{copied}:{ACCOUNT}"
    resources.append(("shared", SHARE, share, {"imageId": copied, "accountId": ACCOUNT}, {"id": share}))
    project = "urn:pulumi:test::program::"
    put_into(
        stack,
        cloud,
        f"{project}pulumi:providers:alicloud::{DEFAULT}",
        [
            {
                "urn": f"{project}{type_}::{name}",
                "type": type_,
                "id": id_,
                "inputs": {"__defaults": []} | inputs,
                "outputs": outputs | inputs,
                # As of a program.
                **({"dependencies": [f"{project}{COPY}::copied"]} if type_ == SHARE else {}),
            }
            for name, type_, id_, inputs, outputs in resources
        ],
    )
    return source


@pytest.mark.languages("python")
def test_copies_and_shares_of_the_official_provider_live_on(program, language, published, cloud):
    stack = program(FAMILY_PROGRAM.format(older="CopyImage"), language=published)
    stack.set(source=put_family_into(stack, cloud))
    ids = {name: resource["id"] for name, resource in stack.resources().items()}
    stack.preview("--expect-no-changes")
    stack.run("refresh", "--yes")
    stack.preview("--expect-no-changes")

    # Our SDK has one name for copies, which is known to be the other's too.
    stack.move_to(language)
    file = stack.folder / "__main__.py"
    file.write_text(FAMILY_PROGRAM.format(older="ImageCopy"))
    stack.preview("--expect-no-changes")
    stack.up()
    assert cloud.changes() == []
    assert {name: resource["type"] for name, resource in stack.resources().items()} == {
        "copied": COPY, "older": COPY, "shared": SHARE,
    }  # fmt: skip
    stack.set(description="described anew")
    assert stack.steps() == {"copied": "update"}
    stack.up()
    assert cloud.changes() == [
        Call("ModifyImageAttribute", {"ImageId": ids["copied"], "Description": "described anew"})
    ]
    assert {name: resource["id"] for name, resource in stack.resources().items()} == ids
    stack.run("destroy", "--yes")
    assert list(cloud.regions()) == [SOURCE_REGION]


def test_copies_and_shares_of_the_official_provider_are_destroyed_at_once(program, cloud):
    """The state does not say which snapshots a copy has, and one author wants them gone with it."""
    stack = program({})
    put_family_into(stack, cloud)
    (older,) = [image for image in cloud.images().values() if image["name"] == "older"]
    kept = {disk["snapshot"] for disk in older["disks"]}
    stack.run("destroy", "--yes")
    assert list(cloud.regions()) == [SOURCE_REGION]
    assert stack.resources() == {}
    assert cloud.snapshots().keys() - STOCK == kept


# What this provider's state holds beyond the published one's. README.md tells users.
OURS_ALONE = {
    "imageOwnerAlias", "isCopied", "isSelfShared", "isSubscribed", "isSupportCloudinit", "isSupportIoOptimized",
    "osName", "osNameEn", "osType", "productCode", "progress", "regionId", "size",
}  # fmt: skip

# One of each source, and between them every property that an image has.
EVERY_PROPERTY = """
import pulumi_alicloud as alicloud

alicloud.ecs.Image(
    "of_instance",
    name="of-instance",
    instance_id="i-running",
    architecture="x86_64",
    platform="CentOS",
    description="of an instance",
    resource_group_id="rg-other",
    tags={"Team": "web"},
    force=True,
    delete_auto_snapshot=True,
)
alicloud.ecs.Image(
    "of_snapshot",
    snapshot_id="s-system",
    image_version="v1",
    detection_strategy="Standard",
    status="Available",
)
alicloud.ecs.Image(
    "of_disks",
    boot_mode="UEFI",
    image_family="family",
    license_type="BYOL",
    features={"nvme_support": "supported"},
    disk_device_mappings=[
        {"device": "/dev/xvda", "disk_type": "system", "snapshot_id": "s-system", "size": 50},
        {"device": "/dev/xvdb", "disk_type": "data", "snapshot_id": "s-data"},
    ],
)
"""

# The compiler refuses a literal that lacks what the type demands, has what it does not know, or has it of another type.
TYPES = """
import * as pulumi from "@pulumi/pulumi";
import {{ Image, ImageArgs }} from "@pulumi/alicloud/ecs/image";

type Values = {{
    [Name in keyof Omit<Image, "urn"> as Image[Name] extends pulumi.Output<any> ? Name : never]:
        Image[Name] extends pulumi.Output<infer Value> ? Value : never;
}};
type Optional = {{ [Name in keyof Values as undefined extends Values[Name] ? Name : never]?: Values[Name] }};
type Outputs = Omit<Values, keyof Optional> & Optional;
{literals}
"""


def test_a_state_of_ours_fits_the_official_provider_s_types(program, published_typescript, tmp_path):
    """So that the official provider can take a stack back: it must find what it relies on, in the types it knows."""
    stack = program(EVERY_PROPERTY)
    stack.up()
    resources = stack.resources()
    given = {name for resource in resources.values() for name in resource["inputs"] if not name.startswith("__")}
    schema = json.loads((ROOT / "schema.json").read_text())["resources"][IMAGE]
    assert given == set(schema["inputProperties"])
    reported = {name for resource in resources.values() for name in resource["outputs"]}
    assert reported >= set(schema["properties"])

    literals = []
    for name, resource in resources.items():
        assert resource["outputs"].keys() >= OURS_ALONE
        outputs = {
            key: value
            for key, value in resource["outputs"].items()
            if key not in OURS_ALONE and not key.startswith("__")
        }
        assert outputs["features"].pop("imdsSupport") in ("v1", "v2")
        # The status is an output there.
        inputs = {
            key: value for key, value in resource["inputs"].items() if key != "status" and not key.startswith("__")
        }
        literals += [
            f"export const {name}Outputs: Outputs = {json.dumps(outputs)};",
            f"export const {name}Inputs: ImageArgs = {json.dumps(inputs)};",
        ]
        assert find_fractions([outputs, inputs]) == []

    folder = published_typescript.program(tmp_path / "types", TYPES.format(literals="\n".join(literals)))
    published_typescript.wire(folder)
    published_typescript.check(folder)


def find_fractions(value):
    """TypeScript has one type for all numbers; the official provider's are whole."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for inner in value for found in find_fractions(inner)]
    return [value] if isinstance(value, float) else []

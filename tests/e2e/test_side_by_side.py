"""This plugin beside the published one: two versions of `alicloud` in one program and one state."""

import json
import re
import shlex
import sys
import textwrap

import emulator
import pytest
from program import Resource
from project import ROOT, plugin_binary
from stack import Stack
from test_lifecycle import wait_until_usable

OURS = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
INSTANCE = "alicloud:ecs/instance:Instance"


def transform(language):
    """As README.md shows it."""
    readme = (ROOT / "README.md").read_text().split("\n## Beside the published provider\n")[1].split("\n## ")[0]
    (block,) = [text for text in re.findall(rf"```{language}\n(.*?)```", readme, re.S) if "register" in text]
    return block


# A provider of our version, as a program makes it.
PYTHON_PROVIDER = """images = alicloud.Provider(
    "images",
    region="cn-hangzhou",
    access_key="e2e-key",
    secret_key=config.require_secret("secret"),
    endpoints=[alicloud.ProviderEndpointArgs(ecs=config.require("endpoint"))],
    opts=pulumi.ResourceOptions(version="0.1.0"),
)"""

# What a user writes with the published SDK. Of the images one has the option, one a provider that has it; of the third
# the settings decide whether it has the option, or whether all have it by a transform.
PYTHON = f"""
import re
import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
if config.get("chosen") == "by transform":
{textwrap.indent(transform("python"), "    ")}
{PYTHON_PROVIDER}
web = alicloud.ecs.Instance("web", instance_type="ecs.g7.large", image_id="m-base", security_groups=["sg-1"])
alicloud.ecs.Image(
    "by-option",
    image_name="by-option",
    instance_id="i-running",
    description=pulumi.Output.format("of {{}}", web.id),
    opts=pulumi.ResourceOptions(version="0.1.0"),
)
alicloud.ecs.Image(
    "by-provider", image_name="by-provider", snapshot_id="s-system", opts=pulumi.ResourceOptions(provider=images)
)
alicloud.ecs.Image(
    "moving",
    image_name="moving",
    snapshot_id="s-system",
    opts=pulumi.ResourceOptions(version="0.1.0") if config.get("chosen") == "by option" else None,
)
"""
TYPESCRIPT = """
import * as pulumi from "@pulumi/pulumi";
import * as alicloud from "@pulumi/alicloud";

const config = new pulumi.Config();
if (config.get("chosen") === "by transform") {
// TRANSFORM
}
const images = new alicloud.Provider("images", {
    region: "cn-hangzhou",
    accessKey: "e2e-key",
    secretKey: config.requireSecret("secret"),
    endpoints: [{ ecs: config.require("endpoint") }],
}, { version: "0.1.0" });
const web = new alicloud.ecs.Instance("web", {
    instanceType: "ecs.g7.large", imageId: "m-base", securityGroups: ["sg-1"],
});
new alicloud.ecs.Image("by-option", {
    imageName: "by-option", instanceId: "i-running", description: pulumi.interpolate`of ${web.id}`,
}, { version: "0.1.0" });
new alicloud.ecs.Image("by-provider", { imageName: "by-provider", snapshotId: "s-system" }, { provider: images });
new alicloud.ecs.Image("moving", { imageName: "moving", snapshotId: "s-system" },
    config.get("chosen") === "by option" ? { version: "0.1.0" } : undefined);
"""
YAML = """
resources:
  web:
    type: alicloud:ecs:Instance
    properties:
      imageId: m-base
    options:
      version: 4.0.0
  golden:
    type: alicloud:ecs:Image
    properties:
      description: of ${web.id}
      instanceId: i-running
    options:
      version: 0.1.0
"""
PROGRAMS = {
    "python": PYTHON,
    "typescript": TYPESCRIPT.replace("// TRANSFORM", transform("typescript")),
    "yaml": YAML,
}
# One of each type under the transform, beside what is the published plugin's, and a function with the option.
EVERY_TYPE = {
    "python": f"""
import re
import pulumi
import pulumi_alicloud as alicloud

{transform("python")}
alicloud.ecs.Instance("web", instance_type="ecs.g7.large", image_id="m-base", security_groups=["sg-1"])
image = alicloud.ecs.Image("image", instance_id="i-running")
alicloud.ecs.ImageCopy("copy", source_image_id=pulumi.Config().require("source"), source_region_id="cn-beijing")
alicloud.ecs.ImageImport(
    "import", image_name="import", disk_device_mappings=[{{"oss_bucket": "b-images", "oss_object": "disk.qcow2"}}]
)
alicloud.ecs.ImageExport("export", image_id=image.id, oss_bucket="b-images", oss_prefix="web")
shared = alicloud.ecs.Image("shared", snapshot_id="s-system")
alicloud.ecs.ImageSharePermission("share", image_id=shared.id, account_id="1000000000000001")
found = alicloud.ecs.get_images(owners="self", opts=pulumi.InvokeOptions(version="0.1.0"))
pulumi.export("found", found.ids)
""",
    "typescript": """
import * as pulumi from "@pulumi/pulumi";
import * as alicloud from "@pulumi/alicloud";

// TRANSFORM
new alicloud.ecs.Instance("web", { instanceType: "ecs.g7.large", imageId: "m-base", securityGroups: ["sg-1"] });
const image = new alicloud.ecs.Image("image", { instanceId: "i-running" });
new alicloud.ecs.ImageCopy("copy", {
    sourceImageId: new pulumi.Config().require("source"), sourceRegionId: "cn-beijing",
});
new alicloud.ecs.ImageImport("import", {
    imageName: "import", diskDeviceMappings: [{ ossBucket: "b-images", ossObject: "disk.qcow2" }],
});
new alicloud.ecs.ImageExport("export", { imageId: image.id, ossBucket: "b-images", ossPrefix: "web" });
const shared = new alicloud.ecs.Image("shared", { snapshotId: "s-system" });
new alicloud.ecs.ImageSharePermission("share", { imageId: shared.id, accountId: "1000000000000001" });
export const found = alicloud.ecs.getImages({ owners: "self" }, { version: "0.1.0" }).then(found => found.ids);
""".replace("// TRANSFORM", transform("typescript")),
}


def explicit(language):
    """An explicit provider and an image of it, as the guide shows them."""
    guide = (ROOT / "docs/guides/moving-from-the-published-provider.md").read_text()
    (block,) = [text for text in re.findall(rf"```{language} .*?\n(.*?)```", guide, re.S) if "secretKey" in text]
    return block


EXPLICIT = {
    "python": f"""
from types import SimpleNamespace
import pulumi
import pulumi_alicloud as alicloud

web = SimpleNamespace(id="i-running")
{explicit("python")}
""",
    "typescript": f"""
import * as pulumi from "@pulumi/pulumi";
import * as alicloud from "@pulumi/alicloud";

const web = {{ id: "i-running" }};
{explicit("typescript")}
""",
    "yaml": explicit("yaml").replace("${web.id}", "i-running"),
}
IMPORTED = ("by-option", "by-provider", "by-neither")
IMPORTS = {
    "python": f"""
import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
{PYTHON_PROVIDER}
alicloud.ecs.Image(
    "by-option",
    image_name="by-option",
    snapshot_id="s-system",
    opts=pulumi.ResourceOptions(import_=config.require("image"), version="0.1.0"),
)
"""
}


def install(stack, version, file):
    stack.run("plugin", "install", "resource", "alicloud", f"v{version}", "--file", str(file))


def install_stand_in(stack, version):
    """Where published plugins are."""
    file = stack.home / f"stand-in-{version}"
    words = (sys.executable, str(ROOT / "tests/lib/standin.py"), version)
    file.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
    file.chmod(0o755)
    install(stack, version, file)


@pytest.fixture
def both(language, published, cloud, tmp_path, request):
    """A stack with both plugins."""
    programs = getattr(request, "param", PROGRAMS)
    folder = published.program(tmp_path / "program", programs[language.folder].replace("0.1.0", OURS))
    stack = Stack(folder, tmp_path / "home", None, published.wire(folder))
    request.node.shown = lambda: (stack, cloud)
    install_stand_in(stack, published.version())
    install(stack, OURS, plugin_binary())
    stack.init(cloud)
    stack.set_all({"endpoint": cloud.url}, secret={"secret": emulator.KEY_SECRET})
    return stack


def default(version):
    """The name of the provider that the engine makes for those who ask for that version."""
    return f"default_{version.replace('.', '_')}"


def providers(stack):
    """The name of each resource's provider."""
    found = [resource for resource in stack.deployment()["resources"] if "provider" in resource]
    return {resource["urn"].rsplit("::", 1)[1]: resource["provider"].split("::")[-2] for resource in found}


def warnings(printed):
    """All but those of the language hosts' places, which are not a user's."""
    found = [line.strip() for line in printed.splitlines() if "warning:" in line]
    return [line for line in found if "using pulumi-language-" not in line]


@pytest.mark.alike
@pytest.mark.languages("python", "typescript")
def test_two_plugins_serve_one_program(both, published, cloud):
    stack, theirs, ours = both, default(published.version()), default(OURS)
    assert warnings(stack.up()) == []
    published.prebuild(stack)
    served = {"web": theirs, "by-option": ours, "by-provider": "images", "moving": theirs}
    assert providers(stack) == served
    ids = {name: resource["id"] for name, resource in stack.resources().items()}
    assert cloud.images().keys() == {made for name, made in ids.items() if name != "web"}
    cloud.forget_requests()
    stack.preview("--expect-no-changes")

    # The image of the other plugin comes over, goes back, and comes again.
    for chosen, by in (("by option", ours), ("", theirs), ("by transform", ours)):
        stack.set(chosen=chosen)
        assert warnings(stack.up("--expect-no-changes")) == []
        assert providers(stack) == served | {"moving": by}
    assert {name: resource["id"] for name, resource in stack.resources().items()} == ids
    assert cloud.changes() == []

    # Neither command runs the program. Both compare its version with those in the state.
    (stack.folder / published.main).write_text("")
    older = f"is using an older version of package 'alicloud' than the specified program version: {OURS} < "
    for command in (("refresh", "--expect-no-changes"), ("destroy",)):
        assert {older in warning for warning in warnings(stack.run(*command, "--yes"))} == {True}
    assert cloud.images() == {}
    assert stack.deployment().get("resources", []) == []


@pytest.mark.alike
@pytest.mark.languages("python", "typescript")
@pytest.mark.parametrize("both", [EVERY_TYPE], ids=["every type"], indirect=True)
def test_a_transform_is_for_every_type_of_this_plugin_and_for_no_other(both, published, cloud):
    stack = both
    stack.env |= {"ALIBABA_CLOUD_ENDPOINT_OSS": cloud.url}
    source = cloud.call("CreateImage", RegionId="cn-beijing", ImageName="source", SnapshotId="s-system")["ImageId"]
    wait_until_usable(cloud, source)
    stack.set(source=source)
    assert warnings(stack.up()) == []
    served = providers(stack)
    assert served.pop("web") == default(published.version())
    assert served == dict.fromkeys(("image", "copy", "import", "export", "shared", "share"), default(OURS))
    types = {resource["type"] for resource in stack.resources().values()}
    assert types == {INSTANCE, *json.loads((ROOT / "schema.json").read_text())["resources"]}
    stack.run("destroy", "--yes")
    assert cloud.images().keys() == {source}


@pytest.mark.alike
@pytest.mark.languages("python", "typescript", "yaml")
@pytest.mark.parametrize("both", [EXPLICIT], ids=["explicit"], indirect=True)
def test_an_explicit_provider_has_its_key_from_the_configuration(both, cloud):
    """And the endpoint, which the guide does not speak of, from a variable."""
    stack = both
    stack.env |= {"ALIBABA_CLOUD_ENDPOINT_ECS": cloud.url}
    stack.set_all({}, secret={"alicloud:accessKey": emulator.KEY_ID})
    stack.up()
    assert providers(stack) == {"golden": "images"}
    stack.preview("--expect-no-changes")


@pytest.mark.languages("python")
@pytest.mark.parametrize("both", [IMPORTS], ids=["imports"], indirect=True)
def test_an_import_names_the_plugin_by_its_version_or_by_a_provider(both, published, cloud):
    stack = both
    made = {name: cloud.call("CreateImage", ImageName=name, SnapshotId="s-system")["ImageId"] for name in IMPORTED}
    for image in made.values():
        wait_until_usable(cloud, image)
    stack.set(image=made["by-option"])
    assert warnings(stack.up()) == []
    (own,) = [each["urn"] for each in stack.deployment()["resources"] if each["urn"].endswith("::images")]
    for name, words in (("by-provider", ("--provider", f"images={own}")), ("by-neither", ())):
        command = ("import", "alicloud:ecs/image:Image", name, made[name], *words)
        stack.run(*command, "--yes", "--generate-code=false", "--protect=false")
    served = {"by-option": default(OURS), "by-provider": "images", "by-neither": default(published.version())}
    assert providers(stack) == served
    assert {name: resource["id"] for name, resource in stack.resources().items()} == made


@pytest.mark.languages("yaml")
def test_a_yaml_program_names_both_versions(both, published, cloud):
    stack = both
    assert warnings(stack.up()) == []
    assert providers(stack) == {"web": default(published.version()), "golden": default(OURS)}
    assert len(cloud.images()) == 1
    stack.preview("--expect-no-changes")

    # One that names no version is taken for an image's.
    program = stack.folder / published.main
    text = program.read_text()
    program.write_text(text.replace(f"    options:\n      version: {published.version()}\n", ""))
    said = " ".join(stack.preview(fails=True).split())
    assert f'unknown resource type "{INSTANCE}"' in said
    assert "In a YAML program" in said
    stack.run("destroy", "--yes")
    assert cloud.images() == {}


class Instance(Resource):
    type = INSTANCE


@pytest.mark.parametrize("chosen", ("4.0.0", OURS))
def test_what_only_the_published_plugin_has_is_refused_with_what_to_change(program, chosen):
    """This plugin is on PATH, so it serves every version."""
    stack = program({"web": Instance({"imageId": "m-base"}, options={"version": chosen})})
    said = " ".join(stack.up(fails=True).split())
    assert f'unknown resource type "{INSTANCE}"' in said
    if chosen == OURS:
        assert f'the option `version: "{OURS}"`' in said
    else:
        assert f"Version {chosen} of the plugin was asked for" in said
        assert f"`pulumi plugin install resource alicloud v{OURS} --file {plugin_binary()}`" in said
        assert "out of PATH" in said
        assert "`plugins:` in Pulumi.yaml" in said

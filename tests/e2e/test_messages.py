"""What a user is told, word for word where words matter, at the terminal where it is read."""

import json
import re

import emulator
import pytest
from program import Image
from project import ROOT
from stack import diagnostics


def image(**inputs):
    return {"image": Image(inputs)}


def one_line(printed):
    return " ".join(printed.split())


# Two images of the same snapshot in each language, and how it spells the old name and the present one.
SPELLINGS = {
    "typescript": ("name:", "imageName:"),
    "python": ("name=", "image_name="),
    "go": ("Name:", "ImageName:"),
    "csharp": ("Name =", "ImageName ="),
}
TWO_IMAGES = {
    "typescript": """
import * as alicloud from "@pulumi/alicloud";
for (const name of ["one", "two"]) {
    new alicloud.ecs.Image(name, { name: `spelt-${name}`, snapshotId: "s-system" });
}
""",
    "python": """
import pulumi_alicloud as alicloud
for name in ("one", "two"):
    alicloud.ecs.Image(name, name=f"spelt-{name}", snapshot_id="s-system")
""",
    "go": """
package main

import (
	"github.com/pulumi/pulumi-alicloud/sdk/v3/go/alicloud/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		for _, name := range []string{"one", "two"} {
			image := &ecs.ImageArgs{Name: pulumi.String("spelt-" + name), SnapshotId: pulumi.String("s-system")}
			if _, err := ecs.NewImage(ctx, name, image); err != nil {
				return err
			}
		}
		return nil
	})
}
""",
    "csharp": """
using Pulumi;
using Pulumi.AliCloud.Ecs;

return await Deployment.RunAsync(() =>
{
    foreach (var name in new[] { "one", "two" })
    {
        _ = new Image(name, new ImageArgs { Name = $"spelt-{name}", SnapshotId = "s-system" });
    }
});
""",
}


@pytest.mark.alike
@pytest.mark.languages(*TWO_IMAGES)
def test_the_old_name_is_warned_of_once_per_resource(program, language, cloud):
    """In the schema's words. The present name ends the warning and changes nothing."""
    schema = json.loads((ROOT / "schema.json").read_text())
    words = schema["resources"]["alicloud:ecs/image:Image"]["inputProperties"]["name"]["deprecationMessage"]
    assert "`imageName`" in words
    text = TWO_IMAGES[language.folder]
    stack = program(text, language=language)
    said = diagnostics(stack.up())
    for name in ("one", "two"):
        assert re.search(rf"alicloud:ecs:Image \({name}\):\n +warning: .*{re.escape(words)}", said)
    assert said.count(words) == 2
    assert said.count("imageName") == words.count("imageName") * 2
    assert sorted(image["name"] for image in cloud.images().values()) == ["spelt-one", "spelt-two"]

    old, new = SPELLINGS[language.folder]
    assert text.count(old) == 1
    (stack.folder / language.main).write_text(text.replace(old, new))
    cloud.forget_requests()
    assert "imageName" not in stack.preview("--expect-no-changes")
    assert cloud.changes() == []


def test_missing_credentials(program, cloud):
    stack = program(image(snapshotId="s-system"), configured=False)
    stack.set_all({"alicloud:region": emulator.REGION, "alicloud:endpoints[0].ecs": cloud.url})
    stack.env["HOME"] = str(stack.home)
    said = one_line(stack.up(fails=True))
    for name in ("alicloud:accessKey", "alicloud:secretKey", "ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY"):
        assert name in said
    assert cloud.requests() == []


def test_missing_region(program, cloud):
    stack = program(image(snapshotId="s-system"), configured=False)
    stack.set_all(
        {"alicloud:accessKey": emulator.KEY_ID, "alicloud:endpoints[0].ecs": cloud.url},
        secret={"alicloud:secretKey": emulator.KEY_SECRET},
    )
    said = one_line(stack.up(fails=True))
    assert "alicloud:region" in said
    assert "ALICLOUD_REGION" in said
    assert cloud.requests() == []


def test_an_explicit_provider_is_told_which_of_its_arguments_are_missing(program, cloud):
    """The stack's settings are complete, and not that provider's."""
    stack = program({"golden": Image({"snapshotId": "s-system"}, provider="images")})
    stack.env["HOME"] = str(stack.home)
    stack.program.providers["images"] = {"region": emulator.REGION}
    said = one_line(stack.up(fails=True))
    for part in ('The provider "images" lacks arguments', "the argument `accessKey`", "the argument `secretKey`"):
        assert part in said
    assert "ALICLOUD_SECRET_KEY" in said
    assert "pulumi config set" not in said
    assert cloud.requests() == []


def test_credentials_from_the_environment(program, cloud):
    stack = program(image(snapshotId="s-system"), configured=False)
    stack.env |= {
        "ALICLOUD_ACCESS_KEY": emulator.KEY_ID,
        "ALICLOUD_SECRET_KEY": emulator.KEY_SECRET,
        "ALICLOUD_REGION": emulator.REGION,
        "ALIBABA_CLOUD_ENDPOINT_ECS": cloud.url,
    }
    stack.up()
    assert len(cloud.images()) == 1
    stack.run("destroy", "--yes")
    assert cloud.images() == {}
    assert emulator.KEY_SECRET not in stack.kept_text()


def test_every_mistake_is_named_by_its_path_and_nothing_is_created(program, cloud):
    stack = program(
        image(
            imageName="http://x",
            description="d",
            diskDeviceMappings=[
                {"device": "/dev/xvda", "diskType": "system", "snapshotId": "s-system"},
                {"device": "/dev/xvdb", "diskType": "tape", "snapshotId": "s-data", "size": 4},
            ],
            tags={"acs:owner": "me"},
        )
    )
    said = one_line(stack.up(fails=True))
    for path in (
        "imageName",
        "description",
        "diskDeviceMappings[1].diskType",
        "diskDeviceMappings[1].size",
        'tags["acs:owner"]',
    ):
        assert path in said, f"{path} is not named"
    for told in ("tape", "http://x", "5", "32768"):
        assert told in said
    assert cloud.changes() == []


def test_two_sources_are_both_named(program, cloud):
    stack = program(image(snapshotId="s-system", instanceId="i-running"))
    said = stack.preview(fails=True)
    assert "instanceId" in said
    assert "snapshotId" in said
    assert cloud.changes() == []


def test_no_source_names_all_three(program, cloud):
    stack = program(image(imageName="nothing"))
    said = stack.preview(fails=True)
    for source in ("instanceId", "snapshotId", "diskDeviceMappings"):
        assert source in said
    assert cloud.changes() == []


def test_the_cloud_s_refusal_is_told_in_its_words(program, cloud):
    stack = program(image(snapshotId="s-2013"))
    said = one_line(stack.up(fails=True))
    (refused,) = [entry for entry in cloud.requests() if entry["action"] == "CreateImage"]
    assert refused["code"] in said
    assert re.search(r"[Rr]equest ?[Ii]d", said), "what the cloud's support asks for first"
    assert cloud.images() == {}


def test_an_unreachable_endpoint_is_named(program, cloud):
    stack = program(image(snapshotId="s-system"))
    stack.set_all({"alicloud:endpoints[0].ecs": "http://127.0.0.1:1"})
    said = one_line(stack.up(fails=True))
    assert "127.0.0.1:1" in said
    assert "refused" in said.lower()

import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()
family = config.require("family")

golden = alicloud.ecs.Image(
    "golden",
    description=config.require("description"),
    image_family=family,
    instance_id=config.require("instanceId"),
    tags={"team": "platform"},
)

# A copy is made in the region of its provider.
second_region = alicloud.Provider("second-region", region=config.require("copyRegion"))

copy = alicloud.ecs.ImageCopy(
    "copy",
    description=config.require("description"),
    source_image_id=golden.id,
    source_region_id=golden.region_id,
    tags={"team": "platform"},
    opts=pulumi.ResourceOptions(provider=second_region),
)

for account in config.require_object("accounts"):
    alicloud.ecs.ImageSharePermission(f"share-{account}", account_id=account, image_id=golden.id)

# The look-ups wait for the image. They find it in the same `pulumi up` and not in its preview.
waited_for = golden.id.apply(lambda _: family)
newest = alicloud.ecs.get_image_from_family_output(image_family=waited_for)
listed = alicloud.ecs.get_images_output(image_family=waited_for, most_recent=True, owners="self")

pulumi.export("goldenId", golden.id)
pulumi.export("copyId", copy.id)
pulumi.export("copyStatus", copy.status)
pulumi.export("newestId", newest.image_id)
pulumi.export("newestName", newest.name)
pulumi.export("listedIds", listed.ids)

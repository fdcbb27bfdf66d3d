import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()

imported = alicloud.ecs.ImageImport(
    "imported",
    description=config.require("description"),
    disk_device_mappings=[{"oss_bucket": config.require("bucket"), "oss_object": config.require("object")}],
    platform="Ubuntu",
    tags={"team": "platform"},
)

# The files that an export writes are deleted with it.
exported = alicloud.ecs.ImageExport(
    "exported",
    image_id=imported.id,
    oss_bucket=config.require("bucket"),
    oss_prefix=config.require("prefix"),
)

pulumi.export("imageId", imported.id)
pulumi.export("files", exported.oss_objects)

import pulumi
import pulumi_alicloud as alicloud

config = pulumi.Config()

from_instance = alicloud.ecs.Image(
    "from-instance",
    architecture="x86_64",
    description=config.require("description"),
    image_name="test-image",
    instance_id=config.require("instanceId"),
    platform="CentOS",
    resource_group_id=config.require("resourceGroupId"),
    tags={
        "FinanceDept": config.require("financeDept"),
    },
)

from_snapshot = alicloud.ecs.Image(
    "from-snapshot",
    description=pulumi.Output.format("The system disk alone, beside {}", from_instance.id),
    snapshot_id=config.require("systemSnapshotId"),
)

from_disks = alicloud.ecs.Image(
    "from-disks",
    # An older program's spelling of `image_name`: it works, and `pulumi up` says what to write instead.
    name="test-image-of-two-disks",
    disk_device_mappings=[
        alicloud.ecs.ImageDiskDeviceMappingArgs(
            device="/dev/xvda",
            disk_type="system",
            snapshot_id=config.require("systemSnapshotId"),
        ),
        alicloud.ecs.ImageDiskDeviceMappingArgs(
            device="/dev/xvdb",
            disk_type="data",
            snapshot_id=config.require("dataSnapshotId"),
            size=200,
        ),
    ],
)

existing = alicloud.ecs.Image.get("existing", from_instance.id)

pulumi.export("fromInstanceId", from_instance.id)
pulumi.export("fromSnapshotId", from_snapshot.id)
pulumi.export("fromSnapshotName", from_snapshot.image_name)
pulumi.export("fromDisksId", from_disks.id)
pulumi.export("fromDisksSize", from_disks.size)
pulumi.export("existingStatus", existing.status)

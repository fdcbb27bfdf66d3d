import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();

const fromInstance = new alicloud.ecs.Image("from-instance", {
    architecture: "x86_64",
    description: config.require("description"),
    imageName: "test-image",
    instanceId: config.require("instanceId"),
    platform: "CentOS",
    resourceGroupId: config.require("resourceGroupId"),
    tags: {
        FinanceDept: config.require("financeDept"),
    },
});

const fromSnapshot = new alicloud.ecs.Image("from-snapshot", {
    description: pulumi.interpolate`The system disk alone, beside ${fromInstance.id}`,
    snapshotId: config.require("systemSnapshotId"),
});

const fromDisks = new alicloud.ecs.Image("from-disks", {
    // An older program's spelling of `imageName`: it works, and `pulumi up` says what to write instead.
    name: "test-image-of-two-disks",
    diskDeviceMappings: [
        { device: "/dev/xvda", diskType: "system", snapshotId: config.require("systemSnapshotId") },
        { device: "/dev/xvdb", diskType: "data", snapshotId: config.require("dataSnapshotId"), size: 200 },
    ],
});

const existing = alicloud.ecs.Image.get("existing", fromInstance.id);

export const fromInstanceId = fromInstance.id;
export const fromSnapshotId = fromSnapshot.id;
export const fromSnapshotName = fromSnapshot.imageName;
export const fromDisksId = fromDisks.id;
export const fromDisksSize = fromDisks.size;
export const existingStatus = existing.status;

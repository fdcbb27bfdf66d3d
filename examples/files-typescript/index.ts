import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();

const imported = new alicloud.ecs.ImageImport("imported", {
    description: config.require("description"),
    diskDeviceMappings: [{ ossBucket: config.require("bucket"), ossObject: config.require("object") }],
    platform: "Ubuntu",
    tags: { team: "platform" },
});

// The files that an export writes are deleted with it.
const exported = new alicloud.ecs.ImageExport("exported", {
    imageId: imported.id,
    ossBucket: config.require("bucket"),
    ossPrefix: config.require("prefix"),
});

export const imageId = imported.id;
export const files = exported.ossObjects;

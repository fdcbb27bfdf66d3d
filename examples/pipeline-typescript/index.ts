import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const family = config.require("family");

const golden = new alicloud.ecs.Image("golden", {
    description: config.require("description"),
    imageFamily: family,
    instanceId: config.require("instanceId"),
    tags: { team: "platform" },
});

// A copy is made in the region of its provider.
const secondRegion = new alicloud.Provider("second-region", { region: config.require("copyRegion") });

const copy = new alicloud.ecs.ImageCopy(
    "copy",
    {
        description: config.require("description"),
        sourceImageId: golden.id,
        sourceRegionId: golden.regionId,
        tags: { team: "platform" },
    },
    { provider: secondRegion },
);

for (const account of config.requireObject<string[]>("accounts")) {
    new alicloud.ecs.ImageSharePermission(`share-${account}`, { accountId: account, imageId: golden.id });
}

// The look-ups wait for the image. They find it in the same `pulumi up` and not in its preview.
const waitedFor = golden.id.apply(() => family);
const newest = alicloud.ecs.getImageFromFamilyOutput({ imageFamily: waitedFor });
const listed = alicloud.ecs.getImagesOutput({ imageFamily: waitedFor, mostRecent: true, owners: "self" });

export const goldenId = golden.id;
export const copyId = copy.id;
export const copyStatus = copy.status;
export const newestId = newest.imageId;
export const newestName = newest.name;
export const listedIds = listed.ids;

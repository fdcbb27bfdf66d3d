using System.Collections.Generic;
using Pulumi;
using Pulumi.AliCloud.Ecs;
using AliCloud = Pulumi.AliCloud;

return await Deployment.RunAsync(() =>
{
    var config = new Config();
    var family = config.Require("family");

    var golden = new Image("golden", new ImageArgs
    {
        Description = config.Require("description"),
        ImageFamily = family,
        InstanceId = config.Require("instanceId"),
        Tags = { { "team", "platform" } },
    });

    // A copy is made in the region of its provider.
    var secondRegion = new AliCloud.Provider("second-region", new AliCloud.ProviderArgs
    {
        Region = config.Require("copyRegion"),
    });

    var copy = new ImageCopy("copy", new ImageCopyArgs
    {
        Description = config.Require("description"),
        SourceImageId = golden.Id,
        SourceRegionId = golden.RegionId,
        Tags = { { "team", "platform" } },
    }, new CustomResourceOptions { Provider = secondRegion });

    foreach (var account in config.RequireObject<string[]>("accounts"))
    {
        _ = new ImageSharePermission($"share-{account}", new ImageSharePermissionArgs
        {
            AccountId = account,
            ImageId = golden.Id,
        });
    }

    // The look-ups wait for the image. They find it in the same `pulumi up` and not in its preview.
    var waitedFor = golden.Id.Apply(_ => family);
    var newest = GetImageFromFamily.Invoke(new() { ImageFamily = waitedFor });
    var listed = GetImages.Invoke(new() { ImageFamily = waitedFor, MostRecent = true, Owners = "self" });

    return new Dictionary<string, object?>
    {
        ["goldenId"] = golden.Id,
        ["copyId"] = copy.Id,
        ["copyStatus"] = copy.Status,
        ["newestId"] = newest.Apply(found => found.ImageId),
        ["newestName"] = newest.Apply(found => found.Name),
        ["listedIds"] = listed.Apply(found => found.Ids),
    };
});

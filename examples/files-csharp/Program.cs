using System.Collections.Generic;
using Pulumi;
using Pulumi.AliCloud.Ecs;
using Pulumi.AliCloud.Ecs.Inputs;

return await Deployment.RunAsync(() =>
{
    var config = new Config();

    var imported = new ImageImport("imported", new ImageImportArgs
    {
        Description = config.Require("description"),
        DiskDeviceMappings =
        {
            new ImageImportDiskDeviceMappingArgs
            {
                OssBucket = config.Require("bucket"),
                OssObject = config.Require("object"),
            },
        },
        Platform = "Ubuntu",
        Tags = { { "team", "platform" } },
    });

    // The files that an export writes are deleted with it.
    var exported = new ImageExport("exported", new ImageExportArgs
    {
        ImageId = imported.Id,
        OssBucket = config.Require("bucket"),
        OssPrefix = config.Require("prefix"),
    });

    return new Dictionary<string, object?>
    {
        ["imageId"] = imported.Id,
        ["files"] = exported.OssObjects,
    };
});

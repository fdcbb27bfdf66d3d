using System.Collections.Generic;
using Pulumi;
using Pulumi.AliCloud.Ecs;
using Pulumi.AliCloud.Ecs.Inputs;

return await Deployment.RunAsync(() =>
{
    var config = new Config();

    var fromInstance = new Image("from-instance", new ImageArgs
    {
        Architecture = "x86_64",
        Description = config.Require("description"),
        ImageName = "test-image",
        InstanceId = config.Require("instanceId"),
        Platform = "CentOS",
        ResourceGroupId = config.Require("resourceGroupId"),
        Tags =
        {
            { "FinanceDept", config.Require("financeDept") },
        },
    });

    var fromSnapshot = new Image("from-snapshot", new ImageArgs
    {
        Description = Output.Format($"The system disk alone, beside {fromInstance.Id}"),
        SnapshotId = config.Require("systemSnapshotId"),
    });

    var fromDisks = new Image("from-disks", new ImageArgs
    {
        // An older program's spelling of `ImageName`: it works, and `pulumi up` says what to write instead.
        Name = "test-image-of-two-disks",
        DiskDeviceMappings =
        {
            new ImageDiskDeviceMappingArgs
            {
                Device = "/dev/xvda",
                DiskType = "system",
                SnapshotId = config.Require("systemSnapshotId"),
            },
            new ImageDiskDeviceMappingArgs
            {
                Device = "/dev/xvdb",
                DiskType = "data",
                SnapshotId = config.Require("dataSnapshotId"),
                Size = 200,
            },
        },
    });

    var existing = Image.Get("existing", fromInstance.Id);

    return new Dictionary<string, object?>
    {
        ["fromInstanceId"] = fromInstance.Id,
        ["fromSnapshotId"] = fromSnapshot.Id,
        ["fromSnapshotName"] = fromSnapshot.ImageName,
        ["fromDisksId"] = fromDisks.Id,
        ["fromDisksSize"] = fromDisks.Size,
        ["existingStatus"] = existing.Status,
    };
});

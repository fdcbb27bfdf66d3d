package main

import (
	"github.com/pulumi/pulumi-alicloud/sdk/v3/go/alicloud/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")

		fromInstance, err := ecs.NewImage(ctx, "from-instance", &ecs.ImageArgs{
			Architecture:    pulumi.String("x86_64"),
			Description:     pulumi.String(settings.Require("description")),
			ImageName:       pulumi.String("test-image"),
			InstanceId:      pulumi.String(settings.Require("instanceId")),
			Platform:        pulumi.String("CentOS"),
			ResourceGroupId: pulumi.String(settings.Require("resourceGroupId")),
			Tags: pulumi.StringMap{
				"FinanceDept": pulumi.String(settings.Require("financeDept")),
			},
		})
		if err != nil {
			return err
		}

		fromSnapshot, err := ecs.NewImage(ctx, "from-snapshot", &ecs.ImageArgs{
			Description: pulumi.Sprintf("The system disk alone, beside %s", fromInstance.ID()),
			SnapshotId:  pulumi.String(settings.Require("systemSnapshotId")),
		})
		if err != nil {
			return err
		}

		fromDisks, err := ecs.NewImage(ctx, "from-disks", &ecs.ImageArgs{
			// An older program's spelling of `ImageName`: it works, and `pulumi up` says what to write instead.
			Name: pulumi.String("test-image-of-two-disks"),
			DiskDeviceMappings: ecs.ImageDiskDeviceMappingArray{
				ecs.ImageDiskDeviceMappingArgs{
					Device:     pulumi.String("/dev/xvda"),
					DiskType:   pulumi.String("system"),
					SnapshotId: pulumi.String(settings.Require("systemSnapshotId")),
				},
				ecs.ImageDiskDeviceMappingArgs{
					Device:     pulumi.String("/dev/xvdb"),
					DiskType:   pulumi.String("data"),
					SnapshotId: pulumi.String(settings.Require("dataSnapshotId")),
					Size:       pulumi.Int(200),
				},
			},
		})
		if err != nil {
			return err
		}

		existing, err := ecs.GetImage(ctx, "existing", fromInstance.ID(), nil)
		if err != nil {
			return err
		}

		ctx.Export("fromInstanceId", fromInstance.ID())
		ctx.Export("fromSnapshotId", fromSnapshot.ID())
		ctx.Export("fromSnapshotName", fromSnapshot.ImageName)
		ctx.Export("fromDisksId", fromDisks.ID())
		ctx.Export("fromDisksSize", fromDisks.Size)
		ctx.Export("existingStatus", existing.Status)
		return nil
	})
}

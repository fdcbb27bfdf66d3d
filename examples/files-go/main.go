package main

import (
	"github.com/pulumi/pulumi-alicloud/sdk/v3/go/alicloud/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")

		imported, err := ecs.NewImageImport(ctx, "imported", &ecs.ImageImportArgs{
			Description: pulumi.String(settings.Require("description")),
			DiskDeviceMappings: ecs.ImageImportDiskDeviceMappingArray{
				&ecs.ImageImportDiskDeviceMappingArgs{
					OssBucket: pulumi.String(settings.Require("bucket")),
					OssObject: pulumi.String(settings.Require("object")),
				},
			},
			Platform: pulumi.String("Ubuntu"),
			Tags:     pulumi.StringMap{"team": pulumi.String("platform")},
		})
		if err != nil {
			return err
		}

		// The files that an export writes are deleted with it.
		exported, err := ecs.NewImageExport(ctx, "exported", &ecs.ImageExportArgs{
			ImageId:   imported.ID(),
			OssBucket: pulumi.String(settings.Require("bucket")),
			OssPrefix: pulumi.String(settings.Require("prefix")),
		})
		if err != nil {
			return err
		}

		ctx.Export("imageId", imported.ID())
		ctx.Export("files", exported.OssObjects)
		return nil
	})
}

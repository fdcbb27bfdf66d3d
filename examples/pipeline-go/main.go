package main

import (
	"github.com/pulumi/pulumi-alicloud/sdk/v3/go/alicloud"
	"github.com/pulumi/pulumi-alicloud/sdk/v3/go/alicloud/ecs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")
		family := settings.Require("family")
		tags := pulumi.StringMap{"team": pulumi.String("platform")}

		golden, err := ecs.NewImage(ctx, "golden", &ecs.ImageArgs{
			Description: pulumi.String(settings.Require("description")),
			ImageFamily: pulumi.String(family),
			InstanceId:  pulumi.String(settings.Require("instanceId")),
			Tags:        tags,
		})
		if err != nil {
			return err
		}

		// A copy is made in the region of its provider.
		secondRegion, err := alicloud.NewProvider(ctx, "second-region", &alicloud.ProviderArgs{
			Region: pulumi.String(settings.Require("copyRegion")),
		})
		if err != nil {
			return err
		}

		copied, err := ecs.NewImageCopy(ctx, "copy", &ecs.ImageCopyArgs{
			Description:    pulumi.String(settings.Require("description")),
			SourceImageId:  golden.ID(),
			SourceRegionId: golden.RegionId,
			Tags:           tags,
		}, pulumi.Provider(secondRegion))
		if err != nil {
			return err
		}

		var accounts []string
		settings.RequireObject("accounts", &accounts)
		for _, account := range accounts {
			_, err := ecs.NewImageSharePermission(ctx, "share-"+account, &ecs.ImageSharePermissionArgs{
				AccountId: pulumi.String(account),
				ImageId:   golden.ID(),
			})
			if err != nil {
				return err
			}
		}

		// The look-ups wait for the image. They find it in the same `pulumi up` and not in its preview.
		waitedFor := golden.ID().ToStringOutput().ApplyT(func(string) string { return family }).(pulumi.StringOutput)
		newest := ecs.GetImageFromFamilyOutput(ctx, ecs.GetImageFromFamilyOutputArgs{ImageFamily: waitedFor})
		listed := ecs.GetImagesOutput(ctx, ecs.GetImagesOutputArgs{
			ImageFamily: waitedFor,
			MostRecent:  pulumi.Bool(true),
			Owners:      pulumi.String("self"),
		})

		ctx.Export("goldenId", golden.ID())
		ctx.Export("copyId", copied.ID())
		ctx.Export("copyStatus", copied.Status)
		ctx.Export("newestId", newest.ImageId())
		ctx.Export("newestName", newest.Name())
		ctx.Export("listedIds", listed.Ids())
		return nil
	})
}

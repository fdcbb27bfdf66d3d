//! DescribeImageFromFamily: the newest available image of a family.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::Failure;
use crate::clock::Millis;
use crate::ecs::shown;
use crate::options::Options;
use crate::state::image::{Image, Owner};

/// The members that this action shows of an image; DescribeImages shows more.
const MEMBERS: &[&str] = &[
    "Architecture",
    "CreationTime",
    "Description",
    "DiskDeviceMappings",
    "ImageFamily",
    "ImageId",
    "ImageName",
    "ImageOwnerAlias",
    "ImageVersion",
    "IsCopied",
    "IsSelfShared",
    "IsSubscribed",
    "IsSupportCloudinit",
    "IsSupportIoOptimized",
    "OSName",
    "OSType",
    "Platform",
    "ProductCode",
    "Progress",
    "Size",
    "Status",
    "Tags",
    "Usage",
];

/// The members that it does not show of a disk.
const LESS_OF_A_DISK: &[&str] = &["Encrypted", "Progress", "RemainTime"];

pub(crate) fn describe_image_from_family(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (now, options) = (context.now, context.options);
    let family = context.params.required("ImageFamily")?;
    let region = context.region()?;
    let newest = region
        .images
        .iter()
        .filter(|image| image.owner != Owner::Marketplace && image.family_as_seen() == family)
        .filter(|image| image.is_visible(now) && image.status(now) == "Available")
        .max_by_key(|image| image.created);
    Ok(newest.map_or_else(|| json!({}), |image| json!({ "Image": show(image, options, now) })))
}

fn show(image: &Image, options: &Options, now: Millis) -> Value {
    let mut shown = shown::image(image, options, now);
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| MEMBERS.contains(&name.as_str()));
    }
    let disks = shown.pointer_mut("/DiskDeviceMappings/DiskDeviceMapping").and_then(Value::as_array_mut);
    for disk in disks.into_iter().flatten().filter_map(Value::as_object_mut) {
        disk.retain(|name, _| !LESS_OF_A_DISK.contains(&name.as_str()));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    const ACTION: &str = "DescribeImageFromFamily";
    const FAMILY: (&str, &str) = ("ImageFamily", "fam");

    /// The name of the newest image of the family, if there is one.
    #[track_caller]
    fn check(cloud: &mut Cloud, family: &str, expect: Option<&str>) {
        let answer = cloud.ok(ACTION, &[("ImageFamily", family)]);
        assert_eq!(answer.get("Image").map(|image| image["ImageName"].as_str().expect("a name")), expect);
    }

    fn make(cloud: &mut Cloud, name: &str) -> String {
        let answer = cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", name), FAMILY]);
        cloud.now += 10_000;
        answer["ImageId"].as_str().expect("an id").to_owned()
    }

    #[test]
    fn the_newest_available_image_of_a_family_is_found() {
        let mut cloud = Cloud::new();
        check(&mut cloud, "fam", None);
        make(&mut cloud, "one");
        let two = make(&mut cloud, "two");
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", "three"), FAMILY]);
        check(&mut cloud, "fam", Some("two"));
        check(&mut cloud, "fa", None);
        cloud.ok("ModifyImageAttribute", &[("ImageId", &two), ("Status", "Deprecated")]);
        check(&mut cloud, "fam", Some("one"));
        cloud.ok("ModifyImageAttribute", &[("ImageId", &two), ("Status", "Available")]);
        check(&mut cloud, "fam", Some("two"));
        cloud.now += 10_000;
        check(&mut cloud, "fam", Some("three"));
        cloud.refused(ACTION, &[], (400, "MissingParameter"));
        let elsewhere = [("RegionId", "eu-central-1"), FAMILY];
        assert!(cloud.ok(ACTION, &elsewhere).get("Image").is_none(), "a family belongs to its region");
    }

    #[test]
    fn the_family_of_another_account_bears_its_number() {
        let mut cloud = Cloud::new();
        let region = cloud.state.region("cn-hangzhou", 0);
        for id in ["m-foreign", "m-system"] {
            region.image_mut(id).expect("there").family = "fam".to_owned();
        }
        check(&mut cloud, "fam", None);
        check(&mut cloud, "acs:6543210987654321:fam", Some("somebody-elses-image"));
        check(&mut cloud, "acs:1111222233334444:fam", None);
        check(&mut cloud, "acs:fam", Some("centos_7_9_x64_20G_alibase_20200101.vhd"));
        let image = cloud.ok(ACTION, &[("ImageFamily", "acs:6543210987654321:fam")])["Image"].clone();
        assert_eq!(image["ImageFamily"], "acs:6543210987654321:fam");
        let found = cloud.ok("DescribeImages", &[("ImageFamily", "acs:6543210987654321:fam")]);
        assert_eq!(found["Images"]["Image"][0]["ImageId"], "m-foreign");
        assert_eq!(cloud.ok("DescribeImages", &[FAMILY])["TotalCount"], 0);
        let region = cloud.state.region("cn-hangzhou", 0);
        region.image_mut("m-foreign").expect("there").owner = Owner::Marketplace;
        let family = region.image("m-foreign").expect("there").family_as_seen();
        check(&mut cloud, &family, None);
    }

    #[test]
    fn public_images_have_families_too() {
        // The images were not there yet at the time that a test starts at.
        let mut cloud = Cloud { now: 1_750_000_000_000, ..Cloud::new() };
        cloud.state.stock_public_images();
        check(
            &mut cloud,
            "acs:alibaba_cloud_linux_3_2104_lts_x64",
            Some("aliyun_3_x64_20G_alibase_20240528.vhd"),
        );
        // The newer one is Deprecated.
        check(&mut cloud, "acs:ubuntu_22_04_x64", Some("ubuntu_22_04_x64_20G_alibase_20240322.vhd"));
        check(&mut cloud, "ubuntu_22_04_x64", None);
    }

    #[test]
    fn less_is_shown_than_describe_images_shows() {
        let mut cloud = Cloud::new();
        make(&mut cloud, "one");
        let image = cloud.ok(ACTION, &[FAMILY])["Image"].clone();
        let seen: Vec<&String> = image.as_object().expect("an object").keys().collect();
        assert_eq!(seen.len(), MEMBERS.len(), "{seen:?}");
        let disk =
            image["DiskDeviceMappings"]["DiskDeviceMapping"][0].as_object().expect("an object").clone();
        let seen: Vec<&str> = disk.keys().map(String::as_str).collect();
        let expect = ["Device", "Type", "Size", "SnapshotId", "Format", "ImportOSSBucket", "ImportOSSObject"];
        assert_eq!(seen, expect);
    }
}

//! DescribeImageFromFamily: the newest available image of a family.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::Failure;
use crate::ecs::shown;

pub(crate) fn describe_image_from_family(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (now, options) = (context.now, context.options);
    let family = context.params.required("ImageFamily")?;
    let region = context.region()?;
    let newest = region
        .own_images()
        .filter(|image| image.family == family && image.is_visible(now) && image.status(now) == "Available")
        .max_by_key(|image| image.created);
    Ok(newest.map_or_else(|| json!({}), |image| json!({ "Image": shown::image(image, options, now) })))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;

    #[test]
    fn the_newest_available_image_of_a_family_is_found() {
        let mut cloud = Cloud::new();
        let family = [("ImageFamily", "fam")];
        assert!(cloud.ok("DescribeImageFromFamily", &family).get("Image").is_none());
        for name in ["one", "two"] {
            cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", name), family[0]]);
            cloud.now += 10_000;
        }
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ImageName", "three"), family[0]]);
        assert_eq!(cloud.ok("DescribeImageFromFamily", &family)["Image"]["ImageName"], "two");
    }
}

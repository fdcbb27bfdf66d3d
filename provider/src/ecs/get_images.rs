//! `alicloud:ecs/getImages:getImages`: images that the account can use.

mod args;
mod image;
mod name_regex;
mod output_file;

use std::collections::HashSet;
use std::time::Duration;

use aliyun::Environment;
use aliyun::ecs::Image;
use jiff::Timestamp;
use pulumi::{Context, Failure, Findings, Function, known};
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Client;
use crate::ecs::get_images::args::{GetImagesArgs, GetImagesInputs, TAGS};
use crate::ecs::get_images::image::GetImagesImage;
use crate::ecs::images::filters;
use crate::ecs::images::pages;

/// What the cloud says if a request that it was only to check is a good one.
const DRY_RUN: &str = "DryRunOperation";
/// How many images the cloud finds at most by a resource group or by tags.
const MOST_OF_A_GROUP: usize = 1_000;

/// The images that were found.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetImagesResult {
    /// A number made of the images' ids, as text. It changes when another image is found.
    id: String,

    /// The images' ids, in the order of `images`.
    ids: Vec<String>,

    /// The images, in the cloud's order.
    images: Vec<GetImagesImage>,

    #[serde(flatten)]
    inputs: GetImagesInputs,
}

/// The function.
#[derive(Debug)]
pub(crate) struct GetImages {
    environment: Environment,
}

impl GetImages {
    /// With the environment in which the home folder is.
    pub(crate) fn new(environment: Environment) -> GetImages {
        GetImages { environment }
    }
}

impl Function<Client> for GetImages {
    type Args = GetImagesArgs;
    type Output = GetImagesResult;

    const TOKEN: &'static str = "alicloud:ecs/getImages:getImages";
    const DESCRIPTION: &'static str = include_str!("get_images.md");
    const TIMEOUT: Duration = Duration::from_secs(300);

    fn check(&self, args: &GetImagesArgs, findings: &mut Findings) {
        args.check(findings);
    }

    async fn call(
        &self,
        client: &Client,
        context: &Context,
        args: GetImagesArgs,
    ) -> Result<GetImagesResult, Failure> {
        let wrong = |property: &str, reason: String| Failure::Refused(format!("{property}: {reason}"));
        let regex = filters::text(&args.name_regex)
            .map(|expression| name_regex::compile(&expression))
            .transpose()
            .map_err(|reason| wrong("nameRegex", reason))?;
        let query = args.query().map_err(|reason| wrong("status", reason))?;
        let is_dry_run = query.dry_run == Some(true);
        let found = pages::all(&client.api, context, &query, |error| {
            match is_dry_run && error.code() == Some(DRY_RUN) {
                true => Failure::Cloud(Box::new(GoodRequest)),
                false => args.refused(error),
            }
        });
        let found = match found.await {
            Err(Failure::Cloud(error)) if error.is::<GoodRequest>() => {
                return Ok(GetImagesResult::of(Vec::new(), args));
            }
            found => found?,
        };
        let count = found.len();
        let is_limited = query.resource_group_id.is_some() || !query.tags.is_empty();
        if is_limited && count >= MOST_OF_A_GROUP {
            context.warn(&format!(
                "getImages: the cloud finds at most {MOST_OF_A_GROUP} images by resourceGroupId or {TAGS}, and found {count}: \
                 there may be more. Narrow them by another filter"
            ));
        }
        let mut seen = HashSet::new();
        let mut images: Vec<Image> = found
            .into_iter()
            .filter(|image| {
                image.image_id.as_ref().is_some_and(|id| !id.is_empty() && seen.insert(id.clone()))
            })
            .filter(|image| {
                let name = image.image_name.as_deref().unwrap_or_default();
                regex.as_ref().is_none_or(|regex| !name.is_empty() && regex.is_match(name))
            })
            .collect();
        if known(&args.most_recent) == Some(&true) {
            images = images.into_iter().max_by(|one, other| age(one).cmp(&age(other))).into_iter().collect();
        }
        let images: Vec<GetImagesImage> = images.iter().map(GetImagesImage::from).collect();
        if let Some(path) = filters::text(&args.output_file) {
            output_file::write(&path, self.environment.home(), &images).await?;
        }
        Ok(GetImagesResult::of(images, args))
    }
}

/// What the newest image has most of: its time, and of equal ones its id.
fn age(image: &Image) -> (Option<Timestamp>, &Option<String>) {
    let time = image.creation_time.as_deref().and_then(|time| time.parse().ok());
    (time, &image.image_id)
}

impl GetImagesResult {
    fn of(images: Vec<GetImagesImage>, args: GetImagesArgs) -> GetImagesResult {
        let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
        GetImagesResult { id: id_of(&ids).to_string(), ids, images, inputs: GetImagesInputs::of(args) }
    }
}

/// CRC-32 (IEEE) of every id followed by `-`, as the Terraform provider has it.
fn id_of(ids: &[String]) -> u32 {
    const POLYNOMIAL: u32 = 0xEDB8_8320;
    let bytes = ids.iter().flat_map(|id| id.bytes().chain([b'-']));
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (POLYNOMIAL * (sum & 1)))
    })
}

/// The cloud has checked a request that it was only to check, and found nothing wrong.
#[derive(Debug)]
struct GoodRequest;

impl std::fmt::Display for GoodRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(DRY_RUN)
    }
}

impl std::error::Error for GoodRequest {}

#[cfg(test)]
mod tests;

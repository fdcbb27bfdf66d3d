//! One image and no more: CreateImage, whatever happened before.
//!
//! The process may die after the cloud made an image and before the engine has its id. So the ClientToken is not random
//! but made from the resource's URN and the request: the next `up` sends the same, and the cloud answers with the image
//! that is there already. Three things stand against that, and each has its answer here:
//!
//! - An automatic name is new each time, so the request differs and the cloud refuses the token. That is proof that this
//!   resource asked for an image before. Its image is found by name, and proven to be this resource's by sending the
//!   request with that image's name: only the token's own request is answered with its id.
//! - A token lives longer than its image: the cloud may answer with the id of an image that has been deleted since. Names
//!   are unique, so the next token, made from the first and that id, settles it: if the name is free the image is gone
//!   and the new one is made; if not, the image is only not visible yet.
//! - The state may hold the image already, where a user forces a replacement. What the state is known to hold is never
//!   taken over.

use std::time::Duration;

use aliyun::ecs::{CreateImageRequest, DescribeImagesRequest, DiskDeviceMapping, Image as Described, Tag};
use jiff::{SignedDuration, Timestamp};
use pulumi::{Context, Failure, known};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image::{Image, ImageArgs};
use crate::ecs::image_lifecycle::partial_without_state;
use crate::ecs::image_look::{describe, glance};
use crate::ecs::image_rules;
use crate::ecs::image_wait::{Wait, unless_cancelled};
use crate::failure;

/// Codes that say: this token has been used with another request. Source: the action's error table and the common one.
const TOKEN_OF_ANOTHER_REQUEST: [&str; 4] = [
    "IdempotenceParamNotMatch",
    "IdempotentParameterMismatch",
    "InvalidParamter.Conflict",
    "InvalidIdempotenceParameter.Mismatch",
];
const NAME_TAKEN: &str = "InvalidImageName.Duplicated";
/// How long an interrupted CreateImage may take to say which image it made, before the operation ends without knowing.
const LAST_WORD: Duration = Duration::from_millis(1500);
/// What rounding may add to an image's age: its creation and the answer's date are told to the second.
const ROUNDING: SignedDuration = SignedDuration::from_secs(3);
/// How many stale answers are followed. Each stands for a deletion of the same image by the same resource within the
/// time that the cloud remembers tokens.
const MOST_HOPS: usize = 100;

/// An image that exists in the cloud.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its id.
    pub(crate) id: String,
    /// The mark of one that an interrupted deployment had made; see [`Image::delete`](crate::ecs::image::Image).
    pub(crate) recovered: Option<String>,
    /// What the look at it showed, if there was one.
    pub(crate) seen: Option<Described>,
}

impl Made {
    fn unseen(id: String) -> Made {
        Made { id, recovered: None, seen: None }
    }
}

/// Makes the image, or finds the one that an interrupted deployment of this resource made.
pub(crate) async fn create(
    image: &Image,
    client: &Client,
    context: &Context,
    args: &ImageArgs,
) -> Result<Made, Failure> {
    let attempt = Attempt { image, client, context, args, began: Instant::now() };
    let request = request_of(args);
    let name = request.image_name.clone().unwrap_or_default();
    let autonamed = image.is_autonamed(context.urn(), context.name(), &name);

    let first = first_token(context.urn(), &request, autonamed);
    match attempt.send(&request, &first).await? {
        Answer::Id(id) => return attempt.follow(&request, first, id).await,
        Answer::NameTaken(error) => return Err(attempt.name_taken(&name, error).await),
        Answer::OtherRequest(_) => {}
    }
    if autonamed && let Some(id) = attempt.find_lost(&request, &first).await? {
        return Ok(attempt.recovered(id, None));
    }
    let second = derived_token(&first, &name);
    let id = attempt.insist(&request, &second).await?;
    attempt.follow(&request, second, id).await
}

/// What the cloud says to CreateImage.
enum Answer {
    Id(String),
    NameTaken(aliyun::Error),
    OtherRequest(aliyun::Error),
}

struct Attempt<'a> {
    image: &'a Image,
    client: &'a Client,
    context: &'a Context,
    args: &'a ImageArgs,
    began: Instant,
}

impl Attempt<'_> {
    async fn send(&self, request: &CreateImageRequest, token: &str) -> Result<Answer, Failure> {
        let request = CreateImageRequest { client_token: Some(token.to_owned()), ..request.clone() };
        let call = self.client.api.create_image(&request, self.context.deadline());
        let interrupted = async {
            self.context.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        let answer = tokio::select! {
            answer = call => answer,
            () = interrupted => {
                return Err(Failure::Cancelled(
                    "interrupted while CreateImage was under way, so the image may or may not have been made; \
                     the next `pulumi up` of this program finds out and makes no second one"
                        .to_owned(),
                ));
            }
        };
        match answer {
            Ok(response) => Ok(Answer::Id(response.image_id)),
            Err(error) if error.code() == Some(NAME_TAKEN) => Ok(Answer::NameTaken(error)),
            Err(error) if error.code().is_some_and(|code| TOKEN_OF_ANOTHER_REQUEST.contains(&code)) => {
                Ok(Answer::OtherRequest(error))
            }
            Err(error) => Err(failure::cloud(error)),
        }
    }

    /// Sends a request whose refusal is final, and returns the id.
    async fn insist(&self, request: &CreateImageRequest, token: &str) -> Result<String, Failure> {
        match self.send(request, token).await? {
            Answer::Id(id) => Ok(id),
            Answer::NameTaken(error) => {
                Err(self.name_taken(request.image_name.as_deref().unwrap_or_default(), error).await)
            }
            Answer::OtherRequest(error) => Err(failure::cloud(error)),
        }
    }

    /// From the id that a token was answered with to an image that is there.
    async fn follow(
        &self,
        request: &CreateImageRequest,
        mut token: String,
        mut id: String,
    ) -> Result<Made, Failure> {
        let name = request.image_name.as_deref().unwrap_or_default();
        let mut stale_before = false;
        for _ in 0..MOST_HOPS {
            if self.image.held(self.context.urn()).as_deref() == Some(id.as_str()) && !self.is_deleted(&id) {
                // The state has this image: what is wanted is another one.
                token = derived_token(&token, &uuid::Uuid::new_v4().to_string());
                return self.insist(request, &token).await.map(Made::unseen);
            }
            if !self.is_deleted(&id) {
                // After a stale answer the next one is most likely new, and only not visible yet.
                let patience =
                    if stale_before { self.client.pace.unseen / 4 } else { self.client.pace.unseen };
                match self.look(&id, patience).await.map_err(|failure| self.partial(&id, failure))? {
                    Some(seen) if self.is_older(&seen) => return Ok(self.recovered(id, Some(seen))),
                    Some(seen) => return Ok(Made { seen: Some(seen), ..Made::unseen(id) }),
                    None => {}
                }
            }
            stale_before = true;
            let next = derived_token(&token, &id);
            match self.send(request, &next).await? {
                Answer::Id(newer) => (token, id) = (next, newer),
                // The name is taken: by this very image, which is only not visible yet, unless another one has it.
                Answer::NameTaken(error) => {
                    return match self.owner_of(name).await {
                        Some(owner) if owner != id => Err(self.name_taken(name, error).await),
                        _ => Ok(Made::unseen(id)),
                    };
                }
                Answer::OtherRequest(error) => return Err(failure::cloud(error)),
            }
        }
        Err(Failure::Bug(format!(
            "the cloud answered {MOST_HOPS} tokens with images that are gone, last {id}"
        )))
    }

    fn is_deleted(&self, id: &str) -> bool {
        self.image.memory().deleted.contains(id)
    }

    /// The image, as soon as it is visible, or `None` if it is not within `patience`.
    async fn look(&self, id: &str, patience: Duration) -> Result<Option<Described>, Failure> {
        let wait = Wait::begin(self.client, self.context);
        loop {
            wait.pause_within(patience).await?;
            if wait.elapsed() >= patience {
                return describe(self.client, self.context, id).await;
            }
            if let Some(seen) = glance(self.client, self.context, id).await? {
                return Ok(Some(seen));
            }
        }
    }

    /// Whether an image was made before this operation began, by the cloud's clock.
    fn is_older(&self, seen: &Described) -> bool {
        let made: Option<Timestamp> = seen.creation_time.as_deref().and_then(|time| time.parse().ok());
        let age = made.map(|made| self.client.api.cloud_time().duration_since(made));
        let ours = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        age.is_some_and(|age| age > ours.saturating_add(ROUNDING))
    }

    /// The image that an earlier, interrupted deployment of this very resource made under another automatic name.
    async fn find_lost(&self, request: &CreateImageRequest, first: &str) -> Result<Option<String>, Failure> {
        let prefix = image_rules::autoname_prefix(self.context.name());
        let mut candidates = Vec::new();
        for page in 1.. {
            let query = DescribeImagesRequest {
                image_name: Some(prefix.clone()),
                image_owner_alias: Some("self".to_owned()),
                status: aliyun::ecs::Status::Every,
                page_number: Some(page),
                page_size: Some(100),
                ..DescribeImagesRequest::default()
            };
            let call = self.client.api.describe_images(&query, self.context.deadline());
            let found = unless_cancelled(self.context, call).await?.map_err(failure::cloud)?.images;
            let full = found.len() == 100;
            candidates.extend(found);
            if !full {
                break;
            }
        }
        let held = self.image.held(self.context.urn());
        let held_since = candidates
            .iter()
            .find(|candidate| candidate.image_id == held)
            .and_then(|candidate| candidate.creation_time.clone());
        for candidate in &candidates {
            let (Some(id), Some(name)) = (&candidate.image_id, &candidate.image_name) else { continue };
            if Some(id) == held.as_ref()
                || !image_rules::is_autoname(self.context.name(), name)
                // Older than what the state holds: a predecessor that the engine will delete.
                || held_since.as_ref().is_some_and(|since| candidate.creation_time.as_ref() < Some(since))
                || candidate.status.as_deref() == Some("CreateFailed")
                || !is_alike(candidate, request)
            {
                continue;
            }
            let earlier = CreateImageRequest { image_name: Some(name.clone()), ..request.clone() };
            // Either token may be the one that made it. The name is taken, so neither can make another.
            for token in [first.to_owned(), derived_token(first, name)] {
                if let Answer::Id(proven) = self.send(&earlier, &token).await?
                    && proven == *id
                {
                    return Ok(Some(proven));
                }
            }
        }
        Ok(None)
    }

    fn recovered(&self, id: String, seen: Option<Described>) -> Made {
        self.context.info(&format!(
            "took over image {id}, which an interrupted deployment of this resource had made"
        ));
        Made { id, recovered: Some(uuid::Uuid::new_v4().simple().to_string()), seen }
    }

    /// The id is known, so no failure may lose it.
    fn partial(&self, id: &str, failure: Failure) -> Failure {
        partial_without_state(id, self.args, failure)
    }

    async fn name_taken(&self, name: &str, error: aliyun::Error) -> Failure {
        let text = failure::text(&error);
        Failure::Refused(match self.owner_of(name).await {
            Some(id) => format!(
                "{text}\nimageName: image {id} has the name {name:?} already. Give another imageName or leave it out, delete \
                 that image, or take it into the stack: pulumi import {} {} {id}",
                <Image as pulumi::Resource<Client>>::TOKEN,
                self.context.name()
            ),
            None => format!("{text}\nimageName: give another one, or leave it out"),
        })
    }

    /// The image that has a name, where that can be found out.
    async fn owner_of(&self, name: &str) -> Option<String> {
        let query = DescribeImagesRequest {
            image_name: Some(name.to_owned()),
            status: aliyun::ecs::Status::Every,
            page_size: Some(100),
            ..DescribeImagesRequest::default()
        };
        let found = self.client.api.describe_images(&query, self.context.deadline()).await.ok()?;
        let owner = found.images.into_iter().find(|image| image.image_name.as_deref() == Some(name))?;
        owner.image_id
    }
}

/// Whether an image may have been made by this request, its name aside.
fn is_alike(candidate: &Described, request: &CreateImageRequest) -> bool {
    let same = |one: &Option<String>, other: &Option<String>| {
        one.as_deref().unwrap_or_default() == other.as_deref().unwrap_or_default()
    };
    same(&candidate.description, &request.description)
        && same(&candidate.image_family, &request.image_family)
        && request.tags.iter().all(|tag| candidate.tags.contains(tag))
}

/// The first token of a resource for this request, at most 64 ASCII characters. An automatic name has no part in it.
fn first_token(urn: &str, request: &CreateImageRequest, autonamed: bool) -> String {
    let mut fingerprint = request.clone();
    if autonamed {
        fingerprint.image_name = None;
    }
    token(&[urn, &format!("{fingerprint:?}")])
}

/// The token that follows another, once for each `reason`.
fn derived_token(previous: &str, reason: &str) -> String {
    token(&[previous, reason])
}

fn token(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    let hex: String = digest.finalize().iter().take(28).map(|byte| format!("{byte:02x}")).collect();
    format!("pulumi-{hex}")
}

fn request_of(args: &ImageArgs) -> CreateImageRequest {
    CreateImageRequest {
        client_token: None,
        instance_id: known(&args.instance_id).cloned(),
        snapshot_id: known(&args.snapshot_id).cloned(),
        disk_device_mappings: known(&args.disk_device_mappings)
            .into_iter()
            .flatten()
            .filter_map(|mapping| mapping.known())
            .map(|mapping| DiskDeviceMapping {
                device: known(&mapping.device).cloned(),
                disk_type: known(&mapping.disk_type).cloned(),
                size: known(&mapping.size).copied(),
                snapshot_id: known(&mapping.snapshot_id).cloned(),
            })
            .collect(),
        image_name: known(&args.image_name).cloned(),
        image_family: known(&args.image_family).cloned(),
        image_version: known(&args.image_version).cloned(),
        description: known(&args.description).cloned(),
        architecture: known(&args.architecture).cloned(),
        platform: known(&args.platform).cloned(),
        boot_mode: known(&args.boot_mode).cloned(),
        features_imds_support: known(&args.features)
            .and_then(|features| known(&features.imds_support).cloned()),
        detection_strategy: known(&args.detection_strategy).cloned(),
        resource_group_id: known(&args.resource_group_id).cloned(),
        tags: known(&args.tags)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| value.known().map(|value| Tag::new(key, value)))
            .collect(),
    }
}

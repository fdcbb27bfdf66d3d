//! What a state holds of an image beside a resource's inputs: what the cloud alone decides, and what no user reads.

use std::collections::BTreeSet;

use aliyun::ecs::Image as Described;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::images::attributes::Attributes;
use crate::ecs::images::inputs::Inputs;
use crate::ecs::images::status;
use crate::ecs::images::wait::is_usable;

/// The outputs of every resource that is an image, beside its inputs. The status is among those.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Report {
    /// When the image was created, in UTC, as RFC 3339 has it.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) create_time: Option<String>,

    /// Who owns the image: `self`, `system`, `others` or `marketplace`.
    pub(crate) image_owner_alias: Option<String>,

    /// Whether the image is a copy of another.
    pub(crate) is_copied: Option<bool>,

    /// Whether the image has been shared with other accounts.
    pub(crate) is_self_shared: Option<String>,

    /// Whether the image's terms in the marketplace have been subscribed to.
    pub(crate) is_subscribed: Option<bool>,

    /// Whether cloud-init works in instances made from the image.
    pub(crate) is_support_cloudinit: Option<bool>,

    /// Whether the image can be used for I/O optimized instances.
    pub(crate) is_support_io_optimized: Option<bool>,

    /// The operating system's name, in Chinese.
    pub(crate) os_name: Option<String>,

    /// The operating system's name, in English.
    pub(crate) os_name_en: Option<String>,

    /// The product code of an image from the marketplace.
    pub(crate) product_code: Option<String>,

    /// How far the image's creation has come, such as `45%`.
    pub(crate) progress: Option<String>,

    /// The region that the image is in, such as `cn-hangzhou`.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) region_id: Option<String>,

    /// The size in GiB; of the system disk alone if there are data disks.
    pub(crate) size: Option<i64>,

    /// Whether instances can be made from the image.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) usable: Option<bool>,
}

impl Report {
    /// Of an image as DescribeImages shows it.
    pub(crate) fn of(seen: &Described, region: &str) -> Report {
        Report {
            create_time: seen.creation_time.clone(),
            image_owner_alias: seen.image_owner_alias.clone(),
            is_copied: seen.is_copied,
            is_self_shared: seen.is_self_shared.clone(),
            is_subscribed: seen.is_subscribed,
            is_support_cloudinit: seen.is_support_cloudinit,
            is_support_io_optimized: seen.is_support_io_optimized,
            os_name: seen.os_name.clone(),
            os_name_en: seen.os_name_en.clone(),
            product_code: seen.product_code.clone(),
            progress: seen.progress.clone(),
            region_id: Some(region.to_owned()),
            size: seen.size,
            usable: Some(is_usable(seen)),
        }
    }

    /// Of an image that no look has shown yet.
    pub(crate) fn unseen(region: &str) -> Report {
        Report { region_id: Some(region.to_owned()), ..Report::default() }
    }
}

/// What a state keeps that no cloud reports and no user reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Kept {
    /// Of this entry of the state alone, so that two entries with one id can be told apart.
    #[serde(rename = "__mark", skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,

    /// The name that the image bears until the last call of its create, which has not been made.
    #[serde(rename = "__unfinished", skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<String>,

    /// `pulumi import` adopted the image and filled in the inputs: what it was made from is not known.
    #[serde(rename = "__imported", skip_serializing_if = "Option::is_none")]
    pub(crate) adopted: Option<bool>,

    /// The task that makes the image, or has made it.
    #[serde(rename = "__task", skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<String>,

    /// The keys of tags that a program gave before an update that went half way.
    #[serde(rename = "__givenTags", skip_serializing_if = "Option::is_none")]
    pub(crate) given_tags: Option<Vec<String>>,

    /// The properties that an update which went half way has carried out. The engine keeps the inputs from before such an
    /// update, so that of these the outputs are what a program is to be compared with.
    #[serde(rename = "__carriedOut", skip_serializing_if = "Option::is_none")]
    pub(crate) carried_out: Option<Vec<String>>,
}

/// The field of [`Kept::carried_out`] in a state.
pub(crate) const CARRIED_OUT: &str = "__carriedOut";

impl Kept {
    /// The keys of the tags that the program has given the image so far, with these inputs the last that an engine keeps.
    pub(crate) fn tags_given_with<A: Inputs>(&self, olds: &A) -> BTreeSet<String> {
        let before = olds.attributes().tags.unwrap_or_default().into_keys();
        before.chain(self.given_tags.iter().flatten().cloned()).collect()
    }

    /// An image that bears another name than the unfinished one has been finished, by whomever.
    #[must_use]
    pub(crate) fn once_seen(mut self, name: Option<&str>) -> Kept {
        self.unfinished = self.unfinished.filter(|unfinished| name.is_none_or(|name| name == unfinished));
        self
    }
}

/// By what an entry of a state is known again.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Identity {
    /// Of this entry alone; absent in what `pulumi import` adopts and in an older version's entry.
    #[serde(rename = "__mark")]
    pub(crate) mark: Option<String>,
    /// The region that the image is in.
    pub(crate) region_id: Option<String>,
}

/// What the state holds of an image: the inputs and what is reported of them, what the cloud alone decides, and what no user
/// reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "")]
pub(crate) struct Entry<A: Inputs> {
    #[serde(flatten)]
    pub(crate) args: A,

    #[serde(flatten)]
    pub(crate) report: Report,

    #[serde(flatten)]
    pub(crate) outputs: A::Outputs,

    #[serde(flatten)]
    pub(crate) kept: Kept,
}

impl<A: Inputs> Entry<A> {
    /// Of an image that a look has shown: what the cloud reports, and of `args` what it never does.
    pub(crate) fn seen(seen: &Described, args: &A, region: &str, kept: Kept) -> Self {
        Entry {
            args: A::reported(seen, args),
            report: Report::of(seen, region),
            outputs: with_task::<A>(A::outputs(seen), &kept),
            kept,
        }
    }

    /// Of an image of which nothing is known but what was asked for.
    pub(crate) fn unseen(args: &A, region: &str, kept: Kept) -> Self {
        let mut args = args.of_unseen();
        // The status is what the cloud says, and it has said nothing yet.
        args.set_attributes(Attributes { status: None, ..args.attributes() });
        let outputs = with_task::<A>(A::Outputs::default(), &kept);
        Entry { args, report: Report::unseen(region), outputs, kept }
    }

    /// The status that the last look has shown; `None` if none has shown the image.
    pub(crate) fn status(&self) -> Option<String> {
        self.args.attributes().status
    }

    /// Whether the image was usable when it was last seen. Older providers do not keep `usable`.
    pub(crate) fn is_settled(&self) -> bool {
        status::is_usable(self.status().as_deref(), self.report.usable)
    }

    /// Whether an image is not the one that a create left unfinished. The id of an image that nobody has seen yet came from
    /// the cloud's memory of a request; if the image then turns out to be called otherwise, another create has made it.
    pub(crate) fn is_of_another(&self, own_name: Option<&str>, name: Option<&str>) -> bool {
        let Some(unfinished) = self.kept.unfinished.as_deref() else { return false };
        self.status().is_none() && name.is_some() && name != Some(unfinished) && name != own_name
    }
}

fn with_task<A: Inputs>(mut outputs: A::Outputs, kept: &Kept) -> A::Outputs {
    if let Some(task) = &kept.task {
        A::name_task(&mut outputs, task);
    }
    outputs
}

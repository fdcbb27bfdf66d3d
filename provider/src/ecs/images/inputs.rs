//! What the steps that images share need to know of a resource's inputs.

use std::collections::BTreeMap;
use std::fmt::Debug;

use aliyun::ecs::Image as Described;
use pulumi::Input;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ecs::images::attributes::Attributes;

/// The inputs of a resource that is an image. A state holds the same type, with what the cloud reports.
pub(crate) trait Inputs:
    Clone + Default + Serialize + DeserializeOwned + JsonSchema + Send + Sync
{
    /// What the cloud reports that no program of this resource can say, beside what it reports of every image.
    type Outputs: Clone
        + Debug
        + Default
        + PartialEq
        + Serialize
        + DeserializeOwned
        + JsonSchema
        + Send
        + Sync;

    /// The paths of the attributes that the call which makes the image cannot set.
    const LATE: &'static [&'static str];
    /// The inputs that take effect when the image is made or deleted and that the cloud does not report: an update records
    /// them and sends nothing.
    const RECORDED: &'static [&'static str];
    /// The inputs that say what the image is made of and that the cloud does not report.
    const SOURCES: &'static [&'static str];

    /// By what the image is made.
    const MADE_BY: MadeBy = MadeBy::Creation;

    /// The attributes; `unknown` stands for texts that are given and not known yet.
    fn attributes_with(&self, unknown: Option<&str>) -> Attributes;

    /// The attributes that are known.
    fn attributes(&self) -> Attributes {
        self.attributes_with(None)
    }

    /// The tags, with those whose values are not known yet.
    fn tags(&self) -> Option<&BTreeMap<String, Input<String>>>;

    /// Takes over attributes; what is `None` there becomes absent.
    fn set_attributes(&mut self, attributes: Attributes);

    /// Whether the program does not give this input, and Check has filled it in.
    fn is_filled_in(&self, property: &str) -> bool;

    /// What takes effect at deletion.
    fn options(&self) -> Options;

    /// The snapshots that the image is made of, as far as the program names them.
    fn sources(&self) -> Vec<String>;

    /// The snapshots of the image's disks.
    fn snapshots(&self, outputs: &Self::Outputs) -> Vec<String>;

    /// What these inputs say of a source, quoted, if nobody has said it before and nothing contradicts it: then it is
    /// recorded. `state` and `olds` are the inputs in the state's outputs and as they were; `adopted` says that
    /// `pulumi import` has filled them in.
    fn source_taken_on_trust(&self, source: &str, state: &Self, olds: &Self, adopted: bool)
    -> Option<String>;

    /// Takes over the sources that these inputs do not name: a program that ceases to name one asks for nothing, and the
    /// image is made of it all the same.
    fn keep_sources(&mut self, known: &Self);

    /// Takes over what no cloud reports.
    fn record(&mut self, given: &Self);

    /// What the cloud reports of the inputs, and of `given` what it never does.
    fn reported(seen: &Described, given: &Self) -> Self;

    /// What the cloud reports beside that.
    fn outputs(seen: &Described) -> Self::Outputs;

    /// Notes the task that has made the image.
    fn name_task(_outputs: &mut Self::Outputs, _task: &str) {}

    /// What speaks against an image that `pulumi import` adopts as one of this resource, after "image m-1".
    fn doubt(_seen: &Described) -> Option<&'static str> {
        None
    }

    /// What to do about it if the call or the task that makes an image of these inputs in the region fails, by the
    /// error's code. It begins with the property that it is about, if it is about one.
    fn advice(&self, _code: &str, _region: &str) -> Option<String> {
        None
    }

    /// What stands in the state for the inputs of an image that no look has shown.
    fn of_unseen(&self) -> Self;

    /// The inputs of an image that `pulumi import` adopts and no program has described yet: of what is reported, what a
    /// program may say.
    fn adopted(reported: &Self) -> Self;
}

/// By what an image is made, which may be cancelled while it is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeBy {
    /// CreateImage, which nothing ends.
    Creation,
    /// A copy, which CancelCopyImage ends.
    Copy,
    /// An import: a task, which CancelTask ends.
    Import,
}

/// Reads a list of names, and what is none as its absence: engines and other providers write it, and no user can mend it.
pub(crate) fn names_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Found {
        Names(Vec<String>),
        Other(IgnoredAny),
    }

    Ok(match Found::deserialize(deserializer)? {
        Found::Names(names) => Some(names),
        Found::Other(IgnoredAny) => None,
    })
}

/// What a program says of an image's deletion. `None` is said by nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Deletes it also while instances use it.
    pub(crate) force: Option<bool>,
    /// Deletes the snapshots of its disks after it.
    pub(crate) delete_auto_snapshot: Option<bool>,
}

impl Options {
    /// These options; those of `other` for what they do not say.
    #[must_use]
    pub(crate) fn or(self, other: Options) -> Options {
        Options {
            force: self.force.or(other.force),
            delete_auto_snapshot: self.delete_auto_snapshot.or(other.delete_auto_snapshot),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::ecs::image::args::ImageArgs;

    #[test]
    fn what_stands_for_the_names_of_filled_in_inputs_may_be_anything() {
        for (found, names) in [
            (json!(["imageName"]), Some(vec!["imageName".to_owned()])),
            (json!({}), None),
            (json!([1, "a"]), None),
            (json!("imageName"), None),
            (json!(null), None),
        ] {
            let args: ImageArgs = serde_json::from_value(json!({ "__defaults": found })).unwrap();
            assert_eq!(args.filled_in, names, "{found}");
        }
    }
}

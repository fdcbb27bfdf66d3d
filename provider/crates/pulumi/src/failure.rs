//! [`Failure`]: what the engine must be told when an operation does not succeed, and its form on the wire.

use std::error::Error;

use prost::Message;
use serde::Serialize;
use tonic::{Code, Status};

use crate::codec::{CodecError, encode};
use crate::generated::{google_rpc, pulumirpc};
use crate::value::{Properties, to_struct};

/// An error of any kind, from below.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why an operation on a resource did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The cloud or the way to it failed. The state stays as it was.
    #[error(transparent)]
    Cloud(BoxError),
    /// The resource exists under `id`, but is not as wanted. The state is kept, and the next `up` calls Update.
    #[error("{}", reasons.join("; "))]
    Partial {
        /// The resource's id.
        id: String,
        /// Its state as far as known.
        state: Properties,
        /// The inputs as the cloud has them, if the operation was a read.
        inputs: Option<Box<Properties>>,
        /// The inputs that are not in effect yet; Update is told of them.
        unapplied: Vec<String>,
        /// What went wrong, a sentence each.
        reasons: Vec<String>,
    },
    /// What the user asked for cannot be done; nothing was.
    #[error("{0}")]
    Refused(String),
    /// The user interrupted the operation before there was anything to keep.
    #[error("{0}")]
    Cancelled(String),
    /// A mistake of ours.
    #[error("{0}; this is a defect of the provider, please report it")]
    Bug(String),
}

/// What passed the check fits its type, so that it does not is a mistake of ours.
impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Failure::Bug(error.to_string())
    }
}

/// A setting without which Configure cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingKey {
    /// The setting, as in `pulumi config set`: `alicloud:region`.
    pub name: String,
    /// What it is, and what else gives it.
    pub description: String,
}

/// An error and all its sources, each once, on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}

impl Failure {
    /// A failure from below.
    pub fn cloud(error: impl Into<BoxError>) -> Self {
        Failure::Cloud(error.into())
    }

    /// The resource exists under `id` with this state, and something about it is not as wanted. A state that cannot be
    /// written is named among the reasons.
    pub fn partial(id: &str, state: &impl Serialize, unapplied: Vec<String>, reason: String) -> Self {
        let mut reasons = vec![reason];
        let state = encode(state).unwrap_or_else(|error| {
            let error = Failure::from(error);
            reasons.push(format!("the state could not be written, `pulumi refresh` fills it in: {error}"));
            Properties::new()
        });
        Failure::Partial { id: id.to_owned(), state, inputs: None, unapplied, reasons }
    }

    /// The same, with the inputs as the cloud has them, as a read tells them.
    #[must_use]
    pub fn with_inputs(self, args: &impl Serialize) -> Self {
        match self {
            Failure::Partial { id, state, inputs: _, unapplied, reasons } => {
                Failure::Partial { id, state, inputs: encode(args).ok().map(Box::new), unapplied, reasons }
            }
            plain @ (Failure::Cloud(_) | Failure::Refused(_) | Failure::Cancelled(_) | Failure::Bug(_)) => {
                plain
            }
        }
    }

    /// What went wrong, with all its causes, to be told within another failure.
    pub fn reason(&self) -> String {
        match self {
            Failure::Cloud(error) => chain(&**error),
            other @ (Failure::Partial { .. }
            | Failure::Refused(_)
            | Failure::Cancelled(_)
            | Failure::Bug(_)) => other.to_string(),
        }
    }

    /// The status that the engine gets. `redact` strikes the secrets out of every text.
    pub(crate) fn into_status(self, redact: impl Fn(&str) -> String) -> Status {
        match self {
            Failure::Cloud(error) => Status::new(Code::Unknown, redact(&chain(&*error))),
            Failure::Partial { id, state, inputs, unapplied: _, reasons } => {
                let reasons: Vec<String> = reasons.iter().map(|reason| redact(reason)).collect();
                let detail = pulumirpc::ErrorResourceInitFailed {
                    id,
                    properties: Some(to_struct(state)),
                    reasons: reasons.clone(),
                    inputs: inputs.map(|inputs| to_struct(*inputs)),
                    refresh_before_update: false,
                };
                with_detail(Code::Unknown, &reasons.join("; "), "pulumirpc.ErrorResourceInitFailed", &detail)
            }
            Failure::Refused(text) => Status::new(Code::InvalidArgument, redact(&text)),
            Failure::Cancelled(text) => Status::new(Code::Cancelled, redact(&text)),
            bug @ Failure::Bug(_) => Status::new(Code::Internal, redact(&bug.to_string())),
        }
    }
}

/// The status that names every missing setting at once.
pub(crate) fn missing_keys(keys: Vec<MissingKey>) -> Status {
    let text: Vec<String> = keys.iter().map(|key| format!("{}: {}", key.name, key.description)).collect();
    let detail = pulumirpc::ConfigureErrorMissingKeys {
        missing_keys: keys
            .into_iter()
            .map(|key| pulumirpc::configure_error_missing_keys::MissingKey {
                name: key.name,
                description: key.description,
            })
            .collect(),
    };
    with_detail(
        Code::InvalidArgument,
        &format!("missing provider settings: {}", text.join("; ")),
        "pulumirpc.ConfigureErrorMissingKeys",
        &detail,
    )
}

fn with_detail(code: Code, message: &str, type_name: &str, detail: &impl Message) -> Status {
    let payload = google_rpc::Status {
        code: i32::from(code),
        message: message.to_owned(),
        details: vec![prost_types::Any {
            type_url: format!("type.googleapis.com/{type_name}"),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, payload.encode_to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        source: Option<Box<Layer>>,
    }

    #[test]
    fn a_chain_says_each_part_once() {
        let inner = Layer { text: "connection refused", source: None };
        let middle = Layer { text: "cannot reach host: connection refused", source: Some(Box::new(inner)) };
        let outer = Layer { text: "CreateImage failed", source: Some(Box::new(middle)) };
        assert_eq!(chain(&outer), "CreateImage failed: cannot reach host: connection refused");
    }

    #[test]
    fn a_partial_failure_carries_id_state_and_reasons() {
        let failure = Failure::Partial {
            id: "m-1".to_owned(),
            state: Properties::new(),
            inputs: None,
            unapplied: Vec::new(),
            reasons: vec!["it timed out".to_owned()],
        };
        let status = failure.into_status(str::to_owned);
        let payload = google_rpc::Status::decode(status.details()).unwrap();
        assert_eq!(payload.details[0].type_url, "type.googleapis.com/pulumirpc.ErrorResourceInitFailed");
        let detail = pulumirpc::ErrorResourceInitFailed::decode(payload.details[0].value.as_slice()).unwrap();
        assert_eq!(
            (detail.id.as_str(), detail.reasons.as_slice()),
            ("m-1", &["it timed out".to_owned()][..])
        );
    }

    #[test]
    fn a_state_that_cannot_be_written_is_named_and_its_id_is_kept() {
        // A map whose keys are no text is nothing that properties can hold.
        let state = std::collections::BTreeMap::from([(vec![1], 2)]);
        let failure = Failure::partial("m-1", &state, vec!["tags".to_owned()], "it timed out".to_owned());
        let Failure::Partial { id, reasons, unapplied, .. } = failure else { panic!("{failure:?}") };
        assert_eq!((id.as_str(), unapplied), ("m-1", vec!["tags".to_owned()]));
        assert!(reasons[0] == "it timed out" && reasons[1].contains("pulumi refresh"), "{reasons:?}");
    }

    #[test]
    fn no_secret_reaches_a_status() {
        let secrets = Properties::from([(
            "imageName".to_owned(),
            crate::value::Value::Secret(Box::new(crate::value::Value::String("hunter2".to_owned()))),
        )]);
        let redactor = Redactor::of([&secrets], |_| true);
        let text = || "image hunter2 exists".to_owned();
        let partial = Failure::partial("m-1", &(), Vec::new(), text());
        let kinds = [
            Failure::cloud(text()),
            partial,
            Failure::Refused(text()),
            Failure::Cancelled(text()),
            Failure::Bug(text()),
        ];
        for failure in kinds {
            let kind = format!("{failure:?}");
            let status = failure.into_status(|text| redactor.redact(text));
            assert!(status.message().starts_with("image [secret] exists"), "{kind}: {status:?}");
            assert!(!String::from_utf8_lossy(status.details()).contains("hunter2"), "{kind}: {status:?}");
        }
    }
}

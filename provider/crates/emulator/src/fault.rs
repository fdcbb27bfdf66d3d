//! [`Fault`]: one thing that goes wrong on demand, written in JSON or by a builder.
//!
//! `POST /_emulator/faults` takes a list of objects: `action` (a name, of OSS too, `*` for any, or `METHOD /path` for a
//! request that is neither), `match` (parameters that must have these values), `after` (how many calls to let through first, default 0),
//! `times` (default 1), `do`, and what that needs:
//!
//! | `do` | what the caller sees |
//! |---|---|
//! | `throttle` | 400 with `code`, or `Throttling.User` |
//! | `error` | `status` (default 400) with `code` |
//! | `http` | `status` (default 503) and a plain text |
//! | `garbage` | 200 and a page of HTML |
//! | `reset_before` | the connection is cut, nothing is carried out |
//! | `reset_after` | the call is carried out, then the connection is cut |
//! | `hang` | no answer; after `ms`, if given, the connection is cut |
//! | `delay` | the call is carried out `ms` later, even if the caller has gone by then |
//! | `fail_later` | the call succeeds, and the image it makes ends in CreateFailed; its task, if it has one, in Failed |
//! | `json` | `status` (default 200) and `body`, any JSON (default `{}`); nothing is carried out |
//! | `stale` | a read is answered from what was there when the fault was posted, statuses included |
//! | `omit` | DescribeImages leaves out the images named in `images`, by id or name (default all of them) |
//!
//! `stale` is for the reads of ECS only, which must be named: `*` is not enough. An `omit` counts in TotalCount what it
//! leaves out only with `"count_them": true`; the pages close the gap either way.
//!
//! `code` and `message` of a `fail_later` are what its task says. `message` replaces the text of a refusal; `retry_after_ms` adds the header `x-acs-retry-after` to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::answer::{Failure, failure};
use crate::params::Params;
use crate::state::image::Image;

/// One thing that goes wrong on demand, for `POST /_emulator/faults`.
///
/// It serialises to the JSON that the control API takes, so that a test in Rust can say the same with types:
///
/// ```
/// use emulator::Fault;
/// use serde_json::json;
///
/// let faults = json!([
///     Fault::on("CreateImage").times(2).status(503),
///     Fault::on("DescribeImages").after(1).error("Forbidden.RAM").status(403),
/// ]);
/// assert_eq!(
///     faults,
///     json!([
///         {"action": "CreateImage", "times": 2, "do": "http", "status": 503},
///         {"action": "DescribeImages", "after": 1, "times": 1, "do": "error", "code": "Forbidden.RAM", "status": 403},
///     ])
/// );
/// ```
///
/// What the emulator refuses, such as a `status` beyond 599 or an `omit` of another action than DescribeImages, is refused
/// when the fault is posted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    action: String,
    #[serde(default, rename = "match", skip_serializing_if = "BTreeMap::is_empty")]
    wanted: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) after: u32,
    #[serde(default = "once")]
    pub(crate) times: u32,
    #[serde(rename = "do")]
    pub(crate) kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    images: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) count_them: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Throttle,
    Error,
    Http,
    Garbage,
    ResetBefore,
    ResetAfter,
    Hang,
    Delay,
    FailLater,
    Json,
    Stale,
    Omit,
}

fn once() -> u32 {
    1
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(input).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The builder. Each kind of fault is a method; of several, the last one counts.
impl Fault {
    /// A fault on an action, `*` for any, or `METHOD /path` for a request that is not RPC. It strikes once, and unless
    /// told otherwise it answers with HTTP status 503.
    pub fn on(action: impl Into<String>) -> Fault {
        Fault {
            action: action.into(),
            wanted: BTreeMap::new(),
            after: 0,
            times: 1,
            kind: Kind::Http,
            code: None,
            status: None,
            ms: None,
            message: None,
            retry_after_ms: None,
            body: None,
            images: vec![],
            count_them: false,
        }
    }

    /// Strikes only calls whose parameter `name` has this value.
    #[must_use]
    pub fn matching(mut self, name: impl Into<String>, value: impl Into<Value>) -> Fault {
        self.wanted.insert(name.into(), value.into());
        self
    }

    /// Lets so many calls through first.
    #[must_use]
    pub fn after(self, calls: u32) -> Fault {
        Fault { after: calls, ..self }
    }

    /// Strikes so many times.
    #[must_use]
    pub fn times(self, times: u32) -> Fault {
        Fault { times, ..self }
    }

    /// The HTTP status of the answer, from 200 to 599.
    #[must_use]
    pub fn status(self, status: u16) -> Fault {
        Fault { status: Some(status), ..self }
    }

    /// The code of the refusal.
    #[must_use]
    pub fn code(self, code: impl Into<String>) -> Fault {
        Fault { code: Some(code.into()), ..self }
    }

    /// The text of the refusal.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Fault {
        Fault { message: Some(message.into()), ..self }
    }

    /// The refusal says after how many milliseconds to call again.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Fault {
        Fault { retry_after_ms: Some(ms), ..self }
    }

    /// `throttle`: the call is refused as one too many.
    #[must_use]
    pub fn throttle(self) -> Fault {
        Fault { kind: Kind::Throttle, ..self }
    }

    /// `error`: the call is refused with this code.
    #[must_use]
    pub fn error(self, code: impl Into<String>) -> Fault {
        Fault { kind: Kind::Error, ..self }.code(code)
    }

    /// `http`: the answer is a plain text with an HTTP status, 503 unless [`status`](Fault::status) says otherwise.
    #[must_use]
    pub fn http(self) -> Fault {
        Fault { kind: Kind::Http, ..self }
    }

    /// `garbage`: the answer is a page of HTML.
    #[must_use]
    pub fn garbage(self) -> Fault {
        Fault { kind: Kind::Garbage, ..self }
    }

    /// `reset_before`: the connection is cut and nothing is carried out.
    #[must_use]
    pub fn reset_before(self) -> Fault {
        Fault { kind: Kind::ResetBefore, ..self }
    }

    /// `reset_after`: the call is carried out, then the connection is cut.
    #[must_use]
    pub fn reset_after(self) -> Fault {
        Fault { kind: Kind::ResetAfter, ..self }
    }

    /// `hang`: there is never an answer.
    #[must_use]
    pub fn hang(self) -> Fault {
        Fault { kind: Kind::Hang, ..self }
    }

    /// `hang`: there is no answer, and the connection is cut after so many milliseconds, an hour at most.
    #[must_use]
    pub fn hang_ms(self, ms: u64) -> Fault {
        Fault { kind: Kind::Hang, ms: Some(ms), ..self }
    }

    /// `delay`: the call is carried out so many milliseconds later, an hour at most.
    #[must_use]
    pub fn delay_ms(self, ms: u64) -> Fault {
        Fault { kind: Kind::Delay, ms: Some(ms), ..self }
    }

    /// `fail_later`: the call succeeds, the image that it makes ends in CreateFailed, and its task, if it has one, in Failed.
    #[must_use]
    pub fn fail_later(self) -> Fault {
        Fault { kind: Kind::FailLater, ..self }
    }

    /// `json`: the answer is this JSON and nothing is carried out.
    #[must_use]
    pub fn json(self, body: impl Into<Value>) -> Fault {
        Fault { kind: Kind::Json, body: Some(body.into()), ..self }
    }

    /// `stale`: a read of ECS is answered from what was there when the fault was posted.
    #[must_use]
    pub fn stale(self) -> Fault {
        Fault { kind: Kind::Stale, ..self }
    }

    /// `omit`: DescribeImages leaves out every image.
    #[must_use]
    pub fn omit(self) -> Fault {
        Fault { kind: Kind::Omit, ..self }
    }

    /// `omit`: DescribeImages leaves out these images, named by id or name.
    #[must_use]
    pub fn omit_only<I: Into<String>>(self, images: impl IntoIterator<Item = I>) -> Fault {
        Fault { kind: Kind::Omit, images: images.into_iter().map(Into::into).collect(), ..self }
    }

    /// TotalCount includes what `omit` leaves out.
    #[must_use]
    pub fn count_them(self) -> Fault {
        Fault { count_them: true, ..self }
    }
}

impl Fault {
    /// Why it cannot be. `is_read` tells the actions that may be answered from an earlier state.
    pub(crate) fn defect(&self, is_read: fn(&str) -> bool) -> Option<String> {
        let about = |text: &str| Some(format!("a fault on `{}`: {text}", self.action));
        if self.action.is_empty() {
            return about("`action` is empty");
        }
        if self.times == 0 {
            return about("`times` is 0");
        }
        if self.wanted.values().any(|value| value.is_object() || value.is_array() || value.is_null()) {
            return about("a value of `match` is not a text, number or boolean");
        }
        if self.body.is_some() && self.kind != Kind::Json {
            return about("only `json` has a `body`");
        }
        if (!self.images.is_empty() || self.count_them) && self.kind != Kind::Omit {
            return about("only `omit` has `images` and `count_them`");
        }
        if self.kind == Kind::Stale && !is_read(&self.action) {
            return about("`stale` is for an action of ECS that only reads");
        }
        if self.kind == Kind::Omit && self.action != "DescribeImages" {
            return about("`omit` is for DescribeImages");
        }
        match (self.kind, &self.code, self.status, self.ms) {
            (Kind::Error, None, ..) => about("`error` needs a `code`"),
            (Kind::Delay, _, _, None) => about("`delay` needs `ms`"),
            (_, _, Some(status), _) if !(200..=599).contains(&status) => {
                about("`status` is not from 200 to 599")
            }
            (_, _, _, Some(ms)) if ms > 3_600_000 => about("`ms` is more than an hour"),
            _ => None,
        }
    }

    pub(crate) fn concerns(&self, action: &str, params: &Params) -> bool {
        let is_rpc = !action.contains(' ');
        (self.action == action || (self.action == "*" && is_rpc))
            && self.wanted.iter().all(|(name, value)| match (params.raw(name), value) {
                (Some(sent), Value::String(wanted)) => sent == wanted,
                (Some(sent), other) => sent.eq_ignore_ascii_case(&other.to_string()),
                (None, _) => false,
            })
    }

    /// For `json`.
    pub(crate) fn body(&self) -> Value {
        self.body.clone().unwrap_or_else(|| json!({}))
    }

    /// For `omit`.
    pub(crate) fn omits(&self, image: &Image) -> bool {
        self.images.is_empty() || self.images.iter().any(|name| *name == image.id || *name == image.name)
    }

    /// For `fail_later`: the code and the message that it gives.
    pub(crate) fn reason(&self) -> (Option<&str>, Option<&str>) {
        (self.code.as_deref(), self.message.as_deref())
    }

    /// For the kinds that refuse.
    pub(crate) fn refusal(&self) -> Failure {
        let (status, code, message) = match self.kind {
            Kind::Throttle => (400, "Throttling.User", "Request was denied due to user flow control."),
            _ => {
                (400, "InternalError", "The request processing has failed due to a fault that was asked for.")
            }
        };
        let code = self.code.clone().unwrap_or_else(|| code.to_owned());
        let message = self.message.clone().unwrap_or_else(|| message.to_owned());
        Failure { retry_after: self.retry_after_ms, ..failure(self.status.unwrap_or(status), code, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the builder makes is what the JSON is read as, and is shown as that JSON.
    #[track_caller]
    fn check(typed: Fault, expect: Value) {
        assert_eq!(json!(typed), expect);
        assert_eq!(serde_json::from_value::<Fault>(expect).expect("a fault"), typed);
    }

    #[test]
    fn typed_faults_and_their_json_agree() {
        let on = || Fault::on("A");
        check(on(), json!({"action": "A", "times": 1, "do": "http"}));
        check(
            on().http().times(2).status(503),
            json!({"action": "A", "times": 2, "do": "http", "status": 503}),
        );
        check(
            on().throttle().code("Throttling.Api").retry_after_ms(1_500),
            json!({
                "action": "A", "times": 1, "do": "throttle", "code": "Throttling.Api", "retry_after_ms": 1500
            }),
        );
        check(
            on().error("Forbidden.RAM").status(403).message("no"),
            json!({
                "action": "A", "times": 1, "do": "error", "code": "Forbidden.RAM", "status": 403, "message": "no"
            }),
        );
        check(on().garbage(), json!({"action": "A", "times": 1, "do": "garbage"}));
        check(
            on().reset_before().after(3),
            json!({"action": "A", "after": 3, "times": 1, "do": "reset_before"}),
        );
        check(on().reset_after(), json!({"action": "A", "times": 1, "do": "reset_after"}));
        check(on().hang(), json!({"action": "A", "times": 1, "do": "hang"}));
        check(on().hang_ms(20), json!({"action": "A", "times": 1, "do": "hang", "ms": 20}));
        check(on().delay_ms(20), json!({"action": "A", "times": 1, "do": "delay", "ms": 20}));
        check(on().fail_later(), json!({"action": "A", "times": 1, "do": "fail_later"}));
        check(on().json(json!([1])), json!({"action": "A", "times": 1, "do": "json", "body": [1]}));
        check(on().json(Value::Null), json!({"action": "A", "times": 1, "do": "json", "body": null}));
        check(on().stale(), json!({"action": "A", "times": 1, "do": "stale"}));
        check(on().omit(), json!({"action": "A", "times": 1, "do": "omit"}));
        check(
            on().omit_only(["m-1"]).count_them(),
            json!({
                "action": "A", "times": 1, "do": "omit", "images": ["m-1"], "count_them": true
            }),
        );
        check(
            on().matching("x", 1).matching("y", "z").hang(),
            json!({
                "action": "A", "match": {"x": 1, "y": "z"}, "times": 1, "do": "hang"
            }),
        );
    }

    #[test]
    fn a_body_is_an_empty_object_unless_told_otherwise() {
        let body = |fault: Value| serde_json::from_value::<Fault>(fault).expect("a fault").body();
        assert_eq!(body(json!({"action": "A", "do": "json"})), json!({}));
        assert_eq!(body(json!({"action": "A", "do": "json", "body": null})), Value::Null);
        assert_eq!(body(json!({"action": "A", "do": "json", "body": [1]})), json!([1]));
    }

    #[test]
    fn throttling_has_the_clouds_code_unless_told_otherwise() {
        let refusal = |fault: Fault| {
            let refusal = fault.refusal();
            (refusal.status, refusal.code.into_owned())
        };
        assert_eq!(refusal(Fault::on("A").throttle()), (400, "Throttling.User".into()));
        let code = Fault::on("A").throttle().code("Throttling.Api").status(503);
        assert_eq!(refusal(code), (503, "Throttling.Api".into()));
    }
}

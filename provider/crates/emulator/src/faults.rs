//! What goes wrong on demand.
//!
//! `POST /_emulator/faults` takes a list of objects: `action` (a name, `*` for any, or `METHOD /path` for what is not
//! RPC), `match` (parameters that must have these values), `after` (how many calls to let through first, default 0), `times`
//! (default 1), `do`, and what that needs:
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
//! | `delay` | the call is carried out `ms` later, also if the caller has gone by then |
//! | `fail_later` | the call succeeds, and the image it makes ends in CreateFailed |
//! | `json` | `status` (default 200) and `body`, any JSON (default `{}`); nothing is carried out |
//! | `stale` | a read is answered from what was there when the fault was posted, statuses included |
//! | `omit` | DescribeImages leaves out the images named in `images`, by id or name (default all of them) |
//!
//! `stale` is for the reads of ECS only, which are told by their name and not by `*`. An `omit` counts what it leaves
//! out in TotalCount only with `"count_them": true`; the pages close the gap either way.
//!
//! `message` replaces the text of a refusal; `retry_after_ms` adds the header `x-acs-retry-after` to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::answer::{Failure, failure};
use crate::clock::Millis;
use crate::ecs;
use crate::params::Params;
use crate::state::{Image, State};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    action: String,
    #[serde(default, rename = "match", skip_serializing_if = "BTreeMap::is_empty")]
    wanted: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "is_zero")]
    after: u32,
    #[serde(default = "once")]
    times: u32,
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
    /// Of a `stale` fault.
    #[serde(skip)]
    pub(crate) then: Option<Arc<Then>>,
}

/// What there was, and when.
#[derive(Debug)]
pub(crate) struct Then {
    pub(crate) state: State,
    pub(crate) now: Millis,
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

impl Fault {
    fn defect(&self) -> Option<String> {
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
        if self.kind == Kind::Stale && !ecs::is_read(&self.action) {
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

    fn concerns(&self, action: &str, params: &Params) -> bool {
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

#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// All of them or none, with the reason. What there is now is what a `stale` one will show.
    pub(crate) fn add(&mut self, mut faults: Vec<Fault>, state: &State, now: Millis) -> Result<(), String> {
        if let Some(defect) = faults.iter().find_map(Fault::defect) {
            return Err(defect);
        }
        if faults.iter().any(|fault| fault.kind == Kind::Stale) {
            let then = Arc::new(Then { state: state.clone(), now });
            for fault in faults.iter_mut().filter(|fault| fault.kind == Kind::Stale) {
                fault.then = Some(Arc::clone(&then));
            }
        }
        self.0.extend(faults);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first that concerns the call and does not let it through, used up by one.
    pub(crate) fn take(&mut self, action: &str, params: &Params) -> Option<Fault> {
        let at = self.0.iter_mut().position(|fault| {
            let concerns = fault.concerns(action, params);
            let strikes = concerns && fault.after == 0;
            if concerns && !strikes {
                fault.after -= 1;
            }
            strikes
        })?;
        let taken = self.0[at].clone();
        self.0[at].times -= 1;
        if self.0[at].times == 0 {
            self.0.remove(at);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(list: Value) -> Result<Faults, String> {
        let mut faults = Faults::default();
        let list = serde_json::from_value(list).map_err(|error| error.to_string())?;
        faults.add(list, &State::default(), 0)?;
        Ok(faults)
    }

    #[track_caller]
    fn check(list: Value, calls: &[(&str, &[(&str, &str)])], expect: &[bool]) {
        let mut faults = faults(list).expect("good faults");
        let met: Vec<bool> =
            calls.iter().map(|(action, params)| faults.take(action, &Params::of(params)).is_some()).collect();
        assert_eq!(met, expect);
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_says() {
        let calls: &[(&str, &[(&str, &str)])] = &[("A", &[]), ("B", &[]), ("A", &[]), ("A", &[])];
        check(json!([{"action": "A", "do": "hang"}]), calls, &[true, false, false, false]);
        check(json!([{"action": "A", "do": "hang", "times": 2}]), calls, &[true, false, true, false]);
        check(json!([{"action": "*", "do": "hang", "times": 9}]), calls, &[true, true, true, true]);
    }

    #[test]
    fn a_fault_lets_as_many_calls_through_as_it_says() {
        let calls: &[(&str, &[(&str, &str)])] = &[("A", &[]), ("B", &[]), ("A", &[]), ("A", &[])];
        check(json!([{"action": "A", "do": "hang", "after": 1}]), calls, &[false, false, true, false]);
        let (first, second) =
            (json!({"action": "A", "do": "hang"}), json!({"action": "A", "do": "hang", "after": 1}));
        check(json!([second, first]), calls, &[true, false, true, false]);
    }

    #[test]
    fn a_fault_strikes_only_what_it_matches() {
        let calls: &[(&str, &[(&str, &str)])] =
            &[("A", &[]), ("A", &[("x", "2")]), ("A", &[("x", "1")]), ("A", &[("x", "1"), ("y", "True")])];
        check(
            json!([{"action": "A", "match": {"x": 1, "y": true}, "do": "hang"}]),
            calls,
            &[false, false, false, true],
        );
        check(
            json!([{"action": "A", "match": {"x": "1"}, "do": "hang"}]),
            calls,
            &[false, false, true, false],
        );
    }

    #[test]
    fn any_action_means_any_rpc_action() {
        check(json!([{"action": "*", "do": "hang"}]), &[("GET /latest/meta-data/region-id", &[])], &[false]);
        check(json!([{"action": "GET /x", "do": "hang"}]), &[("GET /x", &[])], &[true]);
    }

    #[test]
    fn a_bad_fault_is_refused_with_the_reason() {
        for (fault, says) in [
            (json!({"action": "A", "do": "explode"}), "explode"),
            (json!({"action": "A", "do": "error"}), "needs a `code`"),
            (json!({"action": "A", "do": "delay"}), "needs `ms`"),
            (json!({"action": "A", "do": "http", "status": 99}), "from 200 to 599"),
            (json!({"action": "A", "do": "hang", "times": 0}), "`times` is 0"),
            (json!({"action": "A", "do": "hang", "when": 0}), "when"),
            (json!({"do": "hang"}), "action"),
            (json!({"action": "A", "match": {"a": []}, "do": "hang"}), "`match`"),
            (json!({"action": "A", "do": "json", "status": 99}), "from 200 to 599"),
            (json!({"action": "A", "do": "hang", "body": {}}), "only `json`"),
            (json!({"action": "DescribeImages", "do": "stale", "images": ["m-1"]}), "only `omit`"),
            (json!({"action": "DescribeImages", "do": "stale", "count_them": true}), "only `omit`"),
            (json!({"action": "CreateImage", "do": "stale"}), "only reads"),
            (json!({"action": "DescribeNothing", "do": "stale"}), "only reads"),
            (json!({"action": "*", "do": "stale"}), "only reads"),
            (json!({"action": "GET /latest/meta-data/region-id", "do": "stale"}), "only reads"),
            (json!({"action": "DescribeSnapshots", "do": "omit"}), "for DescribeImages"),
            (json!({"action": "DescribeImages", "do": "omit", "then": {}}), "then"),
        ] {
            let error = faults(json!([fault])).map(|_| ()).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn faults_are_shown_as_they_were_posted() {
        let list = json!([
            {"action": "A", "times": 1, "do": "json", "status": 202, "body": [1]},
            {"action": "A", "times": 1, "do": "json", "body": null},
            {"action": "DescribeImages", "times": 2, "do": "stale"},
            {"action": "DescribeImages", "times": 1, "do": "omit", "images": ["m-1"], "count_them": true},
        ]);
        assert_eq!(json!(faults(list.clone()).expect("good")), list);
    }

    #[test]
    fn a_body_is_an_empty_object_unless_told_otherwise() {
        let body = |fault: Value| {
            faults(json!([fault])).expect("good").take("A", &Params::default()).expect("one").body()
        };
        assert_eq!(body(json!({"action": "A", "do": "json"})), json!({}));
        assert_eq!(body(json!({"action": "A", "do": "json", "body": null})), Value::Null);
        assert_eq!(body(json!({"action": "A", "do": "json", "body": [1]})), json!([1]));
    }

    #[test]
    fn throttling_has_the_clouds_code_unless_told_otherwise() {
        let refusal = |fault: Value| {
            let taken = faults(json!([fault])).expect("good").take("A", &Params::default()).expect("one");
            let refusal = taken.refusal();
            (refusal.status, refusal.code.into_owned())
        };
        assert_eq!(refusal(json!({"action": "A", "do": "throttle"})), (400, "Throttling.User".into()));
        let code = json!({"action": "A", "do": "throttle", "code": "Throttling.Api", "status": 503});
        assert_eq!(refusal(code), (503, "Throttling.Api".into()));
    }
}

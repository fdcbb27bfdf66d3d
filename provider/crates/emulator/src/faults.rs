//! The faults that are still to strike, in the order in which they were posted.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::clock::Millis;
use crate::fault::{Fault, Kind};
use crate::params::Params;
use crate::state::State;

/// A fault, and the earlier state that a `stale` one shows.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) fault: Fault,
    pub(crate) then: Option<Arc<Then>>,
}

/// An earlier state, and when it was.
#[derive(Debug)]
pub(crate) struct Then {
    pub(crate) state: State,
    pub(crate) now: Millis,
}

#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Posted>);

impl Serialize for Faults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|posted| &posted.fault))
    }
}

impl Faults {
    /// Adds all the faults or none, with the reason. A `stale` one will show the present state. `is_read` tells the actions
    /// that it may be for.
    pub(crate) fn add(
        &mut self,
        faults: Vec<Fault>,
        state: &State,
        now: Millis,
        is_read: fn(&str) -> bool,
    ) -> Result<(), String> {
        if let Some(defect) = faults.iter().find_map(|fault| fault.defect(is_read)) {
            return Err(defect);
        }
        let is_stale = |fault: &Fault| fault.kind == Kind::Stale;
        let then = faults.iter().any(is_stale).then(|| Arc::new(Then { state: state.clone(), now }));
        self.0.extend(faults.into_iter().map(|fault| {
            let then = then.clone().filter(|_| is_stale(&fault));
            Posted { fault, then }
        }));
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that concerns the call and does not let it through, used up by one.
    pub(crate) fn take(&mut self, action: &str, params: &Params) -> Option<Posted> {
        let at = self.0.iter_mut().map(|posted| &mut posted.fault).position(|fault| {
            let concerns = fault.concerns(action, params);
            let strikes = concerns && fault.after == 0;
            if concerns && !strikes {
                fault.after -= 1;
            }
            strikes
        })?;
        let taken = self.0[at].clone();
        self.0[at].fault.times -= 1;
        if self.0[at].fault.times == 0 {
            self.0.remove(at);
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn faults(list: Value) -> Result<Faults, String> {
        let mut faults = Faults::default();
        let list = serde_json::from_value(list).map_err(|error| error.to_string())?;
        faults.add(list, &State::default(), 0, |action| {
            ["DescribeImages", "DescribeSnapshots"].contains(&action)
        })?;
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
}

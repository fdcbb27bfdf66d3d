//! What the declaration of the properties decides about a change: which paths differ, and whether the resource is
//! updated or replaced.
//!
//! Of a property that replaces, only another value that is *named* replaces. Leaving it out says "whatever it is", and
//! beginning to name what the cloud reports already changes nothing.

use std::borrow::Cow;

use crate::alias;
use crate::check::{DEFAULTS, is_internal, is_list_of_defaults};
use crate::model::{Kind, ObjectType};
use crate::path::{Path, Step, Trail};
use crate::secrets;
use crate::value::{Properties, Value, from_json, reveal};

/// How a property path changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was not there.
    Add,
    /// It is no longer there.
    Delete,
    /// It has another value.
    Update,
}

/// One difference between old and new inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: Path,
    /// How.
    pub kind: ChangeKind,
    /// Whether it replaces the resource.
    pub replace: bool,
}

/// Where `news` differs from `olds`, both inputs, without their secret wrappings.
pub fn compare(object: &ObjectType, olds: &Properties, news: &Properties) -> Vec<Change> {
    differences(object, &in_one_case(object, olds), &in_one_case(object, news))
}

fn differences(object: &ObjectType, olds: &Properties, news: &Properties) -> Vec<Change> {
    let mut changes = Vec::new();
    for (key, old, new) in pairs(olds, news).filter(|(key, ..)| !is_internal(key)) {
        let Some(property) = object.properties.get(key) else { continue };
        compare_values(old, new, Trail::ROOT.key(key), property.replace, &mut changes);
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

/// What differs between old and new inputs.
#[derive(Debug, Default)]
pub struct Changes {
    /// What changes the resource.
    pub effective: Vec<Change>,
    /// What is left out of a property that replaces. By itself it changes nothing; in a replacement it is part of the picture.
    pub left_out: Vec<Change>,
}

impl Changes {
    /// All that a user is shown.
    pub fn shown(mut self) -> Vec<Change> {
        if self.effective.iter().any(|change| change.replace) {
            self.effective.append(&mut self.left_out);
            self.effective.sort_by(|one, other| one.path.cmp(&other.path));
        }
        self.effective
    }
}

/// The differences from `olds` to `news` that change a resource whose outputs are `state`.
pub fn changes(object: &ObjectType, state: &Properties, olds: &Properties, news: &Properties) -> Changes {
    let [state, olds, news] = [state, olds, news].map(|values| in_one_case(object, values));
    let (state, olds, news) = (&*state, &*olds, &*news);
    let mut changes = Changes::default();
    for change in differences(object, olds, news) {
        match change.kind {
            ChangeKind::Add if names_what_is(object, state, olds, news, &change.path) => {}
            ChangeKind::Delete if change.replace && !names_another_by_absence(object, &change.path) => {
                changes.left_out.push(change);
            }
            ChangeKind::Add | ChangeKind::Delete | ChangeKind::Update => changes.effective.push(change),
        }
    }
    changes
}

/// The same without the keys of maps that are secret as a whole, before the change or after it.
pub(crate) fn without_secret_keys(
    object: &ObjectType,
    secrets: &[Path],
    changes: Vec<Change>,
) -> Vec<Change> {
    if secrets.is_empty() {
        return changes;
    }
    let mut told: Vec<Change> = Vec::with_capacity(changes.len());
    for change in changes {
        let path = secrets::told(object, secrets, &change.path);
        if path == change.path {
            told.push(change);
        } else if let Some(same) = told.iter_mut().find(|other| other.path == path) {
            same.replace |= change.replace;
        } else {
            told.push(Change { path, kind: ChangeKind::Update, replace: change.replace });
        }
    }
    told
}

/// The same with those texts in lower case whose case says nothing.
fn in_one_case<'a>(object: &ObjectType, values: &'a Properties) -> Cow<'a, Properties> {
    if !object.ignores_case {
        return Cow::Borrowed(values);
    }
    let values = values.iter().map(|(key, value)| match object.properties.get(key) {
        Some(property) => (key.clone(), value_in_one_case(&property.kind, value)),
        None => (key.clone(), value.clone()),
    });
    Cow::Owned(values.collect())
}

fn value_in_one_case(kind: &Kind, value: &Value) -> Value {
    match (kind, value.plain()) {
        (Kind::String { ignores_case: true, .. }, Value::String(text)) => Value::String(text.to_lowercase()),
        (Kind::List { item, .. }, Value::Array(items)) if item.ignores_case() => {
            Value::Array(items.iter().map(|value| value_in_one_case(item, value)).collect())
        }
        (Kind::Map { item, .. }, Value::Object(map)) if item.ignores_case() => {
            let map = map.iter().map(|(key, value)| (key.clone(), value_in_one_case(item, value)));
            Value::Object(map.collect())
        }
        (Kind::Object(object), Value::Object(map)) => Value::Object(in_one_case(object, map).into_owned()),
        _ => value.clone(),
    }
}

/// Whether leaving out what a path leads to is a wish of its own: an element of a list is one disk less.
fn names_another_by_absence(object: &ObjectType, path: &Path) -> bool {
    match path.steps() {
        [_] => false,
        _ => object.property_at(path).is_none_or(|property| property.absence_says),
    }
}

/// Whether a program begins to name what the cloud reports already, or what it takes if it reports nothing.
fn names_what_is(
    object: &ObjectType,
    state: &Properties,
    olds: &Properties,
    news: &Properties,
    path: &Path,
) -> bool {
    let Some((Step::Key(key), rest)) = path.steps().split_first() else { return false };
    let Some(new) = news.get(key) else { return false };
    match alias::value(object, state, key) {
        Some(now) => agree_at(new.plain(), olds.get(key).map(Value::plain), now.plain(), rest),
        None => {
            let default = object.properties.get(key).and_then(|property| property.default.clone());
            rest.is_empty() && default.is_some_and(|default| *new.plain() == from_json(default))
        }
    }
}

fn agree_at(new: &Value, old: Option<&Value>, now: &Value, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return new == now && !new.has_unknowns() };
    match (new, now, step) {
        (Value::Object(new), Value::Object(now), Step::Key(key)) => match (new.get(key), now.get(key)) {
            (Some(new), Some(now)) => {
                let old = match old {
                    Some(Value::Object(old)) => old.get(key).map(Value::plain),
                    _ => None,
                };
                agree_at(new.plain(), old, now.plain(), rest)
            }
            _ => false,
        },
        (Value::Array(news), Value::Array(nows), Step::Index(index)) => {
            let olds = match old {
                Some(Value::Array(olds)) => olds.as_slice(),
                _ => &[],
            };
            let Some(new) = news.get(*index).map(Value::plain) else { return false };
            let old = olds.get(*index).map(Value::plain);
            // The cloud lists in an order of its own, so an element is found by what it says and has said before.
            let may_be = |element: usize, now: usize| {
                let (new, now) = (news[element].plain(), nows[now].plain());
                !contradicts(new, now) && olds.get(element).is_none_or(|old| !contradicts(old.plain(), now))
            };
            let agrees = |now: usize| may_be(*index, now) && agree_at(new, old, nows[now].plain(), rest);
            has_one_of_its_own(*index, news.len(), nows.len(), may_be, agrees)
        }
        _ => false,
    }
}

/// Whether there is an element of the cloud's list for this one that no other needs. Each stands for one only.
fn has_one_of_its_own(
    index: usize,
    elements: usize,
    nows: usize,
    may_be: impl Fn(usize, usize) -> bool,
    agrees: impl Fn(usize) -> bool,
) -> bool {
    let edge = |element: usize, now: usize| match element == index {
        true => agrees(now),
        false => may_be(element, now),
    };
    let mut taken = vec![None; nows];
    for element in (0..elements).filter(|element| *element != index) {
        find_one(element, &edge, &mut vec![false; nows], &mut taken);
    }
    find_one(index, &edge, &mut vec![false; nows], &mut taken)
}

/// Gives an element one that it may be, if need be by giving another element another one.
fn find_one(
    element: usize,
    edge: &impl Fn(usize, usize) -> bool,
    tried: &mut [bool],
    taken: &mut [Option<usize>],
) -> bool {
    for now in 0..taken.len() {
        if tried[now] || !edge(element, now) {
            continue;
        }
        tried[now] = true;
        let is_free = match taken[now] {
            None => true,
            Some(holder) => find_one(holder, edge, tried, taken),
        };
        if is_free {
            taken[now] = Some(element);
            return true;
        }
    }
    false
}

/// Whether two elements of a list cannot be the same one.
fn contradicts(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.iter().any(|(key, value)| other.get(key).is_some_and(|other| other.plain() != value.plain()))
        }
        (one, other) => one != other,
    }
}

/// The same inputs without their secret wrappings, and without what an older provider filled in and `news` leaves out.
/// What it filled in and `news` names is named in nested `__defaults` still.
pub fn without_defaults(olds: Properties, news: &Properties) -> Properties {
    let olds = reveal(olds);
    if olds.iter().any(|(key, value)| is_internal(key) || has_internal(value)) {
        let mut stripped = strip(olds, Some(news));
        stripped.retain(|key, _| !is_internal(key));
        return stripped;
    }
    olds
}

fn has_internal(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.iter().any(|(key, value)| is_list_of_defaults(key, value) || has_internal(value))
        }
        Value::Array(items) => items.iter().any(has_internal),
        _ => false,
    }
}

fn strip(olds: Properties, news: Option<&Properties>) -> Properties {
    let filled: Vec<String> = match olds.get(DEFAULTS) {
        Some(Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let mut stripped: Properties = olds
        .into_iter()
        .filter(|(key, value)| !is_list_of_defaults(key, value))
        .filter(|(key, _)| !filled.contains(key) || news.is_none_or(|news| news.contains_key(key)))
        .map(|(key, value)| {
            let value = strip_value(value, news.and_then(|news| news.get(&key)));
            (key, value)
        })
        .collect();
    let named: Vec<Value> =
        filled.into_iter().filter(|name| stripped.contains_key(name)).map(Value::String).collect();
    if news.is_some() && !named.is_empty() {
        stripped.insert(DEFAULTS.to_owned(), Value::Array(named));
    }
    stripped
}

fn strip_value(old: Value, new: Option<&Value>) -> Value {
    match (old, new.map(Value::plain)) {
        (Value::Object(old), Some(Value::Object(new))) => Value::Object(strip(old, Some(new))),
        (Value::Object(old), _) => Value::Object(strip(old, None)),
        (Value::Array(olds), new) => {
            let news: &[Value] = if let Some(Value::Array(news)) = new { news } else { &[] };
            let stripped = olds.into_iter().enumerate().map(|(index, old)| strip_value(old, news.get(index)));
            Value::Array(stripped.collect())
        }
        (other, _) => other,
    }
}

fn compare_values(
    old: Option<&Value>,
    new: Option<&Value>,
    at: Trail<'_>,
    replace: bool,
    changes: &mut Vec<Change>,
) {
    let old = old.map(Value::plain).filter(|value| !value.is_null());
    let new = new.map(Value::plain).filter(|value| !value.is_null());
    let kind = match (old, new) {
        (None, None) => return,
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (key, old, new) in pairs(old, new) {
                compare_values(old, new, at.key(key), replace, changes);
            }
            return;
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare_values(old.get(index), new.get(index), at.index(index), replace, changes);
            }
            return;
        }
        // An empty map, list or top-level text says no more than an absent one.
        (Some(value), None) | (None, Some(value)) if is_empty(value, at) => return,
        (Some(old), Some(new)) if old == new && !new.has_unknowns() => return,
        (None, Some(_)) => ChangeKind::Add,
        (Some(_), None) => ChangeKind::Delete,
        (Some(_), Some(_)) => ChangeKind::Update,
    };
    changes.push(Change { path: at.path(), kind, replace });
}

fn is_empty(value: &Value, at: Trail<'_>) -> bool {
    match value {
        Value::String(text) => text.is_empty() && at.is_property(),
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Every property that either has, with both values.
fn pairs<'a>(
    olds: &'a Properties,
    news: &'a Properties,
) -> impl Iterator<Item = (&'a String, Option<&'a Value>, Option<&'a Value>)> {
    let kept = olds.iter().map(|(key, old)| (key, Some(old), news.get(key)));
    let added =
        news.iter().filter(|(key, _)| !olds.contains_key(*key)).map(|(key, new)| (key, None, Some(new)));
    kept.chain(added).filter(|(key, old, new)| {
        ![old, new].iter().any(|value| value.is_some_and(|value| is_list_of_defaults(key, value)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;
    use crate::Input;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Disk {
        size: Option<Input<i64>>,
        kind: Option<Input<String>>,
        #[schemars(extend("x-absence-says" = true))]
        source: Option<Input<String>>,
        #[schemars(extend("x-ignores-case" = true))]
        format: Option<Input<String>>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Args {
        description: Option<Input<String>>,
        #[schemars(extend("x-replace" = true, "default" = "x86_64"))]
        architecture: Option<Input<String>>,
        #[schemars(extend("x-replace" = true))]
        disks: Option<Input<Vec<Input<Disk>>>>,
        tags: Option<Input<BTreeMap<String, Input<String>>>>,
    }

    fn properties(json: serde_json::Value) -> Properties {
        match from_json(json) {
            Value::Object(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn check(olds: serde_json::Value, news: serde_json::Value, expected: &[&str]) {
        let news = properties(news);
        let olds = without_defaults(properties(olds), &news);
        check_against(json!({}), olds, news, expected);
    }

    #[track_caller]
    fn check_against(state: serde_json::Value, olds: Properties, news: Properties, expected: &[&str]) {
        let found: Vec<String> =
            changes(&ObjectType::of::<Args>().unwrap(), &properties(state), &olds, &news)
                .shown()
                .into_iter()
                .map(|change| {
                    let verb = if change.replace { "replace" } else { "update" };
                    format!("{verb} {:?} {}", change.kind, change.path)
                })
                .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn equal_inputs_have_no_difference() {
        check(
            json!({"description": "a", "tags": {"k": "v"}, "disks": [{"size": 40}]}),
            json!({"description": "a", "tags": {"k": "v"}, "disks": [{"size": 40}]}),
            &[],
        );
    }

    #[test]
    fn each_differing_path_is_named_and_says_update_or_replace() {
        check(
            json!({"description": "a", "tags": {"k": "v", "gone": "1"}, "disks": [{"size": 40}]}),
            json!({"tags": {"k": "w", "x y": "1"}, "disks": [{"size": 50}, {"size": 5}]}),
            &[
                "update Delete description",
                "replace Update disks[0].size",
                "replace Add disks[1]",
                "update Delete tags.gone",
                "update Update tags.k",
                "update Add tags[\"x y\"]",
            ],
        );
    }

    #[test]
    fn a_default_that_the_cloud_fills_in_is_no_difference() {
        check(json!({"architecture": "x86_64"}), json!({}), &[]);
        check(json!({}), json!({"architecture": "x86_64"}), &[]);
        check(json!({}), json!({"architecture": "arm64"}), &["replace Add architecture"]);
    }

    #[test]
    fn of_what_replaces_only_another_value_that_is_named_replaces() {
        check(json!({"architecture": "arm64"}), json!({}), &[]);
        check(json!({"disks": [{"size": 40, "kind": "data"}]}), json!({}), &[]);
        check(json!({"disks": [{"size": 40, "kind": "data"}]}), json!({"disks": [{"kind": "data"}]}), &[]);
        check(
            json!({"disks": [{"size": 40, "source": "s-1"}, {"size": 5}]}),
            json!({"disks": [{"size": 40}]}),
            &["replace Delete disks[0].source", "replace Delete disks[1]"],
        );
    }

    #[test]
    fn what_is_left_out_is_shown_in_a_replacement_for_another_reason() {
        check(
            json!({"architecture": "arm64", "disks": [{"size": 40}]}),
            json!({"disks": [{"size": 50}]}),
            &["replace Delete architecture", "replace Update disks[0].size"],
        );
    }

    #[test]
    fn beginning_to_name_what_the_cloud_reports_changes_nothing() {
        let state = json!({"architecture": "arm64", "description": "a", "tags": {"k": "v"},
            "disks": [{"kind": "data", "size": 5}, {"kind": "system", "size": 40, "source": "s-1"}]});
        let olds = properties(json!({"disks": [{"source": "s-1"}]}));
        let named = json!({"architecture": "arm64", "description": "a", "tags": {"k": "v"},
            "disks": [{"source": "s-1", "kind": "system", "size": 40}]});
        check_against(state.clone(), olds.clone(), properties(named), &[]);
        let other = json!({"architecture": "x86_64", "description": "b", "tags": {"k": "w"},
            "disks": [{"source": "s-1", "kind": "system", "size": 50}]});
        check_against(
            state,
            olds,
            properties(other),
            &[
                "replace Add architecture",
                "update Add description",
                "replace Add disks[0].kind",
                "replace Add disks[0].size",
                "update Add tags",
            ],
        );
    }

    #[test]
    fn a_text_whose_case_says_nothing_is_the_same_in_another_case() {
        let disks = |disks: serde_json::Value| properties(json!({ "disks": disks }));
        let state = json!({"disks": [{"source": "s-1", "format": "RAW", "size": 5},
            {"source": "s-1", "format": "RAW", "size": 40}]});
        let olds = disks(
            json!([{"source": "s-1", "format": "raw"}, {"source": "s-1", "format": "Raw", "size": 40}]),
        );
        let first = |format: &str, size: i64| json!({"source": "s-1", "format": format, "size": size});
        for (news, expected) in [
            (json!([first("rAw", 5), {"source": "s-1", "format": "RAW", "size": 40}]), &[][..]),
            (
                json!([first("vhd", 5), first("raw", 40)]),
                &["replace Update disks[0].format", "replace Add disks[0].size"],
            ),
            // Each is known in whatever case its format is written, so none takes the size of the other for its own.
            (json!([first("raw", 40), first("raw", 40)]), &["replace Add disks[0].size"]),
        ] {
            check_against(state.clone(), olds.clone(), disks(news), expected);
        }
        check_against(state, disks(json!([{}])), disks(json!([{"format": "raw"}])), &[]);
        check(
            json!({"disks": [{"kind": "data"}]}),
            json!({"disks": [{"kind": "DATA"}]}),
            &["replace Update disks[0].kind"],
        );
    }

    /// A blank disk that becomes one of a snapshot is not there already, though another disk is of that snapshot.
    #[test]
    fn one_element_that_the_cloud_reports_stands_for_one_only() {
        let state = json!({"disks": [{"kind": "system", "size": 40, "source": "s-1"},
            {"kind": "data", "size": 5, "source": ""}, {"kind": "data", "size": 40, "source": "s-2"}]});
        for (old, expected) in [
            (json!({"kind": "data"}), &["replace Add disks[1].source"][..]),
            (json!({}), &["replace Add disks[1].kind", "replace Add disks[1].source"]),
        ] {
            check_against(
                state.clone(),
                properties(json!({"disks": [{"source": "s-1"}, old, {"source": "s-2"}]})),
                properties(
                    json!({"disks": [{"source": "s-1"}, {"kind": "data", "source": "s-2"}, {"source": "s-2"}]}),
                ),
                expected,
            );
        }
        // Each names its own.
        check_against(
            state,
            properties(json!({"disks": [{"source": "s-1"}, {"size": 5}, {"source": "s-2"}]})),
            properties(json!({"disks": [{"source": "s-1", "kind": "system"}, {"size": 5, "kind": "data"},
                {"source": "s-2", "kind": "data", "size": 40}]})),
            &[],
        );
    }

    #[test]
    fn a_tag_that_begins_with_underscores_is_a_tag() {
        check(json!({"tags": {"__a": "1"}}), json!({"tags": {"__a": "2"}}), &["update Update tags.__a"]);
        check(json!({"tags": {"a": "1", "__defaults": ["b"]}}), json!({"tags": {"a": "1"}}), &[]);
    }

    #[test]
    fn what_an_older_provider_filled_in_is_no_difference_until_the_program_names_it() {
        let olds = json!({"__defaults": ["description"], "description": "filled in",
            "disks": [{"__defaults": ["kind"], "size": 40, "kind": "data"}]});
        check(olds.clone(), json!({"disks": [{"size": 40}]}), &[]);
        check(
            olds,
            json!({"description": "mine", "disks": [{"size": 40, "kind": "system"}]}),
            &["update Update description", "replace Update disks[0].kind"],
        );
    }

    /// What a rule needs to tell a value that a program has given from one that it has not.
    #[test]
    fn what_an_older_provider_filled_in_and_the_program_names_says_so() {
        let olds = json!({"__defaults": ["description"], "description": "filled in", "disks": [
            {"__defaults": ["kind", "size"], "size": 40, "kind": "data"},
            {"__defaults": ["kind"], "kind": "data"},
            {"__defaults": ["kind"], "kind": "data"},
        ]});
        let news = properties(json!({"description": "mine", "disks": [{"size": 50}, {}]}));
        let stripped = properties(json!({"description": "filled in", "disks": [
            {"__defaults": ["size"], "size": 40},
            {},
            {"kind": "data"},
        ]}));
        assert_eq!(without_defaults(properties(olds), &news), stripped);
    }

    #[test]
    fn an_empty_map_or_text_is_an_absent_one() {
        check(json!({"description": ""}), json!({}), &[]);
        check(json!({"tags": {"a": ""}}), json!({"tags": {}}), &["update Delete tags.a"]);
        check(json!({"tags": {}}), json!({}), &[]);
        check(json!({}), json!({"tags": {}}), &[]);
    }

    #[test]
    fn an_unknown_new_value_is_a_change() {
        let object = ObjectType::of::<Args>().unwrap();
        let olds = properties(json!({"description": "a"}));
        let news = Properties::from([("description".to_owned(), Value::Unknown)]);
        assert_eq!(compare(&object, &olds, &news).len(), 1);
    }

    #[test]
    fn secrecy_alone_is_no_difference() {
        let object = ObjectType::of::<Args>().unwrap();
        let olds = properties(json!({"description": "a"}));
        let news = Properties::from([(
            "description".to_owned(),
            Value::Secret(Box::new(Value::String("a".to_owned()))),
        )]);
        assert!(compare(&object, &olds, &news).is_empty());
    }
}

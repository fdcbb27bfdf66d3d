//! What the declaration of the properties decides about inputs: names, types, limits. All mistakes are reported, each
//! with its path; nothing here returns early.

use std::sync::Arc;

use crate::model::{Kind, ObjectType, Property, Range};
use crate::path::{Path, Trail};
use crate::value::{LARGEST_WHOLE, Properties, Value, quote};

/// One mistake in a program's inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFailure {
    /// The property it is in.
    pub path: Path,
    /// What is wrong or what is allowed, without any value.
    pub reason: String,
    /// What was given. It stands apart, so that a secret one can be left out.
    pub got: Option<String>,
    /// Whether the value is secret.
    pub secret: bool,
}

impl CheckFailure {
    /// What the user reads.
    pub fn text(&self) -> String {
        match &self.got {
            _ if self.secret => format!("{} (the value is secret)", self.reason),
            Some(got) => format!("{}, got {got}", self.reason),
            None => self.reason.clone(),
        }
    }
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Mistakes: nothing may be created.
    pub failures: Vec<CheckFailure>,
    /// What the user should know, and may ignore.
    pub warnings: Vec<CheckFailure>,
}

impl Findings {
    /// Adds a mistake whose reason shows nothing of the value.
    pub fn fail(&mut self, path: Path, reason: impl Into<String>) {
        self.failures.push(CheckFailure { path, reason: reason.into(), got: None, secret: false });
    }

    /// Adds a mistake, with what was given.
    pub fn fail_got(&mut self, path: Path, reason: impl Into<String>, got: impl Into<String>) {
        self.failures.push(CheckFailure {
            path,
            reason: reason.into(),
            got: Some(got.into()),
            secret: false,
        });
    }

    /// Adds a warning whose reason shows nothing of the value.
    pub fn warn(&mut self, path: Path, reason: impl Into<String>) {
        self.warnings.push(CheckFailure { path, reason: reason.into(), got: None, secret: false });
    }

    /// Adds a warning, with the value that it is about.
    pub fn warn_got(&mut self, path: Path, reason: impl Into<String>, got: impl Into<String>) {
        self.warnings.push(CheckFailure {
            path,
            reason: reason.into(),
            got: Some(got.into()),
            secret: false,
        });
    }
}

/// Checks `inputs` against their declaration. What comes back has scalars in their declared form; a value with a mistake
/// in it is unknown there, so that rules that come after neither trip over it nor take it for absent.
pub fn check(object: &ObjectType, inputs: Properties, findings: &mut Findings) -> Properties {
    let checked = check_properties(object, inputs, Trail::ROOT, findings);
    require(object, |key| checked.contains_key(key), Trail::ROOT, findings);
    checked
}

/// The same for some of the inputs: of what is required, `others` may hold it.
pub(crate) fn check_some(
    object: &ObjectType,
    inputs: Properties,
    others: &Properties,
    findings: &mut Findings,
) -> Properties {
    let checked = check_properties(object, inputs, Trail::ROOT, findings);
    require(object, |key| checked.contains_key(key) || others.contains_key(key), Trail::ROOT, findings);
    checked
}

/// Whether a top-level key is the engine's or a provider's own, and no property.
pub fn is_internal(key: &str) -> bool {
    key.starts_with("__")
}

/// The key under which a provider lists the inputs that it filled in itself, at any depth.
pub(crate) const DEFAULTS: &str = "__defaults";

/// Whether an entry of a nested object or map is a provider's own list of what it filled in. A tag may have any key, but
/// never a list as its value.
pub(crate) fn is_list_of_defaults(key: &str, value: &Value) -> bool {
    key == DEFAULTS && matches!(value, Value::Array(_))
}

/// Reads settings that are not text from the JSON text in which SDKs and stack configurations carry them. An empty
/// text is an absent setting. Texts that are no JSON are left alone, for the check to report.
pub fn read_json_texts(object: &ObjectType, settings: &mut Properties) {
    for (name, property) in &object.properties {
        let Some(value) = settings.remove(name) else { continue };
        let text = value.as_str().map(str::to_owned);
        let parsed = match (&property.kind, text) {
            (_, Some(text)) if text.trim().is_empty() => continue,
            (Kind::String { .. }, _) | (_, None) => value,
            (_, Some(text)) => match serde_json::from_str(&text) {
                Ok(json) => match (value, crate::value::from_json(json)) {
                    (_, Value::Null) => continue,
                    (Value::Secret(_), parsed) => Value::Secret(Box::new(parsed)),
                    (_, parsed) => parsed,
                },
                Err(_) => value,
            },
        };
        settings.insert(name.clone(), parsed);
    }
}

fn check_object(
    object: &ObjectType,
    inputs: Properties,
    at: Trail<'_>,
    findings: &mut Findings,
) -> Properties {
    let checked = check_properties(object, inputs, at, findings);
    require(object, |key| checked.contains_key(key), at, findings);
    checked
}

fn require(object: &ObjectType, has: impl Fn(&str) -> bool, at: Trail<'_>, findings: &mut Findings) {
    for (key, property) in &object.properties {
        if property.required && !has(key) {
            findings.fail(at.key(key).path(), "is required");
        }
    }
}

fn check_properties(
    object: &ObjectType,
    inputs: Properties,
    at: Trail<'_>,
    findings: &mut Findings,
) -> Properties {
    let mut checked = Properties::new();
    for (key, value) in inputs {
        let here = at.key(&key);
        match object.properties.get(&key) {
            _ if (is_internal(&key) && at.is_root()) || is_list_of_defaults(&key, &value) => {
                checked.insert(key, value);
            }
            _ if value.is_null() => {}
            None => match &object.others {
                Some(text) => findings.warn(here.path(), text.clone()),
                None => findings.fail(here.path(), unknown_property(object, &key)),
            },
            Some(property) if property.output_only => findings.fail(here.path(), "is read-only"),
            Some(property) => {
                if let Some(text) = &property.unused {
                    findings.warn(here.path(), text.clone());
                }
                let value = check_value(&property.kind, value, here, findings);
                checked.insert(key, value);
            }
        }
    }
    checked
}

fn unknown_property(object: &ObjectType, key: &str) -> String {
    let mut names: Vec<&str> = object
        .properties
        .iter()
        .filter(|(_, property): &(_, &Property)| !property.output_only)
        .map(|(name, _)| name.as_str())
        .collect();
    match nearest(key, &names) {
        Some(name) => format!("unknown property; did you mean {}?", quote(name)),
        None => {
            names.sort_unstable();
            format!("unknown property; the properties are {}", names.join(", "))
        }
    }
}

/// The most similar of `names`, if one is similar at all.
pub fn nearest<'a>(given: &str, names: &[&'a str]) -> Option<&'a str> {
    const SIMILAR: f64 = 0.8;
    let given = given.to_lowercase();
    names
        .iter()
        .map(|name| (strsim::jaro_winkler(&given, &name.to_lowercase()), *name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn check_value(kind: &Kind, value: Value, at: Trail<'_>, findings: &mut Findings) -> Value {
    match value {
        Value::Unknown => Value::Unknown,
        Value::Secret(inner) => {
            let mut inside = Findings::default();
            let checked = check_value(kind, *inner, at, &mut inside);
            let secret = |found: CheckFailure| {
                // The keys of a secret map are secret too.
                let path = if matches!(kind, Kind::Map { .. }) { at.path() } else { found.path };
                CheckFailure { path, secret: true, ..found }
            };
            findings.failures.extend(inside.failures.into_iter().map(secret));
            findings.warnings.extend(inside.warnings.into_iter().map(secret));
            Value::Secret(Box::new(checked))
        }
        known => check_known(kind, known, at, findings),
    }
}

fn check_known(kind: &Kind, value: Value, at: Trail<'_>, findings: &mut Findings) -> Value {
    match (kind, value) {
        (Kind::String { scalars_as_text: true, .. }, Value::Number(number))
            if number.abs() >= LARGEST_WHOLE =>
        {
            let reason = format!(
                "a number that is not less than {LARGEST_WHOLE} loses digits; write it as text, in quotes"
            );
            findings.fail(at.path(), reason);
            Value::Unknown
        }
        (Kind::String { scalars_as_text: true, .. }, scalar @ (Value::Number(_) | Value::Bool(_))) => {
            check_known(kind, scalar_as_text(scalar), at, findings)
        }
        (Kind::String { length, allowed, known, .. }, Value::String(text)) => {
            let characters = text.chars().count();
            if !allowed.is_empty() && !allowed.contains(&text) {
                findings.fail_got(at.path(), expectation(kind), quote(&text));
                return Value::Unknown;
            }
            if !length.contains(i64::try_from(characters).unwrap_or(i64::MAX)) {
                findings.fail_got(at.path(), expectation(kind), format!("{characters}: {}", quote(&text)));
                return Value::Unknown;
            }
            if !known.is_empty() && !known.contains(&text) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let meant = nearest(&text, &known)
                    .map_or_else(String::new, |name| format!(" (did you mean {}?)", quote(name)));
                findings.warn_got(
                    at.path(),
                    "is not one of the values known here and is sent as it is",
                    format!("{}{meant}", quote(&text)),
                );
            }
            Value::String(text)
        }
        (Kind::Integer { range }, Value::Number(number)) => {
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and a fraction is refused")]
            let whole = number as i64;
            if number.fract() != 0.0 || !number.is_finite() || !range.contains(whole) {
                findings.fail_got(at.path(), expectation(kind), number.to_string());
                return Value::Unknown;
            }
            if number.abs() > LARGEST_WHOLE {
                let limits = format!("must be from -{LARGEST_WHOLE} to {LARGEST_WHOLE}");
                findings.fail(at.path(), format!("{limits}, got {number}"));
                return Value::Unknown;
            }
            Value::Number(number)
        }
        (Kind::Boolean, Value::Bool(value)) => Value::Bool(value),
        (Kind::List { item, count }, Value::Array(items)) => {
            if !count.contains(i64::try_from(items.len()).unwrap_or(i64::MAX)) {
                findings.fail_got(at.path(), expectation(kind), items.len().to_string());
            }
            Value::Array(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(index, value)| check_value(item, value, at.index(index), findings))
                    .collect(),
            )
        }
        (Kind::Map { item, count, scalars_as_text }, Value::Object(map)) => {
            let entries: Properties = map
                .into_iter()
                .filter(|(key, value)| !value.is_null() && !is_list_of_defaults(key, value))
                .map(|(key, value)| {
                    let value = if *scalars_as_text { scalar_as_text(value) } else { value };
                    let value = check_value(item, value, at.key(&key), findings);
                    (key, value)
                })
                .collect();
            if !count.contains(i64::try_from(entries.len()).unwrap_or(i64::MAX)) {
                findings.fail_got(at.path(), expectation(kind), entries.len().to_string());
            }
            Value::Object(entries)
        }
        (Kind::Object(object), Value::Object(map)) => {
            Value::Object(check_object(&Arc::clone(object), map, at, findings))
        }
        (_, value) => {
            findings.fail_got(at.path(), format!("expected {}", type_name(kind)), value.describe());
            Value::Unknown
        }
    }
}

fn scalar_as_text(value: Value) -> Value {
    match value {
        Value::Bool(value) => Value::String(value.to_string()),
        Value::Number(number) => Value::String(number.to_string()),
        Value::Secret(inner) => Value::Secret(Box::new(scalar_as_text(*inner))),
        other => other,
    }
}

/// What a value of this kind must be.
fn expectation(kind: &Kind) -> String {
    match kind {
        Kind::String { allowed, .. } if !allowed.is_empty() => {
            let allowed: Vec<String> = allowed.iter().map(|value| quote(value)).collect();
            match allowed.as_slice() {
                [only] => format!("must be {only}"),
                several => format!("must be one of {}", several.join(", ")),
            }
        }
        Kind::String { length, .. } => format!("must be {} long", limits(*length, "character")),
        Kind::Integer { range: Range { least: None, most: None } } => "must be a whole number".to_owned(),
        Kind::Integer { range } => format!("must be a whole number {}", between(*range)),
        Kind::List { count, .. } => format!("must have {}", limits(*count, "element")),
        Kind::Map { count, .. } => format!("must have {}", limits(*count, "entry")),
        Kind::Boolean | Kind::Object(_) => format!("must be {}", type_name(kind)),
    }
}

fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::String { .. } => "a string",
        Kind::Integer { .. } => "a whole number",
        Kind::Boolean => "a boolean",
        Kind::List { .. } => "a list",
        Kind::Map { .. } => "a map",
        Kind::Object(_) => "an object",
    }
}

fn between(range: Range) -> String {
    match (range.least, range.most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("of at least {least}"),
        (None, Some(most)) => format!("of at most {most}"),
        (None, None) => String::new(),
    }
}

fn limits(range: Range, unit: &str) -> String {
    let units = match unit.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{unit}s"),
    };
    match (range.least, range.most) {
        (Some(least), Some(most)) => format!("{least} to {most} {units}"),
        (Some(1), None) => format!("at least 1 {unit}"),
        (Some(least), None) => format!("at least {least} {units}"),
        (None, Some(most)) => format!("at most {most} {units}"),
        (None, None) => units,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use schemars::JsonSchema;
    use serde_json::json;

    use super::*;
    use crate::Input;

    #[derive(JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Disk {
        #[schemars(range(min = 5, max = 32768))]
        size: Option<Input<i64>>,
        #[schemars(extend("enum" = ["system", "data"]))]
        disk_type: Option<Input<String>>,
        #[schemars(extend("x-output-only" = true))]
        progress: Option<Input<String>>,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Args {
        #[schemars(length(min = 2, max = 10))]
        image_name: Option<Input<String>>,
        #[schemars(length(max = 2))]
        disks: Option<Input<Vec<Input<Disk>>>>,
        #[schemars(extend("maxProperties" = 2, "x-scalars-as-text" = true))]
        tags: Option<Input<BTreeMap<String, Input<String>>>>,
        #[schemars(extend("x-known-values" = ["CentOS", "Ubuntu"]))]
        platform: Option<Input<String>>,
        force: Option<Input<bool>>,
        count: Option<Input<i64>>,
        #[schemars(length(max = 16), extend("x-scalars-as-text" = true))]
        serial: Option<Input<String>>,
    }

    fn properties(json: serde_json::Value) -> Properties {
        match crate::value::from_json(json) {
            Value::Object(map) => map,
            other => panic!("{other:?}"),
        }
    }

    fn run(inputs: Properties) -> (Properties, Findings) {
        let mut findings = Findings::default();
        let checked = check(&ObjectType::of::<Args>().unwrap(), inputs, &mut findings);
        (checked, findings)
    }

    #[track_caller]
    fn check_failures(inputs: serde_json::Value, expected: &[(&str, &str)]) {
        let (_, findings) = run(properties(inputs));
        let found: Vec<(String, String)> =
            findings.failures.iter().map(|failure| (failure.path.to_string(), failure.text())).collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(path, reason)| ((*path).to_owned(), (*reason).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn good_inputs_pass() {
        check_failures(
            json!({"imageName": "web", "disks": [{"size": 40, "diskType": "system"}], "tags": {"a": "b"}, "force": true}),
            &[],
        );
    }

    #[test]
    fn every_mistake_is_reported_with_its_path() {
        check_failures(
            json!({"imageName": 5, "disks": [{"size": 40}, {"size": 4, "diskType": "swap"}], "force": "yes"}),
            &[
                ("disks[1].diskType", "must be one of \"system\", \"data\", got \"swap\""),
                ("disks[1].size", "must be a whole number from 5 to 32768, got 4"),
                ("force", "expected a boolean, got the string \"yes\""),
                ("imageName", "expected a string, got the number 5"),
            ],
        );
    }

    #[test]
    fn an_unknown_property_names_the_nearest() {
        check_failures(
            json!({"imagename": "web"}),
            &[("imagename", "unknown property; did you mean \"imageName\"?")],
        );
        check_failures(
            json!({"disks": [{"sizes": 5}]}),
            &[("disks[0].sizes", "unknown property; did you mean \"size\"?")],
        );
        check_failures(
            json!({"zzz": 1}),
            &[(
                "zzz",
                "unknown property; the properties are count, disks, force, imageName, platform, serial, tags",
            )],
        );
    }

    #[test]
    fn what_the_cloud_sets_cannot_be_given() {
        check_failures(json!({"disks": [{"progress": "5%"}]}), &[("disks[0].progress", "is read-only")]);
    }

    #[test]
    fn lengths_count_characters_and_lists_elements() {
        check_failures(json!({"imageName": "镜像"}), &[]);
        check_failures(
            json!({"imageName": "镜", "disks": [{}, {}, {}], "tags": {"a": "1", "b": "2", "c": "3"}}),
            &[
                ("disks", "must have at most 2 elements, got 3"),
                ("imageName", "must be 2 to 10 characters long, got 1: \"镜\""),
                ("tags", "must have at most 2 entries, got 3"),
            ],
        );
    }

    #[test]
    fn fractions_and_infinities_are_no_whole_numbers() {
        check_failures(json!({"count": 1.5}), &[("count", "must be a whole number, got 1.5")]);
        let (_, findings) = run(Properties::from([("count".to_owned(), Value::Number(f64::INFINITY))]));
        assert_eq!(findings.failures[0].text(), "must be a whole number, got inf");
    }

    #[test]
    fn a_number_too_large_to_be_exact_is_a_mistake() {
        check_failures(json!({"count": 9_007_199_254_740_992_i64}), &[]);
        check_failures(
            json!({"count": 1e16}),
            &[("count", "must be from -9007199254740992 to 9007199254740992, got 10000000000000000")],
        );
        check_failures(
            json!({"count": -1e16}),
            &[("count", "must be from -9007199254740992 to 9007199254740992, got -10000000000000000")],
        );
    }

    #[test]
    fn scalars_in_a_map_of_texts_become_their_text() {
        let (checked, findings) = run(properties(json!({"tags": {"a": 5, "b": true}})));
        assert!(findings.failures.is_empty());
        assert_eq!(checked, properties(json!({"tags": {"a": "5", "b": "true"}})));
    }

    #[test]
    fn a_scalar_becomes_the_text_that_is_wanted_unless_it_has_lost_digits() {
        for (given, text) in [
            (json!(1_234_567_890_123_456_i64), "1234567890123456"),
            (json!(-7), "-7"),
            (json!(1.5), "1.5"),
            (json!(true), "true"),
            (json!("007"), "007"),
        ] {
            let (checked, findings) = run(properties(json!({"serial": given})));
            assert!(findings.failures.is_empty(), "{given}: {findings:?}");
            assert_eq!(checked["serial"], Value::String(text.to_owned()));
        }
        let text =
            "a number that is not less than 9007199254740992 loses digits; write it as text, in quotes";
        check_failures(json!({"serial": 9_007_199_254_740_993_i64}), &[("serial", text)]);
        check_failures(json!({"serial": -1e17}), &[("serial", text)]);
        let long = "must be at most 16 characters long, got 17: \"1.234567890123456\"";
        check_failures(json!({"serial": 1.234_567_890_123_456}), &[("serial", long)]);
        check_failures(json!({"serial": []}), &[("serial", "expected a string, got a list of 0")]);
    }

    #[test]
    fn a_value_outside_a_list_of_known_ones_is_a_warning() {
        let (_, findings) = run(properties(json!({"platform": "Centos"})));
        assert!(findings.failures.is_empty());
        assert_eq!(
            findings.warnings[0].text(),
            "is not one of the values known here and is sent as it is, got \"Centos\" (did you mean \"CentOS\"?)"
        );
    }

    #[test]
    fn unknown_values_pass_and_wrong_ones_become_unknown() {
        let (checked, findings) = run(Properties::from([
            ("imageName".to_owned(), Value::Unknown),
            ("force".to_owned(), Value::Number(1.0)),
        ]));
        assert_eq!(findings.failures.len(), 1);
        assert_eq!(checked["imageName"], Value::Unknown);
        assert_eq!(checked["force"], Value::Unknown);
    }

    #[test]
    fn a_secret_is_never_quoted() {
        let secret = Value::Secret(Box::new(Value::String("hunter2hunter2".to_owned())));
        let (_, findings) = run(Properties::from([("imageName".to_owned(), secret)]));
        assert_eq!(findings.failures[0].text(), "must be 2 to 10 characters long (the value is secret)");
        let wrong = Value::Secret(Box::new(Value::Bool(true)));
        let (_, findings) = run(Properties::from([("imageName".to_owned(), wrong)]));
        assert_eq!(findings.failures[0].text(), "expected a string (the value is secret)");
    }

    #[test]
    fn the_keys_of_a_secret_map_are_not_told() {
        let tags = properties(json!({"tags": {"hunter2": [], "b": "c"}}))["tags"].clone();
        let whole = Properties::from([("tags".to_owned(), Value::Secret(Box::new(tags)))]);
        let (_, findings) = run(whole);
        assert_eq!(findings.failures[0].path.to_string(), "tags");
        let (_, findings) = run(properties(json!({"tags": {"hunter2": []}})));
        assert_eq!(findings.failures[0].path.to_string(), "tags.hunter2");
    }

    #[test]
    fn a_tag_may_begin_with_underscores_and_an_older_providers_list_is_no_tag() {
        let (checked, findings) =
            run(properties(json!({"tags": {"__owner": "a", "__defaults": "b", "x": "c"}})));
        assert_eq!(findings.failures.len(), 1, "three tags are one too many");
        assert_eq!(
            checked["tags"],
            properties(json!({"t": {"__owner": "a", "__defaults": "b", "x": "c"}}))["t"]
        );
        let (checked, _) = run(properties(json!({"tags": {"a": "b", "__defaults": []}})));
        assert_eq!(checked["tags"], properties(json!({"t": {"a": "b"}}))["t"]);
    }

    #[test]
    fn settings_are_read_from_json_text() {
        let mut settings =
            properties(json!({"count": "5", "force": "true", "imageName": "5", "tags": "", "disks": "[{"}));
        read_json_texts(&ObjectType::of::<Args>().unwrap(), &mut settings);
        assert_eq!(settings, properties(json!({"count": 5, "force": true, "imageName": "5", "disks": "[{"})));
    }
}

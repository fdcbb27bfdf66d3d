//! Settings that the program leaves out and the environment gives: which variables there are is said once, at the field.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::check::{CheckFailure, Findings, read_json_texts};
use crate::codec::decode_old;
use crate::model::{Kind, ObjectType, Property};
use crate::secrets::with_secrets;
use crate::value::{Properties, Value, reveal};

/// The settings that came from variables, each with its variable.
#[derive(Debug, Default)]
pub(crate) struct Origins(BTreeMap<String, String>);

/// The settings, with what the variables give of those that are absent. `variable` is told the settings as the program
/// gives them; those that do not fit their type are left out.
pub(crate) fn fill<C: DeserializeOwned + Default>(
    object: &ObjectType,
    mut settings: Properties,
    variable: impl Fn(&C, &str) -> Option<String>,
) -> (Properties, Origins) {
    if object.properties.values().all(|property| property.variables.is_empty()) {
        return (settings, Origins::default());
    }
    let mut given = settings.clone();
    read_json_texts(object, &mut given);
    let given: C = decode_old(&reveal(given)).unwrap_or_default();
    let origins = read_variables(object, &mut settings, |name| variable(&given, name));
    (with_secrets(object, settings), origins)
}

/// Fills in absent settings from the first of their variables that has a value. An empty text is absent on either side. A
/// setting whose old name is given is not absent.
fn read_variables(
    object: &ObjectType,
    settings: &mut Properties,
    lookup: impl Fn(&str) -> Option<String>,
) -> Origins {
    let mut origins = Origins::default();
    let by_crate = object.properties.iter().filter(|(_, property)| !property.read_by_provider);
    for (name, property) in by_crate {
        let old_names = object.properties.iter().filter(|(_, other)| other.alias_of.as_ref() == Some(name));
        let given = old_names
            .map(|(old_name, _)| old_name)
            .chain([name])
            .any(|name| settings.get(name).is_some_and(|value| is_given(property, value)));
        let found = |variable: &String| {
            let text = lookup(variable).filter(|text| !text.trim().is_empty())?;
            Some((variable.clone(), text))
        };
        if let (false, Some((variable, text))) = (given, property.variables.iter().find_map(found)) {
            settings.insert(name.clone(), value(property, text));
            origins.0.insert(name.clone(), variable);
        }
    }
    origins
}

fn is_given(property: &Property, value: &Value) -> bool {
    match (value.plain(), &property.kind) {
        (Value::Null, _) => false,
        (Value::String(text), Kind::String { .. }) => !text.trim().is_empty(),
        (Value::String(json), _) => !matches!(json.trim(), "" | "null"),
        _ => true,
    }
}

/// Variables know no booleans: `true` and `1` are true, anything else is false. Other types are read from JSON, as they are
/// in stack configurations.
fn value(property: &Property, text: String) -> Value {
    match property.kind {
        Kind::Boolean => Value::Bool(text.eq_ignore_ascii_case("true") || text == "1"),
        _ => Value::String(text),
    }
}

impl Origins {
    /// Names the variable in every finding about a setting that came from one.
    pub(crate) fn name_in(&self, findings: &mut Findings) {
        for found in findings.failures.iter_mut().chain(&mut findings.warnings) {
            self.name_in_one(found);
        }
    }

    fn name_in_one(&self, found: &mut CheckFailure) {
        if let Some(variable) = found.path.first_key().and_then(|name| self.0.get(name)) {
            found.reason = format!("in the variable {variable}: {}", found.reason);
        }
    }
}

/// What the documentation of a setting says of its variables; `None` if it has none.
pub(crate) fn sentence(variables: &[String]) -> Option<String> {
    let (last, others) = variables.split_last()?;
    Some(match others {
        [] => format!("Also read from `{last}`."),
        others => format!("Also read from `{}` or `{last}`.", others.join("`, `")),
    })
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::Input;
    use crate::path::Path;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Config {
        #[schemars(extend("x-variables" = ["REGION", "OLD_REGION"]))]
        region: Option<Input<String>>,
        #[schemars(extend("x-variables" = ["LIMIT"]))]
        limit: Option<Input<i64>>,
        #[schemars(extend("x-variables" = ["INSECURE"]))]
        insecure: Option<Input<bool>>,
        name: Option<Input<String>>,
        #[schemars(extend("x-alias-of" = "region"))]
        place: Option<Input<String>>,
        #[schemars(extend("x-variables" = ["KEY"], "x-read-by-provider" = true))]
        key: Option<Input<String>>,
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn read(settings: &[(&str, Value)], variables: &[(&str, &str)]) -> (Properties, Origins) {
        let mut settings = settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let lookup = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        let origins = read_variables(&ObjectType::of::<Config>().unwrap(), &mut settings, lookup);
        (settings, origins)
    }

    #[test]
    fn the_program_comes_before_the_variables_and_they_in_their_order() {
        let variables = [("REGION", "cn-a"), ("OLD_REGION", "cn-b"), ("name", "no variable of its own")];
        assert_eq!(read(&[("region", text("cn-c"))], &variables).0["region"], text("cn-c"));
        assert_eq!(read(&[("region", Value::Unknown)], &variables).0["region"], Value::Unknown);
        for absent in [Value::Null, text(" ")] {
            assert_eq!(read(&[("region", absent)], &variables).0["region"], text("cn-a"));
        }
        assert_eq!(read(&[], &variables[1..]).0, Properties::from([("region".to_owned(), text("cn-b"))]));
        assert_eq!(read(&[], &[("REGION", " "), ("OLD_REGION", "cn-b")]).0["region"], text("cn-b"));
    }

    #[test]
    fn a_setting_whose_old_name_is_given_is_not_absent() {
        let variables = [("REGION", "cn-a")];
        assert_eq!(read(&[("place", text("cn-c"))], &variables).0.get("region"), None);
        assert_eq!(read(&[("place", text(" "))], &variables).0["region"], text("cn-a"));
    }

    #[test]
    fn what_the_provider_reads_itself_stays_absent() {
        assert_eq!(read(&[], &[("KEY", "id")]).0, Properties::new());
        assert!(ObjectType::of::<Config>().unwrap().properties["key"].read_by_provider);
    }

    #[test]
    fn a_null_in_json_is_absent() {
        let variables = [("LIMIT", "5"), ("REGION", "cn-a")];
        assert_eq!(read(&[("limit", text(" null "))], &variables).0["limit"], text("5"));
        assert_eq!(read(&[("region", text("null"))], &variables).0["region"], text("null"));
    }

    #[test]
    fn variables_are_texts() {
        let (settings, _) = read(&[], &[("LIMIT", "5"), ("INSECURE", "True")]);
        assert_eq!((&settings["limit"], &settings["insecure"]), (&text("5"), &Value::Bool(true)));
        for (written, value) in [("1", true), ("false", false), ("0", false), ("yes", false)] {
            assert_eq!(read(&[], &[("INSECURE", written)]).0["insecure"], Value::Bool(value), "{written}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_variable_names_it() {
        let (_, origins) = read(&[("region", text("cn-c"))], &[("REGION", "cn-a"), ("LIMIT", "five")]);
        let mut findings = Findings::default();
        findings.fail_got(Path::property("limit"), "expected a whole number", "the string \"five\"");
        findings.warn(Path::property("region"), "is far away");
        origins.name_in(&mut findings);
        assert_eq!(
            findings.failures[0].text(),
            "in the variable LIMIT: expected a whole number, got the string \"five\""
        );
        assert_eq!(findings.warnings[0].text(), "is far away");
    }

    #[test]
    fn the_documentation_names_every_variable() {
        let sentence = |names: &[&str]| sentence(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(sentence(&[]), None);
        assert_eq!(sentence(&["A"]).unwrap(), "Also read from `A`.");
        assert_eq!(sentence(&["A", "B"]).unwrap(), "Also read from `A` or `B`.");
        assert_eq!(sentence(&["A", "B", "C"]).unwrap(), "Also read from `A`, `B` or `C`.");
    }
}

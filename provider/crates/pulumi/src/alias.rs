//! Old names of properties: a program may use either, a state carries both.

use crate::check::Findings;
use crate::model::ObjectType;
use crate::path::Path;
use crate::value::{Properties, Value, quote};

/// Each old name with the property that it stands for.
pub(crate) fn pairs(object: &ObjectType) -> impl Iterator<Item = (&str, &str)> {
    object.aliases.iter().map(|(name, target)| (name.as_str(), target.as_str()))
}

/// Two names of one thing must not say two things.
pub(crate) fn check(object: &ObjectType, inputs: &Properties, findings: &mut Findings) {
    for (alias, target) in pairs(object) {
        let (Some(old), Some(new)) = (inputs.get(alias), inputs.get(target)) else { continue };
        let unknown = old.has_unknowns() || new.has_unknowns();
        if unknown || old.plain() == new.plain() {
            continue;
        }
        let shown = |value: &Value| match value {
            Value::Secret(_) => "a secret".to_owned(),
            _ => value.as_str().map_or_else(|| value.describe(), quote),
        };
        let reason = format!(
            "{target} is {} and {alias}, its deprecated old name, is {}; give only {target}",
            shown(new),
            shown(old)
        );
        findings.fail(Path::property(target), reason.clone());
        findings.fail(Path::property(alias), reason);
    }
}

/// The same inputs under the present names only.
pub(crate) fn canonical(object: &ObjectType, mut inputs: Properties) -> Properties {
    for (alias, target) in pairs(object) {
        if let Some(value) = inputs.remove(alias)
            && inputs.get(target).is_none_or(Value::is_null)
        {
            inputs.insert(target.to_owned(), value);
        }
    }
    inputs
}

/// The same path under the present name.
pub(crate) fn canonical_path(object: &ObjectType, path: &Path) -> Path {
    let target = pairs(object).find(|(alias, _)| path.first_key() == Some(alias));
    target.map_or_else(|| path.clone(), |(_, target)| path.with_first_key(target))
}

/// The value of a property under whichever name it is there.
pub(crate) fn value<'a>(object: &ObjectType, properties: &'a Properties, target: &str) -> Option<&'a Value> {
    let under_old_name =
        || pairs(object).filter(|(_, of)| *of == target).find_map(|(alias, _)| properties.get(alias));
    properties.get(target).or_else(under_old_name)
}

/// Which properties a program gives under their old names.
#[derive(Debug)]
pub(crate) struct Writing<'a> {
    /// Each of them with its present name.
    old_names: Vec<(&'a str, &'a str)>,
    /// Whether no old name is used at all, not even beside the present one.
    present: bool,
}

impl<'a> Writing<'a> {
    /// The writing of the first of `all` that gives a property, for each property that has an old name.
    pub(crate) fn of(object: &'a ObjectType, all: &[&Properties]) -> Self {
        let old_names = pairs(object).filter(|(alias, target)| {
            let given = |inputs: &&&Properties| inputs.contains_key(*target) || inputs.contains_key(*alias);
            all.iter().find(given).is_some_and(|inputs| !inputs.contains_key(*target))
        });
        let present = pairs(object).all(|(alias, _)| all.iter().all(|inputs| !inputs.contains_key(alias)));
        Writing { old_names: old_names.collect(), present }
    }

    /// Whether the program gives every property under its present name only.
    pub(crate) fn is_present(&self) -> bool {
        self.present
    }

    /// The path under the name that the program uses.
    pub(crate) fn path(&self, path: &Path) -> Path {
        let old = self.old_names.iter().find(|(_, target)| path.first_key() == Some(target));
        old.map_or_else(|| path.clone(), |(alias, _)| path.with_first_key(alias))
    }
}

/// Gives present inputs back under the names that `written` uses.
pub(crate) fn restore(object: &ObjectType, mut inputs: Properties, written: &Properties) -> Properties {
    for (alias, target) in pairs(object) {
        if !written.contains_key(alias) {
            continue;
        }
        let value =
            if written.contains_key(target) { inputs.get(target).cloned() } else { inputs.remove(target) };
        if let Some(value) = value {
            inputs.insert(alias.to_owned(), value);
        }
    }
    inputs
}

/// Fills in every old name beside its property, as a state has it.
pub(crate) fn spread(object: &ObjectType, state: &mut Properties) {
    for (alias, target) in pairs(object) {
        if let Some(value) = state.get(target) {
            state.insert(alias.to_owned(), value.clone());
        }
    }
}

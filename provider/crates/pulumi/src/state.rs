//! The shapes that inputs and states take on their way to and from a resource: previews, old names, secrets, and what an
//! operation left undone.

use std::collections::HashSet;

use crate::alias;
use crate::check::is_internal;
use crate::diff::{compare, without_defaults};
use crate::failure::Failure;
use crate::model::{Kind, ObjectType, Property};
use crate::path::{Path, Step};
use crate::provider::Types;
use crate::redact::Redactor;
use crate::value::{Held, Properties, Value, conceal, from_struct, reveal, secret_paths};

/// Where a state lists the inputs that are not in effect yet, after an operation that went half way.
const UNAPPLIED: &str = "__unapplied";

/// What a preview shows of a resource to be made: the arguments, and what the cloud will decide as unknown.
pub(crate) fn preview_create(types: &Types, mut args: Properties) -> Properties {
    let properties = types.state.properties.iter();
    properties
        .filter(|(_, property)| property.alias_of.is_none())
        .filter_map(|(name, property)| Some((name.clone(), foreseen(property, args.remove(name))?)))
        .collect()
}

/// What a preview shows of a resource to be updated: the state it has, with what will change.
pub(crate) fn preview_update(
    types: &Types,
    mut state: Properties,
    mut args: Properties,
    changed: &HashSet<String>,
) -> Properties {
    for name in changed {
        let Some(property) = types.state.properties.get(name) else { continue };
        match foreseen(property, args.remove(name)) {
            Some(value) => state.insert(name.clone(), value),
            None => state.remove(name),
        };
    }
    state
}

/// What a property of a state will be, as far as its argument tells.
fn foreseen(property: &Property, arg: Option<Value>) -> Option<Value> {
    match arg {
        // The cloud adds to what the program says of a nested object, so the whole is known only afterwards.
        Some(Value::Object(_) | Value::Array(_)) if property.always_reported => Some(Value::Unknown),
        Some(Value::Null) => None,
        Some(value) => Some(value),
        None => (!property.unreported).then_some(Value::Unknown),
    }
}

/// What of a state is secret.
#[derive(Default)]
pub(crate) struct Secrets {
    /// Where secrets are. A path ends at the list that it leads into, as the cloud lists in an order of its own.
    paths: Vec<Path>,
    /// The secret texts: the cloud may report one under another property than the one that gave it, or within another text.
    texts: Redactor,
    /// What no internal output may repeat: the keys of secret maps, however short, and what such outputs have as secret.
    internal: HashSet<String>,
}

impl Secrets {
    /// The secrets of inputs, under their present names.
    pub(crate) fn of_inputs(inputs: &Properties, is_property: impl Fn(&str) -> bool) -> Self {
        let mut secrets = Secrets::default();
        secrets.add_internal(inputs);
        secrets.add(inputs, is_property, |path| {
            let steps = path.steps().iter().take_while(|step| matches!(step, Step::Key(_)));
            Some(steps.fold(Path::root(), |path, step| match step {
                Step::Key(key) => path.key(key),
                Step::Index(_) => path,
            }))
        });
        secrets
    }

    /// Adds what a state holds as secret of properties that the inputs do not name (any more): a program that names one in
    /// plain has decided that it is none.
    pub(crate) fn and_of_state(
        mut self,
        types: &Types,
        state: &Properties,
        inputs: &Properties,
        is_property: impl Fn(&str) -> bool,
    ) -> Self {
        if state.values().any(Value::has_secrets) {
            // An internal output may repeat what the maps held before, whatever they hold now.
            self.add_internal(state);
            let mut state = alias::canonical(&types.state, state.clone());
            state.retain(|name, _| !inputs.contains_key(name));
            self.add(&state, is_property, |path| {
                path.steps().iter().all(|step| matches!(step, Step::Key(_))).then(|| path.clone())
            });
        }
        self
    }

    fn add(
        &mut self,
        properties: &Properties,
        is_property: impl Fn(&str) -> bool,
        place: impl Fn(&Path) -> Option<Path>,
    ) {
        if properties.values().any(Value::has_secrets) {
            self.paths.extend(secret_paths(properties).iter().filter_map(place));
            self.texts.add(&Redactor::of([properties], is_property));
        }
    }

    fn add_internal(&mut self, properties: &Properties) {
        for (name, value) in properties {
            value.visit_secrets(false, &mut |held| match held {
                Held::Text(text) if is_internal(name) => _ = self.internal.insert(text.to_owned()),
                Held::Key(key) => _ = self.internal.insert(key.to_owned()),
                Held::Secret | Held::Text(_) => {}
            });
        }
    }

    fn conceal(&self, state: &mut Properties) {
        for path in &self.paths {
            conceal(state, path);
        }
        if self.texts.is_empty() && self.internal.is_empty() {
            return;
        }
        for (name, value) in state {
            let internal = is_internal(name);
            conceal_texts(value, &|text| self.texts.finds(text) || internal && self.internal.contains(text));
        }
    }
}

fn conceal_texts(value: &mut Value, is_secret: &impl Fn(&str) -> bool) {
    match value {
        Value::String(text) if is_secret(text) => {
            *value = Value::Secret(Box::new(std::mem::replace(value, Value::Null)));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| conceal_texts(item, is_secret)),
        Value::Object(map) => map.values_mut().for_each(|item| conceal_texts(item, is_secret)),
        Value::String(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Secret(_)
        | Value::Unknown
        | Value::Foreign(..) => {}
    }
}

/// The state as the engine gets it: old names beside the present ones, secret where the arguments were, with the id.
pub(crate) fn finish(
    types: &Types,
    mut state: Properties,
    secrets: &Secrets,
    id: Option<&str>,
) -> Properties {
    secrets.conceal(&mut state);
    alias::spread(&types.state, &mut state);
    if let Some(id) = id {
        state.insert("id".to_owned(), Value::String(id.to_owned()));
    }
    state
}

pub(crate) fn finish_partial(types: &Types, failure: Failure, secrets: &Secrets) -> Failure {
    match failure {
        Failure::Partial { id, mut state, inputs, unapplied, reasons } => {
            if !unapplied.is_empty() {
                let names = unapplied.iter().cloned().map(Value::String).collect();
                state.insert(UNAPPLIED.to_owned(), Value::Array(names));
            }
            let state = finish(types, state, secrets, Some(&id));
            Failure::Partial { state, id, inputs, unapplied, reasons }
        }
        plain @ (Failure::Cloud(_) | Failure::Refused(_) | Failure::Cancelled(_) | Failure::Bug(_)) => plain,
    }
}

/// Takes over what a state says is not in effect into one that was read anew.
pub(crate) fn keep_unapplied(read: &mut Properties, state: &Properties) {
    if let Some(unapplied) = state.get(UNAPPLIED) {
        read.insert(UNAPPLIED.to_owned(), unapplied.clone());
    }
}

/// The inputs that a state says are not in effect.
pub(crate) fn unapplied(state: &Properties) -> HashSet<String> {
    match state.get(UNAPPLIED) {
        Some(Value::Array(names)) => {
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => HashSet::new(),
    }
}

/// What was read, in the author's writing: under the names that the state's inputs use, secret where they are, and with
/// the very value if the cloud's says the same.
pub(crate) fn keep_writing(object: &ObjectType, read: Properties, written: &Properties) -> Properties {
    let read = alias::restore(object, read, written);
    let mut inputs: Properties = written
        .iter()
        .filter(|(key, _)| is_internal(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, value) in read {
        match written.get(&key) {
            None => {
                inputs.insert(key, value);
            }
            Some(old) => {
                let olds = Properties::from([(key.clone(), old.clone())]);
                let mut news = Properties::from([(key.clone(), value)]);
                if compare(object, &without_defaults(olds.clone(), &Properties::new()), &news).is_empty() {
                    inputs.insert(key, old.clone());
                } else {
                    for path in &secret_paths(&olds) {
                        conceal(&mut news, path);
                    }
                    inputs.extend(news);
                }
            }
        }
    }
    inputs
}

/// The inputs in a state. If an engine does not send them, they are presumed from the outputs.
pub(crate) fn old_inputs(
    inputs: Option<prost_types::Struct>,
    state: &Properties,
    news: &Properties,
    object: &ObjectType,
) -> Properties {
    match inputs {
        Some(inputs) => reveal(from_struct(inputs)),
        None => presumed_inputs(state, news, object),
    }
}

/// Of the outputs, what a program has surely given: what it names now, and what a cloud does not report by itself. What it
/// may have left out all along counts as left out, as a presumption must change nothing.
fn presumed_inputs(state: &Properties, news: &Properties, object: &ObjectType) -> Properties {
    let mut inputs = Properties::new();
    for (key, value) in state {
        let Some(property) = object.properties.get(key).filter(|property| property.alias_of.is_none()) else {
            continue;
        };
        match alias::value(object, news, key) {
            Some(new) => {
                inputs.insert(key.clone(), as_far_as_named(&property.kind, value, new));
            }
            None if property.unreported => {
                inputs.insert(key.clone(), value.clone());
            }
            None => {}
        }
    }
    inputs
}

fn as_far_as_named(kind: &Kind, old: &Value, new: &Value) -> Value {
    match (kind, old.plain(), new.plain()) {
        (Kind::Object(object), Value::Object(old), Value::Object(new)) => {
            let named = old.iter().filter_map(|(key, old)| {
                let kind = &object.properties.get(key)?.kind;
                Some((key.clone(), as_far_as_named(kind, old, new.get(key)?)))
            });
            Value::Object(named.collect())
        }
        (Kind::List { item, .. }, Value::Array(olds), Value::Array(news)) => {
            let named = olds.iter().enumerate().map(|(index, old)| match news.get(index) {
                Some(new) => as_far_as_named(item, old, new),
                None => old.clone(),
            });
            Value::Array(named.collect())
        }
        (_, old, _) => old.clone(),
    }
}

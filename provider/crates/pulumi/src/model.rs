//! What a Rust type declares of its properties, read from its schemars schema.
//!
//! Check, diff, preview and schema.json all work from this one model, so that they cannot disagree. A construct that is
//! not listed here is refused: better no schema than one that says something else than the code does.
//!
//! Beside what schemars reads from the type itself, a field or type may say, with `#[schemars(extend(…))]`:
//!
//! | key | on | says |
//! |---|---|---|
//! | `x-token` | a nested type | its type token in the schema |
//! | `x-alias-of` | a field | an old name of that other field |
//! | `x-other-properties` | a nested type | what a warning says of properties not declared; without it they are mistakes |
//! | `x-unused` | a provider setting | what a warning says if it is given |
//! | `x-replace` | a field | another value named for it replaces the resource; leaving it out says "whatever it is" |
//! | `x-absence-says` | a field within one that replaces | leaving it out names another value |
//! | `x-secret` | a field | always secret |
//! | `x-deprecated` | a field | deprecated, with this text |
//! | `x-output-only` | a field of a nested type | set by the cloud, never by a program |
//! | `x-unreported` | a field | the cloud never reports it: known only from the program |
//! | `x-scalars-as-text` | a string, a map of strings | numbers and booleans are taken as their text |
//! | `x-known-values` | a string | other values are a warning, not a failure |
//! | `x-ignores-case` | a string | in another case it is the same value |
//! | `x-environment` | a provider setting | the variables from which SDKs give it, in order |
//! | `x-variables` | a provider setting | the variables that give it if it is absent, in order |
//! | `x-read-by-provider` | a setting with `x-variables` | the provider reads them itself, because it matters which one gives the value |
//! | `x-always-reported` | a field | the state always has it |

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value as Json};

use crate::path::{Path, Step};

/// An object: a resource's inputs, its state, a nested type.
#[derive(Debug, Default)]
pub struct ObjectType {
    /// The Rust type's name.
    pub name: String,
    /// The token of a nested type.
    pub token: Option<String>,
    /// What to say of properties that are not declared, if they are no mistake.
    pub others: Option<String>,
    /// The documentation that users read.
    pub description: String,
    /// In the order of their names.
    pub properties: BTreeMap<String, Property>,
    /// Each old name of a property with its present one.
    pub aliases: Vec<(String, String)>,
    /// Whether there is a string in it whose case says nothing.
    pub ignores_case: bool,
}

/// One property of an object.
#[derive(Debug)]
pub struct Property {
    /// The documentation that users read.
    pub description: String,
    /// What values it takes.
    pub kind: Kind,
    /// Whether an input must be given.
    pub required: bool,
    /// Whether a state always has it.
    pub always_reported: bool,
    /// Why not to use it, and what instead.
    pub deprecated: Option<String>,
    /// The property of which this is an old name.
    pub alias_of: Option<String>,
    /// Another value named for it replaces the resource.
    pub replace: bool,
    /// Within a property that replaces: leaving it out names another value.
    pub absence_says: bool,
    /// Always secret.
    pub secret: bool,
    /// Set by the cloud, never by a program.
    pub output_only: bool,
    /// The cloud never reports it.
    pub unreported: bool,
    /// What the cloud takes if nothing is given.
    pub default: Option<Json>,
    /// Why giving it has no effect.
    pub unused: Option<String>,
    /// The environment variables from which SDKs give it, in order.
    pub environment: Vec<String>,
    /// The environment variables that give it if it is absent, in order.
    pub variables: Vec<String>,
    /// The provider reads its variables itself: the crate documents them and leaves the setting absent.
    pub read_by_provider: bool,
}

/// The type of a property, with the limits that a schema can express.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Text of so many characters.
    String {
        /// Least and most characters.
        length: Range,
        /// The only values taken; empty means any.
        allowed: Vec<String>,
        /// The values known today; empty means that there is no such list.
        known: Vec<String>,
        /// A number or a boolean is taken as its text.
        scalars_as_text: bool,
        /// In another case it is the same value.
        ignores_case: bool,
    },
    /// A whole number.
    Integer {
        /// Least and greatest value.
        range: Range,
    },
    /// `true` or `false`.
    Boolean,
    /// A list of so many elements.
    List {
        /// The element's type.
        item: Box<Kind>,
        /// Least and most elements.
        count: Range,
    },
    /// A map with text keys.
    Map {
        /// The values' type.
        item: Box<Kind>,
        /// Least and most entries.
        count: Range,
        /// Numbers and booleans are taken as their text.
        scalars_as_text: bool,
    },
    /// A nested object.
    Object(Arc<ObjectType>),
}

impl Kind {
    fn declares(&self, name: &str) -> bool {
        match self {
            Kind::List { item, .. } | Kind::Map { item, .. } => item.declares(name),
            Kind::Object(object) => object.declares(name),
            Kind::String { .. } | Kind::Integer { .. } | Kind::Boolean => false,
        }
    }

    /// How many of the steps into such a value the declaration knows: neither the key of a map nor an unknown property.
    pub(crate) fn declared_steps(&self, steps: &[Step]) -> usize {
        match (self, steps) {
            (Kind::Object(object), steps) => object.declared_steps(steps),
            (Kind::List { item, .. }, [Step::Index(_), rest @ ..]) => 1 + item.declared_steps(rest),
            _ => 0,
        }
    }
}

/// Inclusive limits, either of which may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub least: Option<i64>,
    /// The most.
    pub most: Option<i64>,
}

impl Range {
    /// Whether a value lies within.
    pub fn contains(self, value: i64) -> bool {
        self.least.is_none_or(|least| value >= least) && self.most.is_none_or(|most| value <= most)
    }
}

/// A Rust type declares something that the model has no word for.
#[derive(Debug, thiserror::Error)]
#[error("type {type_name}: {reason}")]
pub struct ModelError {
    type_name: String,
    reason: String,
}

impl ObjectType {
    /// Whether a property has this name, here or in a nested type.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.properties.contains_key(name)
            || self.properties.values().any(|property| property.kind.declares(name))
    }

    /// How many of the steps from the properties on the declaration knows.
    pub(crate) fn declared_steps(&self, steps: &[Step]) -> usize {
        let [Step::Key(key), rest @ ..] = steps else { return 0 };
        self.properties.get(key).map_or(0, |property| 1 + property.kind.declared_steps(rest))
    }

    /// Reads what `T` declares.
    ///
    /// # Errors
    /// If `T` uses a construct that the model does not know; the text names it.
    pub fn of<T: JsonSchema>() -> Result<Arc<ObjectType>, ModelError> {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value();
        let mut reader = Reader { definitions: Map::new(), done: BTreeMap::new() };
        let name = T::schema_name().into_owned();
        let fail = |reason| ModelError { type_name: name.clone(), reason };
        let mut root = expect_object(schema).map_err(fail)?;
        if let Some(definitions) = root.remove("$defs") {
            reader.definitions = expect_object(definitions).map_err(fail)?;
        }
        root.remove("title");
        reader.object(&name, root).map(Arc::new).map_err(fail)
    }

    /// The property that a path leads to; `None` if it leads to an element or entry, or nowhere.
    pub(crate) fn property_at(&self, path: &Path) -> Option<&Property> {
        let mut object = self;
        let mut steps = path.steps().iter();
        loop {
            let Some(Step::Key(key)) = steps.next() else { return None };
            let property = object.properties.get(key)?;
            let mut kind = &property.kind;
            let mut rest = steps.clone().peekable();
            while let (Kind::List { item, .. }, Some(Step::Index(_))) = (kind, rest.peek()) {
                kind = item;
                rest.next();
                steps.next();
            }
            match (kind, rest.peek()) {
                (_, None) => return matches!(path.steps().last(), Some(Step::Key(_))).then_some(property),
                (Kind::Object(nested), Some(Step::Key(_))) => object = nested,
                _ => return None,
            }
        }
    }

    /// The nested types that the object uses, itself not included, each once.
    pub fn nested(&self) -> Vec<Arc<ObjectType>> {
        let mut found = Vec::new();
        for property in self.properties.values() {
            property.kind.collect(&mut found);
        }
        found
    }
}

impl Property {
    /// Whether it is secret, or anything in it.
    pub fn holds_secret(&self) -> bool {
        self.secret || self.kind.holds_secret()
    }
}

impl Kind {
    fn holds_secret(&self) -> bool {
        match self {
            Kind::String { .. } | Kind::Integer { .. } | Kind::Boolean => false,
            Kind::List { item, .. } | Kind::Map { item, .. } => item.holds_secret(),
            Kind::Object(object) => object.properties.values().any(Property::holds_secret),
        }
    }

    /// Whether there is a string in it whose case says nothing.
    pub(crate) fn ignores_case(&self) -> bool {
        match self {
            Kind::String { ignores_case, .. } => *ignores_case,
            Kind::Integer { .. } | Kind::Boolean => false,
            Kind::List { item, .. } | Kind::Map { item, .. } => item.ignores_case(),
            Kind::Object(object) => object.ignores_case,
        }
    }

    fn collect(&self, found: &mut Vec<Arc<ObjectType>>) {
        match self {
            Kind::String { .. } | Kind::Integer { .. } | Kind::Boolean => {}
            Kind::List { item, .. } | Kind::Map { item, .. } => item.collect(found),
            Kind::Object(object) => {
                if found.iter().all(|other| other.name != object.name) {
                    found.push(Arc::clone(object));
                    found.extend(object.nested());
                }
            }
        }
    }
}

struct Reader {
    definitions: Map<String, Json>,
    done: BTreeMap<String, Arc<ObjectType>>,
}

impl Reader {
    fn object(&mut self, name: &str, mut schema: Map<String, Json>) -> Result<ObjectType, String> {
        expect_type(&mut schema, "object")?;
        let required: Vec<String> = match schema.remove("required") {
            None => Vec::new(),
            Some(names) => strings(names)?,
        };
        let mut properties = BTreeMap::new();
        for (key, declared) in schema.remove("properties").map(expect_object).transpose()?.unwrap_or_default()
        {
            let property = self
                .property(expect_object(declared)?, required.contains(&key))
                .map_err(|reason| format!("property {key}: {reason}"))?;
            properties.insert(key, property);
        }
        let aliases = properties.iter().filter_map(|(name, property): (&String, &Property)| {
            property.alias_of.clone().map(|present| (name.clone(), present))
        });
        let object = ObjectType {
            aliases: aliases.collect(),
            ignores_case: properties.values().any(|property| property.kind.ignores_case()),
            name: name.to_owned(),
            token: take_text(&mut schema, "x-token")?,
            others: take_text(&mut schema, "x-other-properties")?,
            description: take_text(&mut schema, "description")?.unwrap_or_default(),
            properties,
        };
        refuse_rest(&schema)?;
        Ok(object)
    }

    fn property(&mut self, mut schema: Map<String, Json>, required: bool) -> Result<Property, String> {
        let flag = |schema: &mut Map<String, Json>, key: &str| match schema.remove(key) {
            None => Ok(false),
            Some(Json::Bool(value)) => Ok(value),
            Some(other) => Err(format!("{key} is {other}, not a boolean")),
        };
        // schemars repeats Rust's own #[serde(default)] as a default of null.
        let default = schema.remove("default").filter(|value| !value.is_null());
        let property = Property {
            description: take_text(&mut schema, "description")?.unwrap_or_default(),
            required,
            always_reported: flag(&mut schema, "x-always-reported")?,
            deprecated: take_text(&mut schema, "x-deprecated")?,
            alias_of: take_text(&mut schema, "x-alias-of")?,
            replace: flag(&mut schema, "x-replace")?,
            absence_says: flag(&mut schema, "x-absence-says")?,
            secret: flag(&mut schema, "x-secret")?,
            output_only: flag(&mut schema, "x-output-only")?,
            unreported: flag(&mut schema, "x-unreported")?,
            default,
            unused: take_text(&mut schema, "x-unused")?,
            environment: schema.remove("x-environment").map(strings).transpose()?.unwrap_or_default(),
            variables: schema.remove("x-variables").map(strings).transpose()?.unwrap_or_default(),
            read_by_provider: flag(&mut schema, "x-read-by-provider")?,
            kind: self.kind(schema)?,
        };
        Ok(property)
    }

    fn kind(&mut self, mut schema: Map<String, Json>) -> Result<Kind, String> {
        if let Some(choices) = schema.remove("anyOf") {
            // schemars' form of an optional nested type.
            let mut choices = expect_array(choices)?;
            choices.retain(|choice| choice.get("type").and_then(Json::as_str) != Some("null"));
            let [only] = <[Json; 1]>::try_from(choices).map_err(|_| "anyOf with several types".to_owned())?;
            refuse_rest(&schema)?;
            return self.kind(expect_object(only)?);
        }
        if let Some(reference) = take_text(&mut schema, "$ref")? {
            refuse_rest(&schema)?;
            return self.reference(&reference).map(Kind::Object);
        }
        let type_name = take_type(&mut schema)?;
        let kind = match type_name.as_str() {
            "string" => Kind::String {
                length: range(&mut schema, "minLength", "maxLength")?,
                allowed: schema.remove("enum").map(strings).transpose()?.unwrap_or_default(),
                known: schema.remove("x-known-values").map(strings).transpose()?.unwrap_or_default(),
                scalars_as_text: schema.remove("x-scalars-as-text").is_some(),
                ignores_case: schema.remove("x-ignores-case").is_some(),
            },
            "integer" => {
                schema.remove("format");
                Kind::Integer { range: range(&mut schema, "minimum", "maximum")? }
            }
            "boolean" => Kind::Boolean,
            "array" => Kind::List {
                item: Box::new(self.item(schema.remove("items"))?),
                count: range(&mut schema, "minItems", "maxItems")?,
            },
            "object" => Kind::Map {
                item: Box::new(self.item(schema.remove("additionalProperties"))?),
                count: range(&mut schema, "minProperties", "maxProperties")?,
                scalars_as_text: schema.remove("x-scalars-as-text").is_some(),
            },
            other => return Err(format!("type {other} is not known")),
        };
        refuse_rest(&schema)?;
        Ok(kind)
    }

    fn item(&mut self, schema: Option<Json>) -> Result<Kind, String> {
        let schema = schema.ok_or("elements have no type")?;
        self.kind(expect_object(schema)?)
    }

    fn reference(&mut self, reference: &str) -> Result<Arc<ObjectType>, String> {
        let name = reference.strip_prefix("#/$defs/").ok_or_else(|| format!("reference {reference}"))?;
        if let Some(done) = self.done.get(name) {
            return Ok(Arc::clone(done));
        }
        let schema = self.definitions.get(name).cloned().ok_or_else(|| format!("no definition of {name}"))?;
        let object = Arc::new(
            self.object(name, expect_object(schema)?).map_err(|reason| format!("{name}: {reason}"))?,
        );
        self.done.insert(name.to_owned(), Arc::clone(&object));
        Ok(object)
    }
}

fn range(schema: &mut Map<String, Json>, least: &str, most: &str) -> Result<Range, String> {
    let mut limit = |key: &str| match schema.remove(key) {
        None => Ok(None),
        Some(value) => value
            .as_i64()
            .or_else(|| {
                value.as_f64().map(|float| {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "schemars writes whole limits as 5.0"
                    )]
                    let whole = float as i64;
                    whole
                })
            })
            .map(Some)
            .ok_or_else(|| format!("{key} is {value}")),
    };
    Ok(Range { least: limit(least)?, most: limit(most)? })
}

/// The type's name, without the `null` that an optional field adds.
fn take_type(schema: &mut Map<String, Json>) -> Result<String, String> {
    let mut names = match schema.remove("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => strings(Json::Array(names))?,
        other => return Err(format!("type is {other:?}")),
    };
    names.retain(|name| name != "null");
    match <[String; 1]>::try_from(names) {
        Ok([name]) => Ok(name),
        Err(names) => Err(format!("several types: {names:?}")),
    }
}

fn expect_type(schema: &mut Map<String, Json>, expected: &str) -> Result<(), String> {
    let name = take_type(schema)?;
    if name == expected { Ok(()) } else { Err(format!("is a {name}, not an {expected}")) }
}

fn take_text(schema: &mut Map<String, Json>, key: &str) -> Result<Option<String>, String> {
    match schema.remove(key) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{key} is {other}, not text")),
    }
}

fn refuse_rest(schema: &Map<String, Json>) -> Result<(), String> {
    match schema.keys().next() {
        None => Ok(()),
        Some(key) => Err(format!("the construct {key} is not known")),
    }
}

fn expect_object(json: Json) -> Result<Map<String, Json>, String> {
    match json {
        Json::Object(map) => Ok(map),
        other => Err(format!("{other} is not an object")),
    }
}

fn expect_array(json: Json) -> Result<Vec<Json>, String> {
    match json {
        Json::Array(items) => Ok(items),
        other => Err(format!("{other} is not a list")),
    }
}

fn strings(json: Json) -> Result<Vec<String>, String> {
    expect_array(json)?
        .into_iter()
        .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| format!("{item} is not text")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap as RustMap;

    use serde::Deserialize;

    use super::*;
    use crate::Input;

    /// A disk.
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[schemars(extend("x-token" = "test:index/Disk:Disk"))]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Disk {
        /// GiB.
        #[schemars(range(min = 5, max = 32768))]
        size: Option<Input<i64>>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Args {
        /// A name.
        #[schemars(length(min = 2, max = 128), extend("x-replace" = true))]
        image_name: Option<Input<String>>,
        #[schemars(length(min = 1, max = 17))]
        disks: Option<Input<Vec<Input<Disk>>>>,
        main_disk: Option<Input<Disk>>,
        #[schemars(extend("maxProperties" = 20, "x-scalars-as-text" = true))]
        tags: Option<Input<RustMap<String, Input<String>>>>,
    }

    #[test]
    fn fields_carry_their_documentation_limits_and_flags() {
        let args = ObjectType::of::<Args>().unwrap();
        let name = &args.properties["imageName"];
        assert_eq!(name.description, "A name.");
        assert!(name.replace && !name.required);
        assert!(matches!(&name.kind, Kind::String { length, .. }
            if *length == Range { least: Some(2), most: Some(128) }));
        assert!(matches!(&args.properties["disks"].kind, Kind::List { count, item }
            if count.most == Some(17) && matches!(&**item, Kind::Object(_))));
        assert!(matches!(&args.properties["mainDisk"].kind, Kind::Object(disk)
            if disk.token.as_deref() == Some("test:index/Disk:Disk")
            && matches!(disk.properties["size"].kind, Kind::Integer { range }
                if range == Range { least: Some(5), most: Some(32768) })));
        assert!(matches!(&args.properties["tags"].kind, Kind::Map { count, scalars_as_text: true, .. }
            if count.most == Some(20)));
        assert_eq!(args.nested().len(), 1);
    }

    #[test]
    fn an_unknown_construct_is_refused_by_name() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Odd {
            #[schemars(regex(pattern = "^a"))]
            name: String,
        }
        assert_eq!(
            ObjectType::of::<Odd>().unwrap_err().to_string(),
            "type Odd: property name: the construct pattern is not known"
        );
    }
}

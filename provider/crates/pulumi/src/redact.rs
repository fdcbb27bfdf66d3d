//! [`Redactor`]: strikes the secrets of a request out of any text that leaves the provider.

use crate::value::{Properties, Value};

/// The secret texts of one request.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

/// Shorter texts are not struck out: they hide nothing worth hiding, and would riddle any sentence with holes.
const SHORTEST: usize = 3;

impl Redactor {
    /// Collects every secret text in these properties.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Properties>) -> Self {
        let mut secrets = Vec::new();
        for properties in all {
            for value in properties.values() {
                collect(value, false, &mut secrets);
            }
        }
        Redactor::of_texts(secrets)
    }

    /// What strikes out the secrets of both.
    pub(crate) fn and(&self, other: Redactor) -> Self {
        Redactor::of_texts([self.secrets.clone(), other.secrets].concat())
    }

    /// The longest first, so that a secret that contains another goes as a whole.
    fn of_texts(mut secrets: Vec<String>) -> Self {
        secrets.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        secrets.dedup();
        Redactor { secrets }
    }

    /// Whether there is nothing to strike out.
    pub(crate) fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Whether the text is or holds a secret.
    pub(crate) fn finds(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// The text with `[secret]` in place of each secret.
    pub fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
    }
}

fn collect(value: &Value, secret: bool, secrets: &mut Vec<String>) {
    match value {
        Value::Secret(inner) => collect(inner, true, secrets),
        Value::Array(items) => items.iter().for_each(|item| collect(item, secret, secrets)),
        Value::Object(map) => map.values().for_each(|item| collect(item, secret, secrets)),
        Value::String(text) if secret && text.len() >= SHORTEST => {
            // Messages quote texts with Rust's escapes, if that makes a difference.
            let escaped = text.escape_debug().to_string();
            if escaped != *text {
                secrets.push(escaped);
            }
            secrets.push(text.clone());
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Unknown
        | Value::Foreign(..) => {}
    }
}

//! [`Redactor`]: strikes the secrets of a request out of any text that leaves the provider.

use std::cmp::Ordering;

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

    /// Strikes out the secrets of another as well.
    pub(crate) fn add(&mut self, other: &Redactor) {
        for secret in &other.secrets {
            if let Err(place) = self.secrets.binary_search_by(|held| order(held, secret)) {
                self.secrets.insert(place, secret.clone());
            }
        }
    }

    /// The longest first, so that a secret that contains another goes as a whole.
    fn of_texts(mut secrets: Vec<String>) -> Self {
        secrets.sort_by(|one, other| order(one, other));
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
        let found = self.secrets.iter().filter(|secret| text.contains(secret.as_str()));
        found.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
    }
}

fn order(one: &str, other: &str) -> Ordering {
    other.len().cmp(&one.len()).then_with(|| one.cmp(other))
}

fn collect(value: &Value, secret: bool, secrets: &mut Vec<String>) {
    match value {
        Value::Secret(inner) => collect(inner, true, secrets),
        Value::Array(items) => items.iter().for_each(|item| collect(item, secret, secrets)),
        Value::Object(map) => map.values().for_each(|item| collect(item, secret, secrets)),
        Value::String(text) if secret && text.len() >= SHORTEST => {
            // Messages quote texts with Rust's escapes, and answers of the cloud with those of JSON.
            let json = serde_json::Value::from(text.as_str()).to_string();
            let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(&json);
            secrets.extend([text.clone(), text.escape_debug().to_string(), json.to_owned(), in_ascii(json)]);
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Unknown
        | Value::Foreign(..) => {}
    }
}

/// JSON as it is written by those who escape all that is not ASCII.
fn in_ascii(json: &str) -> String {
    let escape = |character: char| match character.is_ascii() {
        true => character.to_string(),
        false => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Redactor {
        let value = Value::Secret(Box::new(Value::String(text.to_owned())));
        Redactor::of([&Properties::from([("key".to_owned(), value)])])
    }

    #[test]
    fn of_secrets_that_were_added_the_longest_goes_first() {
        let mut all = Redactor::default();
        for secret in ["hunter", "hunter2", "prey", "hunter"] {
            all.add(&of(secret));
        }
        assert_eq!(all.secrets, ["hunter2", "hunter", "prey"]);
        assert_eq!(all.redact("hunter2, hunter and prey"), "[secret], [secret] and [secret]");
    }

    #[test]
    fn a_secret_is_struck_out_however_it_is_escaped() {
        let secret = "日本 \"秘\"\n\u{1f600}";
        let value = Value::Secret(Box::new(Value::String(secret.to_owned())));
        let redactor = Redactor::of([&Properties::from([("ossObject".to_owned(), value)])]);
        for written in [
            secret.to_owned(),
            format!("{secret:?}").trim_matches('"').to_owned(),
            serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
            "\\u65e5\\u672c \\\"\\u79d8\\\"\\n\\ud83d\\ude00".to_owned(),
        ] {
            assert_eq!(redactor.redact(&format!("got <{written}>")), "got <[secret]>", "{written}");
        }
    }
}

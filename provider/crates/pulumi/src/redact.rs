//! [`Redactor`]: strikes secrets out of any text that leaves the provider.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::value::{Held, Properties};

/// The secret texts of a request, or of several.
#[derive(Clone, Default)]
pub struct Redactor {
    /// In order, each once.
    secrets: Vec<String>,
    /// Whether a secret was met, also one that is no text or too short to be struck out.
    has_met: bool,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

/// Shorter texts are not struck out: they hide nothing worth hiding, and would riddle any sentence with holes.
const SHORTEST: usize = 3;
/// Shorter secrets of one resource stay in what is told of another: a stack's name may be the secret tag of an image.
const SHORTEST_OF_ANOTHER: usize = 8;
/// Where a text was cut.
const CUT: char = '…';

impl Redactor {
    /// Collects every secret text in these properties, and every key in a secret map: one that is no property's name.
    pub(crate) fn of<'a>(
        all: impl IntoIterator<Item = &'a Properties>,
        is_property: impl Fn(&str) -> bool,
    ) -> Self {
        let (mut secrets, mut has_met) = (Vec::new(), false);
        for value in all.into_iter().flat_map(Properties::values) {
            value.visit_secrets(false, &mut |held| match held {
                Held::Secret => has_met = true,
                Held::Key(key) if is_property(key) => {}
                Held::Key(text) | Held::Text(text) => collect(text, &mut secrets),
            });
        }
        secrets.sort();
        secrets.dedup();
        Redactor { secrets, has_met }
    }

    /// Strikes out the secrets of another as well.
    pub(crate) fn add(&mut self, other: &Redactor) {
        self.add_all(other.secrets.iter());
    }

    /// Strikes out the secrets of another resource as well.
    pub(crate) fn add_anothers(&mut self, other: &Redactor) {
        self.add_all(other.secrets.iter().filter(|secret| secret.len() >= SHORTEST_OF_ANOTHER));
    }

    fn add_all<'a>(&mut self, secrets: impl Iterator<Item = &'a String>) {
        for secret in secrets {
            if let Err(place) = self.secrets.binary_search(secret) {
                self.secrets.insert(place, secret.clone());
            }
        }
    }

    /// Whether there was a secret at all, of whatever kind and length.
    pub(crate) fn has_met_secrets(&self) -> bool {
        self.has_met
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
    pub(crate) fn redact(&self, text: &str) -> String {
        strike_out(text, self.secrets.iter())
    }

    /// The same for the secrets of both. One after the other would not do: what is left of a secret that holds another is no
    /// longer found.
    pub(crate) fn redact_with(&self, other: &Redactor, text: &str) -> String {
        strike_out(text, self.secrets.iter().chain(&other.secrets))
    }
}

fn strike_out<'a>(text: &str, secrets: impl Iterator<Item = &'a String>) -> String {
    let cuts: Vec<usize> = text.match_indices(CUT).map(|(at, _)| at).collect();
    let mut found: Vec<Range<usize>> = Vec::new();
    for secret in secrets {
        found.extend(text.match_indices(secret.as_str()).map(|(at, secret)| at..at + secret.len()));
        found.extend(cuts.iter().filter_map(|cut| beginning_before(&text[..*cut], secret)));
    }
    found.sort_by_key(|range| range.start);
    let (mut told, mut end) = (String::new(), 0);
    for range in found {
        if range.start >= end {
            told.push_str(&text[end..range.start]);
            told.push_str("[secret]");
        }
        end = end.max(range.end);
    }
    told.push_str(&text[end..]);
    told
}

/// Where the longest beginning of a secret is that a text ends with, within quotes or without.
fn beginning_before(text: &str, secret: &str) -> Option<Range<usize>> {
    let text = text.strip_suffix('"').unwrap_or(text);
    let ends = secret.char_indices().map(|(end, _)| end).rev().take_while(|end| *end >= SHORTEST);
    let mut beginnings = ends.map(|end| &secret[..end]);
    let found = beginnings.find(|beginning| text.ends_with(beginning))?;
    Some(text.len() - found.len()..text.len())
}

fn collect(text: &str, texts: &mut Vec<String>) {
    if encoded(text) == text {
        texts.extend((text.len() >= SHORTEST).then(|| text.to_owned()));
        return;
    }
    for text in [text, &on_one_line(text)] {
        if text.len() >= SHORTEST {
            texts.extend(written(text).into_iter().filter(|form| form.len() >= SHORTEST));
        }
    }
}

/// How a text may stand in a message.
fn written(text: &str) -> Vec<String> {
    // Messages quote texts with Rust's escapes, and answers of the cloud with those of JSON.
    let json = serde_json::Value::from(text).to_string();
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(&json);
    let mut forms = vec![text.to_owned(), text.escape_debug().to_string(), json.to_owned(), in_ascii(json)];
    forms.extend(forms.clone().iter().map(|form| on_one_line(form)));
    // Messages about a signature quote the request, and what was signed, where it is encoded once more.
    let once = encoded(text).into_owned();
    let of_form = once.replace("%20", "+");
    forms.extend([&once, &of_form].map(|once| encoded(once).into_owned()));
    forms.extend([once, of_form]);
    forms
}

/// What a percent-encoding escapes: all but `A-Z a-z 0-9 - _ . ~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encoded(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

/// A text as the client of a cloud shows it: on one line, with one space in place of others and of control characters.
fn on_one_line(text: &str) -> String {
    let is_gap = |character: char| character.is_whitespace() || character.is_control();
    text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
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
    use crate::value::Value;

    fn of(texts: &[&str]) -> Redactor {
        let secret = |text: &str| Value::Secret(Box::new(Value::String(text.to_owned())));
        let all = texts.iter().map(|text| ((*text).to_owned(), secret(text))).collect::<Properties>();
        Redactor::of([&all], |_| false)
    }

    #[test]
    fn of_secrets_that_lie_in_one_another_nothing_is_left() {
        let (own, mut others) = (of(&["acme", "sec", "ret"]), Redactor::default());
        for secret in ["acme-internal", "internal-7", "[secret", "acme-internal"] {
            others.add(&of(&[secret]));
        }
        assert_eq!(others.secrets, ["%255Bsecret", "%5Bsecret", "[secret", "acme-internal", "internal-7"]);
        let text = "acme-internal-7 of acme is no secret";
        assert_eq!(own.redact_with(&others, text), "[secret] of [secret] is no [secret][secret]");
        assert_eq!(others.redact_with(&own, text), own.redact_with(&others, text));
    }

    #[test]
    fn of_a_secret_that_was_cut_the_beginning_is_struck_out() {
        let secrets = of(&["correct horse battery", "né-1234"]);
        for (text, told) in [
            ("tag correct ho… is wrong", "tag [secret]… is wrong"),
            ("correct horse battery… né-1234…", "[secret]… [secret]…"),
            ("tag né… and co…", "tag [secret]… and co…"),
            ("got \"correct horse ba\"… (90 characters)", "got \"[secret]\"… (90 characters)"),
            ("incorrect ho", "incorrect ho"),
        ] {
            assert_eq!(secrets.redact(text), told);
        }
    }

    #[test]
    fn only_long_secrets_are_struck_out_of_what_is_told_of_another() {
        let mut all = Redactor::default();
        all.add_anothers(&of(&["prod", "1234567", "12345678"]));
        assert_eq!(all.redact("prod, 1234567 and 12345678"), "prod, 1234567 and [secret]");
    }

    #[test]
    fn a_secret_is_struck_out_however_it_is_escaped() {
        let secret = "日本 \"秘\"\n\u{1f600}";
        let value = Value::Secret(Box::new(Value::String(secret.to_owned())));
        let redactor = Redactor::of([&Properties::from([("ossObject".to_owned(), value)])], |_| false);
        for written in [
            secret.to_owned(),
            format!("{secret:?}").trim_matches('"').to_owned(),
            serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
            "\\u65e5\\u672c \\\"\\u79d8\\\"\\n\\ud83d\\ude00".to_owned(),
        ] {
            assert_eq!(redactor.redact(&format!("got <{written}>")), "got <[secret]>", "{written}");
        }
    }

    #[test]
    fn a_secret_is_struck_out_of_a_text_whose_white_space_was_collapsed() {
        for (secret, text, told) in [
            ("hunter2-from-a-file\n", "hunter2-from-a-file is wrong", "[secret] is wrong"),
            ("  two  spaces ", "<two spaces>", "<[secret]>"),
            ("first line\r\n\tsecond\u{0}line\n", "got first line second line", "got [secret]"),
            ("first line\n\"second\"  line\n", r#"got first line\n\"second\" line\n."#, "got [secret]."),
            ("first line\nsecond", "got first line sec…", "got [secret]…"),
            (" ab\n", "ab <ab>", "ab <ab>"),
        ] {
            assert_eq!(of(&[secret]).redact(text), told, "{secret:?}");
        }
    }

    #[test]
    fn a_secret_is_struck_out_however_often_it_is_percent_encoded() {
        let secrets = of(&["Root password: 日*~", "line 1\n", "50%"]);
        for (text, told) in [
            ("Description=Root%20password%3A%20%E6%97%A5%2A~&X", "Description=[secret]&X"),
            (
                "Description%3DRoot%2520password%253A%2520%25E6%2597%25A5%252A~%26X",
                "Description%3D[secret]%26X",
            ),
            ("Description=Root+password%3A+%E6%97%A5%2A~&X", "Description=[secret]&X"),
            ("Description%3DRoot%2Bpassword%253A%2B%25E6%2597%25A5%252A~%26X", "Description%3D[secret]%26X"),
            ("Description=line%201%0A&X", "Description=[secret]&X"),
            ("Description%3DRoot%2520passw…", "Description%3D[secret]…"),
            ("Description=Root%20password%3A%2…", "Description=[secret]…"),
            ("Size=50%25&X%3D50%2525", "Size=[secret]&X%3D[secret]"),
        ] {
            assert_eq!(secrets.redact(text), told);
        }
    }

    #[test]
    fn a_plain_word_is_collected_once() {
        assert_eq!(of(&["Plain-word_1.~"]).secrets, ["Plain-word_1.~"]);
    }

    #[test]
    fn the_keys_of_a_secret_map_are_secret_and_the_names_of_properties_are_not() {
        let map = |key: &str| {
            Value::Object(Properties::from([(key.to_owned(), Value::String("value-1".to_owned()))]))
        };
        let all = Properties::from([
            ("tags".to_owned(), Value::Secret(Box::new(map("project-x")))),
            ("disks".to_owned(), Value::Secret(Box::new(Value::Array(vec![map("device")])))),
            ("labels".to_owned(), map("project-y")),
        ]);
        let secrets = Redactor::of([&all], |key| key == "device");
        assert_eq!(secrets.secrets, ["project-x", "value-1"]);
    }
}

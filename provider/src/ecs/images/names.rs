//! Names of images and families: what the cloud takes, and the name of an image whose program gives none.

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Autonaming, CheckContext, Findings};
use sha2::{Digest, Sha256};

/// The most characters of a name.
pub(crate) const NAME_LENGTH: usize = 128;
/// Random hexadecimal digits at the end of an automatic name.
const RANDOM_DIGITS: usize = 7;
pub(crate) const WEB_PREFIXES: [&str; 2] = ["http://", "https://"];
/// What the cloud keeps for itself: no program can give such names and tags.
pub(crate) const RESERVED_PREFIXES: [&str; 2] = ["aliyun", "acs:"];

/// Checks a name of an image or a family.
pub(crate) fn check(property: &str, name: &str, findings: &mut Findings) {
    if let Some(reason) = name_mistake(name) {
        findings.fail_got(Path::property(property), reason, quote(name));
    }
}

/// The name of a new image whose program gives none.
pub(crate) fn automatic(context: &CheckContext<'_>, findings: &mut Findings) -> Option<String> {
    match context.autonaming {
        Autonaming::Default => Some(random_name(context)),
        Autonaming::Propose(name) => Some(fitting(name, NAME_LENGTH)),
        Autonaming::Enforce(name) => {
            if let Some(reason) = length_mistake(name).or_else(|| name_mistake(name)) {
                let reason = format!("the project's autonaming demands this name, but it {reason}");
                findings.fail_got(Path::property("imageName"), reason, quote(name));
            }
            Some(name.to_owned())
        }
        Autonaming::Disable => {
            let reason = "is required: automatic naming is disabled for this resource";
            findings.fail(Path::property("imageName"), reason);
            None
        }
    }
}

/// What the automatic names of a resource start with.
pub(crate) fn stem_of(resource_name: &str) -> String {
    fitting(resource_name, NAME_LENGTH - RANDOM_DIGITS - 1)
}

fn random_name(context: &CheckContext<'_>) -> String {
    let digest = if context.random_seed.is_empty() {
        Sha256::digest(uuid::Uuid::new_v4())
    } else {
        Sha256::new().chain_update(context.random_seed).chain_update(context.urn).finalize()
    };
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}", stem_of(context.name), &digits[..RANDOM_DIGITS])
}

/// The name with what the rules forbid replaced, of at most so many characters. A name that is good already stays.
fn fitting(name: &str, most: usize) -> String {
    let mut fitted: String = name.chars().map(|c| if is_name_character(c) { c } else { '-' }).collect();
    let reserved = RESERVED_PREFIXES.iter().any(|prefix| has_prefix(&fitted, prefix));
    if reserved || !fitted.chars().next().is_some_and(is_first_character) {
        fitted = format!("image-{fitted}");
    }
    fitted.chars().take(most).collect()
}

/// What is wrong with a name's characters; its length the declaration knows.
fn name_mistake(name: &str) -> Option<String> {
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| has_prefix(name, prefix)) {
        return Some(format!("must not start with {prefix}"));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(name, part)) {
        return Some(format!("must not contain {part}"));
    }
    match name.chars().next() {
        Some(first) if !is_first_character(first) => {
            return Some("must start with a letter or a Chinese character".to_owned());
        }
        _ => {}
    }
    let wrong = name.chars().any(|c| !is_name_character(c));
    wrong.then(|| "may have only letters, Chinese characters, digits, and . : _ -".to_owned())
}

fn length_mistake(name: &str) -> Option<String> {
    let length = name.chars().count();
    (!(2..=NAME_LENGTH).contains(&length)).then(|| "must be 2 to 128 characters long".to_owned())
}

fn is_first_character(c: char) -> bool {
    c.is_ascii_alphabetic() || is_cjk(c)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-') || is_cjk(c)
}

/// Chinese, Japanese and Korean characters: the ideographs with their extensions, kana and hangul.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Whether a text starts so, as the cloud ignores case in what it forbids.
pub(crate) fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// As [`has_prefix`], of any part.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(part)
}

//! A key to sign with, what may be shown of it, and how its secrets are kept out of texts.

use std::fmt;

use jiff::Timestamp;

use crate::error::Error;

/// Variables that give the access key's id, in the order of the published provider.
pub(crate) const ACCESS_KEY_VARIABLES: &[&str] =
    &["ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_ID"];

/// Variables that give the secret, in the same order.
pub(crate) const SECRET_KEY_VARIABLES: &[&str] =
    &["ALICLOUD_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABACLOUD_ACCESS_KEY_SECRET"];

/// Variables that give a temporary key's token, in the same order.
pub(crate) const SECURITY_TOKEN_VARIABLES: &[&str] =
    &["ALICLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABACLOUD_SECURITY_TOKEN"];

/// A key. `Debug` shows no more of it than tells it from another.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// The key's id; temporary ones start with `STS.`.
    pub access_key_id: String,
    /// The secret.
    pub access_key_secret: String,
    /// The token of a temporary key.
    pub security_token: Option<String>,
    /// When a temporary key stops being valid.
    pub expiration: Option<Timestamp>,
    /// Where it comes from, for messages: "the variable ALICLOUD_ACCESS_KEY".
    pub origin: String,
}

impl Credential {
    /// The key's id, all but its ends hidden: enough for its owner to recognize it.
    pub fn masked_id(&self) -> String {
        mask(&self.access_key_id)
    }

    /// Refuses a key that cannot work: a part missing, or blanks and control characters from a copy gone wrong.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let origin = &self.origin;
        let parts = [("access key id", &self.access_key_id), ("access key secret", &self.access_key_secret)];
        for (part, value) in
            parts.into_iter().chain(self.security_token.as_ref().map(|token| ("security token", token)))
        {
            if value.is_empty() {
                return Err(Error::credential(format!("{origin}: the {part} is missing")));
            }
            if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Error::credential(format!(
                    "{origin}: the {part} contains a blank, a line break or a character outside ASCII; copy it again"
                )));
            }
        }
        if self.access_key_id.starts_with("STS.") && self.security_token.is_none() {
            return Err(Error::credential(format!(
                "{origin}: the key {} is a temporary one and comes with a security token, which is missing: give it as securityToken \
                 or in one of {}",
                self.masked_id(),
                SECURITY_TOKEN_VARIABLES.join(", ")
            )));
        }
        Ok(())
    }

    /// Removes this key's secret and token from a text, however they are encoded in it, and masks its id.
    pub(crate) fn redact(&self, text: &str) -> String {
        let masked = self.masked_id();
        let secrets = [Some(&self.access_key_secret), self.security_token.as_ref()].into_iter().flatten();
        let secrets = secrets.map(|secret| (secret.as_str(), REDACTED));
        replace(text, secrets.chain([(self.access_key_id.as_str(), masked.as_str())]))
    }
}

const REDACTED: &str = "[redacted]";
/// A shorter secret cannot be told from ordinary words.
const LEAST_SECRET: usize = 6;

/// Removes secrets from a text, however they are encoded in it.
pub(crate) fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a String>) -> String {
    replace(text, secrets.into_iter().map(|secret| (secret.as_str(), REDACTED)))
}

/// Puts something else in the place of texts, as they are or percent-encoded however often: a string to sign encodes the
/// query once more. Of two that begin at the same place the longer one counts.
fn replace<'a>(text: &str, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().filter(|(old, _)| old.len() >= LEAST_SECRET).collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let found = pairs.iter().filter_map(|(old, new)| Some((encoded_prefix(rest, old)?, *new)));
        match found.max_by_key(|(length, _)| *length) {
            Some((length, new)) => {
                out.push_str(new);
                rest = &rest[length..];
            }
            None => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out
}

/// How long the beginning of a text is that stands for `plain`, each byte of it as it is or percent-encoded.
fn encoded_prefix(text: &str, plain: &str) -> Option<usize> {
    let mut rest = text.as_bytes();
    let mut bytes = plain.as_bytes();
    while let [expected, others @ ..] = bytes {
        rest = match rest {
            [b'%', after @ ..] if *expected == b'%' && others.starts_with(b"25") => after,
            [b'%', after @ ..] if *expected == b'%' => strip_25(after),
            [byte, after @ ..] if byte == expected => after,
            [b'%', after @ ..] => {
                let [high, low, after @ ..] = strip_25(after) else { return None };
                let digit = |byte: u8| char::from(byte).to_digit(16);
                if digit(*high)? * 16 + digit(*low)? != u32::from(*expected) {
                    return None;
                }
                after
            }
            _ => return None,
        };
        bytes = others;
    }
    let length = text.len() - rest.len();
    text.is_char_boundary(length).then_some(length)
}

/// What follows a percent sign, however often that has been encoded itself.
fn strip_25(mut after: &[u8]) -> &[u8] {
    while let Some(more) = after.strip_prefix(b"25") {
        after = more;
    }
    after
}

fn mask(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    if characters.len() < 12 {
        return "***".to_owned();
    }
    let head: String = characters[..6].iter().collect();
    let tail: String = characters[characters.len() - 3..].iter().collect();
    format!("{head}***{tail}")
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("access_key_id", &self.masked_id())
            .field("access_key_secret", &"[redacted]")
            .field("security_token", &self.security_token.as_ref().map(|_| "[redacted]"))
            .field("expiration", &self.expiration)
            .field("origin", &self.origin)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(id: &str, secret: &str, said: &str, expected: &str) {
        let credential = Credential {
            access_key_id: id.to_owned(),
            access_key_secret: secret.to_owned(),
            ..Credential::default()
        };
        assert_eq!(credential.redact(said), expected);
    }

    #[test]
    fn the_id_is_masked_in_every_encoding() {
        for said in
            ["STS.NU/example+1", "STS.NU%2Fexample%2B1", "STS%2eNU%252fexample%25252B1", "%53TS.NU/example+1"]
        {
            check("STS.NU/example+1", "", &format!("id={said}&x=ä%"), "id=STS.NU***e+1&x=ä%");
        }
    }

    #[test]
    fn a_percent_sign_in_a_secret_does_not_hide_it() {
        for said in ["pass%word", "pass%25word", "pass%252525word"] {
            check("", "pass%word", said, "[redacted]");
        }
    }

    #[test]
    fn an_id_of_a_few_characters_is_a_word_like_others() {
        check("image", "", "no such image", "no such image");
    }

    #[test]
    fn neither_id_nor_secret_shows_if_one_is_part_of_the_other() {
        check("abcdef", "abcdef-the-rest", "abcdef-the-rest of abcdef", "[redacted] of ***");
        check("LTAIabcdef0001", "abcdef", "LTAIabcdef0001 has abcdef", "LTAIab***001 has [redacted]");
    }

    #[track_caller]
    fn refused(id: &str, secret: &str, token: Option<&str>, reason: &str) {
        let key = Credential {
            access_key_id: id.to_owned(),
            access_key_secret: secret.to_owned(),
            security_token: token.map(ToOwned::to_owned),
            origin: "the settings".to_owned(),
            ..Credential::default()
        };
        let error = key.check().expect_err("refused").to_string();
        assert!(error.contains(reason) && error.contains("the settings"), "{error}");
    }

    #[test]
    fn a_key_that_cannot_work_is_refused_with_the_part_named() {
        refused("", "secret", None, "access key id is missing");
        refused("id", "", None, "access key secret is missing");
        refused("id", "sec ret", None, "access key secret contains a blank");
        refused("STS.NUxxxxxxxxxx", "secret", None, "security token, which is missing");
        refused("STS.NUxxxxxxxxxx", "secret", Some("to\nken"), "security token contains");
    }
}

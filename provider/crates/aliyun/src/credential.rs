//! Keys to sign with: what they are, the sources they come from (one file each), and the cache that refreshes them.
//!
//! A source that is not set up gives `None`; one that is set up and broken is an error that says which file, variable or key is wrong. Sources reach the world only through their [`Context`].

mod assume_role;
mod ecs_role;
mod environment;
mod external;
mod file;
mod fixed;
mod ini;
mod oidc;
mod profile;
mod store;
mod sts;
mod uri;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

pub use self::assume_role::AssumeRole;
pub use self::ecs_role::EcsRole;
pub use self::environment::{
    ACCESS_KEY_VARIABLES, EnvironmentVariables, GivenKey, SECRET_KEY_VARIABLES, SECURITY_TOKEN_VARIABLES,
};
pub use self::external::External;
pub use self::fixed::Fixed;
pub use self::ini::Ini;
pub use self::oidc::{EnvironmentOidc, Oidc, OidcToken};
pub use self::profile::{PROFILE_VARIABLES, Profile};
pub(crate) use self::store::Store;
pub(crate) use self::sts::Sts;
pub use self::uri::Uri;
use crate::call::Caller;
use crate::environment::Environment;
use crate::error::Error;
use crate::settings::Settings;
use crate::transport::{Failure, HttpRequest, HttpResponse};

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

/// What a source may use to find its keys: the environment, the network, and how STS is reached.
#[derive(Clone)]
pub struct Context {
    pub(crate) environment: Environment,
    pub(crate) caller: Arc<Caller>,
    pub(crate) sts: Sts,
}

impl Context {
    pub(crate) fn new(settings: &Settings, caller: Arc<Caller>) -> Result<Context, Error> {
        let sts = Sts::new(settings)?;
        Ok(Context { environment: settings.environment.clone(), caller, sts })
    }

    /// The time, by the server's clock where it is known.
    pub(crate) fn now(&self) -> Timestamp {
        self.caller.clock.now()
    }

    /// One request to somewhere that is not an API of the cloud. A small answer is expected soon.
    pub(crate) async fn fetch(
        &self,
        method: &'static str,
        url: String,
        headers: &[(&str, &str)],
        link_local: bool,
    ) -> Result<HttpResponse, Failure> {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned().into(), (*value).to_owned())).collect();
        headers.push(("user-agent".into(), self.caller.user_agent.clone()));
        let time_limit = Duration::from_secs(if link_local { 2 } else { 10 });
        let request = HttpRequest { method, url, headers, body: String::new(), time_limit, link_local };
        self.caller.transport.send(request).await
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// A place that keys come from.
pub trait Provide: fmt::Debug + Send + Sync {
    /// What it is called in messages, e.g. "the profile \"default\" of ~/.aliyun/config.json".
    fn name(&self) -> String;

    /// A key, `None` if this source is not set up at all, or an error if it is set up wrongly or does not work.
    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>>;
}

/// A place that keys come from, shared.
pub type Source = Arc<dyn Provide>;

/// The sources that the CLI's file and the libraries' ini describe, in this order. Nothing is fetched from them.
pub fn described_by_files(environment: &Environment) -> [Result<Option<Source>, Error>; 2] {
    [Profile::current().described(environment), Ini::default().described(environment)]
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
}

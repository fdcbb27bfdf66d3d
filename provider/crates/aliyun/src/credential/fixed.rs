//! Keys given outright, in the configuration.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Context, Credential, Provide};
use crate::error::Error;

/// A key, or a temporary key with its token, that never changes.
#[derive(Clone, Debug)]
pub struct Fixed(Credential);

impl Fixed {
    /// A key. `origin` says where it was given, for messages: "the settings accessKey and secretKey".
    pub fn new(
        access_key_id: impl Into<String>,
        access_key_secret: impl Into<String>,
        security_token: Option<String>,
        origin: impl Into<String>,
    ) -> Fixed {
        Fixed(Credential {
            access_key_id: access_key_id.into().trim().to_owned(),
            access_key_secret: access_key_secret.into().trim().to_owned(),
            security_token: security_token
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty()),
            expiration: None,
            origin: origin.into(),
        })
    }
}

#[cfg(test)]
impl Fixed {
    pub(crate) fn credential(&self) -> &Credential {
        &self.0
    }
}

/// Refuses a key that cannot work: a part missing, or blanks and control characters from a copy gone wrong.
pub(super) fn check(credential: &Credential) -> Result<(), Error> {
    let origin = &credential.origin;
    let parts =
        [("access key id", &credential.access_key_id), ("access key secret", &credential.access_key_secret)];
    for (part, value) in
        parts.into_iter().chain(credential.security_token.as_ref().map(|token| ("security token", token)))
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
    if credential.access_key_id.starts_with("STS.") && credential.security_token.is_none() {
        return Err(Error::credential(format!(
            "{origin}: the key {} is a temporary one and comes with a security token, which is missing: give it as securityToken \
             or in one of {}",
            credential.masked_id(),
            super::SECURITY_TOKEN_VARIABLES.join(", ")
        )));
    }
    Ok(())
}

impl Provide for Fixed {
    fn name(&self) -> String {
        self.0.origin.clone()
    }

    fn fetch<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { check(&self.0).map(|()| Some(self.0.clone())) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(id: &str, secret: &str, token: Option<&str>, reason: &str) {
        let fixed = Fixed::new(id, secret, token.map(ToOwned::to_owned), "the settings");
        let error = check(&fixed.0).expect_err("refused").to_string();
        assert!(error.contains(reason) && error.contains("the settings"), "{error}");
    }

    #[test]
    fn a_key_that_cannot_work_is_refused_with_the_part_named() {
        refused("", "secret", None, "access key id is missing");
        refused("id", " ", None, "access key secret is missing");
        refused("id", "sec ret", None, "access key secret contains a blank");
        refused("STS.NUxxxxxxxxxx", "secret", None, "security token, which is missing");
        refused("STS.NUxxxxxxxxxx", "secret", Some("to\nken"), "security token contains");
    }

    #[test]
    fn blanks_around_values_are_dropped() {
        let fixed = Fixed::new(" id\n", "secret ", Some(" ".to_owned()), "the settings");
        assert_eq!(fixed.0.access_key_id, "id");
        assert_eq!(fixed.0.security_token, None);
    }

    #[test]
    fn debug_shows_neither_secret_nor_token() {
        let fixed = Fixed::new("LTAI5tExampleKeyId", "hush", Some("psst".to_owned()), "the settings");
        let shown = format!("{fixed:?}");
        assert!(shown.contains("LTAI5t***yId"), "{shown}");
        assert!(!shown.contains("hush") && !shown.contains("psst") && !shown.contains("Example"), "{shown}");
    }
}

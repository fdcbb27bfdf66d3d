//! Keys given outright, in the configuration.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::credential::source::{Means, Provide};
use crate::error::Error;
use crate::key::Credential;

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

impl Provide for Fixed {
    fn name(&self) -> String {
        self.0.origin.clone()
    }

    fn fetch<'a>(&'a self, _: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { self.0.check().map(|()| Some(self.0.clone())) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

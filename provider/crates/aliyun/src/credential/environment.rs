//! Keys from environment variables, by their old and new names.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Context, Credential, Provide, fixed};
use crate::environment::Environment;
use crate::error::Error;

/// Variables that give the access key's id, in the order of the published provider.
pub const ACCESS_KEY_VARIABLES: &[&str] =
    &["ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_ID"];

/// Variables that give the secret, in the same order.
pub const SECRET_KEY_VARIABLES: &[&str] =
    &["ALICLOUD_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABACLOUD_ACCESS_KEY_SECRET"];

/// Variables that give a temporary key's token, in the same order.
pub const SECURITY_TOKEN_VARIABLES: &[&str] =
    &["ALICLOUD_SECURITY_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABACLOUD_SECURITY_TOKEN"];

/// The environment's key. A complete pair of one family of names comes first, so that leftovers of another family do not
/// mix with it; without one, each part is the first that is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentVariables;

fn find(environment: &Environment) -> Result<Option<Credential>, Error> {
    let family = (0..ACCESS_KEY_VARIABLES.len()).find(|family| {
        [ACCESS_KEY_VARIABLES, SECRET_KEY_VARIABLES]
            .iter()
            .all(|names| environment.variable(names[*family]).is_some())
    });
    let (ids, secrets) = match family {
        Some(family) => (&ACCESS_KEY_VARIABLES[family..=family], &SECRET_KEY_VARIABLES[family..=family]),
        None => (ACCESS_KEY_VARIABLES, SECRET_KEY_VARIABLES),
    };
    let (id, secret) = match (environment.first(ids), environment.first(secrets)) {
        (None, None) => return Ok(None),
        (Some(id), Some(secret)) => (id, secret),
        (Some((set, _)), None) => return Err(half(set, SECRET_KEY_VARIABLES)),
        (None, Some((set, _))) => return Err(half(set, ACCESS_KEY_VARIABLES)),
    };
    let own_token = family.and_then(|family| environment.variable(SECURITY_TOKEN_VARIABLES[family]));
    let any_token = || {
        // Another family's token belongs to another key, unless this key cannot do without one.
        let wanted = family.is_none() || id.1.starts_with("STS.");
        wanted.then(|| environment.first(SECURITY_TOKEN_VARIABLES).map(|(_, token)| token)).flatten()
    };
    let credential = Credential {
        access_key_id: id.1.to_owned(),
        access_key_secret: secret.1.to_owned(),
        security_token: own_token.or_else(any_token).map(ToOwned::to_owned),
        expiration: None,
        origin: format!("the environment variables {} and {}", id.0, secret.0),
    };
    fixed::check(&credential)?;
    Ok(Some(credential))
}

fn half(set: &str, missing: &[&str]) -> Error {
    Error::credential(format!("the environment variable {set} is set, but none of {} is", missing.join(", ")))
}

impl Provide for EnvironmentVariables {
    fn name(&self) -> String {
        "the environment".to_owned()
    }

    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { find(&context.environment) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().fold(Environment::default(), |environment, (name, value)| {
            environment.with_variable(*name, *value)
        })
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Option<(&str, &str, Option<&str>)>) {
        let found = find(&environment(variables)).expect("no error");
        let found = found
            .as_ref()
            .map(|found| (&*found.access_key_id, &*found.access_key_secret, found.security_token.as_deref()));
        assert_eq!(found, expected);
    }

    #[test]
    fn old_and_new_names_are_read_in_the_published_order() {
        check(&[], None);
        check(&[("ALICLOUD_ACCESS_KEY", "a"), ("ALICLOUD_SECRET_KEY", "s")], Some(("a", "s", None)));
        check(
            &[
                ("ALIBABACLOUD_ACCESS_KEY_ID", "c"),
                ("ALIBABACLOUD_ACCESS_KEY_SECRET", "u"),
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "b"),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "t"),
                ("ALIBABA_CLOUD_SECURITY_TOKEN", "token"),
            ],
            Some(("b", "t", Some("token"))),
        );
    }

    #[test]
    fn a_complete_family_wins_over_a_half_one() {
        check(
            &[
                ("ALICLOUD_ACCESS_KEY", "a"),
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "b"),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "t"),
                ("ALICLOUD_SECURITY_TOKEN", "foreign"),
            ],
            Some(("b", "t", None)),
        );
    }

    #[test]
    fn parts_of_two_families_make_a_key_if_there_is_no_complete_one() {
        check(
            &[("ALICLOUD_ACCESS_KEY", "a"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "t")],
            Some(("a", "t", None)),
        );
    }

    #[test]
    fn half_a_key_is_an_error_that_names_what_is_missing() {
        let error = find(&environment(&[("ALICLOUD_ACCESS_KEY", "a")])).expect_err("half").to_string();
        assert!(error.contains("ALICLOUD_ACCESS_KEY is set"), "{error}");
        assert!(error.contains("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), "{error}");
    }
}

//! Keys from environment variables, by their old and new names.

use std::fmt;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::credential::fixed::Fixed;
use crate::credential::source::{Means, Provide};
use crate::environment::Environment;
use crate::error::Error;
use crate::key::{ACCESS_KEY_VARIABLES, Credential, SECRET_KEY_VARIABLES, SECURITY_TOKEN_VARIABLES};
use crate::stack::Flavour;

/// Names of variables that belong together: the parts of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Family {
    id: &'static str,
    secret: &'static str,
    token: &'static str,
}

/// A private cloud's own names.
const fn of_stack(flavour: Flavour) -> Family {
    match flavour {
        Flavour::ApsaraStack => Family {
            id: "APSARASTACK_ACCESS_KEY",
            secret: "APSARASTACK_SECRET_KEY",
            token: "APSARASTACK_SECURITY_TOKEN",
        },
        Flavour::AlibabaCloudStack => Family {
            id: "ALIBABACLOUDSTACK_ACCESS_KEY",
            secret: "ALIBABACLOUDSTACK_SECRET_KEY",
            token: "ALIBABACLOUDSTACK_SECURITY_TOKEN",
        },
    }
}

/// The environment's key. A complete pair of one family of names comes first, so that leftovers of another family do not
/// mix with it; without one, each part is the first that is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentVariables {
    stack: Option<Flavour>,
}

impl EnvironmentVariables {
    /// With a private cloud's own variables (`APSARASTACK_ACCESS_KEY` and so on) before those of the public cloud.
    pub fn on_stack(flavour: Flavour) -> EnvironmentVariables {
        EnvironmentVariables { stack: Some(flavour) }
    }

    /// Variables that give the access key's id, in the order in which they count.
    pub fn access_key_variables(&self) -> Vec<&'static str> {
        self.families().iter().map(|family| family.id).collect()
    }

    /// Variables that give the secret, in the same order.
    pub fn secret_key_variables(&self) -> Vec<&'static str> {
        self.families().iter().map(|family| family.secret).collect()
    }

    /// A key of which the id, the secret or both are given elsewhere: in settings, for example. The variables give the
    /// other half; a pair is never left for them. A token that is given belongs to what is given. Without one, half a
    /// key gets the token of the family that completes it, and a temporary key (`STS.…`) the first token that is set;
    /// a pair that is given and no temporary key has none.
    ///
    /// `None` if neither an id nor a secret is given, or the variables do not have the other half.
    pub fn complete(
        &self,
        environment: &Environment,
        given: GivenKey,
        origin: impl Into<String>,
    ) -> Option<Fixed> {
        let families = self.families();
        let first = |name: fn(&Family) -> &'static str| {
            families.iter().find_map(|family| Some((family, environment.variable(name(family))?.to_owned())))
        };
        let (id, secret, family) = match (given.access_key_id, given.access_key_secret) {
            (Some(id), Some(secret)) => (id, secret, None),
            (Some(id), None) => {
                first(|family| family.secret).map(|(family, half)| (id, half, Some(family)))?
            }
            (None, Some(secret)) => {
                first(|family| family.id).map(|(family, half)| (half, secret, Some(family)))?
            }
            (None, None) => return None,
        };
        let token = given
            .security_token
            .or_else(|| environment.variable(family?.token).map(ToOwned::to_owned))
            .or_else(|| {
                id.starts_with("STS.").then(|| first(|family| family.token)).flatten().map(|found| found.1)
            });
        Some(Fixed::new(id, secret, token, origin))
    }

    fn families(&self) -> Vec<Family> {
        let public = ACCESS_KEY_VARIABLES.iter().zip(SECRET_KEY_VARIABLES).zip(SECURITY_TOKEN_VARIABLES);
        let public = public.map(|((id, secret), token)| Family { id, secret, token });
        self.stack.map(of_stack).into_iter().chain(public).collect()
    }

    fn find(&self, environment: &Environment) -> Result<Option<Credential>, Error> {
        let all = self.families();
        let complete = all.iter().find(|family| {
            [family.id, family.secret].iter().all(|name| environment.variable(name).is_some())
        });
        let families = complete.map_or(&*all, std::slice::from_ref);
        let ids: Vec<_> = families.iter().map(|family| family.id).collect();
        let secrets: Vec<_> = families.iter().map(|family| family.secret).collect();
        let (id, secret) = match (environment.first(&ids), environment.first(&secrets)) {
            (None, None) => return Ok(None),
            (Some(id), Some(secret)) => (id, secret),
            (Some((set, _)), None) => return Err(half(set, &secrets)),
            (None, Some((set, _))) => return Err(half(set, &ids)),
        };
        let own_token = complete.and_then(|family| environment.variable(family.token));
        let any_token = || {
            // Another family's token belongs to another key, unless this key cannot do without one.
            let wanted = complete.is_none() || id.1.starts_with("STS.");
            let tokens: Vec<_> = all.iter().map(|family| family.token).collect();
            wanted.then(|| environment.first(&tokens).map(|(_, token)| token)).flatten()
        };
        let credential = Credential {
            access_key_id: id.1.to_owned(),
            access_key_secret: secret.1.to_owned(),
            security_token: own_token.or_else(any_token).map(ToOwned::to_owned),
            expiration: None,
            origin: format!("the environment variables {} and {}", id.0, secret.0),
        };
        credential.check()?;
        Ok(Some(credential))
    }
}

/// What is given of a key outside the environment. `Debug` shows no secret.
#[derive(Clone, Default)]
pub struct GivenKey {
    /// The id.
    pub access_key_id: Option<String>,
    /// The secret.
    pub access_key_secret: Option<String>,
    /// The token of a temporary key.
    pub security_token: Option<String>,
}

impl fmt::Debug for GivenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GivenKey").finish_non_exhaustive()
    }
}

fn half(set: &str, missing: &[&str]) -> Error {
    Error::credential(format!("the environment variable {set} is set, but none of {} is", missing.join(", ")))
}

impl Provide for EnvironmentVariables {
    fn name(&self) -> String {
        "the environment".to_owned()
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { self.find(&means.environment) }.boxed()
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
        let found = EnvironmentVariables::default().find(&environment(variables)).expect("no error");
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
        let environment = environment(&[("ALICLOUD_ACCESS_KEY", "a")]);
        let error = EnvironmentVariables::default().find(&environment).expect_err("half").to_string();
        assert!(error.contains("ALICLOUD_ACCESS_KEY is set"), "{error}");
        assert!(error.contains("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), "{error}");
    }

    #[test]
    fn a_stacks_own_pair_comes_before_the_public_ones() {
        let environment = environment(&[
            ("ALICLOUD_ACCESS_KEY", "a"),
            ("ALICLOUD_SECRET_KEY", "s"),
            ("APSARASTACK_ACCESS_KEY", "b"),
            ("APSARASTACK_SECRET_KEY", "t"),
            ("ALICLOUD_SECURITY_TOKEN", "foreign"),
        ]);
        let source = EnvironmentVariables::on_stack(Flavour::ApsaraStack);
        let found = source.find(&environment).expect("no error").expect("a key");
        assert_eq!((&*found.access_key_id, &*found.access_key_secret), ("b", "t"));
        assert_eq!(found.security_token, None);
    }

    /// The token that goes with what is given, when these variables are set.
    #[track_caller]
    fn check_token(given: [Option<&str>; 3], variables: &[(&str, &str)], expected: Option<&str>) {
        let [access_key_id, access_key_secret, security_token] =
            given.map(|part| part.map(ToOwned::to_owned));
        let given = GivenKey { access_key_id, access_key_secret, security_token };
        let source = EnvironmentVariables::on_stack(Flavour::ApsaraStack);
        let key = source.complete(&environment(variables), given, "the settings").expect("a key");
        let found = key.credential().security_token.as_deref();
        assert_eq!(found, expected);
    }

    const TOKEN: (&str, &str) = ("ALICLOUD_SECURITY_TOKEN", "first");

    #[test]
    fn a_pair_that_is_given_takes_no_token_from_variables() {
        check_token([Some("LTAI"), Some("s"), None], &[TOKEN, ("APSARASTACK_SECURITY_TOKEN", "t")], None);
        check_token([Some("LTAI"), Some("s"), Some("given")], &[TOKEN], Some("given"));
    }

    #[test]
    fn a_temporary_key_that_is_given_takes_the_first_token_there_is() {
        check_token([Some("STS.a"), Some("s"), None], &[TOKEN], Some("first"));
        check_token([Some("STS.a"), Some("s"), Some("given")], &[TOKEN], Some("given"));
    }

    #[test]
    fn half_a_key_takes_the_token_of_the_family_that_completes_it() {
        let secret = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s");
        let own = ("ALIBABA_CLOUD_SECURITY_TOKEN", "own");
        check_token([Some("LTAI"), None, None], &[TOKEN, secret, own], Some("own"));
        check_token([Some("LTAI"), None, None], &[TOKEN, secret], None);
        check_token([Some("STS.a"), None, None], &[TOKEN, secret], Some("first"));
        check_token([Some("LTAI"), None, Some("given")], &[TOKEN, secret, own], Some("given"));
        let id = ("APSARASTACK_ACCESS_KEY", "LTAI");
        check_token(
            [None, Some("s"), None],
            &[TOKEN, id, ("APSARASTACK_SECURITY_TOKEN", "own")],
            Some("own"),
        );
    }
}

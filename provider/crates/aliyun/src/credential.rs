//! Keys to sign with: what they are, the sources they come from (one file each), and the cache that refreshes them.
//!
//! A source that is not set up gives `None`; one that is set up and broken is an error that says which file, variable or
//! key is wrong. Sources reach the world only through their [`Means`].

mod assume_role;
mod cache;
mod ecs_role;
mod environment;
mod external;
mod file;
mod fixed;
mod ini;
mod oidc;
mod profile;
mod source;
mod sts;
mod uri;

pub use self::assume_role::AssumeRole;
pub(crate) use self::cache::KeyCache;
pub use self::ecs_role::EcsRole;
pub use self::environment::{EnvironmentVariables, GivenKey};
pub use self::external::External;
pub use self::fixed::Fixed;
pub use self::ini::Ini;
pub use self::oidc::{EnvironmentOidc, Oidc, OidcToken};
pub use self::profile::{PROFILE_VARIABLES, Profile};
pub use self::source::{Means, Provide, Source};
pub(crate) use self::sts::Sts;
pub use self::uri::Uri;
use crate::environment::Environment;
use crate::error::Error;
pub use crate::key::Credential;

/// The sources that the CLI's file and the libraries' ini describe, in this order. Nothing is fetched from them.
pub fn described_by_files(environment: &Environment) -> [Result<Option<Source>, Error>; 2] {
    [Profile::current().described(environment), Ini::default().described(environment)]
}

//! Several sources, of which the first that is there is used from then on.

use std::sync::{Arc, OnceLock};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{
    Context, Credential, EcsRole, EnvironmentOidc, EnvironmentUri, EnvironmentVariables, Ini, Profile,
    Provide, Source,
};
use crate::error::Error;

/// Sources in order. One that is not set up is passed over; one that is set up and does not work is an error.
#[derive(Clone, Debug)]
pub struct Chain {
    sources: Vec<Source>,
    /// The one that gave the first key: later keys come from it too, lest two accounts mix.
    chosen: Arc<OnceLock<usize>>,
}

impl Chain {
    /// These sources, in this order.
    pub fn new(sources: Vec<Source>) -> Chain {
        Chain { sources, chosen: Arc::default() }
    }

    async fn find(&self, context: &Context) -> Result<Option<Credential>, Error> {
        if let Some(source) = self.chosen.get().and_then(|index| self.sources.get(*index)) {
            return source.fetch(context).await;
        }
        for (index, source) in self.sources.iter().enumerate() {
            if let Some(credential) = source.fetch(context).await? {
                // Two first calls at once find the same source, or the later one's find is used once and forgotten.
                let _ = self.chosen.set(index);
                return Ok(Some(credential));
            }
            tracing::debug!("no key: {} gives none", source.name());
        }
        Ok(None)
    }
}

impl Provide for Chain {
    fn name(&self) -> String {
        let names: Vec<String> = self.sources.iter().map(|source| source.name()).collect();
        names.join("; ")
    }

    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        self.find(context).boxed()
    }
}

/// The order of the official credentials libraries: environment, OIDC, CLI profile, credentials ini, ECS RAM role,
/// credentials URI.
pub fn default_chain() -> Source {
    Arc::new(Chain::new(vec![
        Arc::new(EnvironmentVariables::default()),
        Arc::new(EnvironmentOidc),
        Arc::new(Profile::current()),
        Arc::new(Ini::default()),
        Arc::new(EcsRole::any()),
        Arc::new(EnvironmentUri),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stub, context_with, environment, fault};
    use crate::transport::Fault;

    fn nowhere() -> Arc<Stub> {
        Stub::script(vec![fault(Fault::Unreachable, "no route to host")])
    }

    fn with_key(environment: crate::Environment, id: &str) -> crate::Environment {
        environment.with_variable("ALICLOUD_ACCESS_KEY", id).with_variable("ALICLOUD_SECRET_KEY", "secret")
    }

    const PROFILE: &str = r#"{"current":"default","profiles":[
        {"name":"default","mode":"AK","access_key_id":"from-profile","access_key_secret":"secret"}]}"#;

    #[tokio::test(start_paused = true)]
    async fn the_first_source_that_is_there_is_used() {
        let home =
            environment().with_home("/home/me").with_file("/home/me/.aliyun/config.json", PROFILE, 0o600);
        let key = default_chain().fetch(&context_with(home.clone(), &nowhere())).await;
        assert_eq!(key.expect("no error").expect("a key").access_key_id, "from-profile");
        let key = default_chain().fetch(&context_with(with_key(home, "from-variable"), &nowhere())).await;
        assert_eq!(key.expect("no error").expect("a key").access_key_id, "from-variable");
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_source_is_an_error_and_not_passed_over() {
        let home = environment()
            .with_home("/home/me")
            .with_file("/home/me/.aliyun/config.json", "{", 0o600)
            .with_file(
                "/home/me/.alibabacloud/credentials",
                "[default]\ntype=access_key\naccess_key_id=a\naccess_key_secret=s",
                0o600,
            );
        let error = default_chain().fetch(&context_with(home, &nowhere())).await.expect_err("broken");
        assert!(error.to_string().contains("/home/me/.aliyun/config.json is cut short"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_source_found_first_is_asked_again_later() {
        let chain = Chain::new(vec![Arc::new(EnvironmentVariables::default()), Arc::new(Profile::current())]);
        let home =
            environment().with_home("/home/me").with_file("/home/me/.aliyun/config.json", PROFILE, 0o600);
        chain.fetch(&context_with(home.clone(), &nowhere())).await.expect("no error").expect("a key");
        let key = chain.fetch(&context_with(with_key(home, "from-variable"), &nowhere())).await;
        assert_eq!(key.expect("no error").expect("a key").access_key_id, "from-profile");
    }

    #[tokio::test(start_paused = true)]
    async fn no_key_anywhere_names_every_source_that_was_tried() {
        let chain = default_chain();
        let context = context_with(environment().with_home("/home/me"), &nowhere());
        assert!(chain.fetch(&context).await.expect("no error").is_none());
        let name = chain.name();
        for source in [
            "the environment",
            "OIDC",
            "~/.aliyun/config.json",
            "~/.alibabacloud/credentials",
            "RAM role",
            "URI",
        ] {
            assert!(name.contains(source), "{source} not in {name}");
        }
    }
}

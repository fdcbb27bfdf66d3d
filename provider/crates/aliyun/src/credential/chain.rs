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
        format!("none of these sources ({})", names.join("; "))
    }

    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        self.find(context).boxed()
    }
}

/// The order of the official credentials libraries: environment, OIDC, CLI profile, credentials ini, ECS RAM role,
/// credentials URI.
pub fn default_chain() -> Source {
    Arc::new(Chain::new(vec![
        Arc::new(EnvironmentVariables),
        Arc::new(EnvironmentOidc),
        Arc::new(Profile::current()),
        Arc::new(Ini::default()),
        Arc::new(EcsRole::any()),
        Arc::new(EnvironmentUri),
    ]))
}

//! [`Provider`]: what a provider's author hands to the server, and the typed resources behind one common face.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use crate::check::{self, Findings};
use crate::codec::{Lazy, decode, decode_old, encode};
use crate::context::{BoxFuture, Context};
use crate::diff::Change;
use crate::failure::{Failure, MissingKey};
use crate::function::AnyFunction;
use crate::model::ObjectType;
use crate::resource::{
    CheckContext, ListPage, ListQuery, Old, Read, ReadResult, Resource, Timeouts, Unlisted, Update,
};
use crate::schema::{self, ResourceTypes};
use crate::value::Properties;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

/// A provider: its settings, its resources, and how settings become a client.
pub trait Provider: Send + Sync + 'static {
    /// The provider's settings.
    type Config: JsonSchema + DeserializeOwned + Default + Send;
    /// What the resources' verbs work with.
    type Client: Send + Sync + 'static;

    /// The package's name: the part before the first colon of every token.
    fn name(&self) -> &'static str;

    /// The version, as in SemVer.
    fn version(&self) -> &'static str;

    /// The head of the package schema: display name, description, language settings and the like.
    fn metadata(&self) -> Map<String, Json>;

    /// Every resource type.
    fn resources(&self) -> &[Box<dyn AnyResource<Self::Client>>];

    /// Every function.
    fn functions(&self) -> &[Box<dyn AnyFunction<Self::Client>>] {
        &[]
    }

    /// An environment variable. A setting that is absent is read from the first of its `x-variables` that has a value here,
    /// unless the provider reads them itself. `given` are the settings as the program gives them: of some variables they
    /// decide whether they count.
    fn variable(&self, _given: &Self::Config, _name: &str) -> Option<String> {
        None
    }

    /// The rules on settings that their declaration cannot express. No I/O.
    fn check_config(&self, config: &Self::Config, findings: &mut Findings);

    /// The client for these settings. No network. `id` is the provider resource's in the state: the same on each
    /// deployment of a stack and another for another state. Older engines do not tell it.
    ///
    /// # Errors
    /// Every setting that is missing, or what is wrong with those that are there.
    fn configure(
        &self,
        config: Self::Config,
        asked: &Asked,
        id: Option<&str>,
    ) -> Result<Self::Client, ConfigureError>;

    /// What a user does about a resource or a function that is not here, where there is more to say than what is.
    fn elsewhere(&self, _asked: &Asked) -> Option<String> {
        None
    }

    /// Which resources of another ecosystem are which of ours: for that ecosystem's key (`terraform`) and, if it is
    /// given, provider, the provider's name there and the mapping's text.
    fn mapping(&self, _key: &str, _provider: &str) -> Option<(String, Vec<u8>)> {
        None
    }

    /// The providers of another ecosystem for which there is a mapping.
    fn mappings(&self, _key: &str) -> Vec<String> {
        Vec::new()
    }
}

/// By which way the engine has come to this plugin.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The provider resource's name; empty if an older engine does not tell it.
    pub provider: String,
    /// The version of the plugin that it asks for. The engine may have found another one.
    pub version: Option<String>,
}

impl Asked {
    /// The name of a provider that the program makes itself: that of one which the engine makes begins with `default`.
    pub fn explicit(&self) -> Option<&str> {
        let name = self.provider.as_str();
        (!name.is_empty() && name != "default" && !name.starts_with("default_")).then_some(name)
    }
}

/// Why there is no client.
#[derive(Debug)]
pub enum ConfigureError {
    /// Settings without which nothing works. The engine adds how a stack's settings are set.
    Missing(Vec<MissingKey>),
    /// The settings do not work.
    Failed(Failure),
}

/// The package schema of a provider.
///
/// # Errors
/// [`Failure::Bug`], if a Rust type uses a construct that the schema has no word for.
pub fn package_schema<P: Provider>(provider: &P) -> Result<Json, Failure> {
    let config = ObjectType::of::<P::Config>().map_err(|error| Failure::Bug(error.to_string()))?;
    let resources = provider
        .resources()
        .iter()
        .map(|resource| {
            let types = resource.types()?;
            Ok(ResourceTypes {
                token: resource.token(),
                aliases: resource.aliases(),
                description: resource.description(),
                args: Arc::clone(&types.args),
                state: Arc::clone(&types.state),
                list: types.list.clone(),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let functions = provider
        .functions()
        .iter()
        .map(|function| {
            let types = function.types()?;
            Ok(schema::Function {
                token: function.token(),
                description: function.description(),
                deprecated: function.deprecated(),
                args: Arc::clone(&types.args),
                output: Arc::clone(&types.output),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    schema::package(provider.metadata(), &config, &resources, &functions)
        .map_err(|error| Failure::Bug(error.to_string()))
}

/// A resource whose own types are out of sight.
pub trait AnyResource<C>: Send + Sync {
    /// The type token.
    fn token(&self) -> &'static str;
    /// See [`Resource::ALIASES`].
    fn aliases(&self) -> &'static [&'static str];
    /// The documentation.
    fn description(&self) -> &'static str;
    /// The declared properties.
    ///
    /// # Errors
    /// [`Failure::Bug`], if a Rust type uses a construct that the model does not know.
    fn types(&self) -> Result<&Types, Failure>;
    /// How long each operation may take if the program says nothing.
    fn timeouts(&self) -> Timeouts;
    /// See [`Resource::check`], [`Resource::check_for`] and, with the old inputs of an update, [`Resource::check_update`].
    /// What comes back is what the resource fills in.
    ///
    /// # Errors
    /// [`Failure::Bug`], if inputs that passed the declaration's check do not fit their type.
    fn check(
        &self,
        client: Option<&C>,
        args: &Properties,
        olds: OldInputs<'_>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> Result<Properties, Failure>;
    /// See [`Resource::reconsider`] and [`Resource::delete_before_replace`].
    ///
    /// # Errors
    /// If the change is known to be refused.
    fn reconsider(
        &self,
        state: &Properties,
        olds: &Properties,
        news: &Properties,
        changes: &mut Vec<Change>,
    ) -> Result<Reconsidered, Failure>;
    /// See [`Resource::observe`].
    fn observe(&self, urn: &str, id: &str, state: &Properties, managed: bool);
    /// See [`Resource::admit`].
    fn admit(&self, client: &C, id: &str, state: &Properties) -> Result<(), Failure>;
    /// See [`Resource::create`].
    fn create<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        args: Properties,
    ) -> BoxFuture<'a, Result<(String, Properties), Failure>>;
    /// See [`Resource::read`].
    fn read<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        id: &'a str,
        old: Option<(Properties, Properties)>,
    ) -> BoxFuture<'a, ReadResult<Properties, Properties>>;
    /// See [`Resource::update`].
    fn update<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        update: AnyUpdate,
    ) -> BoxFuture<'a, Result<Properties, Failure>>;
    /// See [`Resource::delete`].
    fn delete<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        id: &'a str,
        old: (Properties, Properties),
    ) -> BoxFuture<'a, Result<(), Failure>>;
    /// See [`Resource::list`].
    fn list<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        query: ListQuery<Properties>,
    ) -> BoxFuture<'a, Result<ListPage, Failure>>;
}

/// The old inputs of a check, without secret wrappings.
#[derive(Debug, Clone, Copy, Default)]
pub struct OldInputs<'a> {
    /// As the state has them; `None` for a new resource.
    pub held: Option<&'a Properties>,
    /// The same without what an older provider filled in; `None` unless the resource is to be updated.
    pub updated: Option<&'a Properties>,
}

/// What a resource says of the differences that it has been shown.
#[derive(Debug, Default)]
pub struct Reconsidered {
    /// What the user is told.
    pub lines: Vec<String>,
    /// Whether a replacement must delete before it creates. Never set if there is none.
    pub delete_before_replace: bool,
}

/// An update in properties.
#[derive(Debug)]
pub struct AnyUpdate {
    /// The resource's id.
    pub id: String,
    /// The inputs in the state.
    pub old_args: Properties,
    /// The outputs in the state.
    pub old_state: Properties,
    /// The wanted inputs.
    pub args: Properties,
    /// The top-level properties that differ or are not in effect.
    pub changed: HashSet<String>,
    /// Those of them that may be in effect or not.
    pub unapplied: HashSet<String>,
}

/// The declared properties of a resource.
#[derive(Debug)]
pub struct Types {
    /// Its inputs.
    pub args: Arc<ObjectType>,
    /// Its outputs.
    pub state: Arc<ObjectType>,
    /// What a list of it can be narrowed by; `None` if it cannot be listed.
    pub list: Option<Arc<ObjectType>>,
}

/// Puts a typed resource behind the common face.
pub fn resource<C: Send + Sync + 'static, R: Resource<C>>(resource: R) -> Box<dyn AnyResource<C>> {
    Box::new(Typed { resource, types: OnceLock::new() })
}

struct Typed<R> {
    resource: R,
    types: OnceLock<Result<Types, String>>,
}

impl<C: Send + Sync + 'static, R: Resource<C>> AnyResource<C> for Typed<R> {
    fn token(&self) -> &'static str {
        R::TOKEN
    }

    fn aliases(&self) -> &'static [&'static str] {
        R::ALIASES
    }

    fn description(&self) -> &'static str {
        R::DESCRIPTION
    }

    fn types(&self) -> Result<&Types, Failure> {
        let read = || {
            let args = ObjectType::of::<R::Args>().map_err(|error| error.to_string())?;
            let state = ObjectType::of::<R::State>().map_err(|error| error.to_string())?;
            let list = match TypeId::of::<R::ListArgs>() == TypeId::of::<Unlisted>() {
                true => None,
                false => Some(ObjectType::of::<R::ListArgs>().map_err(|error| error.to_string())?),
            };
            Ok(Types { args, state, list })
        };
        self.types.get_or_init(read).as_ref().map_err(|error| Failure::Bug(error.clone()))
    }

    fn timeouts(&self) -> Timeouts {
        R::TIMEOUTS
    }

    fn check(
        &self,
        client: Option<&C>,
        args: &Properties,
        olds: OldInputs<'_>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> Result<Properties, Failure> {
        let args: R::Args = decode(args)?;
        let held = olds.held.map(decode_old).transpose()?;
        let filled = self.resource.check(&args, held.as_ref(), context, findings);
        if let Some(client) = client {
            self.resource.check_for(client, &args, findings);
        }
        if let Some(updated) = olds.updated {
            self.resource.check_update(&decode_old(updated)?, &args, findings);
        }
        Ok(encode(&filled)?)
    }

    fn reconsider(
        &self,
        state: &Properties,
        olds: &Properties,
        news: &Properties,
        changes: &mut Vec<Change>,
    ) -> Result<Reconsidered, Failure> {
        let (state, olds, news) = (Lazy::new(state), Lazy::new(olds), Lazy::new(news));
        let lines = self.resource.reconsider(&state, &olds, &news, changes)?;
        let replaces = changes.iter().any(|change| change.replace);
        let delete_before_replace = replaces && self.resource.delete_before_replace(olds.get()?, news.get()?);
        Ok(Reconsidered { lines, delete_before_replace })
    }

    fn observe(&self, urn: &str, id: &str, state: &Properties, managed: bool) {
        self.resource.observe(urn, id, &decode_old(state).unwrap_or_default(), managed);
    }

    fn admit(&self, client: &C, id: &str, state: &Properties) -> Result<(), Failure> {
        self.resource.admit(client, id, &decode_old(state).unwrap_or_default())
    }

    fn create<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        args: Properties,
    ) -> BoxFuture<'a, Result<(String, Properties), Failure>> {
        // Here, so that the properties are not kept for as long as the cloud takes.
        let args = decode(&args).map_err(|error| self.misfit(&args).unwrap_or_else(|| error.into()));
        Box::pin(async move {
            let (id, state) = self.resource.create(client, context, args?).await?;
            match encode(&state) {
                Ok(state) => Ok((id, state)),
                // The resource exists, so no failure may lose its id.
                Err(error) => {
                    Err(Failure::partial(&id, &state, Vec::new(), Failure::from(error).to_string()))
                }
            }
        })
    }

    fn read<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        id: &'a str,
        old: Option<(Properties, Properties)>,
    ) -> BoxFuture<'a, ReadResult<Properties, Properties>> {
        Box::pin(async move {
            let old = match old {
                None => None,
                Some((args, state)) => Some(Old { args: decode_old(&args)?, state: decode_old(&state)? }),
            };
            match self.resource.read(client, context, id, old).await? {
                None => Ok(None),
                Some(Read { id, args, state }) => {
                    Ok(Some(Read { id, args: encode(&args)?, state: encode(&state)? }))
                }
            }
        })
    }

    fn update<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        update: AnyUpdate,
    ) -> BoxFuture<'a, Result<Properties, Failure>> {
        let update = typed(update);
        Box::pin(async move { Ok(encode(&self.resource.update(client, context, update?).await?)?) })
    }

    fn delete<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        id: &'a str,
        (args, state): (Properties, Properties),
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let old = Old { args: decode_old(&args)?, state: decode_old(&state)? };
            self.resource.delete(client, context, id, old).await
        })
    }

    fn list<'a>(
        &'a self,
        client: &'a C,
        context: &'a Context,
        query: ListQuery<Properties>,
    ) -> BoxFuture<'a, Result<ListPage, Failure>> {
        let ListQuery { args, limit, page_size, page } = query;
        let args = decode(&args);
        Box::pin(async move {
            let query = ListQuery { args: args?, limit, page_size, page };
            self.resource.list(client, context, query).await
        })
    }
}

impl<R> Typed<R> {
    /// Why these inputs do not fit their type, as a user is told: a check has not seen them, or an older one has.
    fn misfit<C>(&self, args: &Properties) -> Option<Failure>
    where
        C: Send + Sync + 'static,
        R: Resource<C>,
    {
        let types = <Self as AnyResource<C>>::types(self).ok()?;
        let mut findings = Findings::default();
        check::check(&types.args, args.clone(), &mut findings);
        let texts: Vec<String> =
            findings.failures.iter().map(|found| format!("{}: {}", found.path, found.reason)).collect();
        (!texts.is_empty()).then(|| Failure::Refused(texts.join("; ")))
    }
}

fn typed<A: DeserializeOwned, S: DeserializeOwned>(update: AnyUpdate) -> Result<Update<A, S>, Failure> {
    Ok(Update {
        id: update.id,
        old: Old { args: decode_old(&update.old_args)?, state: decode_old(&update.old_state)? },
        // What the state held already was not judged again, so it may not fit.
        args: decode_old(&update.args)?,
        changed: update.changed,
        unapplied: update.unapplied,
    })
}

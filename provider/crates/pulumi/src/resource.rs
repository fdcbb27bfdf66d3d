//! [`Resource`]: what the author of a resource writes, with nothing of the wire in it.

use std::collections::HashSet;
use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Duration;

use crate::check::Findings;
use crate::codec::Lazy;
use crate::context::Context;
use crate::diff::Change;
use crate::failure::Failure;

/// A resource type: its args, its state and its verbs. `C` is the configured client that the verbs work with.
///
/// Previews, secrets, unknowns, aliases of properties and paths are dealt with before a verb is called.
pub trait Resource<C>: Send + Sync + 'static {
    /// The inputs. Each field is an `Option<Input<T>>`; its documentation becomes the users'.
    type Args: JsonSchema + DeserializeOwned + Serialize + Default + Send + Sync;
    /// The outputs, which embed the inputs.
    type State: JsonSchema + DeserializeOwned + Serialize + Send + Sync;
    /// The few fields of a state by which the resource knows its entries again. They are read before each verb, from every
    /// state whatever else it holds; what does not fit is absent.
    type Identity: DeserializeOwned + Default + Send;
    /// What a list of the resources can be narrowed by; [`Unlisted`] if there is no list.
    type ListArgs: JsonSchema + DeserializeOwned + Default + Send + 'static;

    /// The type token: `package:module/name:Name`.
    const TOKEN: &'static str;
    /// Other tokens that states may hold the resource under. A program has no class for them.
    const ALIASES: &'static [&'static str] = &[];
    /// The resource's documentation, in Markdown.
    const DESCRIPTION: &'static str;
    /// How long an operation may take if the program gives no `customTimeouts`.
    const TIMEOUTS: Timeouts = Timeouts::all(Duration::from_secs(600));

    /// Checks the rules that the declaration cannot express. Returns the inputs that the resource fills in, all others
    /// absent. `olds` are the inputs in the state, `None` for a new resource. Values that are wrong already are unknown.
    /// No I/O.
    fn check(
        &self,
        args: &Self::Args,
        olds: Option<&Self::Args>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> Self::Args;

    /// Checks the rules that the provider's settings decide. Not called in a preview whose settings are not known yet. No
    /// I/O.
    fn check_for(&self, _client: &C, _args: &Self::Args, _findings: &mut Findings) {}

    /// What an update may not do, though its new inputs are good in themselves. No I/O.
    fn check_update(&self, _olds: &Self::Args, _news: &Self::Args, _findings: &mut Findings) {}

    /// What the declaration cannot tell of the differences between old and new inputs: takes out those that are none, and
    /// returns what the user is told of that. Every preview of every resource comes here, so it reads no more than it must.
    /// No I/O.
    ///
    /// # Errors
    /// If the change is known to be refused.
    fn reconsider(
        &self,
        _state: &Lazy<'_, Self::State>,
        _olds: &Lazy<'_, Self::Args>,
        _news: &Lazy<'_, Self::Args>,
        _changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    /// Whether a replacement must delete before it creates.
    fn delete_before_replace(&self, _olds: &Self::Args, _news: &Self::Args) -> bool {
        false
    }

    /// Hears of an entry that the state holds, before a diff, a read and an update. A read may be of what a program only looks
    /// up; of the others the entry is `managed`.
    fn observe(&self, _urn: &str, _id: &str, _identity: &Self::Identity, _managed: bool) {}

    /// Refuses every verb on a resource that the state holds and this client cannot reach. No I/O.
    ///
    /// # Errors
    /// What stands against it, and what to do.
    fn admit(&self, _client: &C, _id: &str, _identity: &Self::Identity) -> Result<(), Failure> {
        Ok(())
    }

    /// Makes the resource, and waits until it can be used. Programs of some SDKs look up a resource that way while its id is
    /// not known yet: without a single input, what is required included. Such a create must be refused.
    fn create(
        &self,
        client: &C,
        context: &Context,
        args: Self::Args,
    ) -> impl Future<Output = Result<(String, Self::State), Failure>> + Send;

    /// Reads the resource; `None` only if it is proven that there is none, or that
    /// what the id leads to is not this resource's. `old` is absent on an import, whose `id` is what
    /// the user has typed: it may say more than the id that the state gets.
    fn read(
        &self,
        client: &C,
        context: &Context,
        id: &str,
        old: Option<Old<Self::Args, Self::State>>,
    ) -> impl Future<Output = ReadResult<Self::Args, Self::State>> + Send;

    /// Applies what differs.
    fn update(
        &self,
        client: &C,
        context: &Context,
        update: Update<Self::Args, Self::State>,
    ) -> impl Future<Output = Result<Self::State, Failure>> + Send;

    /// Deletes the resource, and waits until it is gone. One that is gone already is a success.
    fn delete(
        &self,
        client: &C,
        context: &Context,
        id: &str,
        old: Old<Self::Args, Self::State>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Lists one page of the resources that there are in the cloud, whoever made them.
    fn list(
        &self,
        _client: &C,
        _context: &Context,
        _query: ListQuery<Self::ListArgs>,
    ) -> impl Future<Output = Result<ListPage, Failure>> + Send {
        async { Err(Failure::Refused(format!("resources of type {:?} cannot be listed", Self::TOKEN))) }
    }
}

/// How long each operation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A create.
    pub create: Duration,
    /// A read, and a list.
    pub read: Duration,
    /// An update.
    pub update: Duration,
    /// A delete.
    pub delete: Duration,
}

impl Timeouts {
    /// The same for every operation.
    pub const fn all(timeout: Duration) -> Timeouts {
        Timeouts { create: timeout, read: timeout, update: timeout, delete: timeout }
    }
}

/// The [`ListArgs`](Resource::ListArgs) of a resource that cannot be listed.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
pub struct Unlisted {}

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct ListQuery<A> {
    /// What the list is narrowed by.
    pub args: A,
    /// How many resources the engine wants at most, over all pages from this one on; `None` for all.
    pub limit: Option<u64>,
    /// How many resources a page may have at most; `None` leaves it to the resource.
    pub page_size: Option<u64>,
    /// What the page before said of this one ([`ListPage::next`]); `None` for the first.
    pub page: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The resources on it.
    pub resources: Vec<Listed>,
    /// What leads to the next page; `None` on the last.
    pub next: Option<String>,
}

/// A resource in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What `pulumi import` takes.
    pub id: String,
    /// Its name in the cloud; empty if it has none.
    pub name: String,
}

/// What the state holds of a resource.
#[derive(Debug)]
pub struct Old<A, S> {
    /// The inputs.
    pub args: A,
    /// The outputs.
    pub state: S,
}

/// What a read found.
#[derive(Debug)]
pub struct Read<A, S> {
    /// The id for the state; of all reads but an import, the one that was asked for.
    pub id: String,
    /// The inputs as the cloud has them.
    pub args: A,
    /// The outputs.
    pub state: S,
}

/// A read's outcome: `None` if the resource is proven to be gone.
pub type ReadResult<A, S> = Result<Option<Read<A, S>>, Failure>;

/// An update: from what, to what.
#[derive(Debug)]
pub struct Update<A, S> {
    /// The resource's id.
    pub id: String,
    /// What the state holds.
    pub old: Old<A, S>,
    /// The inputs that the program wants.
    pub args: A,
    /// The top-level properties that differ, or that are not in effect.
    pub changed: HashSet<String>,
    /// Those of them that an earlier operation may have brought into effect or not.
    pub unapplied: HashSet<String>,
}

/// What a check may know beside the inputs.
#[derive(Debug)]
pub struct CheckContext<'a> {
    /// The resource's URN.
    pub urn: &'a str,
    /// The resource's name in the program.
    pub name: &'a str,
    /// Whether the program gives no input at all.
    pub is_empty: bool,
    /// From which random parts of names come.
    pub random_seed: &'a [u8],
    /// What the engine says of names that the program leaves out.
    pub autonaming: Autonaming<'a>,
}

/// What the engine says of names that the program leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Autonaming<'a> {
    /// Nothing: the provider's own way.
    Default,
    /// This name, adapted if it breaks a rule.
    Propose(&'a str),
    /// Exactly this name.
    Enforce(&'a str),
    /// None: the program must give it.
    Disable,
}

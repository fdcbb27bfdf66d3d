//! The least that a resource can be. It cannot be listed.

use std::collections::BTreeMap;

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{
    CheckContext, Context, Failure, Findings, Input, Old, Read, ReadResult, Resource, Unlisted, Update, known,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::library::{Client, Place};

/// A shelf, as a program wants it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["label"]))]
pub(crate) struct Shelf {
    /// What is written on it. A wobbly one has no boards yet.
    pub(crate) label: Option<Input<String>>,
    /// How many boards it has.
    pub(crate) boards: Option<Input<i64>>,
    /// What is stuck on it.
    #[schemars(extend("maxProperties" = 2))]
    pub(crate) stickers: Option<Input<BTreeMap<String, Input<String>>>>,
    /// The old name of `stickers`.
    #[schemars(extend("x-alias-of" = "stickers"))]
    pub(crate) decals: Option<Input<BTreeMap<String, Input<String>>>>,
    /// Its parts.
    #[schemars(length(max = 2))]
    pub(crate) parts: Option<Input<Vec<Input<Part>>>>,
}

/// A part of a shelf.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("x-token" = "library:index/Part:Part"))]
pub(crate) struct Part {
    /// How wide it is.
    pub(crate) width: Option<Input<i64>>,
    /// What it is made of.
    #[schemars(length(min = 2))]
    pub(crate) wood: Option<Input<String>>,
    /// How old it is.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) age: Option<Input<i64>>,
}

/// A shelf, as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ShelfState {
    #[serde(flatten)]
    pub(crate) args: Shelf,
    #[serde(flatten)]
    pub(crate) place: Place,
    /// The keys of stickers of a shelf that is not done.
    #[serde(rename = "__stuck", skip_serializing_if = "Option::is_none")]
    pub(crate) stuck: Option<Vec<String>>,
}

impl Shelf {
    fn stuck(&self) -> Vec<String> {
        known(&self.stickers).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }
}

/// Nothing is remembered of shelves.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Nothing {}

pub(crate) struct ShelfResource;

impl Resource<Client> for ShelfResource {
    type Args = Shelf;
    type State = ShelfState;
    type Identity = Nothing;
    type ListArgs = Unlisted;

    const TOKEN: &'static str = "library:index/shelf:Shelf";
    const DESCRIPTION: &'static str = "A shelf.";

    fn check(&self, args: &Shelf, _: Option<&Shelf>, _: &CheckContext<'_>, findings: &mut Findings) -> Shelf {
        let parts = known(&args.parts).into_iter().flatten().filter_map(Input::known);
        let width: i64 = parts.filter_map(|part| known(&part.width)).sum();
        if width > 100 {
            findings.fail_got(Path::property("parts"), "must not be wider than a wall", width.to_string());
        }
        if let [first, second] = args.stuck().as_slice()
            && first.eq_ignore_ascii_case(second)
        {
            let path = Path::property("stickers").key(second);
            findings.fail(path, format!("looks like {}", quote(first)));
        }
        Shelf::default()
    }

    async fn create(
        &self,
        client: &Client,
        _: &Context,
        args: Shelf,
    ) -> Result<(String, ShelfState), Failure> {
        let wobbly = known(&args.label).is_some_and(|label| label == "wobbly");
        let stuck = (wobbly && args.stickers.is_some()).then(|| args.stuck());
        let state = ShelfState { args, place: Place { city: Some(client.city.clone()) }, stuck };
        if wobbly {
            let reason = "s-1 has no boards".to_owned();
            return Err(Failure::partial("s-1", &state, vec!["boards".to_owned()], reason));
        }
        Ok(("s-1".to_owned(), state))
    }

    async fn read(
        &self,
        _: &Client,
        _: &Context,
        id: &str,
        old: Option<Old<Shelf, ShelfState>>,
    ) -> ReadResult<Shelf, ShelfState> {
        Ok(old.map(|old| Read { id: id.to_owned(), args: old.args, state: old.state }))
    }

    async fn update(
        &self,
        client: &Client,
        _: &Context,
        update: Update<Shelf, ShelfState>,
    ) -> Result<ShelfState, Failure> {
        client.cloud.hear(format!("changed {:?}, unapplied {:?}", update.changed, update.unapplied));
        let stuck = update.old.state.stuck.clone().map(|mut stuck| {
            stuck.extend(update.args.stuck());
            stuck
        });
        Ok(ShelfState { args: update.args, place: update.old.state.place, stuck })
    }

    async fn delete(
        &self,
        _: &Client,
        _: &Context,
        _: &str,
        _: Old<Shelf, ShelfState>,
    ) -> Result<(), Failure> {
        Ok(())
    }
}

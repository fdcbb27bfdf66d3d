//! The least that a resource can be. It cannot be listed.

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
}

/// A shelf, as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ShelfState {
    #[serde(flatten)]
    pub(crate) args: Shelf,
    #[serde(flatten)]
    pub(crate) place: Place,
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

    fn check(&self, _: &Shelf, _: Option<&Shelf>, _: &CheckContext<'_>, _: &mut Findings) -> Shelf {
        Shelf::default()
    }

    async fn create(
        &self,
        client: &Client,
        _: &Context,
        args: Shelf,
    ) -> Result<(String, ShelfState), Failure> {
        let wobbly = known(&args.label).is_some_and(|label| label == "wobbly");
        let state = ShelfState { args, place: Place { city: Some(client.city.clone()) } };
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
        Ok(ShelfState { args: update.args, place: update.old.state.place })
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

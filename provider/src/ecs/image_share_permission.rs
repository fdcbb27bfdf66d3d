//! `alicloud:ecs/imageSharePermission:ImageSharePermission`: one account that may use an image.

pub(crate) mod args;
mod change;
mod refusal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use pulumi::{
    CheckContext, Context, Failure, Findings, ListPage, ListQuery, Listed, Old, Read, Resource, Timeouts,
    Update, known,
};

use crate::client::Client;
use crate::ecs::image_share_permission::args::{Pair, ShareArgs, ShareEntry, ShareListArgs};
use crate::ecs::image_share_permission::change::{Sharing, Ungranted};
use crate::ecs::image_share_permission::refusal::refused;
use crate::ecs::images::entry::Identity;
use crate::ecs::images::memory::Memory;
use crate::ecs::images::shares::{PAGE, Page, Seen};

/// The resource.
#[derive(Debug)]
pub(crate) struct ImageSharePermission {
    memory: Memory,
}

impl ImageSharePermission {
    /// With the memory that it shares with resources that are images.
    pub(crate) fn new(memory: Memory) -> ImageSharePermission {
        ImageSharePermission { memory }
    }
}

impl Resource<Client> for ImageSharePermission {
    type Args = ShareArgs;
    type State = ShareEntry;
    type Identity = Identity;
    type ListArgs = ShareListArgs;

    const TOKEN: &'static str = "alicloud:ecs/imageSharePermission:ImageSharePermission";
    const DESCRIPTION: &'static str = include_str!("image_share_permission.md");
    const TIMEOUTS: Timeouts = Timeouts::all(Duration::from_secs(300));

    fn check(
        &self,
        args: &ShareArgs,
        _olds: Option<&ShareArgs>,
        _context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ShareArgs {
        args::check(args, findings);
        ShareArgs::default()
    }

    /// Always: a replacement that has the old one's id would be taken away with it.
    fn delete_before_replace(&self, _olds: &ShareArgs, _news: &ShareArgs) -> bool {
        true
    }

    fn observe(&self, urn: &str, id: &str, identity: &Identity, managed: bool) {
        self.memory.observe(urn, id, identity.mark.clone(), managed);
    }

    fn admit(&self, client: &Client, id: &str, identity: &Identity) -> Result<(), Failure> {
        client.check_region(Pair::of_id(id)?.image, identity.region_id.as_deref())
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: ShareArgs,
    ) -> Result<(String, ShareEntry), Failure> {
        let pair = Pair::of_args(&args)?;
        let (id, region) = (pair.id(), client.api.region());
        let mark = Some(uuid::Uuid::new_v4().simple().to_string());
        match (Sharing { client, context, pair }).grant().await {
            Ok(share) => {
                self.memory.hold(context.urn(), &id, mark.clone());
                Ok((id, ShareEntry::seen(pair, share, region, mark)))
            }
            Err(Ungranted { failure, in_doubt: false }) => Err(failure),
            Err(Ungranted { failure, in_doubt: true }) => {
                self.memory.hold(context.urn(), &id, mark.clone());
                Err(in_state(pair, &ShareEntry::unseen(pair, region, mark), failure))
            }
        }
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ShareArgs, ShareEntry>>,
    ) -> Result<Option<Read<ShareArgs, ShareEntry>>, Failure> {
        let pair = Pair::of_id(id)?;
        let entry = old.as_ref().map(|old| &old.state);
        let is_new = entry.is_some_and(|entry| entry.unseen == Some(true));
        match (Sharing { client, context, pair }).find(is_new).await? {
            Seen::Shared(share) => {
                let mark = entry.and_then(|entry| entry.mark.clone());
                let state = ShareEntry::seen(pair, share, client.api.region(), mark);
                let args = old.map_or_else(|| state.args.clone(), |old| old.args);
                Ok(Some(Read { id: id.to_owned(), args, state }))
            }
            seen @ (Seen::NotShared | Seen::NoImage) => {
                if let Some(entry) = entry {
                    if seen == Seen::NoImage {
                        client.prove_absence(pair.image, entry.region_id.as_deref())?;
                    }
                    self.memory.let_go(context.urn(), id, &entry.mark);
                }
                Ok(None)
            }
        }
    }

    /// There is nothing to change of a share. What comes here is one that an earlier operation was not sure of.
    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ShareArgs, ShareEntry>,
    ) -> Result<ShareEntry, Failure> {
        let Update { id, old, .. } = update;
        let pair = Pair::of_id(&id)?;
        match (Sharing { client, context, pair }).grant().await {
            Ok(share) => Ok(ShareEntry::seen(pair, share, client.api.region(), old.state.mark)),
            Err(Ungranted { failure, .. }) => {
                let region_id = Some(client.api.region().to_owned());
                Err(in_state(pair, &ShareEntry { region_id, ..old.state }, failure))
            }
        }
    }

    /// A program that gives a resource another name makes a share anew that is there, and then deletes the older entry. That
    /// must not end the share of the newer one.
    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Old<ShareArgs, ShareEntry>,
    ) -> Result<(), Failure> {
        let pair = Pair::of_id(id)?;
        if self.memory.let_go(context.urn(), id, &old.state.mark) {
            context.warn(&format!(
                "image {} stays shared with account {}: another entry of the state holds the same share",
                pair.image, pair.account
            ));
            return Ok(());
        }
        let withdrawn = (Sharing { client, context, pair }).withdraw(old.state.region_id.as_deref()).await;
        if withdrawn.is_err() {
            self.memory.hold(context.urn(), id, old.state.mark);
        }
        withdrawn
    }

    async fn list(
        &self,
        client: &Client,
        context: &Context,
        query: ListQuery<ShareListArgs>,
    ) -> Result<ListPage, Failure> {
        let Some(image) = known(&query.args.image_id) else {
            return Err(Failure::Refused("imageId is required: shares are listed image by image".to_owned()));
        };
        let (number, size) = match &query.page {
            Some(token) => read_token(token)?,
            None => (1, page_size(&query)),
        };
        let page = client.shares.page(context, image, number, size).await?;
        let Page { shares, total, .. } =
            page.map_err(|error| refused(error, Pair { image, account: "" }, client.api.region(), None))?;
        let read = u64::from(number - 1) * u64::from(size) + shares.len() as u64;
        let is_last = match total {
            Some(total) => shares.is_empty() || read >= total as u64,
            None => shares.len() < size as usize,
        };
        let resources = shares.into_iter().map(|share| {
            let pair = Pair { image, account: &share.account };
            Listed { id: pair.id(), name: share.account.clone() }
        });
        let next = (!is_last).then(|| format!("{}/{size}", number + 1));
        Ok(ListPage { resources: resources.collect(), next })
    }
}

/// The share may be there, or come to be, so the state keeps it: a share that nobody remembers is access that nobody knows of.
fn in_state(pair: Pair<'_>, entry: &ShareEntry, failure: Failure) -> Failure {
    let reason = match failure {
        Failure::Cancelled(_) => "interrupted".to_owned(),
        other => other.reason(),
    };
    let Pair { image, account } = pair;
    let text = format!(
        "{reason}\nImage {image} may be shared with account {account}, so the share is in the state: the next `pulumi up` makes \
         sure of it, and `pulumi destroy` ends it"
    );
    Failure::partial(&pair.id(), entry, Vec::new(), text)
}

/// So many as the engine wants, and no more than the cloud gives.
fn page_size(query: &ListQuery<ShareListArgs>) -> u32 {
    let most = u64::from(PAGE);
    let wanted = query.page_size.unwrap_or(most).min(query.limit.unwrap_or(most));
    u32::try_from(wanted.clamp(1, most)).unwrap_or(PAGE)
}

/// The number and the size of a page, as the page before it has named them.
fn read_token(token: &str) -> Result<(u32, u32), Failure> {
    let read =
        token.split_once('/').and_then(|(number, size)| Some((number.parse().ok()?, size.parse().ok()?)));
    read.filter(|(number, size)| *number >= 1 && (1..=PAGE).contains(size)).ok_or_else(|| {
        Failure::Refused(format!(
            "the continuation token {token:?} comes from no list of shares: begin the list again"
        ))
    })
}

//! A resource that names itself, waits, refuses and lists.

use std::sync::Arc;

use pulumi::diff::{Change, ChangeKind};
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{
    CheckContext, Context, Ended, Failure, Findings, Input, Lazy, ListPage, ListQuery, Listed, Look, Old,
    Read, ReadResult, Resource, Timeouts, Update, Wait, known,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use crate::library::{Client, Cloud, Place, Printed};

/// A book, as a program wants it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Book {
    /// The title.
    #[schemars(length(min = 2, max = 40), extend("x-always-reported" = true))]
    pub(crate) title: Option<Input<String>>,
    /// Who wrote it.
    #[schemars(extend("x-replace" = true))]
    pub(crate) author: Option<Input<String>>,
    /// How long it is.
    #[schemars(range(min = 1))]
    pub(crate) pages: Option<Input<i64>>,
    /// What the program leaves out.
    #[serde(rename = "__defaults", skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) filled_in: Option<Vec<String>>,
}

/// A book, as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BookState {
    #[serde(flatten)]
    pub(crate) args: Book,
    #[serde(flatten)]
    pub(crate) place: Place,
    /// How far it is.
    pub(crate) status: Option<String>,
}

/// By what an entry is known again.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BookIdentity {
    city: Option<String>,
    status: Option<String>,
}

/// What a list is narrowed by.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct BookList {
    /// Who wrote them.
    #[schemars(length(min = 2))]
    author: Option<Input<String>>,
}

pub(crate) struct BookResource {
    pub(crate) cloud: Arc<Cloud>,
}

impl BookResource {
    fn state(client: &Client, printed: &Printed) -> BookState {
        let status = if Instant::now() < printed.ready { "printing" } else { "printed" };
        BookState {
            args: Book {
                title: Some(Input::Known(printed.title.clone())),
                author: Some(Input::Known(printed.author.clone())),
                pages: Some(Input::Known(printed.pages)),
                filled_in: None,
            },
            place: Place { city: Some(client.city.clone()) },
            status: Some(status.to_owned()),
        }
    }

    /// Waits until a book is printed.
    async fn printed(client: &Client, context: &Context, id: &str) -> Result<BookState, Failure> {
        let mut wait = Wait::begin(context, &client.pace);
        let ended = loop {
            let printed = client.cloud.books().get(id).cloned();
            let look = match printed {
                None => Err(Failure::Refused("the library is on fire".to_owned())),
                Some(printed) if Instant::now() < printed.ready => {
                    let left = printed.ready - Instant::now();
                    Ok(Look::Going { status: format!("{id}: printing"), left: Some(left) })
                }
                Some(printed) => Ok(Look::Done(Self::state(client, &printed))),
            };
            match wait.after(look, 1).await {
                Ok(Some(state)) => return Ok(state),
                Ok(None) => {}
                Err(ended) => break ended,
            }
        };
        let reason = match ended {
            Ended::Late => format!("{id} is late; customTimeouts.{} allows more time", context.verb()),
            Ended::Cancelled(_) => format!("{id}: interrupted"),
            Ended::LookFailed(failure) => format!("{id} cannot be seen: {failure}"),
            Ended::OutOfPatience => format!("{id}: out of patience"),
        };
        let place = Place { city: Some(client.city.clone()) };
        let state = BookState { place, ..BookState::default() };
        Err(Failure::partial(id, &state, vec!["pages".to_owned()], reason))
    }
}

impl Resource<Client> for BookResource {
    type Args = Book;
    type State = BookState;
    type Identity = BookIdentity;
    type ListArgs = BookList;

    const TOKEN: &'static str = "library:index/book:Book";
    const DESCRIPTION: &'static str = "A book.";
    const ALIASES: &'static [&'static str] = &["library:index/tome:Tome"];
    const TIMEOUTS: Timeouts = Timeouts {
        read: Duration::from_secs(30),
        update: Duration::from_secs(40),
        delete: Duration::from_secs(50),
        ..Timeouts::all(Duration::from_secs(60))
    };

    fn check(
        &self,
        args: &Book,
        olds: Option<&Book>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> Book {
        if let Some(title) = known(&args.title)
            && title.ends_with('!')
        {
            findings.fail_got(Path::property("title"), "must not shout", quote(title));
        }
        let title = match (&args.title, olds) {
            (Some(_), _) => None,
            (None, Some(olds)) => olds.title.clone(),
            (None, None) => Some(Input::Known(format!("{}, a novel", context.name))),
        };
        Book { title, ..Book::default() }
    }

    fn check_for(&self, client: &Client, args: &Book, findings: &mut Findings) {
        if client.city == "Bruges" && known(&args.pages).is_some_and(|pages| *pages > 100) {
            findings.fail(Path::property("pages"), "is too much for the printers of Bruges");
        }
    }

    fn check_update(&self, olds: &Book, news: &Book, findings: &mut Findings) {
        if let (Some(old), Some(new)) = (known(&olds.pages), known(&news.pages))
            && new < old
        {
            findings.fail_got(Path::property("pages"), format!("never fewer than {old}"), new.to_string());
        }
    }

    fn reconsider(
        &self,
        state: &Lazy<'_, BookState>,
        olds: &Lazy<'_, Book>,
        news: &Lazy<'_, Book>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        let (state, olds, news) = (state.get()?, olds.get()?, news.get()?);
        let first = olds.author.is_none() && news.author.is_some();
        let same = known(&state.args.author).map(|author| author.to_lowercase())
            == known(&news.author).map(|author| author.to_lowercase());
        let before = changes.len();
        changes.retain(|change| {
            !(change.path.first_key() == Some("author") && change.kind == ChangeKind::Add && first && same)
        });
        if known(&news.author).is_some_and(|author| author == "Anonymous") && !changes.is_empty() {
            return Err(Failure::Refused("nobody becomes anonymous".to_owned()));
        }
        let lines =
            if changes.len() < before { vec!["the author is the same".to_owned()] } else { Vec::new() };
        Ok(lines)
    }

    fn delete_before_replace(&self, olds: &Book, news: &Book) -> bool {
        known(&olds.title) == known(&news.title)
    }

    fn observe(&self, urn: &str, id: &str, identity: &BookIdentity, _managed: bool) {
        let name = urn.rsplit("::").next().unwrap_or_default();
        let status = identity.status.as_deref().unwrap_or("unseen");
        let city = identity.city.as_deref().unwrap_or("no city");
        self.cloud.hear(format!("{name} is {id}, {status} in {city}"));
    }

    fn admit(&self, client: &Client, id: &str, identity: &BookIdentity) -> Result<(), Failure> {
        match &identity.city {
            Some(city) if *city != client.city => Err(Failure::Refused(format!("{id} is in {city}"))),
            _ => Ok(()),
        }
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: Book,
    ) -> Result<(String, BookState), Failure> {
        client.cloud.note_limit(context);
        let printed = Printed {
            title: known(&args.title).cloned().unwrap_or_default(),
            author: known(&args.author).cloned().unwrap_or_else(|| "Unknown".to_owned()),
            pages: known(&args.pages).copied().unwrap_or(100),
            ready: Instant::now() + client.printing,
        };
        let id = format!("b-{}", client.cloud.books().len() + 1);
        client.cloud.books().insert(id.clone(), printed);
        context.info(&format!("{} is sent to the printer", known(&args.title).cloned().unwrap_or_default()));
        let state = Self::printed(client, context, &id).await?;
        Ok((id, state))
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<Book, BookState>>,
    ) -> ReadResult<Book, BookState> {
        client.cloud.note_limit(context);
        // Whoever imports a book may say where it stands.
        let id = id.rsplit('/').next().unwrap_or_default();
        let books = client.cloud.books();
        let Some(printed) = books.get(id) else { return Ok(None) };
        let state = Self::state(client, printed);
        let args = match old {
            Some(old) => Book { pages: old.args.pages.and(state.args.pages.clone()), ..old.args },
            None => state.args.clone(),
        };
        Ok(Some(Read { id: id.to_owned(), args, state }))
    }

    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<Book, BookState>,
    ) -> Result<BookState, Failure> {
        client.cloud.note_limit(context);
        let mut changed: Vec<&str> = update.changed.iter().map(String::as_str).collect();
        changed.sort_unstable();
        client.cloud.hear(format!("changed {}", changed.join(" ")));
        if let (Some(pages), Some(printed)) =
            (known(&update.args.pages), client.cloud.books().get_mut(&update.id))
        {
            printed.pages = *pages;
        }
        Self::printed(client, context, &update.id).await
    }

    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        _: Old<Book, BookState>,
    ) -> Result<(), Failure> {
        client.cloud.note_limit(context);
        client.cloud.books().remove(id);
        Ok(())
    }

    async fn list(
        &self,
        client: &Client,
        context: &Context,
        query: ListQuery<BookList>,
    ) -> Result<ListPage, Failure> {
        client.cloud.hear(format!("{} within {} s", context.verb(), context.time_limit().as_secs()));
        let start: usize = query.page.as_deref().unwrap_or("0").parse().unwrap_or_default();
        let size = query.page_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(2);
        let books = client.cloud.books();
        let fitting: Vec<Listed> = books
            .iter()
            .filter(|(_, book)| known(&query.args.author).is_none_or(|author| *author == book.author))
            .map(|(id, book)| Listed { id: id.clone(), name: book.title.clone() })
            .collect();
        let resources: Vec<Listed> = fitting.iter().skip(start).take(size).cloned().collect();
        let next = (start + size < fitting.len()).then(|| (start + size).to_string());
        Ok(ListPage { resources, next })
    }
}

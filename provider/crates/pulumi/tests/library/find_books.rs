//! A function.

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Context, Failure, Findings, Function, Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Duration;

use crate::library::Client;

/// Which books.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["author"]))]
pub(crate) struct FindBooksArgs {
    /// Who wrote them.
    pub(crate) author: Option<Input<String>>,
    /// How many at most.
    #[schemars(range(min = 1))]
    pub(crate) most: Option<Input<i64>>,
    /// The old name of `author`.
    #[schemars(extend("x-alias-of" = "author", "x-deprecated" = "Use `author` instead."))]
    pub(crate) writer: Option<Input<String>>,
}

/// The books that there are.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundBooks {
    /// In the order of their ids.
    books: Vec<FoundBook>,
    /// The best of them.
    best: Option<FoundBook>,
    /// With which to borrow them.
    #[schemars(extend("x-secret" = true))]
    card: String,
}

/// A book that was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-token" = "library:index/FoundBook:FoundBook"))]
pub(crate) struct FoundBook {
    /// Its id.
    id: String,
    /// Its title.
    title: String,
}

pub(crate) struct FindBooks;

impl Function<Client> for FindBooks {
    type Args = FindBooksArgs;
    type Output = FoundBooks;

    const TOKEN: &'static str = "library:index/findBooks:findBooks";
    const DESCRIPTION: &'static str = "Finds books.";
    const DEPRECATED: Option<&'static str> = Some("Ask the librarian.");
    const TIMEOUT: Duration = Duration::from_secs(5);

    fn check(&self, args: &FindBooksArgs, findings: &mut Findings) {
        if let Some(author) = known(&args.author)
            && author.starts_with(char::is_lowercase)
        {
            findings.fail_got(Path::property("author"), "must begin with a capital", quote(author));
        }
        if known(&args.most).is_some_and(|most| *most > 1_000) {
            findings.warn(Path::property("most"), "takes long");
        }
    }

    async fn call(
        &self,
        client: &Client,
        context: &Context,
        args: FindBooksArgs,
    ) -> Result<FoundBooks, Failure> {
        client.cloud.hear(format!("{} within {} s", context.verb(), context.time_limit().as_secs()));
        let author = known(&args.author).cloned().unwrap_or_default();
        if author.starts_with("Nobody") {
            return Err(Failure::Refused(format!("{author} has written nothing")));
        }
        if author == "Never" {
            context.unless_cancelled(std::future::pending::<()>()).await?;
        }
        let most = known(&args.most).and_then(|most| usize::try_from(*most).ok()).unwrap_or(usize::MAX);
        let books: Vec<FoundBook> = client
            .cloud
            .books()
            .iter()
            .filter(|(_, book)| book.author == author)
            .take(most)
            .map(|(id, book)| FoundBook { id: id.clone(), title: book.title.clone() })
            .collect();
        Ok(FoundBooks { best: books.first().cloned(), books, card: format!("card of {author}") })
    }
}

//! DescribeImages page by page.

use aliyun::ecs::{DescribeImagesRequest, Image};
use pulumi::{Context, Failure};

/// The most that one page holds.
pub(crate) const MOST: u32 = 100;
/// A cloud that never comes to a last page is not followed for ever.
const MOST_PAGES: u32 = 1_000;

/// Where in a list a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The page's number, from 1.
    pub(crate) page: u32,
    /// How many images a page has, 1 to [`MOST`].
    pub(crate) size: u32,
    /// How many images the pages before had.
    pub(crate) before: u64,
}

impl Position {
    /// The beginning of a list whose pages have so many images.
    pub(crate) fn first(size: u32) -> Position {
        Position { page: 1, size, before: 0 }
    }
}

/// Asks for one page, and tells where the next one begins; `None` after the last one. `failed` makes a failure of what the
/// cloud answers instead.
///
/// # Errors
/// What `failed` makes, or the user's interruption.
pub(crate) async fn one(
    api: &aliyun::Client,
    context: &Context,
    query: &DescribeImagesRequest,
    position: Position,
    failed: impl Fn(aliyun::Error) -> Failure,
) -> Result<(Vec<Image>, Option<Position>), Failure> {
    let Position { page, size, before } = position;
    let query = DescribeImagesRequest { page_number: Some(page), page_size: Some(size), ..query.clone() };
    let call = api.describe_images(&query, context.deadline());
    let answer = context.unless_cancelled(call).await?.map_err(&failed)?;
    let found = answer.images.len() as u64;
    let seen = before.saturating_add(found);
    // A page may be shorter than was asked for.
    let is_last = match answer.total_count.and_then(|total| u64::try_from(total).ok()) {
        Some(total) => seen >= total || found == 0,
        None => found < u64::from(size),
    };
    if !is_last && page >= MOST_PAGES {
        let text = format!("there is no last page among the first {MOST_PAGES}");
        return Err(failed(aliyun::Error::contradiction("DescribeImages", text)));
    }
    let next = (!is_last).then(|| Position { page: page + 1, size, before: seen });
    Ok((answer.images, next))
}

/// Asks for all pages, each as long as the cloud allows.
///
/// # Errors
/// What `failed` makes of the cloud's answer, or the user's interruption.
pub(crate) async fn all(
    api: &aliyun::Client,
    context: &Context,
    query: &DescribeImagesRequest,
    failed: impl Fn(aliyun::Error) -> Failure,
) -> Result<Vec<Image>, Failure> {
    let mut images = Vec::new();
    let mut position = Some(Position::first(MOST));
    while let Some(at) = position {
        let (found, next) = one(api, context, query, at, &failed).await?;
        images.extend(found);
        position = next;
    }
    Ok(images)
}

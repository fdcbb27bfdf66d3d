//! Lists of the account's images, for any resource that is an image.

use std::collections::BTreeMap;

use aliyun::ecs::{DescribeImagesRequest, Image, Status};
use pulumi::value::quote;
use pulumi::{Context, Failure, Findings, Input, ListPage, ListQuery, Listed};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::client::Client;
use crate::ecs::images::account::is_own;
use crate::ecs::images::filters;
use crate::ecs::images::pages::{self, MOST, Position};
use crate::failure;

/// What a list of images can be narrowed by.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageListArgs {
    /// Only images of this processor architecture: `i386`, `x86_64` or `arm64`.
    #[schemars(extend("enum" = ["i386", "x86_64", "arm64"]))]
    pub(crate) architecture: Option<Input<String>>,

    /// Only images of this family.
    pub(crate) image_family: Option<Input<String>>,

    /// Only images whose name contains this text.
    pub(crate) image_name: Option<Input<String>>,

    /// Only images with this operating system: `linux` or `windows`.
    #[schemars(extend("enum" = ["linux", "windows"]))]
    pub(crate) os_type: Option<Input<String>>,

    /// Only images in this resource group. The cloud finds 1000 of them at most.
    pub(crate) resource_group_id: Option<Input<String>>,

    /// Only images made from this snapshot.
    pub(crate) snapshot_id: Option<Input<String>>,

    /// Only images in these states: one or several of `Available`, `Creating`, `Waiting`, `UnAvailable`, `CreateFailed` and
    /// `Deprecated`, with commas between them, or `ALL`. Default: `ALL`.
    pub(crate) status: Option<Input<String>>,

    /// Only images that carry all of these tags. The cloud finds 1000 of them at most.
    #[schemars(extend("maxProperties" = 20, "x-scalars-as-text" = true))]
    pub(crate) tags: Option<Input<BTreeMap<String, Input<String>>>>,
}

/// One page of the account's own images that `is_wanted` says yes to.
///
/// # Errors
/// If the states are none, the page is none of this list, or the cloud refuses.
pub(crate) async fn page(
    client: &Client,
    context: &Context,
    query: ListQuery<ImageListArgs>,
    is_wanted: impl Fn(&Image) -> bool,
) -> Result<ListPage, Failure> {
    let args = query.args;
    let status = match filters::text(&args.status) {
        None => Status::Every,
        Some(text) => {
            filters::states(&text).map_err(|reason| Failure::Refused(format!("status: {reason}")))?
        }
    };
    let mut findings = Findings::default();
    filters::check_tags(&args.tags, &mut findings);
    if let Some(mistake) = findings.failures.first() {
        return Err(Failure::Refused(format!("{}: {}", mistake.path, mistake.text())));
    }
    let request = DescribeImagesRequest {
        image_owner_alias: Some("self".to_owned()),
        architecture: filters::text(&args.architecture),
        image_family: filters::text(&args.image_family),
        image_name: filters::text(&args.image_name),
        os_type: filters::text(&args.os_type),
        resource_group_id: filters::text(&args.resource_group_id),
        snapshot_id: filters::text(&args.snapshot_id),
        status,
        tags: filters::tags(&args.tags),
        ..DescribeImagesRequest::default()
    };
    let position = match query.page {
        Some(token) => read_token(&token).ok_or_else(|| {
            let token = quote(&token);
            Failure::Refused(format!(
                "the continuation token {token} leads to no page of images: begin again without it"
            ))
        })?,
        None => {
            let size = query.page_size.and_then(|size| u32::try_from(size).ok()).unwrap_or(MOST);
            Position::first(size.clamp(1, MOST))
        }
    };
    let (found, next) = pages::one(&client.api, context, &request, position, failure::looked_up).await?;
    let wanted = found.into_iter().filter(|image| is_own(image) && is_wanted(image));
    let resources = wanted
        .filter_map(|image| Some(Listed { id: image.image_id?, name: image.image_name.unwrap_or_default() }));
    Ok(ListPage { resources: resources.collect(), next: next.map(token) })
}

/// Pages are numbered by their size, so that it must stay the same from the first to the last.
fn token(position: Position) -> String {
    format!("{}-{}-{}", position.page, position.size, position.before)
}

fn read_token(token: &str) -> Option<Position> {
    let mut parts = token.split('-');
    let position = Position {
        page: parts.next()?.parse().ok().filter(|page| *page > 0)?,
        size: parts.next()?.parse().ok().filter(|size| (1..=MOST).contains(size))?,
        before: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(position)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aliyun::testing::{self, Stub, ok};
    use pulumi::Verb;
    use pulumi::testing::TestContext;
    use serde_json::{Value as Json, json};

    use super::*;

    /// A cloud with `count` images, of which every third is a copy and the second is of somebody else.
    fn cloud(count: u64) -> Arc<Stub> {
        Stub::new(move |sent| {
            let number = |name: &str| sent.param(name).parse::<u64>().unwrap();
            let (page, size) = (number("PageNumber"), number("PageSize"));
            let image = |number: u64| {
                let owner = if number == 2 { "others" } else { "self" };
                json!({ "ImageId": format!("m-{number}"), "ImageName": format!("web-{number}"),
                    "IsCopied": number.is_multiple_of(3), "ImageOwnerAlias": owner })
            };
            let images: Vec<Json> = ((page - 1) * size + 1..=(page * size).min(count)).map(image).collect();
            ok(&json!({ "RequestId": "R", "TotalCount": count, "Images": { "Image": images } }).to_string())
        })
    }

    fn query(args: Json) -> ListQuery<ImageListArgs> {
        ListQuery { args: serde_json::from_value(args).unwrap(), limit: None, page_size: None, page: None }
    }

    async fn list(
        stub: &Arc<Stub>,
        query: ListQuery<ImageListArgs>,
        is_wanted: impl Fn(&Image) -> bool,
    ) -> Result<ListPage, Failure> {
        let client = Client::for_tests(testing::client(stub), None);
        let context = TestContext::new(Verb::List, "", Duration::from_secs(60));
        page(&client, &context, query, is_wanted).await
    }

    #[tokio::test(start_paused = true)]
    async fn pages_lead_to_one_another_and_each_is_one_call() {
        let stub = cloud(250);
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let page = list(&stub, ListQuery { page: next, ..query(json!({})) }, |_| true).await.unwrap();
            found.extend(page.resources);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        // The image of somebody else is not in it.
        assert_eq!((found.len(), stub.sent().len()), (249, 3));
        assert_eq!(found[0], Listed { id: "m-1".to_owned(), name: "web-1".to_owned() });
        assert_eq!(found[248].id, "m-250");
        let sent = stub.sent();
        assert_eq!((sent[0].param("Status"), sent[0].param("ImageOwnerAlias")), ("ALL", "self"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_size_of_a_page_stays_the_same_whatever_later_calls_say() {
        let stub = cloud(5);
        let first = ListQuery { page_size: Some(2), ..query(json!({})) };
        let page = list(&stub, first, |image| image.is_copied == Some(true)).await.unwrap();
        assert_eq!(page.resources, []);
        let later = ListQuery { page: page.next, page_size: Some(50), ..query(json!({})) };
        let page = list(&stub, later, |image| image.is_copied == Some(true)).await.unwrap();
        assert_eq!(page.resources, [Listed { id: "m-3".to_owned(), name: "web-3".to_owned() }]);
        assert!(page.next.is_some());
        let last = ListQuery { page: page.next, ..query(json!({})) };
        assert_eq!(list(&stub, last, |_| true).await.unwrap().next, None);
        let sizes: Vec<String> = stub.sent().iter().map(|sent| sent.param("PageSize").to_owned()).collect();
        assert_eq!(sizes, ["2", "2", "2"]);
        // More than the cloud takes is not asked for.
        let stub = cloud(5);
        list(&stub, ListQuery { page_size: Some(1_000), ..query(json!({})) }, |_| true).await.unwrap();
        assert_eq!(stub.sent()[0].param("PageSize"), "100");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_without_an_end_ends_in_an_error() {
        let stub = cloud(5);
        let end = format!("1-1-{}", u64::MAX);
        let page = list(&stub, ListQuery { page: Some(end), ..query(json!({})) }, |_| true).await.unwrap();
        assert_eq!(page.next, None);
        let last = ListQuery { page: Some("1000-1-0".to_owned()), ..query(json!({})) };
        let failed = list(&cloud(2_000), last, |_| true).await.unwrap_err().to_string();
        assert!(failed.contains("there is no last page among the first 1000"), "{failed}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_narrows_a_list_is_sent() {
        let stub = cloud(0);
        let args = json!({ "architecture": "arm64", "imageFamily": "web", "imageName": "golden", "osType": "linux",
            "resourceGroupId": "rg-1", "snapshotId": "s-1", "status": "Available, Deprecated", "tags": { "team": "web" } });
        list(&stub, query(args), |_| true).await.unwrap();
        let sent = &stub.sent()[0];
        for (name, value) in [
            ("Architecture", "arm64"),
            ("ImageFamily", "web"),
            ("ImageName", "golden"),
            ("OSType", "linux"),
            ("ResourceGroupId", "rg-1"),
            ("SnapshotId", "s-1"),
            ("Status", "Available,Deprecated"),
            ("Tag.1.Key", "team"),
            ("Tag.1.Value", "web"),
        ] {
            assert_eq!(sent.param(name), value, "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn mistakes_are_told_before_any_call() {
        let stub = cloud(5);
        let wrong = list(&stub, query(json!({ "status": "Ready" })), |_| true).await.unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "status: must be ALL, or one or several of Available, Creating, Waiting, UnAvailable, CreateFailed, Deprecated \
             with commas between them, got \"Ready\""
        );
        let wrong = list(&stub, query(json!({ "tags": { "": "x" } })), |_| true).await.unwrap_err();
        assert_eq!(wrong.to_string(), "tags[\"\"]: a tag's key must be 1 to 128 characters long, got 0");
        for token in ["x", "2", "2-100", "0-100-0", "2-0-0", "2-101-100", "2-100-100-1", "2-100--1"] {
            let page = ListQuery { page: Some(token.to_owned()), ..query(json!({})) };
            let wrong = list(&stub, page, |_| true).await.unwrap_err().to_string();
            assert_eq!(
                wrong,
                format!(
                    "the continuation token \"{token}\" leads to no page of images: begin again without it"
                )
            );
        }
        assert_eq!(stub.sent().len(), 0);
    }
}

//! `alicloud:ecs/imageCopy:ImageCopy`, made by CopyImage. What it takes is in `image_copy/args.rs`; what it shares with other
//! resources that are images is in `images/`.

pub(crate) mod args;
mod making;

use pulumi::diff::Change;
use pulumi::path::Path;
use pulumi::{
    CheckContext, Context, Failure, Findings, Lazy, ListPage, ListQuery, Old, Read, Resource, Timeouts,
    Update, known,
};
use tokio::time::Duration;

use crate::client::Client;
use crate::ecs::image_copy::args::ImageCopyArgs;
use crate::ecs::image_copy::making::CopyImage;
use crate::ecs::images::diff;
use crate::ecs::images::entry::{Entry, Identity};
use crate::ecs::images::list::{self, ImageListArgs};
use crate::ecs::images::memory::Memory;
use crate::ecs::images::rules;
use crate::ecs::images::verbs::Verbs;

/// What the state holds of a copy.
pub(crate) type ImageCopyState = Entry<ImageCopyArgs>;

/// The resource.
#[derive(Debug)]
pub(crate) struct ImageCopy {
    memory: Memory,
}

impl ImageCopy {
    /// With the memory that it shares with other resources that are images.
    pub(crate) fn new(memory: Memory) -> ImageCopy {
        ImageCopy { memory }
    }

    fn verbs<'a>(&'a self, client: &'a Client, context: &'a Context) -> Verbs<'a> {
        Verbs { client, context, memory: &self.memory }
    }
}

impl Resource<Client> for ImageCopy {
    type Args = ImageCopyArgs;
    type State = ImageCopyState;
    type Identity = Identity;
    type ListArgs = ImageListArgs;

    const TOKEN: &'static str = "alicloud:ecs/imageCopy:ImageCopy";
    const ALIASES: &'static [&'static str] = &["alicloud:ecs/copyImage:CopyImage"];
    const DESCRIPTION: &'static str = include_str!("image_copy.md");
    const TIMEOUTS: Timeouts =
        Timeouts { create: Duration::from_secs(3_600), ..Timeouts::all(Duration::from_secs(600)) };

    fn check(
        &self,
        args: &ImageCopyArgs,
        olds: Option<&ImageCopyArgs>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ImageCopyArgs {
        let encrypts = args.encrypted.as_ref().is_some_and(|encrypted| encrypted.known() != Some(&false));
        if known(&args.kms_key_id).is_some() && !encrypts {
            let reason =
                "is the key of an encrypted copy: set encrypted: true as well, or leave kmsKeyId out";
            findings.fail(Path::property("kmsKeyId"), reason);
        }
        rules::check(args, olds, context, findings)
    }

    fn check_for(&self, client: &Client, args: &ImageCopyArgs, findings: &mut Findings) {
        if let Some(mistake) = known(&args.source_region_id).and_then(|region| client.region_mistake(region))
        {
            findings.fail(Path::property("sourceRegionId"), mistake);
        }
    }

    fn check_update(&self, olds: &ImageCopyArgs, news: &ImageCopyArgs, findings: &mut Findings) {
        rules::check_update(olds, news, findings);
    }

    fn reconsider(
        &self,
        state: &Lazy<'_, ImageCopyState>,
        olds: &Lazy<'_, ImageCopyArgs>,
        news: &Lazy<'_, ImageCopyArgs>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        diff::reconsider(state, olds, news, changes)
    }

    fn delete_before_replace(&self, olds: &ImageCopyArgs, news: &ImageCopyArgs) -> bool {
        diff::deletes_before_replacing(olds, news)
    }

    fn observe(&self, urn: &str, id: &str, identity: &Identity, managed: bool) {
        self.memory.observe(urn, id, identity.mark.clone(), managed);
    }

    /// A copy is in one region, and not to be found in another.
    fn admit(&self, client: &Client, id: &str, identity: &Identity) -> Result<(), Failure> {
        client.check_region(id, identity.region_id.as_deref())
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: ImageCopyArgs,
    ) -> Result<(String, ImageCopyState), Failure> {
        let making = CopyImage::of(&args, client)?;
        self.verbs(client, context).create(&args, &making).await
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ImageCopyArgs, ImageCopyState>>,
    ) -> Result<Option<Read<ImageCopyArgs, ImageCopyState>>, Failure> {
        if old.is_some() {
            return self.verbs(client, context).read(id, old).await;
        }
        let (id, told) = adopted(id)?;
        self.verbs(client, context).adopt(id, &told).await
    }

    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ImageCopyArgs, ImageCopyState>,
    ) -> Result<ImageCopyState, Failure> {
        self.verbs(client, context).update(update).await
    }

    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Old<ImageCopyArgs, ImageCopyState>,
    ) -> Result<(), Failure> {
        self.verbs(client, context).delete(id, &old).await
    }

    /// Of all images those that are copies, as the cloud has no filter for them.
    async fn list(
        &self,
        client: &Client,
        context: &Context,
        query: ListQuery<ImageListArgs>,
    ) -> Result<ListPage, Failure> {
        list::page(client, context, query, |image| image.is_copied == Some(true)).await
    }
}

/// The copy's id and the inputs that the id of a `pulumi import` tells, which names the source as well or leaves it
/// open.
fn adopted(id: &str) -> Result<(&str, ImageCopyArgs), Failure> {
    let parts: Vec<&str> = id.split('/').collect();
    match parts[..] {
        [id] => Ok((id, ImageCopyArgs::default())),
        [region, image, id] if [region, image, id].iter().all(|part| !part.is_empty()) => {
            let told = ImageCopyArgs {
                source_image_id: Some(image.to_owned().into()),
                source_region_id: Some(region.to_owned().into()),
                ..ImageCopyArgs::default()
            };
            Ok((id, told))
        }
        _ => Err(Failure::Refused(format!(
            "{id:?} is no id of a copy: give the id of the image, m-…, or with what it was copied from \
             <sourceRegionId>/<sourceImageId>/<id of the image>"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use aliyun::testing::{Sent, broken, hang, ok, refuse};
    use pulumi::testing::TestContext;
    use pulumi::value::{Properties, Value};
    use pulumi::{AnyResource, Autonaming, Input, Verb};
    use serde_json::{Value as Json, json};
    use tokio::time::Instant;

    use super::*;
    use crate::ecs::images::attributes::NAME;
    use crate::ecs::images::claim::Making as _;
    use crate::ecs::images::entry::Kept;
    use crate::ecs::images::inputs::Inputs as _;
    use crate::ecs::images::laws;
    use crate::ecs::images::test_cloud::{Cloud, PROVIDER, partial};
    use crate::ecs::images::unfinished::{Naming, Unfinished};

    const URN: &str = "urn:pulumi:prod::shop::alicloud:ecs/imageCopy:ImageCopy::web";

    fn text(text: &str) -> Option<Input<String>> {
        Some(text.to_owned().into())
    }

    fn golden() -> ImageCopyArgs {
        ImageCopyArgs {
            image_name: text("golden"),
            source_image_id: text("m-source"),
            source_region_id: text("cn-beijing"),
            ..ImageCopyArgs::default()
        }
    }

    fn within(verb: Verb, seconds: u64) -> TestContext {
        TestContext::new(verb, URN, Duration::from_secs(seconds))
    }

    fn copies(cloud: &Cloud) -> ImageCopy {
        ImageCopy::new(cloud.memory.clone())
    }

    async fn create(
        cloud: &Cloud,
        context: &TestContext,
        args: ImageCopyArgs,
    ) -> Result<(String, ImageCopyState), Failure> {
        copies(cloud).create(&cloud.client, context, args).await
    }

    /// The name and the token under which the golden copy is made.
    fn unfinished(cloud: &Cloud) -> Unfinished {
        let making = CopyImage::of(&golden(), &cloud.client).unwrap();
        Unfinished::new(PROVIDER, URN, "cn-test", "golden", making.parameters(), Naming::Given)
    }

    fn sent(cloud: &Cloud, action: &str) -> Vec<Sent> {
        cloud.stub.sent().into_iter().filter(|sent| sent.action() == action).collect()
    }

    #[test]
    fn every_property_that_can_be_updated_is_an_attribute_or_is_recorded() {
        laws::check_updates::<ImageCopyArgs>();
    }

    #[tokio::test]
    async fn every_attribute_of_a_copy_is_sent_with_it_or_after_it() {
        let cloud = Cloud::new();
        let sent = laws::check_attributes(&golden(), |args| CopyImage::of(args, &cloud.client).unwrap());
        assert_eq!(sent, [NAME, "description", "resourceGroupId", "status"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_is_asked_for_in_the_source_s_region_and_watched_in_its_own() {
        let cloud = Cloud::new();
        let args = ImageCopyArgs {
            description: text("a text"),
            encrypted: Some(Input::Known(true)),
            kms_key_id: text("k-1"),
            resource_group_id: text("rg-1"),
            tags: Some(Input::Known([("a".to_owned(), "1".to_owned().into())].into())),
            ..golden()
        };
        let (id, state) = create(&cloud, &within(Verb::Create, 3_600), args).await.unwrap();
        assert_eq!(id, "m-1");
        assert_eq!(
            cloud.stub.actions(),
            ["DescribeImages", "CopyImage", "DescribeImages", "ModifyImageAttribute"]
        );
        let all = cloud.stub.sent();
        let (copy, others) = (&all[1], [&all[0], &all[2], &all[3]]);
        assert_eq!((copy.host(), copy.param("RegionId")), ("ecs.cn-beijing.aliyuncs.com", "cn-beijing"));
        for other in others {
            assert_eq!((other.host(), other.param("RegionId")), ("ecs.cn-test.aliyuncs.com", "cn-test"));
        }
        for (name, value) in [
            ("ImageId", "m-source"),
            ("DestinationRegionId", "cn-test"),
            ("DestinationDescription", "a text"),
            ("Encrypted", "true"),
            ("KMSKeyId", "k-1"),
            ("ResourceGroupId", "rg-1"),
            ("Tag.1.Key", "a"),
        ] {
            assert_eq!(copy.param(name), value, "{name}");
        }
        assert!(copy.param("DestinationImageName").starts_with("golden-unfinished-"));
        assert_eq!(all[3].param("ImageName"), "golden");
        assert_eq!(known(&state.args.source_image_id).unwrap(), "m-source");
        assert_eq!(state.report.is_copied, Some(true));
        assert_eq!(state.args.snapshots(&state.outputs), ["s-of-m-1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_program_leaves_out_is_not_sent() {
        let cloud = Cloud::new();
        create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap();
        let copy = &sent(&cloud, "CopyImage")[0];
        for name in ["Encrypted", "KMSKeyId", "DestinationDescription", "ResourceGroupId", "Tag.1.Key"] {
            assert!(!copy.params.contains_key(name), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_an_interrupted_create_left_is_taken_up() {
        let cloud = Cloud::new();
        let unfinished = unfinished(&cloud);
        cloud.holds("m-left", &unfinished.name);
        let context = within(Verb::Create, 3_600);
        assert_eq!(create(&cloud, &context, golden()).await.unwrap().0, "m-left");
        assert_eq!(cloud.count("CopyImage"), 0);
        assert!(context.infos()[0].contains("m-left"), "{:?}", context.infos());
        assert_eq!(cloud.names(), [("m-left".to_owned(), "golden".to_owned())]);
    }

    /// The process dies after the cloud took the call and before any list shows the copy: the next one sends the same call.
    #[tokio::test(start_paused = true)]
    async fn a_repeated_create_makes_no_second_copy() {
        let cloud = Cloud::new();
        cloud.state().shown_after = Duration::from_secs(20);
        let context = within(Verb::Create, 3_600);
        let killed = create(&cloud, &context, golden());
        assert!(tokio::time::timeout(Duration::from_millis(500), killed).await.is_err());
        let next = cloud.of_another_process();
        assert_eq!(create(&next, &within(Verb::Create, 3_600), golden()).await.unwrap().0, "m-1");
        let calls = sent(&cloud, "CopyImage");
        assert_eq!(calls[0].param("ClientToken"), unfinished(&cloud).token);
        assert!(calls.len() >= 2 && calls[1].params["ClientToken"] == calls[0].params["ClientToken"]);
        assert_eq!(cloud.names(), [("m-1".to_owned(), "golden".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_lost_is_asked_for_again() {
        let cloud = Cloud::otherwise(|sent, state| {
            let first = sent.action() == "CopyImage" && state.tokens.is_empty();
            if first {
                state.create(sent);
            }
            first.then(broken)
        });
        assert_eq!(create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap().0, "m-1");
        assert_eq!((cloud.count("CopyImage"), cloud.names().len()), (2, 1));
    }

    #[test]
    fn the_destination_and_the_source_tell_one_request_from_another() {
        let cloud = Cloud::new();
        let of = |args: &ImageCopyArgs| CopyImage::of(args, &cloud.client).unwrap().parameters();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let first = of(&golden());
        assert!(first.contains(&pair("RegionId", "cn-beijing")), "{first:?}");
        assert!(first.contains(&pair("DestinationRegionId", "cn-test")), "{first:?}");
        assert_ne!(first, of(&ImageCopyArgs { source_region_id: text("eu-central-1"), ..golden() }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_waits_for_its_turn_goes_on() {
        let cloud = Cloud::new();
        cloud.state().queued_for = Duration::from_secs(1_200);
        cloud.state().ready_after = Duration::from_secs(2_400);
        let (began, context) = (Instant::now(), within(Verb::Create, 3_600));
        create(&cloud, &context, golden()).await.unwrap();
        assert!((2_400..2_415).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!(
            context.statuses(),
            ["image m-1: Waiting (0%)", "image m-1: Creating (50%)", "image m-1: Available (100%)"]
        );
        assert!(cloud.count("DescribeImages") <= 250, "{}", cloud.count("DescribeImages"));
    }

    #[tokio::test(start_paused = true)]
    async fn neither_the_end_of_the_time_nor_the_user_ends_the_copy() {
        for interrupt in [false, true] {
            let cloud = Cloud::new();
            cloud.state().queued_for = Duration::from_secs(200);
            cloud.state().ready_after = Duration::from_secs(400);
            let context = within(Verb::Create, 60);
            let interrupted = async {
                tokio::time::sleep(Duration::from_secs(30)).await;
                if interrupt {
                    context.cancel();
                }
            };
            let (made, ()) = tokio::join!(create(&cloud, &context, golden()), interrupted);
            let (id, state, unapplied, text) = partial(made.unwrap_err());
            assert_eq!((id.as_str(), state["status"].as_str()), ("m-1", Some("Waiting")), "{text}");
            assert_eq!(unapplied, [NAME]);
            assert_eq!((cloud.count("CancelCopyImage"), cloud.count("DeleteImage")), (0, 0));
            // The next `up` goes on waiting.
            let state: ImageCopyState = pulumi::decode(&state).unwrap();
            let update = Update {
                id,
                old: Old { args: golden(), state },
                args: golden(),
                changed: [NAME.to_owned()].into(),
                unapplied: [NAME.to_owned()].into(),
            };
            let context = within(Verb::Update, 600);
            let state = copies(&cloud).update(&cloud.client, &context, update).await.unwrap();
            assert_eq!(state.report.usable, Some(true));
            assert_eq!(cloud.names(), [("m-1".to_owned(), "golden".to_owned())]);
            assert_eq!(cloud.count("CopyImage"), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_copies_at_once_share_their_looks() {
        let cloud = Cloud::new();
        cloud.state().ready_after = Duration::from_secs(1_200);
        let makes = (0..100).map(|index| {
            let cloud = &cloud;
            async move {
                tokio::time::sleep(Duration::from_millis(30 * index)).await;
                let urn = format!("{URN}-{index}");
                let context = TestContext::new(Verb::Create, &urn, Duration::from_secs(3_600));
                let args = ImageCopyArgs { image_name: text(&format!("golden-{index}")), ..golden() };
                create(cloud, &context, args).await.map(drop)
            }
        });
        for made in futures::future::join_all(makes).await {
            made.unwrap();
        }
        assert_eq!((cloud.count("CopyImage"), cloud.count("ModifyImageAttribute")), (100, 100));
        assert!(cloud.count("DescribeImages") <= 160, "{}", cloud.count("DescribeImages"));
        assert_eq!(cloud.names().len(), 100);
    }

    fn looks_at_sources(cloud: &Cloud) -> usize {
        let looks = sent(cloud, "DescribeImages");
        looks.iter().filter(|sent| sent.param("RegionId") == "cn-beijing").count()
    }

    /// A cloud whose source is in this status for so long, and Available then.
    fn with_source(status: &'static str, seconds: u64) -> Cloud {
        let began = Instant::now();
        Cloud::otherwise(move |sent, _| {
            let early = began.elapsed() < Duration::from_secs(seconds);
            let status = if early { status } else { "Available" };
            match (sent.action(), sent.param("RegionId")) {
                ("CopyImage", _) if early => Some(refuse(400, "IncorrectImageStatus")),
                ("DescribeImages", "cn-beijing") => {
                    let source = json!({ "ImageId": "m-source", "Status": status, "Progress": "70%" });
                    let images =
                        json!({ "RequestId": "R", "TotalCount": 1, "Images": { "Image": [source] } });
                    Some(ok(&images.to_string()))
                }
                _ => None,
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_names_the_source_is_no_copy_of_it() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "CopyImage").then(|| ok(r#"{"RequestId":"R","ImageId":"m-source"}"#))
        });
        let failed = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap_err();
        assert_eq!(failed.to_string(), "CopyImage: the answer names the source, m-source, as the copy");
        assert_eq!(cloud.count("CopyImage"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_still_being_made_is_waited_for() {
        let cloud = with_source("Creating", 90);
        let (began, context) = (Instant::now(), within(Verb::Create, 3_600));
        create(&cloud, &context, golden()).await.unwrap();
        assert!((90..=105).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!(context.statuses()[0], "waits for image m-source in cn-beijing: Creating (70%)");
        let looks = sent(&cloud, "DescribeImages");
        assert!(looks.iter().any(|look| look.host() == "ecs.cn-beijing.aliyuncs.com"));
        assert_eq!(cloud.names().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn copies_that_wait_for_one_source_look_at_it_together_and_are_asked_for_once_it_is_there() {
        let cloud = with_source("Creating", 1_800);
        let context = within(Verb::Create, 7_200);
        let copies = (0..100).map(|index| {
            let args = ImageCopyArgs { image_name: text(&format!("golden-{index}")), ..golden() };
            create(&cloud, &context, args)
        });
        assert!(futures::future::join_all(copies).await.into_iter().all(|made| made.is_ok()));
        // At first, once a minute as looks may lag behind, and when the source is available.
        assert!((31 * 100..=32 * 100).contains(&cloud.count("CopyImage")), "{}", cloud.count("CopyImage"));
        let looks = looks_at_sources(&cloud);
        assert!((100..=200).contains(&looks), "{looks}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_cannot_be_looked_at_is_asked_for_all_the_same() {
        for answer in
            [aliyun::testing::hang, || refuse(503, "ServiceUnavailable"), || refuse(403, "Forbidden.RAM")]
        {
            let began = Instant::now();
            let cloud = Cloud::otherwise(move |sent, _| match (sent.action(), sent.param("RegionId")) {
                ("CopyImage", _) if began.elapsed().as_secs() < 600 => {
                    Some(refuse(400, "IncorrectImageStatus"))
                }
                ("DescribeImages", "cn-beijing") => Some(answer()),
                _ => None,
            });
            create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap();
            assert!((600..=630).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
            // No look goes on when its time is up.
            let looks = looks_at_sources(&cloud);
            assert!(looks <= 6 * cloud.count("CopyImage"), "{looks}, {}", cloud.count("CopyImage"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_looks_show_too_late_is_asked_for_once_a_minute() {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, _| match (sent.action(), sent.param("RegionId")) {
            ("CopyImage", _) if began.elapsed().as_secs() < 90 => Some(refuse(400, "IncorrectImageStatus")),
            ("DescribeImages", "cn-beijing") => Some(ok(
                r#"{"RequestId":"R","TotalCount":1,"Images":{"Image":[{"ImageId":"m-source","Status":"Creating"}]}}"#,
            )),
            _ => None,
        });
        create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap();
        assert_eq!(cloud.count("CopyImage"), 3);
        assert!((120..=150).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn sources_that_are_looked_at_one_by_one_are_looked_at_less_often() {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, _| match (sent.action(), sent.param("RegionId")) {
            ("CopyImage", _) if began.elapsed().as_secs() < 600 => Some(refuse(400, "IncorrectImageStatus")),
            ("DescribeImages", "cn-beijing") if sent.param("ImageId").contains(',') => {
                Some(refuse(400, "InvalidImageId.Malformed"))
            }
            ("DescribeImages", "cn-beijing") => {
                let source = json!({ "ImageId": sent.param("ImageId"), "Status": "Creating" });
                let images = json!({ "RequestId": "R", "TotalCount": 1, "Images": { "Image": [source] } });
                Some(ok(&images.to_string()))
            }
            _ => None,
        });
        let context = within(Verb::Create, 7_200);
        let copies = (0..100).map(|index| {
            let args = ImageCopyArgs {
                image_name: text(&format!("golden-{index}")),
                source_image_id: text(&format!("m-source-{index}")),
                ..golden()
            };
            create(&cloud, &context, args)
        });
        assert!(futures::future::join_all(copies).await.into_iter().all(|made| made.is_ok()));
        let looks = looks_at_sources(&cloud);
        // A look at each in ten seconds.
        assert!(looks <= 100 * 75, "{looks}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_will_never_be_available_is_not_waited_for() {
        for status in ["Deprecated", "UnAvailable", "CreateFailed"] {
            let (cloud, began) = (with_source(status, 100_000), Instant::now());
            let failure = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap_err();
            assert!(!matches!(failure, Failure::Partial { .. }));
            let text = failure.to_string();
            assert!(text.contains("IncorrectImageStatus"), "{text}");
            assert!(text.contains("sourceImageId: only an image that is Available can be copied"), "{text}");
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_late_ends_with_the_time_and_with_the_user() {
        for interrupt in [false, true] {
            let (cloud, began) = (with_source("Creating", 100_000), Instant::now());
            let context = within(Verb::Create, 60);
            let interrupted = async {
                tokio::time::sleep(Duration::from_secs(20)).await;
                if interrupt {
                    context.cancel();
                }
            };
            let (made, ()) = tokio::join!(create(&cloud, &context, golden()), interrupted);
            let failure = made.unwrap_err();
            assert!(!matches!(failure, Failure::Partial { .. }), "{failure}");
            assert!(failure.to_string().contains("image m-source in cn-beijing is not"), "{failure}");
            let last = "interrupted. The last answer: CopyImage: IncorrectImageStatus";
            assert_eq!(failure.to_string().starts_with(last), interrupt, "{failure}");
            assert_eq!(matches!(failure, Failure::Cancelled(_)), interrupt, "{failure:?}");
            let expected = if interrupt { 20..=21 } else { 60..=61 };
            assert!(expected.contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_being_copied_already_is_waited_for() {
        for code in ["OperationDenied.ImageCopyConflict", "OperationDenied.ImageCopying"] {
            let began = Instant::now();
            let cloud = Cloud::otherwise(move |sent, _| {
                let early = began.elapsed() < Duration::from_secs(300);
                (sent.action() == "CopyImage" && early).then(|| refuse(403, code))
            });
            create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap();
            assert!((300..330).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
            assert_eq!(cloud.names().len(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_names_the_input_and_what_to_do() {
        for (code, advice) in [
            ("InvalidImageId.NotFound", "sourceImageId: there is no image m-source in the region cn-beijing"),
            ("SourceRegion.NotFound", "sourceRegionId: the cloud knows no region cn-beijing"),
            (
                "IncorrectDestinationRegion",
                "sourceRegionId: the cloud does not copy from cn-beijing to cn-test",
            ),
            ("OperationDenied.CommunityImage", "sourceImageId: image m-source cannot be copied to cn-test"),
            ("InvalidParameter.KMSKeyId.NotFound", "kmsKeyId: give a key of the region cn-test"),
            (
                "InvalidEncrypted.NotMatchDiskDefaultEncryption",
                "encrypted: the cloud does not copy image m-source",
            ),
        ] {
            let cloud =
                Cloud::otherwise(move |sent, _| (sent.action() == "CopyImage").then(|| refuse(403, code)));
            let text = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap_err().to_string();
            assert!(text.contains(code) && text.contains(advice), "{text}");
            assert_eq!(cloud.count("CopyImage"), 1, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_of_the_call_says_that_nobody_knows() {
        let cloud = Cloud::otherwise(|sent, _| (sent.action() == "CopyImage").then(hang));
        let context = within(Verb::Create, 3_600);
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            context.cancel();
        };
        let (made, ()) = tokio::join!(create(&cloud, &context, golden()), interrupted);
        let Err(Failure::Cancelled(text)) = made else { panic!("{made:?}") };
        assert!(text.starts_with("interrupted while CopyImage was under way"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_failed_is_deleted_and_the_failure_is_plain() {
        let cloud = Cloud::new();
        cloud.state().last_status = "CreateFailed";
        let failure = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap_err();
        assert!(failure.to_string().ends_with("It has been deleted; nothing is left behind"), "{failure}");
        assert!(!matches!(failure, Failure::Partial { .. }));
        assert_eq!((cloud.count("CancelCopyImage"), cloud.names().len()), (0, 0));
    }

    async fn delete(cloud: &Cloud, state: ImageCopyState, args: ImageCopyArgs) -> Result<(), Failure> {
        let old = Old { args, state };
        copies(cloud).delete(&cloud.client, &within(Verb::Delete, 600), "m-1", old).await
    }

    fn state(status: Option<&str>) -> ImageCopyState {
        let mut entry = Entry::unseen(&golden(), "cn-test", Kept::default());
        entry.args.status = status.map(|status| status.to_owned().into());
        entry
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_copy_that_may_be_under_way_is_cancelled() {
        for (status, mark, expected) in [
            (None, Some("of ours"), "CancelCopyImage"),
            // The official provider keeps no status.
            (None, None, "DeleteImage"),
            (Some("Waiting"), None, "CancelCopyImage"),
            (Some("Creating"), Some("of ours"), "CancelCopyImage"),
            (Some("Available"), Some("of ours"), "DeleteImage"),
            (Some("Deprecated"), None, "DeleteImage"),
            (Some("CreateFailed"), Some("of ours"), "DeleteImage"),
        ] {
            let cloud = Cloud::new();
            cloud.holds("m-1", "golden");
            let mut state = state(status);
            state.kept.mark = mark.map(str::to_owned);
            delete(&cloud, state, golden()).await.unwrap();
            // That a copy was cancelled does not say that it is gone.
            let looks = if expected == "CancelCopyImage" { 2 } else { 1 };
            assert_eq!(cloud.stub.actions()[0], expected, "{status:?}");
            assert_eq!(cloud.stub.actions()[1..], vec!["DescribeImages"; looks], "{status:?}");
            assert!(cloud.names().is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_snapshots_of_a_copy_go_with_it_if_the_program_wants_that() {
        let cloud = Cloud::new();
        let args = ImageCopyArgs { delete_auto_snapshot: Some(Input::Known(true)), ..golden() };
        let (_, state) = create(&cloud, &within(Verb::Create, 3_600), args.clone()).await.unwrap();
        delete(&cloud, state, args).await.unwrap();
        assert_eq!(sent(&cloud, "DeleteSnapshot")[0].param("SnapshotId"), "s-of-m-1");
    }

    async fn read(
        cloud: &Cloud,
        context: &TestContext,
        id: &str,
        old: Option<Old<ImageCopyArgs, ImageCopyState>>,
    ) -> Result<Option<Read<ImageCopyArgs, ImageCopyState>>, Failure> {
        copies(cloud).read(&cloud.client, context, id, old).await
    }

    /// A cloud that has a copy, or an image that is none.
    fn with_copy(is_copied: &str) -> Cloud {
        let cloud = Cloud::new();
        cloud.holds("m-1", "golden");
        cloud.state().images[0].reported.insert("IsCopied".to_owned(), is_copied.to_owned());
        cloud
    }

    #[tokio::test(start_paused = true)]
    async fn an_import_tells_the_source_or_leaves_it_open() {
        let (cloud, context) = (with_copy("true"), within(Verb::Read, 60));
        let full = read(&cloud, &context, "cn-beijing/m-source/m-1", None).await.unwrap().unwrap();
        assert_eq!((full.id.as_str(), &full.args), ("m-1", &golden()));
        assert_eq!(full.state.args.source_image_id, text("m-source"));
        let plain = read(&cloud, &context, "m-1", None).await.unwrap().unwrap();
        let open = ImageCopyArgs { source_image_id: None, source_region_id: None, ..golden() };
        assert_eq!((plain.id.as_str(), &plain.args), ("m-1", &open));
        assert_eq!(plain.state.args.source_image_id, None);
        assert_eq!(context.warnings(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_no_copy_is_imported_with_a_warning() {
        let (cloud, context) = (with_copy("false"), within(Verb::Read, 60));
        assert!(read(&cloud, &context, "m-1", None).await.unwrap().is_some());
        assert_eq!(
            context.warnings(),
            ["image m-1 is no copy of another, as the cloud reports it. It is imported all the same"]
        );
        // Only whoever imports it is told.
        let old = Old { args: golden(), state: state(Some("Available")) };
        read(&cloud, &context, "m-1", Some(old)).await.unwrap();
        assert_eq!(context.warnings().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_import_s_id_that_is_none_is_refused() {
        let (cloud, context) = (with_copy("true"), within(Verb::Read, 60));
        for id in ["cn-beijing/m-1", "/m-source/m-1", "cn-beijing//m-1", "a/b/c/m-1"] {
            let text = read(&cloud, &context, id, None).await.unwrap_err().to_string();
            assert!(text.contains("<sourceRegionId>/<sourceImageId>/<id of the image>"), "{text}");
        }
        assert_eq!(cloud.stub.actions(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_keeps_what_the_cloud_does_not_report() {
        let (cloud, context) = (with_copy("true"), within(Verb::Read, 60));
        let args = ImageCopyArgs {
            encrypted: Some(Input::Known(true)),
            kms_key_id: text("k-1"),
            description: text("a text"),
            ..golden()
        };
        cloud.state().images[0].reported.insert("Description".to_owned(), "drifted".to_owned());
        let old = Old { args: args.clone(), state: state(Some("Available")) };
        let read = read(&cloud, &context, "m-1", Some(old)).await.unwrap().unwrap();
        assert_eq!(read.args, ImageCopyArgs { description: text("drifted"), ..args.clone() });
        assert_eq!(read.state.args.kms_key_id, args.kms_key_id);
        assert_eq!(read.state.args.source_region_id, args.source_region_id);
    }

    fn properties(json: Json) -> Properties {
        pulumi::encode(&json).unwrap()
    }

    /// The differences that are left, and the lines that the user is told.
    fn reconsider(state: Json, olds: Json, news: Json) -> (Vec<String>, Vec<String>) {
        let copies: Box<dyn AnyResource<Client>> = pulumi::resource(ImageCopy::new(Memory::default()));
        let (state, olds, news) = (properties(state), properties(olds), properties(news));
        let args = &copies.types().unwrap().args;
        let mut changes = pulumi::diff::changes(args, &state, &olds, &news).effective;
        let told = copies.reconsider(&state, &olds, &news, &mut changes).unwrap();
        let left = changes.iter().map(|change| format!("{} {}", change.path, change.replace));
        (left.collect(), told.lines)
    }

    #[test]
    fn a_source_that_an_import_left_open_is_recorded_once_it_is_named() {
        let news = json!({
            "imageName": "golden", "sourceImageId": "m-source", "sourceRegionId": "cn-beijing",
            "encrypted": true, "kmsKeyId": "k-1", "force": true,
        });
        let adopted = json!({ "imageName": "golden", "status": "Available", "__imported": true });
        let olds = json!({ "imageName": "golden" });
        let (left, lines) = reconsider(adopted, olds, news.clone());
        assert_eq!(left, [""; 0]);
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(
            lines[2],
            "sourceImageId \"m-source\" is taken for what this imported image was made of, which the cloud does not report: \
             it is recorded, and nothing is called or replaced"
        );
        // Another provider's import leaves no sign, and may have left an empty text.
        let olds = json!({ "imageName": "golden", "sourceImageId": "", "sourceRegionId": "" });
        let (left, _) = reconsider(olds.clone(), olds, news);
        assert_eq!(left, ["encrypted true", "force false", "kmsKeyId true"]);
    }

    #[test]
    fn a_source_that_is_not_known_yet_is_recorded_as_well() {
        let olds = json!({ "imageName": "golden" });
        let mut news = properties(olds.clone());
        news.insert("sourceImageId".to_owned(), Value::Unknown);
        let copies: Box<dyn AnyResource<Client>> = pulumi::resource(ImageCopy::new(Memory::default()));
        let args = &copies.types().unwrap().args;
        let olds = properties(olds);
        let mut changes = pulumi::diff::changes(args, &olds, &olds, &news).effective;
        let told = copies.reconsider(&olds, &olds, &news, &mut changes).unwrap();
        assert!(changes.is_empty(), "{changes:?}");
        assert!(told.lines[0].starts_with("sourceImageId (not known yet) is taken"), "{:?}", told.lines);
    }

    #[test]
    fn a_source_that_is_known_replaces() {
        let olds =
            json!({ "imageName": "golden", "sourceImageId": "m-source", "sourceRegionId": "cn-beijing" });
        let mut state = olds.clone();
        state["__imported"] = true.into();
        for (property, value, kind) in [
            ("sourceImageId", json!("m-other"), "sourceImageId true"),
            ("sourceRegionId", json!("eu-central-1"), "sourceRegionId true"),
        ] {
            let mut news = olds.clone();
            news[property] = value;
            assert_eq!(reconsider(state.clone(), olds.clone(), news).0, [kind]);
        }
        // Of a copy that the provider has made, nothing is open.
        let mut news = olds.clone();
        news["encrypted"] = true.into();
        assert_eq!(reconsider(olds.clone(), olds, news).0, ["encrypted true"]);
    }

    /// What Check finds: failures, each with its path.
    fn check(client: Option<&Client>, args: Json) -> Vec<String> {
        let copies: Box<dyn AnyResource<Client>> = pulumi::resource(ImageCopy::new(Memory::default()));
        let context = CheckContext {
            urn: URN,
            name: "web",
            is_empty: false,
            random_seed: b"seed",
            autonaming: Autonaming::Default,
        };
        let mut findings = Findings::default();
        let args = properties(args);
        copies.check(client, &args, pulumi::OldInputs::default(), &context, &mut findings).unwrap();
        findings.failures.iter().map(|found| format!("{}: {}", found.path, found.text())).collect()
    }

    #[test]
    fn a_key_needs_an_encrypted_copy() {
        let refused =
            "kmsKeyId: is the key of an encrypted copy: set encrypted: true as well, or leave kmsKeyId out";
        for (encrypted, expected) in
            [(json!(true), None), (json!(false), Some(refused)), (Json::Null, Some(refused))]
        {
            let found = check(None, json!({ "kmsKeyId": "k-1", "encrypted": encrypted }));
            assert_eq!(found.first().map(String::as_str), expected, "{encrypted}");
        }
        assert_eq!(check(None, json!({ "encrypted": false })), [""; 0]);
    }

    #[test]
    fn every_mistake_is_told_with_its_path() {
        let args = json!({
            "imageName": "1st", "description": "http://x", "tags": { "acs:k": "v" }, "kmsKeyId": "k-1",
            "sourceRegionId": "cn-hangzou",
        });
        let cloud = Cloud::new();
        let found = check(Some(&cloud.client), args.clone());
        let paths: Vec<&str> = found.iter().map(|found| found.split(':').next().unwrap()).collect();
        assert_eq!(
            paths,
            ["kmsKeyId", "imageName", "description", "tags[\"acs", "sourceRegionId"],
            "{found:?}"
        );
        assert!(
            found[4].starts_with(
                "sourceRegionId: \"cn-hangzou\" is not a known region; did you mean cn-hangzhou"
            ),
            "{}",
            found[4]
        );
        // Settings that are not known yet, or that say so, leave it to the cloud.
        assert_eq!(check(None, args.clone()).len(), 4);
        let mut cloud = cloud;
        cloud.client.any_region = true;
        assert_eq!(check(Some(&cloud.client), args).len(), 4);
        let found = check(Some(&cloud.client), json!({ "sourceRegionId": "cn/hangzhou" }));
        assert!(found[0].starts_with("sourceRegionId: \"cn/hangzhou\" cannot be a region"), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_has_copies_only() {
        let cloud = with_copy("true");
        cloud.holds("m-2", "no-copy");
        cloud.state().images[1].reported.insert("IsCopied".to_owned(), "false".to_owned());
        cloud.holds("m-3", "of-an-older-cloud");
        let query = ListQuery { args: ImageListArgs::default(), limit: None, page_size: None, page: None };
        let page = copies(&cloud).list(&cloud.client, &within(Verb::List, 60), query).await.unwrap();
        let found: Vec<(&str, &str)> =
            page.resources.iter().map(|found| (found.id.as_str(), found.name.as_str())).collect();
        assert_eq!((found, page.next), (vec![("m-1", "golden")], None));
    }

    #[test]
    fn times_are_those_of_a_copy() {
        let copies: Box<dyn AnyResource<Client>> = pulumi::resource(ImageCopy::new(Memory::default()));
        let timeouts = copies.timeouts();
        let minutes = [timeouts.create, timeouts.update, timeouts.delete].map(|limit| limit.as_secs() / 60);
        assert_eq!(minutes, [60, 10, 10]);
    }
}

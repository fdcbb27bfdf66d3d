//! The resource against a cloud in memory, on a paused clock.

use std::time::Duration;

use aliyun::testing::{broken, hang, ok, refuse};
use futures::future::join_all;
use pulumi::testing::TestContext;
use pulumi::value::Value;
use pulumi::{Failure, ListQuery, Old, Resource as _, Update, Verb};
use tokio::time::{Instant, sleep};

use crate::ecs::image_share_permission::ImageSharePermission;
use crate::ecs::image_share_permission::args::{Pair, ShareArgs, ShareEntry, ShareListArgs};
use crate::ecs::images::entry::Identity;
use crate::ecs::images::memory::Memory;
use crate::ecs::images::shares::Share;
use crate::ecs::images::test_cloud::partial;
use crate::ecs::images::test_shares::{Instead, ShareCloud};

const URN: &str = "urn:pulumi:prod::shop::alicloud:ecs/imageSharePermission:ImageSharePermission::partner";
/// The resource's own time-out, in seconds.
const LIMIT: u64 = 300;
const ID: &str = "m-1:1000";

type Made = Result<(String, ShareEntry), Failure>;

fn resource() -> ImageSharePermission {
    ImageSharePermission::new(Memory::default())
}

fn args(account: &str) -> ShareArgs {
    ShareArgs { image_id: Some("m-1".to_owned().into()), account_id: Some(account.to_owned().into()) }
}

fn of(verb: Verb) -> TestContext {
    TestContext::new(verb, URN, Duration::from_secs(LIMIT))
}

/// What the state holds of the share with the account 1000.
fn entry() -> ShareEntry {
    let pair = Pair { image: "m-1", account: "1000" };
    ShareEntry::seen(pair, Share::default(), "cn-test", Some("mark".to_owned()))
}

fn old(state: ShareEntry) -> Old<ShareArgs, ShareEntry> {
    Old { args: args("1000"), state }
}

async fn create(cloud: &ShareCloud, account: &str) -> Made {
    resource().create(&cloud.cloud.client, &of(Verb::Create), args(account)).await
}

/// Creates that begin at once.
async fn create_all(cloud: &ShareCloud, accounts: &[String]) -> Vec<Made> {
    join_all(accounts.iter().map(|account| create(cloud, account))).await
}

async fn delete(cloud: &ShareCloud, state: ShareEntry) -> Result<(), Failure> {
    resource().delete(&cloud.cloud.client, &of(Verb::Delete), ID, old(state)).await
}

async fn read(cloud: &ShareCloud, state: Option<ShareEntry>) -> Result<Option<ShareEntry>, Failure> {
    let read = resource().read(&cloud.cloud.client, &of(Verb::Read), ID, state.map(old)).await;
    read.map(|read| read.map(|read| read.state))
}

fn accounts(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("10{index:02}")).collect()
}

/// The text of a failure after which the state holds nothing.
#[track_caller]
fn plain(made: Made) -> String {
    match made {
        Err(failure @ (Failure::Cloud(_) | Failure::Refused(_) | Failure::Cancelled(_))) => {
            failure.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// The text of a failure after which the state holds a share that nobody has seen.
#[track_caller]
fn doubtful(made: Made) -> String {
    let (id, state, unapplied, text) = partial(made.unwrap_err());
    assert_eq!((id.as_str(), &state["__unseen"], unapplied.len()), (ID, &Value::Bool(true), 0));
    for (property, value) in [("imageId", "m-1"), ("accountId", "1000"), ("regionId", "cn-test")] {
        assert_eq!(state[property].as_str(), Some(value));
    }
    assert!(state["__mark"].as_str().is_some_and(|mark| mark.len() == 32));
    let kept = "Image m-1 may be shared with account 1000, so the share is in the state: the next `pulumi up` makes sure of \
                it, and `pulumi destroy` ends it";
    assert!(text.ends_with(kept), "{text}");
    text
}

/// Answers every call of an action so.
fn always(action: &'static str, instead: Instead) -> ShareCloud {
    ShareCloud::otherwise(move |sent| (sent.action() == action).then(|| instead.clone()))
}

const MODIFY: &str = "ModifyImageSharePermission";
const DESCRIBE: &str = "DescribeImageSharePermission";

#[tokio::test(start_paused = true)]
async fn thirty_shares_of_one_image_are_three_calls_and_as_many_looks_at_most() {
    let cloud = ShareCloud::new();
    let made = create_all(&cloud, &accounts(30)).await;
    for (made, account) in made.into_iter().zip(accounts(30)) {
        let (id, state) = made.unwrap();
        assert_eq!(id, format!("m-1:{account}"));
        assert_eq!((state.args, state.region_id.as_deref()), (args(&account), Some("cn-test")));
        assert_eq!(state.shared_time.as_deref(), Some("2026-11-22T01:00:00Z"));
        assert_eq!(state.unseen, None);
    }
    assert_eq!(cloud.accounts(), accounts(30));
    assert_eq!(cloud.batches(), [10, 10, 10]);
    assert!(cloud.looks() <= 3, "{}", cloud.looks());
    assert_eq!(cloud.cloud.stub.sent().len(), 3 + cloud.looks());
}

#[tokio::test(start_paused = true)]
async fn a_bad_account_among_thirty_fails_alone_and_says_which_property_is_wrong() {
    let cloud = ShareCloud::new();
    cloud.shares().refused.insert("1013".to_owned(), (404, "InvalidAccount.NotFound"));
    let mut made = create_all(&cloud, &accounts(30)).await;
    let text = plain(made.remove(13));
    assert!(
        text.starts_with("accountId: ModifyImageSharePermission: InvalidAccount.NotFound: said the cloud"),
        "{text}"
    );
    assert!(text.contains("\nThere is no account 1013, or it has been closed."), "{text}");
    assert!(made.into_iter().all(|made| made.is_ok()));
    assert_eq!(cloud.accounts().len(), 29);
}

#[tokio::test(start_paused = true)]
async fn every_refusal_names_the_property_and_what_to_do() {
    for (status, code, path, part) in [
        (
            403,
            "QuotaExceed.ShareImageUser",
            "accountId",
            "shared with as many accounts as the cloud allows, 50",
        ),
        (404, "InvalidAccount.Forbbiden", "accountId", "Account 1000 is the one that image m-1 belongs to"),
        (404, "InvalidAccount.NotFound", "accountId", "There is no account 1000"),
        (403, "InvalidImageId.BidMismatch", "accountId", "of different sites"),
        (403, "AssumeRoleError", "imageId", "AliyunECSShareEncryptImageDefaultRole"),
        (
            403,
            "InvalidOperation.ServiceKeyEncryptedImageUnsupported",
            "imageId",
            "a key of the account's own in KMS",
        ),
        (403, "OperationDeined.FullImage", "imageId", "encrypted and has data disks"),
        (403, "OperationDeined.EncryptedSnapshot", "imageId", "made of encrypted snapshots"),
        (403, "Image.Public", "imageId", "Withdraw it from the community images"),
        (403, "InvalidParameter.KMSKeyId.CMKNotEnabled", "imageId", "Enable it in KMS"),
        (403, "InvalidParameter.KMSKeyId.CMKUnauthorized", "imageId", "Allow it in KMS"),
    ] {
        let cloud = always(MODIFY, Instead::OfTheCall(refuse(status, code)));
        let text = plain(create(&cloud, "1000").await);
        let begins = format!("{path}: {MODIFY}: {code}: said the cloud (request id R-{code})\n");
        assert!(text.starts_with(&begins) && text.contains(part), "{text}");
        assert_eq!(cloud.batches(), [1]);
    }
    let text = plain(create(&always(MODIFY, Instead::OfTheCall(refuse(403, "Forbidden.RAM"))), "1000").await);
    assert!(text.contains("Allow ecs:ModifyImageSharePermission"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_passed_over_without_a_word_is_asked_for_again() {
    let cloud = ShareCloud::new();
    cloud.shares().ignored.insert("1000".to_owned(), 2);
    create(&cloud, "1000").await.unwrap();
    assert_eq!((cloud.accounts(), cloud.batches()), (vec!["1000".to_owned()], vec![1, 1, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_share_that_shows_late_is_waited_for() {
    let cloud = ShareCloud::new();
    cloud.shares().lag = Duration::from_secs(30);
    let began = Instant::now();
    create(&cloud, "1000").await.unwrap();
    assert!((30..=33).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    // Asked for again after 2, 6 and 14 s, as it may have been passed over.
    assert_eq!(cloud.batches(), [1; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_never_shows_stays_in_the_state() {
    let cloud = ShareCloud::new();
    cloud.shares().lag = Duration::from_secs(10_000);
    let began = Instant::now();
    let text = doubtful(create(&cloud, "1000").await);
    assert!(
        text.starts_with(
            "the cloud has accepted that image m-1 is shared with account 1000, and DescribeImageSharePermission does not show \
             after 300 s."
        ),
        "{text}"
    );
    assert_eq!(began.elapsed().as_secs(), LIMIT);
    assert!(cloud.looks() < 80 && cloud.batches().len() < 10, "{} {:?}", cloud.looks(), cloud.batches());
}

#[tokio::test(start_paused = true)]
async fn a_share_that_cannot_be_looked_at_stays_in_the_state() {
    let cloud = always(DESCRIBE, Instead::OfTheCall(refuse(403, "Forbidden.RAM")));
    let text = doubtful(create(&cloud, "1000").await);
    assert!(text.contains("Allow ecs:DescribeImageSharePermission"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_no_difference() {
    let cloud = ShareCloud::otherwise(|sent| (sent.index == 0).then(|| Instead::OfTheAnswer(broken())));
    create(&cloud, "1000").await.unwrap();
    assert_eq!(cloud.batches(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn if_every_answer_is_lost_the_share_stays_in_the_state() {
    let cloud = always(MODIFY, Instead::OfTheAnswer(broken()));
    doubtful(create(&cloud, "1000").await);
    let cloud = always(MODIFY, Instead::OfTheAnswer(hang()));
    let began = Instant::now();
    doubtful(create(&cloud, "1000").await);
    assert!(began.elapsed().as_secs() <= LIMIT, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_is_never_reached_leaves_nothing_in_the_state() {
    let cloud = always(MODIFY, Instead::OfTheCall(aliyun::testing::unreachable()));
    plain(create(&cloud, "1000").await);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_is_none_if_the_share_is_there() {
    let script = |first: Instead| {
        ShareCloud::otherwise(move |sent| match (sent.action(), sent.index) {
            (_, 0) => Some(first.clone()),
            (MODIFY, _) => Some(Instead::OfTheCall(refuse(403, "QuotaExceed.ShareImageUser"))),
            _ => None,
        })
    };
    create(&script(Instead::OfTheAnswer(broken())), "1000").await.unwrap();
    let text = doubtful(create(&script(Instead::OfTheCall(broken())), "1000").await);
    assert!(text.starts_with("accountId: ModifyImageSharePermission: QuotaExceed.ShareImageUser"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_being_made_is_waited_for() {
    let cloud = ShareCloud::new();
    cloud.cloud.state().images[0].ready_from += Duration::from_secs(60);
    let began = Instant::now();
    assert!(create_all(&cloud, &accounts(10)).await.into_iter().all(|made| made.is_ok()));
    assert!((60..=65).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(cloud.batches(), [10, 10]);
    assert!(cloud.cloud.count("DescribeImages") < 60, "{}", cloud.cloud.count("DescribeImages"));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_being_made_for_too_long_leaves_nothing_in_the_state() {
    let cloud = ShareCloud::new();
    cloud.cloud.state().images[0].ready_from += Duration::from_secs(10_000);
    let began = Instant::now();
    let text = plain(create(&cloud, "1000").await);
    assert!(text.starts_with("image m-1 is not usable after 300 s: it is Creating (50%)."), "{text}");
    assert_eq!(began.elapsed().as_secs(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_shared_as_it_is_fails_at_once() {
    for (status, part) in [
        (
            "Deprecated",
            "Image m-1 is Deprecated, and such an image cannot be shared. Set its status back to Available",
        ),
        (
            "UnAvailable",
            "Image m-1 is UnAvailable. Whom an image is shared with can be changed while it is Available.",
        ),
    ] {
        let cloud = ShareCloud::new();
        cloud.cloud.state().images[0].last_status = status;
        let began = Instant::now();
        let text = plain(create(&cloud, "1000").await);
        assert!(
            text.starts_with("imageId: ModifyImageSharePermission: OperationDenied.InvalidImageStatus: "),
            "{text}"
        );
        assert!(text.contains(part), "{text}");
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_could_not_be_made_is_not_shared() {
    let cloud = ShareCloud::new();
    cloud.cloud.state().images[0].ready_from += Duration::from_secs(20);
    cloud.cloud.state().images[0].last_status = "CreateFailed";
    let text = plain(create(&cloud, "1000").await);
    assert_eq!(
        text,
        "imageId: the cloud could not make image m-1: its status is CreateFailed, so it cannot be shared"
    );
}

#[tokio::test(start_paused = true)]
async fn parts_of_the_cloud_that_do_not_agree_yet_are_given_a_minute() {
    for (status, code) in [
        (400, "IncorrectImageStatus"),
        (403, "OperationDenied.InvalidImageStatus"),
        (404, "InvalidImageId.NotFound"),
    ] {
        let began = Instant::now();
        let cloud = ShareCloud::otherwise(move |sent| {
            let early = began.elapsed() < Duration::from_secs(20);
            (early && sent.action() == MODIFY).then(|| Instead::OfTheCall(refuse(status, code)))
        });
        create(&cloud, "1000").await.unwrap();
        assert!((20..=24).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        let began = Instant::now();
        let cloud = always(MODIFY, Instead::OfTheCall(refuse(status, code)));
        let text = plain(create(&cloud, "1000").await);
        assert!(text.starts_with(&format!("imageId: {MODIFY}: {code}: ")), "{text}");
        assert!((60..=66).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_or_of_another_account_fails_soon() {
    let cloud = ShareCloud::new();
    cloud.cloud.state().images.clear();
    let began = Instant::now();
    let text = plain(create(&cloud, "1000").await);
    assert!(text.starts_with("imageId: ModifyImageSharePermission: InvalidImageId.NotFound: "), "{text}");
    assert!(
        text.contains("There is no image m-1 that this account has made in the region cn-test."),
        "{text}"
    );
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let others = r#"{"RequestId":"R","TotalCount":1,"Images":{"Image":[
        {"ImageId":"m-1","ImageOwnerAlias":"system","Status":"Available"}]}}"#;
    for (status, code) in [(404, "InvalidImageId.NotFound"), (403, "Forbidden")] {
        let cloud = ShareCloud::otherwise(move |sent| match sent.action() {
            "DescribeImages" => Some(Instead::OfTheCall(ok(others))),
            _ => Some(Instead::OfTheCall(refuse(status, code))),
        });
        let began = Instant::now();
        let text = plain(create(&cloud, "1000").await);
        assert!(text.starts_with(&format!("imageId: {MODIFY}: {code}: ")), "{text}");
        let ends = "\nImage m-1 is one of the cloud's own, and an account shares its own custom images only. Make an image of the \
                    account's own and share that.";
        assert!(text.ends_with(ends), "{text}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

/// What comes of a create that is interrupted after so long a time. It ends at once.
async fn interrupted(cloud: &ShareCloud, after: Duration) -> Made {
    let context = of(Verb::Create);
    let began = Instant::now();
    let interruption = async {
        sleep(after).await;
        context.cancel();
    };
    let resource = resource();
    let (made, ()) = tokio::join!(resource.create(&cloud.cloud.client, &context, args("1000")), interruption);
    assert_eq!(began.elapsed(), after);
    made
}

#[tokio::test(start_paused = true)]
async fn an_interruption_before_anything_was_sent_leaves_nothing() {
    let cloud = ShareCloud::new();
    plain(interrupted(&cloud, Duration::from_millis(2)).await);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(cloud.cloud.stub.sent().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_while_the_image_is_made_leaves_nothing() {
    let cloud = ShareCloud::new();
    cloud.cloud.state().images[0].ready_from += Duration::from_secs(60);
    plain(interrupted(&cloud, Duration::from_secs(20)).await);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(cloud.accounts(), [""; 0]);
    let cloud = always(MODIFY, Instead::OfTheCall(refuse(400, "IncorrectImageStatus")));
    plain(interrupted(&cloud, Duration::from_secs(20)).await);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_after_the_call_keeps_the_share() {
    let slow = ok(r#"{"RequestId":"R"}"#).after(Duration::from_secs(10));
    let cloud = always(MODIFY, Instead::OfTheAnswer(slow));
    let text = doubtful(interrupted(&cloud, Duration::from_secs(5)).await);
    assert!(text.starts_with("interrupted\n"), "{text}");
    let cloud = ShareCloud::new();
    cloud.shares().lag = Duration::from_secs(60);
    doubtful(interrupted(&cloud, Duration::from_secs(30)).await);
    let cloud = always(DESCRIBE, Instead::OfTheCall(hang()));
    doubtful(interrupted(&cloud, Duration::from_secs(30)).await);
}

#[tokio::test(start_paused = true)]
async fn the_next_up_makes_sure_of_a_share_in_doubt() {
    let cloud = ShareCloud::new();
    let update = async |state: ShareEntry| {
        let update = Update {
            id: ID.to_owned(),
            old: old(state),
            args: args("1000"),
            changed: Default::default(),
            unapplied: Default::default(),
        };
        resource().update(&cloud.cloud.client, &of(Verb::Update), update).await
    };
    let unseen = ShareEntry { unseen: Some(true), ..entry() };
    let state = update(unseen.clone()).await.unwrap();
    assert_eq!((state.mark.as_deref(), state.unseen), (Some("mark"), None));
    assert_eq!(cloud.accounts(), ["1000"]);
    cloud.shares().refused.insert("1000".to_owned(), (404, "InvalidAccount.NotFound"));
    let text = doubtful_update(update(unseen).await);
    assert!(text.starts_with("accountId: "), "{text}");
}

#[track_caller]
fn doubtful_update(updated: Result<ShareEntry, Failure>) -> String {
    let (id, state, _, text) = partial(updated.unwrap_err());
    assert_eq!(
        (id.as_str(), state["__mark"].as_str(), &state["__unseen"]),
        (ID, Some("mark"), &Value::Bool(true))
    );
    text
}

#[tokio::test(start_paused = true)]
async fn thirty_shares_end_in_three_calls() {
    let cloud = ShareCloud::new();
    accounts(30).iter().for_each(|account| cloud.share_with(account));
    let accounts = accounts(30);
    let deletes = accounts.iter().map(async |account| {
        let pair = Pair { image: "m-1", account };
        let state = ShareEntry::seen(pair, Share::default(), "cn-test", None);
        let old = Old { args: args(account), state };
        resource().delete(&cloud.cloud.client, &of(Verb::Delete), &pair.id(), old).await
    });
    assert!(join_all(deletes).await.into_iter().all(|deleted| deleted.is_ok()));
    assert_eq!((cloud.accounts(), cloud.batches()), (vec![], vec![10, 10, 10]));
    assert!(cloud.looks() <= 3, "{}", cloud.looks());
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_is_done() {
    // The cloud minds nothing.
    delete(&ShareCloud::new(), entry()).await.unwrap();
    // It minds, and a look shows that there is nothing to end.
    for (status, code) in
        [(404, "InvalidAccount.NotFound"), (400, "InvalidSomething"), (403, "Forbidden.RAM")]
    {
        let cloud = ShareCloud::new();
        cloud.shares().refused.insert("1000".to_owned(), (status, code));
        delete(&cloud, entry()).await.unwrap();
        assert_eq!(cloud.looks(), 2);
    }
    // The image is gone.
    let cloud = ShareCloud::new();
    cloud.cloud.state().images.clear();
    delete(&cloud, entry()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_be_in_another_region_keeps_its_shares_in_the_state() {
    let mut cloud = ShareCloud::new();
    cloud.cloud.state().images.clear();
    cloud.cloud.client.region_named = false;
    let unknown = ShareEntry { region_id: None, ..entry() };
    for text in [
        delete(&cloud, unknown.clone()).await.unwrap_err().to_string(),
        read(&cloud, Some(unknown.clone())).await.unwrap_err().to_string(),
    ] {
        assert!(text.starts_with("image m-1 is not in the region cn-test"), "{text}");
    }
    let identity = |region: &str| Identity { region_id: Some(region.to_owned()), ..Default::default() };
    let admit = |region: &str| resource().admit(&cloud.cloud.client, ID, &identity(region));
    let text = admit("cn-other").unwrap_err().to_string();
    assert!(
        text.starts_with("image m-1 is in the region cn-other, and the provider works in cn-test"),
        "{text}"
    );
    admit("cn-test").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_share_that_stays_fails_the_delete() {
    let cloud = ShareCloud::new();
    cloud.share_with("1000");
    cloud.shares().refused.insert("1000".to_owned(), (404, "InvalidAccount.NotFound"));
    let text = delete(&cloud, entry()).await.unwrap_err().to_string();
    assert!(text.starts_with("accountId: ModifyImageSharePermission: InvalidAccount.NotFound: "), "{text}");
    let cloud = ShareCloud::new();
    cloud.share_with("1000");
    cloud.shares().lag = Duration::from_secs(10_000);
    let began = Instant::now();
    let text = delete(&cloud, entry()).await.unwrap_err().to_string();
    assert!(
        text.contains("is no longer shared with account 1000") && text.contains("still shows the share"),
        "{text}"
    );
    assert!(text.contains("customTimeouts.delete"), "{text}");
    assert_eq!(began.elapsed().as_secs(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_is_passed_over_without_a_word_is_asked_for_again() {
    let cloud = ShareCloud::new();
    cloud.share_with("1000");
    cloud.shares().ignored.insert("1000".to_owned(), 1);
    delete(&cloud, entry()).await.unwrap();
    assert_eq!((cloud.accounts(), cloud.batches()), (vec![], vec![1, 1]));
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ends_a_delete_at_once() {
    let cloud = ShareCloud::new();
    cloud.share_with("1000");
    cloud.shares().lag = Duration::from_secs(60);
    let context = of(Verb::Delete);
    let began = Instant::now();
    let interruption = async {
        sleep(Duration::from_secs(20)).await;
        context.cancel();
    };
    let resource = resource();
    let delete = resource.delete(&cloud.cloud.client, &context, ID, old(entry()));
    let (deleted, ()) = tokio::join!(delete, interruption);
    assert!(matches!(deleted, Err(Failure::Cancelled(_))), "{deleted:?}");
    assert_eq!(began.elapsed().as_secs(), 20);
}

/// `pulumi up --replace`, and a resource that gets another name: the engine creates first, and deletes the older entry then.
#[tokio::test(start_paused = true)]
async fn deleting_an_older_entry_does_not_end_the_share_of_a_newer_one() {
    let cloud = ShareCloud::new();
    let resource = resource();
    let client = &cloud.cloud.client;
    let (id, older) = resource.create(client, &of(Verb::Create), args("1000")).await.unwrap();
    let (_, newer) = resource.create(client, &of(Verb::Create), args("1000")).await.unwrap();
    assert_ne!(older.mark, newer.mark);
    let context = of(Verb::Delete);
    resource.delete(client, &context, &id, old(older)).await.unwrap();
    assert_eq!(cloud.accounts(), ["1000"]);
    assert_eq!(
        context.warnings(),
        ["image m-1 stays shared with account 1000: another entry of the state holds the same share"]
    );
    resource.delete(client, &context, &id, old(newer)).await.unwrap();
    assert_eq!(cloud.accounts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_a_read_found_gone_holds_nothing_any_more() {
    for image_is_gone in [false, true] {
        let cloud = ShareCloud::new();
        let resource = resource();
        let client = &cloud.cloud.client;
        resource.observe(URN, ID, &Identity { mark: Some("mark".to_owned()), region_id: None }, true);
        if image_is_gone {
            cloud.cloud.state().images.clear();
        }
        assert!(resource.read(client, &of(Verb::Read), ID, Some(old(entry()))).await.unwrap().is_none());
        cloud.cloud.state().images.clear();
        cloud.cloud.holds("m-1", "golden");
        let (id, newer) = resource.create(client, &of(Verb::Create), args("1000")).await.unwrap();
        resource.delete(client, &of(Verb::Delete), &id, old(newer)).await.unwrap();
        assert_eq!(cloud.accounts(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_failed_can_be_made_again() {
    let cloud = ShareCloud::otherwise(|sent| {
        (sent.index == 0).then(|| Instead::OfTheCall(refuse(403, "Forbidden.RAM")))
    });
    cloud.share_with("1000");
    let resource = resource();
    let delete = async || resource.delete(&cloud.cloud.client, &of(Verb::Delete), ID, old(entry())).await;
    assert!(delete().await.unwrap_err().to_string().contains("Forbidden.RAM"));
    delete().await.unwrap();
    assert_eq!(cloud.accounts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_read_looks_for_its_own_account_on_every_page() {
    let cloud = ShareCloud::new();
    (100..350).for_each(|number| cloud.share_with(&number.to_string()));
    // An image that is shared with others is not shared with this account.
    assert!(read(&cloud, Some(entry())).await.unwrap().is_none());
    assert_eq!(cloud.looks(), 2 * 3);
    cloud.share_with("1000");
    let state = read(&cloud, Some(entry())).await.unwrap().unwrap();
    assert_eq!((state.mark.as_deref(), state.unseen), (Some("mark"), None));
    assert_eq!(state.shared_time.as_deref(), Some("2026-11-22T01:00:00Z"));
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_missing_from_one_answer_is_looked_at_again() {
    let empty = r#"{"RequestId":"R","TotalCount":0}"#;
    let cloud = ShareCloud::otherwise(move |sent| (sent.index == 0).then(|| Instead::OfTheCall(ok(empty))));
    cloud.share_with("1000");
    assert!(read(&cloud, Some(entry())).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_share_that_nobody_has_seen_is_waited_for_before_it_counts_as_gone() {
    for (shows_after, is_there) in [(50, true), (100, false)] {
        let cloud = ShareCloud::new();
        cloud
            .shares()
            .shown_from
            .insert("1000".to_owned(), Instant::now() + Duration::from_secs(shows_after));
        let unseen = ShareEntry { unseen: Some(true), ..entry() };
        assert_eq!(read(&cloud, Some(unseen)).await.unwrap().is_some(), is_there, "{shows_after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_an_image_that_is_gone_is_gone_and_no_other_answer_says_so() {
    let cloud = ShareCloud::new();
    cloud.cloud.state().images.clear();
    assert!(read(&cloud, Some(entry())).await.unwrap().is_none());
    assert!(read(&cloud, None).await.unwrap().is_none());
    for answer in [r#"{}"#, r#"{"RequestId":"R"}"#, "<html>"] {
        let cloud = always(DESCRIBE, Instead::OfTheCall(ok(answer)));
        assert!(read(&cloud, Some(entry())).await.is_err(), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_fills_in_both_inputs_and_an_id_of_another_form_is_refused() {
    let cloud = ShareCloud::new();
    cloud.share_with("1000");
    let import = async |id: &str| resource().read(&cloud.cloud.client, &of(Verb::Read), id, None).await;
    let read = import(ID).await.unwrap().unwrap();
    assert_eq!((read.args, read.state.args), (args("1000"), args("1000")));
    assert!(import("m-1:1001").await.unwrap().is_none());
    let text = import("m-1").await.unwrap_err().to_string();
    assert!(text.starts_with("the id \"m-1\" does not have the form <imageId>:<accountId>"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_list_names_the_shares_of_one_image_page_by_page() {
    let cloud = ShareCloud::new();
    accounts(25).iter().for_each(|account| cloud.share_with(account));
    let list = async |limit, page_size, page: Option<&str>| {
        let query = ListQuery {
            args: ShareListArgs { image_id: Some("m-1".to_owned().into()) },
            limit,
            page_size,
            page: page.map(str::to_owned),
        };
        resource().list(&cloud.cloud.client, &of(Verb::List), query).await
    };
    let page = list(None, None, None).await.unwrap();
    assert_eq!((page.resources.len(), page.next), (25, None));
    assert_eq!((page.resources[3].id.as_str(), page.resources[3].name.as_str()), ("m-1:1003", "1003"));
    for (limit, page_size, sizes) in [
        (None, Some(10), vec![10, 10, 5]),
        (None, Some(1000), vec![25]),
        (Some(5), None, vec![5, 5, 5, 5, 5]),
        (Some(5), Some(7), vec![5, 5, 5, 5, 5]),
    ] {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let page = list(limit, page_size, token.as_deref()).await.unwrap();
            found.push(page.resources.len());
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, sizes, "{limit:?} {page_size:?}");
    }
    for token in ["", "2", "0/10", "2/1000", "a/b"] {
        let text = list(None, None, Some(token)).await.unwrap_err().to_string();
        assert!(text.contains("begin the list again"), "{text}");
    }
    cloud.cloud.state().images.clear();
    let text = list(None, None, None).await.unwrap_err().to_string();
    assert!(text.starts_with("imageId: DescribeImageSharePermission: InvalidImageId.NotFound"), "{text}");
}

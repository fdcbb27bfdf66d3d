//! Exports on a paused clock.

use std::time::Duration;

use aliyun::testing::{Reply, Sent, broken, hang, json as reply, refuse, unreachable};
use pulumi::testing::TestContext;
use pulumi::value::Properties;
use pulumi::{AnyResource, Input, Update, Verb};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::*;
use crate::ecs::images::test_cloud::{Cloud, State, partial};

const URN: &str = "urn:pulumi:prod::shop::alicloud:ecs/imageExport:ImageExport::web";
const OBJECT: &str = "web_m-1_system.raw.tar.gz";
/// The second of an object that is younger than every task here, and of one that is older.
const LATER: i64 = 1_000_000;
const EARLIER: i64 = -1;

fn text(text: &str) -> Option<Input<String>> {
    Some(text.to_owned().into())
}

fn args() -> ExportArgs {
    ExportArgs {
        image_id: text("m-1"),
        oss_bucket: text("b-images"),
        oss_prefix: text("web"),
        ..ExportArgs::default()
    }
}

fn within(verb: Verb, seconds: u64) -> TestContext {
    TestContext::new(verb, URN, Duration::from_secs(seconds))
}

/// A cloud with an image, whose exports take so many seconds, and that answers otherwise if the closure says so.
fn cloud(
    seconds: u64,
    otherwise: impl Fn(&Sent, &mut State) -> Option<Reply> + Send + Sync + 'static,
) -> Cloud {
    let cloud = Cloud::otherwise(otherwise);
    cloud.holds("m-1", "golden");
    cloud.state().ready_after = Duration::from_secs(seconds);
    cloud
}

fn plain(seconds: u64) -> Cloud {
    cloud(seconds, |_, _| None)
}

/// The cloud with an export of the image that is under way, by somebody else or by an earlier process.
fn exporting(seconds: u64, object: &str) -> Cloud {
    let cloud = plain(seconds);
    let mut state = cloud.state();
    let mut task = state.task("ExportImage", "m-1", Instant::now());
    (task.bucket, task.format, task.objects) =
        ("b-images".to_owned(), "raw".to_owned(), vec![object.to_owned()]);
    state.tasks.push(task);
    drop(state);
    cloud
}

fn exports(cloud: &Cloud) -> ImageExport {
    ImageExport::new(cloud.memory.clone())
}

async fn create(cloud: &Cloud, context: &TestContext) -> Result<(String, ExportEntry), Failure> {
    exports(cloud).create(&cloud.client, context, args()).await
}

async fn update(cloud: &Cloud, context: &TestContext, state: ExportEntry) -> Result<ExportEntry, Failure> {
    let update = Update {
        id: "m-1".to_owned(),
        old: Old { args: args(), state },
        args: args(),
        changed: Default::default(),
        unapplied: Default::default(),
    };
    exports(cloud).update(&cloud.client, context, update).await
}

async fn read(
    cloud: &Cloud,
    context: &TestContext,
    state: ExportEntry,
) -> Result<Option<Read<ExportArgs, ExportEntry>>, Failure> {
    let old = Old { args: args(), state };
    exports(cloud).read(&cloud.client, context, "m-1", Some(old)).await
}

async fn delete(cloud: &Cloud, context: &TestContext, state: ExportEntry) -> Result<(), Failure> {
    let old = Old { args: args(), state };
    exports(cloud).delete(&cloud.client, context, "m-1", old).await
}

/// An export that is complete, in the state and in the bucket.
async fn complete(cloud: &Cloud) -> ExportEntry {
    create(cloud, &within(Verb::Create, 3_600)).await.unwrap().1
}

fn objects(cloud: &Cloud) -> Vec<String> {
    cloud.state().objects.keys().cloned().collect()
}

/// The entry that a partial failure keeps.
fn kept(state: &Properties) -> ExportEntry {
    pulumi::decode(state).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_export_is_looked_for_then_asked_for_then_waited_for() {
    let (cloud, context) = (plain(600), within(Verb::Create, 3_600));
    let began = Instant::now();
    let (id, entry) = create(&cloud, &context).await.unwrap();
    assert!((600..615).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(cloud.stub.actions()[..3], ["DescribeTasks", "ExportImage", "DescribeTaskAttribute"]);
    assert_eq!((cloud.count("DescribeTasks"), cloud.count("ExportImage")), (1, 1));
    assert!(cloud.count("DescribeTaskAttribute") < 100, "{}", cloud.count("DescribeTaskAttribute"));
    let sent = cloud.stub.sent();
    for (name, value) in [("ImageId", "m-1"), ("OSSBucket", "b-images"), ("OSSPrefix", "web")] {
        assert_eq!(sent[1].param(name), value, "{name}");
    }
    for name in ["ImageFormat", "RoleName"] {
        assert!(!sent[1].params.contains_key(name), "{name}");
    }
    assert_eq!(sent[0].param("ResourceIds.1"), "m-1");
    assert_eq!((id.as_str(), entry.status.as_deref()), ("m-1", Some("Finished")));
    assert_eq!((entry.task_id.as_deref(), entry.progress.as_deref()), (Some("t-1"), Some("100%")));
    assert_eq!(entry.oss_objects.unwrap(), [OBJECT]);
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
    assert_eq!(context.statuses(), ["image m-1: exporting 45%"]);
}

/// The process was killed once the export had begun.
#[tokio::test(start_paused = true)]
async fn an_export_to_the_same_place_that_is_under_way_is_adopted() {
    let (cloud, context) = (exporting(100, OBJECT), within(Verb::Create, 3_600));
    let (_, entry) = create(&cloud, &context).await.unwrap();
    assert_eq!((cloud.count("ExportImage"), entry.task_id.as_deref()), (0, Some("t-1")));
    assert!(context.infos()[0].contains("task t-1 exports it"), "{:?}", context.infos());
    delete(&cloud.of_another_process(), &within(Verb::Delete, 60), entry).await.unwrap();
    assert_eq!(objects(&cloud), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_export_to_another_place_is_waited_for() {
    for (bucket, object, format) in [
        ("b-images", "other_m-1_system.raw.tar.gz", "raw"),
        ("b-images", "m-1_system.raw.tar.gz", "raw"),
        ("b-other", OBJECT, "raw"),
        ("b-images", "web_m-1_system.qcow2.tar.gz", "qcow2"),
    ] {
        let cloud = exporting(100, object);
        cloud.state().tasks[0].bucket = bucket.to_owned();
        cloud.state().tasks[0].format = format.to_owned();
        let (began, context) = (Instant::now(), within(Verb::Create, 3_600));
        let (_, entry) = create(&cloud, &context).await.unwrap();
        assert!((200..230).contains(&began.elapsed().as_secs()), "{object}: {:?}", began.elapsed());
        assert_eq!((cloud.count("ExportImage"), entry.task_id.as_deref()), (1, Some("t-2")), "{object}");
        assert!(context.statuses()[0].contains("waits for task t-1, which exports it elsewhere"), "{object}");
    }
}

/// What has ended is exported again, as nobody knows whether its files are still the image's.
#[tokio::test(start_paused = true)]
async fn an_export_that_has_ended_is_not_adopted() {
    let cloud = exporting(0, OBJECT);
    let (_, entry) = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap();
    assert_eq!((cloud.count("ExportImage"), entry.task_id.as_deref()), (1, Some("t-2")));
}

/// The cloud knows no token: whether the call was carried out only a look tells.
#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_is_lost_is_not_repeated_if_it_was_carried_out() {
    for (seconds, carried_out) in [(100, true), (0, true), (100, false)] {
        let cloud = cloud(seconds, move |sent, state| {
            let is_first =
                sent.action() == "ExportImage" && state.objects.insert("seen/once".to_owned(), 0).is_none();
            is_first.then(|| {
                if carried_out {
                    state.export(sent);
                }
                broken()
            })
        });
        let (_, entry) = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap();
        assert_eq!(entry.task_id.as_deref(), Some("t-1"), "{seconds} {carried_out}");
        let calls = if carried_out { 1 } else { 2 };
        assert_eq!(cloud.count("ExportImage"), calls, "{seconds} {carried_out}");
        assert_eq!(cloud.state().tasks.len(), 1, "{seconds} {carried_out}");
    }
}

/// The task shows late, so that the second call is refused.
#[tokio::test(start_paused = true)]
async fn a_refusal_as_the_image_is_being_exported_leads_to_the_task() {
    let began = Instant::now();
    let cloud = cloud(600, move |sent, state| match sent.action() {
        "DescribeTasks" if began.elapsed() < Duration::from_secs(60) => {
            Some(aliyun::testing::ok(r#"{"RequestId":"R","TotalCount":0,"TaskSet":{"Task":[]}}"#))
        }
        "ExportImage" if state.tasks.is_empty() => {
            state.export(sent);
            Some(broken())
        }
        _ => None,
    });
    let (_, entry) = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap();
    assert_eq!((entry.task_id.as_deref(), cloud.state().tasks.len()), (Some("t-1"), 1));
    assert!(cloud.count("ExportImage") >= 2);
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_waited_for() {
    for (code, status) in [
        (
            "ConcurrentQuotaExceed.ExportImage",
            "waits, as the cloud has as many exports under way as it allows",
        ),
        ("IncorrectImageStatus", "its export waits while it is Available (100%)"),
    ] {
        let began = Instant::now();
        let cloud = cloud(0, move |sent, _| {
            let early = began.elapsed() < Duration::from_secs(100);
            (sent.action() == "ExportImage" && early).then(|| refuse(403, code))
        });
        let context = within(Verb::Create, 3_600);
        create(&cloud, &context).await.unwrap();
        assert!((100..115).contains(&began.elapsed().as_secs()), "{code}: {:?}", began.elapsed());
        assert!(context.statuses().iter().any(|line| line.contains(status)), "{:?}", context.statuses());
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_within_the_time_says_what_it_was() {
    let cloud = cloud(0, |sent, _| {
        (sent.action() == "ExportImage").then(|| refuse(403, "ConcurrentQuotaExceed.ExportImage"))
    });
    let failure = create(&cloud, &within(Verb::Create, 100)).await.unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("ConcurrentQuotaExceed.ExportImage") && text.contains("Quota Center"), "{text}");
    assert!(!matches!(failure, Failure::Partial { .. }));
    // An image that will never be Available is not waited for.
    let cloud = cloud_with_status("Deprecated");
    let began = Instant::now();
    let text = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err().to_string();
    assert!(text.contains("imageId: only an image that is Available can be exported"), "{text}");
    assert!(began.elapsed().as_secs() < 5);
}

fn cloud_with_status(status: &'static str) -> Cloud {
    let cloud =
        cloud(0, |sent, _| (sent.action() == "ExportImage").then(|| refuse(400, "IncorrectImageStatus")));
    cloud.state().images[0].last_status = status;
    cloud
}

#[tokio::test(start_paused = true)]
async fn every_refusal_says_what_to_do() {
    for (code, advice) in [
        ("InvalidOSSBucket.NotFound", "ossBucket: the bucket b-images is not in the region cn-test"),
        ("InvalidImageId.NotFound", "imageId: there is no image m-1 that this account may export"),
        (
            "ImageNotSupported",
            "imageId: image m-1 cannot be exported, as it is from the marketplace or encrypted",
        ),
        ("InvalidImageCategory.NotSupported", "imageId: image m-1 is not a custom image of this account"),
        ("InvalidImageLicense.NotSupported", "forbids to export it"),
        ("InvalidImage.DiskAmountOrSize", "more data disks than can be exported"),
        ("WeeklyQuotaExceed.ExportImage", "when the week is over"),
        (
            "InvalidImageFormat.RegionNotSupported",
            "imageFormat: the region cn-test exports in no such format",
        ),
        ("NoSetRoletoECSServiceAcount", "Create the role AliyunECSImageExportDefaultRole"),
        ("InvalidOSS.NotAuthorized", "allow it oss:GetObject, oss:PutObject"),
    ] {
        let cloud = cloud(0, move |sent, _| (sent.action() == "ExportImage").then(|| refuse(403, code)));
        let began = Instant::now();
        let failure = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err();
        let text = failure.to_string();
        assert!(text.contains(code) && text.contains(advice), "{text}");
        assert!(!matches!(failure, Failure::Partial { .. }), "{code}");
        assert_eq!((cloud.count("ExportImage"), began.elapsed().as_secs()), (1, 0), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_may_not_be_looked_at_begin_nothing() {
    let denied = cloud(0, |sent, _| (sent.action() == "DescribeTasks").then(|| refuse(403, "Forbidden.RAM")));
    let text = create(&denied, &within(Verb::Create, 3_600)).await.unwrap_err().to_string();
    assert!(text.contains("ecs:DescribeTasks"), "{text}");
    assert_eq!(denied.count("ExportImage"), 0);
    // A private cloud that has no such action can do without.
    let none =
        cloud(0, |sent, _| (sent.action() == "DescribeTasks").then(|| refuse(404, "InvalidApi.NotFound")));
    create(&none, &within(Verb::Create, 3_600)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_export_that_fails_says_why_and_deletes_what_it_wrote() {
    let cloud = plain(100);
    cloud.state().exports_end = "Failed";
    cloud.state().objects.insert(format!("b-images/{OBJECT}"), LATER);
    let failure = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err();
    let text = failure.to_string();
    assert!(
        text.starts_with(
            "the export of image m-1 to bucket b-images (ossPrefix web) failed: E.Disk: no space\n"
        ),
        "{text}"
    );
    assert!(!matches!(failure, Failure::Partial { .. }));
    assert_eq!(objects(&cloud), [""; 0]);
}

/// The cloud may have forgotten the task that wrote it, and the published provider keeps none.
#[tokio::test(start_paused = true)]
async fn an_export_that_fails_or_is_given_up_leaves_what_is_older_than_itself() {
    for names_objects in [true, false] {
        let cloud = plain(100);
        (cloud.state().exports_end, cloud.state().names_objects) = ("Failed", names_objects);
        cloud.state().objects.insert(format!("b-images/{OBJECT}"), EARLIER);
        let failure = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err();
        let stays = "so they stay in the bucket b-images: web_m-1_system.raw.tar.gz";
        assert!(failure.to_string().contains("\nNo files of it are left behind. "), "{failure}");
        assert!(failure.to_string().ends_with(stays), "{failure}");
        assert!(!matches!(failure, Failure::Partial { .. }));
        assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);

        let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
        let context = within(Verb::Delete, 1_200);
        delete(&cloud, &context, kept(&state)).await.unwrap();
        assert_eq!((cloud.count("CancelTask"), objects(&cloud).len()), (1, 1));
        let warning = context.warnings().pop().unwrap_or_default();
        assert!(
            warning.contains("were not written by that export. They stay in the bucket b-images"),
            "{warning}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_begun_anew_remembers_what_could_not_be_deleted() {
    let cloud = plain(0);
    let mut entry = complete(&cloud).await;
    let left = "web_m-1_data_xvdb.raw.tar.gz";
    (entry.status, entry.written) = (Some("Failed".to_owned()), Vec::new());
    entry.oss_objects = Some(vec![left.to_owned()]);
    cloud.state().tasks.clear();
    cloud.state().objects.insert(format!("b-images/{left}"), LATER);
    let anew = update(&cloud, &within(Verb::Update, 3_600), entry).await.unwrap();
    assert_eq!(anew.oss_objects.as_deref(), Some(&[OBJECT.to_owned()][..]));
    delete(&cloud, &within(Verb::Delete, 60), anew).await.unwrap();
    assert_eq!(objects(&cloud), [""; 0]);
}

/// Where the older of two entries of one export is deleted by itself, this process has never seen the newer one.
#[tokio::test(start_paused = true)]
async fn what_another_export_has_written_anew_stays_whichever_process_deletes_the_older_entry() {
    let cloud = plain(0);
    let older = complete(&cloud).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let newer = complete(&cloud.of_another_process()).await;
    let context = within(Verb::Read, 60);
    assert!(read(&cloud, &context, older.clone()).await.unwrap().is_some());
    assert!(context.warnings()[0].contains("have been written anew since"), "{:?}", context.warnings());
    let context = within(Verb::Delete, 60);
    delete(&cloud.of_another_process(), &context, older).await.unwrap();
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
    assert!(context.warnings()[0].contains("were not written by that export"), "{:?}", context.warnings());
    delete(&cloud.of_another_process(), &within(Verb::Delete, 60), newer).await.unwrap();
    assert_eq!(objects(&cloud), [""; 0]);
}

/// Files that cannot be looked at after a failure are no reason to be silent about the failure.
#[tokio::test(start_paused = true)]
async fn a_failure_is_told_though_nothing_can_be_cleaned_up() {
    let listed = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let cloud = cloud(100, move |sent, _| {
        let is_later =
            sent.action() == "DescribeTasks" && listed.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
        is_later.then(|| refuse(403, "Forbidden.RAM"))
    });
    cloud.state().exports_end = "Failed";
    let (_, _, _, text) = partial(create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err());
    assert!(text.contains("failed: E.Disk: no space\nWhether it has left files is not known: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_show_at_once_is_cancelled_all_the_same() {
    let misses = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let missing = std::sync::Arc::clone(&misses);
    let cloud = cloud(1_000, move |sent, _| {
        let is_missed = sent.action() == "DescribeTaskAttribute"
            && missing.load(std::sync::atomic::Ordering::Relaxed) > 0;
        is_missed.then(|| {
            missing.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            refuse(404, "InvalidTaskId.NotFound")
        })
    });
    let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
    misses.store(2, std::sync::atomic::Ordering::Relaxed);
    delete(&cloud, &within(Verb::Delete, 1_200), kept(&state)).await.unwrap();
    assert_eq!(cloud.count("CancelTask"), 1);
}

/// That provider keeps an export from its beginning on, whether it has seen the end or not.
#[tokio::test(start_paused = true)]
async fn an_export_that_the_published_provider_has_not_seen_to_end_is_looked_for() {
    for written in [true, false] {
        let cloud = plain(0);
        if written {
            cloud.state().objects.insert(format!("b-images/{OBJECT}"), EARLIER);
        }
        let entry = update(&cloud, &within(Verb::Update, 3_600), official()).await.unwrap();
        assert_eq!(entry.oss_objects.as_deref(), Some(&[OBJECT.to_owned()][..]));
        assert_eq!(cloud.count("ExportImage"), if written { 0 } else { 1 });
    }
}

/// Another resource has exported the image to the same place, so the files are its own.
#[tokio::test(start_paused = true)]
async fn an_export_that_fails_leaves_what_an_earlier_one_has_written() {
    let cloud = plain(100);
    complete(&cloud).await;
    cloud.state().exports_end = "Failed";
    let next = cloud.of_another_process();
    create(&next, &within(Verb::Create, 3_600)).await.unwrap_err();
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
}

/// What such a status means is not documented, so that the task may go on.
#[tokio::test(start_paused = true)]
async fn an_export_in_an_unknown_status_keeps_its_files_and_its_entry() {
    let cloud = plain(100);
    cloud.state().exports_end = "Archived";
    cloud.state().objects.insert(format!("b-images/{OBJECT}"), LATER);
    let (_, state, _, text) = partial(create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err());
    assert!(text.contains("Nothing of it is deleted"), "{text}");
    assert_eq!(state["taskId"].as_str(), Some("t-1"));
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_task_is_not_believed() {
    let cloud = cloud(100, |sent, _| {
        let other = json!({ "RequestId": "R", "TaskId": "t-9", "TaskStatus": "Finished" });
        (sent.action() == "DescribeTaskAttribute").then(|| reply(200, &other.to_string()))
    });
    let (_, state, _, text) = partial(create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err());
    assert!(text.contains("it was asked for task t-1 and answered with t-9"), "{text}");
    assert_eq!(state["taskId"].as_str(), Some("t-1"));
}

#[test]
fn exports_in_two_formats_are_two() {
    let of = |format: Option<&str>| {
        let args = ExportArgs { image_format: format.and_then(text), ..args() };
        Target::of(&args).unwrap().key()
    };
    assert_ne!(of(Some("qcow2")), of(None));
    assert_eq!(of(Some("raw")), of(None));
    let state =
        json!({ "imageId": "m-1", "ossBucket": "b-images", "ossPrefix": "web", "imageFormat": "qcow2" });
    let identity: args::ExportIdentity = serde_json::from_value(state).unwrap();
    assert_eq!(identity.target().unwrap().key(), of(Some("qcow2")));
}

#[tokio::test(start_paused = true)]
async fn a_failed_export_whose_files_stay_is_in_the_state_and_is_exported_anew() {
    let forbidden = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let still = std::sync::Arc::clone(&forbidden);
    let cloud = cloud(100, move |sent, _| {
        let is_forbidden = sent.method() == "DELETE" && still.load(std::sync::atomic::Ordering::Relaxed);
        is_forbidden.then(denied)
    });
    cloud.state().exports_end = "Failed";
    cloud.state().objects.insert(format!("b-images/{OBJECT}"), LATER);
    let (id, state, _, text) = partial(create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err());
    assert_eq!((id.as_str(), state["status"].as_str()), ("m-1", Some("Failed")));
    assert!(text.contains(&format!("b-images/{OBJECT}: ")) && text.contains("oss:DeleteObject"), "{text}");

    forbidden.store(false, std::sync::atomic::Ordering::Relaxed);
    cloud.state().exports_end = "Finished";
    let entry = update(&cloud, &within(Verb::Update, 3_600), kept(&state)).await.unwrap();
    assert_eq!((entry.task_id.as_deref(), entry.status.as_deref()), (Some("t-2"), Some("Finished")));
    assert_eq!(entry.oss_objects.unwrap(), [OBJECT]);
}

fn denied() -> Reply {
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    reply(403, body).with_header("x-oss-request-id", "R")
}

#[tokio::test(start_paused = true)]
async fn an_export_that_was_not_seen_to_end_is_gone_on_with() {
    for interrupt in [false, true] {
        let cloud = plain(400);
        let context = within(Verb::Create, 60);
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            if interrupt {
                context.cancel();
            }
        };
        let (made, ()) = tokio::join!(create(&cloud, &context), interrupted);
        let (id, state, _, text) = partial(made.unwrap_err());
        assert_eq!(
            (id.as_str(), state["taskId"].as_str(), state["progress"].as_str()),
            ("m-1", Some("t-1"), Some("45%"))
        );
        let expected = if interrupt { "interrupted. " } else { "customTimeouts.create allows more time" };
        assert!(text.contains(expected), "{text}");
        assert_eq!((cloud.count("CancelTask"), cloud.count("ExportImage")), (0, 1));
        // A refresh does not call it well.
        let next = cloud.of_another_process();
        let refreshed = read(&next, &within(Verb::Read, 60), kept(&state)).await.unwrap_err();
        let (_, state, _, text) = partial(refreshed);
        assert!(text.starts_with("image m-1 is still being exported to bucket b-images"), "{text}");
        let entry = update(&next, &within(Verb::Update, 3_600), kept(&state)).await.unwrap();
        assert_eq!(
            (entry.oss_objects.unwrap().as_slice(), cloud.count("ExportImage")),
            (&[OBJECT.to_owned()][..], 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_interruption_of_the_call_says_that_nobody_knows() {
    let cloud = cloud(0, |sent, _| (sent.action() == "ExportImage").then(hang));
    let context = within(Verb::Create, 3_600);
    let interrupted = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        context.cancel();
    };
    let (made, ()) = tokio::join!(create(&cloud, &context), interrupted);
    let Err(Failure::Cancelled(text)) = made else { panic!("{made:?}") };
    assert!(text.starts_with("interrupted while ExportImage was under way"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_the_cloud_has_forgotten_is_exported_anew() {
    let cloud = plain(400);
    let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
    cloud.state().tasks.clear();
    let refreshed = read(&cloud, &within(Verb::Read, 60), kept(&state)).await.unwrap_err();
    let (_, state, _, text) = partial(refreshed);
    assert!(text.contains("does not know the task t-1"), "{text}");
    let entry = update(&cloud, &within(Verb::Update, 3_600), kept(&state)).await.unwrap();
    assert_eq!(entry.task_id.as_deref(), Some("t-2"));
}

#[tokio::test(start_paused = true)]
async fn names_that_no_task_tells_are_guessed_and_told() {
    let cloud = plain(0);
    cloud.state().names_objects = false;
    let context = within(Verb::Create, 3_600);
    let (_, entry) = create(&cloud, &context).await.unwrap();
    assert_eq!(
        (entry.oss_objects.as_deref().unwrap(), entry.guessed),
        (&[OBJECT.to_owned()][..], Some(true))
    );
    assert!(context.warnings()[0].contains("does not name its files"), "{:?}", context.warnings());
    // That no object has a guessed name proves nothing.
    cloud.state().objects.clear();
    let context = within(Verb::Read, 60);
    assert!(read(&cloud, &context, entry.clone()).await.unwrap().is_some());
    assert!(context.warnings()[0].contains("pulumi state delete"), "{:?}", context.warnings());
    // OSS says that an absent object is deleted.
    let context = within(Verb::Delete, 60);
    delete(&cloud, &context, entry).await.unwrap();
    let warning = &context.warnings()[0];
    assert!(warning.contains("whose names begin with web_m-1, delete them by hand"), "{warning}");
}

#[test]
fn a_guess_follows_prefix_format_and_data_disks() {
    let of = |args: &ExportArgs| Target::of(args).unwrap().guess(["/dev/xvdb"].into_iter());
    assert_eq!(of(&args()), [OBJECT, "web_m-1_data_xvdb.raw.tar.gz"]);
    let other = ExportArgs { oss_prefix: None, image_format: text("qcow2"), ..args() };
    assert_eq!(of(&other), ["m-1_system.qcow2.tar.gz", "m-1_data_xvdb.qcow2.tar.gz"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_looks_at_the_objects_and_at_nothing_else() {
    let cloud = plain(0);
    let entry = complete(&cloud).await;
    let before = cloud.stub.sent().len();
    // The image may be gone: its files are not.
    cloud.state().images.clear();
    let context = within(Verb::Read, 60);
    let found = read(&cloud, &context, entry.clone()).await.unwrap().unwrap();
    assert_eq!((found.args, found.state), (args(), entry.clone()));
    let looks: Vec<String> =
        cloud.stub.sent()[before..].iter().map(|sent| sent.method().to_owned()).collect();
    assert_eq!((looks, context.warnings()), (vec!["HEAD".to_owned()], vec![]));
    cloud.state().objects.clear();
    assert!(read(&cloud, &context, entry).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn objects_that_nobody_can_look_at_stay_in_the_state() {
    for (what, answer) in [
        ("AccessDenied", reply(403, "").with_header("x-oss-request-id", "R")),
        ("connection refused", unreachable()),
        ("", reply(404, "<html>a portal</html>")),
    ] {
        let cloud = cloud(0, move |sent, _| (sent.method() == "HEAD").then(|| answer.clone()));
        let entry = complete(&cloud).await;
        let context = within(Verb::Read, 60);
        assert!(read(&cloud, &context, entry).await.unwrap().is_some(), "{what}");
        assert!(context.warnings()[0].contains(what), "{what}: {:?}", context.warnings());
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_is_told() {
    let cloud = plain(0);
    let mut entry = complete(&cloud).await;
    entry.oss_objects = Some(vec![OBJECT.to_owned(), "web_m-1_data_xvdb.raw.tar.gz".to_owned()]);
    let context = within(Verb::Read, 60);
    assert!(read(&cloud, &context, entry).await.unwrap().is_some());
    let warning = &context.warnings()[0];
    assert!(
        warning.contains("these are not in the bucket b-images any more: web_m-1_data_xvdb"),
        "{warning}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_export_s_deletion_deletes_its_objects_alone() {
    let cloud = plain(0);
    let entry = complete(&cloud).await;
    cloud.state().objects.insert("b-images/other".to_owned(), LATER);
    let before = cloud.stub.sent().len();
    delete(&cloud, &within(Verb::Delete, 60), entry.clone()).await.unwrap();
    assert_eq!(objects(&cloud), ["b-images/other"]);
    assert_eq!(cloud.stub.sent().len(), before + 2, "a look and the deletion");
    // What is gone already is deleted.
    delete(&cloud, &within(Verb::Delete, 60), entry).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_is_named() {
    let cloud =
        cloud(0, |sent, _| (sent.method() == "DELETE" && sent.path().contains("system")).then(denied));
    let mut entry = complete(&cloud).await;
    entry.oss_objects = Some(vec![OBJECT.to_owned(), "web_m-1_data_xvdb.raw.tar.gz".to_owned()]);
    let text = delete(&cloud, &within(Verb::Delete, 60), entry).await.unwrap_err().to_string();
    assert!(text.contains(&format!("b-images/{OBJECT}: ")) && text.contains("oss:DeleteObject"), "{text}");
    assert!(!text.contains("data_xvdb"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_export_under_way_is_cancelled_by_its_deletion() {
    let cloud = plain(1_000);
    let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
    cloud.state().objects.insert(format!("b-images/{OBJECT}"), LATER);
    let began = Instant::now();
    delete(&cloud, &within(Verb::Delete, 1_200), kept(&state)).await.unwrap();
    assert_eq!((cloud.count("CancelTask"), objects(&cloud)), (1, vec![]));
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_export_that_cannot_be_cancelled_is_waited_for_and_then_deleted() {
    for shows in [true, false] {
        let cloud = cloud(400, move |sent, _| {
            (sent.action() == "CancelTask" && shows)
                .then(|| refuse(403, "InvalidTaskId.TaskActionNotSupport"))
        });
        cloud.state().cancellable = shows;
        let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
        let (began, context) = (Instant::now(), within(Verb::Delete, 1_200));
        delete(&cloud, &context, kept(&state)).await.unwrap();
        assert!((335..360).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!(objects(&cloud), [""; 0]);
        assert!(context.infos()[0].contains("cannot cancel its export"), "{:?}", context.infos());
    }
}

/// The published provider keeps neither the task nor the objects.
fn official() -> ExportEntry {
    ExportEntry { args: args(), ..ExportEntry::default() }
}

#[tokio::test(start_paused = true)]
async fn a_state_of_the_published_provider_is_taken_over() {
    let cloud = exporting(0, OBJECT);
    cloud.state().objects.insert(format!("b-images/{OBJECT}"), LATER);
    let context = within(Verb::Read, 60);
    let found = read(&cloud, &context, official()).await.unwrap().unwrap();
    assert_eq!(
        (found.state.oss_objects.as_deref().unwrap(), found.state.guessed),
        (&[OBJECT.to_owned()][..], None)
    );
    // An update of the role needs no call.
    let before = cloud.stub.sent().len();
    let role = Update {
        id: "m-1".to_owned(),
        old: Old { args: args(), state: official() },
        args: ExportArgs { role_name: text("another"), ..args() },
        changed: ["roleName".to_owned()].into(),
        unapplied: Default::default(),
    };
    exports(&cloud).update(&cloud.client, &within(Verb::Update, 60), role).await.unwrap();
    assert_eq!(cloud.stub.sent().len(), before);
    delete(&cloud, &within(Verb::Delete, 60), official()).await.unwrap();
    assert_eq!(objects(&cloud), [""; 0]);
}

/// A program that gives the resource another name makes the newer entry first.
#[tokio::test(start_paused = true)]
async fn the_older_of_two_entries_does_not_delete_the_newer_ones_objects() {
    let cloud = plain(0);
    let older = ExportEntry { written: Vec::new(), ..complete(&cloud).await };
    complete(&cloud).await;
    let context = within(Verb::Delete, 60);
    delete(&cloud, &context, older.clone()).await.unwrap();
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
    assert!(context.warnings()[0].contains("another entry of the state holds the same one"));
    // Another process goes by the tasks.
    let next = cloud.of_another_process();
    delete(&next, &within(Verb::Delete, 60), older).await.unwrap();
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
}

#[tokio::test(start_paused = true)]
async fn an_export_cannot_be_imported() {
    let cloud = plain(0);
    let read = exports(&cloud).read(&cloud.client, &within(Verb::Read, 60), "m-1", None).await;
    assert!(read.unwrap_err().to_string().starts_with("an export cannot be imported"));
}

#[test]
fn every_mistake_is_told_with_its_path() {
    let check = |args: &ExportArgs| {
        let mut findings = Findings::default();
        args::check(args, &mut findings);
        findings.failures.iter().map(|found| found.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(check(&args()), [""; 0]);
    let wrong = ExportArgs { oss_prefix: text("web-1"), oss_bucket: text("B/images"), ..args() };
    assert_eq!(check(&wrong), ["ossPrefix", "ossBucket"]);
    let unknown = ExportArgs { oss_prefix: Some(Input::Unknown), oss_bucket: Some(Input::Unknown), ..args() };
    assert_eq!(check(&unknown), [""; 0]);
}

#[test]
fn what_replaces_deletes_first_and_a_role_is_no_difference() {
    let exports: Box<dyn AnyResource<Client>> = pulumi::resource(ImageExport::new(Memory::default()));
    let changes = |olds: Json, news: Json| {
        let (olds, news): (Properties, Properties) =
            (pulumi::encode(&olds).unwrap(), pulumi::encode(&news).unwrap());
        let args = &exports.types().unwrap().args;
        let mut changes = pulumi::diff::changes(args, &olds, &olds, &news).effective;
        let told = exports.reconsider(&olds, &olds, &news, &mut changes).unwrap();
        let left: Vec<String> =
            changes.iter().map(|change| format!("{} {}", change.path, change.replace)).collect();
        (left, told.delete_before_replace)
    };
    let olds = json!({ "imageId": "m-1", "ossBucket": "b-images" });
    for (property, value, expected) in [
        ("imageFormat", "raw", vec![]),
        ("imageFormat", "vhd", vec!["imageFormat true"]),
        ("ossBucket", "b-other", vec!["ossBucket true"]),
        ("roleName", "a-role", vec!["roleName false"]),
    ] {
        let mut news = olds.clone();
        news[property] = value.into();
        let (left, first) = changes(olds.clone(), news);
        assert_eq!(left, expected, "{property}");
        assert!(first || expected.is_empty() || property == "roleName", "{property}");
    }
    let timeouts = exports.timeouts();
    let minutes = [timeouts.create, timeouts.delete].map(|limit| limit.as_secs() / 60);
    assert_eq!(minutes, [60, 20]);
}

/// Another export writes the same file anew after this one has ended and before anybody has seen that.
#[tokio::test(start_paused = true)]
async fn what_a_later_export_has_written_is_not_taken_for_its_own_however_late_an_end_is_seen() {
    let cloud = plain(100);
    let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
    tokio::time::advance(Duration::from_secs(100)).await;
    let newer = complete(&cloud.of_another_process()).await;
    for command in ["up", "refresh"] {
        let older = match command {
            "up" => update(&cloud, &within(Verb::Update, 3_600), kept(&state)).await.unwrap(),
            _ => read(&cloud, &within(Verb::Read, 60), kept(&state)).await.unwrap().unwrap().state,
        };
        assert_eq!((older.status.as_deref(), older.written.len()), (Some("Finished"), 0), "{command}");
        let context = within(Verb::Delete, 60);
        delete(&cloud.of_another_process(), &context, older).await.unwrap();
        assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")], "{command}");
        assert!(context.warnings()[0].contains("were not written by that export"), "{command}");
    }
    delete(&cloud.of_another_process(), &within(Verb::Delete, 60), newer).await.unwrap();
    assert_eq!(objects(&cloud), [""; 0]);
}

/// An earlier export has written a file of the same name, which is gone or written anew.
#[tokio::test(start_paused = true)]
async fn an_export_whose_end_is_seen_by_its_deletion_deletes_its_own_file() {
    let cloud = plain(100);
    let earlier = complete(&cloud).await;
    delete(&cloud, &within(Verb::Delete, 60), earlier).await.unwrap();
    let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
    tokio::time::advance(Duration::from_secs(100)).await;
    delete(&cloud.of_another_process(), &within(Verb::Delete, 60), kept(&state)).await.unwrap();
    assert_eq!(objects(&cloud), [""; 0]);
}

/// A file that could not be looked at when the export ended is judged by itself.
#[tokio::test(start_paused = true)]
async fn one_file_that_was_not_seen_is_not_taken_from_another_export() {
    let cloud = plain(0);
    let older = ExportEntry {
        oss_objects: Some(vec![OBJECT.to_owned(), "web_m-1_data_xvdb.raw.tar.gz".to_owned()]),
        written: vec![args::Written {
            object: "web_m-1_data_xvdb.raw.tar.gz".to_owned(),
            version: "E 1".to_owned(),
        }],
        ..complete(&cloud).await
    };
    complete(&cloud.of_another_process()).await;
    delete(&cloud.of_another_process(), &within(Verb::Delete, 60), older).await.unwrap();
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
}

#[tokio::test(start_paused = true)]
async fn an_export_in_an_unknown_status_is_not_forgotten_by_its_deletion() {
    let cloud = plain(100);
    let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
    cloud.state().tasks[0].running = "Queued";
    cloud.state().tasks[0].ends_at += Duration::from_secs(100_000);
    cloud.state().tasks[0].cancellable = false;
    let text = delete(&cloud, &within(Verb::Delete, 1_200), kept(&state)).await.unwrap_err().to_string();
    assert!(text.contains("is in the state Queued, which is not documented"), "{text}");
    assert!(text.contains("stays in the state"), "{text}");
}

/// Of one disk of two, or of both.
#[tokio::test(start_paused = true)]
async fn an_export_that_has_finished_without_a_file_is_told() {
    for (missing, said) in [
        ("m-1", "none of its files is in the bucket b-images: web_m-1_system.raw.tar.gz, web_m-1_data_xvdb"),
        ("data_xvdb", "these of its files are not in the bucket b-images: web_m-1_data_xvdb.raw.tar.gz. To"),
    ] {
        for is_late in [false, true] {
            let cloud = cloud(100, move |sent, _| {
                (sent.method() == "HEAD" && sent.path().contains(missing)).then(absent)
            });
            let (made, context) = two_disks(&cloud, is_late).await;
            assert_eq!(made.oss_objects.map(|names| names.len()), Some(2));
            let warnings = context.warnings();
            assert!(warnings[0].contains(said) && warnings[0].contains("--replace"), "{warnings:?}");
            assert_eq!(warnings.len(), 1, "{warnings:?}");
        }
    }
}

/// A task is Finished though one of its steps has failed.
#[tokio::test(start_paused = true)]
async fn what_the_task_of_a_finished_export_says_of_an_error_is_told() {
    for is_late in [false, true] {
        let cloud = plain(100);
        cloud.state().exports_say = Some(("InternalError", "disk xvdb not written"));
        let (_, context) = two_disks(&cloud, is_late).await;
        let warning = &context.warnings()[0];
        assert!(warning.contains("says of an error: InternalError: disk xvdb not written"), "{warning}");
    }
}

fn absent() -> Reply {
    reply(404, "").with_header("x-oss-request-id", "R")
}

/// An export of two disks, whose end is seen by the operation that begins it or by the next.
async fn two_disks(cloud: &Cloud, is_late: bool) -> (ExportEntry, TestContext) {
    let context = within(Verb::Create, if is_late { 60 } else { 3_600 });
    let second_disk = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        cloud.state().tasks[0].objects.push("web_m-1_data_xvdb.raw.tar.gz".to_owned());
    };
    let (made, ()) = tokio::join!(create(cloud, &context), second_disk);
    if !is_late {
        return (made.unwrap().1, context);
    }
    let (_, state, _, _) = partial(made.unwrap_err());
    tokio::time::advance(Duration::from_secs(100)).await;
    let context = within(Verb::Update, 3_600);
    (update(cloud, &context, kept(&state)).await.unwrap(), context)
}

/// The cloud tells beginnings to the minute, and may have forgotten the task that wrote the file.
#[tokio::test(start_paused = true)]
async fn a_file_that_was_written_earlier_in_the_minute_of_the_beginning_stays() {
    for fails in [true, false] {
        let cloud = plain(100);
        tokio::time::advance(Duration::from_secs(30)).await;
        cloud.state().objects.insert(format!("b-images/{OBJECT}"), 20);
        if fails {
            cloud.state().exports_end = "Failed";
            let text = create(&cloud, &within(Verb::Create, 3_600)).await.unwrap_err().to_string();
            assert!(text.ends_with(&format!("so they stay in the bucket b-images: {OBJECT}")), "{text}");
        } else {
            let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
            let context = within(Verb::Delete, 1_200);
            delete(&cloud, &context, kept(&state)).await.unwrap();
            assert!(context.warnings()[0].contains("were not written by that export"), "{fails}");
        }
        assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")], "{fails}");
    }
}

/// Nobody in this state has sent that call, so that nothing but its minute is known.
#[tokio::test(start_paused = true)]
async fn what_an_export_that_was_taken_up_may_not_have_written_stays() {
    for (second, stays) in [(20, true), (50, false)] {
        let cloud = exporting(1_000, OBJECT);
        tokio::time::advance(Duration::from_secs(30)).await;
        let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
        assert_eq!(cloud.count("ExportImage"), 0);
        cloud.state().objects.insert(format!("b-images/{OBJECT}"), second);
        delete(&cloud, &within(Verb::Delete, 1_200), kept(&state)).await.unwrap();
        assert_eq!(objects(&cloud).len(), usize::from(stays), "{second}");
    }
}

/// This machine's clock may be wrong by minutes, which the cloud takes without a word.
#[tokio::test(start_paused = true)]
async fn a_beginning_is_told_by_the_clock_of_the_cloud() {
    let cloud = plain(100);
    tokio::time::advance(Duration::from_secs(630)).await;
    // The clock of this process shows ten minutes less.
    let process = cloud.of_another_process();
    cloud.state().objects.insert(format!("b-images/{OBJECT}"), 600);
    let (_, state, _, _) = partial(create(&process, &within(Verb::Create, 60)).await.unwrap_err());
    delete(&process, &within(Verb::Delete, 1_200), kept(&state)).await.unwrap();
    assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")]);
}

/// Another state's file, written between a task that has failed and the next, whose task the cloud has forgotten.
#[tokio::test(start_paused = true)]
async fn an_export_begun_anew_is_judged_by_its_own_beginning() {
    for fails in [true, false] {
        let cloud = plain(100);
        cloud.state().exports_end = "Failed";
        let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
        tokio::time::advance(Duration::from_secs(200)).await;
        let (_, state, _, _) =
            partial(read(&cloud, &within(Verb::Read, 60), kept(&state)).await.unwrap_err());
        cloud.state().exports_end = "Finished";
        complete(&cloud.of_another_process()).await;
        tokio::time::advance(Duration::from_secs(200)).await;
        cloud.state().tasks.clear();
        let next = cloud.of_another_process();
        if fails {
            cloud.state().exports_end = "Failed";
            let (_, _, _, text) =
                partial(update(&next, &within(Verb::Update, 3_600), kept(&state)).await.unwrap_err());
            assert!(text.contains("so they stay in the bucket"), "{text}");
        } else {
            let late = update(&next, &within(Verb::Update, 60), kept(&state)).await.unwrap_err();
            delete(&next, &within(Verb::Delete, 1_200), kept(&partial(late).1)).await.unwrap();
        }
        assert_eq!(objects(&cloud), [format!("b-images/{OBJECT}")], "{fails}");
    }
}

/// What an earlier task has left is older than the present one, and the entry's all the same.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_task_has_left_is_judged_by_the_beginning_of_that_task() {
    let (left, older) = ("web_m-1_data_xvdb.raw.tar.gz", "web_m-1_data_xvdc.raw.tar.gz");
    // An earlier version has kept names alone.
    for of_earlier_version in [false, true] {
        let cloud = plain(100);
        cloud.state().exports_end = "Failed";
        tokio::time::advance(Duration::from_secs(30)).await;
        let (_, state, _, _) = partial(create(&cloud, &within(Verb::Create, 60)).await.unwrap_err());
        cloud.state().tasks.clear();
        let mut entry = kept(&state);
        if of_earlier_version {
            let names: Properties = pulumi::encode(&json!({ "__leftovers": [left, older] })).unwrap();
            entry = kept(&state.clone().into_iter().chain(names).collect());
        }
        entry.oss_objects = Some(vec![left.to_owned(), older.to_owned()]);
        for (object, second) in [(left, 50), (older, 10)] {
            cloud.state().objects.insert(format!("b-images/{object}"), second);
        }
        cloud.state().exports_end = "Finished";
        let anew = update(&cloud, &within(Verb::Update, 3_600), entry).await.unwrap();
        assert_eq!(anew.oss_objects.as_deref(), Some(&[OBJECT.to_owned()][..]));
        let anew = kept(&pulumi::encode(&anew).unwrap());
        delete(&cloud, &within(Verb::Delete, 60), anew).await.unwrap();
        assert_eq!(objects(&cloud), [format!("b-images/{older}")], "{of_earlier_version}");
    }
}

/// The cloud may forget the task, and the names follow no rule that is sure.
#[tokio::test(start_paused = true)]
async fn names_that_a_task_tells_before_its_end_are_kept() {
    let named = "web_m-1_t-1.vhd";
    for forgotten in ["at once", "later", "told no more"] {
        let cloud = cloud(300, move |sent, state| {
            let forgets =
                forgotten == "at once" && sent.at.duration_since(state.tasks.first()?.began).as_secs() > 20;
            if forgets {
                state.tasks.clear();
            }
            None
        });
        let context = within(Verb::Create, 60);
        let other_name = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cloud.state().tasks[0].objects = vec![named.to_owned()];
        };
        let (made, ()) = tokio::join!(create(&cloud, &context), other_name);
        let (_, state, _, _) = partial(made.unwrap_err());
        tokio::time::advance(Duration::from_secs(500)).await;
        cloud.state().objects.insert(format!("b-images/{named}"), LATER);
        match forgotten {
            "told no more" => {
                cloud.state().tasks[0].names_objects = false;
                let entry = update(&cloud, &within(Verb::Update, 60), kept(&state)).await.unwrap();
                assert_eq!(
                    (entry.oss_objects.as_deref(), entry.guessed),
                    (Some(&[named.to_owned()][..]), None)
                );
                continue;
            }
            _ => cloud.state().tasks.clear(),
        }
        let context = within(Verb::Delete, 60);
        delete(&cloud, &context, kept(&state)).await.unwrap();
        assert_eq!((objects(&cloud), context.warnings()), (vec![], vec![]), "{forgotten}");
    }
}

/// Without a look at its file an export is complete. That its deletion needs one is told in time.
#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_looked_at_when_an_export_ends_are_told() {
    for (answer, is_denied) in [
        (reply(403, "").with_header("x-oss-request-id", "R"), true),
        (unreachable(), false),
        (reply(503, "").with_header("x-oss-request-id", "R"), false),
    ] {
        let cloud = cloud(0, move |sent, _| (sent.method() == "HEAD").then(|| answer.clone()));
        let context = within(Verb::Create, 3_600);
        let (_, entry) = create(&cloud, &context).await.unwrap();
        let warning = &context.warnings()[0];
        assert!(warning.contains(&format!("b-images/{OBJECT}: ")), "{warning}");
        assert_eq!(warning.contains("oss:GetObject"), is_denied, "{warning}");
        assert_eq!(warning.contains("pulumi destroy"), is_denied, "{warning}");
        let text = delete(&cloud, &within(Verb::Delete, 60), entry).await.unwrap_err().to_string();
        assert!(text.contains("Whose it is cannot be told without a look"), "{text}");
        assert_eq!(text.contains("oss:GetObject and oss:DeleteObject"), is_denied, "{text}");
    }
}

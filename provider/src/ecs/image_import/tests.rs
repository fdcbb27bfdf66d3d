//! Imports on a paused clock.

use aliyun::testing::{Sent, broken, hang, refuse};
use pulumi::diff::changes;
use pulumi::testing::TestContext;
use pulumi::value::Properties;
use pulumi::{AnyResource, Autonaming, Input, Verb, decode, known};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::*;
use crate::ecs::image_import::args::ImageImportDiskDeviceMapping;
use crate::ecs::images::attributes::NAME;
use crate::ecs::images::entry::Kept;
use crate::ecs::images::inputs::Inputs as _;
use crate::ecs::images::laws;
use crate::ecs::images::test_cloud::{Cloud, partial};

const URN: &str = "urn:pulumi:prod::shop::alicloud:ecs/imageImport:ImageImport::web";

fn text(text: &str) -> Option<Input<String>> {
    Some(text.to_owned().into())
}

fn disk(object: &str) -> Input<ImageImportDiskDeviceMapping> {
    Input::Known(ImageImportDiskDeviceMapping {
        oss_bucket: text("b-images"),
        oss_object: text(object),
        ..ImageImportDiskDeviceMapping::default()
    })
}

fn golden() -> ImageImportArgs {
    ImageImportArgs {
        image_name: text("golden"),
        disk_device_mappings: Some(Input::Known(vec![disk("disk.raw")])),
        ..ImageImportArgs::default()
    }
}

fn within(verb: Verb, seconds: u64) -> TestContext {
    TestContext::new(verb, URN, Duration::from_secs(seconds))
}

async fn create(
    cloud: &Cloud,
    context: &TestContext,
    args: ImageImportArgs,
) -> Result<(String, ImageImportState), Failure> {
    ImageImport::new(cloud.memory.clone()).create(&cloud.client, context, args).await
}

async fn delete(cloud: &Cloud, context: &TestContext, state: ImageImportState) -> Result<(), Failure> {
    let old = Old { args: golden(), state };
    ImageImport::new(cloud.memory.clone()).delete(&cloud.client, context, "m-1", old).await
}

fn sent(cloud: &Cloud, action: &str) -> Vec<Sent> {
    cloud.stub.sent().into_iter().filter(|sent| sent.action() == action).collect()
}

/// A cloud in which an import takes so many seconds, and says so.
fn slow(seconds: u64) -> Cloud {
    let cloud = Cloud::new();
    cloud.state().ready_after = Duration::from_secs(seconds);
    cloud
}

#[test]
fn every_property_that_can_be_updated_is_an_attribute_or_is_recorded() {
    laws::check_updates::<ImageImportArgs>();
}

#[tokio::test]
async fn every_attribute_of_an_import_is_sent_with_it_or_after_it() {
    let cloud = Cloud::new();
    let sent = laws::check_attributes(&golden(), |args| ImportImage::of(args, &cloud.client).unwrap());
    let expected = [
        NAME,
        "description",
        "bootMode",
        "licenseType",
        "features.imdsSupport",
        "features.nvmeSupport",
        "resourceGroupId",
        "status",
    ];
    let mut sent: Vec<&str> = sent;
    sent.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(sent, expected);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_is_ready_at_once_is_asked_about_no_task() {
    let cloud = Cloud::new();
    let mut first = disk("disk.qcow2");
    if let Input::Known(disk) = &mut first {
        disk.format = text("qcow2");
        disk.disk_image_size = Some(Input::Known(40));
    }
    let args = ImageImportArgs {
        disk_device_mappings: Some(Input::Known(vec![first, disk("data.raw")])),
        os_type: text("linux"),
        role_name: text("a-role"),
        ..golden()
    };
    let (id, state) = create(&cloud, &within(Verb::Create, 3_600), args).await.unwrap();
    assert_eq!(
        cloud.stub.actions(),
        ["DescribeImages", "ImportImage", "DescribeImages", "ModifyImageAttribute"]
    );
    let import = &sent(&cloud, "ImportImage")[0];
    for (name, value) in [
        ("DiskDeviceMapping.1.OSSBucket", "b-images"),
        ("DiskDeviceMapping.1.OSSObject", "disk.qcow2"),
        ("DiskDeviceMapping.1.Format", "QCOW2"),
        ("DiskDeviceMapping.1.DiskImageSize", "40"),
        ("DiskDeviceMapping.2.OSSObject", "data.raw"),
        ("OSType", "linux"),
        ("RoleName", "a-role"),
    ] {
        assert_eq!(import.param(name), value, "{name}");
    }
    assert!(!import.params.contains_key("DiskDeviceMapping.2.DiskImageSize"));
    // The answer has told the task, and the state keeps the program's writing of the format.
    assert_eq!((id.as_str(), state.outputs.task_id.as_deref()), ("m-1", Some("t-2")));
    let seen = state.args.disks().next().unwrap();
    assert_eq!((known(&seen.format).unwrap().as_str(), known(&seen.disk_image_size)), ("qcow2", Some(&40)));
    assert_eq!(state.args.snapshots(&state.outputs), ["s-of-m-1"]);
}

#[tokio::test(start_paused = true)]
async fn the_status_line_shows_how_far_the_import_is() {
    let (cloud, context) = (slow(1_200), within(Verb::Create, 3_600));
    let began = Instant::now();
    create(&cloud, &context, golden()).await.unwrap();
    assert!((1_200..1_215).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(context.statuses(), ["image m-1: Creating (import 45%)", "image m-1: Available (100%)"]);
    // A look at the task for each look at the image at most, and none to find it.
    let (images, tasks) = (cloud.count("DescribeImages"), cloud.count("DescribeTaskAttribute"));
    assert!(tasks > 10 && tasks < images, "{tasks} and {images}");
    assert_eq!(cloud.count("DescribeTasks"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_fails_says_why_and_leaves_nothing() {
    let cloud = slow(60);
    cloud.state().last_status = "CreateFailed";
    let context = within(Verb::Create, 3_600);
    let fails = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut state = cloud.state();
        let task = &mut state.tasks[0];
        (task.last, task.reason) = ("Failed", Some(("E.NoSystem", "no system was found")));
    };
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), fails);
    let failure = made.unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the cloud could not make image m-1: its status is CreateFailed, as its import has failed: E.NoSystem: no system was \
         found. It has been deleted; nothing is left behind"
    );
    assert!(!matches!(failure, Failure::Partial { .. }));
    assert!(cloud.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_its_failed_import_has_taken_along_says_why() {
    let cloud = slow(600);
    let context = within(Verb::Create, 3_600);
    let fails = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut state = cloud.state();
        let now = Instant::now();
        let task = &mut state.tasks[0];
        (task.last, task.reason, task.ends_at) = ("Failed", Some(("E.NoSystem", "no system")), now);
        state.images.clear();
    };
    let began = Instant::now();
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), fails);
    let failure = made.unwrap_err();
    let text = failure.to_string();
    assert!(
        text.starts_with("the cloud could not make image m-1, as its import has failed: E.NoSystem"),
        "{text}"
    );
    assert!(!matches!(failure, Failure::Partial { .. }), "{failure:?}");
    assert!(began.elapsed().as_secs() < 120, "{:?}", began.elapsed());
}

/// An image that stays Creating though its import has failed would be waited for in vain.
#[tokio::test(start_paused = true)]
async fn an_import_that_has_failed_is_waited_for_a_minute_more() {
    let cloud = slow(3_000);
    let context = within(Verb::Create, 3_600);
    let fails = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut state = cloud.state();
        let now = Instant::now();
        let task = &mut state.tasks[0];
        (task.last, task.reason, task.ends_at) = ("Failed", Some(("E.NoSystem", "no system")), now);
    };
    let began = Instant::now();
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), fails);
    assert!(made.unwrap_err().to_string().contains("E.NoSystem"));
    assert!((90..130).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(cloud.names().is_empty());
}

/// A private cloud may know no tasks, a key may not be allowed to look at them, and no call may answer at all.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_seen_of_the_task_changes_nothing() {
    for code in ["InvalidApi.NotFound", "Forbidden.RAM", "InvalidTaskId.NotFound", "ServiceUnavailable", ""] {
        let cloud = Cloud::otherwise(move |sent, _| {
            sent.action().starts_with("DescribeTask").then(|| match code {
                "" => hang(),
                code => refuse(if code == "ServiceUnavailable" { 503 } else { 403 }, code),
            })
        });
        cloud.state().ready_after = Duration::from_secs(300);
        let began = Instant::now();
        let (id, _) = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap();
        assert_eq!(id, "m-1", "{code}");
        assert!((300..330).contains(&began.elapsed().as_secs()), "{code}: {:?}", began.elapsed());
        let looks = cloud.count("DescribeTaskAttribute");
        // The client itself repeats what passes by itself.
        let most = match code {
            "Forbidden.RAM" => 1,
            "ServiceUnavailable" => 60,
            _ => 8,
        };
        assert!(looks <= most, "{code}: {looks}");
    }
}

/// A cloud in which an import takes ten minutes and fails, and whose task does not show for so many seconds.
fn late_task(seconds: u64) -> Cloud {
    let began = Instant::now();
    let cloud = Cloud::otherwise(move |sent, _| {
        let is_early = began.elapsed() < Duration::from_secs(seconds);
        (sent.action() == "DescribeTaskAttribute" && is_early).then(|| refuse(400, "InvalidTaskId.NotFound"))
    });
    cloud.state().ready_after = Duration::from_secs(600);
    cloud.state().last_status = "CreateFailed";
    cloud
}

/// A task may show late, as an image may.
#[tokio::test(start_paused = true)]
async fn a_task_that_shows_late_is_followed() {
    for seconds in [2, 20, 55] {
        let (cloud, context) = (late_task(seconds), within(Verb::Create, 3_600));
        let (_, ()) = tokio::join!(create(&cloud, &context, golden()), async {
            tokio::time::sleep(Duration::from_secs(2 * seconds + 2)).await;
            let statuses = context.statuses();
            assert!(
                statuses.contains(&"image m-1: Creating (import 45%)".to_owned()),
                "{seconds}: {statuses:?}"
            );
        });
    }
}

/// When nothing is to be seen any more, that is asked about once.
#[tokio::test(start_paused = true)]
async fn an_image_that_could_not_be_made_asks_its_task_why_once_more() {
    let cloud = late_task(590);
    let fails = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut state = cloud.state();
        (state.tasks[0].last, state.tasks[0].reason) = ("Failed", Some(("E.NoSystem", "no system")));
    };
    let context = within(Verb::Create, 3_600);
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), fails);
    let text = made.unwrap_err().to_string();
    assert!(text.contains("CreateFailed, as its import has failed: E.NoSystem: no system"), "{text}");
    // Eight in the first minute, and one at the end.
    let looks = cloud.count("DescribeTaskAttribute");
    assert!(looks <= 9, "{looks}");
}

/// A task that shows a status of which nobody knows what it means, after half a minute: its image stays Creating.
async fn shows(cloud: &Cloud, status: &'static str) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    cloud.state().tasks[0].running = status;
}

/// Somebody may have cancelled it, or it is under way by another name.
#[tokio::test(start_paused = true)]
async fn an_import_that_shows_an_unknown_status_is_waited_for_a_minute_more_and_kept() {
    let (cloud, context) = (slow(300), within(Verb::Create, 3_600));
    let began = Instant::now();
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), shows(&cloud, "Cancelled"));
    let (id, state, unapplied, text) = partial(made.unwrap_err());
    assert!((90..130).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(
        (id.as_str(), state["taskId"].as_str(), unapplied),
        ("m-1", Some("t-2"), vec![NAME.to_owned()])
    );
    assert!(
        text.starts_with(
            "the import of image m-1 shows \"Cancelled\", which is no documented status, and after 60 s the image is still \
             Creating (50%). It is kept, as its import may go on: run `pulumi up` again to keep waiting. "
        ),
        "{text}"
    );
    assert!(text.ends_with(&format!("pulumi destroy --target '{URN}'")), "{text}");
    assert_eq!((cloud.count("DeleteImage"), cloud.count("CancelTask")), (0, 0));

    // The next `up` looks again, and in the meantime it has come to its end.
    tokio::time::sleep(Duration::from_secs(300)).await;
    let update = Update {
        id,
        old: Old { args: golden(), state: decode(&state).unwrap() },
        args: golden(),
        changed: [NAME.to_owned()].into(),
        unapplied: [NAME.to_owned()].into(),
    };
    let imports = ImageImport::new(cloud.memory.clone());
    imports.update(&cloud.client, &within(Verb::Update, 600), update).await.unwrap();
    assert_eq!(cloud.names(), [("m-1".to_owned(), "golden".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_is_gone_with_its_image_says_what_it_showed_last() {
    let (cloud, context) = (slow(3_000), within(Verb::Create, 3_600));
    let vanishes = async {
        shows(&cloud, "Cancelled").await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        cloud.state().images.clear();
    };
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), vanishes);
    let (_, _, _, text) = partial(made.unwrap_err());
    assert!(
        text.contains("any more, though it did before, and its import shows \"Cancelled\". If"),
        "{text}"
    );
}

/// What a task does not tell is no reason to stop, nor is what it tells for a while.
#[tokio::test(start_paused = true)]
async fn a_task_without_a_status_is_waited_for_and_one_that_passes_an_unknown_status() {
    let (cloud, context) = (slow(300), within(Verb::Create, 3_600));
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), shows(&cloud, ""));
    made.unwrap();
    let (cloud, context) = (slow(300), within(Verb::Create, 3_600));
    let passes = async {
        for status in ["Queued", "Processing", "Queued"] {
            shows(&cloud, status).await;
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
        cloud.state().tasks[0].running = "Waiting";
    };
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), passes);
    made.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_that_the_task_could_not_be_asked() {
    let cloud = Cloud::otherwise(|sent, _| {
        sent.action().starts_with("DescribeTask").then(|| refuse(403, "Forbidden.RAM"))
    });
    cloud.state().last_status = "CreateFailed";
    cloud.state().ready_after = Duration::from_secs(60);
    let text = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap_err().to_string();
    assert!(text.contains("(its import, which would say why, could not be looked at: "), "{text}");
    assert!(text.contains("ecs:DescribeTaskAttribute"), "{text}");
    assert_eq!(cloud.count("DescribeTaskAttribute"), 1);
}

/// A task that fails says no more than a call that is refused, and its code means the same.
#[tokio::test(start_paused = true)]
async fn a_task_that_fails_says_what_to_do() {
    let cloud = slow(60);
    cloud.state().last_status = "CreateFailed";
    let fails = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut state = cloud.state();
        let reason = Some(("InvalidOSS.NotAuthorized", "not allowed"));
        (state.tasks[0].last, state.tasks[0].reason) = ("Failed", reason);
    };
    let context = within(Verb::Create, 3_600);
    let (made, ()) = tokio::join!(create(&cloud, &context, golden()), fails);
    let advice = "The RAM role AliyunECSImageImportDefaultRole may not read b-images/disk.raw. In the RAM console, allow it \
                  oss:GetObject, oss:GetBucketLocation and oss:GetBucketInfo for the bucket; the bucket must belong to the same \
                  account";
    assert_eq!(
        made.unwrap_err().to_string(),
        format!(
            "the cloud could not make image m-1: its status is CreateFailed, as its import has failed: InvalidOSS.NotAuthorized: \
             not allowed. It has been deleted; nothing is left behind\n{advice}"
        )
    );

    // An update and a refresh of an image that a create has left say the same.
    let cloud = broken_import("InvalidOSS.NotAuthorized");
    let imports = ImageImport::new(cloud.memory.clone());
    let update = Update {
        id: "m-1".to_owned(),
        old: Old { args: golden(), state: state(Some("Creating")) },
        args: golden(),
        changed: [NAME.to_owned()].into(),
        unapplied: [NAME.to_owned()].into(),
    };
    let failure = imports.update(&cloud.client, &within(Verb::Update, 600), update).await.unwrap_err();
    assert!(failure.to_string().ends_with(&format!("\n{advice}")), "{failure}");
    let old = Old { args: golden(), state: state(Some("Creating")) };
    let failure = imports.read(&cloud.client, &within(Verb::Read, 60), "m-1", Some(old)).await.unwrap_err();
    assert!(failure.to_string().ends_with(&format!("\n{advice}")), "{failure}");
}

/// The process dies after the cloud took the call; the next one finds image and task.
#[tokio::test(start_paused = true)]
async fn an_import_that_an_interrupted_create_left_is_taken_up_and_its_task_found() {
    let cloud = slow(600);
    let context = within(Verb::Create, 3_600);
    let killed = create(&cloud, &context, golden());
    assert!(tokio::time::timeout(Duration::from_secs(20), killed).await.is_err());
    let next = cloud.of_another_process();
    let context = within(Verb::Create, 3_600);
    let (id, state) = create(&next, &context, golden()).await.unwrap();
    assert_eq!((id.as_str(), state.outputs.task_id.as_deref()), ("m-1", Some("t-2")));
    assert_eq!((cloud.count("ImportImage"), cloud.count("DescribeTasks")), (1, 1));
    assert!(context.statuses().contains(&"image m-1: Creating (import 45%)".to_owned()));
    let find = &sent(&cloud, "DescribeTasks")[0];
    assert_eq!((find.param("TaskAction"), find.param("ResourceIds.1")), ("ImportImage", "m-1"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_is_asked_for_again_with_the_same_token() {
    let cloud = Cloud::otherwise(|sent, state| {
        let first = sent.action() == "ImportImage" && state.tokens.is_empty();
        if first {
            state.import(sent);
        }
        first.then(broken)
    });
    let (id, state) = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap();
    assert_eq!((id.as_str(), state.outputs.task_id.as_deref()), ("m-1", Some("t-2")));
    let calls = sent(&cloud, "ImportImage");
    assert_eq!((calls.len(), cloud.names().len()), (2, 1));
    assert_eq!(calls[0].params["ClientToken"], calls[1].params["ClientToken"]);
}

#[tokio::test(start_paused = true)]
async fn neither_the_end_of_the_time_nor_the_user_ends_the_import() {
    for interrupt in [false, true] {
        let cloud = slow(400);
        let context = within(Verb::Create, 60);
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            if interrupt {
                context.cancel();
            }
        };
        let (made, ()) = tokio::join!(create(&cloud, &context, golden()), interrupted);
        let (id, state, unapplied, _) = partial(made.unwrap_err());
        assert_eq!((id.as_str(), state["taskId"].as_str()), ("m-1", Some("t-2")));
        assert_eq!(unapplied, [NAME]);
        assert_eq!((cloud.count("CancelTask"), cloud.names().len()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_says_what_to_do() {
    for (code, advice) in [
        ("NoSetRoletoECSServiceAcount", "Create the role AliyunECSImageImportDefaultRole"),
        ("NoSetRoletoECSServiceAccount", "under Images, Import Image"),
        ("InvalidOSSBucket.NotFound", "diskDeviceMappings: the bucket b-images is not in the region cn-test"),
        (
            "InvalidOSSObject.NotFound",
            "diskDeviceMappings: of b-images/disk.raw there is one that is not in its bucket",
        ),
        ("InvalidImageFormat.Malformed", "cannot read in its format"),
        ("InvalidImageFormat.RegionNotSupported", "does not take this format"),
        ("InvalidOSS.NotAuthorized", "AliyunECSImageImportDefaultRole may not read b-images/disk.raw"),
        ("InvalidDataDiskSize", "a diskImageSize is less than its file needs"),
        ("InvalidOSSObject.NeedRestore", "in archive storage"),
        ("InvalidOSSBucket.Malformed", "the cloud does not take b-images for the name of a bucket"),
        ("InvalidRegion.NotSupport", "imports no images"),
        ("QuotaExceed.Image", "Delete what is no longer needed"),
    ] {
        let cloud =
            Cloud::otherwise(move |sent, _| (sent.action() == "ImportImage").then(|| refuse(403, code)));
        let failure = create(&cloud, &within(Verb::Create, 3_600), golden()).await.unwrap_err();
        let text = failure.to_string();
        assert!(text.contains(code) && text.contains(advice), "{text}");
        assert!(!matches!(failure, Failure::Partial { .. }));
        assert_eq!(cloud.count("ImportImage"), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_of_the_programs_own_is_named() {
    let cloud = Cloud::otherwise(|sent, _| {
        (sent.action() == "ImportImage").then(|| refuse(403, "NoSetRoletoECSServiceAcount"))
    });
    let args = ImageImportArgs { role_name: text("my-role"), ..golden() };
    let text = create(&cloud, &within(Verb::Create, 3_600), args).await.unwrap_err().to_string();
    assert!(
        text.contains("roleName: ECS may not read the bucket b-images by the RAM role my-role"),
        "{text}"
    );
}

fn state(status: Option<&str>) -> ImageImportState {
    let kept = Kept { mark: Some("of ours".to_owned()), ..Kept::default() };
    let mut entry = Entry::unseen(&golden(), "cn-test", kept);
    entry.args.status = status.map(|status| status.to_owned().into());
    entry
}

/// A cloud with an import that is under way for so many seconds, in which DeleteImage is refused meanwhile.
fn importing(seconds: u64) -> Cloud {
    let began = Instant::now();
    let cloud = Cloud::otherwise(move |sent, state| {
        let runs = state.tasks.iter().any(|task| sent.at < task.ends_at);
        let is_refused = sent.action() == "DeleteImage" && runs;
        is_refused.then(|| refuse(403, "ImageIsImporting"))
    });
    cloud.holds("m-1", "golden");
    let mut state = cloud.state();
    state.ready_after = Duration::from_secs(seconds);
    state.images[0].ready_from = began + Duration::from_secs(seconds);
    let task = state.task("ImportImage", "m-1", began);
    state.tasks.push(task);
    drop(state);
    cloud
}

#[tokio::test(start_paused = true)]
async fn an_import_under_way_is_cancelled_and_then_its_image_deleted() {
    let (cloud, began) = (importing(1_000), Instant::now());
    delete(&cloud, &within(Verb::Delete, 1_200), state(Some("Creating"))).await.unwrap();
    let actions = cloud.stub.actions();
    assert_eq!(actions[..3], ["DescribeTasks", "DescribeTaskAttribute", "CancelTask"]);
    let deleted = actions.iter().position(|action| action == "DeleteImage").unwrap();
    assert!(actions[3..deleted].iter().all(|action| action == "DescribeTaskAttribute"), "{actions:?}");
    assert_eq!(actions[deleted..], ["DeleteImage", "DescribeImages"]);
    assert!(cloud.names().is_empty());
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

/// The state knows the task; if the cloud does not know that one any more, it is found by the image.
#[tokio::test(start_paused = true)]
async fn the_task_that_the_state_knows_is_cancelled() {
    for (known, looks) in [
        ("t-1", &["DescribeTaskAttribute", "CancelTask"][..]),
        ("t-0", &["DescribeTaskAttribute", "DescribeTasks", "DescribeTaskAttribute", "CancelTask"]),
    ] {
        let (cloud, mut state) = (importing(1_000), state(Some("Creating")));
        state.kept.task = Some(known.to_owned());
        delete(&cloud, &within(Verb::Delete, 1_200), state).await.unwrap();
        assert_eq!(cloud.stub.actions()[..looks.len()], *looks);
        assert_eq!((sent(&cloud, "CancelTask")[0].param("TaskId"), cloud.names().len()), ("t-1", 0));
    }
    // One that has ended needs no cancellation.
    let (cloud, mut state) = (importing(0), state(Some("Creating")));
    state.kept.task = Some("t-1".to_owned());
    delete(&cloud, &within(Verb::Delete, 1_200), state).await.unwrap();
    assert_eq!(cloud.stub.actions(), ["DescribeTaskAttribute", "DeleteImage", "DescribeImages"]);
}

/// It may be under way by a name that nobody knows.
#[tokio::test(start_paused = true)]
async fn an_import_of_an_unknown_status_is_cancelled_as_well() {
    for known in [None, Some("t-1")] {
        let (cloud, mut state) = (importing(1_000), state(Some("Creating")));
        cloud.state().tasks[0].running = "Queued";
        state.kept.task = known.map(str::to_owned);
        delete(&cloud, &within(Verb::Delete, 1_200), state).await.unwrap();
        assert_eq!((cloud.count("CancelTask"), cloud.names().len()), (1, 0));
    }
}

/// An import may end a little after its image is made.
#[tokio::test(start_paused = true)]
async fn an_import_that_ends_after_its_image_is_waited_for() {
    for (status, seconds) in [("Creating", 30), ("Available", 30), ("Available", 100_000)] {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, _| {
            let runs = sent.at < began + Duration::from_secs(seconds);
            (sent.action() == "DeleteImage" && runs).then(|| refuse(403, "ImageIsImporting"))
        });
        cloud.holds("m-1", "golden");
        let outcome = delete(&cloud, &within(Verb::Delete, 1_200), state(Some(status))).await;
        let took = began.elapsed().as_secs();
        match seconds {
            30 => {
                outcome.unwrap();
                assert!((30..35).contains(&took) && cloud.names().is_empty(), "{status} {took}");
            }
            _ => {
                let text = outcome.unwrap_err().to_string();
                assert!(text.ends_with("image m-1: wait until its import has ended, or cancel it"), "{text}");
                assert_eq!((took, cloud.names().len()), (1_200, 1));
            }
        }
        assert!(cloud.count("DeleteImage") < 200, "{}", cloud.count("DeleteImage"));
    }
}

/// An import that comes to its end while it is being deleted has snapshots only then.
#[tokio::test(start_paused = true)]
async fn the_snapshots_that_an_import_gets_during_its_deletion_go_as_well() {
    for has_tasks in [true, false] {
        let cloud = importing(100);
        cloud.state().tasks[0].cancellable = false;
        if !has_tasks {
            cloud.state().tasks[0].action = "";
        }
        let ends = async {
            tokio::time::sleep(Duration::from_secs(99)).await;
            cloud.state().images[0].snapshots = vec!["s-9".to_owned()];
        };
        let mut state = state(Some("Creating"));
        state.args.delete_auto_snapshot = Some(Input::Known(true));
        let context = within(Verb::Delete, 1_200);
        let (deleted, ()) = tokio::join!(delete(&cloud, &context, state), ends);
        deleted.unwrap();
        let snapshots = sent(&cloud, "DeleteSnapshot");
        let snapshots: Vec<&str> = snapshots.iter().map(|sent| sent.param("SnapshotId")).collect();
        assert_eq!(snapshots, ["s-9"], "{has_tasks}");
    }
}

/// The state may be out of date, or another provider's.
#[tokio::test(start_paused = true)]
async fn an_import_that_is_not_known_to_be_under_way_is_cancelled_if_it_is() {
    let cloud = importing(1_000);
    delete(&cloud, &within(Verb::Delete, 1_200), state(Some("Available"))).await.unwrap();
    let actions = cloud.stub.actions();
    assert_eq!(actions[..4], ["DeleteImage", "DescribeTasks", "DescribeTaskAttribute", "CancelTask"]);
    assert!(cloud.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_import_that_has_ended_is_deleted() {
    for code in ["InvalidTaskId.IncorrectTaskStatus", "InvalidTaskId.NotFound"] {
        let cloud = Cloud::otherwise(move |sent, state| {
            (sent.action() == "CancelTask").then(|| {
                state.tasks[0].ends_at = sent.at;
                refuse(403, code)
            })
        });
        cloud.holds("m-1", "golden");
        cloud.state().ready_after = Duration::from_secs(1_000);
        let task = cloud.state().task("ImportImage", "m-1", Instant::now());
        cloud.state().tasks.push(task);
        delete(&cloud, &within(Verb::Delete, 1_200), state(Some("Creating"))).await.unwrap();
        assert_eq!(cloud.count("DeleteImage"), 1, "{code}");
        assert!(cloud.names().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_that_cannot_be_cancelled_is_deleted_when_it_has_ended() {
    let cloud = importing(100);
    cloud.state().tasks[0].cancellable = false;
    let (began, context) = (Instant::now(), within(Verb::Delete, 1_200));
    delete(&cloud, &context, state(Some("Creating"))).await.unwrap();
    assert!((100..115).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!((cloud.count("CancelTask"), cloud.count("DeleteImage")), (0, 1));
    assert!(context.infos()[0].contains("cannot cancel the import"), "{:?}", context.infos());
    // Nothing is cancelled.
    assert_eq!(context.statuses()[0], "image m-1: its import has not ended yet");
}

#[tokio::test(start_paused = true)]
async fn a_cloud_without_tasks_deletes_when_it_can() {
    let cloud = Cloud::otherwise(|sent, state| match sent.action() {
        "DescribeTasks" => Some(refuse(404, "InvalidApi.NotFound")),
        "DeleteImage" if sent.at < state.images[0].ready_from => Some(refuse(403, "ImageIsImporting")),
        _ => None,
    });
    cloud.holds("m-1", "golden");
    cloud.state().images[0].ready_from += Duration::from_secs(100);
    let began = Instant::now();
    delete(&cloud, &within(Verb::Delete, 1_200), state(Some("Creating"))).await.unwrap();
    assert!((100..115).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(cloud.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_cancellation_is_refused_stays() {
    let cloud =
        Cloud::otherwise(|sent, _| (sent.action() == "CancelTask").then(|| refuse(403, "Forbidden.RAM")));
    cloud.holds("m-1", "golden");
    cloud.state().ready_after = Duration::from_secs(1_000);
    let task = cloud.state().task("ImportImage", "m-1", Instant::now());
    cloud.state().tasks.push(task);
    let failure = delete(&cloud, &within(Verb::Delete, 1_200), state(Some("Creating"))).await.unwrap_err();
    assert!(failure.to_string().contains("ecs:CancelTask"), "{failure}");
    assert_eq!(cloud.names().len(), 1);
}

/// A cloud with an image that could not be made, as its import has failed with this code.
fn broken_import(code: &'static str) -> Cloud {
    let cloud = Cloud::new();
    cloud.holds("m-1", "golden");
    cloud.state().images[0].last_status = "CreateFailed";
    let mut task = cloud.state().task("ImportImage", "m-1", Instant::now());
    (task.last, task.reason) = ("Failed", Some((code, "no system")));
    cloud.state().tasks.push(task);
    cloud
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_a_broken_import_says_why() {
    let cloud = broken_import("E.NoSystem");
    let old = Old { args: golden(), state: state(Some("Creating")) };
    let imports = ImageImport::new(cloud.memory.clone());
    let read = imports.read(&cloud.client, &within(Verb::Read, 60), "m-1", Some(old)).await;
    let (_, _, _, text) = partial(read.unwrap_err());
    assert!(text.contains(", as its import has failed: E.NoSystem: no system. Replace it: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_list_and_an_import_into_a_stack_know_imported_images() {
    let cloud = Cloud::new();
    create(&cloud, &within(Verb::Create, 600), golden()).await.unwrap();
    cloud.holds("m-9", "no-import");
    let imports = ImageImport::new(cloud.memory.clone());
    let query = ListQuery { args: ImageListArgs::default(), limit: None, page_size: None, page: None };
    let page = imports.list(&cloud.client, &within(Verb::List, 60), query).await.unwrap();
    let found: Vec<&str> = page.resources.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(found, ["m-1"]);
    let context = within(Verb::Read, 60);
    let read = imports.read(&cloud.client, &context, "m-1", None).await.unwrap().unwrap();
    let disk = read.args.disks().next().unwrap();
    assert_eq!(known(&disk.oss_bucket).unwrap(), "b-images");
    assert_eq!(known(&disk.oss_object).unwrap(), "disk.raw");
    assert_eq!(
        (known(&disk.disk_image_size), known(&disk.device)),
        (Some(&40), Some(&"/dev/xvda".to_owned()))
    );
    assert_eq!((context.warnings().len(), read.state.outputs.task_id), (0, None));
    imports.read(&cloud.client, &context, "m-9", None).await.unwrap().unwrap();
    assert_eq!(
        context.warnings(),
        ["image m-9 was not imported from OSS, as the cloud reports it. It is imported all the same"]
    );
}

fn properties(json: Json) -> Properties {
    pulumi::encode(&json).unwrap()
}

/// The differences that are left, and the lines that the user is told.
fn reconsider(state: Json, olds: Json, news: Json) -> (Vec<String>, Vec<String>) {
    let imports: Box<dyn AnyResource<Client>> = pulumi::resource(ImageImport::new(Memory::default()));
    let (state, news) = (properties(state), properties(news));
    let args = &imports.types().unwrap().args;
    let olds = pulumi::diff::without_defaults(properties(olds), &news);
    let mut changes = changes(args, &state, &olds, &news).effective;
    let told = imports.reconsider(&state, &olds, &news, &mut changes).unwrap();
    let left = changes.iter().map(|change| format!("{} {}", change.path, change.replace));
    (left.collect(), told.lines)
}

fn with_disk(disk: Json) -> Json {
    let mut whole = json!({ "ossBucket": "b-images", "ossObject": "disk.raw" });
    for (name, value) in disk.as_object().unwrap() {
        whole[name] = value.clone();
    }
    json!({ "imageName": "golden", "diskDeviceMappings": [whole] })
}

#[test]
fn the_real_size_and_the_case_of_a_format_never_replace() {
    let replaced = |member: &str| vec![format!("diskDeviceMappings[0].{member} true")];
    let real = || {
        let mut state = with_disk(json!({ "diskImageSize": 40, "format": "QCOW2", "device": "/dev/xvda" }));
        state["__mark"] = "of ours".into();
        state
    };
    for (olds, news, expected) in [
        // Nobody says a size, and the cloud reports one.
        (json!({}), json!({}), vec![]),
        (json!({}), json!({ "diskImageSize": 40 }), vec![]),
        (json!({}), json!({ "diskImageSize": 80 }), replaced("diskImageSize")),
        (json!({ "diskImageSize": 40 }), json!({ "diskImageSize": 80 }), replaced("diskImageSize")),
        (json!({ "diskImageSize": 20 }), json!({ "diskImageSize": 40 }), vec![]),
        (json!({ "diskImageSize": 40 }), json!({}), vec![]),
        (json!({ "format": "qcow2" }), json!({ "format": "QCOW2" }), vec![]),
        (json!({}), json!({ "format": "qcow2" }), vec![]),
        (json!({ "format": "QCOW2" }), json!({}), vec![]),
        (json!({ "format": "QCOW2" }), json!({ "format": "RAW" }), replaced("format")),
        (json!({}), json!({ "format": "raw" }), replaced("format")),
        (json!({}), json!({ "ossObject": "other.raw" }), replaced("ossObject")),
        // A size that a program has said is its author's.
        (json!({ "diskImageSize": 5 }), json!({ "diskImageSize": 50 }), replaced("diskImageSize")),
        // A disk without a file is a blank one.
        (json!({}), json!({ "ossObject": null }), replaced("ossObject")),
        (json!({}), json!({ "ossBucket": null }), replaced("ossBucket")),
    ] {
        let (left, _) = reconsider(real(), with_disk(olds.clone()), with_disk(news.clone()));
        assert_eq!(left, expected, "{olds} to {news}");
    }
}

#[test]
fn a_disk_is_not_taken_for_another_one_of_the_same_file() {
    let file = |more: Json| {
        let mut disk = json!({ "ossBucket": "b-images", "ossObject": "disk.raw" });
        disk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        disk
    };
    let with = |disks: [Json; 2]| json!({ "imageName": "golden", "diskDeviceMappings": disks });
    let seen =
        |size: i64, device: &str| file(json!({ "diskImageSize": size, "format": "RAW", "device": device}));
    let blank = json!({ "diskImageSize": 7 });
    for reported in [
        [seen(5, "/dev/xvda"), seen(100, "/dev/xvdb")],
        // In another order than the program's.
        [seen(100, "/dev/xvdb"), seen(5, "/dev/xvda")],
    ] {
        let olds = with([file(json!({})), file(json!({ "diskImageSize": 100 }))]);
        for (news, expected) in [
            (
                [file(json!({})), file(json!({ "diskImageSize": 5 }))],
                vec!["diskDeviceMappings[1].diskImageSize true"],
            ),
            (
                [file(json!({ "diskImageSize": 100 })), file(json!({ "diskImageSize": 100 }))],
                vec!["diskDeviceMappings[0].diskImageSize true"],
            ),
            (
                [
                    file(json!({ "format": "raw", "device": "/dev/xvda" })),
                    file(json!({ "format": "Raw", "diskImageSize": 100 })),
                ],
                vec![],
            ),
            (
                [file(json!({})), blank.clone()],
                vec![
                    "diskDeviceMappings[1].diskImageSize true",
                    "diskDeviceMappings[1].ossBucket true",
                    "diskDeviceMappings[1].ossObject true",
                ],
            ),
            (
                [file(json!({})), json!({ "diskImageSize": 100 })],
                vec!["diskDeviceMappings[1].ossBucket true", "diskDeviceMappings[1].ossObject true"],
            ),
        ] {
            let news = with(news);
            let (left, _) = reconsider(with(reported.clone()), olds.clone(), news.clone());
            assert_eq!(left, expected, "{news}");
        }
    }
}

#[test]
fn the_size_in_a_state_of_the_published_provider_is_nobodys_wish() {
    let olds = json!({
        "__defaults": ["architecture", "licenseType", "osType"],
        "architecture": "x86_64", "licenseType": "Auto", "osType": "linux", "imageName": "golden",
        "diskDeviceMappings": [{
            "__defaults": ["diskImageSize"], "diskImageSize": 5, "ossBucket": "b-images", "ossObject": "disk.raw",
        }],
    });
    let told = |size| {
        format!(
            "diskDeviceMappings[0].diskImageSize {size} is recorded, and nothing is called or replaced: the disk keeps "
        )
    };
    for size in [5, 40] {
        let state = with_disk(json!({ "diskImageSize": size }));
        for (news, line) in [
            (json!({}), None),
            (json!({ "diskImageSize": 5 }), None),
            (json!({ "diskImageSize": 40 }), (size == 5).then(|| told(40))),
            (json!({ "diskImageSize": 64 }), Some(told(64))),
        ] {
            let (left, lines) = reconsider(state.clone(), olds.clone(), with_disk(news.clone()));
            assert_eq!((left, lines.len()), (vec![], usize::from(line.is_some())), "{size} {news} {lines:?}");
            assert!(line.is_none_or(|line| lines[0].starts_with(&line)), "{lines:?}");
        }
        let mut arm = with_disk(json!({}));
        arm["architecture"] = "arm64".into();
        assert_eq!(reconsider(state.clone(), olds.clone(), arm.clone()).0, ["architecture true"]);
        // Then the disk gets the size.
        arm["diskDeviceMappings"][0]["diskImageSize"] = 64.into();
        let (left, lines) = reconsider(state.clone(), olds.clone(), arm);
        assert_eq!((left, lines), (vec!["architecture true".to_owned()], vec![]));
        // A size that a program has given is its author's there as well.
        let mut given = olds.clone();
        given["diskDeviceMappings"][0]["__defaults"] = json!([]);
        let (left, _) = reconsider(state.clone(), given, with_disk(json!({ "diskImageSize": 64 })));
        assert_eq!(left, ["diskDeviceMappings[0].diskImageSize true"], "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_keeps_what_the_published_provider_has_filled_in() {
    let cloud = Cloud::new();
    create(&cloud, &within(Verb::Create, 600), golden()).await.unwrap();
    let filled = json!({ "__defaults": ["diskImageSize"], "diskImageSize": 5 });
    let args: ImageImportArgs = decode(&properties(with_disk(filled.clone()))).unwrap();
    let state: ImageImportState = decode(&properties(with_disk(json!({ "diskImageSize": 5 })))).unwrap();
    let imports = ImageImport::new(Memory::default());
    let old = Some(Old { args, state });
    let read = imports.read(&cloud.client, &within(Verb::Read, 60), "m-1", old).await.unwrap().unwrap();
    assert_eq!(pulumi::encode(&read.args).unwrap(), properties(with_disk(filled)));
    assert_eq!(read.state.args.disks().next().unwrap().filled_in, None);
}

#[test]
fn what_an_import_into_a_stack_left_open_is_recorded_once_it_is_named() {
    let mut state = json!({ "imageName": "golden", "diskDeviceMappings": [{ "device": "/dev/xvda", "diskImageSize": 40 }] });
    state["__imported"] = true.into();
    let olds = json!({ "imageName": "golden", "diskDeviceMappings": [{ "device": "/dev/xvda", "diskImageSize": 40 }] });
    let news = json!({ "imageName": "golden", "diskDeviceMappings": [{
        "device": "/dev/xvda", "diskImageSize": 40, "ossBucket": "b-images", "ossObject": "disk.raw", "format": "raw",
    }] });
    let (left, lines) = reconsider(state, olds.clone(), news.clone());
    assert_eq!((left, lines.len()), (vec![], 3), "{lines:?}");
    let (left, _) = reconsider(olds.clone(), olds, news);
    assert_eq!(left.len(), 3, "{left:?}");
}

/// What Check finds: failures, each with its path.
fn check(args: Json) -> Vec<String> {
    let imports: Box<dyn AnyResource<Client>> = pulumi::resource(ImageImport::new(Memory::default()));
    let context = CheckContext {
        urn: URN,
        name: "web",
        is_empty: false,
        random_seed: b"seed",
        autonaming: Autonaming::Default,
    };
    let mut findings = Findings::default();
    imports.check(None, &properties(args), pulumi::OldInputs::default(), &context, &mut findings).unwrap();
    findings.failures.iter().map(|found| format!("{}: {}", found.path, found.text())).collect()
}

#[test]
fn every_mistake_is_told_with_its_path() {
    let found = check(json!({
        "architecture": "arm64", "bootMode": "BIOS", "imageName": "1st",
        "diskDeviceMappings": [{ "format": "iso", "device": "/dev/sda" }, { "ossObject": "data.raw" }],
    }));
    let paths: Vec<&str> = found.iter().map(|found| found.split(": ").next().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "diskDeviceMappings[0].ossBucket",
            "diskDeviceMappings[0].ossObject",
            "diskDeviceMappings[0].format",
            "diskDeviceMappings[0].device",
            "bootMode",
            "imageName",
        ],
        "{found:?}"
    );
    for format in ["raw", "VHD", "qcow2", "QCow2", "vmdk"] {
        assert_eq!(check(with_disk(json!({ "format": format }))), [""; 0], "{format}");
    }
    for bucket in ["oss://b-images", "B-Images", "b-images.oss-cn-test.aliyuncs.com", "-b"] {
        let found = check(with_disk(json!({ "ossBucket": bucket })));
        assert!(
            matches!(&*found, [found] if found.starts_with("diskDeviceMappings[0].ossBucket: must be the name of a bucket: ")),
            "{bucket}: {found:?}"
        );
    }
}

#[test]
fn times_are_those_of_an_import() {
    let imports: Box<dyn AnyResource<Client>> = pulumi::resource(ImageImport::new(Memory::default()));
    let timeouts = imports.timeouts();
    let minutes = [timeouts.create, timeouts.update, timeouts.delete].map(|limit| limit.as_secs() / 60);
    assert_eq!(minutes, [60, 10, 20]);
}

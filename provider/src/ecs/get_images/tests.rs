//! What is sent, found, told and refused.

use std::sync::Arc;

use aliyun::testing::{self, Reply, Stub, hang, ok, refuse};
use pulumi::Verb;
use pulumi::testing::TestContext;
use serde_json::{Value as Json, json};

use super::*;

fn args(json: Json) -> GetImagesArgs {
    serde_json::from_value(json).unwrap()
}

/// What is found, and the warnings.
async fn get(stub: &Arc<Stub>, given: Json) -> Result<(Json, Vec<String>), String> {
    let client = Client::for_tests(testing::client(stub), None);
    let context = TestContext::new(Verb::Invoke, "", GetImages::TIMEOUT);
    let result = GetImages::new(Environment::default()).call(&client, &context, args(given)).await;
    let result = result.map_err(|failure| failure.to_string())?;
    Ok((serde_json::to_value(result).unwrap(), context.warnings()))
}

/// Checks what the rules say, as `path: text`.
#[track_caller]
fn check_findings(given: Json, failures: &[&str], warnings: &[&str]) {
    let mut findings = Findings::default();
    GetImages::new(Environment::default()).check(&args(given), &mut findings);
    let told = |found: &[pulumi::CheckFailure]| -> Vec<String> {
        found.iter().map(|found| format!("{}: {}", found.path, found.text())).collect()
    };
    assert_eq!(told(&findings.failures), failures);
    assert_eq!(told(&findings.warnings), warnings);
}

fn image(id: &str, name: &str, created: &str) -> Json {
    json!({ "ImageId": id, "ImageName": name, "CreationTime": created })
}

fn answer(total: usize, images: &[Json]) -> Reply {
    ok(&json!({ "RequestId": "R", "TotalCount": total, "Images": { "Image": images } }).to_string())
}

/// A cloud with these images, in pages as long as they are asked for.
fn cloud(images: Vec<Json>) -> Arc<Stub> {
    Stub::new(move |sent| {
        let number = |name: &str| sent.param(name).parse::<usize>().unwrap();
        let (page, size) = (number("PageNumber"), number("PageSize"));
        let page: Vec<Json> = images.iter().skip((page - 1) * size).take(size).cloned().collect();
        answer(images.len(), &page)
    })
}

fn ids(result: &Json) -> Vec<&str> {
    result["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
}

#[test]
fn the_number_of_ids_is_crc_32() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(id_of(&[]), 0);
    // Of "123456789-" and of "a-b-", by another implementation.
    assert_eq!(id_of(&ids(&["123456789"])), 1159447100);
    assert_eq!(id_of(&ids(&["a", "b"])), 2153762713);
}

#[tokio::test(start_paused = true)]
async fn without_arguments_what_is_available_is_told_as_the_terraform_provider_tells_it() {
    let stub = cloud(vec![
        json!({
            "ImageId": "m-1", "ImageName": "web", "ImageOwnerAlias": "self", "IsSelfShared": false, "Size": "40",
            "ImageVersion": 1, "OSNameEn": "Linux", "Status": "Available", "IsCopied": "true", "ProductCode": 7,
            "DiskDeviceMappings": { "DiskDeviceMapping": [{ "Device": "/dev/xvda", "Size": 40 }] },
            "Tags": { "Tag": [{ "TagKey": "team", "TagValue": "web" }] }
        }),
        json!({ "ImageId": "m-2" }),
    ]);
    let (result, warnings) = get(&stub, json!({})).await.unwrap();
    let empty = json!({
        "architecture": "", "creationTime": "", "description": "", "diskDeviceMappings": [], "id": "m-2", "imageId": "m-2",
        "imageOwnerAlias": "", "imageVersion": "", "isCopied": false, "isSelfShared": "", "isSubscribed": false,
        "isSupportIoOptimized": false, "name": "", "osName": "", "osNameEn": "", "osType": "", "platform": "",
        "productCode": "", "progress": "", "size": 0, "state": "", "status": "", "tags": null, "usage": ""
    });
    let mut full = empty.clone();
    for (name, value) in [
        ("id", json!("m-1")),
        ("imageId", json!("m-1")),
        ("name", json!("web")),
        ("imageOwnerAlias", json!("self")),
        ("isSelfShared", json!("false")),
        ("size", json!(40)),
        ("imageVersion", json!("1")),
        ("osNameEn", json!("Linux")),
        ("status", json!("Available")),
        ("state", json!("Available")),
        ("isCopied", json!(true)),
        ("productCode", json!("7")),
        ("diskDeviceMappings", json!([{ "device": "/dev/xvda", "size": "40", "snapshotId": "" }])),
        ("tags", json!({ "team": "web" })),
    ] {
        full[name] = value;
    }
    assert_eq!(result["images"], json!([full, empty]));
    assert_eq!(ids(&result), ["m-1", "m-2"]);
    assert_eq!(result["id"], id_of(&["m-1".to_owned(), "m-2".to_owned()]).to_string());
    assert_eq!((&result["mostRecent"], &result["status"]), (&json!(false), &json!("Available")));
    assert_eq!((result["owners"].clone(), warnings.len()), (Json::Null, 0));
    let sent = stub.sent();
    let names: Vec<&str> = sent[0].params.keys().map(String::as_str).collect();
    assert_eq!((sent.len(), names), (1, vec!["PageNumber", "PageSize", "RegionId"]));
    assert_eq!((sent[0].param("PageNumber"), sent[0].param("PageSize")), ("1", "100"));
}

#[tokio::test(start_paused = true)]
async fn every_argument_is_sent_and_told_again() {
    let stub = cloud(Vec::new());
    let given = json!({
        "actionType": "ChangeOS", "architecture": "arm64", "dryRun": false, "imageFamily": "fam", "imageId": "m-1",
        "imageName": "web", "imageOwnerId": "1234567890123456", "instanceType": "ecs.g7.large",
        "isSupportCloudInit": false, "isSupportIoOptimized": false, "mostRecent": true, "nameRegex": "^web",
        "osType": "linux", "outputFile": "", "owners": "others", "resourceGroupId": "rg-1", "snapshotId": "s-1",
        "status": "Available, Deprecated", "tags": { "team": "web" }, "usage": "none"
    });
    let (result, _) = get(&stub, given.clone()).await.unwrap();
    for (name, value) in given.as_object().unwrap() {
        assert_eq!(&result[name], value, "{name}");
    }
    let mut sent = stub.sent()[0].params.clone();
    let expected = [
        ("ActionType", "ChangeOS"),
        ("Architecture", "arm64"),
        ("DryRun", "false"),
        ("ImageFamily", "fam"),
        ("ImageId", "m-1"),
        ("ImageName", "web"),
        ("ImageOwnerAlias", "others"),
        ("ImageOwnerId", "1234567890123456"),
        ("InstanceType", "ecs.g7.large"),
        ("IsSupportCloudinit", "false"),
        ("IsSupportIoOptimized", "false"),
        ("OSType", "linux"),
        ("PageNumber", "1"),
        ("PageSize", "100"),
        ("RegionId", "cn-test"),
        ("ResourceGroupId", "rg-1"),
        ("SnapshotId", "s-1"),
        ("Status", "Available,Deprecated"),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "web"),
        ("Usage", "none"),
    ];
    for (name, value) in expected {
        assert_eq!(sent.remove(name).as_deref(), Some(value), "{name}");
    }
    assert!(sent.is_empty(), "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_empty_is_not_sent() {
    let stub = cloud(vec![image("m-1", "", "")]);
    let given = json!({ "imageFamily": "", "imageId": "", "imageName": "", "imageOwnerId": "", "instanceType": "",
        "nameRegex": "", "owners": "", "resourceGroupId": "", "snapshotId": "", "status": "", "actionType": "" });
    check_findings(given.clone(), &[], &[]);
    let (result, _) = get(&stub, given).await.unwrap();
    assert_eq!((ids(&result), stub.sent()[0].params.len()), (vec!["m-1"], 3));
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_calls_than_pages() {
    for (count, calls) in [(0, 1), (1, 1), (100, 1), (101, 2), (250, 3)] {
        let stub = cloud((0..count).map(|number| image(&format!("m-{number}"), "web", "")).collect());
        let (result, _) = get(&stub, json!({})).await.unwrap();
        assert_eq!((ids(&result).len(), stub.sent().len()), (count, calls));
        if count > 1 {
            assert_eq!(ids(&result)[..2], ["m-0", "m-1"], "in the cloud's order");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_two_pages_show_counts_once() {
    // A new image comes to the top between the pages.
    let first: Vec<Json> = (0..100).map(|number| image(&format!("m-{number}"), "web", "")).collect();
    let stub = Stub::script(vec![
        answer(101, &first),
        answer(102, &[image("m-99", "web", ""), image("m-100", "web", "")]),
    ]);
    let (result, _) = get(&stub, json!({})).await.unwrap();
    assert_eq!((ids(&result).len(), ids(&result)[100], stub.sent().len()), (101, "m-100", 2));
}

#[tokio::test(start_paused = true)]
async fn pages_end_where_the_cloud_counts_nothing_or_too_much() {
    let page = |from: usize, count: usize| -> Vec<Json> {
        (from..from + count).map(|number| image(&format!("m-{number}"), "web", "")).collect()
    };
    let uncounted =
        |images: &[Json]| ok(&json!({ "RequestId": "R", "Images": { "Image": images } }).to_string());
    let stub = Stub::script(vec![uncounted(&page(0, 100)), uncounted(&page(100, 20))]);
    let (result, _) = get(&stub, json!({})).await.unwrap();
    assert_eq!((ids(&result).len(), stub.sent().len()), (120, 2));
    // Pages that are shorter than they were asked for, and a count that is never reached.
    let stub = Stub::script(vec![answer(60, &page(0, 50)), answer(60, &page(50, 5)), answer(60, &[])]);
    let (result, _) = get(&stub, json!({})).await.unwrap();
    assert_eq!((ids(&result).len(), stub.sent().len()), (55, 3));
}

#[tokio::test(start_paused = true)]
async fn names_are_matched_anywhere_and_images_without_one_never() {
    let stub = cloud(vec![
        image("m-1", "my-web-1", ""),
        image("m-2", "api", ""),
        json!({ "ImageId": "m-3" }),
        image("m-4", "WEB", ""),
    ]);
    for (regex, found) in [
        ("web", vec!["m-1"]),
        ("^web", vec![]),
        ("(?i)web", vec!["m-1", "m-4"]),
        (".*", vec!["m-1", "m-2", "m-4"]),
        (r"\Q-1\E$", vec!["m-1"]),
    ] {
        let (result, _) = get(&stub, json!({ "nameRegex": regex })).await.unwrap();
        assert_eq!(ids(&result), found, "{regex}");
        assert_eq!(
            result["id"],
            id_of(&found.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()).to_string()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_of_those_that_match_is_found() {
    let stub = cloud(vec![
        image("m-b", "web", "2026-03-01T00:00:00Z"),
        image("m-c", "web", "2026-03-01T00:00:00Z"),
        image("m-a", "web", "2026-03-01T00:00:00Z"),
        image("m-d", "web", "2026-02-28T23:59:59Z"),
        image("m-e", "api", "2026-04-01T00:00:00Z"),
        image("m-f", "web", ""),
        image("m-g", "web", "soon"),
    ]);
    let (result, _) = get(&stub, json!({ "nameRegex": "web", "mostRecent": true })).await.unwrap();
    // Of equal times, the greater id, in whatever order they are answered.
    assert_eq!(ids(&result), ["m-c"]);
    let (result, _) = get(&stub, json!({ "mostRecent": true })).await.unwrap();
    assert_eq!(ids(&result), ["m-e"]);
    let (result, _) = get(&cloud(Vec::new()), json!({ "mostRecent": true })).await.unwrap();
    assert_eq!((ids(&result).len(), &result["id"]), (0, &json!("0")));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_finds_nothing_and_tells_a_refusal() {
    let path = std::env::temp_dir().join("a-dry-run-writes-no-file.json");
    for status in [400, 412, 500] {
        let stub = Stub::script(vec![refuse(status, "DryRunOperation")]);
        let given = json!({ "dryRun": true, "outputFile": path });
        let (result, _) = get(&stub, given).await.unwrap();
        assert_eq!((&result["images"], &result["ids"], &result["id"]), (&json!([]), &json!([]), &json!("0")));
        assert_eq!((&result["dryRun"], stub.sent().len(), path.exists()), (&json!(true), 1, false));
        assert_eq!(stub.sent()[0].param("DryRun"), "true");
    }
    // Who did not ask for one gets none.
    let stub = Stub::script(vec![refuse(400, "DryRunOperation")]);
    let failed = get(&stub, json!({})).await.unwrap_err();
    assert!(failed.contains("DryRunOperation"), "{failed}");
    let stub = Stub::script(vec![refuse(404, "InvalidUsage")]);
    let failed = get(&stub, json!({ "dryRun": true, "usage": "none" })).await.unwrap_err();
    assert!(failed.starts_with("usage: "), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_filter_is_named_with_what_to_do() {
    for (status, code, property, advice) in [
        (400, "InvalidImageOwnerAlias.ValueNotSupported", "owners", "The owners are"),
        (
            400,
            "InvalidInstanceType.ValueNotSupported",
            "instanceType",
            "Give an instance type of this region",
        ),
        (400, "InvalidOperation.ImageOwnerIdUnsupported", "imageOwnerId", "give owners: others with it"),
        (400, "InvalidTag.Mismatch", "tags", "Give at most 20 tags"),
        (400, "InvalidTagCount", "tags", "Give at most 20 tags"),
        (404, "InvalidUsage", "usage", "Give instance or none"),
        (404, "InvalidOSType", "osType", "Give linux or windows"),
        (404, "InvalidArchitecture", "architecture", "fewer architectures"),
        (404, "InvalidResourceGroup.NotFound", "resourceGroupId", "Give a resource group"),
        (404, "InvalidSnapshotId.NotFound", "snapshotId", "Give a snapshot"),
    ] {
        let failed = get(&Stub::script(vec![refuse(status, code)]), json!({})).await.unwrap_err();
        let expected = format!("{property}: DescribeImages: {code}: said the cloud (request id R-{code})\n");
        assert!(failed.starts_with(&expected) && failed.contains(advice), "{failed}");
    }
    let stub = Stub::script(vec![refuse(400, "InvalidParamter")]);
    let given =
        json!({ "imageName": "web", "status": "Available", "isSupportCloudInit": false, "nameRegex": "x" });
    let failed = get(&stub, given).await.unwrap_err();
    assert!(failed.ends_with("Given are imageName, isSupportCloudInit, status."), "{failed}");
    // What is about no argument stays what it is.
    let failed = get(&Stub::script(vec![refuse(403, "Forbidden.RAM")]), json!({})).await.unwrap_err();
    assert!(failed.starts_with("DescribeImages: Forbidden.RAM") && failed.contains("Allow ecs:"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn five_minutes_are_enough_for_all_pages() {
    let stub = Stub::script(vec![answer(200, &vec![image("m-1", "web", ""); 100]), hang()]);
    let began = tokio::time::Instant::now();
    let failed = get(&stub, json!({})).await.unwrap_err();
    assert!((270..=300).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(failed.contains("time ran out") && failed.ends_with("Run the command again."), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_the_cloud_may_have_cut_off_is_told() {
    let images = |count: usize| (0..count).map(|number| image(&format!("m-{number}"), "web", "")).collect();
    let (_, warnings) = get(&cloud(images(1_000)), json!({ "tags": { "team": "web" } })).await.unwrap();
    assert_eq!(
        warnings,
        [
            "getImages: the cloud finds at most 1000 images by resourceGroupId or tags, and found 1000: there may be more. \
          Narrow them by another filter"
        ]
    );
    let (_, warnings) = get(&cloud(images(999)), json!({ "resourceGroupId": "rg-1" })).await.unwrap();
    assert_eq!(warnings.len(), 0);
    let (_, warnings) = get(&cloud(images(1_000)), json!({})).await.unwrap();
    assert_eq!(warnings.len(), 0);
}

#[test]
fn mistakes_are_told_with_what_is_allowed() {
    check_findings(
        json!({ "nameRegex": "a(b", "status": "Ready", "imageOwnerId": "me", "actionType": "Boot", "tags": { "": "x" } }),
        &[
            "nameRegex: \"a(b\" has a ( without its )",
            "status: must be ALL, or one or several of Available, Creating, Waiting, UnAvailable, CreateFailed, Deprecated \
             with commas between them, got \"Ready\"",
            "imageOwnerId: must be the number of an account, which is of digits only, got \"me\"",
            "actionType: must be one of \"CreateEcs\", \"ChangeOS\", got \"Boot\"",
            "tags[\"\"]: a tag's key must be 1 to 128 characters long, got 0",
        ],
        &[],
    );
    check_findings(
        json!({ "actionType": "CreateOS", "status": "ALL" }),
        &[],
        &[
            "actionType: is no value that the cloud documents, and is sent as it is: for another system disk give \
           \"ChangeOS\", got \"CreateOS\"",
        ],
    );
    for status in ["ALL,Available", "Available,,Creating", "available"] {
        let mut findings = Findings::default();
        GetImages::new(Environment::default()).check(&args(json!({ "status": status })), &mut findings);
        assert_eq!(findings.failures.len(), 1, "{status}");
    }
    check_findings(json!({ "status": "Creating,Waiting, Deprecated", "imageOwnerId": "123" }), &[], &[]);
}

#[tokio::test]
async fn the_images_are_written_to_a_file() {
    let path = std::env::temp_dir().join(format!("{}.json", uuid::Uuid::new_v4().simple()));
    let stub = cloud(vec![image("m-1", "web", "")]);
    get(&stub, json!({ "outputFile": path })).await.unwrap();
    let written: Json = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!((&written[0]["image_id"], &written[0]["name"]), (&json!("m-1"), &json!("web")));
    std::fs::remove_file(&path).unwrap();
    let failed = get(&stub, json!({ "outputFile": path.join("under") })).await.unwrap_err();
    assert!(failed.starts_with("outputFile: the images cannot be written to "), "{failed}");
}

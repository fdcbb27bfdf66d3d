//! The one image that everything is measured with, as it travels.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

const TYPE: &str = "alicloud:ecs/image:Image";

/// An image's URN.
pub fn urn(index: usize) -> String {
    format!("urn:pulumi:dev::bench::{TYPE}::golden-{index}")
}

fn inputs(index: usize) -> Json {
    json!({
        "instanceId": "i-running",
        "imageName": format!("golden-{index}"),
        "imageFamily": "golden",
        "description": "Base image of the web tier",
        "bootMode": "UEFI",
        "features": { "nvmeSupport": "supported", "imdsSupport": "v2" },
        "tags": { "team": "web", "stage": "production" },
        "force": true,
    })
}

/// What an image's state holds.
pub fn state(index: usize) -> Json {
    let mut state = inputs(index);
    let reported = json!({
        "id": format!("m-bench{index:015}"),
        "status": "Available",
        "usable": true,
        "progress": "100%",
        "createTime": "2026-11-22T01:02:03Z",
        "imageOwnerAlias": "self",
        "architecture": "x86_64",
        "platform": "Aliyun",
        "osName": "Alibaba Cloud Linux 3.2104 LTS 64 bit",
        "osNameEn": "Alibaba Cloud Linux 3.2104 LTS 64 bit",
        "osType": "linux",
        "size": 40,
        "isSupportIoOptimized": true,
        "isSupportCloudinit": true,
        "isSelfShared": "False",
        "isCopied": false,
        "isSubscribed": false,
        "diskDeviceMappings": [
            { "device": "/dev/xvda", "diskType": "system", "size": 40, "snapshotId": "s-bench1" },
            { "device": "/dev/xvdb", "diskType": "data", "size": 100, "snapshotId": "s-bench2" },
        ],
    });
    if let (Json::Object(state), Json::Object(reported)) = (&mut state, reported) {
        state.extend(reported);
    }
    state
}

/// Check of a new image.
pub fn check(index: usize) -> rpc::CheckRequest {
    rpc::CheckRequest {
        urn: urn(index),
        news: Some(to_struct(&inputs(index))),
        random_seed: vec![7; 32],
        name: format!("golden-{index}"),
        r#type: TYPE.to_owned(),
        ..rpc::CheckRequest::default()
    }
}

/// Diff of an image whose description the program has changed.
pub fn diff(index: usize) -> rpc::DiffRequest {
    let mut news = inputs(index);
    news["description"] = "Base image of the web tier, hardened".into();
    rpc::DiffRequest {
        id: format!("m-bench{index:015}"),
        urn: urn(index),
        olds: Some(to_struct(&state(index))),
        old_inputs: Some(to_struct(&inputs(index))),
        news: Some(to_struct(&news)),
        name: format!("golden-{index}"),
        r#type: TYPE.to_owned(),
        ..rpc::DiffRequest::default()
    }
}

/// Create of an image, for real or in a preview.
pub fn create(index: usize, preview: bool) -> rpc::CreateRequest {
    rpc::CreateRequest {
        urn: urn(index),
        properties: Some(to_struct(&inputs(index))),
        preview,
        name: format!("golden-{index}"),
        r#type: TYPE.to_owned(),
        ..rpc::CreateRequest::default()
    }
}

/// Configure for an ECS at `endpoint`, which nothing is sent to yet.
pub fn configure(endpoint: &str, access_key: &str, secret_key: &str) -> rpc::ConfigureRequest {
    let settings = json!({
        "region": "cn-hangzhou",
        "accessKey": access_key,
        "secretKey": secret_key,
        "endpoints": json!([{ "ecs": endpoint, "sts": endpoint }]).to_string(),
        "skipRegionValidation": "true",
    });
    let variables = settings.as_object().into_iter().flatten();
    rpc::ConfigureRequest {
        variables: variables
            .map(|(key, value)| {
                (format!("alicloud:config:{key}"), value.as_str().unwrap_or_default().to_owned())
            })
            .collect(),
        args: Some(to_struct(&settings)),
        accept_secrets: true,
        accept_resources: true,
        sends_old_inputs: true,
        sends_old_inputs_to_delete: true,
        id: Some("6f7fbdb4-9e4c-4dc8-a7f4-2a3f0f4f6a5b".to_owned()),
        ..rpc::ConfigureRequest::default()
    }
}

/// What DescribeImages answers for a page of `count` images.
pub fn page(count: usize) -> Vec<u8> {
    let images: Vec<Json> = (0..count)
        .map(|index| {
            json!({
                "ImageId": format!("m-bench{index:015}"),
                "ImageName": format!("golden-{index}"),
                "ImageFamily": "golden",
                "ImageVersion": "",
                "Description": "Base image of the web tier",
                "Architecture": "x86_64",
                "Platform": "Aliyun",
                "BootMode": "UEFI",
                "Features": { "NvmeSupport": "supported", "ImdsSupport": "v2" },
                "LicenseType": "",
                "ResourceGroupId": "rg-default",
                "Tags": { "Tag": [
                    { "TagKey": "team", "TagValue": "web" },
                    { "TagKey": "stage", "TagValue": "production" },
                ] },
                "Status": "Available",
                "Usable": true,
                "Progress": "100%",
                "CreationTime": "2026-11-22T01:02:03Z",
                "ImageOwnerAlias": "self",
                "OSName": "Alibaba Cloud Linux 3.2104 LTS 64 bit",
                "OSNameEn": "Alibaba Cloud Linux 3.2104 LTS 64 bit",
                "OSType": "linux",
                "Size": 40,
                "ProductCode": "",
                "IsSupportIoOptimized": true,
                "IsSupportCloudinit": true,
                "IsSelfShared": "",
                "IsCopied": false,
                "IsSubscribed": false,
                "DiskDeviceMappings": { "DiskDeviceMapping": [
                    { "Device": "/dev/xvda", "Type": "system", "Size": "40", "SnapshotId": "s-bench1",
                      "Format": "", "Progress": "100%", "RemainTime": 0, "ImportOSSBucket": "", "ImportOSSObject": "" },
                    { "Device": "/dev/xvdb", "Type": "data", "Size": "100", "SnapshotId": "s-bench2",
                      "Format": "", "Progress": "100%", "RemainTime": 0, "ImportOSSBucket": "", "ImportOSSObject": "" },
                ] },
            })
        })
        .collect();
    json!({
        "Images": { "Image": images },
        "TotalCount": count,
        "PageNumber": 1,
        "PageSize": 100,
        "RegionId": "cn-hangzhou",
        "RequestId": "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E",
    })
    .to_string()
    .into_bytes()
}

/// A JSON object for the wire.
pub fn to_struct(json: &Json) -> Struct {
    let fields = json.as_object().into_iter().flatten();
    Struct { fields: fields.map(|(key, value)| (key.clone(), to_wire(value))).collect() }
}

fn to_wire(json: &Json) -> prost_types::Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(to_wire).collect() }),
        Json::Object(_) => Kind::StructValue(to_struct(json)),
    };
    prost_types::Value { kind: Some(kind) }
}

//! The single operations whose time and instructions are measured.

use std::hint::black_box;

use aliyun::credential::Credential;
use aliyun::ecs::DescribeImagesResponse;
use aliyun::sign::{Request, Scheme, sign};
use prost::Message as _;
use pulumi::pulumirpc as rpc;
use pulumi::pulumirpc::resource_provider_server::ResourceProvider as _;

use crate::payload;

/// An operation, made ready.
pub type Operation = Box<dyn FnMut()>;

/// Every operation's name.
pub const NAMES: [&str; 6] = ["check", "diff", "sign-v1", "sign-v3", "decode-page", "encode"];

/// The parameters of a CreateImage.
pub fn parameters() -> Vec<(String, String)> {
    [
        ("RegionId", "cn-hangzhou"),
        ("InstanceId", "i-bp1example00000001"),
        ("ImageName", "nightly-build-2026-11-22"),
        ("Description", "made by the nightly build, keep for a week"),
        ("Tag.1.Key", "team"),
        ("Tag.1.Value", "platform"),
        ("ClientToken", "123e4567-e89b-12d3-a456-426655440000"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A CreateImage to be signed.
pub fn request(form: &[(String, String)]) -> Request<'_> {
    Request {
        method: "POST",
        host: "ecs.cn-hangzhou.aliyuncs.com",
        action: "CreateImage",
        version: "2014-05-26",
        query: &[],
        form,
        headers: &[],
    }
}

/// A key of nobody.
pub fn credential() -> Credential {
    Credential {
        access_key_id: "LTAI5tExampleKeyId".to_owned(),
        access_key_secret: "ExampleSecret0123456789abcdefAB".to_owned(),
        ..Credential::default()
    }
}

/// When everything is signed.
pub const TIME: &str = "2026-11-22T01:02:03Z";
/// What nothing else was signed with.
pub const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// The operation of that name.
///
/// # Errors
/// There is none, or nothing to run it on.
pub fn operation(name: &str) -> anyhow::Result<Operation> {
    Ok(match name {
        "check" | "diff" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let server = runtime.block_on(async { provider::service() });
            let (check, diff) = (payload::check(1), payload::diff(1));
            if name == "check" {
                Box::new(move || {
                    let answer = runtime.block_on(server.check(tonic::Request::new(check.clone())));
                    let answer = answer.expect("Check answers").into_inner();
                    assert!(answer.failures.is_empty(), "{:?}", answer.failures);
                })
            } else {
                Box::new(move || {
                    let answer = runtime.block_on(server.diff(tonic::Request::new(diff.clone())));
                    let answer = answer.expect("Diff answers").into_inner();
                    assert_eq!(answer.changes(), rpc::diff_response::DiffChanges::DiffSome);
                })
            }
        }
        "sign-v1" => sign_with(Scheme::V1)?,
        "sign-v3" => sign_with(Scheme::V3)?,
        "decode-page" => {
            let page: &'static [u8] = payload::page(100).leak();
            Box::new(move || {
                let answer = DescribeImagesResponse::of_answer(200, black_box(page)).expect("an answer");
                assert_eq!(answer.images.len(), 100);
            })
        }
        "encode" => {
            let state = payload::to_struct(&payload::state(1));
            Box::new(move || {
                let properties = pulumi::value::from_struct(black_box(&state).clone());
                let answer = rpc::CreateResponse {
                    id: "m-bench".to_owned(),
                    properties: Some(pulumi::value::to_struct(properties)),
                    refresh_before_update: false,
                };
                black_box(answer.encode_to_vec());
            })
        }
        _ => anyhow::bail!("no operation {name:?}: there are {}", NAMES.join(", ")),
    })
}

fn sign_with(scheme: Scheme) -> anyhow::Result<Operation> {
    let (form, credential, time) = (parameters(), credential(), TIME.parse()?);
    Ok(Box::new(move || {
        black_box(sign(scheme, black_box(&request(&form)), Some(&credential), time, NONCE));
    }))
}

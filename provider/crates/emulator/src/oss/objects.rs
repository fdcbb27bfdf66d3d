//! What can be done with the objects of a bucket.

use serde_json::{Value, json};

use crate::answer::{Answer, Failure, failure};
use crate::clock::{Millis, http_date, iso};
use crate::oss::call::Call;
use crate::oss::shown::{answer, document};
use crate::session::ACCOUNT;
use crate::sign::encode;
use crate::state::State;
use crate::state::bucket::{Bucket, CLASSES, Object};

/// The most objects of one answer, and how many there are unless the caller says.
const MOST_KEYS: usize = 1_000;
const KEYS: usize = 100;

pub(super) fn carry_out(state: &mut State, call: &Call, now: Millis) -> Result<Answer, Failure> {
    let bucket = bucket(state, call)?;
    match call.operation {
        "HeadObject" | "GetObjectMeta" => Ok(answer(200, described(object(bucket, call)?))),
        "GetObject" => get(object(bucket, call)?),
        "PutObject" => put(bucket, call, now),
        "DeleteObject" => {
            bucket.objects.remove(&call.object);
            Ok(answer(204, vec![]))
        }
        "ListObjects" | "ListObjectsV2" => list(bucket, call),
        _ => {
            let message = format!("The emulator does not know what {} asks for here.", call.request.method);
            Err(failure(501, "NotImplemented", message))
        }
    }
}

fn bucket<'s>(state: &'s mut State, call: &Call) -> Result<&'s mut Bucket, Failure> {
    let bucket = state
        .bucket(&call.bucket)
        .ok_or_else(|| failure(404, "NoSuchBucket", "The specified bucket does not exist."))?;
    let denied = |message| Err(failure(403, "AccessDenied", message));
    if bucket.forbidden {
        return denied("You have no right to access this bucket.");
    }
    match call.region {
        Some(region) if !bucket.is_in(region) => {
            denied("The bucket you are attempting to access must be addressed using the specified endpoint.")
        }
        Some(_) | None => Ok(bucket),
    }
}

fn object<'b>(bucket: &'b Bucket, call: &Call) -> Result<&'b Object, Failure> {
    let absent = || failure(404, "NoSuchKey", "The specified key does not exist.");
    bucket.objects.get(&call.object).ok_or_else(absent)
}

/// The headers that describe an object.
fn described(object: &Object) -> Vec<(&'static str, String)> {
    vec![
        ("content-length", object.size.to_string()),
        ("content-type", "application/octet-stream".to_owned()),
        ("etag", format!("\"{}\"", object.etag())),
        ("last-modified", http_date(object.modified)),
        ("x-oss-object-type", "Normal".to_owned()),
        ("x-oss-storage-class", object.class.clone()),
    ]
}

fn get(object: &Object) -> Result<Answer, Failure> {
    if object.is_archived() {
        let message = "The operation is not valid for the object's state.";
        return Err(failure(403, "InvalidObjectState", message));
    }
    let bytes = object.bytes().ok_or_else(|| {
        failure(501, "NotImplemented", "The emulator knows the size of this object, and not its bytes.")
    })?;
    Ok(Answer { bytes: Some(bytes.into()), ..answer(200, described(object)) })
}

fn put(bucket: &mut Bucket, call: &Call, now: Millis) -> Result<Answer, Failure> {
    let invalid = |message: String| Err(failure(400, "InvalidArgument", message));
    let class = call.request.header("x-oss-storage-class").unwrap_or_else(|| "Standard".to_owned());
    if !CLASSES.contains(&class.as_str()) {
        return invalid(format!("There is no storage class {class}."));
    }
    if call.request.header("x-oss-copy-source").is_some() {
        return Err(failure(501, "NotImplemented", "The emulator does not copy objects."));
    }
    if call.object.len() > 1023 || call.object.starts_with(['/', '\\']) {
        return Err(failure(400, "InvalidObjectName", "The specified object is not valid."));
    }
    let object = Object::holding(&call.request.body, &class, now);
    let etag = format!("\"{}\"", object.etag());
    bucket.objects.insert(call.object.clone(), object);
    Ok(answer(200, vec![("etag", etag)]))
}

fn list(bucket: &Bucket, call: &Call) -> Result<Answer, Failure> {
    let is_v2 = call.operation == "ListObjectsV2";
    let text = |name: &str| call.params.text(name).unwrap_or_default();
    let invalid = |message: String| Err(failure(400, "InvalidArgument", message));
    if !text("delimiter").is_empty() {
        return Err(failure(501, "NotImplemented", "The emulator lists objects without a delimiter only."));
    }
    let most = match text("max-keys") {
        "" => KEYS,
        number => match number.parse() {
            Ok(most @ 1..=MOST_KEYS) => most,
            _ => return invalid(format!("max-keys is not from 1 to {MOST_KEYS}.")),
        },
    };
    let is_encoded = match text("encoding-type") {
        "" => false,
        "url" => true,
        other => return invalid(format!("There is no encoding-type {other}.")),
    };
    let shown = |text: &str| if is_encoded { encode(text) } else { text.to_owned() };
    let (prefix, after) =
        (text("prefix"), text("marker").max(text("start-after")).max(text("continuation-token")));
    let mut found =
        bucket.objects.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after);
    let page: Vec<(&String, &Object)> = found.by_ref().take(most).collect();
    let is_truncated = found.next().is_some();
    let contents: Vec<Value> = page
        .iter()
        .map(|(name, object)| {
            json!({
                "Key": shown(name),
                "LastModified": iso(object.modified).replace('Z', ".000Z"),
                "ETag": format!("\"{}\"", object.etag()),
                "Type": "Normal",
                "Size": object.size,
                "StorageClass": object.class,
                "Owner": {"ID": ACCOUNT, "DisplayName": ACCOUNT},
            })
        })
        .collect();
    let mut content = json!({
        "Name": call.bucket,
        "Prefix": shown(prefix),
        "MaxKeys": most,
        "Delimiter": "",
        "IsTruncated": is_truncated,
        "Contents": contents,
    });
    if is_encoded {
        content["EncodingType"] = "url".into();
    }
    if is_v2 {
        content["KeyCount"] = page.len().into();
    }
    if let Some((last, _)) = page.last().filter(|_| is_truncated) {
        content[if is_v2 { "NextContinuationToken" } else { "NextMarker" }] = shown(last).into();
    }
    Ok(document("ListBucketResult", &content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oss::call::tests::call;

    fn go(state: &mut State, method: &str, target: &str, body: &str) -> Result<Answer, (u16, String)> {
        let call = call(method, "localhost", target, &[], body);
        carry_out(state, &call, 7).map_err(|refused| (refused.status, refused.code.into_owned()))
    }

    #[track_caller]
    fn refused(method: &str, target: &str, expect: (u16, &str)) {
        let refused = go(&mut State::default(), method, target, "").expect_err(expect.1);
        assert_eq!((refused.0, refused.1.as_str()), expect, "{method} {target}");
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
        answer.headers.iter().find(|(has, _)| *has == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn an_object_is_described_without_being_sent() {
        let answer = go(&mut State::default(), "HEAD", "/b-images/disk.raw", "").expect("there");
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(header(&answer, "content-length"), "4831838208");
        assert_eq!(header(&answer, "last-modified"), "Fri, 03 Jan 2020 00:00:00 GMT");
    }

    #[test]
    fn what_is_not_there_is_refused_but_deleted() {
        refused("HEAD", "/b-images/other", (404, "NoSuchKey"));
        refused("GET", "/b-images/other", (404, "NoSuchKey"));
        refused("HEAD", "/b-none/disk.raw", (404, "NoSuchBucket"));
        refused("DELETE", "/b-none/disk.raw", (404, "NoSuchBucket"));
        refused("GET", "/b-images/disk.raw", (501, "NotImplemented"));
        refused("GET", "/b-images/?acl", (501, "NotImplemented"));
        let mut state = State::default();
        for _ in 0..2 {
            assert_eq!(go(&mut state, "DELETE", "/b-images/disk.raw", "").expect("no matter").status, 204);
        }
        assert_eq!(state.bucket("b-images").expect("there").objects.len(), 1);
    }

    #[test]
    fn what_is_put_there_can_be_got_again() {
        let mut state = State::default();
        let made = go(&mut state, "PUT", "/b-images/a%2Fb", "bytes").expect("made");
        let got = go(&mut state, "GET", "/b-images/a%2Fb", "").expect("there");
        assert_eq!(got.bytes.as_deref(), Some(b"bytes".as_slice()));
        assert_eq!(header(&got, "etag"), header(&made, "etag"));
        state.bucket("b-images").expect("there").objects.get_mut("a/b").expect("there").class =
            "Archive".into();
        assert_eq!(
            go(&mut state, "GET", "/b-images/a%2Fb", "").map(|_| ()),
            Err((403, "InvalidObjectState".to_owned()))
        );
    }

    #[test]
    fn a_bucket_of_another_region_or_account_is_denied() {
        let mut state = State::default();
        let mut go = |host, bucket: &str| {
            let call = call("HEAD", host, &format!("/{bucket}/disk.raw"), &[], "");
            carry_out(&mut state, &call, 0).map_or_else(|refused| refused.status, |answer| answer.status)
        };
        assert_eq!(go("oss-cn-hangzhou.aliyuncs.com", "b-images-eu-central-1"), 403);
        assert_eq!(go("oss-eu-central-1.aliyuncs.com", "b-images-eu-central-1"), 200);
        assert_eq!(go("oss-cn-hangzhou.aliyuncs.com", "b-images"), 200);
        assert_eq!(go("127.0.0.1", "b-images-eu-central-1"), 200);
        state.bucket("b-images").expect("there").forbidden = true;
        let call = call("DELETE", "127.0.0.1", "/b-images/disk.raw", &[], "");
        let refused = carry_out(&mut state, &call, 0).map(|_| ()).expect_err("forbidden");
        assert_eq!((refused.status, &*refused.code), (403, "AccessDenied"));
    }

    #[track_caller]
    fn check_list(query: &str, expect: &[&str], then: Option<&str>) {
        let mut state = State::default();
        let objects = &mut state.bucket("b-images").expect("there").objects;
        objects.clear();
        for name in ["a", "b c", "d/1", "d/2"] {
            objects.insert(name.to_owned(), Object::of_size(1, 0));
        }
        let body = go(&mut state, "GET", &format!("/b-images/?{query}"), "").expect("a list").body;
        let keys: Vec<&str> =
            body.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0)).collect();
        assert_eq!(keys, expect, "{query}");
        assert!(body.contains(&format!("<IsTruncated>{}<", then.is_some())), "{body}");
        if let Some(then) = then {
            assert!(body.contains(then), "{body}");
        }
    }

    #[test]
    fn objects_are_listed_page_by_page() {
        check_list("", &["a", "b c", "d/1", "d/2"], None);
        check_list("prefix=d/", &["d/1", "d/2"], None);
        check_list("marker=a&max-keys=2", &["b c", "d/1"], Some("<NextMarker>d/1<"));
        check_list("encoding-type=url&max-keys=2", &["a", "b%20c"], Some("<NextMarker>b%20c<"));
        check_list("list-type=2&max-keys=1", &["a"], Some("<NextContinuationToken>a<"));
        check_list("list-type=2&continuation-token=d/1", &["d/2"], None);
        refused("GET", "/b-images/?max-keys=1001", (400, "InvalidArgument"));
        refused("GET", "/b-images/?encoding-type=base64", (400, "InvalidArgument"));
        refused("GET", "/b-images/?delimiter=/", (501, "NotImplemented"));
    }
}

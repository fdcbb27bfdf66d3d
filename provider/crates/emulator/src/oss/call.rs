//! A request to OSS, taken apart: its operation, bucket and object. Checks nothing.

use std::net::IpAddr;

use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

use crate::params::Params;
use crate::regions;
use crate::request::Request;

#[derive(Debug)]
pub(crate) struct Call {
    /// Its name, by which faults and the list of requests know it.
    pub(crate) operation: &'static str,
    /// `Bucket`, `Object` and what the query says.
    pub(crate) params: Params,
    pub(crate) host: String,
    /// The region that the host tells, if it does.
    pub(crate) region: Option<&'static str>,
    pub(crate) bucket: String,
    /// Empty for the bucket itself.
    pub(crate) object: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) request: Request,
}

/// What is not served.
pub(super) const UNKNOWN: &str = "UnknownOperation";

/// What makes another operation of a request, of those that are not served.
const FOREIGN: &[&str] =
    &["acl", "append", "delete", "restore", "symlink", "tagging", "uploadId", "uploads", "versionId"];

/// Whether the request can be for nothing but OSS.
pub(crate) fn serves(request: &Request) -> bool {
    let authorization = request.headers.get(AUTHORIZATION);
    authorization.is_some_and(|value| value.as_bytes().starts_with(b"OSS"))
        || bucket_of_host(&request.host()).is_some()
}

impl Call {
    pub(crate) fn decode(request: Request) -> Call {
        let host = request.host();
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        let (bucket, object) = match bucket_of_host(&host) {
            Some(bucket) => (bucket.to_owned(), path),
            None => match path.split_once('/') {
                Some((bucket, object)) => (decoded(bucket), object),
                None => (decoded(path), ""),
            },
        };
        let object = decoded(object);
        let query: Vec<(String, String)> =
            form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
        let mut pairs = vec![("Bucket".to_owned(), bucket.clone())];
        if !object.is_empty() {
            pairs.push(("Object".to_owned(), object.clone()));
        }
        pairs.extend(query.iter().cloned());
        Call {
            operation: operation(&request.method, object.is_empty(), &query),
            params: Params::business(&pairs),
            region: region_of_host(&host),
            host,
            bucket,
            object,
            query,
            request,
        }
    }

    pub(crate) fn changes(&self) -> bool {
        ["PutObject", "DeleteObject"].contains(&self.operation)
    }

    pub(super) fn is_head(&self) -> bool {
        self.request.method == "HEAD"
    }
}

fn operation(method: &str, is_bucket: bool, query: &[(String, String)]) -> &'static str {
    let has = |name: &str| query.iter().any(|(has, _)| has == name);
    if FOREIGN.iter().any(|name| has(name)) {
        return UNKNOWN;
    }
    let is_v2 = query.iter().any(|(name, value)| name == "list-type" && value == "2");
    match (method, is_bucket) {
        ("HEAD", false) if has("objectMeta") => "GetObjectMeta",
        ("HEAD", false) => "HeadObject",
        ("GET", false) => "GetObject",
        ("PUT", false) => "PutObject",
        ("DELETE", false) => "DeleteObject",
        ("GET", true) if is_v2 => "ListObjectsV2",
        // Other questions about a bucket are told by a name alone, such as `?acl`.
        ("GET", true)
            if query.iter().all(|(name, value)| LISTING.contains(&name.as_str()) || !value.is_empty()) =>
        {
            "ListObjects"
        }
        _ => UNKNOWN,
    }
}

/// The parameters of a list of objects, which may be empty.
const LISTING: &[&str] = &["prefix", "delimiter", "marker", "max-keys", "encoding-type"];

/// What is not UTF-8 gets signs that no signature agrees with.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_oss(label: &str) -> bool {
    label == "oss" || label.starts_with("oss-")
}

fn bucket_of_host(host: &str) -> Option<&str> {
    let name = without_port(host);
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return None;
    }
    match name.split('.').collect::<Vec<&str>>().as_slice() {
        [bucket, next, ..] if is_oss(next) => Some(bucket),
        [bucket, "localhost"] if !is_oss(bucket) => Some(bucket),
        _ => None,
    }
}

/// The region of `oss-<region>` or `oss-<region>-internal`.
fn region_of_host(host: &str) -> Option<&'static str> {
    let mut labels = without_port(host).split('.').take(2);
    let region = labels.find_map(|label| label.strip_prefix("oss-"))?;
    let region = region.strip_suffix("-internal").unwrap_or(region);
    regions::all().iter().copied().find(|known| *known == region)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::request::tests::request;

    pub(crate) fn call(
        method: &str,
        host: &str,
        target: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Call {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = request(method, query, &[&[("host", host)], headers].concat(), body);
        request.path = path.to_owned();
        Call::decode(request)
    }

    #[track_caller]
    fn check(host: &str, path: &str, expect: (&str, &str, Option<&str>)) {
        let call = call("GET", host, path, &[], "");
        assert_eq!((call.bucket.as_str(), call.object.as_str(), call.region), expect, "{host}{path}");
    }

    #[test]
    fn buckets_are_in_the_host_or_in_the_path() {
        let hangzhou = Some("cn-hangzhou");
        check("b.oss-cn-hangzhou.aliyuncs.com", "/a%2Fb%20c", ("b", "a/b c", hangzhou));
        check("b.oss-cn-hangzhou-internal.aliyuncs.com:80", "/a/b", ("b", "a/b", hangzhou));
        check("oss-cn-hangzhou.aliyuncs.com", "/b/a", ("b", "a", hangzhou));
        check("oss-b.oss-cn-nowhere.example.com", "/a", ("oss-b", "a", None));
        check("b.localhost:4711", "/a", ("b", "a", None));
        check("localhost:4711", "/b/a", ("b", "a", None));
        check("127.0.0.1:4711", "/b/%E9%95%9C", ("b", "镜", None));
        check("[::1]:4711", "/b/a", ("b", "a", None));
        check("emulator.example.com", "/b", ("b", "", None));
        check("emulator", "/b/", ("b", "", None));
        check("emulator", "/b//a", ("b", "/a", None));
        check("", "/", ("", "", None));
    }

    #[track_caller]
    fn check_operation(method: &str, target: &str, expect: &str) {
        assert_eq!(call(method, "localhost", target, &[], "").operation, expect, "{method} {target}");
    }

    #[test]
    fn operations_are_told_by_method_place_and_query() {
        check_operation("HEAD", "/b/o", "HeadObject");
        check_operation("HEAD", "/b/o?objectMeta", "GetObjectMeta");
        check_operation("GET", "/b/o", "GetObject");
        check_operation("PUT", "/b/o", "PutObject");
        check_operation("DELETE", "/b/o", "DeleteObject");
        check_operation("GET", "/b/?prefix=&marker=&delimiter=", "ListObjects");
        check_operation("GET", "/b/?list-type=2&prefix=", "ListObjectsV2");
        for (method, target) in [
            ("GET", "/b/?acl"),
            ("GET", "/b/?bucketInfo"),
            ("GET", "/b/o?acl"),
            ("POST", "/b/o?uploads"),
            ("POST", "/b/?delete"),
            ("PUT", "/b"),
            ("DELETE", "/b"),
            ("PATCH", "/b/o"),
        ] {
            check_operation(method, target, UNKNOWN);
        }
    }

    #[test]
    fn only_what_is_meant_for_oss_is_served() {
        let go = |host: &str, authorization: &str| {
            serves(&call("GET", host, "/", &[("authorization", authorization)], "").request)
        };
        assert!(go("127.0.0.1:1", "OSS a:b"));
        assert!(go("127.0.0.1:1", "OSS4-HMAC-SHA256 Credential=a"));
        assert!(go("b.oss-cn-hangzhou.aliyuncs.com", ""));
        assert!(!go("127.0.0.1:1", "ACS3-HMAC-SHA256 Credential=a"));
        assert!(!go("ecs.cn-hangzhou.aliyuncs.com", ""));
    }

    #[test]
    fn the_list_of_requests_is_told_bucket_and_object() {
        let call = call("GET", "localhost", "/b/a%2Bb?x=1", &[], "");
        assert_eq!(call.params, Params::of(&[("Bucket", "b"), ("Object", "a+b"), ("x", "1")]));
    }
}

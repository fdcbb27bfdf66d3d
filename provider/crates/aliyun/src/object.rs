//! Requests about one object in OSS, and their answers. They are no actions: a verb of HTTP, a path, a signature of their own
//! in a header, and answers that are XML or nothing at all.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use sha1::Sha1;

use crate::answer::{self, Exchange, Outcome, Reading};
use crate::endpoint::Endpoint;
use crate::error::{Class, Error, ErrorKind, Rule};
use crate::key::Credential;
use crate::percent::{Encoding, encode, text};
use crate::transport::{HttpRequest, HttpResponse};

/// The codes of OSS, with what they mean for a request about one object.
pub(crate) const RULES: &[Rule] = &[
    Rule::not_found(NO_KEY),
    Rule::not_found("NoSuchBucket"),
    Rule::new("AccessDenied", ErrorKind::Denied, Class::Fatal),
    Rule::new(SKEWED, ErrorKind::Credential, Class::Resign),
    Rule::new("SecurityTokenExpired", ErrorKind::Credential, Class::Refresh),
];

const NO_KEY: &str = "NoSuchKey";
const SKEWED: &str = "RequestTimeTooSkewed";
/// By how much a request's time may be off.
const TOLERATED: Duration = Duration::from_secs(15 * 60);
const TOKEN_HEADER: &str = "x-oss-security-token";
/// What every answer of OSS has. Nothing else has answered if it is not there.
const REQUEST_ID_HEADER: &str = "x-oss-request-id";
/// The refusal of a HEAD, which has no body: the XML of the error in base64.
const ERROR_HEADER: &str = "x-oss-err";

/// A request about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) verb: Verb,
    pub(crate) bucket: String,
    /// The object's name, unescaped.
    pub(crate) key: String,
}

/// By what one writing of an object is told from the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The `ETag`, as OSS writes it. The same content can have the same one again.
    pub etag: String,
    /// When the object was written, in seconds since 1970.
    pub last_modified: Option<i64>,
}

impl Reading for ObjectVersion {
    fn read(&mut self, text: &str) -> Result<answer::Envelope, serde_json::Error> {
        NotOfOss.read(text)
    }

    fn lacks(&self, request_id: Option<&str>, text: &str) -> Option<&'static str> {
        NotOfOss.lacks(request_id, text)
    }

    fn read_headers(&mut self, response: &HttpResponse) {
        self.etag = response.header("etag").unwrap_or_default().to_owned();
        self.last_modified = response
            .header("last-modified")
            .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
            .map(|date| date.timestamp().as_second());
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Whether it is there.
    Head,
    Delete,
}

impl Verb {
    fn method(self) -> &'static str {
        match self {
            Verb::Head => "HEAD",
            Verb::Delete => "DELETE",
        }
    }

    /// The name of the request in OSS's documentation.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verb::Head => "HeadObject",
            Verb::Delete => "DeleteObject",
        }
    }
}

/// What [`is_bucket`] asks for, in words.
pub const BUCKET_RULE: &str = "the name of a bucket: 3 to 63 lower-case letters, digits and hyphens, and no hyphen at the \
                               beginning or the end";

/// Whether a name can be a bucket's: 3 to 63 lower-case letters, digits and hyphens, with a hyphen at neither end.
pub fn is_bucket(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| is_inner(byte) || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Refuses what cannot be a bucket's name: it would become part of a host's.
pub(crate) fn check_bucket(verb: Verb, name: &str) -> Result<(), Error> {
    if is_bucket(name) {
        return Ok(());
    }
    let message = format!("{name:?} cannot be the name of a bucket");
    Err(Error::new(ErrorKind::InvalidRequest, Class::Fatal, verb.name(), message))
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

impl Object {
    /// The request, signed if there is a key.
    pub(crate) fn request(
        &self,
        endpoint: &Endpoint,
        credential: Option<&Credential>,
        now: Timestamp,
        user_agent: &str,
        time_limit: Duration,
    ) -> HttpRequest {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
        let mut headers = vec![("date".into(), date.clone()), ("user-agent".into(), user_agent.to_owned())];
        if let Some(credential) = credential {
            headers.push(("authorization".into(), self.authorization(credential, &date)));
            if let Some(token) = &credential.security_token {
                headers.push((TOKEN_HEADER.into(), token.clone()));
            }
        }
        let mut path = Vec::new();
        for (index, folder) in self.key.split('/').enumerate() {
            if index > 0 {
                path.push(b'/');
            }
            encode(&mut path, folder.as_bytes(), Encoding::Rfc3986);
        }
        HttpRequest {
            method: self.verb.method(),
            url: endpoint.url_of_object(&self.bucket, &text(path)),
            headers,
            body: String::new(),
            time_limit,
            link_local: false,
        }
    }

    /// Signature V1: the request's lines, with the names as they are, under the secret alone.
    fn authorization(&self, credential: &Credential, date: &str) -> String {
        let token = match &credential.security_token {
            Some(token) => format!("{TOKEN_HEADER}:{token}\n"),
            None => String::new(),
        };
        let lines = format!("{}\n\n\n{date}\n{token}/{}/{}", self.verb.method(), self.bucket, self.key);
        let mut mac = Hmac::<Sha1>::new_from_slice(credential.access_key_secret.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(lines.as_bytes());
        format!("OSS {}:{}", credential.access_key_id, BASE64.encode(mac.finalize().into_bytes()))
    }

    /// What the answer says.
    pub(crate) fn read(&self, exchange: &Exchange<'_>, now: Timestamp, reading: &mut dyn Reading) -> Outcome {
        let response = exchange.response;
        let request_id = response.header(REQUEST_ID_HEADER).filter(|id| !id.is_empty()).map(exchange.redact);
        let Some(request_id) = request_id else { return exchange.read(&mut NotOfOss) };
        let outcome = |result| Outcome { result, request_id: Some(request_id.clone()), denial: None };
        let refused = |kind, class, code: &str, message: &str| {
            let error = Error::new(kind, class, exchange.action, message.to_owned())
                .with_code(code.to_owned())
                .with_status(response.status)
                .with_request_id(Some(request_id.clone()));
            outcome(Err(error))
        };
        match (response.status, self.verb) {
            (200..300, _) => {
                reading.read_headers(response);
                outcome(Ok(()))
            }
            (_, Verb::Head) if let Some(told) = told_in_header(response) => {
                Exchange { response: &told, ..*exchange }.read(&mut NotOfOss)
            }
            // Without that header there is nothing that could tell more.
            (404, Verb::Head) => refused(
                ErrorKind::NotFound,
                Class::Fatal,
                NO_KEY,
                "the object is not there, or its bucket is not",
            ),
            (403, Verb::Head) if is_skewed(response, now) => {
                refused(ErrorKind::Credential, Class::Resign, SKEWED, "the request's time is too far off")
            }
            (403, Verb::Head) => refused(
                ErrorKind::Denied,
                Class::Fatal,
                "AccessDenied",
                "the object may not be looked at with this key",
            ),
            _ => exchange.read(&mut NotOfOss),
        }
    }
}

/// The same response with the error that a header tells as its body.
fn told_in_header(response: &HttpResponse) -> Option<HttpResponse> {
    let xml = String::from_utf8(BASE64.decode(response.header(ERROR_HEADER)?).ok()?).ok()?;
    Some(HttpResponse { body: xml.into(), ..response.clone() })
}

/// Whether the time that the server's answer bears is too far from the one that the request was signed with.
fn is_skewed(response: &HttpResponse, now: Timestamp) -> bool {
    answer::server_time(response).is_some_and(|server| {
        let off = server.duration_since(now).unsigned_abs();
        off > TOLERATED
    })
}

/// An answer in JSON is none of OSS.
struct NotOfOss;

impl Reading for NotOfOss {
    fn read(&mut self, text: &str) -> Result<answer::Envelope, serde_json::Error> {
        crate::lenient::from_str(text)
    }

    fn lacks(&self, _request_id: Option<&str>, _text: &str) -> Option<&'static str> {
        Some("an x-oss-request-id")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::endpoint::Protocol;
    use crate::testing::{Reply, Stub, client, in_seconds, json};

    fn object(verb: Verb, key: &str) -> Object {
        Object { verb, bucket: "b-images".to_owned(), key: key.to_owned() }
    }

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text, Protocol::Https, "the test").expect("an endpoint")
    }

    fn url(host: &str, key: &str) -> String {
        let time = Timestamp::from_second(1_700_000_000).expect("a time");
        object(Verb::Head, key).request(&endpoint(host), None, time, "ua", Duration::from_secs(1)).url
    }

    #[test]
    fn a_bucket_is_a_host_unless_there_is_no_name_to_put_it_before() {
        assert_eq!(
            url("oss-cn-test.aliyuncs.com", "a b/ü"),
            "https://b-images.oss-cn-test.aliyuncs.com/a%20b/%C3%BC"
        );
        assert_eq!(url("http://127.0.0.1:8080", "a"), "http://127.0.0.1:8080/b-images/a");
        assert_eq!(url("http://[::1]:8080", "a"), "http://[::1]:8080/b-images/a");
        assert_eq!(url("http://localhost:8080", "a"), "http://localhost:8080/b-images/a");
    }

    /// Made with the official library, as the file says. Of its requests those that this client makes.
    #[test]
    fn signatures_are_those_of_the_official_library() {
        let file: Value =
            serde_json::from_str(include_str!("../testdata/oss-signing-vectors.json")).expect("JSON");
        let mut seen = 0;
        for vector in file["vectors"].as_array().expect("a list") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let verb = match vector["method"].as_str() {
                Some("HEAD") => Verb::Head,
                Some("DELETE") => Verb::Delete,
                _ => continue,
            };
            let headers = vector["headers"].as_object().expect("headers");
            let is_plain = vector["query"].as_object().expect("a query").is_empty()
                && headers.keys().all(|name| ["date", TOKEN_HEADER].contains(&name.as_str()));
            if !is_plain {
                continue;
            }
            let credential = Credential {
                access_key_id: text(&vector["access_key_id"]),
                access_key_secret: text(&vector["access_key_secret"]),
                security_token: headers.get(TOKEN_HEADER).map(text),
                ..Credential::default()
            };
            let object = Object { verb, bucket: text(&vector["bucket"]), key: text(&vector["object"]) };
            let made = object.authorization(&credential, &text(&headers["date"]));
            assert_eq!(made, text(&vector["authorization"]), "{vector}");
            seen += 1;
        }
        assert!(seen >= 6, "{seen}");
    }

    fn answered(status: u16, body: &str) -> Reply {
        json(status, body).with_header(REQUEST_ID_HEADER, "R")
    }

    async fn look(reply: Reply) -> Result<Option<ObjectVersion>, Error> {
        client(&Stub::script(vec![reply])).head_object("b-1", "a/k", in_seconds(60)).await
    }

    async fn delete(reply: Reply) -> Result<(), Error> {
        client(&Stub::script(vec![reply])).delete_object("b-1", "a/k", in_seconds(60)).await
    }

    fn refusal(code: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message><RequestId>R</RequestId></Error>"
        )
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_is_looked_at_and_deleted_where_its_bucket_is() {
        let found = answered(200, "")
            .with_header("etag", "\"E\"")
            .with_header("last-modified", "Sat, 28 Nov 2026 02:13:26 GMT");
        let stub = Stub::script(vec![found, answered(204, "")]);
        let client = client(&stub);
        let version = client.head_object("b-1", "a/k", in_seconds(60)).await.expect("a look");
        let expected = ObjectVersion { etag: "\"E\"".to_owned(), last_modified: Some(1_795_832_006) };
        assert_eq!(version, Some(expected));
        client.delete_object("b-1", "a/k", in_seconds(60)).await.expect("deleted");
        let sent = stub.sent();
        let asked: Vec<_> = sent.iter().map(|sent| (sent.method(), sent.host(), sent.path())).collect();
        let host = "b-1.oss-cn-test.aliyuncs.com";
        assert_eq!(asked, [("HEAD", host, "a/k"), ("DELETE", host, "a/k")]);
        assert!(sent[0].header("authorization").is_some_and(|text| text.starts_with("OSS ")));
    }

    /// Whoever gets the request gets the token.
    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_a_bucket_is_sent_nowhere() {
        let stub = Stub::script(vec![answered(200, "")]);
        let client = client(&stub);
        for bucket in ["", "ab", "a.evil.example/", "evil.example#", "B-images", "-b-images", "b_images"] {
            client.head_object(bucket, "k", in_seconds(60)).await.expect_err(bucket);
            client.delete_object(bucket, "k", in_seconds(60)).await.expect_err(bucket);
        }
        assert!(stub.sent().is_empty());
        assert!(is_bucket("b-images") && is_bucket("0ab"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_is_absent_only_if_oss_itself_says_so() {
        assert_eq!(look(answered(404, "")).await.expect("a look"), None);
        for reply in [json(404, ""), json(200, ""), json(404, "<html>no such page</html>"), answered(500, "")]
        {
            look(reply).await.expect_err("nobody knows");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn why_a_look_is_refused_is_told_in_a_header() {
        let told = |status, code: &str| {
            answered(status, "").with_header(ERROR_HEADER, &BASE64.encode(refusal(code)))
        };
        for code in ["NoSuchKey", "NoSuchBucket"] {
            assert_eq!(look(told(404, code)).await.expect("a look"), None);
        }
        for (status, code) in [(404, "NoSuchWebsite"), (403, "SignatureDoesNotMatch"), (403, "AccessDenied")]
        {
            let error = look(told(status, code)).await.expect_err("nobody knows");
            assert_eq!((error.code(), error.status()), (Some(code), Some(status)));
        }
        let expired = look(told(403, "SecurityTokenExpired")).await.expect_err("nobody knows");
        assert_eq!(expired.kind(), ErrorKind::Credential);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_deleted() {
        delete(answered(404, &refusal("NoSuchBucket"))).await.expect("nothing to delete");
        delete(answered(404, &refusal("NoSuchKey"))).await.expect("nothing to delete");
        for reply in [json(404, "not here"), json(204, ""), answered(403, &refusal("AccessDenied"))] {
            delete(reply).await.expect_err("not deleted");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_without_the_right_is_told_which_one_it_lacks() {
        let text = |error: Error| error.advice().unwrap_or_default();
        let looked = text(look(answered(403, "")).await.expect_err("denied"));
        assert!(looked.contains("Allow oss:GetObject"), "{looked}");
        let deleted = text(delete(answered(403, &refusal("AccessDenied"))).await.expect_err("denied"));
        assert!(deleted.contains("Allow oss:DeleteObject"), "{deleted}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_wrong_is_corrected() {
        let late = answered(403, "").with_header("date", "Fri, 01 Jan 2100 00:00:00 GMT");
        let stub = Stub::script(vec![late, answered(200, "")]);
        let found =
            client(&stub).head_object("b-1", "k", in_seconds(60)).await.expect("at the second attempt");
        assert!(found.is_some());
        let sent = stub.sent();
        assert!(
            sent[1].header("date").is_some_and(|date| date.contains("2100")),
            "{:?}",
            sent[1].header("date")
        );
    }
}

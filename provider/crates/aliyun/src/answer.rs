//! What an HTTP answer means: the API's JSON, its error envelope, or something that is not of this API at all.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Class, Error, ErrorKind, Rule, classify};
use crate::transport::HttpResponse;

/// How much of a foreign answer an error shows, in characters.
const EXCERPT: usize = 200;
/// How long a message of the cloud may be, in characters: some echo the whole request.
const LONGEST_MESSAGE: usize = 1_000;

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) result: Result<Value, Error>,
    pub(crate) request_id: Option<String>,
    /// Who refused and why, on RAM denials.
    pub(crate) denial: Option<Denial>,
}

/// The telling parts of `AccessDeniedDetail`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) action: Option<String>,
    pub(crate) policy_type: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) principal: Option<String>,
}

/// Takes secrets out of a text that somebody else wrote: some messages echo the request.
pub(crate) type Redact<'a> = &'a dyn Fn(&str) -> String;

/// What a success lacks to be an answer of its action, e.g. "a RequestId"; the second argument is the request's id, never
/// empty, out of the answer or its headers.
pub(crate) type Lacks<'a> = &'a (dyn Fn(&Value, Option<&str>) -> Option<&'static str> + Sync);

/// Takes every success for an answer of its action: what is missing is found out later.
pub(crate) const NOTHING: Lacks<'static> = &|_, _| None;

/// Reads an answer to an action.
pub(crate) fn read(
    action: &'static str,
    rules: &[Rule],
    response: &HttpResponse,
    lacks: Lacks<'_>,
    redact: Redact<'_>,
) -> Answer {
    let header_id = response.header("x-acs-request-id").filter(|id| !id.is_empty()).map(redact);
    let body = String::from_utf8_lossy(&response.body);
    let trimmed = body.trim_start_matches('\u{feff}').trim();
    let status = response.status;
    let success = (200..300).contains(&status);

    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(trimmed) {
        let field = |names: [&str; 2]| {
            names.iter().find_map(|name| match object.get(*name) {
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Number(number)) => Some(number.to_string()),
                Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => None,
            })
        };
        let request_id =
            field(["RequestId", "requestId"]).filter(|id| !id.is_empty()).map(|id| redact(&id)).or(header_id);
        let code = field(["Code", "code"]).filter(|code| !code.is_empty());
        let failed = code.as_ref().is_some_and(|code| {
            !["success", "ok", "200", "0"].iter().any(|fine| code.eq_ignore_ascii_case(fine))
        });
        if success && !failed {
            let value = Value::Object(object);
            let result = match lacks(&value, request_id.as_deref()) {
                None => Ok(value),
                Some(lack) => {
                    let what = format!("an answer without {lack}: {}", one_line(&redact(trimmed), EXCERPT));
                    Err(unexpected(action, response, &what, request_id.clone()))
                }
            };
            return Answer { result, request_id, denial: None };
        }
        if let Some(code) = code.filter(|_| failed) {
            let message = field(["Message", "message"]).unwrap_or_else(|| "no message".to_owned());
            let denial = object.get("AccessDeniedDetail").and_then(|detail| denial(detail, redact));
            let result = Err(refused(action, rules, response, (&code, &message), request_id.clone(), redact));
            return Answer { result, request_id, denial };
        }
        let result = Err(foreign(action, response, &redact(trimmed), request_id.clone()));
        return Answer { result, request_id, denial: None };
    }

    if let (Some(code), true) = (element(trimmed, "Code"), trimmed.starts_with('<')) {
        let request_id = element(trimmed, "RequestId").map(|id| redact(&id)).or(header_id);
        let message = element(trimmed, "Message").unwrap_or_else(|| "no message".to_owned());
        let result = Err(refused(action, rules, response, (&code, &message), request_id.clone(), redact));
        return Answer { result, request_id, denial: None };
    }
    Answer {
        result: Err(foreign(action, response, &redact(trimmed), header_id.clone())),
        request_id: header_id,
        denial: None,
    }
}

/// The server's time, from the `Date` header.
pub(crate) fn server_time(response: &HttpResponse) -> Option<Timestamp> {
    let date = response.header("date")?;
    jiff::fmt::rfc2822::parse(date).ok().map(|time| time.timestamp())
}

/// How long the server wants to be left alone: `x-acs-retry-after` in milliseconds, else `Retry-After` in seconds.
pub(crate) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let number = |name| response.header(name)?.trim().parse::<u64>().ok();
    number("x-acs-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

fn refused(
    action: &'static str,
    rules: &[Rule],
    response: &HttpResponse,
    (code, message): (&str, &str),
    request_id: Option<String>,
    redact: Redact<'_>,
) -> Error {
    let (kind, class) = classify(rules, code, response.status);
    Error::new(kind, class, action, one_line(&redact(message), LONGEST_MESSAGE))
        .with_code(one_line(&redact(code), EXCERPT))
        .with_status(response.status)
        .with_request_id(request_id.map(|id| one_line(&id, EXCERPT)))
        .with_retry_after(retry_after(response))
        // Trouble inside may come after the deed, whatever the status.
        .with_ambiguous(kind == ErrorKind::Unavailable || class.is_ambiguous(Some(response.status)))
}

/// An answer that no ECS gives: a proxy's, a gateway's, a portal's, or one cut short.
fn foreign(action: &'static str, response: &HttpResponse, text: &str, request_id: Option<String>) -> Error {
    let what = if response.status == 407 {
        "a demand of the proxy for a user name and password".to_owned()
    } else if text.is_empty() {
        "an empty answer".to_owned()
    } else if text.starts_with('<') {
        format!("a page instead of JSON: {}", one_line(&strip_tags(text), EXCERPT))
    } else if text.starts_with('{') && serde_json::from_str::<Value>(text).is_err() {
        format!("JSON that is cut short or damaged: {}", one_line(text, EXCERPT))
    } else {
        format!("no answer of this API: {}", one_line(text, EXCERPT))
    };
    unexpected(action, response, &what, request_id)
}

fn unexpected(
    action: &'static str,
    response: &HttpResponse,
    what: &str,
    request_id: Option<String>,
) -> Error {
    let status = response.status;
    let (kind, class) = match status {
        429 => (ErrorKind::Throttled, Class::Throttle),
        407 => (ErrorKind::Transport, Class::Fatal),
        408 | 500.. => (ErrorKind::Unavailable, Class::Backoff),
        200..300 => (ErrorKind::UnexpectedResponse, Class::Garbage),
        _ => (ErrorKind::UnexpectedResponse, Class::Fatal),
    };
    Error::new(kind, class, action, format!("the endpoint sent {what} (HTTP status {status})"))
        .with_status(status)
        .with_request_id(request_id.map(|id| one_line(&id, EXCERPT)))
        .with_retry_after(retry_after(response))
        .with_ambiguous(class.is_ambiguous(Some(status)))
}

fn denial(detail: &Value, redact: Redact<'_>) -> Option<Denial> {
    let field = |name: &str| {
        detail
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(|text| one_line(&redact(text), EXCERPT))
    };
    detail.is_object().then(|| Denial {
        action: field("AuthAction"),
        policy_type: field("PolicyType"),
        reason: field("NoPermissionType"),
        principal: field("AuthPrincipalDisplayName"),
    })
}

/// The text of an XML element, of the flat kind that the error envelope is made of.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    let inner =
        inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Some(inner.replace("&amp;", "&").trim().to_owned())
}

/// The words of a page.
fn strip_tags(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push(' ');
        let skip = ["style", "script"]
            .iter()
            .find(|name| after.get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name)));
        let end = match skip {
            Some(name) => after.find(&format!("</{name}")),
            None => Some(0),
        };
        let after = end.map_or("", |end| &after[end..]);
        rest = after.split_once('>').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    if out.trim().is_empty() { page.to_owned() } else { out }
}

/// A text on one line, without control characters, cut to a number of characters.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for (index, word) in text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > longest * 4 {
            break;
        }
    }
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, body: body.to_owned().into(), ..HttpResponse::default() }
    }

    #[track_caller]
    fn check(status: u16, body: &str, kind: ErrorKind, class: Class, shown: &str) -> Error {
        let error = read("DescribeImages", &[], &respond(status, body), NOTHING, &str::to_owned)
            .result
            .expect_err("an error");
        assert_eq!((error.kind(), error.class()), (kind, class), "{error}");
        assert!(error.to_string().contains(shown), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        error
    }

    #[test]
    fn success_is_the_json_itself() {
        for body in
            [r#"{"RequestId":"A"}"#, r#"{"Code":"Success","RequestId":"A"}"#, "\u{feff}{\"code\":200}"]
        {
            assert!(read("X", &[], &respond(200, body), NOTHING, &str::to_owned).result.is_ok(), "{body}");
        }
    }

    #[test]
    fn the_envelope_gives_code_message_and_request_id() {
        let body = r#"{"RequestId":"4C46","HostId":"h","Code":"InvalidImageId.NotFound","Message":"no such\nimage"}"#;
        let error = check(404, body, ErrorKind::NotFound, Class::Fatal, "no such image (request id 4C46)");
        assert_eq!((error.code(), error.status()), (Some("InvalidImageId.NotFound"), Some(404)));
        assert!(!error.is_ambiguous());
    }

    #[test]
    fn an_error_inside_an_answer_of_200_is_an_error() {
        let body = r#"{"Code":"Forbidden.RAM","Message":"no"}"#;
        check(200, body, ErrorKind::Denied, Class::Fatal, "Forbidden.RAM: no");
    }

    #[test]
    fn an_xml_envelope_is_read_too() {
        let body = "<?xml version='1.0'?><Error><RequestId>R</RequestId><HostId>h</HostId>\
                    <Code>Throttling.User</Code><Message>a &lt; b</Message></Error>";
        check(400, body, ErrorKind::Throttled, Class::Throttle, "Throttling.User: a < b (request id R)");
    }

    #[test]
    fn whatever_is_in_the_envelope_an_error_is_one_line() {
        let xml = "<Error><Code>Odd\nCode</Code><Message>a\nb</Message><RequestId>R\n1</RequestId></Error>";
        check(404, xml, ErrorKind::InvalidRequest, Class::Fatal, "Odd Code: a b (request id R 1)");
        let json = r#"{"RequestId":"R\n1","Code":"Odd\nCode","Message":"a\nb"}"#;
        check(404, json, ErrorKind::InvalidRequest, Class::Fatal, "Odd Code: a b (request id R 1)");
    }

    #[test]
    fn a_page_is_classified_by_its_status() {
        let page =
            "<html><head><style>p { x }</style></head><body><h1>Welcome</h1> to the portal</body></html>";
        check(
            200,
            page,
            ErrorKind::UnexpectedResponse,
            Class::Garbage,
            "JSON: Welcome to the portal (HTTP status 200)",
        );
        check(502, page, ErrorKind::Unavailable, Class::Backoff, "502");
        check(403, page, ErrorKind::UnexpectedResponse, Class::Fatal, "403");
        check(429, page, ErrorKind::Throttled, Class::Throttle, "429");
    }

    #[test]
    fn json_cut_short_is_named_and_shown_in_part() {
        let body = format!("{{\"Images\":{{\"Image\":[{{\"ImageId\":\"{}", "m".repeat(5_000));
        let error = check(200, &body, ErrorKind::UnexpectedResponse, Class::Garbage, "cut short");
        assert!(error.message().len() < 400 && error.is_ambiguous());
        check(200, "", ErrorKind::UnexpectedResponse, Class::Garbage, "an empty answer");
        check(200, "[]", ErrorKind::UnexpectedResponse, Class::Garbage, "no answer of this API");
    }

    #[test]
    fn retry_after_is_read_in_its_unit() {
        let with = |name: &str, value: &str| HttpResponse {
            headers: [(name.to_owned(), value.to_owned())].into(),
            ..HttpResponse::default()
        };
        assert_eq!(retry_after(&with("x-acs-retry-after", "1500")), Some(Duration::from_millis(1500)));
        assert_eq!(retry_after(&with("retry-after", "3")), Some(Duration::from_secs(3)));
        assert_eq!(retry_after(&with("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")), None);
    }

    #[test]
    fn the_date_header_gives_the_servers_time() {
        let headers = [("date".to_owned(), "Sun, 22 Nov 2026 01:02:03 GMT".to_owned())].into();
        let time = server_time(&HttpResponse { headers, ..HttpResponse::default() });
        assert_eq!(time, Some("2026-11-22T01:02:03Z".parse().expect("a time")));
    }

    #[test]
    fn the_detail_of_a_denial_is_kept() {
        let body = r#"{"Code":"Forbidden.RAM","Message":"no","AccessDeniedDetail":{"AuthAction":"ecs:CreateImage",
            "PolicyType":"ControlPolicy","NoPermissionType":"ExplicitDeny","AuthPrincipalDisplayName":"dev"}}"#;
        let denial = read("X", &[], &respond(403, body), NOTHING, &str::to_owned).denial.expect("a detail");
        assert_eq!(denial.policy_type.as_deref(), Some("ControlPolicy"));
        assert_eq!(denial.action.as_deref(), Some("ecs:CreateImage"));
    }
}

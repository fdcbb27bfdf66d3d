//! What an HTTP answer means: the API's JSON, its error envelope, or something that is not of this API at all.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Class, Error, ErrorKind, Rule, classify, one_line};
use crate::lenient::{self, Record, Word, record};
use crate::transport::HttpResponse;

/// How much of a foreign answer an error shows, in characters.
const EXCERPT: usize = 200;
/// How long a message of the cloud may be, in characters: some echo the whole request.
const LONGEST_MESSAGE: usize = 1_000;

/// What an answer comes to; what a success holds is in the [`Reading`].
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) result: Result<(), Error>,
    pub(crate) request_id: Option<String>,
    /// Who refused and why, on RAM denials.
    pub(crate) denial: Option<Denial>,
}

record! {
    /// The telling parts of `AccessDeniedDetail`.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Denial {
        pub(crate) action: Option<String> = "AuthAction",
        pub(crate) policy_type: Option<String> = "PolicyType",
        pub(crate) reason: Option<String> = "NoPermissionType",
        pub(crate) principal: Option<String> = "AuthPrincipalDisplayName",
    }
}

record! {
    /// What every answer holds, whatever the action.
    #[derive(Debug, Default)]
    pub(crate) struct Envelope {
        request_id: Word = "RequestId",
        other_request_id: Word = "requestId",
        code: Word = "Code",
        other_code: Word = "code",
        message: Word = "Message",
        other_message: Word = "message",
        denial: Option<Denial> = "AccessDeniedDetail",
    }
}

/// Takes secrets out of a text that somebody else wrote: some messages echo the request.
pub(crate) type Redact<'a> = &'a dyn Fn(&str) -> String;

/// What an answer is read into: what its action answers, and the envelope around it in the same pass.
pub(crate) trait Reading: Send {
    /// Reads a text that is a JSON object; what was read before is forgotten.
    fn read(&mut self, text: &str) -> Result<Envelope, serde_json::Error>;

    /// What the success that was read from `text` lacks to be an answer of its action, e.g. "a RequestId". `request_id` is
    /// out of the answer or its headers, and never empty.
    fn lacks(&self, request_id: Option<&str>, text: &str) -> Option<&'static str>;

    /// Takes over what the headers of a success tell.
    fn read_headers(&mut self, _response: &HttpResponse) {}
}

/// What a response lacks, in the words of [`Reading::lacks`].
pub(crate) type Lacks<R> = fn(&R, Option<&str>, &str) -> Option<&'static str>;

/// The response of one kind of action.
pub(crate) struct Expected<R, L = Lacks<R>> {
    pub(crate) response: R,
    lacks: L,
}

impl<R: Record, L: Fn(&R, Option<&str>, &str) -> Option<&'static str>> Expected<R, L> {
    pub(crate) fn new(lacks: L) -> Expected<R, L> {
        Expected { response: R::default(), lacks }
    }
}

impl<R: Record> Expected<R> {
    /// Takes every success for an answer of its action: what is missing is found out later.
    pub(crate) fn anything() -> Expected<R> {
        Expected::new(|_, _, _| None)
    }
}

impl<R: Record + Send, L: Fn(&R, Option<&str>, &str) -> Option<&'static str> + Send> Reading
    for Expected<R, L>
{
    fn read(&mut self, text: &str) -> Result<Envelope, serde_json::Error> {
        self.response = R::default();
        let (envelope, response) = lenient::from_str(text)?;
        self.response = response;
        Ok(envelope)
    }

    fn lacks(&self, request_id: Option<&str>, text: &str) -> Option<&'static str> {
        (self.lacks)(&self.response, request_id, text)
    }
}

/// An answer that came to an action, unread.
pub(crate) struct Exchange<'a> {
    pub(crate) action: &'static str,
    pub(crate) rules: &'a [Rule],
    pub(crate) response: &'a HttpResponse,
    pub(crate) redact: Redact<'a>,
}

impl Exchange<'_> {
    /// Reads the answer.
    pub(crate) fn read(&self, reading: &mut dyn Reading) -> Outcome {
        let header_id = self.response.header("x-acs-request-id").filter(|id| !id.is_empty()).map(self.redact);
        let body = &self.response.body;
        // Checking first is several times as fast as replacing what is wrong.
        let body = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
        let text = body.trim_start_matches('\u{feff}').trim();
        if text.starts_with('{') {
            return match reading.read(text) {
                Ok(envelope) => self.enveloped(text, envelope, header_id, reading),
                Err(_) => self.foreign(text, "JSON that is cut short or damaged", header_id),
            };
        }
        if let (Some(code), true) = (element(text, "Code"), text.starts_with('<')) {
            let request_id = element(text, "RequestId").map(|id| (self.redact)(&id)).or(header_id);
            return self.refused(&code, element(text, "Message"), request_id, None);
        }
        self.foreign(text, "no answer of this API", header_id)
    }

    /// What a JSON object with this envelope comes to.
    fn enveloped(
        &self,
        text: &str,
        envelope: Envelope,
        header_id: Option<String>,
        reading: &dyn Reading,
    ) -> Outcome {
        let id = envelope.request_id.0.or(envelope.other_request_id.0).filter(|id| !id.is_empty());
        let request_id = id.map(|id| (self.redact)(&id)).or(header_id);
        let code = envelope.code.0.or(envelope.other_code.0).filter(|code| !code.is_empty());
        let is_fine =
            |code: &str| ["success", "ok", "200", "0"].iter().any(|fine| code.eq_ignore_ascii_case(fine));
        if let Some(code) = code.filter(|code| !is_fine(code)) {
            let message = envelope.message.0.or(envelope.other_message.0);
            return self.refused(&code, message, request_id, envelope.denial);
        }
        if !(200..300).contains(&self.response.status) {
            return self.foreign(text, "no answer of this API", request_id);
        }
        match reading.lacks(request_id.as_deref(), text) {
            None => Outcome { result: Ok(()), request_id, denial: None },
            Some(lack) => {
                self.unexpected(&format!("an answer without {lack}: {}", self.excerpt(text)), request_id)
            }
        }
    }

    fn excerpt(&self, text: &str) -> String {
        one_line(&(self.redact)(text), EXCERPT)
    }

    /// The cloud's own refusal.
    fn refused(
        &self,
        code: &str,
        message: Option<String>,
        request_id: Option<String>,
        denial: Option<Denial>,
    ) -> Outcome {
        let status = self.response.status;
        let (kind, class) = classify(self.rules, code, status);
        let message = (self.redact)(message.as_deref().unwrap_or("no message"));
        let error = Error::new(kind, class, self.action, one_line(&message, LONGEST_MESSAGE))
            .with_code(self.excerpt(code))
            // Trouble inside may come after the deed, whatever the status.
            .with_ambiguous(kind == ErrorKind::Unavailable || class.is_ambiguous(Some(status)));
        let shown =
            |text: Option<String>| text.filter(|text| !text.is_empty()).map(|text| self.excerpt(&text));
        let denial = denial.map(|denial| Denial {
            action: shown(denial.action),
            policy_type: shown(denial.policy_type),
            reason: shown(denial.reason),
            principal: shown(denial.principal),
        });
        Outcome { denial, ..self.failed(error, request_id) }
    }

    /// An answer that no ECS gives: a proxy's, a gateway's, a portal's, or one cut short.
    fn foreign(&self, text: &str, otherwise: &str, request_id: Option<String>) -> Outcome {
        let text = &(self.redact)(text);
        let what = if self.response.status == 407 {
            "a demand of the proxy for a user name and password".to_owned()
        } else if text.is_empty() {
            "an empty answer".to_owned()
        } else if text.starts_with('<') {
            format!("a page instead of JSON: {}", one_line(&strip_tags(text), EXCERPT))
        } else {
            format!("{otherwise}: {}", one_line(text, EXCERPT))
        };
        self.unexpected(&what, request_id)
    }

    fn unexpected(&self, what: &str, request_id: Option<String>) -> Outcome {
        let status = self.response.status;
        let (kind, class) = match status {
            429 => (ErrorKind::Throttled, Class::Throttle),
            407 => (ErrorKind::Transport, Class::Fatal),
            408 | 500.. => (ErrorKind::Unavailable, Class::Backoff),
            200..300 => (ErrorKind::UnexpectedResponse, Class::Garbage),
            _ => (ErrorKind::UnexpectedResponse, Class::Fatal),
        };
        let message = format!("the endpoint sent {what} (HTTP status {status})");
        let error =
            Error::new(kind, class, self.action, message).with_ambiguous(class.is_ambiguous(Some(status)));
        self.failed(error, request_id)
    }

    /// An error with what the answer says besides.
    fn failed(&self, error: Error, request_id: Option<String>) -> Outcome {
        let error = error
            .with_status(self.response.status)
            .with_request_id(request_id.as_ref().map(|id| one_line(id, EXCERPT)))
            .with_retry_after(retry_after(self.response));
        Outcome { result: Err(error), request_id, denial: None }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, body: body.to_owned().into(), ..HttpResponse::default() }
    }

    fn answer(action: &'static str, status: u16, body: &str) -> Outcome {
        let response = &respond(status, body);
        Exchange { action, rules: &[], response, redact: &str::to_owned }
            .read(&mut Expected::<()>::anything())
    }

    #[track_caller]
    fn check(status: u16, body: &str, kind: ErrorKind, class: Class, shown: &str) -> Error {
        let error = answer("DescribeImages", status, body).result.expect_err("an error");
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
            assert!(answer("X", 200, body).result.is_ok(), "{body}");
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
    fn bytes_that_are_no_text_are_replaced_and_those_behind_an_answer_damage_it() {
        let body =
            |behind: &[u8]| [b"{\"RequestId\":\"R\",\"Images\":[{\"ImageId\":\"m-\xff\"}]}", behind].concat();
        let images =
            crate::ecs::DescribeImagesResponse::of_answer(200, body(b" \n")).expect("an image").images;
        assert_eq!(images[0].image_id.as_deref(), Some("m-\u{fffd}"));
        for behind in [b"}".as_slice(), b"x", b"{}", b"\xff"] {
            let error =
                crate::ecs::DescribeImagesResponse::of_answer(200, body(behind)).expect_err("damaged");
            assert!(error.to_string().contains("cut short or damaged"), "{error}");
        }
    }

    #[test]
    fn a_code_is_a_text_or_a_number_and_the_last_one_counts() {
        for body in [
            r#"{"Code":true}"#,
            r#"{"Code":null,"code":"OK"}"#,
            r#"{"Code":{"Code":"Odd"}}"#,
            r#"{"Code":"Odd","Code":""}"#,
        ] {
            assert!(answer("X", 200, body).result.is_ok(), "{body}");
        }
        for body in
            [r#"{"Code":null,"code":"Odd"}"#, r#"{"Code":"","Code":"Odd"}"#, r#"{"Code":"Odd","code":"OK"}"#]
        {
            let error = answer("X", 200, body).result.expect_err(body);
            assert_eq!(error.code(), Some("Odd"), "{body}");
        }
        let error = answer("X", 200, r#"{"Code":500,"Message":7}"#).result.expect_err("refused");
        assert!(error.to_string().starts_with("X: 500: 7"), "{error}");
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
        let denial = answer("X", 403, body).denial.expect("a detail");
        assert_eq!(denial.policy_type.as_deref(), Some("ControlPolicy"));
        assert_eq!(denial.action.as_deref(), Some("ecs:CreateImage"));
    }
}

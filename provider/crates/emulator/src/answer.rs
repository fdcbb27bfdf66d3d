//! Answers in the cloud's envelopes, JSON and XML, and refusals in the cloud's terms. Knows no action.

use std::borrow::Cow;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::clock::{Millis, http_date};

/// A refusal in the cloud's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// Milliseconds for the header `x-acs-retry-after`.
    pub(crate) retry_after: Option<u64>,
}

pub(crate) fn failure(
    status: u16,
    code: impl Into<Cow<'static, str>>,
    message: impl Into<String>,
) -> Failure {
    Failure { status, code: code.into(), message: message.into(), retry_after: None }
}

pub(crate) fn missing(name: &str) -> Failure {
    failure(400, "MissingParameter", missing_text(name))
}

pub(crate) fn missing_text(name: &str) -> String {
    format!("The input parameter \"{name}\" that is mandatory for processing this request is not supplied.")
}

pub(crate) fn invalid(name: &str, why: &str) -> Failure {
    failure(400, "InvalidParameter", format!("The specified parameter \"{name}\" is not valid: {why}."))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

/// One complete HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// What is sent in place of `body`, if it is no text.
    pub(crate) bytes: Option<Bytes>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn json(status: u16, value: &Value) -> Answer {
        Answer {
            status,
            content_type: "application/json;charset=utf-8",
            body: value.to_string(),
            headers: vec![],
            bytes: None,
        }
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> Answer {
        Answer {
            status,
            content_type: "text/plain;charset=utf-8",
            body: body.into(),
            headers: vec![],
            bytes: None,
        }
    }

    pub(crate) fn html(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, content_type: "text/html", body: body.into(), headers: vec![], bytes: None }
    }

    /// What only peers on the same machine may use.
    pub(crate) fn not_local() -> Answer {
        Answer::text(403, "control is for peers on the same machine\n")
    }

    /// An action's answer, `result` being an object without its RequestId.
    pub(crate) fn success(format: Format, action: &str, request_id: &str, result: Value) -> Answer {
        let mut members = Map::new();
        members.insert("RequestId".into(), request_id.into());
        if let Value::Object(rest) = result {
            members.extend(rest);
        }
        Answer::envelope(200, format, &format!("{action}Response"), members, request_id)
    }

    pub(crate) fn refusal(format: Format, host: &str, request_id: &str, failure: &Failure) -> Answer {
        let members = match json!({
            "RequestId": request_id,
            "HostId": host,
            "Code": failure.code,
            "Message": failure.message,
            "Recommend": format!("https://api.aliyun.com/troubleshoot?q={}&product=Ecs", failure.code),
        }) {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let mut answer = Answer::envelope(failure.status, format, "Error", members, request_id);
        if let Some(ms) = failure.retry_after {
            answer.headers.push(("x-acs-retry-after", ms.to_string()));
        }
        answer
    }

    fn envelope(
        status: u16,
        format: Format,
        root: &str,
        members: Map<String, Value>,
        request_id: &str,
    ) -> Answer {
        let mut answer = match format {
            Format::Json => Answer::json(status, &Value::Object(members)),
            Format::Xml => {
                let body = xml_document(root, &Value::Object(members));
                Answer { status, content_type: "text/xml;charset=utf-8", body, headers: vec![], bytes: None }
            }
        };
        answer.headers.push(("x-acs-request-id", request_id.to_owned()));
        answer.headers.push(("x-acs-trace-id", request_id.replace('-', "").to_ascii_lowercase()));
        answer
    }

    /// `now` becomes the Date header, since a client may set its clock by it.
    pub(crate) fn into_http(self, now: Millis) -> hyper::Response<http_body_util::Full<Bytes>> {
        let body = self.bytes.unwrap_or_else(|| Bytes::from(self.body));
        let mut response = hyper::Response::new(http_body_util::Full::new(body));
        *response.status_mut() =
            hyper::StatusCode::from_u16(self.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Ok(date) = HeaderValue::try_from(http_date(now)) {
            headers.insert(DATE, date);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

pub(crate) fn xml_document(root: &str, content: &Value) -> String {
    let mut body = String::from("<?xml version='1.0' encoding='UTF-8'?>");
    xml(&mut body, root, content);
    body
}

/// A list becomes a run of elements of its own name: `{"Image":[a,b]}` is `<Image>a</Image><Image>b</Image>`.
fn xml(out: &mut String, name: &str, value: &Value) {
    if let Value::Array(entries) = value {
        for entry in entries {
            xml(out, name, entry);
        }
        return;
    }
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| xml(out, name, value)),
        Value::String(text) => escape(out, text),
        Value::Null | Value::Array(_) => {}
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
    out.push_str(&format!("</{name}>"));
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no way to write these.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, result: Value, expect: &str) {
        assert_eq!(Answer::success(format, "DescribeThings", "R-1", result).body, expect);
    }

    #[test]
    fn answers_lead_with_the_request_id() {
        check(Format::Json, json!({"ImageId": "m-1"}), r#"{"RequestId":"R-1","ImageId":"m-1"}"#);
    }

    #[test]
    fn lists_are_repeated_elements_in_xml() {
        check(
            Format::Xml,
            json!({"Images": {"Image": [{"A": "<&\u{1}"}, {"A": 2, "B": true}]}, "Empty": {"None": []}}),
            "<?xml version='1.0' encoding='UTF-8'?><DescribeThingsResponse><RequestId>R-1</RequestId><Images>\
             <Image><A>&lt;&amp;\u{fffd}</A></Image><Image><A>2</A><B>true</B></Image></Images><Empty></Empty>\
             </DescribeThingsResponse>",
        );
    }

    #[test]
    fn refusals_carry_the_documented_members() {
        let answer = Answer::refusal(Format::Json, "host:1", "R-1", &missing("RegionId"));
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        let names: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["RequestId", "HostId", "Code", "Message", "Recommend"]);
        assert_eq!((answer.status, &body["HostId"]), (400, &json!("host:1")));
        assert!(answer.headers.contains(&("x-acs-request-id", "R-1".into())));
        assert!(Answer::refusal(Format::Xml, "h", "R", &missing("X")).body.contains("<Error><RequestId>R</"));
    }
}

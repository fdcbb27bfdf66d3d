//! OSS's answers and refusals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::answer::{Answer, Failure, xml_document};
use crate::id;
use crate::oss::call::Call;

const XML: &str = "application/xml";

pub(super) fn answer(status: u16, headers: Vec<(&'static str, String)>) -> Answer {
    let mut answer = Answer { status, content_type: XML, body: String::new(), headers, bytes: None };
    answer.headers.push(("x-oss-request-id", request_id()));
    answer
}

pub(super) fn document(root: &str, content: &Value) -> Answer {
    Answer { body: xml_document(root, content), ..answer(200, vec![]) }
}

/// The refusal of a HEAD is told in a header, since it has no body.
pub(crate) fn refusal(call: &Call, refused: &Failure) -> Answer {
    let mut answer = answer(refused.status, vec![]);
    let request_id = answer.headers.first().map_or("", |(_, id)| id).to_owned();
    let content = json!({
        "Code": refused.code,
        "Message": refused.message,
        "RequestId": request_id,
        "HostId": call.host,
    });
    let body = xml_document("Error", &content);
    if call.is_head() {
        answer.headers.push(("x-oss-err", STANDARD.encode(body)));
    } else {
        answer.body = body;
    }
    answer
}

/// Twenty-four hexadecimal digits.
fn request_id() -> String {
    id::request().replace('-', "").chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::failure;
    use crate::oss::call::tests::call;

    #[test]
    fn a_refusal_names_its_code_and_host() {
        let refused = failure(404, "NoSuchKey", "a < b");
        let answer = refusal(&call("GET", "localhost:1", "/b/o", &[], ""), &refused);
        let start =
            "<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code><Message>a &lt; b</Message>";
        assert!(answer.body.starts_with(start), "{}", answer.body);
        assert!(answer.body.ends_with("</RequestId><HostId>localhost:1</HostId></Error>"), "{}", answer.body);
        let silent = refusal(&call("HEAD", "localhost:1", "/b/o", &[], ""), &refused);
        assert_eq!((silent.status, silent.body.as_str()), (404, ""));
        let told = silent.headers.iter().find(|(name, _)| *name == "x-oss-err").expect("a header");
        let told = STANDARD.decode(&told.1).expect("base64");
        assert!(told.starts_with(start.as_bytes()));
    }
}

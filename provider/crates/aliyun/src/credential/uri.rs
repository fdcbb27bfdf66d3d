//! Keys from a local helper that answers HTTP.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::credential::source::{Means, Provide};
use crate::credential::sts::read_key;
use crate::error::{Error, one_line};
use crate::key::Credential;
use crate::proxy::without_userinfo;

/// An address that answers a GET with `{"Code":"Success","AccessKeyId",…,"Expiration"}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri {
    uri: String,
    origin: String,
}

impl std::fmt::Debug for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Uri").field(&shown(&self.uri)).finish()
    }
}

impl Uri {
    /// An address. `origin` says where it was given, for messages: "the setting credentialsUri".
    pub fn new(uri: impl Into<String>, origin: impl Into<String>) -> Uri {
        Uri { uri: uri.into().trim().to_owned(), origin: origin.into() }
    }

    async fn get(&self, means: &Means) -> Result<Credential, Error> {
        let name = self.name();
        let scheme = self.uri.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https")) {
            return Err(Error::credential(format!("{name} is no http or https address")));
        }
        let response =
            means
                .fetch("GET", self.uri.clone(), &[("accept", "application/json")], false)
                .await
                .map_err(|failure| Error::credential(format!("{name} cannot be read: {}", failure.reason)))?;
        if response.status != 200 {
            return Err(Error::credential(format!("{name} answered with HTTP status {}", response.status)));
        }
        let value: Value = serde_json::from_slice(&response.body)
            .map_err(|error| Error::credential(format!("{name} did not answer with JSON: {error}")))?;
        check_code(&name, &value)?;
        read_key(&name, &value)
    }
}

/// Refuses an answer whose `Code` is not `Success`.
pub(crate) fn check_code(name: &str, value: &Value) -> Result<(), Error> {
    match value.get("Code").and_then(Value::as_str) {
        Some("Success") => Ok(()),
        Some(code) => Err(Error::credential(format!("{name} answered {}", one_line(code, 100)))),
        None => Err(Error::credential(format!("{name}: the answer has no Code"))),
    }
}

/// Without user name, and without the query, which may hold a secret.
fn shown(uri: &str) -> String {
    let plain = without_userinfo(uri);
    plain.split(['?', '#']).next().unwrap_or_default().to_owned()
}

impl Provide for Uri {
    fn name(&self) -> String {
        format!("the credentials URI {} ({})", shown(&self.uri), self.origin)
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { self.get(means).await.map(Some) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stub, environment, fault, fetch, json, ok};
    use crate::transport::Fault;

    const ANSWER: &str = r#"{"Code":"Success","AccessKeyId":"STS.NUexample0001","AccessKeySecret":"s",
        "SecurityToken":"t","Expiration":"2026-11-22T02:00:00Z"}"#;

    fn uri() -> Uri {
        Uri::new("http://user:hush@localhost:7002/keys?token=psst", "the setting")
    }

    #[tokio::test(start_paused = true)]
    async fn the_address_is_asked_and_the_answer_read() {
        let stub = Stub::script(vec![ok(ANSWER)]);
        let key = fetch(&uri(), environment(), &stub).await.expect("no error").expect("a key");
        assert_eq!(key.access_key_id, "STS.NUexample0001");
        assert_eq!(stub.sent()[0].request.method, "GET");
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_wrong_is_named_without_the_addresss_secrets() {
        for (reply, reason) in [
            (fault(Fault::Unreachable, "connection refused"), "connection refused"),
            (json(500, ""), "HTTP status 500"),
            (ok("<html>"), "did not answer with JSON"),
            (ok(&ANSWER.replace("Success", "Denied")), "answered Denied"),
            (ok("{}"), "no Code"),
            (ok(&ANSWER.replace("AccessKeySecret", "Other")), "no AccessKeySecret"),
        ] {
            let stub = Stub::script(vec![reply]);
            let error = fetch(&uri(), environment(), &stub).await.expect_err(reason);
            let shown = format!("{error} {:?}", uri());
            assert!(shown.contains(reason) && shown.contains("http://localhost:7002/keys"), "{shown}");
            assert!(!shown.contains("hush") && !shown.contains("psst"), "{shown}");
        }
        let stub = Stub::script(vec![ok(ANSWER)]);
        let error = fetch(&Uri::new("file:///etc/passwd", "x"), environment(), &stub).await;
        assert!(error.expect_err("no http").to_string().contains("no http or https address"));
    }
}

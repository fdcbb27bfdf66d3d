//! Keys that a command prints.

use std::process::Stdio;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::credential::source::{Means, Provide};
use crate::credential::sts::read_time;
use crate::error::{Error, one_line};
use crate::key::Credential;

/// As long as the official CLI waits.
const TIME_LIMIT: Duration = Duration::from_secs(60);
const LONGEST_OUTPUT: u64 = 1 << 20;

/// A command for the system's shell that prints JSON: `mode` (`AK` or `StsToken`), `access_key_id`, `access_key_secret`,
/// `sts_token`, `expiration`.
#[derive(Clone, PartialEq, Eq)]
pub struct External {
    command: String,
    origin: String,
}

impl std::fmt::Debug for External {
    /// A command line can hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("External").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl External {
    /// A command. `origin` says where it was given, for messages.
    pub fn new(command: impl Into<String>, origin: impl Into<String>) -> External {
        External { command: command.into(), origin: origin.into() }
    }

    async fn run(&self, means: &Means) -> Result<Credential, Error> {
        let name = self.name();
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut child = Command::new(shell)
            .args([flag, &self.command])
            .env_clear()
            .envs(means.environment.variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::credential(format!("{name} cannot be started: {error}")))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let run = async {
            let (mut out, mut complaint) = (Vec::new(), Vec::new());
            let read_out = async {
                match stdout {
                    Some(stdout) => stdout.take(LONGEST_OUTPUT).read_to_end(&mut out).await,
                    None => Ok(0),
                }
            };
            let read_complaint = async {
                match stderr {
                    Some(stderr) => stderr.take(LONGEST_OUTPUT).read_to_end(&mut complaint).await,
                    None => Ok(0),
                }
            };
            let (read, _) = futures::future::join(read_out, read_complaint).await;
            read?;
            Ok::<_, std::io::Error>((child.wait().await?, out, complaint))
        };
        let (status, out, complaint) = match timeout(TIME_LIMIT, run).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return Err(Error::credential(format!("{name} failed: {error}"))),
            Err(_) => {
                let limit = TIME_LIMIT.as_secs();
                return Err(Error::credential(format!("{name} was not done within {limit} s")));
            }
        };
        if !status.success() {
            let complaint = one_line(&String::from_utf8_lossy(&complaint), 200);
            return Err(Error::credential(format!("{name} failed ({status}): {complaint}")));
        }
        read(&name, &out)
    }
}

fn read(name: &str, out: &[u8]) -> Result<Credential, Error> {
    // What was printed is not shown: it is meant to be a secret.
    let value: Value = serde_json::from_slice(out)
        .map_err(|error| Error::credential(format!("{name} did not print JSON: {error}")))?;
    let field = |key: &str| {
        let text = value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        text.map(ToOwned::to_owned)
    };
    let required =
        |key: &str| field(key).ok_or_else(|| Error::credential(format!("{name} printed no {key}")));
    let mode = required("mode")?;
    let security_token = match mode.as_str() {
        "AK" => None,
        "StsToken" => Some(required("sts_token")?),
        other => {
            let other = one_line(other, 40);
            return Err(Error::credential(format!(
                "{name} printed the mode {other}; known are AK and StsToken"
            )));
        }
    };
    let expiration = field("expiration").map(|text| read_time(name, &text)).transpose()?;
    let credential = Credential {
        access_key_id: required("access_key_id")?,
        access_key_secret: required("access_key_secret")?,
        security_token,
        expiration,
        origin: name.to_owned(),
    };
    credential.check()?;
    Ok(credential)
}

impl Provide for External {
    fn name(&self) -> String {
        format!("the command of {}", self.origin)
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { self.run(means).await.map(Some) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn broken(printed: &str, reason: &str) {
        let error = read("the command", printed.as_bytes()).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn keys_are_read_with_their_expiration() {
        let printed = br#"{"mode":"StsToken","access_key_id":"STS.NUexample0001","access_key_secret":"s",
            "sts_token":"t","expiration":"2026-11-22T02:00:00Z"}"#;
        let key = read("the command", printed).expect("a key");
        assert_eq!(key.expiration, Some("2026-11-22T02:00:00Z".parse().expect("a time")));
        let key = read("x", br#"{"mode":"AK","access_key_id":"a","access_key_secret":"s"}"#).expect("a key");
        assert_eq!((key.security_token, key.expiration), (None, None));
    }

    #[test]
    fn what_is_missing_is_named_and_what_was_printed_is_not_shown() {
        broken("hush", "did not print JSON");
        broken(r#"{"access_key_secret":"hush"}"#, "printed no mode");
        broken(r#"{"mode":"AK","access_key_secret":"hush"}"#, "printed no access_key_id");
        broken(
            r#"{"mode":"StsToken","access_key_id":"a","access_key_secret":"hush"}"#,
            "printed no sts_token",
        );
        broken(r#"{"mode":"Guess","access_key_secret":"hush"}"#, "the mode Guess");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_command_runs_in_a_shell_in_the_given_environment() {
        let context = |variable: &str| {
            let environment = crate::testing::environment()
                .with_variable(
                    "PATH",
                    crate::Environment::from_process().variable("PATH").unwrap_or_default(),
                )
                .with_variable("ID", variable);
            let stub = crate::testing::Stub::script(vec![crate::testing::ok("{}")]);
            crate::testing::means_with(environment, &stub)
        };
        let command = r#"printf '{"mode":"AK","access_key_id":"%s","access_key_secret":"s"}' "$ID""#;
        let external = External::new(command, "the profile");
        let key = external.fetch(&context("from-command")).await.expect("no error").expect("a key");
        assert_eq!(key.access_key_id, "from-command");
        let external = External::new("echo no luck >&2; exit 3", "the profile");
        let error = external.fetch(&context("x")).await.expect_err("failed").to_string();
        assert!(error.contains("no luck") && error.contains('3') && error.contains("the profile"), "{error}");
    }
}

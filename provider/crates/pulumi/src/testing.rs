//! For unit tests: [`TestContext`], a context with no engine behind it, and [`settings`] as a provider is given them.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::check::{self, Findings, read_json_texts};
use crate::codec::decode;
use crate::context::{Context, Verb};
use crate::engine::{Engine, Record};
use crate::failure::Failure;
use crate::generated::pulumirpc::{LogRequest, LogSeverity};
use crate::model::ObjectType;
use crate::redact::Redactor;
use crate::settings::fill;
use crate::value::{Properties, Value, from_json, reveal};

/// A program's settings as [`Provider::check_config`](crate::Provider::check_config) and
/// [`Provider::configure`](crate::Provider::configure) are given them: those that are absent come from their variables,
/// which `variable` looks up as [`Provider::variable`](crate::Provider::variable) does.
///
/// # Errors
/// [`Failure::Refused`], with what the declaration of the settings refuses; [`Failure::Bug`] if `C` has no model.
pub fn settings<C: JsonSchema + DeserializeOwned + Default>(
    program: serde_json::Value,
    variable: impl Fn(&C, &str) -> Option<String>,
) -> Result<C, Failure> {
    let object = ObjectType::of::<C>().map_err(|error| Failure::Bug(error.to_string()))?;
    let Value::Object(program) = from_json(program) else {
        return Err(Failure::Refused("settings are an object".to_owned()));
    };
    let (mut settings, _) = fill(&object, program, variable);
    read_json_texts(&object, &mut settings);
    let mut findings = Findings::default();
    let checked = check::check(&object, settings, &mut findings);
    let texts: Vec<String> =
        findings.failures.iter().map(|found| format!("{}: {}", found.path, found.text())).collect();
    if !texts.is_empty() {
        return Err(Failure::Refused(texts.join("; ")));
    }
    Ok(decode(&reveal(checked))?)
}

/// A [`Context`] that keeps the lines shown, and that the test can cancel. It needs no runtime.
#[derive(Debug)]
pub struct TestContext {
    context: Context,
    record: Mutex<(Record, Vec<LogRequest>)>,
}

impl TestContext {
    /// The context of an operation on the resource at `urn` that starts now and may take `time_limit`.
    pub fn new(verb: Verb, urn: &str, time_limit: Duration) -> Self {
        let (engine, record) = Engine::recorded();
        let started = Instant::now();
        let context = Context {
            verb,
            urn: urn.to_owned(),
            name: urn.rsplit("::").next().unwrap_or_default().to_owned(),
            started,
            deadline: started + time_limit,
            engine,
            redactor: Redactor::default(),
            cancellation: CancellationToken::new(),
        };
        TestContext { context, record: Mutex::new((record, Vec::new())) }
    }

    /// The same, with the secrets of these properties struck out of every line.
    #[must_use]
    pub fn with_secrets_of(mut self, properties: &Properties) -> Self {
        self.context.redactor = Redactor::of([properties], |_| false);
        self
    }

    /// Interrupts the operation, as a user does.
    pub fn cancel(&self) {
        self.context.cancellation.cancel();
    }

    /// The status lines so far.
    pub fn statuses(&self) -> Vec<String> {
        self.lines(|line| line.ephemeral)
    }

    /// The lines so far that tell something worth keeping.
    pub fn infos(&self) -> Vec<String> {
        self.lines(|line| !line.ephemeral && line.severity() == LogSeverity::Info)
    }

    /// The warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        self.lines(|line| line.severity() == LogSeverity::Warning)
    }

    fn lines(&self, which: impl Fn(&LogRequest) -> bool) -> Vec<String> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let (record, lines) = &mut *record;
        lines.extend(record.take());
        lines.iter().filter(|line| which(line)).map(|line| line.message.clone()).collect()
    }
}

impl Deref for TestContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::Input;

    const URN: &str = "urn:pulumi:dev::shop::a:b:C::web";

    #[test]
    fn lines_are_kept_by_kind_with_secrets_struck_out() {
        let secret = Value::Secret(Box::new(Value::String("hunter2".to_owned())));
        let context = TestContext::new(Verb::Create, URN, Duration::from_secs(60))
            .with_secrets_of(&Properties::from([("password".to_owned(), secret)]));
        context.status("45%");
        context.info("found");
        context.warn("hunter2 is a poor password");
        context.status("46%");
        assert_eq!(context.statuses(), ["45%", "46%"]);
        assert_eq!(context.infos(), ["found"]);
        assert_eq!(context.warnings(), ["[secret] is a poor password"]);
        assert_eq!(
            (context.urn(), context.name(), context.verb().to_string()),
            (URN, "web", "create".to_owned())
        );
        assert_eq!(context.time_limit(), Duration::from_secs(60));
    }

    #[derive(Default, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Config {
        region: Option<Input<String>>,
        #[schemars(range(min = 1), extend("x-variables" = ["LIMIT"]))]
        limit: Option<Input<i64>>,
    }

    #[test]
    fn settings_are_filled_and_checked() {
        let variable = |given: &Config, name: &str| {
            let counts = given.region == Some(Input::Known("cn-a".to_owned()));
            (counts && name == "LIMIT").then(|| "5".to_owned())
        };
        let read = |program| settings(program, variable);
        assert_eq!(read(json!({ "region": "cn-a" })).unwrap().limit, Some(Input::Known(5)));
        assert_eq!(read(json!({ "region": "cn-b" })).unwrap().limit, None);
        let refused = read(json!({ "limit": 0 })).err().unwrap().to_string();
        assert!(refused.contains("limit: must be a whole number of at least 1, got 0"), "{refused}");
    }

    #[tokio::test]
    async fn a_call_is_answered_unless_the_user_interrupts_first() {
        let context = TestContext::new(Verb::Delete, URN, Duration::from_secs(60));
        assert_eq!(context.unless_cancelled(async { 1 }).await.unwrap(), 1);
        context.cancel();
        // What is there already counts, also after the interruption.
        assert_eq!(context.unless_cancelled(async { 2 }).await.unwrap(), 2);
        let never = context.unless_cancelled(std::future::pending::<()>()).await;
        assert!(matches!(never, Err(Failure::Cancelled(_))), "{never:?}");
    }
}

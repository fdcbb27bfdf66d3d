//! The provider: its settings, its client, and the cloud behind it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pulumi::path::Path;
use pulumi::{
    AnyFunction, AnyResource, Asked, ConfigureError, Context, Failure, Findings, Input, MissingKey, Pace,
    Provider, function, known, resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::time::{Duration, Instant};

use crate::book::BookResource;
use crate::find_books::FindBooks;
use crate::shelf::ShelfResource;

/// Where the books are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    /// The city.
    #[schemars(extend("x-variables" = ["LIBRARY_CITY", "TOWN"], "x-replace" = true), length(min = 2))]
    pub(crate) city: Option<Input<String>>,
    /// How long printing takes, in milliseconds.
    #[schemars(extend("x-variables" = ["LIBRARY_PRINTING"]))]
    pub(crate) printing: Option<Input<i64>>,
    /// Whether only the library's own variables count.
    pub(crate) strict: Option<Input<bool>>,
    /// The reader's password.
    #[schemars(extend("x-secret" = true, "x-variables" = ["LIBRARY_PASSWORD"]), length(min = 4))]
    pub(crate) password: Option<Input<String>>,
    /// A second library with the same books.
    pub(crate) mirror: Option<Input<Mirror>>,
}

/// Where a second library is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("x-token" = "library:index/Mirror:Mirror"))]
pub(crate) struct Mirror {
    /// Its host.
    pub(crate) host: Option<Input<String>>,
}

/// A book in the cloud.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) pages: i64,
    pub(crate) ready: Instant,
}

/// What there is, whatever process asks.
#[derive(Debug, Default)]
pub(crate) struct Cloud {
    books: Mutex<BTreeMap<String, Printed>>,
    /// What resources have been told, a line each.
    heard: Mutex<Vec<String>>,
    /// How long each operation may have taken.
    limits: Mutex<Vec<String>>,
}

impl Cloud {
    pub(crate) fn books(&self) -> MutexGuard<'_, BTreeMap<String, Printed>> {
        self.books.lock().unwrap()
    }

    pub(crate) fn hear(&self, line: String) {
        self.heard.lock().unwrap().push(line);
    }

    pub(crate) fn note_limit(&self, context: &Context) {
        let limit = format!("{} within {} s", context.verb(), context.time_limit().as_secs());
        self.limits.lock().unwrap().push(limit);
    }

    /// The limits of the operations so far.
    pub(crate) fn limits(&self) -> Vec<String> {
        self.limits.lock().unwrap().clone()
    }

    /// What has been heard since the last time.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

pub(crate) struct Client {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) city: String,
    pub(crate) printing: Duration,
    pub(crate) pace: Pace,
}

pub(crate) struct Library {
    cloud: Arc<Cloud>,
    variables: BTreeMap<String, String>,
    resources: Vec<Box<dyn AnyResource<Client>>>,
    functions: Vec<Box<dyn AnyFunction<Client>>>,
}

impl Library {
    pub(crate) fn new(cloud: &Arc<Cloud>, variables: &[(&str, &str)]) -> Self {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Library {
            cloud: Arc::clone(cloud),
            variables,
            resources: vec![resource(BookResource { cloud: Arc::clone(cloud) }), resource(ShelfResource)],
            functions: vec![function(FindBooks)],
        }
    }
}

impl Provider for Library {
    type Config = Config;
    type Client = Client;

    fn name(&self) -> &'static str {
        "library"
    }

    fn version(&self) -> &'static str {
        "1.2.3"
    }

    fn metadata(&self) -> Map<String, Json> {
        Map::from_iter([("name".to_owned(), json!("library"))])
    }

    fn resources(&self) -> &[Box<dyn AnyResource<Client>>] {
        &self.resources
    }

    fn functions(&self) -> &[Box<dyn AnyFunction<Client>>] {
        &self.functions
    }

    fn variable(&self, given: &Config, name: &str) -> Option<String> {
        let strict = known(&given.strict) == Some(&true);
        self.variables.get(name).filter(|_| !strict || name.starts_with("LIBRARY_")).cloned()
    }

    fn check_config(&self, config: &Config, findings: &mut Findings) {
        if known(&config.city).is_some_and(|city| city == "Atlantis") {
            findings.fail_got(Path::property("city"), "is under water", "\"Atlantis\"");
        }
        if let Some(host) = known(&config.mirror).and_then(|mirror| known(&mirror.host))
            && host.ends_with('!')
        {
            findings.fail(Path::property("mirror").key("host"), format!("is no host: {host}"));
        }
    }

    fn configure(&self, config: Config, _: &Asked, _: Option<&str>) -> Result<Client, ConfigureError> {
        let Some(city) = known(&config.city).cloned() else {
            let name = "library:city".to_owned();
            return Err(ConfigureError::Missing(vec![MissingKey {
                name,
                description: "the city".to_owned(),
            }]));
        };
        if city.ends_with(char::is_numeric) {
            return Err(ConfigureError::Failed(Failure::Refused(format!("{city} is no city"))));
        }
        let printing = known(&config.printing).copied().unwrap_or_default();
        self.cloud.hear(format!("configured {city} {}", config.password.is_some()));
        Ok(Client {
            cloud: Arc::clone(&self.cloud),
            city,
            printing: Duration::from_millis(u64::try_from(printing).unwrap_or_default()),
            pace: Pace::new(Duration::from_millis(20), Duration::from_millis(40)),
        })
    }
}

/// A book's state and a shelf's have it, so that refusals can say where they are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Place {
    /// The city that it is in.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) city: Option<String>,
}

//! What each call of the protocol comes to, in terms of resources. Knows no gRPC but its messages.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::alias::Writing;
use crate::check::{CheckFailure, DEFAULTS, Findings, is_internal, read_json_texts};
use crate::codec::decode;
use crate::context::{Context, Verb};
use crate::diff::{Change, ChangeKind, changes, compare, without_defaults, without_secret_keys};
use crate::engine::Engine;
use crate::failure::{Failure, missing_keys};
use crate::generated::pulumirpc::{self as rpc, LogSeverity};
use crate::model::ObjectType;
use crate::path::Path;
use crate::provider::{AnyResource, AnyUpdate, Asked, ConfigureError, OldInputs, Provider, Types};
use crate::redact::Redactor;
use crate::resource::{Autonaming, CheckContext, Read};
use crate::secrets::{self, meets_secret, shows_secret, with_secrets};
use crate::settings::{self, Origins};
use crate::state::{
    Secrets, finish, finish_partial, keep_unapplied, keep_writing, old_inputs, preview_create,
    preview_update, unapplied,
};
use crate::value::{
    Properties, Value, conceal, from_struct, is_unknown, may_hold_secrets, quote, reveal, secret_paths,
    to_struct,
};
use crate::{alias, check};

/// Provider inputs that are the engine's own.
const ENGINE_SETTINGS: [&str; 2] = ["version", "pluginDownloadURL"];
/// The longest time-out that is taken at its word; above it, arithmetic on instants could overflow.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What all calls of one plugin process share.
pub(crate) struct Operations<P: Provider> {
    pub(crate) provider: P,
    pub(crate) engine: Engine,
    client: Mutex<Option<Arc<P::Client>>>,
    asked: Mutex<Asked>,
    config: OnceLock<Result<Arc<ObjectType>, String>>,
    pub(crate) cancellation: CancellationToken,
    /// The resources whose deprecated properties were warned of: once each is enough, and a replacement checks twice.
    warned: Mutex<HashSet<(String, String)>>,
}

/// Settings that an engine gives.
struct Given {
    /// In the form that they came in, as secrets where the declaration says so.
    written: Properties,
    /// With what variables give, and read out of JSON.
    settings: Properties,
    origins: Origins,
    /// What the engine gives as secret.
    secret: Vec<Path>,
}

impl<P: Provider> Operations<P> {
    pub(crate) fn new(provider: P, engine: Engine) -> Self {
        Operations {
            provider,
            engine,
            client: Mutex::new(None),
            asked: Mutex::new(Asked::default()),
            config: OnceLock::new(),
            cancellation: CancellationToken::new(),
            warned: Mutex::new(HashSet::new()),
        }
    }

    pub(crate) fn resource(&self, type_: &str, urn: &str) -> Result<&dyn AnyResource<P::Client>, Failure> {
        let token = if type_.is_empty() { urn_type(urn) } else { type_ };
        let resources = self.provider.resources();
        let found = resources
            .iter()
            .find(|resource| resource.token() == token || resource.aliases().contains(&token));
        if let Some(resource) = found {
            return Ok(resource.as_ref());
        }
        let tokens: Vec<&str> = resources.iter().map(|resource| resource.token()).collect();
        Err(self.unknown("resource type", token, &tokens.join(", ")))
    }

    /// What is asked for and not here, what is, and where the other may be.
    pub(crate) fn unknown(&self, what: &str, token: &str, there_are: &str) -> Failure {
        let elsewhere = self.provider.elsewhere(&lock(&self.asked));
        let elsewhere = elsewhere.map(|text| format!(". {text}")).unwrap_or_default();
        Failure::Refused(format!("unknown {what} {token:?}: this provider has {there_are}{elsewhere}"))
    }

    /// Whether a name is one of a property, of any resource or function, or of a setting.
    pub(crate) fn is_property(&self, name: &str) -> bool {
        let declares = |object: &ObjectType| object.declares(name);
        let of_resource = |types: &Types| declares(&types.args) || declares(&types.state);
        self.provider.resources().iter().any(|resource| resource.types().is_ok_and(of_resource))
            || self
                .provider
                .functions()
                .iter()
                .any(|function| function.types().is_ok_and(|types| declares(&types.args)))
            || self.config().is_ok_and(|settings| declares(settings))
    }

    fn config(&self) -> Result<&Arc<ObjectType>, Failure> {
        self.config
            .get_or_init(|| ObjectType::of::<P::Config>().map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|error| Failure::Bug(error.clone()))
    }

    pub(crate) fn client(&self) -> Result<Arc<P::Client>, Failure> {
        lock(&self.client).clone().ok_or_else(|| {
            Failure::Refused(
                "the provider is not configured: the engine must call Configure, with known settings, first"
                    .to_owned(),
            )
        })
    }

    pub(crate) fn context(
        &self,
        verb: Verb,
        urn: &str,
        name: &str,
        timeout: f64,
        default: Duration,
        redactor: &Redactor,
    ) -> Context {
        let started = Instant::now();
        Context {
            verb,
            urn: urn.to_owned(),
            name: name_or_from_urn(name, urn).to_owned(),
            started,
            deadline: started + time_limit(timeout, default),
            engine: self.engine.clone(),
            redactor: redactor.clone(),
            cancellation: self.cancellation.clone(),
        }
    }

    pub(crate) fn check(
        &self,
        request: rpc::CheckRequest,
        redactor: &Redactor,
    ) -> Result<rpc::CheckResponse, Failure> {
        let resource = self.resource(&request.r#type, &request.urn)?;
        let types = resource.types()?;
        let news = request.news.unwrap_or_default();
        let written = from_struct(news.clone());
        let secrets = secret_paths(&written);

        // For a new resource engines send nothing, or no properties.
        let olds = request.olds.map(from_struct).filter(|olds| !olds.is_empty());
        let olds = olds.map(|olds| alias::canonical(&types.args, olds));
        let old_secrets: HashSet<String> = olds
            .iter()
            .flatten()
            .filter(|(_, value)| value.has_secrets())
            .map(|(name, _)| name.clone())
            .collect();
        let olds = olds.map(reveal);
        // What the state holds the cloud has accepted, under whatever rules it had then.
        let is_held = |name: &String, value: &Value| {
            let Some(property) = types.args.properties.get(name) else { return false };
            let held = olds.as_ref().and_then(|olds| olds.get(property.alias_of.as_ref().unwrap_or(name)));
            held.is_some_and(|held| *held == value.clone().reveal())
        };
        let (held, fresh): (Properties, Properties) =
            written.into_iter().partition(|(name, value)| is_held(name, value));
        let accepted: HashSet<String> = held.keys().cloned().collect();

        let mut findings = Findings::default();
        // Programs of some SDKs look up a resource without a single input while its id is not known yet.
        let is_looked_up = olds.is_none() && held.is_empty() && fresh.keys().all(|key| is_internal(key));
        let mut checked = match is_looked_up {
            true => fresh,
            false => check::check_some(&types.args, fresh, &held, &mut findings),
        };
        let mut judged = None;
        if !held.is_empty() {
            // The rules see it as far as it fits its type still.
            let mut unheard = Findings::default();
            let fitting = check::check_some(&types.args, held.clone(), &checked, &mut unheard);
            if !unheard.failures.is_empty() {
                judged = Some(checked.clone().into_iter().chain(fitting).collect::<Properties>());
            }
            checked.extend(held);
        }
        alias::check(&types.args, &checked, &mut findings);
        let writing = Writing::of(&types.args, &[&checked]);
        let canonical = match judged {
            Some(judged) => Cow::Owned(alias::canonical(&types.args, reveal(judged))),
            None if secrets.is_empty() && writing.is_present() => Cow::Borrowed(&checked),
            None => Cow::Owned(alias::canonical(&types.args, reveal(checked.clone()))),
        };
        let mut rules = Findings::default();
        let context = CheckContext {
            urn: &request.urn,
            name: name_or_from_urn(&request.name, &request.urn),
            is_empty: checked.keys().all(|key| is_internal(key)),
            random_seed: &request.random_seed,
            autonaming: autonaming(request.autonaming.as_ref()),
        };
        // A replacement starts anew, so what an update may not do does not bind it.
        let updated = olds.as_ref().map(|olds| without_defaults(olds.clone(), &canonical)).filter(|olds| {
            let changes = changes(&types.args, &Properties::new(), olds, &canonical).effective;
            !changes.iter().any(|change| change.replace)
        });
        let olds = OldInputs { held: olds.as_ref(), updated: updated.as_ref() };
        let client = lock(&self.client).clone();
        let filled = resource.check(client.as_deref(), &canonical, olds, &context, &mut rules)?;
        // The rules know the present names only; the user is told the name that the program uses.
        let shown = |found: CheckFailure| {
            let path = writing.path(&found.path);
            let was_secret = found.path.first_key().is_some_and(|name| old_secrets.contains(name));
            let secret = was_secret || meets_secret(&secrets, &path);
            let reason = match path.first_key().and_then(|name| checked.get(name)) {
                Some(Value::Secret(map)) => without_keys(found.reason, map),
                _ => found.reason,
            };
            CheckFailure { path, reason, secret, ..found }
        };
        let failures = rules.failures.into_iter().map(shown);
        findings.failures.extend(
            failures.filter(|found| !found.path.first_key().is_some_and(|name| accepted.contains(name))),
        );
        findings.warnings.extend(rules.warnings.into_iter().map(shown));
        shorten_paths(&mut findings, &types.args, &secrets);

        if !findings.failures.is_empty() {
            let given = from_struct(news.clone());
            // Engines decode the inputs before they look at the failures, and take no unknowns then.
            return Ok(rpc::CheckResponse {
                inputs: Some(news),
                failures: check_failures(findings, |path| shows_secret(&given, path), redactor),
            });
        }
        self.warn_of(&findings, &types.args, &checked, &request.urn, redactor);
        let mut inputs = checked;
        if !filled.is_empty() {
            // Whether a program gives a value is recorded, as no value tells it.
            let names = filled.keys().cloned().map(Value::String).collect();
            inputs.insert(DEFAULTS.to_owned(), Value::Array(names));
        }
        inputs.extend(filled.into_iter().map(|(name, value)| match old_secrets.contains(&name) {
            true => (name, Value::Secret(Box::new(value))),
            false => (name, value),
        }));
        for path in &secrets {
            conceal(&mut inputs, path);
        }
        Ok(rpc::CheckResponse { inputs: Some(to_struct(inputs)), failures: Vec::new() })
    }

    /// Warns of deprecated properties among `inputs`, and of what a check of them found.
    pub(crate) fn warn_of(
        &self,
        findings: &Findings,
        object: &ObjectType,
        inputs: &Properties,
        urn: &str,
        redactor: &Redactor,
    ) {
        for (name, property) in &object.properties {
            if let (Some(text), true) = (&property.deprecated, inputs.contains_key(name)) {
                self.warn_once(urn, format!("{name} is deprecated: {text}"));
            }
        }
        for warning in &findings.warnings {
            self.warn_once(urn, redactor.redact(&format!("{}: {}", warning.path, warning.text())));
        }
    }

    fn warn_once(&self, urn: &str, text: String) {
        self.say_once(LogSeverity::Warning, urn, text);
    }

    /// A replacement checks twice, and says the same.
    fn say_once(&self, severity: LogSeverity, urn: &str, text: String) {
        if lock(&self.warned).insert((urn.to_owned(), text.clone())) {
            self.engine.log(severity, urn, text, false);
        }
    }

    pub(crate) fn diff(
        &self,
        request: rpc::DiffRequest,
        redactor: &Redactor,
    ) -> Result<rpc::DiffResponse, Failure> {
        let resource = self.resource(&request.r#type, &request.urn)?;
        let object = &resource.types()?.args;
        let secrets = match redactor.has_met_secrets() {
            true => secrets_of(object, [&request.olds, &request.old_inputs, &request.news]),
            false => Vec::new(),
        };
        let old_state = reveal(from_struct(request.olds.unwrap_or_default()));
        resource.observe(&request.urn, &request.id, &old_state, true);
        // In a preview whose settings are not known yet there is no client.
        if let Some(client) = lock(&self.client).clone() {
            resource.admit(&client, &request.id, &old_state)?;
        }
        let news = reveal(from_struct(request.news.unwrap_or_default()));
        let olds = old_inputs(request.old_inputs, &old_state, &news, object);
        let writing = Writing::of(object, &[&news, &olds]);
        let news = alias::canonical(object, news);
        let olds = without_defaults(alias::canonical(object, olds), &news);

        let mut changes = changes(object, &old_state, &olds, &news);
        let reconsidered = resource.reconsider(&old_state, &olds, &news, &mut changes.effective)?;
        for text in reconsidered.lines {
            self.say_once(LogSeverity::Info, &request.urn, redactor.redact(&text));
        }
        let mut changes = changes.shown();
        for name in unapplied(&old_state) {
            let path = Path::property(&name);
            if object.properties.contains_key(&name)
                && !changes.iter().any(|change| change.path.first_key() == Some(&name))
            {
                changes.push(Change { path, kind: ChangeKind::Update, replace: false });
            }
        }
        let mut changes = without_secret_keys(object, &secrets, changes);
        for change in &mut changes {
            change.path = writing.path(&change.path);
        }
        Ok(diff_response(&changes, reconsidered.delete_before_replace))
    }

    /// The settings, with what the environment gives of those that are absent.
    fn with_variables(&self, object: &ObjectType, settings: Properties) -> (Properties, Origins) {
        settings::fill(object, settings, |given: &P::Config, variable| {
            self.provider.variable(given, variable)
        })
    }

    /// Settings as they come, with what variables give. `redactor` learns what of them is secret.
    fn given(&self, object: &ObjectType, settings: Properties, redactor: &mut Redactor) -> Given {
        redactor.add(&texts_of(object, &settings));
        let secret = secret_paths(&settings);
        // From here on secret, whether the program says so or not, so that no message quotes them either.
        let written = with_secrets(object, settings);
        let (mut settings, origins) = self.with_variables(object, written.clone());
        redactor.add(&Redactor::of([&settings], |_| true));
        read_json_texts(object, &mut settings);
        Given { written, settings, origins, secret }
    }

    pub(crate) fn check_config(
        &self,
        request: rpc::CheckRequest,
        mut redactor: Redactor,
    ) -> Result<rpc::CheckResponse, Failure> {
        let object = self.config()?;
        let (settings, engines) = split_settings(request.news.unwrap_or_default());
        let Given { written, settings, origins, secret: given_as_secret } =
            self.given(object, settings, &mut redactor);
        let mut findings = Findings::default();
        let checked = check::check(object, settings, &mut findings);
        let mut rules = Findings::default();
        self.provider.check_config(&decode(&reveal(checked.clone()))?, &mut rules);
        let shown = |found: CheckFailure| {
            let secret = meets_secret(&given_as_secret, &found.path);
            CheckFailure { secret, ..found }
        };
        findings.failures.extend(rules.failures.into_iter().map(shown));
        findings.warnings.extend(rules.warnings.into_iter().map(shown));
        shorten_paths(&mut findings, object, &given_as_secret);
        origins.name_in(&mut findings);
        if findings.failures.is_empty() {
            self.warn_of(&findings, object, &checked, &request.urn, &redactor);
        }
        // What is not known here may be a key whose name is misspelled.
        let unknown: HashSet<String> = findings
            .failures
            .iter()
            .filter(|found| object.declared_steps(found.path.steps()) < found.path.steps().len())
            .filter_map(|found| found.path.first_key().map(str::to_owned))
            .collect();
        let hidden = |path: &Path| {
            path.first_key().is_some_and(|name| unknown.contains(name)) || shows_secret(&written, path)
        };
        let failures = check_failures(findings, hidden, &redactor);
        // The settings go back in the form they came in: SDKs and states hold JSON texts.
        let mut inputs = written;
        inputs.extend(engines);
        Ok(rpc::CheckResponse { inputs: Some(to_struct(inputs)), failures })
    }

    pub(crate) fn diff_config(
        &self,
        request: rpc::DiffRequest,
        redactor: &Redactor,
    ) -> Result<rpc::DiffResponse, Failure> {
        let object = self.config()?;
        let secrets = secrets_of(object, [&request.olds, &request.old_inputs, &request.news]);
        let read = |wire: prost_types::Struct| {
            let (settings, _) = split_settings(wire);
            let mut settings = reveal(settings);
            read_json_texts(object, &mut settings);
            settings
        };
        let olds = read(request.old_inputs.or(request.olds).unwrap_or_default());
        let news = read(request.news.unwrap_or_default());
        let mut changes = compare(object, &olds, &news);
        for change in &mut changes {
            // A setting that begins or ceases to be written may say what a variable or a profile said before and will say.
            change.replace &= change.kind == ChangeKind::Update;
            let text = |settings: &Properties| {
                let value = change.path.first_key().and_then(|name| settings.get(name));
                value.and_then(|value| value.as_str().map(|text| text.trim().to_owned()))
            };
            let (old, new) = (text(&olds), text(&news));
            if change.replace && (old == new || old.as_deref() == Some("") || new.as_deref() == Some("")) {
                change.replace = false;
            }
            if let (true, Some(old), Some(new)) = (change.replace, old, new) {
                let text = format!(
                    "{} changes from {} to {}: the provider is replaced, and every resource that it has made is made anew \
                     there and then deleted where it is now",
                    change.path,
                    quote(&old),
                    quote(&new)
                );
                self.warn_once(&request.urn, redactor.redact(&text));
            }
        }
        Ok(diff_response(&without_secret_keys(object, &secrets, changes), false))
    }

    pub(crate) fn configure(&self, request: rpc::ConfigureRequest) -> Result<(), Status> {
        let provider = name_or_from_urn(request.name(), request.urn()).to_owned();
        let args = request.args.unwrap_or_else(|| prost_types::Struct {
            fields: request
                .variables
                .into_iter()
                .map(|(key, value)| {
                    let name = key.rsplit(':').next().unwrap_or(&key).to_owned();
                    (name, prost_types::Value { kind: Some(prost_types::value::Kind::StringValue(value)) })
                })
                .collect(),
        });
        let object = self.config().map_err(|failure| failure.into_status(str::to_owned))?;
        let (settings, engines) = split_settings(args);
        let version = engines.get("version").and_then(Value::as_str).map(ToOwned::to_owned);
        let asked = Asked { provider, version };
        lock(&self.asked).clone_from(&asked);
        let mut redactor = Redactor::default();
        let Given { written: _, settings, origins, secret: given_as_secret } =
            self.given(object, settings, &mut redactor);
        self.engine.hide_settings(&redactor);
        let fail = |failure: Failure| failure.into_status(|text| redactor.redact(text));
        let mut findings = Findings::default();
        let checked = check::check(object, settings, &mut findings);
        shorten_paths(&mut findings, object, &given_as_secret);
        origins.name_in(&mut findings);
        if !findings.failures.is_empty() {
            let texts: Vec<String> = findings
                .failures
                .iter()
                .map(|failure| format!("{}:{}: {}", self.provider.name(), failure.path, failure.text()))
                .collect();
            return Err(fail(Failure::Refused(texts.join("; "))));
        }
        if Value::Object(checked.clone()).has_unknowns() {
            // A preview in which settings depend on resources not made yet: nothing here needs a client before then.
            *lock(&self.client) = None;
            return Ok(());
        }
        let config = decode(&reveal(checked)).map_err(|error| fail(error.into()))?;
        // In a preview of a new stack the provider has no id yet.
        let id = request.id.filter(|id| !id.is_empty() && !is_unknown(id));
        match self.provider.configure(config, &asked, id.as_deref()) {
            Ok(client) => {
                *lock(&self.client) = Some(Arc::new(client));
                Ok(())
            }
            Err(ConfigureError::Missing(keys)) => Err(missing_keys(keys)),
            Err(ConfigureError::Failed(failure)) => Err(fail(failure)),
        }
    }

    pub(crate) async fn create(
        &self,
        request: rpc::CreateRequest,
        redactor: Redactor,
    ) -> Result<rpc::CreateResponse, Failure> {
        let resource = self.resource(&request.r#type, &request.urn)?;
        let types = resource.types()?;
        let (args, secrets) = arguments(types, request.properties);
        let secrets = Secrets::of_inputs(&secrets, |name| self.is_property(name));
        if request.preview {
            let state = preview_create(types, args);
            return Ok(rpc::CreateResponse {
                id: String::new(),
                properties: Some(to_struct(finish(types, state, &secrets, None))),
                refresh_before_update: false,
            });
        }
        let client = self.client()?;
        let context = self.context(
            Verb::Create,
            &request.urn,
            &request.name,
            request.timeout,
            resource.timeouts().create,
            &redactor,
        );
        match resource.create(&client, &context, args).await {
            Ok((id, state)) => Ok(rpc::CreateResponse {
                properties: Some(to_struct(finish(types, state, &secrets, Some(&id)))),
                id,
                refresh_before_update: false,
            }),
            Err(failure) => Err(finish_partial(types, failure, &secrets)),
        }
    }

    pub(crate) async fn read(
        &self,
        request: rpc::ReadRequest,
        redactor: Redactor,
    ) -> Result<rpc::ReadResponse, Failure> {
        let resource = self.resource(&request.r#type, &request.urn)?;
        let types = resource.types()?;
        let client = self.client()?;
        let context = self.context(
            Verb::Read,
            &request.urn,
            &request.name,
            request.timeout,
            resource.timeouts().read,
            &redactor,
        );
        let written = from_struct(request.inputs.unwrap_or_default());
        let state = from_struct(request.properties.unwrap_or_default());
        if !written.is_empty() {
            resource.observe(&request.urn, &request.id, &reveal(state.clone()), false);
        }
        let old = (!written.is_empty())
            .then(|| (alias::canonical(&types.args, reveal(written.clone())), reveal(state.clone())));
        if !state.is_empty() {
            resource.admit(&client, &request.id, &reveal(state.clone()))?;
        }
        // What is not as it should be is told with the state, which is the protocol's own way.
        let (id, args, mut read, unwell) = match resource.read(&client, &context, &request.id, old).await {
            Ok(None) => return Ok(rpc::ReadResponse::default()),
            Ok(Some(Read { id, args, state })) => (id, args, state, None),
            Err(Failure::Partial { id, state, inputs: Some(args), unapplied, reasons }) => {
                (id, *args, state, Some((unapplied, reasons)))
            }
            Err(failure) => return Err(failure),
        };
        keep_unapplied(&mut read, &state);
        let inputs = keep_writing(&types.args, args, &written);
        let canonical = alias::canonical(&types.args, inputs.clone());
        let is_property = |name: &str| self.is_property(name);
        let secrets =
            Secrets::of_inputs(&canonical, is_property).and_of_state(types, &state, &canonical, is_property);
        if let Some((unapplied, reasons)) = unwell {
            let inputs = Some(Box::new(inputs));
            let failure = Failure::Partial { id, state: read, inputs, unapplied, reasons };
            return Err(finish_partial(types, failure, &secrets));
        }
        Ok(rpc::ReadResponse {
            properties: Some(to_struct(finish(types, read, &secrets, Some(&id)))),
            inputs: Some(to_struct(inputs)),
            id,
            refresh_before_update: false,
        })
    }

    pub(crate) async fn update(
        &self,
        request: rpc::UpdateRequest,
        redactor: Redactor,
    ) -> Result<rpc::UpdateResponse, Failure> {
        let resource = self.resource(&request.r#type, &request.urn)?;
        let types = resource.types()?;
        let (args, secrets) = arguments(types, request.news);
        let old_state = from_struct(request.olds.unwrap_or_default());
        let is_property = |name: &str| self.is_property(name);
        let secrets =
            Secrets::of_inputs(&secrets, is_property).and_of_state(types, &old_state, &args, is_property);
        let plain_state = reveal(old_state.clone());
        let old_args =
            alias::canonical(&types.args, old_inputs(request.old_inputs, &plain_state, &args, &types.args));
        let olds = without_defaults(old_args.clone(), &args);
        let mut changes = changes(&types.args, &plain_state, &olds, &args);
        resource.reconsider(&plain_state, &olds, &args, &mut changes.effective)?;
        let mut changed: HashSet<String> = changes
            .effective
            .iter()
            .filter_map(|change| change.path.first_key().map(str::to_owned))
            .collect();
        let unapplied = unapplied(&plain_state);
        changed.extend(unapplied.iter().cloned());
        if let Some(client) = lock(&self.client).clone() {
            resource.admit(&client, &request.id, &plain_state)?;
        }
        if request.preview {
            let state = preview_update(types, old_state, args, &changed);
            let state = finish(types, state, &secrets, Some(&request.id));
            return Ok(rpc::UpdateResponse {
                properties: Some(to_struct(state)),
                refresh_before_update: false,
            });
        }
        let client = self.client()?;
        let context = self.context(
            Verb::Update,
            &request.urn,
            &request.name,
            request.timeout,
            resource.timeouts().update,
            &redactor,
        );
        resource.observe(&request.urn, &request.id, &plain_state, true);
        let update =
            AnyUpdate { id: request.id.clone(), old_args, old_state: plain_state, args, changed, unapplied };
        match resource.update(&client, &context, update).await {
            Ok(state) => Ok(rpc::UpdateResponse {
                properties: Some(to_struct(finish(types, state, &secrets, Some(&request.id)))),
                refresh_before_update: false,
            }),
            Err(failure) => Err(finish_partial(types, failure, &secrets)),
        }
    }

    pub(crate) async fn delete(
        &self,
        request: rpc::DeleteRequest,
        redactor: Redactor,
    ) -> Result<(), Failure> {
        let resource = self.resource(&request.r#type, &request.urn)?;
        let types = resource.types()?;
        let client = self.client()?;
        let context = self.context(
            Verb::Delete,
            &request.urn,
            &request.name,
            request.timeout,
            resource.timeouts().delete,
            &redactor,
        );
        let state = reveal(from_struct(request.properties.unwrap_or_default()));
        resource.admit(&client, &request.id, &state)?;
        let args = alias::canonical(&types.args, old_inputs(request.old_inputs, &state, &state, &types.args));
        resource.delete(&client, &context, &request.id, (args, state)).await
    }
}

/// What an operation works with: the inputs under their present names and in plain, and as they came if any is secret.
fn arguments(types: &Types, inputs: Option<prost_types::Struct>) -> (Properties, Properties) {
    let inputs = alias::canonical(&types.args, from_struct(inputs.unwrap_or_default()));
    if !inputs.values().any(Value::has_secrets) {
        return (inputs, Properties::new());
    }
    (reveal(inputs.clone()), inputs)
}

fn diff_response(changes: &[Change], delete_before_replace: bool) -> rpc::DiffResponse {
    use rpc::property_diff::Kind;
    let keys = |replace_only: bool| -> Vec<String> {
        let keys: BTreeSet<&str> = changes
            .iter()
            .filter(|change| change.replace || !replace_only)
            .filter_map(|change| change.path.first_key())
            .collect();
        keys.into_iter().map(str::to_owned).collect()
    };
    let detailed: BTreeMap<String, rpc::PropertyDiff> = changes
        .iter()
        .map(|change| {
            let kind = match (change.kind, change.replace) {
                (ChangeKind::Add, false) => Kind::Add,
                (ChangeKind::Add, true) => Kind::AddReplace,
                (ChangeKind::Delete, false) => Kind::Delete,
                (ChangeKind::Delete, true) => Kind::DeleteReplace,
                (ChangeKind::Update, false) => Kind::Update,
                (ChangeKind::Update, true) => Kind::UpdateReplace,
            };
            (change.path.to_string(), rpc::PropertyDiff { kind: i32::from(kind), input_diff: true })
        })
        .collect();
    let some = if changes.is_empty() {
        rpc::diff_response::DiffChanges::DiffNone
    } else {
        rpc::diff_response::DiffChanges::DiffSome
    };
    rpc::DiffResponse {
        replaces: keys(true),
        stables: Vec::new(),
        delete_before_replace,
        changes: i32::from(some),
        diffs: keys(false),
        detailed_diff: detailed.into_iter().collect(),
        has_detailed_diff: true,
    }
}

/// What the engine is told of mistakes. It prints the value of a property that one names, secret or not, so a path whose
/// value is `hidden` stands in the reason alone.
pub(crate) fn check_failures(
    findings: Findings,
    hidden: impl Fn(&Path) -> bool,
    redactor: &Redactor,
) -> Vec<rpc::CheckFailure> {
    findings
        .failures
        .into_iter()
        .map(|failure| {
            let (path, reason) = (failure.path.to_string(), redactor.redact(&failure.text()));
            match !path.is_empty() && (failure.secret || hidden(&failure.path)) {
                true => rpc::CheckFailure { property: String::new(), reason: format!("{path}: {reason}") },
                false => rpc::CheckFailure { property: path, reason },
            }
        })
        .collect()
}

/// Ends each path where it would tell something of a secret.
pub(crate) fn shorten_paths(findings: &mut Findings, object: &ObjectType, secrets: &[Path]) {
    for found in findings.failures.iter_mut().chain(&mut findings.warnings) {
        found.path = secrets::told(object, secrets, &found.path);
    }
}

/// Where secrets are in any of these properties, under their present names.
fn secrets_of<const N: usize>(object: &ObjectType, all: [&Option<prost_types::Struct>; N]) -> Vec<Path> {
    let found = all.into_iter().flatten().filter(|wire| may_hold_secrets(wire));
    let paths = found.flat_map(|wire| secret_paths(&from_struct(wire.clone())));
    paths.map(|path| alias::canonical_path(object, &path)).collect()
}

/// The secret texts of settings, also of those that come as JSON.
fn texts_of(object: &ObjectType, settings: &Properties) -> Redactor {
    let mut read = settings.clone();
    read_json_texts(object, &mut read);
    Redactor::of([settings, &read], |name| object.declares(name))
}

/// A reason that quotes none of the keys of a secret map, however short.
fn without_keys(reason: String, map: &Value) -> String {
    let Value::Object(map) = map.plain() else { return reason };
    map.keys().fold(reason, |reason, key| reason.replace(&quote(key), "\"[secret]\""))
}

/// The provider's settings, and what the engine keeps beside them.
fn split_settings(wire: prost_types::Struct) -> (Properties, Properties) {
    let (engines, settings) = from_struct(wire)
        .into_iter()
        .partition(|(key, _)| ENGINE_SETTINGS.contains(&key.as_str()) || is_internal(key));
    (settings, engines)
}

fn autonaming(options: Option<&rpc::check_request::AutonamingOptions>) -> Autonaming<'_> {
    use rpc::check_request::autonaming_options::Mode;
    match options {
        None => Autonaming::Default,
        Some(options) => match options.mode() {
            Mode::Propose => Autonaming::Propose(&options.proposed_name),
            Mode::Enforce => Autonaming::Enforce(&options.proposed_name),
            Mode::Disable => Autonaming::Disable,
        },
    }
}

fn time_limit(seconds: f64, default: Duration) -> Duration {
    if seconds.is_finite() && seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST)
    } else {
        default
    }
}

/// `urn:pulumi:stack::project::parent$type::name` has the type of the resource after the last `$`.
pub fn urn_type(urn: &str) -> &str {
    let qualified = urn.split("::").nth(2).unwrap_or_default();
    qualified.rsplit('$').next().unwrap_or_default()
}

/// The name that a program gives a resource, from its URN.
pub fn urn_name(urn: &str) -> &str {
    urn.splitn(4, "::").nth(3).unwrap_or_default()
}

/// The resource's name. An older engine leaves it to be read from the URN.
fn name_or_from_urn<'a>(name: &'a str, urn: &'a str) -> &'a str {
    if name.is_empty() { urn_name(urn) } else { name }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_name_are_read_from_a_urn() {
        let urn = "urn:pulumi:dev::shop::my:index:Group$alicloud:ecs/image:Image::web::blue";
        assert_eq!(urn_type(urn), "alicloud:ecs/image:Image");
        assert_eq!(urn_name(urn), "web::blue");
        assert_eq!(urn_type("nonsense"), "");
    }

    #[test]
    fn a_time_out_that_is_no_number_of_seconds_is_the_default() {
        let default = Duration::from_secs(600);
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(time_limit(seconds, default), default);
        }
        assert_eq!(time_limit(1.5, default), Duration::from_millis(1500));
        assert_eq!(time_limit(1e300, default), LONGEST);
    }
}

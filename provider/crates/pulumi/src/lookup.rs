//! What the calls come to that look something up and change nothing: Invoke and List.

use crate::alias::{self, Writing};
use crate::check::{self, CheckFailure, Findings};
use crate::context::Verb;
use crate::failure::Failure;
use crate::function::AnyFunction;
use crate::generated::pulumirpc as rpc;
use crate::model::ObjectType;
use crate::operations::{Operations, check_failures, shorten_paths};
use crate::provider::Provider;
use crate::redact::Redactor;
use crate::resource::{ListPage, ListQuery};
use crate::secrets::{meets_secret, shows_secret, with_secrets};
use crate::value::{Properties, Value, from_struct, reveal, secret_paths, to_struct};

/// Arguments that have been checked.
struct Checked {
    /// Under the names that the program uses.
    written: Properties,
    /// Under their present names.
    args: Properties,
    findings: Findings,
}

impl<P: Provider> Operations<P> {
    fn function(&self, token: &str) -> Result<&dyn AnyFunction<P::Client>, Failure> {
        let functions = self.provider.functions();
        if let Some(function) = functions.iter().find(|function| function.token() == token) {
            return Ok(function.as_ref());
        }
        let there_are = match functions {
            [] => "no functions".to_owned(),
            some => some.iter().map(|function| function.token()).collect::<Vec<_>>().join(", "),
        };
        Err(self.unknown("function", token, &there_are))
    }

    pub(crate) async fn invoke(
        &self,
        request: rpc::InvokeRequest,
        redactor: Redactor,
    ) -> Result<rpc::InvokeResponse, Failure> {
        let function = self.function(&request.tok)?;
        let types = function.types()?;
        let wire = request.args.unwrap_or_default();
        let given = from_struct(wire.clone());
        let secret = given.values().any(Value::has_secrets);
        let rules = |args: &Properties, findings: &mut Findings| function.check(args, findings);
        let Checked { written, args, findings } = checked(&types.args, given, rules)?;
        if !findings.failures.is_empty() {
            let given = from_struct(wire);
            let failures = check_failures(findings, |path| shows_secret(&given, path), &redactor);
            return Ok(rpc::InvokeResponse { r#return: None, failures });
        }
        self.warn_of(&findings, &types.args, &written, "", &redactor);
        if args.values().any(Value::has_unknowns) {
            // Engines take no unknowns in an answer, and make an empty one themselves while settings are unknown.
            return Ok(rpc::InvokeResponse {
                r#return: Some(to_struct(Properties::new())),
                failures: Vec::new(),
            });
        }
        let client = self.client()?;
        let context = self.context(Verb::Invoke, "", "", 0.0, function.timeout(), &redactor);
        let output = function.call(&client, &context, reveal(args)).await?;
        let output = match secret {
            // What is made of a secret may tell it, as engines have it.
            true => output.into_iter().map(|(name, value)| (name, Value::Secret(Box::new(value)))).collect(),
            false => with_secrets(&types.output, output),
        };
        Ok(rpc::InvokeResponse { r#return: Some(to_struct(output)), failures: Vec::new() })
    }

    /// Whether resources of a type can be listed at all.
    pub(crate) fn can_list(&self, token: &str) -> Result<bool, Failure> {
        Ok(self.resource(token, "")?.types()?.list.is_some())
    }

    pub(crate) async fn list(
        &self,
        request: rpc::ListRequest,
        redactor: Redactor,
    ) -> Result<Vec<rpc::ListResponse>, Failure> {
        use rpc::list_response::{Computed, Continuation, Response, Result as Listed};
        let answer = |response: Response| rpc::ListResponse { response: Some(response) };
        let resource = self.resource(&request.token, "")?;
        let no_arguments = ObjectType::default();
        let declared = resource.types()?.list.as_deref().unwrap_or(&no_arguments);
        let given = from_struct(request.query.unwrap_or_default());
        let Checked { args, findings, .. } = checked(declared, given, |_, _| Ok(()))?;
        if !findings.failures.is_empty() {
            let failures = findings.failures.iter();
            let texts: Vec<String> =
                failures.map(|failure| format!("{}: {}", failure.path, failure.text())).collect();
            return Err(Failure::Refused(texts.join("; ")));
        }
        if args.values().any(Value::has_unknowns) {
            return Ok(vec![answer(Response::Computed(Computed {}))]);
        }
        let client = self.client()?;
        let context = self.context(Verb::List, "", "", 0.0, resource.timeouts().read, &redactor);
        let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
        let limit = positive(request.limit);
        let query = ListQuery {
            args: reveal(args),
            limit,
            page_size: positive(request.page_size),
            page: Some(request.continuation_token).filter(|page| !page.is_empty()),
        };
        let ListPage { mut resources, mut next } = resource.list(&client, &context, query).await?;
        if let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok())
            && resources.len() >= limit
        {
            resources.truncate(limit);
            next = None;
        }
        let listed = resources
            .into_iter()
            .map(|listed| answer(Response::Result(Listed { id: listed.id, name: listed.name })));
        let more = next
            .into_iter()
            .map(|page| answer(Response::Continuation(Continuation { continuation_token: page })));
        Ok(listed.chain(more).collect())
    }
}

/// Checks arguments against their declaration, and then by rules that see them under their present names and in plain.
fn checked(
    declared: &ObjectType,
    given: Properties,
    rules: impl FnOnce(&Properties, &mut Findings) -> Result<(), Failure>,
) -> Result<Checked, Failure> {
    let secrets = secret_paths(&given);
    let mut findings = Findings::default();
    let written = check::check(declared, given, &mut findings);
    alias::check(declared, &written, &mut findings);
    let writing = Writing::of(declared, &[&written]);
    let args = alias::canonical(declared, written.clone());
    let mut found = Findings::default();
    rules(&reveal(args.clone()), &mut found)?;
    let told = |found: CheckFailure| {
        let path = writing.path(&found.path);
        let secret = meets_secret(&secrets, &path);
        CheckFailure { path, secret, ..found }
    };
    findings.failures.extend(found.failures.into_iter().map(told));
    findings.warnings.extend(found.warnings.into_iter().map(told));
    shorten_paths(&mut findings, declared, &secrets);
    Ok(Checked { written, args, findings })
}

//! What happens to a request between its socket and its action: proof, rate, fault, carrying out, record.

use std::borrow::Cow;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use serde_json::Value;

use crate::access::{Times, authenticate};
use crate::action::{Action, Context};
use crate::answer::{Answer, Failure, failure};
use crate::clock::Millis;
use crate::fault::Kind;
use crate::faults::Posted;
use crate::journal::{Entry, without_secrets};
use crate::options::Flavour;
use crate::params::Params;
use crate::request::{Call, Request, Service};
use crate::session::Caller;
use crate::world::World;
use crate::{ascm, control, ecs, id, metadata_server, oss, stack, sts};

/// The world that all connections share.
pub(crate) type Shared = Arc<Mutex<World>>;

fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time that a caller's clock is expected to show.
pub(crate) fn callers_now(world: &Shared) -> Millis {
    lock(world).clock.callers_now()
}

/// `None` cuts the connection.
pub(crate) async fn serve(world: &Shared, request: Request) -> Option<Answer> {
    let is_served = metadata_server::serves(&request.path) || control::serves(&request.path);
    if !is_served && (oss::serves(&request) || oss::has_bucket(&mut lock(world), &request.path)) {
        let call = oss::Call::decode(request);
        let fault = match admit_oss(&mut lock(world), &call) {
            Ok(fault) => fault,
            Err(refused) => return Some(refused),
        };
        return go_through(world, Admitted::Oss(Box::new(call)), fault).await;
    }
    match request.path.as_str() {
        "/" | "/asapi/v3" | stack::ASCM_PATH => {
            let call = Call::decode(request);
            let (caller, fault) = match admit(&mut lock(world), &call) {
                Ok(admitted) => admitted,
                Err(refused) => return Some(refused),
            };
            go_through(world, Admitted::Call(Box::new(call), caller), fault).await
        }
        path if metadata_server::serves(path) => {
            let action = format!("{} {path}", request.method);
            let fault = lock(world).faults.take(&action, &Params::default());
            go_through(world, Admitted::Plain(action, Box::new(request)), fault).await
        }
        path if control::serves(path) => Some(control::answer(&mut lock(world), &request)),
        path => Some(Answer::text(404, format!("there is nothing at {path}\n"))),
    }
}

/// Proves the caller, counts the call and finds its fault. A refusal is already recorded.
fn admit(world: &mut World, call: &Call) -> Result<(Caller, Option<Posted>), Answer> {
    let now = world.now();
    let times = Times { now, callers_now: world.clock.callers_now() };
    let may_be_anonymous = find(call, world.options.flavour).is_ok_and(|action| action.is_anonymous);
    let proven = authenticate(call, may_be_anonymous, &world.options, &world.state, &mut world.nonces, times);
    let admitted = proven.and_then(|caller| match world.rate.as_mut().is_none_or(|rate| rate.allows(now)) {
        true => Ok(caller),
        false => Err(failure(400, "Throttling", "Request was denied due to request throttling.")),
    });
    match admitted {
        Ok(caller) => Ok((caller, fault(world, call, now))),
        Err(refused) => {
            let answer = refusal(call, &refused);
            record_call(world, call, Some(answer.status), Some(refused.code));
            Err(answer)
        }
    }
}

/// The same for a call to OSS.
fn admit_oss(world: &mut World, call: &oss::Call) -> Result<Option<Posted>, Answer> {
    let times = Times { now: world.now(), callers_now: world.clock.callers_now() };
    match oss::authenticate(call, &world.options, &world.state, times) {
        Ok(()) => Ok(world.faults.take(call.operation, &call.params)),
        Err(refused) => {
            let answer = oss::refusal(call, &refused);
            record_oss(world, call, Some(answer.status), Some(refused.code));
            Err(answer)
        }
    }
}

/// What goes wrong with the call: because somebody wants it, or else because the profile is like that.
fn fault(world: &mut World, call: &Call, now: Millis) -> Option<Posted> {
    let asked_for = world.faults.take(&call.action, &call.params);
    if asked_for.is_some() || call.service() != Some(Service::Ecs) {
        return asked_for;
    }
    world.flaky.take(&call.action, ecs::is_read(&call.action), now)
}

/// The action that the call names.
fn find(call: &Call, flavour: Flavour) -> Result<&'static Action, Failure> {
    let actions = match call.service() {
        Some(Service::Ecs) => ecs::ACTIONS,
        Some(Service::Sts) => sts::ACTIONS,
        Some(Service::Ascm) if flavour.is_stack() => ascm::ACTIONS,
        Some(Service::Ascm) | None => {
            let message =
                format!("The specified parameter \"Version\" is not valid: there is no {}.", call.version);
            return Err(failure(400, "InvalidParameter", message));
        }
    };
    actions.iter().find(|action| action.name == call.action).ok_or_else(|| {
        failure(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
    })
}

/// A request that is to be served, unless a fault forbids it.
enum Admitted {
    /// A call of the API, and who it comes from.
    Call(Box<Call>, Caller),
    /// A call to OSS.
    Oss(Box<oss::Call>),
    /// A request to the metadata server, and the name that faults and the list of requests have for it.
    Plain(String, Box<Request>),
}

/// What a fault makes of a request.
enum Step {
    /// Carry it out, bent by the fault, if any.
    Serve(Option<Posted>),
    /// Carry it out in so many milliseconds.
    ServeIn(u64),
    /// Carry it out, then cut the connection.
    ServeThenCut,
    Answer(Answer),
    Cut,
    /// Give no answer; after so many milliseconds, if given, cut the connection.
    Hang(Option<u64>),
}

/// `None` cuts the connection.
async fn go_through(world: &Shared, admitted: Admitted, fault: Option<Posted>) -> Option<Answer> {
    let step = admitted.meet(&mut lock(world), fault);
    match step {
        Step::Serve(fault) => Some(admitted.carry_out(&mut lock(world), fault.as_ref(), false)),
        Step::ServeIn(ms) => {
            let world = Arc::clone(world);
            // In a task of its own, so that a caller who leaves does not undo it.
            let later = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                admitted.carry_out(&mut lock(&world), None, false)
            });
            later.await.ok()
        }
        Step::ServeThenCut => {
            admitted.carry_out(&mut lock(world), None, true);
            None
        }
        Step::Answer(answer) => Some(answer),
        Step::Cut => None,
        Step::Hang(Some(ms)) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            None
        }
        Step::Hang(None) => pending().await,
    }
}

impl Admitted {
    /// What the fault, if any, makes of it. A request that is not to be carried out is recorded here.
    fn meet(&self, world: &mut World, posted: Option<Posted>) -> Step {
        let Some(posted) = posted else { return Step::Serve(None) };
        let fault = &posted.fault;
        let (step, status, code) = match fault.kind {
            Kind::Throttle | Kind::Error => {
                let refused = fault.refusal();
                let answer = match self {
                    Admitted::Call(call, _) => refusal(call, &refused),
                    Admitted::Oss(call) => oss::refusal(call, &refused),
                    Admitted::Plain(..) => {
                        Answer::text(refused.status, format!("{}: {}", refused.code, refused.message))
                    }
                };
                (Step::Answer(answer), Some(refused.status), refused.code)
            }
            Kind::Http => {
                let status = fault.status.unwrap_or(503);
                let answer = Answer::text(status, "asked for by a fault\n");
                (Step::Answer(answer), Some(status), Cow::Borrowed("http"))
            }
            Kind::Garbage => (Step::Answer(garbage()), Some(200), Cow::Borrowed("garbage")),
            Kind::Json => {
                let status = fault.status.unwrap_or(200);
                (Step::Answer(Answer::json(status, &fault.body())), Some(status), Cow::Borrowed("json"))
            }
            Kind::ResetBefore => (Step::Cut, None, Cow::Borrowed("reset_before")),
            Kind::Hang => (Step::Hang(fault.ms), None, Cow::Borrowed("hang")),
            Kind::ResetAfter => return Step::ServeThenCut,
            Kind::Delay => return Step::ServeIn(fault.ms.unwrap_or(0)),
            Kind::FailLater | Kind::Stale | Kind::Omit => return Step::Serve(Some(posted)),
        };
        self.record(world, status, Some(code));
        step
    }

    /// Carries it out, bent by the fault, if any, and records it. `is_cut` says that the caller will not see the answer.
    fn carry_out(&self, world: &mut World, fault: Option<&Posted>, is_cut: bool) -> Answer {
        let (answer, code) = match self {
            Admitted::Call(call, caller) => match act(world, call, caller, fault) {
                // ASCM answers without the envelope of the others.
                Ok(result) if call.service() == Some(Service::Ascm) => (Answer::json(200, &result), None),
                Ok(result) => (Answer::success(call.format, &call.action, &id::request(), result), None),
                Err(refused) => (refusal(call, &refused), Some(refused.code)),
            },
            Admitted::Oss(call) => match oss::act(world, call) {
                Ok(answer) => (answer, None),
                Err(refused) => (oss::refusal(call, &refused), Some(refused.code)),
            },
            Admitted::Plain(_, request) => (metadata_server::answer(world, request), None),
        };
        match is_cut {
            true => self.record(world, None, Some("reset_after".into())),
            false => self.record(world, Some(answer.status), code),
        }
        answer
    }

    fn record(&self, world: &mut World, status: Option<u16>, code: Option<Cow<'static, str>>) {
        match self {
            Admitted::Call(call, _) => record_call(world, call, status, code),
            Admitted::Oss(call) => record_oss(world, call, status, code),
            Admitted::Plain(action, request) => {
                let entry = Entry {
                    action: action.clone(),
                    params: Default::default(),
                    status,
                    code: code.map(Cow::into_owned),
                    at_ms: world.now(),
                    method: request.method.clone(),
                    signature: None,
                    secret_in_query: false,
                    headers: Default::default(),
                };
                world.journal.push(entry);
            }
        }
    }
}

fn act(world: &mut World, call: &Call, caller: &Caller, fault: Option<&Posted>) -> Result<Value, Failure> {
    stack::check(&world.options, call)?;
    let action = find(call, world.options.flavour)?;
    let now = world.now();
    if action.changes {
        world.flaky.keep(&world.state, now);
    }
    let mut then = fault.and_then(|posted| posted.then.as_ref()).map(|then| (then.state.clone(), then.now));
    let (state, now) = match &mut then {
        Some((state, then)) => (state, *then),
        None => (&mut world.state, now),
    };
    let result = action.carry_out(&mut Context {
        params: &call.params,
        host: &call.host,
        state,
        options: &world.options,
        caller,
        now,
        fault: fault.map(|posted| &posted.fault),
    })?;
    if action.changes {
        world.save().map_err(|error| failure(500, "InternalError", error.to_string()))?;
    }
    Ok(result)
}

fn refusal(call: &Call, refused: &Failure) -> Answer {
    Answer::refusal(call.format, &call.host, &id::request(), refused)
}

fn garbage() -> Answer {
    Answer::html(200, "<!DOCTYPE html>\n<html><body><h1>Please log in to this network</h1></body></html>\n")
}

fn record_call(world: &mut World, call: &Call, status: Option<u16>, code: Option<Cow<'static, str>>) {
    let headers =
        if world.options.flavour.is_stack() { stack::headers_seen(call) } else { Default::default() };
    let entry = Entry {
        action: call.action.clone(),
        params: without_secrets(&call.params),
        status,
        code: code.map(Cow::into_owned),
        at_ms: world.now(),
        method: call.request.method.clone(),
        signature: call.scheme.text(),
        secret_in_query: call.public("AccessKeySecret").is_some(),
        headers,
    };
    world.journal.push(entry);
}

fn record_oss(world: &mut World, call: &oss::Call, status: Option<u16>, code: Option<Cow<'static, str>>) {
    let entry = Entry {
        action: call.operation.to_owned(),
        params: without_secrets(&call.params),
        status,
        code: code.map(Cow::into_owned),
        at_ms: world.now(),
        method: call.request.method.clone(),
        signature: call.request.headers.contains_key(AUTHORIZATION).then_some("oss-v1"),
        secret_in_query: false,
        headers: Default::default(),
    };
    world.journal.push(entry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::request::tests::request;

    #[track_caller]
    fn check(action: &str, version: &str, expect: &str) {
        let query = format!("Action={action}&Version={version}&Format=JSON");
        let call = Call::decode(request("POST", &query, &[], ""));
        let mut world = World::new(Options::default()).expect("a world");
        match admit(&mut world, &call) {
            Ok((Caller::Anonymous, None)) => assert_eq!(expect, "accepted"),
            Ok(admitted) => panic!("{admitted:?}"),
            Err(refused) => assert!(refused.body.contains(&format!("\"{expect}\"")), "{}", refused.body),
        }
        let recorded = usize::from(expect != "accepted");
        assert_eq!(serde_json::json!(world.journal).as_array().map(Vec::len), Some(recorded));
    }

    #[test]
    fn only_the_token_exchange_is_anonymous() {
        check("AssumeRoleWithOIDC", "2015-04-01", "accepted");
        check("AssumeRoleWithOIDC", "2014-05-26", "MissingParameter");
        check("DescribeRegions", "2014-05-26", "MissingParameter");
    }
}

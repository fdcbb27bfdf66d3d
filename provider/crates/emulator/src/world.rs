//! All that one emulator knows, and what happens to a call once it is decoded: proof, rate, fault, action, record.

use std::num::NonZeroU32;

use serde_json::Value;

use crate::access::{Caller, Nonces, Times, authenticate};
use crate::answer::{Answer, Failure, failure};
use crate::clock::{Clock, Millis};
use crate::ecs::Context;
use crate::faults::{Fault, Faults, Kind};
use crate::journal::{Entry, Journal, without_secrets};
use crate::metadata::Metadata;
use crate::options::Options;
use crate::params::Params;
use crate::request::Call;
use crate::state::{self, State};
use crate::{Error, ascm, ecs, id, sts};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) metadata: Metadata,
    nonces: Nonces,
    rate: Option<Rate>,
}

/// One action's name, whether it changes what `--state` keeps, and what carries it out.
pub(crate) type Action = (&'static str, bool, fn(&mut Context<'_>) -> Result<Value, Failure>);

/// What a fault makes of a call.
#[derive(Debug)]
pub(crate) enum Step {
    /// With the fault that bends what is done or shown, if any.
    Serve(Option<Fault>),
    Answer(Answer),
    /// Cut the connection now, or in so many milliseconds.
    Cut,
    Hang(Option<u64>),
    ServeThenCut,
    ServeIn(u64),
}

impl World {
    pub(crate) fn new(options: Options) -> Result<World, Error> {
        let kept = match &options.state {
            Some(path) => state::load(path)?,
            None => None,
        };
        let (state, written) = match kept {
            Some((state, written)) => (state, Some(written)),
            None => (State::default(), None),
        };
        let clock = Clock::new(options.manual_clock, written);
        let rate = options.calls_per_second.map(|limit| Rate::new(limit, clock.now()));
        let world = World {
            clock,
            state,
            journal: Journal::default(),
            faults: Faults::default(),
            metadata: Metadata::default(),
            nonces: Nonces::default(),
            rate,
            options,
        };
        world.save()?;
        Ok(world)
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn save(&self) -> Result<(), Error> {
        match &self.options.state {
            Some(path) => state::save(path, &self.state, self.now()),
            None => Ok(()),
        }
    }

    /// Proves the caller, counts the call and finds its fault. A refusal is already recorded.
    pub(crate) fn admit(&mut self, call: &Call) -> Result<(Caller, Option<Fault>), Answer> {
        let now = self.now();
        let times = Times { now, callers_now: self.clock.callers_now() };
        let proven = authenticate(call, &self.options, &self.state, &mut self.nonces, times);
        let admitted =
            proven.and_then(|caller| match self.rate.as_mut().is_none_or(|rate| rate.allows(now)) {
                true => Ok(caller),
                false => Err(failure(400, "Throttling", "Request was denied due to request throttling.")),
            });
        match admitted {
            Ok(caller) => Ok((caller, self.faults.take(&call.action, &call.params))),
            Err(refused) => Err(self.conclude(call, Err(refused), true)),
        }
    }

    /// What the fault, if any, makes of the call. What will not be carried out is recorded here.
    pub(crate) fn meet(&mut self, call: &Call, fault: Option<Fault>) -> Step {
        let Some(fault) = fault else { return Step::Serve(None) };
        match fault.kind {
            Kind::Throttle | Kind::Error => Step::Answer(self.conclude(call, Err(fault.refusal()), true)),
            Kind::Http | Kind::Garbage | Kind::Json | Kind::ResetBefore | Kind::Hang => {
                let (step, status, code) = without_serving(&fault);
                self.record(call, status, Some(code.to_owned()));
                step
            }
            Kind::ResetAfter => Step::ServeThenCut,
            Kind::Delay => Step::ServeIn(fault.ms.unwrap_or(0)),
            Kind::FailLater | Kind::Stale | Kind::Omit => Step::Serve(Some(fault)),
        }
    }

    /// Carries the action out, bent by the fault if there is one, and records it, as cut off if `is_cut`.
    pub(crate) fn carry_out(
        &mut self,
        call: &Call,
        caller: &Caller,
        fault: Option<&Fault>,
        is_cut: bool,
    ) -> Answer {
        let result = self.act(call, caller, fault);
        self.conclude_cut(call, result, is_cut)
    }

    fn act(&mut self, call: &Call, caller: &Caller, fault: Option<&Fault>) -> Result<Value, Failure> {
        ascm::check_stack_parameters(&self.options, call)?;
        let actions: &[Action] = match call.version.as_str() {
            ecs::VERSION => ecs::ACTIONS,
            sts::VERSION => sts::ACTIONS,
            ascm::VERSION if self.options.flavour.is_stack() => ascm::ACTIONS,
            other => {
                let message =
                    format!("The specified parameter \"Version\" is not valid: there is no {other}.");
                return Err(failure(400, "InvalidParameter", message));
            }
        };
        let Some((_, changes, action)) = actions.iter().find(|(name, ..)| *name == call.action) else {
            let message = "Specified api is not found, please check your url and method.";
            return Err(failure(404, "InvalidApi.NotFound", message));
        };
        let now = self.now();
        let mut then = fault.and_then(|fault| fault.then.as_ref()).map(|then| (then.state.clone(), then.now));
        let (state, now) = match &mut then {
            Some((state, then)) => (state, *then),
            None => (&mut self.state, now),
        };
        let result = action(&mut Context {
            params: &call.params,
            host: &call.host,
            state,
            options: &self.options,
            caller,
            now,
            fault,
        })?;
        if *changes {
            self.save().map_err(|error| failure(500, "InternalError", error.to_string()))?;
        }
        Ok(result)
    }

    fn conclude(&mut self, call: &Call, result: Result<Value, Failure>, is_answered: bool) -> Answer {
        self.conclude_cut(call, result, !is_answered)
    }

    fn conclude_cut(&mut self, call: &Call, result: Result<Value, Failure>, is_cut: bool) -> Answer {
        let request_id = id::request();
        let (answer, code) = match result {
            Ok(result) if call.version == ascm::VERSION => (ascm::success(result), None),
            Ok(result) => (Answer::success(call.format, &call.action, &request_id, result), None),
            Err(failure) => {
                let answer = Answer::refusal(call.format, &call.host, &request_id, &failure);
                (answer, Some(failure.code.into_owned()))
            }
        };
        if is_cut {
            self.record(call, None, Some("reset_after".to_owned()));
        } else {
            self.record(call, Some(answer.status), code);
        }
        answer
    }

    fn record(&mut self, call: &Call, status: Option<u16>, code: Option<String>) {
        let headers =
            if self.options.flavour.is_stack() { ascm::headers_seen(call) } else { Default::default() };
        let entry = Entry {
            action: call.action.clone(),
            params: without_secrets(&call.params),
            status,
            code,
            at_ms: self.now(),
            method: call.request.method.clone(),
            signature: call.scheme.text(),
            secret_in_query: call.public("AccessKeySecret").is_some(),
            headers,
        };
        self.journal.push(entry);
    }

    /// As [`World::meet`] for what is not RPC; `action` is `METHOD /path`.
    pub(crate) fn meet_plain(&mut self, action: &str) -> Step {
        let Some(fault) = self.faults.take(action, &Params::default()) else {
            return Step::Serve(None);
        };
        match fault.kind {
            Kind::Throttle | Kind::Error => {
                let refusal = fault.refusal();
                self.record_plain(action, Some(refusal.status), Some(&refusal.code));
                Step::Answer(Answer::text(refusal.status, format!("{}: {}", refusal.code, refusal.message)))
            }
            Kind::Http | Kind::Garbage | Kind::Json | Kind::ResetBefore | Kind::Hang => {
                let (step, status, code) = without_serving(&fault);
                self.record_plain(action, status, Some(code));
                step
            }
            Kind::ResetAfter => Step::ServeThenCut,
            Kind::Delay => Step::ServeIn(fault.ms.unwrap_or(0)),
            Kind::FailLater | Kind::Stale | Kind::Omit => Step::Serve(Some(fault)),
        }
    }

    pub(crate) fn record_plain(&mut self, action: &str, status: Option<u16>, code: Option<&str>) {
        let entry = Entry {
            action: action.to_owned(),
            params: Default::default(),
            status,
            code: code.map(str::to_owned),
            at_ms: self.now(),
            method: action.split(' ').next().unwrap_or_default().to_owned(),
            signature: None,
            secret_in_query: false,
            headers: Default::default(),
        };
        self.journal.push(entry);
    }
}

fn without_serving(fault: &Fault) -> (Step, Option<u16>, &'static str) {
    let status = fault.status.unwrap_or(503);
    match fault.kind {
        Kind::Http => (Step::Answer(Answer::text(status, "asked for by a fault\n")), Some(status), "http"),
        Kind::Garbage => {
            let page = "<!DOCTYPE html>\n<html><body><h1>Please log in to this network</h1></body></html>\n";
            (Step::Answer(Answer::html(200, page)), Some(200), "garbage")
        }
        Kind::Json => {
            let status = fault.status.unwrap_or(200);
            (Step::Answer(Answer::json(status, &fault.body())), Some(status), "json")
        }
        Kind::Hang => (Step::Hang(fault.ms), None, "hang"),
        _ => (Step::Cut, None, "reset_before"),
    }
}

/// A bucket that holds one second's worth of calls and refills evenly, on the emulator's clock.
#[derive(Debug)]
struct Rate {
    per_second: i64,
    /// In thousandths of a call.
    left: i64,
    at: Millis,
}

impl Rate {
    fn new(limit: NonZeroU32, now: Millis) -> Rate {
        let per_second = i64::from(limit.get());
        Rate { per_second, left: per_second * 1_000, at: now }
    }

    fn allows(&mut self, now: Millis) -> bool {
        let gained = (now - self.at).clamp(0, 1_000) * self.per_second;
        self.left = (self.left + gained).min(self.per_second * 1_000);
        self.at = now;
        if self.left < 1_000 {
            return false;
        }
        self.left -= 1_000;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_any_time() {
        let mut rate = Rate::new(NonZeroU32::new(20).expect("not zero"), 0);
        let allowed = (0..10_000).filter(|ms| rate.allows(*ms)).count();
        assert_eq!(allowed, 20 + 199);
    }

    #[test]
    fn what_was_not_used_is_lost_after_a_second() {
        let mut rate = Rate::new(NonZeroU32::new(2).expect("not zero"), 0);
        let allowed = (0..10).filter(|_| rate.allows(3_600_000)).count();
        assert_eq!(allowed, 2);
    }
}

//! [`Action`]: a line in a service's list; [`Context`]: what an action works with.

use std::time::Duration;

use serde_json::Value;

use crate::answer::{Failure, failure};
use crate::clock::Millis;
use crate::fault::{Fault, Kind};
use crate::options::Options;
use crate::params::Params;
use crate::regions;
use crate::session::Caller;
use crate::state::State;
use crate::state::image::LONGEST_BUILD;
use crate::state::region::Region;

type Run = fn(&mut Context<'_>) -> Result<Value, Failure>;

/// One action of a service.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// Whether it changes what `--state` keeps.
    pub(crate) changes: bool,
    /// Whether it needs no key.
    pub(crate) is_anonymous: bool,
    run: Run,
}

impl Action {
    /// An action that only reads.
    pub(crate) const fn read(name: &'static str, run: Run) -> Action {
        Action { name, changes: false, is_anonymous: false, run }
    }

    /// An action that changes something.
    pub(crate) const fn change(name: &'static str, run: Run) -> Action {
        Action { name, changes: true, is_anonymous: false, run }
    }

    /// Carries the action out, in a state that the clock has caught up with.
    pub(crate) fn carry_out(&self, context: &mut Context<'_>) -> Result<Value, Failure> {
        let (now, at_once) = (context.now, context.options.copies_at_once());
        context.state.settle(now, at_once);
        let result = (self.run)(context);
        context.state.settle(now, at_once);
        result
    }

    /// The same for callers without a key.
    pub(crate) const fn anonymous(self) -> Action {
        Action { is_anonymous: true, ..self }
    }
}

/// What an action works with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) params: &'a Params,
    /// The host as the caller named it.
    pub(crate) host: &'a str,
    pub(crate) state: &'a mut State,
    pub(crate) options: &'a Options,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Millis,
    /// The fault that bends the action.
    pub(crate) fault: Option<&'a Fault>,
}

impl<'a> Context<'a> {
    pub(crate) fn region_id(&self) -> Result<&'a str, Failure> {
        let name = self.params.required("RegionId")?;
        if regions::exists(self.options.flavour, name) {
            return Ok(name);
        }
        let message = format!("The specified RegionId \"{name}\" does not exist.");
        Err(failure(404, "InvalidRegionId.NotFound", message))
    }

    pub(crate) fn region(&mut self) -> Result<&mut Region, Failure> {
        let name = self.region_id()?;
        Ok(self.state.region(name, self.now))
    }

    pub(crate) fn fault_of(&self, kind: Kind) -> Option<&'a Fault> {
        self.fault.filter(|fault| fault.kind == kind)
    }

    /// Whether an image that is made now is to end in CreateFailed.
    pub(crate) fn fails_later(&self) -> bool {
        self.fault_of(Kind::FailLater).is_some()
    }

    /// How long an image that is made now is Creating.
    pub(crate) fn build_time(&self) -> Millis {
        build(self.options.image_ready_after)
    }

    /// How long a copy that is made now is Creating.
    pub(crate) fn copy_time(&self) -> Millis {
        build(self.options.copy_ready_after())
    }

    /// How long an import or an export that begins now is Processing.
    pub(crate) fn task_time(&self) -> Millis {
        build(self.options.task_ready_after())
    }

    /// For an action that has `DryRun` and found nothing wrong.
    pub(crate) fn check_dry_run(&self) -> Result<(), Failure> {
        if self.params.flag("DryRun")? {
            return Err(failure(
                412,
                "DryRunOperation",
                "Request validation has been passed with DryRun flag set.",
            ));
        }
        Ok(())
    }
}

fn build(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(LONGEST_BUILD).min(LONGEST_BUILD)
}

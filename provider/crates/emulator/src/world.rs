//! Everything that one emulator knows and keeps.

use crate::access::Nonces;
use crate::clock::{Clock, Millis};
use crate::error::Error;
use crate::faults::Faults;
use crate::file::{self, Claim};
use crate::flaky::Flaky;
use crate::journal::Journal;
use crate::metadata::Metadata;
use crate::options::Options;
use crate::rate::Rate;
use crate::state::State;

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) state: State,
    file: Option<Claim>,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) flaky: Flaky,
    pub(crate) metadata: Metadata,
    pub(crate) nonces: Nonces,
    pub(crate) rate: Option<Rate>,
}

impl World {
    /// With the state that the file holds, if there is one.
    pub(crate) fn new(options: Options) -> Result<World, Error> {
        let file = options.state.as_deref().map(Claim::new).transpose()?;
        let kept = match &file {
            Some(claim) => file::load(&claim.path)?,
            None => None,
        };
        let (mut state, written) = match kept {
            Some((state, written)) => (state, Some(written)),
            None => (State::default(), None),
        };
        if options.public_images {
            state.stock_public_images();
        }
        let clock = Clock::new(options.manual_clock, written);
        let rate = options.calls_per_second.map(|limit| Rate::new(limit, clock.now()));
        let world = World {
            clock,
            state,
            file,
            journal: Journal::default(),
            faults: Faults::default(),
            flaky: Flaky::new(options.profile),
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

    /// Writes the state to its file, if there is one.
    pub(crate) fn save(&self) -> Result<(), Error> {
        match &self.file {
            Some(claim) => file::save(&claim.path, &self.state, self.now()),
            None => Ok(()),
        }
    }
}

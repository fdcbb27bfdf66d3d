//! The profiles: life cycles as data. How long images, copies and tasks take, and what goes wrong meanwhile.

use std::time::Duration;

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// A life cycle, by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// All is done in seconds
    #[default]
    Fast,
    /// As long as the cloud takes
    Real,
    /// As long as the cloud takes on a bad day
    Slow,
    /// Calls go wrong and reads lag behind
    Flaky,
}

/// What a profile consists of. A time is written as the flag that overrules it takes it.
#[derive(Debug)]
pub(crate) struct Cycle {
    pub(crate) name: &'static str,
    /// From Creating to Available.
    pub(crate) images: &'static str,
    /// `None` if copies take what images take, whatever that is.
    pub(crate) copies: Option<&'static str>,
    /// The same for imports and exports.
    pub(crate) tasks: Option<&'static str>,
    /// The calls of each round of [`ROUND`] that go wrong, from 1, and how.
    pub(crate) flaws: &'static [(u64, Flaw)],
    /// How long a read does not show a change.
    pub(crate) lag: Duration,
}

/// How many calls to ECS there are from one flaw to its next occurrence. A prime, so that callers who repeat their calls at
/// a steady pace do not meet the same flaw again.
pub(crate) const ROUND: u64 = 41;

/// What becomes of a call that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Throttled,
    Unavailable,
    InternalError,
    /// Cut, and not carried out.
    Lost,
    /// Cut after it was carried out.
    AnswerLost,
    /// Answered a second and a half later.
    Late,
}

const CYCLES: [(Profile, Cycle); 4] = [
    (
        Profile::Fast,
        Cycle { name: "fast", images: "2s", copies: None, tasks: None, flaws: &[], lag: Duration::ZERO },
    ),
    (
        Profile::Real,
        Cycle {
            name: "real",
            images: "3m",
            copies: Some("12m"),
            tasks: Some("15m"),
            flaws: &[],
            lag: Duration::ZERO,
        },
    ),
    (
        Profile::Slow,
        Cycle {
            name: "slow",
            images: "8m",
            copies: Some("45m"),
            tasks: Some("45m"),
            flaws: &[],
            lag: Duration::ZERO,
        },
    ),
    (
        Profile::Flaky,
        Cycle {
            name: "flaky",
            images: "2s",
            copies: Some("4s"),
            tasks: Some("5s"),
            // The first ones come early, so that a program of one image meets some. Throttling comes late: it slows callers down.
            flaws: &[
                (2, Flaw::AnswerLost),
                (5, Flaw::InternalError),
                (9, Flaw::Late),
                (16, Flaw::Unavailable),
                (24, Flaw::Lost),
                (33, Flaw::Throttled),
            ],
            lag: Duration::from_millis(500),
        },
    ),
];

impl Profile {
    pub(crate) fn cycle(self) -> &'static Cycle {
        let [(_, fast), ..] = &CYCLES;
        CYCLES.iter().find(|(profile, _)| *profile == self).map_or(fast, |(_, cycle)| cycle)
    }

    /// What goes wrong, in a few words.
    pub(crate) fn flaws_told(self) -> String {
        let cycle = self.cycle();
        if cycle.flaws.is_empty() {
            return "nothing goes wrong".to_owned();
        }
        let flaws: Vec<&str> = cycle.flaws.iter().map(|(_, flaw)| flaw.told()).collect();
        format!(
            "of {ROUND} calls to ECS {} go wrong ({}); reads show a change {} ms later",
            flaws.len(),
            flaws.join(", "),
            cycle.lag.as_millis()
        )
    }
}

impl Flaw {
    fn told(self) -> &'static str {
        match self {
            Flaw::Throttled => "throttled",
            Flaw::Unavailable => "503",
            Flaw::InternalError => "500",
            Flaw::Lost => "cut before it is carried out",
            Flaw::AnswerLost => "cut after it was carried out",
            Flaw::Late => "late",
        }
    }
}

/// For a flag whose default the profile decides: what it is with each.
pub(crate) fn defaults(
    value: fn(&'static Cycle) -> Option<&'static str>,
) -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>)> {
    CYCLES.iter().map(move |(_, cycle)| ("profile", cycle.name, value(cycle)))
}

impl ValueEnum for Profile {
    fn value_variants<'a>() -> &'a [Self] {
        &[Profile::Fast, Profile::Real, Profile::Slow, Profile::Flaky]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let Cycle { name, images, copies, tasks, .. } = self.cycle();
        let (copies, tasks) = (copies.unwrap_or(images), tasks.unwrap_or(images));
        let flaws = self.flaws_told();
        let help = format!("Images take {images}, copies {copies}, imports and exports {tasks}; {flaws}");
        Some(PossibleValue::new(*name).help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_on_the_list_under_a_name_of_its_own() {
        let mut names: Vec<&str> =
            Profile::value_variants().iter().map(|profile| profile.cycle().name).collect();
        assert_eq!(names, ["fast", "real", "slow", "flaky"]);
        names.dedup();
        assert_eq!(names.len(), CYCLES.len());
    }

    #[test]
    fn flaws_are_a_small_share_of_a_round() {
        for (_, cycle) in &CYCLES {
            assert!(cycle.flaws.iter().all(|(call, _)| (1..=ROUND).contains(call)), "{}", cycle.name);
            assert!(cycle.flaws.is_sorted_by(|a, b| a.0 + 1 < b.0), "{}: two in a row", cycle.name);
            assert!(cycle.flaws.len() as u64 * 5 < ROUND, "{}", cycle.name);
        }
    }

    #[test]
    fn what_goes_wrong_is_told() {
        assert_eq!(Profile::Slow.flaws_told(), "nothing goes wrong");
        let flaky = Profile::Flaky.flaws_told();
        assert!(
            flaky.starts_with("of 41 calls to ECS 6 go wrong (cut after it was carried out, 500"),
            "{flaky}"
        );
        assert!(flaky.ends_with("reads show a change 500 ms later"), "{flaky}");
    }
}

//! The emulator's time, real or moved by hand, and the three ways the cloud writes it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Milliseconds since 1970 on the emulator's clock.
pub(crate) type Millis = i64;

/// The most that may be added to the clock at once, so that time never leaves the range that can be written.
pub(crate) const LARGEST_STEP: Millis = 10 * 366 * 86_400_000;

/// The last instant the clock goes to: the end of the year 9000.
pub(crate) const END: Millis = 221_876_928_000_000;

#[derive(Debug)]
pub(crate) enum Clock {
    Real,
    Manual {
        now: Millis,
        /// How far it is ahead of the callers' clocks.
        ahead: Millis,
    },
}

impl Clock {
    /// `not_before` keeps a manual clock from running backwards over a restart.
    pub(crate) fn new(manual: bool, not_before: Option<Millis>) -> Clock {
        if !manual {
            return Clock::Real;
        }
        let start = real_now();
        let now = start.max(not_before.unwrap_or(0)).min(END);
        Clock::Manual { now, ahead: now - start }
    }

    pub(crate) fn now(&self) -> Millis {
        match self {
            Clock::Real => real_now(),
            Clock::Manual { now, .. } => *now,
        }
    }

    /// The time that a caller's clock is expected to show.
    pub(crate) fn callers_now(&self) -> Millis {
        match self {
            Clock::Real => real_now(),
            Clock::Manual { now, ahead } => now - ahead,
        }
    }

    /// With `callers_too`, the callers' clocks count as moved as well. Returns whether the clock can be moved.
    pub(crate) fn advance(&mut self, step: Millis, callers_too: bool) -> bool {
        match self {
            Clock::Real => false,
            Clock::Manual { now, ahead } => {
                let before = *now;
                *now = now.saturating_add(step.clamp(0, LARGEST_STEP)).min(END);
                if callers_too {
                    *ahead += *now - before;
                }
                true
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the emulator meets the real clock")]
fn real_now() -> Millis {
    Timestamp::now().as_millisecond()
}

/// `2026-11-22T01:02:03Z`
pub(crate) fn iso(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// `2026-11-22T01:02Z`
pub(crate) fn minute(at: Millis) -> String {
    format(at, "%Y-%m-%dT%H:%MZ")
}

/// `Sun, 22 Nov 2026 01:02:03 GMT`
pub(crate) fn http_date(at: Millis) -> String {
    format(at, "%a, %d %b %Y %H:%M:%S GMT")
}

fn format(at: Millis, pattern: &str) -> String {
    Timestamp::from_millisecond(at).map(|t| t.strftime(pattern).to_string()).unwrap_or_default()
}

/// Reads what [`iso`] writes and nothing else: no fractions, no offsets.
pub(crate) fn parse_iso(text: &str) -> Option<Millis> {
    let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
    shape
        .eq(*b"0000-00-00T00:00:00Z")
        .then(|| text.parse::<Timestamp>().ok())
        .flatten()
        .map(|t| t.as_millisecond())
}

/// Reads what [`http_date`] writes.
pub(crate) fn parse_http_date(text: &str) -> Option<Millis> {
    let time = DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok().map(Timestamp::as_millisecond)
}

/// Reads what [`minute`] writes, the form that filters take.
pub(crate) fn parse_minute(text: &str) -> Option<Millis> {
    let minute = text.strip_suffix('Z')?;
    parse_iso(&format!("{minute}:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(parse_iso(text).map(iso).as_deref(), expect);
    }

    #[test]
    fn times_are_utc_to_the_second() {
        check("2026-11-22T01:02:03Z", Some("2026-11-22T01:02:03Z"));
        check("2026-11-22T01:02:03.5Z", None);
        check("2026-11-22T01:02:03+00:00", None);
        check("2026-13-22T01:02:03Z", None);
        check("2026-11-22 01:02:03Z", None);
        check("", None);
    }

    #[test]
    fn http_dates_name_the_day() {
        assert_eq!(
            parse_iso("2026-11-22T01:02:03Z").map(http_date).as_deref(),
            Some("Sun, 22 Nov 2026 01:02:03 GMT")
        );
        assert_eq!(parse_http_date("Sun, 22 Nov 2026 01:02:03 GMT"), parse_iso("2026-11-22T01:02:03Z"));
        for wrong in
            ["", "Mon, 22 Nov 2026 01:02:03 GMT", "Sun, 22 Nov 2026 01:02:03", "2026-11-22T01:02:03Z"]
        {
            assert_eq!(parse_http_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_forward_and_not_past_what_can_be_written() {
        let mut clock = Clock::new(true, None);
        let start = clock.now();
        assert!(clock.advance(1_500, false));
        assert!(clock.advance(-5, false));
        assert_eq!((clock.now(), clock.callers_now()), (start + 1_500, start + 1_500));
        for _ in 0..1_000 {
            clock.advance(i64::MAX, false);
        }
        assert_eq!(iso(clock.now()).len(), 20);
        assert!(!Clock::Real.advance(1, false));
    }

    #[test]
    fn a_manual_clock_does_not_go_back_over_a_restart() {
        let later = real_now() + 5_000_000;
        let clock = Clock::new(true, Some(later));
        assert_eq!(clock.now(), later);
        assert!(clock.callers_now() < later - 4_000_000, "callers were not stopped");
    }

    #[test]
    fn callers_may_be_taken_along() {
        let mut clock = Clock::new(true, None);
        let start = clock.now();
        clock.advance(1_000, true);
        clock.advance(10, false);
        assert_eq!((clock.now(), clock.callers_now()), (start + 1_010, start + 10));
    }
}

//! What every driver's work queue goes by: when a key is looked at again, and what holds it back.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::execution::{End, Execution};

/// Keys of one controller that are at work at the same time.
pub const WORKERS: u32 = 32;
/// How long a key waits for the view to show what its last pass wrote: it would write the same once more.
pub const OWN_WRITES_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// The first pause after a failure, and the longest: the default limiter of client-go.
const BACK_OFF: Duration = Duration::from_millis(5);
const BACK_OFF_MAX: Duration = Duration::from_secs(1000);

/// The pause after so many failures in a row before this one.
pub fn back_off(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures).and_then(|factor| BACK_OFF.checked_mul(factor));
    doubled.map_or(BACK_OFF_MAX, |pause| pause.min(BACK_OFF_MAX))
}

/// How a pass of a key went, for the counts and the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    Done,
    Conflict,
    Retry,
    Failed,
}

/// A pass that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub pass: Pass,
    pub trouble: Option<Trouble>,
    pub again: Again,
}

/// Why it could not be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub reason: &'static str,
    pub message: String,
    /// The call that failed, in words: `list poddisruptionbudgets`.
    pub call: Option<String>,
}

/// When to look again, if nothing wakes the key before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Never,
    At(Timestamp),
    After(SignedDuration),
    /// After [`back_off`], by the failures of this key in a row.
    BackOff,
}

impl Outcome {
    pub fn of(execution: &Execution) -> Self {
        let plan = execution.plan();
        let call = || execution.failed().map(|action| action.call.in_words());
        let trouble = |reason, message: &str| {
            Some(Trouble { reason, message: message.to_owned(), call: call() })
        };
        let (pass, trouble, again) = match (execution.end(), &plan.failure) {
            (Some(End::Conflict), _) => (Pass::Conflict, None, Again::BackOff),
            (Some(End::Retry(delay, message)), _) => {
                (Pass::Retry, trouble("Retry", message), Again::After(*delay))
            }
            (Some(End::Failed(message)), _) => {
                (Pass::Failed, trouble("Warning", message), Again::BackOff)
            }
            (Some(End::Complete) | None, Some(failure)) => {
                (Pass::Failed, trouble(failure.reason, &failure.message), Again::BackOff)
            }
            (Some(End::Complete) | None, None) => {
                (Pass::Done, None, plan.requeue_at.map_or(Again::Never, Again::At))
            }
        };
        Self { pass, trouble, again }
    }
}

/// What the passes of a key wrote and its view may not show yet.
#[derive(Clone, Debug)]
pub struct OwnWrites<W> {
    writes: Vec<W>,
    /// Until when the key is held back.
    until: Option<Timestamp>,
}

impl<W> Default for OwnWrites<W> {
    fn default() -> Self {
        Self { writes: Vec::new(), until: None }
    }
}

impl<W> OwnWrites<W> {
    pub fn wrote(&mut self, writes: impl IntoIterator<Item = W>) {
        self.writes.extend(writes);
    }

    /// Whether the view shows all of them; what it has shown once is no longer asked for.
    pub fn are_seen(&mut self, shows: impl Fn(&W) -> bool) -> bool {
        self.writes.retain(|write| !shows(write));
        self.writes.is_empty()
    }

    /// None: the key may be looked at. Otherwise when it may be at the latest, however often it is woken before.
    pub fn hold(&mut self, now: Timestamp, shows: impl Fn(&W) -> bool) -> Option<Timestamp> {
        if !self.are_seen(shows) {
            let until = *self.until.get_or_insert(now + OWN_WRITES_WAIT);
            if now < until {
                return Some(until);
            }
        }
        *self = Self::default();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::at;

    #[test]
    fn pauses_double_from_5_ms_to_1000_s() {
        let pauses: Vec<_> = [0, 1, 2, 17, 18, 31, 40].map(back_off).to_vec();

        let ms = |ms| Duration::from_millis(ms);
        assert_eq!(
            pauses,
            [ms(5), ms(10), ms(20), ms(655_360), ms(1_000_000), ms(1_000_000), ms(1_000_000)]
        );
    }

    #[test]
    fn a_key_is_held_back_until_each_own_write_was_shown_or_for_five_seconds() {
        let mut own = OwnWrites::default();
        own.wrote([3, 5]);

        let shown = |last: u64| move |write: &u64| *write <= last;
        assert_eq!(own.hold(at(0), shown(4)), Some(at(5)));
        assert_eq!(own.hold(at(4), shown(4)), Some(at(5)), "to be woken is no reason");
        assert_eq!(own.hold(at(4), shown(5)), None);
        own.wrote([7]);
        assert_eq!(own.hold(at(6), shown(5)), Some(at(11)));
        assert_eq!(own.hold(at(11), shown(5)), None, "it has waited long enough");
        assert_eq!(own.hold(at(11), shown(5)), None);
    }
}

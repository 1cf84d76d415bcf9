//! Named deviations from the default course. A run is its list of choices: dropping one leaves the
//! others meaningful, because each names the request or the time it is about, and no index.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::micros;
use crate::inflight::RequestId;
use crate::inflight::Sender;
use crate::operator::StartView;
use crate::trace::{Level, Who};
use crate::world::World;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Choice {
    /// The operator dies around one of its writes, and starts anew.
    KillOperator {
        operator: String,
        crash: Crash,
        write: Write,
        restart_after_ms: u32,
        view: Restart,
    },
    /// The write is carried out and its answer never comes; the operator lives.
    LoseAnswer {
        operator: String,
        write: Write,
    },
    SlowRequest {
        operator: String,
        write: Write,
        by_ms: u32,
    },
    /// Changes of a kind reach the operator later, from a time of the story on and for a while.
    DelayView {
        operator: String,
        kind: String,
        by_ms: u32,
        from_ms: i64,
        for_ms: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crash {
    /// Before it is sent.
    Before,
    /// Once it is carried out, before the answer arrives.
    After,
    /// Not at all: the answer is lost.
    AnswerLost,
}

/// The `nth` request of that identity: the 2nd `patch components default/demo-redis status`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Write {
    pub request: String,
    pub nth: u32,
}

/// What a process that starts anew sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Everything as it is by then.
    Later,
    /// For so many milliseconds, what it had seen when it died.
    Stale(u32),
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Choice::KillOperator { operator, crash, write, restart_after_ms, view } => {
                let when = if *crash == Crash::Before { "before" } else { "after" };
                write!(
                    f,
                    "kill {operator} {when} its {write}; start it again {restart_after_ms} ms later"
                )?;
                match view {
                    Restart::Later => Ok(()),
                    Restart::Stale(ms) => {
                        write!(f, ", seeing for {ms} ms only what it had seen before")
                    }
                }
            }
            Choice::LoseAnswer { operator, write } => {
                write!(f, "lose the answer to {operator}'s {write}")
            }
            Choice::SlowRequest { operator, write, by_ms } => {
                write!(f, "delay {operator}'s {write} by {by_ms} ms")
            }
            Choice::DelayView { operator, kind, by_ms, from_ms, for_ms } => write!(
                f,
                "delay {kind} changes to {operator} by {by_ms} ms, from {} s into the story on, for {for_ms} ms",
                from_ms / 1000
            ),
        }
    }
}

impl std::fmt::Display for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let suffix = match (self.nth % 10, self.nth % 100) {
            (1, n) if n != 11 => "st",
            (2, n) if n != 12 => "nd",
            (3, n) if n != 13 => "rd",
            _ => "th",
        };
        write!(f, "{}{suffix} `{}`", self.nth, self.request)
    }
}

impl Choice {
    fn write(&self) -> Option<(&str, &Write)> {
        match self {
            Choice::KillOperator { operator, write, .. }
            | Choice::LoseAnswer { operator, write }
            | Choice::SlowRequest { operator, write, .. } => Some((operator, write)),
            Choice::DelayView { .. } => None,
        }
    }
}

impl World {
    /// One more deviation, for what is still to come.
    pub fn choose(&mut self, choice: Choice) {
        self.choices.push(choice);
    }

    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// Whether a choice has taken effect already.
    pub fn has_deviated(&self) -> bool {
        self.deviated
    }

    /// The choices about this request, if an operator sends it.
    fn choices_about(&self, id: RequestId) -> impl Iterator<Item = &Choice> {
        let about = self.inflight.get(id).and_then(|request| match request.sender {
            Sender::Operator { operator, .. } => {
                Some((&self.operators[usize::from(operator)].name, request))
            }
            _ => None,
        });
        self.choices.iter().filter(move |choice| {
            let (Some((name, request)), Some((operator, write))) = (about, choice.write()) else {
                return false;
            };
            operator == &**name && write.nth == request.nth && write.request == *request.identity
        })
    }

    pub(crate) fn crash_at(&self, id: RequestId, at: Crash) -> Option<Choice> {
        // Nearly every run has none.
        if self.choices.is_empty() {
            return None;
        }
        self.choices_about(id)
            .find(|choice| match choice {
                Choice::KillOperator { crash, .. } => *crash == at,
                Choice::LoseAnswer { .. } => at == Crash::AnswerLost,
                _ => false,
            })
            .cloned()
    }

    pub(crate) fn chosen_delay(&mut self, id: RequestId) -> i64 {
        if self.choices.is_empty() {
            return 0;
        }
        let delay_us = self
            .choices_about(id)
            .map(|choice| match choice {
                Choice::SlowRequest { by_ms, .. } => i64::from(*by_ms) * 1000,
                _ => 0,
            })
            .sum();
        self.deviated |= delay_us > 0;
        delay_us
    }

    pub(crate) fn carry_out(&mut self, choice: &Choice) {
        let Choice::KillOperator { operator, restart_after_ms, view, .. } = choice else { return };
        self.deviated = true;
        let Some(operator) = self.operator(operator) else { return };
        self.say(Level::Story, Who::Fault, "choice", || choice.to_string());
        let view = match view {
            Restart::Later => StartView::Current,
            Restart::Stale(ms) => StartView::AsKilled(SignedDuration::from_millis(i64::from(*ms))),
        };
        self.kill_operator(
            operator,
            SignedDuration::from_millis(i64::from(*restart_after_ms)),
            view,
        );
    }

    /// By how much faults and choices hold a kind's changes back on their way to an operator.
    pub(crate) fn watch_lag(&mut self, operator: u16, group: &str, kind: &str) -> i64 {
        if self.choices.is_empty() && self.faults.is_empty() {
            return 0;
        }
        let name = &self.operators[usize::from(operator)].name;
        let now = self.now();
        let chosen = self.choices.iter().filter_map(|choice| match choice {
            Choice::DelayView { operator, kind: of, by_ms, from_ms, for_ms }
                if operator == &**name && of == kind && self.within(now, *from_ms, *for_ms) =>
            {
                Some(i64::from(*by_ms) * 1000)
            }
            _ => None,
        });
        let chosen = chosen.max();
        let injected =
            self.faults.iter().map(|installed| micros(installed.fault.watch_lag(group, kind)));
        let lag_us = injected.chain(chosen).max().unwrap_or(0);
        self.deviated |= chosen.is_some();
        lag_us
    }

    fn within(&self, now: Timestamp, from_ms: i64, for_ms: u32) -> bool {
        let since = now.as_millisecond() - self.epoch().as_millisecond();
        (from_ms..from_ms + i64::from(for_ms)).contains(&since)
    }
}

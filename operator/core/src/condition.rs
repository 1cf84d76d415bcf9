//! Conditions are told once: they change only when what they say changes.

use drydock_operator_api::Condition;
use jiff::Timestamp;

/// What a condition should say now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub kind: &'static str,
    pub holds: bool,
    pub reason: String,
    pub message: String,
    /// Zero for a condition that is not about a generation.
    pub observed_generation: i64,
}

impl Wanted {
    pub fn new(
        kind: &'static str,
        holds: bool,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, holds, reason: reason.into(), message: message.into(), observed_generation: 0 }
    }

    pub fn at_generation(mut self, generation: i64) -> Self {
        self.observed_generation = generation;
        self
    }
}

/// Makes the condition of this kind say what is wanted. The time moves only when the status turns.
pub fn set(conditions: &mut Vec<Condition>, wanted: Wanted, now: Timestamp) {
    let status = if wanted.holds { "True" } else { "False" };
    let now = to_the_second(now);
    let last_transition_time = match find(conditions, wanted.kind) {
        Some(stored) if stored.status == status => stored.last_transition_time,
        _ => now,
    };
    let condition = Condition {
        kind: wanted.kind.to_owned(),
        status: status.to_owned(),
        observed_generation: wanted.observed_generation,
        last_transition_time,
        reason: wanted.reason,
        message: wanted.message,
    };
    match conditions.iter_mut().find(|stored| stored.kind == wanted.kind) {
        Some(stored) => *stored = condition,
        None => conditions.push(condition),
    }
}

pub fn remove(conditions: &mut Vec<Condition>, kind: &str) {
    conditions.retain(|condition| condition.kind != kind);
}

pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status == "True")
}

/// Those that say something else than before: a status or a reason that turned.
pub fn turned<'a>(
    before: &'a [Condition],
    after: &'a [Condition],
) -> impl Iterator<Item = &'a Condition> {
    after.iter().filter(|condition| {
        find(before, &condition.kind).is_none_or(|stored| {
            (&stored.status, &stored.reason) != (&condition.status, &condition.reason)
        })
    })
}

/// Times of objects have no fraction.
pub fn to_the_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second())
        .expect("a second within the range of the timestamp it is of")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_time_of_a_condition_moves_only_with_its_status() {
        let mut conditions = Vec::new();
        set(&mut conditions, Wanted::new("Ready", false, "Waiting", "one is missing"), at(1));

        set(&mut conditions, Wanted::new("Ready", false, "Waiting", "two are missing"), at(2));
        let still_waiting = conditions.clone();
        set(&mut conditions, Wanted::new("Ready", true, "AllReady", ""), at(3));

        assert_eq!(still_waiting[0].message, "two are missing");
        assert_eq!(still_waiting[0].last_transition_time, at(1));
        assert_eq!(conditions[0].last_transition_time, at(3));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn a_message_alone_is_not_a_turn() {
        let mut before = Vec::new();
        set(&mut before, Wanted::new("Ready", false, "Waiting", "one is missing"), at(1));
        let mut after = before.clone();
        set(&mut after, Wanted::new("Ready", false, "Waiting", "two are missing"), at(2));
        set(&mut after, Wanted::new("Available", true, "Available", ""), at(2));

        let turned: Vec<_> = turned(&before, &after).map(|c| c.kind.as_str()).collect();

        assert_eq!(turned, ["Available"]);
    }
}

//! The fewest choices that still break a story in the same way. Each choice names what it is about,
//! so what is left of a list means the same as before.

use super::{Course, Finding};
use crate::choice::{Choice, Restart};
use crate::trace::Level;

/// A finding with as few choices as break the story in the same way.
pub fn finding<S: Course>(start: &S, finding: Finding) -> Finding {
    let fewest =
        fewest(finding.choices.clone(), |choices| breaks(start, choices, &finding.failure.what));
    Finding { choices: fewest, ..finding }
}

/// Drops choices one by one, and makes those that stay plainer, as long as it still fails.
pub fn fewest(mut choices: Vec<Choice>, mut fails: impl FnMut(&[Choice]) -> bool) -> Vec<Choice> {
    let mut at = 0;
    while at < choices.len() {
        let mut fewer = choices.clone();
        let dropped = fewer.remove(at);
        if fails(&fewer) {
            choices = fewer;
            continue;
        }
        if let Some(plainer) = plainer(&dropped) {
            let mut with_plainer = choices.clone();
            with_plainer[at] = plainer;
            if fails(&with_plainer) {
                choices = with_plainer;
            }
        }
        at += 1;
    }
    choices
}

/// A restart on the present view needs less explanation than one on an old view.
fn plainer(choice: &Choice) -> Option<Choice> {
    match choice {
        Choice::KillOperator {
            operator,
            crash,
            write,
            restart_after_ms,
            view: Restart::Stale(_),
        } => Some(Choice::KillOperator {
            operator: operator.clone(),
            crash: *crash,
            write: write.clone(),
            restart_after_ms: *restart_after_ms,
            view: Restart::Later,
        }),
        _ => None,
    }
}

fn breaks<S: Course>(start: &S, choices: &[Choice], what: &str) -> bool {
    let mut run = start.clone();
    run.world_mut().set_trace_level(Level::Off);
    for choice in choices {
        run.world_mut().choose(choice.clone());
    }
    while run.failure().is_none() && run.step() {}
    run.failure().is_some_and(|failure| failure.what == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Write;

    #[test]
    fn what_does_not_matter_is_dropped_and_what_matters_stays() {
        let choice = |nth| Choice::LoseAnswer {
            operator: "operator-0".to_owned(),
            write: Write { request: "create pods default/demo-0".to_owned(), nth },
        };

        let fewest = fewest((1..=6).map(choice).collect(), |choices| {
            choices.contains(&choice(2)) && choices.contains(&choice(5))
        });

        assert_eq!(fewest, [choice(2), choice(5)]);
    }
}

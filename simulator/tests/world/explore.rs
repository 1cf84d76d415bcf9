//! The crash sweep finds what the plain run does not, shows as little as breaks it, and joins what it knows.

use drydock_operator_api::core::ConfigMap;
use drydock_operator_core::controllers::Controller;
use drydock_operator_core::plan::Plan;
use drydock_simulator::World;
use drydock_simulator::choice::{Choice, Crash};
use drydock_simulator::explore::Course;
use drydock_simulator::explore::crash::{Options, sweep};
use drydock_simulator::explore::shrink::fewest;

use crate::toy::{self, ToRest, is_done, parent, secrets};

fn story(controllers: fn() -> Vec<Controller>, claim: fn(&World) -> Result<(), String>) -> ToRest {
    let mut world = toy::world(controllers, |config| config.examples = 1);
    world.submit(parent(3));
    ToRest::new(world, claim)
}

fn three_and_done(world: &World) -> Result<(), String> {
    match (secrets(world), is_done(world)) {
        (3, true) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn every_crash_point_of_a_correct_operator_ends_alike() {
    let story = story(toy::good, three_and_done);

    let report = sweep(&story, &Options::default(), |_| true);

    assert_eq!(report.default_failure, None);
    assert_eq!(
        (report.branches, report.broken, report.distinct_ends),
        (4 * 3, 0, 1),
        "{report:#?}"
    );
    assert!(report.joined > 8, "{report:#?}");
}

/// Names what it creates after the time, and notes the name afterwards: a crash in between forgets it.
fn forgetful() -> Vec<Controller> {
    toy::controllers_of(|view, key, now| {
        let mut plan = Plan::default();
        let Some(parent) = view.get::<ConfigMap>(&key.namespace, &key.name) else { return plan };
        if parent.metadata.label("toy").is_some() && parent.metadata.annotation("made").is_none() {
            let name = format!("made-{}", now.as_millisecond());
            plan.actions.push(toy::create(&parent, &name));
            plan.actions.push(toy::annotate(&parent, "made", &name));
        }
        plan
    })
}

fn one_secret(world: &World) -> Result<(), String> {
    if secrets(world) == 1 { Ok(()) } else { Err(format!("{} secrets", secrets(world))) }
}

#[test]
fn a_bug_that_needs_a_crash_is_found_by_the_sweep_and_not_by_the_plain_run() {
    let story = story(forgetful, one_secret);
    let mut plain = story.clone();
    while plain.step() {}
    assert_eq!(plain.failure(), None);

    let report = sweep(&story, &Options::default(), |_| true);

    assert!(report.broken > 0, "{report:#?}");
    let [finding] = report.findings.as_slice() else { panic!("one way to break: {report:#?}") };
    assert_eq!(finding.failure.message, "2 secrets");
    let [Choice::KillOperator { .. } | Choice::LoseAnswer { .. }] = finding.choices.as_slice()
    else {
        panic!("one choice is enough: {:?}", finding.choices)
    };

    let text = serde_json::to_string(&finding.choices).expect("choices can be written");
    let again: Vec<Choice> = serde_json::from_str(&text).expect("and read");
    let mut replayed = story;
    for choice in again {
        replayed.world_mut().choose(choice);
    }
    while replayed.failure().is_none() && replayed.step() {}
    assert_eq!(replayed.failure().map(|failure| failure.message).as_deref(), Some("2 secrets"));
}

#[test]
fn a_bug_that_needs_a_stale_view_is_found_by_stale_views() {
    // Longer than an operator waits for its own writes to show.
    let options = Options { crashes: false, stale_by_ms: Some(10_000), ..Options::default() };

    let report = sweep(&story(forgetful, one_secret), &options, |_| true);

    assert_eq!(report.branches, 2, "one for each write: {report:#?}");
    let [finding] = report.findings.as_slice() else { panic!("one way to break: {report:#?}") };
    assert!(finding.failure.message.ends_with(" secrets"), "{report:#?}");
    assert!(matches!(finding.choices.as_slice(), [Choice::DelayView { .. }]), "{report:#?}");
    let good = sweep(&story(toy::good, three_and_done), &options, |_| true);
    assert_eq!((good.branches, good.broken), (4, 0), "{good:#?}");
}

#[test]
fn a_write_that_is_slow_is_a_branch() {
    let options = Options { crashes: false, slow_by_ms: Some(10_000), ..Options::default() };

    let report = sweep(&story(toy::good, three_and_done), &options, |_| true);

    assert_eq!((report.branches, report.broken, report.distinct_ends), (4, 0, 1), "{report:#?}");
    assert_eq!(
        report.joined, 4,
        "only a branch that took another course can come back: {report:#?}"
    );
}

#[test]
fn a_kill_is_told_in_words() {
    let story = story(forgetful, one_secret);

    let report = sweep(&story, &Options::default(), |_| true);

    let choice = &report.findings[0].choices[0];
    let text = choice.to_string();
    assert!(
        text.contains("operator-0") && text.contains("1st `create secrets default/made-"),
        "{text}"
    );
    let same = fewest(vec![choice.clone()], |choices| !choices.is_empty());
    assert_eq!(same, std::slice::from_ref(choice));
    assert!(
        !matches!(choice, Choice::KillOperator { crash: Crash::Before, .. }),
        "nothing is forgotten before it is done"
    );
}

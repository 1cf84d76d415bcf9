//! Each deviation bites, and a repro of a run that deviates holds it and takes the same course again.

use drydock_scenarios::{Source, load};
use drydock_simulator::choice::{Choice, Write};
use drydock_simulator::repro::{Course, Repro};
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Outcome, Run, Story};
use jiff::SignedDuration;

const SCENARIO: &str = "
about: A component of one pod comes up.
given: { objects: [objects.yaml] }
steps:
- wait: { object: cluster/demo, until: { status: { phase: Running } }, within: 5m }
";

const OBJECTS: &str = "
apiVersion: apps.kubeblocks.io/v1
kind: ComponentDefinition
metadata: { name: tiny-1 }
spec:
  serviceKind: tiny
  serviceVersion: 1.0.0
  runtime: { containers: [{ name: tiny, image: 'tiny:1' }] }
---
apiVersion: apps.kubeblocks.io/v1
kind: Cluster
metadata: { name: demo, namespace: default }
spec:
  terminationPolicy: Delete
  componentSpecs:
  - name: store
    componentDef: tiny-1
    replicas: 1
    resources: { requests: { cpu: 100m, memory: 64Mi }, limits: { cpu: 100m, memory: 64Mi } }
";

/// The run to its end, and how long the Cluster took.
fn run(choices: Vec<Choice>) -> (Run, SignedDuration) {
    let scenario = load("my.yaml", &|path| match path {
        "my.yaml" => Ok(SCENARIO.to_owned()),
        "objects.yaml" => Ok(OBJECTS.to_owned()),
        other => Err(format!("no {other}")),
    });
    let scenario = scenario.expect("a scenario");
    let options = Options { trace: Level::Request, choices, ..Options::default() };
    let mut run = Run::new(Story::new(scenario, options)).expect("it can be told");
    assert_eq!(*run.finish(), Outcome::Passed);
    let took = run.held().front().expect("a claim that held").at.duration_since(run.world.epoch());
    (run, took)
}

/// By how much the choice delays the Cluster. Its repro takes the same course; without the choice it would not.
fn delay(choice: Choice, words: &str) -> SignedDuration {
    let (plain, usual) = run(Vec::new());
    let (deviating, took) = run(vec![choice.clone()]);
    assert!(deviating.world.has_deviated(), "{choice}");
    assert_ne!(deviating.world.trace_hash(), plain.world.trace_hash());

    let text = Repro::of(&deviating).to_text();
    assert!(text.contains(words), "{text}");
    let repro = Repro::parse(&Source::new("my.repro", text)).expect("what was written");
    assert_eq!(repro.deviations, [choice]);
    let replay = |repro: &Repro| {
        let story = repro.story(Level::Request).expect("the scenario is in it");
        let mut again = Run::new(story).expect("it can be told");
        again.finish();
        (again.world.trace_hash(), repro.compare(&again))
    };
    assert_eq!(replay(&repro), (deviating.world.trace_hash(), Course::Same));
    let (hash, course) = replay(&Repro { deviations: Vec::new(), ..repro });
    assert_eq!(hash, plain.world.trace_hash());
    assert!(matches!(course, Course::Differs { .. }), "{course:?}");
    took - usual
}

#[test]
fn a_slow_request_is_carried_out_late_and_is_told_so_in_the_repro() {
    let write = Write { request: "create pods default/demo-store-0".to_owned(), nth: 1 };
    let choice = Choice::SlowRequest { operator: "operator-0".to_owned(), write, by_ms: 20_000 };

    let late = delay(choice, "slow-request:");

    assert!((19..22).contains(&late.as_secs()), "{late:?}");
}

#[test]
fn a_view_that_is_delayed_shows_a_kind_late_and_the_repro_says_when() {
    let choice = Choice::DelayView {
        operator: "operator-0".to_owned(),
        kind: "Pod".to_owned(),
        by_ms: 30_000,
        from_ms: 0,
        for_ms: 60_000,
    };

    let late = delay(choice, "delay-view:");

    assert!((28..32).contains(&late.as_secs()), "{late:?}");
}

#[test]
fn a_view_is_delayed_only_for_its_time_and_its_kind() {
    for (kind, from_ms) in [("Pod", 3_600_000), ("Node", 0)] {
        let (_, usual) = run(Vec::new());
        let choice = Choice::DelayView {
            operator: "operator-0".to_owned(),
            kind: kind.to_owned(),
            by_ms: 30_000,
            from_ms,
            for_ms: 60_000,
        };

        assert_eq!(run(vec![choice]).1, usual, "{kind}");
    }
}

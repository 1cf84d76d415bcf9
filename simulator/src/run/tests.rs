use drydock_scenarios::load;

use super::*;

const OBJECTS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: { name: a, namespace: elsewhere }
data: { key: one }
colour: blue
";

fn run(scenario: &str) -> Run {
    prepared(scenario).unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn prepared(scenario: &str) -> Result<Run, Mistake> {
    let text =
        format!("about: A test.\ngiven: {{ operator: none, namespace: elsewhere }}\n{scenario}");
    let scenario = load("my.yaml", &|path| match path {
        "my.yaml" => Ok(text.clone()),
        "objects.yaml" => Ok(OBJECTS.to_owned()),
        other => Err(format!("no {other}")),
    })?;
    Run::new(Story::new(scenario, Options { trace: Level::Story, ..Options::default() }))
}

fn failure(run: &mut Run) -> String {
    match run.finish() {
        Outcome::Failed(failures) => failures[0].to_string(),
        other => panic!("it was to fail: {other:?}"),
    }
}

#[test]
fn a_story_applies_patches_and_deletes_and_its_claims_hold_as_early_as_they_can() {
    let mut run = run("steps:
- apply: objects.yaml
- expect: { object: configmap/a, gone: true, within: 10m }
- wait: { object: configmap/a, until: { data: { key: one } } }
- patch: { object: cm/a, to: { data: { key: two } } }
- wait: { object: configmaps/a, until: { data: { key: two } }, within: 1s }
- advance: { to: 3m }
- delete: { object: configmap/a }
- settle: {}
");

    assert_eq!(*run.finish(), Outcome::Passed);

    let held: Vec<_> = run
        .held()
        .iter()
        .map(|held| (held.sentence.as_str(), (held.after.as_millis() + 500) / 1000))
        .collect();
    assert_eq!(
        held,
        [
            ("configmap/a has data.key one", 0),
            ("configmaps/a has data.key two", 0),
            ("configmap/a is gone", 180)
        ]
    );
}

#[test]
fn a_field_that_the_schema_lacks_is_named_with_its_line() {
    let mut run = run(
        "steps:\n- apply: objects.yaml\n- wait: { object: configmap/a, until: { data: { key: one } } }\n",
    );

    run.finish();

    let dropped: Vec<_> =
        run.dropped().iter().map(|d| (d.field.as_str(), d.file.as_str(), d.place.line)).collect();
    assert_eq!(dropped, [("colour", "objects.yaml", 6)]);
}

#[test]
fn a_claim_that_does_not_hold_in_time_says_what_was_found() {
    let mut run = run(
        "steps:\n- apply: objects.yaml\n- wait: { object: configmap/a, until: { data: { key: two } }, within: 30s }\n",
    );

    assert_eq!(failure(&mut run), "configmap/a has data.key two: data.key is one, not two");
    assert!(
        run.elapsed() >= SignedDuration::from_secs(30),
        "it was given its time: {:?}",
        run.elapsed()
    );
}

#[test]
fn nothing_that_is_expected_is_waited_for_when_nothing_moves() {
    let mut run = run(
        "steps:\n- expect: { object: pod/never, until: { status: { phase: Running } }, within: 100h }\n- settle: { within: 200h }\n",
    );

    assert_eq!(
        failure(&mut run),
        "pod/never is Running: it does not exist, and nothing moves any more"
    );
}

#[test]
fn a_story_in_which_the_operator_wrote_nothing_shows_nothing() {
    let scenario = load("my.yaml", &|_| {
        Ok("about: x\nsteps:\n- expect: { object: pod/never, gone: true }\n".to_owned())
    });
    let mut run = Run::new(Story::new(scenario.unwrap(), Options::default())).unwrap();

    assert_eq!(*run.finish(), Outcome::Failed(vec![Failure::NoWrites]));
}

#[test]
fn what_this_world_does_not_know_is_refused_before_anything_runs() {
    let first_line = |scenario: &str| {
        prepared(scenario).err().unwrap().to_string().lines().next().unwrap().to_owned()
    };

    assert_eq!(
        first_line("steps:\n- wait: { object: clutser/a, gone: true }\n"),
        "my.yaml:4:19: unknown kind `clutser`; did you mean `cluster`?"
    );
    assert_eq!(
        first_line(
            "invariants: [at-most-one-prmary]\nsteps:\n- wait: { object: pod/a, gone: true }\n"
        ),
        "my.yaml:3:14: unknown invariant `at-most-one-prmary`; did you mean `at-most-one-primary`?"
    );
}

#[test]
fn a_run_that_is_cloned_half_way_ends_as_the_original_does() {
    let mut run = run(
        "steps:\n- apply: objects.yaml\n- wait: { object: configmap/a, until: { data: { key: one } } }\n- advance: 5m\n",
    );
    run.run_until(run.world.epoch() + SignedDuration::from_secs(90));

    let mut copy = run.clone();
    run.finish();
    copy.finish();

    assert_eq!(run.outcome(), Some(&Outcome::Passed));
    assert_eq!(run.world.trace_hash(), copy.world.trace_hash());
}

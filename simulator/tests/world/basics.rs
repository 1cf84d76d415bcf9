//! The world as a value, with a toy operator in it.

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_scenarios::Fault;
use drydock_simulator::operator::StartView;
use drydock_simulator::trace::Level;
use drydock_simulator::world::Settled;
use drydock_simulator::{World, WorldConfig};
use jiff::SignedDuration;
use serde_json::json;

use crate::toy::{self, is_done, parent, secrets};

const SECRETS: Gvr = Gvr::new("", "v1", "secrets");

fn provisioned(seed: u64) -> World {
    let mut world = toy::world(toy::good, |config| config.seed = seed);
    world.request(parent(3));
    world.settle(SignedDuration::from_mins(5));
    world
}

#[test]
fn an_operator_in_the_world_brings_about_what_is_wanted_and_then_rests() {
    let mut world = toy::world(toy::good, |_| {});

    world.request(parent(3));
    let settled = world.settle(SignedDuration::from_mins(5));

    assert!(matches!(settled, Settled::AtRest(_)), "{settled:?}");
    assert_eq!((secrets(&world), is_done(&world)), (3, true));
    assert_eq!(world.counts().total_writes(), 4);
    assert_eq!(world.counts().idle_writes, 0);
    assert!(world.broken().is_empty(), "{:?}", world.broken());
}

#[test]
fn a_seed_decides_the_trace_whether_it_is_kept_or_not() {
    for seed in 0..200 {
        let one = provisioned(seed);
        let mut silent = toy::world(toy::good, |config| {
            config.seed = seed;
            config.trace = Level::Off;
        });
        silent.request(parent(3));
        silent.settle(SignedDuration::from_mins(5));

        assert_eq!(one.trace_hash(), silent.trace_hash(), "seed {seed}");
        assert_ne!(one.trace_hash(), provisioned(seed + 1000).trace_hash(), "seed {seed}");
    }
}

#[test]
fn a_clone_at_any_event_goes_on_as_the_original_does() {
    let mut world = toy::world(toy::good, |_| {});
    world.submit(parent(3));
    let mut clones = Vec::new();
    while !is_done(&world) {
        clones.push(world.clone());
        world.step().expect("there is something to do");
    }
    let end = world.now();

    for (at, mut clone) in clones.into_iter().enumerate() {
        while !is_done(&clone) {
            clone.step().expect("there is something to do");
        }
        assert_eq!(
            (clone.now(), clone.trace_hash(), clone.state_hash()),
            (end, world.trace_hash(), world.state_hash()),
            "clone {at}"
        );
    }
}

#[test]
fn worlds_that_differ_in_latencies_only_end_in_the_same_state() {
    let (one, other) = (provisioned(1), provisioned(2));

    assert_ne!(one.trace_hash(), other.trace_hash());
    assert_eq!(one.state_hash(), other.state_hash());
    assert_eq!(one.end_hash(), other.end_hash());
}

#[test]
fn worlds_that_differ_in_an_object_are_in_different_states() {
    let one = provisioned(1);
    let mut other = toy::world(toy::good, |_| {});
    other.request(parent(2));
    other.settle(SignedDuration::from_mins(5));

    assert_ne!(one.state_hash(), other.state_hash());
    assert_ne!(one.end_hash(), other.end_hash());
}

#[test]
fn an_operator_that_is_killed_carries_on_where_the_objects_stand() {
    let mut world = toy::world(toy::good, |_| {});
    world.submit(parent(3));
    while secrets(&world) < 2 {
        world.step().expect("there is something to do");
    }

    world.kill_operator(
        0,
        SignedDuration::from_secs(5),
        StartView::AsKilled(SignedDuration::from_secs(3)),
    );
    world.run_until(toy::after(8, &world));

    assert_eq!((secrets(&world), is_done(&world)), (2, false), "it only sees what it had seen");
    world.settle(SignedDuration::from_mins(5));
    assert_eq!((secrets(&world), is_done(&world)), (3, true));
}

#[test]
fn a_key_that_is_woken_before_the_view_shows_what_it_wrote_goes_on_waiting() {
    let by = SignedDuration::from_secs(2);
    let mut world = toy::world(toy::good, |_| {});
    let lag = Fault::WatchLag { kind: "ConfigMap".to_owned(), by };
    world.inject(&lag).expect("it can strike");
    world.submit(parent(1));
    while !is_done(&world) {
        world.step().expect("there is something to do");
    }

    for value in ["one", "two", "three"] {
        let patch = Tree::from_value(json!({ "metadata": { "labels": { "woken": value } } }));
        world.submit(Request::merge_patch(SECRETS, "default", "demo-0", patch));
        world.run_until(world.now() + SignedDuration::from_millis(200));
    }
    world.settle(SignedDuration::from_mins(5));

    assert_eq!((world.counts().total_writes(), world.counts().idle_writes), (2, 0));
}

#[test]
fn a_mark_that_a_pass_left_wakes_nobody_and_all_else_does() {
    let mut world = toy::world(toy::good, |_| {});
    let mut passes_after = |request: Request| {
        let before = world.counts().total_reconciles();
        world.request(request);
        world.settle(SignedDuration::from_mins(5));
        world.counts().total_reconciles() - before
    };
    let annotate = |annotations: serde_json::Value| {
        let patch = Tree::from_value(json!({ "metadata": { "annotations": annotations } }));
        Request::merge_patch(toy::CONFIG_MAPS, "default", "demo", patch)
    };

    assert!(passes_after(parent(1)) > 0);
    assert_eq!(passes_after(annotate(json!({ "kubeblocks.io/event-handled": "1" }))), 0);
    assert_eq!(passes_after(annotate(json!({ "kubeblocks.io/event-handled": "2" }))), 0);
    let gone = passes_after(annotate(json!({ "kubeblocks.io/event-handled": null })));
    assert_eq!(gone, 1, "no pass takes its mark away: what was handled may have to be again");
    let more = json!({ "kubeblocks.io/event-handled": "3", "kubeblocks.io/restart": "now" });
    assert_eq!(passes_after(annotate(more)), 1);
    let delete = Request::delete(toy::CONFIG_MAPS, "default", "demo");
    assert!(passes_after(delete) > 0, "that it is gone is news, whatever it carried");
}

#[test]
fn background_ticks_do_not_keep_a_world_from_rest() {
    let mut world =
        World::new(WorldConfig { examples: 3, operators: Vec::new(), ..WorldConfig::default() });

    let settled = world.settle(SignedDuration::from_mins(5));

    assert!(matches!(settled, Settled::AtRest(_)), "{settled:?}");
    assert!(world.next_at().is_some());
}

//! Each fault bites, and the toy operator survives it.

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator_api::Resource;
use drydock_operator_api::core::{ConfigMap, Secret};
use drydock_operator_core::plan::{Action, Call, Plan};
use drydock_scenarios::{Fault, NodeChoice, Requests};
use drydock_simulator::World;
use drydock_simulator::operator::Pass;
use jiff::SignedDuration;
use serde_json::json;

use crate::toy::{self, is_done, parent, secrets};

fn requests(verb: &str, kind: &str, times: u32) -> Requests {
    Requests { verb: Some(verb.to_owned()), kind: Some(kind.to_owned()), times }
}

fn run_with(fault: &Fault) -> World {
    let mut world = toy::world(toy::good, |_| {});
    world.inject(fault).expect("it can strike");
    world.request(parent(3));
    world.settle(SignedDuration::from_mins(20));
    assert_eq!((secrets(&world), is_done(&world)), (3, true), "a correct operator survives");
    world
}

fn passes(world: &World, pass: Pass) -> u64 {
    world.counts().passes.get(&pass).copied().unwrap_or(0)
}

#[test]
fn an_api_error_fails_a_pass_before_anything_is_stored() {
    let world = run_with(&Fault::ApiError { code: 503, requests: requests("create", "Secret", 2) });

    assert_eq!(passes(&world, Pass::Failed), 2);
    assert_eq!(world.faults()[0].hits, 2);
    assert_eq!(
        world.counts().requests["create"],
        5 + 1,
        "three creates, two refused, and an Event with the warning"
    );
}

#[test]
fn a_lost_reply_leaves_the_write_and_fails_the_pass() {
    let world = run_with(&Fault::LostReply { requests: requests("create", "secrets", 1) });

    assert_eq!(passes(&world, Pass::Failed), 1);
    assert!(world.counts().writes["secrets"] <= 4, "what was stored is tried again once at most");
}

#[test]
fn a_conflict_makes_the_operator_look_again() {
    let world = run_with(&Fault::Conflict { requests: requests("patch", "ConfigMap", 1) });

    assert_eq!(passes(&world, Pass::Conflict), 1);
    assert_eq!(world.counts().conflicts, 1);
}

#[test]
fn a_slow_request_is_carried_out_late() {
    let mut world = toy::world(toy::good, |_| {});
    let by = SignedDuration::from_secs(20);
    world
        .inject(&Fault::SlowRequest { by, requests: requests("create", "Secret", 1) })
        .expect("it can strike");
    world.request(parent(1));

    world.run_until(toy::after(19, &world));
    assert_eq!(secrets(&world), 0);
    world.run_until(toy::after(2, &world));
    assert_eq!(secrets(&world), 1);
}

#[test]
fn a_lagging_watch_shows_the_operator_old_objects() {
    let mut world = toy::world(toy::good, |_| {});
    let by = SignedDuration::from_secs(10);
    world.inject(&Fault::WatchLag { kind: "ConfigMap".to_owned(), by }).expect("it can strike");
    world.request(parent(1));

    world.run_until(toy::after(9, &world));
    assert_eq!(secrets(&world), 0);
    world.run_until(toy::after(2, &world));
    assert_eq!(secrets(&world), 1);
}

#[test]
fn a_restart_loses_what_the_operator_had_in_memory() {
    let mut world = toy::world(toy::good, |_| {});
    world.request(parent(3));
    world.settle(SignedDuration::from_mins(5));
    let reconciles = world.counts().total_reconciles();

    world.inject(&Fault::OperatorRestart).expect("it can strike");
    assert!(!world.operators()[0].alive);
    world.settle(SignedDuration::from_mins(5));

    assert!(world.operators()[0].alive);
    assert!(world.counts().total_reconciles() > reconciles, "it looks at everything again");
    assert_eq!(world.counts().total_writes(), 4, "and writes nothing");
}

fn lists_secrets() -> Vec<drydock_operator_core::controllers::Controller> {
    toy::controllers_of(|view, key, now| {
        let mut plan: Plan = toy::decide(view, key, now);
        let call = Call::List { kind: toy::kind::<Secret>(), namespace: key.namespace.clone() };
        plan.actions.insert(0, Action { because: "toy", call });
        plan
    })
}

#[test]
fn a_group_that_is_not_served_is_no_match_for_the_client() {
    let mut world = toy::world(lists_secrets, |_| {});
    world.request(parent(1));

    world
        .inject(&Fault::ApiGroupNotServed { group_version: "v1".to_owned() })
        .expect("it can strike");
    world.run_until(toy::after(60, &world));

    let trouble = world.operators()[0].keys()[0].trouble.clone().expect("its pass fails");
    assert_eq!(&*trouble.message, "no matches for kind \"Secret\" in version \"v1\"");
    assert!(trouble.count > 5, "{trouble:?}");

    world.heal(None);
    world.settle(SignedDuration::from_mins(30));
    assert_eq!((secrets(&world), is_done(&world)), (1, true));
}

#[test]
fn a_node_that_is_down_is_down_for_the_actors_until_it_is_healed() {
    let mut world = toy::world(toy::good, |config| config.nodes = 0);
    let node = json!({ "metadata": { "name": "node-9" } });
    world.request(Request::create(Gvr::new("", "v1", "nodes"), "", Tree::from_value(node)));
    let down = Fault::NodeDown(NodeChoice::Named("node-9".to_owned()));

    world.inject(&down).expect("the node exists");
    assert!(world.node_is_down("node-9"));
    world.heal(Some("node-down"));
    assert!(!world.node_is_down("node-9"));

    let unknown = Fault::NodeDown(NodeChoice::Named("node-10".to_owned()));
    assert!(world.inject(&unknown).is_err());
    assert_eq!(ConfigMap::kind().kind, "ConfigMap");
}

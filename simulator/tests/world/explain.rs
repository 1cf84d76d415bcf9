//! Chains of waits, and where they end.

use drydock_operator_api::Resource;
use drydock_operator_api::core::{ConfigMap, Secret};
use drydock_operator_core::controllers::Controller;
use drydock_operator_core::plan::{Action, Call, Plan, Reference, Wait, Whose};
use drydock_operator_core::view::Key;
use drydock_scenarios::Fault;
use drydock_simulator::World;
use drydock_simulator::explain::{Chain, Ending, chain};

use crate::toy::{self, parent};

fn demo(world: &World) -> Chain {
    chain(world, &Reference::new(ConfigMap::kind(), Key::new("default", "demo")))
}

fn lists_secrets() -> Vec<Controller> {
    toy::controllers_of(|_, key, now| {
        let call = Call::List { kind: Secret::kind(), namespace: key.namespace.clone() };
        let requeue_at = Some(now + jiff::SignedDuration::from_secs(1));
        Plan { actions: vec![Action { because: "toy", call }], requeue_at, ..Plan::default() }
    })
}

#[test]
fn a_chain_ends_at_the_call_that_fails_and_says_how_often() {
    let mut world = toy::world(lists_secrets, |_| {});
    world.request(parent(1));
    world
        .inject(&Fault::ApiGroupNotServed { group_version: "v1".to_owned() })
        .expect("it can strike");
    world.run_until(toy::after(60, &world));

    let chain = demo(&world);

    assert_eq!(chain.ending, Ending::Open(Whose::Operator));
    let [link] = &chain.links[..] else { panic!("{chain:#?}") };
    assert_eq!(link.object, "configmap/demo");
    assert!(
        link.text.starts_with("its controller (toy-controller) has failed ")
            && link.text.contains("times since 0:0"),
        "{}",
        link.text
    );
    assert_eq!(link.details[0], "list secrets: no matches for kind \"Secret\" in version \"v1\"");
    assert_eq!(link.details[1], "this server (Kubernetes 1.34) does not serve it in any version");
    assert_eq!(chain.verdict, "it asks for a kind that this server does not have");
}

fn waits_for_secret() -> Vec<Controller> {
    toy::controllers_of(|_, key, _| {
        let on = Reference::new(Secret::kind(), Key::new(&*key.namespace, "password"));
        let wait = Wait {
            on,
            until: "to exist".into(),
            because: "the user makes it".into(),
            whose: Whose::User,
        };
        Plan { waits: vec![wait], ..Plan::default() }
    })
}

#[test]
fn a_chain_ends_at_what_is_missing_and_says_whose_it_is() {
    let mut world = toy::world(waits_for_secret, |_| {});
    world.request(parent(1));
    world.run_until(toy::after(60, &world));

    let chain = demo(&world);

    assert_eq!(chain.ending, Ending::Open(Whose::User));
    let lines: Vec<_> =
        chain.links.iter().map(|link| (link.object.as_str(), link.text.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("configmap/demo", "waits for secret/password to exist (the user makes it)"),
            ("secret/password", "does not exist"),
        ]
    );
}

fn each_waits_for_the_next() -> Vec<Controller> {
    toy::controllers_of(|_, key, _| {
        let next = if key.name == "demo" { "other" } else { "demo" };
        let on = Reference::new(ConfigMap::kind(), Key::new(&*key.namespace, next));
        let wait =
            Wait { on, until: "to be done".into(), because: "".into(), whose: Whose::Operator };
        Plan { waits: vec![wait], ..Plan::default() }
    })
}

#[test]
fn a_circle_is_shown_as_one() {
    let mut world = toy::world(each_waits_for_the_next, |_| {});
    world.request(parent(1));
    let other = serde_json::json!({ "metadata": { "name": "other" } });
    world.request(drydock_apiserver::Request::create(
        toy::CONFIG_MAPS,
        "default",
        drydock_apiserver::Tree::from_value(other),
    ));
    world.run_until(toy::after(10, &world));

    let chain = demo(&world);

    let circle =
        ["configmap/demo", "configmap/other", "configmap/demo"].map(str::to_owned).to_vec();
    assert_eq!(chain.ending, Ending::Circle(circle));
    assert_eq!(chain.links.len(), 2, "{chain:#?}");
}

#[test]
fn what_waits_for_nothing_has_no_chain() {
    let mut world = toy::world(toy::good, |_| {});
    world.request(parent(1));
    world.settle(jiff::SignedDuration::from_mins(5));

    assert_eq!(demo(&world).ending, Ending::Nothing);
}

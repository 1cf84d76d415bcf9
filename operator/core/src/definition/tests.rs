//! The controllers of definitions against a map of objects.

use drydock_operator_api::apps::{
    Cluster, ClusterDefinition, Component, ComponentDefinition, ComponentVersion, DefinitionPhase,
    SidecarDefinition,
};
use drydock_operator_api::core::ConfigMap;
use drydock_operator_api::rbac::ClusterRole;
use drydock_operator_api::{ObjectMeta, Resource};
use serde_json::{Value, json};

use super::Definition;
use crate::controllers::{self, Controller};
use crate::fixture::{Objects, at};
use crate::plan::{Plan, Whose};
use crate::settings::Settings;
use crate::view::{Key, View};

#[test]
fn a_cluster_definition_is_available_once_its_components_are_defined() {
    let mut world = Objects::default();
    world.insert::<ClusterDefinition>(&object(json!({
        "metadata": { "name": "redis", "generation": 1 },
        "spec": { "topologies": [
            { "name": "replication", "components": [{ "name": "redis", "compDef": r"^redis-\d" }] },
            { "name": "alone", "components": [{ "name": "redis", "compDef": r"^redis-\d" }] },
        ] },
    })));

    let before = pass::<ClusterDefinition>(&mut world, "redis");
    world.insert(&component_definition(&json!({})));
    pass::<ClusterDefinition>(&mut world, "redis");
    let after = get::<ClusterDefinition>(&world, "redis");

    assert_eq!(before.findings.len(), 1);
    assert_eq!(before.waits[0].whose, Whose::User);
    assert_eq!(after.status.phase, Some(DefinitionPhase::Available));
    assert_eq!(after.status.topologies, "alone,replication");
    assert_eq!(pass::<ClusterDefinition>(&mut world, "redis"), Plan::default());
}

#[test]
fn an_order_names_each_component_once() {
    for order in [json!(["a"]), json!(["a", "b", "b"]), json!(["a", "b", "c"])] {
        let mut world = Objects::default();
        world.insert(&component_definition(&json!({})));
        world.insert::<ClusterDefinition>(&object(json!({
            "metadata": { "name": "redis", "generation": 1 },
            "spec": { "topologies": [{
                "name": "t",
                "components": [{ "name": "a", "compDef": "redis" }, { "name": "b", "compDef": "redis" }],
                "orders": { "provision": order },
            }] },
        })));

        pass::<ClusterDefinition>(&mut world, "redis");

        let status = get::<ClusterDefinition>(&world, "redis").status;
        assert_eq!(status.phase, Some(DefinitionPhase::Unavailable));
        assert!(status.message.contains("orders.provision"), "{}", status.message);
    }
}

#[test]
fn a_definition_in_use_stays_until_its_last_user_is_gone() {
    let mut world = Objects::default();
    world.insert::<ClusterDefinition>(&object(json!({
        "metadata": { "name": "redis", "generation": 1, "deletionTimestamp": at(1),
                      "finalizers": [ClusterDefinition::FINALIZER] },
    })));
    let user: Cluster = object(json!({
        "metadata": { "name": "demo", "namespace": "default",
                      "labels": { "clusterdefinition.kubeblocks.io/name": "redis" } },
    }));
    world.insert(&user);

    let held = pass::<ClusterDefinition>(&mut world, "redis");
    world.remove::<Cluster>("default", "demo");
    let woken = woken(&world, "cluster-definition-controller", &user);
    pass::<ClusterDefinition>(&mut world, "redis");

    assert_eq!(held.actions, []);
    assert_eq!(held.waits[0].on.to_string(), "cluster/demo");
    assert_eq!(woken, [Key::new("", "redis")]);
    assert_eq!(world.names(ClusterDefinition::kind()), Vec::<&str>::new());
}

#[test]
fn a_definition_that_stays_does_not_care_who_uses_it() {
    let mut world = Objects::default();
    world.insert(&component_definition(&json!({})));
    let user: Component = object(json!({
        "metadata": { "name": "demo-redis", "namespace": "default",
                      "labels": { "componentdefinition.kubeblocks.io/name": "redis-7" } },
    }));

    assert_eq!(woken(&world, "component-definition-controller", &user), []);
    world.insert(&ComponentDefinition {
        metadata: ObjectMeta {
            deletion_timestamp: Some(at(1)),
            ..component_definition(&json!({})).metadata
        },
        ..component_definition(&json!({}))
    });
    assert_eq!(woken(&world, "component-definition-controller", &user), [Key::new("", "redis-7")]);
}

#[test]
fn a_template_that_comes_later_is_enough() {
    let mut world = Objects::default();
    world.insert(&component_definition(&json!({
        "configs": [{ "name": "conf", "template": "redis-conf", "namespace": "kb" }],
    })));

    pass::<ComponentDefinition>(&mut world, "redis-7");
    let before = get::<ComponentDefinition>(&world, "redis-7").status;
    let template: ConfigMap =
        object(json!({ "metadata": { "name": "redis-conf", "namespace": "kb" } }));
    world.insert(&template);
    let woken = woken(&world, "component-definition-controller", &template);
    pass::<ComponentDefinition>(&mut world, "redis-7");

    assert_eq!(before.phase, Some(DefinitionPhase::Unavailable));
    assert_eq!(before.message, "configmap/redis-conf does not exist");
    assert_eq!(woken, [Key::new("", "redis-7")]);
    let after = get::<ComponentDefinition>(&world, "redis-7").status;
    assert_eq!(after.phase, Some(DefinitionPhase::Available));
}

#[test]
fn what_components_rest_on_does_not_change() {
    let mut world = Objects::default();
    world.insert(&component_definition(&json!({})));
    pass::<ComponentDefinition>(&mut world, "redis-7");

    edit(&mut world, |spec| spec["description"] = json!("other words"));
    pass::<ComponentDefinition>(&mut world, "redis-7");
    let described = get::<ComponentDefinition>(&world, "redis-7").status;
    edit(&mut world, |spec| spec["serviceKind"] = json!("other"));
    pass::<ComponentDefinition>(&mut world, "redis-7");
    let changed = get::<ComponentDefinition>(&world, "redis-7").status;

    assert_eq!(described.phase, Some(DefinitionPhase::Available));
    assert_eq!(changed.phase, Some(DefinitionPhase::Unavailable));
    assert_eq!(changed.message, "immutable fields can't be updated");
}

#[test]
fn policy_rules_become_a_cluster_role() {
    let mut world = Objects::default();
    let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }]);
    world.insert(&component_definition(&json!({ "policyRules": rules })));

    pass::<ComponentDefinition>(&mut world, "redis-7");
    let second = pass::<ComponentDefinition>(&mut world, "redis-7");

    assert_eq!(json!(get::<ClusterRole>(&world, "kb-redis-7").rules), rules);
    assert_eq!(second, Plan::default());
}

#[test]
fn what_a_definition_must_not_say_is_named() {
    let service = |role: &str, ports: Value| json!({ "services": [{ "name": "s", "roleSelector": role, "spec": { "ports": ports } }] });
    let cases = [
        (json!({ "serviceVersion": "seven" }), "not a semantic version"),
        (json!({ "vars": [{ "name": "A" }, { "name": "A" }] }), "spec.vars has A twice"),
        (json!({ "roles": [{ "name": "a" }, { "name": "a" }] }), "spec.roles has a twice"),
        (service("", json!([])), "spec.services s has no ports"),
        (service("leader", json!([{ "port": 1 }])), "selects role leader"),
        (json!({ "systemAccounts": [{ "name": "root" }] }), "spec.systemAccounts root is no init"),
        (json!({ "podManagementPolicy": "Random" }), "spec.podManagementPolicy Random"),
        (json!({ "available": { "withRole": "leader" } }), "spec.available.withRole"),
        (
            json!({ "hostNetwork": { "containerPorts": [{ "container": "c", "ports": ["p"] }] } }),
            "names container c",
        ),
    ];
    for (spec, expected) in cases {
        let mut world = Objects::default();
        world.insert(&component_definition(&spec));

        pass::<ComponentDefinition>(&mut world, "redis-7");

        let status = get::<ComponentDefinition>(&world, "redis-7").status;
        assert!(status.message.contains(expected), "{:?} for {expected}", status.message);
    }
}

#[test]
fn versions_are_listed_newest_first_and_tell_which_definitions_they_fit() {
    let mut world = Objects::default();
    world.insert(&component_definition(&json!({})));
    world.insert::<ComponentVersion>(&object(json!({
        "metadata": { "name": "redis", "generation": 1, "labels": { "mine": "stays" },
                      "annotations": { "componentversion.kubeblocks.io/compatible-definitions": "gone" } },
        "spec": {
            "compatibilityRules": [{ "compDefs": ["^redis-"], "releases": ["a", "b", "c"] }],
            "releases": [
                { "name": "a", "serviceVersion": "7.2.9", "images": {} },
                { "name": "b", "serviceVersion": "7.2.10", "images": {} },
                { "name": "c", "serviceVersion": "7.2.10", "images": {} },
            ],
        },
    })));

    pass::<ComponentVersion>(&mut world, "redis");
    let second = pass::<ComponentVersion>(&mut world, "redis");

    let version = get::<ComponentVersion>(&world, "redis");
    assert_eq!(version.status.service_versions, "7.2.10,7.2.9");
    assert_eq!(version.metadata.label("redis-7"), Some("redis-7"));
    assert_eq!(version.metadata.label("mine"), Some("stays"));
    assert_eq!(second, Plan::default());
}

#[test]
fn a_sidecar_tells_whose_it_is_and_who_hosts_it() {
    let mut world = Objects::default();
    world.insert(&component_definition(&json!({})));
    world.insert::<ComponentDefinition>(&object(json!({ "metadata": { "name": "proxy-1" } })));
    world.insert::<SidecarDefinition>(&object(json!({
        "metadata": { "name": "s", "generation": 1 },
        "spec": { "name": "s", "owner": "proxy", "selectors": ["redis"], "containers": [] },
    })));

    pass::<SidecarDefinition>(&mut world, "s");

    let status = get::<SidecarDefinition>(&world, "s").status;
    assert_eq!((status.owners.as_str(), status.selectors.as_str()), ("proxy-1", "redis-7"));
    assert_eq!(status.phase, Some(DefinitionPhase::Available));
}

fn component_definition(spec: &Value) -> ComponentDefinition {
    let mut fields = json!({ "serviceVersion": "7.0.0", "runtime": { "containers": [] } });
    fields.as_object_mut().unwrap().append(&mut spec.as_object().unwrap().clone());
    object(json!({ "metadata": { "name": "redis-7", "generation": 1 }, "spec": fields }))
}

fn edit(world: &mut Objects, change: fn(&mut Value)) {
    let key = Key::new("", "redis-7");
    let value = world.value(ComponentDefinition::kind(), &key).unwrap();
    change(&mut value["spec"]);
    let generation = value["metadata"]["generation"].as_i64().unwrap();
    value["metadata"]["generation"] = json!(generation + 1);
}

/// One pass of the controller of this kind.
fn pass<D: Definition>(world: &mut Objects, name: &str) -> Plan {
    let controller = controller(|controller| (controller.root)() == D::kind());
    let plan = (controller.plan)(world, &Key::new("", name), at(0), &Settings::default());
    world.execute(plan.clone(), usize::MAX, at(0));
    plan
}

/// The keys that an event of this object wakes.
fn woken<T: Resource>(world: &Objects, name: &str, object: &T) -> Vec<Key> {
    use crate::controllers::Map;

    let controller = controller(|controller| controller.name == name);
    let watch = controller.watches.iter().find(|watch| (watch.kind)() == T::kind()).unwrap();
    match watch.map {
        Map::By(map) => map(world, object.meta()),
        Map::Root | Map::Owner => Vec::new(),
    }
}

fn controller(wanted: impl Fn(&Controller) -> bool) -> Controller {
    controllers::all().into_iter().find(wanted).expect("it is in the table")
}

fn get<T: Resource + Clone>(world: &Objects, name: &str) -> T {
    let found = (world as &dyn View).get::<T>("", name).expect("it was made");
    T::clone(&found)
}

fn object<T: Resource>(mut value: Value) -> T {
    value["metadata"]["uid"] = json!("uid");
    value["metadata"]["resourceVersion"] = json!("1");
    T::read(&value).expect("the wire form of its kind")
}

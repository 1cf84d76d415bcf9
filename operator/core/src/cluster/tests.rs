//! Clusters against a map of objects: whole passes, one after another.

use drydock_operator_api::apps::{
    Cluster, ClusterDefinition, ClusterPhase, Component, ComponentDefinition, ComponentVersion,
};
use drydock_operator_api::core::Service;
use drydock_operator_api::{Kind, Resource};
use insta::assert_yaml_snapshot;
use serde_json::{Value, json};

use super::{PROVISIONING_STARTED, load, reconcile};
use crate::condition;
use crate::fixture::{Objects, at};
use crate::plan::{Call, Plan, Whose};
use crate::settings::Settings;
use crate::view::{Key, View};

#[test]
fn what_was_chosen_is_stored_before_anything_is_made_of_it() {
    let mut world = redis(&json!({}));

    let first = pass(&mut world);
    let second = pass(&mut world);

    assert_yaml_snapshot!(calls(&first), @r#"
    - "PATCH Cluster/demo {\"metadata\":{\"finalizers\":[\"cluster.kubeblocks.io/finalizer\"],\"labels\":{\"clusterdefinition.kubeblocks.io/name\":\"redis\"},\"resourceVersion\":\"1\",\"uid\":\"demo-uid\"},\"spec\":{\"componentSpecs\":[{\"componentDef\":\"redis-8\",\"name\":\"redis\",\"ordinals\":{},\"podUpdatePolicy\":\"PreferInPlace\",\"replicas\":2,\"resources\":{},\"serviceVersion\":\"7.2.10\"},{\"componentDef\":\"redis-sentinel-7\",\"name\":\"redis-sentinel\",\"ordinals\":{},\"podUpdatePolicy\":\"PreferInPlace\",\"replicas\":3,\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"512Mi\"}},\"serviceVersion\":\"7.2.10\"}]}}"
    "#);
    assert_eq!(created(&second), ["Component/demo-redis-sentinel"]);
    let made = get::<Component>(&world, "demo-redis-sentinel");
    assert_eq!(made.metadata.annotation("kubeblocks.io/generation"), Some("2"));
    assert_yaml_snapshot!(json!(made.spec), @r"
    compDef: redis-sentinel-7
    ordinals: {}
    podUpdatePolicy: PreferInPlace
    replicas: 3
    resources:
      limits:
        cpu: 500m
        memory: 512Mi
    serviceVersion: 7.2.10
    terminationPolicy: Delete
    ");
}

#[test]
fn a_component_is_made_when_the_one_before_it_runs() {
    let mut world = redis(&json!({}));
    settle(&mut world);
    let before = plan(&world);
    become_(&mut world, "demo-redis-sentinel", "Running");

    let after = pass(&mut world);

    assert!(before.waits.iter().any(|wait| wait.on.key.name == "demo-redis-sentinel"
        && wait.until == "to be Running"
        && wait.because.contains("component redis is made after it")));
    assert_eq!(created(&after), ["Component/demo-redis"]);
}

#[test]
fn a_component_that_runs_what_was_wanted_before_does_not_let_the_next_one_in() {
    let mut world = redis(&json!({}));
    settle(&mut world);
    become_(&mut world, "demo-redis-sentinel", "Running");
    value::<Component>(&mut world, "demo-redis-sentinel")["metadata"]["generation"] = json!(7);

    let plan = pass(&mut world);

    assert_eq!(created(&plan), Vec::<String>::new());
}

#[test]
fn a_settled_cluster_needs_nothing() {
    let world = running();

    let plan = plan(&world);
    let cluster = get::<Cluster>(&world, "demo");

    assert_eq!(calls(&plan), Vec::<String>::new());
    assert_eq!(plan.waits, []);
    assert_eq!(cluster.status.phase, Some(ClusterPhase::Running));
    assert_yaml_snapshot!(json!(cluster.status), @r#"
    components:
      redis:
        observedGeneration: 2
        phase: Running
        upToDate: true
      redis-sentinel:
        observedGeneration: 2
        phase: Running
        upToDate: true
    conditions:
      - lastTransitionTime: "1970-01-01T00:00:00Z"
        message: "The operator has started the provisioning of Cluster: demo"
        observedGeneration: 2
        reason: PreCheckSucceed
        status: "True"
        type: ProvisioningStarted
      - lastTransitionTime: "1970-01-01T00:00:00Z"
        message: All components are available
        reason: Available
        status: "True"
        type: Available
      - lastTransitionTime: "1970-01-01T00:00:00Z"
        message: Successfully applied for resources
        observedGeneration: 2
        reason: ApplyResourcesSucceed
        status: "True"
        type: ApplyResources
      - lastTransitionTime: "1970-01-01T00:00:00Z"
        message: cluster demo is ready
        reason: ClusterReady
        status: "True"
        type: Ready
    observedGeneration: 2
    phase: Running
    "#);
}

#[test]
fn updates_follow_their_order() {
    let mut world = running();
    let specs = &mut value::<Cluster>(&mut world, "demo")["spec"]["componentSpecs"];
    specs[0]["replicas"] = json!(3);
    specs[1]["replicas"] = json!(5);
    raise(&mut world);

    let first = pass(&mut world);
    let second = pass(&mut world);
    become_(&mut world, "demo-redis-sentinel", "Running");
    let third = pass(&mut world);

    assert_eq!(patched::<Component>(&first), ["demo-redis-sentinel"]);
    assert_eq!(patched::<Component>(&second), Vec::<String>::new());
    assert_eq!(patched::<Component>(&third), ["demo-redis"]);
}

#[test]
fn what_others_wrote_into_a_component_stays() {
    let mut world = running();
    let component = value::<Component>(&mut world, "demo-redis");
    component["metadata"]["annotations"]["somebody"] = json!("else");
    component["spec"]["configs"] = json!([{ "name": "conf", "configMap": { "name": "made" } }]);
    value::<Cluster>(&mut world, "demo")["spec"]["componentSpecs"][0]["replicas"] = json!(3);
    raise(&mut world);
    settle(&mut world);
    become_(&mut world, "demo-redis-sentinel", "Running");

    settle(&mut world);

    let component = get::<Component>(&world, "demo-redis");
    assert_eq!(component.spec.replicas, 3);
    assert_eq!(component.spec.configs[0].name, "conf");
    assert_eq!(component.metadata.annotation("somebody"), Some("else"));
}

#[test]
fn a_newer_definition_changes_nothing_by_itself() {
    let mut world = running();
    world.insert(&definition("redis-9", "9.0.0"));

    let plan = plan(&world);

    assert_eq!(calls(&plan), Vec::<String>::new());
}

#[test]
fn another_version_is_looked_up_when_it_is_asked_for() {
    let mut world = running();
    let specs = &mut value::<Cluster>(&mut world, "demo")["spec"]["componentSpecs"];
    specs[0]["componentDef"] = json!("redis-");
    specs[0]["serviceVersion"] = json!("8.0.1");
    raise(&mut world);

    settle(&mut world);

    let spec = get::<Cluster>(&world, "demo").spec.component_specs[0].clone();
    assert_eq!((spec.component_def.as_str(), spec.service_version.as_str()), ("redis-8", "8.0.1"));
}

#[test]
fn deletion_follows_the_terminate_order_and_ends_with_the_finalizer() {
    let mut world = running();
    value::<Cluster>(&mut world, "demo")["spec"]["terminationPolicy"] = json!("WipeOut");
    delete(&mut world);

    let policy = pass(&mut world);
    let first = pass(&mut world);
    let held = plan(&world);
    gone(&mut world, "demo-redis-sentinel");
    let second = pass(&mut world);
    gone(&mut world, "demo-redis");
    let last = pass(&mut world);

    assert_eq!(patched::<Component>(&policy), ["demo-redis", "demo-redis-sentinel"]);
    assert_eq!(deleted(&policy), Vec::<String>::new());
    assert_eq!(deleted(&first), ["Component/demo-redis-sentinel"]);
    assert!(
        held.waits.iter().any(|wait| wait.because.contains("component redis is deleted after"))
    );
    assert_eq!(deleted(&second), ["Component/demo-redis"]);
    assert_eq!(patched::<Cluster>(&last), ["demo"]);
    assert!(world.get::<Cluster>("default", "demo").is_none());
}

trait Get {
    fn get<T: Resource>(&self, namespace: &str, name: &str) -> Option<std::sync::Arc<T>>;
}

impl Get for Objects {
    fn get<T: Resource>(&self, namespace: &str, name: &str) -> Option<std::sync::Arc<T>> {
        (self as &dyn View).get::<T>(namespace, name)
    }
}

#[test]
fn a_definition_that_is_gone_does_not_keep_a_cluster_from_going() {
    let mut world = running();
    world.remove::<ClusterDefinition>("", "redis");
    delete(&mut world);

    let plan = pass(&mut world);

    assert_eq!(deleted(&plan), ["Component/demo-redis", "Component/demo-redis-sentinel"]);
}

#[test]
fn do_not_terminate_keeps_everything_and_says_whose_it_is() {
    let mut world = running();
    value::<Cluster>(&mut world, "demo")["spec"]["terminationPolicy"] = json!("DoNotTerminate");
    raise(&mut world);
    settle(&mut world);
    become_(&mut world, "demo-redis-sentinel", "Running");
    settle(&mut world);
    become_(&mut world, "demo-redis", "Running");
    settle(&mut world);
    delete(&mut world);

    let plan = plan(&world);

    assert_eq!(calls(&plan), Vec::<String>::new());
    assert_eq!(plan.waits.len(), 1);
    assert_eq!(plan.waits[0].whose, Whose::User);
}

#[test]
fn a_missing_definition_is_a_condition_once_and_a_wait_as_long_as_it_lasts() {
    let mut world = redis(&json!({ "clusterDef": "no-such" }));

    let first = pass(&mut world);
    let second = plan(&world);

    let cluster = get::<Cluster>(&world, "demo");
    let told = condition::find(&cluster.status.conditions, PROVISIONING_STARTED).unwrap();
    assert_eq!((told.status.as_str(), told.reason.as_str()), ("False", "PreCheckFailed"));
    assert_eq!(told.message, "ClusterDefinition.apps.kubeblocks.io \"no-such\" not found");
    assert_eq!(first.findings.len(), 1);
    assert_eq!(calls(&second), Vec::<String>::new());
    assert_eq!(second.waits[0].on.to_string(), "clusterdefinition/no-such");
    assert_eq!(second.waits[0].whose, Whose::User);
}

#[test]
fn what_cannot_be_honoured_is_refused_in_words() {
    let entry = |name: &str| json!([{ "name": name, "replicas": 1 }]);
    let cases = [
        (json!({ "topology": "none" }), "ClusterDefinition redis has no topology none"),
        (
            json!({ "componentSpecs": entry("proxy") }),
            "spec.componentSpecs proxy is no component of topology replication",
        ),
        (
            json!({ "clusterDef": "", "topology": "", "componentSpecs": entry("redis") }),
            "spec.componentSpecs redis needs a componentDef, as there is no clusterDef",
        ),
        (
            json!({ "componentSpecs": [{ "name": "redis", "serviceVersion": "1.0.0" }] }),
            "no matched component definition found with componentDef \"^redis-\\d+\" and \
             serviceVersion \"1.0.0\"",
        ),
        (
            json!({ "shardings": [{ "name": "shard", "shards": 3 }] }),
            "spec.shardings is not supported yet",
        ),
    ];
    for (spec, message) in cases {
        let mut world = redis(&spec);

        settle(&mut world);

        let cluster = get::<Cluster>(&world, "demo");
        let told = condition::find(&cluster.status.conditions, PROVISIONING_STARTED).unwrap();
        assert_eq!(told.message, message);
        assert_eq!(world.names(Component::kind()), Vec::<&str>::new());
    }
}

#[test]
fn an_order_that_forgets_a_component_is_refused_before_anything_is_made() {
    let mut world = redis(&json!({}));
    let definition = value_of(&mut world, ClusterDefinition::kind(), "", "redis");
    definition["spec"]["topologies"][0]["orders"]["provision"] = json!(["redis"]);

    settle(&mut world);

    let cluster = get::<Cluster>(&world, "demo");
    let told = condition::find(&cluster.status.conditions, PROVISIONING_STARTED).unwrap();
    assert!(told.message.contains("orders.provision"), "{}", told.message);
    assert_eq!(calls(&plan(&world)), Vec::<String>::new());
}

#[test]
fn a_service_of_the_cluster_selects_by_component_and_role() {
    let entry = |role: &str| {
        json!({ "services": [{
            "name": "main", "serviceName": "main", "componentSelector": "redis",
            "roleSelector": role, "spec": { "ports": [{ "port": 6379 }] },
        }] })
    };
    let mut good = redis(&entry("primary"));
    let mut bad = redis(&entry("leader"));

    settle(&mut good);
    settle(&mut bad);

    let service = get::<Service>(&good, "demo-main");
    assert_yaml_snapshot!(json!(service.spec.selector), @r"
    app.kubernetes.io/instance: demo
    app.kubernetes.io/managed-by: kubeblocks
    apps.kubeblocks.io/component-name: redis
    apps.kubeblocks.io/release-phase: stable
    kubeblocks.io/role: primary
    ");
    assert_eq!(calls(&plan(&bad)), Vec::<String>::new());
    let cluster = get::<Cluster>(&bad, "demo");
    let told = condition::find(&cluster.status.conditions, PROVISIONING_STARTED).unwrap();
    assert!(told.message.contains("selects role leader"), "{}", told.message);
}

#[test]
fn a_component_deleted_by_hand_goes_and_comes_back() {
    let mut world = running();
    let finalizers = json!(["cluster.kubeblocks.io/finalizer"]);
    let component = value::<Component>(&mut world, "demo-redis");
    component["metadata"]["finalizers"] = finalizers;
    component["metadata"]["deletionTimestamp"] = json!(at(1));

    pass(&mut world);
    let after = pass(&mut world);

    assert_eq!(created(&after), ["Component/demo-redis"]);
}

#[test]
fn a_pass_that_is_lost_after_any_write_changes_nothing_about_the_end() {
    let settled = |steps: usize| {
        let mut world = redis(&json!({}));
        for _ in 0..60 {
            let plan = plan(&world);
            world.execute(plan, steps, at(0));
            for name in ["demo-redis-sentinel", "demo-redis"] {
                if world.get::<Component>("default", name).is_some() {
                    become_(&mut world, name, "Running");
                }
            }
        }
        world.facts()
    };

    let whole = settled(100);

    assert!(whole.contains_key("Component/demo-redis"));
    assert_eq!(settled(1), whole);
    assert_eq!(settled(2), whole);
}

/// A Cluster of redis and sentinel, not looked at yet; `spec` replaces fields of it.
fn redis(spec: &Value) -> Objects {
    let mut world = Objects::default();
    let mut cluster = json!({
        "clusterDef": "redis",
        "topology": "replication",
        "terminationPolicy": "Delete",
        "componentSpecs": [
            { "name": "redis", "replicas": 2, "serviceVersion": "7.2.10" },
            { "name": "redis-sentinel", "replicas": 3,
              "resources": { "limits": { "cpu": "0.5", "memory": "0.5Gi" } } },
        ],
    });
    cluster.as_object_mut().unwrap().append(&mut spec.as_object().unwrap().clone());
    world.insert::<Cluster>(&object(&json!({
        "metadata": { "name": "demo", "namespace": "default", "uid": "demo-uid", "generation": 1,
                      "resourceVersion": "1" },
        "spec": cluster,
    })));
    let order = ["redis-sentinel", "redis"];
    world.insert::<ClusterDefinition>(&object(&json!({
        "metadata": { "name": "redis", "generation": 1 },
        "spec": { "topologies": [{
            "name": "replication",
            "components": [
                { "name": "redis", "compDef": r"^redis-\d+" },
                { "name": "redis-sentinel", "compDef": r"^redis-sentinel-\d+" },
            ],
            "orders": { "provision": order, "update": order, "terminate": order },
        }] },
        "status": { "observedGeneration": 1, "phase": "Available" },
    })));
    world.insert(&definition("redis-7", "7.0.0"));
    world.insert(&definition("redis-8", "7.0.0"));
    world.insert(&definition("redis-sentinel-7", "7.0.0"));
    world.insert::<ComponentVersion>(&object(&json!({
        "metadata": { "name": "redis", "generation": 1 },
        "spec": {
            "compatibilityRules": [{ "compDefs": ["^redis-"], "releases": ["a", "b"] },
                                   { "compDefs": ["redis-8"], "releases": ["c"] }],
            "releases": [
                { "name": "a", "serviceVersion": "7.2.9", "images": {} },
                { "name": "b", "serviceVersion": "7.2.10", "images": {} },
                { "name": "c", "serviceVersion": "8.0.1", "images": {} },
            ],
        },
        "status": { "observedGeneration": 1, "phase": "Available" },
    })));
    world
}

fn definition(name: &str, version: &str) -> ComponentDefinition {
    object(&json!({
        "metadata": { "name": name, "generation": 1 },
        "spec": { "serviceVersion": version, "roles": [{ "name": "primary" }],
                  "runtime": { "containers": [] } },
        "status": { "observedGeneration": 1, "phase": "Available" },
    }))
}

/// The same, with all components running and nothing left to do.
fn running() -> Objects {
    let mut world = redis(&json!({}));
    for name in ["demo-redis-sentinel", "demo-redis"] {
        settle(&mut world);
        become_(&mut world, name, "Running");
    }
    settle(&mut world);
    world
}

fn plan(world: &Objects) -> Plan {
    match load(world, &Key::new("default", "demo")) {
        Some(tree) => reconcile(&tree, at(0), &Settings::default()),
        None => Plan::default(),
    }
}

fn pass(world: &mut Objects) -> Plan {
    let plan = plan(world);
    world.execute(plan.clone(), usize::MAX, at(0));
    plan
}

/// Passes until there is nothing to do.
fn settle(world: &mut Objects) {
    for _ in 0..20 {
        if pass(world).actions.is_empty() {
            return;
        }
    }
    panic!("it does not settle: {:?}", calls(&plan(world)));
}

/// What the component controller would have come to.
fn become_(world: &mut Objects, name: &str, phase: &str) {
    let component = value::<Component>(world, name);
    let generation = component["metadata"]["generation"].as_i64().unwrap_or_default();
    component["metadata"]["finalizers"] =
        json!(["cluster.kubeblocks.io/finalizer", "component.kubeblocks.io/finalizer"]);
    component["status"] = json!({
        "phase": phase,
        "observedGeneration": generation,
        "conditions": [{ "type": "Available", "status": "True", "reason": "Available",
                         "message": "", "lastTransitionTime": at(0) }],
    });
}

fn delete(world: &mut Objects) {
    value::<Cluster>(world, "demo")["metadata"]["deletionTimestamp"] = json!(at(1));
}

fn gone(world: &mut Objects, name: &str) {
    world.remove::<Component>("default", name);
}

/// The user changed the spec.
fn raise(world: &mut Objects) {
    let metadata = &mut value::<Cluster>(world, "demo")["metadata"];
    metadata["generation"] = json!(metadata["generation"].as_i64().unwrap() + 1);
}

fn value<'a, T: Resource>(world: &'a mut Objects, name: &str) -> &'a mut Value {
    value_of(world, T::kind(), "default", name)
}

fn value_of<'a>(
    world: &'a mut Objects,
    kind: &'static Kind,
    namespace: &str,
    name: &str,
) -> &'a mut Value {
    world.value(kind, &Key::new(namespace, name)).expect("it was made")
}

fn get<T: Resource + Clone>(world: &Objects, name: &str) -> T {
    let found = Get::get::<T>(world, "default", name).expect("it was made");
    T::clone(&found)
}

fn object<T: Resource>(value: &Value) -> T {
    T::read(value).expect("the wire form of its kind")
}

fn calls(plan: &Plan) -> Vec<String> {
    let text = |call: &Call| match call {
        Call::Create { kind, object, .. } => {
            Some(format!("CREATE {kind:?}/{}", object["metadata"]["name"].as_str()?))
        }
        Call::Patch { kind, key, subresource, patch } => Some(format!(
            "PATCH {kind:?}/{}{} {patch}",
            key.name,
            subresource.map(|name| format!("/{name}")).unwrap_or_default()
        )),
        Call::Delete { kind, key, .. } => Some(format!("DELETE {kind:?}/{}", key.name)),
        Call::Event(event) => Some(format!("EVENT {} {}", event.reason, event.message)),
        Call::List { .. } | Call::Agent(_) => None,
    };
    plan.actions.iter().filter_map(|action| text(&action.call)).collect()
}

fn created(plan: &Plan) -> Vec<String> {
    let calls = calls(plan);
    calls.iter().filter_map(|call| call.strip_prefix("CREATE ").map(str::to_owned)).collect()
}

fn deleted(plan: &Plan) -> Vec<String> {
    let calls = calls(plan);
    calls.iter().filter_map(|call| call.strip_prefix("DELETE ").map(str::to_owned)).collect()
}

fn patched<T: Resource>(plan: &Plan) -> Vec<String> {
    let main = |call: &Call| match call {
        Call::Patch { kind, key, subresource: None, .. } if *kind == T::kind() => {
            Some(key.name.clone())
        }
        _ => None,
    };
    plan.actions.iter().filter_map(|action| main(&action.call)).collect()
}

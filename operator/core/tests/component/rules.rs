//! What a Component's objects look like, rule by rule.

use drydock_operator_core::component;
use drydock_operator_core::view::{Key, Read, Recording};
use serde_json::{Value, json};

use crate::store::Store;

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect()
}

fn env<'a>(container: &'a Value, name: &str) -> Option<&'a Value> {
    container["env"].as_array()?.iter().find(|variable| variable["name"] == name)
}

fn exec(command: &str) -> Value {
    json!({"exec": {"command": [command]}})
}

#[test]
fn a_minimal_definition_gives_an_account_and_no_agent() {
    let mut store = Store::of(json!({}), json!({"replicas": 1}));

    store.settle();

    assert_eq!(names(&store.pod()["containers"]), ["main"]);
    assert!(store.get("ServiceAccount", "kb-demo-db").is_some());
    assert!(store.get("RoleBinding", "kb-demo-db-pod").is_none());
    assert_eq!(store.pod()["serviceAccountName"], "kb-demo-db");
}

#[test]
fn a_role_probe_brings_the_agent() {
    let probe = json!({"exec": {"command": ["probe"]}, "periodSeconds": 1});
    let mut store =
        Store::of(json!({"lifecycleActions": {"roleProbe": probe}}), json!({"replicas": 1}));

    store.settle();

    assert_eq!(names(&store.pod()["containers"]), ["main", "kbagent"]);
    assert_eq!(names(&store.pod()["initContainers"]), ["kbagent-worker"]);
    let agent = &store.pod()["containers"][1];
    let parsed = |name| {
        serde_json::from_str::<Value>(env(agent, name).unwrap()["value"].as_str().unwrap()).unwrap()
    };
    assert_eq!(parsed("KB_AGENT_ACTION").as_array().unwrap().len(), 1);
    assert_eq!(parsed("KB_AGENT_PROBE")[0]["reportPeriodSeconds"], 15);
    assert!(store.get("RoleBinding", "kb-demo-db-pod").is_some());
}

#[test]
fn an_action_with_an_image_of_its_own_runs_in_that_image() {
    let actions = json!({"memberLeave": {"exec": {"command": ["leave"], "image": "tools:1"}}});
    let runtime = json!({
        "initContainers": [{"name": "first", "image": "a:1"}], "containers": [{"name": "main", "image": "db:1"}],
    });
    let definition = json!({"lifecycleActions": actions, "runtime": runtime});
    let mut store = Store::of(definition, json!({"replicas": 1}));

    store.settle();

    let pod = store.pod();
    assert_eq!(names(&pod["initContainers"]), ["first", "init-kbagent", "kbagent-worker"]);
    for agent in [&pod["initContainers"][2], &pod["containers"][1]] {
        assert_eq!(agent["image"], "tools:1");
        assert_eq!(agent["command"][0], "/kubeblocks/kbagent");
    }
}

#[test]
fn two_images_of_actions_are_refused_in_words() {
    let action = |image: &str| json!({"exec": {"command": ["x"], "image": image}});
    let actions = json!({"memberJoin": action("a:1"), "memberLeave": action("b:1")});
    let mut store = Store::of(json!({"lifecycleActions": actions}), json!({"replicas": 1}));

    store.settle();

    assert!(store.get("InstanceSet", "demo-db").is_none());
    let plan = store.last_plan();
    assert_eq!(
        plan.findings[0].problem.to_string(),
        r#"spec.lifecycleActions: all exec actions must have one image, found "a:1" and "b:1""#
    );
    let condition = &store.get("Component", "demo-db").unwrap()["status"]["conditions"][0];
    assert_eq!(condition["type"], "ProvisioningStarted");
    assert_eq!(condition["status"], "False");
}

#[test]
fn references_stand_before_own_values_and_literals_in_a_config_map() {
    let vars = json!([
        {"name": "PASSWORD", "valueFrom": {"credentialVarRef": {"name": "root", "password": "Required"}}},
        {"name": "LEVEL", "value": "info"},
    ]);
    let definition = json!({
        "vars": vars, "systemAccounts": [{"name": "root", "initAccount": true}],
        "runtime": {"containers": [{"name": "main", "image": "db:1", "env": [{"name": "OWN", "value": "$(PASSWORD)"}]}]},
    });
    let mut store =
        Store::of(definition, json!({"replicas": 1, "env": [{"name": "LAST", "value": "x"}]}));

    store.settle();

    let main = &store.pod()["containers"][0];
    assert_eq!(names(&main["env"]), ["PASSWORD", "OWN", "LAST"]);
    assert_eq!(main["env"][0]["valueFrom"]["secretKeyRef"]["name"], "demo-db-account-root");
    assert_eq!(main["envFrom"][0]["configMapRef"]["name"], "demo-db-env");
    assert_eq!(store.get("ConfigMap", "demo-db-env").unwrap()["data"], json!({"LEVEL": "info"}));
}

#[test]
fn a_changed_literal_restarts_nothing_and_a_changed_env_does() {
    let definition = json!({"vars": [{"name": "LEVEL", "value": "info"}]});
    let mut store = Store::of(definition, json!({"replicas": 1}));
    store.settle();
    let before = store.pod().clone();

    store.edit(
        "ComponentDefinition",
        "db",
        &json!({"spec": {"vars": [{"name": "LEVEL", "value": "debug"}]}}),
    );
    store.settle();

    assert_eq!(store.get("ConfigMap", "demo-db-env").unwrap()["data"]["LEVEL"], "debug");
    assert_eq!(*store.pod(), before);

    store.edit("Component", "demo-db", &json!({"spec": {"env": [{"name": "A", "value": "b"}]}}));
    store.settle();

    assert_ne!(*store.pod(), before);
}

#[test]
fn a_mounted_claim_template_stands_as_an_empty_directory() {
    let mounts = json!([{"name": "data", "mountPath": "/data"}]);
    let runtime =
        json!({"containers": [{"name": "main", "image": "db:1", "volumeMounts": mounts}]});
    let claim = json!({"name": "data", "spec": {"accessModes": ["ReadWriteOnce"]}});
    let mut store = Store::of(
        json!({"runtime": runtime}),
        json!({"replicas": 1, "volumeClaimTemplates": [claim]}),
    );

    store.settle();

    assert_eq!(store.pod()["volumes"], json!([{"name": "data", "emptyDir": {}}]));
    assert_eq!(store.workload()["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "data");
}

#[test]
fn containers_without_resources_are_limited_to_nothing() {
    let actions = json!({"roleProbe": exec("probe")});
    let mut store = Store::of(json!({"lifecycleActions": actions}), json!({"replicas": 1}));

    store.settle();

    let pod = store.pod();
    for container in [&pod["containers"][0], &pod["containers"][1], &pod["initContainers"][0]] {
        assert_eq!(container["resources"], json!({"limits": {"cpu": "0", "memory": "0"}}));
    }
}

#[test]
fn a_changed_file_reaches_the_config_map_and_then_the_workload() {
    let config = json!({
        "name": "conf", "template": "db-conf", "namespace": "addons", "volumeName": "conf", "restartOnFileChange": true,
    });
    let mut store = Store::of(json!({"configs": [config]}), json!({"replicas": 2}));
    let template = |text: &str| json!({"kind": "ConfigMap", "metadata": {"name": "db-conf", "namespace": "addons"}, "data": {"db.conf": text}});
    store.add(template("level=info"), "addons");
    store.settle();
    let hash = |store: &Store| {
        let map = &store.get("ConfigMap", "demo-db-conf").unwrap()["metadata"]["annotations"];
        let workload = store.workload()["spec"]["configs"][0]["configHash"].clone();
        assert_eq!(map["config.kubeblocks.io/config-hash"], workload);
        workload
    };
    let before = hash(&store);

    store.add(template("level=debug"), "addons");
    store.settle();

    assert_ne!(hash(&store), before);
    assert_eq!(store.workload()["spec"]["configs"][0]["restart"], true);
    // Pods mount the copy in their own namespace.
    assert_eq!(store.pod()["volumes"][0]["configMap"]["name"], "demo-db-conf");
}

#[test]
fn a_missing_template_is_named() {
    let config =
        json!({"name": "conf", "template": "db-conf", "namespace": "addons", "volumeName": "conf"});
    let mut store = Store::of(json!({"configs": [config]}), json!({"replicas": 1}));

    store.settle();

    assert!(store.get("InstanceSet", "demo-db").is_none());
    let plan = store.last_plan();
    assert_eq!(plan.findings[0].problem.to_string(), "configmap/db-conf does not exist");
    assert_eq!(plan.waits[0].on.key.to_string(), "addons/db-conf");
}

#[test]
fn passwords_are_generated_by_policy_and_empty_without_one() {
    let policy = json!({"length": 10, "numDigits": 3});
    let accounts = json!([{"name": "root", "initAccount": true}, {"name": "app_user", "initAccount": true, "passwordConfig": policy}]);
    let mut store = Store::of(json!({"systemAccounts": accounts}), json!({"replicas": 1}));

    store.settle();

    assert_eq!(store.get("Secret", "demo-db-account-root").unwrap()["data"]["password"], "");
    assert_eq!(
        store.get("Secret", "demo-db-account-app-user").unwrap()["data"]["password"],
        "Z2VuZXJhdGVk"
    );
}

#[test]
fn a_password_of_the_user_is_followed() {
    let definition = json!({"systemAccounts": [{"name": "root"}]});
    let account = json!({"name": "root", "secretRef": {"name": "mine", "namespace": "demo"}});
    let mut store = Store::of(definition, json!({"replicas": 1, "systemAccounts": [account]}));
    store.settle();
    assert_eq!(store.last_plan().findings[0].problem.to_string(), "secret/mine does not exist");

    let secret = |password: &str| json!({"kind": "Secret", "metadata": {"name": "mine"}, "data": {"password": password}});
    for password in ["b25l", "dHdv"] {
        store.add(secret(password), "demo");
        store.settle();

        assert_eq!(
            store.get("Secret", "demo-db-account-root").unwrap()["data"]["password"],
            password
        );
    }
}

#[test]
fn ports_of_a_service_stay_when_the_definition_changes_them() {
    let service = |port: i32| json!([{"name": "main", "serviceName": "main", "spec": {"ports": [{"name": "db", "port": port}]}}]);
    let mut store = Store::of(json!({"services": service(6379)}), json!({"replicas": 1}));
    store.settle();

    store.edit("ComponentDefinition", "db", &json!({"spec": {"services": service(7000)}}));
    store.settle();

    assert_eq!(store.get("Service", "demo-db-main").unwrap()["spec"]["ports"][0]["port"], 6379);
}

#[test]
fn running_images_stay_until_the_version_changes() {
    let runtime = |image: &str| json!({"containers": [{"name": "main", "image": image}]});
    let mut store = Store::of(
        json!({"runtime": runtime("db:1")}),
        json!({"replicas": 1, "serviceVersion": "1.0.0"}),
    );
    store.settle();

    store.edit("ComponentDefinition", "db", &json!({"spec": {"runtime": runtime("db:2")}}));
    store.settle();
    assert_eq!(store.pod()["containers"][0]["image"], "docker.io/library/db:1");

    store.edit("Component", "demo-db", &json!({"spec": {"serviceVersion": "2.0.0"}}));
    store.settle();
    assert_eq!(store.pod()["containers"][0]["image"], "docker.io/library/db:2");
}

#[test]
fn no_replicas_need_a_definition_that_allows_them() {
    let mut store = Store::of(json!({}), json!({"replicas": 0}));

    store.settle();

    assert!(store.get("InstanceSet", "demo-db").is_none());
    assert_eq!(
        store.last_plan().findings[0].problem.to_string(),
        "spec.replicas is 0; componentdefinition/db allows 1 to 16384"
    );
}

#[test]
fn certificates_of_our_own_are_said_to_be_missing() {
    let tls = json!({"volumeName": "tls", "mountPath": "/tls"});
    let issuer = json!({"enable": true, "issuer": {"name": "KubeBlocks"}});
    let mut store = Store::of(json!({"tls": tls}), json!({"replicas": 1, "tlsConfig": issuer}));

    store.settle();

    assert!(store.get("InstanceSet", "demo-db").is_none());
    assert!(store.last_plan().findings[0].problem.to_string().contains("not supported yet"));
}

fn var(reference: &Value) -> Value {
    json!({"vars": [{"name": "PEERS", "valueFrom": {"componentVarRef": reference}}]})
}

#[test]
fn a_required_component_is_awaited_and_an_optional_one_is_not() {
    let reference =
        |optional: bool| json!({"compDef": "cache", "optional": optional, "replicas": "Required"});
    let mut required = Store::of(var(&reference(false)), json!({"replicas": 1}));
    let mut optional = Store::of(var(&reference(true)), json!({"replicas": 1}));

    required.settle();
    optional.settle();

    assert!(required.get("InstanceSet", "demo-db").is_none());
    assert!(!required.last_plan().waits.is_empty());
    assert_eq!(optional.get("ConfigMap", "demo-db-env").unwrap()["data"], Value::Null);
    optional.workload();

    required.add_definition("cache", json!({}));
    required.add_component("cache", "cache", json!({"replicas": 3}));
    required.settle();

    assert_eq!(required.get("ConfigMap", "demo-db-env").unwrap()["data"]["PEERS"], "3");
}

#[test]
fn two_components_that_fit_are_combined_or_refused() {
    let plain = json!({"compDef": "cache", "replicas": "Required"});
    let mut combined = plain.clone();
    combined["multipleClusterObjectOption"] = json!({"strategy": "combined"});
    for (reference, expected) in [(plain, None), (combined, Some("a:1,b:2"))] {
        let mut store = Store::of(var(&reference), json!({"replicas": 1}));
        store.add_definition("cache", json!({}));
        store.add_component("a", "cache", json!({"replicas": 1}));
        store.add_component("b", "cache", json!({"replicas": 2}));

        store.settle();

        if let Some(text) = expected {
            assert_eq!(store.get("ConfigMap", "demo-db-env").unwrap()["data"]["PEERS"], text);
        } else {
            let problem = store.last_plan().findings[0].problem.to_string();
            assert!(problem.contains("multipleClusterObjectOption"), "{problem}");
        }
    }
}

#[test]
fn all_components_that_the_cluster_asks_for_are_awaited() {
    let several = json!({"strategy": "combined", "requireAllComponentObjects": true});
    let reference =
        json!({"compDef": "cache", "replicas": "Required", "multipleClusterObjectOption": several});
    let mut store = Store::of(var(&reference), json!({"replicas": 1}));
    let entry = |name: &str| json!({"name": name, "componentDef": "cache", "replicas": 1});
    let specs = json!({"componentSpecs": [entry("a"), entry("b")]});
    store.add(json!({"kind": "Cluster", "metadata": {"name": "demo"}, "spec": specs}), "demo");
    store.add_definition("cache", json!({}));
    store.add_component("a", "cache", json!({"replicas": 1}));
    store.settle();
    assert_eq!(store.last_plan().waits[0].until, "to have all 2 components of cache, not only 1");

    store.add_component("b", "cache", json!({"replicas": 1}));
    store.settle();

    store.workload();
}

#[test]
fn every_kind_that_decides_is_watched() {
    let store = Store::of(json!({}), json!({"replicas": 1}));
    let controller = component::controller();
    let watched: Vec<_> = controller.watches.iter().map(|watch| (watch.kind)()).collect();
    let recording = Recording::new(&store);

    component::load(&recording, &Key::new("demo", "demo-db")).expect("the component is there");

    for read in recording.into_reads() {
        let (Read::Get(kind, _) | Read::List(kind, _)) = read;
        assert!(watched.contains(&kind), "{kind:?} is read and not watched");
    }
}

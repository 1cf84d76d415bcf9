//! Real charts through the Component controller, in a world that only stores objects: nothing fills
//! in defaults, and the pods are pretended. Skipped, loudly, where the data folder is absent.
#![expect(
    clippy::disallowed_methods,
    reason = "the charts lie in files, and what comes of them is written to one"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use drydock_operator_api::{AnyObject, Kind};
use drydock_operator_core::component;
use drydock_operator_core::matching;
use drydock_operator_core::plan::{Call, Plan};
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::{Key, Selection, View};
use jiff::Timestamp;
use serde_json::{Value, json};

#[test]
fn weaviate_and_qdrant_come_up_and_are_left_alone() {
    for (chart, version) in [("weaviate", "1.19.6"), ("qdrant", "1.10.0")] {
        let Some(mut store) = Store::of_chart(chart, version) else { return };

        store.settle();
        store.pretend_pods();
        store.settle();

        for key in store.components() {
            let name = key.name.clone();
            assert_eq!(store.at("Component", &key)["status"]["phase"], "Running", "{name}");
        }
        store.dump(chart);
    }
}

#[test]
fn every_chart_gives_a_workload_or_says_what_it_waits_for() {
    let versions =
        [("redis", "7.2.10"), ("etcd", "3.6.1"), ("zookeeper", "3.9.2"), ("postgresql", "17.5.0")];
    for (chart, version) in versions {
        let Some(mut store) = Store::of_chart(chart, version) else { return };

        let plans = store.settle();

        for (key, plan) in plans {
            let has_workload = store.objects.contains_key(&("InstanceSet".to_owned(), key.clone()));
            assert!(
                has_workload || !plan.waits.is_empty() || !plan.findings.is_empty(),
                "{key}: a silent gap"
            );
        }
        store.fill_external_configs();
        store.settle();
        store.pretend_pods();
        store.settle();
        // Roles are known now, and variables speak of them.
        store.pretend_pods();
        store.settle();
        for key in store.components() {
            let status = &store.at("Component", &key)["status"];
            assert_eq!(status["phase"], "Running", "{key} {status:#} {:#?}", store.plan(&key));
        }
        store.dump(chart);
    }
}

#[test]
fn a_deleted_component_leaves_nothing() {
    let Some(mut store) = Store::of_chart("qdrant", "1.10.0") else { return };
    store.settle();
    store.pretend_pods();
    store.settle();
    let before = store.objects.len();

    let key = store.components().remove(0);
    store.delete("Component", &key);
    store.settle();
    let workload = ("InstanceSet".to_owned(), key.clone());
    assert!(store.objects.contains_key(&workload), "the workload has a finalizer of its own");
    let waits = store.plan(&key).waits;
    assert!(
        waits.iter().any(|wait| wait.on.to_string() == "instanceset/mycluster-qdrant"),
        "{waits:?}"
    );
    store.objects.remove(&workload);
    store.settle();

    assert!(!store.objects.contains_key(&("Component".to_owned(), key)));
    assert!(before > 8);
    let left: Vec<_> = store
        .objects
        .keys()
        .filter(|(kind, key)| key.namespace == "demo" && kind != "Pod" && kind != "Cluster")
        .collect();
    assert_eq!(left, Vec::<&(String, Key)>::new());
}

/// Objects by kind and key, as an API server without schemas would keep them.
struct Store {
    objects: BTreeMap<(String, Key), Value>,
    uids: u32,
    writes: RefCell<u32>,
}

impl Store {
    fn of_chart(chart: &str, version: &str) -> Option<Self> {
        let data = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|folder| folder.join("shared/data"))
            .find(|folder| folder.join("addons/1.2").is_dir());
        let Some(data) = data else {
            println!("SKIPPED: no folder shared/data beside the project");
            return None;
        };
        let mut store = Self { objects: BTreeMap::new(), uids: 0, writes: RefCell::new(0) };
        for document in read(&data.join(format!("addons/1.2/{chart}.yaml"))) {
            store.add(document, "kb-system");
        }
        let cluster = read(&data.join(format!("addons/1.2-clusters/{chart}.yaml"))).remove(0);
        let name = cluster["metadata"]["name"].as_str().unwrap().to_owned();
        store.add(cluster.clone(), "demo");
        store.pretend_definitions();
        store.pretend_cluster(&cluster, &name, version);
        Some(store)
    }

    fn add(&mut self, mut object: Value, namespace: &str) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let clusterwide = kind.contains("Definition") || kind == "ComponentVersion";
        let metadata = object["metadata"].as_object_mut().unwrap();
        let namespace = match metadata.get("namespace").and_then(Value::as_str) {
            _ if clusterwide => String::new(),
            Some(given) => given.to_owned(),
            None => namespace.to_owned(),
        };
        self.uids += 1;
        metadata.insert("namespace".to_owned(), json!(namespace));
        metadata.insert("uid".to_owned(), json!(format!("uid-{}", self.uids)));
        metadata.insert("generation".to_owned(), json!(1));
        metadata.insert("resourceVersion".to_owned(), json!("1"));
        let key = Key::new(namespace, metadata["name"].as_str().unwrap());
        self.objects.insert((kind, key), object);
    }

    /// The controllers of definitions: all are good, and versions know whom they fit.
    fn pretend_definitions(&mut self) {
        let names: Vec<String> = self.names("ComponentDefinition");
        for ((kind, _), object) in &mut self.objects {
            if kind.ends_with("Definition") || kind == "ComponentVersion" {
                object["status"] = json!({"phase": "Available", "observedGeneration": 1});
            }
            if kind == "ComponentVersion" {
                let rules = object["spec"]["compatibilityRules"].as_array().unwrap().clone();
                let patterns = rules.iter().flat_map(|rule| rule["compDefs"].as_array().unwrap());
                let patterns: Vec<&str> =
                    patterns.map(|pattern| pattern.as_str().unwrap()).collect();
                for name in &names {
                    if patterns.iter().any(|pattern| matching::matches(pattern, name)) {
                        object["metadata"]["labels"][name] = json!(name);
                    }
                }
            }
        }
    }

    fn names(&self, kind: &str) -> Vec<String> {
        self.objects.keys().filter(|(k, _)| k == kind).map(|(_, key)| key.name.clone()).collect()
    }

    /// The Cluster controller, as far as it makes Components.
    fn pretend_cluster(&mut self, cluster: &Value, name: &str, version: &str) {
        let definitions = self.names("ComponentDefinition");
        for given in cluster["spec"]["componentSpecs"].as_array().unwrap() {
            let mut spec = given.as_object().unwrap().clone();
            let short = spec.remove("name").unwrap().as_str().unwrap().to_owned();
            let pattern = spec.remove("componentDef");
            let pattern = pattern
                .as_ref()
                .and_then(Value::as_str)
                .map_or_else(|| pattern_of(&short, version), str::to_owned);
            let Some(definition) =
                definitions.iter().rfind(|name| matching::matches(&pattern, name))
            else {
                continue;
            };
            spec.remove("tls");
            spec.insert("compDef".to_owned(), json!(definition));
            spec.entry("serviceVersion").or_insert(json!(version));
            spec.insert("ordinals".to_owned(), json!({}));
            spec.retain(|_, value| !value.is_null());
            let component = json!({
                "apiVersion": "apps.kubeblocks.io/v1", "kind": "Component",
                "metadata": {
                    "name": format!("{name}-{short}"), "namespace": "demo",
                    "annotations": {"apps.kubeblocks.io/cluster-uid": "uid-of-cluster"},
                    "labels": {
                        "app.kubernetes.io/managed-by": "kubeblocks", "app.kubernetes.io/instance": name,
                        "apps.kubeblocks.io/component-name": short, "app.kubernetes.io/component": definition,
                    },
                },
                "spec": without_nulls(Value::Object(spec)),
            });
            self.add(component, "demo");
        }
    }

    /// The parameters controllers: each config that others manage gets its ConfigMap.
    fn fill_external_configs(&mut self) {
        for key in self.components() {
            let component = self.objects.get_mut(&("Component".to_owned(), key.clone())).unwrap();
            let definition = component["spec"]["compDef"].as_str().unwrap().to_owned();
            let definition =
                self.objects[&("ComponentDefinition".to_owned(), Key::new("", definition))].clone();
            let component = self.objects.get_mut(&("Component".to_owned(), key.clone())).unwrap();
            for config in definition["spec"]["configs"].as_array().into_iter().flatten() {
                if config["externalManaged"] == true {
                    let map = format!("{}-{}", key.name, config["name"].as_str().unwrap());
                    let filled = json!([{"name": config["name"], "configMap": {"name": map}, "configHash": "x"}]);
                    component["spec"]["configs"] = filled;
                    component["metadata"]["generation"] = json!(2);
                }
            }
        }
    }

    /// The InstanceSet controller and all below it: every instance is there, ready, with a role.
    fn pretend_pods(&mut self) {
        let sets: Vec<Key> = self
            .objects
            .keys()
            .filter(|(kind, _)| kind == "InstanceSet")
            .map(|(_, key)| key.clone())
            .collect();
        for key in sets {
            let set = self.objects.get_mut(&("InstanceSet".to_owned(), key.clone())).unwrap();
            if set["metadata"]["finalizers"].as_array().unwrap().len() == 1 {
                set["metadata"]["finalizers"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!("instanceset.workloads.kubeblocks.io/finalizer"));
            }
            let replicas = set["spec"]["replicas"].as_i64().unwrap();
            let roles: Vec<Value> = set["spec"]["roles"].as_array().cloned().unwrap_or_default();
            let instances: Vec<Value> = (0..replicas)
                .map(|ordinal| {
                    let role = roles.get(usize::from(ordinal > 0)).or(roles.first()).map(|role| role["name"].clone());
                    json!({"podName": format!("{}-{ordinal}", key.name), "templateName": "", "desiredState": "Active",
                           "currentState": "Present", "role": role.unwrap_or(json!(""))})
                })
                .collect();
            set["status"] = json!({
                "observedGeneration": set["metadata"]["generation"], "replicas": replicas, "readyReplicas": replicas,
                "availableReplicas": replicas, "updatedReplicas": replicas, "currentReplicas": replicas,
                "instanceStatus": instances,
            });
            for instance in instances {
                let pod = json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": instance["podName"], "namespace": "demo", "labels": {
                        "app.kubernetes.io/managed-by": "kubeblocks", "workloads.kubeblocks.io/managed-by": "InstanceSet",
                        "workloads.kubeblocks.io/instance": key.name, "kubeblocks.io/role": instance["role"],
                    }},
                    "status": {"podIP": "10.0.0.1", "phase": "Running"},
                });
                self.add(pod, "demo");
            }
        }
    }

    fn components(&self) -> Vec<Key> {
        self.objects
            .keys()
            .filter(|(kind, _)| kind == "Component")
            .map(|(_, key)| key.clone())
            .collect()
    }

    fn at(&self, kind: &str, key: &Key) -> &Value {
        &self.objects[&(kind.to_owned(), key.clone())]
    }

    fn plan(&self, key: &Key) -> Plan {
        (component::controller().plan)(self, key, now(), &Settings::default())
    }

    /// Until no plan wants anything; gives the last plans.
    fn settle(&mut self) -> BTreeMap<Key, Plan> {
        for _ in 0..50 {
            let plans: BTreeMap<Key, Plan> =
                self.components().into_iter().map(|key| (key.clone(), self.plan(&key))).collect();
            if plans.values().all(|plan| plan.actions.is_empty()) {
                return plans;
            }
            for plan in plans.into_values() {
                for action in plan.actions {
                    self.apply(action.call);
                }
            }
        }
        let plans: Vec<Plan> = self.components().iter().map(|key| self.plan(key)).collect();
        panic!("the controller does not come to rest: {plans:#?}");
    }

    fn apply(&mut self, call: Call) {
        *self.writes.borrow_mut() += 1;
        match call {
            Call::Create { kind, mut object, generate } => {
                let key = Key::new(
                    object["metadata"]["namespace"].as_str().unwrap(),
                    object["metadata"]["name"].as_str().unwrap(),
                );
                assert!(
                    !self.objects.contains_key(&(kind.kind.to_owned(), key.clone())),
                    "{} {key} is created twice",
                    kind.kind
                );
                for value in generate {
                    *object.pointer_mut(&value.pointer).expect("the place of a generated value") =
                        json!("Z2VuZXJhdGVk");
                }
                self.add(object, "demo");
            }
            Call::Patch { kind, key, subresource, mut patch } => {
                let Some(object) = self.objects.get_mut(&(kind.kind.to_owned(), key.clone()))
                else {
                    return;
                };
                patch["metadata"].as_object_mut().unwrap().remove("uid");
                let revision = patch["metadata"].as_object_mut().unwrap().remove("resourceVersion");
                if let Some(revision) = revision {
                    assert_eq!(
                        revision, object["metadata"]["resourceVersion"],
                        "{} {key}",
                        kind.kind
                    );
                }
                let before = object.clone();
                merge(object, &patch);
                assert_ne!(
                    before, *object,
                    "a write without effect: {} {key} {subresource:?} {patch}",
                    kind.kind
                );
                assert!(subresource == Some("status") || before["status"] == object["status"]);
                if before["spec"] != object["spec"] {
                    object["metadata"]["generation"] =
                        json!(before["metadata"]["generation"].as_i64().unwrap() + 1);
                }
                let revision: u32 =
                    before["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
                object["metadata"]["resourceVersion"] = json!((revision + 1).to_string());
                self.collect(kind.kind, &key);
            }
            Call::Delete { kind, key, .. } => self.delete(kind.kind, &key),
            Call::List { .. } | Call::Agent(_) | Call::Event(_) => {}
        }
    }

    fn delete(&mut self, kind: &str, key: &Key) {
        if let Some(object) = self.objects.get_mut(&(kind.to_owned(), key.clone())) {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        self.collect(kind, key);
    }

    /// What is deleted and held by nobody is gone.
    fn collect(&mut self, kind: &str, key: &Key) {
        let id = (kind.to_owned(), key.clone());
        let is_gone = self.objects.get(&id).is_some_and(|object| {
            let metadata = &object["metadata"];
            // The Cluster controller would let its components go.
            let held = metadata["finalizers"].as_array().is_some_and(|held| !held.is_empty());
            metadata["deletionTimestamp"].is_string() && !held
        });
        if is_gone {
            self.objects.remove(&id);
        }
    }

    fn dump(&self, chart: &str) {
        let folder = std::env::temp_dir().join("drydock-charts");
        std::fs::create_dir_all(&folder).unwrap();
        let kinds = [
            "Component",
            "InstanceSet",
            "Service",
            "ConfigMap",
            "ServiceAccount",
            "Secret",
            "RoleBinding",
        ];
        let objects: Vec<&Value> = self
            .objects
            .iter()
            .filter(|((kind, key), _)| kinds.contains(&kind.as_str()) && key.namespace == "demo")
            .map(|(_, object)| object)
            .collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        std::fs::write(folder.join(format!("{chart}.yaml")), list.to_string()).unwrap();
    }
}

fn pattern_of(short: &str, version: &str) -> String {
    let major = version.split('.').next().unwrap();
    match short {
        "postgresql" | "redis" | "redis-sentinel" => format!("{short}-{major}"),
        "etcd" => "etcd".to_owned(),
        other => format!("greptimedb-{other}"),
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn read(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options).unwrap();
    documents.into_iter().filter(Value::is_object).map(without_nulls).collect()
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

impl View for Store {
    fn get_any(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<AnyObject> {
        self.objects
            .get(&(kind.kind.to_owned(), Key::new(namespace, name)))
            .map(|object| decode(kind, object))
    }

    fn list_any(
        &self,
        kind: &'static Kind,
        namespace: &str,
        selection: Selection<'_>,
    ) -> Vec<AnyObject> {
        self.objects
            .iter()
            .filter(|((k, key), _)| {
                k == kind.kind && (namespace.is_empty() || key.namespace == namespace)
            })
            .filter(|(_, object)| match selection {
                Selection::All => true,
                Selection::Labels(labels) => {
                    labels.iter().all(|(key, value)| object["metadata"]["labels"][key] == *value)
                }
                Selection::OwnedBy(uid) => object["metadata"]["ownerReferences"]
                    .as_array()
                    .is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid)),
            })
            .map(|(_, object)| decode(kind, object))
            .collect()
    }
}

fn decode(kind: &'static Kind, object: &Value) -> AnyObject {
    drydock_operator_api::decode::decode(kind, object)
        .unwrap_or_else(|error| panic!("{} {}: {error}", kind.kind, object["metadata"]["name"]))
}

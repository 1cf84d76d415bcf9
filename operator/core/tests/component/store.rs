//! A store of objects for tests: it fills in no defaults, and refuses writes without effect.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use drydock_operator_api::{AnyObject, Kind};
use drydock_operator_core::component;
use drydock_operator_core::execution::{Answer, Execution};
use drydock_operator_core::matching;
use drydock_operator_core::plan::{Call, Plan};
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::{Key, Selection, View};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Objects by kind and key, as an API server without schemas would keep them.
pub struct Store {
    pub objects: BTreeMap<(String, Key), Value>,
    pub now: Timestamp,
    /// Agents were asked for these actions, on these pods.
    pub calls: Vec<(String, String)>,
    /// Actions that agents fail at.
    pub failing: BTreeSet<&'static str>,
    uids: u32,
}

impl Store {
    fn empty() -> Self {
        Self {
            objects: BTreeMap::new(),
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            calls: Vec::new(),
            failing: BTreeSet::new(),
            uids: 0,
        }
    }

    /// A Component `demo-db` of the definition `db`, with these specs.
    pub fn of(definition: Value, component: Value) -> Self {
        let mut store = Self::empty();
        store.add_definition("db", definition);
        store.add_component("db", "db", component);
        store
    }

    pub fn add_definition(&mut self, name: &str, mut spec: Value) {
        let container = json!({"name": "main", "image": "db:1"});
        spec.as_object_mut()
            .unwrap()
            .entry("runtime")
            .or_insert(json!({"containers": [container]}));
        self.add(
            json!({"kind": "ComponentDefinition", "metadata": {"name": name}, "spec": spec}),
            "",
        );
        self.pretend_definitions();
    }

    pub fn add_component(&mut self, short_name: &str, definition: &str, mut spec: Value) {
        spec["compDef"] = json!(definition);
        let component = json!({
            "kind": "Component",
            "metadata": {"name": format!("demo-{short_name}"), "labels": {
                "app.kubernetes.io/instance": "demo", "apps.kubeblocks.io/component-name": short_name,
                "app.kubernetes.io/component": definition,
            }},
            "spec": spec,
        });
        self.add(component, "demo");
    }

    /// The object, if it is there.
    pub fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), Key::new("demo", name)))
    }

    /// The workload of `demo-db`.
    pub fn workload(&self) -> &Value {
        self.get("InstanceSet", "demo-db").expect("the workload")
    }

    /// The pod template of `demo-db`.
    pub fn pod(&self) -> &Value {
        &self.workload()["spec"]["template"]["spec"]
    }

    /// A user's change.
    pub fn edit(&mut self, kind: &str, name: &str, patch: &Value) {
        let namespace = if kind.contains("Definition") { "" } else { "demo" };
        let object = self
            .objects
            .get_mut(&(kind.to_owned(), Key::new(namespace, name)))
            .expect("an object to edit");
        let before = object.clone();
        merge(object, patch);
        if before["spec"] != object["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap() + 1;
            object["metadata"]["generation"] = json!(generation);
            if object["status"]["observedGeneration"].is_i64() && kind.contains("Definition") {
                object["status"]["observedGeneration"] = json!(generation);
            }
        }
    }

    /// Comes up, pods and roles and all.
    pub fn run(&mut self) {
        for _ in 0..3 {
            self.settle();
            self.pretend_pods();
        }
        self.settle();
    }

    pub fn phase(&self) -> &Value {
        &self.get("Component", "demo-db").expect("the component")["status"]["phase"]
    }

    /// The last plan of `demo-db`.
    pub fn last_plan(&self) -> Plan {
        self.plan(&Key::new("demo", "demo-db"))
    }

    pub fn of_chart(chart: &str, version: &str) -> Option<Self> {
        let data = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|folder| folder.join("shared/data"))
            .find(|folder| folder.join("addons/1.2").is_dir());
        let Some(data) = data else {
            println!("SKIPPED: no folder shared/data beside the project");
            return None;
        };
        let mut store = Self::empty();
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

    pub fn add(&mut self, mut object: Value, namespace: &str) {
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

    /// The parameters controllers: each config that others manage gets its `ConfigMap`.
    pub fn fill_external_configs(&mut self) {
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

    /// The `InstanceSet` controller and all below it: every instance is there, ready, with a role.
    pub fn pretend_pods(&mut self) {
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
            let is_stopped = set["spec"]["stop"] == true;
            let replicas = if is_stopped { 0 } else { replicas };
            let instances = if is_stopped { Vec::new() } else { instances };
            set["status"] = json!({
                "observedGeneration": set["metadata"]["generation"], "replicas": replicas, "readyReplicas": replicas,
                "availableReplicas": replicas, "updatedReplicas": replicas, "currentReplicas": replicas,
                "instanceStatus": instances,
            });
            let labelled = key.name.clone();
            self.objects.retain(|(kind, _), pod| {
                kind != "Pod"
                    || pod["metadata"]["labels"]["workloads.kubeblocks.io/instance"] != *labelled
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

    pub fn components(&self) -> Vec<Key> {
        self.objects
            .keys()
            .filter(|(kind, _)| kind == "Component")
            .map(|(_, key)| key.clone())
            .collect()
    }

    pub fn at(&self, kind: &str, key: &Key) -> &Value {
        &self.objects[&(kind.to_owned(), key.clone())]
    }

    pub fn plan(&self, key: &Key) -> Plan {
        (component::controller().plan)(self, key, self.now, &Settings::default())
    }

    /// Until nothing changes any more; gives the last plans.
    pub fn settle(&mut self) -> BTreeMap<Key, Plan> {
        for _ in 0..50 {
            let before = self.objects.clone();
            let plans: BTreeMap<Key, Plan> =
                self.components().into_iter().map(|key| (key.clone(), self.plan(&key))).collect();
            for plan in plans.values() {
                self.execute(plan.clone());
            }
            if self.objects == before {
                assert!(
                    !self.failing.is_empty() || plans.values().all(|plan| plan.actions.is_empty()),
                    "{plans:#?}"
                );
                return plans;
            }
        }
        let plans: Vec<Plan> = self.components().iter().map(|key| self.plan(key)).collect();
        panic!("the controller does not come to rest: {plans:#?}");
    }

    fn execute(&mut self, plan: Plan) {
        let mut execution = Execution::new(Arc::new(plan));
        while let Some(action) = execution.next() {
            let answer = self.apply(action.call.clone());
            execution.answered(answer);
        }
    }

    fn apply(&mut self, call: Call) -> Answer {
        match call {
            Call::Create { kind, mut object, generate } => {
                let metadata = &object["metadata"];
                let key = Key::new(
                    metadata["namespace"].as_str().unwrap(),
                    metadata["name"].as_str().unwrap(),
                );
                let exists = self.objects.contains_key(&(kind.kind.to_owned(), key.clone()));
                assert!(!exists, "{} {key} is created twice", kind.kind);
                for value in generate {
                    let place =
                        object.pointer_mut(&value.pointer).expect("the place of a generated value");
                    *place = json!("Z2VuZXJhdGVk");
                }
                self.add(object, "demo");
            }
            Call::Patch { kind, key, subresource, patch } => {
                self.patch(kind.kind, &key, subresource, patch);
            }
            Call::Delete { kind, key, .. } => self.delete(kind.kind, &key),
            Call::Agent(call) => {
                self.calls.push((call.action.clone(), call.pod.name.clone()));
                if self.failing.contains(&*call.action) {
                    return Answer::AgentFailed("exit code: 1".to_owned());
                }
            }
            _ => {}
        }
        Answer::Ok
    }

    fn patch(&mut self, kind: &str, key: &Key, subresource: Option<&str>, mut patch: Value) {
        let Some(object) = self.objects.get_mut(&(kind.to_owned(), key.clone())) else { return };
        let metadata = patch["metadata"].as_object_mut().unwrap();
        metadata.remove("uid");
        if let Some(revision) = metadata.remove("resourceVersion") {
            assert_eq!(revision, object["metadata"]["resourceVersion"], "{kind} {key}");
        }
        let before = object.clone();
        merge(object, &patch);
        assert_ne!(before, *object, "a write without effect: {kind} {key} {subresource:?} {patch}");
        assert!(subresource == Some("status") || before["status"] == object["status"]);
        if before["spec"] != object["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap();
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let revision: u32 =
            before["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        object["metadata"]["resourceVersion"] = json!((revision + 1).to_string());
        self.collect(kind, key);
    }

    pub fn delete(&mut self, kind: &str, key: &Key) {
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

    pub fn dump(&self, chart: &str) {
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

fn read(path: &Path) -> Vec<Value> {
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

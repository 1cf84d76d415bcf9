//! Builtin objects as the actors see them: only the fields they use, decoded once per revision.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{Gvr, Object, Tree};
use drydock_operator_core::plan::Reference;
use drydock_operator_core::quantity;
use drydock_operator_core::view::Key;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

pub const PODS: Gvr = Gvr::new("", "v1", "pods");
pub const NODES: Gvr = Gvr::new("", "v1", "nodes");
pub const SERVICES: Gvr = Gvr::new("", "v1", "services");
pub const EVENTS: Gvr = Gvr::new("", "v1", "events");
pub const NAMESPACES: Gvr = Gvr::new("", "v1", "namespaces");
pub const ENDPOINTS: Gvr = Gvr::new("", "v1", "endpoints");
pub const SERVICE_ACCOUNTS: Gvr = Gvr::new("", "v1", "serviceaccounts");
pub const CONFIG_MAPS: Gvr = Gvr::new("", "v1", "configmaps");
pub const CLAIMS: Gvr = Gvr::new("", "v1", "persistentvolumeclaims");
pub const VOLUMES: Gvr = Gvr::new("", "v1", "persistentvolumes");
pub const STORAGE_CLASSES: Gvr = Gvr::new("storage.k8s.io", "v1", "storageclasses");
pub const LEASES: Gvr = Gvr::new("coordination.k8s.io", "v1", "leases");
pub const SLICES: Gvr = Gvr::new("discovery.k8s.io", "v1", "endpointslices");

pub fn tree(value: Value) -> Tree {
    Tree::from_value(value)
}

/// How an object is called in waits.
pub fn reference(kind: &'static str, object: &Object) -> Reference {
    let key = Key::new(object.namespace(), object.name());
    Reference { kind: kind.into(), api_version: "v1".into(), key, uid: object.uid().to_owned() }
}

/// An object of which only the name is known.
pub fn named(kind: &'static str, namespace: &str, name: &str) -> Reference {
    let key = Key::new(namespace, name);
    Reference { kind: kind.into(), api_version: "v1".into(), key, uid: String::new() }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub deletion_timestamp: Option<Timestamp>,
    pub deletion_grace_period_seconds: Option<i64>,
    pub finalizers: Vec<String>,
    pub generation: i64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    pub metadata: Meta,
    pub spec: PodSpec,
    pub status: PodStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    pub node_name: Option<String>,
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    pub volumes: Vec<Volume>,
    pub restart_policy: Option<String>,
    pub node_selector: BTreeMap<String, String>,
    pub affinity: Option<Affinity>,
    pub tolerations: Vec<Toleration>,
    pub hostname: Option<String>,
    pub subdomain: Option<String>,
    pub scheduling_gates: Vec<Value>,
    pub termination_grace_period_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    pub phase: Option<String>,
    pub conditions: Vec<Condition>,
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    pub name: Arc<str>,
    pub image: Arc<str>,
    pub env: Vec<EnvVar>,
    pub env_from: Vec<EnvFrom>,
    pub ports: Vec<Port>,
    pub resources: Resources,
    pub startup_probe: Option<Probe>,
    pub readiness_probe: Option<Probe>,
    pub liveness_probe: Option<Probe>,
    pub lifecycle: Option<Lifecycle>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    pub pre_stop: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    pub requests: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Port {
    pub name: String,
    pub container_port: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVar {
    pub name: String,
    pub value: Option<String>,
    pub value_from: Option<EnvSource>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub struct EnvSource {
    pub config_map_key_ref: Option<KeyRef>,
    pub secret_key_ref: Option<KeyRef>,
    pub field_ref: Option<FieldRef>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyRef {
    pub name: String,
    pub key: String,
    pub optional: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldRef {
    pub field_path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvFrom {
    pub prefix: String,
    pub config_map_ref: Option<NameRef>,
    pub secret_ref: Option<NameRef>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NameRef {
    pub name: String,
    pub optional: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    pub name: String,
    pub config_map: Option<NameRef>,
    pub secret: Option<SecretVolume>,
    pub persistent_volume_claim: Option<ClaimVolume>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretVolume {
    pub secret_name: String,
    pub optional: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimVolume {
    pub claim_name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    pub initial_delay_seconds: i64,
    pub period_seconds: Option<i64>,
    pub success_threshold: Option<u32>,
    pub failure_threshold: Option<u32>,
    pub tcp_socket: Option<ProbePort>,
    pub http_get: Option<ProbePort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProbePort {
    /// A number, or the name of a port of the container.
    pub port: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub struct Toleration {
    pub key: String,
    pub operator: String,
    pub value: String,
    pub effect: String,
    pub toleration_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: String,
    pub time_added: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
pub struct Affinity {
    pub node_affinity: Option<NodeAffinity>,
    pub pod_anti_affinity: Option<PodAffinity>,
    pub pod_affinity: Option<PodAffinity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelector>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorTerm {
    pub match_expressions: Vec<Expression>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Expression {
    pub key: String,
    pub operator: String,
    pub values: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAffinity {
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Vec<PodAffinityTerm>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAffinityTerm {
    pub label_selector: Option<LabelSelector>,
    pub topology_key: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    pub match_labels: BTreeMap<String, String>,
    pub match_expressions: Vec<Expression>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    pub metadata: Meta,
    pub spec: NodeSpec,
    pub status: NodeStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    pub taints: Vec<Taint>,
    pub unschedulable: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    pub allocatable: BTreeMap<String, Value>,
    pub conditions: Vec<Condition>,
}

impl Pod {
    pub fn is_ready(&self) -> bool {
        self.has_condition("Ready")
    }

    pub fn has_condition(&self, kind: &str) -> bool {
        self.status.conditions.iter().any(|one| one.kind == kind && one.status == "True")
    }

    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

impl Expression {
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => value.is_none_or(|value| !self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" | "Lt" => {
                let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
                match (number(value), number(self.values.first())) {
                    (Some(own), Some(bound)) => {
                        (self.operator == "Gt") == (own > bound) && own != bound
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

impl NodeSelector {
    /// Any of its terms.
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        self.node_selector_terms
            .iter()
            .any(|term| term.match_expressions.iter().all(|one| one.fits(labels)))
    }
}

impl LabelSelector {
    pub fn fits(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|one| one.fits(labels))
    }
}

impl Toleration {
    pub fn tolerates(&self, taint: &Taint) -> bool {
        let effect = self.effect.is_empty() || self.effect == taint.effect;
        let key = self.key.is_empty() || self.key == taint.key;
        let value = self.operator == "Exists" || self.value == taint.value;
        effect && key && value
    }
}

/// A quantity as an API object holds it, in billionths. What is no quantity is nothing.
pub fn nanos(value: &Value) -> i128 {
    match value {
        Value::String(text) => quantity::nanos(text).unwrap_or(0),
        Value::Number(number) => quantity::nanos(&number.to_string()).unwrap_or(0),
        _ => 0,
    }
}

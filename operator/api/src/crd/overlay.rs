//! What the schemas of Kubernetes' own types say and Rust's types do not: how lists and maps are
//! merged, what may be left out, and the defaults.

use serde_json::{Map, Value, json};

pub fn apply(definition: &str, schema: &mut Value) {
    let Some(kind) = definition.rsplit('.').next().filter(|_| definition.starts_with("io.k8s."))
    else {
        return;
    };
    let Some(schema) = schema.as_object_mut() else { return };
    if ATOMIC.contains(&kind) {
        schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    }
    for (_, field) in OPTIONAL.iter().filter(|(of, _)| *of == kind) {
        let left = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let left: Vec<Value> = left.filter(|name| *name != field).cloned().collect();
        if left.is_empty() {
            schema.remove("required");
        } else {
            schema.insert("required".to_owned(), Value::Array(left));
        }
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let mut set = |field: &str, key: &str, value: Value| {
        if let Some(property) = properties.get_mut(field).and_then(Value::as_object_mut) {
            Map::insert(property, key.to_owned(), value);
        }
    };
    for (_, field, default) in DEFAULTS.iter().filter(|(of, ..)| *of == kind) {
        set(field, "default", json!(default));
    }
    for (_, field) in ATOMIC_MAPS.iter().filter(|(of, _)| *of == kind) {
        set(field, "x-kubernetes-map-type", json!("atomic"));
    }
    if kind == "PersistentVolumeClaimStatus" {
        set("allocatedResourceStatuses", "x-kubernetes-map-type", json!("granular"));
    }
    for (_, field) in ATOMIC_LISTS.iter().filter(|(of, _)| *of == kind) {
        set(field, "x-kubernetes-list-type", json!("atomic"));
    }
    for (_, field, keys) in KEYED_LISTS.iter().filter(|(of, ..)| *of == kind) {
        set(field, "x-kubernetes-list-type", json!("map"));
        set(field, "x-kubernetes-list-map-keys", json!(keys));
    }
}

/// Replaced as a whole.
const ATOMIC: &[&str] = &[
    "ConfigMapEnvSource",
    "ConfigMapKeySelector",
    "ConfigMapProjection",
    "ConfigMapVolumeSource",
    "FileKeySelector",
    "LabelSelector",
    "LocalObjectReference",
    "NodeSelector",
    "NodeSelectorTerm",
    "ObjectFieldSelector",
    "ObjectReference",
    "ResourceFieldSelector",
    "SecretEnvSource",
    "SecretKeySelector",
    "SecretProjection",
    "TypedLocalObjectReference",
];

/// Fields that Rust's types hold as plain texts, and that may be left out all the same.
const OPTIONAL: &[(&str, &str)] = &[
    ("ConfigMapEnvSource", "name"),
    ("ConfigMapKeySelector", "name"),
    ("ConfigMapProjection", "name"),
    ("ConfigMapVolumeSource", "name"),
    ("HostAlias", "ip"),
    ("LocalObjectReference", "name"),
    ("SecretEnvSource", "name"),
    ("SecretKeySelector", "name"),
    ("SecretProjection", "name"),
];

const DEFAULTS: &[(&str, &str, &str)] = &[
    ("ContainerPort", "protocol", "TCP"),
    ("GRPCAction", "service", ""),
    ("ServicePort", "protocol", "TCP"),
];

const ATOMIC_MAPS: &[(&str, &str)] = &[("PodSpec", "nodeSelector"), ("ServiceSpec", "selector")];

const ATOMIC_LISTS: &[(&str, &str)] = &[
    ("Container", "resizePolicy"),
    ("EphemeralContainer", "resizePolicy"),
    ("PodAffinityTerm", "matchLabelKeys"),
    ("PodAffinityTerm", "mismatchLabelKeys"),
    ("ServiceSpec", "clusterIPs"),
    ("ServiceSpec", "ipFamilies"),
    ("TopologySpreadConstraint", "matchLabelKeys"),
];

const KEYED_LISTS: &[(&str, &str, &[&str])] = &[
    ("Container", "ports", &["containerPort", "protocol"]),
    ("EphemeralContainer", "ports", &["containerPort", "protocol"]),
    ("PodSpec", "resourceClaims", &["name"]),
    ("PodSpec", "schedulingGates", &["name"]),
    ("PodSpec", "topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("ResourceRequirements", "claims", &["name"]),
    ("ServiceSpec", "ports", &["port", "protocol"]),
];

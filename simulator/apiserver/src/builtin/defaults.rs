//! Defaults that depend on other members. Constants stand in the tables.
//!
//! One function per definition, as in the real server: what it sets for a Container holds wherever a Container
//! stands. The walk calls it with the constants filled in already, before it goes to the children.

use std::sync::LazyLock;

use regex::Regex;

use super::check::text;
use super::conversion;
use crate::Tree;

/// `None`: nothing to add.
pub(crate) fn fill(definition: &str, tree: &Tree, minor: u32) -> Option<Tree> {
    let filled = match definition {
        "core.v1.Pod" => conversion::pod(pod(tree, minor), minor),
        "core.v1.PodTemplateSpec" => conversion::without_init_annotations(tree.clone()),
        "core.v1.PodStatus" => conversion::pod_status(tree),
        "core.v1.PodSpec" => pod_spec(tree, minor),
        "core.v1.Container" | "core.v1.EphemeralContainer" => container(tree),
        "core.v1.Volume" => volume(tree),
        "core.v1.HTTPGetAction" => http_get(tree),
        "core.v1.Service" => service(tree, minor),
        "core.v1.Secret" => secret(tree),
        "core.v1.Namespace" => namespace(tree, minor),
        "core.v1.NodeSpec" => conversion::node_spec(tree),
        "core.v1.NodeStatus" => node_status(tree),
        "core.v1.LimitRangeItem" => limit_range(tree),
        "core.v1.PersistentVolume" => persistent_volume(tree),
        "core.v1.ReplicationController" => replication_controller(tree),
        "apps.v1.DeploymentStrategy" => deployment_strategy(tree),
        "apps.v1.StatefulSetSpec" => stateful_set(tree, minor),
        "apps.v1.StatefulSetUpdateStrategy" => stateful_set_strategy(tree),
        "apps.v1.DaemonSet" => conversion::daemon_set(tree),
        "apps.v1.Deployment" => conversion::deployment(tree),
        "apps.v1.DaemonSetUpdateStrategy" => daemon_set_strategy(tree, minor),
        "batch.v1.Job" => job(tree, minor),
        "rbac.v1.Subject" => subject(tree),
        "networking.v1.NetworkPolicySpec" => network_policy(tree),
        "apiextensions.v1.CustomResourceDefinition" => conversion::with_stored_versions(tree),
        "apiextensions.v1.CustomResourceDefinitionSpec" => custom_resource_definition(tree),
        "autoscaling.v2.HorizontalPodAutoscalerSpec"
        | "autoscaling.v2beta2.HorizontalPodAutoscalerSpec" => autoscaler(tree),
        "autoscaling.v2.HorizontalPodAutoscalerBehavior"
        | "autoscaling.v2beta2.HorizontalPodAutoscalerBehavior" => {
            super::workload::autoscaler::with_usual_behavior(tree)
        }
        "flowcontrol.v1.FlowSchemaSpec" => flow_schema(tree),
        "resource.v1.ExactDeviceRequest" | "resource.v1.DeviceSubRequest" => device_request(tree),
        _ => return None,
    };
    (!filled.same(tree)).then_some(filled)
}

/// The tree with a value where there is none.
fn or(tree: Tree, key: &str, value: impl Into<Tree>) -> Tree {
    if tree.get(key).is_none() { tree.with(&[key], value) } else { tree }
}

fn map_items(tree: &Tree, key: &str, change: &dyn Fn(&Tree) -> Tree) -> Tree {
    let Some(list) = tree.get(key).filter(|list| list.is_list()) else { return tree.clone() };
    let items: Vec<Tree> = list.items().iter().map(change).collect();
    let unchanged = items.iter().zip(list.items()).all(|(a, b)| a.same(b));
    if unchanged { tree.clone() } else { tree.with(&[key], items) }
}

fn flow_schema(tree: &Tree) -> Tree {
    let path = ["matchingPrecedence"];
    if tree.int_at(&path) == Some(0) { tree.with(&path, 1000) } else { tree.clone() }
}

/// Not of the spec, which an attachment can have without them.
fn persistent_volume(tree: &Tree) -> Tree {
    let spec = tree.get("spec").cloned().unwrap_or_else(Tree::empty_map);
    let spec = or(spec, "persistentVolumeReclaimPolicy", "Retain");
    tree.with(&["spec"], or(spec, "volumeMode", "Filesystem"))
}

fn pod(tree: &Tree, minor: u32) -> Tree {
    let Some(spec) = tree.get("spec") else { return tree.clone() };
    let requests = |container: &Tree| {
        let limits = container.at(&["resources", "limits"]);
        limits.into_iter().flat_map(Tree::entries).fold(
            container.clone(),
            |container, (name, value)| {
                let present = container.at(&["resources", "requests", name]).is_some();
                if present {
                    container
                } else {
                    container.with(&["resources", "requests", name], value)
                }
            },
        )
    };
    let mut spec = with_host_ports(or(spec.clone(), "enableServiceLinks", true));
    for list in ["containers", "initContainers"] {
        spec = map_items(&spec, list, &requests);
    }
    if minor >= 34 {
        spec = super::pod::claims::defaulted(&spec);
    }
    tree.with(&["spec"], spec)
}

fn pod_spec(tree: &Tree, minor: u32) -> Tree {
    let mut tree = tree.clone();
    // The old name of the account and the new one say the same.
    let text = |tree: &Tree, key: &str| tree.str_at(&[key]).unwrap_or_default().to_owned();
    let (new, old) = (text(&tree, "serviceAccountName"), text(&tree, "serviceAccount"));
    if new.is_empty() && !old.is_empty() {
        tree = tree.with(&["serviceAccountName"], old);
    } else if !new.is_empty() && new != old {
        tree = tree.with(&["serviceAccount"], new);
    }
    // Newer servers do so of pods only, not of templates.
    if minor < 28 { with_host_ports(tree) } else { tree }
}

/// On the network of the host, its ports are those of the containers.
fn with_host_ports(mut spec: Tree) -> Tree {
    if spec.bool_at(&["hostNetwork"]) == Some(true) {
        let ports = |container: &Tree| {
            map_items(container, "ports", &|port| match port.get("containerPort") {
                Some(number) if port.int_at(&["hostPort"]).unwrap_or(0) == 0 => {
                    port.with(&["hostPort"], number)
                }
                _ => port.clone(),
            })
        };
        for list in ["containers", "initContainers"] {
            spec = map_items(&spec, list, &ports);
        }
    }
    spec
}

fn container(tree: &Tree) -> Tree {
    if !text(tree, "imagePullPolicy").is_empty() {
        return tree.clone();
    }
    let policy = if is_latest(text(tree, "image")) { "Always" } else { "IfNotPresent" };
    tree.with(&["imagePullPolicy"], policy)
}

/// Bytes of an image's name behind its host.
const LONGEST_PATH: usize = 255;

/// Of an image's name behind its host; what names no host is one of Docker's.
fn path_length(name: &str) -> usize {
    let is_host = |first: &str| {
        first.contains(['.', ':'])
            || first == "localhost"
            || first.contains(|letter: char| letter.is_ascii_uppercase())
    };
    match name.split_once('/') {
        Some((first, path)) if is_host(first) => path.len(),
        Some(_) => name.len(),
        None => "library/".len() + name.len(),
    }
}

/// Whether an image names no version: no tag, or `latest`, and no digest. What is no name of an image names a version.
fn is_latest(image: &str) -> bool {
    static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
        let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
        let host = format!(r"(?:{label}(?:\.{label})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?");
        let part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
        let tag = r"\w[\w.-]{0,127}";
        let digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
        let name = format!("(?:{host}/)?{part}(?:/{part})*");
        let pattern = format!("^(?-u:({name})(?::({tag}))?(?:@({digest}))?)$");
        Regex::new(&pattern).expect("the grammar of image names is a regular expression")
    });
    let is_id =
        image.len() == 64 && image.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let Some(parts) = REFERENCE.captures(image).filter(|_| !is_id) else { return false };
    if path_length(&parts[1]) > LONGEST_PATH {
        return false;
    }
    match (parts.get(2), parts.get(3)) {
        (Some(tag), _) => tag.as_str() == "latest",
        (None, digest) => digest.is_none(),
    }
}

fn volume(tree: &Tree) -> Tree {
    let has_source = tree.entries().any(|(key, _)| key != "name");
    if has_source { tree.clone() } else { tree.with(&["emptyDir"], Tree::empty_map()) }
}

fn http_get(tree: &Tree) -> Tree {
    if tree.str_at(&["path"]) == Some("") { tree.with(&["path"], "/") } else { tree.clone() }
}

fn service(tree: &Tree, minor: u32) -> Tree {
    let Some(spec) = tree.get("spec") else { return tree.clone() };
    let mut spec = spec.clone();
    let kind = spec.str_at(&["type"]).unwrap_or("ClusterIP").to_owned();
    let affinity = spec.str_at(&["sessionAffinity"]).unwrap_or_default().to_owned();
    if affinity == "ClientIP"
        && spec.at(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"]).is_none()
    {
        spec = spec.with(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"], 10_800);
    }
    if matches!(&*affinity, "None" | "") {
        spec = spec.without(&["sessionAffinityConfig"]);
    }
    spec = map_items(&spec, "ports", &|port| {
        let absent = match port.get("targetPort") {
            None => true,
            Some(target) => target.as_i64() == Some(0) || target.as_str() == Some(""),
        };
        match port.get("port") {
            Some(number) if absent => port.with(&["targetPort"], number),
            _ => port.clone(),
        }
    });
    // Newer servers see that its own addresses, too, are reached from outside.
    let has_addresses = spec.get("externalIPs").is_some_and(|it| !it.is_empty());
    let is_reached = minor >= 26 && kind == "ClusterIP" && has_addresses;
    if is_reached || matches!(&*kind, "NodePort" | "LoadBalancer") {
        spec = or(spec, "externalTrafficPolicy", "Cluster");
    }
    if minor >= 22 && matches!(&*kind, "NodePort" | "LoadBalancer" | "ClusterIP") {
        spec = or(spec, "internalTrafficPolicy", "Cluster");
    }
    if minor >= 22 && kind == "LoadBalancer" {
        spec = or(spec, "allocateLoadBalancerNodePorts", true);
    }
    let tree = tree.with(&["spec"], spec);
    let path = ["status", "loadBalancer", "ingress"];
    match tree.at(&path).filter(|_| minor >= 30 && kind == "LoadBalancer") {
        Some(ingress) => {
            let with_mode = |point: &Tree| match point.str_at(&["ip"]) {
                Some(ip) if !ip.is_empty() => or(point.clone(), "ipMode", "VIP"),
                _ => point.clone(),
            };
            let ingress = Tree::list(ingress.items().iter().map(with_mode)).sharing(ingress);
            tree.with(&path, ingress)
        }
        None => tree,
    }
}

/// What is given as text is folded into the data, and not kept.
fn secret(tree: &Tree) -> Tree {
    let Some(texts) = tree.get("stringData") else { return tree.clone() };
    let folded = texts.entries().fold(tree.clone(), |tree, (key, value)| {
        let bytes = value.as_str().unwrap_or_default().as_bytes();
        tree.with(&["data", key], base64(bytes))
    });
    folded.without(&["stringData"])
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= chunk.len() {
                let digit = (word >> (18 - 6 * place)) & 63;
                out.push(char::from(ALPHABET[digit as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn namespace(tree: &Tree, minor: u32) -> Tree {
    let Some(name) = tree.str_at(&["metadata", "name"]).filter(|_| minor >= 21) else {
        return tree.clone();
    };
    tree.with(&["metadata", "labels", "kubernetes.io/metadata.name"], name)
}

fn node_status(tree: &Tree) -> Tree {
    match tree.get("capacity") {
        Some(capacity) if tree.get("allocatable").is_none() => {
            tree.with(&["allocatable"], capacity)
        }
        _ => tree.clone(),
    }
}

fn limit_range(tree: &Tree) -> Tree {
    if tree.str_at(&["type"]) != Some("Container") {
        return tree.clone();
    }
    let mut tree = tree.clone();
    for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")]
    {
        let source = tree.get(from).cloned();
        for (name, value) in source.iter().flat_map(Tree::entries) {
            if tree.at(&[to, name]).is_none() {
                tree = tree.with(&[to, name], value);
            }
        }
    }
    tree
}

fn replication_controller(tree: &Tree) -> Tree {
    let labels = tree.at(&["spec", "template", "metadata", "labels"]).filter(|l| !l.is_empty());
    let Some(labels) = labels.cloned() else { return tree.clone() };
    let mut tree = tree.clone();
    if tree.at(&["spec", "selector"]).is_none_or(Tree::is_empty) {
        tree = tree.with(&["spec", "selector"], &labels);
    }
    if tree.at(&["metadata", "labels"]).is_none_or(Tree::is_empty) {
        tree = tree.with(&["metadata", "labels"], labels);
    }
    tree
}

fn deployment_strategy(tree: &Tree) -> Tree {
    if tree.str_at(&["type"]) != Some("RollingUpdate") {
        return tree.clone();
    }
    let rolling = tree.get("rollingUpdate").cloned().unwrap_or_else(Tree::empty_map);
    let rolling = or(or(rolling, "maxUnavailable", "25%"), "maxSurge", "25%");
    tree.with(&["rollingUpdate"], rolling)
}

/// Claims in a template say their kind.
fn stateful_set(tree: &Tree, minor: u32) -> Tree {
    let strategy = tree.get("updateStrategy").cloned().unwrap_or_else(Tree::empty_map);
    // Who chooses how to update does not get what the other way consists of.
    let tree = &match text(&strategy, "type") {
        "" => tree.with(&["updateStrategy"], or(strategy, "rollingUpdate", Tree::empty_map())),
        _ => tree.clone(),
    };
    let tree = map_items(tree, "volumeClaimTemplates", &|claim| {
        or(or(claim.clone(), "apiVersion", "v1"), "kind", "PersistentVolumeClaim")
    });
    if minor >= 27 {
        or(tree, "persistentVolumeClaimRetentionPolicy", Tree::empty_map())
    } else {
        tree
    }
}

fn stateful_set_strategy(tree: &Tree) -> Tree {
    match tree.get("rollingUpdate") {
        Some(rolling) if text(tree, "type") == "RollingUpdate" => {
            tree.with(&["rollingUpdate"], or(rolling.clone(), "partition", 0))
        }
        _ => tree.clone(),
    }
}

fn daemon_set_strategy(tree: &Tree, minor: u32) -> Tree {
    let is_rolling = text(tree, "type") == "RollingUpdate";
    let Some(rolling) = tree.get("rollingUpdate").cloned().or(is_rolling.then(Tree::empty_map))
    else {
        return tree.clone();
    };
    let rolling = or(rolling, "maxUnavailable", i64::from(is_rolling));
    tree.with(&["rollingUpdate"], if minor >= 22 { or(rolling, "maxSurge", 0) } else { rolling })
}

fn job(object: &Tree, minor: u32) -> Tree {
    let Some(spec) = object.get("spec") else { return object.clone() };
    let mut tree = spec.clone();
    if minor >= 21 {
        tree = or(or(tree, "completionMode", "NonIndexed"), "suspend", false);
    }
    if tree.get("completions").is_none() && tree.get("parallelism").is_none() {
        tree = tree.with(&["completions"], 1);
    }
    tree = or(tree, "parallelism", 1);
    if minor >= 27 {
        tree = or(tree, "manualSelector", false);
    }
    let per_index = tree.get("backoffLimitPerIndex").is_some();
    tree = or(tree, "backoffLimit", if per_index { i64::from(i32::MAX) } else { 6 });
    if minor >= 29 {
        let fails = tree.get("podFailurePolicy").is_some();
        tree =
            or(tree, "podReplacementPolicy", if fails { "Failed" } else { "TerminatingOrFailed" });
    }
    super::admission::labels_from_template(&object.with(&["spec"], tree))
}

/// Who does not say how many devices wants one.
fn device_request(tree: &Tree) -> Tree {
    let mode = match text(tree, "allocationMode") {
        "" => "ExactCount",
        stated => stated,
    };
    let tree = tree.with(&["allocationMode"], mode);
    match tree.int_at(&["count"]) {
        None | Some(0) if mode == "ExactCount" => tree.with(&["count"], 1),
        _ => tree,
    }
}

fn subject(tree: &Tree) -> Tree {
    let group = match tree.str_at(&["kind"]) {
        Some("User" | "Group") => "rbac.authorization.k8s.io",
        _ => return tree.clone(),
    };
    or(tree.clone(), "apiGroup", group)
}

fn network_policy(tree: &Tree) -> Tree {
    if tree.get("policyTypes").is_some() {
        return tree.clone();
    }
    let egress = tree.get("egress").is_some_and(|egress| !egress.is_empty());
    let mut types = vec![Tree::from("Ingress")];
    types.extend(egress.then(|| Tree::from("Egress")));
    tree.with(&["policyTypes"], types)
}

fn custom_resource_definition(tree: &Tree) -> Tree {
    let tree = &conversion::without_silent_webhook(tree);
    let Some(names) = tree.get("names") else { return tree.clone() };
    let kind = names.str_at(&["kind"]).unwrap_or_default();
    let (singular, list) = (kind.to_lowercase(), format!("{kind}List"));
    let names = if kind.is_empty() {
        names.clone()
    } else {
        or(or(names.clone(), "singular", singular), "listKind", list)
    };
    tree.with(&["names"], names)
}

fn autoscaler(tree: &Tree) -> Tree {
    if tree.get("metrics").is_some_and(|metrics| !metrics.is_empty()) {
        return tree.clone();
    }
    let metric = serde_json::json!([{
        "type": "Resource",
        "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } },
    }]);
    tree.with(&["metrics"], Tree::from_value(metric))
}

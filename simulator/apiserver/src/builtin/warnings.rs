//! What is accepted, and had better not be asked for.

mod address;
mod overlap;
mod pod;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::check::{NOTHING, list, text};
use crate::Tree;
use crate::kinds::KindInfo;
use crate::names;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::schema::Path;

const OLD_LABELS: [(&str, &str); 8] = [
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ),
    (
        "beta.kubernetes.io/instance-type",
        "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
    ),
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    (
        "scheduler.alpha.kubernetes.io/preferAvoidPods",
        "deprecated since v1.22; use Taints and Tolerations instead",
    ),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
];

const OLD_VOLUMES: [(&str, &str); 9] = [
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
];

/// Why a certificate and its key are none, as far as it can be told without reading them.
fn key_pair(secret: &Tree) -> Option<String> {
    for (key, what) in [("tls.crt", "certificate"), ("tls.key", "key")] {
        let value = secret.str_at(&["data", key]).unwrap_or_default();
        let bytes = STANDARD.decode(value).unwrap_or_default();
        let blocks = String::from_utf8_lossy(&bytes);
        let kinds: Vec<&str> = blocks
            .split("-----BEGIN ")
            .skip(1)
            .filter_map(|block| {
                let (kind, rest) = block.split_once("-----")?;
                rest.contains(&format!("-----END {kind}-----")).then_some(kind)
            })
            .collect();
        if kinds.is_empty() {
            return Some(format!("tls: failed to find any PEM data in {what} input"));
        }
        if what == "certificate" && !kinds.contains(&"CERTIFICATE") {
            return Some(format!(
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [{}]",
                kinds.join(" ")
            ));
        }
        let is_key = |kind: &&&str| **kind == "PRIVATE KEY" || kind.ends_with(" PRIVATE KEY");
        if what == "key" && !kinds.iter().any(|kind| is_key(&kind)) {
            if kinds == ["CERTIFICATE"] {
                return Some(
                    "tls: found a certificate rather than a key in the PEM for the private key"
                        .to_owned(),
                );
            }
            return Some(format!(
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: [{}]",
                kinds.join(" ")
            ));
        }
    }
    None
}

/// The warnings about an object of a builtin kind. Older servers have none.
pub(crate) fn of(
    kind: &KindInfo,
    new: &Tree,
    old: Option<&Object>,
    subresource: Option<&str>,
    minor: u32,
) -> Vec<String> {
    let mut said = Vec::new();
    if minor < 25 {
        return said;
    }
    // Who scales an object writes all of it.
    if let Some(subresource) = subresource.filter(|name| *name != "scale") {
        if subresource == "status" && minor >= 33 {
            status(kind, new, &mut said);
        }
        return said;
    }
    let old = old.map(Object::tree);
    let spec = new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    match (&*kind.group, &*kind.kind) {
        ("", "Pod" | "PodTemplate" | "ReplicationController") | ("apps" | "batch", _) => {
            runs(kind, new, old, minor, &mut said);
        }
        ("", "Secret") if text(new, "type") == "kubernetes.io/tls" => said.extend(key_pair(new)),
        ("", "PersistentVolume") => volume(new, spec, &mut said),
        ("", "PersistentVolumeClaim") => {
            let key = "volume.beta.kubernetes.io/storage-class";
            if new.at(&["metadata", "annotations", key]).is_some() {
                said.push("metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" attribute instead".to_owned());
            }
            claim(spec, "spec", &mut said);
        }
        ("", "Service") => service(spec, &at, minor, &mut said),
        ("", "Node") => {
            if spec.get("configSource").is_some_and(Tree::is_map) {
                said.push("spec.configSource: the feature is removed".to_owned());
            }
            if !text(spec, "externalID").is_empty() {
                said.push(
                    "spec.externalID: this field is deprecated, and is unused by Kubernetes"
                        .to_owned(),
                );
            }
            let ranges = list(spec, "podCIDRs").iter().filter_map(Tree::as_str).enumerate();
            for (index, range) in ranges.filter(|_| minor >= 33) {
                said.extend(address::of_range(&format!("spec.podCIDRs[{index}]"), range));
            }
        }
        ("", "Endpoints") if minor >= 33 && !is_managed(new) => endpoints(new, &mut said),
        ("discovery.k8s.io", "EndpointSlice") => {
            if old.is_none() && text(new, "addressType") == "FQDN" {
                said.push("spec.addressType: FQDN endpoints are deprecated".to_owned());
            }
            let managed = is_managed(new);
            for (index, endpoint) in list(new, "endpoints").iter().enumerate() {
                let addresses = list(endpoint, "addresses").iter().filter_map(Tree::as_str);
                for (at, one) in addresses.enumerate().filter(|_| minor >= 33 && !managed) {
                    let place = format!("endpoints[{index}].addresses[{at}]");
                    said.extend(address::of_address(&place, one));
                }
            }
        }
        ("", "ServiceAccount") => {
            let path = ["metadata", "annotations", "kubernetes.io/enforce-mountable-secrets"];
            let before = old.is_some_and(|old| old.at(&path).is_some());
            if new.at(&path).is_some() && !before {
                said.push(format!("metadata.annotations[{}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets", path[2]));
            }
        }
        ("storage.k8s.io", "StorageClass") => {
            for (index, term) in list(new, "allowedTopologies").iter().enumerate() {
                for (at, expression) in list(term, "matchLabelExpressions").iter().enumerate() {
                    if let Some(advice) = old_label(text(expression, "key")) {
                        said.push(format!(
                            "allowedTopologies[{index}].matchLabelExpressions[{at}].key: {advice}"
                        ));
                    }
                }
            }
        }
        ("storage.k8s.io", "CSIStorageCapacity") => {
            let topology = new.get("nodeTopology").unwrap_or(&NOTHING);
            let at = Path::Root.field("nodeTopology");
            node_term(topology, false, &at, &mut said);
            for (key, _) in topology.get("matchLabels").into_iter().flat_map(Tree::entries) {
                let advice = old_label(key);
                said.extend(advice.map(|advice| format!("{at}.matchLabels.{key}: {advice}")));
            }
        }
        ("node.k8s.io", "RuntimeClass") => {
            let labels =
                new.at(&["scheduling", "nodeSelector"]).into_iter().flat_map(Tree::entries);
            let advice = labels.filter_map(|(key, _)| old_label(key));
            said.extend(advice.map(|advice| format!("scheduling.nodeSelector: {advice}")));
        }
        ("networking.k8s.io", "NetworkPolicy") if minor >= 33 => blocks(spec, &mut said),
        ("networking.k8s.io", "Ingress") if old.is_none() => {
            let key = "kubernetes.io/ingress.class";
            if new.at(&["metadata", "annotations", key]).is_some()
                && spec.get("ingressClassName").is_none()
            {
                said.push(format!(
                    "annotation {key:?} is deprecated, please use 'spec.ingressClassName' instead"
                ));
            }
        }
        _ => {}
    }
    said
}

/// Of pods, and of what makes them. Nobody warns of what is as it was before.
fn runs(kind: &KindInfo, new: &Tree, old: Option<&Tree>, minor: u32, said: &mut Vec<String>) {
    let spec = new.get("spec").unwrap_or(&NOTHING);
    let path: &[&str] = match &*kind.kind {
        "Pod" => &[],
        "PodTemplate" => &["template"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template"],
        _ => &["spec", "template"],
    };
    let changing: &[&str] = match &*kind.kind {
        "Pod" if old.is_some() => return,
        "PodTemplate" => &["template"],
        "DaemonSet" => &["spec", "template"],
        _ => &["spec"],
    };
    let hostnames = match &*kind.kind {
        "Pod" => "this is used in the Pod's hostname",
        "Deployment" | "ReplicaSet" | "Job" | "ReplicationController" | "CronJob" => {
            "this is used in Pod names and hostnames"
        }
        _ => "",
    };
    if old.is_none() && !hostnames.is_empty() {
        dots(new, hostnames, said);
    }
    if old.is_none_or(|old| old.at(changing) != new.at(changing)) {
        // One kind is warned of what it was.
        let shown = old.filter(|_| &*kind.kind == "ReplicationController").unwrap_or(new);
        let template = shown.at(path).unwrap_or(&NOTHING);
        let meta = template.get("metadata").unwrap_or(&NOTHING);
        let spec = template.get("spec").unwrap_or(&NOTHING);
        let above = Path::Root.field("spec");
        let (job, of_job);
        let root = match &*kind.kind {
            "Pod" => Path::Root,
            "PodTemplate" => Path::Root.field("template"),
            "CronJob" => {
                job = above.field("jobTemplate");
                of_job = job.field("spec");
                of_job.field("template")
            }
            _ => above.field("template"),
        };
        pod::pod(spec, meta, &root, minor, said);
    }
    if &*kind.kind == "StatefulSet" {
        for (index, one) in list(spec, "volumeClaimTemplates").iter().enumerate() {
            let below = if old.is_some() { ".Spec" } else { "" };
            let at = format!("spec.volumeClaimTemplates[{index}]{below}");
            claim(one.get("spec").unwrap_or(&NOTHING), &at, said);
        }
        if spec.int_at(&["revisionHistoryLimit"]).is_some_and(|kept| kept < 0) {
            said.push("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended".to_owned());
        }
    }
    if &*kind.kind == "CronJob" && old.is_some() && text(spec, "schedule").contains("TZ") {
        said.push("cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details".to_owned());
    }
}

/// Addresses that a status names.
fn status(kind: &KindInfo, new: &Tree, said: &mut Vec<String>) {
    let lists: &[(&[&str], &str)] = match (&*kind.group, &*kind.kind) {
        ("", "Pod") => &[(&["status", "podIPs"], ".ip"), (&["status", "hostIPs"], ".ip")],
        ("", "Service") | ("networking.k8s.io", "Ingress") => {
            &[(&["status", "loadBalancer", "ingress"], "")]
        }
        _ => return,
    };
    for (path, member) in lists {
        let points = new.at(path).map_or(&[][..], Tree::items);
        for (index, point) in
            points.iter().enumerate().filter(|(_, one)| !text(one, "ip").is_empty())
        {
            let place = format!("{}[{index}]{member}", path.join("."));
            said.extend(address::of_address(&place, text(point, "ip")));
        }
    }
}

/// Whether a controller writes them, which knows how addresses are written.
fn is_managed(new: &Tree) -> bool {
    let says = |key: &str, names: &[&str]| {
        let name = new.str_at(&["metadata", "labels", key]);
        name.is_some_and(|name| names.contains(&name))
    };
    says("endpoints.kubernetes.io/managed-by", &["endpoint-controller"])
        || says(
            "endpointslice.kubernetes.io/managed-by",
            &["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"],
        )
}

fn endpoints(new: &Tree, said: &mut Vec<String>) {
    for (index, subset) in list(new, "subsets").iter().enumerate() {
        for key in ["addresses", "notReadyAddresses"] {
            for (at, one) in list(subset, key).iter().enumerate() {
                let place = format!("subsets[{index}].{key}[{at}].ip");
                said.extend(address::of_address(&place, text(one, "ip")));
            }
        }
    }
}

fn blocks(spec: &Tree, said: &mut Vec<String>) {
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, direction).iter().enumerate() {
            for (at, peer) in list(rule, peers).iter().enumerate() {
                let Some(block) = peer.get("ipBlock") else { continue };
                let place = format!("spec.{direction}[{index}].{peers}[{at}].ipBlock");
                said.extend(address::of_range(&format!("{place}.cidr"), text(block, "cidr")));
                let excepts = list(block, "except").iter().filter_map(Tree::as_str);
                for (index, except) in excepts.enumerate() {
                    said.extend(address::of_range(&format!("{place}.except[{index}]"), except));
                }
            }
        }
    }
}

/// What a claim asks for; `at`: its spec.
fn claim(spec: &Tree, at: &str, said: &mut Vec<String>) {
    for side in ["requests", "limits"] {
        fractional(spec, side, "storage", at, said);
    }
}

/// Which nodes are chosen by labels that have later names; `values`: or by values that no label has.
fn node_term(term: &Tree, values: bool, at: &Path<'_>, said: &mut Vec<String>) {
    for (index, expression) in list(term, "matchExpressions").iter().enumerate() {
        let key = text(expression, "key");
        if let Some(advice) = old_label(key) {
            said.push(format!("{at}.matchExpressions[{index}].key: {key} is {advice}"));
        }
        let stated = list(expression, "values").iter().filter_map(Tree::as_str).enumerate();
        for (place, value) in stated.filter(|_| values) {
            said.extend(names::label_value(value).into_iter().map(|why| {
                format!("{at}.matchExpressions[{index}].values[{place}]: {value} is invalid, {why}")
            }));
        }
    }
}

fn old_label(key: &str) -> Option<String> {
    OLD_LABELS.iter().find(|(old, _)| *old == key).map(|(_, advice)| (*advice).to_owned())
}

fn dots(object: &Tree, use_of: &str, said: &mut Vec<String>) {
    let name = object.str_at(&["metadata", "name"]).unwrap_or_default();
    let faults = names::dns_label(name);
    if !faults.is_empty() {
        said.push(format!(
            "metadata.name: {use_of}, which can result in surprising behavior; a DNS label is recommended: [{}]",
            faults.join(" ")
        ));
    }
}

fn volume(object: &Tree, spec: &Tree, said: &mut Vec<String>) {
    for (key, instead) in [
        (
            "volume.beta.kubernetes.io/storage-class",
            "deprecated since v1.8; use \"storageClassName\" attribute instead",
        ),
        (
            "volume.beta.kubernetes.io/mount-options",
            "deprecated since v1.31; use \"mountOptions\" attribute instead",
        ),
    ] {
        if object.at(&["metadata", "annotations", key]).is_some() {
            said.push(format!("metadata.annotations[{key}]: {instead}"));
        }
    }
    if text(spec, "persistentVolumeReclaimPolicy") == "Recycle" {
        said.push("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.".to_owned());
    }
    let path = ["nodeAffinity", "required", "nodeSelectorTerms"];
    let terms = spec.at(&path).map_or(&[][..], Tree::items);
    let (above, affinity, required);
    above = Path::Root.field("spec");
    affinity = above.field("nodeAffinity");
    required = affinity.field("required");
    let all = required.field("nodeSelectorTerms");
    for (index, term) in terms.iter().enumerate() {
        node_term(term, false, &all.index(index), said);
    }
    let of_volumes = ["cephfs", "photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "rbd"];
    for (key, advice) in OLD_VOLUMES.iter().filter(|(key, _)| of_volumes.contains(key)) {
        if spec.get(key).is_some() {
            let shown = if *key == "storageos" { "storageOS" } else { key };
            said.push(format!("spec.{shown}: {advice}"));
        }
    }
}

fn service(spec: &Tree, at: &Path<'_>, minor: u32, said: &mut Vec<String>) {
    let [kind, first, balancer] =
        ["type", "clusterIP", "loadBalancerIP"].map(|key| text(spec, key));
    let externals = list(spec, "externalIPs");
    let of_address =
        |place: String, address: &str| address::of_address(&place, address).filter(|_| minor >= 33);
    let of_each = |key: &str, said: &mut Vec<String>| {
        let place = at.field(key);
        for (index, address) in list(spec, key).iter().enumerate() {
            said.extend(of_address(
                format!("{place}[{index}]"),
                address.as_str().unwrap_or_default(),
            ));
        }
    };
    if !matches!(first, "" | "None") {
        of_each("clusterIPs", said);
    }
    if matches!(list(spec, "clusterIPs"), [only] if only.as_str() == Some("None")) {
        for (is_set, field) in [
            (!balancer.is_empty(), "loadBalancerIP"),
            (!externals.is_empty(), "externalIPs"),
            (text(spec, "sessionAffinity") != "None", "SessionAffinity"),
        ] {
            if is_set {
                said.push(format!("spec.{field} is ignored for headless services"));
            }
        }
    }
    of_each("externalIPs", said);
    if !balancer.is_empty() {
        said.extend(of_address(at.field("loadBalancerIP").to_string(), balancer));
    }
    if minor >= 33 {
        let ranges = list(spec, "loadBalancerSourceRanges").iter().filter_map(Tree::as_str);
        for (index, range) in ranges.enumerate() {
            let place = format!("spec.loadBalancerSourceRanges[{index}]");
            said.extend(address::of_range(&place, range));
        }
    }
    let external = "ExternalName";
    if kind == external && !externals.is_empty() {
        said.push(format!("spec.externalIPs is ignored when spec.type is {external:?}"));
    }
    if kind != external && !text(spec, "externalName").is_empty() {
        said.push(format!("spec.externalName is ignored when spec.type is not {external:?}"));
    }
}

/// Bytes come whole.
fn fractional(of: &Tree, side: &str, resource: &str, at: &str, said: &mut Vec<String>) {
    let Some(value) = of.str_at(&["resources", side, resource]) else { return };
    if Quantity::parse(value).is_some_and(|quantity| !quantity.is_whole()) {
        said.push(format!("{at}.resources.{side}[{resource}]: fractional byte value {value:?} is invalid, must be an integer"));
    }
}

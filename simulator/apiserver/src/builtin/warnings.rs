//! What is accepted, and had better not be asked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::check::{list, loose_ip, on, text};
use crate::Tree;
use crate::kinds::KindInfo;
use crate::names;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::schema::Path;

const OLD_LABELS: [(&str, &str, &str); 6] = [
    ("beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"),
    ("failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
    ("failure-domain.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
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
pub(crate) fn of(kind: &KindInfo, new: &Tree, old: Option<&Object>, minor: u32) -> Vec<String> {
    let mut said = Vec::new();
    if minor < 25 {
        return said;
    }
    let old = old.map(Object::tree);
    let spec = new.get("spec").unwrap_or(&super::check::NOTHING);
    let as_before = |key: &str| match (new.get(key), old.and_then(|old| old.get(key))) {
        (Some(new), Some(old)) => new.same(old) || new == old,
        (new, was) => old.is_some() && new.is_none() && was.is_none(),
    };
    let root = Path::Root;
    let at = root.field("spec");
    let template = at.field("template");
    let of_template = |spec: &Tree, at: Path<'_>, said: &mut Vec<String>| {
        let meta = spec.at(&["template", "metadata"]).unwrap_or(&super::check::NOTHING);
        if let Some(spec) = spec.at(&["template", "spec"]) {
            pod(spec, meta, &at, said);
        }
    };
    match (&*kind.group, &*kind.kind) {
        ("", "Secret") if text(new, "type") == "kubernetes.io/tls" && !as_before("data") => {
            said.extend(key_pair(new));
        }
        ("", "Pod") if !as_before("spec") => {
            let meta = new.get("metadata").unwrap_or(&super::check::NOTHING);
            if old.is_none() {
                dots(new, "this is used in the Pod's hostname", &mut said);
            }
            pod(spec, meta, &root, &mut said);
        }
        ("apps" | "batch", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet" | "Job")
        | ("", "ReplicationController")
            if !as_before("spec") =>
        {
            of_template(spec, template, &mut said);
            if old.is_none()
                && matches!(
                    &*kind.kind,
                    "Deployment" | "ReplicaSet" | "Job" | "ReplicationController"
                )
            {
                dots(new, "this is used in Pod names and hostnames", &mut said);
            }
            let kept = spec.int_at(&["revisionHistoryLimit"]);
            if &*kind.kind == "StatefulSet" && kept.is_some_and(|kept| kept < 0) {
                said.push("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended".to_owned());
            }
        }
        ("batch", "CronJob") if !as_before("spec") => {
            if old.is_none() {
                dots(new, "this is used in Pod names and hostnames", &mut said);
            }
            let job = spec.at(&["jobTemplate", "spec"]).unwrap_or(&super::check::NOTHING);
            let (above, of_job);
            above = at.field("jobTemplate");
            of_job = above.field("spec");
            of_template(job, of_job.field("template"), &mut said);
        }
        ("", "PersistentVolume") => volume(new, spec, &mut said),
        ("", "PersistentVolumeClaim") => {
            let key = "volume.beta.kubernetes.io/storage-class";
            if new.at(&["metadata", "annotations", key]).is_some() {
                said.push("metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" attribute instead".to_owned());
            }
            fractional(spec, "limits", "storage", &at, &mut said);
            fractional(spec, "requests", "storage", &at, &mut said);
        }
        ("", "Service") => service(spec, &at, minor, &mut said),
        ("discovery.k8s.io", "EndpointSlice")
            if old.is_none() && text(new, "addressType") == "FQDN" =>
        {
            said.push("spec.addressType: FQDN endpoints are deprecated".to_owned());
        }
        ("", "ServiceAccount") => {
            let key = "kubernetes.io/enforce-mountable-secrets";
            if new.at(&["metadata", "annotations", key]).is_some() {
                said.push(format!("metadata.annotations[{key}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"));
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
        _ => {}
    }
    said
}

fn old_label(key: &str) -> Option<String> {
    let (_, since, instead) = OLD_LABELS.iter().find(|(old, ..)| *old == key)?;
    Some(format!("deprecated since {since}; use \"{instead}\" instead"))
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
    for (key, advice) in OLD_VOLUMES {
        if spec.get(key).is_some() {
            said.push(format!("spec.{key}: {advice}"));
        }
    }
}

fn service(spec: &Tree, at: &Path<'_>, minor: u32, said: &mut Vec<String>) {
    let [kind, first, balancer] =
        ["type", "clusterIP", "loadBalancerIP"].map(|key| text(spec, key));
    let externals = list(spec, "externalIPs");
    let of_address = |place: String, address: &str| {
        let why = address_warning(address).filter(|_| minor >= 33)?;
        Some(format!("{place}: {why}"))
    };
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
    if kind == "ClusterIP" && first == "None" {
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
    let external = "ExternalName";
    if kind == external && !externals.is_empty() {
        said.push(format!("spec.externalIPs is ignored when spec.type is {external:?}"));
    }
    if kind != external && !text(spec, "externalName").is_empty() {
        said.push(format!("spec.externalName is ignored when spec.type is not {external:?}"));
    }
}

/// What is to be said of an address that is good, and not as it should be written.
fn address_warning(address: &str) -> Option<String> {
    let good = loose_ip(address)?;
    match address.parse::<std::net::Ipv6Addr>() {
        Err(_) if good.to_string() == address => None,
        Ok(six) if six.to_ipv4_mapped().is_none() => (six.to_string() != address).then(|| {
            format!("IPv6 address {address:?} should be in RFC 5952 canonical format (\"{six}\")")
        }),
        Ok(_) | Err(_) => {
            let plain = good.to_canonical();
            Some(format!(
                "non-standard IP address {address:?} will be considered invalid in a future Kubernetes release: use \"{plain}\""
            ))
        }
    }
}

/// Of a pod, or of the template of pods at `at`.
fn pod(spec: &Tree, meta: &Tree, root: &Path<'_>, said: &mut Vec<String>) {
    let at = root.field("spec");
    for (key, _) in spec.get("nodeSelector").into_iter().flat_map(Tree::entries) {
        if let Some(advice) = old_label(key) {
            said.push(format!("{at}.nodeSelector[{key}]: {advice}"));
        }
    }
    for (index, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let key = text(constraint, "topologyKey");
        if let Some(advice) = old_label(key) {
            said.push(format!(
                "{at}.topologySpreadConstraints[{index}].topologyKey: {key} is {advice}"
            ));
        }
    }
    let mut addresses: Vec<&str> = Vec::new();
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        let ip = text(alias, "ip");
        if addresses.contains(&ip) {
            said.push(format!("{at}.hostAliases[{index}].ip: duplicate ip {ip:?}"));
        }
        addresses.push(ip);
    }
    annotations(meta, root, said);
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        for (key, advice) in OLD_VOLUMES {
            if volume.get(key).is_some() {
                said.push(format!("{at}.volumes[{index}].{key}: {advice}"));
            }
        }
    }
    for (index, secret) in list(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            said.push(format!("{at}.imagePullSecrets[{index}].name: invalid empty name \"\""));
        }
    }
    if spec.int_at(&["terminationGracePeriodSeconds"]).is_some_and(|grace| grace < 0) {
        said.push(format!("{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    for group in ["initContainers", "containers"] {
        let group_at = at.field(group);
        for (index, one) in list(spec, group).iter().enumerate() {
            container(one, &group_at.index(index), said);
        }
    }
    if on(spec, "hostNetwork") {
        return;
    }
    host_ports(spec, &at, said);
}

/// Two containers that claim one port of their pod.
fn host_ports(spec: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    let mut known: Vec<(&Tree, usize, usize)> = Vec::new();
    for (index, container) in list(spec, "containers").iter().enumerate() {
        for (place, port) in list(container, "ports").iter().enumerate() {
            let same = known.iter().find(|(other, of, _)| *of != index && same_port(other, port));
            if let Some((_, of, other)) = same {
                said.push(format!("{at}.containers[{index}].ports[{place}]: duplicate port definition with {at}.containers[{of}].ports[{other}]"));
            }
            known.push((port, index, place));
        }
    }
}

fn same_port(a: &Tree, b: &Tree) -> bool {
    let protocol = |port: &Tree| match text(port, "protocol") {
        "" => "TCP".to_owned(),
        protocol => protocol.to_owned(),
    };
    a.get("containerPort") == b.get("containerPort")
        && a.get("hostPort") == b.get("hostPort")
        && a.get("hostIP") == b.get("hostIP")
        && protocol(a) == protocol(b)
}

fn annotations(meta: &Tree, root: &Path<'_>, said: &mut Vec<String>) {
    let at = root.field("metadata");
    for (key, _) in meta.get("annotations").into_iter().flat_map(Tree::entries) {
        let advice = if key == "seccomp.security.alpha.kubernetes.io/pod"
            || key.starts_with("container.seccomp.security.alpha.kubernetes.io/")
        {
            "non-functional in v1.27+; use the \"seccompProfile\" field instead"
        } else if key.starts_with("container.apparmor.security.beta.kubernetes.io/") {
            "deprecated since v1.30; use the \"appArmorProfile\" field instead"
        } else {
            continue;
        };
        said.push(format!("{at}.annotations[{key}]: {advice}"));
    }
}

fn container(container: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    for resource in ["memory", "ephemeral-storage"] {
        for side in ["limits", "requests"] {
            fractional(container, side, resource, at, said);
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, variable) in list(container, "env").iter().enumerate() {
        let name = text(variable, "name");
        if seen.contains(&name) {
            said.push(format!("{at}.env[{index}]: hides previous definition of {name:?}, which may be dropped when using apply"));
        }
        seen.push(name);
    }
    let ports = list(container, "ports");
    for (index, port) in ports.iter().enumerate() {
        if let Some(other) = ports[..index].iter().position(|other| same_port(other, port)) {
            said.push(format!(
                "{at}.ports[{index}]: duplicate port definition with {at}.ports[{other}]"
            ));
        }
    }
}

/// Bytes come whole.
fn fractional(of: &Tree, side: &str, resource: &str, at: &Path<'_>, said: &mut Vec<String>) {
    let Some(value) = of.str_at(&["resources", side, resource]) else { return };
    if Quantity::parse(value).is_some_and(|quantity| !quantity.is_whole()) {
        said.push(format!("{at}.resources.{side}[{resource}]: fractional byte value {value:?} is invalid, must be an integer"));
    }
}

//! What had better not be asked for in a pod, or in a template of pods.

use super::address::of_address;
use super::{OLD_VOLUMES, fractional, node_term, old_label};
use crate::Tree;
use crate::builtin::check::{NOTHING, list, text};
use crate::quantity::Quantity;
use crate::schema::Path;

const GROUPS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// In the order of the real server. `root`: where the pod or the template stands.
pub(super) fn pod(spec: &Tree, meta: &Tree, root: &Path<'_>, minor: u32, said: &mut Vec<String>) {
    let at = root.field("spec");
    for (key, _) in spec.get("nodeSelector").into_iter().flat_map(Tree::entries) {
        if let Some(advice) = old_label(key) {
            said.push(format!("{at}.nodeSelector[{key}]: {advice}"));
        }
    }
    nodes(spec, &at, said);
    spread(spec, &at, said);
    volumes(spec, &at, said);
    super::overlap::of_volumes(list(spec, "volumes"), said);
    twice(spec, "hostAliases", "ip", &at, said);
    twice(spec, "imagePullSecrets", "name", &at, said);
    for (index, secret) in list(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            said.push(format!("{at}.imagePullSecrets[{index}].name: invalid empty name \"\""));
        }
    }
    for name in ["memory", "ephemeral-storage"] {
        let amount = spec.str_at(&["overhead", name]).unwrap_or_default();
        if Quantity::parse(amount).is_some_and(|amount| !amount.is_whole()) {
            said.push(format!("{at}.overhead[{name}]: fractional byte value {amount:?} is invalid, must be an integer"));
        }
    }
    annotations(meta, root, said);
    visit(spec, &at, |one, at| container(one, at, said));
    ports(spec, &at, said);
    if spec.int_at(&["terminationGracePeriodSeconds"]).is_some_and(|grace| grace < 0) {
        said.push(format!("{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    others(spec, &at, said);
    if minor < 33 {
        return;
    }
    let servers = spec.at(&["dnsConfig", "nameservers"]).map_or(&[][..], Tree::items);
    for (index, server) in servers.iter().enumerate() {
        let place = format!("{at}.dnsConfig.nameservers[{index}]");
        said.extend(of_address(&place, server.as_str().unwrap_or_default()));
    }
    for (index, alias) in list(spec, "hostAliases").iter().enumerate() {
        said.extend(of_address(&format!("{at}.hostAliases[{index}].ip"), text(alias, "ip")));
    }
}

fn visit(spec: &Tree, at: &Path<'_>, mut look: impl FnMut(&Tree, &Path<'_>)) {
    for group in GROUPS {
        let all = at.field(group);
        for (index, one) in list(spec, group).iter().enumerate() {
            look(one, &all.index(index));
        }
    }
}

fn nodes(spec: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    let Some(nodes) = spec.at(&["affinity", "nodeAffinity"]) else { return };
    let affinity = at.field("affinity");
    let at = affinity.field("nodeAffinity");
    let terms = nodes.at(&[REQUIRED, "nodeSelectorTerms"]).map_or(&[][..], Tree::items);
    let required = at.field(REQUIRED);
    let all = required.field("nodeSelectorTerms");
    for (index, term) in terms.iter().enumerate() {
        node_term(term, false, &all.index(index), said);
    }
    let all = at.field(PREFERRED);
    for (index, term) in list(nodes, PREFERRED).iter().enumerate() {
        let at = all.index(index);
        let term = term.get("preference").unwrap_or(&NOTHING);
        node_term(term, true, &at.field("preference"), said);
    }
}

fn spread(spec: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    for (index, constraint) in list(spec, "topologySpreadConstraints").iter().enumerate() {
        let key = text(constraint, "topologyKey");
        let place = format!("{at}.topologySpreadConstraints[{index}]");
        if let Some(advice) = old_label(key) {
            said.push(format!("{place}.topologyKey: {key} is {advice}"));
        }
        if constraint.get("labelSelector").is_none() {
            said.push(format!("{place}.labelSelector: {NOBODY}"));
        }
    }
}

const NOBODY: &str = "a null labelSelector results in matching no pod";

/// Pods to be near to, or away from, when nobody says which.
fn others(spec: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(terms) = spec.at(&["affinity", key]) else { continue };
        for (index, term) in list(terms, REQUIRED).iter().enumerate() {
            if term.get("labelSelector").is_none() {
                said.push(format!(
                    "{at}.affinity.{key}.{REQUIRED}[{index}].labelSelector: {NOBODY}"
                ));
            }
        }
        for (index, term) in list(terms, PREFERRED).iter().enumerate() {
            if term.at(&["podAffinityTerm", "labelSelector"]).is_none() {
                said.push(format!(
                    "{at}.affinity.{key}.{PREFERRED}[{index}].podAffinityTerm.labelSelector: {NOBODY}"
                ));
            }
        }
    }
}

fn volumes(spec: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        for (key, advice) in OLD_VOLUMES {
            if volume.get(key).is_some() {
                let shown = if key == "storageos" { "storageOS" } else { key };
                said.push(format!("{at}.volumes[{index}].{shown}: {advice}"));
            }
        }
        if let Some(claim) = volume.at(&["ephemeral", "volumeClaimTemplate", "spec"]) {
            let above = format!("{at}.volumes[{index}].ephemeral.volumeClaimTemplate.spec");
            super::claim(claim, &above, said);
        }
    }
}

fn twice(spec: &Tree, key: &str, member: &str, at: &Path<'_>, said: &mut Vec<String>) {
    let all = list(spec, key);
    for (index, one) in all.iter().enumerate() {
        let value = text(one, member);
        if all[..index].iter().any(|other| text(other, member) == value) {
            said.push(format!("{at}.{key}[{index}].{member}: duplicate {member} {value:?}"));
        }
    }
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
        } else if key == "scheduler.alpha.kubernetes.io/critical-pod" {
            "non-functional in v1.16+; use the \"priorityClassName\" field instead"
        } else if matches!(
            key,
            "security.alpha.kubernetes.io/sysctls" | "security.alpha.kubernetes.io/unsafe-sysctls"
        ) {
            "non-functional in v1.11+; use the \"sysctls\" field instead"
        } else {
            continue;
        };
        said.push(format!("{at}.annotations[{key}]: {advice}"));
    }
}

fn container(container: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    for resource in ["memory", "ephemeral-storage"] {
        for side in ["limits", "requests"] {
            fractional(container, side, resource, &at.to_string(), said);
        }
    }
    let variables = list(container, "env");
    for (index, variable) in variables.iter().enumerate() {
        let name = text(variable, "name");
        if !variables[..index].iter().any(|other| text(other, "name") == name) {
            continue;
        }
        // One that goes on with what the other one said hides nothing.
        let (value, other) = (text(variable, "value"), format!("$({name})"));
        if variable.get("valueFrom").is_some() || value == other || !value.contains(&other) {
            said.push(format!("{at}.env[{index}]: hides previous definition of {name:?}, which may be dropped when using apply"));
        }
    }
}

/// Ports that several containers, or one several times, have.
fn ports(spec: &Tree, at: &Path<'_>, said: &mut Vec<String>) {
    let mut known: Vec<(Tree, String)> = Vec::new();
    visit(spec, at, |container, at| {
        for (index, port) in list(container, "ports").iter().enumerate() {
            let place = format!("{at}.ports[{index}]");
            let number = |port: &Tree, key: &str| port.int_at(&[key]).unwrap_or(0);
            let (address, host) = (text(port, "hostIP"), number(port, "hostPort"));
            if !address.is_empty() && host == 0 {
                said.push(format!(
                    "{place}: hostIP set without hostPort: {{Name:{} HostPort:{host} ContainerPort:{} Protocol:{} HostIP:{address}}}",
                    text(port, "name"),
                    number(port, "containerPort"),
                    text(port, "protocol"),
                ));
            }
            for (other, there) in &known {
                let alike = number(other, "containerPort") == number(port, "containerPort")
                    && text(other, "protocol") == text(port, "protocol");
                let (other_address, other_host) =
                    (text(other, "hostIP"), number(other, "hostPort"));
                let how = match alike {
                    true if address == other_address && host == other_host => "duplicate",
                    true if host == 0 || other_host == 0 => "overlapping",
                    true if host == other_host
                        && address.is_empty() != other_address.is_empty() =>
                    {
                        "dangerously ambiguous"
                    }
                    _ => continue,
                };
                said.push(format!("{place}: {how} port definition with {there}"));
            }
            known.push((port.clone(), place));
        }
    });
    let mut names: Vec<(String, String)> = Vec::new();
    visit(spec, at, |container, at| {
        for (index, port) in list(container, "ports").iter().enumerate() {
            let (name, place) = (text(port, "name"), format!("{at}.ports[{index}]"));
            match names.iter().find(|(other, _)| other == name) {
                _ if name.is_empty() => {}
                Some((_, there)) => said.push(format!(
                    "{place}: duplicate port name {name:?} with {there}, services and probes that select ports by name will use {there}"
                )),
                None => names.push((name.to_owned(), place)),
            }
        }
    });
}

//! What may not change once it is set.

mod volumes;
mod workload;

use super::check::{NOTHING, list, text};
use super::internal;
use crate::Tree;
use crate::kinds::KindInfo;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(super) const IMMUTABLE: &str = "field is immutable";

pub(super) fn check(kind: &KindInfo, new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    match (&*kind.group, &*kind.kind) {
        ("", "Pod") => pod(new, old, minor, faults),
        ("", "ConfigMap") => fixed(new, old, &["data", "binaryData"], faults),
        ("", "Secret") => {
            same(new, old, &["type"], faults);
            fixed(new, old, &["data"], faults);
        }
        ("", "Service") => service(new, old, minor, faults),
        ("", "PersistentVolumeClaim") => volumes::claim(new, old, minor, faults),
        ("", "PersistentVolume") => volumes::volume(new, old, minor, faults),
        ("", "Node") => node(new, old, minor, faults),
        ("", "ResourceQuota") => super::cluster::quota::same_scopes(new, old, faults),
        ("networking.k8s.io", "IngressClass") => {
            same_text(new, old, &["spec", "controller"], faults);
        }
        ("storage.k8s.io", "StorageClass") => {
            super::storage::storage_class::kept(new, old, faults);
        }
        ("storage.k8s.io", "CSIDriver") => super::storage::csi::kept(new, old, faults),
        ("storage.k8s.io", "VolumeAttachment") => {
            same_struct(new, old, &["spec"], "storage.VolumeAttachmentSpec", faults);
        }
        ("node.k8s.io", "RuntimeClass") => same_text(new, old, &["handler"], faults),
        ("scheduling.k8s.io", "PriorityClass") => {
            if new.get("value") != old.get("value") {
                let field = if minor < 22 { "Value" } else { "value" };
                faults.forbidden(Path::Root.field(field), "may not be changed in an update.");
            }
            same(new, old, &["preemptionPolicy"], faults);
        }
        ("discovery.k8s.io", "EndpointSlice") => same_text(new, old, &["addressType"], faults),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding")
            if new.get("roleRef") != old.get("roleRef") =>
        {
            let role = new.get("roleRef").unwrap_or(&NOTHING);
            let at = Path::Root.field("roleRef");
            internal::invalid(faults, at, "rbac.RoleRef", role, "cannot change roleRef");
        }
        ("apps", "ControllerRevision") if new.get("data") != old.get("data") => {
            let data = new.get("data").cloned().unwrap_or_default();
            faults.invalid(Path::Root.field("data"), data, IMMUTABLE);
        }
        // Newer servers say it of a DaemonSet before anything else.
        ("apps", "DaemonSet") if minor >= 34 => {}
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => {
            same_selector(new, old, faults);
        }
        ("storage.k8s.io", "CSINode") => node_drivers(new, old, minor, faults),
        ("networking.k8s.io", "IPAddress") => {
            let parent = ["spec", "parentRef"];
            same_struct(new, old, &parent, "networking.ParentReference", faults);
        }
        ("resource.k8s.io", "ResourceClaim") => {
            same_struct(new, old, &["spec"], "resource.ResourceClaimSpec", faults);
        }
        ("resource.k8s.io", "ResourceClaimTemplate") => {
            same_struct(new, old, &["spec"], "resource.ResourceClaimTemplateSpec", faults);
        }
        ("storage.k8s.io", "CSIStorageCapacity") => {
            same(new, old, &["nodeTopology"], faults);
            same(new, old, &["storageClassName"], faults);
        }
        ("apps", "StatefulSet") => workload::stateful_set(new, old, minor, faults),
        ("batch", "Job") => workload::job(new, old, faults),
        _ => {}
    }
}

/// What changed, as the real server shows it: older ones print Go values with marks where they differ.
pub(super) fn difference(name: &str, old: &Tree, new: &Tree, minor: u32) -> String {
    match minor {
        34.. => internal::diff(name, old, new),
        _ => format!("\u{a0}\u{a0}{name}{{\n- \t{old},\n+ \t{new},\n\u{a0}\u{a0}}}\n"),
    }
}

/// A member that is a struct and keeps its value.
pub(super) fn same_struct(new: &Tree, old: &Tree, path: &[&str], name: &str, faults: &mut Faults) {
    let (now, was) = (new.at(path), old.at(path));
    if now != was {
        let printed = now.map_or_else(|| "null".to_owned(), |now| internal::json(name, now));
        faults.0.push(FieldError::invalid_printed(path.join("."), &printed, IMMUTABLE));
    }
}

/// One member that keeps its value.
pub(super) fn same(new: &Tree, old: &Tree, path: &[&str], faults: &mut Faults) {
    let (now, was) = (new.at(path), old.at(path));
    if now != was {
        let value = now.cloned().unwrap_or_default();
        faults.0.push(FieldError::invalid(path.join("."), &value, IMMUTABLE));
    }
}

/// A label selector as the real server prints it, in the order of its type.
pub(super) fn printed_selector(selector: &Tree) -> String {
    let members = ["matchLabels", "matchExpressions"]
        .iter()
        .filter_map(|key| Some((*key, selector.get(key).filter(|part| !part.is_empty())?)));
    let members = members.map(|(key, value)| format!("{key:?}:{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

pub(super) fn same_selector(new: &Tree, old: &Tree, faults: &mut Faults) {
    let path = ["spec", "selector"];
    let (now, was) = (new.at(&path), old.at(&path));
    if now != was {
        let printed =
            now.filter(|now| !now.is_null()).map_or_else(|| "null".to_owned(), printed_selector);
        faults.0.push(FieldError::invalid_printed("spec.selector", &printed, IMMUTABLE));
    }
}

/// The same of a text, which is empty where it is absent.
fn same_text(new: &Tree, old: &Tree, path: &[&str], faults: &mut Faults) {
    let value = |tree: &Tree| tree.str_at(path).unwrap_or_default().to_owned();
    if value(new) != value(old) {
        let value = Tree::from(value(new));
        faults.0.push(FieldError::invalid(path.join("."), &value, IMMUTABLE));
    }
}

/// A ConfigMap or Secret that was declared immutable.
fn fixed(new: &Tree, old: &Tree, fields: &[&str], faults: &mut Faults) {
    if old.bool_at(&["immutable"]) != Some(true) {
        return;
    }
    let why = "field is immutable when `immutable` is set";
    if new.bool_at(&["immutable"]) != Some(true) {
        faults.forbidden(Path::Root.field("immutable"), why);
    }
    for field in fields {
        let contents = |tree: &Tree| tree.get(field).filter(|data| !data.is_empty()).cloned();
        if contents(new) != contents(old) {
            faults.forbidden(Path::Root.field(field), why);
        }
    }
}

fn pod(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    if now.same(was) {
        return;
    }
    let at = Path::Root.field("spec");
    let mut now = now.clone();
    for key in ["containers", "initContainers"] {
        if list(&now, key).len() != list(was, key).len() {
            let why = match key {
                "containers" => "pod updates may not add or remove containers",
                _ => "pod updates may not add or remove init containers",
            };
            faults.forbidden(at.field(key), why);
            return;
        }
    }
    if deadline(&now, was, &at, faults) {
        return;
    }
    tolerations(&now, was, &at, faults);
    for key in ["containers", "initContainers"] {
        let all = at.field(key);
        for (index, container) in list(&now, key).iter().enumerate() {
            let (at, image) = (all.index(index), text(container, "image"));
            if image.is_empty() {
                faults.required(at.field("image"), "");
            } else if image != image.trim() {
                let why = "must not have leading or trailing whitespace";
                faults.invalid(at.field("image"), image, why);
            }
        }
    }
    // What may change is taken from the old object; the rest has to be equal then.
    for key in ["containers", "initContainers"] {
        let pairs = list(&now, key).iter().zip(list(was, key));
        let images: Vec<Tree> = pairs
            .map(|(new, old)| match old.get("image") {
                Some(image) => new.with(&["image"], image),
                None => new.clone(),
            })
            .collect();
        if !images.is_empty() {
            now = now.with(&[key], images);
        }
    }
    let negative = was.int_at(&["terminationGracePeriodSeconds"]).is_some_and(|grace| grace < 0);
    if negative && now.int_at(&["terminationGracePeriodSeconds"]) == Some(1) {
        now = take(&now, was, "terminationGracePeriodSeconds");
    }
    now = take(&take(&now, was, "activeDeadlineSeconds"), was, "tolerations");
    if !list(was, "schedulingGates").is_empty() {
        let kept = list(&now, "schedulingGates");
        if kept.iter().any(|gate| !list(was, "schedulingGates").contains(gate)) {
            let why = "only deletion is allowed, but found new scheduling gate";
            faults.forbidden(at.field("schedulingGates"), why);
        }
        now = take(&now, was, "schedulingGates");
        // A gated pod is not scheduled yet: where it may go can still be narrowed.
        now = take(&take(&now, was, "nodeSelector"), was, "affinity");
    }
    if now != *was {
        let grace = if minor >= 22 {
            ",`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        } else {
            ""
        };
        let why = format!(
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations){grace}"
        );
        let why = if minor >= 22 {
            why
        } else {
            why.replace("`,`", "`, `")
                .replace("`spec.activeDeadlineSeconds`, ", "`spec.activeDeadlineSeconds` or ")
        };
        faults.forbidden(at, &format!("{why}\n{}", difference("core.PodSpec", was, &now, minor)));
    }
}

/// Whether the deadline's change ends the checks, as it does in the real server.
fn deadline(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) -> bool {
    let place = at.field("activeDeadlineSeconds");
    let old = was.int_at(&["activeDeadlineSeconds"]);
    match (now.int_at(&["activeDeadlineSeconds"]), old) {
        (Some(new), Some(old)) if new > old => {
            faults.invalid(place, new, "must be less than or equal to previous value");
            true
        }
        (None, Some(_)) => {
            let why = "must not update from a positive integer to nil value";
            faults.invalid(place, Tree::null(), why);
            true
        }
        _ => false,
    }
}

fn tolerations(now: &Tree, was: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let bare = |toleration: &Tree| toleration.without(&["tolerationSeconds"]);
    let kept: Vec<Tree> = list(now, "tolerations").iter().map(bare).collect();
    if list(was, "tolerations").iter().any(|old| !kept.contains(&bare(old))) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        faults.forbidden(at.field("tolerations"), why);
    }
}

fn take(tree: &Tree, from: &Tree, key: &str) -> Tree {
    match from.get(key) {
        Some(value) => tree.with(&[key], value),
        None => tree.without(&[key]),
    }
}

fn service(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let (now, was) = (new.get("spec").unwrap_or(&NOTHING), old.get("spec").unwrap_or(&NOTHING));
    if now.same(was) {
        return;
    }
    let at = Path::Root.field("spec");
    let once = "may not change once set";
    let external = |spec: &Tree| text(spec, "type") == "ExternalName";
    let (ips, before) = (list(now, "clusterIPs"), list(was, "clusterIPs"));
    if !external(now) && !external(was) && !before.is_empty() && ips.is_empty() && minor < 21 {
        let printed = "[]string(nil)";
        let why = "primary clusterIP can not be unset";
        let all = at.field("clusterIPs");
        faults.0.push(FieldError::invalid_printed(all.index(0), printed, why));
    } else if !external(now)
        && !external(was)
        && !before.is_empty()
        && ips.first() != before.first()
    {
        let value = now.get("clusterIPs").cloned().unwrap_or_default();
        faults.invalid(at.field("clusterIPs").index(0), value, once);
    }
    let balanced = |spec: &Tree| text(spec, "type") == "LoadBalancer";
    let class = "loadBalancerClass";
    if balanced(now) && balanced(was) && now.get(class) != was.get(class) {
        let value = now.get(class).cloned().unwrap_or_default();
        faults.invalid(at.field(class), value, once);
    }
    if minor >= 21 {
        super::network::service::balancer_class(now, &at, faults);
    }
    if balanced(now) && balanced(was) {
        let port = |spec: &Tree| spec.int_at(&["healthCheckNodePort"]).unwrap_or(0);
        if port(was) != 0 && port(now) != 0 && port(now) != port(was) {
            faults.forbidden(at.field("healthCheckNodePort"), IMMUTABLE);
        }
    }
}

/// A driver of a node stays what it is; only how much it can take may change.
fn node_drivers(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let drivers = |tree: &Tree| {
        let spec = tree.get("spec").unwrap_or(&NOTHING);
        let bare = |driver: &Tree| match minor {
            34.. => driver.without(&["allocatable"]),
            _ => driver.clone(),
        };
        list(spec, "drivers").iter().map(bare).collect::<Vec<_>>()
    };
    let now = drivers(new);
    for was in drivers(old) {
        let after = now.iter().find(|driver| text(driver, "name") == text(&was, "name"));
        if let Some(after) = after.filter(|after| **after != was) {
            let spec = Path::Root.field("spec");
            let at = spec.field("drivers");
            internal::invalid(faults, at, "storage.CSINodeDriver", after, IMMUTABLE);
        }
    }
}

fn node(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let before = faults.0.len();
    let at = Path::Root.field("spec");
    for (key, field) in [("podCIDR", "podCIDRs"), ("providerID", "providerID")] {
        let value = |tree: &Tree| tree.str_at(&["spec", key]).unwrap_or_default().to_owned();
        if !value(old).is_empty() && value(new) != value(old) {
            let why = format!("node updates may not change {key} except from \"\" to valid");
            faults.forbidden(at.field(field), &why);
        }
    }
    if minor >= 22 && new.get("spec") != old.get("spec") {
        super::pod::scheduling::taints(new.get("spec").unwrap_or(&NOTHING), faults);
        if new.at(&["spec", "externalID"]) != old.at(&["spec", "externalID"]) {
            faults.forbidden(at.field("externalID"), "may not be updated");
        }
    }
    if minor < 22 && faults.0.len() > before {
        let why = "node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)";
        faults.0.push(FieldError::forbidden("[]", why));
    }
}

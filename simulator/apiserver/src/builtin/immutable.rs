//! What may not change once it is set.

mod pod;
mod service;
mod volumes;
mod workload;

use super::check::{NOTHING, text};
use super::internal;
use super::rules::Write;
use crate::Tree;
use crate::kinds::KindInfo;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(super) const IMMUTABLE: &str = "field is immutable";

pub(super) fn check(kind: &KindInfo, write: &Write<'_>, old: &Tree, faults: &mut Faults) {
    let (new, shown, stated, minor) = (write.kept, write.new, write.stated, write.minor);
    match (&*kind.group, &*kind.kind) {
        ("", "Pod") => pod::check((new, shown), old, minor, faults),
        ("", "ConfigMap") => fixed((new, stated), old, &["data", "binaryData"], faults),
        ("", "Secret") => {
            same(new, old, &["type"], faults);
            fixed((new, stated), old, &["data"], faults);
        }
        ("", "Service") => service::check(new, old, minor, faults),
        ("", "PersistentVolumeClaim") => volumes::claim((new, shown), old, minor, faults),
        ("", "PersistentVolume") => volumes::volume((new, shown), old, minor, faults),
        ("", "Node") => node(new, old, minor, faults),
        ("", "ResourceQuota") => super::cluster::quota::same_scopes(new, old, faults),
        ("networking.k8s.io", "IngressClass") => {
            same_text(new, old, &["spec", "controller"], faults);
        }
        ("storage.k8s.io", "StorageClass") => {
            super::storage::storage_class::kept((new, stated), old, faults);
        }
        ("storage.k8s.io", "CSIDriver") => super::storage::csi::kept(new, old, faults),
        ("storage.k8s.io", "VolumeAttachment") => {
            same_struct((new, shown), old, &["spec"], "storage.VolumeAttachmentSpec", faults);
        }
        ("storage.k8s.io", "VolumeAttributesClass") => {
            super::storage::storage_class::kept_attributes((new, stated), old, faults);
        }
        ("node.k8s.io", "RuntimeClass") => same_text(new, old, &["handler"], faults),
        ("scheduling.k8s.io", "PriorityClass") => {
            if new.get("value") != old.get("value") {
                let field = if minor < 22 { "Value" } else { "value" };
                faults.forbidden(Path::Root.field(field), "may not be changed in an update.");
            }
            same(new, old, &["preemptionPolicy"], faults);
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            let (now, was) = (text(new, "addressType"), text(old, "addressType"));
            if now != was {
                faults.invalid_typed(Path::Root.field("addressType"), now, IMMUTABLE);
            }
        }
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
        ("storage.k8s.io", "CSINode") => node_drivers((new, shown), old, faults),
        ("networking.k8s.io", "IPAddress") => {
            let parent = ["spec", "parentRef"];
            same_struct((new, shown), old, &parent, "networking.ParentReference", faults);
        }
        ("resource.k8s.io", "ResourceClaim") => {
            same_struct((new, shown), old, &["spec"], "resource.ResourceClaimSpec", faults);
        }
        ("resource.k8s.io", "ResourceClaimTemplate") => {
            same_struct((new, shown), old, &["spec"], "resource.ResourceClaimTemplateSpec", faults);
        }
        ("storage.k8s.io", "CSIStorageCapacity") => {
            let topology = ["nodeTopology"];
            same_struct((new, shown), old, &topology, "metav1.LabelSelector", faults);
            same_text(new, old, &["storageClassName"], faults);
        }
        ("apps", "StatefulSet") => workload::stateful_set(new, old, minor, faults),
        ("batch", "Job") => workload::job((new, shown), old, faults),
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
pub(super) fn same_struct(
    (new, shown): (&Tree, &Tree),
    old: &Tree,
    path: &[&str],
    name: &str,
    faults: &mut Faults,
) {
    let (now, was) = (new.at(path), old.at(path));
    if now != was {
        let shown = shown.at(path);
        let printed = shown.map_or_else(|| "null".to_owned(), |now| internal::json(name, now));
        faults.0.push(FieldError::invalid_printed(path.join("."), &printed, IMMUTABLE));
    }
}

/// One member that keeps its value, and is no plain text: it is printed as JSON.
pub(super) fn same(new: &Tree, old: &Tree, path: &[&str], faults: &mut Faults) {
    let (now, was) = (new.at(path), old.at(path));
    if now != was {
        let value = now.cloned().unwrap_or_default();
        faults.0.push(FieldError::invalid_typed(path.join("."), &value, IMMUTABLE));
    }
}

/// A label selector as the real server prints it, in the order of its type.
pub(super) fn printed_selector(selector: &Tree) -> String {
    internal::json("metav1.LabelSelector", selector)
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
///
/// What is stored says nothing where it is empty; what comes in says that it is, but for texts of a ConfigMap.
fn fixed((new, stated): (&Tree, &Tree), old: &Tree, fields: &[&str], faults: &mut Faults) {
    if old.bool_at(&["immutable"]) != Some(true) {
        return;
    }
    let why = "field is immutable when `immutable` is set";
    if new.bool_at(&["immutable"]) != Some(true) {
        faults.forbidden(Path::Root.field("immutable"), why);
    }
    for field in fields {
        let contents = |tree: &Tree| tree.get(field).filter(|data| !data.is_empty()).cloned();
        let is_text = fields.len() > 1 && *field == "data";
        let says_empty = !is_text
            && contents(old).is_none()
            && stated.get(field).is_some_and(|data| data.is_map() && data.is_empty());
        if contents(new) != contents(old) || says_empty {
            faults.forbidden(Path::Root.field(field), why);
        }
    }
}

fn take(tree: &Tree, from: &Tree, key: &str) -> Tree {
    match from.get(key) {
        Some(value) => tree.with(&[key], value),
        None => tree.without(&[key]),
    }
}

/// A driver of a node stays what it is.
fn node_drivers((new, shown): (&Tree, &Tree), old: &Tree, faults: &mut Faults) {
    let drivers = |tree: &Tree| tree.at(&["spec", "drivers"]).cloned().unwrap_or_default();
    let (now, shown, before) = (drivers(new), drivers(shown), drivers(old));
    let spec = Path::Root.field("spec");
    for was in before.items() {
        let both = now.items().iter().zip(shown.items());
        let is_other = |after: &Tree| text(after, "name") == text(was, "name") && after != was;
        for (_, shown) in both.filter(|(after, _)| is_other(after)) {
            let at = spec.field("drivers");
            internal::invalid(faults, at, "storage.CSINodeDriver", shown, IMMUTABLE);
        }
    }
}

fn node(new: &Tree, old: &Tree, minor: u32, faults: &mut Faults) {
    let before = faults.0.len();
    let at = Path::Root.field("spec");
    super::cluster::others::node_annotations(new, Some(old), faults);
    let addresses = new.at(&["status", "addresses"]).map_or(&[][..], Tree::items);
    let status = Path::Root.field("status");
    let all = status.field("addresses");
    for (index, address) in addresses.iter().enumerate() {
        if addresses[..index].contains(address) {
            let printed = internal::json("core.NodeAddress", address);
            faults.0.push(FieldError::duplicate_printed(all.index(index), &printed));
        }
    }
    let unchangeable =
        |key: &str| format!("node updates may not change {key} except from \"\" to valid");
    let ranges = |tree: &Tree| tree.at(&["spec", "podCIDRs"]).cloned().unwrap_or_default();
    let (now, was) = (ranges(new), ranges(old));
    let differing = match (now.items().len(), was.items().len()) {
        (_, 0) => 0,
        (now, was) if now != was => 1,
        _ => now.items().iter().zip(was.items()).filter(|(now, was)| now != was).count(),
    };
    for _ in 0..differing {
        faults.forbidden(at.field("podCIDRs"), &unchangeable("podCIDR"));
    }
    let provider =
        |tree: &Tree| tree.str_at(&["spec", "providerID"]).unwrap_or_default().to_owned();
    if !provider(old).is_empty() && provider(new) != provider(old) {
        faults.forbidden(at.field("providerID"), &unchangeable("providerID"));
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

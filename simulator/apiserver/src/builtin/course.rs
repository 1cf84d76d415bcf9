//! In which order the real server looks at the parts of an object that changes. It tells all that is wrong, so the order
//! is seen, and that some parts are looked at twice.

use crate::kinds::KindInfo;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The metadata as if the object were new.
    Meta,
    /// The metadata beside what it was.
    Update,
    /// The rules of the kind.
    Rules,
    /// What may not change.
    Fixed,
}

use Step::{Fixed, Meta, Rules, Update};

/// What comes after the look at the metadata that all kinds have in common.
pub(crate) fn of_update(kind: &KindInfo, subresource: Option<&str>) -> &'static [Step] {
    if let Some(subresource) = subresource {
        return match (&*kind.group, &*kind.kind, subresource) {
            ("batch", "CronJob", "status") => &[],
            ("policy", "PodDisruptionBudget", "status") => &[Rules],
            ("apps", "StatefulSet", "status") => &[Rules, Update],
            _ => &[Update, Rules, Fixed],
        };
    }
    match (&*kind.group, &*kind.kind) {
        ("events.k8s.io", "Event") if &*kind.version == "v1" => &[Rules, Update, Fixed],
        (_, "Event") | ("policy", "PodDisruptionBudget") => &[Rules, Fixed],
        ("", "Service") => &[Update, Fixed, Rules],
        ("", "ConfigMap" | "Secret") | ("networking.k8s.io", "IngressClass") => {
            &[Update, Fixed, Meta, Rules]
        }
        ("", "Endpoints") => &[Update, Meta, Rules],
        ("", "ServiceAccount") => &[Update, Meta],
        ("", "Pod") => &[Update, Meta, Rules, Fixed],
        ("", "LimitRange") => &[Meta, Rules],
        ("", "Namespace") => &[Meta, Rules, Update],
        ("", "PersistentVolume") | ("storage.k8s.io", "VolumeAttachment") => {
            &[Meta, Rules, Meta, Rules, Fixed]
        }
        ("", "PersistentVolumeClaim") => &[Meta, Rules, Update, Meta, Rules, Fixed],
        ("", "ReplicationController") | ("networking.k8s.io", "NetworkPolicy") => {
            &[Meta, Rules, Update, Rules]
        }
        ("discovery.k8s.io", "EndpointSlice") | ("storage.k8s.io", "CSINode") => {
            &[Meta, Rules, Fixed]
        }
        ("networking.k8s.io", "IPAddress")
        | ("batch", "Job")
        | ("", "Node")
        | ("node.k8s.io", "RuntimeClass")
        | ("storage.k8s.io", "StorageClass" | "VolumeAttributesClass" | "CSIStorageCapacity") => {
            &[Meta, Rules, Update, Fixed]
        }
        ("rbac.authorization.k8s.io", _) => &[Meta, Rules, Meta, Rules, Update, Fixed],
        _ => &[Update, Rules, Fixed],
    }
}

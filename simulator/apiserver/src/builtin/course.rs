//! In which order the real server looks at the parts of an object that changes. It tells all that is wrong, so the order
//! is seen, and that some parts are looked at twice.

use crate::kinds::KindInfo;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The metadata as if the object were new.
    Meta,
    /// The metadata beside what it was.
    Update,
    /// Whether the namespace may have what is asked for.
    Access,
    /// The rules of the kind.
    Rules,
    /// Those of them that are gone by once more, or only later.
    Later,
    /// What may not change.
    Fixed,
    /// The metadata as of any kind, if nothing was wrong so far.
    Common,
}

use Step::{Access, Common, Fixed, Later, Meta, Rules, Update};

/// How a new object is looked at. All kinds have a last look at the metadata in common: it matters where the rules of a
/// kind say nothing of them.
pub(crate) fn of_create(kind: &KindInfo) -> &'static [Step] {
    match (&*kind.group, &*kind.kind) {
        ("events.k8s.io", "Event") if &*kind.version == "v1" => &[Rules, Meta, Later],
        (_, "Event") | ("policy", "PodDisruptionBudget") => &[Rules, Common],
        ("certificates.k8s.io", "CertificateSigningRequest") => &[Meta, Rules, Common],
        ("resource.k8s.io", "ResourceClaim" | "ResourceClaimTemplate") => &[Access, Meta, Rules],
        _ => &[Meta, Rules],
    }
}

/// What comes after the look at the metadata that all kinds have in common.
pub(crate) fn of_update(kind: &KindInfo, subresource: Option<&str>) -> &'static [Step] {
    if let Some(subresource) = subresource {
        return match (&*kind.group, &*kind.kind, subresource) {
            ("batch", "CronJob", "status") => &[],
            ("policy", "PodDisruptionBudget", "status")
            | ("flowcontrol.apiserver.k8s.io" | "admissionregistration.k8s.io", _, "status") => {
                &[Rules]
            }
            ("certificates.k8s.io", "CertificateSigningRequest", _) => {
                &[Meta, Rules, Later, Update]
            }
            ("apps", "StatefulSet", "status") => &[Rules, Update],
            ("storage.k8s.io", "VolumeAttachment", "status") => &[Meta, Rules, Meta, Rules, Fixed],
            ("", "Pod", "ephemeralcontainers" | "resize") => &[Update, Meta, Rules],
            ("resource.k8s.io", "ResourceClaim", "status") => &[Access, Update, Rules],
            _ => &[Update, Rules, Fixed],
        };
    }
    match (&*kind.group, &*kind.kind) {
        ("events.k8s.io", "Event") if &*kind.version == "v1" => &[Rules, Update, Later],
        (_, "Event") | ("policy", "PodDisruptionBudget") => &[Rules, Fixed],
        ("", "Service") => &[Update, Fixed, Rules],
        ("", "ConfigMap" | "Secret") | ("networking.k8s.io", "IngressClass") => {
            &[Update, Fixed, Meta, Rules]
        }
        ("", "Endpoints")
        | ("networking.k8s.io", "Ingress")
        | ("apiregistration.k8s.io", "APIService") => &[Update, Meta, Rules],
        ("", "ServiceAccount") => &[Update, Meta],
        ("", "Pod") | ("apps", "ControllerRevision") => &[Update, Meta, Rules, Fixed],
        ("", "LimitRange")
        | ("admissionregistration.k8s.io" | "flowcontrol.apiserver.k8s.io", _) => &[Meta, Rules],
        ("", "Namespace") => &[Meta, Rules, Update],
        ("", "PersistentVolume") | ("storage.k8s.io", "VolumeAttachment" | "CSINode") => {
            &[Meta, Rules, Meta, Rules, Fixed]
        }
        ("", "PersistentVolumeClaim") => &[Meta, Rules, Update, Meta, Rules, Fixed],
        ("", "ReplicationController") | ("networking.k8s.io", "NetworkPolicy") => {
            &[Meta, Rules, Update, Rules]
        }
        ("discovery.k8s.io", "EndpointSlice") => &[Meta, Rules, Fixed],
        ("scheduling.k8s.io", "PriorityClass") => &[Update, Fixed],
        ("storage.k8s.io", "VolumeAttributesClass") => &[Meta, Rules, Update, Fixed, Meta, Rules],
        ("certificates.k8s.io", "CertificateSigningRequest") => &[Meta, Rules, Later, Update],
        ("resource.k8s.io", "ResourceClaim" | "ResourceClaimTemplate") => {
            &[Meta, Rules, Update, Fixed, Later]
        }
        ("resource.k8s.io", "DeviceClass") => &[Meta, Rules, Update, Later],
        ("networking.k8s.io", "IPAddress")
        | ("", "Node")
        | ("node.k8s.io", "RuntimeClass")
        | ("storage.k8s.io", "StorageClass" | "CSIStorageCapacity") => {
            &[Meta, Rules, Update, Fixed]
        }
        ("batch", "Job") => &[Meta, Rules, Update, Later, Fixed],
        ("rbac.authorization.k8s.io", _) => &[Meta, Rules, Meta, Rules, Update, Fixed],
        _ => &[Update, Rules, Fixed],
    }
}

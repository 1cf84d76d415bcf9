//! What each way in to an object does not take from its writers, and what they therefore do not own.

use super::set::Set;
use crate::kinds::KindInfo;

pub(super) fn fields(kind: &KindInfo, subresource: Option<&str>, minor: u32) -> Set {
    if minor < 21 {
        return Set::default();
    }
    let name = (&*kind.group, &*kind.kind);
    match subresource {
        // The real server names a version that there is none of, and takes all.
        _ if name == ("networking.k8s.io", "ServiceCIDR") => Set::default(),
        _ if name == ("certificates.k8s.io", "CertificateSigningRequest") => match subresource {
            None => Set::of_fields(&["spec", "status"]),
            Some("approval") => Set::of_fields(&["spec", "status.certificate"]),
            _ => Set::of_fields(&["spec", "status.conditions"]),
        },
        None if kind.has_subresource("status") => Set::of_fields(&["status"]),
        Some("finalize") => Set::of_fields(&["status"]),
        Some("status") if kind.custom => Set::of_fields(&["spec"]),
        Some("status") => match name {
            ("", "Pod") => {
                Set::of_fields(&["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"])
            }
            ("apps", "Deployment") => Set::of_fields(&["spec", "metadata.labels"]),
            ("storage.k8s.io", "VolumeAttachment")
            | (
                "flowcontrol.apiserver.k8s.io"
                | "admissionregistration.k8s.io"
                | "apiregistration.k8s.io"
                | "apiextensions.k8s.io",
                _,
            ) => Set::of_fields(&["spec", "metadata"]),
            ("", "Namespace") if minor < 34 => Set::default(),
            _ => Set::of_fields(&["spec"]),
        },
        _ => Set::default(),
    }
}

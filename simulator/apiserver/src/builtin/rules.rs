//! The rules of each kind.

use super::check::NOTHING;
use super::cluster::api_service;
use super::cluster::config;
use super::cluster::event;
use super::cluster::flow_control;
use super::cluster::others;
use super::cluster::policies;
use super::cluster::priority_class;
use super::cluster::quota;
use super::cluster::rbac;
use super::cluster::runtime_class;
use super::cluster::signing_request;
use super::cluster::webhooks;
use super::network::endpoint_slice;
use super::network::ingress;
use super::network::network_policy;
use super::network::service;
use super::pod::parts;
use super::storage::csi;
use super::storage::storage_class;
use super::workload::autoscaler;
use super::workload::budget;
use super::workload::counts;
use super::workload::job;
use super::workload::jobs;
use super::workload::replication;
use super::{cluster, devices, immutable, pod, storage, workload};
use crate::Tree;
use crate::kinds::KindInfo;
use crate::schema::Faults;
use crate::status::FieldError;

/// A write of an object of a builtin kind.
pub(crate) struct Write<'a> {
    /// As messages show it: with what its writer stated to be empty, once something is wrong.
    pub new: &'a Tree,
    /// As it will be kept: whether something changed is asked of it.
    pub kept: &'a Tree,
    pub old: Option<&'a Tree>,
    pub minor: u32,
    /// The object as its writer stated it, with what is empty and left out later.
    pub stated: &'a Tree,
    /// The way in that it takes, if not that of the whole object.
    pub subresource: Option<&'a str>,
}

impl<'a> Write<'a> {
    #[cfg(test)]
    pub(super) fn of(new: &'a Tree, old: Option<&'a Tree>) -> Self {
        Self { new, kept: new, old, minor: 34, stated: new, subresource: None }
    }

    /// A part of the object; null where it says nothing of it.
    pub(super) fn part(&self, path: &[&str]) -> &'a Tree {
        self.new.at(path).unwrap_or(&NOTHING)
    }

    /// The same as its writer stated it.
    pub(super) fn stated(&self, path: &[&str]) -> &'a Tree {
        self.stated.at(path).unwrap_or(&NOTHING)
    }

    /// Whether a part may break rules: it is there, and not the memory of what was accepted before.
    pub(super) fn changed(&self, path: &[&str]) -> bool {
        match (self.new.at(path), self.old.and_then(|old| old.at(path))) {
            (Some(new), Some(old)) => !new.same(old),
            (None, Some(_)) | (Some(_), None) => true,
            (None, None) => self.old.is_none(),
        }
    }
}

/// Every rule that an object of a builtin kind breaks, whatever it was before.
pub(crate) fn broken(kind: &KindInfo, write: &Write<'_>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    let only_status = write.subresource == Some("status");
    if let (Some(old), Some(way @ ("resize" | "ephemeralcontainers"))) =
        (write.old, write.subresource)
    {
        if way == "resize" {
            pod::check(write, &mut faults);
            parts::resized(write.new, old, &mut faults);
        } else {
            parts::looks(write, &mut faults);
        }
        return faults.0;
    }
    match (&*kind.group, &*kind.kind) {
        ("", "Namespace") => cluster::namespace(write, &mut faults),
        ("apiregistration.k8s.io", "APIService") => {
            api_service::check(write, only_status, &mut faults);
        }
        ("networking.k8s.io", "ServiceCIDR") => cluster::service_cidr(write, &mut faults),
        ("networking.k8s.io", "IPAddress") => cluster::address(write, &mut faults),
        ("", "Pod") if only_status => pod::status::check(write, &mut faults),
        ("", "Pod") => pod::check(write, &mut faults),
        ("", "PodTemplate") => replication::template(write, &mut faults),
        ("", "ReplicationController") => replication::controller(write, &mut faults),
        ("", "Service") => service::check(write, &mut faults),
        ("", "ConfigMap") => config::config_map(write, &mut faults),
        ("", "Secret") => config::secret(write, &mut faults),
        ("", "PersistentVolumeClaim") => storage::claim(write, &mut faults),
        ("", "PersistentVolume") => storage::volume::check(write, &mut faults),
        ("", "Endpoints") => others::endpoints(write, &mut faults),
        ("" | "events.k8s.io", "Event") => event::check(write, kind, &mut faults),
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            signing_request::check(write, &mut faults);
        }
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => {
            flow_control::schema(write, only_status, &mut faults);
        }
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => {
            flow_control::level(write, only_status, &mut faults);
        }
        ("", "Node") => others::node(write, &mut faults),
        ("", "LimitRange") => quota::limit_range(write, &mut faults),
        ("", "ResourceQuota") => quota::quota(write, &mut faults),
        ("discovery.k8s.io", "EndpointSlice") => endpoint_slice::check(write, &mut faults),
        ("coordination.k8s.io", "Lease") => others::lease(write, &mut faults),
        ("storage.k8s.io", "StorageClass") => storage_class::check(write, &mut faults),
        ("storage.k8s.io", "CSIDriver") => csi::driver(write, &mut faults),
        ("storage.k8s.io", "VolumeAttachment") => csi::attachment(write, &mut faults),
        ("storage.k8s.io", "CSINode") => csi::node(write, &mut faults),
        ("storage.k8s.io", "CSIStorageCapacity") => csi::capacity(write, &mut faults),
        ("storage.k8s.io", "VolumeAttributesClass") => {
            storage_class::attributes(write, &mut faults);
        }
        ("node.k8s.io", "RuntimeClass") => runtime_class::check(write, &mut faults),
        ("scheduling.k8s.io", "PriorityClass") => priority_class::check(write, &mut faults),
        ("apps", "Deployment") => {
            workload::deployment(write, &mut faults);
            counts::check(write, "Deployment", &mut faults);
        }
        ("apps", "ReplicaSet") => {
            workload::replica_set(write, &mut faults);
            counts::check(write, "ReplicaSet", &mut faults);
        }
        ("apps", "StatefulSet") => {
            workload::stateful_set(write, &mut faults);
            counts::check(write, "StatefulSet", &mut faults);
        }
        ("apps", "DaemonSet") => {
            workload::daemon_set(write, &mut faults);
            counts::check(write, "DaemonSet", &mut faults);
        }
        ("apps", "ControllerRevision") => workload::revision(write, &mut faults),
        ("batch", "Job") => {
            jobs::job(write, &mut faults);
            job::status(write, &mut faults);
        }
        ("batch", "CronJob") => jobs::cron_job(write, &mut faults),
        ("policy", "PodDisruptionBudget") => budget::check(write, &mut faults),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => {
            rbac::role(write, &kind.kind, &mut faults);
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            rbac::binding(write, &kind.kind, &mut faults);
        }
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaler::check(write, &mut faults),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => {
            webhooks::check(write, true, &mut faults);
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") => {
            webhooks::check(write, false, &mut faults);
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => {
            policies::validating(write, &mut faults);
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            policies::binding(write, &mut faults);
        }
        ("networking.k8s.io", "Ingress") => ingress::ingress(write, &mut faults),
        ("networking.k8s.io", "IngressClass") => ingress::class(write, &mut faults),
        ("networking.k8s.io", "NetworkPolicy") => network_policy::check(write, &mut faults),
        ("resource.k8s.io", "DeviceClass") => devices::class(write, false, &mut faults),
        ("resource.k8s.io", "ResourceClaim") if only_status => {
            devices::status(write, &mut faults);
        }
        ("resource.k8s.io", "ResourceClaim") => devices::claim(write, false, &mut faults),
        ("resource.k8s.io", "ResourceClaimTemplate") => {
            devices::template(write, false, &mut faults);
        }
        ("resource.k8s.io", "ResourceSlice") => devices::slice(write, &mut faults),
        _ => {}
    }
    faults.0
}

/// Rules that the real server goes by once more, or only later than the others.
pub(crate) fn later(kind: &KindInfo, write: &Write<'_>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    match (&*kind.group, &*kind.kind) {
        ("batch", "Job") => jobs::again(write, &mut faults),
        ("events.k8s.io", "Event") => event::strict(write, &mut faults),
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            signing_request::kept(write, &mut faults);
        }
        ("resource.k8s.io", "DeviceClass") => devices::class(write, true, &mut faults),
        ("resource.k8s.io", "ResourceClaim") => devices::claim(write, true, &mut faults),
        ("resource.k8s.io", "ResourceClaimTemplate") => {
            devices::template(write, true, &mut faults);
        }
        _ => {}
    }
    faults.0
}

/// What of an object of a builtin kind may not change, and does.
pub(crate) fn fixed(kind: &KindInfo, write: &Write<'_>) -> Vec<FieldError> {
    let mut faults = Faults::default();
    if let Some(old) = write.old {
        immutable::check(kind, write, old, &mut faults);
    }
    faults.0
}

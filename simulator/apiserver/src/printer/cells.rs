//! The cells of a row: for most columns a place in the object and a way to print it, for some a function.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kinds::{Column, KindInfo};
use crate::object::Tree;

use super::pods::Pod;
use super::text::{age, at, int, items, labels, or, scalar, selector, text};
use super::{path, pods};

mod more;

pub(super) fn of(kind: &KindInfo, columns: &[Column], object: &Tree, now: Timestamp) -> Vec<Value> {
    let pod = kind.is("", "Pod").then(|| Pod::of(object));
    let cell = |column: &Column| match (&pod, &*column.name) {
        _ if kind.custom && !column.json_path.is_empty() => custom(column, object, now),
        // A bookmark is no object, and was never made.
        (_, "Age") if kind.custom && at(object, "metadata.creationTimestamp").is_none() => {
            Value::Null
        }
        (Some(pod), "Ready") => json!(pod.ready),
        (Some(pod), "Status") => json!(pod.status),
        (Some(pod), "Restarts") => pod.restarts(column.kind == "integer", now),
        (_, name) => cell_of(if kind.custom { "" } else { &kind.kind }, name)
            .map_or_else(|| json!(""), |cell| cell.of(object, now)),
    };
    let mut cells: Vec<Value> = columns.iter().map(cell).collect();
    if kind.is("networking.k8s.io", "IPAddress") {
        // The real server gives an age too, in a column that it does not list.
        cells.push(json!(age(at(object, "metadata.creationTimestamp"), now)));
    }
    cells
}

/// How a cell follows from its object. Places are written `spec.type`.
#[derive(Clone, Copy)]
enum Cell {
    Text(&'static str),
    Or(&'static str, &'static str),
    Int(&'static str),
    Bool(&'static str),
    Count(&'static str),
    Joined(&'static str),
    Labels(&'static str),
    Selector(&'static str),
    Age(&'static str),
    /// The pod template, and which member of its containers.
    Containers(&'static str, &'static str),
    /// Ready and wanted: `1/2`.
    Of(&'static str, &'static str),
    Made(fn(&Tree, Timestamp) -> Value),
}

impl Cell {
    fn of(self, object: &Tree, now: Timestamp) -> Value {
        match self {
            Cell::Text(place) => json!(text(object, place)),
            Cell::Or(place, other) => json!(or(text(object, place), other)),
            Cell::Int(place) => json!(int(object, place)),
            Cell::Bool(place) => json!(at(object, place).and_then(Tree::as_bool) == Some(true)),
            Cell::Count(place) => {
                let members = |tree: &Tree| tree.items().len() + tree.entries().len();
                json!(
                    place
                        .split('+')
                        .filter_map(|place| at(object, place))
                        .map(members)
                        .sum::<usize>()
                )
            }
            Cell::Joined(place) => {
                json!(items(object, place).iter().map(scalar).collect::<Vec<_>>().join(","))
            }
            Cell::Labels(place) => json!(labels(at(object, place))),
            Cell::Selector(place) => json!(selector(at(object, place))),
            Cell::Age(place) => json!(age(at(object, place), now)),
            Cell::Containers(template, member) => {
                let containers = items(object, template);
                json!(containers.iter().map(|c| text(c, member)).collect::<Vec<_>>().join(","))
            }
            Cell::Of(ready, wanted) => {
                json!(format!("{}/{}", int(object, ready), int(object, wanted)))
            }
            Cell::Made(make) => make(object, now),
        }
    }
}

fn cell_of(kind: &str, column: &str) -> Option<Cell> {
    let own = CELLS
        .iter()
        .find(|(kinds, name, _)| *name == column && kinds.split(' ').any(|one| one == kind));
    let cell =
        own.or_else(|| CELLS.iter().find(|(kinds, name, _)| *name == column && *kinds == "*"));
    cell.map(|(.., cell)| *cell)
}

const CELLS: &[(&str, &str, Cell)] = {
    use Cell::{Age, Bool, Containers, Count, Int, Joined, Labels, Made, Of, Or, Selector, Text};
    const TEMPLATE: &str = "spec.template.spec.containers";
    const JOBS: &str = "spec.jobTemplate.spec.template.spec.containers";
    &[
        ("StorageClass", "Name", Made(more::storage_class)),
        ("*", "Name", Text("metadata.name")),
        ("*", "Age", Age("metadata.creationTimestamp")),
        ("*", "Created At", Or("metadata.creationTimestamp", "0001-01-01T00:00:00Z")),
        ("Pod", "IP", Or("status.podIP", "<none>")),
        ("Pod", "Node", Or("spec.nodeName", "<none>")),
        ("Pod", "Nominated Node", Or("status.nominatedNodeName", "<none>")),
        ("Pod", "Readiness Gates", Made(|pod, _| json!(pods::gates(pod)))),
        ("PodTemplate", "Containers", Containers("template.spec.containers", "name")),
        ("PodTemplate", "Images", Containers("template.spec.containers", "image")),
        ("PodTemplate", "Pod Labels", Labels("template.metadata.labels")),
        ("PodDisruptionBudget", "Min Available", Or("spec.minAvailable", "N/A")),
        ("PodDisruptionBudget", "Max Unavailable", Or("spec.maxUnavailable", "N/A")),
        ("PodDisruptionBudget", "Allowed Disruptions", Int("status.disruptionsAllowed")),
        ("CronJob", "Containers", Containers(JOBS, "name")),
        ("CronJob", "Images", Containers(JOBS, "image")),
        ("CronJob", "Selector", Selector("spec.jobTemplate.spec.selector")),
        ("*", "Containers", Containers(TEMPLATE, "name")),
        ("*", "Images", Containers(TEMPLATE, "image")),
        ("ReplicationController Service", "Selector", Labels("spec.selector")),
        ("Deployment", "Selector", Made(more::pods_of)),
        ("*", "Selector", Selector("spec.selector")),
        ("ReplicationController ReplicaSet", "Desired", Int("spec.replicas")),
        ("ReplicationController ReplicaSet", "Current", Int("status.replicas")),
        ("ReplicationController ReplicaSet", "Ready", Int("status.readyReplicas")),
        ("DaemonSet", "Desired", Int("status.desiredNumberScheduled")),
        ("DaemonSet", "Current", Int("status.currentNumberScheduled")),
        ("DaemonSet", "Ready", Int("status.numberReady")),
        ("DaemonSet", "Up-to-date", Int("status.updatedNumberScheduled")),
        ("DaemonSet", "Available", Int("status.numberAvailable")),
        ("DaemonSet", "Node Selector", Labels("spec.template.spec.nodeSelector")),
        ("Deployment StatefulSet", "Ready", Of("status.readyReplicas", "spec.replicas")),
        ("Deployment", "Up-to-date", Int("status.updatedReplicas")),
        ("Deployment", "Available", Int("status.availableReplicas")),
        ("Job", "Status", Made(more::job_status)),
        ("Job", "Completions", Made(more::completions)),
        ("Job", "Duration", Made(more::job_duration)),
        ("CronJob", "Schedule", Text("spec.schedule")),
        ("CronJob", "Timezone", Or("spec.timeZone", "<none>")),
        ("CronJob", "Suspend", Made(|job, _| json!(more::word(at(job, "spec.suspend"))))),
        ("CronJob", "Active", Count("status.active")),
        ("CronJob", "Last Schedule", Made(more::last_schedule)),
        ("Service", "Type", Text("spec.type")),
        ("Service", "Cluster-IP", Or("spec.clusterIP", "<none>")),
        ("Service", "External-IP", Made(more::external_ip)),
        ("Service", "Port(s)", Made(more::service_ports)),
        ("Ingress", "Class", Or("spec.ingressClassName", "<none>")),
        ("Ingress", "Hosts", Made(more::hosts)),
        ("Ingress", "Address", Made(|ingress, _| json!(more::balancer(ingress)))),
        ("Ingress", "Ports", Made(more::ingress_ports)),
        ("IngressClass", "Controller", Text("spec.controller")),
        ("IngressClass", "Parameters", Made(more::parameters)),
        ("NetworkPolicy", "Pod-Selector", Selector("spec.podSelector")),
        ("Endpoints", "Endpoints", Made(more::endpoints)),
        ("EndpointSlice", "AddressType", Text("addressType")),
        ("EndpointSlice", "Ports", Made(more::slice_ports)),
        ("EndpointSlice", "Endpoints", Made(more::slice_endpoints)),
        ("Node", "Status", Made(more::node_status)),
        ("Node", "Roles", Made(more::roles)),
        ("Node", "Version", Text("status.nodeInfo.kubeletVersion")),
        ("Node", "Internal-IP", Made(|node, _| more::address(node, "InternalIP"))),
        ("Node", "External-IP", Made(|node, _| more::address(node, "ExternalIP"))),
        ("Node", "OS-Image", Or("status.nodeInfo.osImage", "<unknown>")),
        ("Node", "Kernel-Version", Or("status.nodeInfo.kernelVersion", "<unknown>")),
        ("Node", "Container-Runtime", Or("status.nodeInfo.containerRuntimeVersion", "<unknown>")),
        ("Event", "Last Seen", Made(more::last_seen)),
        ("Event", "First Seen", Made(more::first_seen)),
        ("Event", "Type", Text("type")),
        ("Event", "Reason", Text("reason")),
        ("Event", "Object", Made(more::involved)),
        ("Event", "Subobject", Text("involvedObject.fieldPath")),
        ("Event", "Source", Made(more::source)),
        ("Event", "Message", Made(more::message)),
        ("Event", "Count", Made(more::count)),
        ("Namespace", "Status", Text("status.phase")),
        ("Secret", "Type", Text("type")),
        ("Secret", "Data", Count("data")),
        ("ConfigMap", "Data", Count("data+binaryData")),
        ("ServiceAccount", "Secrets", Count("secrets")),
        ("Lease", "Holder", Text("spec.holderIdentity")),
        ("PersistentVolume", "Capacity", Or("spec.capacity.storage", "0")),
        (
            "PersistentVolume",
            "Access Modes",
            Made(|v, _| json!(more::modes(items(v, "spec.accessModes")))),
        ),
        ("PersistentVolume", "Reclaim Policy", Text("spec.persistentVolumeReclaimPolicy")),
        ("PersistentVolume PersistentVolumeClaim", "Status", Made(more::volume_status)),
        ("PersistentVolume", "Claim", Made(more::claim)),
        ("PersistentVolume PersistentVolumeClaim", "StorageClass", Made(more::class)),
        (
            "PersistentVolume",
            "VolumeAttributesClass",
            Or("spec.volumeAttributesClassName", "<unset>"),
        ),
        ("PersistentVolume", "Reason", Text("status.reason")),
        ("*", "VolumeMode", Or("spec.volumeMode", "<unset>")),
        (
            "PersistentVolumeClaim",
            "VolumeAttributesClass",
            Or("spec.volumeAttributesClassName", "<unset>"),
        ),
        ("PersistentVolumeClaim", "Volume", Text("spec.volumeName")),
        ("PersistentVolumeClaim", "Capacity", Made(more::bound_capacity)),
        ("PersistentVolumeClaim", "Access Modes", Made(more::bound_modes)),
        ("StorageClass", "Provisioner", Text("provisioner")),
        ("StorageClass", "ReclaimPolicy", Or("reclaimPolicy", "Delete")),
        ("StorageClass", "VolumeBindingMode", Or("volumeBindingMode", "Immediate")),
        ("StorageClass", "AllowVolumeExpansion", Bool("allowVolumeExpansion")),
        ("VolumeAttributesClass", "DriverName", Text("driverName")),
        ("CSIDriver", "AttachRequired", Made(more::attach_required)),
        ("CSIDriver", "PodInfoOnMount", Bool("spec.podInfoOnMount")),
        ("CSIDriver", "StorageCapacity", Bool("spec.storageCapacity")),
        ("CSIDriver", "TokenRequests", Made(more::token_requests)),
        ("CSIDriver", "RequiresRepublish", Bool("spec.requiresRepublish")),
        ("CSIDriver", "Modes", Made(more::lifecycle_modes)),
        ("CSINode", "Drivers", Count("spec.drivers")),
        ("VolumeAttachment", "Attacher", Text("spec.attacher")),
        ("VolumeAttachment", "PV", Text("spec.source.persistentVolumeName")),
        ("VolumeAttachment", "Node", Text("spec.nodeName")),
        ("VolumeAttachment", "Attached", Bool("status.attached")),
        ("RoleBinding ClusterRoleBinding", "Role", Made(more::role)),
        ("RoleBinding ClusterRoleBinding", "Users", Made(|b, _| more::subjects(b, "User"))),
        ("RoleBinding ClusterRoleBinding", "Groups", Made(|b, _| more::subjects(b, "Group"))),
        (
            "RoleBinding ClusterRoleBinding",
            "ServiceAccounts",
            Made(|b, _| more::subjects(b, "ServiceAccount")),
        ),
        ("HorizontalPodAutoscaler", "Reference", Made(more::scaled)),
        ("HorizontalPodAutoscaler", "Targets", Made(more::targets)),
        ("HorizontalPodAutoscaler", "MinPods", Or("spec.minReplicas", "<unset>")),
        ("HorizontalPodAutoscaler", "MaxPods", Int("spec.maxReplicas")),
        ("HorizontalPodAutoscaler", "Replicas", Int("status.currentReplicas")),
        ("ResourceQuota", "Request", Made(|quota, _| more::quota(quota, false))),
        ("ResourceQuota", "Limit", Made(|quota, _| more::quota(quota, true))),
        ("PriorityClass", "Value", Int("value")),
        ("PriorityClass", "Global-Default", Bool("globalDefault")),
        ("PriorityClass", "PreemptionPolicy", Text("preemptionPolicy")),
        ("ControllerRevision", "Controller", Made(more::controller)),
        ("ControllerRevision", "Revision", Int("revision")),
        ("RuntimeClass", "Handler", Text("handler")),
        ("CertificateSigningRequest", "SignerName", Or("spec.signerName", "<none>")),
        ("CertificateSigningRequest", "Requestor", Text("spec.username")),
        ("CertificateSigningRequest", "RequestedDuration", Made(more::requested_duration)),
        ("CertificateSigningRequest", "Condition", Made(more::signing)),
        (
            "ValidatingWebhookConfiguration MutatingWebhookConfiguration",
            "Webhooks",
            Count("webhooks"),
        ),
        ("ValidatingAdmissionPolicy", "Validations", Count("spec.validations")),
        ("ValidatingAdmissionPolicy", "ParamKind", Made(more::param_kind)),
        ("ValidatingAdmissionPolicyBinding", "PolicyName", Text("spec.policyName")),
        ("ValidatingAdmissionPolicyBinding", "ParamRef", Made(more::param_ref)),
        ("ServiceCIDR", "CIDRs", Joined("spec.cidrs")),
        ("IPAddress", "ParentRef", Made(more::parent)),
        ("FlowSchema", "PriorityLevel", Text("spec.priorityLevelConfiguration.name")),
        ("FlowSchema", "MatchingPrecedence", Int("spec.matchingPrecedence")),
        ("FlowSchema", "DistinguisherMethod", Or("spec.distinguisherMethod.type", "<none>")),
        ("FlowSchema", "MissingPL", Made(more::dangling)),
        ("PriorityLevelConfiguration", "Type", Text("spec.type")),
        (
            "PriorityLevelConfiguration",
            "NominalConcurrencyShares",
            Made(|p, _| more::level(p, "nominalConcurrencyShares")),
        ),
        (
            "PriorityLevelConfiguration",
            "AssuredConcurrencyShares",
            Made(|p, _| more::level(p, "assuredConcurrencyShares")),
        ),
        (
            "PriorityLevelConfiguration",
            "Queues",
            Made(|p, _| more::level(p, "limitResponse.queuing.queues")),
        ),
        (
            "PriorityLevelConfiguration",
            "HandSize",
            Made(|p, _| more::level(p, "limitResponse.queuing.handSize")),
        ),
        (
            "PriorityLevelConfiguration",
            "QueueLengthLimit",
            Made(|p, _| more::level(p, "limitResponse.queuing.queueLengthLimit")),
        ),
        ("ResourceClaim", "State", Made(more::claim_state)),
        ("ResourceSlice", "Node", Text("spec.nodeName")),
        ("ResourceSlice", "Driver", Text("spec.driver")),
        ("ResourceSlice", "Pool", Text("spec.pool.name")),
        ("APIService", "Service", Made(more::api_service)),
        ("APIService", "Available", Made(more::available)),
    ]
};

/// A cell of a column that a definition declares.
fn custom(column: &Column, object: &Tree, now: Timestamp) -> Value {
    let found = path::find(object, &column.json_path);
    let Some(found) = found.first() else { return Value::Null };
    match &*column.kind {
        "string" if found.is_null() => json!("<no value>"),
        "string" => json!(scalar(found)),
        #[expect(clippy::cast_possible_truncation, reason = "as the real server does")]
        "integer" => json!(found.as_i64().or(found.as_f64().map(|number| number as i64))),
        "number" if found.is_number() => found.to_value(),
        "boolean" => json!(found.as_bool()),
        "date" => match found.as_str() {
            Some("" | "null") => json!("<unknown>"),
            Some(time) if time.parse::<Timestamp>().is_err() => json!("<invalid>"),
            Some(_) => json!(age(Some(found), now)),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests;

//! Labels, annotations and finalizers: the names by which objects find each other.

use std::collections::BTreeMap;

pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// The component definition. On an `InstanceSet` it is an annotation.
pub const COMPONENT: &str = "app.kubernetes.io/component";
pub const COMPONENT_NAME: &str = "apps.kubeblocks.io/component-name";
pub const SHARDING_NAME: &str = "apps.kubeblocks.io/sharding-name";
pub const SHARD_TEMPLATE: &str = "apps.kubeblocks.io/shard-template";
pub const POD_NAME: &str = "apps.kubeblocks.io/pod-name";
pub const CLAIM_TEMPLATE_NAME: &str = "apps.kubeblocks.io/vct-name";
pub const INSTANCE_TEMPLATE: &str = "apps.kubeblocks.io/instance-template";
pub const RELEASE_PHASE: &str = "apps.kubeblocks.io/release-phase";
pub const SERVICE_VERSION: &str = "apps.kubeblocks.io/service-version";
pub const SYSTEM_ACCOUNT: &str = "apps.kubeblocks.io/system-account";
pub const FILE_TEMPLATE: &str = "apps.kubeblocks.io/file-template";
pub const ROLE: &str = "kubeblocks.io/role";
pub const WORKLOAD_MANAGED_BY: &str = "workloads.kubeblocks.io/managed-by";
pub const WORKLOAD_INSTANCE: &str = "workloads.kubeblocks.io/instance";
pub const WORKLOAD_TEMPLATE_NAME: &str = "workloads.kubeblocks.io/template-name";
pub const REVISION: &str = "controller-revision-hash";
pub const CLUSTER_DEFINITION: &str = "clusterdefinition.kubeblocks.io/name";
pub const COMPONENT_DEFINITION: &str = "componentdefinition.kubeblocks.io/name";
/// Annotation of a Component that hosts sidecars.
pub const SIDECAR_DEFINITION: &str = "sidecardefinition.kubeblocks.io/name";

/// Annotation: the generation of the parent that an object was made from.
pub const GENERATION: &str = "kubeblocks.io/generation";
pub const CLUSTER_UID: &str = "apps.kubeblocks.io/cluster-uid";
pub const RECONCILE: &str = "kubeblocks.io/reconcile";
pub const RESTART: &str = "kubeblocks.io/restart";
pub const CONFIG_HASH: &str = "config.kubeblocks.io/config-hash";
pub const REPLICAS_STATUS: &str = "apps.kubeblocks.io/replicas-status";
pub const COMPONENT_SCALE_IN: &str = "apps.kubeblocks.io/component-scale-in";
pub const SKIP_PRE_TERMINATE: &str = "apps.kubeblocks.io/skip-pre-terminate";
pub const POST_PROVISION_DONE: &str = "kubeblocks.io/post-provision-done";
pub const PRE_TERMINATE_DONE: &str = "kubeblocks.io/pre-terminate-done";
pub const HOST_NETWORK: &str = "kubeblocks.io/host-network";
pub const COMPACT_MODE: &str = "kubeblocks.io/compact-mode";
pub const LEGACY_CONFIG_MANAGER: &str = "parameters.kubeblocks.io/legacy-config-manager-required";
pub const PLACEMENT: &str = "apps.kubeblocks.io/multi-cluster-placement";
pub const IMMUTABLE_HASH: &str = "apps.kubeblocks.io/immutable-hash";
pub const SKIP_IMMUTABLE_CHECK: &str = "apps.kubeblocks.io/skip-immutable-check";
pub const COMPATIBLE_DEFINITIONS: &str = "componentversion.kubeblocks.io/compatible-definitions";
pub const PVC_NAME_PREFIX: &str = "apps.kubeblocks.io/pvc-name-prefix";
pub const SERVICE_ACCOUNT_IN_USE: &str = "workloads.kubeblocks.io/service-account-in-use";
pub const EVENT_HANDLED: &str = "kubeblocks.io/event-handled";
pub const ROLE_SNAPSHOT_VERSION: &str = "apps.kubeblocks.io/last-role-snapshot-version";
pub const ROLE_AUTHORITATIVE_VERSION: &str = "apps.kubeblocks.io/last-role-authoritative-version";

pub const CLUSTER_FINALIZER: &str = "cluster.kubeblocks.io/finalizer";
pub const COMPONENT_FINALIZER: &str = "component.kubeblocks.io/finalizer";
pub const INSTANCE_SET_FINALIZER: &str = "instanceset.workloads.kubeblocks.io/finalizer";

/// The value of [`MANAGED_BY`] on everything the operator makes.
pub const KUBEBLOCKS: &str = "kubeblocks";
/// The value of [`RELEASE_PHASE`] on pods that Services select.
pub const STABLE: &str = "stable";

/// On every object of a Cluster.
pub fn of_cluster(cluster: &str) -> BTreeMap<String, String> {
    [(MANAGED_BY, KUBEBLOCKS), (INSTANCE, cluster)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// On every object of a Component; `component` is its short name.
pub fn of_component(cluster: &str, component: &str) -> BTreeMap<String, String> {
    let mut labels = of_cluster(cluster);
    labels.insert(COMPONENT_NAME.to_owned(), component.to_owned());
    labels
}

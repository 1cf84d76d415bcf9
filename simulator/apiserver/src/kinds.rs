//! What is known of a kind before any object of it is read, and which kinds a Kubernetes version has.

use std::sync::Arc;

/// A stored kind of one server: a group and a kind, whatever the version it is asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindId(pub(crate) u32);

/// A Kubernetes version, by its minor number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub minor: u32,
}

impl Profile {
    pub const V1_20: Profile = Profile { minor: 20 };
    pub const V1_34: Profile = Profile { minor: 34 };

    /// `1.34`.
    pub fn parse(version: &str) -> Option<Profile> {
        [Self::V1_20, Self::V1_34].into_iter().find(|profile| profile.to_string() == version)
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

/// One kind in one version.
#[derive(Clone, Debug)]
pub struct KindInfo {
    pub group: Arc<str>,
    pub version: Arc<str>,
    pub kind: Arc<str>,
    pub list_kind: Arc<str>,
    pub plural: Arc<str>,
    pub singular: Arc<str>,
    pub short_names: Vec<Arc<str>>,
    pub categories: Vec<Arc<str>>,
    pub namespaced: bool,
    pub verbs: Vec<&'static str>,
    pub subresources: Vec<&'static str>,
    pub tracks_generation: bool,
    /// Whether objects are kept in this version.
    pub storage: bool,
    pub custom: bool,
}

/// One kind in one version is one thing in one server.
impl PartialEq for KindInfo {
    fn eq(&self, other: &Self) -> bool {
        (&self.group, &self.version, &self.kind) == (&other.group, &other.version, &other.kind)
    }
}

impl KindInfo {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub fn has_subresource(&self, name: &str) -> bool {
        self.subresources.contains(&name)
    }
}

/// The kinds a server of this version has from the start.
pub(crate) fn builtin(profile: &Profile) -> Vec<KindInfo> {
    let policy = if profile.minor < 21 { "v1beta1" } else { "v1" };
    let mut rows: Vec<(&str, &str, &str, &str, bool, &str, bool)> = vec![
        ("", "v1", "Namespace", "namespaces", false, "status finalize", false),
        ("", "v1", "Node", "nodes", false, "status", false),
        ("", "v1", "Pod", "pods", true, "status binding eviction", profile.minor >= 33),
        ("", "v1", "ConfigMap", "configmaps", true, "", false),
        ("", "v1", "Secret", "secrets", true, "", false),
        ("", "v1", "Service", "services", true, "status", false),
        ("", "v1", "Endpoints", "endpoints", true, "", false),
        ("", "v1", "Event", "events", true, "", false),
        ("", "v1", "ServiceAccount", "serviceaccounts", true, "", false),
        ("", "v1", "PersistentVolume", "persistentvolumes", false, "status", false),
        ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, "status", false),
        ("apps", "v1", "Deployment", "deployments", true, "status scale", true),
        ("apps", "v1", "ReplicaSet", "replicasets", true, "status scale", true),
        ("apps", "v1", "StatefulSet", "statefulsets", true, "status scale", true),
        ("apps", "v1", "DaemonSet", "daemonsets", true, "status", true),
        ("apps", "v1", "ControllerRevision", "controllerrevisions", true, "", false),
        ("batch", "v1", "Job", "jobs", true, "status", true),
        ("policy", policy, "PodDisruptionBudget", "poddisruptionbudgets", true, "status", true),
        ("rbac.authorization.k8s.io", "v1", "Role", "roles", true, "", false),
        ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true, "", false),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false, "", false),
        (
            "rbac.authorization.k8s.io",
            "v1",
            "ClusterRoleBinding",
            "clusterrolebindings",
            false,
            "",
            false,
        ),
        ("storage.k8s.io", "v1", "StorageClass", "storageclasses", false, "", false),
        ("coordination.k8s.io", "v1", "Lease", "leases", true, "", false),
        (
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            false,
            "status",
            true,
        ),
    ];
    if profile.minor >= 21 {
        rows.push(("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true, "", true));
        rows.push(("batch", "v1", "CronJob", "cronjobs", true, "status", true));
    }
    rows.into_iter()
        .map(|(group, version, kind, plural, namespaced, subresources, tracks_generation)| {
            KindInfo {
                group: group.into(),
                version: version.into(),
                kind: kind.into(),
                list_kind: format!("{kind}List").into(),
                plural: plural.into(),
                singular: kind.to_lowercase().into(),
                short_names: Vec::new(),
                categories: Vec::new(),
                namespaced,
                verbs: vec![
                    "create",
                    "delete",
                    "deletecollection",
                    "get",
                    "list",
                    "patch",
                    "update",
                    "watch",
                ],
                subresources: subresources.split_whitespace().collect(),
                tracks_generation,
                storage: true,
                custom: false,
            }
        })
        .collect()
}

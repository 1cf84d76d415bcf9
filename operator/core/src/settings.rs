//! What an installation of the operator may choose.

/// Operator settings, as the chart of a real installation sets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The image that holds kbagent.
    pub tools_image: String,
    pub cluster_domain: String,
    /// `DEFAULT_STORAGE_CLASS`: for claim templates that name none.
    pub default_storage_class: Option<String>,
    pub rbac_manager: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tools_image: "docker.io/apecloud/kubeblocks-tools:1.2.0-alpha.0".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            default_storage_class: None,
            rbac_manager: true,
        }
    }
}

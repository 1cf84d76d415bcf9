//! Names of objects, by what they belong to.

/// A Component and its `InstanceSet`.
pub fn component(cluster: &str, short_name: &str) -> String {
    format!("{cluster}-{short_name}")
}

/// The short name of a component: its full name without the Cluster's.
pub fn short_name<'a>(cluster: &str, component: &'a str) -> &'a str {
    component.strip_prefix(cluster).and_then(|rest| rest.strip_prefix('-')).unwrap_or(component)
}

/// A Service of a Cluster or of a Component.
pub fn service(owner: &str, service_name: &str) -> String {
    if service_name.is_empty() { owner.to_owned() } else { format!("{owner}-{service_name}") }
}

pub fn headless_service(component: &str) -> String {
    format!("{component}-headless")
}

pub fn env_config_map(component: &str) -> String {
    format!("{component}-env")
}

pub fn file_config_map(component: &str, template: &str) -> String {
    format!("{component}-{template}")
}

pub fn account_secret(component: &str, account: &str) -> String {
    format!("{component}-account-{account}").replace('_', "-")
}

pub fn tls_secret(component: &str) -> String {
    format!("{component}-tls-certs")
}

pub fn service_account(component: &str) -> String {
    format!("kb-{component}")
}

/// The `ClusterRole` with the policy rules of a component definition.
pub fn cluster_role(definition: &str) -> String {
    format!("kb-{definition}")
}

//! The rules a component definition keeps, besides those its schema says.

use std::collections::BTreeSet;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{ComponentDefinitionSpec, ComponentService};
use drydock_operator_api::core::ConfigMap;
use k8s_openapi::api::core::v1::Container;

use super::Tree;
use crate::definition::{broken, duplicate};
use crate::plan::{Problem, Reference};
use crate::version;

pub(super) fn validate(tree: &Tree) -> Result<(), Problem> {
    let spec = &tree.definition.spec;
    if !spec.service_version.is_empty() && version::parse(&spec.service_version).is_none() {
        return Err(broken(format!(
            "spec.serviceVersion {} is not a semantic version",
            spec.service_version
        )));
    }
    vars(spec)?;
    unique("volumes", spec.volumes.iter().map(|volume| volume.name.as_str()))?;
    unique("roles", spec.roles.iter().map(|role| role.name.as_str()))?;
    host_network(spec)?;
    services(spec)?;
    accounts(spec)?;
    available(spec)?;
    if !matches!(spec.pod_management_policy.as_str(), "" | "OrderedReady" | "Parallel") {
        return Err(broken(format!(
            "spec.podManagementPolicy {} is neither OrderedReady nor Parallel",
            spec.pod_management_policy
        )));
    }
    let named = super::templates(&tree.definition);
    match named.into_iter().find(|key| !tree.templates.contains(key)) {
        Some(key) => Err(Problem::Missing(Reference::new(ConfigMap::kind(), key))),
        None => Ok(()),
    }
}

fn unique<'a>(field: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    match duplicate(names) {
        Some(name) => Err(broken(format!("spec.{field} has {name} twice"))),
        None => Ok(()),
    }
}

fn vars(spec: &ComponentDefinitionSpec) -> Result<(), Problem> {
    unique("vars", spec.vars.iter().map(|var| var.name.as_str()))?;
    match spec.vars.iter().find(|var| !var.value.is_empty() && var.value_from.is_some()) {
        Some(var) => Err(broken(format!("spec.vars {} has both value and valueFrom", var.name))),
        None => Ok(()),
    }
}

fn host_network(spec: &ComponentDefinitionSpec) -> Result<(), Problem> {
    for wanted in spec.host_network.iter().flat_map(|network| &network.container_ports) {
        let named = |container: &&Container| container.name == wanted.container;
        let Some(container) = spec.runtime.containers.iter().find(named) else {
            return Err(broken(format!(
                "spec.hostNetwork names container {}, which spec.runtime does not have",
                wanted.container
            )));
        };
        let ports = container.ports.iter().flatten().filter_map(|port| port.name.as_deref());
        let ports: BTreeSet<&str> = ports.collect();
        if let Some(port) = wanted.ports.iter().find(|port| !ports.contains(port.as_str())) {
            return Err(broken(format!(
                "spec.hostNetwork names port {port}, which container {} does not have",
                wanted.container
            )));
        }
    }
    Ok(())
}

fn services(spec: &ComponentDefinitionSpec) -> Result<(), Problem> {
    unique("services", spec.services.iter().map(|service| service.name.as_str()))?;
    let named = |service: &ComponentService| service.service_name.clone();
    if let Some(name) =
        duplicate(spec.services.iter().map(named).collect::<Vec<_>>().iter().map(String::as_str))
    {
        return Err(broken(format!("spec.services has serviceName {name:?} twice")));
    }
    for service in &spec.services {
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
        if ports.is_none_or(Vec::is_empty) {
            return Err(broken(format!("spec.services {} has no ports", service.name)));
        }
        let role = &service.role_selector;
        if !role.is_empty() && !has_role(spec, role) {
            return Err(broken(format!(
                "spec.services {} selects role {role}, which spec.roles does not have",
                service.name
            )));
        }
    }
    Ok(())
}

pub(super) fn has_role(spec: &ComponentDefinitionSpec, role: &str) -> bool {
    spec.roles.iter().any(|known| known.name.eq_ignore_ascii_case(role))
}

fn accounts(spec: &ComponentDefinitionSpec) -> Result<(), Problem> {
    unique("systemAccounts", spec.system_accounts.iter().map(|account| account.name.as_str()))?;
    let provision =
        spec.lifecycle_actions.as_ref().is_some_and(|actions| actions.account_provision.is_some());
    for account in spec.system_accounts.iter().filter(|account| !account.init_account) {
        let created = account.statement.as_ref().is_some_and(|it| !it.create.is_empty());
        if !created || !provision {
            return Err(broken(format!(
                "spec.systemAccounts {} is no initAccount, so it needs a create statement and \
                 spec.lifecycleActions.accountProvision",
                account.name
            )));
        }
    }
    Ok(())
}

fn available(spec: &ComponentDefinitionSpec) -> Result<(), Problem> {
    let Some(policy) = &spec.available else { return Ok(()) };
    if !policy.with_role.is_empty() && !has_role(spec, &policy.with_role) {
        return Err(broken(format!(
            "spec.available.withRole names {}, which spec.roles does not have",
            policy.with_role
        )));
    }
    let probe =
        spec.lifecycle_actions.as_ref().is_some_and(|actions| actions.available_probe.is_some());
    if policy.with_probe.is_some() && !probe {
        return Err(broken("spec.available.withProbe needs spec.lifecycleActions.availableProbe"));
    }
    Ok(())
}

//! Variables about Services.

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{ServiceVar, VarOption};
use drydock_operator_api::core::Service;

use super::Value;
use super::referents::Found;
use crate::component::hold::Hold;
use crate::component::{Member, Tree, services};
use crate::names;
use crate::plan::Reference;
use crate::view::Key;

/// How needed the value is that the variable asks for.
pub(super) fn option(var: &ServiceVar) -> VarOption {
    var.service_type
        .or(var.host)
        .or(var.port.as_ref().and_then(|port| port.option))
        .or(var.load_balancer)
        .unwrap_or_default()
}

pub(super) fn find(tree: &Tree, var: &ServiceVar, member: &Member) -> Result<Found, Hold> {
    let full = &member.component.metadata.name;
    // It is made by the workload, and its name is known before.
    if var.object.name == "headless" {
        let name = names::headless_service(full);
        return Ok(if var.host.is_some() {
            Found::Value(Value::Plain(name))
        } else {
            Found::NoValue(reference(tree, &name), "to have such a value: it is headless")
        });
    }
    let definition = member.definition.as_ref().map(|definition| &definition.spec.services);
    let listed = definition
        .and_then(|services| services.iter().find(|service| service.name == var.object.name));
    let name = match listed {
        Some(service) => names::service(full, &service.service_name),
        None => names::service(full, &var.object.name),
    };
    let own = if full == tree.name() { services::wanted(tree)? } else { Vec::new() };
    // What is stored knows more than what is wanted: addresses and node ports.
    let get = |name: &str| {
        let stored = tree.services.get(name).map(|stored| &**stored);
        stored.or_else(|| own.iter().find(|service| service.metadata.name == name))
    };
    if let Some(service) = get(&name) {
        return Ok(single(tree, var, service));
    }
    let pods = crate::component::names_of::instances(&member.component, member.workload.as_deref());
    let per_pod: Vec<&Service> = pods
        .unwrap_or_default()
        .iter()
        .filter_map(|pod| get(&format!("{name}-{}", names::short_name(full, pod))))
        .collect();
    if per_pod.is_empty() {
        return Ok(Found::NoObject(reference(tree, &name)));
    }
    Ok(many(tree, var, &name, &per_pod))
}

fn reference(tree: &Tree, name: &str) -> Reference {
    Reference::new(Service::kind(), Key::new(tree.namespace(), name))
}

fn single(tree: &Tree, var: &ServiceVar, service: &Service) -> Found {
    let name = &service.metadata.name;
    match text(var, service) {
        Some(text) => Found::Value(Value::Plain(text)),
        None if asks_for_address(var) => {
            Found::NoValue(reference(tree, name), "to have the address of a load balancer")
        }
        None => Found::NoValue(reference(tree, name), "to have such a port"),
    }
}

/// Hosts are listed plainly, all else as `service:value`.
fn many(tree: &Tree, var: &ServiceVar, name: &str, services: &[&Service]) -> Found {
    let mut sorted = services.to_vec();
    sorted.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    let plain = var.service_type.is_none() && var.host.is_some() && var.load_balancer.is_none();
    let mut parts = Vec::new();
    for service in sorted {
        match text(var, service) {
            Some(text) if plain => parts.push(text),
            Some(text) => parts.push(format!("{}:{text}", service.metadata.name)),
            // An incomplete list misleads more than none.
            None => return Found::NoValue(reference(tree, name), "to be complete"),
        }
    }
    Found::Value(Value::Plain(parts.join(",")))
}

fn asks_for_address(var: &ServiceVar) -> bool {
    var.service_type.is_none() && var.load_balancer.is_some()
}

fn text(var: &ServiceVar, service: &Service) -> Option<String> {
    let kind = service.spec.type_.as_deref().unwrap_or("ClusterIP");
    if var.service_type.is_some() {
        Some(kind.to_owned())
    } else if var.host.is_some() {
        // With both asked for, the address is that of the load balancer where there is one.
        if var.load_balancer.is_some() && kind == "LoadBalancer" {
            address(service)
        } else {
            Some(service.metadata.name.clone())
        }
    } else if let Some(port) = &var.port {
        number(service, &port.name, kind)
    } else if var.load_balancer.is_some() && kind == "LoadBalancer" {
        address(service)
    } else {
        None
    }
}

fn address(service: &Service) -> Option<String> {
    let ingress = service.status.load_balancer.ingress.as_ref()?.first()?;
    ingress.ip.clone().or_else(|| ingress.hostname.clone()).filter(|address| !address.is_empty())
}

fn number(service: &Service, name: &str, kind: &str) -> Option<String> {
    let ports = service.spec.ports.as_deref().unwrap_or_default();
    let named = ports.iter().find(|port| port.name.as_deref() == Some(name));
    let port = named.or_else(|| match ports {
        [only] if name.is_empty() || only.name.as_deref().unwrap_or("").is_empty() => Some(only),
        _ => None,
    })?;
    let on_nodes = kind == "NodePort"
        || kind == "LoadBalancer" && service.spec.allocate_load_balancer_node_ports != Some(false);
    if on_nodes { port.node_port.map(|port| port.to_string()) } else { Some(port.port.to_string()) }
}

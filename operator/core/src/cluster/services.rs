//! Services of the Cluster itself: one for each entry of `spec.services`.

use drydock_operator_api::ObjectMeta;
use drydock_operator_api::apps::{Cluster, ClusterService};
use drydock_operator_api::core::Service;
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Tree, refuse, release};
use crate::definition::broken;
use crate::draft::{Draft, Flow, Pass, controlled_by, is_controlled_by};
use crate::plan::Problem;
use crate::{labels, names};

pub(super) fn services(tree: &Tree, draft: &mut Draft<Cluster>, pass: &Pass<'_>) -> Flow {
    if tree.cluster.metadata.annotation(labels::COMPACT_MODE).is_some() {
        return Flow::Continue;
    }
    let entries = &tree.cluster.spec.services;
    if let Some(problem) = entries.iter().find_map(|entry| check(tree, draft, entry).err()) {
        return refuse(tree, draft, problem, pass);
    }
    let wanted: Vec<_> = entries.iter().map(|entry| service(&tree.cluster, entry)).collect();
    for service in &wanted {
        let name = &service.metadata.name;
        match tree.services.iter().find(|stored| stored.metadata.name == *name) {
            None => draft.create(service),
            Some(stored) => {
                draft.patch(&**stored, &merged(stored, service));
            }
        }
    }
    for stored in &tree.services {
        let unwanted = wanted.iter().all(|service| service.metadata.name != stored.metadata.name);
        if unwanted && is_controlled_by(&**stored, &*tree.cluster) {
            release::delete(draft, &**stored);
        }
    }
    Flow::Continue
}

fn check(tree: &Tree, draft: &Draft<Cluster>, entry: &ClusterService) -> Result<(), Problem> {
    let (name, selector) = (&entry.name, &entry.component_selector);
    if selector.is_empty() {
        return Ok(());
    }
    let mut components = draft.root.spec.component_specs.iter();
    let Some(component) = components.find(|component| component.name == *selector) else {
        return Err(broken(format!(
            "spec.services {name} selects component {selector}, which the Cluster does not have"
        )));
    };
    let role = &entry.role_selector;
    let definition = tree.component_definitions.get(&component.component_def);
    let mut roles = definition.iter().flat_map(|definition| &definition.spec.roles);
    if role.is_empty() || roles.any(|known| known.name.eq_ignore_ascii_case(role)) {
        return Ok(());
    }
    Err(broken(format!(
        "spec.services {name} selects role {role}, which ComponentDefinition {} does not have",
        component.component_def
    )))
}

fn service(cluster: &Cluster, entry: &ClusterService) -> Service {
    let mut selector = labels::of_cluster(&cluster.metadata.name);
    selector.insert(labels::RELEASE_PHASE.to_owned(), labels::STABLE.to_owned());
    let chosen =
        [(labels::COMPONENT_NAME, &entry.component_selector), (labels::ROLE, &entry.role_selector)];
    for (key, value) in chosen.into_iter().filter(|(_, value)| !value.is_empty()) {
        selector.insert(key.to_owned(), value.clone());
    }
    let mut spec = entry.spec.clone().unwrap_or_default();
    spec.selector.get_or_insert_default().append(&mut selector);
    let kind = spec.type_.get_or_insert_with(|| "ClusterIP".to_owned());
    if kind == "LoadBalancer" && spec.external_traffic_policy.is_none() {
        spec.external_traffic_policy = Some("Local".to_owned());
    }
    Service {
        metadata: ObjectMeta {
            name: names::service(&cluster.metadata.name, &entry.service_name),
            namespace: cluster.metadata.namespace.clone(),
            labels: labels::of_cluster(&cluster.metadata.name),
            annotations: entry.annotations.clone(),
            finalizers: vec![labels::CLUSTER_FINALIZER.to_owned()],
            owner_references: vec![controlled_by(cluster)],
            ..ObjectMeta::default()
        },
        spec,
        ..Service::default()
    }
}

/// What the server chose stays where nothing else is asked for.
fn merged(stored: &Service, wanted: &Service) -> Service {
    let mut service = stored.clone();
    service.metadata.labels.extend(wanted.metadata.labels.clone());
    service.metadata.annotations.extend(wanted.metadata.annotations.clone());
    let spec = &mut service.spec;
    let asked = wanted.spec.clone();
    spec.selector = asked.selector;
    if asked.type_ != spec.type_ {
        spec.type_ = asked.type_;
    }
    if asked.external_traffic_policy.is_some() {
        spec.external_traffic_policy = asked.external_traffic_policy;
    }
    if asked.publish_not_ready_addresses.is_some() {
        spec.publish_not_ready_addresses = asked.publish_not_ready_addresses;
    }
    if asked.load_balancer_source_ranges.is_some() {
        spec.load_balancer_source_ranges = asked.load_balancer_source_ranges;
    }
    let known = spec.ports.take().unwrap_or_default();
    let ports = asked.ports.unwrap_or_default();
    spec.ports = Some(ports.into_iter().map(|port| filled(port, &known)).collect());
    service
}

/// As the server defaults a port, with the node port it was given.
fn filled(mut port: ServicePort, known: &[ServicePort]) -> ServicePort {
    let protocol = port.protocol.get_or_insert_with(|| "TCP".to_owned()).clone();
    let same = |of: &&ServicePort| {
        of.port == port.port && of.protocol.as_deref().unwrap_or("TCP") == protocol
    };
    let stored = known.iter().find(same);
    port.target_port = port.target_port.or(Some(IntOrString::Int(port.port)));
    port.node_port = port.node_port.or_else(|| stored.and_then(|of| of.node_port));
    port
}

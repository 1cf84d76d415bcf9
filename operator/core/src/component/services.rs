//! Services of a component, as its definition lists them and the user adjusts them.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Component, ComponentService};
use drydock_operator_api::core::Service;
use k8s_openapi::api::core::v1::ServiceSpec;

use super::hold::Hold;
use super::names_of::{instances, merged, owned_meta, selector};
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass, is_controlled_by};
use crate::plan::{Reference, Whose};
use crate::{labels, names};

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) || tree.is_compact() {
        return Flow::Continue;
    }
    let wanted = match wanted(tree) {
        Ok(wanted) => wanted,
        Err(hold) => return hold.apply(draft),
    };
    for service in &wanted {
        match tree.services.get(&service.metadata.name) {
            None => draft.create(service),
            Some(stored) if is_controlled_by(&**stored, &*tree.component) => {
                draft.patch_as_read(&**stored, &adjusted(stored, service));
            }
            // Somebody else's: it is not ours to change.
            Some(_) => {}
        }
    }
    for stored in &tree.owned.services {
        let unwanted = wanted.iter().all(|service| service.metadata.name != stored.metadata.name);
        if unwanted
            && is_controlled_by(&**stored, &*tree.component)
            && !stored.metadata.is_deleting()
        {
            super::deletion::let_go(draft, &**stored);
        }
    }
    Flow::Continue
}

/// A service of the definition, after what the user says of it.
pub(super) struct Listed<'a> {
    pub definition: &'a ComponentService,
    adjusted: Option<&'a ComponentService>,
}

impl Listed<'_> {
    pub fn is_per_pod(&self) -> bool {
        self.adjusted.map_or(self.definition.pod_service, |adjusted| adjusted.pod_service)
    }
}

/// The services that a component has. `None`: it has no such service, or does not want it.
pub(super) fn listed<'a>(
    tree_definition: &'a [ComponentService],
    component: &'a Component,
) -> Vec<Listed<'a>> {
    tree_definition
        .iter()
        .map(|definition| Listed {
            definition,
            adjusted: component
                .spec
                .services
                .iter()
                .find(|service| service.name == definition.name),
        })
        .filter(|listed| match listed.adjusted {
            Some(adjusted) => !adjusted.disable_auto_provision,
            None => !listed.definition.disable_auto_provision,
        })
        .collect()
}

/// All Services that this component should have.
pub(super) fn wanted(tree: &Tree) -> Result<Vec<Service>, Hold> {
    let broken = |rule: String, whose| Hold::broken(Reference::of(&*tree.component), rule, whose);
    let mut services = Vec::new();
    for listed in listed(&tree.definition().spec.services, &tree.component) {
        let name = names::service(tree.name(), &listed.definition.service_name);
        if name == names::headless_service(tree.name()) {
            continue;
        }
        let role = listed.definition.role_selector.as_str();
        let roles = &tree.definition().spec.roles;
        if !role.is_empty() && !roles.iter().any(|known| known.name.eq_ignore_ascii_case(role)) {
            let rule = format!(
                "spec.services[{}].roleSelector: componentdefinition/{} has no role {role:?}",
                listed.definition.name,
                tree.definition().metadata.name
            );
            return Err(broken(rule, Whose::Addon));
        }
        if listed.is_per_pod() {
            let pods = instances(&tree.component, tree.workload.as_deref());
            for pod in pods.map_err(|rule| broken(rule, Whose::User))? {
                let suffix = names::short_name(tree.name(), &pod).to_owned();
                services.push(service(tree, &listed, &format!("{name}-{suffix}"), Some(&pod)));
            }
        } else {
            services.push(service(tree, &listed, &name, None));
        }
    }
    Ok(services)
}

fn service(tree: &Tree, listed: &Listed<'_>, name: &str, pod: Option<&str>) -> Service {
    let mut spec = listed.definition.spec.clone().unwrap_or_default();
    let mut annotations = &listed.definition.annotations;
    if let Some(adjusted) = listed.adjusted {
        if let Some(kind) = adjusted.spec.as_ref().and_then(|spec| spec.type_.clone()) {
            spec.type_ = Some(kind);
        }
        annotations = &adjusted.annotations;
    }
    spec.selector = Some(pods_of(tree, listed, &spec, pod));
    let kind =
        spec.type_.take().filter(|kind| !kind.is_empty()).unwrap_or_else(|| "ClusterIP".to_owned());
    if kind == "LoadBalancer" {
        spec.external_traffic_policy.get_or_insert_with(|| "Local".to_owned());
    }
    spec.type_ = Some(kind);
    let definition = &tree.definition().spec;
    let component = &tree.component.spec;
    let own = super::names_of::base(tree);
    Service {
        metadata: owned_meta(
            tree,
            name.to_owned(),
            merged([&definition.labels, &component.labels, &own]),
            merged([&definition.annotations, &component.annotations, annotations]),
        ),
        spec,
        ..Service::default()
    }
}

fn pods_of(
    tree: &Tree,
    listed: &Listed<'_>,
    spec: &ServiceSpec,
    pod: Option<&str>,
) -> BTreeMap<String, String> {
    let mut pods = spec.selector.clone().unwrap_or_default();
    pods.extend(
        selector(tree)
            .into_iter()
            .filter(|(label, _)| label != labels::SHARDING_NAME && label != labels::SHARD_TEMPLATE),
    );
    match pod {
        Some(pod) => {
            pods.insert(labels::POD_NAME.to_owned(), pod.to_owned());
        }
        None if !listed.definition.role_selector.is_empty() => {
            pods.insert(labels::ROLE.to_owned(), listed.definition.role_selector.clone());
        }
        None => {}
    }
    pods
}

/// Ports are left alone: clients may hold on to those that the server assigned.
fn adjusted(stored: &Service, wanted: &Service) -> Service {
    let mut new = stored.clone();
    new.metadata.labels.extend(wanted.metadata.labels.clone());
    new.metadata.annotations.extend(wanted.metadata.annotations.clone());
    new.spec.type_.clone_from(&wanted.spec.type_);
    new.spec.selector.clone_from(&wanted.spec.selector);
    if stored.metadata.annotation(labels::SKIP_IMMUTABLE_CHECK) == Some("true") {
        let mut ports = wanted.spec.ports.clone();
        for (port, old) in ports.iter_mut().flatten().zip(stored.spec.ports.iter().flatten()) {
            port.protocol = port.protocol.take().or_else(|| old.protocol.clone());
            port.target_port = port.target_port.take().or_else(|| old.target_port.clone());
            port.node_port = port.node_port.or(old.node_port);
        }
        new.spec.ports = ports;
    }
    new
}

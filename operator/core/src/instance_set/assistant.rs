//! The headless Service, by which the pods find each other.

use std::collections::{BTreeMap, BTreeSet};

use drydock_operator_api::ObjectMeta;
use drydock_operator_api::core::Service;
use drydock_operator_api::workloads::InstanceSet;
use k8s_openapi::api::core::v1::{Container, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::object::{adopt, owned_match_labels};
use super::{Tree, deletion};
use crate::draft::{Draft, Flow, Pass, controlled_by};
use crate::labels::{INSTANCE_SET_FINALIZER, RELEASE_PHASE, STABLE};
use crate::names;

/// At the end of an annotation of the set: it is one of the Service.
const SUFFIX: &str = ".headless.its";

pub(super) fn assistant(tree: &Tree, draft: &mut Draft<InstanceSet>, _pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    if tree.is_paused() {
        return Flow::Continue;
    }
    let stored = tree.services.get(&names::headless_service(&set.metadata.name));
    match stored {
        Some(stored) if set.spec.disable_default_headless_service => {
            deletion::remove(draft, &**stored, "the spec wants no headless Service");
        }
        // Deleted by hand: let it go, and make it anew.
        Some(stored) if stored.metadata.is_deleting() => {
            deletion::remove(draft, &**stored, "it is made anew under the same name");
        }
        Some(stored) => {
            draft.patch(&**stored, &updated(set, stored));
        }
        None if set.spec.disable_default_headless_service => {}
        None => {
            let service = wanted(set);
            draft.create(&service);
            let name = &service.metadata.name;
            draft.event("SuccessfulCreate", format!("create Service {name} successful"));
        }
    }
    Flow::Continue
}

fn wanted(set: &InstanceSet) -> Service {
    let mut selector = set.spec.selector.match_labels.clone().unwrap_or_default();
    selector.insert(RELEASE_PHASE.to_owned(), STABLE.to_owned());
    Service {
        metadata: ObjectMeta {
            name: names::headless_service(&set.metadata.name),
            namespace: set.metadata.namespace.clone(),
            labels: owned_match_labels(&set.metadata.name),
            annotations: annotations(set),
            owner_references: vec![controlled_by(set)],
            finalizers: vec![INSTANCE_SET_FINALIZER.to_owned()],
            ..ObjectMeta::default()
        },
        spec: ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector),
            ports: Some(ports(set)).filter(|ports| !ports.is_empty()),
            // Pods have to find each other before they are ready, or they never will be.
            publish_not_ready_addresses: Some(true),
            ..ServiceSpec::default()
        },
        ..Service::default()
    }
}

/// The stored one with what we want of it. What the API server has filled in stays.
fn updated(set: &InstanceSet, stored: &Service) -> Service {
    let wanted = wanted(set);
    let mut service = stored.clone();
    service.metadata.labels.extend(wanted.metadata.labels);
    service.metadata.annotations.extend(wanted.metadata.annotations);
    if !service.metadata.has_finalizer(INSTANCE_SET_FINALIZER) {
        service.metadata.finalizers.push(INSTANCE_SET_FINALIZER.to_owned());
    }
    adopt(set, &mut service.metadata);
    service.spec.selector = wanted.spec.selector;
    service.spec.type_ = wanted.spec.type_;
    service.spec.ports = wanted.spec.ports;
    service.spec.publish_not_ready_addresses = wanted.spec.publish_not_ready_addresses;
    service
}

fn annotations(set: &InstanceSet) -> BTreeMap<String, String> {
    set.metadata
        .annotations
        .iter()
        .filter_map(|(key, value)| Some((key.strip_suffix(SUFFIX)?.to_owned(), value.clone())))
        .collect()
}

/// One port per container port, written as the API server stores it: what differs only by a default
/// would be sent again in each pass, for nothing.
fn ports(set: &InstanceSet) -> Vec<ServicePort> {
    let mut used = BTreeSet::new();
    let containers = set.spec.template.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    let ports = containers.iter().flat_map(|it: &Container| it.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            let numbered = || format!("{}-{}", protocol.to_lowercase(), port.container_port);
            let own = port.name.clone().filter(|name| !used.contains(name));
            let name = own.unwrap_or_else(numbered);
            // A second port of the same name and number is the same port.
            used.insert(name.clone()).then(|| ServicePort {
                name: Some(name),
                port: port.container_port,
                protocol: Some(protocol),
                target_port: Some(IntOrString::Int(port.container_port)),
                ..ServicePort::default()
            })
        })
        .collect()
}

//! What wakes the controller: every kind that `load` reads, mapped to the Components it decides about.

use drydock_operator_api::apps::{
    Cluster, Component, ComponentDefinition, ComponentDefinitionSpec, ComponentVersion,
    ObjectSelector, ServiceDescriptor, SidecarDefinition, VarSource,
};
use drydock_operator_api::core::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use drydock_operator_api::rbac::{Role, RoleBinding};
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::{ObjectMeta, Resource};

use super::{SOURCE, load, reconcile};
use crate::controllers::{Controller, Map, Watch, planner};
use crate::view::{Key, Selection, View};
use crate::{labels, matching, names};

/// The row of the table of controllers.
pub fn controller() -> Controller {
    Controller {
        name: SOURCE,
        root: Component::kind,
        watches: vec![
            Watch { kind: Component::kind, map: Map::Root },
            Watch { kind: Component::kind, map: Map::By(dependents) },
            Watch { kind: InstanceSet::kind, map: Map::By(of_labels_and_dependents) },
            Watch { kind: Pod::kind, map: Map::By(of_labels) },
            Watch { kind: Service::kind, map: Map::By(of_labels_and_dependents) },
            Watch { kind: Secret::kind, map: Map::By(of_secret) },
            Watch { kind: ConfigMap::kind, map: Map::By(of_config_map) },
            Watch { kind: ServiceAccount::kind, map: Map::By(of_account) },
            Watch { kind: RoleBinding::kind, map: Map::By(of_labels) },
            Watch { kind: Role::kind, map: Map::By(of_labels) },
            Watch { kind: Cluster::kind, map: Map::By(of_cluster) },
            Watch { kind: ComponentDefinition::kind, map: Map::By(of_definition) },
            Watch { kind: ComponentVersion::kind, map: Map::By(of_version) },
            Watch { kind: SidecarDefinition::kind, map: Map::By(of_sidecar) },
            Watch { kind: ServiceDescriptor::kind, map: Map::By(of_descriptor) },
        ],
        plan: planner(load, reconcile),
    }
}

/// By the labels that all objects of a component carry.
fn of_labels(_view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    own_key(meta).into_iter().collect()
}

fn own_key(meta: &ObjectMeta) -> Option<Key> {
    let (cluster, component) = (meta.label(labels::INSTANCE)?, meta.label(labels::COMPONENT_NAME)?);
    Some(Key::new(meta.namespace.as_str(), names::component(cluster, component)))
}

fn of_labels_and_dependents(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    own_key(meta).into_iter().chain(dependents(view, meta)).collect()
}

fn of_cluster(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    family(view, &meta.namespace, &meta.name).iter().map(|component| key(component)).collect()
}

/// Components of the same Cluster whose variables speak of the one that an object belongs to.
fn dependents(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    let (Some(own), Some(cluster)) = (own_key(meta), meta.label(labels::INSTANCE)) else {
        return Vec::new();
    };
    let family = family(view, &meta.namespace, cluster);
    let Some(changed) = family.iter().find(|component| component.metadata.name == own.name) else {
        // It is gone, and with it its definition's name: whoever speaks of another may mean it.
        return others_that(view, &family, &own, |_| true);
    };
    others_that(view, &family, &own, |pattern| matching::matches(pattern, &changed.spec.comp_def))
}

fn others_that(
    view: &dyn View,
    family: &[std::sync::Arc<Component>],
    own: &Key,
    means: impl Fn(&str) -> bool,
) -> Vec<Key> {
    family
        .iter()
        .filter(|component| component.metadata.name != own.name)
        .filter(|component| {
            let definition = view.get::<ComponentDefinition>("", &component.spec.comp_def);
            definition.is_some_and(|definition| others_named(&definition.spec).any(&means))
        })
        .map(|component| key(component))
        .collect()
}

/// Patterns of the definitions that variables speak of.
fn others_named(definition: &ComponentDefinitionSpec) -> impl Iterator<Item = &str> {
    let sources = definition.vars.iter().filter_map(|var| var.value_from.as_ref());
    sources
        .filter_map(selector)
        .map(|object| object.comp_def.as_str())
        .filter(|pattern| !pattern.is_empty())
}

fn selector(source: &VarSource) -> Option<&ObjectSelector> {
    let component = source.component_var_ref.as_ref().map(|var| &var.object);
    let service = source.service_var_ref.as_ref().map(|var| &var.object);
    let credential = source.credential_var_ref.as_ref().map(|var| &var.object);
    let tls = source.tls_var_ref.as_ref().map(|var| &var.object);
    let resource = source.resource_var_ref.as_ref().map(|var| &var.object);
    let host = source.host_network_var_ref.as_ref().map(|var| &var.object);
    component.or(service).or(credential).or(tls).or(resource).or(host)
}

fn family(view: &dyn View, namespace: &str, cluster: &str) -> Vec<std::sync::Arc<Component>> {
    view.list::<Component>(namespace, Selection::Labels(&[(labels::INSTANCE, cluster)]))
}

fn key(component: &Component) -> Key {
    crate::draft::key(component)
}

fn components_of(view: &dyn View, definition: &str) -> Vec<Key> {
    view.list::<Component>("", Selection::Labels(&[(labels::COMPONENT, definition)]))
        .iter()
        .map(|component| key(component))
        .collect()
}

fn of_definition(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    components_of(view, &meta.name)
}

/// A version carries the name of each definition that it fits, as key and as value.
fn of_version(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    let fitting = meta.labels.iter().filter(|(key, value)| key == value);
    fitting.flat_map(|(definition, _)| components_of(view, definition)).collect()
}

fn of_sidecar(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    those(view, "", |component| {
        component.spec.sidecars.iter().any(|sidecar| sidecar.sidecar_def == meta.name)
    })
}

fn of_descriptor(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    those(view, "", |component| {
        component
            .spec
            .service_refs
            .iter()
            .any(|reference| reference.service_descriptor == meta.name)
    })
}

fn of_account(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    let mut keys = of_labels(view, meta);
    keys.extend(those(view, &meta.namespace, |component| {
        component.spec.service_account_name == meta.name
    }));
    keys
}

/// Our own, or a user's that a component names.
fn of_secret(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    let mut keys = of_labels_and_dependents(view, meta);
    if keys.is_empty() {
        keys = those(view, "", |component| names_secret(view, component, &meta.name));
    }
    keys
}

fn names_secret(view: &dyn View, component: &Component, name: &str) -> bool {
    let spec = &component.spec;
    let issuer = spec.tls_config.as_ref().and_then(|config| config.issuer.as_ref());
    spec.system_accounts
        .iter()
        .any(|account| account.secret_ref.as_ref().is_some_and(|source| source.name == name))
        || issuer
            .and_then(|issuer| issuer.secret_ref.as_ref())
            .is_some_and(|source| source.name == name)
        || sources(view, component, |source| {
            source.secret_key_ref.as_ref().is_some_and(|key| key.name == name)
        })
}

/// Our own, or one that a definition takes files or values from.
fn of_config_map(view: &dyn View, meta: &ObjectMeta) -> Vec<Key> {
    let own = of_labels(view, meta);
    if !own.is_empty() {
        return own;
    }
    those(view, "", |component| {
        let definition = view.get::<ComponentDefinition>("", &component.spec.comp_def);
        let files = definition
            .iter()
            .flat_map(|definition| definition.spec.configs.iter().chain(&definition.spec.scripts));
        let is_source = files
            .into_iter()
            .any(|file| file.template == meta.name && file.namespace == meta.namespace);
        is_source
            || component
                .spec
                .configs
                .iter()
                .any(|config| config.config_map.as_ref().is_some_and(|map| map.name == meta.name))
            || sources(view, component, |source| {
                source.config_map_key_ref.as_ref().is_some_and(|key| key.name == meta.name)
            })
    })
}

fn sources(view: &dyn View, component: &Component, is_it: impl Fn(&VarSource) -> bool) -> bool {
    let definition = view.get::<ComponentDefinition>("", &component.spec.comp_def);
    definition.is_some_and(|definition| {
        definition.spec.vars.iter().filter_map(|var| var.value_from.as_ref()).any(is_it)
    })
}

fn those(view: &dyn View, namespace: &str, are_meant: impl Fn(&Component) -> bool) -> Vec<Key> {
    view.list::<Component>(namespace, Selection::All)
        .iter()
        .filter(|component| are_meant(component))
        .map(|component| key(component))
        .collect()
}

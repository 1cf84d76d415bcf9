//! Reads all that decides about one Component. What is read here is what its watches are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{
    Cluster, Component, ComponentDefinition, ComponentVersion, DefinitionPhase, ServiceDescriptor,
    SidecarDefinition,
};
use drydock_operator_api::core::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use drydock_operator_api::rbac::{Role, RoleBinding};
use drydock_operator_api::workloads::InstanceSet;

use super::{Derived, Member, Owned, Tree, rbac};
use crate::view::{Key, Selection, View};
use crate::{labels, names};

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let namespace = key.namespace.as_str();
    let component = view.get::<Component>(namespace, &key.name)?;
    let label = |name| component.metadata.label(name).unwrap_or_default().to_owned();
    let (cluster_name, short_name) = (label(labels::INSTANCE), label(labels::COMPONENT_NAME));
    let definition = view.get::<ComponentDefinition>("", &component.spec.comp_def);
    let of_cluster = [(labels::INSTANCE, cluster_name.as_str())];
    let of_component = [of_cluster[0], (labels::COMPONENT_NAME, short_name.as_str())];

    let mut owned = load_owned(view, namespace, &of_component);
    by_name(view, namespace, &component, &mut owned);
    let services = by_own_name(view.list::<Service>(namespace, Selection::Labels(&of_cluster)));
    let secrets = view.list::<Secret>(namespace, Selection::Labels(&of_cluster));
    let definitions = definition.iter().map(AsRef::as_ref);
    let sidecars = load_sidecars(view, &component);
    let mut tree = Tree {
        cluster: view.get::<Cluster>(namespace, &cluster_name),
        versions: definitions
            .flat_map(|definition: &ComponentDefinition| {
                let name = definition.metadata.name.as_str();
                view.list::<ComponentVersion>("", Selection::Labels(&[(name, name)]))
            })
            .collect(),
        workload: view.get::<InstanceSet>(namespace, &key.name),
        pods: by_own_name(view.list::<Pod>(
            namespace,
            Selection::Labels(&[
                (labels::WORKLOAD_MANAGED_BY, InstanceSet::kind().kind),
                (labels::WORKLOAD_INSTANCE, key.name.as_str()),
            ]),
        )),
        family: load_family(view, namespace, &of_cluster),
        services,
        secrets: secrets.into_iter().map(|secret| (crate::draft::key(&*secret), secret)).collect(),
        sources: BTreeMap::new(),
        user_account: Some(component.spec.service_account_name.as_str())
            .filter(|name| !name.is_empty())
            .and_then(|name| view.get::<ServiceAccount>(namespace, name)),
        descriptors: load_descriptors(view, &component),
        owned,
        sidecars,
        definition,
        component,
        cluster_name,
        short_name,
        derived: Derived::default(),
    };
    load_references(view, &mut tree);
    Some(tree)
}

fn load_owned(view: &dyn View, namespace: &str, labels: &[(&str, &str)]) -> Owned {
    let selection = Selection::Labels(labels);
    Owned {
        services: view.list(namespace, selection),
        secrets: view.list(namespace, selection),
        config_maps: view.list(namespace, selection),
        service_accounts: view.list(namespace, selection),
        roles: view.list(namespace, selection),
        role_bindings: view.list(namespace, selection),
    }
}

/// Accounts and bindings that somebody else left are found by name.
fn by_name(view: &dyn View, namespace: &str, component: &Component, owned: &mut Owned) {
    let given = &component.spec.service_account_name;
    let own = names::service_account(&component.metadata.name);
    if owned.service_accounts.iter().all(|account| account.metadata.name != own) {
        owned.service_accounts.extend(view.get::<ServiceAccount>(namespace, &own));
    }
    let account = if given.is_empty() { &own } else { given };
    for name in rbac::binding_names(account) {
        if owned.role_bindings.iter().all(|binding| binding.metadata.name != name) {
            owned.role_bindings.extend(view.get::<RoleBinding>(namespace, &name));
        }
    }
    // Of another component, they are not ours to take.
    let foreign = |meta: &drydock_operator_api::ObjectMeta| {
        meta.controller().is_some_and(|owner| owner.uid != component.metadata.uid)
    };
    owned.service_accounts.retain(|account| !foreign(&account.metadata));
    owned.roles.retain(|role: &Arc<Role>| !foreign(&role.metadata));
}

fn by_own_name<T: Resource>(objects: Vec<Arc<T>>) -> BTreeMap<String, Arc<T>> {
    objects.into_iter().map(|object| (object.meta().name.clone(), object)).collect()
}

fn load_sidecars(view: &dyn View, component: &Component) -> Vec<Arc<SidecarDefinition>> {
    let mut sidecars: Vec<_> = component.spec.sidecars.iter().collect();
    sidecars.sort_by(|a, b| a.name.cmp(&b.name));
    sidecars
        .into_iter()
        .filter_map(|sidecar| view.get::<SidecarDefinition>("", &sidecar.sidecar_def))
        .filter(|definition| definition.status.phase == Some(DefinitionPhase::Available))
        .collect()
}

fn load_family(view: &dyn View, namespace: &str, of_cluster: &[(&str, &str)]) -> Vec<Member> {
    view.list::<Component>(namespace, Selection::Labels(of_cluster))
        .into_iter()
        .map(|component| Member {
            short_name: component
                .metadata
                .label(labels::COMPONENT_NAME)
                .unwrap_or_default()
                .to_owned(),
            definition: view.get::<ComponentDefinition>("", &component.spec.comp_def),
            workload: view.get::<InstanceSet>(namespace, &component.metadata.name),
            component,
        })
        .collect()
}

fn load_descriptors(
    view: &dyn View,
    component: &Component,
) -> BTreeMap<Key, Arc<ServiceDescriptor>> {
    component
        .spec
        .service_refs
        .iter()
        .filter(|reference| !reference.service_descriptor.is_empty())
        .filter_map(|reference| {
            let namespace = match reference.namespace.as_str() {
                "" => &component.metadata.namespace,
                given => given,
            };
            let descriptor =
                view.get::<ServiceDescriptor>(namespace, &reference.service_descriptor)?;
            Some((crate::draft::key(&*descriptor), descriptor))
        })
        .collect()
}

/// `ConfigMaps` and Secrets that definition or component name.
fn load_references(view: &dyn View, tree: &mut Tree) {
    let namespace = tree.component.metadata.namespace.clone();
    let mut maps: Vec<Key> =
        tree.owned.config_maps.iter().map(|map| crate::draft::key(&**map)).collect();
    let mut secrets: Vec<Key> = vec![Key::new(namespace.as_str(), names::tls_secret(tree.name()))];
    // Found by name, so that one without our labels is not made again and again.
    maps.push(Key::new(namespace.as_str(), names::env_config_map(tree.name())));
    if let Some(definition) = &tree.definition {
        let sidecars = || tree.sidecars.iter();
        let files = definition.spec.configs.iter().chain(&definition.spec.scripts);
        let of_sidecars =
            sidecars().flat_map(|sidecar| sidecar.spec.configs.iter().chain(&sidecar.spec.scripts));
        for file in files.chain(of_sidecars) {
            maps.push(Key::new(file.namespace.as_str(), file.template.as_str()));
            maps.push(Key::new(
                namespace.as_str(),
                names::file_config_map(tree.name(), &file.name),
            ));
        }
        let vars =
            definition.spec.vars.iter().chain(sidecars().flat_map(|sidecar| &sidecar.spec.vars));
        for source in vars.filter_map(|var| var.value_from.as_ref()) {
            maps.extend(
                source.config_map_key_ref.iter().map(|key| Key::new(namespace.as_str(), &key.name)),
            );
            secrets.extend(
                source.secret_key_ref.iter().map(|key| Key::new(namespace.as_str(), &key.name)),
            );
        }
    }
    let spec = &tree.component.spec;
    maps.extend(
        spec.configs
            .iter()
            .filter_map(|config| config.config_map.as_ref())
            .map(|map| Key::new(namespace.as_str(), &map.name)),
    );
    let or_own = |given: &str| if given.is_empty() { namespace.clone() } else { given.to_owned() };
    for account in &spec.system_accounts {
        secrets.extend(
            account
                .secret_ref
                .iter()
                .map(|source| Key::new(or_own(&source.namespace), &source.name)),
        );
    }
    let issuer = spec.tls_config.as_ref().and_then(|config| config.issuer.as_ref());
    if let Some(source) = issuer.and_then(|issuer| issuer.secret_ref.as_ref()) {
        secrets.push(Key::new(or_own(&source.namespace), &source.name));
    }
    for key in maps {
        if let Some(map) = view.get::<ConfigMap>(&key.namespace, &key.name) {
            tree.sources.insert(key, map);
        }
    }
    for key in secrets {
        if let Some(secret) = view.get::<Secret>(&key.namespace, &key.name) {
            tree.secrets.insert(key, secret);
        }
    }
}

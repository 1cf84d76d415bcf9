//! One entry of a Cluster's spec, as a Component.

use drydock_operator_api::apps::{
    Cluster, ClusterComponentSpec, Component, ComponentService, ComponentSpec, Config, TlsConfig,
};
use drydock_operator_api::{ObjectMeta, Shared};
use k8s_openapi::api::core::v1::ServiceSpec;

use super::normalization::canonical;
use super::{Tree, sidecars};
use crate::draft::controlled_by;
use crate::{labels, names};

/// Annotations of a Cluster that its Components need to know.
const INHERITED: [&str; 4] =
    [labels::HOST_NETWORK, labels::COMPACT_MODE, labels::LEGACY_CONFIG_MANAGER, labels::PLACEMENT];

/// The Component as it is created.
pub(super) fn new(tree: &Tree, cluster: &Cluster, entry: &ClusterComponentSpec) -> Component {
    let metadata = &cluster.metadata;
    let mut component = Component {
        metadata: ObjectMeta {
            name: names::component(&metadata.name, &entry.name),
            namespace: metadata.namespace.clone(),
            finalizers: vec![labels::CLUSTER_FINALIZER.to_owned()],
            owner_references: vec![controlled_by(cluster)],
            ..ObjectMeta::default()
        },
        spec: spec(tree, cluster, entry).into(),
        ..Component::default()
    };
    tell(cluster, entry, &mut component);
    component
}

/// The stored Component as it should be: what others added to it stays.
pub(super) fn merged(
    tree: &Tree,
    cluster: &Cluster,
    entry: &ClusterComponentSpec,
    stored: &Component,
) -> Component {
    let mut component = stored.clone();
    let wanted = spec(tree, cluster, entry);
    component.spec = Shared::new(ComponentSpec {
        configs: merged_configs(wanted.configs, &stored.spec.configs),
        custom_actions: stored.spec.custom_actions.clone(),
        ..wanted
    });
    tell(cluster, entry, &mut component);
    component
}

/// Labels and annotations that say where a Component comes from.
fn tell(cluster: &Cluster, entry: &ClusterComponentSpec, component: &mut Component) {
    let metadata = &mut component.metadata;
    metadata.labels.extend(labels::of_component(&cluster.metadata.name, &entry.name));
    metadata.labels.insert(labels::COMPONENT.to_owned(), entry.component_def.clone());
    let generation = cluster.metadata.generation.to_string();
    metadata.annotations.insert(labels::GENERATION.to_owned(), generation);
    metadata.annotations.insert(labels::CLUSTER_UID.to_owned(), cluster.metadata.uid.clone());
    for name in INHERITED {
        if let Some(value) = cluster.metadata.annotation(name) {
            metadata.annotations.insert(name.to_owned(), value.to_owned());
        }
    }
    if let Some(sidecar) = component.spec.sidecars.last() {
        let definition = sidecar.sidecar_def.clone();
        metadata.annotations.insert(labels::SIDECAR_DEFINITION.to_owned(), definition);
    }
}

/// A config keeps the `ConfigMap` that somebody rendered for it, unless the user names another.
fn merged_configs(mut wanted: Vec<Config>, stored: &[Config]) -> Vec<Config> {
    for rendered in stored.iter().filter(|config| config.config_map.is_some()) {
        match wanted.iter_mut().find(|config| config.name == rendered.name) {
            Some(config) if config.config_map.is_none() => {
                config.config_map.clone_from(&rendered.config_map);
                if config.config_hash.is_empty() {
                    config.config_hash.clone_from(&rendered.config_hash);
                }
            }
            Some(_) => {}
            None => wanted.push(rendered.clone()),
        }
    }
    wanted
}

fn spec(tree: &Tree, cluster: &Cluster, entry: &ClusterComponentSpec) -> ComponentSpec {
    let mut entry = entry.clone();
    canonical(&mut entry);
    ComponentSpec {
        annotations: entry.annotations,
        sidecars: sidecars::sidecars(tree, &cluster.spec, &entry.component_def),
        comp_def: entry.component_def,
        configs: entry.configs,
        custom_actions: Vec::new(),
        disable_exporter: entry.disable_exporter,
        enable_instance_api: entry.enable_instance_api,
        env: entry.env,
        flat_instance_ordinal: entry.flat_instance_ordinal,
        instance_update_strategy: entry.instance_update_strategy,
        instances: entry.instances,
        labels: entry.labels,
        network: entry.network,
        offline_instances: entry.offline_instances,
        ordinals: entry.ordinals,
        parallel_pod_management_concurrency: entry.parallel_pod_management_concurrency,
        persistent_volume_claim_retention_policy: entry.persistent_volume_claim_retention_policy,
        pod_update_policy: entry.pod_update_policy,
        pod_upgrade_policy: entry.pod_upgrade_policy,
        replicas: entry.replicas,
        resources: entry.resources,
        runtime_class_name: cluster.spec.runtime_class_name.clone(),
        scheduling_policy: entry
            .scheduling_policy
            .or_else(|| cluster.spec.scheduling_policy.clone()),
        service_account_name: entry.service_account_name,
        service_refs: entry.service_refs,
        service_version: entry.service_version,
        services: entry
            .services
            .into_iter()
            .map(|service| ComponentService {
                annotations: service.annotations,
                name: service.name,
                pod_service: service.pod_service,
                spec: Some(ServiceSpec {
                    type_: Some(service.service_type.as_str().to_owned()),
                    ..ServiceSpec::default()
                }),
                ..ComponentService::default()
            })
            .collect(),
        stop: entry.stop,
        system_accounts: entry.system_accounts,
        termination_policy: cluster.spec.termination_policy,
        tls_config: entry.tls.then_some(TlsConfig { enable: true, issuer: entry.issuer }),
        volume_claim_templates: entry.volume_claim_templates,
        volumes: entry.volumes,
    }
}

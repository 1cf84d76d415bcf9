//! The pod template of a Component: the definition's runtime, with all that the definition, the
//! Component and the operator add to it. The order of the steps is part of the result.

mod actions;
mod agent;
mod claims;
mod defaults;
mod images;
mod instances;
mod spec;

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Action, LifecycleActions};
use k8s_openapi::api::core::v1::{
    ConfigMapEnvSource, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvFromSource,
    EnvVar, PodSpec, PodTemplateSpec, SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta as PodMeta;

use crate::component::files::Entry;
use crate::component::vars::Vars;
use crate::component::{Tree, names_of};
use crate::labels;
use crate::settings::Settings;
use crate::{names, quantity};

pub use actions::{NewReplica, NewReplicaTask};
pub use agent::{CONTAINER as AGENT, is_agent, streaming_port};
pub use images::Images;
pub use spec::workload;

/// What the parts of a component are made of, once everything they depend on is known.
pub struct Parts<'a> {
    pub tree: &'a Tree,
    pub settings: &'a Settings,
    pub images: &'a Images,
    /// The definition's, with the images that releases name.
    pub lifecycle: Option<&'a LifecycleActions>,
    pub vars: &'a Vars,
    pub files: &'a [Entry],
    pub service_account: Option<&'a str>,
}

/// The template of the default instances. The error names the field that cannot be honoured.
pub fn template(parts: &Parts<'_>) -> Result<PodTemplateSpec, String> {
    let mut pod = parts.tree.definition().spec.runtime.clone();
    set_images(parts, &mut pod)?;
    schedule(parts, &mut pod);
    set_resources(parts, &mut pod);
    add_user_volumes(parts, &mut pod)?;
    set_network(parts, &mut pod)?;
    size_shared_memory(parts, &mut pod);
    if !parts.tree.component.spec.runtime_class_name.is_empty() {
        pod.runtime_class_name = Some(parts.tree.component.spec.runtime_class_name.clone());
    }
    add_sidecars(parts, &mut pod);
    add_agent(parts, &mut pod)?;
    add_missing_volumes(parts, &mut pod);
    add_user_env(parts, &mut pod)?;
    drop_exporter(parts, &mut pod);
    add_tls(parts, &mut pod)?;
    add_vars(parts, &mut pod);
    add_file_volumes(parts, &mut pod);
    if let Some(account) = parts.service_account {
        pod.service_account_name = Some(account.to_owned());
    }
    defaults::apply(&mut pod);
    Ok(PodTemplateSpec { metadata: Some(metadata(parts)), spec: Some(pod) })
}

/// Whether the pods have an agent.
pub fn has_agent(tree: &Tree, files: &[Entry]) -> bool {
    tree.definition().spec.lifecycle_actions.is_some()
        || !tree.component.spec.custom_actions.is_empty()
        || files.iter().any(|file| !file.reconfigure_actions().is_empty())
}

fn all_containers(pod: &mut PodSpec) -> impl Iterator<Item = &mut Container> {
    pod.init_containers.iter_mut().flatten().chain(&mut pod.containers)
}

fn set_images(parts: &Parts<'_>, pod: &mut PodSpec) -> Result<(), String> {
    let definition = parts.tree.definition();
    let version = &parts.tree.component.spec.service_version;
    let exporter =
        definition.spec.exporter.as_ref().map(|exporter| exporter.container_name.as_str());
    for container in all_containers(pod) {
        if let Some(image) = parts.images.container(&container.name) {
            container.image = Some(image.to_owned());
            continue;
        }
        let own_counts = !parts.images.released
            || definition.spec.service_version.is_empty()
            || images::same_version(version, &definition.spec.service_version);
        match container.image.as_deref().filter(|image| !image.is_empty() && own_counts) {
            Some(image) => container.image = Some(images::normalized(image)),
            // It is taken out of the pod later.
            None if parts.tree.component.spec.disable_exporter
                && exporter == Some(&container.name) => {}
            None => {
                return Err(format!(
                    "no release of service version {version:?} has an image for container {:?} of \
                     componentdefinition/{}",
                    container.name, definition.metadata.name
                ));
            }
        }
    }
    Ok(())
}

/// All six fields are assigned, also the empty ones.
fn schedule(parts: &Parts<'_>, pod: &mut PodSpec) {
    let Some(policy) = &parts.tree.component.spec.scheduling_policy else { return };
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    pod.scheduler_name = text(&policy.scheduler_name);
    pod.node_name = text(&policy.node_name);
    pod.node_selector = Some(policy.node_selector.clone()).filter(|map| !map.is_empty());
    pod.affinity.clone_from(&policy.affinity);
    pod.tolerations = Some(policy.tolerations.clone()).filter(|list| !list.is_empty());
    pod.topology_spread_constraints =
        Some(policy.topology_spread_constraints.clone()).filter(|list| !list.is_empty());
}

fn set_resources(parts: &Parts<'_>, pod: &mut PodSpec) {
    let given = &parts.tree.component.spec.resources;
    let is_given = [&given.limits, &given.requests]
        .iter()
        .any(|map| map.as_ref().is_some_and(|map| !map.is_empty()));
    if let (Some(first), true) = (pod.containers.first_mut(), is_given) {
        first.resources = Some(given.clone());
    }
}

fn add_user_volumes(parts: &Parts<'_>, pod: &mut PodSpec) -> Result<(), String> {
    let spec = &parts.tree.component.spec;
    for volume in &spec.volumes {
        let taken = pod.volumes.iter().flatten().any(|other| other.name == volume.name)
            || spec.volume_claim_templates.iter().any(|claim| claim.name == volume.name)
            || parts.files.iter().any(|file| file.volume_name == volume.name);
        if taken {
            return Err(format!(
                "spec.volumes[{}]: the pods have a volume of this name already",
                volume.name
            ));
        }
        pod.volumes.get_or_insert_default().push(volume.clone());
    }
    Ok(())
}

fn set_network(parts: &Parts<'_>, pod: &mut PodSpec) -> Result<(), String> {
    if let Some(network) = &parts.tree.component.spec.network {
        pod.host_network = Some(network.host_network).filter(|on| *on);
        pod.host_aliases = Some(network.host_aliases.clone()).filter(|list| !list.is_empty());
        pod.dns_config.clone_from(&network.dns_config);
        pod.dns_policy = Some(match network.dns_policy.as_str() {
            "" if network.host_network => "ClusterFirstWithHostNet".to_owned(),
            "" => "ClusterFirst".to_owned(),
            given => given.to_owned(),
        });
        for container in &mut pod.containers {
            for port in container.ports.iter_mut().flatten() {
                let chosen = network
                    .host_ports
                    .iter()
                    .find(|host| Some(host.name.as_str()) == port.name.as_deref());
                if let (Some(chosen), false) = (chosen, network.host_network) {
                    port.host_port = Some(chosen.port);
                }
            }
        }
    }
    if uses_host_network(parts.tree, pod) {
        return Err("host network: allocation of host ports is not supported yet".to_owned());
    }
    Ok(())
}

fn uses_host_network(tree: &Tree, pod: &PodSpec) -> bool {
    let annotated = tree.component.metadata.annotation(labels::HOST_NETWORK);
    tree.definition().spec.host_network.is_some()
        && (pod.host_network == Some(true)
            || annotated
                .is_some_and(|list| list.split(',').any(|name| name.trim() == tree.short_name)))
}

fn size_shared_memory(parts: &Parts<'_>, pod: &mut PodSpec) {
    const LEAST: &str = "64Mi";
    let resources = &parts.tree.component.spec.resources;
    let memory =
        |map: Option<&BTreeMap<String, Quantity>>| map.and_then(|map| map.get("memory")).cloned();
    let sizes = [
        Some(Quantity(LEAST.to_owned())),
        memory(resources.limits.as_ref()),
        memory(resources.requests.as_ref()),
    ];
    let largest = sizes.into_iter().flatten().max_by_key(|size| quantity::nanos(&size.0));
    for volume in pod.volumes.iter_mut().flatten() {
        if let Some(directory) = &mut volume.empty_dir
            && directory.medium.as_deref() == Some("Memory")
            && directory.size_limit.is_none()
        {
            directory.size_limit.clone_from(&largest);
        }
    }
}

fn add_sidecars(parts: &Parts<'_>, pod: &mut PodSpec) {
    for sidecar in &parts.tree.sidecars {
        pod.containers.extend(sidecar.spec.containers.iter().cloned().map(|mut container| {
            container.image = container.image.as_deref().map(images::normalized);
            container
        }));
    }
}

fn add_agent(parts: &Parts<'_>, pod: &mut PodSpec) -> Result<(), String> {
    if !has_agent(parts.tree, parts.files) {
        return Ok(());
    }
    let mut others: Vec<(String, Action)> = Vec::new();
    for file in parts.files {
        for (name, action) in file.reconfigure_actions() {
            others.push((format!("udf-{name}"), action.clone()));
        }
    }
    for custom in &parts.tree.component.spec.custom_actions {
        others.push((format!("udf-{}", custom.name), custom.action.clone()));
    }
    let none = LifecycleActions::default();
    agent::Agent {
        instance: &parts.tree.component.metadata.name,
        lifecycle: parts.lifecycle.unwrap_or(&none),
        others: &others,
        tools_image: &parts.settings.tools_image,
    }
    .add_to(pod)
}

/// A volume that is mounted and nowhere defined is an empty directory. In a pod a claim replaces
/// those that have the name of a claim template.
fn add_missing_volumes(parts: &Parts<'_>, pod: &mut PodSpec) {
    let mounted: Vec<String> = pod
        .containers
        .iter()
        .chain(pod.init_containers.iter().flatten())
        .flat_map(|container| container.volume_mounts.iter().flatten())
        .map(|mount| mount.name.clone())
        .collect();
    let volumes = pod.volumes.get_or_insert_default();
    let tls = tls_volume(parts);
    for name in mounted {
        let known = volumes.iter().any(|volume| volume.name == name)
            || parts.files.iter().any(|file| file.volume_name == name)
            || tls == Some(&name);
        if !known {
            volumes.push(Volume {
                name,
                empty_dir: Some(EmptyDirVolumeSource::default()),
                ..Default::default()
            });
        }
    }
}

fn add_user_env(parts: &Parts<'_>, pod: &mut PodSpec) -> Result<(), String> {
    let given = &parts.tree.component.spec.env;
    for (at, variable) in given.iter().enumerate() {
        if given[..at].iter().any(|other| other.name == variable.name) {
            return Err(format!("spec.env has {:?} twice", variable.name));
        }
    }
    if !given.is_empty() {
        for container in all_containers(pod) {
            container.env.get_or_insert_default().extend(given.iter().cloned());
        }
    }
    Ok(())
}

fn drop_exporter(parts: &Parts<'_>, pod: &mut PodSpec) {
    let exporter = parts.tree.definition().spec.exporter.as_ref();
    if let (true, Some(exporter)) = (parts.tree.component.spec.disable_exporter, exporter) {
        pod.containers.retain(|container| container.name != exporter.container_name);
    }
}

/// The volume of the certificates, where TLS is on.
fn tls_volume<'a>(parts: &Parts<'a>) -> Option<&'a String> {
    let enabled = parts.tree.component.spec.tls_config.as_ref().is_some_and(|config| config.enable);
    parts.tree.definition().spec.tls.as_ref().filter(|_| enabled).map(|tls| &tls.volume_name)
}

fn add_tls(parts: &Parts<'_>, pod: &mut PodSpec) -> Result<(), String> {
    const OWNER_ONLY: i32 = 0o600;
    let Some(name) = tls_volume(parts) else { return Ok(()) };
    let tls = parts.tree.definition().spec.tls.as_ref().expect("its volume has a name");
    let volumes = pod.volumes.get_or_insert_default();
    if volumes.iter().any(|volume| volume.name == *name) {
        return Err(format!("spec.tls.volumeName: the runtime has a volume {name:?} already"));
    }
    volumes.push(Volume {
        name: name.clone(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(names::tls_secret(&parts.tree.component.metadata.name)),
            optional: Some(false),
            default_mode: Some(tls.default_mode.unwrap_or(OWNER_ONLY)),
            items: None,
        }),
        ..Default::default()
    });
    for container in &mut pod.containers {
        let mounts = container.volume_mounts.get_or_insert_default();
        if mounts.iter().all(|mount| mount.name != *name) {
            mounts.push(VolumeMount {
                name: name.clone(),
                mount_path: tls.mount_path.clone(),
                read_only: Some(true),
                ..Default::default()
            });
        }
    }
    Ok(())
}

/// References go in front, so that a container's own values can name them; literals come from a `ConfigMap`.
fn add_vars(parts: &Parts<'_>, pod: &mut PodSpec) {
    let from = EnvFromSource {
        config_map_ref: Some(ConfigMapEnvSource {
            name: names::env_config_map(&parts.tree.component.metadata.name),
            optional: Some(false),
        }),
        ..Default::default()
    };
    for container in all_containers(pod) {
        let own: Vec<EnvVar> = container.env.take().unwrap_or_default();
        let env: Vec<EnvVar> = parts.vars.env.iter().cloned().chain(own).collect();
        container.env = Some(env).filter(|env| !env.is_empty());
        container.env_from.get_or_insert_default().push(from.clone());
    }
}

fn add_file_volumes(parts: &Parts<'_>, pod: &mut PodSpec) {
    const READABLE: i32 = 0o444;
    let volumes = pod.volumes.get_or_insert_default();
    for file in parts.files {
        if file.volume_name.is_empty()
            || volumes.iter().any(|volume| volume.name == file.volume_name)
        {
            continue;
        }
        volumes.push(Volume {
            name: file.volume_name.clone(),
            config_map: Some(ConfigMapVolumeSource {
                name: file.config_map.clone(),
                default_mode: Some(file.default_mode.unwrap_or(READABLE)),
                ..Default::default()
            }),
            ..Default::default()
        });
    }
    if volumes.is_empty() {
        pod.volumes = None;
    }
}

fn metadata(parts: &Parts<'_>) -> PodMeta {
    let Tree { component, .. } = parts.tree;
    let definition = parts.tree.definition();
    let mut all = definition.spec.labels.clone();
    all.extend(component.spec.labels.clone());
    all.extend(names_of::selector(parts.tree));
    all.insert(labels::COMPONENT.to_owned(), definition.metadata.name.clone());
    all.insert(labels::SERVICE_VERSION.to_owned(), component.spec.service_version.clone());
    let mut annotations = definition.spec.annotations.clone();
    annotations.extend(component.spec.annotations.clone());
    PodMeta {
        labels: Some(all),
        annotations: Some(annotations).filter(|map| !map.is_empty()),
        ..Default::default()
    }
}

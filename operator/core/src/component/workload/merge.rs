//! What an update may change of a running `InstanceSet`.

use std::collections::BTreeMap;

use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::ConfigTemplate;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::component::files::Entry;
use crate::component::{Tree, synthesis};
use crate::{hash, labels};

/// The running one with all that the wanted one says.
pub(super) fn merge(running: &InstanceSet, mut wanted: InstanceSet) -> InstanceSet {
    keep_images(running, &mut wanted);
    let mut new = running.clone();
    new.metadata.labels.extend(wanted.metadata.labels);
    new.metadata.annotations.extend(wanted.metadata.annotations);
    new.metadata.annotations.retain(|key, _| !key.starts_with("monitor.kubeblocks.io"));

    // What others put on the template, as who asks for a restart does, survives.
    let before = running.spec.template.metadata.as_ref().and_then(|meta| meta.annotations.clone());
    if let (Some(before), Some(meta)) = (before, &mut wanted.spec.template.metadata) {
        let mut annotations = before;
        annotations.extend(meta.annotations.take().unwrap_or_default());
        meta.annotations = Some(annotations);
    }
    wanted.spec.paused = running.spec.paused;
    wanted.spec.stop = running.spec.stop;
    wanted.spec.instance_assistant_objects.clone_from(&running.spec.instance_assistant_objects);
    new.spec = wanted.spec;
    new
}

/// As long as definition and version are those that the workload was made from, a changed release
/// rolls nothing.
fn keep_images(running: &InstanceSet, wanted: &mut InstanceSet) {
    let unchanged = [labels::COMPONENT, labels::SERVICE_VERSION].iter().all(|mark| {
        let before = running.metadata.annotation(mark).filter(|value| !value.is_empty());
        before.is_some() && before == wanted.metadata.annotation(mark)
    });
    if !unchanged {
        return;
    }
    let images: BTreeMap<&str, &String> = running
        .spec
        .template
        .spec
        .iter()
        .flat_map(containers)
        .filter_map(|container| Some((container.name.as_str(), container.image.as_ref()?)))
        .collect();
    let Some(pod) = &mut wanted.spec.template.spec else { return };
    for container in pod.init_containers.iter_mut().flatten().chain(&mut pod.containers) {
        if let Some(image) = images.get(container.name.as_str())
            && !synthesis::is_agent(&container.name)
        {
            container.image = Some((*image).clone());
        }
    }
}

fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    pod.init_containers.iter().flatten().chain(&pod.containers)
}

/// Names the files that changed, for the actions that reconfigure running instances; they stay
/// named until the next change.
pub(super) fn name_changed_files(
    tree: &Tree,
    files: &[Entry],
    running: &InstanceSet,
    configs: &mut [ConfigTemplate],
) {
    for config in configs {
        let Some(before) = running.spec.configs.iter().find(|before| before.name == config.name)
        else {
            continue;
        };
        if before.config_hash == config.config_hash {
            let kept = before.parameters.iter().filter(|(key, _)| key.starts_with(CHANGED));
            for (key, value) in kept {
                config.parameters.entry(key.clone()).or_insert_with(|| value.clone());
            }
            continue;
        }
        let Some(file) = files.iter().find(|file| file.is_config && file.name == config.name)
        else {
            continue;
        };
        config.parameters.extend(changes(tree, file, running));
    }
}

const CHANGED: &str = "KB_CONFIG_FILES_";

fn changes(tree: &Tree, file: &Entry, running: &InstanceSet) -> BTreeMap<String, String> {
    let none = BTreeMap::new();
    let new = file.data.as_ref().unwrap_or(&none);
    let key = crate::view::Key::new(tree.namespace(), &file.config_map);
    let old = tree.sources.get(&key).map_or(&none, |stored| &stored.data);
    let created: Vec<&str> =
        new.keys().filter(|key| !old.contains_key(*key)).map(String::as_str).collect();
    let removed: Vec<&str> =
        old.keys().filter(|key| !new.contains_key(*key)).map(String::as_str).collect();
    // Written already by a pass that came no further: which ones is forgotten, so name all.
    let all = old == new;
    let directory =
        running.spec.template.spec.as_ref().and_then(|pod| mount_path(pod, &file.volume_name));
    let updated: Vec<String> = new
        .iter()
        .filter(|(key, text)| all || old.get(*key).is_some_and(|before| before != *text))
        .filter_map(|(key, text)| {
            Some(format!(
                "{}/{key}:{}",
                directory?.trim_end_matches('/'),
                hash::sha256_hex(text.as_bytes())
            ))
        })
        .collect();
    [("CREATED", created.join(",")), ("REMOVED", removed.join(",")), ("UPDATED", updated.join(","))]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(what, list)| (format!("{CHANGED}{what}"), list))
        .collect()
}

fn mount_path<'a>(pod: &'a PodSpec, volume: &str) -> Option<&'a str> {
    let mut mounts =
        pod.containers.iter().flat_map(|container| container.volume_mounts.iter().flatten());
    mounts.find(|mount| mount.name == volume).map(|mount| mount.mount_path.as_str())
}

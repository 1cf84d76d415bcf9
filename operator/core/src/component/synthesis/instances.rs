//! Instance templates: from a Component's to an `InstanceSet`'s.

use std::collections::BTreeMap;

use drydock_operator_api::apps::InstanceTemplate as Given;
use drydock_operator_api::workloads::instance_set::InstanceTemplate;
use k8s_openapi::api::core::v1::PodSpec;

use super::{Images, Parts, claims, template};
use crate::labels;

/// `default`: the pod of the default template, from which images may differ.
pub(super) fn templates(
    parts: &Parts<'_>,
    default: &PodSpec,
) -> Result<Vec<InstanceTemplate>, String> {
    parts
        .tree
        .component
        .spec
        .instances
        .iter()
        .map(|given| instance(parts, default, given))
        .collect()
}

fn instance(
    parts: &Parts<'_>,
    default: &PodSpec,
    given: &Given,
) -> Result<InstanceTemplate, String> {
    let mut labels = given.labels.clone();
    if given.canary {
        labels.insert(labels::RELEASE_PHASE.to_owned(), "canary".to_owned());
    }
    Ok(InstanceTemplate {
        name: given.name.clone(),
        replicas: Some(given.replicas),
        ordinals: given.ordinals.clone().unwrap_or_default(),
        annotations: given.annotations.clone(),
        labels,
        scheduling_policy: given.scheduling_policy.clone(),
        resources: given.resources.clone(),
        env: given.env.clone(),
        volume_claim_templates: claims::templates(parts, &given.volume_claim_templates),
        images: if given.service_version.is_empty() {
            BTreeMap::new()
        } else {
            different_images(parts, default, given)?
        },
    })
}

/// Images of the template's own service version that are not those of the default.
fn different_images(
    parts: &Parts<'_>,
    default: &PodSpec,
    given: &Given,
) -> Result<BTreeMap<String, String>, String> {
    let definition = parts.tree.definition();
    let images = Images::of(definition, &parts.tree.versions, &given.service_version);
    let mut lifecycle = definition.spec.lifecycle_actions.clone();
    if let Some(actions) = &mut lifecycle {
        images.apply_to_actions(actions);
    }
    let own = Parts { images: &images, lifecycle: lifecycle.as_ref(), ..*parts };
    let pod = template(&own)
        .map_err(|error| format!("spec.instances[{}].serviceVersion: {error}", given.name))?
        .spec
        .unwrap_or_default();
    let image_of = |name: &str| {
        let mut all = default.containers.iter().chain(default.init_containers.iter().flatten());
        all.find(|container| container.name == name).and_then(|container| container.image.clone())
    };
    Ok(pod
        .containers
        .into_iter()
        .chain(pod.init_containers.into_iter().flatten())
        .filter(|container| image_of(&container.name) != container.image)
        .filter_map(|container| Some((container.name, container.image?)))
        .collect())
}

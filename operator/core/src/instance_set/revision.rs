//! Revisions: which version of its template a pod was made from.

use std::collections::BTreeMap;

use drydock_operator_api::apps::Ordinals;
use drydock_operator_api::core::Pod;
use drydock_operator_api::workloads::instance_set::{InstanceSet, Status};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Map, Value, json};

use super::naming::Name;
use super::template::shape;
use super::{Tree, update};
use crate::draft::{Draft, Flow, Pass};
use crate::hash::{fnv1_32, go_json, safe_encode};
use crate::labels::{RESTART, REVISION};

/// On the set: the service account that pods made from now on get.
pub const PROPOSED_ACCOUNT: &str = "workloads.kubeblocks.io/proposed-service-account-name";

/// The passes that see a new generation say so, and which revision each instance should have. What is
/// counted of the pods is left to the next pass, which this one's status write wakes.
pub(super) fn revision(tree: &Tree, draft: &mut Draft<InstanceSet>, _pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    let Ok(names) = &tree.names else { return Flow::Continue };
    if set.status.observed_generation == set.metadata.generation {
        return Flow::Continue;
    }
    let mut of_template: BTreeMap<&str, (String, Option<String>)> = BTreeMap::new();
    let status = &mut draft.root.status;
    status.update_revisions.clear();
    status.deferred_updated_revisions.clear();
    for (name, template) in &names.desired {
        let (revision, deferred) =
            of_template.entry(template).or_insert_with(|| revisions(set, template));
        status.update_revisions.insert(name.to_string(), revision.clone());
        if let Some(deferred) = deferred {
            status.deferred_updated_revisions.insert(name.to_string(), deferred.clone());
        }
        status.update_revision.clone_from(revision);
    }
    status.assigned_ordinals = names
        .assigned
        .iter()
        .map(|(template, ordinals)| {
            let discrete = ordinals.iter().copied().collect();
            (template.clone(), Ordinals { discrete, ranges: Vec::new() })
        })
        .collect();
    status.observed_generation = set.metadata.generation;
    let up_to_date = update::decision::up_to_date(tree, status);
    status.updated_replicas = update::decision::updated(tree, &up_to_date);
    Flow::Continue
}

/// The revision a pod of this template gets, and the one it would have with the proposed account,
/// where that is another.
pub fn revisions(set: &InstanceSet, template: &str) -> (String, Option<String>) {
    let shape = shape(set, template);
    let revision = hash(&shape.pod);
    let deferred = set
        .metadata
        .annotation(PROPOSED_ACCOUNT)
        .map(|account| {
            let mut pod = shape.pod.into_owned();
            pod.spec.get_or_insert_default().service_account_name = Some(account.to_owned());
            hash(&pod)
        })
        .filter(|deferred| *deferred != revision);
    (revision, deferred)
}

/// The revision on a pod's label.
pub fn of(pod: &Pod) -> &str {
    pod.metadata.label(REVISION).unwrap_or_default()
}

/// Does this revision count as the wanted one?
pub fn is_wanted(revision: &str, name: &Name, status: &Status) -> bool {
    let name = name.to_string();
    [&status.update_revisions, &status.deferred_updated_revisions]
        .into_iter()
        .any(|wanted| wanted.get(&name).is_some_and(|wanted| wanted == revision))
}

/// The hash of a pod template without what may change in a running pod. It is the one that earlier
/// operators put on their pods: an upgrade of the operator restarts no database.
pub fn hash(template: &PodTemplateSpec) -> String {
    let mut template = drydock_operator_api::template_value(template);
    if let Value::Object(fields) = &mut template {
        normalize(fields);
        fields.insert("$patch".to_owned(), json!("replace"));
    }
    let text = go_json(&json!({ "spec": { "template": template } }));
    let mut bytes = text.into_bytes();
    // The collision count, which nobody has ever counted up.
    bytes.push(b'0');
    safe_encode(fnv1_32(&bytes))
}

fn normalize(template: &mut Map<String, Value>) {
    let restart =
        template.get("metadata").and_then(|metadata| metadata["annotations"].get(RESTART));
    // Go writes the empty time of a template as null.
    let mut metadata = json!({ "creationTimestamp": null });
    if let Some(restart) = restart {
        metadata["annotations"] = json!({ RESTART: restart });
    }
    template.insert("metadata".to_owned(), metadata);
    let Some(Value::Object(spec)) = template.get_mut("spec") else { return };
    spec.remove("tolerations");
    spec.remove("activeDeadlineSeconds");
    for container in list(spec, "initContainers") {
        container.remove("image");
        // The agent's copier has got more to copy since; that restarts nothing either.
        if container["name"] == "init-kbagent" && container.contains_key("command") {
            container
                .insert("command".to_owned(), json!(["cp", "-r", "/bin/kbagent", "/kubeblocks/"]));
        }
        complete(container);
    }
    for container in list(spec, "containers") {
        container.remove("image");
        complete(container);
        let Some(Value::Object(resources)) = container.get_mut("resources") else { continue };
        for which in ["limits", "requests"] {
            let Some(Value::Object(amounts)) = resources.get_mut(which) else { continue };
            amounts.remove("cpu");
            amounts.remove("memory");
            if amounts.is_empty() {
                resources.remove(which);
            }
        }
    }
}

fn list<'a>(
    spec: &'a mut Map<String, Value>,
    field: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    spec.get_mut(field)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

/// What Go writes even when it is empty.
fn complete(container: &mut Map<String, Value>) {
    container.entry("resources").or_insert_with(|| json!({}));
    let variables = container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten();
    for variable in variables {
        if let Some(Value::Object(reference)) = variable.pointer_mut("/valueFrom/resourceFieldRef")
        {
            reference.entry("divisor").or_insert_with(|| json!("0"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::instance_set;

    fn template(change: impl FnOnce(&mut PodTemplateSpec)) -> PodTemplateSpec {
        let mut template = instance_set("demo").set().spec.template.clone();
        change(&mut template);
        template
    }

    fn container(
        change: impl FnOnce(&mut k8s_openapi::api::core::v1::Container),
    ) -> PodTemplateSpec {
        template(|template| change(&mut template.spec.as_mut().expect("a spec").containers[0]))
    }

    #[test]
    fn the_hash_does_not_change_from_build_to_build() {
        insta::assert_snapshot!(hash(&template(|_| ())), @"6f98797f");
    }

    #[test]
    fn what_may_change_in_a_running_pod_is_no_new_revision() {
        let before = hash(&template(|_| ()));

        assert_eq!(hash(&container(|it| it.image = Some("redis:8".to_owned()))), before);
        assert_eq!(hash(&container(|it| it.resources = None)), before);
        let labels = |it: &mut PodTemplateSpec| {
            let metadata = it.metadata.get_or_insert_default();
            metadata.labels.get_or_insert_default().insert("a".to_owned(), "b".to_owned());
            metadata.annotations.get_or_insert_default().insert("a".to_owned(), "b".to_owned());
        };
        assert_eq!(hash(&template(labels)), before);
    }

    #[test]
    fn env_and_the_restart_annotation_make_a_new_revision() {
        let before = hash(&template(|_| ()));

        assert_ne!(hash(&container(|it| it.env = None)), before);
        let restart = |it: &mut PodTemplateSpec| {
            let annotations =
                it.metadata.get_or_insert_default().annotations.get_or_insert_default();
            annotations.insert(RESTART.to_owned(), "now".to_owned());
        };
        assert_ne!(hash(&template(restart)), before);
    }
}

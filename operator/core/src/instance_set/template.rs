//! What an instance is made from: the set's template with what its own template changes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use drydock_operator_api::apps::SchedulingPolicy;
use drydock_operator_api::workloads::instance_set::{ClaimTemplate, InstanceSet, InstanceTemplate};
use k8s_openapi::api::core::v1::{
    Container, EnvVar, PodSpec, PodTemplateSpec, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// The pod and the claims of one template.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    /// Empty for the default template.
    pub name: &'a str,
    pub pod: Cow<'a, PodTemplateSpec>,
    pub claims: Vec<&'a ClaimTemplate>,
}

impl Shape<'_> {
    pub fn labels(&self) -> Cow<'_, BTreeMap<String, String>> {
        metadata(&self.pod, |metadata| metadata.labels.as_ref())
    }

    pub fn annotations(&self) -> Cow<'_, BTreeMap<String, String>> {
        metadata(&self.pod, |metadata| metadata.annotations.as_ref())
    }

    /// The containers of the template; the schema asks for a spec, so an absent one is empty.
    pub fn containers(&self) -> &[Container] {
        self.pod.spec.as_ref().map_or(&[], |spec| &spec.containers)
    }

    pub fn init_containers(&self) -> &[Container] {
        self.pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default()
    }
}

fn metadata<'a>(
    template: &'a PodTemplateSpec,
    of: impl Fn(
        &'a k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    ) -> Option<&'a BTreeMap<String, String>>,
) -> Cow<'a, BTreeMap<String, String>> {
    template.metadata.as_ref().and_then(of).map_or(Cow::Owned(BTreeMap::new()), Cow::Borrowed)
}

/// The template of this name; the default one for a name that the spec does not know.
pub fn shape<'a>(set: &'a InstanceSet, name: &str) -> Shape<'a> {
    match set.spec.instances.iter().find(|template| template.name == name) {
        None => Shape {
            name: "",
            pod: Cow::Borrowed(&set.spec.template),
            claims: set.spec.volume_claim_templates.iter().collect(),
        },
        Some(template) => Shape {
            name: &template.name,
            pod: Cow::Owned(merged(&set.spec.template, template)),
            claims: claims(&set.spec.volume_claim_templates, &template.volume_claim_templates),
        },
    }
}

/// By name; what only the instance template has comes last.
fn claims<'a>(default: &'a [ClaimTemplate], own: &'a [ClaimTemplate]) -> Vec<&'a ClaimTemplate> {
    let named = |claims: &'a [ClaimTemplate], name: &str| {
        claims.iter().find(|claim| claim.metadata.name == name)
    };
    let replaced = default.iter().map(|claim| named(own, &claim.metadata.name).unwrap_or(claim));
    let added = own.iter().filter(|claim| named(default, &claim.metadata.name).is_none());
    replaced.chain(added).collect()
}

fn merged(default: &PodTemplateSpec, own: &InstanceTemplate) -> PodTemplateSpec {
    let mut pod = default.clone();
    let metadata = pod.metadata.get_or_insert_default();
    if !own.labels.is_empty() {
        metadata.labels.get_or_insert_default().extend(own.labels.clone());
    }
    if !own.annotations.is_empty() {
        metadata.annotations.get_or_insert_default().extend(own.annotations.clone());
    }
    let spec = pod.spec.get_or_insert_default();
    if let Some(first) = spec.containers.first_mut() {
        if let Some(resources) = &own.resources {
            merge_resources(first.resources.get_or_insert_default(), resources);
        }
        for variable in &own.env {
            set_variable(first.env.get_or_insert_default(), variable);
        }
    }
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        if let Some(image) = own.images.get(&container.name) {
            container.image = Some(image.clone());
        }
    }
    if let Some(policy) = &own.scheduling_policy {
        schedule(spec, policy);
    }
    pod
}

/// Only cpu and memory can be had different.
fn merge_resources(into: &mut ResourceRequirements, own: &ResourceRequirements) {
    let merge = |into: &mut Option<BTreeMap<String, Quantity>>, own: &Option<BTreeMap<_, _>>| {
        for (resource, quantity) in own.iter().flatten() {
            if matches!(String::as_str(resource), "cpu" | "memory") {
                into.get_or_insert_default().insert(resource.clone(), Quantity::clone(quantity));
            }
        }
    };
    merge(&mut into.requests, &own.requests);
    merge(&mut into.limits, &own.limits);
}

fn set_variable(env: &mut Vec<EnvVar>, variable: &EnvVar) {
    match env.iter_mut().find(|found| found.name == variable.name) {
        Some(found) => found.clone_from(variable),
        None => env.push(variable.clone()),
    }
}

/// A policy replaces all of the default's scheduling, also what it leaves empty.
fn schedule(spec: &mut PodSpec, policy: &SchedulingPolicy) {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    spec.scheduler_name = text(&policy.scheduler_name);
    spec.node_name = text(&policy.node_name);
    spec.node_selector = (!policy.node_selector.is_empty()).then(|| policy.node_selector.clone());
    spec.affinity.clone_from(&policy.affinity);
    spec.tolerations = (!policy.tolerations.is_empty()).then(|| policy.tolerations.clone());
    spec.topology_spread_constraints = (!policy.topology_spread_constraints.is_empty())
        .then(|| policy.topology_spread_constraints.clone());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{instance_set, template};

    #[test]
    fn an_instance_template_changes_what_it_names_and_nothing_else() {
        let set = instance_set("demo").template(template("big").env("SIZE", "big").cpu("2")).set();

        let shape = shape(&set, "big");
        let container = &shape.containers()[0];

        let default = &set.spec.template.spec.as_ref().expect("a spec").containers[0];
        assert_eq!(container.env.as_ref().expect("env").last().expect("SIZE").name, "SIZE");
        assert_eq!(container.resources.as_ref().expect("resources").limits.as_ref().expect("limits")["cpu"].0, "2");
        assert_eq!(container.image, default.image);
        assert_eq!(super::shape(&set, "").pod.as_ref(), &set.spec.template);
    }

    #[test]
    fn a_claim_template_of_the_same_name_takes_the_place_of_the_default_one() {
        let set = instance_set("demo")
            .claim("data", "1Gi")
            .template(template("big").claim("data", "9Gi").claim("log", "1Gi"))
            .set();

        let names = |name| -> Vec<String> {
            shape(&set, name).claims.iter().map(|claim| claim.metadata.name.clone()).collect()
        };

        assert_eq!(names(""), ["data"]);
        assert_eq!(names("big"), ["data", "log"]);
    }
}

//! What a pod needs to be as its template is now: nothing, a change while it runs, or a new pod.

use std::collections::{BTreeMap, BTreeSet};

use drydock_operator_api::core::Pod;
use drydock_operator_api::core::pod::Container;
use drydock_operator_api::workloads::InstanceSet;
use drydock_operator_api::workloads::instance_set::{ConfigTemplate, Status};
use k8s_openapi::api::core::v1::Container as Wanted;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};

use crate::instance_set::Tree;
use crate::instance_set::naming::Name;
use crate::instance_set::pod::{base, is_created, same_image};
use crate::instance_set::template::{Shape, shape};
use crate::instance_set::{object, revision};
use crate::labels;
use crate::quantity;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    /// `restarts`: a container of the database starts anew.
    InPlace {
        restarts: bool,
    },
    Recreate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub change: Change,
    /// The policy forbids it, and why.
    pub restricted: Option<String>,
}

/// Containers of the agent: a change of their image restarts no database.
const AGENT: [&str; 3] = ["kbagent", "kbagent-worker", "init-kbagent"];
const TOOLS: &str = "kubeblocks-tools";

/// The pods that are as their templates are now.
pub fn up_to_date<'t>(tree: &'t Tree, status: &Status) -> BTreeSet<&'t Name> {
    let is_up_to_date = |name: &Name, pod: &Pod| {
        let template = tree.desired().get(name);
        template.is_some_and(|template| {
            let shape = shape(&tree.set, template);
            needed(&tree.set, status, name, &shape, pod) == Change::None
        })
    };
    let pods = tree.pods.iter().filter(|(name, pod)| is_up_to_date(name, pod));
    pods.map(|(name, _)| name).collect()
}

/// How many of the pods that stay are among these.
pub fn updated(tree: &Tree, up_to_date: &BTreeSet<&Name>) -> i32 {
    let stays = |name: &&Name| {
        let pod = &tree.pods[*name];
        !pod.metadata.is_deleting() && is_created(pod)
    };
    i32::try_from(up_to_date.iter().copied().filter(stays).count()).unwrap_or(i32::MAX)
}

/// What is to be done, with the set's policies.
pub fn decide(
    set: &InstanceSet,
    status: &Status,
    name: &Name,
    template: &str,
    pod: &Pod,
) -> Decision {
    let shape = shape(set, template);
    let change = needed(set, status, name, &shape, pod);
    let policy = policy(set, &shape, pod);
    match change {
        Change::InPlace { .. } if policy.eq_ignore_ascii_case("ReCreate") => {
            Decision { change: Change::Recreate, restricted: None }
        }
        Change::Recreate if policy == "StrictInPlace" => Decision {
            change,
            restricted: Some(format!(
                "Pod {name} would have to be recreated, and its update policy is StrictInPlace"
            )),
        },
        change => Decision { change, restricted: None },
    }
}

/// The first difference that matters decides.
fn needed(set: &InstanceSet, status: &Status, name: &Name, shape: &Shape<'_>, pod: &Pod) -> Change {
    let restart = changed_configs(set, pod).any(|config| config.restart == Some(true));
    if restart
        || !revision::is_wanted(revision::of(pod), name, status)
        || !same_resources(shape.containers(), &pod.spec.containers)
    {
        return Change::Recreate;
    }
    let images = changed_images(shape, pod);
    if !images.is_empty() {
        let restarts = images.iter().any(|image| !image.is_agent());
        return Change::InPlace { restarts };
    }
    let deadline = shape.pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
    if deadline != pod.spec.active_deadline_seconds {
        return Change::InPlace { restarts: true };
    }
    let has = |found: &BTreeMap<String, String>, wanted: BTreeMap<String, String>| {
        wanted.iter().all(|(key, value)| found.get(key) == Some(value))
    };
    let labels = has(&pod.metadata.labels, object::pod_labels(set, name, shape));
    let annotations = has(&pod.metadata.annotations, object::pod_annotations(set, shape));
    if labels && annotations { Change::None } else { Change::InPlace { restarts: false } }
}

/// An upgrade, that is other images, has a policy of its own.
fn policy<'a>(set: &'a InstanceSet, shape: &Shape<'_>, pod: &Pod) -> &'a str {
    let images = changed_images(shape, pod);
    let policy =
        if images.is_empty() { &set.spec.pod_update_policy } else { &set.spec.pod_upgrade_policy };
    let policy = policy.as_deref().filter(|policy| !policy.is_empty()).unwrap_or("PreferInPlace");
    let only_tools = !images.is_empty() && images.iter().all(ChangedImage::is_tools);
    if only_tools && policy.eq_ignore_ascii_case("ReCreate") { "PreferInPlace" } else { policy }
}

/// The hash of each config that the pod was last told of.
pub fn config_hashes(pod: &Pod) -> BTreeMap<String, String> {
    let told = pod.metadata.annotation(labels::CONFIG_HASH);
    told.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The configs that are not as the pod was last told.
pub fn changed_configs<'a>(
    set: &'a InstanceSet,
    pod: &Pod,
) -> impl Iterator<Item = &'a ConfigTemplate> + use<'a> {
    let told = config_hashes(pod);
    set.spec.configs.iter().filter(move |config| {
        let hash = config.config_hash.as_deref().unwrap_or_default();
        told.get(&config.name).map(String::as_str) != Some(hash)
    })
}

/// Cpu and memory of the regular containers, by value; a request that is not given is the limit.
fn same_resources(wanted: &[Wanted], found: &[Container]) -> bool {
    wanted.iter().all(|wanted| {
        let Some(found) = found.iter().find(|found| found.name == wanted.name) else {
            return false;
        };
        let resources = wanted.resources.as_ref();
        let limits = resources.and_then(|it| it.limits.as_ref());
        let requests = resources.and_then(|it| it.requests.as_ref());
        // Nearly always they are written alike, too.
        if limits == Some(&found.resources.limits) && requests == Some(&found.resources.requests) {
            return true;
        }
        ["cpu", "memory"].into_iter().all(|resource| {
            let of = |amounts: Option<&BTreeMap<String, Quantity>>| {
                amounts
                    .and_then(|amounts| amounts.get(resource))
                    .and_then(|it| quantity::nanos(&it.0))
            };
            let limit = of(limits);
            let request = of(requests).or(limit);
            let found_limit = of(Some(&found.resources.limits));
            limit == found_limit && request == of(Some(&found.resources.requests)).or(found_limit)
        })
    })
}

struct ChangedImage<'a> {
    /// `initContainers` or `containers`, and the place in it.
    list: &'static str,
    index: usize,
    container: &'a str,
    from: &'a str,
    to: &'a str,
}

impl ChangedImage<'_> {
    fn is_agent(&self) -> bool {
        AGENT.contains(&self.container)
    }

    fn is_tools(&self) -> bool {
        let tools = |image: &str| base(image).split([':', '@']).next() == Some(TOOLS);
        self.is_agent() && tools(self.from) && tools(self.to)
    }
}

fn changed_images<'a>(shape: &'a Shape<'_>, pod: &'a Pod) -> Vec<ChangedImage<'a>> {
    let lists = [
        ("initContainers", shape.init_containers(), &pod.spec.init_containers),
        ("containers", shape.containers(), &pod.spec.containers),
    ];
    let mut changed = Vec::new();
    for (list, wanted, found) in lists {
        for (index, found) in found.iter().enumerate() {
            let wanted = wanted.iter().find(|wanted| wanted.name == found.name);
            let image = wanted.and_then(|wanted| wanted.image.as_deref());
            if let Some(image) = image.filter(|image| !same_image(image, &found.image)) {
                let container = &found.name;
                changed.push(ChangedImage {
                    list,
                    index,
                    container,
                    from: &found.image,
                    to: image,
                });
            }
        }
    }
    changed
}

/// The operations of a JSON patch that make the running pod's spec as wanted.
pub fn spec_changes(pod: &Pod, shape: &Shape<'_>) -> Vec<Value> {
    let mut operations = Vec::new();
    for image in changed_images(shape, pod) {
        let ChangedImage { list, index, container, to, .. } = image;
        let path = |field: &str| format!("/spec/{list}/{index}/{field}");
        operations.push(json!({ "op": "test", "path": path("name"), "value": container }));
        operations.push(json!({ "op": "replace", "path": path("image"), "value": to }));
    }
    let deadline = shape.pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds);
    let path = "/spec/activeDeadlineSeconds";
    match (pod.spec.active_deadline_seconds, deadline) {
        (found, wanted) if found == wanted => {}
        (_, Some(wanted)) => operations.push(json!({ "op": "add", "path": path, "value": wanted })),
        (_, None) => operations.push(json!({ "op": "remove", "path": path })),
    }
    operations
}

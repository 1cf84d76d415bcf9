//! The scheduler: one pod at a time, to the node that fits and has the most room.

use std::collections::BTreeMap;

use drydock_apiserver::{Change, Object, Request};
use drydock_operator_core::plan::{Wait, Whose};
use imbl::OrdMap;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::objects::{Node, NodeSelector, PODS, Pod, Taint, nanos, tree};
use super::{Actor, Ctx, Held, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::inflight::Reply;
use crate::preset::Preset;
use crate::world::WorldConfig;

/// One pass over the queue.
const CYCLE: Tag = u64::MAX;
const WRITTEN: Tag = u64::MAX - 1;
const CYCLE_TIME: SignedDuration = SignedDuration::from_millis(5);
/// An answer that was lost is asked for again.
const RETRY: SignedDuration = SignedDuration::from_secs(1);

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(Scheduler::default())]
}

#[derive(Clone, Default)]
struct Scheduler {
    /// Pods without a node, in the order in which they came: number, and why it did not fit.
    queue: OrdMap<u64, Waiting>,
    arrived: u64,
    /// Placed, but the binding is not yet seen: namespace/name, and where.
    assumed: BTreeMap<String, String>,
    is_due: bool,
}

#[derive(Clone)]
struct Waiting {
    namespace: String,
    name: String,
    uid: String,
    reason: Option<String>,
    is_binding: bool,
}

impl Actor for Scheduler {
    fn name(&self) -> &'static str {
        "scheduler"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Pod"), ("", "Node"), ("", "PersistentVolumeClaim")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Timer(CYCLE) => {
                self.is_due = false;
                self.cycle(ctx);
            }
            Stimulus::Changed(entry) => {
                if Some(entry.kind) == ctx.kind("", "Pod") {
                    self.pod_changed(ctx, &entry.object, entry.change);
                } else if self.queue.values().any(|waiting| !waiting.is_binding) {
                    self.wake(ctx);
                }
            }
            Stimulus::Answered(tag, reply) if tag < WRITTEN => self.bound(ctx, tag, reply),
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for waiting in self.queue.values() {
            hasher.text(&waiting.name);
            hasher.text(waiting.reason.as_deref().unwrap_or_default());
        }
    }

    fn waits(&self) -> Vec<Held> {
        let stuck = self.queue.values().filter_map(|waiting| {
            let because = waiting.reason.clone()?;
            let who = drydock_operator_core::plan::Reference {
                uid: waiting.uid.clone(),
                ..super::objects::named("Pod", &waiting.namespace, &waiting.name)
            };
            let wait = Wait {
                on: who.clone(),
                until: "to have a node".into(),
                because: because.into(),
                whose: Whose::Kubernetes,
            };
            Some(Held { who, wait, assumed: false })
        });
        stuck.collect()
    }
}

impl Scheduler {
    fn wake(&mut self, ctx: &mut Ctx<'_>) {
        if !self.is_due {
            self.is_due = true;
            ctx.timer_after(CYCLE_TIME, CYCLE);
        }
    }

    fn pod_changed(&mut self, ctx: &mut Ctx<'_>, object: &Object, change: Change) {
        let key = format!("{}/{}", object.namespace(), object.name());
        let queued = self
            .queue
            .iter()
            .find(|(_, waiting)| waiting.uid == object.uid())
            .map(|(place, _)| *place);
        let placed = object.tree().str_at(&["spec", "nodeName"]).is_some();
        if change == Change::Deleted || placed {
            if let Some(place) = queued {
                self.queue.remove(&place);
            }
            self.assumed.remove(&key);
            // A pod that is gone leaves room for those who wait.
            if change == Change::Deleted && !self.queue.is_empty() {
                self.wake(ctx);
            }
            return;
        }
        if queued.is_some() || object.is_deleting() {
            return;
        }
        let scheduler =
            object.tree().str_at(&["spec", "schedulerName"]).unwrap_or("default-scheduler");
        if scheduler != "default-scheduler" {
            return;
        }
        self.arrived += 1;
        let waiting = Waiting {
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            reason: None,
            is_binding: false,
        };
        self.queue.insert(self.arrived, waiting);
        self.wake(ctx);
    }

    fn cycle(&mut self, ctx: &mut Ctx<'_>) {
        let due: Vec<(u64, Waiting)> = self
            .queue
            .iter()
            .filter(|(_, waiting)| !waiting.is_binding)
            .map(|(place, waiting)| (*place, waiting.clone()))
            .collect();
        for (number, waiting) in due {
            let Some(object) = ctx.get("", "Pod", &waiting.namespace, &waiting.name) else {
                continue;
            };
            let Ok(pod) = object.decode::<Pod>() else { continue };
            if !pod.spec.scheduling_gates.is_empty() {
                continue;
            }
            match self.choose(ctx, &object, &pod) {
                Ok(node) => self.bind(ctx, number, &object, &node),
                Err(reason) => self.hold(ctx, number, &object, &reason),
            }
        }
    }

    /// The node with the most room among those that fit; else what is wrong with each of them.
    fn choose(&self, ctx: &Ctx<'_>, object: &Object, pod: &Pod) -> Result<String, String> {
        if let Some(claim) = unbound_claim(ctx, object.namespace(), pod) {
            return Err(claim);
        }
        let server = ctx.server();
        let (Some(nodes), Some(pods)) = (server.kind("", "Node"), server.kind("", "Pod")) else {
            return Err("no nodes available to schedule pods".to_owned());
        };
        let mut used: BTreeMap<String, (i128, i128, u32, u32)> = BTreeMap::new();
        let set =
            object.owners().iter().find(|owner| owner.controller).map(|owner| owner.uid.clone());
        for other in server.table(pods).iter() {
            let key = format!("{}/{}", other.namespace(), other.name());
            let bound = other.tree().str_at(&["spec", "nodeName"]);
            let node = bound.or_else(|| self.assumed.get(&key).map(String::as_str));
            let (Some(node), Ok(view)) = (node, other.decode::<Pod>()) else { continue };
            if view.is_finished() {
                continue;
            }
            let (cpu, memory) = requests(&view);
            let entry = used.entry(node.to_owned()).or_default();
            entry.0 += cpu;
            entry.1 += memory;
            entry.2 += 1;
            let kin = set.is_some()
                && other
                    .owners()
                    .iter()
                    .any(|owner| owner.controller && Some(&owner.uid) == set.as_ref());
            entry.3 += u32::from(kin);
        }
        let wanted = requests(pod);
        let mut problems: BTreeMap<String, u32> = BTreeMap::new();
        let mut fitting: Vec<((u32, i128, u32), String)> = Vec::new();
        let mut count = 0;
        for node in server.table(nodes).iter() {
            count += 1;
            let Ok(view) = node.decode::<Node>() else { continue };
            let taken = used.get(node.name()).copied().unwrap_or_default();
            let wrong = misfits(ctx, object.namespace(), pod, &view, node.name(), taken, wanted);
            if wrong.is_empty() {
                // Members of one set spread first; then the emptiest machine.
                fitting.push(((taken.3, taken.0, taken.2), node.name().to_owned()));
            }
            for problem in wrong {
                *problems.entry(problem).or_default() += 1;
            }
        }
        fitting.sort();
        if let Some((_, node)) = fitting.into_iter().next() {
            return Ok(node);
        }
        if count == 0 {
            return Err("no nodes available to schedule pods".to_owned());
        }
        let parts: Vec<String> =
            problems.iter().map(|(problem, nodes)| format!("{nodes} {problem}")).collect();
        Err(format!("0/{count} nodes are available: {}.", parts.join(", ")))
    }

    fn bind(&mut self, ctx: &mut Ctx<'_>, number: u64, object: &Object, node: &str) {
        let key = format!("{}/{}", object.namespace(), object.name());
        self.assumed.insert(key, node.to_owned());
        if let Some(waiting) = self.queue.get_mut(&number) {
            waiting.is_binding = true;
            waiting.reason = None;
        }
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": { "name": object.name(), "namespace": object.namespace(), "uid": object.uid() },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node },
        });
        let mut request =
            Request::create(PODS, object.namespace(), tree(binding)).subresource("binding");
        object.name().clone_into(&mut request.name);
        ctx.send(request.by("kube-scheduler"), number);
    }

    fn bound(&mut self, ctx: &mut Ctx<'_>, number: u64, reply: &Reply) {
        if reply.is_ok() {
            return;
        }
        let Some(waiting) = self.queue.get_mut(&number) else { return };
        waiting.is_binding = false;
        let key = format!("{}/{}", waiting.namespace, waiting.name);
        self.assumed.remove(&key);
        if reply.response().is_some_and(|response| matches!(response.code, 404 | 409)) {
            self.queue.remove(&number);
        } else if !self.is_due {
            self.is_due = true;
            ctx.timer_after(RETRY, CYCLE);
        }
    }

    fn hold(&mut self, ctx: &mut Ctx<'_>, number: u64, object: &Object, reason: &str) {
        let Some(waiting) = self.queue.get_mut(&number) else { return };
        if waiting.reason.as_deref() == Some(reason) {
            return;
        }
        waiting.reason = Some(reason.to_owned());
        if ctx.preset() == Preset::Recorded && reason.contains("unbound") {
            // The recorded claims are bound before anybody looks.
            return;
        }
        let condition = json!({ "status": { "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": reason,
            "lastProbeTime": null, "lastTransitionTime": ctx.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }] } });
        let request =
            Request::merge_patch(PODS, object.namespace(), object.name(), tree(condition));
        ctx.send(request.subresource("status").by("kube-scheduler"), WRITTEN);
    }
}

/// Claims that nobody will bind before they are; those that wait for the first consumer do not count.
fn unbound_claim(ctx: &Ctx<'_>, namespace: &str, pod: &Pod) -> Option<String> {
    pod.spec.volumes.iter().find_map(|volume| {
        let name = &volume.persistent_volume_claim.as_ref()?.claim_name;
        match ctx.get("", "PersistentVolumeClaim", namespace, name) {
            None => Some(format!("persistentvolumeclaim \"{name}\" not found")),
            Some(claim) if claim.is_deleting() => {
                Some(format!("persistentvolumeclaim \"{name}\" is being deleted"))
            }
            Some(claim) if claim.tree().str_at(&["status", "phase"]) != Some("Bound") => {
                Some(format!("pod has unbound immediate PersistentVolumeClaims: {name}"))
            }
            Some(_) => None,
        }
    })
}

/// Cpu and memory.
fn requests(pod: &Pod) -> (i128, i128) {
    let of = |containers: &[super::objects::Container], name: &str| -> Vec<i128> {
        containers.iter().map(|one| one.resources.requests.get(name).map_or(0, nanos)).collect()
    };
    let total = |name: &str| {
        let running: i128 = of(&pod.spec.containers, name).iter().sum();
        let starting = of(&pod.spec.init_containers, name).into_iter().max().unwrap_or(0);
        running.max(starting)
    };
    (total("cpu"), total("memory"))
}

fn misfits(
    ctx: &Ctx<'_>,
    namespace: &str,
    pod: &Pod,
    node: &Node,
    name: &str,
    taken: (i128, i128, u32, u32),
    wanted: (i128, i128),
) -> Vec<String> {
    let mut wrong = Vec::new();
    if node.spec.unschedulable {
        wrong.push("node(s) were unschedulable".to_owned());
    }
    if let Some(taint) = node.spec.taints.iter().find(|taint| repels(pod, taint)) {
        wrong.push(format!("node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value));
    }
    let labels = &node.metadata.labels;
    let selected = pod.spec.node_selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    let affinity = pod.spec.affinity.as_ref();
    let preferred =
        affinity.and_then(|all| all.node_affinity.as_ref()).and_then(|all| all.required.as_ref());
    let near = preferred.is_none_or(|required| required.fits(labels));
    if !selected || !near {
        wrong.push("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    let room = |what: &str| node.status.allocatable.get(what).map_or(0, nanos);
    if wanted.0 > 0 && taken.0 + wanted.0 > room("cpu") {
        wrong.push("Insufficient cpu".to_owned());
    }
    if wanted.1 > 0 && taken.1 + wanted.1 > room("memory") {
        wrong.push("Insufficient memory".to_owned());
    }
    if i128::from(taken.2 + 1) * 1_000_000_000 > room("pods") {
        wrong.push("Too many pods".to_owned());
    }
    if !reaches_volumes(ctx, namespace, pod, node) {
        wrong.push("node(s) had volume node affinity conflict".to_owned());
    }
    if let Some(problem) = wrong_company(ctx, namespace, pod, node, name) {
        wrong.push(problem.to_owned());
    }
    wrong
}

fn repels(pod: &Pod, taint: &Taint) -> bool {
    matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute")
        && !pod.spec.tolerations.iter().any(|one| one.tolerates(taint))
}

/// A local volume pins its pod to the machine that has the disk.
fn reaches_volumes(ctx: &Ctx<'_>, namespace: &str, pod: &Pod, node: &Node) -> bool {
    pod.spec.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref()).all(
        |claim| {
            let claim = ctx.get("", "PersistentVolumeClaim", namespace, &claim.claim_name);
            let name =
                claim.as_ref().and_then(|claim| claim.tree().str_at(&["spec", "volumeName"]));
            let volume = name.and_then(|name| ctx.get("", "PersistentVolume", "", name));
            let required = volume
                .as_ref()
                .and_then(|volume| volume.tree().at(&["spec", "nodeAffinity", "required"]));
            let selector = required.and_then(|required| NodeSelector::deserialize(required).ok());
            selector.is_none_or(|selector| selector.fits(&node.metadata.labels))
        },
    )
}

/// Required affinity and anti-affinity between pods, for topologies that are labels of nodes.
fn wrong_company(
    ctx: &Ctx<'_>,
    namespace: &str,
    pod: &Pod,
    node: &Node,
    name: &str,
) -> Option<&'static str> {
    let affinity = pod.spec.affinity.as_ref()?;
    let server = ctx.server();
    let (pods, nodes) =
        (server.table(server.kind("", "Pod")?), server.table(server.kind("", "Node")?));
    let present = |term: &super::objects::PodAffinityTerm| {
        let domain = node.metadata.labels.get(&term.topology_key);
        pods.in_namespace(namespace).any(|other| {
            let Some(place) = other.tree().str_at(&["spec", "nodeName"]) else { return false };
            let same = place == name
                || nodes.get("", place).is_some_and(|other| {
                    domain.is_some()
                        && other.label(&term.topology_key) == domain.map(String::as_str)
                });
            same && other.decode::<Pod>().is_ok_and(|view| {
                !view.is_finished()
                    && term
                        .label_selector
                        .as_ref()
                        .is_some_and(|selector| selector.fits(&view.metadata.labels))
            })
        })
    };
    if affinity.pod_anti_affinity.iter().flat_map(|all| &all.required).any(present) {
        return Some("node(s) didn't match pod anti-affinity rules");
    }
    let wanted: Vec<_> = affinity.pod_affinity.iter().flat_map(|all| &all.required).collect();
    // The first of its kind may go anywhere.
    let alone = |term: &&super::objects::PodAffinityTerm| {
        term.label_selector.as_ref().is_some_and(|selector| selector.fits(&pod.metadata.labels))
            && !pods.in_namespace(namespace).any(|other| {
                other.tree().str_at(&["spec", "nodeName"]).is_some()
                    && other.decode::<Pod>().is_ok_and(|view| {
                        term.label_selector
                            .as_ref()
                            .is_some_and(|selector| selector.fits(&view.metadata.labels))
                    })
            })
    };
    if wanted.iter().any(|term| !present(term) && !alone(term)) {
        return Some("node(s) didn't match pod affinity rules");
    }
    None
}

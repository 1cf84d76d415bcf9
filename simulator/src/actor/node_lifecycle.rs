//! Watches over the heartbeats of nodes: a silent one is tainted, its pods are marked not ready, and
//! after their tolerations have run out they are deleted (which a dead kubelet cannot finish).

use std::collections::BTreeMap;

use drydock_apiserver::{Change, LogEntry, Object, Request};
use imbl::OrdMap;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::objects::{NODES, Node, PODS, Pod, Taint, tree};
use super::{Actor, Ctx, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::trace::Who;
use crate::world::WorldConfig;

const MONITOR: Tag = 0;
const IGNORE: Tag = u64::MAX;
const MONITOR_PERIOD: SignedDuration = SignedDuration::from_secs(5);
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Admission gives it to every new node.
const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// The toleration that admission gives to every pod.
const DEFAULT_TOLERATION_SECS: i64 = 300;

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(NodeLifecycle::default())]
}

#[derive(Clone, Default)]
struct NodeLifecycle {
    /// When each node was last heard of.
    heard: OrdMap<String, Timestamp>,
    /// Nodes that are held to be silent, and since when.
    silent: BTreeMap<String, Timestamp>,
    /// Evictions to come: namespace, name and uid of the pod, and its node.
    evictions: BTreeMap<u64, Eviction>,
    numbered: u64,
}

#[derive(Clone)]
struct Eviction {
    namespace: String,
    name: String,
    uid: String,
    node: String,
}

impl Actor for NodeLifecycle {
    fn name(&self) -> &'static str {
        "node-lifecycle"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Node"), ("coordination.k8s.io", "Lease")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Start => ctx.background_after(MONITOR_PERIOD, MONITOR),
            Stimulus::Timer(MONITOR) => {
                self.monitor(ctx);
                ctx.background_after(MONITOR_PERIOD, MONITOR);
            }
            Stimulus::Timer(number) => self.evict(ctx, number),
            Stimulus::Changed(entry) => self.changed(ctx, entry),
            Stimulus::Answered(number, reply) if number != IGNORE && !reply.is_ok() => {
                ctx.timer_after(SignedDuration::from_secs(1), number);
            }
            Stimulus::Answered(number, _) => {
                self.evictions.remove(&number);
            }
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for name in self.silent.keys() {
            hasher.text(name);
        }
        for eviction in self.evictions.values() {
            hasher.text(&eviction.name);
        }
    }
}

impl NodeLifecycle {
    fn changed(&mut self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let object = &entry.object;
        let is_lease = Some(entry.kind) == ctx.kind("coordination.k8s.io", "Lease");
        if entry.change == Change::Deleted {
            self.heard.remove(object.name());
            self.silent.remove(object.name());
            return;
        }
        if is_lease {
            if object.namespace() == "kube-node-lease" {
                self.heard.insert(object.name().to_owned(), ctx.now());
            }
            return;
        }
        if !self.heard.contains_key(object.name()) {
            self.heard.insert(object.name().to_owned(), ctx.now());
        }
        if !is_ready(object) {
            return;
        }
        if self.silent.contains_key(object.name()) {
            self.recovered(ctx, object);
        } else if list(object, &["spec", "taints"]).iter().any(|taint| taint["key"] == NOT_READY) {
            untaint(ctx, object);
        }
    }

    fn monitor(&mut self, ctx: &mut Ctx<'_>) {
        // A node is given longer since 1.32.
        let grace_secs = if ctx.server().profile().minor >= 32 { 50 } else { 40 };
        let grace = SignedDuration::from_secs(grace_secs);
        let now = ctx.now();
        let lost: Vec<String> = self
            .heard
            .iter()
            .filter(|(name, heard)| {
                now.duration_since(**heard) > grace && !self.silent.contains_key(*name)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in lost {
            let Some(node) = ctx.get("", "Node", "", &name) else { continue };
            self.silent.insert(name.clone(), now);
            ctx.say(Who::Cluster, "node", || format!("{name} NotReady"));
            self.declare_lost(ctx, &node);
        }
    }

    fn declare_lost(&mut self, ctx: &mut Ctx<'_>, node: &Object) {
        let now = ctx.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut conditions = list(node, &["status", "conditions"]);
        for condition in &mut conditions {
            condition["status"] = json!("Unknown");
            condition["reason"] = json!("NodeStatusUnknown");
            condition["message"] = json!("Kubelet stopped posting node status.");
            condition["lastTransitionTime"] = json!(now);
        }
        let status = json!({ "status": { "conditions": conditions } });
        let request =
            Request::merge_patch(NODES, "", node.name(), tree(status)).subresource("status");
        ctx.send(request.by("kube-controller-manager"), IGNORE);
        let mut taints = list(node, &["spec", "taints"]);
        taints.retain(|taint| taint["key"] != UNREACHABLE);
        for effect in ["NoSchedule", "NoExecute"] {
            taints.push(json!({ "key": UNREACHABLE, "effect": effect, "timeAdded": now }));
        }
        let spec = json!({ "spec": { "taints": taints } });
        ctx.send(
            Request::merge_patch(NODES, "", node.name(), tree(spec)).by("kube-controller-manager"),
            IGNORE,
        );
        let Some(kind) = ctx.kind("", "Pod") else { return };
        let pods: Vec<Object> = ctx
            .server()
            .table(kind)
            .iter()
            .filter(|pod| pod.tree().str_at(&["spec", "nodeName"]) == Some(node.name()))
            .cloned()
            .collect();
        for pod in pods {
            let Ok(view) = pod.decode::<Pod>() else { continue };
            mark_not_ready(ctx, &pod, &now);
            self.plan_eviction(ctx, &pod, &view, node.name());
        }
    }

    fn plan_eviction(&mut self, ctx: &mut Ctx<'_>, pod: &Object, view: &Pod, node: &str) {
        let taint = Taint {
            key: UNREACHABLE.to_owned(),
            effect: "NoExecute".to_owned(),
            ..Taint::default()
        };
        let tolerations: Vec<_> =
            view.spec.tolerations.iter().filter(|one| one.tolerates(&taint)).collect();
        if tolerations.iter().any(|one| one.toleration_seconds.is_none()) || view.is_finished() {
            return;
        }
        let shortest = tolerations.iter().filter_map(|one| one.toleration_seconds).min();
        let secs = shortest.unwrap_or(DEFAULT_TOLERATION_SECS).max(0);
        self.numbered += 1;
        let eviction = Eviction {
            namespace: pod.namespace().to_owned(),
            name: pod.name().to_owned(),
            uid: pod.uid().to_owned(),
            node: node.to_owned(),
        };
        self.evictions.insert(self.numbered, eviction);
        ctx.timer_after(SignedDuration::from_secs(secs), self.numbered);
    }

    fn evict(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some(eviction) = self.evictions.get(&number) else { return };
        let pod = ctx.get("", "Pod", &eviction.namespace, &eviction.name);
        let stands = pod.is_some_and(|pod| pod.uid() == eviction.uid && !pod.is_deleting());
        if !self.silent.contains_key(&eviction.node) || !stands {
            self.evictions.remove(&number);
            return;
        }
        let Eviction { namespace, name, uid, node } = eviction;
        ctx.say(Who::Cluster, "evict", || format!("{name}, whose {node} does not come back"));
        let request = Request::delete(PODS, namespace, name).if_uid(uid);
        ctx.send(request.by("kube-controller-manager"), number);
    }

    fn recovered(&mut self, ctx: &mut Ctx<'_>, node: &Object) {
        self.silent.remove(node.name());
        self.evictions.retain(|_, eviction| eviction.node != node.name());
        untaint(ctx, node);
        let name = node.name().to_owned();
        ctx.say(Who::Cluster, "node", || format!("{name} Ready"));
    }
}

fn untaint(ctx: &mut Ctx<'_>, node: &Object) {
    let mut taints = list(node, &["spec", "taints"]);
    taints.retain(|taint| taint["key"] != UNREACHABLE && taint["key"] != NOT_READY);
    let taints = if taints.is_empty() { Value::Null } else { Value::Array(taints) };
    let spec = json!({ "spec": { "taints": taints } });
    let request = Request::merge_patch(NODES, "", node.name(), tree(spec));
    ctx.send(request.by("kube-controller-manager"), IGNORE);
}

/// Every pod of a silent node, at once: its endpoints must not be used.
fn mark_not_ready(ctx: &mut Ctx<'_>, pod: &Object, now: &str) {
    let mut conditions = list(pod, &["status", "conditions"]);
    let mut changed = false;
    for condition in
        conditions.iter_mut().filter(|one| one["type"] == "Ready" && one["status"] == "True")
    {
        condition["status"] = json!("False");
        condition["reason"] = json!("NodeNotReady");
        condition["message"] = json!("Node is not ready");
        condition["lastTransitionTime"] = json!(now);
        changed = true;
    }
    if changed {
        let status = json!({ "status": { "conditions": conditions } });
        let request = Request::merge_patch(PODS, pod.namespace(), pod.name(), tree(status))
            .subresource("status");
        ctx.send(request.by("kube-controller-manager"), IGNORE);
    }
}

fn is_ready(node: &Object) -> bool {
    node.decode::<Node>().is_ok_and(|node| {
        node.status.conditions.iter().any(|one| one.kind == "Ready" && one.status == "True")
    })
}

fn list(object: &Object, path: &[&str]) -> Vec<Value> {
    object
        .tree()
        .at(path)
        .map(drydock_apiserver::Tree::to_value)
        .and_then(|list| list.as_array().cloned())
        .unwrap_or_default()
}

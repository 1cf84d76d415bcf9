//! The garbage collector: what no owner is left for goes, and an owner that is deleted in the
//! foreground or as an orphan's parent stays until its dependents are dealt with.

use std::collections::BTreeMap;

use drydock_apiserver::{
    Change, Gvr, KindId, LogEntry, Object, Owner, Propagation, Request, Server,
};
use drydock_operator_core::plan::{Reference, Wait, Whose};
use drydock_operator_core::view::Key;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::objects::tree;
use super::{Actor, Ctx, Held, Stimulus};
use crate::hash::StateHasher;
use crate::preset::Preset;
use crate::world::WorldConfig;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
const RETRY: SignedDuration = SignedDuration::from_secs(1);

/// Kinds that own or are owned. One that is missing here is never collected.
pub(super) const WATCHED: &[(&str, &str)] = &[
    ("", "Pod"),
    ("", "Node"),
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("", "PersistentVolumeClaim"),
    ("", "PersistentVolume"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ControllerRevision"),
    ("batch", "Job"),
    ("batch", "CronJob"),
    ("policy", "PodDisruptionBudget"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("apps.kubeblocks.io", "Cluster"),
    ("apps.kubeblocks.io", "Component"),
    ("apps.kubeblocks.io", "ClusterDefinition"),
    ("apps.kubeblocks.io", "ComponentDefinition"),
    ("apps.kubeblocks.io", "ShardingDefinition"),
    ("workloads.kubeblocks.io", "InstanceSet"),
    ("workloads.kubeblocks.io", "Instance"),
    ("operations.kubeblocks.io", "OpsRequest"),
    ("parameters.kubeblocks.io", "ComponentParameter"),
    ("parameters.kubeblocks.io", "Parameter"),
    ("dataprotection.kubeblocks.io", "BackupPolicy"),
    ("dataprotection.kubeblocks.io", "BackupSchedule"),
    ("dataprotection.kubeblocks.io", "Backup"),
    ("dataprotection.kubeblocks.io", "Restore"),
];

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(GarbageCollector::default())]
}

#[derive(Clone, Default)]
struct GarbageCollector {
    /// Objects to look at, by the tag of their timer and of the answer to what was done about them.
    pending: BTreeMap<u64, Item>,
    numbered: u64,
    waits: BTreeMap<(KindId, Key), Held>,
}

#[derive(Clone, PartialEq)]
struct Item {
    kind: KindId,
    key: Key,
    uid: String,
}

impl Actor for GarbageCollector {
    fn name(&self) -> &'static str {
        "garbage-collector"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        WATCHED
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Changed(entry) => self.changed(ctx, entry),
            Stimulus::Timer(number) => self.look(ctx, number),
            Stimulus::Answered(number, reply) => match reply.response() {
                Some(response) if response.code < 400 || response.code == 404 => {
                    if let Some(item) = self.pending.remove(&number) {
                        self.go_on(ctx, &item);
                    }
                }
                _ => ctx.timer_after(RETRY, number),
            },
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for item in self.pending.values() {
            hasher.text(&item.key.name);
        }
    }

    fn waits(&self) -> Vec<Held> {
        self.waits.values().cloned().collect()
    }
}

impl GarbageCollector {
    fn changed(&mut self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let object = &entry.object;
        if entry.change == Change::Deleted {
            let key = Key::new(object.namespace(), object.name());
            self.waits.remove(&(entry.kind, key));
            for dependent in dependents(ctx.server(), object.uid()) {
                self.add(ctx, &dependent);
            }
            // Whoever waits for this one in the foreground may go on.
            for owner in object.owners() {
                let owner = find(ctx.server(), object.namespace(), owner);
                if let Found::There(owner) = owner
                    && owner.is_deleting()
                {
                    self.add(ctx, &owner);
                }
            }
            return;
        }
        let held = object.is_deleting()
            && object.finalizers().any(|name| name == FOREGROUND || name == ORPHAN);
        let references_changed =
            entry.before.as_ref().is_none_or(|before| before.owners() != object.owners());
        if held || (references_changed && !object.owners().is_empty()) {
            self.add(ctx, object);
        }
    }

    /// Of an owner that leaves its dependents behind, one is dealt with at a time.
    fn go_on(&mut self, ctx: &mut Ctx<'_>, item: &Item) {
        let table = ctx.server().table(item.kind);
        let found = table.get(&item.key.namespace, &item.key.name).filter(|object| {
            object.uid() == item.uid
                && object.is_deleting()
                && object.finalizers().any(|name| name == ORPHAN)
        });
        if let Some(owner) = found.cloned() {
            self.add(ctx, &owner);
        }
    }

    fn add(&mut self, ctx: &mut Ctx<'_>, object: &Object) {
        let key = Key::new(object.namespace(), object.name());
        let item = Item { kind: object.kind(), key, uid: object.uid().to_owned() };
        if self.pending.values().any(|pending| *pending == item) {
            return;
        }
        self.numbered += 1;
        let (low, high) = match ctx.preset() {
            Preset::Recorded => (5, 20),
            Preset::Realistic => (10, 60),
        };
        let (low, high) = (SignedDuration::from_millis(low), SignedDuration::from_millis(high));
        let after = ctx.between(low, high, object.name(), object.revision());
        self.pending.insert(self.numbered, item);
        ctx.timer_after(after, self.numbered);
    }

    fn look(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some(item) = self.pending.get(&number).cloned() else { return };
        let table = ctx.server().table(item.kind);
        let object = table
            .get(&item.key.namespace, &item.key.name)
            .filter(|object| object.uid() == item.uid);
        let request = object.cloned().and_then(|object| self.decide(ctx, &object));
        match request {
            Some(request) => ctx.send(request.by("kube-controller-manager"), number),
            None => drop(self.pending.remove(&number)),
        }
    }

    fn decide(&mut self, ctx: &mut Ctx<'_>, object: &Object) -> Option<Request> {
        let place = (object.kind(), Key::new(object.namespace(), object.name()));
        self.waits.remove(&place);
        if object.is_deleting() {
            let has = |wanted: &str| object.finalizers().any(|name| name == wanted);
            let rest = |gone: &str| -> Vec<String> {
                object.finalizers().filter(|name| *name != gone).map(str::to_owned).collect()
            };
            let all = dependents(ctx.server(), object.uid());
            if has(ORPHAN) {
                if let Some(child) = all.first() {
                    for other in &all {
                        self.add(ctx, other);
                    }
                    return drop_owner(ctx.server(), child, object.uid());
                }
                return patch(ctx.server(), object, json!({ "finalizers": rest(ORPHAN) }));
            }
            if has(FOREGROUND) {
                let blocking: Vec<&Object> =
                    all.iter().filter(|child| blocks(child, object.uid())).collect();
                let Some(first) = blocking.first() else {
                    return patch(ctx.server(), object, json!({ "finalizers": rest(FOREGROUND) }));
                };
                self.waits.insert(place, held(ctx.server(), object, first));
                for child in all {
                    self.add(ctx, &child);
                }
            }
            return None;
        }
        let owners = object.owners();
        let mut gone = Vec::new();
        let mut solid = 0;
        let mut waiting = 0;
        for owner in owners {
            match find(ctx.server(), object.namespace(), owner) {
                Found::There(found)
                    if found.is_deleting() && found.finalizers().any(|name| name == FOREGROUND) =>
                {
                    waiting += 1;
                }
                Found::There(found)
                    if found.is_deleting() && found.finalizers().any(|name| name == ORPHAN) =>
                {
                    return drop_owner(ctx.server(), object, &owner.uid);
                }
                Found::There(_) | Found::NobodyKnows => solid += 1,
                Found::Gone => gone.push(owner.uid.to_string()),
            }
        }
        if gone.is_empty() && waiting == 0 {
            return None;
        }
        if solid > 0 {
            if gone.is_empty() {
                return None;
            }
            let kept: Vec<Value> = references(object)
                .into_iter()
                .filter(|one| {
                    one["uid"].as_str().is_some_and(|uid| !gone.iter().any(|lost| lost == uid))
                })
                .collect();
            return patch(ctx.server(), object, json!({ "ownerReferences": kept }));
        }
        let has_own = !dependents(ctx.server(), object.uid()).is_empty();
        let how =
            if waiting > 0 && has_own { Propagation::Foreground } else { Propagation::Background };
        let resource = resource_of(ctx.server(), object.kind())?;
        let request = Request::delete(resource, object.namespace(), object.name());
        Some(request.if_uid(object.uid()).propagation(how))
    }
}

fn blocks(child: &Object, owner: &str) -> bool {
    child.owners().iter().any(|one| &*one.uid == owner && one.block_owner_deletion)
}

fn held(server: &Server, owner: &Object, child: &Object) -> Held {
    let who = named(server, owner);
    let wait = Wait {
        on: named(server, child),
        until: "to be gone".into(),
        because: format!("finalizer {FOREGROUND} holds it until its dependents are gone").into(),
        whose: Whose::Kubernetes,
    };
    Held { who, wait, assumed: false }
}

fn named(server: &Server, object: &Object) -> Reference {
    let info = server.kind_info(object.kind());
    Reference {
        kind: info.map_or("Object".to_owned(), |info| info.kind.to_string()).into(),
        api_version: info.map_or(String::new(), drydock_apiserver::KindInfo::api_version).into(),
        key: Key::new(object.namespace(), object.name()),
        uid: object.uid().to_owned(),
    }
}

pub(super) fn resource_of(server: &Server, kind: KindId) -> Option<Gvr> {
    let info = server.kind_info(kind)?;
    Some(Gvr {
        group: info.group.to_string().into(),
        version: info.version.to_string().into(),
        resource: info.plural.to_string().into(),
    })
}

/// Everything with an owner reference to this uid, kind by kind.
fn dependents(server: &Server, uid: &str) -> Vec<Object> {
    let kinds = WATCHED.iter().filter_map(|(group, kind)| server.kind(group, kind));
    kinds.flat_map(|kind| server.table(kind).owned_by(uid).cloned()).collect()
}

enum Found {
    There(Object),
    Gone,
    /// Its kind is not served here.
    NobodyKnows,
}

/// The owner that a reference names.
fn find(server: &Server, namespace: &str, owner: &Owner) -> Found {
    let group = owner.api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = server.kind(group, &owner.kind);
    let Some(info) = kind.and_then(|kind| server.kind_info(kind)) else {
        return Found::NobodyKnows;
    };
    let Some(kind) = kind else { return Found::NobodyKnows };
    let namespace = if info.namespaced { namespace } else { "" };
    let found = server.table(kind).get(namespace, &owner.name);
    match found.filter(|found| *found.uid() == *owner.uid) {
        Some(found) => Found::There(found.clone()),
        None => Found::Gone,
    }
}

fn references(object: &Object) -> Vec<Value> {
    let list =
        object.tree().at(&["metadata", "ownerReferences"]).map(drydock_apiserver::Tree::to_value);
    list.and_then(|list| list.as_array().cloned()).unwrap_or_default()
}

fn drop_owner(server: &Server, object: &Object, uid: &str) -> Option<Request> {
    let kept: Vec<Value> = references(object).into_iter().filter(|one| one["uid"] != uid).collect();
    patch(server, object, json!({ "ownerReferences": kept }))
}

fn patch(server: &Server, object: &Object, mut metadata: Value) -> Option<Request> {
    metadata["uid"] = json!(object.uid());
    metadata["resourceVersion"] = json!(object.revision().to_string());
    let body = tree(json!({ "metadata": metadata }));
    Some(Request::merge_patch(
        resource_of(server, object.kind())?,
        object.namespace(),
        object.name(),
        body,
    ))
}

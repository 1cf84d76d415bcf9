//! Provisioning, binding, growing and releasing volumes, and the finalizer that keeps a claim while
//! a pod uses it. It looks at one claim at a time and does the next thing that is missing.

use std::collections::{BTreeMap, BTreeSet};

use drydock_apiserver::{Change, LogEntry, Object, Request, Tree};
use drydock_operator_core::plan::{Wait, Whose};
use drydock_operator_core::view::Key;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::objects::{CLAIMS, Pod, STORAGE_CLASSES, VOLUMES, named, nanos, reference, tree};
use super::{Actor, Ctx, Held, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::preset::Preset;
use crate::world::WorldConfig;

const PROTECTION: &str = "kubernetes.io/pvc-protection";
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const PROVISIONER: &str = "disk.drydock.dev";
const IGNORE: Tag = u64::MAX;
const RETRY: SignedDuration = SignedDuration::from_secs(1);

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(Volumes::default())]
}

#[derive(Clone, Default)]
struct Volumes {
    /// Claims with a number, under which their timers and answers come back.
    numbers: BTreeMap<Key, u64>,
    keys: BTreeMap<u64, Key>,
    /// One write per claim at a time.
    busy: BTreeSet<u64>,
    /// When the disk of a claim will be there, or will have grown; by uid and size.
    ready_at: BTreeMap<(String, i128), Timestamp>,
    waits: BTreeMap<Key, (String, String, Whose)>,
}

impl Actor for Volumes {
    fn name(&self) -> &'static str {
        "volumes"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[
            ("", "PersistentVolumeClaim"),
            ("", "PersistentVolume"),
            ("", "Pod"),
            ("storage.k8s.io", "StorageClass"),
        ]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Start => {
                let class = json!({
                    "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                    "metadata": { "name": "sim-disk", "annotations": { DEFAULT_CLASS: "true" } },
                    "provisioner": PROVISIONER, "reclaimPolicy": "Delete",
                    "volumeBindingMode": "Immediate", "allowVolumeExpansion": true,
                });
                ctx.send(Request::create(STORAGE_CLASSES, "", tree(class)).by("drydock"), IGNORE);
            }
            Stimulus::Timer(number) => self.look(ctx, number),
            Stimulus::Answered(number, reply) if number != IGNORE => {
                self.busy.remove(&number);
                let wrong = reply.response().is_some_and(|response| response.code >= 400);
                if reply.is_ok() || wrong {
                    self.look(ctx, number);
                } else {
                    ctx.timer_after(RETRY, number);
                }
            }
            Stimulus::Changed(entry) => self.changed(ctx, entry),
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for (key, (_, because, _)) in &self.waits {
            hasher.text(&key.name);
            hasher.text(because);
        }
    }

    fn waits(&self) -> Vec<Held> {
        let held = self.waits.iter().map(|(key, (until, because, whose))| {
            let who = named("PersistentVolumeClaim", &key.namespace, &key.name);
            let wait = Wait {
                on: who.clone(),
                until: until.clone().into(),
                because: because.clone().into(),
                whose: *whose,
            };
            Held { who, wait, assumed: false }
        });
        held.collect()
    }
}

impl Volumes {
    fn changed(&mut self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let object = &entry.object;
        let is = |group: &str, kind: &str| ctx.kind(group, kind) == Some(entry.kind);
        if is("", "PersistentVolumeClaim") {
            let key = Key::new(object.namespace(), object.name());
            if entry.change == Change::Deleted {
                self.claim_gone(ctx, object);
                return;
            }
            let number = self.number(&key);
            self.look(ctx, number);
        } else if is("", "PersistentVolume") {
            if object.is_deleting() && entry.change != Change::Deleted {
                release_volume(ctx, object);
            }
        } else if is("", "Pod") {
            // A pod that ends may be the last to use a claim.
            let ends = entry.change == Change::Deleted
                || object
                    .tree()
                    .str_at(&["status", "phase"])
                    .is_some_and(|phase| phase != "Running");
            if ends && let Ok(pod) = object.decode::<Pod>() {
                for volume in &pod.spec.volumes {
                    let Some(claim) = &volume.persistent_volume_claim else { continue };
                    let key = Key::new(object.namespace(), &claim.claim_name);
                    if let Some(number) = self.numbers.get(&key).copied() {
                        self.look(ctx, number);
                    }
                }
            }
        } else {
            let all: Vec<u64> = self.keys.keys().copied().collect();
            for number in all {
                self.look(ctx, number);
            }
        }
    }

    fn number(&mut self, key: &Key) -> u64 {
        let next = self.numbers.len() as u64;
        let number = *self.numbers.entry(key.clone()).or_insert(next);
        self.keys.insert(number, key.clone());
        number
    }

    fn look(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some(key) = self.keys.get(&number).cloned() else { return };
        if self.busy.contains(&number) {
            return;
        }
        self.waits.remove(&key);
        let Some(claim) = ctx.get("", "PersistentVolumeClaim", &key.namespace, &key.name) else {
            return;
        };
        if let Some(request) = self.next_write(ctx, number, &key, &claim) {
            self.busy.insert(number);
            ctx.send(request.by("kube-controller-manager"), number);
        }
    }

    fn next_write(
        &mut self,
        ctx: &mut Ctx<'_>,
        number: u64,
        key: &Key,
        claim: &Object,
    ) -> Option<Request> {
        let tree_of = claim.tree();
        if claim.is_deleting() {
            return self.release(ctx, key, claim);
        }
        let wanted = tree_of.at(&["spec", "resources", "requests", "storage"])?.to_value();
        let volume_name = format!("pvc-{}", claim.uid());
        let bound = tree_of.str_at(&["status", "phase"]) == Some("Bound");
        if bound {
            let has =
                tree_of.at(&["status", "capacity", "storage"]).map_or(Value::Null, Tree::to_value);
            if nanos(&wanted) <= nanos(&has) {
                return None;
            }
            let grows = match ctx.preset() {
                Preset::Recorded => (SignedDuration::from_secs(1), SignedDuration::from_secs(1)),
                Preset::Realistic => (SignedDuration::from_secs(1), SignedDuration::from_secs(4)),
            };
            if !self.is_due(ctx, number, claim, nanos(&wanted), grows) {
                return None;
            }
            let name = tree_of.str_at(&["spec", "volumeName"])?;
            let volume = ctx.get("", "PersistentVolume", "", name);
            let size = volume.and_then(|volume| {
                Some(volume.tree().at(&["spec", "capacity", "storage"])?.to_value())
            });
            if size.as_ref().is_some_and(|size| nanos(size) < nanos(&wanted)) {
                let patch = json!({ "spec": { "capacity": { "storage": wanted } } });
                return Some(Request::merge_patch(VOLUMES, "", name, tree(patch)));
            }
            let patch = json!({ "status": { "capacity": { "storage": wanted } } });
            return Some(
                Request::merge_patch(CLAIMS, &key.namespace, &key.name, tree(patch))
                    .subresource("status"),
            );
        }
        let class = match Self::class(ctx, claim) {
            Ok(class) => class,
            Err(because) => {
                self.waits.insert(key.clone(), ("to be bound".to_owned(), because, Whose::User));
                return None;
            }
        };
        let provisions = match ctx.preset() {
            Preset::Recorded => (SignedDuration::from_millis(90), SignedDuration::from_millis(90)),
            Preset::Realistic => {
                (SignedDuration::from_millis(200), SignedDuration::from_millis(1_500))
            }
        };
        if !self.is_due(ctx, number, claim, 0, provisions) {
            let because = format!("{} makes a volume", class.name());
            self.waits.insert(key.clone(), ("to be bound".to_owned(), because, Whose::Kubernetes));
            return None;
        }
        let Some(volume) = ctx.get("", "PersistentVolume", "", &volume_name) else {
            return Some(Request::create(
                VOLUMES,
                "",
                new_volume(claim, &class, &volume_name, &wanted),
            ));
        };
        if tree_of.str_at(&["spec", "volumeName"]).is_none() {
            let provisioner = class.tree().str_at(&["provisioner"]).unwrap_or(PROVISIONER);
            let mut patch = json!({
                "metadata": { "uid": claim.uid(), "annotations": {
                    "pv.kubernetes.io/bind-completed": "yes",
                    "pv.kubernetes.io/bound-by-controller": "yes",
                    "volume.beta.kubernetes.io/storage-provisioner": provisioner,
                    "volume.kubernetes.io/storage-provisioner": provisioner,
                } },
                "spec": { "volumeName": volume_name },
            });
            if tree_of.str_at(&["spec", "storageClassName"]).is_none() {
                patch["spec"]["storageClassName"] = json!(class.name());
            }
            if !claim.finalizers().any(|name| name == PROTECTION) {
                let all: Vec<&str> = claim.finalizers().chain([PROTECTION]).collect();
                patch["metadata"]["finalizers"] = json!(all);
            }
            return Some(Request::merge_patch(CLAIMS, &key.namespace, &key.name, tree(patch)));
        }
        if volume.tree().str_at(&["status", "phase"]) != Some("Bound") {
            let patch = json!({ "status": { "phase": "Bound" } });
            return Some(
                Request::merge_patch(VOLUMES, "", &volume_name, tree(patch)).subresource("status"),
            );
        }
        let modes = tree_of.at(&["spec", "accessModes"]).map_or(Value::Null, Tree::to_value);
        let patch = json!({ "status": {
            "phase": "Bound", "accessModes": modes, "capacity": { "storage": wanted },
        } });
        Some(
            Request::merge_patch(CLAIMS, &key.namespace, &key.name, tree(patch))
                .subresource("status"),
        )
    }

    /// Whether the time has come; the first question sets it.
    fn is_due(
        &mut self,
        ctx: &mut Ctx<'_>,
        number: u64,
        claim: &Object,
        size: i128,
        (low, high): (SignedDuration, SignedDuration),
    ) -> bool {
        let now = ctx.now();
        let key = (claim.uid().to_owned(), size);
        if let Some(at) = self.ready_at.get(&key) {
            return *at <= now;
        }
        let at = now
            + ctx.between(low, high, &format!("{}/{} {size}", claim.namespace(), claim.name()), 0);
        self.ready_at.insert(key, at);
        ctx.timer(at, number);
        false
    }

    fn class(ctx: &Ctx<'_>, claim: &Object) -> Result<Object, String> {
        if let Some(name) = claim.tree().str_at(&["spec", "storageClassName"]) {
            let class = ctx.get("storage.k8s.io", "StorageClass", "", name);
            return class
                .ok_or_else(|| format!("storageclass.storage.k8s.io \"{name}\" not found"));
        }
        let kind = ctx.kind("storage.k8s.io", "StorageClass");
        let mut classes = kind.into_iter().flat_map(|kind| ctx.server().table(kind).iter());
        let default = classes.find(|class| class.annotation(DEFAULT_CLASS) == Some("true"));
        default
            .cloned()
            .ok_or_else(|| "no storage class is set, and there is no default one".to_owned())
    }

    /// A claim that is to go does so when no pod uses it.
    fn release(&mut self, ctx: &Ctx<'_>, key: &Key, claim: &Object) -> Option<Request> {
        if !claim.finalizers().any(|name| name == PROTECTION) {
            return None;
        }
        let kind = ctx.kind("", "Pod")?;
        let user = ctx.server().table(kind).in_namespace(&key.namespace).find(|pod| {
            pod.decode::<Pod>().is_ok_and(|pod| {
                !pod.is_finished()
                    && pod.spec.volumes.iter().any(|volume| {
                        volume
                            .persistent_volume_claim
                            .as_ref()
                            .is_some_and(|one| one.claim_name == key.name)
                    })
            })
        });
        if let Some(pod) = user {
            let because =
                format!("finalizer {PROTECTION} holds it while {} uses it", reference("Pod", pod));
            self.waits.insert(key.clone(), ("to be gone".to_owned(), because, Whose::Kubernetes));
            return None;
        }
        let rest: Vec<&str> = claim.finalizers().filter(|name| *name != PROTECTION).collect();
        let patch = json!({ "metadata": {
            "uid": claim.uid(), "resourceVersion": claim.revision().to_string(), "finalizers": rest,
        } });
        Some(Request::merge_patch(CLAIMS, &key.namespace, &key.name, tree(patch)))
    }

    fn claim_gone(&mut self, ctx: &mut Ctx<'_>, claim: &Object) {
        self.waits.remove(&Key::new(claim.namespace(), claim.name()));
        let uid = claim.uid();
        self.ready_at.retain(|(owner, _), _| owner != uid);
        let Some(name) = claim.tree().str_at(&["spec", "volumeName"]) else { return };
        let Some(volume) = ctx.get("", "PersistentVolume", "", name) else { return };
        let request =
            if volume.tree().str_at(&["spec", "persistentVolumeReclaimPolicy"]) == Some("Delete") {
                Request::delete(VOLUMES, "", name)
            } else {
                let patch = json!({ "status": { "phase": "Released" } });
                Request::merge_patch(VOLUMES, "", name, tree(patch)).subresource("status")
            };
        ctx.send(request.by("kube-controller-manager"), IGNORE);
    }
}

/// A volume that is to go does so when its claim has gone.
fn release_volume(ctx: &mut Ctx<'_>, volume: &Object) {
    let claim =
        |field: &str| volume.tree().str_at(&["spec", "claimRef", field]).unwrap_or_default();
    let user = ctx.get("", "PersistentVolumeClaim", claim("namespace"), claim("name"));
    let is_used = user.is_some_and(|user| user.uid() == claim("uid"));
    if is_used || !volume.finalizers().any(|name| name == VOLUME_PROTECTION) {
        return;
    }
    let rest: Vec<&str> = volume.finalizers().filter(|name| *name != VOLUME_PROTECTION).collect();
    let patch = json!({ "metadata": { "uid": volume.uid(), "finalizers": rest } });
    let request = Request::merge_patch(VOLUMES, "", volume.name(), tree(patch));
    ctx.send(request.by("kube-controller-manager"), IGNORE);
}

fn new_volume(claim: &Object, class: &Object, name: &str, size: &Value) -> Tree {
    let spec = |field: &str| claim.tree().at(&["spec", field]).map_or(Value::Null, Tree::to_value);
    let provisioner = class.tree().str_at(&["provisioner"]).unwrap_or(PROVISIONER);
    tree(json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": { "name": name, "annotations": { "pv.kubernetes.io/provisioned-by": provisioner } },
        "spec": {
            "accessModes": spec("accessModes"),
            "capacity": { "storage": size },
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": claim.namespace(),
                "name": claim.name(), "uid": claim.uid(),
            },
            "csi": { "driver": provisioner, "volumeHandle": name },
            "persistentVolumeReclaimPolicy": class.tree().str_at(&["reclaimPolicy"]).unwrap_or("Delete"),
            "storageClassName": class.name(),
            "volumeMode": "Filesystem",
        },
    }))
}

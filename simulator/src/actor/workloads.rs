//! Deployments and ReplicaSets, for clusters that somebody from outside looks at: no story has any.
//!
//! As simple as can be: a new ReplicaSet is made whole at once, and the old ones go when it is ready. What a real
//! controller does in steps of `maxSurge` and `maxUnavailable` happens in one.

mod deployment;
mod replica_set;

use std::collections::BTreeMap;

use drydock_apiserver::{Gvr, LogEntry, Object, Request, Response, Tree};
use drydock_operator_core::view::Key;
use serde_json::json;

use super::{Actor, Ctx, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::world::WorldConfig;

const DEPLOYMENTS: Gvr = Gvr::new("apps", "v1", "deployments");
const REPLICA_SETS: Gvr = Gvr::new("apps", "v1", "replicasets");

pub fn make(config: &WorldConfig) -> Vec<Box<dyn Actor>> {
    if config.authority.is_none() {
        return Vec::new();
    }
    vec![
        Box::new(Workloads::new("deployments", "Deployment", "ReplicaSet", deployment::due)),
        Box::new(Workloads::new("replicasets", "ReplicaSet", "Pod", replica_set::due)),
    ]
}

/// What is to be asked so that an object of this kind gets what it wants.
type Due = fn(&Ctx<'_>, &Object) -> Vec<Request>;

#[derive(Clone)]
struct Workloads {
    name: &'static str,
    kind: &'static str,
    watches: [(&'static str, &'static str); 2],
    due: Due,
    numbers: BTreeMap<Key, Tag>,
    keys: Vec<Key>,
    /// How many requests for an object are not answered yet: nothing more is asked before they are.
    open: BTreeMap<Tag, usize>,
}

impl Workloads {
    fn new(name: &'static str, kind: &'static str, of: &'static str, due: Due) -> Self {
        let group = if of == "Pod" { "" } else { "apps" };
        let (numbers, keys, open) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        Self { name, kind, watches: [("apps", kind), (group, of)], due, numbers, keys, open }
    }

    fn number(&mut self, key: &Key) -> Tag {
        let next = self.keys.len() as Tag;
        let number = *self.numbers.entry(key.clone()).or_insert(next);
        if number == next {
            self.keys.push(key.clone());
        }
        number
    }

    fn changed(&mut self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let object = &entry.object;
        let key = if ctx.kind("apps", self.kind) == Some(entry.kind) {
            Key::new(object.namespace(), object.name())
        } else {
            let owner = object.owners().iter().find(|owner| *owner.kind == *self.kind);
            let Some(owner) = owner else { return };
            Key::new(object.namespace(), &*owner.name)
        };
        let number = self.number(&key);
        self.look(ctx, number);
    }

    fn look(&mut self, ctx: &mut Ctx<'_>, number: Tag) {
        if self.open.get(&number).is_some_and(|open| *open > 0) {
            return;
        }
        let Some(key) = usize::try_from(number).ok().and_then(|number| self.keys.get(number))
        else {
            return;
        };
        let Some(object) = ctx.get("apps", self.kind, &key.namespace, &key.name) else { return };
        if object.is_deleting() {
            return;
        }
        let due = (self.due)(ctx, &object);
        self.open.insert(number, due.len());
        for request in due {
            ctx.send(request.by("kube-controller-manager"), number);
        }
    }
}

impl Actor for Workloads {
    fn name(&self) -> &str {
        self.name
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &self.watches
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Changed(entry) => self.changed(ctx, entry),
            Stimulus::Answered(number, reply) => {
                let open = self.open.entry(number).or_default();
                *open = open.saturating_sub(1);
                // What is refused would be refused again; the next change is a new occasion.
                if reply.response().is_some_and(Response::is_success) {
                    self.look(ctx, number);
                }
            }
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        hasher.number(self.open.values().sum::<usize>() as u64);
    }
}

/// The objects of a kind that belong to another, in the order of their names.
fn owned(ctx: &Ctx<'_>, group: &str, kind: &str, owner: &Object) -> Vec<Object> {
    let Some(kind) = ctx.kind(group, kind) else { return Vec::new() };
    let mut owned: Vec<Object> = ctx.server().table(kind).owned_by(owner.uid()).cloned().collect();
    owned.sort_by(|one, other| one.name().cmp(other.name()));
    owned
}

fn owner_of(object: &Object, kind: &str) -> Tree {
    let (name, uid) = (object.name(), object.uid());
    Tree::from_value(json!([{
        "apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true,
    }]))
}

/// The request that makes the status of an object what it is to be, if it is not.
fn status_due(resource: Gvr, object: &Object, status: Tree) -> Option<Request> {
    let wanted = object.tree().with(&["status"], status);
    if wanted == *object.tree() {
        return None;
    }
    let update = Request::update(resource, object.namespace(), object.name(), wanted);
    Some(update.subresource("status"))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::objects::{CONFIG_MAPS, PODS};
    use super::*;
    use crate::world::World;

    /// A world that somebody looks at from outside.
    fn world() -> World {
        World::new(WorldConfig {
            operators: Vec::new(),
            authority: Some("an authority".to_owned()),
            ..WorldConfig::default()
        })
    }

    fn pass(world: &mut World, seconds: i64) {
        world.run_until(world.now() + SignedDuration::from_secs(seconds));
    }

    fn list(world: &mut World, resource: Gvr) -> Vec<Object> {
        let response = world.request(Request::list(resource, "default"));
        response.objects().to_vec()
    }

    fn done(response: &Response) {
        assert!(response.is_success(), "{response:?}");
    }

    fn deployment(image: &str) -> Tree {
        Tree::from_value(json!({
            "metadata": { "name": "web" },
            "spec": {
                "replicas": 2,
                "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "web", "image": image }] },
                },
            },
        }))
    }

    #[test]
    fn a_deployment_has_the_pods_of_its_template_and_of_the_next_one_later() {
        let mut world = world();
        done(&world.request(Request::create(DEPLOYMENTS, "default", deployment("web:1"))));
        pass(&mut world, 60);
        let first = list(&mut world, PODS);
        done(&world.request(Request::update(DEPLOYMENTS, "default", "web", deployment("web:2"))));
        pass(&mut world, 120);
        let second = list(&mut world, PODS);

        assert_eq!((first.len(), second.len()), (2, 2));
        assert!(second.iter().all(|pod| !first.iter().any(|old| old.name() == pod.name())));
        let sizes: Vec<_> = list(&mut world, REPLICA_SETS)
            .iter()
            .map(|set| set.tree().int_at(&["status", "replicas"]))
            .collect();
        assert_eq!(sizes.iter().flatten().sum::<i64>(), 2, "{sizes:?}");
        let status = world.request(Request::get(DEPLOYMENTS, "default", "web"));
        let status = status.object().and_then(|web| web.tree().get("status").cloned());
        let status = status.expect("it has a status");
        assert_eq!(status.int_at(&["availableReplicas"]), Some(2));
        assert_eq!(status.int_at(&["updatedReplicas"]), Some(2));
    }

    #[test]
    fn a_deployment_that_is_deleted_alone_leaves_its_set_and_its_pods() {
        let mut world = world();
        done(&world.request(Request::create(DEPLOYMENTS, "default", deployment("web:1"))));
        pass(&mut world, 60);
        let orphan = drydock_apiserver::Propagation::Orphan;
        done(&world.request(Request::delete(DEPLOYMENTS, "default", "web").propagation(orphan)));
        pass(&mut world, 60);

        assert!(list(&mut world, DEPLOYMENTS).is_empty());
        let sets = list(&mut world, REPLICA_SETS);
        assert!(sets.len() == 1 && sets[0].owners().is_empty());
        assert_eq!(list(&mut world, PODS).len(), 2);
    }

    #[test]
    fn what_a_namespace_was_born_with_is_put_back_and_what_a_quota_limits_is_counted() {
        let mut world = world();
        pass(&mut world, 2);
        let map = "kube-root-ca.crt";
        done(&world.request(Request::delete(CONFIG_MAPS, "default", map)));
        pass(&mut world, 2);
        let patch = Tree::from_value(json!({ "data": { "ca.crt": "another" } }));
        done(&world.request(Request::merge_patch(CONFIG_MAPS, "default", map, patch)));
        let quotas = Gvr::new("", "v1", "resourcequotas");
        let quota = json!({ "metadata": { "name": "few" }, "spec": { "hard": { "configmaps": "3", "count/leases.coordination.k8s.io": "1" } } });
        done(&world.request(Request::create(quotas.clone(), "default", Tree::from_value(quota))));
        pass(&mut world, 2);

        let found = list(&mut world, CONFIG_MAPS);
        assert_eq!(found[0].tree().str_at(&["data", "ca.crt"]), Some("an authority"));
        let used = list(&mut world, quotas)[0].tree().at(&["status", "used"]).cloned();
        let used = used.expect("it is counted");
        assert_eq!(used.str_at(&["configmaps"]), Some("1"));
        assert_eq!(used.str_at(&["count/leases.coordination.k8s.io"]), Some("0"));
    }
}

//! Quotas: how much of what they limit there is. Objects are counted; what pods ask for is not added up.

use drydock_apiserver::{Gvr, Object, Request, Server, Tree};

use super::{Actor, Ctx, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::world::WorldConfig;

const QUOTAS: Gvr = Gvr::new("", "v1", "resourcequotas");
const IGNORE: Tag = 0;

/// Only where somebody from outside looks: no story has quotas.
pub fn make(config: &WorldConfig) -> Vec<Box<dyn Actor>> {
    let is_looked_at = config.authority.is_some();
    is_looked_at.then(|| Box::new(Quotas) as Box<dyn Actor>).into_iter().collect()
}

#[derive(Clone)]
struct Quotas;

impl Actor for Quotas {
    fn name(&self) -> &'static str {
        "quotas"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[
            ("", "ConfigMap"),
            ("", "PersistentVolumeClaim"),
            ("", "Pod"),
            ("", "ReplicationController"),
            ("", "ResourceQuota"),
            ("", "Secret"),
            ("", "Service"),
        ]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        let Stimulus::Changed(entry) = stimulus else { return };
        let namespace = entry.object.namespace();
        let server = ctx.server();
        let Some(kind) = server.kind("", "ResourceQuota") else { return };
        let due = |quota: &Object| {
            let status = status(server, quota);
            let wanted = quota.tree().with(&["status"], status);
            if wanted == *quota.tree() {
                return None;
            }
            let update = Request::update(QUOTAS, namespace, quota.name(), wanted);
            Some(update.subresource("status").by("kube-controller-manager"))
        };
        let updates: Vec<Request> =
            server.table(kind).in_namespace(namespace).filter_map(due).collect();
        for update in updates {
            // One that comes too late is made again for the change that it came too late for.
            ctx.send(update, IGNORE);
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, _: &mut StateHasher) {}
}

fn status(server: &Server, quota: &Object) -> Tree {
    let hard = quota.tree().at(&["spec", "hard"]).cloned().unwrap_or_else(Tree::empty_map);
    let used = hard.entries().filter_map(|(limited, _)| {
        let count = count(server, quota.namespace(), limited)?;
        Some((limited.to_owned(), Tree::from(count.to_string())))
    });
    let used = Tree::map(used);
    Tree::empty_map().with(&["hard"], hard).with(&["used"], used)
}

/// How many there are of `pods`, or `count/deployments.apps`. None for what is no number of objects.
fn count(server: &Server, namespace: &str, limited: &str) -> Option<usize> {
    let resource = limited.strip_prefix("count/").unwrap_or(limited);
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let info = server.kinds().find(|info| *info.plural == *plural && *info.group == *group)?;
    let kind = server.kind(&info.group, &info.kind)?;
    let counts = |object: &&Object| {
        let phase = object.tree().str_at(&["status", "phase"]);
        &*info.kind != "Pod" || !matches!(phase, Some("Succeeded" | "Failed"))
    };
    Some(server.table(kind).in_namespace(namespace).filter(counts).count())
}

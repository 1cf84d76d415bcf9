//! Quotas: how much of what they limit there is.

use drydock_apiserver::{Gvr, Object, Request};

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
            let wanted = quota.tree().with(&["status"], server.quota_status(quota));
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

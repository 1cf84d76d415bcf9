//! Namespaces: what each is born with, and how one that is deleted is emptied.

use std::collections::BTreeMap;

use drydock_apiserver::{Change, Request};
use drydock_operator_core::plan::{Reference, Wait, Whose};
use drydock_operator_core::view::Key;
use jiff::SignedDuration;
use serde_json::json;

use super::garbage_collector::resource_of;
use super::objects::{CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS, named, tree};
use super::{Actor, Ctx, Held, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::world::WorldConfig;

const IGNORE: Tag = u64::MAX;
/// How often a namespace that is not empty yet is looked at again.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(Namespaces::default())]
}

#[derive(Clone, Default)]
struct Namespaces {
    /// Those that are going, and what is left in each.
    terminating: BTreeMap<u64, (String, Option<Reference>)>,
    numbered: u64,
}

impl Actor for Namespaces {
    fn name(&self) -> &'static str {
        "namespaces"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Namespace")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Start => {
                let Some(kind) = ctx.kind("", "Namespace") else { return };
                let all: Vec<String> =
                    ctx.server().table(kind).iter().map(|one| one.name().to_owned()).collect();
                for name in all {
                    furnish(ctx, &name);
                }
            }
            Stimulus::Changed(entry) => {
                let name = entry.object.name().to_owned();
                if entry.change == Change::Added {
                    furnish(ctx, &name);
                }
                if entry.change == Change::Deleted {
                    self.terminating.retain(|_, (going, _)| *going != name);
                } else if entry.object.is_deleting()
                    && !self.terminating.values().any(|(going, _)| *going == name)
                {
                    self.numbered += 1;
                    self.terminating.insert(self.numbered, (name, None));
                    ctx.timer_after(SignedDuration::from_millis(50), self.numbered);
                }
            }
            Stimulus::Timer(number) => self.empty(ctx, number),
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for (name, _) in self.terminating.values() {
            hasher.text(name);
        }
    }

    fn waits(&self) -> Vec<Held> {
        let held = self.terminating.values().filter_map(|(name, left)| {
            let wait = Wait {
                on: left.clone()?,
                until: "to be gone".into(),
                because: "a namespace goes when nothing is left in it".into(),
                whose: Whose::Kubernetes,
            };
            Some(Held { who: named("Namespace", "", name), wait, assumed: false })
        });
        held.collect()
    }
}

impl Namespaces {
    fn empty(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some((name, left)) = self.terminating.get_mut(&number) else { return };
        let server = ctx.server();
        let mut requests = Vec::new();
        *left = None;
        for info in server.kinds().filter(|info| info.namespaced && info.storage) {
            let Some(kind) = server.kind(&info.group, &info.kind) else { continue };
            let Some(first) = server.table(kind).in_namespace(name).next() else { continue };
            // Events hold nothing up; they go last.
            if &*info.kind != "Event" || left.is_none() {
                *left = Some(Reference {
                    kind: info.kind.to_string().into(),
                    api_version: info.api_version().into(),
                    key: Key::new(first.namespace(), first.name()),
                    uid: first.uid().to_owned(),
                });
            }
            if let Some(resource) = resource_of(server, kind)
                && server.table(kind).in_namespace(name).any(|object| !object.is_deleting())
            {
                requests.push(Request::delete_collection(resource, name));
            }
        }
        let name = name.clone();
        if left.is_none() {
            let body = json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name }, "spec": { "finalizers": [] },
            });
            requests
                .push(Request::update(NAMESPACES, "", &name, tree(body)).subresource("finalize"));
        }
        for request in requests {
            ctx.send(request.by("kube-controller-manager"), IGNORE);
        }
        ctx.background_after(AGAIN, number);
    }
}

fn furnish(ctx: &mut Ctx<'_>, namespace: &str) {
    let meta = |name: &str| json!({ "name": name, "namespace": namespace });
    let account =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("default") });
    let certificate = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("kube-root-ca.crt"),
        "data": { "ca.crt": "the certificate of this cluster's authority\n" },
    });
    let requests = [
        Request::create(SERVICE_ACCOUNTS, namespace, tree(account)),
        Request::create(CONFIG_MAPS, namespace, tree(certificate)),
    ];
    for request in requests {
        ctx.send(request.by("kube-controller-manager"), IGNORE);
    }
}

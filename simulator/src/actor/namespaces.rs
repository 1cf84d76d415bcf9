//! Namespaces: what each is born with, and how one that is deleted is emptied.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{Change, LogEntry, Request, Tree};
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

/// What a namespace is told of the authority where none is known.
const NO_AUTHORITY: &str = "the certificate of this cluster's authority\n";
const AUTHORITY: &str = "kube-root-ca.crt";
const ACCOUNT: &str = "default";

pub fn make(config: &WorldConfig) -> Vec<Box<dyn Actor>> {
    let authority = config.authority.as_deref().map(Arc::from);
    vec![Box::new(Namespaces { authority, ..Namespaces::default() })]
}

#[derive(Clone, Default)]
struct Namespaces {
    /// Those that are going, and what is left in each.
    terminating: BTreeMap<u64, (String, Option<Reference>)>,
    numbered: u64,
    /// None: nobody looks after what namespaces were born with.
    authority: Option<Arc<str>>,
}

impl Actor for Namespaces {
    fn name(&self) -> &'static str {
        "namespaces"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        match self.authority {
            Some(_) => &[("", "Namespace"), ("", "ConfigMap"), ("", "ServiceAccount")],
            None => &[("", "Namespace")],
        }
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Start => {
                let Some(kind) = ctx.kind("", "Namespace") else { return };
                let all: Vec<String> =
                    ctx.server().table(kind).iter().map(|one| one.name().to_owned()).collect();
                for name in all {
                    self.furnish(ctx, &name);
                }
            }
            Stimulus::Changed(entry) if ctx.kind("", "Namespace") != Some(entry.kind) => {
                self.put_back(ctx, entry);
            }
            Stimulus::Changed(entry) => {
                let name = entry.object.name().to_owned();
                if entry.change == Change::Added {
                    self.furnish(ctx, &name);
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
            // The whole of it goes, whatever its revision: what is not said would be lost.
            let stored =
                server.kind("", "Namespace").and_then(|kind| server.table(kind).get("", &name));
            requests.extend(stored.map(|stored| {
                let body = stored.tree().without(&["metadata", "resourceVersion"]);
                let body = body.with(&["spec"], Tree::empty_map());
                Request::update(NAMESPACES, "", &name, body).subresource("finalize")
            }));
        }
        for request in requests {
            ctx.send(request.by("kube-controller-manager"), IGNORE);
        }
        ctx.background_after(AGAIN, number);
    }

    /// Makes what a namespace is born with.
    fn furnish(&self, ctx: &mut Ctx<'_>, namespace: &str) {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": ACCOUNT, "namespace": namespace },
        });
        let requests = [
            Request::create(SERVICE_ACCOUNTS, namespace, tree(account)),
            Request::create(CONFIG_MAPS, namespace, self.certificate(namespace)),
        ];
        for request in requests {
            ctx.send(request.by("kube-controller-manager"), IGNORE);
        }
    }

    fn certificate(&self, namespace: &str) -> Tree {
        let authority = self.authority.as_deref().unwrap_or(NO_AUTHORITY);
        tree(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": AUTHORITY, "namespace": namespace },
            "data": { "ca.crt": authority },
        }))
    }

    /// What a namespace was born with is there again soon after somebody has changed it.
    fn put_back(&self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let (namespace, name) = (entry.object.namespace(), entry.object.name());
        if !matches!(name, AUTHORITY | ACCOUNT) {
            return;
        }
        let stays = ctx.get("", "Namespace", "", namespace).is_some_and(|it| !it.is_deleting());
        if entry.change == Change::Deleted {
            if stays {
                self.furnish(ctx, namespace);
            }
            return;
        }
        if name == AUTHORITY && ctx.kind("", "ConfigMap") == Some(entry.kind) {
            let wanted = self.certificate(namespace);
            if entry.object.tree().get("data") != wanted.get("data") {
                let update = Request::update(CONFIG_MAPS, namespace, name, wanted);
                ctx.send(update.by("kube-controller-manager"), IGNORE);
            }
        }
    }
}

//! What the server itself does after a write: what it says of some kinds, and of others when these come or go.

use std::sync::Arc;

use jiff::Timestamp;

use crate::metadata;
use crate::object::{Object, Operation, Tree, Write, text};
use crate::ownership::{Ownership, Update};
use crate::store::Server;

impl Server {
    pub(crate) fn settle(&mut self, object: &Object, before: Option<&Object>, removed: bool) {
        let kind = object.tree().get("kind").and_then(Tree::as_str).unwrap_or_default();
        match kind {
            "Service" if self.is_of("", kind, object) => {
                if let Some(before) = before {
                    self.account_for(object, before, removed);
                }
                self.watch_over_those_of(object.namespace(), object.name());
            }
            "EndpointSlice" if self.is_of("discovery.k8s.io", kind, object) => {
                let now = object.tree().str_at(&SERVICE_OF_SLICE);
                let was = before.and_then(|before| before.tree().str_at(&SERVICE_OF_SLICE));
                let left = was.filter(|_| was != now);
                for service in now.into_iter().chain(left) {
                    self.watch_over_those_of(object.namespace(), service);
                }
            }
            "APIService" if !removed && self.is_of("apiregistration.k8s.io", kind, object) => {
                self.watch_over(object);
            }
            "FlowSchema" if !removed && self.is_of(FLOWS, kind, object) => {
                self.look_up_level(object, object.write().time);
            }
            "PriorityLevelConfiguration" if self.is_of(FLOWS, kind, object) => {
                self.look_up_levels(object);
            }
            _ => self.settle_definitions(object, before, removed),
        }
    }

    /// Writes what the server itself says of an object.
    pub(crate) fn say(&mut self, object: &Object, tree: &Tree, now: Timestamp) -> Object {
        let kind = self.kinds.storage(object.kind()).map(|kind| Arc::clone(&kind.info));
        let write = Write {
            manager: text("kube-apiserver"),
            operation: Operation::Update,
            subresource: Some(text("status")),
            api_version: kind.as_ref().map(|kind| kind.api_version()).unwrap_or_default().into(),
            time: now,
        };
        let ownership = match &kind {
            Some(kind) => object.ownership().after(Update {
                write: &write,
                kind,
                others: Vec::new(),
                minor: self.profile().minor,
                old: Some(object.tree()),
                new: tree,
                stated: None,
            }),
            None => object.ownership().clone(),
        };
        self.conclude(object, tree, write, ownership)
    }

    /// Stores what comes after an object. One that should be gone goes with it, as with any change of it.
    pub(crate) fn conclude(
        &mut self,
        object: &Object,
        tree: &Tree,
        write: Write,
        ownership: Ownership,
    ) -> Object {
        if metadata::is_finished(tree) {
            return self.remove(object, tree, write);
        }
        self.commit_owned(object.kind(), tree, Some(object), write, ownership)
    }

    fn is_of(&self, group: &str, kind: &str, object: &Object) -> bool {
        self.kind(group, kind) == Some(object.kind())
    }
}

pub(crate) const SERVICE_OF_SLICE: [&str; 3] = ["metadata", "labels", "kubernetes.io/service-name"];
const FLOWS: &str = "flowcontrol.apiserver.k8s.io";

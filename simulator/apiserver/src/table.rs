//! The objects of one kind at one moment, with the lookups that readers need.
//!
//! Everything is persistent: a clone is one pointer, and a copy that lags behind shares with the current one all
//! that has not changed since. The server's own tables and a reader's view of them are this same type.

use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::object::{Object, Tree, text};
use crate::store::{Change, LogEntry};

#[derive(Clone, Default)]
pub struct Table(Arc<Rows>);

#[derive(Clone, Default)]
struct Rows {
    /// By `namespace/name`, or the name alone: the order in which Kubernetes lists.
    objects: OrdMap<Arc<str>, Object>,
    /// Owner uid and key of the object.
    owned: OrdSet<(Arc<str>, Arc<str>)>,
    /// `label=value` and key of the object.
    labelled: OrdSet<(Arc<str>, Arc<str>)>,
}

impl Table {
    /// `namespace` empty: an object of a cluster-scoped kind.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        if namespace.is_empty() {
            return self.0.objects.get(name);
        }
        self.0.objects.get([namespace, "/", name].concat().as_str())
    }

    /// In the order of `namespace/name`.
    pub fn iter(&self) -> impl Iterator<Item = &Object> {
        self.0.objects.values()
    }

    /// `namespace` empty: everything.
    pub fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Object> {
        self.range(namespace, "")
    }

    /// Those of `in_namespace` from the key `start` on.
    pub(crate) fn range(&self, namespace: &str, start: &str) -> impl Iterator<Item = &Object> {
        let prefix = if namespace.is_empty() { String::new() } else { [namespace, "/"].concat() };
        let from = [&prefix, start].concat();
        self.0
            .objects
            .range::<_, str>((Bound::Included(from.as_str()), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, object)| object)
    }

    /// Objects with an owner reference to this uid.
    pub fn owned_by(&self, uid: &str) -> impl Iterator<Item = &Object> {
        self.indexed(&self.0.owned, text(uid))
    }

    pub fn labelled(&self, key: &str, value: &str) -> impl Iterator<Item = &Object> {
        self.indexed(&self.0.labelled, label(key, value))
    }

    fn indexed<'a>(
        &'a self,
        index: &'a OrdSet<(Arc<str>, Arc<str>)>,
        of: Arc<str>,
    ) -> impl Iterator<Item = &'a Object> {
        index
            .range((Arc::clone(&of), text(""))..)
            .take_while(move |(entry, _)| *entry == of)
            .filter_map(|(_, key)| self.0.objects.get(key))
    }

    pub fn len(&self) -> usize {
        self.0.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.objects.is_empty()
    }

    /// Takes this table one change further. The caller passes on only entries of the table's kind, in order.
    pub fn apply(&mut self, entry: &LogEntry) {
        let before = entry.before.as_ref();
        match entry.change {
            Change::Added | Change::Modified => self.put(&entry.object, before),
            Change::Deleted => self.remove(&entry.object),
        }
    }

    /// Takes this table back to before a change, the last one it has seen.
    pub(crate) fn undo(&mut self, entry: &LogEntry) {
        match &entry.before {
            Some(before) => self.put(before, None),
            None => self.remove(&entry.object),
        }
    }

    fn put(&mut self, object: &Object, before: Option<&Object>) {
        let key = key(object.namespace(), object.name());
        let rows = Arc::make_mut(&mut self.0);
        // A table that was filled from a list has not seen what this change follows.
        let before =
            rows.objects.insert(Arc::clone(&key), object.clone()).or_else(|| before.cloned());
        let old_labels = before.as_ref().and_then(labels);
        let new_labels = labels(object);
        if old_labels != new_labels {
            for (name, value) in old_labels.into_iter().flat_map(Tree::entries) {
                let entry = label(name, value.as_str().unwrap_or_default());
                rows.labelled.remove(&(entry, Arc::clone(&key)));
            }
            for (name, value) in new_labels.into_iter().flat_map(Tree::entries) {
                let entry = label(name, value.as_str().unwrap_or_default());
                rows.labelled.insert((entry, Arc::clone(&key)));
            }
        }
        let old_owners = before.as_ref().map_or(&[][..], Object::owners);
        if old_owners != object.owners() {
            for owner in old_owners {
                rows.owned.remove(&(Arc::clone(&owner.uid), Arc::clone(&key)));
            }
            for owner in object.owners() {
                rows.owned.insert((Arc::clone(&owner.uid), Arc::clone(&key)));
            }
        }
    }

    fn remove(&mut self, object: &Object) {
        let key = key(object.namespace(), object.name());
        let rows = Arc::make_mut(&mut self.0);
        let Some(object) = rows.objects.remove(&key) else { return };
        for (name, value) in labels(&object).into_iter().flat_map(Tree::entries) {
            let entry = label(name, value.as_str().unwrap_or_default());
            rows.labelled.remove(&(entry, Arc::clone(&key)));
        }
        for owner in object.owners() {
            rows.owned.remove(&(Arc::clone(&owner.uid), Arc::clone(&key)));
        }
    }
}

fn labels(object: &Object) -> Option<&Tree> {
    object.tree().at(&["metadata", "labels"])
}

fn label(key: &str, value: &str) -> Arc<str> {
    text(&[key, "=", value].concat())
}

pub(crate) fn key(namespace: &str, name: &str) -> Arc<str> {
    if namespace.is_empty() { text(name) } else { text(&[namespace, "/", name].concat()) }
}

//! What a controller may see: a reader's possibly stale copy of the objects, by kind.
//!
//! **Invariant:** a view never goes backwards for one reader, and everything it shows of one kind
//! was true at one moment.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use drydock_operator_api::{AnyObject, Kind, Resource};
use serde::{Deserialize, Serialize};

/// Namespace (empty for cluster-scoped kinds) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}

/// Which objects of a kind to list. The first two are answered from an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    /// Objects with an owner reference to this uid.
    OwnedBy(&'a str),
    /// Objects that carry all these labels.
    Labels(&'a [(&'a str, &'a str)]),
    All,
}

/// The world's cursor into its watch log, or the reflector stores of a real cluster. Lists are
/// sorted by namespace and name.
pub trait View {
    fn get_any(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<AnyObject>;
    /// `namespace` empty: all namespaces.
    fn list_any(
        &self,
        kind: &'static Kind,
        namespace: &str,
        selection: Selection<'_>,
    ) -> Vec<AnyObject>;
}

impl dyn View + '_ {
    pub fn get<T: Resource>(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.get_any(T::kind(), namespace, name).map(typed)
    }

    pub fn list<T: Resource>(&self, namespace: &str, selection: Selection<'_>) -> Vec<Arc<T>> {
        self.list_any(T::kind(), namespace, selection).into_iter().map(typed).collect()
    }
}

fn typed<T: Resource>(object: AnyObject) -> Arc<T> {
    object.downcast().expect("a view decodes an object to the type of its kind")
}

/// What a load asked for: a check that everything a wait depends on is watched reads this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    Get(&'static Kind, Key),
    List(&'static Kind, String),
}

/// A view that remembers what was read from it.
pub struct Recording<'a> {
    view: &'a dyn View,
    reads: RefCell<BTreeSet<Read>>,
}

impl<'a> Recording<'a> {
    pub fn new(view: &'a dyn View) -> Self {
        Self { view, reads: RefCell::default() }
    }

    pub fn into_reads(self) -> BTreeSet<Read> {
        self.reads.into_inner()
    }
}

impl View for Recording<'_> {
    fn get_any(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<AnyObject> {
        self.reads.borrow_mut().insert(Read::Get(kind, Key::new(namespace, name)));
        self.view.get_any(kind, namespace, name)
    }

    fn list_any(
        &self,
        kind: &'static Kind,
        namespace: &str,
        selection: Selection<'_>,
    ) -> Vec<AnyObject> {
        self.reads.borrow_mut().insert(Read::List(kind, namespace.to_owned()));
        self.view.list_any(kind, namespace, selection)
    }
}

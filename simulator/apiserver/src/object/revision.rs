//! One stored revision of an object, with what is asked of it often at hand.

use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{DecodeError, Shown, Tree, text};
use crate::kinds::KindId;
use crate::ownership::Ownership;

type AnyArc = Arc<dyn Any + Send + Sync>;

/// A stored revision of an object. Cloning it copies one pointer; its JSON and the types it was decoded
/// to are made once.
#[derive(Clone)]
pub struct Object(Arc<Revision>);

struct Revision {
    kind: KindId,
    tree: Tree,
    namespace: Arc<str>,
    name: Arc<str>,
    uid: Arc<str>,
    number: u64,
    generation: i64,
    is_deleting: bool,
    owners: Arc<[Owner]>,
    write: Write,
    ownership: Ownership,
    json: OnceLock<Arc<[u8]>>,
    decoded: Decoded,
    /// The same of each of its [`PARTS`] alone: shared by all revisions that share the part.
    parts_decoded: [Arc<Decoded>; PARTS.len()],
}

/// What most revisions leave as it was.
const PARTS: [&str; 2] = ["spec", "status"];

#[derive(Default)]
struct Decoded(Mutex<Vec<(TypeKey, AnyArc)>>);

/// An owner reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub api_version: Arc<str>,
    pub kind: Arc<str>,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    pub controller: bool,
    pub block_owner_deletion: bool,
}

/// Who made a revision, and how: what field ownership is computed from when somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub manager: Arc<str>,
    pub operation: Operation,
    pub subresource: Option<Arc<str>>,
    pub api_version: Arc<str>,
    pub time: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Update,
    Apply,
}

#[derive(Clone, Copy, PartialEq)]
enum TypeKey {
    Type(TypeId),
    Kind(&'static str, &'static str),
}

impl Object {
    pub(crate) fn new(
        kind: KindId,
        tree: Tree,
        write: Write,
        ownership: Ownership,
        before: Option<&Object>,
    ) -> Self {
        let metadata = tree.get("metadata").cloned().unwrap_or_default();
        let string = |key: &str| metadata.get(key).and_then(Tree::as_text).cloned();
        let references = metadata.get("ownerReferences").cloned().unwrap_or_default();
        let kept = before.filter(|before| {
            before
                .tree()
                .at(&["metadata", "ownerReferences"])
                .is_some_and(|old| old.same(&references))
        });
        let owners = match kept {
            Some(before) => Arc::clone(&before.0.owners),
            None => references.items().iter().map(Owner::from_tree).collect(),
        };
        let parts_decoded = std::array::from_fn(|at| {
            let part = PARTS[at];
            let kept = before.filter(|before| match (before.tree().get(part), tree.get(part)) {
                (Some(old), Some(new)) => old.same(new),
                (old, new) => old.is_none() && new.is_none(),
            });
            kept.map_or_else(Arc::default, |before| Arc::clone(&before.0.parts_decoded[at]))
        });
        Self(Arc::new(Revision {
            kind,
            namespace: string("namespace").unwrap_or_else(|| text("")),
            name: string("name").unwrap_or_else(|| text("")),
            uid: string("uid").unwrap_or_else(|| text("")),
            number: metadata
                .get("resourceVersion")
                .and_then(Tree::as_str)
                .and_then(|revision| revision.parse().ok())
                .unwrap_or(0),
            generation: metadata.get("generation").and_then(Tree::as_i64).unwrap_or(0),
            is_deleting: metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null()),
            owners,
            write,
            ownership,
            json: OnceLock::new(),
            decoded: Decoded::default(),
            parts_decoded,
            tree,
        }))
    }

    /// The object without `metadata.managedFields`, which only [`shown`](Self::shown) computes.
    pub fn tree(&self) -> &Tree {
        &self.0.tree
    }

    pub fn kind(&self) -> KindId {
        self.0.kind
    }

    /// Empty for cluster-scoped kinds.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub fn uid(&self) -> &str {
        &self.0.uid
    }

    /// 0 for what was only tried (a dry run).
    pub fn revision(&self) -> u64 {
        self.0.number
    }

    pub fn generation(&self) -> i64 {
        self.0.generation
    }

    pub fn label(&self, key: &str) -> Option<&str> {
        self.0.tree.at(&["metadata", "labels"])?.get(key)?.as_str()
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.0.tree.at(&["metadata", "annotations"])?.get(key)?.as_str()
    }

    pub fn is_deleting(&self) -> bool {
        self.0.is_deleting
    }

    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.0
            .tree
            .at(&["metadata", "finalizers"])
            .into_iter()
            .flat_map(Tree::items)
            .filter_map(Tree::as_str)
    }

    pub fn owners(&self) -> &[Owner] {
        &self.0.owners
    }

    /// Who wrote this revision.
    pub fn write(&self) -> &Write {
        &self.0.write
    }

    pub(crate) fn ownership(&self) -> &Ownership {
        &self.0.ownership
    }

    /// The same revision with another face: of another version, or with another revision number.
    pub(crate) fn shown_as(&self, tree: Tree) -> Self {
        Self::new(self.kind(), tree, self.write().clone(), self.ownership().clone(), Some(self))
    }

    /// The object as a client sees it: with `metadata.managedFields`.
    pub fn shown(&self) -> Tree {
        if self.0.ownership.is_nothing() {
            return self.tree().clone();
        }
        let managers = self.0.ownership.managers();
        if managers.is_empty() {
            return self.tree().clone();
        }
        self.tree().with(&["metadata", "managedFields"], managers.to_tree())
    }

    /// Whether both are one revision in one memory.
    pub fn same(&self, other: &Object) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// This object as a Rust type; made once per revision and type.
    pub fn decode<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
    ) -> Result<Arc<T>, DecodeError> {
        let any = self.0.decoded.get(TypeKey::Type(TypeId::of::<T>()), || {
            T::deserialize(self.tree()).map(|value| Arc::new(value) as AnyArc)
        })?;
        Ok(any.downcast().expect("the cache keeps a type under its id"))
    }

    /// As [`decode`](Self::decode), for a type that only `decode` knows. `key` names it: the group and kind of the
    /// reader's own type for this object. `None` if the object does not have the shape of that type.
    pub fn decode_with<E>(
        &self,
        key: (&'static str, &'static str),
        decode: impl FnOnce(&Tree) -> Result<AnyArc, E>,
    ) -> Option<AnyArc> {
        self.0.decoded.get(TypeKey::Kind(key.0, key.1), || decode(self.tree())).ok()
    }

    /// The spec or the status as some type; made once for all revisions that share it. Of other members, each time.
    pub fn decode_part<E>(
        &self,
        part: &str,
        key: (&'static str, &'static str),
        decode: impl FnOnce(&Tree) -> Result<AnyArc, E>,
    ) -> Result<AnyArc, E> {
        let decode = || match self.tree().get(part).filter(|tree| !tree.is_null()) {
            Some(tree) => decode(tree),
            None => decode(&Tree::empty_map()),
        };
        match PARTS.iter().position(|known| *known == part) {
            Some(at) => self.0.parts_decoded[at].get(TypeKey::Kind(key.0, key.1), decode),
            None => decode(),
        }
    }

    /// What a client sees, as JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = Vec::new();
        match self.0.json.get() {
            Some(kept) => text.extend_from_slice(kept),
            None => Shown::of(self).write(&mut text),
        }
        text
    }

    /// The same, made once per revision and kept with it: for what many are told.
    pub fn json(&self) -> Arc<[u8]> {
        Arc::clone(self.0.json.get_or_init(|| self.to_json().into()))
    }
}

impl Decoded {
    fn get<E>(
        &self,
        key: TypeKey,
        decode: impl FnOnce() -> Result<AnyArc, E>,
    ) -> Result<AnyArc, E> {
        let mut decoded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = decoded.iter().find(|(known, _)| *known == key) {
            return Ok(Arc::clone(known));
        }
        let value = decode()?;
        decoded.push((key, Arc::clone(&value)));
        Ok(value)
    }
}

impl Owner {
    fn from_tree(reference: &Tree) -> Self {
        let string = |key: &str| {
            reference.get(key).and_then(Tree::as_text).cloned().unwrap_or_else(|| text(""))
        };
        Self {
            api_version: string("apiVersion"),
            kind: string("kind"),
            name: string("name"),
            uid: string("uid"),
            controller: reference.bool_at(&["controller"]).unwrap_or(false),
            block_owner_deletion: reference.bool_at(&["blockOwnerDeletion"]).unwrap_or(false),
        }
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || (self.kind() == other.kind() && self.tree() == other.tree())
    }
}

impl Eq for Object {}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.tree())
    }
}

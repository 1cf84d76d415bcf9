//! An object as JSON with `metadata.managedFields`, written without building a tree that has them.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Object, Tree};
use crate::discovery;
use crate::ownership::Managers;

/// What a client sees of an object.
pub(crate) struct Shown<'a> {
    object: &'a Object,
    managers: Option<Arc<Managers>>,
    kind: Kind,
}

/// Where an object says its kind.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Before its version: there some clients look for that of a builtin kind.
    First,
    /// After its version, where the alphabet has it.
    Second,
    /// Neither is said: the list that it is in says both.
    Nowhere,
}

const METADATA: &str = "metadata";
const MANAGED_FIELDS: &str = "managedFields";

impl<'a> Shown<'a> {
    pub(crate) fn of(object: &'a Object) -> Self {
        let ownership = object.ownership();
        let managers = (!ownership.is_nothing()).then(|| ownership.managers());
        let managers = managers.filter(|managers| !managers.is_empty());
        let version = object.tree().str_at(&["apiVersion"]).unwrap_or_default();
        let (group, _) = version.split_once('/').unwrap_or_default();
        let kind = if discovery::is_builtin(group) { Kind::First } else { Kind::Second };
        Self { object, managers, kind }
    }

    /// Without its kind and version.
    pub(crate) fn without_kind(self) -> Self {
        Self { kind: Kind::Nowhere, ..self }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let tree = self.object.tree();
        if let (Kind::First, Some(kind)) = (self.kind, tree.get("kind")) {
            map.serialize_entry("kind", kind)?;
        }
        for (key, value) in tree.entries() {
            match (key, &self.managers) {
                ("kind", _) if self.kind == Kind::First => {}
                ("apiVersion" | "kind", _) if self.kind == Kind::Nowhere => {}
                (METADATA, Some(managers)) => {
                    map.serialize_entry(key, &Metadata(value, managers))?
                }
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}

struct Metadata<'a>(&'a Tree, &'a Managers);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(tree, managers) = self;
        let mut map = serializer.serialize_map(None)?;
        let mut entries = tree.entries().filter(|(key, _)| *key != MANAGED_FIELDS).peekable();
        while let Some((key, value)) = entries.next_if(|(key, _)| *key < MANAGED_FIELDS) {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry(MANAGED_FIELDS, managers)?;
        for (key, value) in entries {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

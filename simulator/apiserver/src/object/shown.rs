//! An object as JSON with `metadata.managedFields`, written without building a tree that has them.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Object, Tree};
use crate::ownership::Managers;

/// What a client sees of an object.
pub(crate) struct Shown<'a> {
    object: &'a Object,
    managers: Option<Arc<Managers>>,
    with_kind: bool,
}

const METADATA: &str = "metadata";
const MANAGED_FIELDS: &str = "managedFields";

impl<'a> Shown<'a> {
    pub(crate) fn of(object: &'a Object) -> Self {
        let ownership = object.ownership();
        let managers = (!ownership.is_nothing()).then(|| ownership.managers());
        let managers = managers.filter(|managers| !managers.is_empty());
        Self { object, managers, with_kind: true }
    }

    /// Without its kind and version: the list that it is in says them.
    pub(crate) fn without_kind(self) -> Self {
        Self { with_kind: false, ..self }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.object.tree().entries() {
            match (key, &self.managers) {
                ("apiVersion" | "kind", _) if !self.with_kind => {}
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

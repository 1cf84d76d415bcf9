//! An object as JSON text with `metadata.managedFields`, written without building a tree that has them.

use std::sync::Arc;

use serde::Serialize;

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

    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        let mut map = Members::begin(to);
        let tree = self.object.tree();
        if let (Kind::First, Some(kind)) = (self.kind, tree.get("kind")) {
            map.member("kind", |to| write(kind, to));
        }
        for (key, value) in tree.entries() {
            match (key, &self.managers) {
                ("kind", _) if self.kind == Kind::First => {}
                ("apiVersion" | "kind", _) if self.kind == Kind::Nowhere => {}
                (METADATA, Some(managers)) => map.member(key, |to| metadata(value, managers, to)),
                _ => map.member(key, |to| write(value, to)),
            }
        }
        map.end();
    }
}

fn metadata(tree: &Tree, managers: &Managers, to: &mut Vec<u8>) {
    let mut map = Members::begin(to);
    let mut entries = tree.entries().filter(|(key, _)| *key != MANAGED_FIELDS).peekable();
    while let Some((key, value)) = entries.next_if(|(key, _)| *key < MANAGED_FIELDS) {
        map.member(key, |to| write(value, to));
    }
    map.member(MANAGED_FIELDS, |to| managers.write(to));
    for (key, value) in entries {
        map.member(key, |to| write(value, to));
    }
    map.end();
}

/// A JSON object, written one member after the other.
pub(crate) struct Members<'a> {
    to: &'a mut Vec<u8>,
    next: u8,
}

impl<'a> Members<'a> {
    pub(crate) fn begin(to: &'a mut Vec<u8>) -> Self {
        Self { to, next: b'{' }
    }

    pub(crate) fn member(&mut self, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.to.push(std::mem::replace(&mut self.next, b','));
        write(key, self.to);
        self.to.push(b':');
        value(self.to);
    }

    pub(crate) fn end(self) {
        if self.next == b'{' {
            self.to.push(b'{');
        }
        self.to.push(b'}');
    }
}

/// Any value as JSON text.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, to: &mut Vec<u8>) {
    serde_json::to_writer(to, value)
        .expect("what is written has a JSON form, and memory takes all");
}

/// A JSON array.
pub(crate) fn elements<T>(
    items: impl IntoIterator<Item = T>,
    to: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>),
) {
    to.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            to.push(b',');
        }
        write(item, to);
    }
    to.push(b']');
}

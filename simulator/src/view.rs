//! What a reader has seen so far: its own tables, following the watch log of a server.
//!
//! **Invariant:** of one kind it shows what was true at one revision, and never an older one later.

use std::sync::Arc;

use drydock_apiserver::{Change, KindId, LogEntry, Object, Server, Table, Tree};
use drydock_operator_api::{AnyObject, Kind, ObjectMeta};
use drydock_operator_api::{DecodePart, Json, Source};
use drydock_operator_core::controllers::MARKS;
use drydock_operator_core::view::{Selection, View};
use imbl::OrdMap;
use serde::Deserialize;
use serde::de::value::Error;

/// The tables of a reader. Cloning copies pointers.
#[derive(Clone, Default)]
pub struct Tables {
    /// As of which revision, and the objects.
    kinds: OrdMap<KindId, (u64, Table)>,
    /// Kinds that are not there were empty at this revision.
    since: u64,
}

impl Tables {
    /// Everything as it is now: what a list gives to a reader that starts.
    pub fn list(server: &Server) -> Self {
        let since = server.revision();
        let kinds = server
            .kinds()
            .filter_map(|info| server.kind(&info.group, &info.kind))
            .map(|kind| (kind, (since, server.table(kind).clone())))
            .collect();
        Self { kinds, since }
    }

    /// Takes one change in; false if this reader knows it already.
    pub fn apply(&mut self, entry: &LogEntry) -> bool {
        let since = self.since;
        let (seen, table) =
            self.kinds.entry(entry.kind).or_insert_with(|| (since, Table::default()));
        if entry.revision <= *seen {
            return false;
        }
        *seen = entry.revision;
        table.apply(entry);
        true
    }

    /// Up to which revision the changes of a kind are known here.
    pub fn seen(&self, kind: KindId) -> u64 {
        self.kinds.get(&kind).map_or(self.since, |(seen, _)| *seen)
    }

    /// The oldest revision as of which some kind is shown.
    pub fn oldest(&self) -> u64 {
        self.kinds.values().map(|(seen, _)| *seen).min().unwrap_or(self.since).min(self.since)
    }

    pub fn table(&self, kind: KindId) -> Option<&Table> {
        self.kinds.get(&kind).map(|(_, table)| table)
    }

    pub fn kinds(&self) -> impl Iterator<Item = (KindId, &Table)> {
        self.kinds.iter().map(|(kind, (_, table))| (*kind, table))
    }
}

/// A reader's tables as the operator's core reads them. The server only tells which kind has which number.
pub struct ServerView<'a> {
    pub server: &'a Server,
    pub tables: &'a Tables,
}

impl ServerView<'_> {
    fn table(&self, kind: &Kind) -> Option<&Table> {
        self.tables.table(self.server.kind(kind.group, kind.kind)?)
    }
}

impl View for ServerView<'_> {
    fn get_any(&self, kind: &'static Kind, namespace: &str, name: &str) -> Option<AnyObject> {
        decode(kind, self.table(kind)?.get(namespace, name)?)
    }

    fn list_any(
        &self,
        kind: &'static Kind,
        namespace: &str,
        selection: Selection<'_>,
    ) -> Vec<AnyObject> {
        let Some(table) = self.table(kind) else { return Vec::new() };
        let here = |object: &&Object| namespace.is_empty() || object.namespace() == namespace;
        let decode = |object: &Object| decode(kind, object);
        match selection {
            Selection::OwnedBy(uid) => {
                table.owned_by(uid).filter(here).filter_map(decode).collect()
            }
            Selection::Labels([]) | Selection::All => {
                table.in_namespace(namespace).filter_map(decode).collect()
            }
            Selection::Labels([(key, value), rest @ ..]) => table
                .labelled(key, value)
                .filter(here)
                .filter(|object| rest.iter().all(|(key, value)| object.label(key) == Some(*value)))
                .filter_map(decode)
                .collect(),
        }
    }
}

/// None for an object that does not have the shape of its kind: the schema lets none in, so no list has a gap.
pub fn decode(kind: &'static Kind, object: &Object) -> Option<AnyObject> {
    object.decode_with((kind.group, kind.kind), |_| {
        drydock_operator_api::decode(kind, &Stored(object))
    })
}

/// A stored revision: its spec and its status are decoded once for all revisions that share them.
struct Stored<'a>(&'a Object);

impl Source for Stored<'_> {
    fn whole(&self) -> Json<'_> {
        json(self.0.tree())
    }

    fn without(&self, parts: &[&str]) -> Json<'_> {
        let kept = self.0.tree().entries().filter(|(name, _)| !parts.contains(name));
        Json::Map(kept.map(|(name, value)| (name, json(value))).collect())
    }

    fn part(
        &self,
        part: &str,
        kind: &'static Kind,
        decode: DecodePart,
    ) -> Result<AnyObject, Error> {
        self.0.decode_part(part, (kind.group, kind.kind), |part| decode(json(part)))
    }
}

fn json(tree: &Tree) -> Json<'_> {
    Json::deserialize(tree).expect("a tree is JSON")
}

/// Whether a change is nothing but a mark that a pass left behind: it wakes nobody, and a world in which only marks
/// change is at rest.
pub(crate) fn is_mark(entry: &LogEntry) -> bool {
    let Some(before) = entry.before.as_ref().filter(|_| entry.change == Change::Modified) else {
        return false;
    };
    if MARKS.iter().all(|mark| entry.object.annotation(mark).is_none()) {
        return false;
    }
    let marks: Vec<_> = MARKS.iter().map(|mark| ["metadata", "annotations", mark]).collect();
    let mut left_out: Vec<&[&str]> = marks.iter().map(|path| &path[..]).collect();
    left_out.push(&["metadata", "resourceVersion"]);
    entry.object.tree().equal_but(before.tree(), &left_out)
}

/// As a controller's map functions want it; the rest of the object is not decoded.
pub fn with_meta<R>(object: &Object, read: impl FnOnce(&ObjectMeta) -> R) -> Option<R> {
    let any = object.decode_with(("", "ObjectMeta"), |tree| -> Result<AnyObject, Error> {
        let meta = tree.get("metadata").map_or(Json::Null, json);
        Ok(Arc::new(ObjectMeta::deserialize(meta)?))
    })?;
    any.downcast_ref().map(read)
}

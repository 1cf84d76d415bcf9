//! A watch: a place in the log, and what of it its reader wants.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::convert::converted;
use crate::kinds::{KindId, KindInfo};
use crate::object::{Object, Tree};
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::Status;
use crate::store::{Change, LogEntry, LogPosition, Server};

/// Cheap to clone; it reads from whatever server it is given, so a clone of both goes on independently.
#[derive(Clone, Debug)]
pub struct Cursor {
    pub(crate) id: KindId,
    pub kind: Arc<KindInfo>,
    /// Empty: all.
    pub namespace: String,
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
    pub(crate) position: LogPosition,
    /// Nothing up to this revision is told: the reader has seen a server that was further.
    pub(crate) after: u64,
    /// What comes before the log: the objects there were at the start.
    pub(crate) first: VecDeque<WatchEvent>,
    /// Whether the reader takes bookmarks.
    pub bookmarks: bool,
    pub(crate) is_over: bool,
    /// The revision of the last change of this kind that was seen, wanted or not.
    pub newest: u64,
    /// What the reader is to be told besides.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    Added(Object),
    Modified(Object),
    /// The last state, with the revision of the deletion.
    Deleted(Object),
    Bookmark {
        revision: u64,
        /// All objects there were at the start have been sent.
        initial_events_end: bool,
    },
    /// The last event of a watch.
    Error(Status),
}

impl Cursor {
    /// The next event, if there is one by now.
    pub fn next(&mut self, server: &Server) -> Option<WatchEvent> {
        if let Some(event) = self.first.pop_front() {
            self.is_over = matches!(event, WatchEvent::Error(_));
            return Some(event);
        }
        if self.is_over {
            return None;
        }
        let mut passed = 0;
        let mut newest = self.newest;
        let event = server.log_since(self.position).find_map(|entry| {
            passed += 1;
            if entry.kind == self.id {
                newest = entry.revision;
            }
            self.event(entry)
        });
        self.newest = newest;
        self.position = self.position.plus(passed);
        // The kind is gone, and with it what its readers waited for.
        self.is_over = event.is_none() && server.kind_info(self.id).is_none();
        event
    }

    /// Whether no event will come any more.
    pub fn is_over(&self) -> bool {
        self.is_over && self.first.is_empty()
    }

    /// What a change is to this reader: an object that starts to match its selectors is new to it.
    fn event(&self, entry: &LogEntry) -> Option<WatchEvent> {
        if entry.kind != self.id || entry.revision <= self.after {
            return None;
        }
        let object = entry.object.clone();
        let was = entry.before.as_ref().is_some_and(|before| self.wants(before));
        let is = entry.change != Change::Deleted && self.wants(&object);
        match (was, is) {
            (false, false) => None,
            (false, true) => Some(WatchEvent::Added(self.shown(object))),
            (true, true) => Some(WatchEvent::Modified(self.shown(object))),
            (true, false) if entry.change == Change::Deleted => {
                Some(WatchEvent::Deleted(self.shown(object)))
            }
            (true, false) => {
                let before = entry.before.as_ref().expect("it was wanted, so it was there");
                let revision = entry.revision.to_string();
                let last = before.tree().with(&["metadata", "resourceVersion"], revision);
                Some(WatchEvent::Deleted(self.shown(before.shown_as(last))))
            }
        }
    }

    pub(crate) fn wants(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || self.namespace == object.namespace())
            && self.labels.matches(object)
            && self.fields.matches(object)
    }

    pub(crate) fn shown(&self, object: Object) -> Object {
        in_version(object, &self.kind)
    }
}

/// An object as it looks in another version of its kind. Custom kinds have no conversion: `apiVersion` differs, and what
/// that version does not know is not shown.
pub(crate) fn in_version(object: Object, kind: &KindInfo) -> Object {
    let own = object.tree().get("apiVersion").and_then(Tree::as_str).unwrap_or_default();
    let (group, version) = own.split_once('/').unwrap_or(("", own));
    if *kind.group == *group && *kind.version == *version {
        if object.revision() >= kind.since {
            return object;
        }
        let tree = kind.schema.default(object.tree(), None);
        return if tree == *object.tree() { object } else { object.shown_as(tree) };
    }
    if !kind.custom {
        return object.shown_as(converted(object.tree(), kind));
    }
    let tree = object.tree().with(&["apiVersion"], kind.api_version());
    let known = kind.schema.prune(&tree, None).map(|(tree, _)| tree);
    object.shown_as(kind.schema.default(&known.unwrap_or(tree), None))
}

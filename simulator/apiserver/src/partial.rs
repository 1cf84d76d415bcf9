//! Objects without what they are about: their metadata alone, for clients that ask for no more.

use crate::builtin::admission;
use crate::kinds::KindInfo;
use crate::object::{Object, Tree};
use crate::request::{Answer, Response};
use crate::status::Status;
use crate::watch::WatchEvent;

const ONE: &str = "PartialObjectMetadata";
const LIST: &str = "PartialObjectMetadataList";

/// A client's wish for metadata; [`crate::Form`] reads it from an `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    is_list: bool,
    version: &'static str,
}

impl Partial {
    /// The form of that name: `PartialObjectMetadata`, or `PartialObjectMetadataList`.
    pub(crate) fn named(name: &str, version: &'static str) -> Option<Self> {
        match name {
            ONE => Some(Self { is_list: false, version }),
            LIST => Some(Self { is_list: true, version }),
            _ => None,
        }
    }

    /// An answer in this form. What is no object stays as it is.
    pub fn of(self, response: Response, kind: &KindInfo) -> Response {
        let body = match (&response.body, self.is_list) {
            (Answer::Object(object), false) => Answer::Tree(self.one(object)),
            (Answer::Tree(tree), _) if tree.str_at(&["kind"]) == Some("Scale") => {
                if self.is_list {
                    let package = if kind.custom { "v1" } else { "autoscaling" };
                    return not_a_list(&format!("*{package}.Scale")).into();
                }
                Answer::Tree(self.of_metadata(tree.get("metadata").cloned().unwrap_or_default()))
            }
            (Answer::Objects { items, revision, continue_token, remaining, .. }, true) => {
                let metadata = list_metadata(*revision, continue_token.as_deref(), *remaining);
                let items = match items.as_slice() {
                    [] => Tree::null(),
                    some => Tree::list(some.iter().map(|object| self.one(object))),
                };
                Answer::Tree(Tree::map([
                    ("kind", Tree::from(LIST)),
                    ("apiVersion", self.version.into()),
                    ("metadata", metadata),
                    ("items", items),
                ]))
            }
            (Answer::Object(_), true) if kind.custom => {
                return Status::plain(500, "content is not a list").into();
            }
            (Answer::Object(_), true) => return not_so(kind, false).into(),
            (Answer::Objects { .. }, false) => return not_so(kind, true).into(),
            _ => return response,
        };
        Response { body, ..response }
    }

    fn one(self, object: &Object) -> Tree {
        let shown = object.shown();
        let metadata = shown.get("metadata").cloned().unwrap_or_default();
        let metadata = if shown.str_at(&["kind"]) == Some("DaemonSet") {
            without_templates(&metadata)
        } else {
            metadata
        };
        self.of_metadata(metadata)
    }

    fn of_metadata(self, metadata: Tree) -> Tree {
        Tree::map([
            ("kind", Tree::from(ONE)),
            ("apiVersion", self.version.into()),
            ("metadata", metadata),
        ])
    }

    /// A frame of a watch; `None` if the frame is the same in every form.
    pub fn event(self, event: &WatchEvent) -> Option<Tree> {
        let (name, object) = match event {
            WatchEvent::Added(object) => ("ADDED", self.one(object)),
            WatchEvent::Modified(object) => ("MODIFIED", self.one(object)),
            WatchEvent::Deleted(object) => ("DELETED", self.one(object)),
            WatchEvent::Bookmark { revision, initial_events_end } => {
                let mut metadata =
                    Tree::map([("resourceVersion", Tree::from(revision.to_string()))]);
                if *initial_events_end {
                    metadata = metadata.with(&["annotations", "k8s.io/initial-events-end"], "true");
                }
                ("BOOKMARK", self.of_metadata(metadata))
            }
            WatchEvent::Error(_) => return None,
        };
        Some(Tree::map([("type", Tree::from(name)), ("object", object)]))
    }

    /// Whether a watch was asked for as if it were a list: it is answered, and tells nothing.
    pub fn is_list(self) -> bool {
        self.is_list
    }
}

/// The metadata of a list, or of what stands for one.
pub(crate) fn list_metadata(revision: u64, go_on_at: Option<&str>, remaining: Option<u64>) -> Tree {
    let mut metadata = Tree::empty_map();
    // What is not stored has no revision.
    if revision > 0 {
        metadata = metadata.with(&["resourceVersion"], revision.to_string());
    }
    if let Some(token) = go_on_at {
        metadata = metadata.with(&["continue"], token);
    }
    if let Some(remaining) = remaining {
        metadata = metadata.with(&["remainingItemCount"], remaining);
    }
    metadata
}

fn not_so(kind: &KindInfo, is_list: bool) -> Status {
    let name = if is_list { &kind.list_kind } else { &kind.kind };
    let package = match &*kind.group {
        // Events are the same kind in both of their groups.
        "" | "events.k8s.io" => "core",
        group => group.split('.').next().unwrap_or_default(),
    };
    let of = match (kind.custom, is_list) {
        (true, true) => "*unstructured.UnstructuredList".to_owned(),
        (true, false) => "*unstructured.Unstructured".to_owned(),
        (false, _) => format!("*{package}.{name}"),
    };
    if is_list {
        let why = format!("you requested {ONE}, but the requested object is a list ({of})");
        return Status::not_acceptable(why);
    }
    not_a_list(&of)
}

fn not_a_list(of: &str) -> Status {
    let why = format!("you requested {LIST}, but the requested object is not a list ({of})");
    Status::not_acceptable(why)
}

/// The server makes that annotation of a member of its own when it shows the whole object.
fn without_templates(metadata: &Tree) -> Tree {
    let [_, annotations, key] = admission::TEMPLATES;
    let bare = metadata.without(&[annotations, key]);
    if bare.get(annotations).is_some_and(Tree::is_empty) {
        bare.without(&[annotations])
    } else {
        bare
    }
}

//! Objects without what they are about: their metadata alone, for clients that ask for no more.

use crate::kinds::KindInfo;
use crate::object::{Object, Tree};
use crate::request::{Answer, Response};
use crate::status::Status;
use crate::watch::WatchEvent;

const ONE: &str = "PartialObjectMetadata";
const LIST: &str = "PartialObjectMetadataList";

/// A client's wish for metadata, from its `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    is_list: bool,
    version: &'static str,
}

impl Partial {
    /// The first clause of the header that asks for another form than the object's own counts; `None` if that is not
    /// metadata in JSON.
    pub fn wanted(accept: &str) -> Option<Self> {
        accept.split(',').find_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            if parts.next() != Some("application/json") {
                return None;
            }
            let mut of = ("", "", "");
            for part in parts {
                match part.split_once('=') {
                    Some(("as", value)) => of.0 = value,
                    Some(("g", value)) => of.1 = value,
                    Some(("v", value)) => of.2 = value,
                    _ => {}
                }
            }
            let version = match of.2 {
                "v1" => "meta.k8s.io/v1",
                "v1beta1" => "meta.k8s.io/v1beta1",
                _ => return None,
            };
            if of.1 != "meta.k8s.io" {
                return None;
            }
            match of.0 {
                ONE => Some(Some(Self { is_list: false, version })),
                LIST => Some(Some(Self { is_list: true, version })),
                "Table" => Some(None),
                _ => None,
            }
        })?
    }

    /// An answer in this form. What is no object stays as it is.
    pub fn of(self, response: Response, kind: &KindInfo, minor: u32) -> Response {
        let body = match (&response.body, self.is_list) {
            (Answer::Object(object), false) => Answer::Tree(self.one(object)),
            (Answer::Objects { items, revision, continue_token, remaining, .. }, true) => {
                let mut metadata =
                    Tree::map([("resourceVersion", Tree::from(revision.to_string()))]);
                if let Some(token) = continue_token {
                    metadata = metadata.with(&["continue"], token);
                }
                if let Some(remaining) = remaining {
                    metadata = metadata.with(&["remainingItemCount"], *remaining);
                }
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
            (Answer::Object(_), true) => return not_so(kind, minor, false).into(),
            (Answer::Objects { .. }, false) => return not_so(kind, minor, true).into(),
            _ => return response,
        };
        Response { body, ..response }
    }

    fn one(self, object: &Object) -> Tree {
        let metadata = object.shown().get("metadata").cloned().unwrap_or_default();
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
                let object = Tree::map([
                    ("kind", Tree::from(ONE)),
                    ("apiVersion", self.version.into()),
                    ("metadata", metadata),
                ]);
                ("BOOKMARK", object)
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

fn not_so(kind: &KindInfo, minor: u32, is_list: bool) -> Status {
    let name = if is_list { &kind.list_kind } else { &kind.kind };
    let package = match &*kind.group {
        _ if minor < 24 => &kind.version,
        "" => "core",
        group => group.split('.').next().unwrap_or_default(),
    };
    let of = match (kind.custom, is_list) {
        (true, true) => "*unstructured.UnstructuredList".to_owned(),
        (true, false) => "*unstructured.Unstructured".to_owned(),
        (false, _) => format!("*{package}.{name}"),
    };
    Status::not_acceptable(if is_list {
        format!("you requested {ONE}, but the requested object is a list ({of})")
    } else {
        format!("you requested {LIST}, but the requested object is not a list ({of})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_wanted_by_the_first_clause_that_names_a_form() {
        let one = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";

        assert_eq!(Partial::wanted(&format!("{one},{table}")).map(Partial::is_list), Some(false));
        assert_eq!(Partial::wanted(&format!("{table},{one}")), None);
        assert_eq!(Partial::wanted("application/json"), None);
    }
}

//! Objects as the rows that `kubectl get` prints: a `Table` of `meta.k8s.io`.

mod cells;
mod columns;
mod path;
mod pods;
mod text;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::accept::none_given;
use crate::kinds::{Column, KindInfo};
use crate::object::{Object, Tree};
use crate::partial::list_metadata;
use crate::request::{Answer, Response};
use crate::status::Status;
use crate::watch::WatchEvent;

/// A client's wish for rows; [`crate::Form`] reads it from an `Accept` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    version: &'static str,
    include: Include,
}

/// How much of its object a row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Include {
    None,
    Metadata,
    Object,
}

impl Rows {
    /// `version`: `meta.k8s.io/v1`.
    pub(crate) fn new(version: &'static str) -> Self {
        Self { version, include: Include::Metadata }
    }

    pub(crate) fn including(self, query: &str) -> Result<Self, Status> {
        let wanted = query.split('&').find_map(|pair| pair.strip_prefix("includeObject="));
        let include = match wanted.unwrap_or_default() {
            "" | "Metadata" => Include::Metadata,
            "None" => Include::None,
            "Object" => Include::Object,
            other => {
                return Err(Status::bad_request(format!(
                    "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: must be \
                     'Metadata', 'Object', 'None', or empty"
                )));
            }
        };
        Ok(Self { include, ..self })
    }

    /// An answer as a table. What is no object stays as it is.
    pub(crate) fn of(
        self,
        response: Response,
        kind: &KindInfo,
        minor: u32,
        now: Timestamp,
    ) -> Response {
        let (metadata, objects) = match &response.body {
            Answer::Object(object) => (one_metadata(&object.shown()), std::slice::from_ref(object)),
            Answer::Objects { items, revision, continue_token, remaining, .. } => {
                (list_metadata(*revision, continue_token.as_deref(), *remaining), items.as_slice())
            }
            Answer::Tree(tree) if tree.str_at(&["kind"]) == Some("Scale") => {
                if minor < 22 && !kind.custom {
                    return none_given(false).into();
                }
                let table = self.scale(tree, kind, minor, now);
                return Response { body: Answer::Tree(table), ..response };
            }
            _ => return response,
        };
        let columns = columns::of(kind, minor);
        let trees: Vec<Tree> = objects.iter().map(Object::shown).collect();
        let rows = trees.iter().map(|object| self.row(kind, &columns, object, now));
        let table = self.table(metadata, definitions(&columns), rows);
        // Kinds without a printer have no rows rather than an empty list of them.
        let plain = !kind.custom && columns.last().is_some_and(|last| last.name == "Created At");
        let table =
            if plain && trees.is_empty() { table.with(&["rows"], Tree::null()) } else { table };
        Response { body: Answer::Tree(table), ..response }
    }

    /// How many there are of something, and should be.
    fn scale(self, scale: &Tree, kind: &KindInfo, minor: u32, now: Timestamp) -> Tree {
        let columns = columns::of_scale(kind, minor);
        let number = |part: &str| scale.int_at(&[part, "replicas"]).unwrap_or(0);
        let age = text::age(text::at(scale, "metadata.creationTimestamp"), now);
        let name = scale.str_at(&["metadata", "name"]).unwrap_or_default();
        let cells = json!([name, number("spec"), number("status"), age]);
        let row =
            Tree::map([("cells", Tree::from_value(cells)), ("object", self.included(kind, scale))]);
        self.table(one_metadata(scale), definitions(&columns), [row])
    }

    /// A frame of a watch; `None` for what stays as it is. Only the first table says what its columns are,
    /// but for one kind whose every table does.
    pub(crate) fn event(
        self,
        event: &WatchEvent,
        kind: &KindInfo,
        minor: u32,
        now: Timestamp,
        first: bool,
    ) -> Option<Tree> {
        let (name, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object.shown()),
            WatchEvent::Modified(object) => ("MODIFIED", object.shown()),
            WatchEvent::Deleted(object) => ("DELETED", object.shown()),
            // A bookmark is an object of which only the revision is known, and so is its row.
            WatchEvent::Bookmark { .. } => {
                let frame: Value = serde_json::from_slice(&event.to_json(kind)).ok()?;
                ("BOOKMARK", Tree::from_value(frame["object"].clone()))
            }
            WatchEvent::Error(_) => return None,
        };
        let columns = columns::of(kind, minor);
        let says_again = kind.is("apiregistration.k8s.io", "APIService");
        let definitions = if first || says_again { definitions(&columns) } else { Tree::null() };
        let row = self.row(kind, &columns, &object, now);
        let table = self.table(one_metadata(&object), definitions, [row]);
        Some(Tree::map([("type", Tree::from(name)), ("object", table)]))
    }

    fn table(
        self,
        metadata: Tree,
        definitions: Tree,
        rows: impl IntoIterator<Item = Tree>,
    ) -> Tree {
        Tree::map([
            ("kind", Tree::from("Table")),
            ("apiVersion", self.version.into()),
            ("metadata", metadata),
            ("columnDefinitions", definitions),
            ("rows", Tree::list(rows)),
        ])
    }

    fn row(self, kind: &KindInfo, columns: &[Column], object: &Tree, now: Timestamp) -> Tree {
        let cells = cells::of(kind, columns, object, now);
        let included = self.included(kind, object);
        let row =
            Tree::map([("cells", Tree::from_value(Value::Array(cells))), ("object", included)]);
        match pods::conditions(object).filter(|_| kind.is("", "Pod")) {
            Some(conditions) => row.with(&["conditions"], conditions),
            None => row,
        }
    }
}

impl Rows {
    /// What a row carries of its object.
    fn included(self, kind: &KindInfo, object: &Tree) -> Tree {
        let ends_start = object.at(&["metadata", "annotations", "k8s.io/initial-events-end"]);
        match self.include {
            Include::Object => object.clone(),
            Include::None if ends_start.is_none() => Tree::null(),
            Include::None | Include::Metadata => Tree::map([
                ("kind", Tree::from("PartialObjectMetadata")),
                ("apiVersion", self.version.into()),
                ("metadata", metadata(kind, object)),
            ]),
        }
    }
}

/// The metadata of a row's object. Rows are made of the server's own objects, which have a field for what an annotation
/// tells clients.
fn metadata(kind: &KindInfo, object: &Tree) -> Tree {
    let metadata = object.get("metadata").cloned().unwrap_or_default();
    if !kind.is("apps", "DaemonSet") {
        return metadata;
    }
    let metadata = metadata.without(&["annotations", "deprecated.daemonset.template.generation"]);
    match metadata.get("annotations") {
        Some(annotations) if annotations.is_empty() => metadata.without(&["annotations"]),
        _ => metadata,
    }
}

/// A table of one object has its revision; an object that was not stored has none.
fn one_metadata(object: &Tree) -> Tree {
    match object.at(&["metadata", "resourceVersion"]) {
        Some(revision) => Tree::map([("resourceVersion", revision.clone())]),
        None => Tree::empty_map(),
    }
}

fn definitions(columns: &[Column]) -> Tree {
    let definition = |column: &Column| {
        Tree::from_value(json!({
            "name": column.name, "type": column.kind, "format": column.format,
            "description": column.description, "priority": column.priority,
        }))
    };
    Tree::list(columns.iter().map(definition))
}

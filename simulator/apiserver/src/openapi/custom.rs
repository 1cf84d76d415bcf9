//! One version of a custom kind in a document: its schemas and its paths.

use super::path::{self, Parameters};
use super::{data, schema};
use crate::kinds::KindInfo;
use crate::object::Tree;

/// Of which OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    V2,
    V3,
}

impl Edition {
    pub(super) fn reference(self, name: &str) -> String {
        match self {
            Self::V2 => format!("#/definitions/{name}"),
            Self::V3 => format!("#/components/schemas/{name}"),
        }
    }
}

pub(super) struct Custom {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub plural: String,
    pub namespaced: bool,
    pub status: bool,
    pub scale: bool,
    schema: Tree,
    selectable: Tree,
    minor: u32,
}

impl Custom {
    pub(super) fn new(kind: &KindInfo, definition: &Tree, minor: u32) -> Self {
        let versions = definition.at(&["spec", "versions"]).map_or(&[][..], Tree::items);
        let own = versions.iter().find(|known| known.str_at(&["name"]) == Some(&*kind.version));
        let of_version = |path: &[&str]| own.and_then(|own| own.at(path)).cloned();
        Self {
            group: kind.group.to_string(),
            version: kind.version.to_string(),
            kind: kind.kind.to_string(),
            list_kind: kind.list_kind.to_string(),
            plural: kind.plural.to_string(),
            namespaced: kind.namespaced,
            status: kind.has_subresource("status"),
            scale: kind.has_subresource("scale"),
            schema: of_version(&["schema", "openAPIV3Schema"])
                .or_else(|| definition.at(&["spec", "validation", "openAPIV3Schema"]).cloned())
                .unwrap_or_default(),
            selectable: of_version(&["selectableFields"]).unwrap_or_default(),
            minor,
        }
    }

    /// What makes this document another than before.
    pub(super) fn stamp(&self, hasher: &mut blake3::Hasher) {
        let facts = (&self.group, &self.version, &self.kind, &self.list_kind, &self.plural);
        let flags = (self.namespaced, self.status, self.scale);
        hasher.update(format!("{facts:?}{flags:?}").as_bytes());
        hasher.update(&self.schema.to_json());
        hasher.update(&self.selectable.to_json());
    }

    /// `com.example.stable.v1.CronTab`, for `stable.example.com`.
    pub(super) fn name(&self, kind: &str) -> String {
        let group: Vec<&str> = self.group.split('.').rev().collect();
        format!("{}.{}.{kind}", group.join("."), self.version)
    }

    fn identity(&self, kind: &str) -> Tree {
        Tree::map([
            ("group", Tree::from(&self.group)),
            ("kind", kind.into()),
            ("version", (&self.version).into()),
        ])
    }

    pub(super) fn own_identity(&self) -> Tree {
        self.identity(&self.kind)
    }

    pub(super) fn schemas(&self, edition: Edition) -> [(String, Tree); 2] {
        let mut object = schema::object(&self.schema, edition)
            .with(&["x-kubernetes-group-version-kind"], Tree::list([self.identity(&self.kind)]));
        if !self.selectable.is_empty() {
            let fields = self.selectable.items().iter().map(|field| {
                let path = field.str_at(&["jsonPath"]).unwrap_or_default();
                Tree::map([("fieldPath", Tree::from(path.trim_start_matches('.')))])
            });
            object = object.with(&["x-kubernetes-selectable-fields"], Tree::list(fields));
        }
        [(self.name(&self.kind), object), (self.name(&self.list_kind), self.list_schema(edition))]
    }

    fn list_schema(&self, edition: Edition) -> Tree {
        let [items, metadata] = schema::list_words(&self.plural);
        let [api_version, kind] = schema::own_words();
        let item = Tree::from(edition.reference(&self.name(&self.kind)));
        let items = schema::typed("array", &items).with(&["items", "$ref"], item);
        let properties = Tree::map([
            ("apiVersion", schema::typed("string", &api_version)),
            ("items", items),
            ("kind", schema::typed("string", &kind)),
            ("metadata", schema::reference(edition, "ListMeta", &metadata)),
        ]);
        schema::typed("object", &format!("{} is a list of {}", self.list_kind, self.kind))
            .with(&["required"], Tree::list(["items".into()]))
            .with(&["properties"], properties)
            .with(
                &["x-kubernetes-group-version-kind"],
                Tree::list([self.identity(&self.list_kind)]),
            )
    }

    pub(super) fn paths(&self, edition: Edition) -> Vec<(String, Tree)> {
        path::all(self, &Parameters::of(data::builtin(self.minor)), edition)
    }
}

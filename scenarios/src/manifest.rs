//! Manifests: objects as people write them, each knowing the line of every field.

use std::sync::Arc;

use serde_json::Value;

use crate::mistake::{Mistake, Place, Source};
use crate::yaml::{self, Content, Node};

#[derive(Clone, Debug)]
pub struct Manifest {
    pub source: Arc<Source>,
    pub node: Node,
    pub api_version: String,
    pub kind: String,
    /// Empty when the manifest names none.
    pub namespace: String,
    pub name: String,
}

/// The objects of a text; a `List` is the objects in it.
pub fn read(source: &Arc<Source>) -> Result<Vec<Manifest>, Mistake> {
    let mut manifests = Vec::new();
    for document in yaml::parse(source)? {
        let is_list = document.get("kind").and_then(Node::text) == Some("List");
        if is_list
            && let Some(Content::List(items)) = document.get("items").map(|items| &items.content)
        {
            for item in items {
                manifests.push(manifest(source, item.clone())?);
            }
            continue;
        }
        manifests.push(manifest(source, document)?);
    }
    Ok(manifests)
}

impl Manifest {
    pub fn to_json(&self) -> Value {
        self.node.to_json()
    }

    /// Where a field stands in the source: the path as the API server names it.
    pub fn locate(&self, path: &str) -> Place {
        self.node.locate(path)
    }

    pub fn place_of_kind(&self) -> Place {
        self.node.get("kind").map_or(self.node.place, |node| node.place)
    }

    pub fn place_of_api_version(&self) -> Place {
        self.node.get("apiVersion").map_or(self.node.place, |node| node.place)
    }
}

/// `cluster/demo`
impl std::fmt::Display for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

fn manifest(source: &Arc<Source>, node: Node) -> Result<Manifest, Mistake> {
    if !matches!(node.content, Content::Map(_)) {
        let found = format!(
            "a manifest is a map with apiVersion, kind and metadata, not {}",
            node.describe()
        );
        return Err(Mistake::new(source, node.place, found));
    }
    let api_version = text(source, &node, "apiVersion")?;
    let kind = text(source, &node, "kind")?;
    let Some(metadata) = node.get("metadata") else {
        return Err(Mistake::new(
            source,
            node.place,
            format!("this {kind} has no `metadata`, so no name"),
        ));
    };
    let name = text(source, metadata, "name")?;
    let namespace = match metadata.get("namespace") {
        Some(node) if node.text().is_some() => node.text().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    Ok(Manifest { source: Arc::clone(source), api_version, kind, namespace, name, node })
}

fn text(source: &Arc<Source>, node: &Node, field: &str) -> Result<String, Mistake> {
    match node.entry(field) {
        Some(entry) => match entry.value.text() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => {
                let message = format!("`{field}` is {}, and must be text", entry.value.describe());
                Err(Mistake::new(source, entry.value.place, message))
            }
        },
        None => Err(Mistake::new(source, node.place, format!("`{field}` is missing here"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_unpacked_and_places_are_kept() {
        let source = Source::new(
            "l.yaml",
            "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: { name: a }\n  dta: {}\n",
        );

        let manifests = read(&source).unwrap();

        assert_eq!(manifests[0].to_string(), "configmap/a");
        assert_eq!(manifests[0].locate("dta").line, 7);
    }

    #[test]
    fn a_manifest_without_a_kind_is_refused_where_it_begins() {
        let mistake = read(&Source::new("m.yaml", "---\na: 1\n")).unwrap_err();

        assert_eq!(
            mistake.to_string(),
            "m.yaml:2:1: `apiVersion` is missing here\n   2 | a: 1\n     | ^"
        );
    }
}

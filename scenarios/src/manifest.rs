//! Manifests: objects as people write them, each knowing the line of every field.

use std::collections::BTreeMap;
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

/// A chart leaves the namespace of its templates to `helm install -n`, and its definitions say which
/// one that is: templates that name none go where they are looked for. Returns each that moved, and
/// where to.
pub fn place_templates(manifests: &mut [Manifest]) -> Vec<(String, String)> {
    let mut wanted = BTreeMap::new();
    for definition in manifests.iter().filter(|m| m.kind == "ComponentDefinition") {
        let json = definition.to_json();
        for list in ["/spec/configs", "/spec/scripts"] {
            let templates = json.pointer(list).and_then(Value::as_array);
            for template in templates.into_iter().flatten() {
                let text = |field| template.get(field).and_then(Value::as_str).map(str::to_owned);
                wanted.extend(text("template").zip(text("namespace")));
            }
        }
    }
    let mut placed = Vec::new();
    for manifest in manifests.iter_mut().filter(|m| m.kind == "ConfigMap" && m.namespace.is_empty())
    {
        if let Some(namespace) = wanted.get(&manifest.name) {
            manifest.namespace.clone_from(namespace);
            placed.push((manifest.to_string(), namespace.clone()));
        }
    }
    placed
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
    fn a_template_without_a_namespace_goes_where_its_definition_looks() {
        let source = Source::new(
            "chart.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: conf }\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: { name: conf2, namespace: own }\n---\n\
             apiVersion: apps.kubeblocks.io/v1\nkind: ComponentDefinition\nmetadata: { name: db }\n\
             spec: { scripts: [{ template: conf, namespace: kb }, { template: conf2, namespace: kb }] }\n",
        );
        let mut manifests = read(&source).unwrap();

        let placed = place_templates(&mut manifests);

        assert_eq!(placed, [("configmap/conf".to_owned(), "kb".to_owned())]);
        let namespaces: Vec<&str> = manifests.iter().map(|m| m.namespace.as_str()).collect();
        assert_eq!(namespaces, ["kb", "own", ""]);
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

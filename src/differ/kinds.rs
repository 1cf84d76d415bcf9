//! The kinds that stories are about: what both servers serve, with the schema that the other server publishes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::definition::Definition;
use super::server::Server;

/// The kind of stories that begin with a definition of their own.
pub const GENERATED: &str = "generated/v1/things";

#[expect(clippy::struct_field_names, reason = "the wire says `kind`")]
#[derive(Clone)]
pub struct Kind {
    /// `apps/v1/deployments`, `v1/pods`
    pub name: String,
    pub api_version: String,
    pub kind: String,
    /// Up to the namespace: `/apis/apps/v1`
    pub root: String,
    pub plural: String,
    pub namespaced: bool,
    pub subresources: Vec<String>,
    pub schema: Schema,
    /// An object that a server takes.
    pub example: Value,
}

/// One schema in the document of its group version.
#[derive(Clone)]
pub struct Schema {
    document: Arc<Value>,
    at: Value,
}

impl Schema {
    pub fn new(document: Arc<Value>, at: Value) -> Self {
        Self { document, at }.resolved()
    }

    /// Follows references, and `allOf` of one, which is how published documents write them.
    fn resolved(mut self) -> Self {
        for _ in 0..8 {
            let next = match (self.at["$ref"].as_str(), self.at["allOf"].as_array()) {
                (Some(reference), _) => {
                    self.document.pointer(reference.trim_start_matches('#')).cloned()
                }
                (None, Some(all)) if all.len() == 1 => all.first().cloned(),
                _ => None,
            };
            match next {
                Some(next) => self.at = next,
                None => break,
            }
        }
        self
    }

    /// Whether both say the same.
    pub fn is(&self, other: &Schema) -> bool {
        self.at == other.at
    }

    /// The schema of an object whose members are others, but for its head.
    fn with_properties(&self, properties: &Value) -> Schema {
        let mut at = self.at.clone();
        let head =
            ["apiVersion", "kind", "metadata"].map(|name| (name, at["properties"][name].take()));
        at["properties"] = properties.clone();
        for (name, schema) in head {
            at["properties"][name] = schema;
        }
        Schema { document: Arc::clone(&self.document), at }
    }

    fn below(&self, at: &Value) -> Schema {
        Schema { document: Arc::clone(&self.document), at: at.clone() }.resolved()
    }

    pub fn of_type(&self) -> &str {
        let of_both = self.at["oneOf"].is_array() || self.at["x-kubernetes-int-or-string"] == true;
        self.at["type"].as_str().unwrap_or(if of_both { "int-or-string" } else { "" })
    }

    pub fn text(&self, key: &str) -> &str {
        self.at[key].as_str().unwrap_or_default()
    }

    pub fn choices(&self) -> &[Value] {
        self.at["enum"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn members(&self) -> Vec<&str> {
        let members = self.at["properties"].as_object();
        members.into_iter().flat_map(|members| members.keys().map(String::as_str)).collect()
    }

    pub fn required(&self) -> Vec<&str> {
        let required = self.at["required"].as_array();
        required.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    pub fn member(&self, name: &str) -> Option<Schema> {
        let found = self.at["properties"].get(name);
        let found =
            found.or_else(|| Some(&self.at["additionalProperties"]).filter(|it| it.is_object()));
        found.map(|at| self.below(at))
    }

    pub fn values(&self) -> Option<Schema> {
        self.at.get("additionalProperties").filter(|at| at.is_object()).map(|at| self.below(at))
    }

    pub fn items(&self) -> Option<Schema> {
        self.at.get("items").map(|at| self.below(at))
    }
}

impl Kind {
    /// What the object that a story is about is called.
    pub fn object_name(&self) -> &str {
        self.example["metadata"]["name"].as_str().unwrap_or("${ns}-a")
    }

    /// The kind that a story defines for itself: served like `like`, with another schema and example.
    pub fn defined(like: &Kind) -> Kind {
        Kind {
            name: GENERATED.into(),
            api_version: "${ns}.example/v1".into(),
            kind: "Thing".into(),
            root: "/apis/${ns}.example/v1".into(),
            plural: "things".into(),
            namespaced: true,
            subresources: vec!["status".into(), "scale".into()],
            ..like.clone()
        }
    }

    /// As a definition says.
    pub fn as_in(&self, definition: &Definition) -> Kind {
        let schema = &definition.object["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        Kind {
            schema: self.schema.with_properties(&schema["properties"]),
            example: definition.example.clone(),
            ..self.clone()
        }
    }

    pub fn collection(&self) -> String {
        if self.namespaced {
            format!("{}/namespaces/${{ns}}/{}", self.root, self.plural)
        } else {
            format!("{}/{}", self.root, self.plural)
        }
    }
}

/// All kinds with an example that a server has.
pub async fn of(server: &Server, examples: &BTreeMap<String, Value>) -> anyhow::Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    let mut groups: Vec<&str> =
        examples.keys().filter_map(|name| Some(name.rsplit_once('/')?.0)).collect();
    groups.dedup();
    for group in groups {
        let root =
            if group.contains('/') { format!("/apis/{group}") } else { format!("/api/{group}") };
        let Ok(resources) = server.get(&root).await else { continue };
        let document = Arc::new(server.get(&format!("/openapi/v3{root}")).await?);
        let resources = resources["resources"].as_array().cloned().unwrap_or_default();
        for resource in &resources {
            let plural = resource["name"].as_str().unwrap_or_default();
            let Some(example) = examples.get(&format!("{group}/{plural}")) else { continue };
            let kind = resource["kind"].as_str().unwrap_or_default().to_owned();
            let Some(schema) = schema(&document, group, &kind) else { continue };
            let below = format!("{plural}/");
            let subresources = resources.iter().filter_map(|it| it["name"].as_str());
            let subresources = subresources.filter_map(|name| name.strip_prefix(&below));
            kinds.push(Kind {
                name: format!("{group}/{plural}"),
                api_version: group.to_owned(),
                kind,
                root: root.clone(),
                plural: plural.to_owned(),
                namespaced: resource["namespaced"] == true,
                subresources: subresources.map(str::to_owned).collect(),
                schema: Schema::new(Arc::clone(&document), schema),
                example: example.clone(),
            });
        }
    }
    let like = kinds.iter().find(|kind| kind.name == "differ.example/v1/plains");
    kinds.extend(like.map(Kind::defined));
    Ok(kinds)
}

fn schema(document: &Value, group_version: &str, kind: &str) -> Option<Value> {
    let (group, version) = group_version.rsplit_once('/').unwrap_or(("", group_version));
    let schemas = document["components"]["schemas"].as_object()?;
    let is_it = |schema: &&Value| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| {
            kinds
                .iter()
                .any(|it| it["group"] == group && it["version"] == version && it["kind"] == kind)
        })
    };
    schemas.values().find(is_it).cloned()
}

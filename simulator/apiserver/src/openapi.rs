//! The OpenAPI documents: those of the builtin kinds as they were published, those of custom kinds from their
//! definitions. Clients explain, validate and merge by them.

mod custom;
mod data;
mod gnostic;
mod path;
mod schema;

use std::collections::BTreeMap;

use crate::document::Document;
use crate::object::Tree;
use crate::store::Server;

use self::custom::{Custom, Edition};

const JSON: &str = "application/json";
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

impl Server {
    /// What a path below `/openapi` is answered with, whatever the method. `None` if there is nothing.
    pub(crate) fn openapi(&self, path: &str, query: &str, accept: &str) -> Option<Document> {
        let minor = self.profile().minor;
        match path.strip_prefix("/openapi/")? {
            "v2" => Some(self.v2(accept)),
            "v3" if minor >= 24 => {
                let body = self.index().to_json();
                let content_type = Some("text/plain; charset=utf-8".into());
                Some(Document { body, content_type, ..Document::empty(200) })
            }
            other if minor >= 24 => Some(self.v3(other.strip_prefix("v3/")?, query, accept)),
            _ => None,
        }
    }

    fn v2(&self, accept: &str) -> Document {
        let mut document =
            data::builtin(self.profile().minor).get("v2").cloned().unwrap_or_default();
        let customs = self.customs();
        let mut stamp = blake3::Hasher::new();
        for custom in customs.values().flatten() {
            custom.stamp(&mut stamp);
            for (name, schema) in custom.schemas(Edition::V2) {
                document = document.with(&["definitions", &name], schema);
            }
            for (path, item) in custom.paths(Edition::V2) {
                document = document.with(&["paths", &path], item);
            }
        }
        let etag = hex(&stamp);
        let wants = |media: &str| accept.split(',').any(|clause| media_of(clause) == media);
        // The first one asked for counts, and nothing but these two can be given.
        let protobuf = accept.find(V2_PROTOBUF);
        let json = accept.find(JSON).or_else(|| accept.find("*/*"));
        match (protobuf, json) {
            (Some(protobuf), json) if json.is_none_or(|json| protobuf < json) => {
                let content_type = match self.profile().minor {
                    ..25 => "application/octet-stream",
                    _ => "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
                };
                Document::of(gnostic::bytes(&document), content_type, &etag)
            }
            _ if accept.is_empty() || json.is_some() || wants("application/*") => {
                Document::of(document.to_json(), JSON, &etag)
            }
            _ => Document::empty(406),
        }
    }

    /// Where which document is.
    fn index(&self) -> Tree {
        let mut names: Vec<(String, String)> = Vec::new();
        if let Some(documents) = data::builtin(self.profile().minor).get("v3") {
            for (name, _) in documents.entries() {
                names.push((name.to_owned(), self.builtin_hash(name)));
            }
        }
        for (name, customs) in self.customs() {
            names.push((name, custom_hash(&customs)));
        }
        let entry = |(name, hash): (String, String)| {
            let url = Tree::from(format!("/openapi/v3/{name}?hash={hash}"));
            (name, Tree::map([("serverRelativeURL", url)]))
        };
        Tree::map([("paths", Tree::map(names.into_iter().map(entry)))])
    }

    fn v3(&self, name: &str, query: &str, accept: &str) -> Document {
        let builtin = data::builtin(self.profile().minor).at(&["v3", name]);
        let customs = self.customs();
        let custom = customs.get(name);
        let hash = match (builtin, custom) {
            (Some(_), _) => self.builtin_hash(name),
            (None, Some(customs)) => custom_hash(customs),
            (None, None) => return Document::empty(404),
        };
        let known = |clause: &str| matches!(media_of(clause), "" | JSON | "application/*" | "*/*");
        if !accept.split(',').any(known) {
            return Document::empty(406);
        }
        let wanted = query.split('&').find_map(|pair| pair.strip_prefix("hash="));
        if wanted.is_some_and(|wanted| wanted != hash) {
            let mut moved = Document::of(Vec::new(), JSON, &hash);
            moved.headers.push(("location", format!("/openapi/v3/{name}?hash={hash}")));
            return Document { code: 301, ..moved };
        }
        let tree = match builtin {
            Some(tree) => tree.clone(),
            None => self.custom_document(custom.map_or(&[][..], Vec::as_slice)),
        };
        let mut document = Document::of(tree.to_json(), JSON, &hash);
        if wanted.is_some() {
            document.headers.push(("cache-control", "public, immutable".to_owned()));
        }
        document
    }

    fn custom_document(&self, customs: &[Custom]) -> Tree {
        let mut schemas = BTreeMap::new();
        let mut paths = BTreeMap::new();
        for custom in customs {
            schemas.extend(custom.schemas(Edition::V3));
            paths.extend(custom.paths(Edition::V3));
        }
        let known = data::builtin(self.profile().minor);
        let known = known.at(&["v3", "apis/apps/v1", "components", "schemas"]);
        let known = known.cloned().unwrap_or_default();
        let whole = Tree::list(schemas.values().chain(paths.values()).cloned());
        let mut needed = Vec::new();
        references(&whole, &mut needed);
        while let Some(name) = needed.pop() {
            if let Some(schema) = known.get(&name).filter(|_| !schemas.contains_key(&name)) {
                references(schema, &mut needed);
                schemas.insert(name, schema::of_clients(schema));
            }
        }
        Tree::from_value(serde_json::json!({
            "openapi": "3.0.0",
            "info": { "title": "Kubernetes CRD Swagger", "version": "v0.1.0" },
        }))
        .with(&["paths"], Tree::map(paths))
        .with(&["components", "schemas"], Tree::map(schemas))
    }

    /// What builtin documents say never changes.
    fn builtin_hash(&self, name: &str) -> String {
        let mut stamp = blake3::Hasher::new();
        stamp.update(format!("1.{} {name}", self.profile().minor).as_bytes());
        hex(&stamp)
    }

    /// The custom kinds that are served, by the name of their document.
    fn customs(&self) -> BTreeMap<String, Vec<Custom>> {
        let mut found: BTreeMap<String, Vec<Custom>> = BTreeMap::new();
        for kind in self.kinds().filter(|kind| kind.custom) {
            let Some(definition) = self.definition(kind) else { continue };
            let custom = Custom::new(kind, definition.tree(), self.profile().minor);
            found.entry(format!("apis/{}", kind.api_version())).or_default().push(custom);
        }
        found
    }
}

fn custom_hash(customs: &[Custom]) -> String {
    let mut stamp = blake3::Hasher::new();
    for custom in customs {
        custom.stamp(&mut stamp);
    }
    hex(&stamp)
}

/// As long as the real ones are.
fn hex(stamp: &blake3::Hasher) -> String {
    let mut bytes = [0; 64];
    stamp.finalize_xof().fill(&mut bytes);
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}

fn media_of(clause: &str) -> &str {
    clause.split(';').next().unwrap_or_default().trim()
}

/// The names of the schemas that a part of a document refers to.
fn references(tree: &Tree, found: &mut Vec<String>) {
    for item in tree.items() {
        references(item, found);
    }
    for (key, value) in tree.entries() {
        match value.as_str().and_then(|text| text.strip_prefix("#/components/schemas/")) {
            Some(name) if key == "$ref" => found.push(name.to_owned()),
            _ => references(value, found),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Profile;
    use crate::request::{Gvr, Request};

    fn server(profile: Profile) -> Server {
        let mut server = Server::new(profile, 1);
        let schema = json!({
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "required": ["size", "mode"],
                    "properties": {
                        "size": { "type": "integer", "description": "How big." },
                        "mode": { "type": "string", "nullable": true },
                        "port": { "x-kubernetes-int-or-string": true },
                        "any": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    },
                },
            },
        });
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": "widgets.stable.example.com" },
            "spec": {
                "group": "stable.example.com", "scope": "Cluster",
                "names": { "plural": "widgets", "kind": "Widget" },
                "versions": [{
                    "name": "v1", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": schema }, "subresources": { "status": {} },
                }],
            },
        });
        let resource = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        let request = Request::create(resource, "", Tree::from_value(definition));
        let response = server.handle(&request, now).done().expect("no watch");
        assert!(response.is_success(), "{response:?}");
        server
    }

    fn document(server: &Server, path: &str) -> Value {
        let document = server.openapi(path, "", "application/json").expect("there is something");
        assert_eq!(document.code, 200);
        serde_json::from_slice(&document.body).expect("a document is JSON")
    }

    #[test]
    fn a_custom_kind_has_a_document_of_v3_with_what_every_object_has() {
        let document = document(&server(Profile::V1_34), "/openapi/v3/apis/stable.example.com/v1");

        let widget = &document["components"]["schemas"]["com.example.stable.v1.Widget"];
        assert_eq!(widget["properties"]["spec"]["properties"]["size"]["description"], "How big.");
        assert_eq!(widget["properties"]["spec"]["properties"]["mode"]["nullable"], true);
        assert_eq!(
            widget["properties"]["spec"]["properties"]["port"]["anyOf"][1]["type"],
            "string"
        );
        let metadata = &widget["properties"]["metadata"]["allOf"][0]["$ref"];
        let name = metadata.as_str().and_then(|text| text.rsplit('/').next()).expect("a reference");
        assert!(document["components"]["schemas"][name]["properties"]["labels"].is_object());
        let paths = document["paths"].as_object().expect("there are paths");
        let root = "/apis/stable.example.com/v1/widgets";
        let expected =
            [root.to_owned(), format!("{root}/{{name}}"), format!("{root}/{{name}}/status")];
        assert!(paths.keys().eq(expected.iter()), "{:?}", paths.keys());
        let patch = &document["paths"][format!("{root}/{{name}}")]["patch"];
        let parameters = patch["parameters"].as_array().expect("it has parameters");
        assert!(parameters.iter().any(|parameter| parameter["name"] == "fieldValidation"));
    }

    #[test]
    fn the_same_kind_in_v2_has_nothing_that_v2_cannot_say() {
        for profile in [Profile::V1_20, Profile::V1_34] {
            let document = document(&server(profile), "/openapi/v2");

            let widget = &document["definitions"]["com.example.stable.v1.Widget"];
            let spec = &widget["properties"]["spec"];
            assert_eq!(spec["properties"]["mode"], json!({}));
            assert_eq!(spec["required"], json!(["size"]));
            assert!(spec["properties"]["any"].get("type").is_none());
            assert!(document["definitions"]["io.k8s.api.core.v1.Pod"].is_object());
        }
    }

    #[test]
    fn a_document_moves_when_its_definition_changes_and_the_index_says_where_to() {
        let mut server = server(Profile::V1_34);
        let url = |server: &Server| {
            let index = document(server, "/openapi/v3");
            let url = &index["paths"]["apis/stable.example.com/v1"]["serverRelativeURL"];
            url.as_str().expect("an address").to_owned()
        };
        let before = url(&server);
        let resource = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
        let patch = json!([{
            "op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "New.",
        }]);
        let request = Request::patch(
            resource,
            "",
            "widgets.stable.example.com",
            crate::request::PatchKind::Json,
            Tree::from_value(patch),
        );
        let now = "2026-01-01T00:01:00Z".parse().expect("a time");
        assert!(server.handle(&request, now).done().is_some_and(|response| response.is_success()));

        let after = url(&server);
        let (path, query) = before.split_once('?').expect("it has a hash");
        let old = server.openapi(path, query, "").expect("there is something");

        assert_ne!(before, after);
        assert_eq!(old.code, 301);
        assert!(old.headers.contains(&("location", after)));
    }

    #[test]
    fn v2_goes_out_in_protobuf_to_who_asks_for_that_alone_and_v3_does_not() {
        let server = server(Profile::V1_34);

        let v2 = server.openapi("/openapi/v2", "", V2_PROTOBUF).expect("there is something");
        let v3 = server.openapi(
            "/openapi/v3/version",
            "",
            "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
        );

        assert_eq!(
            v2.content_type.as_deref(),
            Some("application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
        );
        assert!(v2.body.starts_with(b"\x0a\x032.0"));
        assert_eq!(v3.expect("there is something").code, 406);
        assert_eq!(server.openapi("/openapi/v3/nope", "", "").expect("an answer").code, 404);
    }
}

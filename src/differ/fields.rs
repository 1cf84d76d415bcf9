//! Stories that leave nothing to chance: each is about one field of a kind, which is tried with one odd value after
//! another. Drawing rarely bends a field twice; here every field is bent in every way that is listed.

use serde_json::{Value, json};

use super::draw::place::put;
use super::kinds::{Kind, Schema};
use super::nasty;
use super::story::{Body, Step, Story, Verb};

/// Deeper, fields are those of lists of lists that others share.
const DEEPEST: usize = 14;

/// Where a field is, and what the published schema says of it.
pub struct Field<'a> {
    kind: &'a Kind,
    path: Vec<String>,
    schema: Schema,
}

/// The fields of a kind that stories are about.
pub fn of(kind: &Kind) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    walk(&kind.schema, &mut Vec::new(), &mut Vec::new(), &mut fields);
    let fields = fields.into_iter().filter(|(path, _)| is_asked(kind, path));
    fields.map(|(path, schema)| Field { kind, path, schema }).collect()
}

/// The stories of a field of a template of pods are told once, of pods.
fn is_asked(kind: &Kind, path: &[String]) -> bool {
    let is_pod = matches!(kind.name.as_str(), "v1/pods" | "v1/podtemplates");
    let template = path.iter().position(|part| part == "template");
    let within = template.map(|at| &path[at + 1..]).is_some_and(|rest| rest.len() > 2);
    let of_story = path.len() == 1
        && matches!(path[0].as_str(), "apiVersion" | "kind" | "metadata")
        || path.len() > 1
            && path[0] == "metadata"
            && matches!(path[1].as_str(), "name" | "namespace" | "managedFields");
    !of_story && (is_pod || !within)
}

fn walk(
    schema: &Schema,
    path: &mut Vec<String>,
    above: &mut Vec<Schema>,
    fields: &mut Vec<(Vec<String>, Schema)>,
) {
    if !path.is_empty() {
        fields.push((path.clone(), schema.clone()));
    }
    // A schema within itself has been looked at.
    if path.len() > DEEPEST || above.iter().any(|known| known.is(schema)) {
        return;
    }
    above.push(schema.clone());
    let members = schema.members().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let below = members.into_iter().filter_map(|name| Some((name.clone(), schema.member(&name)?)));
    for (name, below) in below.chain(schema.items().map(|items| ("0".to_owned(), items))) {
        path.push(name);
        walk(&below, path, above, fields);
        path.pop();
    }
    above.pop();
}

impl Field<'_> {
    /// The example is made, then changed in this place by trials of an update, a patch and a creation.
    pub fn story(&self) -> Story {
        let Self { kind, path, schema } = self;
        let name = kind.object_name();
        let collection = kind.collection();
        let object = format!("{collection}/{name}");
        let mut good = kind.example.clone();
        good["apiVersion"] = kind.api_version.as_str().into();
        good["kind"] = kind.kind.as_str().into();
        good["metadata"]["name"] = name.into();
        let step = |verb, method: &str, path: String, media: &str, body: Value| Step {
            verb,
            method: method.to_owned(),
            path,
            content_type: Some(format!("application/{media}")),
            accept: None,
            body: Body::Json(body),
        };
        let mut steps = vec![step(Verb::Create, "POST", collection.clone(), "json", good.clone())];
        let trial = "dryRun=All";
        for value in nasty::each(schema) {
            let mut bent = good.clone();
            put(&mut bent, path, value.clone());
            let mut patch = json!({});
            put(&mut patch, path, value);
            let mut other = bent.clone();
            other["metadata"]["name"] = "${ns}-b".into();
            steps.push(step(Verb::Update, "PUT", format!("{object}?{trial}"), "json", bent));
            steps.push(step(
                Verb::MergePatch,
                "PATCH",
                format!("{object}?{trial}"),
                "merge-patch+json",
                patch,
            ));
            steps.push(step(Verb::Create, "POST", format!("{collection}?{trial}"), "json", other));
        }
        Story { kind: kind.name.clone(), steps }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_field_is_asked_with_every_value_but_what_names_the_object() {
        let text = json!({ "type": "string" });
        let schema = json!({ "type": "object", "properties": {
            "kind": text,
            "metadata": { "type": "object", "properties": { "name": text, "generateName": text } },
            "spec": { "type": "object", "properties": {
                "ports": { "type": "array", "items": { "type": "object", "properties": { "port": { "type": "integer" } } } },
            } },
        } });
        let kind = Kind {
            name: "v1/services".into(),
            api_version: "v1".into(),
            kind: "Service".into(),
            root: "/api/v1".into(),
            plural: "services".into(),
            namespaced: true,
            subresources: Vec::new(),
            schema: Schema::new(Arc::new(json!({})), schema),
            example: json!({ "spec": { "ports": [{ "port": 80 }] } }),
        };

        let fields = of(&kind);
        let paths: Vec<String> = fields.iter().map(|field| field.path.join(".")).collect();
        let story = fields.last().unwrap().story();

        assert_eq!(
            paths,
            ["metadata.generateName", "spec", "spec.ports", "spec.ports.0", "spec.ports.0.port"]
        );
        let Body::Json(bent) = &story.steps[1].body else { panic!("no object") };
        assert_eq!(bent["spec"]["ports"], json!([{ "port": 0 }]));
        assert_eq!(story.steps.len(), 1 + 3 * nasty::each(&fields.last().unwrap().schema).len());
    }
}

//! The schema of a custom kind as clients see it: with what every object has, and for v2 without what v2 cannot say.

use super::custom::Edition;
use crate::object::Tree;

const DOCUMENTS: &str =
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";

/// The schema of objects; `given` is that of the definition, null if it has none.
pub(super) fn object(given: &Tree, edition: Edition) -> Tree {
    let keeps = given.bool_at(&["x-kubernetes-preserve-unknown-fields"]) == Some(true);
    if given.is_null() || edition == Edition::V2 && keeps {
        // More would make clients refuse whatever else there is.
        return Tree::map([("type", Tree::from("object"))]);
    }
    let tree = part(given, edition);
    with_own(&tree, edition)
}

/// The members that tell what an object is.
pub(super) fn with_own(tree: &Tree, edition: Edition) -> Tree {
    let [api_version, kind] = own_words().map(|words| typed("string", &words));
    let metadata = reference(edition, "ObjectMeta", &metadata_words());
    tree.with(&["properties", "apiVersion"], api_version)
        .with(&["properties", "kind"], kind)
        .with(&["properties", "metadata"], metadata)
}

pub(super) fn typed(name: &str, description: &str) -> Tree {
    Tree::map([("description", Tree::from(description)), ("type", name.into())])
}

/// A reference to one of the types that all kinds share, with words of its own.
pub(super) fn reference(edition: Edition, name: &str, description: &str) -> Tree {
    let target = edition.reference(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}"));
    let words = Tree::map([("description", Tree::from(description))]);
    match edition {
        Edition::V2 => words.with(&["$ref"], target),
        Edition::V3 => {
            words.with(&["allOf"], Tree::list([Tree::map([("$ref", Tree::from(target))])]))
        }
    }
}

pub(super) fn own_words() -> [String; 2] {
    [
        format!(
            "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: {DOCUMENTS}#resources"
        ),
        format!(
            "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: {DOCUMENTS}#types-kinds"
        ),
    ]
}

fn metadata_words() -> String {
    format!("Standard object's metadata. More info: {DOCUMENTS}#metadata")
}

pub(super) fn list_words(plural: &str) -> [String; 2] {
    [
        format!("List of {plural}. More info: {DOCUMENTS}"),
        format!("Standard list metadata. More info: {DOCUMENTS}#types-kinds"),
    ]
}

fn part(given: &Tree, edition: Edition) -> Tree {
    let is = |key: &str| given.bool_at(&[key]) == Some(true);
    let keeps = is("x-kubernetes-preserve-unknown-fields");
    let mut tree = given.clone();
    if is("x-kubernetes-int-or-string") && given.get("anyOf").is_none() {
        let types = ["integer", "string"].map(|name| Tree::map([("type", Tree::from(name))]));
        tree = tree.with(&["anyOf"], Tree::list(types));
    }
    if edition == Edition::V2 {
        for junctor in ["allOf", "anyOf", "oneOf", "not", "nullable"] {
            tree = tree.without(&[junctor]);
        }
        // What may be null or anything has no type that an old client could check.
        if is("nullable") || keeps {
            tree = tree.without(&["items"]).without(&["properties"]);
        }
        let kind = tree.str_at(&["type"]).unwrap_or_default();
        let vague = kind == "array" && tree.get("items").is_none() || kind == "object" && keeps;
        if is("nullable") || vague {
            tree = tree.without(&["type"]);
        }
        tree = without_nullable(&tree, given);
    }
    let properties = tree.get("properties").cloned().unwrap_or_default();
    if properties.is_map() {
        let members = properties.entries().map(|(name, schema)| (name, part(schema, edition)));
        tree = tree.with(&["properties"], Tree::map(members));
    }
    for below in ["items", "additionalProperties"] {
        if let Some(schema) = tree.get(below).filter(|schema| schema.is_map()).cloned() {
            tree = tree.with(&[below], part(&schema, edition));
        }
    }
    if is("x-kubernetes-embedded-resource") && !(edition == Edition::V2 && keeps) {
        tree = embedded(&tree, edition);
    }
    tree
}

/// Old clients refuse null for what is required.
fn without_nullable(tree: &Tree, given: &Tree) -> Tree {
    let nullable = |name: &str| given.bool_at(&["properties", name, "nullable"]) == Some(true);
    let Some(required) = tree.get("required") else { return tree.clone() };
    let kept: Vec<Tree> = required
        .items()
        .iter()
        .filter(|name| !name.as_str().is_some_and(nullable))
        .cloned()
        .collect();
    if kept.is_empty() { tree.without(&["required"]) } else { tree.with(&["required"], kept) }
}

/// An object within an object.
fn embedded(tree: &Tree, edition: Edition) -> Tree {
    let words = [
        format!(
            "apiVersion defines the versioned schema of this representation of an object. More info: {DOCUMENTS}#resources"
        ),
        format!(
            "kind is a string value representing the type of this object. In CamelCase. More info: {DOCUMENTS}#types-kinds"
        ),
    ];
    let mut required: Vec<Tree> =
        tree.get("required").map(|required| required.items().to_vec()).unwrap_or_default();
    for name in ["kind", "apiVersion"] {
        if !required.iter().any(|known| known.as_str() == Some(name)) {
            required.push(name.into());
        }
    }
    tree.with(&["properties", "apiVersion"], typed("string", &words[0]))
        .with(&["properties", "kind"], typed("string", &words[1]))
        .with(&["properties", "metadata"], reference(edition, "ObjectMeta", &metadata_words()))
        .with(&["required"], required)
}

/// A schema that all groups share, as the documents of custom kinds have it: they are made by a part of the server that
/// knows the groups of clients only.
pub(super) fn of_clients(schema: &Tree) -> Tree {
    const UNKNOWN: &[&str] = &[
        "admission.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "imagepolicy.k8s.io",
    ];
    let key = ["x-kubernetes-group-version-kind"];
    let Some(kinds) = schema.at(&key) else { return schema.clone() };
    let known =
        |kind: &&Tree| !kind.str_at(&["group"]).is_some_and(|group| UNKNOWN.contains(&group));
    schema.with(&key, Tree::list(kinds.items().iter().filter(known).cloned()))
}

//! The nodes of a custom kind, from the `openAPIV3Schema` of its definition.

use std::sync::Arc;

use super::logic::Logic;
use super::rule::Rule;
use super::{Flags, Limits, ListType, Member, Node, Ref, Traits, Type, format};
use crate::{Tree, object::text};

pub(super) fn root(schema: &Tree) -> Ref {
    let mut node = compile(schema);
    // These stand in every object, whatever the schema says of them.
    node.members.retain(|member| !matches!(&*member.name, "apiVersion" | "kind" | "metadata"));
    Ref::Own(Arc::new(node))
}

pub(super) fn own(schema: &Tree) -> Ref {
    Ref::Own(Arc::new(compile(schema)))
}

fn compile(schema: &Tree) -> Node {
    let on = |key: &str| schema.get(key).and_then(Tree::as_bool).unwrap_or(false);
    let mut node = Node {
        kind: kind(schema),
        nullable: on("nullable"),
        preserve: on("x-kubernetes-preserve-unknown-fields"),
        embedded: on("x-kubernetes-embedded-resource"),
        ..Node::default()
    };
    if on("x-kubernetes-int-or-string") {
        node.kind = Type::IntOrString;
    }
    node.list = match schema.str_at(&["x-kubernetes-list-type"]) {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(texts(schema.get("x-kubernetes-list-map-keys"))),
        _ => ListType::Atomic,
    };
    node.atomic = node.kind == Type::List && node.list == ListType::Atomic
        || schema.str_at(&["x-kubernetes-map-type"]) == Some("atomic");
    let required = texts(schema.get("required"));
    for (name, property) in schema.get("properties").into_iter().flat_map(Tree::entries) {
        let name = text(name);
        node.members.push(Member {
            flags: Flags { required: required.contains(&name), ..Flags::default() },
            default: property.get("default").cloned(),
            node: own(property),
            name,
        });
    }
    // A required member without a property of its own (`anyOf` siblings) still has to be there.
    for name in required.iter().filter(|name| schema.at(&["properties", name]).is_none()) {
        let node_of_any = Node { preserve: true, nullable: true, ..Node::default() };
        let flags = Flags { required: true, ..Flags::default() };
        let member = Member {
            name: name.clone(),
            node: Ref::Own(Arc::new(node_of_any)),
            default: None,
            flags,
        };
        node.members.push(member);
    }
    node.members.sort_by(|a, b| a.name.cmp(&b.name));
    node.items = schema.get("items").filter(|items| items.is_map()).map(own);
    node.additional = match schema.get("additionalProperties") {
        Some(values) if values.is_map() => Some(own(values)),
        Some(values) if values.as_bool() == Some(true) => {
            Some(Ref::Own(Arc::new(Node { preserve: true, nullable: true, ..Node::default() })))
        }
        _ => None,
    };
    node.limits = limits(schema).map(Box::new);
    let rules = schema.get("x-kubernetes-validations");
    node.rules = rules.map_or(&[][..], Tree::items).iter().filter_map(Rule::compile).collect();
    node.traits = traits(&node);
    node
}

fn kind(schema: &Tree) -> Type {
    match schema.str_at(&["type"]) {
        Some("object") => Type::Object,
        Some("array") => Type::List,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Bool,
        _ => Type::Any,
    }
}

fn texts(list: Option<&Tree>) -> Vec<Arc<str>> {
    list.map_or(&[][..], Tree::items).iter().filter_map(Tree::as_text).cloned().collect()
}

/// `None` if the schema has none of the keywords.
pub(super) fn limits(schema: &Tree) -> Option<Limits> {
    // Few schemas have any, and asking for each of them is most of what compiling would cost.
    if !schema.entries().any(|(key, _)| is_limit(key)) {
        return None;
    }
    let number = |key: &str| schema.get(key).and_then(Tree::as_f64);
    let count =
        |key: &str| schema.get(key).and_then(Tree::as_i64).and_then(|n| u64::try_from(n).ok());
    let on = |key: &str| schema.get(key).and_then(Tree::as_bool).unwrap_or(false);
    Some(Limits {
        enumeration: schema.get("enum").map(|values| values.items().to_vec()).unwrap_or_default(),
        minimum: number("minimum").map(|limit| (limit, on("exclusiveMinimum"))),
        maximum: number("maximum").map(|limit| (limit, on("exclusiveMaximum"))),
        multiple_of: number("multipleOf"),
        min_length: count("minLength"),
        max_length: count("maxLength"),
        pattern: schema.str_at(&["pattern"]).map(format::Pattern::new),
        format: schema.get("format").and_then(Tree::as_text).cloned(),
        min_items: count("minItems"),
        max_items: count("maxItems"),
        unique_items: on("uniqueItems"),
        min_properties: count("minProperties"),
        max_properties: count("maxProperties"),
        logic: Logic::compile(schema).map(Box::new),
    })
}

fn is_limit(key: &str) -> bool {
    matches!(
        key,
        "enum"
            | "minimum"
            | "maximum"
            | "multipleOf"
            | "minLength"
            | "maxLength"
            | "pattern"
            | "format"
            | "minItems"
            | "maxItems"
            | "uniqueItems"
            | "minProperties"
            | "maxProperties"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "not"
    )
}

fn traits(node: &Node) -> Traits {
    let children = node.members.iter().map(|member| &member.node);
    let children = children.chain(&node.items).chain(&node.additional);
    let mut traits = Traits {
        defaults: node.members.iter().any(|member| member.default.is_some()),
        embeds: node.embedded,
        unique: node.list != ListType::Atomic,
        rules: !node.rules.is_empty(),
        transitions: node.rules.iter().any(Rule::may_fail_unchanged),
    };
    for child in children {
        traits.embeds |= child.traits.embeds;
        traits.unique |= child.traits.unique;
        traits.rules |= child.traits.rules;
        traits.transitions |= child.traits.transitions;
    }
    traits
}

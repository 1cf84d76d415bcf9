//! The nodes of a custom kind, from the `openAPIV3Schema` of its definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::logic::Logic;
use super::rule::Rule;
use super::{Flags, Limits, ListType, Member, Node, Ref, Traits, Type, format};
use crate::{Tree, object::text};

/// What schemas became, by the memory that they are in: one that stands at many places of a definition, in one memory, is
/// one node. Which address that is decides nothing.
pub(super) type Known = BTreeMap<usize, Ref>;

pub(super) fn root(schema: &Tree) -> Ref {
    let mut node = compile(schema, &mut Known::new());
    // These stand in every object, whatever the schema says of them.
    node.members.retain(|member| !matches!(&*member.name, "apiVersion" | "kind" | "metadata"));
    Ref::Own(Arc::new(node))
}

pub(super) fn own(schema: &Tree, known: &mut Known) -> Ref {
    let address = schema.address();
    if let Some(node) = known.get(&address) {
        return node.clone();
    }
    let node = Ref::Own(Arc::new(compile(schema, known)));
    known.insert(address, node.clone());
    node
}

/// In one pass over the keywords: definitions have ten thousand of such schemas, most with two or three keywords.
fn compile(schema: &Tree, known: &mut Known) -> Node {
    let mut node = Node::default();
    let (mut is_either, mut has_limits) = (false, false);
    let (mut list_type, mut map_type) = (None, None);
    let (mut properties, mut required) = (None, Vec::new());
    for (keyword, value) in schema.entries() {
        let on = value.as_bool() == Some(true);
        match keyword {
            "type" => node.kind = kind(value),
            "properties" => properties = Some(value),
            "required" => required = texts(Some(value)),
            "items" if value.is_map() => node.items = Some(own(value, known)),
            "additionalProperties" if value.is_map() => node.additional = Some(own(value, known)),
            "additionalProperties" if on => node.additional = Some(anything()),
            "nullable" => node.nullable = on,
            "x-kubernetes-preserve-unknown-fields" => node.preserve = on,
            "x-kubernetes-embedded-resource" => node.embedded = on,
            "x-kubernetes-int-or-string" => is_either = on,
            "x-kubernetes-list-type" => list_type = value.as_str(),
            "x-kubernetes-map-type" => map_type = value.as_str(),
            "x-kubernetes-validations" => {
                node.rules = value.items().iter().filter_map(Rule::compile).collect();
            }
            _ => has_limits |= is_limit(keyword),
        }
    }
    if is_either {
        node.kind = Type::IntOrString;
    }
    node.list = match list_type {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(texts(schema.get("x-kubernetes-list-map-keys"))),
        _ => ListType::Atomic,
    };
    node.atomic =
        node.kind == Type::List && node.list == ListType::Atomic || map_type == Some("atomic");
    for (name, property) in properties.into_iter().flat_map(Tree::entries) {
        let name = text(name);
        node.members.push(Member {
            flags: Flags { required: required.contains(&name), ..Flags::default() },
            default: property.get("default").cloned(),
            node: own(property, known),
            name,
        });
    }
    required.retain(|name| properties.is_none_or(|all| all.get(name).is_none()));
    let has_limits = has_limits || !required.is_empty();
    node.limits = has_limits.then(|| Box::new(Limits { required, ..limits(schema, known) }));
    node.traits = traits(&node);
    node
}

fn anything() -> Ref {
    Ref::Own(Arc::new(Node { nullable: true, ..Node::default() }))
}

fn kind(name: &Tree) -> Type {
    match name.as_str() {
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

fn limits(schema: &Tree, known: &mut Known) -> Limits {
    let number = |key: &str| schema.get(key).and_then(Tree::as_f64);
    let count =
        |key: &str| schema.get(key).and_then(Tree::as_i64).and_then(|n| u64::try_from(n).ok());
    let on = |key: &str| schema.get(key).and_then(Tree::as_bool).unwrap_or(false);
    Limits {
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
        logic: Logic::compile(schema, known).map(Box::new),
        required: Vec::new(),
    }
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

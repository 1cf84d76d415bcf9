//! What the real server says of a strategic merge whose result does not fit its type: it reads that from a map, not
//! from JSON, and names Go's kinds of values.

use super::{Node, Type};
use crate::Tree;

/// The first value that cannot be put where it stands.
pub(crate) fn misfit(node: &Node, tree: &Tree) -> Option<String> {
    if tree.is_null() {
        return None;
    }
    let found = kind_of(tree);
    match node.kind {
        Type::Object => {
            if !tree.is_map() {
                let what = if node.additional.is_some() { "map from" } else { "struct from:" };
                return Some(format!("cannot restore {what} {found}"));
            }
            let mut below = tree.entries().filter_map(|(key, value)| {
                let child = node.member(key).map(|member| &member.node);
                misfit(child.or(node.additional.as_ref())?, value)
            });
            below.next()
        }
        Type::List if !tree.is_list() => Some(format!("cannot restore slice from {found}")),
        Type::List => {
            let items = node.items.as_deref()?;
            tree.items().iter().find_map(|item| misfit(items, item))
        }
        Type::String if !tree.is_string() => Some(unfit(tree, "string")),
        Type::Bool if tree.as_bool().is_none() => Some(unfit(tree, "bool")),
        Type::Int32 if tree.as_i64().is_none() => Some(unfit(tree, "int32")),
        Type::Integer if tree.as_i64().is_none() => Some(unfit(tree, "int64")),
        Type::Number if !tree.is_number() => Some(unfit(tree, "float64")),
        _ => None,
    }
}

/// A complaint of the decoder, where it is asked by who reads from a map.
pub(crate) fn said(why: &str) -> String {
    let lead = if why.starts_with("illegal base64") { "error decoding from json: " } else { "" };
    format!("{lead}{why}")
}

/// The tree with numbers cut to what holds them, as Go does without a word.
pub(crate) fn cut(node: &Node, tree: &Tree) -> Tree {
    if tree.is_map() {
        let below = tree.entries().map(|(key, value)| {
            let child = node.member(key).map(|member| &member.node).or(node.additional.as_ref());
            (key, child.map_or_else(|| value.clone(), |child| cut(child, value)))
        });
        return Tree::map(below).sharing(tree);
    }
    if tree.is_list() {
        let Some(items) = node.items.as_deref() else { return tree.clone() };
        return Tree::list(tree.items().iter().map(|item| cut(items, item))).sharing(tree);
    }
    match tree.as_i64() {
        #[expect(clippy::cast_possible_truncation, reason = "that is what Go does")]
        Some(number) if node.kind == Type::Int32 => Tree::from(i64::from(number as i32)),
        _ => tree.clone(),
    }
}

fn kind_of(tree: &Tree) -> &'static str {
    match tree.type_name() {
        "boolean" => "bool",
        "integer" => "int64",
        "number" => "float64",
        "array" => "slice",
        "object" => "map",
        other => other,
    }
}

/// Go converts between numbers, and a number to a letter: what else does not fit, it does not know at all.
fn unfit(tree: &Tree, wanted: &str) -> String {
    let found = kind_of(tree);
    let converts = match wanted {
        "string" => matches!(found, "int64" | "slice"),
        "bool" => false,
        _ => matches!(found, "int64" | "float64"),
    };
    match (converts, found) {
        (true, "slice") => format!("unrecognized type: {wanted}"),
        (true, _) => format!("cannot convert {found} to {wanted}"),
        _ => format!("unrecognized type: {wanted}"),
    }
}

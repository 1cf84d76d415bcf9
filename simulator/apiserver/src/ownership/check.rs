//! Whether an applied object has the form of its kind, in the words of the library that Kubernetes uses for it.

use super::shape::{Form, Known, Shape};
use crate::golang;
use crate::object::Tree;
use crate::schema::Type;

/// What is wrong, or nothing.
pub(super) fn fault(shape: Shape<'_>, tree: &Tree) -> Option<String> {
    let mut faults = Vec::new();
    check(shape, tree, "", &mut faults);
    match faults.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let lines: Vec<String> = several.iter().map(|fault| format!("\n  {fault}")).collect();
            Some(format!("errors:{}", lines.concat()))
        }
    }
}

/// Whether elements of a list cannot be told apart.
pub(super) fn is_ambiguous(shape: Shape<'_>, tree: &Tree) -> bool {
    if tree.is_map() {
        return tree.entries().any(|(name, value)| is_ambiguous(shape.below(name), value));
    }
    let list = shape.node().map(|node| &node.list);
    if let (Form::Elements(_), Some(list)) = (shape.form(None, Some(tree)), list) {
        let mut seen = Vec::new();
        for item in tree.items() {
            match shape.step(list, item) {
                Ok(step) if !seen.contains(&step) => seen.push(step),
                _ => return true,
            }
        }
    }
    tree.items().iter().any(|item| is_ambiguous(shape.element(), item))
}

/// Whether there is an element of a list that has nothing to be known by.
pub(super) fn is_keyless(shape: Shape<'_>, tree: &Tree) -> bool {
    if tree.is_map() {
        return tree.entries().any(|(name, value)| is_keyless(shape.below(name), value));
    }
    let list = shape.node().map(|node| &node.list);
    if let (Form::Elements(_), Some(list)) = (shape.form(None, Some(tree)), list)
        && tree.items().iter().any(|item| shape.step(list, item).is_err())
    {
        return true;
    }
    tree.items().iter().any(|item| is_keyless(shape.element(), item))
}

fn check(shape: Shape<'_>, tree: &Tree, path: &str, faults: &mut Vec<String>) {
    let mut say = |path: &str, what: String| {
        faults.push(if path.is_empty() { what } else { format!("{path}: {what}") });
    };
    if tree.is_null() {
        return;
    }
    let kind = shape.node().map_or(Type::Any, |node| node.kind);
    match kind {
        // What may be a number or a text is not looked at in objects of custom kinds, nor by newer servers.
        Type::IntOrString if shape.is_custom() || shape.minor() >= 27 => {}
        Type::Object if !tree.is_map() => {
            say(path, format!("expected map, got &{{{}}}", shown(tree)));
        }
        Type::List if !tree.is_list() => {
            say(path, format!("expected list, got &{{{}}}", shown(tree)));
        }
        Type::Int32 | Type::Integer | Type::Number if !tree.is_number() => {
            say(path, format!("expected numeric (int or float), got {}", golang::value_type(tree)));
        }
        Type::Bool if tree.as_bool().is_none() => {
            say(path, format!("expected boolean, got &{{{}}}", shown(tree)));
        }
        Type::String | Type::Bytes if !tree.is_string() => {
            say(
                path,
                format!("expected string, got &value.valueUnstructured{{Value:{}}}", syntax(tree)),
            );
        }
        Type::Quantity | Type::IntOrString | Type::Time | Type::MicroTime
            if tree.is_map() || tree.is_list() =>
        {
            say(path, format!("expected any scalar, got &{{{}}}", shown(tree)));
        }
        Type::List => list(shape, tree, path, faults),
        _ if tree.is_map() => members(shape, tree, path, faults),
        _ => {}
    }
}

fn members(shape: Shape<'_>, tree: &Tree, path: &str, faults: &mut Vec<String>) {
    for (name, value) in tree.entries() {
        let path = format!("{path}.{name}");
        match shape.member(name) {
            Known::Field(below) | Known::Any(below) => check(below, value, &path, faults),
            Known::Nothing => {
                // What comes after it is not looked at.
                faults.push(format!("{path}: field not declared in schema"));
                return;
            }
        }
    }
}

fn list(shape: Shape<'_>, tree: &Tree, path: &str, faults: &mut Vec<String>) {
    let list = shape.node().map(|node| &node.list);
    let mut seen = Vec::new();
    for (at, item) in tree.items().iter().enumerate() {
        let below = match (shape.form(None, Some(tree)), list) {
            (Form::Elements(_), Some(list)) => match shape.step(list, item) {
                Ok(step) => {
                    if seen.contains(&step) {
                        faults.push(format!("{path}: duplicate entries for key {step}"));
                    }
                    let below = format!("{path}{step}");
                    seen.push(step);
                    below
                }
                Err(why) => {
                    faults.push(format!("{path}: element {at}: {why}"));
                    return;
                }
            },
            _ => format!("{path}[{at}]"),
        };
        check(shape.element(), item, &below, faults);
    }
}

/// A value as Go's own source would have it.
fn syntax(tree: &Tree) -> String {
    if tree.is_list() {
        let items: Vec<String> = tree.items().iter().map(syntax).collect();
        return format!("[]interface {{}}{{{}}}", items.join(", "));
    }
    if tree.is_map() {
        let members =
            tree.entries().map(|(key, value)| format!("{}:{}", golang::quote(key), syntax(value)));
        let members: Vec<String> = members.collect();
        return format!("map[string]interface {{}}{{{}}}", members.join(", "));
    }
    match tree.as_str() {
        Some(text) => golang::quote(text),
        None if tree.is_null() => "interface {}(nil)".to_owned(),
        None => tree.to_string(),
    }
}

fn shown(tree: &Tree) -> String {
    golang::print(tree)
}

//! Whether an applied object has the form of its kind, in the words of the library that Kubernetes uses for it.

use std::fmt;

use super::set::Element;
use super::shape::{Form, Known, Shape};
use crate::golang;
use crate::object::Tree;
use crate::schema::{FIELDS, Type};

/// What is wrong with an applied object, or nothing.
pub(super) fn fault(shape: Shape<'_>, tree: &Tree) -> Option<String> {
    told(&faults(shape, tree, false))
}

/// The same of an object that is stored, or is to be: elements that cannot be told apart are let pass.
pub(super) fn fault_of_stored(shape: Shape<'_>, tree: &Tree) -> Option<String> {
    told(&faults(shape, tree, true))
}

fn faults(shape: Shape<'_>, tree: &Tree, let_pass_twins: bool) -> Vec<String> {
    let mut faults = Faults { said: Vec::new(), let_pass_twins };
    check(shape, tree, &At::Root, &mut faults);
    faults.said
}

fn told(faults: &[String]) -> Option<String> {
    match faults {
        [] => None,
        [one] => Some(one.clone()),
        several => {
            let lines: Vec<String> = several.iter().map(|fault| format!("\n  {fault}")).collect();
            Some(format!("errors:{}", lines.concat()))
        }
    }
}

struct Faults {
    said: Vec<String>,
    /// Elements of one key.
    let_pass_twins: bool,
}

impl Faults {
    fn say(&mut self, at: &At<'_>, what: impl fmt::Display) {
        let at = at.to_string();
        self.said.push(if at.is_empty() { what.to_string() } else { format!("{at}: {what}") });
    }
}

/// Where a walk through an object is; printed only if something is wrong there.
enum At<'a> {
    Root,
    Member(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
    Element(&'a At<'a>, &'a Element),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(up, name) => write!(f, "{up}.{name}"),
            Self::Item(up, index) => write!(f, "{up}[{index}]"),
            Self::Element(up, step) => write!(f, "{up}{step}"),
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

fn is_map(shape: Shape<'_>) -> bool {
    shape.node().is_some_and(|node| node.kind == Type::Object || node.type_name == FIELDS)
}

fn check(shape: Shape<'_>, tree: &Tree, at: &At<'_>, faults: &mut Faults) {
    if tree.is_null() {
        return;
    }
    let kind = shape.node().map_or(Type::Any, |node| node.kind);
    match kind {
        // What may be a number or a text is not looked at in objects of custom kinds, nor by newer servers.
        Type::IntOrString if shape.is_custom() || shape.minor() >= 27 => {}
        Type::Object | Type::Any if is_map(shape) && !tree.is_map() => {
            faults.say(at, format_args!("expected map, got &{{{}}}", shown(tree)));
        }
        Type::List if !tree.is_list() => {
            faults.say(at, format_args!("expected list, got &{{{}}}", shown(tree)));
        }
        Type::Int32 | Type::Integer | Type::Number if !tree.is_number() => {
            let got = golang::value_type(tree);
            faults.say(at, format_args!("expected numeric (int or float), got {got}"));
        }
        Type::Bool if tree.as_bool().is_none() => {
            faults.say(at, format_args!("expected boolean, got &{{{}}}", shown(tree)));
        }
        Type::String if shape.is_of_any_scalar() => any_scalar(tree, at, faults),
        Type::String | Type::Bytes if !tree.is_string() => {
            let got = syntax(tree);
            let why = format_args!("expected string, got &value.valueUnstructured{{Value:{got}}}");
            faults.say(at, why);
        }
        Type::Quantity | Type::IntOrString | Type::Time | Type::MicroTime => {
            any_scalar(tree, at, faults);
        }
        Type::List => list(shape, tree, at, faults),
        _ if tree.is_map() => members(shape, tree, at, faults),
        _ => {}
    }
}

fn any_scalar(tree: &Tree, at: &At<'_>, faults: &mut Faults) {
    if tree.is_map() || tree.is_list() {
        faults.say(at, format_args!("expected any scalar, got &{{{}}}", shown(tree)));
    }
}

fn members(shape: Shape<'_>, tree: &Tree, at: &At<'_>, faults: &mut Faults) {
    for (name, value) in tree.entries() {
        let at = At::Member(at, name);
        match shape.member(name) {
            Known::Field(below) | Known::Any(below) => check(below, value, &at, faults),
            Known::Nothing => {
                // What comes after it is not looked at.
                faults.say(&at, "field not declared in schema");
                return;
            }
        }
    }
}

fn list(shape: Shape<'_>, tree: &Tree, at: &At<'_>, faults: &mut Faults) {
    let list = shape.node().map(|node| &node.list);
    let mut seen = Vec::new();
    for (index, item) in tree.items().iter().enumerate() {
        let (Form::Elements(_), Some(list)) = (shape.form(None, Some(tree)), list) else {
            check(shape.element(), item, &At::Item(at, index), faults);
            continue;
        };
        match shape.step(list, item) {
            Ok(step) => {
                if !faults.let_pass_twins && seen.contains(&step) {
                    faults.say(at, format_args!("duplicate entries for key {step}"));
                }
                check(shape.element(), item, &At::Element(at, &step), faults);
                seen.push(step);
            }
            Err(why) => {
                faults.say(at, format_args!("element {index}: {why}"));
                return;
            }
        }
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

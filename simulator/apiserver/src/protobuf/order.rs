//! Objects as Go writes them to JSON: members in the order of their types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

use super::table::{Field, Message, Shape, Type};
use crate::golang;
use crate::object::Tree;

/// Types whose members are not in the order of their numbers.
static OTHERS: LazyLock<BTreeMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let lines = include_str!("../../tables/order.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once(' '));
    words.map(|(name, members)| (name, members.split(' ').collect())).collect()
});

/// Places in an object that was written, then changed as a map: what is on the way has the order of a map, what is given
/// has it down to its leaves, and all else is still as it was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    pub on_the_way: BTreeSet<Vec<String>>,
    pub given: BTreeSet<Vec<String>>,
}

/// An object of a kind of `api_version` (`v1`, `Pod`).
pub(crate) fn json(tree: &Tree, api_version: &str, kind: &str, touched: &Touched) -> String {
    let mut out = String::new();
    let place = Place::of(api_version, kind);
    Printer { out: &mut out, touched, path: Vec::new() }.any(tree, place, false);
    out
}

const SCHEMA: &str = "apiextensions.v1.JSONSchemaProps";

/// Where in an object of a builtin kind a value stands, as far as that says in which order its members are written.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    message: Option<&'static Message>,
    /// The message is that of each member.
    by_key: bool,
    /// It is not from the server's own text, but from a client's.
    given: bool,
}

impl Place {
    /// Where members have the order of a map.
    pub(crate) const ANYWHERE: Self = Self { message: None, by_key: false, given: false };

    /// In the body of a patch.
    pub(crate) const GIVEN: Self = Self { given: true, ..Self::ANYWHERE };

    pub(crate) fn of(api_version: &str, kind: &str) -> Self {
        Self { message: Message::of(api_version, kind), ..Self::ANYWHERE }
    }

    /// The members of a map as they are written, each with its place.
    pub(crate) fn members(self, tree: &Tree) -> Vec<(&str, &Tree, Self)> {
        let fields = self.fields();
        let below = |name: &str| match fields.iter().find(|field| field.name == name) {
            Some(Field { shape, kind: Type::Message(message), .. }) => {
                Self { message: Some(*message), by_key: *shape == Shape::Map, ..self }
            }
            // A schema, where it is no yes or no or list of names.
            Some(Field {
                shape, kind: Type::OrSchemas | Type::OrBool | Type::OrStrings, ..
            }) => Self { message: Message::named(SCHEMA), by_key: *shape == Shape::Map, ..self },
            None if self.by_key => Self { by_key: false, ..self },
            _ => Self { given: self.given, ..Self::ANYWHERE },
        };
        let mut members: Vec<_> =
            tree.entries().map(|(name, value)| (name, value, below(name))).collect();
        if let (Some(message), false) = (self.message, self.by_key) {
            members.sort_by_key(|(name, ..)| order(message, &fields, name));
        }
        members
    }

    /// Whether a text stands there as a client would write it: Go writes some letters by their numbers.
    pub(crate) fn is_plain(self, text: &str) -> bool {
        self.given || golang::html_safe(text) == text
    }

    fn fields(self) -> Vec<&'static Field> {
        self.message.filter(|_| !self.by_key).map(all_fields).unwrap_or_default()
    }

    /// A value that nobody has looked into since it was written.
    pub(crate) fn write(self, tree: &Tree, out: &mut String) {
        Printer { out, touched: &Touched::default(), path: Vec::new() }.any(tree, self, true);
    }
}

struct Printer<'a> {
    out: &'a mut String,
    touched: &'a Touched,
    path: Vec<String>,
}

impl Printer<'_> {
    /// `raw`: nothing from here on was touched.
    fn any(&mut self, tree: &Tree, place: Place, raw: bool) {
        if !raw && self.touched.given.contains(&self.path) {
            return leaf(tree, self.out);
        }
        let raw = raw || !self.touched.on_the_way.contains(&self.path);
        if tree.is_map() {
            let mut members = place.members(tree);
            if !raw {
                members.sort_by_key(|(name, ..)| *name);
            }
            self.out.push('{');
            for (at, (name, value, place)) in members.into_iter().enumerate() {
                if at > 0 {
                    self.out.push(',');
                }
                leaf(&Tree::from(name), self.out);
                self.out.push(':');
                self.below(name.to_owned(), value, place, raw);
            }
            self.out.push('}');
        } else if tree.is_list() {
            self.out.push('[');
            for (at, item) in tree.items().iter().enumerate() {
                if at > 0 {
                    self.out.push(',');
                }
                self.below(at.to_string(), item, place, raw);
            }
            self.out.push(']');
        } else {
            leaf(tree, self.out);
        }
    }

    fn below(&mut self, step: String, value: &Tree, place: Place, raw: bool) {
        self.path.push(step);
        self.any(value, place, raw);
        self.path.pop();
    }
}

fn leaf(tree: &Tree, out: &mut String) {
    let _written = write!(out, "{tree}");
}

/// With those of messages whose members stand in their place.
fn all_fields(message: &'static Message) -> Vec<&'static Field> {
    let mut all = Vec::new();
    for field in message.fields() {
        match field.kind {
            Type::Message(inner) if field.inline => all.extend(all_fields(inner)),
            _ => all.push(field),
        }
    }
    all
}

fn order(message: &Message, fields: &[&'static Field], name: &str) -> usize {
    // What an object is stands before what it has.
    match name {
        "kind" if fields.iter().any(|field| field.name == "metadata") => return 0,
        "apiVersion" if fields.iter().any(|field| field.name == "metadata") => return 1,
        _ => {}
    }
    let place = match OTHERS.get(message.name) {
        Some(names) => names.iter().position(|known| *known == name),
        None => fields.iter().position(|field| field.name == name),
    };
    2 + place.unwrap_or(fields.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_touched_is_in_the_order_of_its_type() {
        let pod = Tree::from_json(
            br#"{"metadata":{"labels":{"b":"c"},"name":"a"},"spec":{"containers":[{"image":"i","name":"n","env":[]}],"volumes":[]}}"#,
        );
        let pod = pod.expect("a tree");
        let mut touched = Touched::default();
        touched.on_the_way.extend([vec![], vec!["spec".to_owned()]]);

        let text = json(&pod, "v1", "Pod", &touched);

        assert_eq!(
            text,
            r#"{"metadata":{"name":"a","labels":{"b":"c"}},"spec":{"containers":[{"name":"n","image":"i","env":[]}],"volumes":[]}}"#
        );
    }
}

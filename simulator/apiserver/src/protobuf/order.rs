//! Objects as Go writes them to JSON: members in the order of their types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

use super::table::{Field, Message, Shape, Type};
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
    let message = Message::of(api_version, kind);
    let mut out = String::new();
    Printer { out: &mut out, touched, path: Vec::new() }.any(tree, message, false);
    out
}

struct Printer<'a> {
    out: &'a mut String,
    touched: &'a Touched,
    path: Vec<String>,
}

impl Printer<'_> {
    /// `raw`: nothing from here on was touched.
    fn any(&mut self, tree: &Tree, message: Option<&'static Message>, raw: bool) {
        if !raw && self.touched.given.contains(&self.path) {
            return self.leaf(tree);
        }
        let raw = raw || !self.touched.on_the_way.contains(&self.path);
        if tree.is_map() {
            let fields = message.map(all_fields).unwrap_or_default();
            let mut members: Vec<(&str, &Tree)> = tree.entries().collect();
            if raw && let Some(message) = message {
                let place = |name: &str| order(message, &fields, name);
                members.sort_by_key(|(name, _)| place(name));
            }
            self.out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    self.out.push(',');
                }
                self.leaf(&Tree::from(name));
                self.out.push(':');
                let field = fields.iter().find(|field| field.name == name);
                self.below(name, value, field.copied(), raw);
            }
            self.out.push('}');
        } else if tree.is_list() {
            self.list(tree, message, raw);
        } else {
            self.leaf(tree);
        }
    }

    fn below(&mut self, name: &str, value: &Tree, field: Option<&'static Field>, raw: bool) {
        self.path.push(name.to_owned());
        match field.map(|field| (field.shape, field.kind)) {
            Some((Shape::Map, Type::Message(message))) => {
                self.out.push('{');
                for (at, (key, value)) in value.entries().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    self.leaf(&Tree::from(key));
                    self.out.push(':');
                    self.path.push(key.to_owned());
                    self.any(value, Some(message), raw);
                    self.path.pop();
                }
                self.out.push('}');
            }
            Some((_, Type::Message(message))) => self.any(value, Some(message), raw),
            _ => self.any(value, None, raw),
        }
        self.path.pop();
    }

    fn list(&mut self, tree: &Tree, message: Option<&'static Message>, raw: bool) {
        self.out.push('[');
        for (at, item) in tree.items().iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.path.push(at.to_string());
            self.any(item, message, raw);
            self.path.pop();
        }
        self.out.push(']');
    }

    fn leaf(&mut self, tree: &Tree) {
        let _written = write!(self.out, "{tree}");
    }
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

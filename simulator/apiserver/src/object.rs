//! Objects as immutable trees with shared children.
//!
//! A change copies the nodes on the way to what changed and shares the rest, so one more revision of a
//! large Pod costs a few hundred bytes, comparing two revisions looks only where they differ, and what is
//! shared with a revision that was already validated need not be validated again.
//!
//! **Invariants:** the members of a map are sorted by key and no key stands twice; an integer that fits
//! `i64` is never kept in another form.

mod de;
mod revision;
mod ser;
pub(crate) mod shown;
pub(crate) mod text;
pub(crate) mod walk;

use std::sync::Arc;

pub use de::DecodeError;
pub use revision::{Object, Operation, Owner, Write};
pub(crate) use shown::Shown;
pub(crate) use text::{equal, text};

/// A JSON value that is cheap to clone and cheap to change.
#[derive(Clone)]
pub struct Tree(Node);

#[derive(Clone)]
enum Node {
    Null,
    Bool(bool),
    Int(i64),
    /// Above `i64::MAX`.
    Big(u64),
    Float(f64),
    Text(Arc<str>),
    List(Arc<[Tree]>),
    Map(Arc<[Member]>),
}

type Member = (Arc<str>, Tree);

/// Members that are found sooner one by one: comparing lengths tells most of them apart.
const FEW: usize = 16;

impl Tree {
    pub const fn null() -> Self {
        Self(Node::Null)
    }

    pub fn empty_map() -> Self {
        Self(Node::Map(Arc::from([])))
    }

    pub fn list(items: impl IntoIterator<Item = Tree>) -> Self {
        Self(Node::List(items.into_iter().collect()))
    }

    /// Of members that stand twice the last one counts.
    pub fn map<K: AsRef<str>>(members: impl IntoIterator<Item = (K, Tree)>) -> Self {
        Self::from_members(members.into_iter().map(|(k, v)| (text(k.as_ref()), v)).collect())
    }

    fn from_members(mut members: Vec<Member>) -> Self {
        if !members.is_sorted_by(|a, b| a.0 < b.0) {
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.dedup_by(|later, earlier| {
                let twice = later.0 == earlier.0;
                if twice {
                    std::mem::swap(later, earlier);
                }
                twice
            });
        }
        Self(Node::Map(members.into()))
    }

    /// The member of a map; `None` on anything else.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        let members = self.members();
        if members.len() <= FEW {
            return members.iter().find(|(known, _)| equal(known, key)).map(|(_, value)| value);
        }
        let at = members.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&members[at].1)
    }

    /// Whether both are equal but for what stands at these paths.
    pub fn equal_but(&self, other: &Tree, paths: &[&[&str]]) -> bool {
        if paths.is_empty() || self.same(other) {
            return self == other;
        }
        let (Node::Map(_), Node::Map(_)) = (&self.0, &other.0) else { return self == other };
        let left_out = |key: &str| paths.iter().any(|path| path.len() == 1 && path[0] == key);
        let mut mine = self.entries().filter(|(key, _)| !left_out(key));
        let mut theirs = other.entries().filter(|(key, _)| !left_out(key));
        let alike = |(key, value): (&str, &Tree), (their_key, theirs): (&str, &Tree)| {
            key == their_key && {
                let below = paths.iter().filter(|path| path.first() == Some(&key));
                let below: Vec<&[&str]> = below.map(|path| &path[1..]).collect();
                value.equal_but(theirs, &below)
            }
        };
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return true,
                (Some(mine), Some(theirs)) if alike(mine, theirs) => {}
                _ => return false,
            }
        }
    }

    pub fn at(&self, path: &[&str]) -> Option<&Tree> {
        path.iter().try_fold(self, |tree, key| tree.get(key))
    }

    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }

    pub fn int_at(&self, path: &[&str]) -> Option<i64> {
        self.at(path)?.as_i64()
    }

    pub fn bool_at(&self, path: &[&str]) -> Option<bool> {
        self.at(path)?.as_bool()
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&Arc<str>> {
        match &self.0 {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Node::Int(number) => Some(number),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest number is what is asked for")]
    pub fn as_f64(&self) -> Option<f64> {
        match self.0 {
            Node::Int(number) => Some(number as f64),
            Node::Big(number) => Some(number as f64),
            Node::Float(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Node::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.0, Node::Null)
    }

    pub fn is_map(&self) -> bool {
        matches!(self.0, Node::Map(_))
    }

    pub fn is_list(&self) -> bool {
        matches!(self.0, Node::List(_))
    }

    pub fn is_string(&self) -> bool {
        matches!(self.0, Node::Text(_))
    }

    pub fn is_number(&self) -> bool {
        matches!(self.0, Node::Int(_) | Node::Big(_) | Node::Float(_))
    }

    /// A number without a fraction, however it was written: `1` and `1.0`.
    pub fn is_integer(&self) -> bool {
        match self.0 {
            Node::Int(_) | Node::Big(_) => true,
            Node::Float(number) => number.fract() == 0.0,
            _ => false,
        }
    }

    /// Null, or a map, list or string with nothing in it.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Node::Null => true,
            Node::Text(text) => text.is_empty(),
            Node::List(items) => items.is_empty(),
            Node::Map(members) => members.is_empty(),
            _ => false,
        }
    }

    /// `string`, `integer`, `number`, `boolean`, `array`, `object` or `null`.
    pub fn type_name(&self) -> &'static str {
        match self.0 {
            Node::Null => "null",
            Node::Bool(_) => "boolean",
            Node::Int(_) | Node::Big(_) => "integer",
            Node::Float(_) => "number",
            Node::Text(_) => "string",
            Node::List(_) => "array",
            Node::Map(_) => "object",
        }
    }

    /// The elements of a list; nothing for anything else.
    pub fn items(&self) -> &[Tree] {
        match &self.0 {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The members of a map, sorted by key; nothing for anything else.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, &Tree)> {
        self.members().iter().map(|(key, value)| (&**key, value))
    }

    fn members(&self) -> &[Member] {
        match &self.0 {
            Node::Map(members) => members,
            _ => &[],
        }
    }

    /// The place of a member, or the one where it would be.
    fn place(&self, key: &str) -> Result<usize, usize> {
        let members = self.members();
        if members.len() <= FEW
            && let Some(at) = members.iter().position(|(known, _)| equal(known, key))
        {
            return Ok(at);
        }
        members.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    /// This tree with `value` at `path`. What stands in the way of the path (a string where a map would
    /// have to be, or nothing) is replaced by maps. A value that is already there costs nothing.
    pub fn with(&self, path: &[&str], value: impl Into<Tree>) -> Tree {
        self.put(path, value.into())
    }

    fn put(&self, path: &[&str], value: Tree) -> Tree {
        let Some((key, rest)) = path.split_first() else { return value };
        let members = self.members();
        let found = self.place(key);
        let old = found.ok().map(|at| &members[at].1);
        if rest.is_empty() && old.is_some_and(|old| *old == value) {
            return self.clone();
        }
        let new = old.unwrap_or(&Tree::null()).put(rest, value);
        if old.is_some_and(|old| old.same(&new)) {
            return self.clone();
        }
        Self(Node::Map(match found {
            Ok(at) => {
                let mut members: Arc<[Member]> = members.into();
                Arc::get_mut(&mut members).expect("a copy has no other owner")[at].1 = new;
                members
            }
            Err(at) => {
                let (before, after) = members.split_at(at);
                let member = std::iter::once((text(key), new));
                before.iter().cloned().chain(member).chain(after.iter().cloned()).collect()
            }
        }))
    }

    /// This tree without what stands at `path`. Maps that become empty stay.
    pub fn without(&self, path: &[&str]) -> Tree {
        let Some((key, rest)) = path.split_first() else { return Tree::null() };
        let Some(old) = self.get(key) else { return self.clone() };
        if rest.is_empty() {
            let kept = self.members().iter().filter(|(k, _)| **k != **key).cloned();
            return Self(Node::Map(kept.collect()));
        }
        let new = old.without(rest);
        if new.same(old) { self.clone() } else { self.put(&[key], new) }
    }

    /// Whether both are one piece of memory (for numbers and texts: equal). `true` means equal; `false`
    /// means nothing.
    pub fn same(&self, other: &Tree) -> bool {
        match (&self.0, &other.0) {
            (Node::List(a), Node::List(b)) => Arc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
            (Node::Map(a), Node::Map(b)) => Arc::ptr_eq(a, b) || (a.is_empty() && b.is_empty()),
            _ => self == other,
        }
    }

    /// Where a map or list stands in memory: as long as they live, two that stand at one place are one. 0 for what stands
    /// nowhere but in its owner.
    pub(crate) fn address(&self) -> usize {
        match &self.0 {
            Node::List(items) => Arc::as_ptr(items).addr(),
            Node::Map(members) => Arc::as_ptr(members).addr(),
            _ => 0,
        }
    }

    /// An equal tree that shares with `old` all that is equal there, at the same place. What a client
    /// sends whole gets back the memory of what the server has.
    #[must_use]
    pub fn sharing(self, old: &Tree) -> Tree {
        match (&self.0, &old.0) {
            (Node::Map(new), Node::Map(was)) => {
                if Arc::ptr_eq(new, was) {
                    return self;
                }
                let members: Arc<[Member]> = new
                    .iter()
                    .map(|(key, value)| match old.get(key) {
                        Some(old) => (Arc::clone(key), value.clone().sharing(old)),
                        None => (Arc::clone(key), value.clone()),
                    })
                    .collect();
                let unchanged = members.len() == was.len()
                    && members.iter().zip(&**was).all(|(a, b)| a.0 == b.0 && a.1.same(&b.1));
                if unchanged { old.clone() } else { Self(Node::Map(members)) }
            }
            (Node::List(new), Node::List(was)) => {
                if Arc::ptr_eq(new, was) {
                    return self;
                }
                let items: Arc<[Tree]> = new
                    .iter()
                    .enumerate()
                    .map(|(at, item)| match was.get(at) {
                        Some(old) => item.clone().sharing(old),
                        None => item.clone(),
                    })
                    .collect();
                let unchanged =
                    items.len() == was.len() && items.iter().zip(&**was).all(|(a, b)| a.same(b));
                if unchanged { old.clone() } else { Self(Node::List(items)) }
            }
            _ if self == *old => old.clone(),
            _ => self,
        }
    }
}

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Node::Null, Node::Null) => true,
            (Node::Bool(a), Node::Bool(b)) => a == b,
            (Node::Int(a), Node::Int(b)) => a == b,
            (Node::Big(a), Node::Big(b)) => a == b,
            (Node::Float(a), Node::Float(b)) => a.to_bits() == b.to_bits(),
            (Node::Text(a), Node::Text(b)) => Arc::ptr_eq(a, b) || a == b,
            (Node::List(a), Node::List(b)) => Arc::ptr_eq(a, b) || a == b,
            (Node::Map(a), Node::Map(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

impl Eq for Tree {}

impl Default for Tree {
    fn default() -> Self {
        Self::null()
    }
}

impl From<&str> for Tree {
    fn from(string: &str) -> Self {
        Self(Node::Text(text(string)))
    }
}

impl From<String> for Tree {
    fn from(string: String) -> Self {
        Self::from(string.as_str())
    }
}

impl From<&String> for Tree {
    fn from(string: &String) -> Self {
        Self::from(string.as_str())
    }
}

impl From<Arc<str>> for Tree {
    fn from(string: Arc<str>) -> Self {
        Self(Node::Text(string))
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Self(Node::Bool(value))
    }
}

impl From<i64> for Tree {
    fn from(number: i64) -> Self {
        Self(Node::Int(number))
    }
}

impl From<i32> for Tree {
    fn from(number: i32) -> Self {
        Self::from(i64::from(number))
    }
}

impl From<u64> for Tree {
    fn from(number: u64) -> Self {
        Self(i64::try_from(number).map_or(Node::Big(number), Node::Int))
    }
}

impl From<f64> for Tree {
    fn from(number: f64) -> Self {
        Self(Node::Float(number))
    }
}

impl From<jiff::Timestamp> for Tree {
    /// In whole seconds, as Kubernetes writes times.
    fn from(time: jiff::Timestamp) -> Self {
        Self::from(rfc3339(time))
    }
}

impl From<Vec<Tree>> for Tree {
    fn from(items: Vec<Tree>) -> Self {
        Self::list(items)
    }
}

impl From<&Tree> for Tree {
    fn from(tree: &Tree) -> Self {
        tree.clone()
    }
}

/// `2026-01-01T00:00:00Z`: whole seconds, as in `metav1.Time`.
pub(crate) fn rfc3339(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second())
        .expect("the whole second of a time is a time")
        .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_but_looks_at_everything_outside_the_paths_and_at_nothing_inside() {
        let tree = |value| Tree::from_value(value);
        let old = tree(json!({ "a": { "b": 1, "c": { "x": 1 } }, "d": [1] }));
        let cases = [
            (json!({ "a": { "b": 2, "c": { "x": 1 } }, "d": [1] }), true),
            (json!({ "a": { "c": { "x": 1 } }, "d": [1] }), true),
            (json!({ "a": { "b": 1, "c": { "x": 2 } }, "d": [1] }), false),
            (json!({ "a": { "b": 1, "c": { "x": 1 }, "e": 1 }, "d": [1] }), false),
            (json!({ "a": { "b": 1 }, "d": [1] }), false),
            (json!({ "a": { "b": 1, "c": { "x": 1 } }, "d": [2] }), false),
            (json!({ "a": { "b": 1, "c": { "x": 1 } }, "d": [1], "gone": 7 }), true),
        ];

        for (new, expected) in cases {
            let equal = old.equal_but(&tree(new.clone()), &[&["a", "b"], &["gone"]]);
            assert_eq!(equal, expected, "{new}");
        }
    }
}

//! Sets of places in an object, as `fieldsV1` writes them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::object::{Tree, text};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    Field(Arc<str>),
    /// An element of a list, by its keys; sorted by their names.
    Key(Vec<(Arc<str>, Scalar)>),
    /// An element of a list of scalars.
    Value(Scalar),
    Index(i64),
}

/// A value that can be ordered: numbers before texts before truth values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar(pub Tree);

impl Scalar {
    fn rank(&self) -> u8 {
        match self.0.type_name() {
            "integer" | "number" => 0,
            "string" => 1,
            "boolean" => 2,
            "array" => 3,
            "object" => 4,
            _ => 5,
        }
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_rank = self.rank().cmp(&other.rank());
        by_rank.then_with(|| match (self.0.as_str(), other.0.as_str()) {
            (Some(own), Some(other)) => own.cmp(other),
            _ => match (self.0.as_f64(), other.0.as_f64()) {
                (Some(own), Some(other)) => own.total_cmp(&other),
                _ => self.0.to_json().cmp(&other.0.to_json()),
            },
        })
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Element {
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(text(name))
    }

    fn to_key(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let keys = keys.iter().map(|(name, value)| (name, value.0.clone()));
                format!("k:{}", Tree::map(keys))
            }
            Self::Value(value) => format!("v:{}", value.0),
            Self::Index(at) => format!("i:{at}"),
        }
    }

    /// `Ok(None)` for a step of a form that a later version may know.
    fn from_key(key: &str) -> Result<Option<Self>, String> {
        let Some((kind, rest)) = key.split_once(':').filter(|(kind, _)| kind.len() == 1) else {
            return Err("missing colon".to_owned());
        };
        let json = || Tree::from_json(rest.as_bytes()).map_err(|error| error.to_string());
        Ok(Some(match kind {
            "f" => Self::field(rest),
            "v" => Self::Value(Scalar(json()?)),
            "i" => Self::Index(rest.parse().map_err(|_| format!("no index: {rest}"))?),
            "k" => {
                let keys = json()?;
                let keys = keys.entries().map(|(name, value)| (text(name), Scalar(value.clone())));
                Self::Key(keys.collect())
            }
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (at, (name, value)) in keys.iter().enumerate() {
                    write!(f, "{}{name}={}", if at > 0 { "," } else { "" }, value.0)?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={}]", value.0),
            Self::Index(at) => write!(f, "[{at}]"),
        }
    }
}

/// A set of paths below one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(BTreeMap<Element, Place>);

/// A place, whether it is in the set, and what below it is. One of the two holds, but for the place a walk begins at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub member: bool,
    pub below: Set,
}

impl Place {
    pub(crate) fn leaf() -> Self {
        Self { member: true, below: Set::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl Set {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts what a walk found at one step. A place where nothing is stays out.
    pub(crate) fn put(&mut self, step: Element, place: Place) {
        if !place.is_empty() {
            self.0.insert(step, place);
        }
    }

    /// A set of paths of plain fields: `metadata.name`.
    pub(crate) fn of_fields(paths: &[&str]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let mut below = &mut set;
            let mut steps = path.split('.').peekable();
            while let Some(step) = steps.next() {
                let place = below.0.entry(Element::field(step)).or_default();
                place.member |= steps.peek().is_none();
                below = &mut place.below;
            }
        }
        set
    }

    /// Whether this very place is in the set.
    pub(crate) fn has(&self, step: &Element) -> bool {
        self.0.get(step).is_some_and(|place| place.member)
    }

    pub(crate) fn below(&self, step: &Element) -> Option<&Set> {
        self.0.get(step).map(|place| &place.below).filter(|below| !below.is_empty())
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (&Element, &Place)> {
        self.0.iter()
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (step, theirs) in &other.0 {
            match all.0.get_mut(step) {
                Some(ours) => {
                    ours.member |= theirs.member;
                    ours.below = ours.below.union(&theirs.below);
                }
                None => drop(all.0.insert(step.clone(), theirs.clone())),
            }
        }
        all
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for (step, ours) in &self.0 {
            if let Some(theirs) = other.0.get(step) {
                let member = ours.member && theirs.member;
                let below = ours.below.intersection(&theirs.below);
                both.put(step.clone(), Place { member, below });
            }
        }
        both
    }

    /// Without the places of another set; what is below them stays.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        for (step, ours) in &self.0 {
            let place = match other.0.get(step) {
                Some(theirs) => Place {
                    member: ours.member && !theirs.member,
                    below: ours.below.difference(&theirs.below),
                },
                None => ours.clone(),
            };
            rest.put(step.clone(), place);
        }
        rest
    }

    /// Without the places of another set and all that is below them.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        for (step, ours) in &self.0 {
            let place = match other.0.get(step) {
                Some(theirs) if theirs.member => continue,
                Some(theirs) => {
                    Place { member: ours.member, below: ours.below.without(&theirs.below) }
                }
                None => ours.clone(),
            };
            rest.put(step.clone(), place);
        }
        rest
    }

    /// All paths as text, `.spec.ports[port=80]`: those of one level before those below them.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.list("", &mut paths);
        paths
    }

    fn list(&self, prefix: &str, into: &mut Vec<String>) {
        let members = self.0.iter().filter(|(_, place)| place.member);
        into.extend(members.map(|(step, _)| format!("{prefix}{step}")));
        for (step, place) in &self.0 {
            place.below.list(&format!("{prefix}{step}"), into);
        }
    }

    pub(crate) fn to_tree(&self) -> Tree {
        let members = self.0.iter().map(|(step, place)| {
            let below = place.below.to_tree();
            let own = place.member && !place.below.is_empty();
            (step.to_key(), if own { below.with(&["."], Tree::empty_map()) } else { below })
        });
        Tree::map(members)
    }

    /// `Err` with what is wrong.
    pub(crate) fn from_tree(tree: &Tree) -> Result<Self, String> {
        if !tree.is_map() {
            return Err("not a map".to_owned());
        }
        let mut set = Self::default();
        for (key, value) in tree.entries().filter(|(key, _)| *key != ".") {
            let Some(step) = Element::from_key(key)? else { continue };
            let below = Self::from_tree(value)?;
            let member = below.is_empty() || value.get(".").is_some();
            set.put(step, Place { member, below });
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_as_it_was_written() {
        let json = r#"{"f:spec":{"f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}},"v:\"a\"":{}}}"#;
        let tree = Tree::from_json(json.as_bytes()).unwrap();

        let set = Set::from_tree(&tree).unwrap();

        assert_eq!(set.to_tree(), tree);
        assert_eq!(
            set.paths(),
            [
                ".spec.ports",
                r#".spec[="a"]"#,
                r#".spec.ports[port=80,protocol="TCP"]"#,
                r#".spec.ports[port=80,protocol="TCP"].port"#
            ]
        );
    }

    #[test]
    fn a_difference_keeps_what_is_below_and_without_does_not() {
        let set = Set::of_fields(&["a", "a.b", "c"]);
        let other = Set::of_fields(&["a"]);

        assert_eq!(set.difference(&other), Set::of_fields(&["a.b", "c"]));
        assert_eq!(set.without(&other), Set::of_fields(&["c"]));
    }
}

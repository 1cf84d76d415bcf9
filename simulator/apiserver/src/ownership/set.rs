//! Sets of places in an object, as `fieldsV1` writes them.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use foldhash::fast::FixedState;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::golang;
use crate::object::{Tree, text};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Whole numbers beyond are not all of them floats.
const EXACT: u64 = 1 << 53;

impl Scalar {
    /// As it is read from `fieldsV1`: as a float, if it is a number. `None`: it stays as it is.
    fn read_again(&self) -> Option<Self> {
        let number = self.0.as_i64().filter(|number| number.unsigned_abs() > EXACT)?;
        #[expect(clippy::cast_precision_loss, reason = "that is what happens to it")]
        Some(Self(Tree::from(number as f64)))
    }

    fn json(&self) -> String {
        match self
            .0
            .as_f64()
            .filter(|number| self.0.type_name() == "number" && number.fract() == 0.0)
        {
            // Without an exponent, as Go writes it.
            Some(whole) if whole.abs() < 1e21 => whole.to_string(),
            _ => self.0.to_string(),
        }
    }

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

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Other values are seldom what elements are told apart by.
        self.0.as_str().hash(state);
        self.0.as_i64().hash(state);
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
                let keys = keys.iter();
                let keys =
                    keys.map(|(name, value)| format!("{}:{}", Tree::from(&**name), value.json()));
                let keys: Vec<String> = keys.collect();
                format!("k:{{{}}}", golang::html_safe(&keys.join(",")))
            }
            Self::Value(value) => format!("v:{}", golang::html_safe(&value.json())),
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

/// As the real server's library shows a value.
impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(tree) = self;
        let inner = |tree: &Tree| Scalar(tree.clone()).to_string();
        match tree.as_str() {
            Some(text) => f.write_str(&golang::quote(text)),
            None if tree.is_list() => {
                let items: Vec<String> = tree.items().iter().map(inner).collect();
                write!(f, "[{}]", items.join(","))
            }
            None if tree.is_map() => {
                tree.entries().try_for_each(|(key, value)| write!(f, "{key}={}", inner(value)))
            }
            None if tree.is_null() => f.write_str("null"),
            None => f.write_str(&golang::print(tree)),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                f.write_str("[")?;
                for (at, (name, value)) in keys.iter().enumerate() {
                    write!(f, "{}{name}={value}", if at > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(at) => write!(f, "[{at}]"),
        }
    }
}

/// A set of paths below one place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Set(BTreeMap<Element, Place>);

/// A set that stays, with its text.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    set: Set,
    text: OnceLock<Box<[u8]>>,
    /// What is read from the text, if it is not this set.
    again: OnceLock<Option<Arc<Kept>>>,
}

impl Kept {
    /// A copy that can be changed.
    pub(crate) fn set(&self) -> Set {
        self.set.clone()
    }

    /// What the next writer reads from the text, if that is not this set: there numbers are floats.
    pub(crate) fn read_again(&self) -> Option<&Arc<Kept>> {
        self.again.get_or_init(|| self.set.read_again().map(Set::kept)).as_ref()
    }

    /// As `fieldsV1` has it.
    pub(crate) fn text(&self) -> &[u8] {
        self.text.get_or_init(|| {
            serde_json::to_vec(&self.set).expect("writing to memory cannot fail").into()
        })
    }
}

impl Deref for Kept {
    type Target = Set;

    fn deref(&self) -> &Set {
        &self.set
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

impl Eq for Kept {}

const SLOTS: usize = 1024;

thread_local! {
    /// Sets that were made lately, by their digests.
    static RECENT: RefCell<Vec<Option<Arc<Kept>>>> = RefCell::new(vec![None; SLOTS]);
}

/// A place, whether it is in the set, and what below it is. One of the two holds, but for the place a walk begins at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
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

    /// This set, in one piece of memory with an equal one that was made lately: the objects of one maker have the
    /// same fields. As with [`text`], that decides nothing.
    pub(crate) fn kept(self) -> Arc<Kept> {
        let digest = FixedState::with_seed(0).hash_one(&self);
        let slot = usize::try_from(digest % SLOTS as u64).expect("there are not that many");
        RECENT.with_borrow_mut(|recent| match &mut recent[slot] {
            Some(known) if known.set == self => Arc::clone(known),
            other => Arc::clone(other.insert(Arc::new(Kept { set: self, ..Kept::default() }))),
        })
    }

    fn read_again(&self) -> Option<Self> {
        let step_again = |step: &Element| match step {
            Element::Key(keys) if keys.iter().any(|(_, value)| value.read_again().is_some()) => {
                let keys = keys.iter().map(|(name, value)| {
                    (Arc::clone(name), value.read_again().unwrap_or_else(|| value.clone()))
                });
                Some(Element::Key(keys.collect()))
            }
            Element::Value(value) => value.read_again().map(Element::Value),
            _ => None,
        };
        let mut copy: Option<Self> = None;
        for (step, place) in &self.0 {
            let (new_step, below) = (step_again(step), place.below.read_again());
            if new_step.is_none() && below.is_none() {
                continue;
            }
            let below = below.unwrap_or_else(|| place.below.clone());
            let copy = copy.get_or_insert_with(|| self.clone());
            copy.0.remove(step);
            let step = new_step.unwrap_or_else(|| step.clone());
            copy.0.insert(step, Place { member: place.member, below });
        }
        copy
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

    #[must_use]
    pub(crate) fn union(mut self, other: Self) -> Self {
        if self.is_empty() {
            return other;
        }
        for (step, theirs) in other.0 {
            match self.0.entry(step) {
                Entry::Occupied(mut ours) => {
                    let ours = ours.get_mut();
                    ours.member |= theirs.member;
                    ours.below = std::mem::take(&mut ours.below).union(theirs.below);
                }
                Entry::Vacant(free) => drop(free.insert(theirs)),
            }
        }
        self
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
    #[must_use]
    pub(crate) fn difference(mut self, other: &Self) -> Self {
        self.take_away(other);
        self
    }

    /// Whether some place is in both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        other.0.iter().any(|(step, theirs)| {
            self.0
                .get(step)
                .is_some_and(|ours| ours.member && theirs.member || ours.below.meets(&theirs.below))
        })
    }

    /// As `difference`, in place.
    pub(crate) fn take_away(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.0.retain(|step, ours| {
            if let Some(theirs) = other.0.get(step) {
                ours.member &= !theirs.member;
                ours.below.take_away(&theirs.below);
            }
            !ours.is_empty()
        });
    }

    /// Without the places of another set and all that is below them.
    #[must_use]
    pub(crate) fn without(mut self, other: &Self) -> Self {
        self.cut(other);
        self
    }

    fn cut(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.0.retain(|step, ours| match other.0.get(step) {
            Some(theirs) if theirs.member => false,
            Some(theirs) => {
                ours.below.cut(&theirs.below);
                !ours.is_empty()
            }
            None => true,
        });
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

/// As `fieldsV1` has it, its steps sorted as texts.
impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        written(self, false, serializer)
    }
}

/// What stands at the step that leads to a place.
impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        written(&self.below, self.member && !self.below.is_empty(), serializer)
    }
}

fn written<S: Serializer>(set: &Set, is_place: bool, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(set.0.len() + usize::from(is_place)))?;
    if is_place {
        map.serialize_entry(".", &Set::default())?;
    }
    if set.0.keys().all(|step| matches!(step, Element::Field(_))) {
        // They are sorted already.
        for (step, place) in &set.0 {
            map.serialize_entry(&step.to_key(), place)?;
        }
    } else {
        let mut places: Vec<(String, &Place)> =
            set.0.iter().map(|(step, place)| (step.to_key(), place)).collect();
        places.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (step, place) in places {
            map.serialize_entry(&step, place)?;
        }
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_floats_are_others_once_they_were_read() {
        let set = |number: i64| {
            let key = format!(r#"{{"f:ports":{{"k:{{\"port\":{number}}}":{{}}}}}}"#);
            Set::from_tree(&Tree::from_json(key.as_bytes()).unwrap()).unwrap().kept()
        };
        let text = |kept: &Kept| String::from_utf8(kept.text().to_vec()).unwrap();

        let (exact, most) = (set(1 << 53), set(i64::MIN));

        assert_eq!(exact.read_again(), None);
        assert!(text(&most).contains("-9223372036854775808"));
        assert!(text(most.read_again().unwrap()).contains("-9223372036854776000"));
    }

    #[test]
    fn a_set_reads_as_it_was_written() {
        let json = r#"{"f:spec":{"f:ports":{".":{},"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}},"v:\"a\"":{}}}"#;
        let tree = Tree::from_json(json.as_bytes()).unwrap();

        let set = Set::from_tree(&tree).unwrap();

        assert_eq!(serde_json::to_string(&set).unwrap(), json);
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

        assert_eq!(set.clone().difference(&other), Set::of_fields(&["a.b", "c"]));
        assert_eq!(set.without(&other), Set::of_fields(&["c"]));
    }
}

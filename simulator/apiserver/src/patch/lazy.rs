//! JSON as the library holds it that carries out JSON patches: a value is as it was written until a step goes into
//! it, then its members are a map's. Only who prints the outcome sees the difference.

use std::collections::BTreeMap;

use crate::object::Tree;
use crate::protobuf::order::Place;

#[derive(Clone)]
pub(crate) enum Lazy {
    /// As it was written there.
    Raw(Tree, Place),
    Map(BTreeMap<String, Lazy>),
    List(Vec<Lazy>),
}

impl Lazy {
    pub(crate) fn null() -> Self {
        Self::Raw(Tree::null(), Place::ANYWHERE)
    }

    pub(crate) fn tree(&self) -> Tree {
        match self {
            Self::Raw(tree, _) => tree.clone(),
            Self::Map(members) => Tree::map(members.iter().map(|(key, value)| (key, value.tree()))),
            Self::List(items) => Tree::list(items.iter().map(Self::tree)),
        }
    }

    /// As text that is read again.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Raw(tree, place) => place.write(tree, out),
            Self::Map(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    Place::ANYWHERE.write(&Tree::from(key.as_str()), out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Raw(tree, _) if tree.is_null())
    }

    /// Goes into it; `None` if there is nothing to go into.
    pub(super) fn open(&mut self) -> Option<&mut Self> {
        if let Self::Raw(tree, place) = self {
            let place = *place;
            *self = if tree.is_map() {
                let members = place.members(tree).into_iter();
                let below = |(key, value, place): (&str, &Tree, Place)| {
                    (key.to_owned(), Self::Raw(value.clone(), place))
                };
                Self::Map(members.map(below).collect())
            } else if tree.is_list() {
                let items = tree.items().iter();
                Self::List(items.map(|item| Self::Raw(item.clone(), place)).collect())
            } else {
                return None;
            };
        }
        Some(self)
    }

    /// What holds the value at the end of a path, and the last step.
    pub(super) fn holder<'a>(&mut self, path: &'a [String]) -> Option<(&mut Self, &'a str)> {
        let (last, above) = path.split_last()?;
        let mut at = self.open()?;
        for step in above {
            at = at.child(step)?.open()?;
        }
        Some((at, last))
    }

    pub(super) fn child(&mut self, key: &str) -> Option<&mut Self> {
        match self {
            Self::Map(members) => members.get_mut(key),
            Self::List(items) => {
                let at = index(key, items.len())?;
                items.get_mut(at)
            }
            Self::Raw(..) => None,
        }
    }

    /// What a map has not is null.
    pub(super) fn get(&mut self, key: &str) -> Option<Self> {
        let is_map = matches!(self, Self::Map(_));
        let found = self.child(key).cloned();
        found.or_else(|| is_map.then(Self::null))
    }

    pub(super) fn add(&mut self, key: &str, value: Self) -> Option<()> {
        match self {
            Self::Map(members) => {
                members.insert(key.to_owned(), value);
            }
            Self::List(items) => {
                let at = if key == "-" { items.len() } else { index(key, items.len() + 1)? };
                (at <= items.len()).then(|| items.insert(at, value))?;
            }
            Self::Raw(..) => return None,
        }
        Some(())
    }

    pub(super) fn set(&mut self, key: &str, value: Self) -> Option<()> {
        if let Self::Map(members) = self {
            members.insert(key.to_owned(), value);
            return Some(());
        }
        *self.child(key)? = value;
        Some(())
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Self> {
        match self {
            Self::Map(members) => members.remove(key),
            Self::List(items) => {
                let at = index(key, items.len())?;
                (at < items.len()).then(|| items.remove(at))
            }
            Self::Raw(..) => None,
        }
    }

    /// Whether it is that value, as it was written; who looks goes into all of it.
    pub(super) fn is(&mut self, value: &Tree) -> bool {
        self.open();
        match self {
            Self::Map(members) => {
                value.is_map()
                    && members.len() == value.entries().len()
                    && members
                        .iter_mut()
                        .all(|(key, own)| value.get(key).is_some_and(|value| own.is(value)))
            }
            Self::List(items) => {
                value.is_list()
                    && items.len() == value.items().len()
                    && items.iter_mut().zip(value.items()).all(|(own, value)| own.is(value))
            }
            Self::Raw(own, place) => {
                own == value && own.as_str().is_none_or(|text| place.is_plain(text))
            }
        }
    }
}

fn index(key: &str, length: usize) -> Option<usize> {
    let at: isize = key.parse().ok()?;
    if at < 0 { length.checked_sub(at.unsigned_abs()) } else { usize::try_from(at).ok() }
}

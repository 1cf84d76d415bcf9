//! Which of several values that do not fit is told: Go reads a text from its start to its end.

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::decode::{Misfit, Unknown};
use super::{Schema, decode};
use crate::Tree;

/// Longer texts are not read again, bytes.
const LONGEST: usize = 1 << 20;

impl Schema {
    /// The first value in a text of JSON that an object of this kind cannot have. A value that a type which reads
    /// itself cannot read ends the reading; any other is told if nothing such follows.
    pub(crate) fn first_misfit(&self, text: &[u8]) -> Option<Misfit> {
        if text.len() > LONGEST {
            return None;
        }
        let mut walk = Walk { schema: self, way: Vec::new(), first: None, last: None };
        let mut text = serde_json::Deserializer::from_slice(text);
        // Who looks here has read the text before.
        let _read = (&mut walk).deserialize(&mut text);
        walk.last.or(walk.first)
    }
}

struct Walk<'s> {
    schema: &'s Schema,
    /// The members on the way to where the walk is; `None` is any item of a list.
    way: Vec<Option<String>>,
    first: Option<Misfit>,
    /// What ended the reading.
    last: Option<Misfit>,
}

impl Walk<'_> {
    /// Reads an object that has nothing but this value.
    fn leaf(&mut self, value: Tree) {
        if self.last.is_some() {
            return;
        }
        let tree = self.way.iter().rev().fold(value, |below, step| match step {
            Some(key) => Tree::map([(key.as_str(), below)]),
            None => Tree::list([below]),
        });
        let mut unknown = Unknown::default();
        match decode::check(self.schema.node(), &tree, &mut unknown) {
            Err(misfit) => self.last = Some(misfit),
            Ok(()) => self.first = self.first.take().or(unknown.misfit),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(value.into());
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.leaf(number.into());
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.leaf(number.into());
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.leaf(number.into());
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.leaf(text.into());
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.leaf(Tree::null());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.way.push(None);
        let mut is_empty = true;
        while seq.next_element_seed(&mut *self)?.is_some() {
            is_empty = false;
        }
        self.way.pop();
        if is_empty {
            self.leaf(Tree::list([]));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        while let Some(key) = map.next_key::<String>()? {
            is_empty = false;
            self.way.push(Some(key));
            map.next_value_seed(&mut *self)?;
            self.way.pop();
        }
        if is_empty {
            self.leaf(Tree::empty_map());
        }
        Ok(())
    }
}

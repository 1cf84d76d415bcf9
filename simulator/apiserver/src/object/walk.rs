//! A text of JSON from its start to its end, for who asks in which order things stand in it.

use std::collections::BTreeSet;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Tree;

/// What is told of a text while it is read.
pub(crate) trait Walk {
    /// Into a member of a map, which may have stood there before. Whether anything is to be told of what is below.
    fn member(&mut self, key: &str, is_again: bool) -> bool;

    /// Into an element of a list.
    fn item(&mut self, index: usize);

    /// Out of the member or element that was entered last.
    fn leave(&mut self);

    /// A value that has nothing below it.
    fn leaf(&mut self, value: Tree);
}

/// Tells of a text that was read before: at what cannot be read, it ends.
pub(crate) fn walk(text: &[u8], to: &mut impl Walk) {
    let mut text = serde_json::Deserializer::from_slice(text);
    let _read = Teller(to).deserialize(&mut text);
}

struct Teller<'w, W>(&'w mut W);

impl<'de, W: Walk> DeserializeSeed<'de> for Teller<'_, W> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, W: Walk> Visitor<'de> for Teller<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.leaf(value.into());
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.leaf(number.into());
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.leaf(number.into());
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.leaf(number.into());
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.leaf(text.into());
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.leaf(Tree::null());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut at = 0;
        loop {
            self.0.item(at);
            let more = seq.next_element_seed(Teller(&mut *self.0))?.is_some();
            self.0.leave();
            if !more {
                break;
            }
            at += 1;
        }
        if at == 0 {
            self.0.leaf(Tree::list([]));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0.member(&key, seen.contains(&key)) {
                map.next_value_seed(Teller(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            self.0.leave();
            seen.insert(key);
        }
        if seen.is_empty() {
            self.0.leaf(Tree::empty_map());
        }
        Ok(())
    }
}

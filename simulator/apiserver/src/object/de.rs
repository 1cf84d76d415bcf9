//! Trees from anything that serde reads, and typed values from trees, without text in between.

use std::cell::Cell;
use std::sync::Arc;

use serde::de::value::{
    BorrowedStrDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer,
};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::de::Read;

use super::{FEW, Member, Node, Tree, text};

/// An object that does not have the shape of the type it was to be read as.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything { twice: &Cell::new(false) })
    }
}

impl Tree {
    /// A text of JSON, and whether a member stands in it twice.
    pub(crate) fn from_json_noting(bytes: &[u8]) -> Result<(Self, bool), serde_json::Error> {
        let twice = Cell::new(false);
        let anything = Anything { twice: &twice };
        // To check a text as a whole is cheaper than to check each string of it; an error says where it stands.
        let tree = match std::str::from_utf8(bytes) {
            Ok(text) => anything.of(serde_json::Deserializer::from_str(text)),
            Err(_) => anything.of(serde_json::Deserializer::from_slice(bytes)),
        }?;
        Ok((tree, twice.get()))
    }
}

#[derive(Clone, Copy)]
struct Anything<'n> {
    /// Whether a member stood there twice.
    twice: &'n Cell<bool>,
}

impl Anything<'_> {
    fn of<'de, R: Read<'de>>(
        self,
        mut text: serde_json::Deserializer<R>,
    ) -> Result<Tree, serde_json::Error> {
        let tree = self.deserialize(&mut text)?;
        text.end()?;
        Ok(tree)
    }
}

impl<'de> DeserializeSeed<'de> for Anything<'_> {
    type Value = Tree;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Anything<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(number.into())
    }
    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(number.into())
    }
    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(number.into())
    }
    fn visit_str<E>(self, string: &str) -> Result<Tree, E> {
        Ok(string.into())
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::null())
    }
    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::null())
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(items.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        // How many there are shows at the end; most have few.
        let mut members: Vec<Member> = Vec::with_capacity(FEW);
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value_seed(self)?));
        }
        let stated = members.len();
        let tree = Tree::from_members(members);
        if tree.members().len() < stated {
            self.twice.set(true);
        }
        Ok(tree)
    }
}

struct Key(Arc<str>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(Key(text(key)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.0 {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Int(number) => visitor.visit_i64(*number),
            Node::Big(number) => visitor.visit_u64(*number),
            Node::Float(number) => visitor.visit_f64(*number),
            Node::Text(text) => visitor.visit_borrowed_str(text),
            Node::List(items) => {
                let mut seq = SeqDeserializer::new(items.iter());
                let value = visitor.visit_seq(&mut seq)?;
                seq.end()?;
                Ok(value)
            }
            Node::Map(members) => {
                let members = members.iter();
                let members = members.map(|(k, v)| (BorrowedStrDeserializer::new(k), v));
                let mut map = MapDeserializer::new(members);
                let value = visitor.visit_map(&mut map)?;
                map.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if let Node::Text(variant) = &self.0 {
            return visitor.visit_enum(Variant(variant, None));
        }
        match self.members() {
            [(variant, content)] => visitor.visit_enum(Variant(variant, Some(content))),
            _ => Err(Error::custom(format_args!("expected a variant, found {self}"))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, DecodeError> for &'de Tree {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// A variant of an enum: its name alone, or a map of the name to the content.
struct Variant<'de>(&'de str, Option<&'de Tree>);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    type Variant = Self;
    fn variant_seed<S: serde::de::DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let name: StrDeserializer<'_, DecodeError> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> Variant<'de> {
    fn content(&self) -> Result<&'de Tree, DecodeError> {
        self.1.ok_or_else(|| Error::custom(format_args!("the variant {} has no content", self.0)))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }
    fn newtype_variant_seed<S: serde::de::DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.content()?)
    }
    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.content()?.deserialize_any(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.content()?.deserialize_any(visitor)
    }
}

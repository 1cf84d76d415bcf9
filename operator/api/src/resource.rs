//! Rust types as the wire form of kinds: how they are read, in parts where that spares work, and written.

use std::sync::Arc;

#[doc(hidden)]
pub use serde::de::value::Error;
use serde::{Deserialize, Serialize};
#[doc(hidden)]
pub use serde_json::Value;

use crate::Shared;
use crate::json::Json;
use crate::meta::{AnyObject, Kind, ObjectMeta};

/// A Rust type that is the wire form of one kind.
pub trait Resource:
    Serialize + for<'de> Deserialize<'de> + PartialEq + Send + Sync + 'static
{
    fn kind() -> &'static Kind;
    fn meta(&self) -> &ObjectMeta;
    fn meta_mut(&mut self) -> &mut ObjectMeta;

    fn read(source: &dyn Source) -> Result<Self, Error> {
        Self::deserialize(source.whole())
    }

    /// The wire form, without `apiVersion` and `kind`.
    fn write(&self) -> Value;

    /// Whether both share the memory of one spec. `false` means nothing.
    fn same_spec(&self, _other: &Self) -> bool {
        false
    }

    /// A copy with an empty spec, where that is cheap.
    fn without_spec(&self) -> Self
    where
        Self: Clone,
    {
        self.clone()
    }
}

/// Implements [`Resource`] for a struct with a field `metadata: ObjectMeta`; with `spec: T` at the end for one with a
/// field `spec: Shared<T>`, and likewise for its other large parts after that.
#[macro_export]
macro_rules! resource {
    ($type:ty, $group:literal, $version:literal, $kind:literal, $plural:literal, $namespaced:literal
        $(, $spec:ident: $of:ty $(, $part:ident: $of_part:ty)*)?) => {
        impl $crate::resource::Resource for $type {
            fn kind() -> &'static $crate::meta::Kind {
                static KIND: $crate::meta::Kind = $crate::meta::Kind {
                    group: $group,
                    version: $version,
                    kind: $kind,
                    plural: $plural,
                    namespaced: $namespaced,
                    meta: |object| {
                        &object.downcast_ref::<$type>().expect("an object of this kind").metadata
                    },
                };
                &KIND
            }
            fn meta(&self) -> &$crate::meta::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut $crate::meta::ObjectMeta {
                &mut self.metadata
            }
            fn write(&self) -> $crate::resource::Value {
                serde_json::to_value(self).expect("a wire type is plain data")
            }
            $(
                fn read(source: &dyn $crate::Source) -> Result<Self, $crate::resource::Error> {
                    let parts = [stringify!($spec) $(, stringify!($part))*];
                    let mut object: Self = serde::Deserialize::deserialize(source.without(&parts))?;
                    object.$spec = $crate::resource::part::<$of>(source, stringify!($spec), Self::kind())?;
                    $(object.$part =
                        $crate::resource::part::<$of_part>(source, stringify!($part), Self::kind())?;)*
                    Ok(object)
                }
                fn same_spec(&self, other: &Self) -> bool {
                    self.$spec.same(&other.$spec)
                }
                fn without_spec(&self) -> Self {
                    let mut copy = self.clone();
                    copy.$spec = $crate::Shared::default();
                    copy
                }
            )?
        }
    };
}

/// An object that can be read in parts. Most revisions of an object leave its spec as it was, and many its status: a
/// source that remembers what these were decoded to spares the work.
pub trait Source {
    fn whole(&self) -> Json<'_>;
    /// All members but these.
    fn without(&self, parts: &[&str]) -> Json<'_>;
    /// A member as `decode` reads it, or as it was read from the same member before.
    fn part(&self, part: &str, kind: &'static Kind, decode: DecodePart)
    -> Result<AnyObject, Error>;
}

#[doc(hidden)]
pub fn part<T: for<'de> Deserialize<'de> + Send + Sync + 'static>(
    source: &dyn Source,
    part: &str,
    kind: &'static Kind,
) -> Result<Shared<T>, Error> {
    let read = source.part(part, kind, |part| Ok(Arc::new(T::deserialize(part)?)))?;
    Ok(read.downcast::<T>().expect("a source keeps parts by kind").into())
}

pub type DecodePart = fn(Json<'_>) -> Result<AnyObject, Error>;

impl Source for Value {
    fn whole(&self) -> Json<'_> {
        Json::deserialize(self).expect("any value is JSON")
    }

    fn without(&self, parts: &[&str]) -> Json<'_> {
        let members = self.as_object().into_iter().flatten();
        let kept = members.filter(|(name, _)| !parts.contains(&name.as_str()));
        Json::Map(kept.map(|(name, value)| (name.as_str(), value.whole())).collect())
    }

    fn part(&self, part: &str, _: &'static Kind, decode: DecodePart) -> Result<AnyObject, Error> {
        let part = self.get(part).filter(|part| !part.is_null());
        decode(part.map_or_else(|| Json::Map(Vec::new()), Value::whole))
    }
}

//! Rust types as the wire form of kinds: how they are read, in parts where that spares work, and written.

#[doc(hidden)]
pub use serde::de::value::Error;
use serde::{Deserialize, Serialize};
#[doc(hidden)]
pub use serde_json::Value;

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
/// field `spec: Shared<T>`.
#[macro_export]
macro_rules! resource {
    ($type:ty, $group:literal, $version:literal, $kind:literal, $plural:literal, $namespaced:literal $(, $spec:ident: $of:ty)?) => {
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
                    let mut object: Self = serde::Deserialize::deserialize(source.without_spec())?;
                    let spec = source.spec(Self::kind(), |spec| {
                        let spec: $of = serde::Deserialize::deserialize(spec)?;
                        Ok(std::sync::Arc::new(spec))
                    })?;
                    object.$spec =
                        spec.downcast::<$of>().expect("a source keeps specs by kind").into();
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

/// An object that can be read in parts. Most revisions of an object leave its spec as it was: a source that remembers
/// what it was decoded to spares the work.
pub trait Source {
    fn whole(&self) -> Json<'_>;
    fn without_spec(&self) -> Json<'_>;
    /// The spec as `decode` reads it, or as it was read from the same spec before.
    fn spec(&self, kind: &'static Kind, decode: DecodePart) -> Result<AnyObject, Error>;
}

pub type DecodePart = fn(Json<'_>) -> Result<AnyObject, Error>;

impl Source for Value {
    fn whole(&self) -> Json<'_> {
        Json::deserialize(self).expect("any value is JSON")
    }

    fn without_spec(&self) -> Json<'_> {
        let members = self.as_object().into_iter().flatten();
        let kept = members.filter(|(name, _)| *name != "spec");
        Json::Map(kept.map(|(name, value)| (name.as_str(), value.whole())).collect())
    }

    fn spec(&self, _: &'static Kind, decode: DecodePart) -> Result<AnyObject, Error> {
        decode(self.get("spec").map_or_else(|| Json::Map(Vec::new()), Value::whole))
    }
}

//! Rust types as the wire form of kinds: how they are read, in parts where that spares work, and written.

use serde::{Deserialize, Serialize};
#[doc(hidden)]
pub use serde_json::Value;

use crate::meta::{AnyObject, Kind, ObjectMeta};

/// A Rust type that is the wire form of one kind.
pub trait Resource:
    Serialize + for<'de> Deserialize<'de> + PartialEq + Send + Sync + 'static
{
    fn kind() -> &'static Kind;
    fn meta(&self) -> &ObjectMeta;
    fn meta_mut(&mut self) -> &mut ObjectMeta;

    fn read(source: &dyn Source) -> Result<Self, serde_json::Error> {
        serde_json::from_value(source.whole())
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
                fn read(source: &dyn $crate::Source) -> Result<Self, serde_json::Error> {
                    let mut object: Self = serde_json::from_value(source.without_spec())?;
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
    fn whole(&self) -> Value;
    fn without_spec(&self) -> Value;
    /// The spec as `decode` reads it, or as it was read from the same spec before.
    fn spec(&self, kind: &'static Kind, decode: DecodePart)
    -> Result<AnyObject, serde_json::Error>;
}

pub type DecodePart = fn(&Value) -> Result<AnyObject, serde_json::Error>;

impl Source for Value {
    fn whole(&self) -> Value {
        self.clone()
    }

    fn without_spec(&self) -> Value {
        let members = self.as_object().into_iter().flatten();
        let kept = members.filter(|(name, _)| *name != "spec");
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    fn spec(&self, _: &'static Kind, decode: DecodePart) -> Result<AnyObject, serde_json::Error> {
        decode(self.get("spec").unwrap_or(&Value::Object(serde_json::Map::new())))
    }
}

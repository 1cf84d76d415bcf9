//! The types of CEL, as far as they can be told before an expression runs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::schema::RESERVED;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Known when it runs.
    Dyn,
    /// Of something that is wrong already.
    Error,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// Of types themselves: of which one, if that is said.
    Type(Option<Arc<Kind>>),
    List(Arc<Kind>),
    Map(Arc<Kind>, Arc<Kind>),
    Optional(Arc<Kind>),
    /// With known members.
    Object(Arc<Object>),
    /// Of a library, which alone looks into it.
    Named(&'static str),
    /// Whatever turns out to fit; in what a function takes and makes, one of its parameters.
    Var(usize),
}

/// The types whose names have dots.
pub(super) const DOTTED_TYPES: [&str; 4] =
    ["google.protobuf.Duration", "google.protobuf.Timestamp", "net.CIDR", "net.IP"];

/// A type whose members are known: it is told from others by its name.
#[derive(Debug)]
pub(crate) struct Object {
    name: Cow<'static, str>,
    members: BTreeMap<String, Kind>,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Object {
    /// The type of a member. A word of the language may stand there as it is.
    pub(super) fn member(&self, name: &str) -> Option<&Kind> {
        let word = || RESERVED.contains(&name).then(|| self.members.get(&format!("__{name}__")));
        self.members.get(name).or_else(|| word().flatten())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn => "dyn",
            Self::Error => "!error!",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Type(None) => "type",
            Self::Type(Some(of)) => return write!(f, "type({of})"),
            Self::List(item) => return write!(f, "list({item})"),
            Self::Map(key, value) => return write!(f, "map({key}, {value})"),
            Self::Optional(value) => return write!(f, "optional_type({value})"),
            Self::Object(of) => &of.name,
            Self::Named(name) => name,
            Self::Var(var) => return write!(f, "_var{var}"),
        })
    }
}

impl Kind {
    /// What an expression as a whole makes, as cel-go names it at runtime.
    pub(crate) fn made(&self) -> String {
        match self {
            Self::Null => "null_type".to_owned(),
            Self::Timestamp => "google.protobuf.Timestamp".to_owned(),
            Self::Duration => "google.protobuf.Duration".to_owned(),
            Self::Type(Some(of)) => format!("type({})", of.made()),
            Self::List(of) => format!("list({})", of.made()),
            Self::Optional(of) => format!("optional_type({})", of.made()),
            Self::Map(key, value) => format!("map({}, {})", key.made(), value.made()),
            other => other.to_string(),
        }
    }

    pub(crate) fn list(of: Self) -> Self {
        Self::List(Arc::new(of))
    }

    pub(crate) fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    pub(crate) fn optional(of: Self) -> Self {
        Self::Optional(Arc::new(of))
    }

    pub(crate) fn object(
        name: impl Into<Cow<'static, str>>,
        members: impl IntoIterator<Item = (String, Self)>,
    ) -> Self {
        let members = members.into_iter().collect();
        Self::Object(Arc::new(Object { name: name.into(), members }))
    }

    pub(super) fn type_of(of: Self) -> Self {
        Self::Type(Some(Arc::new(of)))
    }

    /// The type that a name of the language stands for: what `type(x)` may be compared with.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "bool" => Self::Bool,
            "bytes" => Self::Bytes,
            "double" => Self::Double,
            "int" => Self::Int,
            "list" => Self::list(Self::Dyn),
            "map" => Self::map(Self::Dyn, Self::Dyn),
            "null_type" => Self::Null,
            "optional_type" => Self::Named("optional_type"),
            "string" => Self::String,
            "type" => Self::Type(None),
            "uint" => Self::Uint,
            "google.protobuf.Duration" => Self::Duration,
            "google.protobuf.Timestamp" => Self::Timestamp,
            "net.CIDR" => Self::Named("net.CIDR"),
            "net.IP" => Self::Named("net.IP"),
            _ => return None,
        })
    }

    /// Whether a type of a library has no members that could be asked for: to ask the others for one fails otherwise.
    pub(super) fn is_opaque(name: &str) -> bool {
        DOTTED_TYPES.contains(&name)
    }

    /// Whether a null may stand here, of all values.
    pub(super) fn may_be_null(&self) -> bool {
        use Kind::{Duration, Named, Null, Object, Optional, Timestamp};
        matches!(self, Null | Optional(_) | Named(_) | Object(_) | Timestamp | Duration)
    }

    /// Whether all its values are of one size.
    pub(super) fn is_scalar(&self) -> bool {
        use Kind::{Bool, Double, Duration, Int, Timestamp, Uint};
        matches!(self, Bool | Double | Duration | Int | Timestamp | Uint)
    }

    /// The types this one is made of.
    pub(super) fn parts(&self) -> [Option<&Self>; 2] {
        match self {
            Self::Type(of) => [of.as_deref(), None],
            Self::List(of) | Self::Optional(of) => [Some(of), None],
            Self::Map(key, value) => [Some(key), Some(value)],
            _ => [None, None],
        }
    }

    /// Whether both are lists, or maps, or optionals.
    pub(super) fn is_made_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && matches!(self, Self::List(_) | Self::Map(..) | Self::Optional(_))
    }

    /// Pairs of what two types that are made alike are made of.
    pub(super) fn pairs<'k>(
        &'k self,
        other: &'k Self,
    ) -> impl Iterator<Item = (&'k Self, &'k Self)> {
        self.parts().into_iter().zip(other.parts()).filter_map(|(a, b)| a.zip(b))
    }

    /// With every variable as `of` says it.
    pub(super) fn with(&self, of: &mut impl FnMut(usize) -> Self) -> Self {
        match self {
            Self::Var(var) => of(*var),
            other => other.of_parts(&mut |part| part.with(of)),
        }
    }

    /// Made alike, of what `part` makes of the types that this one is made of.
    pub(super) fn of_parts(&self, part: &mut impl FnMut(&Self) -> Self) -> Self {
        match self {
            Self::Type(Some(of)) => Self::type_of(part(of)),
            Self::List(item) => Self::list(part(item)),
            Self::Optional(inner) => Self::optional(part(inner)),
            Self::Map(key, value) => {
                let key = part(key);
                Self::map(key, part(value))
            }
            other => other.clone(),
        }
    }
}

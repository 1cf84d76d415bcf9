//! The types of CEL, as far as they can be told before an expression runs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Known when it runs.
    Dyn,
    /// Of something that is wrong already.
    Error,
    /// What an empty list or map holds: whatever is wanted of it.
    Free,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Null,
    Type,
    Timestamp,
    Duration,
    List(Box<Kind>),
    Map(Box<Kind>, Box<Kind>),
    Optional(Box<Kind>),
    /// With known members.
    Object(Cow<'static, str>, BTreeMap<String, Kind>),
    /// Stands for any type in what a function takes and makes.
    Param(char),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn | Self::Free | Self::Param(_) => "dyn",
            Self::Error => "!error!",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Null => "null",
            Self::Type => "type",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::List(item) => return write!(f, "list({item})"),
            Self::Map(key, value) => return write!(f, "map({key}, {value})"),
            Self::Optional(value) => return write!(f, "optional_type({value})"),
            Self::Object(name, _) => name,
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
            Self::List(of) => format!("list({})", of.made()),
            Self::Optional(of) => format!("optional_type({})", of.made()),
            Self::Map(key, value) => format!("map({}, {})", key.made(), value.made()),
            other => other.to_string(),
        }
    }

    pub(crate) fn list(of: Kind) -> Self {
        Self::List(Box::new(of))
    }

    pub(crate) fn map(key: Kind, value: Kind) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    pub(crate) fn optional(of: Kind) -> Self {
        Self::Optional(Box::new(of))
    }
}

/// Whether one may stand where the other is wanted.
pub(super) fn fits(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::Dyn | Kind::Error | Kind::Free, _) | (_, Kind::Dyn | Kind::Error | Kind::Free) => {
            true
        }
        // Whatever is not a plain value may be missing.
        (Kind::Null, other) | (other, Kind::Null) => matches!(
            other,
            Kind::Null | Kind::Object(..) | Kind::Timestamp | Kind::Duration | Kind::Optional(_)
        ),
        (Kind::List(a), Kind::List(b)) | (Kind::Optional(a), Kind::Optional(b)) => fits(a, b),
        (Kind::Map(a, b), Kind::Map(c, d)) => fits(a, c) && fits(b, d),
        _ => a == b,
    }
}

/// Of two that fit, the one that holds both.
pub(super) fn general(a: &Kind, b: &Kind) -> Kind {
    match (a, b) {
        (Kind::Free | Kind::Null, other) => other.clone(),
        (Kind::List(a), Kind::List(b)) => Kind::list(general(a, b)),
        (Kind::Optional(a), Kind::Optional(b)) => Kind::optional(general(a, b)),
        (Kind::Map(a, b), Kind::Map(c, d)) => Kind::map(general(a, c), general(b, d)),
        (a, Kind::Dyn | Kind::Error) if !matches!(a, Kind::Dyn) => b.clone(),
        (a, _) => a.clone(),
    }
}

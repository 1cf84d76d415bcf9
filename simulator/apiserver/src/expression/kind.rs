//! The types of CEL, as far as they can be told before an expression runs.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Known when it runs.
    Dyn,
    /// Of something that is wrong already.
    Error,
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
    /// With known members.
    Object(&'static str, BTreeMap<String, Kind>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dyn => "dyn",
            Self::Error => "!error!",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Null => "null_type",
            Self::Type => "type",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Duration => "google.protobuf.Duration",
            Self::List(item) => return write!(f, "list({item})"),
            Self::Map(key, value) => return write!(f, "map({key}, {value})"),
            Self::Object(name, _) => name,
        })
    }
}

/// What holds both; two that differ are told apart when they run.
pub(super) fn join(a: &Kind, b: &Kind) -> Kind {
    match (a, b) {
        (Kind::Error, _) | (_, Kind::Error) => Kind::Error,
        (Kind::List(a), Kind::List(b)) => Kind::List(Box::new(join(a, b))),
        (Kind::Map(a, b), Kind::Map(c, d)) => Kind::Map(Box::new(join(a, c)), Box::new(join(b, d))),
        _ if a == b => a.clone(),
        _ => Kind::Dyn,
    }
}

/// Whether one may stand where the other is wanted.
fn fits(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::Dyn | Kind::Error, _) | (_, Kind::Dyn | Kind::Error) => true,
        // Whatever is not a plain value may be missing.
        (Kind::Null, other) | (other, Kind::Null) => {
            matches!(other, Kind::Null | Kind::Object(..) | Kind::Timestamp | Kind::Duration)
        }
        (Kind::List(a), Kind::List(b)) => fits(a, b),
        (Kind::Map(a, b), Kind::Map(c, d)) => fits(a, c) && fits(b, d),
        _ => a == b,
    }
}

fn is_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Uint | Kind::Double)
}

/// What comes of a name and what it is given.
pub(super) enum Made {
    Of(Kind),
    /// The operands do not go together.
    Wrong,
    NoOperator,
}

/// What an operator makes of its operands.
pub(super) fn operator(name: &str, all: &[Kind]) -> Made {
    let is = |kind: &Kind, wanted: &Kind| fits(kind, wanted);
    let made = match (name, all) {
        ("!_", [one]) => is(one, &Kind::Bool).then_some(Kind::Bool),
        ("@not_strictly_false", [_]) => Some(Kind::Bool),
        ("_&&_" | "_||_", [a, b]) => {
            (is(a, &Kind::Bool) && is(b, &Kind::Bool)).then_some(Kind::Bool)
        }
        ("_==_" | "_!=_", [a, b]) => fits(a, b).then_some(Kind::Bool),
        ("_<_" | "_<=_" | "_>_" | "_>=_", [a, b]) => {
            let ordered = |kind: &Kind| {
                matches!(
                    kind,
                    Kind::Dyn
                        | Kind::Bool
                        | Kind::String
                        | Kind::Bytes
                        | Kind::Timestamp
                        | Kind::Duration
                ) || is_number(kind)
            };
            let both = fits(a, b) || is_number(a) && is_number(b);
            (both && ordered(a) && ordered(b)).then_some(Kind::Bool)
        }
        ("_+_", [a, b]) => match (a, b) {
            (Kind::Timestamp, Kind::Duration) | (Kind::Duration, Kind::Timestamp) => {
                Some(Kind::Timestamp)
            }
            (Kind::List(a), Kind::List(b)) => Some(Kind::List(Box::new(match (&**a, &**b) {
                // Of an empty list nothing is known.
                (Kind::Dyn, b) => b.clone(),
                (a, b) => join(a, b),
            }))),
            (Kind::Bool | Kind::Null | Kind::Map(..) | Kind::Type | Kind::Object(..), _) => None,
            _ => known(a, b),
        },
        ("_-_", [a, b]) => match (a, b) {
            (Kind::Timestamp, Kind::Timestamp) | (Kind::Duration, Kind::Duration) => {
                Some(Kind::Duration)
            }
            (Kind::Timestamp, Kind::Duration) => Some(Kind::Timestamp),
            _ => arithmetic(a, b),
        },
        ("_*_" | "_/_", [a, b]) => arithmetic(a, b),
        ("_%_", [a, b]) => {
            arithmetic(a, b).filter(|made| matches!(made, Kind::Int | Kind::Uint | Kind::Dyn))
        }
        ("-_", [one]) => matches!(one, Kind::Int | Kind::Double | Kind::Duration | Kind::Dyn)
            .then(|| one.clone()),
        ("_[_]" | "_[?_]", [of, key]) => match of {
            Kind::List(item) => fits(key, &Kind::Int).then(|| (**item).clone()),
            Kind::Map(known, value) => fits(key, known).then(|| (**value).clone()),
            Kind::Dyn => Some(Kind::Dyn),
            _ => None,
        },
        ("_?._", _) => Some(Kind::Dyn),
        ("@in", [one, of]) => match of {
            Kind::List(item) => fits(one, item).then_some(Kind::Bool),
            Kind::Map(key, _) => fits(one, key).then_some(Kind::Bool),
            Kind::Dyn => Some(Kind::Bool),
            _ => None,
        },
        ("_?_:_", [condition, a, b]) => {
            let good = fits(condition, &Kind::Bool) && fits(a, b);
            good.then(|| if *a == Kind::Dyn { Kind::Dyn } else { join(a, b) })
        }
        _ => return Made::NoOperator,
    };
    made.map_or(Made::Wrong, Made::Of)
}

fn known(a: &Kind, b: &Kind) -> Option<Kind> {
    fits(a, b).then(|| if *a == Kind::Dyn { b.clone() } else { a.clone() })
}

fn arithmetic(a: &Kind, b: &Kind) -> Option<Kind> {
    let good = |kind: &Kind| is_number(kind) || *kind == Kind::Dyn;
    if good(a) && good(b) { known(a, b) } else { None }
}

pub(super) const LIBRARIES: [&str; 8] =
    ["math", "optional", "sets", "base64", "format", "strings", "lists", "authorizer"];

/// What a function makes; `None` if there is none of that name.
pub(super) fn result_of(name: &str, target: Option<&Kind>, all: &[Kind]) -> Option<Kind> {
    match name {
        "size" => return Some(Kind::Int),
        "string" => return Some(Kind::String),
        "greatest" | "least" | "abs" => return Some(all.first().cloned().unwrap_or(Kind::Dyn)),
        _ => {}
    }
    let has = |names: &[&str]| names.contains(&name);
    let strings = || Kind::List(Box::new(Kind::String));
    let Some(target) = target else {
        return Some(match name {
            "int" => Kind::Int,
            "uint" => Kind::Uint,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "timestamp" => Kind::Timestamp,
            "duration" => Kind::Duration,
            "type" => Kind::Type,
            "bool" | "isURL" | "isIP" | "isCIDR" | "isQuantity" | "isSemver" => Kind::Bool,
            "dyn" | "url" | "quantity" | "ip" | "cidr" | "semver" => Kind::Dyn,
            _ => return None,
        });
    };
    Some(match name {
        _ if has(&MAKE_INT) => Kind::Int,
        _ if has(&MAKE_STRING) => Kind::String,
        _ if has(&MAKE_BOOL) => Kind::Bool,
        _ if has(&MAKE_ANY) => Kind::Dyn,
        "asApproximateFloat" => Kind::Double,
        "split" | "findAll" => strings(),
        "sum" | "min" | "max" => match target {
            Kind::List(item) => (**item).clone(),
            _ => Kind::Dyn,
        },
        "getQuery" => Kind::Map(Box::new(Kind::String), Box::new(strings())),
        _ => return None,
    })
}

const MAKE_INT: [&str; 19] = [
    "indexOf",
    "lastIndexOf",
    "asInteger",
    "sign",
    "compareTo",
    "prefixLength",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "major",
    "minor",
    "patch",
];
const MAKE_STRING: [&str; 17] = [
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "substring",
    "charAt",
    "join",
    "format",
    "find",
    "reverse",
    "getScheme",
    "getHost",
    "getHostname",
    "getPort",
    "getEscapedPath",
    "reason",
    "error",
];
const MAKE_BOOL: [&str; 19] = [
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "isSorted",
    "isInteger",
    "isGreaterThan",
    "isLessThan",
    "allowed",
    "errored",
    "hasValue",
    "containsIP",
    "containsCIDR",
    "isCanonical",
    "isLoopback",
    "isUnspecified",
    "isLinkLocalMulticast",
    "isLinkLocalUnicast",
    "isGlobalUnicast",
];
/// Of libraries whose types are known when they run: authorizers, optionals, quantities, addresses, sets, numbers.
const MAKE_ANY: [&str; 51] = [
    "path",
    "group",
    "resource",
    "subresource",
    "namespace",
    "name",
    "check",
    "serviceAccount",
    "fieldSelector",
    "labelSelector",
    "of",
    "ofNonZeroValue",
    "none",
    "value",
    "orValue",
    "or",
    "optMap",
    "optFlatMap",
    "masked",
    "named",
    "validate",
    "family",
    "ip",
    "add",
    "sub",
    "encode",
    "decode",
    "intersects",
    "equivalent",
    "flatten",
    "slice",
    "sort",
    "distinct",
    "first",
    "last",
    "ceil",
    "floor",
    "round",
    "trunc",
    "isNaN",
    "isInf",
    "isFinite",
    "bitAnd",
    "bitOr",
    "bitXor",
    "bitNot",
    "bitShiftLeft",
    "bitShiftRight",
    "quote",
    "range",
    "cidr",
];

/// Whether a value has this function of strings.
pub(super) fn receiver(name: &str, of: &Kind) -> bool {
    let of_strings = [
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "lowerAscii",
        "upperAscii",
        "trim",
        "replace",
        "substring",
        "charAt",
        "split",
        "find",
        "findAll",
    ];
    !of_strings.contains(&name)
        || matches!(of, Kind::String | Kind::Dyn)
        || name == "contains" && matches!(of, Kind::List(_))
}

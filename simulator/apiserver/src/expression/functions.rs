//! The functions that expressions may use, with what they take and make: a table, read once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::kind::{Kind, fits, general};

struct Overload {
    /// Called on its first parameter.
    is_member: bool,
    takes: Vec<Kind>,
    makes: Kind,
}

type Table = BTreeMap<&'static str, Vec<Overload>>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table::new();
        for line in include_str!("functions.txt").lines().filter(|line| !line.starts_with('#')) {
            let (left, makes) = line.split_once(" -> ").expect("a line of the table");
            let mut words = left.split(' ');
            let names = words.next().expect("a line of the table").split(',');
            let takes: Vec<Kind> = words.map(kind).collect();
            for name in names {
                let is_member = name.starts_with('.');
                let overload = Overload { is_member, takes: takes.clone(), makes: kind(makes) };
                table.entry(name.trim_start_matches('.')).or_default().push(overload);
            }
        }
        table
    })
}

/// What a word of the table stands for.
fn kind(word: &str) -> Kind {
    match word {
        "dyn" => Kind::Dyn,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "uint" => Kind::Uint,
        "double" => Kind::Double,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "type" => Kind::Type,
        "timestamp" => Kind::Timestamp,
        "duration" => Kind::Duration,
        "A" => Kind::Param('A'),
        "B" => Kind::Param('B'),
        "ip" => opaque("net.IP"),
        "cidr" => opaque("net.CIDR"),
        "url" => opaque("kubernetes.URL"),
        "quantity" => opaque("kubernetes.Quantity"),
        "semver" => opaque("kubernetes.Semver"),
        "named_format" => opaque("kubernetes.NamedFormat"),
        "authorizer" => opaque("kubernetes.authorization.Authorizer"),
        "path_check" => opaque("kubernetes.authorization.PathCheck"),
        "group_check" => opaque("kubernetes.authorization.GroupCheck"),
        "resource_check" => opaque("kubernetes.authorization.ResourceCheck"),
        "decision" => opaque("kubernetes.authorization.Decision"),
        _ => {
            let (of, inner) = word.split_once('(').expect("a type of the table");
            let inner = inner.strip_suffix(')').expect("a type of the table");
            match of {
                "list" => Kind::list(kind(inner)),
                "optional" => Kind::optional(kind(inner)),
                _ => {
                    let (key, value) = inner.split_once(',').expect("a map of the table");
                    Kind::map(kind(key), kind(value))
                }
            }
        }
    }
}

fn opaque(name: &'static str) -> Kind {
    Kind::Object(Cow::Borrowed(name), BTreeMap::new())
}

/// Whether there is a function of that name at all.
pub(super) fn is_known(name: &str) -> bool {
    table().contains_key(name)
}

/// What a function makes of that; `None` if it takes no such thing.
pub(super) fn call(name: &str, is_member: bool, given: &[Kind]) -> Option<Kind> {
    let overloads = table().get(name).map_or(&[][..], Vec::as_slice);
    let mut made: Option<Kind> = None;
    for overload in overloads.iter().filter(|one| one.is_member == is_member) {
        let mut bound = BTreeMap::new();
        let fitting = overload.takes.len() == given.len()
            && overload.takes.iter().zip(given).all(|(wanted, one)| bind(wanted, one, &mut bound));
        if !fitting {
            continue;
        }
        let makes = put_in(&overload.makes, &bound);
        match &made {
            None => made = Some(makes),
            Some(known) if *known == makes => {}
            Some(_) => return Some(Kind::Dyn),
        }
    }
    made
}

/// Whether something may be given for what is wanted; what a parameter stands for is kept.
fn bind(wanted: &Kind, given: &Kind, bound: &mut BTreeMap<char, Kind>) -> bool {
    match (wanted, given) {
        (Kind::Param(name), given) => {
            let known = bound.get(name).cloned();
            let fitting = known.as_ref().is_none_or(|known| fits(given, known));
            if fitting {
                let kind = known.map_or_else(|| given.clone(), |known| general(&known, given));
                bound.insert(*name, kind);
            }
            fitting
        }
        (Kind::List(wanted), Kind::List(given))
        | (Kind::Optional(wanted), Kind::Optional(given)) => bind(wanted, given, bound),
        (Kind::Map(key, value), Kind::Map(given_key, given_value)) => {
            bind(key, given_key, bound) && bind(value, given_value, bound)
        }
        _ => fits(given, wanted),
    }
}

fn put_in(kind: &Kind, bound: &BTreeMap<char, Kind>) -> Kind {
    match kind {
        Kind::Param(name) => bound.get(name).cloned().unwrap_or(Kind::Dyn),
        Kind::List(of) => Kind::list(put_in(of, bound)),
        Kind::Optional(of) => Kind::optional(put_in(of, bound)),
        Kind::Map(key, value) => Kind::map(put_in(key, bound), put_in(value, bound)),
        other => other.clone(),
    }
}

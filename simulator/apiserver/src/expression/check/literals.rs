//! What is wrong with the literals of an expression whose types go together: patterns and times that nobody can read,
//! lists of several types, and texts with other places than there are values for them.

mod places;

use super::{At, Fault, Kind, Literal, Tree, What, misfit};
use crate::golang;

/// `kind`: the type of a part.
pub(super) fn faults(tree: &Tree<'_>, mut kind: impl FnMut(At) -> Kind) -> Vec<Fault> {
    let mut found = mixed(tree, &mut kind);
    for (at, what) in tree.nodes.iter().enumerate() {
        let What::Call { name, target, takes } = what else { continue };
        let Some(first) = takes.first() else { continue };
        let text = |at: &At| match tree.nodes[*at] {
            What::Literal(Literal::Text(text)) => Some(text),
            _ => None,
        };
        let is_good = text(first).is_none_or(|text| match *name {
            "duration" => golang::duration(text).is_ok(),
            "timestamp" => golang::time::parse(text, false).is_ok(),
            "matches" => golang::pattern::is_good(text),
            _ => true,
        });
        if !is_good {
            found.push((*first, format!("invalid {name} argument")));
        }
        if let (&"format", Some(text), What::List(items)) =
            (name, target.as_ref().and_then(text), &tree.nodes[*first])
        {
            let items: Vec<At> = items.iter().map(|(item, _)| *item).collect();
            let fault = places::check(tree, text, &items, &mut kind).err();
            found.extend(fault.map(|(place, why)| (place.unwrap_or(at), why)));
        }
    }
    found.into_iter().map(|(at, why)| Fault { id: tree.stands[at], why }).collect()
}

/// Lists and maps of several types, but for those of what is put into texts.
fn mixed(tree: &Tree<'_>, kind: &mut impl FnMut(At) -> Kind) -> Vec<(At, String)> {
    let may_be_mixed = in_formats(tree);
    let mut found = Vec::new();
    for (_, what) in tree.nodes.iter().enumerate().filter(|(at, _)| !may_be_mixed[*at]) {
        match what {
            What::List(items) => {
                found.extend(unlike(items.iter().copied(), kind).into_iter().take(1));
            }
            What::Map(entries) => {
                let keys = entries.iter().map(|([key, _], _)| (*key, false));
                found.extend(unlike(keys, kind));
                let values = entries.iter().map(|([_, value], is_optional)| (*value, *is_optional));
                found.extend(unlike(values, kind));
            }
            _ => {}
        }
    }
    found
}

/// Those that are not of the type of the first.
fn unlike(
    items: impl Iterator<Item = (At, bool)>,
    kind: &mut impl FnMut(At) -> Kind,
) -> Vec<(At, String)> {
    let mut first = None;
    let mut found = Vec::new();
    for (at, is_optional) in items {
        let kind = match kind(at) {
            Kind::Optional(of) if is_optional => (*of).clone(),
            other => other,
        };
        match &first {
            None => first = Some(kind),
            Some(first) if *first != kind => found.push((at, misfit(first, &kind))),
            Some(_) => {}
        }
    }
    found
}

/// Whether each part of an expression stands in a call of `format`.
fn in_formats(tree: &Tree<'_>) -> Vec<bool> {
    let mut within = vec![false; tree.nodes.len()];
    for (at, what) in tree.nodes.iter().enumerate().rev() {
        if within[at] || matches!(what, What::Call { name: "format", .. }) {
            for part in what.parts() {
                within[part] = true;
            }
        }
    }
    within
}

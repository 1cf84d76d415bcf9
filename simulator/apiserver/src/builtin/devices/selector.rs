//! Expressions that choose devices by what their slices say of them.

use super::MOST_SELECTORS;
use crate::Tree;
use crate::builtin::check::text;
use crate::expression::{self, Kind, QUANTITY, Scope};
use crate::schema::{self, Faults, Path};

const LONGEST: usize = 10 * 1024;

pub(super) fn each(selectors: &[Tree], all: Path<'_>, faults: &mut Faults) {
    super::each(selectors, all, MOST_SELECTORS, faults, |selector, at, faults| {
        let at = at.field("cel");
        match selector.get("cel").filter(|cel| !cel.is_null()) {
            None => faults.required(at, ""),
            Some(cel) => check(text(cel, "expression"), at.field("expression"), faults),
        }
    });
}

fn check(source: &str, at: Path<'_>, faults: &mut Faults) {
    if source.len() > LONGEST {
        return faults.too_long(at, LONGEST);
    }
    let program = schema::program(source).map_err(|error| {
        let shown = expression::shown(&error);
        // Where nothing stands, the end comes before the first column.
        if source.is_empty() { shown.replacen(":1:1:", ":1:0:", 1) } else { shown }
    });
    let scope = scope();
    let made = program.and_then(|program| {
        expression::check(&program, &scope).map(|checked| checked.made().clone())
    });
    match made {
        Ok(Kind::Bool | Kind::Dyn) => {}
        Ok(kind) => {
            let why = format!("must evaluate to bool or the unknown type, not {}", kind.made());
            faults.invalid(at, source, &why);
        }
        Err(why) => faults.invalid(at, source, &format!("compilation failed: {why}")),
    }
}

/// A device: what it can do stands below the domain of who says so.
fn scope() -> Scope {
    let below = |kind: Kind| Kind::map(Kind::String, kind);
    let quantity = Kind::Named(QUANTITY);
    let members = [
        ("driver", Kind::String),
        ("attributes", below(below(Kind::Dyn))),
        ("capacity", below(below(quantity))),
    ];
    let members = members.into_iter().map(|(name, kind)| (name.to_owned(), kind));
    let device = Kind::object("kubernetes.DRADevice", members);
    Scope::from([("device".to_owned(), device), (expression::BIND.to_owned(), Kind::Dyn)])
}

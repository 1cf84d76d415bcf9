//! Lists as sets: `sets.contains(self.allowed, self.used)`.

use cel::common::types::LIST_TYPE;
use cel::common::value::Val;
use cel::{DeclarationError, Env};

use super::lists::items;
use super::{Given, Made, bool, global};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    global(env, "sets.contains", vec![LIST_TYPE, LIST_TYPE], contains)?;
    global(env, "sets.equivalent", vec![LIST_TYPE, LIST_TYPE], equivalent)?;
    global(env, "sets.intersects", vec![LIST_TYPE, LIST_TYPE], intersects)
}

fn is_in(item: &dyn Val, all: &[&dyn Val]) -> bool {
    all.iter().any(|one| one.equals(item))
}

fn contains<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let (all, part) = (items(&given, 0)?, items(&given, 1)?);
    bool(part.iter().all(|item| is_in(*item, &all)))
}

fn equivalent<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let (a, b) = (items(&given, 0)?, items(&given, 1)?);
    bool(a.iter().all(|item| is_in(*item, &b)) && b.iter().all(|item| is_in(*item, &a)))
}

fn intersects<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let (a, b) = (items(&given, 0)?, items(&given, 1)?);
    bool(a.iter().any(|item| is_in(*item, &b)))
}

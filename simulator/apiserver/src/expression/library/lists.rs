//! Lists: `self.ports.isSorted()`, `self.weights.sum() == 100`.

use std::cmp::Ordering;

use cel::common::types::{CelList, CelOptional, DYN_TYPE, Kind, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use super::{Given, Made, bool, failed, global, member, number, unfit};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    member(env, "isSorted", vec![LIST_TYPE], is_sorted)?;
    member(env, "sum", vec![LIST_TYPE], sum)?;
    member(env, "min", vec![LIST_TYPE], min)?;
    member(env, "max", vec![LIST_TYPE], max)?;
    member(env, "indexOf", vec![LIST_TYPE, DYN_TYPE], index_of)?;
    member(env, "lastIndexOf", vec![LIST_TYPE, DYN_TYPE], last_index_of)?;
    member(env, "first", vec![LIST_TYPE], first)?;
    member(env, "last", vec![LIST_TYPE], last)?;
    global(env, "optional.unwrap", vec![LIST_TYPE], unwrap)?;
    member(env, "unwrapOpt", vec![LIST_TYPE], unwrap)
}

/// The items of a list that is given.
pub(super) fn items<'a, 'v>(
    given: &'a [CowVal<'_, 'v>],
    at: usize,
) -> Result<Vec<&'a (dyn Val + 'v)>, ExecutionError> {
    let list = given.get(at).and_then(|one| one.as_ref().as_iterable()).ok_or_else(unfit)?;
    let mut all = list.iter();
    let mut items = Vec::new();
    while let Some(item) = all.next() {
        items.push(item);
    }
    Ok(items)
}

/// Nothing where two have no order: `NaN`, or values of different kinds.
fn order(a: &dyn Val, b: &dyn Val) -> Result<Option<Ordering>, ExecutionError> {
    Ok(a.as_comparer().ok_or_else(unfit)?.compare(b).ok())
}

fn is_sorted<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    for pair in items(&given, 0)?.windows(2) {
        if order(pair[0], pair[1])? == Some(Ordering::Greater) {
            return bool(false);
        }
    }
    bool(true)
}

fn sum<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let items = items(&given, 0)?;
    let Some((first, others)) = items.split_first() else { return number(0) };
    if !matches!(first.get_type().kind(), Kind::Int | Kind::UInt | Kind::Double | Kind::Duration) {
        return Err(unfit());
    }
    let mut sum: Box<dyn Val + 'v> = first.clone_as_boxed();
    for item in others {
        let more = sum.as_adder().ok_or_else(unfit)?.add(*item)?.into_owned();
        sum = more;
    }
    Ok(CowVal::Owned(sum))
}

fn min<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    extreme(&given, Ordering::Greater, "min")
}

fn max<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    extreme(&given, Ordering::Less, "max")
}

/// What is replaced by none that it is to as `worse` says.
fn extreme<'b, 'v>(given: &Given<'_, 'v>, worse: Ordering, name: &str) -> Made<'b, 'v> {
    let items = items(given, 0)?;
    let mut best: Option<&(dyn Val + 'v)> = None;
    for item in items {
        item.as_comparer().ok_or_else(unfit)?;
        if best.is_none_or(|best| order(best, item).is_ok_and(|order| order == Some(worse))) {
            best = Some(item);
        }
    }
    let best = best.ok_or_else(|| failed(format!("{name} called on empty list")))?;
    Ok(CowVal::Owned(best.clone_as_boxed()))
}

fn index_of<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    number(index(items(&given, 0)?.iter().position(|item| item.equals(given[1].as_ref()))))
}

fn last_index_of<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    number(index(items(&given, 0)?.iter().rposition(|item| item.equals(given[1].as_ref()))))
}

fn index(at: Option<usize>) -> i64 {
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn first<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    Ok(optional(items(&given, 0)?.first()))
}

fn last<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    Ok(optional(items(&given, 0)?.last()))
}

fn optional<'b, 'v>(item: Option<&&(dyn Val + 'v)>) -> CowVal<'b, 'v> {
    let item = item.map(|item| CelOptional::of(item.clone_as_boxed()));
    CowVal::owned(item.unwrap_or_else(CelOptional::none))
}

/// What is there of a list of optional values.
fn unwrap<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let mut there: Vec<Box<dyn Val + 'v>> = Vec::new();
    for item in items(&given, 0)? {
        let item = item.downcast_ref::<CelOptional<'_>>().ok_or_else(unfit)?;
        there.extend(item.option().map(Val::clone_as_boxed));
    }
    Ok(CowVal::owned(CelList::from(there)))
}

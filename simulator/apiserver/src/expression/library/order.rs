//! What is walked, in an order that is always the same: the crate's maps have none.

use cel::common::types::{CelList, CelMap, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::objects::Key;
use cel::{DeclarationError, Env};

use super::{Given, Made, global, unfit};

/// What a comprehension ranges over is given to this; no client can call it.
pub(crate) const IN_ORDER: &str = "@in_order";

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    global(env, IN_ORDER, vec![DYN_TYPE], in_order)
}

/// Of a map its keys, sorted; all else has an order.
fn in_order<'b, 'v>(mut given: Given<'b, 'v>) -> Made<'b, 'v> {
    let range = given.pop().ok_or_else(unfit)?;
    let Some(map) = range.as_ref().downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let mut keys: Vec<(Key, Box<dyn Val>)> = Vec::with_capacity(map.inner().len());
    for key in map.inner().keys() {
        keys.push((key.clone().into(), key.inner().clone_as_boxed()));
    }
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    let keys: Vec<Box<dyn Val>> = keys.into_iter().map(|(_, key)| key).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

//! What is walked, in an order that is always the same: the crate's maps have none.

use std::sync::Arc;

use cel::common::types::{CelList, CelMap, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::objects::Key;
use cel::{DeclarationError, Env, Value};

use super::{Given, Made, global, unfit};

/// What a comprehension ranges over is given to this; no client can call it.
pub(crate) const IN_ORDER: &str = "@in_order";
/// The same of one with two names: it ranges over pairs of keys, or positions, and what stands there.
pub(crate) const PAIRS: &str = "@pairs";

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    global(env, IN_ORDER, vec![DYN_TYPE], in_order)?;
    global(env, PAIRS, vec![DYN_TYPE], pairs)
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

fn pairs<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let pair = |key: Value, value: &Value| Value::List(Arc::new(vec![key, value.clone()]));
    let range = given.first().ok_or_else(unfit)?;
    let pairs: Vec<Value> = match Value::try_from(range.as_ref())? {
        Value::Map(map) => {
            let mut entries: Vec<(&Key, &Value)> = map.map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| pair(key.into(), value)).collect()
        }
        Value::List(items) => {
            (0_i64..).zip(items.iter()).map(|(at, item)| pair(at.into(), item)).collect()
        }
        _ => return Err(unfit()),
    };
    Ok(CowVal::Owned(Box::try_from(Value::List(Arc::new(pairs)))?))
}

//! Strings that many objects have in common, kept once.
//!
//! Keys and short values repeat: every Pod has a `containerPort` and most say `TCP`. A small cache,
//! one per thread and addressed directly by the string's hash, hands out the string made last time. It
//! forgets by overwriting, so it never grows, and it decides nothing: two equal texts are equal
//! whether or not they share memory.

use std::cell::RefCell;
use std::sync::Arc;

/// Longer strings are scripts and annotations, which rarely repeat within different objects.
const LONGEST: usize = 64;
const SLOTS: usize = 4096;

thread_local! {
    static RECENT: RefCell<Vec<Option<Arc<str>>>> = RefCell::new(vec![None; SLOTS]);
}

pub(crate) fn text(string: &str) -> Arc<str> {
    if string.len() > LONGEST {
        return Arc::from(string);
    }
    RECENT.with_borrow_mut(|recent| {
        let slot = &mut recent[slot_of(string)];
        match slot {
            Some(known) if **known == *string => Arc::clone(known),
            _ => Arc::clone(slot.insert(Arc::from(string))),
        }
    })
}

/// FNV-1a, folded to the size of the cache.
fn slot_of(string: &str) -> usize {
    let hash = string
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) as usize % SLOTS
}

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
            Some(known) if equal(known, string) => Arc::clone(known),
            _ => Arc::clone(slot.insert(Arc::from(string))),
        }
    })
}

/// Whether two texts are one. Most are names of members, so short that to look takes less than to call for it.
pub(crate) fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    one.len() == other.len()
        && match one.len() {
            4..8 => have_equal_ends::<4>(one, other),
            8..16 => have_equal_ends::<8>(one, other),
            16..=32 => have_equal_ends::<16>(one, other),
            _ => one == other,
        }
}

/// Of texts that are at least so long, and at most twice: between their ends is nothing more.
fn have_equal_ends<const LENGTH: usize>(one: &[u8], other: &[u8]) -> bool {
    one.first_chunk::<LENGTH>() == other.first_chunk()
        && one.last_chunk::<LENGTH>() == other.last_chunk()
}

/// From the length and both ends: what texts of one length have in common is mostly in the middle.
fn slot_of(string: &str) -> usize {
    let bytes = string.as_bytes();
    let ends = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first).rotate_left(23) ^ u64::from_le_bytes(*last)
        }
        _ => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
            }
            _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        },
    };
    let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 52) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_equal_where_every_byte_is() {
        for length in 0..40 {
            let text = "x".repeat(length);

            assert!(equal(&text, &text.clone()), "{length}");
            assert!(!equal(&text, &"x".repeat(length + 1)), "{length}");
            for at in 0..length {
                let mut other = text.clone();
                other.replace_range(at..=at, "y");
                assert!(!equal(&text, &other), "{length}: {at}");
            }
        }
    }
}

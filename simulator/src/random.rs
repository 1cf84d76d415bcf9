//! Randomness without a stream: a draw depends on who draws, for what, and the how-manieth it is,
//! and on nothing else. An extra draw here changes nothing there.

use drydock_operator_core::hash::spread;
pub use drydock_operator_core::hash::{fnv1a_64 as fnv, fnv1a_64_of as fnv_of};

/// One draw.
pub fn draw(seed: u64, actor: &str, purpose: &str, n: u64) -> u64 {
    nth(draws(seed, actor, purpose), n)
}

/// What all draws for one purpose have in common: who draws often keeps it.
pub fn draws(seed: u64, actor: &str, purpose: &str) -> u64 {
    let mut hash = fnv(fnv_of(""), &seed.to_le_bytes());
    hash = fnv(hash, actor.as_bytes());
    // A byte that no name contains, so that ("ab", "c") and ("a", "bc") differ.
    hash = fnv(hash, &[0xff]);
    fnv(hash, purpose.as_bytes())
}

/// One of them.
pub fn nth(draws: u64, n: u64) -> u64 {
    spread(fnv(draws, &n.to_le_bytes()))
}

/// A draw from `low..=high`. The slight bias of a remainder is of no account for latencies.
pub fn between(draw: u64, low: i64, high: i64) -> i64 {
    let width = u64::try_from(high - low).unwrap_or(0) + 1;
    low + i64::try_from(draw % width).expect("a remainder is smaller than the width")
}

/// FNV-1a over 32 bits.
pub fn fnv32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_each_of_its_four_names_and_on_nothing_else() {
        let one = draw(1, "kubelet", "boot", 0);

        assert_eq!(draw(1, "kubelet", "boot", 0), one);
        assert_ne!(draw(2, "kubelet", "boot", 0), one);
        assert_ne!(draw(1, "kubele", "tboot", 0), one);
        assert_ne!(draw(1, "kubelet", "boot", 1), one);
        assert!((0..1000).all(|n| (5..=9).contains(&between(draw(1, "a", "b", n), 5, 9))));
    }
}

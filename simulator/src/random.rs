//! Randomness without a stream: a draw depends on who draws, for what, and the how-manieth it is,
//! and on nothing else. An extra draw here changes nothing there.

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// One draw.
pub fn draw(seed: u64, actor: &str, purpose: &str, n: u64) -> u64 {
    let mut hash = fnv(FNV_OFFSET, &seed.to_le_bytes());
    hash = fnv(hash, actor.as_bytes());
    // A byte that no name contains, so that ("ab", "c") and ("a", "bc") differ.
    hash = fnv(hash, &[0xff]);
    hash = fnv(hash, purpose.as_bytes());
    finish(fnv(hash, &n.to_le_bytes()))
}

/// A draw from `low..=high`. The slight bias of a remainder is of no account for latencies.
pub fn between(draw: u64, low: i64, high: i64) -> i64 {
    let width = u64::try_from(high - low).unwrap_or(0) + 1;
    low + i64::try_from(draw % width).expect("a remainder is smaller than the width")
}

/// FNV-1a, continued from `hash`.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// FNV-1a of one string.
pub fn fnv_of(text: &str) -> u64 {
    fnv(FNV_OFFSET, text.as_bytes())
}

/// FNV-1a over 32 bits.
pub fn fnv32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// The last bits of FNV hardly depend on the first bytes; this spreads them (the finaliser of splitmix64).
fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
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

//! The hashes that appear in objects: they must not change from build to build, so each is spelled
//! out here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// The letters of generated names: no vowels, so that no words come out, and nothing that is easily
/// mistaken for another.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// FNV-1, 32 bits.
pub fn fnv1_32(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811c_9dc5, |hash: u32, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(*byte))
}

/// FNV-1a, 64 bits, continued from `hash`.
pub fn fnv1a_64(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// FNV-1a, 64 bits, of one string.
pub fn fnv1a_64_of(text: &str) -> u64 {
    fnv1a_64(0xcbf2_9ce4_8422_2325, text.as_bytes())
}

/// The last bits of FNV hardly depend on the first bytes; this spreads them (the finaliser of splitmix64).
pub fn spread(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A number as it stands in names and labels.
pub fn safe_encode(number: u32) -> String {
    number
        .to_string()
        .bytes()
        .map(|byte| char::from(SAFE[usize::from(byte) % SAFE.len()]))
        .collect()
}

/// The hash of a rendered file's content.
pub fn config_hash(data: &BTreeMap<String, String>) -> String {
    safe_encode(fnv1_32(go_json(data).as_bytes()))
}

/// Compact JSON, and the characters that Go's encoder escapes escaped. Keys are sorted where the value sorts them.
pub fn go_json(value: &impl Serialize) -> String {
    go_escape(&serde_json::to_string(value).expect("plain data is written as JSON"))
}

/// Escapes in JSON text what Go's encoder escapes and Rust's does not. These characters stand in
/// JSON only inside strings.
pub fn go_escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut rest = json;
    // 0xe2 is how the two line separators begin.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'<' | b'>' | b'&' | 0xe2)) {
        let (plain, special) = rest.split_at(at);
        escaped.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some(character @ ('<' | '>' | '&' | '\u{2028}' | '\u{2029}')) => {
                write!(escaped, "\\u{:04x}", u32::from(character))
                    .expect("a String takes any text");
            }
            other => escaped.extend(other),
        }
        rest = characters.as_str();
    }
    escaped.push_str(rest);
    escaped
}

/// SHA-256, as 64 hexadecimal digits: the agent compares files by it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut state = SHA256_START;
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&((bytes.len() as u64) * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        sha256_block(&mut state, block);
    }
    state.iter().fold(String::with_capacity(64), |mut text, word| {
        write!(text, "{word:08x}").expect("a String takes any text");
        text
    })
}

const SHA256_START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[rustfmt::skip]
const SHA256_ROUNDS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
fn sha256_block(state: &mut [u32; 8], block: &[u8]) {
    let mut w = [0u32; 64];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for i in 16..64 {
        let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
        let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
        w[i] = w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for i in 0..64 {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let t1 = h
            .wrapping_add(s1)
            .wrapping_add(choice)
            .wrapping_add(SHA256_ROUNDS[i])
            .wrapping_add(w[i]);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
        (d, c, b, a) = (c, b, a, t1.wrapping_add(s0.wrapping_add(majority)));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hashes_are_the_published_ones() {
        assert_eq!(fnv1_32(b"a"), 0x050c_5d7e);
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn names_of_numbers_hold_only_safe_letters() {
        assert_eq!(safe_encode(1_234_567_890), "56789bcdf4");
    }

    #[test]
    fn json_is_escaped_as_go_does() {
        assert_eq!(
            go_json(&json!({"b": "x && y > z", "a": 1})),
            r#"{"a":1,"b":"x \u0026\u0026 y \u003e z"}"#
        );
    }
}

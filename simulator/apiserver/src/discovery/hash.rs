//! The hash by which clients notice that objects are kept in another version: SHA-256 as FIPS 180-4 has it, cut.

/// The first eight bytes of the hash of `GROUP/VERSION/KIND`, as base64.
pub fn of(group: &str, version: &str, kind: &str) -> String {
    let digest = sha256(format!("{group}/{version}/{kind}").as_bytes());
    base64(digest.iter().take(8).copied())
}

fn base64(bytes: impl Iterator<Item = u8>) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = bytes.collect();
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4_u32 {
            let index = bits >> (18 - 6 * digit) & 63;
            let there = digit as usize <= three.len();
            text.push(if there { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

fn sha256(message: &[u8]) -> Vec<u8> {
    // The fractional parts of the square roots of the first 8 primes, of the cube roots of the first 64.
    let primes: Vec<u64> = (2_u64..312).filter(|n| (2..*n).all(|by| n % by != 0)).collect();
    let mut state: Vec<u32> = primes.iter().take(8).map(|prime| fraction(*prime, 2)).collect();
    let constants: Vec<u32> = primes.iter().take(64).map(|prime| fraction(*prime, 3)).collect();

    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        compress(&mut state, block, &constants);
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn compress(state: &mut [u32], block: &[u8], constants: &[u32]) {
    let mut words: Vec<u32> = block
        .chunks(4)
        .map(|four| four.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        .collect();
    for at in 16..64 {
        let (near, far) = (words[at - 2], words[at - 15]);
        let near = near.rotate_right(17) ^ near.rotate_right(19) ^ near >> 10;
        let far = far.rotate_right(7) ^ far.rotate_right(18) ^ far >> 3;
        words.push(words[at - 16].wrapping_add(far).wrapping_add(words[at - 7]).wrapping_add(near));
    }
    let mut turn: Vec<u32> = state.to_vec();
    for (word, constant) in words.iter().zip(constants) {
        let (first, fifth) = (turn[0], turn[4]);
        let choice = fifth & turn[5] ^ !fifth & turn[6];
        let majority = first & turn[1] ^ first & turn[2] ^ turn[1] & turn[2];
        let low = fifth.rotate_right(6) ^ fifth.rotate_right(11) ^ fifth.rotate_right(25);
        let high = first.rotate_right(2) ^ first.rotate_right(13) ^ first.rotate_right(22);
        let one = turn[7]
            .wrapping_add(low)
            .wrapping_add(choice)
            .wrapping_add(*constant)
            .wrapping_add(*word);
        turn.rotate_right(1);
        turn[4] = turn[4].wrapping_add(one);
        turn[0] = one.wrapping_add(high).wrapping_add(majority);
    }
    for (word, more) in state.iter_mut().zip(turn) {
        *word = word.wrapping_add(more);
    }
}

/// The first 32 bits of the fraction of a root, without floating point: the largest `r` with
/// `r^degree <= n * 2^(32 * degree)`.
fn fraction(n: u64, degree: u32) -> u32 {
    let target = u128::from(n) << (32 * degree);
    let mut root = 0_u128;
    for bit in (0..38).rev() {
        let tried = root | 1 << bit;
        if tried.pow(degree) <= target {
            root = tried;
        }
    }
    (root & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_known_texts() {
        let hex = |text: &str| -> String {
            sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(
            hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        );
    }

    #[test]
    fn kinds_hash_as_a_server_told() {
        assert_eq!(of("apps", "v1", "Deployment"), "8aSe+NMegvE=");
        assert_eq!(of("batch", "v1", "CronJob"), "sd5LIXh4Fjs=");
    }
}

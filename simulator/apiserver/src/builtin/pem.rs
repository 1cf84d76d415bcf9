//! Blocks of PEM, and what they hold as far as messages tell: `-----BEGIN X-----`, base64, `-----END X-----`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) struct Block<'t> {
    pub kind: &'t str,
    pub has_headers: bool,
    pub bytes: Vec<u8>,
}

/// The first block of a text and what comes after it. What looks like one and is none is passed over.
pub(super) fn decode(text: &str) -> Option<(Block<'_>, &str)> {
    const BEGIN: &str = "-----BEGIN ";
    let mut rest = text;
    loop {
        let end = rest.find("\n-----END ")?;
        let (before, after) = (&rest[..end], &rest[end + "\n-----END ".len()..]);
        let start = before.rfind(BEGIN).filter(|at| *at == 0 || before[..*at].ends_with('\n'));
        let found = start.and_then(|start| {
            let body = &before[start + BEGIN.len()..];
            let (head, body) = body.split_once('\n').unwrap_or((body, ""));
            let kind = head.trim_end().strip_suffix("-----")?;
            let (last, after) = after.split_once('\n').unwrap_or((after, ""));
            let ends = last.trim_end().strip_suffix("-----") == Some(kind);
            let headers = body.lines().take_while(|line| line.contains(':')).count();
            let data: String = body.lines().skip(headers).flat_map(str::split_whitespace).collect();
            let bytes = STANDARD.decode(data).ok().filter(|_| ends)?;
            Some((Block { kind, has_headers: headers > 0, bytes }, after))
        });
        match found {
            Some(found) => return Some(found),
            None => rest = after,
        }
    }
}

/// All blocks of a text.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (block, after) = decode(rest)?;
        rest = after;
        Some(block)
    })
}

/// One value of DER: its first byte, what is in it, and what comes after it. `Err` in the words of Go's encoding/asn1.
pub(super) fn value(der: &[u8]) -> Result<(u8, &[u8], &[u8]), &'static str> {
    const SHORT: &str = "syntax error: truncated tag or length";
    let (tag, rest) = der.split_first().ok_or("syntax error: sequence truncated")?;
    let (first, mut rest) = rest.split_first().ok_or(SHORT)?;
    let mut length = usize::from(*first);
    if length == 0x80 {
        return Err("syntax error: indefinite length found (not DER)");
    }
    if length > 0x80 {
        let count = length & 0x7f;
        let (bytes, after) = rest.split_at_checked(count).ok_or(SHORT)?;
        if count > 4 {
            return Err("structure error: length too large");
        }
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (inner, after) = rest.split_at_checked(length).ok_or("syntax error: data truncated")?;
    Ok((*tag, inner, after))
}

/// The first byte of a sequence.
pub(super) const SEQUENCE: u8 = 0x30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_as_it_begins_and_says_what_it_is() {
        let text = "x\n-----BEGIN A-----\nYQ==\n-----END B-----\n-----BEGIN B-----\nk: v\n\nYg==\n-----END B-----\nz";
        let (block, rest) = decode(text).expect("a block");

        assert_eq!(
            (block.kind, block.has_headers, &*block.bytes, rest),
            ("B", true, &b"b"[..], "z")
        );
        assert!(decode("-----BEGIN A-----\nYQ=\n-----END A-----").is_none());
    }

    #[test]
    fn a_value_of_der_is_as_long_as_it_says() {
        assert_eq!(value(&[0x30, 1, 5, 9]), Ok((SEQUENCE, &[5][..], &[9][..])));
        assert_eq!(value(&[0x30, 2, 5]), Err("syntax error: data truncated"));
    }
}

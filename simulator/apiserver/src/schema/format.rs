//! Patterns and named formats of strings.

use std::sync::OnceLock;

use regex::Regex;

use crate::quantity;

/// A regular expression, compiled when it is first asked.
#[derive(Debug)]
pub struct Pattern {
    pub source: String,
    compiled: OnceLock<Option<Regex>>,
}

/// What controller-gen writes for every quantity: worth a matcher by hand, there are hundreds of them.
const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

impl Pattern {
    pub fn new(source: &str) -> Self {
        Self { source: source.to_owned(), compiled: OnceLock::new() }
    }

    /// A pattern that does not compile lets everything pass: the definition was refused before.
    pub fn matches(&self, text: &str) -> bool {
        let number = text.strip_prefix(['-', '+']).unwrap_or(text);
        let begins = number.starts_with(|first: char| first.is_ascii_digit());
        if self.source == QUANTITY && begins && quantity::canonical(text).is_ok() {
            return true;
        }
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.source).ok());
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// Whether a text has a format that the real server checks; others pass.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "byte" => bad_base64(text).is_none(),
        "duration" => duration(text),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, bits)| {
            let most = if address.contains(':') { 128 } else { 32 };
            address.parse::<std::net::IpAddr>().is_ok()
                && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
        }),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => {
            let hex: String = text.chars().filter(|c| *c != '-').collect();
            hex.len() == 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
        }
        "email" => text.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()),
        "uri" => text.contains("://") || text.starts_with('/'),
        "hostname" => !text.is_empty() && text.len() <= 253 && text.split('.').all(label),
        "mac" => text.split([':', '-']).count() == 6,
        _ => true,
    }
}

fn label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Go's `time.ParseDuration`: `1h30m`, `-1.5s`, `0`.
pub(crate) fn duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let digits =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, tail) = rest.split_at(digits);
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .iter()
            .filter(|unit| tail.starts_with(**unit))
            .max_by_key(|unit| unit.len());
        let (Ok(_), Some(unit)) = (number.parse::<f64>(), unit) else { return false };
        rest = &tail[unit.len()..];
        parts += 1;
    }
    parts > 0
}

/// The place of the first byte that is not base64, as Go counts it.
pub(crate) fn bad_base64(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut count = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' | b'\n' => {}
            b'=' => {
                let rest = bytes[at..].iter().filter(|b| !matches!(b, b'\r' | b'\n')).count();
                let fits = matches!((count % 4, rest), (2, 2) | (3, 1))
                    && bytes[at..].iter().all(|b| matches!(b, b'=' | b'\r' | b'\n'));
                return (!fits).then_some(at);
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => count += 1,
            _ => return Some(at),
        }
    }
    (count % 4 != 0).then_some(bytes.len() - count % 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_wrong_at_the_byte_where_go_says_so() {
        assert_eq!(bad_base64("aGk="), None);
        assert_eq!(bad_base64(""), None);
        assert_eq!(bad_base64("a b"), Some(1));
        assert_eq!(bad_base64("aGk"), Some(0));
    }

    #[test]
    fn a_quantity_pattern_takes_quantities_only() {
        let pattern = Pattern::new(QUANTITY);

        assert!(pattern.matches("10Gi"));
        assert!(pattern.matches("1.5"));
        assert!(!pattern.matches("10GB"));
        assert!(!pattern.matches(""));
    }
}

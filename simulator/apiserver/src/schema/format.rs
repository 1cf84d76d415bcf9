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

/// The formats that the real server of a minor version knows: it looks at no other.
pub(crate) fn is_known(format: &str, minor: u32) -> bool {
    const KNOWN: [&str; 24] = [
        "bsonobjectid",
        "uri",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "cidr",
        "mac",
        "uuid",
        "uuid3",
        "uuid4",
        "uuid5",
        "isbn",
        "isbn10",
        "isbn13",
        "creditcard",
        "ssn",
        "hexcolor",
        "rgbcolor",
        "byte",
        "password",
        "date",
        "duration",
        "datetime",
    ];
    let bare = format.replace('-', "");
    KNOWN.contains(&&*bare) || minor >= 34 && matches!(&*bare, "k8sshortname" | "k8slongname")
}

/// Whether a text has a format that the real server checks; others pass.
pub(crate) fn fits(format: &str, text: &str) -> bool {
    const UUID: &str = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    const UUID3: &str = "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    const UUID4: &str =
        "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$";
    const UUID5: &str =
        "(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$";
    const HOSTNAME: &str = r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$";
    const MAC: &str = r"^([0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}([:-][0-9a-fA-F]{2}){0,2}|([0-9a-fA-F]{2}[:-]){19}[0-9a-fA-F]{2}|[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2,3})$";
    const COLOUR: &str = r"^rgb\(\s*(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])(\s*,\s*(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])){2}\s*\)$";
    let is_like = |pattern: &'static str| Regex::new(pattern).is_ok_and(|it| it.is_match(text));
    match format {
        "date-time" | "datetime" => is_date_time(text),
        "date" => is_date(text),
        "byte" => !text.is_empty() && !text.contains(['\r', '\n']) && bad_base64(text).is_none(),
        "duration" => duration(text).is_some(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => text.split_once('/').is_some_and(|(address, bits)| {
            let most = if address.contains(':') { 128 } else { 32 };
            let bits = bits.parse::<u8>().ok().filter(|_| !bits.starts_with('+'));
            address.parse::<std::net::IpAddr>().is_ok() && bits.is_some_and(|bits| bits <= most)
        }),
        "uuid" => is_like(UUID),
        "uuid3" => is_like(UUID3),
        "uuid4" => is_like(UUID4),
        "uuid5" => is_like(UUID5),
        "email" => is_like(
            r#"^([^<>@,;:\\\[\]"]* <)?[^\s<>@,;:\\\[\]"().]+(\.[^\s<>@,;:\\\[\]"().]+)*@[^\s<>@,;:\\"()]+>?$"#,
        ),
        "uri" => is_uri(text),
        "hostname" => {
            text.len() <= 255 && text.split('.').all(|part| part.len() <= 63) && is_like(HOSTNAME)
        }
        "mac" => is_like(MAC),
        "hexcolor" => is_like("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"),
        "rgbcolor" => is_like(COLOUR),
        "ssn" => text.len() == 11 && is_like("^[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}$"),
        "isbn10" => is_isbn10(text),
        "isbn13" => is_isbn13(text),
        "isbn" => is_isbn10(text) || is_isbn13(text),
        "k8s-short-name" => text.len() <= 63 && is_like("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
        "k8s-long-name" => text.len() <= 253 && text.split('.').all(label),
        _ => true,
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// RFC 3339, without a leap second; what parts seconds from their fraction is any sign.
fn is_date_time(text: &str) -> bool {
    static TIME: OnceLock<Option<Regex>> = OnceLock::new();
    let lower = text.to_lowercase();
    let Some((date, time)) = lower.split_once('t') else { return false };
    let pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](.[0-9]+)?(z|[+-][0-9]{2}:[0-9]{2})$";
    let time_of_day = TIME.get_or_init(|| Regex::new(pattern).ok()).as_ref();
    is_date(date) && time_of_day.is_some_and(|it| it.is_match(time))
}

/// As Go parses what a request asks for: a path, or a scheme and what belongs to it.
fn is_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    let is_escaped = text.match_indices('%').all(|(at, _)| {
        text.get(at + 1..at + 3).is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    if text.chars().any(|sign| sign.is_ascii_control()) || !is_escaped {
        return false;
    }
    if text.starts_with('/') || text == "*" {
        return true;
    }
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let host = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next());
        is_scheme(scheme) && !host.flatten().is_some_and(|host| host.contains(' '))
    })
}

fn is_isbn10(text: &str) -> bool {
    let signs: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let value = |(at, sign): (usize, &char)| match sign {
        'X' if at == 9 => Some(10),
        sign => sign.to_digit(10),
    };
    let values: Option<Vec<u32>> = signs.iter().enumerate().map(value).collect();
    let sum = |values: Vec<u32>| values.iter().zip(1..).map(|(value, at)| value * at).sum::<u32>();
    signs.len() == 10 && values.map(sum).is_some_and(|sum| sum % 11 == 0)
}

fn is_isbn13(text: &str) -> bool {
    let signs: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let values: Option<Vec<u32>> = signs.iter().map(|sign| sign.to_digit(10)).collect();
    let sum = |values: Vec<u32>| {
        values.iter().zip([1, 3].iter().cycle()).map(|(value, by)| value * by).sum::<u32>()
    };
    signs.len() == 13 && values.map(sum).is_some_and(|sum| sum % 10 == 0)
}

fn label(text: &str) -> bool {
    let is_end = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(is_end)
        && bytes.last().is_some_and(is_end)
        && bytes.iter().all(|b| is_end(b) || *b == b'-')
}

/// Nanoseconds, as Go writes them (`1h2.5s`), or as Scala does anywhere in the text (`2 hours`).
pub(super) fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&[&str], i64); 8] = [
        (&["ns", "nano"], 1),
        (&["us", "µs", "micro"], 1_000),
        (&["ms", "milli"], 1_000_000),
        (&["s", "sec"], 1_000_000_000),
        (&["m", "min"], 60_000_000_000),
        (&["h", "hr", "hour"], 3_600_000_000_000),
        (&["d", "day"], 86_400_000_000_000),
        (&["w", "wk", "week"], 604_800_000_000_000),
    ];
    static PART: OnceLock<Option<Regex>> = OnceLock::new();
    if let Ok(nanoseconds) = crate::golang::duration(text) {
        return Some(nanoseconds);
    }
    let part = PART.get_or_init(|| Regex::new(r"([0-9]+)\s*([A-Za-zµ]+)").ok()).as_ref()?;
    let mut total = None;
    for found in part.captures_iter(text) {
        let count: i64 = found[1].parse().ok()?;
        let unit = found[2].to_lowercase();
        for (names, nanoseconds) in UNITS {
            let is_last = |name: &str| names.last() == Some(&name);
            for name in names {
                if unit == *name || is_last(name) && unit.starts_with(name) {
                    let part = count.wrapping_mul(nanoseconds);
                    total = Some(total.unwrap_or(0_i64).wrapping_add(part));
                }
            }
        }
    }
    total
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

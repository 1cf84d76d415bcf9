//! Which patterns Go's `regexp` reads.

use regex::Regex;

/// Whether Go can read a pattern. What is between `\Q` and `\E` counts as good.
pub(crate) fn is_good(pattern: &str) -> bool {
    pattern.contains("\\Q") || ours(pattern).is_some_and(|pattern| Regex::new(&pattern).is_ok())
}

/// Of repetitions: Go counts no further.
const MOST: u32 = 1000;
const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What stood before, if it was a repetition: `*`, or `*?`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Other,
    Repetition,
    Lazy,
}

/// The pattern as our crate reads it: a bracket within brackets, or a brace that counts nothing, is just a sign to Go.
/// Nothing where Go is stricter: it repeats no repetitions.
fn ours(pattern: &str) -> Option<String> {
    let mut made = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    let mut before = Before::Other;
    while let Some(sign) = rest.chars().next() {
        let after = &rest[sign.len_utf8()..];
        let mut taken = sign.len_utf8();
        let mut is_plain = false;
        let mut repeats = false;
        match sign {
            '\\' => {
                taken += after.chars().next().map_or(0, char::len_utf8);
                // `\pL`, `\x{61}`: a brace that belongs to a sign.
                if after.starts_with(['p', 'P', 'x']) && after[1..].starts_with('{') {
                    taken += after[1..].find('}').map_or(0, |end| end + 1);
                }
            }
            '[' if in_class => match after.strip_prefix(':').and_then(|name| name.split_once(":]"))
            {
                Some((name, _)) => {
                    taken += name.len() + 3;
                    CLASSES.contains(&name.trim_start_matches('^')).then_some(())?;
                }
                None => is_plain = true,
            },
            '[' => {
                in_class = true;
                let first = after.strip_prefix('^').unwrap_or(after);
                taken += after.len() - first.len() + usize::from(first.starts_with(']'));
            }
            ']' if in_class => in_class = false,
            '-' if in_class && after.starts_with('-') => {
                made.push('-');
                is_plain = true;
                rest = after;
            }
            _ if in_class => is_plain = matches!(sign, '&' | '~') && after.starts_with(sign),
            '{' => match count(after) {
                Some((most, len)) => {
                    (most <= MOST).then_some(())?;
                    taken += len;
                    repeats = true;
                }
                None => is_plain = true,
            },
            '*' | '+' | '?' => repeats = true,
            _ => {}
        }
        before = match (before, repeats) {
            (Before::Repetition, true) if sign == '?' => Before::Lazy,
            (Before::Other, true) => Before::Repetition,
            (_, true) => return None,
            (_, false) => Before::Other,
        };
        if is_plain {
            made.push('\\');
        }
        made.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Some(made)
}

/// The greater number of a count behind its brace, and its length: `2}`, `2,}`, `2,3}`.
fn count(after: &str) -> Option<(u32, usize)> {
    let (count, _) = after.split_once('}')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u32::MAX))
    };
    let most = match count.split_once(',') {
        None => number(count)?,
        Some((least, "")) => number(least)?,
        Some((least, most)) => number(least)?.max(number(most)?),
    };
    Some((most, count.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a server of 1.34 took or refused them in calls of `matches`.
    #[test]
    fn what_go_reads_is_good() {
        for good in [
            "",
            "^[a-z]+$",
            "[[]",
            "[]a]",
            "[^]a]",
            "a{",
            "a{,3}",
            "${x}",
            "a{2,3}",
            "[[:alpha:]]",
            r"\pL\p{Greek}\x{10FFFF}\d\.",
            "[a&&b]",
            "[+--]",
            r"\Q[\E",
            "(?i)(?P<n>a)(?:b)",
            "{",
            "a*?b+?",
            "a{2}?",
            "(?<n>a)",
            r"\*+",
            "[*+]+",
        ] {
            assert!(is_good(good), "{good}");
        }
        for bad in [
            "[",
            "(",
            ")",
            "*",
            "a(?=b)",
            "a(?!b)",
            r"\",
            "[b-a]",
            "a{3,2}",
            r"(a)\1",
            "a**",
            "a{2}{3}",
            "a{1001}",
            "[[:foo:]]",
            "[a--b]",
            "a*?+",
        ] {
            assert!(!is_good(bad), "{bad}");
        }
    }
}

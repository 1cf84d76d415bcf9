//! Which patterns Go's `regexp` reads.

use regex::Regex;

/// Whether Go can read a pattern. What is between `\Q` and `\E` counts as good.
pub(crate) fn is_good(pattern: &str) -> bool {
    pattern.contains("\\Q") || Regex::new(&ours(pattern)).is_ok()
}

/// The pattern as our crate reads it: a bracket within brackets, or a brace that counts nothing, is just a sign to Go.
fn ours(pattern: &str) -> String {
    let mut made = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(sign) = rest.chars().next() {
        let after = &rest[sign.len_utf8()..];
        let mut taken = sign.len_utf8();
        let is_plain = match sign {
            '\\' => {
                taken += after.chars().next().map_or(0, char::len_utf8);
                // `\pL`, `\x{61}`: a brace that belongs to a sign.
                if after.starts_with(['p', 'P', 'x']) && after[1..].starts_with('{') {
                    taken += after[1..].find('}').map_or(0, |end| end + 1);
                }
                false
            }
            '[' if in_class => {
                let end = after.strip_prefix(':').and_then(|name| name.find(":]"));
                taken += end.map_or(0, |end| end + 3);
                end.is_none()
            }
            '[' => {
                in_class = true;
                let first = after.strip_prefix('^').unwrap_or(after);
                taken += after.len() - first.len();
                if first.starts_with(']') {
                    taken += 1;
                }
                false
            }
            ']' if in_class => {
                in_class = false;
                false
            }
            '&' | '~' | '-' if in_class => after.starts_with(sign),
            '{' => !in_class && !counts(after),
            _ => false,
        };
        if is_plain {
            made.push('\\');
        }
        made.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    made
}

/// Whether a brace begins a number of times: `{2}`, `{2,}`, `{2,3}`.
fn counts(after: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    after.split_once('}').is_some_and(|(count, _)| match count.split_once(',') {
        None => is_number(count),
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "[a--b]",
            r"\Q[\E",
            "(?i)(?P<n>a)(?:b)",
            "{",
        ] {
            assert!(is_good(good), "{good}");
        }
        for bad in ["[", "(", ")", "*", "a(?=b)", "a(?!b)", r"\", "[b-a]", "a{3,2}", r"(a)\1"] {
            assert!(!is_good(bad), "{bad}");
        }
    }
}

//! `semverCompare`, with the constraints that charts write.

use gotmpl::Value;

use super::{Function, failed, text};

pub(super) const ALL: &[(&str, Function)] = &[("semverCompare", |a| {
    let (constraint, version) = (text(a, 0)?, text(a, 1)?);
    let version = parse(&version)
        .ok_or_else(|| failed(&format!("semverCompare: {version:?} is not a version")))?;
    satisfies(&constraint, &version.0)
        .map(Value::Bool)
        .ok_or_else(|| failed(&format!("semverCompare: {constraint:?} is not a constraint")))
})];

/// Major, minor, patch.
type Version = [u64; 3];

/// The version, and how many of its parts were written.
fn parse(version: &str) -> Option<(Version, usize)> {
    let version = version.trim().trim_start_matches('v');
    let core = version.split(['-', '+']).next()?;
    let mut parts = [0; 3];
    let mut written = 0;
    for part in core.split('.') {
        if matches!(part, "x" | "X" | "*") {
            break;
        }
        *parts.get_mut(written)? = part.parse().ok()?;
        written += 1;
    }
    Some((parts, written))
}

fn satisfies(constraint: &str, version: &Version) -> Option<bool> {
    for alternative in constraint.split("||") {
        let mut all = true;
        let spaced = alternative.replace(',', " ");
        let mut words = spaced.split_whitespace().peekable();
        while let Some(word) = words.next() {
            // The operator may stand apart from its version.
            let operator = word.trim_end_matches(|c: char| !"<>=!~^".contains(c));
            let number = match &word[operator.len()..] {
                "" => words.next()?,
                number => number,
            };
            all &= holds(operator, parse(number)?, version)?;
        }
        if all {
            return Some(true);
        }
    }
    Some(false)
}

fn holds(operator: &str, (wanted, written): (Version, usize), version: &Version) -> Option<bool> {
    let same_prefix = |length: usize| version[..length] == wanted[..length];
    Some(match operator {
        "" | "=" | "==" => same_prefix(written),
        "!=" => !same_prefix(written),
        ">" => *version > wanted && !(written < 3 && same_prefix(written)),
        ">=" | "=>" => *version >= wanted,
        "<" => *version < wanted,
        "<=" | "=<" => *version <= wanted || same_prefix(written) && written < 3,
        "~" | "~>" => *version >= wanted && same_prefix(written.min(2)),
        "^" => {
            let fixed = wanted.iter().position(|part| *part > 0).unwrap_or(2) + 1;
            *version >= wanted && same_prefix(fixed.min(written.max(1)))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_hold_as_their_operators_say() {
        for (constraint, version, expected) in [
            (">=14.18.0", "14.18.0", true),
            (">=14.18.0", "14.7.2", false),
            (">= 1.2, < 2", "1.9.0", true),
            ("~1.2.3", "1.3.0", false),
            ("^0.2.3", "0.2.9", true),
            ("^1.2", "2.0.0", false),
            ("1.2.x || 3", "3.4.5", true),
        ] {
            let (version_parts, _) = parse(version).unwrap();
            assert_eq!(
                satisfies(constraint, &version_parts),
                Some(expected),
                "{constraint} {version}"
            );
        }
    }
}

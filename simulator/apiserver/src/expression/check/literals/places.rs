//! The places of a text that `format` puts values into: `'%s has %d'.format([self.name, self.count])`.

use super::{At, Kind, Tree, What};

/// Where a fault is, if not of the call itself, and what it is.
type Misplaced = (Option<At>, String);

/// What may be put into a place, and what is said of all else.
type Clause = (fn(&Kind) -> bool, &'static str);

/// What is wrong with a text and the values for it; `kind`: the type of a part.
pub(super) fn check(
    tree: &Tree<'_>,
    text: &str,
    values: &[At],
    kind: &mut impl FnMut(At) -> Kind,
) -> Result<(), Misplaced> {
    let mut count = 0;
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return Err((None, "unexpected end of string".to_owned()));
        }
        let Some(value) = values.get(count) else {
            return Err((None, format!("index {count} out of range")));
        };
        count += 1;
        let (after, (fits, wanted)) = clause(rest)
            .map_err(|why| (None, format!("could not parse formatting clause: {why}")))?;
        rest = after;
        if let Some(bad) = unfit(tree, *value, fits, kind) {
            let found = kind(bad).made();
            let found = found.split('(').next().unwrap_or_default();
            return Err((
                Some(bad),
                format!("error during formatting: {wanted}, was given {found}"),
            ));
        }
    }
    if values.len() > count {
        let given = values.len();
        let why =
            format!("too many arguments supplied to string.format (expected {count}, got {given})");
        return Err((None, why));
    }
    Ok(())
}

/// What stands behind a `%`, and what is after that.
fn clause(text: &str) -> Result<(&str, Clause), String> {
    let mut rest = text;
    if let Some(precise) = text.strip_prefix('.') {
        rest = precise.trim_start_matches(|sign: char| sign.is_ascii_digit());
        let digits = &precise[..precise.len() - rest.len()];
        let why = if rest.is_empty() {
            "could not find end of precision specifier".to_owned()
        } else if digits.is_empty() {
            "error while converting precision to integer: strconv.Atoi: parsing \"\": invalid syntax"
                .to_owned()
        } else {
            String::new()
        };
        if !why.is_empty() {
            return Err(format!("error while parsing precision: {why}"));
        }
    }
    let letter = rest.bytes().next().map(char::from).unwrap_or_default();
    let found: Clause = match letter {
        's' => (
            is_printable,
            "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
        ),
        'd' => (is_integer, "decimal clause can only be used on integers"),
        'o' => (is_integer, "octal clause can only be used on integers"),
        'f' => (is_double, "fixed-point clause can only be used on doubles"),
        'e' => (is_double, "scientific clause can only be used on doubles"),
        'b' => (
            |kind| is_integer(kind) || *kind == Kind::Bool,
            "only integers and bools can be formatted as binary",
        ),
        'x' | 'X' => (
            |kind| is_integer(kind) || matches!(kind, Kind::String | Kind::Bytes),
            "only integers, byte buffers, and strings can be formatted as hex",
        ),
        other => return Err(format!("unrecognized formatting clause \"{other}\"")),
    };
    Ok((&rest[1..], found))
}

const fn is_integer(kind: &Kind) -> bool {
    matches!(kind, Kind::Dyn | Kind::Int | Kind::Uint)
}

/// Some numbers are written as texts: `NaN`.
const fn is_double(kind: &Kind) -> bool {
    matches!(kind, Kind::Dyn | Kind::Double | Kind::String)
}

const fn is_printable(kind: &Kind) -> bool {
    !matches!(kind, Kind::Object(_) | Kind::Named(_) | Kind::Optional(_))
}

/// The value that does not fit, or the first of those that it is made of.
fn unfit(
    tree: &Tree<'_>,
    value: At,
    fits: fn(&Kind) -> bool,
    kind: &mut impl FnMut(At) -> Kind,
) -> Option<At> {
    let found = kind(value);
    if !fits(&found) {
        return Some(value);
    }
    match &tree.nodes[value] {
        what @ (What::List(_) | What::Map(_)) => {
            what.parts().into_iter().find_map(|part| unfit(tree, part, fits, kind))
        }
        _ => None,
    }
}

//! YAML as clients send it (of members that stand twice the last one counts, and the first is told), and as they get it.

mod emit;

use serde_saphyr::{DuplicateKeyPolicy, Error};

use crate::object::Tree;

/// The tree, or why there is none. Of several documents the first counts.
pub(crate) fn tree(bytes: &[u8]) -> Result<Tree, String> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    serde_saphyr::from_slice_with_options(first(bytes), options).map_err(|error| in_words(&error))
}

/// The first document of a stream.
fn first(bytes: &[u8]) -> &[u8] {
    let (mut at, mut begun) = (0, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let ends =
            line.starts_with(b"---") && line[3..].first().is_none_or(u8::is_ascii_whitespace);
        if ends && begun {
            return &bytes[..at];
        }
        begun |=
            !line.trim_ascii().is_empty() && !line.starts_with(b"#") && line.trim_ascii() != b"---";
        at += line.len();
    }
    bytes
}

/// `line 1: did not find expected node content`: as Go's parser says it, as far as it says the same.
fn in_words(error: &Error) -> String {
    let error = error.without_snippet();
    let said = error.to_string();
    let why = if said.contains("unclosed bracket") || said.contains("unclosed brace") {
        "did not find expected node content"
    } else if said.contains("tab") {
        "found character that cannot start any token"
    } else if said.contains("mapping values") {
        "mapping values are not allowed in this context"
    } else if said.contains("unknown anchor") || said.contains("alias") {
        return said;
    } else {
        "did not find expected key"
    };
    let line = said.split("at line ").nth(1).and_then(|rest| rest.split(',').next());
    format!("line {}: {why}", line.unwrap_or("1"))
}

/// A tree as a server writes it.
pub(crate) fn text(tree: &Tree) -> String {
    emit::text(tree)
}

/// `line 7: key "k" already set in map`, for the first member that stands twice.
pub(crate) fn duplicate(bytes: &[u8]) -> Option<String> {
    let error = serde_saphyr::from_slice::<Tree>(bytes).err()?;
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, location } => {
            let key = key.as_deref().unwrap_or_default();
            Some(format!("line {}: key {key:?} already set in map", location.line()))
        }
        _ => None,
    }
}

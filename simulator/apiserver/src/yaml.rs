//! YAML as clients send it (of members that stand twice the last one counts, and the first is told), and as they get it.

mod emit;

use serde_saphyr::{DuplicateKeyPolicy, Error};

use crate::object::Tree;

/// The tree, or why there is none.
pub(crate) fn tree(bytes: &[u8]) -> Result<Tree, String> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    serde_saphyr::from_slice_with_options(bytes, options)
        .map_err(|error| error.without_snippet().to_string())
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

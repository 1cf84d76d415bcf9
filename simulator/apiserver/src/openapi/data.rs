//! The documents of the builtin kinds, unpacked at first use. Parts that stand in several of them are one piece of memory.

use std::sync::OnceLock;

use crate::object::Tree;

const V1_20: &[u8] = include_bytes!("../../tables/openapi-1.20.bin");
const V1_34: &[u8] = include_bytes!("../../tables/openapi-1.34.bin");

/// Far above what is there, far below what would hurt.
const LARGEST: usize = 16 << 20;

/// `{"v2": document, "v3": {"api/v1": document, ...}}`; versions before 1.24 have no v3.
pub(super) fn builtin(minor: u32) -> &'static Tree {
    static OLD: OnceLock<Tree> = OnceLock::new();
    static NEW: OnceLock<Tree> = OnceLock::new();
    let (cell, packed) = if minor < 22 { (&OLD, V1_20) } else { (&NEW, V1_34) };
    cell.get_or_init(|| {
        let text = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, LARGEST)
            .expect("the generator packed it");
        let mut lines: Vec<Tree> = Vec::with_capacity(8192);
        for line in text.split(|byte| *byte == b'\n') {
            let tree = Tree::from_json(line).expect("the generator wrote it");
            let whole = whole(&tree, &lines);
            lines.push(whole);
        }
        lines.pop().unwrap_or_default()
    })
}

/// A line with what it refers to.
fn whole(tree: &Tree, lines: &[Tree]) -> Tree {
    if tree.is_map() {
        return Tree::map(tree.entries().map(|(key, value)| (key, whole(value, lines))));
    }
    if tree.is_list() {
        return Tree::list(tree.items().iter().map(|item| whole(item, lines)));
    }
    match tree.as_str().and_then(|text| text.strip_prefix('~')) {
        Some(text) if text.starts_with('~') => text.into(),
        Some(number) => {
            let at: usize = number.parse().expect("the generator wrote numbers");
            lines[at].clone()
        }
        None => tree.clone(),
    }
}

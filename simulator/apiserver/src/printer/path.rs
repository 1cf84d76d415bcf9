//! The JSONPath of a printer column: members, elements, wildcards and filters for equality.

use crate::object::Tree;

use super::text::scalar;

/// What the path leads to, in order. Nothing for a path that is none.
pub(super) fn find(tree: &Tree, path: &str) -> Vec<Tree> {
    let mut found = vec![tree.clone()];
    let mut rest = path.trim();
    while !rest.is_empty() {
        let Some((step, after)) = step(rest) else { return Vec::new() };
        found = found.iter().flat_map(|tree| step.of(tree)).collect();
        rest = after;
    }
    found
}

enum Step<'p> {
    Member(String),
    All,
    Element(i64),
    /// From an element (from the end, if negative) up to another.
    Slice(i64, i64),
    /// `@.type=="Ready"`: the path in the element, whether it must be equal, and the value.
    Filter(&'p str, bool, &'p str),
}

impl Step<'_> {
    fn of(&self, tree: &Tree) -> Vec<Tree> {
        match self {
            Step::Member(name) => tree.get(name).cloned().into_iter().collect(),
            Step::All if tree.is_map() => tree.entries().map(|(_, value)| value.clone()).collect(),
            Step::All => tree.items().to_vec(),
            Step::Element(at) => {
                let length = i64::try_from(tree.items().len()).unwrap_or(i64::MAX);
                let at = if *at < 0 { length + at } else { *at };
                let at = usize::try_from(at).ok();
                at.and_then(|at| tree.items().get(at)).cloned().into_iter().collect()
            }
            Step::Slice(from, to) => {
                let length = i64::try_from(tree.items().len()).unwrap_or(i64::MAX);
                let place =
                    |at: i64| if at < 0 { length.saturating_add(at) } else { at.min(length) };
                let inside = |(at, _): &(i64, &Tree)| (place(*from)..place(*to)).contains(at);
                (0..).zip(tree.items()).filter(inside).map(|(_, item)| item.clone()).collect()
            }
            Step::Filter(path, equal, wanted) => {
                let is = |item: &&Tree| {
                    let value = find(item, path);
                    value.first().is_some_and(|value| (scalar(value) == *wanted) == *equal)
                };
                tree.items().iter().filter(is).cloned().collect()
            }
        }
    }
}

/// The first step of a path, and what is left.
fn step(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(inside) = path.strip_prefix('[') {
        let (inside, after) = inside.split_at(closing(inside)?);
        return Some((bracket(inside.trim())?, &after[1..]));
    }
    let path = path.trim_start_matches('.');
    if let Some(after) = path.strip_prefix('*') {
        return Some((Step::All, after));
    }
    let mut name = String::new();
    let mut letters = path.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '.' | '[' => return Some((Step::Member(name), &path[at..])),
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            other => name.push(other),
        }
    }
    (!name.is_empty()).then_some((Step::Member(name), ""))
}

/// Where the bracket ends that `inside` follows.
fn closing(inside: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    for (at, letter) in inside.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Option<Step<'_>> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let equal = filter.contains("==");
        let (path, value) = filter.split_once(if equal { "==" } else { "!=" })?;
        return Some(Step::Filter(path.trim().strip_prefix('@')?, equal, unquoted(value.trim())));
    }
    if let Some((from, to)) = inside.split_once(':')
        && let Ok(from) = if from.is_empty() { Ok(0) } else { from.parse() }
    {
        let to = if to.is_empty() { i64::MAX } else { to.parse().ok()? };
        return Some(Step::Slice(from, to));
    }
    match inside.parse() {
        Ok(at) => Some(Step::Element(at)),
        Err(_) if inside.len() > unquoted(inside).len() => {
            Some(Step::Member(unquoted(inside).replace('\\', "")))
        }
        Err(_) => None,
    }
}

fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_through_members_elements_and_filters() {
        let tree = Tree::from_value(serde_json::json!({
            "list": ["one", "two"], "labels": { "a.b/c": "x" },
            "conditions": [{ "type": "A", "status": "False" }, { "type": "B", "status": "True" }],
        }));
        let first = |path| find(&tree, path).first().map(scalar);

        assert_eq!(first(".list[0]").as_deref(), Some("one"));
        assert_eq!(first(".list[-1]").as_deref(), Some("two"));
        assert_eq!(first(".labels.a\\.b/c").as_deref(), Some("x"));
        assert_eq!(first(".list[-1:]").as_deref(), Some("two"));
        assert_eq!(find(&tree, ".list[:1]").len(), 1);
        assert_eq!(first(".labels['a\\.b/c']").as_deref(), Some("x"));
        assert_eq!(first(".labels['a.b/c']").as_deref(), Some("x"));
        assert_eq!(first(".conditions[?(@.type==\"B\")].status").as_deref(), Some("True"));
        assert_eq!(find(&tree, ".list[*]").len(), 2);
        assert_eq!(first(".list[5]"), None);
        assert_eq!(first(".list[").as_deref(), None);
    }
}

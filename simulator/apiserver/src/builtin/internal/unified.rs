//! A unified diff of two texts by lines, as Python's and Go's difflib make it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

/// Lines shown around a change.
const CONTEXT: usize = 3;

/// The changes from `old` to `new`, without a header that names files.
pub(super) fn diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut out = String::new();
    for group in groups(&edits(&old, &new)) {
        let (first, last) = (&group[0], &group[group.len() - 1]);
        let span = |from: usize, to: usize| match to - from {
            1 => (from + 1).to_string(),
            0 => format!("{from},0"),
            length => format!("{},{length}", from + 1),
        };
        let (before, after) =
            (span(first.old.start, last.old.end), span(first.new.start, last.new.end));
        writeln!(out, "@@ -{before} +{after} @@").expect("a string takes any text");
        for edit in group {
            let same = edit.is_equal;
            for line in &old[edit.old.clone()] {
                writeln!(out, "{}{line}", if same { ' ' } else { '-' })
                    .expect("a string takes any text");
            }
            if !same {
                for line in &new[edit.new] {
                    writeln!(out, "+{line}").expect("a string takes any text");
                }
            }
        }
    }
    out
}

#[derive(Clone)]
struct Edit {
    is_equal: bool,
    old: Range<usize>,
    new: Range<usize>,
}

/// Changes that stand close together, with the lines around them.
fn groups(edits: &[Edit]) -> Vec<Vec<Edit>> {
    let mut edits = edits.to_vec();
    if let Some(first) = edits.first_mut().filter(|edit| edit.is_equal) {
        first.old.start = first.old.start.max(first.old.end.saturating_sub(CONTEXT));
        first.new.start = first.new.start.max(first.new.end.saturating_sub(CONTEXT));
    }
    if let Some(last) = edits.last_mut().filter(|edit| edit.is_equal) {
        last.old.end = last.old.end.min(last.old.start + CONTEXT);
        last.new.end = last.new.end.min(last.new.start + CONTEXT);
    }
    let mut groups = Vec::new();
    let mut group: Vec<Edit> = Vec::new();
    for edit in edits {
        if edit.is_equal && edit.old.len() > 2 * CONTEXT {
            let end = |range: &Range<usize>| range.start..range.end.min(range.start + CONTEXT);
            group.push(Edit { old: end(&edit.old), new: end(&edit.new), ..edit });
            groups.push(std::mem::take(&mut group));
            let start = |range: &Range<usize>| {
                range.start.max(range.end.saturating_sub(CONTEXT))..range.end
            };
            group.push(Edit { old: start(&edit.old), new: start(&edit.new), ..edit });
            continue;
        }
        group.push(edit);
    }
    groups.push(group);
    groups.retain(|group| group.iter().any(|edit| !edit.is_equal));
    groups
}

/// All of both texts, by turns equal and not.
fn edits(old: &[&str], new: &[&str]) -> Vec<Edit> {
    let places = places(new);
    let mut blocks = Vec::new();
    let mut open = vec![(0..old.len(), 0..new.len())];
    while let Some((left, right)) = open.pop() {
        let (at_old, at_new, length) = longest(old, new, &places, left.clone(), right.clone());
        if length == 0 {
            continue;
        }
        blocks.push((at_old, at_new, length));
        open.push((left.start..at_old, right.start..at_new));
        open.push((at_old + length..left.end, at_new + length..right.end));
    }
    blocks.sort_unstable();
    blocks.push((old.len(), new.len(), 0));
    let mut edits: Vec<Edit> = Vec::new();
    let (mut left, mut right) = (0, 0);
    for (at_old, at_new, length) in blocks {
        if left < at_old || right < at_new {
            edits.push(Edit { is_equal: false, old: left..at_old, new: right..at_new });
        }
        (left, right) = (at_old + length, at_new + length);
        if length == 0 {
            continue;
        }
        match edits.last_mut().filter(|last| last.is_equal) {
            // Blocks that touch are one.
            Some(last) => (last.old.end, last.new.end) = (left, right),
            None => edits.push(Edit { is_equal: true, old: at_old..left, new: at_new..right }),
        }
    }
    edits
}

/// Where each line of the new text stands. In a long text, lines that stand everywhere say nothing.
fn places<'t>(new: &[&'t str]) -> BTreeMap<&'t str, Vec<usize>> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, line) in new.iter().enumerate() {
        places.entry(line).or_default().push(at);
    }
    if new.len() >= 200 {
        places.retain(|_, at| at.len() <= new.len() / 100 + 1);
    }
    places
}

/// The longest run of equal lines, the first of several.
fn longest(
    old: &[&str],
    new: &[&str],
    places: &BTreeMap<&str, Vec<usize>>,
    left: Range<usize>,
    right: Range<usize>,
) -> (usize, usize, usize) {
    let (mut best_old, mut best_new, mut best) = (left.start, right.start, 0);
    let mut runs: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, line) in old.iter().enumerate().take(left.end).skip(left.start) {
        let mut next = BTreeMap::new();
        let all = places.get(line).map_or(&[][..], Vec::as_slice);
        for other in all.iter().copied().filter(|other| right.contains(other)) {
            let before = other.checked_sub(1).and_then(|before| runs.get(&before));
            let length = before.copied().unwrap_or(0) + 1;
            next.insert(other, length);
            if length > best {
                (best_old, best_new, best) = (at + 1 - length, other + 1 - length, length);
            }
        }
        runs = next;
    }
    // Lines that say nothing still belong to what they touch.
    while best_old > left.start && best_new > right.start && old[best_old - 1] == new[best_new - 1]
    {
        (best_old, best_new, best) = (best_old - 1, best_new - 1, best + 1);
    }
    while best_old + best < left.end
        && best_new + best < right.end
        && old[best_old + best] == new[best_new + best]
    {
        best += 1;
    }
    (best_old, best_new, best)
}

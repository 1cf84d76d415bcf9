//! What is wrong with a text that a person wrote, shown where it stands.

use std::fmt;
use std::sync::Arc;

/// A text and where it came from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub text: String,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// Both count from one; a column is a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    pub fn start() -> Self {
        Self { line: 1, column: 1 }
    }
}

/// Its `Display` is the whole screen: place, message, the line with a caret, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub source: Arc<Source>,
    pub place: Place,
    pub message: String,
    pub expected: Vec<String>,
    width: usize,
}

impl std::error::Error for Mistake {}

impl Mistake {
    pub fn new(source: &Arc<Source>, place: Place, message: impl Into<String>) -> Self {
        Self {
            source: Arc::clone(source),
            place,
            message: message.into(),
            expected: Vec::new(),
            width: 1,
        }
    }

    /// How many characters the caret underlines.
    pub fn width(mut self, width: usize) -> Self {
        self.width = width.max(1);
        self
    }

    /// A word that is none of `expected`: lists them, and names the one that was probably meant.
    pub fn unknown(
        source: &Arc<Source>,
        place: Place,
        what: &str,
        word: &str,
        expected: &[&str],
    ) -> Self {
        let meant = closest(word, expected)
            .map(|meant| format!("; did you mean `{meant}`?"))
            .unwrap_or_default();
        let mut mistake = Self::new(source, place, format!("unknown {what} `{word}`{meant}"))
            .width(word.chars().count());
        mistake.expected = expected.iter().map(|&word| word.to_owned()).collect();
        mistake.expected.sort();
        mistake
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(f, "{}:{line}:{column}: {}", self.source.name, self.message)?;
        let Some(excerpt) = self.source.text.lines().nth(line - 1) else { return Ok(()) };
        // A line of a minified file would fill the screen: show what surrounds the place.
        let skipped = if column > 60 { column - 30 } else { 0 };
        let shown: String = excerpt
            .chars()
            .skip(skipped)
            .take(100)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let indent = " ".repeat((column - 1).saturating_sub(skipped).min(shown.chars().count()));
        write!(f, "\n{line:>4} | {}", shown.trim_end())?;
        write!(f, "\n     | {indent}{}", "^".repeat(self.width.min(100)))?;
        match self.expected.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " expected: {one}"),
            several => write!(f, " one of: {}", several.join(", ")),
        }
    }
}

/// The candidate that takes the fewest keystrokes to reach, if that is plausible.
pub fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment: a swap of two neighbours is one keystroke.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut best =
                (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_was_probably_meant_is_found_and_a_stranger_is_not() {
        assert_eq!(closest("wiat", &["apply", "wait"]), Some("wait"));
        assert_eq!(closest("kubernets", &["kubernetes", "nodes"]), Some("kubernetes"));
        assert_eq!(closest("banana", &["apply", "wait"]), None);
    }
}

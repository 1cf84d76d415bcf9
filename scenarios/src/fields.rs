//! Reading a map of known fields, with every mistake shown where it stands.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use crate::mistake::{Mistake, Place, Source};
use crate::yaml::{Content, Node};

/// A map whose keys were found to be among the known ones.
pub(crate) struct Fields<'a> {
    source: &'a Arc<Source>,
    node: &'a Node,
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// `what` completes "unknown field `x` of ...".
    pub fn of(
        source: &'a Arc<Source>,
        node: &'a Node,
        what: &'static str,
        known: &[&str],
    ) -> Result<Self, Mistake> {
        let Content::Map(entries) = &node.content else {
            return Err(wrong_type(source, node, what, "a map"));
        };
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                return Err(Mistake::unknown(source, entry.place, "field", &entry.key, known));
            }
        }
        Ok(Self { source, node, what })
    }

    pub fn place(&self) -> Place {
        self.node.place
    }

    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key)
    }

    pub fn required(&self, key: &'static str) -> Result<&'a Node, Mistake> {
        let message =
            || Mistake::new(self.source, self.node.place, format!("{} needs `{key}`", self.what));
        self.get(key).ok_or_else(message)
    }

    pub fn text(&self, key: &'static str) -> Result<Option<String>, Mistake> {
        self.get(key).map(|node| text(self.source, node, key)).transpose()
    }

    pub fn required_text(&self, key: &'static str) -> Result<String, Mistake> {
        text(self.source, self.required(key)?, key)
    }

    pub fn whole(&self, key: &'static str) -> Result<Option<u64>, Mistake> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match &node.content {
            Content::Scalar(Value::Number(number)) if number.is_u64() => Ok(number.as_u64()),
            _ => Err(wrong_type(self.source, node, key, "a whole number")),
        }
    }

    pub fn small(&self, key: &'static str, limit: u32) -> Result<Option<u32>, Mistake> {
        let Some(number) = self.whole(key)? else { return Ok(None) };
        match u32::try_from(number) {
            Ok(number) if number <= limit => Ok(Some(number)),
            _ => {
                let place = self.get(key).map_or(self.node.place, |node| node.place);
                Err(Mistake::new(
                    self.source,
                    place,
                    format!("`{key}` is {number}, and may be {limit} at most"),
                ))
            }
        }
    }

    pub fn duration(&self, key: &'static str) -> Result<Option<SignedDuration>, Mistake> {
        self.get(key).map(|node| duration(self.source, node, key)).transpose()
    }

    pub fn flag(&self, key: &'static str) -> Result<Option<bool>, Mistake> {
        let Some(node) = self.get(key) else { return Ok(None) };
        match node.content {
            Content::Scalar(Value::Bool(flag)) => Ok(Some(flag)),
            _ => Err(wrong_type(self.source, node, key, "true or false")),
        }
    }

    /// The items of a list, none if the field is absent.
    pub fn list(&self, key: &'static str) -> Result<&'a [Node], Mistake> {
        match self.get(key) {
            None => Ok(&[]),
            Some(node) => list(self.source, node, key),
        }
    }
}

pub(crate) fn list<'a>(
    source: &Arc<Source>,
    node: &'a Node,
    what: &str,
) -> Result<&'a [Node], Mistake> {
    match &node.content {
        Content::List(items) => Ok(items),
        _ => Err(wrong_type(source, node, what, "a list")),
    }
}

pub(crate) fn text(source: &Arc<Source>, node: &Node, what: &str) -> Result<String, Mistake> {
    match &node.content {
        Content::Scalar(Value::String(text)) => Ok(text.clone()),
        // `kubernetes: 1.34` is meant as text, and 1.20 would lose its last digit as a number.
        Content::Scalar(Value::Number(_)) => Err(wrong_type(source, node, what, "text, in quotes")),
        _ => Err(wrong_type(source, node, what, "text")),
    }
}

/// One of a closed set of words.
pub(crate) fn word(
    source: &Arc<Source>,
    node: &Node,
    what: &'static str,
    known: &[&'static str],
) -> Result<&'static str, Mistake> {
    let found = text(source, node, what)?;
    let known_word = known.iter().copied().find(|known| *known == found);
    known_word.ok_or_else(|| Mistake::unknown(source, node.place, what, &found, known))
}

pub(crate) fn duration(
    source: &Arc<Source>,
    node: &Node,
    what: &str,
) -> Result<SignedDuration, Mistake> {
    let wrong = || {
        let mut mistake = Mistake::new(source, node.place, format!("`{what}` must be a time"));
        mistake.expected = ["30s", "5m", "1h30m"].map(str::to_owned).to_vec();
        mistake
    };
    let text = node.text().ok_or_else(wrong)?;
    parse_duration(text).ok_or_else(wrong)
}

/// `90s`, `1h30m`, or a clock as screens show it: `12:30`, `12:30.5`.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    if let Some((minutes, seconds)) = text.split_once(':') {
        let minutes: i64 = minutes.parse().ok().filter(|m| (0..=1_000_000).contains(m))?;
        let seconds: f64 = seconds.parse().ok().filter(|s| (0.0..60.0).contains(s))?;
        let seconds = SignedDuration::try_from_secs_f64(seconds).ok()?;
        return SignedDuration::from_mins(minutes).checked_add(seconds);
    }
    let duration: SignedDuration = text.parse().ok()?;
    // A story of a year would be a mistake too.
    let sane = !duration.is_negative() && duration <= SignedDuration::from_hours(24 * 365);
    sane.then_some(duration)
}

fn wrong_type(source: &Arc<Source>, node: &Node, what: &str, expected: &str) -> Mistake {
    Mistake::new(
        source,
        node.place,
        format!("`{what}` is {}, and must be {expected}", node.describe()),
    )
}

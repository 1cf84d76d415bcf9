//! YAML and JSON text as a tree in which every key and value knows its place.
//!
//! Scenarios and manifests are written by people: whatever is wrong with them is shown where it
//! stands. Plain scalars mean what they mean to kubectl, which still reads YAML 1.1: `0444` is
//! octal, `yes` and `on` are booleans.
//!
//! **Invariant:** any text gives a tree or a [`Mistake`], never a panic; size, nesting and aliases
//! are bounded.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{
    ErrorKind, Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, Tag,
};

use crate::mistake::{Mistake, Place, Source};

/// The largest text that is read: the largest real chart has less than a tenth of it.
pub const MAX_BYTES: usize = 32 << 20;
const MAX_DEPTH: usize = 100;
const MAX_NODES: usize = 2_000_000;
/// How many lines of quoted text may begin too far to the left.
const MAX_LENIENT: usize = 200;

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub place: Place,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Null, booleans, numbers and text.
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: String,
    pub place: Place,
    pub value: Node,
}

/// The documents of a text, empty ones left out. JSON is read as the YAML it is.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Node>, Mistake> {
    let text = source.text.as_str();
    if text.len() > MAX_BYTES {
        let mistake = format!("{} bytes are more than the {MAX_BYTES} that are read", text.len());
        return Err(Mistake::new(source, Place::start(), mistake));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_LENIENT {
        match documents(source, &text, options.clone()) {
            Ok(documents) => return Ok(documents),
            Err(Broken::Mistake(mistake)) => return Err(mistake),
            Err(Broken::Syntax(error)) => {
                let lenient = *error.kind() == ErrorKind::InvalidQuotedScalarIndent;
                let more = if lenient { indented(&text, error.marker().line()) } else { None };
                let Some(more) = more else { return Err(syntax(source, &error)) };
                text = Cow::Owned(more);
            }
        }
    }
    let message = "quoted text goes on without indentation too often";
    Err(Mistake::new(source, Place::start(), message))
}

enum Broken {
    Syntax(ScanError),
    Mistake(Mistake),
}

fn documents(source: &Arc<Source>, text: &str, options: Options) -> Result<Vec<Node>, Broken> {
    let mut builder =
        Builder { source, stack: Vec::new(), anchors: Vec::new(), documents: Vec::new(), nodes: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(Broken::Syntax)?;
        builder.take(event, span).map_err(Broken::Mistake)?;
    }
    Ok(builder.documents)
}

/// Charts continue quoted text at the indentation of its key, and kubectl takes it. Blanks at the
/// begin of such a line mean nothing, so there may be more of them.
fn indented(text: &str, line: usize) -> Option<String> {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(breaks) => text.match_indices('\n').nth(breaks)?.0 + 1,
    };
    let (before, after) = text.split_at(start);
    // Deeper than any key may stand.
    Some(format!("{before}{}{after}", " ".repeat(2 * MAX_DEPTH)))
}

impl Node {
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Content::Map(entries) => Value::Object(
                entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// "a map", "text", ...: what a message says was found.
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Scalar(Value::Null) => "nothing",
            Content::Scalar(Value::Bool(_)) => "true or false",
            Content::Scalar(Value::Number(_)) => "a number",
            Content::Scalar(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The place of the deepest part of `path` that exists: `spec.ports[0].name`. A key may hold
    /// dots itself (`kubeblocks.io/role`): the longest one that fits wins.
    pub fn locate(&self, path: &str) -> Place {
        self.find(path).unwrap_or(self.place)
    }

    fn find(&self, path: &str) -> Option<Place> {
        let path = path.strip_prefix('.').unwrap_or(path);
        match &self.content {
            Content::List(items) => {
                let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
                let item = items.get(index.parse::<usize>().ok()?)?;
                Some(item.find(rest).unwrap_or(item.place))
            }
            Content::Map(entries) => {
                let fits = |entry: &&Entry| {
                    path.strip_prefix(entry.key.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                };
                let entry = entries.iter().filter(fits).max_by_key(|entry| entry.key.len())?;
                Some(entry.value.find(&path[entry.key.len()..]).unwrap_or(entry.place))
            }
            Content::Scalar(_) => None,
        }
    }
}

struct Builder<'a> {
    source: &'a Arc<Source>,
    stack: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    documents: Vec<Node>,
    nodes: usize,
}

struct Open {
    anchor: usize,
    place: Place,
    what: Collecting,
}

enum Collecting {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<(String, Place)>),
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let place = place(&span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref());
                self.finish(anchor, Node { place, content: Content::Scalar(value) })
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(anchor, place, Collecting::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                self.open(anchor, place, Collecting::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else { return Ok(()) };
                let content = match open.what {
                    Collecting::List(items) => Content::List(items),
                    Collecting::Map(entries, _) => Content::Map(merged(entries)),
                };
                self.finish(open.anchor, Node { place: open.place, content })
            }
            Event::Alias(anchor) => {
                let Some((_, node)) = self.anchors.iter().rev().find(|(id, _)| *id == anchor)
                else {
                    return Err(
                        self.mistake(place, "an alias of something that is not complete yet")
                    );
                };
                let node = node.clone();
                self.nodes += size(&node);
                self.finish(0, node)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, place: Place, what: Collecting) -> Result<(), Mistake> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(self.mistake(place, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.stack.push(Open { anchor, place, what });
        Ok(())
    }

    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Mistake> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.mistake(node.place, format!("more than {MAX_NODES} values")));
        }
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        let Some(open) = self.stack.last_mut() else {
            if !matches!(node.content, Content::Scalar(Value::Null)) {
                self.documents.push(node);
            }
            return Ok(());
        };
        match &mut open.what {
            Collecting::List(items) => items.push(node),
            Collecting::Map(entries, pending) => {
                if let Some((key, place)) = pending.take() {
                    entries.push(Entry { key, place, value: node });
                } else {
                    let key = match &node.content {
                        Content::Scalar(Value::String(key)) => key.clone(),
                        Content::Scalar(value) => value.to_string(),
                        _ => return Err(self.mistake(node.place, "a key must be text")),
                    };
                    if key != "<<" && entries.iter().any(|entry| entry.key == key) {
                        let width = key.chars().count();
                        return Err(self
                            .mistake(node.place, format!("`{key}` stands here twice"))
                            .width(width));
                    }
                    *pending = Some((key, node.place));
                }
            }
        }
        Ok(())
    }

    fn mistake(&self, place: Place, message: impl Into<String>) -> Mistake {
        Mistake::new(self.source, place, message)
    }
}

/// Expands `<<`: keys of the map itself win.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    if entries.iter().all(|entry| entry.key != "<<") {
        return entries;
    }
    let (merges, mut own): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.key == "<<");
    let sources = merges.into_iter().flat_map(|merge| match merge.value.content {
        Content::List(items) => items,
        _ => vec![merge.value],
    });
    for source in sources {
        let Content::Map(entries) = source.content else { continue };
        for entry in entries {
            if own.iter().all(|mine| mine.key != entry.key) {
                own.push(entry);
            }
        }
    }
    own
}

fn size(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 1,
        Content::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Map(entries) => 1 + entries.iter().map(|e| size(&e.value)).sum::<usize>(),
    }
}

fn place(span: &Span) -> Place {
    at(span.start)
}

fn at(marker: Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

fn syntax(source: &Arc<Source>, error: &ScanError) -> Mistake {
    Mistake::new(source, at(*error.marker()), format!("this is not YAML: {}", error.info()))
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix() == "str") {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let sign = |magnitude: i64| if negative { -magnitude } else { magnitude };
    let integer = if let Some(hex) = digits.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()
    } else if let Some(octal) = digits.strip_prefix("0o") {
        i64::from_str_radix(octal, 8).ok()
    } else if digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit())
    {
        // `0444` is octal; `0888` is not a number at all.
        return i64::from_str_radix(digits, 8).ok().map(|n| Number::from(sign(n)));
    } else {
        digits.parse().ok()
    };
    if let Some(integer) = integer {
        return Some(Number::from(sign(integer)));
    }
    let plain =
        digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let float: f64 = if plain { text.parse().ok()? } else { return None };
    Number::from_f64(float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<Node> {
        parse(&Source::new("input.yaml", text)).unwrap()
    }

    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubectl() {
        let document = &parsed("[0444, yes, 'yes', 1.5, 1e3, 08, 1.2.3, ~, 5m, 0x10, -7]")[0];

        assert_eq!(
            document.to_json().to_string(),
            r#"[292,true,"yes",1.5,1000.0,"08","1.2.3",null,"5m",16,-7]"#
        );
    }

    #[test]
    fn a_path_is_found_where_it_stands_even_through_dotted_keys() {
        let document = &parsed(
            "spec:\n  ports:\n    - name: a\n    - naem: b\nlabels:\n  kubeblocks.io/role: x\n",
        )[0];

        assert_eq!(document.locate("spec.ports[1].naem").line, 4);
        assert_eq!(document.locate("labels.kubeblocks.io/role").line, 6);
        assert_eq!(document.locate("spec.missing").line, 1);
    }

    #[test]
    fn documents_comments_and_empty_ones_are_told_apart() {
        let documents = parsed("# nothing\n---\na: 1\n---\n---\nb: 2\n...\n");

        assert_eq!(documents.len(), 2);
        assert_eq!(documents[1].place.line, 6);
    }

    #[test]
    fn quoted_text_may_go_on_at_the_indentation_of_its_key() {
        let document = &parsed("a:\n  b: '{{ if x\n  end }}'\n")[0];

        assert_eq!(document.to_json().to_string(), r#"{"a":{"b":"{{ if x end }}"}}"#);
    }

    #[test]
    fn hostile_input_is_a_mistake_and_not_a_crash() {
        let deep = "[".repeat(100_000);
        let aliases = (0..30).fold("a0: &a0 [1, 1]\n".to_owned(), |text, i| {
            text + &format!("a{0}: &a{0} [*a{i}, *a{i}]\n", i + 1)
        });

        for text in
            [deep.as_str(), &aliases, "a: b: c", "\u{0}", "a: *b", "{a: 1, a: 2}", "? [x]\n: y"]
        {
            assert!(parse(&Source::new("input.yaml", text)).is_err(), "{text:.40}");
        }
    }
}

//! YAML as Go's encoder writes it: which strings are quoted and how, where long ones break, how keys are sorted. The bytes
//! are what clients see.

use std::cmp::Ordering;

use crate::object::Tree;

/// After which column a line breaks at the next space.
const WIDTH: usize = 80;

pub(super) fn text(tree: &Tree) -> String {
    let mut emitter = Emitter::default();
    emitter.node(tree, 0, Place::Root);
    emitter.out.push('\n');
    emitter.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    Value,
    Key,
}

#[derive(Default)]
struct Emitter {
    out: String,
    /// In characters.
    column: usize,
}

impl Emitter {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn line(&mut self, indent: usize) {
        self.out.push('\n');
        self.column = 0;
        self.put(&" ".repeat(indent));
    }

    /// `indent` is that of what the node stands in.
    fn node(&mut self, tree: &Tree, indent: usize, place: Place) {
        let space = if place == Place::Root { "" } else { " " };
        if tree.is_map() && !tree.is_empty() {
            self.map(tree, indent, place);
        } else if tree.is_list() && !tree.is_empty() {
            self.list(tree, indent, place);
        } else if let Some(string) = tree.as_str() {
            self.put(space);
            self.string(string, indent + 2, place);
        } else {
            self.put(space);
            let plain = if tree.is_list() { "[]".to_owned() } else { tree.to_string() };
            self.put(&plain);
        }
    }

    fn map(&mut self, tree: &Tree, indent: usize, place: Place) {
        let indent = if place == Place::Root { 0 } else { indent + 2 };
        let mut members: Vec<(&str, &Tree)> = tree.entries().collect();
        members.sort_by(|(one, _), (other, _)| natural(one, other));
        for (at, (key, value)) in members.into_iter().enumerate() {
            match place {
                Place::Item if at == 0 => self.put(" "),
                Place::Root if at == 0 => {}
                _ => self.line(indent),
            }
            if key.len() > 128 || key.contains(is_break) {
                self.put("? ");
                self.string(key, indent + 2, Place::Key);
                self.line(indent);
            } else {
                self.string(key, indent + 2, Place::Key);
            }
            self.put(":");
            self.node(value, indent, Place::Value);
        }
    }

    /// Of a map's value, items stand as far left as its key.
    fn list(&mut self, tree: &Tree, indent: usize, place: Place) {
        let indent = match place {
            Place::Root => 0,
            Place::Item => indent + 2,
            Place::Value | Place::Key => indent,
        };
        for (at, item) in tree.items().iter().enumerate() {
            match place {
                Place::Item if at == 0 => self.put(" "),
                Place::Root if at == 0 => {}
                _ => self.line(indent),
            }
            self.put("-");
            self.node(item, indent, Place::Item);
        }
    }

    fn string(&mut self, string: &str, indent: usize, place: Place) {
        let allowed = Allowed::by(string);
        let breaks = place != Place::Key;
        if string.contains('\n') {
            if allowed.block && breaks {
                self.literal(string, indent);
            } else {
                self.double_quoted(string, indent, breaks);
            }
        } else if !is_string(string) {
            self.double_quoted(string, indent, breaks);
        } else if allowed.plain && !(string.is_empty() && place == Place::Key) {
            self.plain(string, indent, breaks);
        } else if allowed.single_quoted {
            self.single_quoted(string, indent, breaks);
        } else {
            self.double_quoted(string, indent, breaks);
        }
    }

    /// Words, broken where a line is full and one space stands.
    fn words(&mut self, string: &str, indent: usize, breaks: bool, quote: &str) {
        let characters: Vec<char> = string.chars().collect();
        let mut spaces = false;
        for (at, character) in characters.iter().enumerate() {
            let next = characters.get(at + 1);
            let inner = quote.is_empty() || at > 0 && next.is_some();
            if *character == ' ' {
                let full = breaks && !spaces && self.column > WIDTH;
                if full && inner && next != Some(&' ') {
                    self.line(indent);
                } else {
                    self.put(" ");
                }
                spaces = true;
            } else {
                if !quote.is_empty() && *character == '\'' {
                    self.put("'");
                }
                self.put(character.encode_utf8(&mut [0; 4]));
                spaces = false;
            }
        }
    }

    fn plain(&mut self, string: &str, indent: usize, breaks: bool) {
        self.words(string, indent, breaks, "");
    }

    fn single_quoted(&mut self, string: &str, indent: usize, breaks: bool) {
        self.put("'");
        self.words(string, indent, breaks, "'");
        self.put("'");
    }

    fn double_quoted(&mut self, string: &str, indent: usize, breaks: bool) {
        self.put("\"");
        let characters: Vec<char> = string.chars().collect();
        let mut spaces = false;
        for (at, character) in characters.iter().enumerate() {
            let next = characters.get(at + 1);
            if *character == ' ' {
                let full = breaks && !spaces && self.column > WIDTH;
                if full && at > 0 && next.is_some() {
                    self.line(indent);
                    if next == Some(&' ') {
                        self.put("\\");
                    }
                } else {
                    self.put(" ");
                }
                spaces = true;
                continue;
            }
            spaces = false;
            if is_printable(*character) && !is_break(*character) && !matches!(character, '"' | '\\')
            {
                self.put(character.encode_utf8(&mut [0; 4]));
            } else {
                self.put(&escaped(*character));
            }
        }
        self.put("\"");
    }

    fn literal(&mut self, string: &str, indent: usize) {
        self.put("|");
        if string.starts_with([' ', '\n']) {
            self.put("2");
        }
        let body = string.trim_end_matches('\n');
        match string.len() - body.len() {
            0 => self.put("-"),
            1 if !body.is_empty() => {}
            _ => self.put("+"),
        }
        let lines = string.strip_suffix('\n').unwrap_or(string);
        for line in lines.split('\n') {
            if line.is_empty() {
                self.out.push('\n');
                self.column = 0;
            } else {
                self.line(indent);
                self.put(line);
            }
        }
    }
}

/// In which forms a string can stand.
struct Allowed {
    plain: bool,
    single_quoted: bool,
    block: bool,
}

impl Allowed {
    fn by(string: &str) -> Self {
        if string.is_empty() {
            return Self { plain: true, single_quoted: true, block: false };
        }
        let mut indicators = string.starts_with("---") || string.starts_with("...");
        let (mut special, mut break_space, mut space_break) = (false, false, false);
        let mut before = ' ';
        let mut characters = string.chars().peekable();
        let mut first = true;
        while let Some(character) = characters.next() {
            let ends_word = characters.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match character {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                | '%' | '@' | '`'
                    if first =>
                {
                    true
                }
                '?' | '-' if first => ends_word,
                ':' => ends_word,
                '#' => matches!(before, ' ' | '\t') || is_break(before),
                _ => false,
            };
            special |= !is_printable(character);
            break_space |= character == ' ' && !first && is_break(before);
            space_break |= is_break(character) && !first && before == ' ';
            before = character;
            first = false;
        }
        let edge = |character: Option<char>| character.is_some_and(|c| c == ' ' || is_break(c));
        let edges = edge(string.chars().next()) || edge(string.chars().next_back());
        let broken = string.contains(is_break);
        Self {
            plain: !(edges || break_space || space_break || special || broken || indicators),
            single_quoted: !(break_space || space_break || special),
            block: !(string.ends_with(' ') || space_break || special),
        }
    }
}

/// Whether it would still be a string if it were not quoted.
fn is_string(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no",
        "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "", "~", "null", "Null",
        "NULL", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
        "-.Inf", "-.INF", "<<",
    ];
    if WORDS.contains(&text) {
        return false;
    }
    let starts_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    !text.starts_with(starts_number) || !(is_number(text) || is_time(text) || is_base_60(text))
}

fn is_number(text: &str) -> bool {
    let plain = if text.starts_with('.') { text.to_owned() } else { text.replace('_', "") };
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let radix = |prefix: [&str; 2], radix| {
        let digits = prefix.iter().find_map(|prefix| unsigned.strip_prefix(prefix))?;
        Some(u64::from_str_radix(digits, radix).is_ok() && !digits.starts_with(['+', '-']))
    };
    let other = radix(["0x", "0X"], 16).or_else(|| radix(["0b", "0B"], 2));
    if let Some(is_number) = other.or_else(|| radix(["0o", "0O"], 8)) {
        return is_number;
    }
    // A fraction, an exponent, or neither.
    let (base, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = base.split_once('.').unwrap_or((base, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && !exponent.is_empty()
        && digits(exponent)
}

/// A day, or a second.
fn is_time(text: &str) -> bool {
    let Some((year, rest)) = text.split_once('-') else { return false };
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let (day, time) = match rest.find(['T', 't', ' ']) {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let part = |text: &str, most: u32| {
        matches!(text.len(), 1 | 2) && text.parse::<u32>().is_ok_and(|number| number <= most)
    };
    let Some((month, day)) = day.split_once('-') else { return false };
    if !part(month, 12) || !part(day, 31) {
        return false;
    }
    let Some(time) = time else { return true };
    let (clock, zone) = match time[1..].find(['Z', '+', '-']) {
        Some(at) => time[1..].split_at(at),
        None => (&time[1..], ""),
    };
    // Only after a space there is no zone.
    if time.starts_with(' ') != zone.is_empty() {
        return false;
    }
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    let parts: Vec<&str> = clock.split(':').collect();
    matches!(parts.as_slice(), [h, m, s] if part(h, 23) && part(m, 59) && part(s, 59))
}

/// `12:30:45`, which older readers take for a number.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let Some((last, others)) = rest.split_last() else { return false };
    let sixty = |text: &str| {
        matches!(text.len(), 1 | 2) && text.parse::<u32>().is_ok_and(|number| number < 60)
    };
    let (whole, fraction) = last.split_once('.').unwrap_or((last, ""));
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && others.iter().all(|part| sixty(part))
        && sixty(whole)
        && digits(fraction)
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && character != '\u{feff}'
}

fn escaped(character: char) -> String {
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other => {
            return match u32::from(other) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

/// Letters after everything else, numbers by their value.
fn natural(one: &str, other: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(a, b)| a != b) else {
        return a.len().cmp(&b.len());
    };
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (true, true) => return a[at].cmp(&b[at]),
        (false, false) => {}
    }
    // Leading zeros count only where no number has begun.
    let begun = (a[at] == '0' || b[at] == '0')
        && a[..at].iter().rev().take_while(|c| c.is_ascii_digit()).any(|c| *c != '0');
    let number = |text: &[char]| {
        let digits: String = text.iter().take_while(|c| c.is_ascii_digit()).collect();
        let lead = if begun { "1" } else { "0" };
        (format!("{lead}{digits}").parse::<u128>().unwrap_or(u128::MAX), digits.len())
    };
    number(&a[at..]).cmp(&number(&b[at..])).then(a[at].cmp(&b[at]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn yaml(value: serde_json::Value) -> String {
        text(&Tree::from_value(value))
    }

    #[test]
    fn lists_stand_under_their_key_and_maps_go_two_to_the_right() {
        let object = json!({
            "kind": "Pod", "metadata": {}, "items": [],
            "spec": { "containers": [{ "name": "c", "args": ["a", ["b", "c"]] }], "x": null },
        });

        assert_eq!(
            yaml(object),
            "items: []\nkind: Pod\nmetadata: {}\nspec:\n  containers:\n  - args:\n    - a\n    - - b\n      - c\n    name: c\n  x: null\n"
        );
    }

    #[test]
    fn strings_that_would_be_something_else_are_quoted_twice_and_odd_ones_once() {
        let cases = [
            ("plain", "plain"),
            ("", "\"\""),
            ("true", "\"true\""),
            ("1", "\"1\""),
            ("1e3", "\"1e3\""),
            ("0x1f", "\"0x1f\""),
            ("1.2.3", "1.2.3"),
            ("100m", "100m"),
            ("10:20", "\"10:20\""),
            ("2026-01-01T00:00:00Z", "\"2026-01-01T00:00:00Z\""),
            ("2026-01-01", "\"2026-01-01\""),
            ("- a", "'- a'"),
            ("a: b", "'a: b'"),
            ("it's #1", "'it''s #1'"),
            ("'", "''''"),
            ("*", "'*'"),
            ("a\tb", "\"a\\tb\""),
            ("a\nb", "|-\n  a\n  b"),
            ("a\nb\n", "|\n  a\n  b"),
            ("\u{1f600}", "\"\\U0001F600\""),
        ];

        for (string, expected) in cases {
            assert_eq!(yaml(json!({ "k": string })), format!("k: {expected}\n"), "{string:?}");
        }
    }

    #[test]
    fn long_lines_break_after_the_word_that_passes_the_eightieth_column() {
        let words = "word ".repeat(20);

        let text = yaml(json!({ "description": words.trim_end() }));

        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), 82);
        assert!(lines[1].starts_with("  word"));
    }

    #[test]
    fn keys_are_sorted_as_people_count() {
        let object = json!({ "a10": 1, "a2": 1, "f:x": 1, ".": 1, "B": 1, "a": 1 });

        assert_eq!(yaml(object), ".: 1\nB: 1\na: 1\na2: 1\na10: 1\nf:x: 1\n");
    }
}

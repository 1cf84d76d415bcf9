//! What Go's JSON decoder says of text that is not what it should be: it stands in answers.

pub(crate) mod address;
pub(crate) mod pattern;
pub(crate) mod time;
pub(crate) mod url;

use crate::object::Tree;

/// The type of a value in `cannot unmarshal string into ...`.
pub(crate) fn type_name(tree: &Tree) -> &'static str {
    match tree.type_name() {
        "boolean" => "bool",
        "integer" => "number",
        other => other,
    }
}

/// A value as `%v` prints it: `map[a:1 b:[x y]]`.
pub(crate) fn print(tree: &Tree) -> String {
    if tree.is_map() {
        let members: Vec<String> =
            tree.entries().map(|(key, value)| format!("{key}:{}", print(value))).collect();
        return format!("map[{}]", members.join(" "));
    }
    if tree.is_list() {
        let items: Vec<String> = tree.items().iter().map(print).collect();
        return format!("[{}]", items.join(" "));
    }
    match tree.as_str() {
        Some(text) => text.to_owned(),
        None if tree.is_null() => "<nil>".to_owned(),
        None => match (tree.as_i64(), tree.as_f64()) {
            (None, Some(number)) => float(number),
            _ => tree.to_string(),
        },
    }
}

/// A number as `%v` prints it: very large and very small ones by their power of ten.
fn float(number: f64) -> String {
    if number == 0.0 || (1e-4..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let shown = format!("{number:e}");
    let (digits, power) = shown.split_once('e').unwrap_or((&shown, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

/// The type of a value that was read into no type of its own, as `%T` prints it.
pub(crate) fn value_type(tree: &Tree) -> &'static str {
    match tree.type_name() {
        "integer" if tree.as_i64().is_some() => "int64",
        "integer" | "number" => "float64",
        "boolean" => "bool",
        "array" => "[]interface {}",
        "object" => "map[string]interface {}",
        "null" => "<nil>",
        _ => "string",
    }
}

/// A value as `%s` prints it, which is for texts: others are told with their type.
pub(crate) fn print_text(tree: &Tree) -> String {
    if tree.is_map() {
        let members = tree.entries().map(|(key, value)| format!("{key}:{}", print_text(value)));
        return format!("map[{}]", members.collect::<Vec<_>>().join(" "));
    }
    if tree.is_list() {
        let items: Vec<String> = tree.items().iter().map(print_text).collect();
        return format!("[{}]", items.join(" "));
    }
    match tree.as_str() {
        Some(text) => text.to_owned(),
        None if tree.is_null() => "%!s(<nil>)".to_owned(),
        None => format!("%!s({}={})", value_type(tree), print(tree)),
    }
}

/// JSON as Go writes it: clear of what HTML and JavaScript would read.
pub(crate) fn html_safe(json: &str) -> String {
    const MEANT: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !json.contains(MEANT) {
        return json.to_owned();
    }
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if MEANT.contains(&character) {
            safe.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A text as `%q` quotes it.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            other => escaped(other, &mut quoted),
        }
    }
    quoted.push('"');
    quoted
}

fn escaped(character: char, out: &mut String) {
    match character {
        '\\' => out.push_str(r"\\"),
        '\u{7}' => out.push_str(r"\a"),
        '\u{8}' => out.push_str(r"\b"),
        '\u{c}' => out.push_str(r"\f"),
        '\n' => out.push_str(r"\n"),
        '\r' => out.push_str(r"\r"),
        '\t' => out.push_str(r"\t"),
        '\u{b}' => out.push_str(r"\v"),
        shown if is_print(shown) => out.push(shown),
        other => match u32::from(other) {
            code @ ..0x80 => out.push_str(&format!("\\x{code:02x}")),
            code @ 0x80..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        },
    }
}

/// Whether Go prints a character as it is.
pub(crate) fn is_print(character: char) -> bool {
    let is_format = matches!(character,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let is_private = matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    let is_space = character.is_whitespace() && character != ' ';
    !(character.is_control() || is_format || is_private || is_space)
}

/// A duration in nanoseconds: `1h2.5s`.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", time::quote(text));
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let number: f64 = number.parse().map_err(|_| invalid())?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let nanoseconds = match unit {
            "" => return Err(format!("time: missing unit in duration {}", time::quote(text))),
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            other => {
                return Err({
                    let (unit, text) = (time::quote(other), time::quote(text));
                    format!("time: unknown unit {unit} in duration {text}")
                });
            }
        };
        total += number * nanoseconds;
        rest = after;
    }
    if total > 9.2e18 {
        return Err(invalid());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the condition says that it fits")]
    let total = total as i64;
    Ok(if text.starts_with('-') { -total } else { total })
}

/// `invalid character 'b' looking for beginning of object key string`.
pub(crate) fn json_error(text: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() || text.iter().all(u8::is_ascii_whitespace) {
        return "unexpected end of JSON input".to_owned();
    }
    let line = text.split(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let start: usize = line.map(|line| line.len() + 1).sum();
    let at = (start + error.column().saturating_sub(1)).min(text.len().saturating_sub(1));
    let found = String::from_utf8_lossy(&text[at..]).chars().next().unwrap_or('?');
    let found = match found {
        '\'' => r"'\''".to_owned(),
        '"' => r#"'"'"#.to_owned(),
        other => {
            let mut shown = String::new();
            escaped(other, &mut shown);
            format!("'{shown}'")
        }
    };
    format!("invalid character {found} {}", place(&text[..at]))
}

/// Where a decoder was that had read `before`.
fn place(before: &[u8]) -> &'static str {
    let mut open: Vec<u8> = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    let mut last = b' ';
    for byte in before {
        if in_string {
            if escaped {
                escaped = false;
            } else if *byte == b'\\' {
                escaped = true;
            } else if *byte == b'"' {
                in_string = false;
                last = b's';
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => open.push(*byte),
            b'}' | b']' => {
                open.pop();
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() && *byte != b'"' {
            last = *byte;
        }
    }
    match (open.last(), last) {
        _ if in_string => "in string literal",
        (Some(b'{'), b'{' | b',') => "looking for beginning of object key string",
        (_, b':' | b',' | b'[') | (None, b' ') => "looking for beginning of value",
        (None, _) => "after top-level value",
        (Some(b'['), _) => "after array element",
        (Some(_), b's') => "after object key",
        (Some(_), _) => "after object key:value pair",
    }
}

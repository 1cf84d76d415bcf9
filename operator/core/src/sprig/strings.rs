//! Texts: cutting, joining, cases, encodings, defaults.

use gotmpl::Result;
use gotmpl::Value;

use super::{Function, argument, failed, integer, items, list, print, string, text};
use crate::hash;

pub(super) const ALL: &[(&str, Function)] = &[
    ("trim", |a| Ok(string(text(a, 0)?.trim()))),
    ("trimAll", |a| {
        Ok(string(text(a, 1)?.trim_matches(|c| text(a, 0).is_ok_and(|set| set.contains(c)))))
    }),
    ("trimPrefix", |a| {
        let (prefix, of) = (text(a, 0)?, text(a, 1)?);
        Ok(string(of.strip_prefix(&*prefix).unwrap_or(&of)))
    }),
    ("trimSuffix", |a| {
        let (suffix, of) = (text(a, 0)?, text(a, 1)?);
        Ok(string(of.strip_suffix(&*suffix).unwrap_or(&of)))
    }),
    ("upper", |a| Ok(string(text(a, 0)?.to_uppercase()))),
    ("lower", |a| Ok(string(text(a, 0)?.to_lowercase()))),
    ("title", |a| Ok(string(title(&text(a, 0)?)))),
    ("untitle", |a| Ok(string(change_first(&text(a, 0)?, |c| c.to_lowercase().collect())))),
    ("repeat", repeat),
    ("substr", substr),
    ("trunc", trunc),
    ("nospace", |a| Ok(string(text(a, 0)?.split_whitespace().collect::<String>()))),
    ("contains", |a| Ok(Value::Bool(text(a, 1)?.contains(&text(a, 0)?)))),
    ("hasPrefix", |a| Ok(Value::Bool(text(a, 1)?.starts_with(&text(a, 0)?)))),
    ("hasSuffix", |a| Ok(Value::Bool(text(a, 1)?.ends_with(&text(a, 0)?)))),
    ("replace", |a| Ok(string(text(a, 2)?.replace(&text(a, 0)?, &text(a, 1)?)))),
    ("quote", |a| Ok(string(each(a, |value| format!("{:?}", print(value)))))),
    ("squote", |a| Ok(string(each(a, |value| format!("'{}'", print(value)))))),
    ("cat", |a| Ok(string(each(a, print)))),
    ("indent", |a| Ok(string(indent(integer(a, 0)?, &text(a, 1)?)))),
    ("nindent", |a| Ok(string(format!("\n{}", indent(integer(a, 0)?, &text(a, 1)?))))),
    ("plural", |a| text(a, usize::from(integer(a, 2)? != 1)).map(string)),
    ("snakecase", |a| Ok(string(words(&text(a, 0)?).join("_")))),
    ("kebabcase", |a| Ok(string(words(&text(a, 0)?).join("-")))),
    ("camelcase", |a| {
        Ok(string(words(&text(a, 0)?).iter().map(|word| title(word)).collect::<String>()))
    }),
    ("join", |a| Ok(string(join(&text(a, 0)?, argument(a, 1)?)))),
    ("splitList", |a| Ok(list(split(&text(a, 1)?, &text(a, 0)?).into_iter().map(string)))),
    ("split", |a| Ok(numbered(split(&text(a, 1)?, &text(a, 0)?)))),
    ("splitn", |a| {
        let (separator, most, of) = (text(a, 0)?, integer(a, 1)?, text(a, 2)?);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(numbered(of.splitn(most, &*separator).map(str::to_owned).collect()))
    }),
    ("sortAlpha", |a| {
        let mut sorted: Vec<String> = items(a, 0)?.iter().map(print).collect();
        sorted.sort();
        Ok(list(sorted.into_iter().map(string)))
    }),
    ("b64enc", |a| Ok(string(crate::base64::encode(text(a, 0)?.as_bytes())))),
    ("b64dec", |a| {
        let bytes =
            crate::base64::decode(&text(a, 0)?).ok_or_else(|| failed("b64dec: not base64"))?;
        Ok(string(String::from_utf8_lossy(&bytes)))
    }),
    ("sha256sum", |a| Ok(string(hash::sha256_hex(text(a, 0)?.as_bytes())))),
    ("default", |a| {
        let fallback = argument(a, 0)?;
        Ok(a.get(1).filter(|given| given.is_truthy()).unwrap_or(fallback).clone())
    }),
    ("empty", |a| Ok(Value::Bool(!argument(a, 0)?.is_truthy()))),
    ("coalesce", |a| Ok(a.iter().find(|value| value.is_truthy()).cloned().unwrap_or(Value::Nil))),
    ("ternary", |a| Ok(argument(a, usize::from(!argument(a, 2)?.is_truthy()))?.clone())),
    ("all", |a| Ok(Value::Bool(a.iter().all(Value::is_truthy)))),
    ("any", |a| Ok(Value::Bool(a.iter().any(Value::is_truthy)))),
    ("fail", |a| Err(failed(&text(a, 0)?))),
    ("kindOf", |a| Ok(string(kind(argument(a, 0)?)))),
    ("typeOf", |a| Ok(string(kind(argument(a, 0)?)))),
    ("kindIs", |a| Ok(Value::Bool(text(a, 0)? == kind(argument(a, 1)?)))),
    ("typeIs", |a| Ok(Value::Bool(text(a, 0)? == kind(argument(a, 1)?)))),
];

fn each(arguments: &[Value], show: fn(&Value) -> String) -> String {
    let shown: Vec<String> =
        arguments.iter().filter(|value| !matches!(value, Value::Nil)).map(show).collect();
    shown.join(" ")
}

fn change_first(of: &str, change: fn(char) -> String) -> String {
    let mut characters = of.chars();
    characters.next().map_or_else(String::new, |first| change(first) + characters.as_str())
}

fn title(of: &str) -> String {
    of.split_inclusive(char::is_whitespace)
        .map(|word| change_first(word, |c| c.to_uppercase().collect()))
        .collect()
}

fn repeat(a: &[Value]) -> Result<Value> {
    const MOST: usize = 1 << 20;
    let (times, of) = (usize::try_from(integer(a, 0)?).unwrap_or(0), text(a, 1)?);
    if times.saturating_mul(of.len()) > MOST {
        return Err(failed("repeat: the text would be longer than 1 MiB"));
    }
    Ok(string(of.repeat(times)))
}

fn substr(a: &[Value]) -> Result<Value> {
    let (from, to, of) = (integer(a, 0)?, integer(a, 1)?, text(a, 2)?);
    let from = usize::try_from(from).unwrap_or(0);
    let to = usize::try_from(to).map_or(of.len(), |to| to.min(of.len()));
    Ok(string(of.get(from..to).ok_or_else(|| failed("substr: slice bounds out of range"))?))
}

fn trunc(a: &[Value]) -> Result<Value> {
    let (most, of) = (integer(a, 0)?, text(a, 1)?);
    let length = usize::try_from(most.unsigned_abs()).unwrap_or(usize::MAX);
    let cut = if length >= of.len() {
        Some(&*of)
    } else if most < 0 {
        of.get(of.len() - length..)
    } else {
        of.get(..length)
    };
    Ok(string(cut.ok_or_else(|| failed("trunc: cuts a character in two"))?))
}

fn indent(width: i64, of: &str) -> String {
    let pad = " ".repeat(usize::try_from(width).unwrap_or(0).min(1 << 10));
    format!("{pad}{}", of.replace('\n', &format!("\n{pad}")))
}

/// Lower-case words of a name in any of the usual cases.
fn words(of: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_is_lower = false;
    for character in of.chars() {
        let ends_word = !character.is_alphanumeric();
        let begins_word = character.is_uppercase() && before_is_lower;
        if (ends_word || begins_word) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (false, Some(word)) = (ends_word, words.last_mut()) {
            word.extend(character.to_lowercase());
        }
        before_is_lower = character.is_lowercase() || character.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn join(separator: &str, of: &Value) -> String {
    match of {
        Value::List(parts) => parts.iter().map(print).collect::<Vec<_>>().join(separator),
        single => print(single),
    }
}

fn split(of: &str, separator: &str) -> Vec<String> {
    if separator.is_empty() {
        return of.chars().map(String::from).collect();
    }
    of.split(separator).map(str::to_owned).collect()
}

/// `split` gives a map: _0, _1, ...
fn numbered(parts: Vec<String>) -> Value {
    let map: std::collections::BTreeMap<String, Value> =
        parts.into_iter().enumerate().map(|(i, part)| (format!("_{i}"), string(part))).collect();
    Value::from(map)
}

fn kind(of: &Value) -> &'static str {
    match of {
        Value::Nil => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Uint(_) => "uint",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
        Value::Function(_) => "func",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::template::render;

    fn shown(source: &str) -> String {
        render("t", source, &BTreeMap::new()).expect("a good template")
    }

    #[test]
    fn texts_are_cut_and_joined_as_sprig_does() {
        assert_eq!(shown(r#"{{ "a,b,c" | splitList "," | join "-" | upper }}"#), "A-B-C");
        assert_eq!(
            shown(
                r#"{{ trimSuffix ".svc" "a.svc" }}{{ trunc 3 "abcdef" }}{{ trunc -2 "abcdef" }}"#
            ),
            "aabcef"
        );
        assert_eq!(shown(r#"{{ (split "." "x.y")._1 }}"#), "y");
        assert_eq!(shown("{{ indent 2 \"a\\nb\" }}"), "  a\n  b");
        assert_eq!(
            shown(r#"{{ snakecase "FirstName" }} {{ camelcase "http_server" }}"#),
            "first_name HttpServer"
        );
        assert_eq!(
            shown(r#"{{ ternary "yes" "no" true }}{{ quote "x" }}{{ "YQ==" | b64dec }}"#),
            "yes\"x\"a"
        );
    }
}

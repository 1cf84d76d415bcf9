//! Lists, maps and JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::Result;
use gotmpl::Value;
use serde_json::Value as Json;

use super::{Function, argument, failed, integer, items, list, print, string, text};

type Map = BTreeMap<Arc<str>, Value>;

pub(super) const ALL: &[(&str, Function)] = &[
    ("list", |a| Ok(list(a.iter().cloned()))),
    ("tuple", |a| Ok(list(a.iter().cloned()))),
    ("first", |a| Ok(items(a, 0)?.first().cloned().unwrap_or(Value::Nil))),
    ("last", |a| Ok(items(a, 0)?.last().cloned().unwrap_or(Value::Nil))),
    ("rest", |a| Ok(list(items(a, 0)?.iter().skip(1).cloned()))),
    ("initial", |a| {
        Ok(list(items(a, 0)?.split_last().map_or(&[][..], |(_, before)| before).iter().cloned()))
    }),
    ("append", |a| Ok(list(items(a, 0)?.iter().chain([argument(a, 1)?]).cloned()))),
    ("push", |a| Ok(list(items(a, 0)?.iter().chain([argument(a, 1)?]).cloned()))),
    ("prepend", |a| Ok(list([argument(a, 1)?].into_iter().chain(items(a, 0)?).cloned()))),
    ("concat", |a| {
        let all: Result<Vec<&[Value]>> = (0..a.len()).map(|index| items(a, index)).collect();
        Ok(list(all?.concat()))
    }),
    ("reverse", |a| Ok(list(items(a, 0)?.iter().rev().cloned()))),
    ("uniq", |a| {
        let mut kept: Vec<Value> = Vec::new();
        for item in items(a, 0)? {
            if !kept.contains(item) {
                kept.push(item.clone());
            }
        }
        Ok(list(kept))
    }),
    ("compact", |a| Ok(list(items(a, 0)?.iter().filter(|item| item.is_truthy()).cloned()))),
    ("without", |a| Ok(list(items(a, 0)?.iter().filter(|item| !a[1..].contains(item)).cloned()))),
    ("has", |a| Ok(Value::Bool(items(a, 1)?.contains(argument(a, 0)?)))),
    ("dict", |a| Ok(dict(a))),
    ("get", |a| Ok(map(a, 0)?.get(&*text(a, 1)?).cloned().unwrap_or_else(|| string("")))),
    ("hasKey", |a| Ok(Value::Bool(map(a, 0)?.contains_key(&*text(a, 1)?)))),
    ("keys", |a| {
        let maps: Result<Vec<&Map>> = (0..a.len()).map(|index| map(a, index)).collect();
        Ok(list(maps?.into_iter().flat_map(|map| map.keys()).map(|key| string(&**key))))
    }),
    ("values", |a| Ok(list(map(a, 0)?.values().cloned()))),
    ("pick", |a| filtered(a, |key, names| names.contains(&key))),
    ("omit", |a| filtered(a, |key, names| !names.contains(&key))),
    ("pluck", |a| {
        let key = text(a, 0)?;
        let maps: Result<Vec<&Map>> = (1..a.len()).map(|index| map(a, index)).collect();
        Ok(list(maps?.into_iter().filter_map(|map| map.get(&*key).cloned())))
    }),
    ("dig", dig),
    ("toJson", |a| Ok(string(crate::hash::go_json(&to_json(argument(a, 0)?)?)))),
    ("toRawJson", |a| Ok(string(to_json(argument(a, 0)?)?.to_string()))),
    ("fromJson", |a| {
        let parsed = serde_json::from_str(&text(a, 0)?)
            .map_err(|error| failed(&format!("fromJson: {error}")))?;
        Ok(from_json(&parsed))
    }),
    ("chunk", |a| {
        let size = usize::try_from(integer(a, 0)?).ok().filter(|size| *size > 0);
        let size = size.ok_or_else(|| failed("chunk: the size must be positive"))?;
        Ok(list(items(a, 1)?.chunks(size).map(|part| list(part.iter().cloned()))))
    }),
];

fn map(arguments: &[Value], index: usize) -> Result<&Map> {
    match argument(arguments, index)? {
        Value::Map(map) => Ok(map),
        other => Err(failed(&format!("cannot use a value of type {} as a map", other.type_name()))),
    }
}

fn dict(arguments: &[Value]) -> Value {
    let map: Map = arguments
        .chunks(2)
        .map(|pair| {
            (Arc::from(print(&pair[0])), pair.get(1).cloned().unwrap_or_else(|| string("")))
        })
        .collect();
    Value::from(Arc::new(map))
}

fn filtered(arguments: &[Value], keep: fn(&str, &[&str]) -> bool) -> Result<Value> {
    let names: Vec<String> = arguments.iter().skip(1).map(print).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let kept: Map = map(arguments, 0)?
        .iter()
        .filter(|(key, _)| keep(key, &names))
        .map(|(key, value)| (Arc::clone(key), value.clone()))
        .collect();
    Ok(Value::from(Arc::new(kept)))
}

/// `dig "a" "b" default map`.
fn dig(arguments: &[Value]) -> Result<Value> {
    let [path @ .., fallback, root] = arguments else {
        return Err(failed("dig: want keys, a default and a map"));
    };
    let mut at = root;
    for key in path {
        match at {
            Value::Map(map) => match map.get(&*print(key)) {
                Some(next) => at = next,
                None => return Ok(fallback.clone()),
            },
            _ => return Ok(fallback.clone()),
        }
    }
    Ok(at.clone())
}

fn to_json(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(truth) => Json::from(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Uint(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::String(text) => Json::from(&**text),
        Value::List(items) => items.iter().map(to_json).collect::<Result<_>>()?,
        Value::Map(map) => {
            let entries: Result<serde_json::Map<String, Json>> =
                map.iter().map(|(key, value)| Ok((key.to_string(), to_json(value)?))).collect();
            Json::Object(entries?)
        }
        Value::Function(_) => return Err(failed("toJson: unsupported type function")),
    })
}

fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(*truth),
        // Go reads every JSON number as a float.
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => list(items.iter().map(from_json)),
        Json::Object(entries) => {
            let map: Map = entries
                .iter()
                .map(|(key, value)| (Arc::from(key.as_str()), from_json(value)))
                .collect();
            Value::from(Arc::new(map))
        }
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
    fn lists_and_maps_are_made_and_looked_into() {
        assert_eq!(shown(r#"{{ list 1 2 2 3 | uniq | reverse | join "," }}"#), "3,2,1");
        assert_eq!(
            shown(
                r#"{{ $d := dict "a" 1 "b" "x" }}{{ hasKey $d "b" }} {{ get $d "c" }}|{{ toJson $d }}"#
            ),
            r#"true |{"a":1,"b":"x"}"#
        );
        assert_eq!(
            shown(r#"{{ dig "a" "b" "none" (fromJson "{\"a\":{\"b\":\"deep\"}}") }}"#),
            "deep"
        );
    }
}

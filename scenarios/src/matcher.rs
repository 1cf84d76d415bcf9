//! Matching by partial object: what the pattern names must be there; what it leaves out may be anything.

use serde_json::Value;

/// The first part of the pattern that the object does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    pub path: String,
    pub expected: Value,
    /// None: the object has no such field.
    pub found: Option<Value>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = if self.path.is_empty() { "it" } else { &self.path };
        match &self.found {
            Some(found) => write!(f, "{path} is {}, not {}", plain(found), plain(&self.expected)),
            None => write!(f, "{path} is not set, not {}", plain(&self.expected)),
        }
    }
}

/// Maps match by the keys of the pattern, lists element by element and in length; `null` matches a
/// field that is absent.
pub fn mismatch(pattern: &Value, object: &Value) -> Option<Mismatch> {
    compare("", pattern, Some(object))
}

fn compare(path: &str, pattern: &Value, object: Option<&Value>) -> Option<Mismatch> {
    let differs = || {
        Some(Mismatch { path: path.to_owned(), expected: pattern.clone(), found: object.cloned() })
    };
    match (pattern, object) {
        (Value::Null, None) => None,
        (Value::Object(pattern), Some(Value::Object(object))) => {
            pattern.iter().find_map(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, value, object.get(key))
            })
        }
        (Value::Array(pattern), Some(Value::Array(items))) if pattern.len() == items.len() => {
            pattern.iter().zip(items).enumerate().find_map(|(index, (pattern, item))| {
                compare(&format!("{path}[{index}]"), pattern, Some(item))
            })
        }
        (pattern, Some(object)) if pattern == object => None,
        _ => differs(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_asks_only_for_what_it_names() {
        let object =
            json!({ "status": { "phase": "Running", "more": 1 }, "items": [{ "a": 1, "b": 2 }] });

        assert_eq!(mismatch(&json!({ "status": { "phase": "Running" } }), &object), None);
        assert_eq!(mismatch(&json!({ "items": [{ "b": 2 }], "gone": null }), &object), None);
    }

    #[test]
    fn the_first_difference_is_named_with_both_sides() {
        let object = json!({ "status": { "phase": "Creating" } });
        let said = |pattern| mismatch(&pattern, &object).unwrap().to_string();

        assert_eq!(
            said(json!({ "status": { "phase": "Running" } })),
            "status.phase is Creating, not Running"
        );
        assert_eq!(
            said(json!({ "metadata": { "name": "x" } })),
            r#"metadata is not set, not {"name":"x"}"#
        );
    }
}

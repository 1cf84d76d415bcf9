//! The difference between what is stored and what is wanted, as a merge patch (RFC 7386).

use serde_json::{Map, Value};

/// The smallest merge patch that turns `from` into `to`; none when nothing has to be sent. Lists are
/// replaced as a whole. A `null` in `to` is the same as no member.
pub fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return (from != to).then(|| to.clone());
    };
    let mut patch = Map::new();
    for (key, wanted) in to {
        match from.get(key) {
            _ if wanted.is_null() => {}
            Some(stored) => {
                if let Some(change) = merge_patch(stored, wanted) {
                    patch.insert(key.clone(), change);
                }
            }
            None => {
                patch.insert(key.clone(), wanted.clone());
            }
        }
    }
    for (key, stored) in from {
        if !stored.is_null() && to.get(key).is_none_or(Value::is_null) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Whether a patch replaces a list: then it rests on the list that was read.
pub fn replaces_a_list(patch: &Value) -> bool {
    match patch {
        Value::Array(_) => true,
        Value::Object(members) => members.values().any(replaces_a_list),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let stored = json!({ "a": 1, "b": { "c": [1], "d": 2 }, "gone": true, "null": null });
        let wanted = json!({ "a": 1, "b": { "c": [2], "d": 2, "no": null }, "new": { "x": 1 } });

        let patch = merge_patch(&stored, &wanted);

        assert_eq!(patch, Some(json!({ "b": { "c": [2] }, "new": { "x": 1 }, "gone": null })));
    }

    #[test]
    fn equal_trees_need_no_patch() {
        let tree = json!({ "a": { "b": [{ "c": 1 }] } });

        assert_eq!(merge_patch(&tree, &tree.clone()), None);
    }

    #[test]
    fn a_list_anywhere_in_a_patch_is_found() {
        assert!(replaces_a_list(&json!({ "a": { "b": [] } })));
        assert!(!replaces_a_list(&json!({ "a": { "b": 1 } })));
    }
}

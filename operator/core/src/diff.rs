//! What a write has to say: only what differs.

use serde_json::{Map, Value};

/// The merge patch (RFC 7386) that turns `from` into `to`; none when there is nothing to send.
pub fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    if from == to {
        return None;
    }
    let (Value::Object(from), Value::Object(to)) = (from, to) else {
        return Some(to.clone());
    };
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, wanted) in to {
        match from.get(key) {
            Some(found) => {
                if let Some(change) = merge_patch(found, wanted) {
                    patch.insert(key.clone(), change);
                }
            }
            None => {
                patch.insert(key.clone(), wanted.clone());
            }
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_send_nothing() {
        assert_eq!(merge_patch(&json!({"a": [1]}), &json!({"a": [1]})), None);
    }

    #[test]
    fn only_what_differs_is_sent_and_what_is_gone_is_null() {
        let from = json!({"same": 1, "gone": 2, "inner": {"same": 3, "other": 4}});
        let to = json!({"same": 1, "inner": {"same": 3, "other": 5}, "new": [6]});

        assert_eq!(
            merge_patch(&from, &to),
            Some(json!({"gone": null, "inner": {"other": 5}, "new": [6]}))
        );
    }
}

//! The difference between what is stored and what is wanted, as a merge patch (RFC 7386).

use std::collections::BTreeMap;

use drydock_operator_api::ObjectMeta;
use serde::Serialize;
use serde_json::{Map, Value, json};

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

/// The same of two metadata, without writing them out: most patches are of a label or an annotation.
pub fn metadata_patch(from: &ObjectMeta, to: &ObjectMeta) -> Option<Value> {
    let ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        generation,
        creation_timestamp,
        deletion_timestamp,
        labels,
        annotations,
        owner_references,
        finalizers,
    } = to;
    let is_same_object = from.name == *name
        && from.namespace == *namespace
        && from.uid == *uid
        && from.resource_version == *resource_version
        && from.generation == *generation
        && from.creation_timestamp == *creation_timestamp
        && from.deletion_timestamp == *deletion_timestamp;
    if !is_same_object {
        return merge_patch(&json!(from), &json!(to));
    }
    let mut patch = Map::new();
    let mut put = |name: &str, change: Option<Value>| {
        patch.extend(change.map(|change| (name.to_owned(), change)));
    };
    put("labels", texts_patch(&from.labels, labels));
    put("annotations", texts_patch(&from.annotations, annotations));
    put("ownerReferences", list_patch(&from.owner_references, owner_references));
    put("finalizers", list_patch(&from.finalizers, finalizers));
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn texts_patch(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Option<Value> {
    if from == to {
        return None;
    }
    if to.is_empty() {
        return Some(Value::Null);
    }
    let wanted = to.iter().filter(|(key, value)| from.get(*key) != Some(*value));
    let wanted = wanted.map(|(key, value)| (key.clone(), json!(value)));
    let gone = from.keys().filter(|key| !to.contains_key(*key));
    Some(Value::Object(wanted.chain(gone.map(|key| (key.clone(), Value::Null))).collect()))
}

fn list_patch<T: PartialEq + Serialize>(from: &[T], to: &[T]) -> Option<Value> {
    (from != to).then(|| if to.is_empty() { Value::Null } else { json!(to) })
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
    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let stored = json!({ "a": 1, "b": { "c": [1], "d": 2 }, "gone": true, "null": null });
        let wanted = json!({ "a": 1, "b": { "c": [2], "d": 2, "no": null }, "new": { "x": 1 } });

        let patch = merge_patch(&stored, &wanted);

        assert_eq!(patch, Some(json!({ "b": { "c": [2] }, "new": { "x": 1 }, "gone": null })));
    }

    #[test]
    fn metadata_differ_by_the_patch_that_their_wire_forms_differ_by() {
        let meta = |value: Value| serde_json::from_value::<ObjectMeta>(value).unwrap();
        let full = json!({
            "name": "a", "labels": { "x": "1", "y": "2" }, "annotations": { "n": "1" },
            "finalizers": ["f"], "ownerReferences": [{
                "apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u" }],
        });
        let mut changed = full.clone();
        changed["labels"] = json!({ "x": "3", "z": "2" });
        changed["finalizers"] = json!(["g", "f"]);
        let mut renamed = changed.clone();
        renamed["name"] = json!("b");
        let few = json!({ "name": "a", "labels": { "x": "1" } });
        let all = [full, changed, renamed, few, json!({ "name": "a" })].map(meta);

        for from in &all {
            for to in &all {
                let plain = merge_patch(&json!(from), &json!(to));
                assert_eq!(metadata_patch(from, to), plain, "{from:?} {to:?}");
            }
        }
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

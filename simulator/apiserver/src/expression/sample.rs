//! A schema of which tests ask expressions: it has a bit of everything.

use serde_json::json;

use crate::Tree;

pub(super) fn schema() -> Tree {
    let text = |most: u64| json!({ "type": "string", "maxLength": most });
    let list = |items, most: u64| json!({ "type": "array", "maxItems": most, "items": items });
    let map = |values, most: u64| json!({ "type": "object", "maxProperties": most, "additionalProperties": values });
    let object = |members| json!({ "type": "object", "properties": members });
    let of_format = |format| json!({ "type": "string", "format": format });
    let integer = json!({ "type": "integer" });
    let item = object(json!({ "k": text(4), "v": integer, "vs": list(text(3), 4) }));
    let other = object(json!({ "a": text(6), "bs": list(text(7), 8), "c": map(text(3), 4) }));
    object(json!({
        "s": text(20), "t": text(50), "i": integer, "b": { "type": "boolean" },
        "e": { "type": "string", "enum": ["a", "bbb", "cc"] },
        "d": of_format("date"), "dt": of_format("date-time"),
        "by": { "type": "string", "format": "byte", "maxLength": 40 },
        "u": { "type": "string", "format": "uri", "maxLength": 100 },
        "ios": { "x-kubernetes-int-or-string": true, "maxLength": 10 },
        "l": list(text(12), 7), "li": list(integer.clone(), 9), "m": map(text(8), 5),
        "o": object(json!({ "a": text(9), "items": list(item, 11) })),
        "lo": list(other, 10), "namespace": text(17), "a-b": text(13),
        "emb": {
            "type": "object", "x-kubernetes-embedded-resource": true,
            "properties": { "spec": object(json!({ "x": text(4) })) },
        },
    }))
    .into()
}

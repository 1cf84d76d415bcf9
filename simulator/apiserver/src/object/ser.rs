//! Trees to JSON text, `serde_json::Value` and anything else that serde writes.

use serde::{Serialize, Serializer};

use super::{Node, Tree, text};

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Node::Null => serializer.serialize_unit(),
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::Int(number) => serializer.serialize_i64(*number),
            Node::Big(number) => serializer.serialize_u64(*number),
            Node::Float(number) => serializer.serialize_f64(*number),
            Node::Text(text) => serializer.serialize_str(text),
            Node::List(items) => serializer.collect_seq(items.iter()),
            Node::Map(members) => serializer.collect_map(members.iter().map(|(k, v)| (&**k, v))),
        }
    }
}

impl Tree {
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a tree has string keys and nothing that can fail")
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a tree has string keys and writing to memory cannot fail")
    }

    #[expect(clippy::needless_pass_by_value, reason = "most have made it for this")]
    pub fn from_value(value: serde_json::Value) -> Tree {
        Tree::from(&value)
    }

    pub fn from_json(bytes: &[u8]) -> Result<Tree, serde_json::Error> {
        Self::from_json_noting(bytes).map(|(tree, _)| tree)
    }

    /// What has no JSON form (a map with keys that are no strings) becomes null.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Tree {
        serde_json::to_value(value).map(Tree::from_value).unwrap_or_default()
    }
}

impl From<&serde_json::Value> for Tree {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Tree::null(),
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => number.into(),
                (None, Some(number)) => number.into(),
                (None, None) => number.as_f64().unwrap_or_default().into(),
            },
            Value::String(string) => string.into(),
            Value::Array(items) => Tree::list(items.iter().map(Tree::from)),
            Value::Object(members) => {
                Tree::from_members(members.iter().map(|(k, v)| (text(k), Tree::from(v))).collect())
            }
        }
    }
}

impl From<serde_json::Value> for Tree {
    fn from(value: serde_json::Value) -> Self {
        Tree::from_value(value)
    }
}

impl std::fmt::Display for Tree {
    /// Compact JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

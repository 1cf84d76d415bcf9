//! Objects of builtin kinds in protobuf, as typed clients send them and like to read them.
//!
//! A body is four bytes (`k8s` and a zero), then an envelope that says what is in it, then the message of that kind. Which
//! field has which number is in `tables/proto.txt`; the codec knows types, no kinds. What a client left at its zero
//! value is absent in the tree, as it would be in JSON; a field that the table lacks is read over, as a server does
//! with a newer client's.

mod decode;
mod encode;
pub(crate) mod order;
mod special;
mod table;
mod wire;

use crate::object::Tree;

use self::table::Message;
pub(crate) use self::wire::Writer;
use self::wire::{Reader, Wire};

pub(crate) const MEDIA: &str = "application/vnd.kubernetes.protobuf";

const MAGIC: [u8; 4] = *b"k8s\0";
const SCHEME: &str = "k8s.io.apimachinery.pkg.runtime.Unknown";

/// Bytes that are no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not even known of what kind.
    Envelope(String),
    /// What is inside does not fit the kind.
    Content { api_version: String, kind: String, why: String },
}

impl Unreadable {
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Envelope(why) | Self::Content { why, .. } => why,
        }
    }
}

/// The object in a body, with the kind and version that it claims, else those of `wanted` (`v1`, `Pod`). Of a kind that
/// nobody knows there is nothing else.
pub(crate) fn object(bytes: &[u8], wanted: (&str, &str)) -> Result<Tree, Unreadable> {
    let envelope = |why: &str| Unreadable::Envelope(why.to_owned());
    if bytes.is_empty() {
        return Err(envelope("empty data"));
    }
    let Some(rest) = bytes.strip_prefix(&MAGIC) else {
        return Err(envelope(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ));
    };
    if rest.is_empty() {
        return Err(envelope("empty body"));
    }
    let (mut api_version, mut kind, raw) = opened(rest).map_err(Unreadable::Envelope)?;
    if kind.is_empty() {
        wanted.1.clone_into(&mut kind);
    }
    if api_version.is_empty() {
        wanted.0.clone_into(&mut api_version);
    }
    let content = match Message::of(&api_version, &kind) {
        Some(message) => match decode::message(message, raw, 0) {
            Ok(members) => Tree::map(members),
            Err(why) => return Err(Unreadable::Content { api_version, kind, why }),
        },
        None => Tree::empty_map(),
    };
    Ok(content.with(&["apiVersion"], api_version).with(&["kind"], kind))
}

/// An object or list, in its envelope. `None` if its kind has no such form.
pub(crate) fn to_bytes(tree: &Tree) -> Option<Vec<u8>> {
    let text = |key: &str| tree.str_at(&[key]).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let message = Message::of(api_version, kind)?;
    let mut head = Writer::default();
    head.string(1, api_version);
    head.string(2, kind);
    let mut content = Writer::default();
    encode::message(message, tree, &mut content);
    let mut body = Writer(MAGIC.to_vec());
    body.bytes(1, &head.0);
    body.bytes(2, &content.0);
    body.string(3, "");
    body.string(4, "");
    Some(body.0)
}

/// Whether the server's own types have a kind in a version, served or not.
pub(crate) fn is_known(group: &str, api_version: &str, kind: &str) -> bool {
    let (own, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let short = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or(group) };
    own == group && table::is_listed(&format!("{short}.{version}.{kind}"))
}

/// One event of a watch: its length, then a message with the object in it.
pub(crate) fn frame(event: &str, object: &[u8]) -> Vec<u8> {
    let mut raw = Writer::default();
    raw.bytes(1, object);
    let mut body = Writer::default();
    body.string(1, event);
    body.bytes(2, &raw.0);
    let length = u32::try_from(body.0.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &body.0].concat()
}

/// Version, kind and content of an envelope.
fn opened(bytes: &[u8]) -> Result<(String, String, &[u8]), String> {
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag(SCHEME)? {
        match (number, wire) {
            (1, Wire::Bytes) => {
                let mut inner = Reader::new(reader.bytes()?);
                while let Some((number, wire)) = inner.tag("TypeMeta")? {
                    match (number, wire) {
                        (1, Wire::Bytes) => version = inner.text()?,
                        (2, Wire::Bytes) => kind = inner.text()?,
                        (1 | 2, _) => return Err(wire.wrong("APIVersion")),
                        _ => inner.skip(wire)?,
                    }
                }
            }
            (2, Wire::Bytes) => raw = reader.bytes()?,
            (1 | 2, _) => return Err(wire.wrong(if number == 1 { "TypeMeta" } else { "Raw" })),
            _ => reader.skip(wire)?,
        }
    }
    Ok((version, kind, raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{self, Node, Table};

    /// An object with something in every field, as deep as `depth`.
    fn filled(node: &Node, depth: usize) -> Option<Tree> {
        let depth = depth.checked_sub(1)?;
        Some(match node.kind {
            schema::Type::String => "some".into(),
            schema::Type::Bytes => "c29tZQ==".into(),
            schema::Type::Int32 | schema::Type::Integer => (-7).into(),
            schema::Type::Number => 1.5.into(),
            schema::Type::Bool => true.into(),
            schema::Type::Time => "2026-01-02T03:04:05Z".into(),
            schema::Type::MicroTime => "2026-01-02T03:04:05.000006Z".into(),
            schema::Type::Quantity => "100m".into(),
            schema::Type::IntOrString => "25%".into(),
            schema::Type::Raw => Tree::map([("any", Tree::from("thing"))]),
            schema::Type::List => {
                let item = filled(node.items.as_ref()?, depth)?;
                Tree::list([item.clone(), item])
            }
            schema::Type::Object => {
                if let Some(value) = &node.additional {
                    return Some(Tree::map([("key", filled(value, depth)?)]));
                }
                let members = node.members.iter().filter_map(|member| {
                    Some((member.name.to_string(), filled(&member.node, depth)?))
                });
                let members = Tree::map(members);
                return (!members.is_empty()).then_some(members);
            }
            schema::Type::Any => return None,
        })
    }

    /// Where the first lacks what the second has.
    fn lacks(tree: &Tree, of: &Tree, path: &str, found: &mut Vec<String>) {
        if tree == of {
            return;
        }
        if tree.is_map() && of.is_map() {
            for (key, value) in of.entries() {
                let own = tree.get(key).cloned().unwrap_or_default();
                lacks(&own, value, &format!("{path}.{key}"), found);
            }
        } else if tree.is_list() && tree.items().len() == of.items().len() {
            lacks(&tree.items()[0], &of.items()[0], path, found);
        } else {
            found.push(format!("{path}: {tree} instead of {of}"));
        }
    }

    #[test]
    fn what_a_builtin_kind_can_hold_comes_back_from_protobuf_as_it_went_in() {
        for minor in [20, 24, 34] {
            let table = Table::of(minor);
            let mut found = Vec::new();
            for row in &table.rows {
                let version = match row.group {
                    "" => row.version.to_owned(),
                    group => format!("{group}/{}", row.version),
                };
                let node = table.get(row.definition).expect("a row names its definition");
                let object = filled(&node, 9).expect("deep enough");
                let object = object.with(&["kind"], row.kind).with(&["apiVersion"], &version);

                let bytes = to_bytes(&object).expect("a builtin kind");
                let back = self::object(&bytes, ("", "")).expect("what was written can be read");

                lacks(&back, &object, row.kind, &mut found);
            }
            // Claims are templates by their metadata and spec; what else they are is not sent.
            found.retain(|line| !line.contains("volumeClaimTemplates"));
            assert_eq!(found, Vec::<String>::new(), "1.{minor}");
        }
    }

    /// A pod as a Go client writes it, with its zero values.
    fn pod() -> Vec<u8> {
        let object = Tree::from_value(serde_json::json!({
            "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "a", "labels": { "k": "v" } },
            "spec": { "containers": [{ "name": "c", "ports": [{ "containerPort": 80 }] }] },
        }));
        to_bytes(&object).expect("a builtin kind")
    }

    #[test]
    fn bytes_cut_anywhere_or_changed_anywhere_are_an_error_or_an_object_and_never_a_panic() {
        let whole = pod();

        // Between the fields of the envelope an object may end.
        let read = |end: &usize| object(&whole[..*end], ("v1", "Pod")).is_ok();
        assert_eq!((0..whole.len()).filter(read).count(), 3);
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                if let Err(error) = object(&bytes, ("v1", "Pod")) {
                    assert!(!error.why().is_empty());
                }
            }
        }
    }

    #[test]
    fn schemas_within_schemas_have_a_bottom() {
        let mut schema = Writer::default();
        for _ in 0..10_000 {
            let mut around = Writer::default();
            // `not`
            around.bytes(28, &schema.0);
            schema = around;
        }
        let message = Message::named(special::SCHEMA).expect("schemas are there");

        assert!(decode::message(message, &schema.0, 0).is_err());
    }

    #[test]
    fn zero_is_absent_unless_it_is_a_pointer() {
        let deployment = |replicas: i64| {
            let mut spec = Writer::default();
            spec.int(1, replicas);
            spec.int(5, 0);
            let mut content = Writer::default();
            content.bytes(2, &spec.0);
            let message = Message::of("apps/v1", "Deployment").expect("a builtin kind");
            Tree::map(decode::message(message, &content.0, 0).expect("a deployment"))
        };

        assert_eq!(deployment(0).to_string(), r#"{"spec":{"replicas":0}}"#);
    }
}

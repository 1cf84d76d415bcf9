//! What the real server says of a strategic merge whose result does not fit its type: it reads that from a map, not
//! from JSON, and names Go's kinds of values.

use super::decode::{own_name, unreadable};
use super::{Node, Type, format};
use crate::Tree;
use crate::protobuf::order::Place;

/// The first value that cannot be put where it stands. What `old` has too, fits.
pub(crate) fn misfit(node: &Node, tree: &Tree, old: Option<&Tree>, place: Place) -> Option<String> {
    // Types are gone through in their own order, which costs to find out.
    let quick = Walk { place: None, own: None };
    quick.misfit(node, tree, old)?;
    Walk { place: Some(place), own: None }.misfit(node, tree, old)
}

/// Where a walk through a value is.
struct Walk {
    /// Unless the order of members does not matter.
    place: Option<Place>,
    /// What the type of the member is called.
    own: Option<&'static str>,
}

impl Walk {
    fn misfit(&self, node: &Node, tree: &Tree, old: Option<&Tree>) -> Option<String> {
        if tree.is_null() || old.is_some_and(|old| old.same(tree)) {
            return None;
        }
        let found = kind_of(tree);
        match node.kind {
            Type::Any | Type::Raw => None,
            Type::Object if tree.is_map() => self.member(node, tree, old),
            Type::Object => {
                let what = if node.additional.is_some() { "map from" } else { "struct from:" };
                Some(format!("cannot restore {what} {found}"))
            }
            Type::List if tree.is_list() => {
                let items = node.items.as_deref()?;
                let each = Self { place: self.place, own: self.within("[]") };
                tree.items().iter().find_map(|item| each.misfit(items, item, None))
            }
            Type::Bytes if tree.is_list() => {
                tree.items().iter().find_map(|item| unfit(item, "uint8", "uint8"))
            }
            Type::Bytes if tree.is_string() => {
                let at = format::bad_base64(tree.as_str()?)?;
                Some(said(&format!("illegal base64 data at input byte {at}")))
            }
            Type::List | Type::Bytes => Some(format!("cannot restore slice from {found}")),
            Type::String => unfit(tree, "string", self.own.unwrap_or("string")),
            Type::Bool => unfit(tree, "bool", "bool"),
            Type::Int32 => unfit(tree, "int32", "int32"),
            Type::Integer => unfit(tree, "int64", "int64"),
            Type::Number => unfit(tree, "float64", "float64"),
            Type::IntOrString | Type::Quantity | Type::Time | Type::MicroTime => {
                unreadable(node.kind, tree)
            }
        }
    }

    /// What the type of what stands within is called: a list or a map that has a name of its own says nothing of that.
    fn within(&self, lead: &str) -> Option<&'static str> {
        self.own?.strip_prefix(lead)
    }

    fn member(&self, node: &Node, tree: &Tree, old: Option<&Tree>) -> Option<String> {
        let below = |key: &str, value: &Tree, place: Option<Place>| {
            let child = node.member(key).map(|member| &member.node);
            let own = self.place.and_then(|_| own_name(node.definition, key));
            let own = if child.is_some() { own } else { self.within("map[string]") };
            let old = old.and_then(|old| old.get(key));
            Self { place, own }.misfit(child.or(node.additional.as_ref())?, value, old)
        };
        match self.place {
            None => tree.entries().find_map(|(key, value)| below(key, value, None)),
            Some(place) => {
                let members = place.members(tree);
                members.into_iter().find_map(|(key, value, place)| below(key, value, Some(place)))
            }
        }
    }
}

/// A complaint of the decoder, where it is asked by who reads from a map.
pub(crate) fn said(why: &str) -> String {
    let lead = if why.starts_with("illegal base64") { "error decoding from json: " } else { "" };
    format!("{lead}{why}")
}

/// The tree with numbers cut to what holds them, as Go does without a word.
pub(crate) fn cut(node: &Node, tree: &Tree) -> Tree {
    if tree.is_map() {
        let below = tree.entries().map(|(key, value)| {
            let child = node.member(key).map(|member| &member.node).or(node.additional.as_ref());
            (key, child.map_or_else(|| value.clone(), |child| cut(child, value)))
        });
        return Tree::map(below).sharing(tree);
    }
    if tree.is_list() && node.kind == Type::Bytes {
        let byte =
            |item: &Tree| item.as_f64().map_or(item.clone(), |item| (whole(item) & 0xff).into());
        return Tree::list(tree.items().iter().map(byte));
    }
    if tree.is_list() {
        let Some(items) = node.items.as_deref() else { return tree.clone() };
        return Tree::list(tree.items().iter().map(|item| cut(items, item))).sharing(tree);
    }
    let (wide, bits) = match (tree.as_i64(), tree.as_f64(), node.kind) {
        (Some(number), _, Type::Int32) => (number, 32),
        (None, Some(number), Type::Int32 | Type::Integer | Type::IntOrString)
            if number.fract() == 0.0 =>
        {
            (whole(number), if node.kind == Type::Int32 { 32 } else { 64 })
        }
        _ => return tree.clone(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "that is what Go does")]
    Tree::from(if bits == 32 { i64::from(wide as i32) } else { wide })
}

/// What does not fit becomes what the processor makes of it.
fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it fits")]
    if number.abs() < 9.2e18 { number as i64 } else { i64::MIN }
}

fn kind_of(tree: &Tree) -> &'static str {
    match tree.type_name() {
        "boolean" => "bool",
        "number" => "float64",
        "array" => "slice",
        "object" => "map",
        // What is too large for an integer is read as another number.
        "integer" if tree.as_i64().is_none() => "float64",
        "integer" => "int64",
        other => other,
    }
}

/// Go converts between numbers, and a number to a letter: what else does not fit, it does not know at all. `wanted` is
/// what the type is at bottom, `own` what it is called.
fn unfit(tree: &Tree, wanted: &str, own: &str) -> Option<String> {
    let found = kind_of(tree);
    let is_number = matches!(found, "int64" | "float64");
    let (fits, converts) = match wanted {
        "string" => (found == wanted, found == "int64"),
        "bool" => (found == wanted, false),
        "float64" => (is_number, false),
        _ => (is_number && tree.is_integer(), is_number),
    };
    (!fits && !tree.is_null()).then(|| {
        if converts {
            format!("cannot convert {found} to {own}")
        } else {
            format!("unrecognized type: {wanted}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Profile;
    use crate::schema::Schema;

    #[test]
    fn what_does_not_fit_is_named_as_go_does_first_what_stands_first_in_its_type() {
        let misfit = |name: &str, version: &str, tree: serde_json::Value| {
            let schema = Schema::builtin(Profile::V1_34.table(), name).expect("a kind");
            let kind = name.rsplit('.').next().unwrap_or_default();
            misfit(schema.root(), &Tree::from(tree), None, Place::of(version, kind))
        };
        let pod = |spec| misfit("core.v1.Pod", "v1", serde_json::json!({ "spec": spec }));
        let container = |more: serde_json::Value| pod(serde_json::json!({ "containers": [more] }));
        let said = |why: &str| Some(why.to_owned());

        let request = "certificates.v1.CertificateSigningRequest";
        let extra = serde_json::json!({ "spec": { "extra": { "a": [19] }, "usages": [] } });
        assert_eq!(
            misfit(request, "certificates.k8s.io/v1", extra),
            said("cannot convert int64 to string")
        );
        let usages = serde_json::json!({ "spec": { "usages": [19] } });
        assert_eq!(
            misfit(request, "certificates.k8s.io/v1", usages),
            said("cannot convert int64 to v1.KeyUsage")
        );
        assert_eq!(
            container(serde_json::json!({ "stdin": 1, "name": [] })),
            said("unrecognized type: string")
        );
        assert_eq!(
            container(serde_json::json!({ "imagePullPolicy": 1 })),
            said("cannot convert int64 to v1.PullPolicy")
        );
        assert_eq!(
            pod(serde_json::json!({ "activeDeadlineSeconds": 1.5 })),
            said("cannot convert float64 to int64")
        );
        assert_eq!(pod(serde_json::json!({ "activeDeadlineSeconds": 2.0 })), None);
        assert_eq!(
            misfit(
                "core.v1.Pod",
                "v1",
                serde_json::json!({ "metadata": { "creationTimestamp": 1 } })
            ),
            said("json: cannot unmarshal number into Go value of type string")
        );
    }
}

//! What is immutable to the byte: `data` of a `ControllerRevision`, and what a claim for devices tells their drivers. A
//! server keeps the spaces between its members and their order, and a patch, which has none, changes it.

use std::sync::Arc;

use super::{Call, patched};
use crate::Tree;
use crate::builtin::internal;
use crate::golang;
use crate::object::Object;
use crate::request::{Body, PatchKind, Verb};
use crate::status::FieldError;

const WHY: &str = "field is immutable";
/// Stands in no text of JSON.
const BETWEEN: &str = "\0";

/// Where it stands: the way to it, and from there to the place in each item of a list.
struct Place {
    path: &'static [&'static str],
    within: &'static [&'static str],
    /// The Go struct that is compared, and printed.
    shown: Option<&'static str>,
}

fn place(call: &Call<'_>) -> Option<Place> {
    const WITHIN: &[&str] = &["opaque", "parameters"];
    let info = call.info();
    let (path, within, shown): (&[&str], _, _) = match (&*info.group, &*info.kind) {
        ("apps", "ControllerRevision") => (&["data"], &[][..], None),
        ("resource.k8s.io", "ResourceClaim") => {
            (&["spec", "devices", "config"], WITHIN, Some("resource.ResourceClaimSpec"))
        }
        ("resource.k8s.io", "ResourceClaimTemplate") => (
            &["spec", "spec", "devices", "config"],
            WITHIN,
            Some("resource.ResourceClaimTemplateSpec"),
        ),
        _ => return None,
    };
    call.request.subresource.is_none().then_some(Place { path, within, shown })
}

/// The spelling of what is written, if it is not that of a patch.
fn stated(call: &Call<'_>, place: &Place) -> Option<String> {
    let Body::Bytes { content_type, bytes } = &call.request.body else { return None };
    let is_json = content_type.is_empty() || content_type.starts_with("application/json");
    if !is_json || call.request.verb == Verb::Patch {
        return None;
    }
    let raw = place.path.iter().try_fold(&bytes[..], |bytes, key| member(bytes, key))?;
    if place.shown.is_none() {
        return (raw != without_spaces(raw)).then(|| String::from_utf8_lossy(raw).into_owned());
    }
    let each = parts(raw).into_iter().filter_map(|(_, item)| {
        let raw = place.within.iter().try_fold(item, |bytes, key| member(bytes, key))?;
        Some(String::from_utf8_lossy(raw).into_owned())
    });
    let each: Vec<String> = each.collect();
    let read = each.iter().map(|raw| Tree::from_json(raw.as_bytes()).ok());
    let is_usual = |(raw, tree): (&String, Option<Tree>)| {
        tree.is_some_and(|tree| golang::html_safe(&tree.to_string()) == *raw)
    };
    let is_usual = each.iter().zip(read).all(is_usual);
    (!is_usual).then(|| each.join(BETWEEN))
}

/// After an object was made.
pub(super) fn remember(call: &mut Call<'_>, object: &Object) {
    if let Some(raw) = place(call).and_then(|place| stated(call, &place)) {
        call.server.spell(object, Some(raw.into()));
    }
}

/// After an object went.
pub(super) fn forget(call: &mut Call<'_>, object: &Object) {
    if place(call).is_some() {
        call.server.spell(object, None);
    }
}

/// Before a change.
pub(super) fn check(call: &Call<'_>, old: &Object, errors: &mut Vec<FieldError>) {
    let Some(place) = place(call) else { return };
    let field = place.path[0];
    if errors.iter().any(|error| error.field == field) {
        return;
    }
    let is_text = matches!(&call.request.body, Body::Bytes { .. });
    if place.shown.is_some() && !is_text {
        return;
    }
    let before = call.server.spelled(old).map(Arc::as_ref);
    let now = match (call.request.verb, patched::media(call)) {
        // What such a patch does not name is written anew from its text.
        (Verb::Patch, Ok(PatchKind::Merge | PatchKind::Json)) if place.shown.is_some() => {
            before.map(written_anew)
        }
        _ => stated(call, &place),
    };
    if now.as_deref() == before {
        return;
    }
    let value = old.tree().get(field).cloned().unwrap_or_default();
    errors.push(match place.shown {
        Some(name) => FieldError::invalid_printed(field, &internal::json(name, &value), WHY),
        None => FieldError::invalid(field, &value, WHY),
    });
}

fn written_anew(raw: &str) -> String {
    let each = raw.split(BETWEEN).map(|raw| {
        let bare = without_spaces(raw.as_bytes());
        golang::html_safe(&String::from_utf8_lossy(&bare))
    });
    each.collect::<Vec<_>>().join(BETWEEN)
}

/// The text of a member of an object that was read before: of several, the last counts.
fn member<'b>(bytes: &'b [u8], wanted: &str) -> Option<&'b [u8]> {
    let found = parts(bytes).into_iter().rev().find(|(key, _)| *key == wanted.as_bytes());
    found.map(|(_, value)| value)
}

/// The members of an object that was read before, or the items of a list, which have no names.
fn parts(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut parts = Vec::new();
    let (mut depth, mut at) = (0, 0);
    let (mut key, mut from): (&[u8], Option<usize>) = (&[], None);
    let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at + 1;
                let Some(end) = end_of_text(bytes, start) else { return parts };
                at = end;
                if depth == 1 && from.is_none() {
                    key = &bytes[start..at];
                }
            }
            b':' if depth == 1 && from.is_none() => from = Some(at + 1),
            b'{' | b'[' => {
                if depth == 0 && is_list {
                    from = Some(at + 1);
                }
                depth += 1;
            }
            b',' if depth != 1 => {}
            end @ (b',' | b'}' | b']') => {
                if depth == 1
                    && let Some(start) = from.take()
                {
                    parts.push((key, bytes[start..at].trim_ascii()));
                    from = (is_list && end == b',').then_some(at + 1);
                }
                depth -= i32::from(end != b',');
            }
            _ => {}
        }
        at += 1;
    }
    parts
}

/// Where a text ends that begins at `from`, after its quote.
fn end_of_text(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while *bytes.get(at)? != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at)
}

fn without_spaces(raw: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        if raw[at] == b'"' {
            let end = end_of_text(raw, at + 1).unwrap_or(raw.len() - 1);
            kept.extend_from_slice(&raw[at..=end]);
            at = end;
        } else if !raw[at].is_ascii_whitespace() {
            kept.push(raw[at]);
        }
        at += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_they_are_spelled() {
        let body = br#"{"a": {"data": 1}, "b": "}, \"data\": 2", "data" : {"x": [1, 2]} , "c": 3}"#;
        assert_eq!(member(body, "data"), Some(&br#"{"x": [1, 2]}"#[..]));
        assert_eq!(member(body, "c"), Some(&b"3"[..]));
        let items: Vec<_> =
            parts(b"[ {\"a\": [1, 2]}, 3]").into_iter().map(|(_, item)| item).collect();
        assert_eq!(items, [&b"{\"a\": [1, 2]}"[..], b"3"]);
        assert_eq!(without_spaces(br#"{"x y": [1, 2]}"#), br#"{"x y":[1,2]}"#);
    }
}

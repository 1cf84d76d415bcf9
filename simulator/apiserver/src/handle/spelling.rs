//! `data` of a `ControllerRevision` is immutable to the byte: a server keeps the spaces between its members, and a
//! patch, which has none, changes it.

use std::sync::Arc;

use super::Call;
use crate::object::Object;
use crate::request::{Body, Verb};
use crate::status::FieldError;

/// The spelling of what is written, if it has spaces that it could do without.
fn stated(call: &Call<'_>) -> Option<String> {
    let Body::Bytes { content_type, bytes } = &call.request.body else { return None };
    let is_json = content_type.is_empty() || content_type.starts_with("application/json");
    if !is_json || call.request.verb == Verb::Patch {
        return None;
    }
    let raw = member(bytes, "data")?;
    (raw != without_spaces(raw)).then(|| String::from_utf8_lossy(raw).into_owned())
}

fn is_revision(call: &Call<'_>) -> bool {
    call.info().is("apps", "ControllerRevision")
}

/// After an object was made.
pub(super) fn remember(call: &mut Call<'_>, object: &Object) {
    if is_revision(call)
        && let Some(raw) = stated(call)
    {
        call.server.spell(object, Some(raw.into()));
    }
}

/// After an object went.
pub(super) fn forget(call: &mut Call<'_>, object: &Object) {
    if is_revision(call) {
        call.server.spell(object, None);
    }
}

/// Before a change.
pub(super) fn check(call: &Call<'_>, old: &Object, errors: &mut Vec<FieldError>) {
    if !is_revision(call) || errors.iter().any(|error| error.field == "data") {
        return;
    }
    let before = call.server.spelled(old).map(Arc::as_ref);
    if stated(call).as_deref() != before {
        let data = old.tree().get("data").cloned().unwrap_or_default();
        errors.push(FieldError::invalid("data", &data, "field is immutable"));
    }
}

/// The text of a member of an object that was read before.
fn member<'b>(bytes: &'b [u8], wanted: &str) -> Option<&'b [u8]> {
    let (mut depth, mut at) = (0, 0);
    let (mut key, mut from): (&[u8], usize) = (&[], 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let start = at + 1;
                at = end_of_text(bytes, start)?;
                if depth == 1 && from == 0 {
                    key = &bytes[start..at];
                }
            }
            b':' if depth == 1 && from == 0 => from = at + 1,
            b'{' | b'[' => depth += 1,
            b',' if depth != 1 => {}
            end @ (b',' | b'}' | b']') => {
                if depth == 1 && from > 0 {
                    if key == wanted.as_bytes() {
                        return Some(bytes[from..at].trim_ascii());
                    }
                    from = 0;
                }
                depth -= i32::from(end != b',');
            }
            _ => {}
        }
        at += 1;
    }
    None
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
        assert_eq!(without_spaces(br#"{"x y": [1, 2]}"#), br#"{"x y":[1,2]}"#);
    }
}

//! Values that JSON writes in a way of their own.

use jiff::Timestamp;

use super::wire::{Reader, Wire, Writer};
use crate::object::{Tree, rfc3339};

/// Which schemas of custom resource definitions are, whatever the definition's version.
pub(super) const SCHEMA: &str = "apiextensions.v1.JSONSchemaProps";

/// A number as JSON would bring it: whole ones have no fraction.
pub(super) fn number(value: f64) -> Tree {
    #[expect(clippy::cast_possible_truncation, reason = "the condition says that it fits")]
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return (value as i64).into();
    }
    value.into()
}

/// Null for no time. Only micro times have fractions.
pub(super) fn time(bytes: &[u8], micro: bool) -> Result<Tree, String> {
    if bytes.is_empty() {
        return Ok(Tree::null());
    }
    let (mut seconds, mut nanos) = (0, 0);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag("Timestamp")? {
        match (number, wire) {
            (1, Wire::Varint) => seconds = reader.varint()?.cast_signed(),
            (2, Wire::Varint) => nanos = reader.varint()?.cast_signed(),
            (1 | 2, _) => return Err(wire.wrong(if number == 1 { "Seconds" } else { "Nanos" })),
            _ => reader.skip(wire)?,
        }
    }
    let nanos = i32::try_from(nanos).unwrap_or_default();
    let time = Timestamp::new(seconds, if micro { nanos } else { 0 });
    // Before year one or after 9999 there is nothing to write.
    let Ok(time) = time else { return Ok(Tree::null()) };
    Ok(if micro { time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string() } else { rfc3339(time) }
        .into())
}

pub(super) fn time_bytes(text: &str, micro: bool) -> Vec<u8> {
    let mut writer = Writer::default();
    if let Ok(time) = text.parse::<Timestamp>() {
        let nanos = if micro { time.subsec_nanosecond() / 1000 * 1000 } else { 0 };
        // Nanoseconds count forward, seconds are whole ones before.
        let (seconds, nanos) = match nanos {
            nanos if nanos < 0 => (time.as_second() - 1, nanos + 1_000_000_000),
            nanos => (time.as_second(), nanos),
        };
        writer.int(1, seconds);
        writer.int(2, nanos.into());
    }
    writer.0
}

pub(super) fn int_or_string(bytes: &[u8]) -> Result<Tree, String> {
    let (mut is_text, mut int, mut text) = (false, 0, String::new());
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag("IntOrString")? {
        match (number, wire) {
            (1, Wire::Varint) => is_text = reader.varint()? == 1,
            (2, Wire::Varint) => int = reader.varint()?.cast_signed(),
            (3, Wire::Bytes) => text = reader.text()?,
            (1, _) => return Err(wire.wrong("Type")),
            (2, _) => return Err(wire.wrong("IntVal")),
            (3, _) => return Err(wire.wrong("StrVal")),
            _ => reader.skip(wire)?,
        }
    }
    Ok(if is_text { text.into() } else { int.into() })
}

pub(super) fn int_or_string_bytes(value: &Tree) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.int(1, value.is_string().into());
    writer.int(2, value.as_i64().unwrap_or_default());
    writer.string(3, value.as_str().unwrap_or_default());
    writer.0
}

/// JSON that is kept as bytes; null if it is none.
pub(super) fn raw(bytes: &[u8]) -> Result<Tree, String> {
    let mut found = Tree::null();
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag("RawExtension")? {
        match (number, wire) {
            (1, Wire::Bytes) => {
                found = Tree::from_json(reader.bytes()?).unwrap_or_default();
            }
            (1, _) => return Err(wire.wrong("Raw")),
            _ => reader.skip(wire)?,
        }
    }
    Ok(found)
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, at| {
            bits << 8 | usize::from(chunk.get(at).copied().unwrap_or_default())
        });
        for at in 0..4 {
            let digit = DIGITS[bits >> (18 - 6 * at) & 63];
            text.push(if at > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// What is no digit is read over.
pub(super) fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    bytes
}

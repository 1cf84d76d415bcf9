//! From bytes to a tree.

use super::special;
use super::table::{Field, Message, Shape, Type};
use super::wire::{Reader, Wire};
use crate::object::Tree;

/// Schemas within schemas are the only messages that nest without end.
const DEEPEST: usize = 100;

type Members = Vec<(String, Tree)>;

/// What came for one field so far.
enum Found {
    Nothing,
    One(Tree),
    List(Vec<Tree>),
    Map(Members),
    Inline(Members),
}

/// The members of a message.
pub(super) fn message(message: &Message, bytes: &[u8], depth: usize) -> Result<Members, String> {
    if depth > DEEPEST {
        return Err("proto: nesting too deep".to_owned());
    }
    let fields = message.fields();
    let mut found: Vec<Found> = fields.iter().map(|_| Found::Nothing).collect();
    let name = message.name.rsplit('.').next().unwrap_or_default();
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag(name)? {
        let Ok(at) = fields.binary_search_by_key(&number, |field| field.number) else {
            reader.skip(wire)?;
            continue;
        };
        read(&fields[at], wire, &mut reader, &mut found[at], depth)?;
    }
    let mut members = Members::new();
    for (field, found) in fields.iter().zip(found) {
        match found {
            Found::Nothing => {}
            Found::One(tree) => {
                if field.pointer && !tree.is_null() || !is_zero(&tree) {
                    members.push((field.name.to_owned(), tree));
                }
            }
            Found::List(items) => members.push((field.name.to_owned(), Tree::list(items))),
            Found::Map(entries) => members.push((field.name.to_owned(), Tree::map(entries))),
            Found::Inline(inner) => members.extend(inner),
        }
    }
    Ok(members)
}

fn read(
    field: &Field,
    wire: Wire,
    reader: &mut Reader<'_>,
    found: &mut Found,
    depth: usize,
) -> Result<(), String> {
    match field.shape {
        Shape::One if field.inline => {
            let Type::Message(inner) = field.kind else { return reader.skip(wire) };
            expect(wire, Wire::Bytes, field)?;
            *found = Found::Inline(message(inner, reader.bytes()?, depth + 1)?);
        }
        Shape::One => *found = Found::One(value(field, wire, reader, depth)?),
        Shape::List => {
            let mut items = match std::mem::replace(found, Found::Nothing) {
                Found::List(items) => items,
                _ => Vec::new(),
            };
            if wire == Wire::Bytes && matches!(field.kind, Type::Int | Type::Bool) {
                let mut packed = Reader::new(reader.bytes()?);
                while !packed.is_at_end() {
                    items.push(value(field, Wire::Varint, &mut packed, depth)?);
                }
            } else {
                items.push(value(field, wire, reader, depth)?);
            }
            *found = Found::List(items);
        }
        Shape::Map => {
            expect(wire, Wire::Bytes, field)?;
            let mut entry = Reader::new(reader.bytes()?);
            let (mut key, mut held) = (String::new(), None);
            while let Some((number, wire)) = entry.tag(field.name)? {
                match number {
                    1 => {
                        expect(wire, Wire::Bytes, field)?;
                        key = entry.text()?;
                    }
                    2 => held = Some(value(field, wire, &mut entry, depth)?),
                    _ => entry.skip(wire)?,
                }
            }
            let held = match held {
                Some(held) => held,
                None => empty(field.kind, depth)?,
            };
            match found {
                Found::Map(entries) => entries.push((key, held)),
                _ => *found = Found::Map(vec![(key, held)]),
            }
        }
    }
    Ok(())
}

/// The value of a map's entry that does not say it.
fn empty(kind: Type, depth: usize) -> Result<Tree, String> {
    match kind {
        Type::String | Type::Bytes => Ok("".into()),
        Type::Int => Ok(0.into()),
        Type::Bool => Ok(false.into()),
        Type::Double => Ok(0.0.into()),
        other => content(other, &[], depth),
    }
}

fn value(field: &Field, wire: Wire, reader: &mut Reader<'_>, depth: usize) -> Result<Tree, String> {
    match field.kind {
        Type::Int => {
            expect(wire, Wire::Varint, field)?;
            Ok(reader.varint()?.cast_signed().into())
        }
        Type::Bool => {
            expect(wire, Wire::Varint, field)?;
            Ok((reader.varint()? != 0).into())
        }
        Type::Double => {
            expect(wire, Wire::Fixed64, field)?;
            Ok(special::number(f64::from_bits(reader.fixed64()?)))
        }
        Type::String => {
            expect(wire, Wire::Bytes, field)?;
            Ok(reader.text()?.into())
        }
        other => {
            expect(wire, Wire::Bytes, field)?;
            content(other, reader.bytes()?, depth)
        }
    }
}

fn content(kind: Type, bytes: &[u8], depth: usize) -> Result<Tree, String> {
    match kind {
        Type::Message(inner) => Ok(Tree::map(message(inner, bytes, depth + 1)?)),
        Type::Bytes => Ok(special::base64(bytes).into()),
        Type::Time => special::time(bytes, false),
        Type::MicroTime => special::time(bytes, true),
        Type::Quantity => Ok(strings(bytes, 1)?.pop().map_or_else(|| "0".into(), Tree::from)),
        Type::IntOrString => special::int_or_string(bytes),
        Type::Raw => special::raw(bytes),
        Type::Items => Ok(Tree::list(strings(bytes, 1)?.into_iter().map(Tree::from))),
        Type::OrSchemas | Type::OrStrings | Type::OrBool => either(kind, bytes, depth),
        // Numbers have another form than bytes.
        Type::String | Type::Int | Type::Bool | Type::Double => Ok(Tree::null()),
    }
}

/// A schema, or a list of them, of names, or whether anything may stand there.
fn either(kind: Type, bytes: &[u8], depth: usize) -> Result<Tree, String> {
    let schema_at = if matches!(kind, Type::OrBool) { 2 } else { 1 };
    let (mut list, mut allows, mut own) = (Vec::new(), false, None);
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag("JSONSchemaProps")? {
        match (kind, wire) {
            (_, Wire::Bytes) if number == schema_at => {
                own = Some(schema(reader.bytes()?, depth)?);
            }
            (Type::OrSchemas, Wire::Bytes) if number == 2 => {
                list.push(schema(reader.bytes()?, depth)?);
            }
            (Type::OrStrings, Wire::Bytes) if number == 2 => list.push(reader.text()?.into()),
            (Type::OrBool, Wire::Varint) if number == 1 => allows = reader.varint()? != 0,
            _ => reader.skip(wire)?,
        }
    }
    Ok(match (own, kind) {
        (Some(own), _) => own,
        (None, Type::OrBool) => allows.into(),
        (None, _) => Tree::list(list),
    })
}

fn schema(bytes: &[u8], depth: usize) -> Result<Tree, String> {
    let props = Message::named(special::SCHEMA).ok_or("proto: no schemas")?;
    Ok(Tree::map(message(props, bytes, depth + 1)?))
}

/// The strings that stand in one field.
fn strings(bytes: &[u8], wanted: u32) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some((number, wire)) = reader.tag("Items")? {
        if number == wanted && wire == Wire::Bytes {
            found.push(reader.text()?);
        } else {
            reader.skip(wire)?;
        }
    }
    Ok(found)
}

fn expect(found: Wire, wanted: Wire, field: &Field) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let mut name = field.name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Err(found.wrong(&name))
}

/// What JSON would leave out.
fn is_zero(tree: &Tree) -> bool {
    tree.is_empty() || tree.as_bool() == Some(false) || tree.as_f64() == Some(0.0)
}

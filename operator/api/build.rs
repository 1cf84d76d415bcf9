//! Writes the committed definitions once more, in parts: they say the same a hundred times over (what a container is
//! made of, or a variable), and who takes them part by part takes it once.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use serde_json::{Map, Value};

#[expect(clippy::disallowed_methods, reason = "this is the edge: it reads and writes files")]
fn main() {
    println!("cargo::rerun-if-changed=crds");
    let mut definitions = Map::new();
    for file in fs::read_dir("crds").expect("the folder of the definitions") {
        let path = file.expect("a file of that folder").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("the name of a kind");
        let text = fs::read(&path).expect("a file of that folder");
        let definition = serde_json::from_slice(&text).expect("a committed definition is JSON");
        definitions.insert(name.to_owned(), definition);
    }
    let mut places = BTreeMap::new();
    place(&mut places, &definitions.into());
    let mut parts: Vec<(usize, String)> =
        places.into_iter().map(|(part, place)| (place, part)).collect();
    parts.sort();
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    let folder = env::var("OUT_DIR").expect("cargo says where to write");
    let text = format!("&[\n{}\n]", parts.join(",\n"));
    fs::write(Path::new(&folder).join("parts.rs"), text).expect("cargo's folder can be written to");
}

/// The place of a value among the parts. What it is made of stands before it and is named by its place, so two values
/// that are equal are one text.
fn place(places: &mut BTreeMap<String, usize>, value: &Value) -> usize {
    let part = match value {
        Value::Bool(value) => format!("Part::Bool({value})"),
        Value::Number(number) if number.is_i64() => format!("Part::Integer({number})"),
        Value::String(text) => format!("Part::Text({text:?})"),
        Value::Array(items) => {
            let items: Vec<usize> = items.iter().map(|item| place(places, item)).collect();
            format!("Part::List(&{items:?})")
        }
        Value::Object(members) => {
            let members: Vec<(&String, usize)> =
                members.iter().map(|(key, value)| (key, place(places, value))).collect();
            format!("Part::Map(&{members:?})")
        }
        Value::Null | Value::Number(_) => panic!("no definition has {value} in it yet"),
    };
    let next = places.len();
    *places.entry(part).or_insert(next)
}

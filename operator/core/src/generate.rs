//! What only an executor can make, filled in before an object is sent. The random numbers come from the caller: from
//! the operating system on a real cluster, from the seed in a world.

use serde_json::{Map, Value};

use crate::base64;
use crate::hash::{fnv1a_64, fnv1a_64_of, spread};
use crate::plan::{Generate, Generated, Letters};

/// How far apart the draws of two values of one object are.
const STRIDE: u64 = 1000;

/// `draw(n)` gives the n-th random number of this object. A value with a seed of its own follows from that alone.
pub fn fill(object: &mut Value, wanted: &[Generate], draw: impl Fn(u64) -> u64) {
    for (n, wanted) in (0..).zip(wanted) {
        let Generated::Password { length, digits, symbols, symbol_characters, letters, seed } =
            &wanted.what;
        let draw = |i: u64| if seed.is_empty() { draw(n * STRIDE + i) } else { seeded(seed, i) };
        let text = password(*length, *digits, *symbols, symbol_characters, *letters, draw);
        let value = Value::String(base64::encode(text.as_bytes()));
        put(object, &wanted.pointer, value);
    }
}

fn seeded(seed: &str, n: u64) -> u64 {
    spread(fnv1a_64(fnv1a_64_of(seed), &n.to_le_bytes()))
}

/// Sets what a pointer names, and makes the maps on the way.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let mut at = object;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut().expect("made one above").entry(key).or_insert(Value::Null);
    }
    *at = value;
}

fn password(
    length: usize,
    digits: usize,
    symbols: usize,
    symbol_characters: &str,
    letters: Letters,
    draw: impl Fn(u64) -> u64,
) -> String {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let alphabet = match letters {
        Letters::Lower => LOWER.to_owned(),
        Letters::Upper => UPPER.to_owned(),
        Letters::Mixed => format!("{LOWER}{UPPER}"),
    };
    let symbol_characters = if symbol_characters.is_empty() { "!@#&*" } else { symbol_characters };
    let pick = |from: &str, i: usize| {
        let characters: Vec<char> = from.chars().collect();
        characters[usize::try_from(draw(i as u64) % characters.len() as u64)
            .expect("smaller than a length")]
    };
    let mut text: Vec<char> = (0..length)
        .map(|i| {
            if i < digits {
                pick("0123456789", i)
            } else if i < digits + symbols {
                pick(symbol_characters, i)
            } else {
                pick(&alphabet, i)
            }
        })
        .collect();
    // Fisher-Yates, with draws of its own.
    for i in (1..text.len()).rev() {
        let other =
            usize::try_from(draw(500 + i as u64) % (i as u64 + 1)).expect("smaller than a length");
        text.swap(i, other);
    }
    text.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(seed: &str, draw: impl Fn(u64) -> u64) -> Value {
        let what = Generated::Password {
            length: 12,
            digits: 3,
            symbols: 2,
            symbol_characters: String::new(),
            letters: Letters::Lower,
            seed: seed.to_owned(),
        };
        let mut object = json!({ "metadata": { "name": "demo" } });
        fill(&mut object, &[Generate { pointer: "/data/pass~1word".to_owned(), what }], draw);
        object
    }

    fn text(object: &Value) -> String {
        let encoded = object["data"]["pass/word"].as_str().expect("it was put there");
        let bytes = base64::decode(encoded).expect("it is base64");
        String::from_utf8(bytes).expect("a password is text")
    }

    #[test]
    fn a_password_has_as_many_digits_and_symbols_as_were_asked_for() {
        let text = text(&secret("", spread));

        let count = |is: fn(&char) -> bool| text.chars().filter(is).count();
        assert_eq!(count(char::is_ascii_digit), 3);
        assert_eq!(count(char::is_ascii_lowercase), 7);
        assert_eq!(count(|c| "!@#&*".contains(*c)), 2);
    }

    #[test]
    fn a_password_with_a_seed_depends_on_it_alone() {
        assert_eq!(secret("one", spread), secret("one", |n| spread(n + 1)));
        assert_ne!(secret("one", spread), secret("two", spread));
        assert_ne!(secret("", spread), secret("", |n| spread(n + 1)));
    }
}

//! The functions that templates of definitions may call besides those of Go: sprig's text
//! functions, without those that read a clock, a random source, the network or the environment.
//!
//! `set` and `unset` are absent: they change a map in place, which values here cannot do; a
//! template that calls them is refused rather than rendered wrongly.

mod lists;
mod numbers;
mod semver;
mod strings;

use std::sync::{Arc, LazyLock};

use gotmpl::{FuncMap, Result, TemplateError, Value};

type Function = fn(&[Value]) -> Result<Value>;

/// All functions, by name.
pub fn functions() -> FuncMap {
    static ALL: LazyLock<FuncMap> = LazyLock::new(|| {
        [strings::ALL, numbers::ALL, lists::ALL, semver::ALL]
            .concat()
            .into_iter()
            .map(|(name, function): (&str, Function)| (name.to_owned(), Arc::new(function) as _))
            .collect()
    });
    ALL.clone()
}

fn argument(arguments: &[Value], index: usize) -> Result<&Value> {
    arguments
        .get(index)
        .ok_or_else(|| failed(&format!("wrong number of args: want at least {}", index + 1)))
}

fn failed(message: &str) -> TemplateError {
    TemplateError::Exec(message.to_owned())
}

/// The text of a value, as printing it gives.
fn text(arguments: &[Value], index: usize) -> Result<String> {
    argument(arguments, index).map(print)
}

fn print(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_string(),
    }
}

fn string(text: impl Into<String>) -> Value {
    Value::from(text.into())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from(items.into_iter().collect::<Vec<_>>())
}

fn items(arguments: &[Value], index: usize) -> Result<&[Value]> {
    match argument(arguments, index)? {
        Value::List(items) => Ok(items),
        Value::Nil => Ok(&[]),
        other => {
            Err(failed(&format!("cannot use a value of type {} as a list", other.type_name())))
        }
    }
}

/// A whole number out of anything: texts are read, what cannot be read is 0.
fn integer(arguments: &[Value], index: usize) -> Result<i64> {
    argument(arguments, index).map(to_integer)
}

fn to_integer(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::Uint(number) => i64::try_from(*number).unwrap_or(i64::MAX),
        #[expect(clippy::cast_possible_truncation, reason = "as Go converts")]
        Value::Float(number) => *number as i64,
        Value::Bool(truth) => i64::from(*truth),
        Value::String(text) => read_integer(text),
        _ => 0,
    }
}

fn read_integer(text: &str) -> i64 {
    // "8.0" counts as 8, "8.5" as nothing.
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    let (negative, digits) = match whole.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, whole.strip_prefix('+').unwrap_or(whole)),
    };
    let lower = digits.to_ascii_lowercase();
    let number = if let Some(hexadecimal) = lower.strip_prefix("0x") {
        i64::from_str_radix(hexadecimal, 16)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        i64::from_str_radix(binary, 2)
    } else if let Some(octal) =
        lower.strip_prefix("0o").or(lower.strip_prefix('0').filter(|rest| !rest.is_empty()))
    {
        i64::from_str_radix(octal, 8)
    } else {
        lower.parse()
    };
    number.map_or(0, |number| if negative { -number } else { number })
}

fn float(arguments: &[Value], index: usize) -> Result<f64> {
    Ok(to_float(argument(arguments, index)?))
}

#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number) => *number as f64,
        Value::Uint(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

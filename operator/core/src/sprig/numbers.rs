//! Arithmetic, conversions.

use gotmpl::Result;
use gotmpl::Value;

use super::{
    Function, argument, failed, float, integer, list, print, string, text, to_float, to_integer,
};

pub(super) const ALL: &[(&str, Function)] = &[
    ("int", |a| integer(a, 0).map(Value::Int)),
    ("int64", |a| integer(a, 0).map(Value::Int)),
    ("float64", |a| float(a, 0).map(Value::Float)),
    ("atoi", |a| Ok(Value::Int(text(a, 0)?.parse().unwrap_or(0)))),
    ("toDecimal", |a| Ok(Value::Int(i64::from_str_radix(&text(a, 0)?, 8).unwrap_or(0)))),
    ("toString", |a| text(a, 0).map(string)),
    ("toStrings", |a| Ok(list(super::items(a, 0)?.iter().map(|item| string(print(item)))))),
    ("add", |a| fold(a, i64::wrapping_add)),
    ("add1", |a| Ok(Value::Int(integer(a, 0)?.wrapping_add(1)))),
    ("sub", |a| Ok(Value::Int(integer(a, 0)?.wrapping_sub(integer(a, 1)?)))),
    ("mul", |a| fold(a, i64::wrapping_mul)),
    ("div", |a| divide(a, i64::checked_div)),
    ("mod", |a| divide(a, i64::checked_rem)),
    ("max", |a| fold(a, Ord::max)),
    ("biggest", |a| fold(a, Ord::max)),
    ("min", |a| fold(a, Ord::min)),
    ("addf", |a| fold_floats(a, |x, y| x + y)),
    ("add1f", |a| Ok(Value::Float(float(a, 0)? + 1.0))),
    ("subf", |a| fold_floats(a, |x, y| x - y)),
    ("mulf", |a| fold_floats(a, |x, y| x * y)),
    ("divf", |a| fold_floats(a, |x, y| x / y)),
    ("maxf", |a| fold_floats(a, f64::max)),
    ("minf", |a| fold_floats(a, f64::min)),
    ("ceil", |a| Ok(Value::Float(float(a, 0)?.ceil()))),
    ("floor", |a| Ok(Value::Float(float(a, 0)?.floor()))),
    ("round", round),
    ("until", |a| steps(0, integer(a, 0)?, if integer(a, 0)? < 0 { -1 } else { 1 })),
    ("untilStep", |a| steps(integer(a, 0)?, integer(a, 1)?, integer(a, 2)?)),
    ("seq", seq),
];

fn fold(arguments: &[Value], with: fn(i64, i64) -> i64) -> Result<Value> {
    argument(arguments, 0)?;
    Ok(Value::Int(arguments.iter().map(to_integer).reduce(with).unwrap_or_default()))
}

fn fold_floats(arguments: &[Value], with: fn(f64, f64) -> f64) -> Result<Value> {
    argument(arguments, 0)?;
    Ok(Value::Float(arguments.iter().map(to_float).reduce(with).unwrap_or_default()))
}

fn divide(arguments: &[Value], with: fn(i64, i64) -> Option<i64>) -> Result<Value> {
    with(integer(arguments, 0)?, integer(arguments, 1)?)
        .map(Value::Int)
        .ok_or_else(|| failed("runtime error: integer divide by zero"))
}

fn round(arguments: &[Value]) -> Result<Value> {
    let places =
        i32::try_from(integer(arguments, 1)?).map_err(|_| failed("round: too many digits"))?;
    let factor = 10f64.powi(places);
    let scaled = float(arguments, 0)? * factor;
    let (whole, part) = (scaled.trunc(), scaled.fract().abs());
    Ok(Value::Float(if part >= 0.5 { whole + scaled.signum() } else { whole } / factor))
}

fn steps(from: i64, to: i64, step: i64) -> Result<Value> {
    const MOST: usize = 1 << 16;
    if step == 0 || (to < from) != (step < 0) {
        return Ok(list([]));
    }
    let numbers: Vec<Value> = std::iter::successors(Some(from), |at| at.checked_add(step))
        .take_while(|at| if step > 0 { *at < to } else { *at > to })
        .take(MOST + 1)
        .map(Value::Int)
        .collect();
    if numbers.len() > MOST {
        Err(failed("a sequence of more than 65536 numbers"))
    } else {
        Ok(list(numbers))
    }
}

fn seq(arguments: &[Value]) -> Result<Value> {
    let numbers: Vec<i64> = arguments.iter().map(to_integer).collect();
    let (from, step, to) = match numbers[..] {
        [to] => (1, if to < 1 { -1 } else { 1 }, to),
        [from, to] => (from, if to < from { -1 } else { 1 }, to),
        [from, step, to] => (from, step, to),
        _ => return Ok(string("")),
    };
    let Value::List(numbers) = steps(from, to + step.signum(), step)? else {
        return Ok(string(""));
    };
    Ok(string(numbers.iter().map(print).collect::<Vec<_>>().join(" ")))
}

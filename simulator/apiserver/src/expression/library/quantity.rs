//! Quantities: `quantity('1Gi').isLessThan(quantity(self.limit))`.

use std::cmp::Ordering;

use cel::common::types::{CelDouble, INT_TYPE, Type};
use cel::common::value::CowVal;
use cel::objects::Opaque;
use cel::{DeclarationError, Env, ExecutionError};

use super::{
    Given, Made, Readable, bool, comparer, failed, global, int, member, number, opaque, own, reader,
};
use crate::quantity::{self, Quantity};

/// A quantity with the number and the exponent of ten as which the real server keeps it, unless it is too large for
/// that: only one that is kept so, without a fraction, is an integer to it.
#[derive(Clone, Copy, Debug)]
struct Amount {
    quantity: Quantity,
    kept: Option<(i64, i32)>,
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.quantity == other.quantity
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.quantity.cmp(&other.quantity)
    }
}

impl Opaque for Amount {
    fn runtime_type_name(&self) -> &'static str {
        "kubernetes.Quantity"
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let kind = || Type::new_opaque_type("kubernetes.Quantity");
    reader::<Amount>(env, "quantity", "isQuantity")?;
    comparer::<Amount>(env, kind)?;
    global(env, "sign", vec![kind()], sign)?;
    member(env, "isInteger", vec![kind()], is_integer)?;
    member(env, "asInteger", vec![kind()], as_integer)?;
    member(env, "asApproximateFloat", vec![kind()], as_float)?;
    member(env, "add", vec![kind(), kind()], add)?;
    member(env, "add", vec![kind(), INT_TYPE], add_int)?;
    member(env, "sub", vec![kind(), kind()], sub)?;
    member(env, "sub", vec![kind(), INT_TYPE], sub_int)
}

impl Readable for Amount {
    fn read(text: &str) -> Result<Self, String> {
        let quantity = quantity::read(text)?;
        Ok(Self { quantity, kept: quantity::kept(text) })
    }
}

impl Amount {
    fn whole(number: i64) -> Self {
        Self { quantity: Quantity::from_whole(number.into()), kept: Some((number, 0)) }
    }

    fn plus(self, other: Self) -> Self {
        let kept = self.kept.zip(other.kept).and_then(|(a, b)| sum(a, b));
        Self { quantity: self.quantity.plus(other.quantity), kept }
    }

    fn negated(self) -> Self {
        let kept = self.kept.map(|(number, exponent)| (number.wrapping_neg(), exponent));
        Self { quantity: self.quantity.negated(), kept }
    }

    fn integer(self) -> Option<i64> {
        let (number, exponent) = self.kept?;
        scaled(number, exponent)
    }
}

/// As the finer of the two.
fn sum(a: (i64, i32), b: (i64, i32)) -> Option<(i64, i32)> {
    match (a, b) {
        (_, (0, _)) => Some(a),
        ((0, _), _) => Some(b),
        _ => {
            let exponent = a.1.min(b.1);
            let a = scaled(a.0, a.1 - exponent)?;
            let b = scaled(b.0, b.1 - exponent)?;
            Some((a.checked_add(b)?, exponent))
        }
    }
}

fn scaled(number: i64, exponent: i32) -> Option<i64> {
    number.checked_mul(10_i64.checked_pow(u32::try_from(exponent).ok()?)?)
}

fn sign<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let zero = Quantity::default();
    number(own::<Amount>(&given, 0)?.quantity.cmp(&zero) as i64)
}

fn is_integer<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    bool(own::<Amount>(&given, 0)?.integer().is_some())
}

fn as_integer<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let integer = own::<Amount>(&given, 0)?.integer();
    number(integer.ok_or_else(|| failed("cannot convert value to integer"))?)
}

fn as_float<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let Amount { quantity, kept } = own(&given, 0)?;
    let (number, exponent) =
        kept.map_or_else(|| quantity.scaled(), |(number, exponent)| (i128::from(number), exponent));
    #[expect(clippy::cast_precision_loss, reason = "it is approximate by its name")]
    let number = number as f64;
    let power: f64 = format!("1e{exponent}").parse().unwrap_or(1.0);
    Ok(CowVal::owned(CelDouble::from(number * power)))
}

/// The sum of a quantity and what another one is taken as.
fn added<'b, 'v>(
    given: &[CowVal<'_, '_>],
    other: impl FnOnce() -> Result<Amount, ExecutionError>,
) -> Made<'b, 'v> {
    opaque(own::<Amount>(given, 0)?.plus(other()?))
}

fn add<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    added(&given, || own(&given, 1))
}

fn add_int<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    added(&given, || int(&given, 1).map(Amount::whole))
}

fn sub<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    added(&given, || own(&given, 1).map(Amount::negated))
}

fn sub_int<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    added(&given, || int(&given, 1).map(|number| Amount::whole(number).negated()))
}

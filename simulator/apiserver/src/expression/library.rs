//! The functions that Kubernetes adds to CEL, for expressions that run: those of the table that the crate has not.
//!
//! Values of kinds of their own (quantities, addresses, …) are opaque to the crate: only these functions look into them.

#![expect(
    clippy::needless_pass_by_value,
    reason = "the crate gives functions what they take as their own"
)]
#![expect(
    clippy::unnecessary_wraps,
    reason = "all that a function makes is made as the crate wants it"
)]

mod address;
mod format;
mod lists;
mod loops;
mod order;
mod quantity;
mod regex;
mod semver;
mod sets;
mod url;

use std::cmp::Ordering;
use std::sync::Arc;

use cel::common::functions::Function;
use cel::common::types::{CelBool, CelInt, CelList, CelString, STRING_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::objects::Opaque;
use cel::{DeclarationError, Env, ExecutionError, Value};

type Extension = fn(&mut Env) -> Result<(), DeclarationError>;

/// Each with what it adds.
const ALL: &[Extension] = &[
    quantity::extension,
    lists::extension,
    loops::extension,
    order::extension,
    regex::extension,
    address::extension,
    url::extension,
    sets::extension,
    format::extension,
    semver::extension,
];

pub(crate) use order::{IN_ORDER, PAIRS};

pub(crate) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    ALL.iter().try_for_each(|add| add(env))
}

type Given<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Made<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// A function called by its name alone.
fn global(
    env: &mut Env,
    name: &str,
    takes: Vec<Type>,
    does: Function,
) -> Result<(), DeclarationError> {
    env.add_overload(name, &id(name, &takes), takes, does)
}

/// A function called on its first parameter.
fn member(
    env: &mut Env,
    name: &str,
    mut takes: Vec<Type>,
    does: Function,
) -> Result<(), DeclarationError> {
    let id = format!(".{}", id(name, &takes));
    let target = takes.remove(0);
    env.add_member_overload(name, &id, target, takes, does)
}

fn id(name: &str, takes: &[Type]) -> String {
    let takes: Vec<&str> = takes.iter().map(Type::name).collect();
    format!("{name}({})", takes.join(","))
}

/// A value of a kind of ours that a text can stand for.
trait Readable: Opaque + Sized {
    /// # Errors
    ///
    /// In the words of Go.
    fn read(text: &str) -> Result<Self, String>;

    /// Whether a text looks like one.
    fn is(text: &str) -> bool {
        Self::read(text).is_ok()
    }
}

/// What makes a value of a text, and what tells whether it would.
fn reader<T: Readable>(env: &mut Env, make: &str, is: &str) -> Result<(), DeclarationError> {
    global(env, make, vec![STRING_TYPE], |given| {
        opaque(T::read(text(&given, 0)?).map_err(failed)?)
    })?;
    global(env, is, vec![STRING_TYPE], |given| bool(T::is(text(&given, 0)?)))
}

/// What compares two values of a kind of ours.
fn comparer<T: Opaque + Clone + Ord>(
    env: &mut Env,
    kind: fn() -> Type,
) -> Result<(), DeclarationError> {
    fn compared<T: Opaque + Clone + Ord>(
        given: &[CowVal<'_, '_>],
    ) -> Result<Ordering, ExecutionError> {
        Ok(own::<T>(given, 0)?.cmp(&own(given, 1)?))
    }
    let both = || vec![kind(), kind()];
    member(env, "isGreaterThan", both(), |given| bool(compared::<T>(&given)?.is_gt()))?;
    member(env, "isLessThan", both(), |given| bool(compared::<T>(&given)?.is_lt()))?;
    member(env, "compareTo", both(), |given| number(compared::<T>(&given)? as i64))
}

/// Said where a value is none that the function takes.
fn unfit() -> ExecutionError {
    ExecutionError::no_such_overload("", Vec::new())
}

fn failed(why: impl ToString) -> ExecutionError {
    ExecutionError::function_error("", why)
}

fn text<'a>(given: &'a [CowVal<'_, '_>], at: usize) -> Result<&'a str, ExecutionError> {
    let text = given.get(at).and_then(|one| one.as_ref().downcast_ref::<CelString<'_>>());
    text.map(CelString::inner).ok_or_else(unfit)
}

fn int(given: &[CowVal<'_, '_>], at: usize) -> Result<i64, ExecutionError> {
    let int = given.get(at).and_then(|one| one.as_ref().downcast_ref::<CelInt>());
    int.map(|int| *int.inner()).ok_or_else(unfit)
}

fn flag(given: &[CowVal<'_, '_>], at: usize) -> Result<bool, ExecutionError> {
    let flag = given.get(at).and_then(|one| one.as_ref().downcast_ref::<CelBool>());
    flag.map(|flag| *flag.inner()).ok_or_else(unfit)
}

/// A value of a kind of ours.
fn own<T: Opaque + Clone>(given: &[CowVal<'_, '_>], at: usize) -> Result<T, ExecutionError> {
    match given.get(at).map(|one| Value::try_from(one.as_ref())) {
        Some(Ok(Value::Opaque(one))) => one.downcast_ref::<T>().cloned().ok_or_else(unfit),
        _ => Err(unfit()),
    }
}

fn boxed(value: impl Opaque) -> Result<Box<dyn Val>, ExecutionError> {
    Box::try_from(Value::Opaque(Arc::new(value)))
}

fn opaque<'b, 'v>(value: impl Opaque) -> Made<'b, 'v> {
    Ok(CowVal::Owned(boxed(value)?))
}

fn bool<'b, 'v>(value: bool) -> Made<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(value)))
}

fn number<'b, 'v>(value: i64) -> Made<'b, 'v> {
    Ok(CowVal::owned(CelInt::from(value)))
}

fn string<'b, 'v>(value: String) -> Made<'b, 'v> {
    Ok(CowVal::owned(CelString::from(value)))
}

fn texts<'v>(values: impl IntoIterator<Item = String>) -> CelList<'v> {
    let boxed = |value| Box::new(CelString::from(value)) as Box<dyn Val + 'v>;
    values.into_iter().map(boxed).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cel::{Context, ExecutionError, Value};

    use crate::expression::{Kind, Scope, check};
    use crate::schema;

    /// What a real server of 1.34 makes of it, or says.
    fn made(source: &str) -> String {
        let program = match schema::program(source) {
            Ok(program) => program,
            Err(why) => return why,
        };
        let scope = Scope::from([("self".to_owned(), Kind::String)]);
        if let Err(why) = check(&program, &scope) {
            return why;
        }
        let mut context = Context::with_env(schema::environment());
        context.add_variable_from_value("self", Value::String(Arc::new("x".to_owned())));
        match program.execute(&context) {
            Ok(Value::Bool(made)) => made.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(ExecutionError::FunctionError { message, .. }) => message,
            Err(ExecutionError::Overflow(_, Value::UInt(_), _)) => {
                "unsigned integer overflow".to_owned()
            }
            Err(ExecutionError::Overflow(..)) => "integer overflow".to_owned(),
            Err(ExecutionError::NoSuchOverload(_)) => "no such overload".to_owned(),
            Err(other) => other.to_string(),
        }
    }

    /// Whether a text can be read, and whether reading it works.
    fn read(text: &str, is: &str, make: &str) -> (bool, bool) {
        let mut context = Context::with_env(schema::environment());
        context.add_variable_from_value("self", Value::String(Arc::new(text.to_owned())));
        let asked = |source: &str| {
            let program = schema::program(source).expect("the test writes expressions");
            program.execute(&context)
        };
        (asked(is) == Ok(Value::Bool(true)), asked(make) == Ok(Value::Bool(true)))
    }

    #[test]
    fn no_text_is_too_odd_to_be_read_or_refused() {
        let signs: Vec<char> = "0019afEiKM.:/[]@%?#&=+-_v*\u{0} \u{e4}\u{1f600}".chars().collect();
        let mut state = 1_u64;
        for _ in 0..3000 {
            let mut next = |most: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                usize::try_from(state >> 33).unwrap_or(0) % most
            };
            let text: String = (0..next(14)).map(|_| signs[next(signs.len())]).collect();
            for (is, make) in [
                (
                    "isQuantity(self)",
                    "quantity(self).add(1).sub(quantity(self)).asApproximateFloat() < 1e300",
                ),
                ("isIP(self)", "string(ip(self)) != ''"),
                (
                    "isCIDR(self)",
                    "cidr(self).masked().prefixLength() >= 0 && cidr(self).containsCIDR(self)",
                ),
                ("isSemver(self)", "semver(self).compareTo(semver(self)) == 0"),
                ("isSemver(self, true)", "semver(self, true) == semver(self, true)"),
            ] {
                let (is_good, is_made) = read(&text, is, make);
                assert_eq!(is_good, is_made, "{text:?}: {is}, {make}");
            }
            let url = "url(self).getHostname() + url(self).getPort() + url(self).getEscapedPath() != '!' && url(self).getQuery().size() >= 0";
            // One whose fragment is bad is one all the same, but cannot be made.
            let (is_good, is_made) = read(&format!("http://{text}"), "isURL(self)", url);
            assert!(is_good == is_made || is_good && text.contains('#'), "{text:?}");
        }
    }

    /// Each line was asked of a server of 1.34, as a rule of a field with a default of `x`.
    #[test]
    fn functions_make_what_those_of_the_real_server_make() {
        let lines = include_str!("library/cases.txt").lines();
        let cases = lines.filter_map(|line| line.rsplit_once(" => "));
        let wrong = cases.filter(|(source, wanted)| made(source) != *wanted);
        let wrong: Vec<_> =
            wrong.map(|(source, _)| format!("{source} => {}", made(source))).collect();

        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

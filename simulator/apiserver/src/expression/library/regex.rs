//! Parts of texts that are like a pattern: `self.image.find('[0-9]+$')`.

use cel::common::types::{INT_TYPE, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
use regex::Regex;

use super::{Given, Made, failed, int, member, string, text, texts};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    member(env, "find", vec![STRING_TYPE, STRING_TYPE], find)?;
    member(env, "findAll", vec![STRING_TYPE, STRING_TYPE], find_all)?;
    member(env, "findAll", vec![STRING_TYPE, STRING_TYPE, INT_TYPE], find_some)
}

fn pattern(pattern: &str) -> Result<Regex, ExecutionError> {
    Regex::new(pattern).map_err(|error| {
        failed(format!("Illegal regex: {}", crate::crd::bad_pattern(pattern, &error)))
    })
}

fn find<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let found = pattern(text(&given, 1)?)?.find(text(&given, 0)?).map(|found| found.as_str());
    string(found.unwrap_or_default().to_owned())
}

fn find_all<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    found(&given, usize::MAX)
}

/// A negative number of them is all.
fn find_some<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    found(&given, usize::try_from(int(&given, 2)?).unwrap_or(usize::MAX))
}

fn found<'b, 'v>(given: &Given<'_, '_>, most: usize) -> Made<'b, 'v> {
    let pattern = pattern(text(given, 1)?)?;
    let found = pattern.find_iter(text(given, 0)?).take(most);
    Ok(CowVal::owned(texts(found.map(|found| found.as_str().to_owned()))))
}

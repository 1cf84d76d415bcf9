//! Versions: `semver(self.version).isLessThan(semver('2.0.0'))`.

use cel::common::types::{BOOL_TYPE, STRING_TYPE, Type};
use cel::common::value::CowVal;
use cel::objects::Opaque;
use cel::{DeclarationError, Env, ExecutionError};

use super::{
    Given, Made, Readable, bool, comparer, failed, flag, global, member, number, opaque, own,
    reader, text,
};
use crate::golang::quote;

/// What was built of it decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    numbers: [u64; 3],
    before: Release,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Release {
    /// On the way to the version, by parts.
    Before(Vec<Part>),
    Itself,
}

/// Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

impl Opaque for Version {
    fn runtime_type_name(&self) -> &'static str {
        "kubernetes.Semver"
    }
}

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let kind = || Type::new_opaque_type("kubernetes.Semver");
    reader::<Version>(env, "semver", "isSemver")?;
    global(env, "semver", vec![STRING_TYPE, BOOL_TYPE], make_of_any)?;
    global(env, "isSemver", vec![STRING_TYPE, BOOL_TYPE], is_any)?;
    member(env, "major", vec![kind()], |given| part_of(&given, 0))?;
    member(env, "minor", vec![kind()], |given| part_of(&given, 1))?;
    member(env, "patch", vec![kind()], |given| part_of(&given, 2))?;
    comparer::<Version>(env, kind)
}

impl Readable for Version {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("Version string empty".to_owned());
        }
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        let [major, minor, rest] = parts[..] else {
            return Err("No Major.Minor.Patch elements found".to_owned());
        };
        let (major, minor) = (numeral(major, "Major")?, numeral(minor, "Minor")?);
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(a, b)| (a, Some(b)));
        let (patch, before) = rest.split_once('-').map_or((rest, None), |(a, b)| (a, Some(b)));
        let numbers = [major, minor, numeral(patch, "Patch")?];
        let before = match before {
            Some(before) => Release::Before(before.split('.').map(part).collect::<Result<_, _>>()?),
            None => Release::Itself,
        };
        for build in build.into_iter().flat_map(|build| build.split('.')) {
            if build.is_empty() {
                return Err("Build meta data is empty".to_owned());
            }
            if !is_word(build) {
                let build = quote(build);
                return Err(format!("Invalid character(s) found in build meta data {build}"));
            }
        }
        Ok(Self { numbers, before })
    }
}

impl Version {
    /// Also of what lacks a number, begins with a `v`, or has zeros before its numbers.
    fn read_any(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_zeros).collect();
        if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
            return Err("short version cannot contain PreRelease/Build meta data".to_owned());
        }
        parts.resize(3, "0".to_owned());
        Self::read(&parts.join("."))
    }
}

fn without_zeros(part: &str) -> String {
    let bare = part.trim_start_matches('0');
    match part.len() {
        0 | 1 => part.to_owned(),
        _ if bare.starts_with(|first: char| first.is_ascii_digit()) => bare.to_owned(),
        _ => format!("0{bare}"),
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn has_zeros(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

fn numeral(text: &str, name: &str) -> Result<u64, String> {
    if !is_number(text) {
        let name = name.to_lowercase();
        return Err(format!("Invalid character(s) found in {name} number {}", quote(text)));
    }
    if has_zeros(text) {
        return Err(format!("{name} number must not contain leading zeroes {}", quote(text)));
    }
    parsed(text)
}

fn parsed(text: &str) -> Result<u64, String> {
    let why = if text.is_empty() { "invalid syntax" } else { "value out of range" };
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing {}: {why}", quote(text)))
}

fn part(text: &str) -> Result<Part, String> {
    match text {
        "" => Err("Prerelease is empty".to_owned()),
        _ if is_number(text) && has_zeros(text) => {
            let text = quote(text);
            Err(format!("Numeric PreRelease version must not contain leading zeroes {text}"))
        }
        _ if is_number(text) => parsed(text).map(Part::Number),
        _ if is_word(text) => Ok(Part::Word(text.to_owned())),
        _ => Err(format!("Invalid character(s) found in prerelease {}", quote(text))),
    }
}

fn any(given: &[CowVal<'_, '_>]) -> Result<Result<Version, String>, ExecutionError> {
    let text = text(given, 0)?;
    Ok(if flag(given, 1)? { Version::read_any(text) } else { Version::read(text) })
}

fn make_of_any<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    opaque(any(&given)?.map_err(failed)?)
}

fn is_any<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    bool(any(&given)?.is_ok())
}

/// Go wraps what is more than its integers hold.
fn part_of<'b, 'v>(given: &[CowVal<'_, '_>], at: usize) -> Made<'b, 'v> {
    number(own::<Version>(given, 0)?.numbers[at].cast_signed())
}

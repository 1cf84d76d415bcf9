//! Which members of a body its kind does not know, and which stand twice: told in the order in which they stand.

use std::collections::BTreeSet;

use super::Call;
use super::write::is_strategic;
use crate::golang;
use crate::object::Tree;
use crate::object::walk::{Walk, walk};
use crate::protobuf;
use crate::request::{Body, Verb};
use crate::status::Status;
use crate::yaml;

/// What is done about fields that are unknown or stand twice.
#[derive(PartialEq)]
enum Care {
    None,
    Warn,
    Refuse,
}

fn care(call: &Call<'_>) -> Care {
    match &*call.request.options.field_validation {
        "Ignore" => Care::None,
        // Servers before 1.25 read over what they do not know.
        _ if call.server.profile().minor < 25 => Care::None,
        "Strict" => Care::Refuse,
        _ => Care::Warn,
    }
}

/// What a client is to be warned of, if its request asks for that; the error says why the request is refused. `unknown`
/// are the members that the kind lacks, as the walk met them.
pub(super) fn told(call: &Call<'_>, unknown: &[String]) -> Result<Vec<String>, String> {
    let care = care(call);
    if care == Care::None {
        return Ok(Vec::new());
    }
    let said = remarks(call, unknown);
    if care == Care::Refuse && !said.refusal.is_empty() {
        return Err(format!("strict decoding error: {}", said.refusal.join(", ")));
    }
    Ok(said.warnings)
}

/// What is to be said of the fields of a body: in a refusal, and in warnings.
struct Remarks {
    refusal: Vec<String>,
    warnings: Vec<String>,
}

fn remarks(call: &Call<'_>, unknown: &[String]) -> Remarks {
    // Who reads JSON into types tells names as Go quotes them, and not many; who walks a tree, all of them as they are.
    let is_read = !call.info().custom && !is_strategic(call);
    let plain = |paths: &[String]| {
        let told = paths.iter().take(if is_read { MOST } else { usize::MAX });
        let say = |path: &String| {
            if is_read { unknown_field(path) } else { format!("unknown field \"{path}\"") }
        };
        told.map(say).collect::<Vec<_>>()
    };
    let Body::Bytes { content_type, bytes } = &call.request.body else {
        return Remarks { refusal: plain(unknown), warnings: plain(unknown) };
    };
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_patch = call.request.verb == Verb::Patch;
    let mut all = match content_type {
        "application/yaml" => {
            let unknown = plain(unknown);
            let Some(twice) = yaml::duplicate(bytes) else {
                return Remarks { refusal: unknown.clone(), warnings: unknown };
            };
            let refusal = [format!("yaml: unmarshal errors:\n  {twice}")];
            return Remarks {
                refusal: refusal.into_iter().chain(unknown.clone()).collect(),
                warnings: [twice].into_iter().chain(unknown).collect(),
            };
        }
        // What a client's own message lacks cannot be seen in it.
        protobuf::MEDIA => return Remarks { refusal: Vec::new(), warnings: Vec::new() },
        "application/json-patch+json" => {
            let twice = found(bytes, &[], false);
            twice.iter().map(|told| format!("json patch {told}")).collect()
        }
        _ if !call.says_twice && (unknown.is_empty() || call.info().custom) => Vec::new(),
        _ if is_patch || call.info().custom => words(&found(bytes, &[], false)),
        _ => {
            let found = words(&found(bytes, unknown, true));
            return Remarks { refusal: found.clone(), warnings: found };
        }
    };
    all.extend(plain(unknown));
    Remarks { refusal: all.clone(), warnings: all }
}

/// Of a member that no type has.
pub(super) fn unknown_field(path: &str) -> String {
    format!("unknown field {}", golang::quote(path))
}

/// Members in the order in which they stand in a text.
pub(super) fn in_order(text: &str, unknown: Vec<String>) -> Vec<String> {
    let told = found(text.as_bytes(), &unknown, true).into_iter();
    let paths: Vec<String> = told.filter(|told| told.is_unknown).map(|told| told.path).collect();
    if paths.len() == unknown.len().min(MOST) { paths } else { unknown }
}

/// Tells what an applied text has twice.
pub(super) fn applied(call: &mut Call<'_>) -> Result<(), Status> {
    let care = care(call);
    if care == Care::None {
        return Ok(());
    }
    let Body::Bytes { bytes, .. } = &call.request.body else { return Ok(()) };
    match yaml::duplicate(bytes) {
        Some(twice) if care == Care::Refuse => Err(Status::bad_request(format!(
            "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  {twice}"
        ))),
        Some(twice) => {
            call.warnings.push(twice);
            Ok(())
        }
        None => Ok(()),
    }
}

/// What a text of JSON has twice, and what of it is in `unknown`, in its order. With `skips`, nothing is looked for
/// below what is unknown.
fn found(bytes: &[u8], unknown: &[String], skips: bool) -> Vec<Told> {
    let unknown = unknown.iter().map(String::as_str).collect();
    let mut scan =
        Scan { unknown, skips, path: String::new(), above: Vec::new(), found: Vec::new() };
    walk(bytes, &mut scan);
    scan.found
}

/// A member that is unknown, or that stands there for the second time.
struct Told {
    is_unknown: bool,
    path: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_unknown {
            return f.write_str(&unknown_field(&self.path));
        }
        write!(f, "duplicate field {}", golang::quote(&self.path))
    }
}

fn words(told: &[Told]) -> Vec<String> {
    told.iter().map(Told::to_string).collect()
}

/// More than that a real server does not tell of a text.
const MOST: usize = 100;

struct Scan<'a> {
    unknown: BTreeSet<&'a str>,
    skips: bool,
    path: String,
    /// How long the path was before each step of it.
    above: Vec<usize>,
    found: Vec<Told>,
}

impl Walk for Scan<'_> {
    fn member(&mut self, key: &str, is_again: bool) -> bool {
        self.above.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        let is_unknown = self.unknown.contains(self.path.as_str());
        if (is_unknown || is_again) && self.found.len() < MOST {
            self.found.push(Told { is_unknown, path: self.path.clone() });
        }
        !(is_unknown && self.skips)
    }

    fn item(&mut self, index: usize) {
        self.above.push(self.path.len());
        self.path.push_str(&format!("[{index}]"));
    }

    fn leave(&mut self) {
        self.path.truncate(self.above.pop().unwrap_or_default());
    }

    fn leaf(&mut self, _value: Tree) {}
}

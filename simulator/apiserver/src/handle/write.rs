//! What every write has in common: the body, its place, its shape, the rules it must keep.

use super::{Call, body, fields, metadata, patched};
use crate::builtin::course::{self, Step};
use crate::builtin::devices::access;
use crate::builtin::{admission, conversion, rules, warnings};
use crate::crd;
use crate::golang;
use crate::kinds::KindInfo;
use crate::object::{Object, Tree};
use crate::patch::remains;
use crate::request::{Body, PatchKind, Verb};
use crate::schema::restore;
use crate::status::{FieldError, Status};
use crate::watch::in_version;

/// The namespace of the URL is that of the object.
pub(super) fn place(call: &Call<'_>, tree: &Tree) -> Result<Tree, Status> {
    let namespace = &*call.request.namespace;
    let own = tree.str_at(&["metadata", "namespace"]).unwrap_or_default();
    if !own.is_empty() && own != namespace && !namespace.is_empty() {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(if namespace.is_empty() {
        tree.without(&["metadata", "namespace"])
    } else {
        tree.with(&["metadata", "namespace"], namespace)
    })
}

/// Known fields only, with what was left out filled in.
pub(super) fn shape(
    call: &mut Call<'_>,
    tree: &Tree,
    old: Option<&Object>,
) -> Result<Tree, Status> {
    let info = call.kind.info.clone();
    call.given = Some(tree.clone());
    let before = old.cloned();
    let old = old.map(Object::tree);
    let read =
        if info.custom { info.schema.prune(tree, old) } else { info.schema.decode(tree, old) };
    let is_patch = call.request.verb == Verb::Patch;
    let is_old = call.server.profile().minor < 23 && !info.custom;
    let cannot = |why: &dyn std::fmt::Display| {
        let mut why = why.to_string();
        if !is_patch {
            why = body::words_of_old(call, tree, why);
        }
        if is_patch {
            let patch = is_strategic(call).then(|| patched::body(call).ok()).flatten();
            let strategic = patch.map(|(_, patch)| patch);
            let shown = match &strategic {
                Some(patch) if !is_old => golang::print(&remaining(call, patch, before.as_ref())),
                _ => shown(call, tree, before.as_ref()),
            };
            if is_old {
                why = info.schema.misread(shown.as_bytes()).unwrap_or(why);
            }
            if strategic.is_some() {
                why = restore::said(&why);
            }
            return Status::invalid_patch(&shown, &why);
        }
        let (kind, version) = (&info.kind, &info.version);
        Status::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
        ))
    };
    let (read, mut unknown) = read.map_err(|misfit| {
        let first = read_text(call, tree, before.as_ref());
        cannot(&first.and_then(|text| info.schema.first_misfit(&text)).unwrap_or(misfit))
    })?;
    if let Some(why) = conversion::misfit(&info, &read) {
        return Err(if is_strategic(call) { Status::plain(500, why) } else { cannot(&why) });
    }
    if is_patch && !info.custom && unknown.len() > 1 && !is_strategic(call) {
        unknown = fields::in_order(&shown(call, tree, before.as_ref()), unknown);
    }
    let tree = read;
    let warnings = fields::told(call, &unknown).map_err(|why| cannot(&why))?;
    call.warnings.extend(warnings);
    Ok(info.schema.default(&one_each(call, tree), old))
}

/// The text that the real server reads an object of a builtin kind from, where its order is not that of the names.
fn read_text(call: &Call<'_>, tree: &Tree, old: Option<&Object>) -> Option<Vec<u8>> {
    if call.info().custom || is_strategic(call) {
        return None;
    }
    if call.request.verb == Verb::Patch {
        return Some(shown(call, tree, old).into_bytes());
    }
    match &call.request.body {
        Body::Bytes { content_type, bytes } if !content_type.contains("yaml") => {
            Some(bytes.to_vec())
        }
        _ => None,
    }
}

/// What is left of a strategic patch once it was carried out: that is what the real server prints.
fn remaining(call: &Call<'_>, patch: &Tree, old: Option<&Object>) -> Tree {
    match (&call.target, old) {
        (Some(target), _) => remains(target, patch, None),
        (None, Some(old)) => {
            let old = in_version(old.clone(), call.info());
            remains(old.tree(), patch, Some(call.info().schema.root()))
        }
        (None, None) => patch.clone(),
    }
}

pub(super) fn is_strategic(call: &Call<'_>) -> bool {
    matches!(patched::media(call), Ok(PatchKind::Strategic))
}

/// What a patch made of an object, as the real server prints it.
pub(super) fn shown(call: &Call<'_>, tree: &Tree, old: Option<&Object>) -> String {
    let info = call.info();
    let managers = old.map(|old| old.ownership().managers()).filter(|known| !known.is_empty());
    let tree = match (managers, tree.get("metadata")) {
        (Some(managers), Some(metadata)) if metadata.is_map() => {
            tree.with(&["metadata", "managedFields"], managers.to_tree())
        }
        _ => tree.clone(),
    };
    if info.custom {
        return golang::html_safe(&tree.to_string());
    }
    let target = match (&call.target, old) {
        (Some(target), _) => target.clone(),
        (None, Some(old)) => in_version(old.clone(), info).shown(),
        (None, None) => Tree::empty_map(),
    };
    let text = patched::shown(call, &target, &tree, (&info.api_version(), &info.kind));
    golang::html_safe(&text)
}

/// An owner counts once.
fn one_each(call: &mut Call<'_>, tree: Tree) -> Tree {
    let path = ["metadata", "ownerReferences"];
    let owners = tree.at(&path).map_or(&[][..], Tree::items);
    let mut kept: Vec<&Tree> = Vec::with_capacity(owners.len());
    let mut twice: Vec<&str> = Vec::new();
    for owner in owners {
        let uid = owner.str_at(&["uid"]).unwrap_or_default();
        match kept.iter().find(|known| known.str_at(&["uid"]) == Some(uid)) {
            Some(known) if *known == owner => twice.push(uid),
            _ => kept.push(owner),
        }
    }
    if twice.is_empty() {
        return tree;
    }
    // What a patch makes is looked at late.
    let late = match call.request.verb {
        Verb::Patch => " after mutating admission happens",
        _ => "",
    };
    call.warnings.push(format!(
        ".metadata.ownerReferences contains duplicate entries{late}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
        twice.join(", ")
    ));
    tree.with(&path, Tree::list(kept.into_iter().cloned()))
}

/// What is said of an object that is accepted.
pub(super) fn warn(call: &mut Call<'_>, tree: &Tree, old: Option<&Object>) {
    let mut said = metadata::warnings(call.info(), tree, old.map(Object::tree));
    if is_definition(call)
        && call.request.subresource.is_none()
        && call.server.profile().minor >= 34
    {
        said.extend(crd::warnings(tree, old.map(Object::tree)));
    }
    if let Some(old) = old.filter(|_| call.info().redefined) {
        let passed = call.info().schema.let_pass(tree, old.tree());
        said.extend(passed.iter().map(ToString::to_string));
    }
    if !call.info().custom {
        let subresource = call.request.subresource.as_deref();
        let minor = call.server.profile().minor;
        said.extend(warnings::of(call.info(), tree, old, subresource, minor));
    }
    call.warnings.extend(said);
}

/// What the server itself sets on a new object of this kind.
pub(super) fn prepare_create(call: &mut Call<'_>, tree: Tree) -> Result<Tree, Status> {
    if is_definition(call) {
        return Ok(crd::prepare(&tree, None));
    }
    if call.info().custom {
        Ok(tree)
    } else {
        let tree = call.info().schema.settle(&tree, None);
        if call.info().is("", "Service") && call.request.subresource.is_some() {
            // Addresses are given out where Services themselves are written.
            return Ok(admission::fresh_status(call.info(), tree));
        }
        admission::create(call.server, call.info(), tree, call.now)
    }
}

/// What the server itself sets when an object of this kind changes.
pub(super) fn prepare_update(call: &Call<'_>, tree: Tree, old: &Object) -> Result<Tree, Status> {
    if is_definition(call) {
        return Ok(crd::prepare(&tree, Some(old.tree())));
    }
    if call.info().custom {
        return Ok(tree);
    }
    let tree = call.info().schema.settle(&tree, Some(old.tree()));
    if call.request.subresource.is_none() {
        return admission::update(call.server, call.info(), tree, old.tree());
    }
    if call.info().is("", "PersistentVolume") && call.server.profile().minor >= 31 {
        return Ok(since_its_phase(call, tree, old.tree()));
    }
    Ok(tree)
}

/// A volume's phase, and since when it is in it.
fn since_its_phase(call: &Call<'_>, tree: Tree, old: &Tree) -> Tree {
    let (phase, since) = (["status", "phase"], ["status", "lastPhaseTransitionTime"]);
    let (stated, known) = (tree.at(&since), old.at(&since));
    match (tree.at(&phase) == old.at(&phase), known) {
        (true, Some(known)) if stated.is_none() => tree.with(&since, known),
        (false, _) if stated.is_none() || stated == known => tree.with(&since, call.now),
        _ => tree,
    }
}

/// All that is wrong with a new object.
pub(super) fn validate_create(call: &Call<'_>, tree: &Tree) -> Vec<FieldError> {
    let info = call.info();
    let mut errors = Vec::new();
    for step in course::of_create(info) {
        match step {
            Step::Meta => errors.extend(metadata::validate_create(info, tree)),
            Step::Common if errors.is_empty() => {
                errors.extend(metadata::validate_any(info, tree));
            }
            Step::Common => {}
            _ if call.is_trusted => {}
            Step::Access => {
                errors.extend(access::requested(call.server, &call.request.namespace, tree));
            }
            Step::Later => errors.extend(rules::later(info, &as_written(call, (tree, tree), None))),
            Step::Rules => rules_of(call, tree, None, &mut errors),
            // Nothing was before.
            Step::Update | Step::Fixed => {}
        }
    }
    in_words(call, &mut errors);
    errors
}

/// `kept`: the object as it will be kept, `new` as messages show it.
fn as_written<'a>(
    call: &'a Call<'_>,
    (kept, new): (&'a Tree, &'a Tree),
    old: Option<&'a Tree>,
) -> rules::Write<'a> {
    rules::Write {
        new,
        kept,
        old,
        minor: call.server.profile().minor,
        stated: call.given.as_ref().unwrap_or(new),
        subresource: call.request.subresource.as_deref(),
    }
}

/// All that is wrong with what is to come after `old`: `shown` is `new` as messages show it, with what its writer
/// stated to be empty. Whether something changed is asked of `new`.
pub(super) fn validate_update(
    call: &Call<'_>,
    (new, shown): (&Tree, &Tree),
    old: &Object,
) -> Vec<FieldError> {
    let (info, was, tree) = (call.info(), old.tree(), shown);
    let mut errors = metadata::validate_common(info, tree, was);
    let subresource = call.request.subresource.as_deref();
    for step in course::of_update(info, subresource) {
        match step {
            Step::Meta => errors.extend(metadata::validate_again(info, tree, was)),
            Step::Update => errors.extend(metadata::validate_update(info, tree, was)),
            Step::Later => {
                errors.extend(rules::later(info, &as_written(call, (tree, tree), Some(was))));
            }
            Step::Rules => rules_of(call, tree, Some(was), &mut errors),
            Step::Access => {
                errors.extend(access::granted(call.server, &call.request.namespace, tree, was));
            }
            // These have their own ways in, and rules that say what may not change.
            Step::Fixed
                if info.custom || matches!(subresource, Some("resize" | "ephemeralcontainers")) => {
            }
            Step::Fixed => {
                errors.extend(rules::fixed(info, &as_written(call, (new, shown), Some(was))));
            }
            Step::Common => {}
        }
    }
    in_words(call, &mut errors);
    errors
}

/// What is wrong with the metadata of an object that is not stored.
pub(super) fn faults_of_metadata(call: &Call<'_>, tree: &Tree) -> Vec<FieldError> {
    let mut errors = metadata::validate_create(call.info(), tree);
    in_words(call, &mut errors);
    errors
}

fn in_words(call: &Call<'_>, errors: &mut [FieldError]) {
    for error in errors {
        error.in_words_of(call.server.profile().minor);
    }
}

/// The rules of the kind, beyond those of its metadata.
fn rules_of(call: &Call<'_>, tree: &Tree, old: Option<&Tree>, errors: &mut Vec<FieldError>) {
    if is_definition(call) && call.request.subresource.is_some() {
        errors.extend(crd::broken_status(tree));
    } else if is_definition(call) {
        errors.extend(crd::broken(tree, old, &call.info().schema));
    }
    let info = call.info();
    let minor = call.server.profile().minor;
    let subresource = call.request.subresource.as_deref();
    if info.custom {
        let scale = || scale_faults(info, tree, subresource == Some("status"));
        let mut found = info.schema.validate_with(tree, old, errors, scale);
        if subresource == Some("status") && minor >= 24 {
            // Looked at alone, a status does not know where it stands.
            for error in &mut found {
                error.shorten("status.");
            }
        }
        errors.extend(found);
    } else {
        errors.extend(rules::broken(info, &as_written(call, (tree, tree), old)));
    }
}

/// The numbers of a scale are whole ones that are not below zero, and its selector is a text.
fn scale_faults(info: &KindInfo, tree: &Tree, of_status: bool) -> Vec<FieldError> {
    let Some(scale) = &info.scale else { return Vec::new() };
    let number = |path: &str| {
        let number = match found(tree, path, "int64", |value| value.as_i64().is_some()) {
            Ok(number) => number?.as_i64()?,
            Err(why) => return Some(FieldError::invalid(path, &0.into(), &why)),
        };
        let why = match number {
            ..0 => "should be a non-negative integer".to_owned(),
            0..=MOST => return None,
            _ => format!("should be less than or equal to {MOST}"),
        };
        Some(FieldError::invalid(path, &number.into(), &why))
    };
    let spec = (!of_status).then(|| number(&scale.spec_replicas)).flatten();
    let status = number(&scale.status_replicas);
    let selector = found(tree, &scale.label_selector, "string", Tree::is_string);
    let selector = selector.err().filter(|_| !scale.label_selector.is_empty());
    let selector =
        selector.map(|why| FieldError::invalid(&*scale.label_selector, &"".into(), &why));
    spec.into_iter().chain(status).chain(selector).collect()
}

const MOST: i64 = i32::MAX as i64;

/// What stands at a path with a leading dot, if anything. `Err` in Go's words if it is of another type.
fn found<'t>(
    tree: &'t Tree,
    path: &str,
    wanted: &str,
    is_good: impl Fn(&Tree) -> bool,
) -> Result<Option<&'t Tree>, String> {
    let mut at = tree;
    let mut passed = String::new();
    let other = |passed: &str, value: &Tree, wanted: &str| {
        let (shown, name) = (golang::print(value), golang::value_type(value));
        format!("{passed} accessor error: {shown} is of the type {name}, expected {wanted}")
    };
    for step in path.trim_start_matches('.').split('.') {
        passed = passed + "." + step;
        if at.is_null() {
            return Ok(None);
        }
        if !at.is_map() {
            return Err(other(&passed, at, "map[string]interface{}"));
        }
        match at.get(step) {
            Some(value) => at = value,
            None => return Ok(None),
        }
    }
    if is_good(at) { Ok(Some(at)) } else { Err(other(&passed, at, wanted)) }
}

fn is_definition(call: &Call<'_>) -> bool {
    call.info().is("apiextensions.k8s.io", "CustomResourceDefinition")
}

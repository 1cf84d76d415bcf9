//! What a request's query asks for, before anything is looked up: what is wrong with it is said first.

use super::{Call, body, patched, read};
use crate::golang;
#[cfg(feature = "http")]
use crate::kinds::KindInfo;
use crate::object::Tree;
use crate::request::{Body, PatchKind, Request, Verb};
#[cfg(feature = "http")]
use crate::selector::FieldSelector;
use crate::status::{FieldError, Status};
use crate::store::Server;

/// The longest name of a field manager.
const MANAGER: usize = 128;

pub(super) fn check(call: &Call<'_>) -> Result<(), Status> {
    let request = call.request;
    match request.verb {
        Verb::List | Verb::Watch => return read::check_options(request, call.server),
        Verb::Get | Verb::Delete | Verb::DeleteCollection => return Ok(()),
        Verb::Create => body::check_media(call)?,
        Verb::Update | Verb::Patch => {}
    }
    let mut errors = Vec::new();
    if request.verb == Verb::Patch {
        let is_apply = patched::media(call)? == PatchKind::Apply;
        if is_apply && request.options.field_manager.is_empty() {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        } else if !is_apply && request.options.force.is_some() {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
    }
    common(request, call.server.profile().minor, &mut errors);
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid_options(name_of(request.verb), &errors))
}

fn common(request: &Request, minor: u32, errors: &mut Vec<FieldError>) {
    let options = &request.options;
    let manager = &*options.field_manager;
    if manager.len() > MANAGER {
        errors.push(FieldError::too_long("fieldManager", MANAGER));
    }
    for (at, character) in manager.char_indices().filter(|(_, it)| !golang::is_print(*it)) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(character));
        errors.push(FieldError::invalid("fieldManager", &manager.into(), &why));
    }
    errors.extend(dry_run(&options.dry_run));
    let validation = &*options.field_validation;
    let supported = ["", "Ignore", "Strict", "Warn"];
    if minor >= 25 && !supported.contains(&validation) {
        errors.push(FieldError::not_supported_text("fieldValidation", validation, &supported));
    }
}

/// What is wrong with the parts of a dry run: there is but one, which is all.
pub(super) fn dry_run(parts: &[std::borrow::Cow<'static, str>]) -> Option<FieldError> {
    if parts.iter().all(|part| part == "All") {
        return None;
    }
    let parts = Tree::list(parts.iter().map(|part| Tree::from(&**part)));
    Some(FieldError::not_supported("dryRun", &parts, &["All"]))
}

/// Whether nothing of what is asked for is to be kept.
pub(super) fn is_dry_run(request: &Request) -> bool {
    let parts = match &request.body {
        Body::Delete(options) if !options.dry_run.is_empty() => &options.dry_run,
        _ => &request.options.dry_run,
    };
    !parts.is_empty() && dry_run(parts).is_none()
}

pub(super) fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "GetOptions",
        Verb::List | Verb::Watch => "ListOptions",
        Verb::Create => "CreateOptions",
        Verb::Update => "UpdateOptions",
        Verb::Patch => "PatchOptions",
        Verb::Delete | Verb::DeleteCollection => "DeleteOptions",
    }
}

impl Server {
    /// What is wrong with the options of a list or a watch: a server looks at them before it looks in which form the
    /// answer is wanted.
    ///
    /// # Errors
    /// The refusal.
    pub fn check_list_options(&self, request: &Request) -> Result<(), Status> {
        match request.verb {
            Verb::List | Verb::Watch => read::check_options(request, self),
            _ => Ok(()),
        }
    }

    /// What is wrong with what a watch of a kind is to tell, and with where it is to begin.
    #[cfg(feature = "http")]
    pub(crate) fn check_watch(request: &Request, kind: &KindInfo) -> Result<(), Status> {
        FieldSelector::parse(&request.options.field_selector, kind)?;
        let revision = read::revision(&request.options.resource_version);
        revision.map(drop).map_err(|why| Status::plain(500, why))
    }
}

//! Making an object.

use super::claim::{self, Claim};
use super::policy::{self, Change};
use super::{Answered, Call, body, empties, escalation, signing, spelling, write};
use crate::builtin::{admission, limits, usage};
use crate::object::{Operation, Tree};
use crate::request::Verb;
use crate::status::Status;
use crate::store::Server;

pub(super) fn create(call: &mut Call<'_>) -> Answered {
    let tree = body::object(call)?;
    let (tree, stated) = claim::taken(call, &tree, None);
    let tree = if call.is_trusted { tree } else { write::shape(call, &tree, None)? };
    let mut wanted = write::place(call, &tree)?;
    if call.server.profile().minor >= 24 {
        // What only the server sets nobody has said; of what comes in by an update it is kept.
        if call.request.verb == Verb::Create {
            for key in OF_THE_END {
                wanted = wanted.without(&["metadata", key]);
            }
        }
        if call.request.verb == Verb::Create || !call.server.is_trial {
            wanted = wanted.without(&["metadata", "selfLink"]);
        }
    }
    if call.server.is_ending(call.info()) {
        let name = wanted.str_at(&["metadata", "name"]).unwrap_or_default();
        let why = "create not allowed while custom resource definition is terminating";
        return Err(if call.server.profile().minor < 24 {
            Status::not_allowed_for(call.info(), why)
        } else {
            Status::forbidden(call.info(), name, why)
        });
    }
    check_namespace(call, wanted.str_at(&["metadata", "name"]).unwrap_or_default())?;
    if call.request.verb == Verb::Update {
        super::update::revision_of(&wanted)?;
    }
    store(call, &wanted, Claim::Stated(stated))
}

/// The rest of a creation: `wanted` has the shape of its kind.
pub(super) fn store(call: &mut Call<'_>, wanted: &Tree, claim: Claim) -> Answered {
    escalation::check(call, wanted, None)?;
    let tree = prepare(call, wanted.clone());
    let tree = signing::in_the_name_of(call, tree);
    let tree = write::prepare_create(call, tree)?;
    // Rules of builtin kinds are about what is kept.
    let tree = if call.info().custom { tree } else { call.as_stored(&tree) };
    let check = |tree: &Tree| write::validate_create(call, tree);
    let errors = empties::in_words_of_the_request(call, &tree, check);
    if !errors.is_empty() {
        let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
        return Err(Status::invalid(call.info(), name, &errors));
    }
    if !call.is_trusted {
        write::warn(call, &tree, None);
    }
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    limits::check(call.server, call.info(), &tree)?;
    admission::validate(call.server, call.info(), call.request.subresource.as_deref(), &tree)?;
    if call.info().is("", "Pod") {
        admission::runtime::check(call.server, call.info(), &tree, call.given.as_ref())?;
    }
    policy::ask(call, &Change { operation: "CREATE", name, object: Some(&tree), old: None })?;
    let charges = usage::charge(call.server, call.info(), &tree, None)?;
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    let revision = wanted.str_at(&["metadata", "resourceVersion"]).unwrap_or_default();
    let is_stated = revision.parse::<u64>().is_ok_and(|revision| revision > 0);
    if is_stated && call.request.verb == Verb::Create && !call.server.is_trial {
        let why = "resourceVersion should not be set on objects to be created";
        return Err(Status::plain(500, why));
    }
    if let Some(existing) = call.server.table(call.kind.id).get(&call.request.namespace, name) {
        let is_deleting = existing.is_deleting();
        let prefix = tree.str_at(&["metadata", "generateName"]).unwrap_or_default();
        let status = if prefix.is_empty() {
            Status::already_exists(call.info(), name)
        } else {
            Status::no_unique_name(call.info(), name)
        };
        return Err(if is_deleting { status.of_what_is_deleted() } else { status });
    }
    for charge in &charges {
        call.server.handle(charge, call.now);
    }
    if call.info().is("", "Service") {
        call.server.account_for_new(&tree, call.now);
    }
    let note = call.write_note(Operation::Update);
    let tree = admission::read_back(call.info(), call.as_stored(&tree));
    let ownership = claim.ownership(call, &note, None, wanted);
    let object = call.server.commit_owned(call.kind.id, &tree, None, note, ownership);
    call.server.settle(&object, None, false);
    spelling::remember(call, &object);
    Ok(call.answer(201, object, true))
}

/// Nothing is made in a namespace that is not there or about to go.
pub(super) fn check_namespace(call: &Call<'_>, name: &str) -> Result<(), Status> {
    let namespace = &*call.request.namespace;
    if !call.info().namespaced {
        return Ok(());
    }
    let namespaces = call.server.kind("", "Namespace").expect("every version has namespaces");
    let info = call.server.kind_info(namespaces).expect("every version has namespaces");
    let Some(found) = call.server.table(namespaces).get("", namespace) else {
        return Err(Status::not_found(info, namespace));
    };
    if found.is_deleting() {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        return Err(Status::forbidden(call.info(), name, &why).caused_by(
            "NamespaceTerminating",
            format!("namespace {namespace} is being terminated"),
            "metadata.namespace",
        ));
    }
    Ok(())
}

/// What the server sets on a new object, and what it does not take from a client.
fn prepare(call: &mut Call<'_>, mut tree: Tree) -> Tree {
    for key in ["managedFields", "clusterName"] {
        tree = tree.without(&["metadata", key]);
    }
    if call.request.verb == Verb::Create || call.server.profile().minor < 24 {
        for key in OF_THE_END {
            tree = tree.without(&["metadata", key]);
        }
    }
    // What goes where an object is stored stays where that is only tried.
    if !call.server.is_trial || call.server.profile().minor < 24 {
        tree = tree.without(&["metadata", "selfLink"]).without(&["metadata", "resourceVersion"]);
    }
    let info = call.info();
    if info.has_subresource("status") && info.custom {
        tree = tree.without(&["status"]);
    }
    if info.tracks_generation {
        tree = tree.with(&["metadata", "generation"], 1);
    }
    if tree.str_at(&["metadata", "name"]).is_none_or(str::is_empty) {
        let prefix = tree.str_at(&["metadata", "generateName"]).unwrap_or_default().to_owned();
        // Without either, the rules of metadata say so.
        if !prefix.is_empty() {
            let name = generate_name(call.server, &prefix);
            tree = tree.with(&["metadata", "name"], name);
        } else if info.is("", "LimitRange") {
            let name = call.server.new_uid();
            tree = tree.with(&["metadata", "name"], name);
        }
    }
    let uid = call.server.new_uid();
    tree.with(&["metadata", "uid"], uid).with(&["metadata", "creationTimestamp"], call.now)
}

const OF_THE_END: [&str; 2] = ["deletionTimestamp", "deletionGracePeriodSeconds"];

/// A prefix and five characters that spell no words.
fn generate_name(server: &mut Server, prefix: &str) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut name: String = prefix.chars().take(58).collect();
    for byte in &server.draw("name")[..5] {
        name.push(char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    }
    name
}

//! Changing an object, by giving it whole or by a patch.

use super::claim::{self, Claim};
use super::policy::{self, Change};
use super::{
    Answered, Call, apply, body, create, empties, escalation, fields, patched, signing, spelling,
    write,
};
use crate::builtin::pod::parts;
use crate::builtin::{admission, conversion, devices, usage};
use crate::golang;
use crate::kinds::KindInfo;
use crate::metadata::is_finished;
use crate::object::{Object, Operation, Tree};
use crate::ownership::Ownership;
use crate::patch::remains;
use crate::protobuf::order::Place;
use crate::request::{PatchKind, Response, Verb};
use crate::schema::restore;
use crate::status::{FieldError, Status};
use crate::watch::in_version;

pub(super) fn update(call: &mut Call<'_>) -> Answered {
    let before = call.warnings.len();
    let tree = body::object(call)?;
    let is_another = call.info().custom && tree.str_at(&["kind"]) != Some(&*call.info().kind);
    let found = call.stored();
    let old = found.as_ref().ok();
    let (tree, stated) = claim::taken(call, &tree, old);
    let tree = match old {
        // It is of another shape, and refused once it is known what it is to take the place of.
        _ if is_another => tree,
        Some(old) => write::shape(call, &tree.sharing(old.tree()), Some(old))?,
        None => write::shape(call, &tree, None)?,
    };
    let tree = write::place(call, &tree)?;
    check_name(call, &tree)?;
    let old = match found {
        Ok(old) => old,
        Err(_) if creates_on_update(call) => {
            let uid = tree.str_at(&["metadata", "uid"]).unwrap_or_default();
            if !uid.is_empty() && call.server.profile().minor >= 24 {
                return Err(other_uid(call, uid, ""));
            }
            // What is to be said of the body is said there again.
            call.warnings.truncate(before);
            return create::create(call);
        }
        Err(status) if call.server.profile().minor >= 24 => {
            let uid = tree.str_at(&["metadata", "uid"]).unwrap_or_default();
            let asks = !uid.is_empty() && creates(call.info(), 34);
            return Err(if asks { other_uid(call, uid, "") } else { status });
        }
        Err(status) => {
            // Older servers look at the uid before they look whether there is an object.
            let uid = tree.str_at(&["metadata", "uid"]).unwrap_or_default();
            return Err(if uid.is_empty() { status } else { other_uid(call, uid, "") });
        }
    };
    let uid = tree.str_at(&["metadata", "uid"]).unwrap_or_default();
    if !uid.is_empty() && uid != old.uid() {
        return Err(other_uid(call, uid, old.uid()));
    }
    if is_another {
        check_revision(call, &tree, &old)?;
        body::same_kind(call, &tree, Some(old.tree()))?;
    }
    replace(call, &old, &tree, Claim::Stated(stated))
}

pub(super) fn patch(call: &mut Call<'_>) -> Answered {
    let (kind, patch) = patched::body(call)?;
    if kind == PatchKind::Apply {
        fields::applied(call)?;
        return apply::apply(call, &patch);
    }
    let old = call.stored()?;
    let patched = patched::patched(call, &old, kind, &patch)?;
    let patched = fitting(call, kind, &old, &patch, patched)?;
    let (patched, stated) = claim::taken(call, &patched, Some(&old));
    if patched.same(old.tree()) && stated.is_none() && !old.ownership().has_forgotten() {
        write::warn(call, old.tree(), Some(&old));
        return Ok(call.answer(200, old, false));
    }
    let patched = if call.info().custom {
        let same = body::same_kind(call, &patched, Some(old.tree()));
        if same.is_err() {
            let shown = write::shown(call, &patched, Some(&old));
            body::remark_on_another(call, &patched, |why| Status::invalid_patch(&shown, &why))?;
        }
        same?;
        patched
    } else {
        let version = call.info().api_version();
        patched.with(&["apiVersion"], version).with(&["kind"], &*call.info().kind)
    };
    let shaped = write::shape(call, &patched, Some(&old))?;
    if call.server.profile().minor < 24 {
        // Older servers look at the name first.
        check_name(call, &shaped)?;
    }
    let tree = write::place(call, &shaped)?;
    check_name(call, &tree)?;
    replace(call, &old, &tree, Claim::Stated(stated))
}

/// What a patch made of `old`, if it can still be read as an object of its kind.
fn fitting(
    call: &mut Call<'_>,
    kind: PatchKind,
    old: &Object,
    patch: &Tree,
    patched: Tree,
) -> Result<Tree, Status> {
    if kind == PatchKind::Strategic {
        let old = in_version(old.clone(), call.info());
        return restored(call, old.tree(), patch, &patched);
    }
    if !patched.is_map() && !call.info().custom {
        return Err(patched::no_object(&patched));
    }
    check_told(call, &patched, Some(old))?;
    Ok(patched)
}

/// What a strategic patch made of `old`, as the memory of its type holds it.
pub(super) fn restored(
    call: &Call<'_>,
    old: &Tree,
    patch: &Tree,
    patched: &Tree,
) -> Result<Tree, Status> {
    let root = call.info().schema.root();
    match misfit(call, patched, old) {
        Some(why) => {
            let rest = remains(old, patch, Some(root));
            Err(Status::invalid_patch(&golang::print(&rest), &why))
        }
        None => Ok(restore::cut(root, patched)),
    }
}

/// Why a tree that was made of `old` cannot be read as an object.
pub(super) fn misfit(call: &Call<'_>, tree: &Tree, old: &Tree) -> Option<String> {
    let info = call.info();
    let place = Place::of(&info.api_version(), &info.kind);
    restore::misfit(info.schema.root(), tree, Some(old), place)
}

/// A builtin object says what it is. One without a version is none that the real server can read a name from.
pub(super) fn check_told(
    call: &mut Call<'_>,
    patched: &Tree,
    old: Option<&Object>,
) -> Result<(), Status> {
    if call.info().custom {
        return Ok(());
    }
    let own = |key: &str| patched.str_at(&[key]).unwrap_or_default();
    let (kind, version) = (own("kind"), own("apiVersion"));
    if !version.is_empty() {
        let why = match kind {
            "" => None,
            _ => body::misread(call, patched, kind, version),
        };
        return why.map_or(Ok(()), |why| {
            Err(Status::invalid_patch(&write::shown(call, patched, old), &why))
        });
    }
    if call.server.profile().minor >= 25 {
        for (key, _) in patched.entries().filter(|(key, _)| !matches!(*key, "kind" | "apiVersion"))
        {
            call.warnings.push(fields::unknown_field(key));
        }
    }
    check_name(call, &Tree::empty_map())
}

/// The name in the body is that of the URL.
pub(super) fn check_name(call: &Call<'_>, tree: &Tree) -> Result<(), Status> {
    let (name, wanted) =
        (tree.str_at(&["metadata", "name"]).unwrap_or_default(), &call.request.name);
    if name.is_empty() {
        return Err(Status::bad_request(format!(
            "the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
        )));
    }
    if name != wanted {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({wanted})"
        )));
    }
    Ok(())
}

pub(super) fn creates_on_update(call: &Call<'_>) -> bool {
    let minor = call.server.profile().minor;
    match call.request.subresource.as_deref() {
        None => creates(call.info(), minor),
        Some("status") if call.info().is("", "Service") => creates(call.info(), minor),
        // One slip of the real server: it lets through what an apply may.
        Some("status") => {
            call.info().is("admissionregistration.k8s.io", "ValidatingAdmissionPolicy")
                && matches!(call.request.verb, Verb::Patch)
        }
        Some(_) => false,
    }
}

fn creates(info: &KindInfo, minor: u32) -> bool {
    let kind = (&*info.group, &*info.kind);
    matches!(
        kind,
        ("coordination.k8s.io", "Lease")
            | ("", "Endpoints" | "Event" | "LimitRange")
            | ("node.k8s.io", "RuntimeClass")
            | ("events.k8s.io", "Event")
            | ("rbac.authorization.k8s.io", _)
    ) || kind == ("", "Service") && minor >= 34
}

/// For an update of an object that was replaced by another of its name.
pub(super) fn other_uid(call: &Call<'_>, wanted: &str, found: &str) -> Status {
    let key = storage_key(call);
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    );
    Status::conflict(call.info(), &call.request.name, &why)
}

/// Where the object stands in etcd: one error shows it.
fn storage_key(call: &Call<'_>) -> String {
    let info = call.info();
    // What is only tried does not get as far as to where everything of the server stands.
    let mut key = if call.server.is_trial { "/" } else { "/registry/" }.to_owned();
    // The servers of custom kinds and of other servers keep theirs by group.
    if info.custom || matches!(&*info.group, "apiextensions.k8s.io" | "apiregistration.k8s.io") {
        key = key + &info.group + "/";
    }
    let kept_as = match (&*info.group, &*info.plural) {
        ("", "services") => "services/specs",
        ("", "endpoints") => "services/endpoints",
        ("", "nodes") => "minions",
        ("", "replicationcontrollers") => "controllers",
        ("networking.k8s.io", "ingresses") => "ingress",
        (_, plural) => plural,
    };
    key = key + kept_as + "/";
    if info.namespaced {
        key = key + &call.request.namespace + "/";
    }
    key + &call.request.name
}

pub(super) fn revision_of(tree: &Tree) -> Result<u64, Status> {
    match tree.str_at(&["metadata", "resourceVersion"]).unwrap_or_default() {
        "" => Ok(0),
        text => text.parse().map_err(|_| {
            Status::plain(500, format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
        }),
    }
}

/// Whether a change is of the revision that is there, or of any where that may be.
fn check_revision(call: &Call<'_>, tree: &Tree, old: &Object) -> Result<u64, Status> {
    let revision = revision_of(tree)?;
    if revision == 0 && !call.info().unconditional_update {
        let zero = if call.server.profile().minor < 31 { "0x0" } else { "0" };
        let field = "metadata.resourceVersion";
        let error = FieldError::invalid_printed(field, zero, "must be specified for an update");
        return Err(Status::invalid_resource(call.info(), old.name(), &[error]));
    }
    if revision != 0 && revision != old.revision() {
        return Err(Status::modified(call.info(), old.name()));
    }
    Ok(revision)
}

/// Stores `tree` as what comes after `old`, as far as the request may change it.
pub(super) fn replace(call: &mut Call<'_>, old: &Object, wanted: &Tree, claim: Claim) -> Answered {
    escalation::check(call, wanted, Some(old.tree()))?;
    let tree = wanted;
    let revision = check_revision(call, tree, old)?;
    let was = old.tree();
    let tree = call.as_stored(tree);
    let tree = match call.request.subresource.as_deref() {
        Some("status" | "approval") => only_status(call, was, &tree),
        // Of a namespace: without any finalizers, one that is being deleted goes.
        Some("finalize") => take(&keep_metadata(call, was, &tree), was, &["status"]),
        Some("ephemeralcontainers") => parts::with_looks(was, &tree),
        Some("resize") => take(&parts::with_resources(was, &tree), was, &["metadata"]),
        _ => all_but_status(call, was, &tree),
    };
    let tree = signing::changed(call, was, tree);
    let tree = write::prepare_update(call, tree, old)?;
    let check = |shown: &Tree| write::validate_update(call, (&tree, shown), old);
    let mut errors = empties::in_words_of_the_request(call, &tree, check);
    let is_service = call.info().is("", "Service") && call.server.profile().minor < 21;
    if is_service && revision == 0 && call.request.verb == Verb::Update {
        let why = "must be specified for an update";
        let error = FieldError::invalid("metadata.resourceVersion", &"".into(), why);
        errors.splice(0..0, [error.clone(), error]);
    }
    spelling::check(call, old, &mut errors);
    if !errors.is_empty() {
        return Err(Status::invalid(call.info(), old.name(), &errors));
    }
    write::warn(call, &tree, Some(old));
    let name = old.name();
    admission::validate(call.server, call.info(), call.request.subresource.as_deref(), &tree)?;
    policy::ask(call, &Change { operation: "UPDATE", name, object: Some(&tree), old: Some(was) })?;
    if usage::may_grow(call.info(), call.request.subresource.as_deref(), &tree, was) {
        for charge in usage::charge(call.server, call.info(), &tree, Some(was))? {
            call.server.handle(&charge, call.now);
        }
    }
    // What goes with this is not read again.
    let tree = if is_finished(&tree) { tree } else { admission::read_back(call.info(), tree) };
    let says_more = call.said_more
        || empties::count(call, &tree)
        || call.info().is("resource.k8s.io", "ResourceSlice")
            && devices::says_what_goes(wanted, &tree);
    if tree == *was && !says_more && !claim.changes(call, old, wanted) {
        return Ok(call.answer(200, old.clone(), false));
    }
    let tree = if says_more || raises_generation(call, was, &tree) {
        tree.with(&["metadata", "generation"], old.generation() + 1)
    } else {
        tree
    };
    let note = call.write_note(Operation::Update);
    let ownership = claim.ownership(call, &note, Some(old), wanted);
    Ok(store(call, old, &tree, ownership))
}

/// The last step of a change: an object that nothing holds any more goes.
pub(super) fn store(
    call: &mut Call<'_>,
    old: &Object,
    tree: &Tree,
    ownership: Ownership,
) -> Response {
    let note = call.write_note(Operation::Update);
    if !is_finished(tree) {
        let object = call.server.commit_owned(call.kind.id, tree, Some(old), note, ownership);
        call.server.settle(&object, Some(old), false);
        return call.answer(200, object, true);
    }
    let last = call.server.remove(old, tree, note.clone());
    spelling::forget(call, old);
    call.server.settle(&last, Some(old), true);
    // The client sees what it would have stored, not the revision of the deletion, and it was not read back.
    let shown = empties::as_given(call, tree)
        .with(&["metadata", "resourceVersion"], old.revision().to_string());
    let shown = Object::new(call.kind.id, shown, note, ownership, Some(old));
    call.answer(200, shown, true)
}

/// Through `status`, nothing else changes.
fn only_status(call: &Call<'_>, old: &Tree, new: &Tree) -> Tree {
    let info = call.info();
    let start = if info.custom {
        old.clone()
    } else {
        let mut tree =
            keep_metadata(call, old, &old.with(&["metadata"], beside_status(info, old, new)));
        if &*info.kind == "Pod" {
            for key in ["ownerReferences", "deletionTimestamp"] {
                tree = take(&tree, old, &["metadata", key]);
            }
        }
        tree
    };
    let tree = take(&start, new, &["status"]);
    let class = ["status", "qosClass"];
    if info.is("", "Pod") && tree.at(&class).is_none() && call.server.profile().minor >= 32 {
        return take(&tree, old, &class);
    }
    tree
}

/// The metadata that is written along with a status: of most builtin kinds all that a client may write.
fn beside_status(info: &KindInfo, old: &Tree, new: &Tree) -> Tree {
    let metadata = |tree: &Tree| tree.get("metadata").cloned().unwrap_or_else(Tree::empty_map);
    match (&*info.group, &*info.kind) {
        ("flowcontrol.apiserver.k8s.io", _) => metadata(old),
        ("storage.k8s.io", "VolumeAttachment")
        | ("networking.k8s.io", "ServiceCIDR")
        | ("resource.k8s.io", "ResourceClaim")
        | ("apiregistration.k8s.io" | "admissionregistration.k8s.io", _) => {
            let kept =
                ["deletionTimestamp", "labels", "annotations", "finalizers", "ownerReferences"];
            // Through an APIService's own, what it says of its link is tried.
            let link = (&*info.group != "apiregistration.k8s.io").then_some("selfLink");
            let old = metadata(old);
            kept.into_iter().chain(link).fold(metadata(new), |tree, key| take(&tree, &old, &[key]))
        }
        ("apps", "Deployment") => {
            let metadata = conversion::with_rollback_of(old, &metadata(new));
            match old.at(&["metadata", "labels"]) {
                Some(labels) => metadata.with(&["labels"], labels),
                None => metadata.without(&["labels"]),
            }
        }
        ("apps", "DaemonSet") => match old.str_at(&admission::TEMPLATES) {
            // A client does not count the templates.
            Some(count) => metadata(new).with(&admission::TEMPLATES[1..], count),
            None => metadata(new),
        },
        _ => metadata(new),
    }
}

/// Through the object itself, everything but its status changes.
fn all_but_status(call: &Call<'_>, old: &Tree, new: &Tree) -> Tree {
    let mut tree = keep_metadata(call, old, new);
    if call.info().is("", "Namespace") {
        // They have their own way in: `finalize`.
        tree = take(&tree, old, &["spec", "finalizers"]);
    }
    let is_kept = call.info().has_subresource("status") && !call.info().writes_status_along();
    if is_kept { take(&tree, old, &["status"]) } else { tree }
}

/// What a client leaves out of the metadata, or may not decide, stays as it was.
fn keep_metadata(call: &Call<'_>, old: &Tree, new: &Tree) -> Tree {
    let metadata = |tree: &Tree| tree.get("metadata").cloned().unwrap_or_default();
    let (old, given) = (metadata(old), metadata(new));
    if given.same(&old) {
        return new.clone();
    }
    let mut kept = given.clone();
    for key in ["resourceVersion", "generation", "managedFields"] {
        kept = take(&kept, &old, &[key]);
    }
    // It goes where an object is stored, which is never tried.
    if !call.server.is_trial || call.server.profile().minor < 24 {
        kept = take(&kept, &old, &["selfLink"]);
    }
    // What a client says of its making, or of its end once that is settled, is read over.
    let ends = old.get("deletionTimestamp").is_some_and(|time| !time.is_null());
    for (key, settled) in [
        ("uid", false),
        ("creationTimestamp", true),
        ("deletionTimestamp", ends),
        ("deletionGracePeriodSeconds", false),
    ] {
        if settled || kept.get(key).is_none_or(Tree::is_empty) {
            kept = take(&kept, &old, &[key]);
        }
    }
    for key in ["labels", "annotations", "finalizers", "ownerReferences"] {
        if kept.get(key).is_some_and(Tree::is_empty) {
            kept = kept.without(&[key]);
        }
    }
    if kept.same(&given) { new.clone() } else { new.with(&["metadata"], kept) }
}

/// `tree` with what `from` has at a path, or without anything there.
fn take(tree: &Tree, from: &Tree, path: &[&str]) -> Tree {
    match from.at(path) {
        Some(value) => tree.with(path, value),
        None => tree.without(path),
    }
}

/// Generation counts changes of what is wanted: everything but metadata and, where it has its own way in, status.
fn raises_generation(call: &Call<'_>, old: &Tree, new: &Tree) -> bool {
    let info = call.info();
    // Counted from its first change on.
    if info.is("storage.k8s.io", "CSIDriver") && call.server.profile().minor >= 24 {
        return old.get("spec") != new.get("spec");
    }
    if !info.tracks_generation
        || call.request.subresource.as_deref() == Some("status")
        || info.is("scheduling.k8s.io", "PriorityClass")
    {
        return false;
    }
    let keys = new.entries().chain(old.entries()).map(|(key, _)| key);
    let changed = keys.filter(|key| is_wanted(info, key)).any(|key| new.get(key) != old.get(key));
    // Some say what they want in their metadata.
    let more = if info.is("apps", "Deployment") {
        "annotations"
    } else if info.is("discovery.k8s.io", "EndpointSlice") && call.server.profile().minor >= 22 {
        "labels"
    } else {
        return changed;
    };
    changed || old.at(&["metadata", more]) != new.at(&["metadata", more])
}

/// Whether a member of an object says what is wanted, and not what is.
pub(super) fn is_wanted(info: &KindInfo, member: &str) -> bool {
    match member {
        "metadata" | "apiVersion" | "kind" => false,
        "status" => info.custom && !info.has_subresource("status"),
        _ => true,
    }
}

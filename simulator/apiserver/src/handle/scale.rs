//! How many of something there are, and how many are wanted: a Scale, which is read from an object and written to it.

use super::claim::Claim;
use super::{Answered, Call, apply, body, patched, read, update, write};
use crate::kinds::{self, KindInfo};
use crate::object::{Object, Operation, Tree};
use crate::ownership::{Managers, Ownership, Scaled, Update};
use crate::registry::Kind;
use crate::request::{Answer, PatchKind, Response, Verb};
use crate::selector::LabelSelector;
use crate::status::{Details, FieldError, Status};

/// What a patch finds of a custom object that says no number. No client may leave it so.
const NOT_SAID: i64 = i32::MIN as i64;

pub(super) fn scale(call: &mut Call<'_>) -> Answered {
    match call.request.verb {
        Verb::Get => {
            let response = read::get(call).map_err(|status| not_there(call, status))?;
            let Answer::Object(object) = &response.body else { return Ok(response) };
            if call.info().custom && number(call.info(), object).is_none() {
                let path = replicas_path(call.info());
                let why = format!("the spec replicas field {path:?} does not exist");
                return Err(Status::internal(&why));
            }
            Ok(answer(call.info(), object, false))
        }
        Verb::Update => replace(call),
        _ => patch(call),
    }
}

/// Older servers say of what nothing was found.
fn not_there(call: &Call<'_>, status: Status) -> Status {
    let is_old = call.server.profile().minor < 22 && !call.info().custom;
    if is_old && status.code == 404 { status.about_scale(call.info()) } else { status }
}

/// An object and its scale, before they change.
struct Before {
    object: Object,
    /// The object in the version of the request.
    shown: Object,
    scale: Tree,
    /// Those who own the number, as owners of the scale's.
    owners: Managers,
}

impl Before {
    fn of(call: &Call<'_>) -> Result<Self, Status> {
        let object = call.stored().map_err(|status| not_there(call, status))?;
        let shown = crate::watch::in_version(object.clone(), call.info());
        let info = call.info();
        let mut scale = scale_of(info, &shown);
        if info.custom && number(info, &shown).is_none() {
            scale = scale.with(&["spec", "replicas"], NOT_SAID);
        }
        // Older servers did not see who scaled.
        let owners = if call.server.profile().minor < 22 {
            Managers::default()
        } else {
            object.ownership().managers().of_scale(&scaled(info))
        };
        Ok(Self { object, shown, scale, owners })
    }
}

fn scaled(info: &KindInfo) -> Scaled<'_> {
    Scaled { kind: info, path: replicas_path(info).trim_start_matches('.') }
}

/// Does something as if the scale were an object of a kind of its own.
fn as_scale<T>(call: &mut Call<'_>, act: impl FnOnce(&mut Call<'_>) -> T) -> T {
    let info = kinds::scale(call.server.profile(), call.info());
    let kind = Kind { id: call.kind.id, info: info.into() };
    let warnings = std::mem::take(&mut call.warnings);
    let mut on_scale =
        Call { warnings, ..Call::new(&mut *call.server, call.request, kind, call.now) };
    let done = act(&mut on_scale);
    call.warnings = on_scale.warnings;
    done
}

fn replace(call: &mut Call<'_>) -> Answered {
    let read = as_scale(call, |call| {
        let sent = body::object(call)?;
        write::shape(call, &sent, None)
    });
    // Those of custom objects are told in a scheme of their own, which lacks them where it looks for words.
    let wanted = read.map_err(|status| match status.code {
        400 if call.info().custom => unregistered(),
        _ => status,
    })?;
    let is_old = call.server.profile().minor < 22 && !call.info().custom;
    if is_old && wanted.str_at(&["metadata", "namespace"]).is_none_or(str::is_empty) {
        update::check_name(call, &wanted)?;
        let before = Before::of(call)?;
        let error = FieldError::required("metadata.namespace", "");
        return Err(invalid(before.object.name(), &[error]));
    }
    let wanted = write::place(call, &wanted)?;
    update::check_name(call, &wanted)?;
    let before = Before::of(call)?;
    let uid = wanted.str_at(&["metadata", "uid"]).unwrap_or_default();
    if !uid.is_empty() && uid != before.object.uid() {
        return Err(update::other_uid(call, uid, before.object.uid()));
    }
    // What says not what it is cannot be compared, where the kind is custom.
    let says = |sent: &Tree| {
        let is_said = |key: &str| sent.str_at(&[key]).is_some_and(|text| !text.is_empty());
        is_said("kind") && is_said("apiVersion")
    };
    let is_told = !call.info().custom || body::raw(call).is_ok_and(|sent| says(&sent));
    let owners = owners_after(call, &before, &wanted, is_told);
    store(call, &before, &wanted, &owners)
}

fn unregistered() -> Status {
    let scheme = "pkg/runtime/scheme.go:110";
    Status::bad_request(format!("no kind is registered for the type v1.Scale in scheme {scheme:?}"))
}

fn patch(call: &mut Call<'_>) -> Answered {
    let before = Before::of(call)?;
    let (kind, patch) = patched::body(call)?;
    if kind == PatchKind::Apply {
        return apply(call, &before, &patch);
    }
    let path = ["metadata", "managedFields"];
    let target = if before.owners.is_empty() {
        before.scale.clone()
    } else {
        before.scale.with(&path, before.owners.to_tree())
    };
    let wanted = as_scale(call, |call| {
        call.target = Some(target.clone());
        let tree = patched::apply(call, kind, &target, &patch)?;
        let tree = if kind == PatchKind::Strategic {
            update::restored(call, &target, &patch, &tree)?
        } else {
            update::check_told(call, &tree, None)?;
            tree
        };
        write::shape(call, &tree, None)
    })?;
    let is_told = ["kind", "apiVersion"].iter().all(|key| wanted.get(key).is_some());
    let wanted = wanted.without(&path);
    let wanted = write::place(call, &wanted)?;
    update::check_name(call, &wanted)?;
    let owners = owners_after(call, &before, &wanted, is_told);
    store(call, &before, &wanted, &owners)
}

/// To apply a scale is to apply the number of replicas, where its object keeps it.
fn apply(call: &mut Call<'_>, before: &Before, config: &Tree) -> Answered {
    let is_custom = call.info().custom;
    let mut owners = before.owners.clone();
    let (title, applied) = as_scale(call, |call| {
        apply::check_type(call, config)?;
        let cannot = "request to convert CR to an invalid group/version: autoscaling/v1";
        if is_custom && owners.is_empty() {
            let why = format!(
                "failed to create manager for existing fields: failed to convert live object (/; autoscaling/v1, Kind=Scale) to proper version: {cannot}"
            );
            return Err(Status::plain(500, why));
        }
        let applied = apply::carry_out(call, &mut owners, &before.scale, config)?;
        let title = apply::title(call, config);
        if is_custom && applied.is_some() {
            let why = format!("failed to convert new object ({title}) to proper version: {cannot}");
            return Err(Status::plain(500, why));
        }
        Ok((title, applied))
    })?;
    let wanted = applied.unwrap_or_else(|| before.scale.clone());
    let wanted = write::place(call, &wanted)?;
    update::check_name(call, &wanted)?;
    let wanted = as_scale(call, |call| apply::shape(call, &title, &wanted, None))?;
    store(call, before, &wanted, &owners)
}

/// Who owns the scale's number after it was replaced or patched.
fn owners_after(call: &Call<'_>, before: &Before, wanted: &Tree, is_told: bool) -> Managers {
    if !is_told {
        return Managers::default();
    }
    let info = kinds::scale(call.server.profile(), call.info()).into();
    let write =
        crate::store::Server::write_by(call.request, "autoscaling/v1", Operation::Update, call.now);
    // None is as good as nothing said.
    let path = ["spec", "replicas"];
    let new = if wanted.int_at(&path) == Some(0) { wanted.without(&path) } else { wanted.clone() };
    let after = Ownership::of(before.owners.clone()).after(Update {
        write: &write,
        kind: &info,
        others: Vec::new(),
        minor: call.server.profile().minor,
        old: Some(&before.scale),
        new: &new,
        stated: None,
    });
    (*after.managers()).clone()
}

/// Writes the number to the object.
fn store(call: &mut Call<'_>, before: &Before, wanted: &Tree, owners: &Managers) -> Answered {
    let object = &before.object;
    let replicas = wanted.int_at(&["spec", "replicas"]).unwrap_or(0);
    let uid = wanted.str_at(&["metadata", "uid"]).unwrap_or_default();
    if call.info().custom {
        if replicas == NOT_SAID {
            let path = replicas_path(call.info());
            let why = format!("the spec replicas field {path:?} cannot be empty");
            return Err(Status::bad_request(why));
        }
    } else {
        let mut errors = as_scale(call, |call| write::faults_of_metadata(call, wanted));
        if replicas < 0 {
            let detail = "must be greater than or equal to 0";
            errors.push(FieldError::invalid("spec.replicas", &replicas.into(), detail));
        }
        if !errors.is_empty() {
            return Err(invalid(object.name(), &errors));
        }
        if !uid.is_empty() && uid != object.uid() {
            let own = object.uid();
            let why = format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {own}"
            );
            return Err(Status::conflict(call.info(), object.name(), &why).about_scale(call.info()));
        }
    }
    let info = call.kind.info.clone();
    let scaled = scaled(&info);
    let path: Vec<&str> = scaled.path.split('.').collect();
    let mut tree = before.shown.tree().with(&path, replicas);
    let revision = wanted.str_at(&["metadata", "resourceVersion"]).unwrap_or_default();
    if !revision.is_empty() {
        tree = tree.with(&["metadata", "resourceVersion"], revision);
    } else if !info.custom {
        tree = tree.without(&["metadata", "resourceVersion"]);
    }
    let claim = if call.server.profile().minor < 22 {
        Claim::None
    } else {
        let managers = object.ownership().managers().with_scale(&scaled, owners);
        Claim::Applied { managers, differs: true }
    };
    let response = update::replace(call, object, &tree, claim)?;
    let Answer::Object(object) = &response.body else { return Ok(response) };
    Ok(answer(call.info(), object, response.changed))
}

fn invalid(name: &str, errors: &[FieldError]) -> Status {
    let details = Details {
        name: name.to_owned(),
        group: "autoscaling".into(),
        kind: "Scale".into(),
        ..Details::default()
    };
    Status::invalid_object("Scale.autoscaling", details, errors)
}

fn answer(info: &KindInfo, object: &Object, changed: bool) -> Response {
    let body = Answer::Tree(scale_of(info, object));
    Response { code: 200, body, warnings: Vec::new(), changed }
}

/// Where the number stands: in a custom object, where its definition says. With a leading dot.
fn replicas_path(info: &KindInfo) -> &str {
    info.scale.as_ref().map_or(".spec.replicas", |scale| &scale.spec_replicas)
}

fn find<'t>(tree: &'t Tree, path: &str) -> Option<&'t Tree> {
    path.trim_start_matches('.').split('.').try_fold(tree, |tree, key| tree.get(key))
}

fn number(info: &KindInfo, object: &Object) -> Option<i64> {
    find(object.tree(), replicas_path(info))?.as_i64()
}

fn scale_of(info: &KindInfo, object: &Object) -> Tree {
    let tree = object.tree();
    // None is as good as nothing said.
    let wanted = match number(info, object) {
        None | Some(0) => Tree::empty_map(),
        Some(replicas) => Tree::map([("replicas", Tree::from(replicas))]),
    };
    let status = info.scale.as_ref().map_or(".status.replicas", |scale| &scale.status_replicas);
    let are = find(tree, status).cloned().unwrap_or_else(|| 0.into());
    let mut scale =
        Tree::map([("kind", Tree::from("Scale")), ("apiVersion", "autoscaling/v1".into())])
            .with(&["spec"], wanted)
            .with(&["status", "replicas"], are);
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = tree.at(&["metadata", key]) {
            scale = scale.with(&["metadata", key], value);
        }
    }
    match selector(info, tree) {
        Some(selector) if !selector.is_empty() => scale.with(&["status", "selector"], selector),
        _ => scale,
    }
}

fn selector(info: &KindInfo, tree: &Tree) -> Option<String> {
    if info.custom {
        let path = info.scale.as_ref().map(|scale| &*scale.label_selector)?;
        let found = (!path.is_empty()).then(|| find(tree, path)).flatten();
        return found.and_then(Tree::as_str).map(str::to_owned);
    }
    let selector = tree.at(&["spec", "selector"])?;
    if selector.get("matchLabels").is_none() && &*info.kind == "ReplicationController" {
        let pairs = selector
            .entries()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        return Some(pairs.collect::<Vec<_>>().join(","));
    }
    Some(LabelSelector::from_tree(selector).to_string())
}

//! Server-side apply: the object as its writer wants it, of what he cares for.

use super::claim::Claim;
use super::{Answered, Call, create, update, write};
use crate::builtin::conversion;
use crate::object::{Object, Tree, text};
use crate::ownership::{self, Applier, Conflict, Managers};
use crate::schema::restore;
use crate::status::Status;

/// The annotation in which `kubectl apply` keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) fn apply(call: &mut Call<'_>, config: &Tree) -> Answered {
    let old = match call.stored() {
        Ok(old) => Some(old),
        Err(status) if call.request.subresource.is_some() && !update::creates_on_update(call) => {
            return Err(status);
        }
        Err(_) => None,
    };
    check_type(call, config)?;
    let live = match &old {
        Some(old) => crate::watch::in_version(old.clone(), call.info()).tree().clone(),
        None => Tree::map([
            ("apiVersion", Tree::from(call.info().api_version())),
            ("kind", (&*call.info().kind).into()),
        ]),
    };
    let mut managers = match &old {
        Some(old) => (*old.ownership().managers()).clone(),
        None => Managers::default(),
    };
    let applied = carry_out(call, &mut managers, &live, config)?;
    let differs = applied.is_some();
    let tree = applied.unwrap_or_else(|| live.clone());
    if !call.info().custom
        && let Some(why) = update::misfit(call, &tree, &live)
    {
        return Err(unfit(call, &title(call, config), &why));
    }
    let tree = if old.is_some() { named(call, &tree) } else { tree };
    let title = title(call, config);
    let tree = shape(call, &title, &tree, old.as_ref())?;
    if old.is_none() {
        check_new(call, &tree)?;
    }
    let tree = write::place(call, &tree)?;
    update::check_name(call, &tree)?;
    if let Some(old) = old {
        return update::replace(call, &old, &tree, Claim::Applied { managers, differs });
    }
    let name = call.request.name.clone();
    create::check_namespace(call, &name)?;
    // A revision means nothing to what is not there yet, but it must be one.
    update::revision_of(&tree)?;
    create::store(call, &tree, Claim::Applied { managers, differs: true })
}

/// An object without a name has that of the URL.
fn named(call: &Call<'_>, tree: &Tree) -> Tree {
    let path = ["metadata", "name"];
    if tree.str_at(&path).is_none_or(str::is_empty) {
        tree.with(&path, &call.request.name)
    } else {
        tree.clone()
    }
}

fn check_new(call: &Call<'_>, tree: &Tree) -> Result<(), Status> {
    let uid = tree.str_at(&["metadata", "uid"]).unwrap_or_default();
    if uid.is_empty() {
        return Ok(());
    }
    let why = format!(
        "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
    );
    Err(Status::conflict(call.info(), &call.request.name, &why))
}

pub(super) fn check_type(call: &Call<'_>, config: &Tree) -> Result<(), Status> {
    let info = call.info();
    let kind = config.str_at(&["kind"]).unwrap_or_default();
    let version = config.str_at(&["apiVersion"]).unwrap_or_default();
    let wanted = info.api_version();
    let is_old = call.server.profile().minor < 21;
    if kind != &*info.kind || version != wanted && !is_old {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        return Err(Status::bad_request(format!(
            "invalid object type: {group}/{version}, Kind={kind}"
        )));
    }
    if version != wanted {
        return Err(Status::bad_request(format!(
            "Incorrect version specified in apply patch. Specified patch version: {version}, expected: {wanted}"
        )));
    }
    Ok(())
}

pub(super) fn carry_out(
    call: &Call<'_>,
    managers: &mut Managers,
    live: &Tree,
    config: &Tree,
) -> Result<Option<Tree>, Status> {
    let info = call.info();
    let is_new = live.get("metadata").is_none();
    let unfit = || ownership::fault_of_stored(&info.schema, live);
    if !is_new
        && managers.is_empty()
        && let Some(fault) = unfit()
    {
        let title = title(call, live);
        return Err(Status::plain(
            500,
            format!(
                "failed to create manager for existing fields: failed to convert new object ({title}) to smd typed: {fault}"
            ),
        ));
    }
    if config.at(&["metadata", "managedFields"]).is_some_and(|list| !list.is_null()) {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    if let Some(fault) = ownership::fault(&info.schema, config) {
        return Err(Status::plain(
            500,
            match call.server.profile().minor {
                0..=20 => format!("failed to create typed patch object: {fault}"),
                _ => format!(
                    "failed to create typed patch object ({}): {fault}",
                    title(call, config)
                ),
            },
        ));
    }
    if info.custom
        && !is_new
        && let Some(fault) = unfit()
    {
        let title = title(call, live);
        return Err(Status::plain(
            500,
            format!("failed to create typed live object ({title}): {fault}"),
        ));
    }
    // Without conversion the other managers' versions are asked what they know of the object as it is in this one.
    let others = managers.versions().into_iter().filter(|version| **version != *info.api_version());
    for version in others.filter(|_| info.custom && call.server.profile().minor > 20) {
        let known = call.versions().find(|known| known.api_version() == *version);
        if let Some(fault) = known.and_then(|known| ownership::fault(&known.schema, live)) {
            return Err(Status::plain(500, fault));
        }
    }
    let manager = &*call.request.options.field_manager;
    let applier = Applier {
        manager: text(manager),
        kind: info,
        subresource: call.request.subresource.as_deref(),
        time: call.now,
        minor: call.server.profile().minor,
    };
    let force = call.request.options.force == Some(true);
    let is_kubectl = manager == "kubectl";
    let mut applied = applier.apply(managers, live, config, force);
    if let (Err(conflicts), true) = (&applied, is_kubectl) {
        // What kubectl said from its own side before is its own.
        let rest = not_its_own(call, conflicts, live);
        if !rest.is_empty() {
            return Err(conflict(&rest));
        }
        applied = applier.apply(managers, live, config, true);
    }
    let applied = applied.map_err(|conflicts| conflict(&conflicts))?;
    let path = ["metadata", "annotations", LAST_APPLIED];
    if is_kubectl && live.at(&path).is_some() {
        let said = String::from_utf8_lossy(&config.to_json()).into_owned() + "\n";
        return Ok(Some(applied.unwrap_or_else(|| live.clone()).with(&path, said)));
    }
    Ok(applied)
}

fn not_its_own(call: &Call<'_>, conflicts: &[Conflict], live: &Tree) -> Vec<Conflict> {
    let said = live.str_at(&["metadata", "annotations", LAST_APPLIED]);
    let Some(last) = said.and_then(|said| Tree::from_json(said.as_bytes()).ok()) else {
        return conflicts.to_vec();
    };
    let own = ownership::still_holding(&call.info().schema, &last, live);
    let rest = conflicts.iter().map(|conflict| Conflict {
        manager: conflict.manager.clone(),
        fields: conflict.fields.clone().difference(&own),
    });
    rest.filter(|conflict| !conflict.fields.is_empty()).collect()
}

fn conflict(conflicts: &[Conflict]) -> Status {
    let mut causes = Vec::new();
    for conflict in conflicts {
        for path in conflict.fields.paths() {
            causes.push((conflict.manager.as_str(), path));
        }
    }
    let message = match causes.as_slice() {
        [(manager, path)] => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {path}")
        }
        several => {
            let mut lines = Vec::new();
            for conflict in conflicts {
                lines.push(format!("conflicts with {}:", conflict.manager));
                lines.extend(conflict.fields.paths().iter().map(|path| format!("- {path}")));
            }
            format!("Apply failed with {} conflicts: {}", several.len(), lines.join("\n"))
        }
    };
    Status::apply_conflict(message, &causes)
}

/// An object as errors about it name it: `(ns/name; apps/v1, Kind=Deployment)`.
pub(super) fn title(call: &Call<'_>, config: &Tree) -> String {
    let info = call.info();
    let string = |key: &str| config.str_at(&["metadata", key]).unwrap_or_default();
    let version = format!("{}/{}", info.group, info.version);
    format!("{}/{}; {version}, Kind={}", string("namespace"), string("name"), info.kind)
}

/// `title`: of what was applied.
pub(super) fn shape(
    call: &mut Call<'_>,
    title: &str,
    tree: &Tree,
    old: Option<&Object>,
) -> Result<Tree, Status> {
    let info = call.kind.info.clone();
    call.given = Some(tree.clone());
    let old = old.map(Object::tree);
    let read = if info.custom {
        info.schema.prune_made(tree, old)
    } else {
        info.schema.decode(&restore::cut(info.schema.root(), tree), old)
    };
    let (tree, unknown) = read.map_err(|misfit| {
        let why = update::misfit(call, tree, &Tree::null()).filter(|_| !info.custom);
        unfit(call, title, &why.unwrap_or_else(|| restore::said(&misfit.to_string())))
    })?;
    // What the schema lacks goes when the object is read again, after it was asked what changed.
    call.said_more = info.custom
        && call.request.subresource.is_none()
        && unknown.iter().any(|path| update::is_wanted(&info, member_of(path)));
    if let Some(why) = conversion::misfit(&info, &tree) {
        let why = format!("failed to convert to unversioned ({title}): {why}");
        return Err(Status::plain(500, why));
    }
    Ok(info.schema.default_made(&tree, old))
}

/// Of `spec.ports[0].name`: `spec`.
fn member_of(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// For an outcome that is no object of its kind.
fn unfit(call: &Call<'_>, title: &str, why: &str) -> Status {
    let info = call.info();
    let (group, version, kind) = (&info.group, &info.version, &info.kind);
    Status::plain(
        500,
        format!(
            "failed to convert new object ({title}) to proper version: unable to convert unstructured object to {group}/{version}, Kind={kind}: {why}"
        ),
    )
}

//! What can be asked of an object besides the object: its scale, its node, its end.

use super::claim::Claim;
use super::{Answered, Call, apply, body, fields, patched, update};
use crate::golang;
use crate::object::{Object, Operation, Tree};
use crate::request::{Answer, Gvr, PatchKind, Response, Verb};
use crate::schema::Schema;
use crate::selector::LabelSelector;
use crate::status::{Details, FieldError, Status};

/// How many of something there are, and how many are wanted.
pub(super) fn scale(call: &mut Call<'_>) -> Answered {
    let is_old = call.server.profile().minor < 22 && !call.info().custom;
    let object = call
        .stored()
        .map_err(|status| if is_old { status.about_scale(call.info()) } else { status })?;
    let current = scale_of(call, &object)?;
    if call.request.verb == Verb::Get {
        return Ok(tree_answer(current, false));
    }
    let wanted = if call.request.verb == Verb::Patch {
        let (kind, patch) = patched::body(call)?;
        if kind == PatchKind::Apply {
            return apply_scale(call, &object, &patch);
        }
        let patched = patched::apply(call, kind, &current, &patch)?;
        let table = call.server.profile().table();
        let schema = Schema::builtin(table, "autoscaling.v1.Scale");
        let read = schema.map(|schema| schema.decode(&patched, None));
        if let Some(Ok((_, unknown))) = &read {
            let shown = match kind {
                PatchKind::Strategic => golang::print(&patch),
                _ => patched::shown_as(
                    call,
                    &with_owners(&object, &patched),
                    "autoscaling/v1",
                    "Scale",
                ),
            };
            read_over(call, unknown, |why| Status::invalid_patch(&shown, why))?;
        }
        if let (Some(schema), Some(Err(misfit))) =
            (Schema::builtin(call.server.profile().table(), "autoscaling.v1.Scale"), read)
        {
            let minor = call.server.profile().minor;
            let owned = if minor < 22 { patched } else { with_owners(&object, &patched) };
            let shown = patched::shown_as(call, &owned, "autoscaling/v1", "Scale");
            let why = (minor < 23).then(|| schema.misread(shown.as_bytes())).flatten();
            let why = why.unwrap_or_else(|| misfit.to_string());
            return Err(Status::invalid_patch(&shown, &why));
        }
        patched
    } else {
        let sent = body::raw(call)?;
        if let Some(kind) = sent.str_at(&["kind"]).filter(|kind| *kind != "Scale") {
            let version = sent.str_at(&["apiVersion"]).unwrap_or_default().rsplit('/').next();
            let version = version.unwrap_or_default();
            return Err(Status::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a Scale: converting ({version}.{kind}) to (autoscaling.Scale): unknown conversion"
            )));
        }
        let named = sent.str_at(&["metadata", "name"]).is_some_and(|name| name == object.name());
        if is_old && named && sent.str_at(&["metadata", "namespace"]).is_none_or(str::is_empty) {
            let error = FieldError::required("metadata.namespace", "");
            return Err(Status::invalid_object(
                "Scale.autoscaling",
                scale_details(object.name()),
                &[error],
            ));
        }
        let table = call.server.profile().table();
        let schema = Schema::builtin(table, "autoscaling.v1.Scale");
        if let Some(Ok((_, unknown))) = schema.map(|schema| schema.decode(&sent, None)) {
            read_over(call, &unknown, |why| {
                let lead = "Scale in version \"v1\" cannot be handled as a Scale";
                Status::bad_request(format!("{lead}: {why}"))
            })?;
        }
        sent
    };
    let (name, asked) = (wanted.str_at(&["metadata", "name"]).unwrap_or_default(), object.name());
    if name != asked {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({asked})"
        )));
    }
    let revision = wanted.str_at(&["metadata", "resourceVersion"]).unwrap_or_default();
    if !revision.is_empty() && revision != object.revision().to_string() {
        return Err(Status::modified(call.info(), asked));
    }
    let replicas = wanted.int_at(&["spec", "replicas"]).unwrap_or(0);
    // Of a custom object its own rules say so.
    if replicas < 0 && !call.info().custom {
        let detail = "must be greater than or equal to 0";
        let error = FieldError::invalid("spec.replicas", &replicas.into(), detail);
        return Err(Status::invalid_object("Scale.autoscaling", scale_details(asked), &[error]));
    }
    let paths = paths(call);
    let path: Vec<&str> = paths.replicas.iter().map(String::as_str).collect();
    let tree = object.tree().with(&path, replicas);
    // Older servers did not see who scaled.
    let is_old = call.server.profile().minor < 22;
    let claim = if is_old { Claim::None } else { Claim::Stated(None) };
    let response = update::replace(call, &object, &tree, claim)?;
    let Answer::Object(object) = &response.body else { return Ok(response) };
    Ok(tree_answer(scale_of(call, object)?, response.changed))
}

/// Tells of members that no scale has.
fn read_over(
    call: &mut Call<'_>,
    unknown: &[String],
    refusal: impl Fn(&str) -> Status,
) -> Result<(), Status> {
    let validation = &*call.request.options.field_validation;
    if validation == "Ignore" || call.server.profile().minor < 25 {
        return Ok(());
    }
    let said = fields::remarks(call, unknown);
    if validation == "Strict" && !said.refusal.is_empty() {
        return Err(refusal(&format!("strict decoding error: {}", said.refusal.join(", "))));
    }
    call.warnings.extend(said.warnings);
    Ok(())
}

/// A scale with those who have scaled.
fn with_owners(object: &Object, scale: &Tree) -> Tree {
    let managers = object.ownership().managers();
    let scaled = managers.to_tree();
    let replicas = ["fieldsV1", "f:spec", "f:replicas"];
    let entries = scaled.items().iter().filter(|entry| entry.at(&replicas).is_some());
    let entries = entries.map(|entry| {
        let fields = Tree::map([("f:spec", Tree::map([("f:replicas", Tree::empty_map())]))]);
        entry.with(&["apiVersion"], "autoscaling/v1").with(&["fieldsV1"], fields)
    });
    scale.with(&["metadata", "managedFields"], Tree::list(entries))
}

fn scale_details(name: &str) -> Details {
    Details {
        name: name.to_owned(),
        group: "autoscaling".into(),
        kind: "Scale".into(),
        ..Details::default()
    }
}

/// To apply a scale is to apply the number of replicas, where its object keeps it.
fn apply_scale(call: &mut Call<'_>, object: &Object, scale: &Tree) -> Answered {
    let (kind, version) = (scale.str_at(&["kind"]), scale.str_at(&["apiVersion"]));
    if (kind, version) != (Some("Scale"), Some("autoscaling/v1")) {
        let (kind, version) = (kind.unwrap_or_default(), version.unwrap_or_default());
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        return Err(Status::bad_request(format!(
            "invalid object type: {group}/{version}, Kind={kind}"
        )));
    }
    let info = call.info();
    let mut config =
        Tree::map([("apiVersion", Tree::from(info.api_version())), ("kind", (&*info.kind).into())])
            .with(&["metadata", "name"], object.name());
    let paths = paths(call);
    let path: Vec<&str> = paths.replicas.iter().map(String::as_str).collect();
    if let Some(replicas) = scale.at(&["spec", "replicas"]) {
        config = config.with(&path, replicas);
    }
    let own = format!(" using {}", info.api_version());
    let force = call.request.options.force == Some(true);
    if call.server.profile().minor < 22
        && !call.info().custom
        && !force
        && config.at(&path).is_some_and(|wanted| object.tree().at(&path) != Some(wanted))
    {
        // Older servers did not look who had scaled what a Scale stands for.
        let manager = "\"before-first-apply\" using autoscaling/v1";
        let message =
            format!("Apply failed with 1 conflict: conflict with {manager}: .spec.replicas");
        return Err(Status::apply_conflict(message, &[(manager, ".spec.replicas".to_owned())]));
    }
    if call.info().custom {
        // It fails where the result is read back; what comes before is looked at on a copy.
        let mut copy = call.server.clone();
        let (request, kind, now) = (call.request, call.kind.clone(), call.now);
        let trial = Call::new(&mut copy, request, kind, now);
        apply::apply(&mut { trial }, &config)
            .map_err(|status| status.renamed(&own, " using autoscaling/v1"))?;
        let name = object.name();
        return Err(Status::plain(
            500,
            format!(
                "failed to convert new object (/{name}; autoscaling/v1, Kind=Scale) to proper version: request to convert CR to an invalid group/version: autoscaling/v1"
            ),
        ));
    }
    let response = apply::apply(call, &config)
        .map_err(|status| status.renamed(&own, " using autoscaling/v1"))?;
    let Answer::Object(object) = &response.body else { return Ok(response) };
    Ok(tree_answer(scale_of(call, object)?, response.changed))
}

struct Paths {
    replicas: Vec<String>,
    status: Vec<String>,
    selector: Option<Vec<String>>,
}

/// Where the numbers stand: in a custom object, where its definition says.
fn paths(call: &Call<'_>) -> Paths {
    let split = |path: &str| path.trim_start_matches('.').split('.').map(str::to_owned).collect();
    match &call.info().scale {
        Some(scale) => Paths {
            replicas: split(&scale.spec_replicas),
            status: split(&scale.status_replicas),
            selector: (!scale.label_selector.is_empty()).then(|| split(&scale.label_selector)),
        },
        None => Paths {
            replicas: split("spec.replicas"),
            status: split("status.replicas"),
            selector: None,
        },
    }
}

fn scale_of(call: &Call<'_>, object: &Object) -> Result<Tree, Status> {
    let paths = paths(call);
    let find =
        |path: &[String]| path.iter().try_fold(object.tree(), |tree, key| tree.get(key)).cloned();
    let Some(replicas) = find(&paths.replicas).or_else(|| (!call.info().custom).then(|| 0.into()))
    else {
        let path = paths.replicas.join(".");
        return Err(Status::internal(&format!(
            "the spec replicas field \".{path}\" does not exist"
        )));
    };
    // None is as good as nothing said.
    let wanted = match replicas.as_i64() {
        Some(0) => Tree::empty_map(),
        _ => Tree::map([("replicas", replicas)]),
    };
    let mut tree =
        Tree::map([("kind", Tree::from("Scale")), ("apiVersion", "autoscaling/v1".into())])
            .with(&["spec"], wanted)
            .with(&["status", "replicas"], find(&paths.status).unwrap_or_else(|| 0.into()));
    for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.tree().at(&["metadata", key]) {
            tree = tree.with(&["metadata", key], value);
        }
    }
    let selector = if call.info().custom {
        paths.selector.as_deref().and_then(find).and_then(|found| found.as_str().map(str::to_owned))
    } else {
        object.tree().at(&["spec", "selector"]).map(|selector| match selector.get("matchLabels") {
            None if &*call.info().kind == "ReplicationController" => {
                let pairs = selector
                    .entries()
                    .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
                pairs.collect::<Vec<_>>().join(",")
            }
            _ => LabelSelector::from_tree(selector).to_string(),
        })
    };
    Ok(match selector {
        Some(selector) if !selector.is_empty() => tree.with(&["status", "selector"], selector),
        _ => tree,
    })
}

fn tree_answer(tree: Tree, changed: bool) -> Response {
    Response { code: 200, body: Answer::Tree(tree), warnings: Vec::new(), changed }
}

/// The same, where the body says which pod.
pub(super) fn bind_any(call: &mut Call<'_>) -> Answered {
    let binding = body::raw(call)?;
    let name = binding.str_at(&["metadata", "name"]).unwrap_or_default();
    let pods = Gvr::new("", "v1", "pods");
    let mut request = call.request.clone();
    (request.resource, request.name, request.subresource) =
        (pods, name.to_owned(), Some("binding".into()));
    let Ok(kind) = call.server.kinds.find(&request.resource).cloned() else {
        return Err(Status::unknown_resource());
    };
    let (server, now) = (&mut *call.server, call.now);
    bind(&mut Call::new(server, &request, kind, now))
}

/// Puts a pod on a node.
pub(super) fn bind(call: &mut Call<'_>) -> Answered {
    let binding = body::raw(call)?;
    if binding.str_at(&["metadata", "name"]).unwrap_or_default() != call.request.name {
        return Err(Status::bad_request("name in URL does not match name in Binding object"));
    }
    let node = binding.str_at(&["target", "name"]).unwrap_or_default();
    if let Some(kind) =
        binding.str_at(&["target", "kind"]).filter(|kind| !matches!(*kind, "" | "Node"))
    {
        return Err(Status::plain(
            500,
            format!(
                "target.kind: Unsupported value: {kind:?}: supported values: \"Node\", \"<empty>\""
            ),
        ));
    }
    if node.is_empty() {
        return Err(Status::plain(500, "target.name: Required value"));
    }
    let pod = call.stored()?;
    let name = pod.name();
    let refused = |why: String| {
        let message = format!("Operation cannot be fulfilled on pods/binding {name:?}: {why}");
        let details =
            Details { name: name.to_owned(), kind: "pods/binding".into(), ..Details::default() };
        Err(Status::conflict_with(message, details))
    };
    if pod.is_deleting() {
        return refused(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    if let Some(known) = pod.tree().str_at(&["spec", "nodeName"]).filter(|known| !known.is_empty())
    {
        return refused(format!("pod {name} is already assigned to node {known:?}"));
    }
    if pod.tree().at(&["spec", "schedulingGates"]).is_some_and(|gates| !gates.is_empty()) {
        return refused(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    let mut tree = pod.tree().with(&["spec", "nodeName"], node);
    for what in ["annotations", "labels"] {
        let added = binding.at(&["metadata", what]).cloned().unwrap_or_default();
        for (key, value) in added.entries() {
            tree = tree.with(&["metadata", what, key], value);
        }
    }
    tree = scheduled(&tree, call.now);
    let note = call.write_note(Operation::Update);
    call.server.commit(call.kind.id, &tree, Some(&pod), note);
    Ok(Response { changed: true, ..Status::created().into() })
}

/// The pod with the condition that it has a node.
fn scheduled(pod: &Tree, now: jiff::Timestamp) -> Tree {
    let condition = Tree::map([
        ("type", Tree::from("PodScheduled")),
        ("status", "True".into()),
        ("lastProbeTime", Tree::null()),
        ("lastTransitionTime", now.into()),
    ]);
    let conditions = pod.at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    let others = conditions.iter().filter(|known| known.str_at(&["type"]) != Some("PodScheduled"));
    let conditions = Tree::list(others.cloned().chain([condition]));
    pod.with(&["status", "conditions"], conditions)
}

/// Of a namespace: its finalizers, and nothing else. Without any, one that is being deleted goes.
pub(super) fn finalize(call: &mut Call<'_>) -> Answered {
    let sent = body::raw(call)?;
    let old = call.stored()?;
    let uid = sent.str_at(&["metadata", "uid"]).unwrap_or_default();
    let revision = sent.str_at(&["metadata", "resourceVersion"]).unwrap_or_default();
    if !uid.is_empty() && uid != old.uid()
        || !revision.is_empty() && revision != old.revision().to_string()
    {
        return Err(Status::modified(call.info(), old.name()));
    }
    let path = ["spec", "finalizers"];
    let tree = match sent.at(&path).filter(|finalizers| !finalizers.is_empty()) {
        Some(finalizers) => old.tree().with(&path, finalizers),
        None => old.tree().with(&["spec"], Tree::empty_map()),
    };
    if tree == *old.tree() {
        return Ok(call.answer(200, old, false));
    }
    let note = call.write_note(Operation::Update);
    let ownership = Claim::Stated(None).ownership(call, &note, Some(&old), &tree);
    Ok(update::store(call, &old, &tree, ownership))
}

//! The object that a patch makes of another.

use super::Call;
use crate::object::{Object, Tree};
use crate::patch;
use crate::protobuf::order::{self, Place, Touched};
use crate::request::{Body, PatchKind};
use crate::status::Status;

pub(super) fn patched(
    call: &Call<'_>,
    old: &Object,
    kind: PatchKind,
    patch: &Tree,
) -> Result<Tree, Status> {
    let old = crate::watch::in_version(old.clone(), call.info());
    if speaks_of_owners(kind, patch) {
        return apply(call, kind, &old.shown(), patch);
    }
    apply(call, kind, old.tree(), patch)
}

/// Whether a patch may read or write who owns which fields, which costs to find out.
fn speaks_of_owners(kind: PatchKind, patch: &Tree) -> bool {
    const PLACE: &str = "/metadata/managedFields";
    if kind != PatchKind::Json {
        return patch.at(&["metadata", "managedFields"]).is_some();
    }
    let paths = patch
        .items()
        .iter()
        .flat_map(|operation| ["path", "from"].map(|key| operation.str_at(&[key])));
    paths.flatten().any(|path| PLACE.starts_with(path) || path.starts_with(PLACE))
}

/// A patch of any kind of any tree: also of a Scale, which is not stored.
pub(super) fn apply(
    call: &Call<'_>,
    kind: PatchKind,
    target: &Tree,
    patch: &Tree,
) -> Result<Tree, Status> {
    match kind {
        PatchKind::Json => patch::json(target, patch, call.server.profile().minor),
        PatchKind::Merge => {
            if patch.is_map() {
                Ok(patch::merge(target, patch))
            } else if patch.is_list() && call.server.profile().minor < 24 && !call.info().custom {
                Err(no_object(patch))
            } else if patch.is_null() || call.server.profile().minor < 24 && !patch.is_list() {
                let code = if call.server.profile().minor < 24 { 500 } else { 400 };
                Err(if code == 500 {
                    Status::plain(500, "Invalid JSON Patch")
                } else {
                    Status::bad_request("Invalid JSON Patch")
                })
            } else {
                Err(Status::bad_request(format!("error decoding patch: {}", not_a_map(patch))))
            }
        }
        PatchKind::Strategic if call.info().custom => Err(unsupported(call)),
        PatchKind::Strategic => {
            if !patch.is_map() {
                return Err(Status::bad_request(not_a_map(patch)));
            }
            patch::strategic(target, patch, call.info().schema.root())
        }
        PatchKind::Apply => Err(unsupported(call)),
    }
}

/// For an outcome that is no map.
pub(super) fn no_object(tree: &Tree) -> Status {
    let why = format!(
        r#"couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }}"#,
        crate::golang::type_name(tree)
    );
    Status::invalid_patch(&crate::golang::html_safe(&tree.to_string()), &why)
}

/// What kind of patch a request brings, if its kind takes those.
pub(super) fn media(call: &Call<'_>) -> Result<PatchKind, Status> {
    let kind = match &call.request.body {
        Body::Patch(kind, _) => *kind,
        Body::Bytes { content_type, .. } => {
            match content_type.split(';').next().unwrap_or_default().trim() {
                "application/json-patch+json" => PatchKind::Json,
                "application/merge-patch+json" => PatchKind::Merge,
                "application/strategic-merge-patch+json" => PatchKind::Strategic,
                "application/apply-patch+yaml" => PatchKind::Apply,
                _ => return Err(unsupported(call)),
            }
        }
        _ => return Err(unsupported(call)),
    };
    if kind == PatchKind::Strategic && call.info().custom {
        return Err(unsupported(call));
    }
    Ok(kind)
}

pub(super) fn body(call: &Call<'_>) -> Result<(PatchKind, Tree), Status> {
    match &call.request.body {
        Body::Patch(kind, patch) => Ok((*kind, patch.clone())),
        Body::Bytes { bytes, .. } => {
            let kind = media(call)?;
            if kind == PatchKind::Apply {
                let patch = crate::yaml::tree(bytes).map_err(|error| {
                    Status::bad_request(format!("error decoding YAML: {error}"))
                })?;
                return Ok((kind, patch));
            }
            let is_old = call.server.profile().minor < 24;
            let patch = Tree::from_json(bytes).map_err(|error| {
                let why = crate::golang::json_error(bytes, &error);
                match kind {
                    PatchKind::Merge if is_old => Status::plain(500, "Invalid JSON Patch"),
                    PatchKind::Json if is_old => Status::bad_request(why),
                    PatchKind::Strategic => Status::bad_request(why),
                    _ => Status::bad_request(format!("error decoding patch: {why}")),
                }
            })?;
            Ok((kind, patch))
        }
        _ => Err(unsupported(call)),
    }
}

/// The outcome of a patch of `target` as the real server prints it.
pub(super) fn shown(
    call: &Call<'_>,
    target: &Tree,
    patched: &Tree,
    (api_version, kind): (&str, &str),
) -> String {
    let mut touched = Touched::default();
    match body(call) {
        Ok((PatchKind::Json, patch)) => {
            let place = Place::of(api_version, kind);
            let text = patch::json_text(target, place, &patch, call.server.profile().minor);
            if let Some(text) = text {
                return text;
            }
        }
        Ok((_, patch)) => touch_by_merge(&patch, &mut Vec::new(), &mut touched),
        Err(_) => {}
    }
    order::json(patched, api_version, kind, &touched)
}

fn touch_by_merge(patch: &Tree, path: &mut Vec<String>, touched: &mut Touched) {
    touched.on_the_way.insert(path.clone());
    for (key, value) in patch.entries() {
        path.push(key.to_owned());
        if value.is_map() {
            touch_by_merge(value, path, touched);
        } else {
            touched.given.insert(path.clone());
        }
        path.pop();
    }
}

fn not_a_map(patch: &Tree) -> String {
    let found = crate::golang::type_name(patch);
    format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")
}

fn unsupported(call: &Call<'_>) -> Status {
    if call.info().custom {
        return Status::unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        );
    }
    Status::unsupported_media_type("415: Unsupported Media Type").with_empty_details()
}

//! The body of a request as a tree, and whether it is of the kind that the URL names.

use super::{Call, fields};
use crate::golang;
use crate::object::Tree;
use crate::protobuf::{self, Unreadable};
use crate::request::{Body, Verb};
use crate::schema::{Misfit, Schema};
use crate::status::{Details, FieldError, Status};
use crate::yaml;

/// The object in the body, with its kind and version.
pub(super) fn object(call: &mut Call<'_>) -> Result<Tree, Status> {
    let tree = match &call.request.body {
        Body::Tree(tree) => tree.clone(),
        Body::Bytes { content_type, bytes } => {
            let (tree, says_twice) = decoded(call, content_type, bytes)?;
            call.says_twice = says_twice;
            tree
        }
        _ => Tree::empty_map(),
    };
    if call.info().custom {
        check_custom(call, &tree)?;
        return Ok(tree);
    }
    let info = call.info();
    let string = |key: &str| tree.str_at(&[key]).filter(|text| !text.is_empty());
    let (own_kind, own_version) = (string("kind"), string("apiVersion"));
    if own_kind.is_some_and(|own| *own != *info.kind)
        || own_version.is_some_and(|own| own != info.api_version())
    {
        let kind = own_kind.unwrap_or(&info.kind);
        let version = own_version.map_or_else(|| info.api_version(), str::to_owned);
        if kind == &*info.kind && protobuf::is_known(&info.group, &version, kind) {
            // The server knows that version still, and does not serve it.
            return Err(other_version(&version, &info.api_version()));
        }
        let why = misread(call, &tree, kind, &version).unwrap_or_default();
        let version = version.rsplit('/').next().unwrap_or_default();
        return Err(Status::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {}: {why}",
            info.kind
        )));
    }
    if let Some(why) = misread_metadata(&tree, &info.kind) {
        let why = words_of_old(call, &tree, why);
        let (kind, version) = (&info.kind, &info.version);
        return Err(Status::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {why}"
        )));
    }
    // Of builtin kinds the URL says what they are.
    Ok(tree.with(&["apiVersion"], info.api_version()).with(&["kind"], &*info.kind))
}

/// The body as it was sent, for what is not stored.
pub(super) fn raw(call: &Call<'_>) -> Result<Tree, Status> {
    match &call.request.body {
        Body::Tree(tree) => Ok(tree.clone()),
        Body::Bytes { content_type, bytes } => Ok(decoded(call, content_type, bytes)?.0),
        _ => Ok(Tree::empty_map()),
    }
}

/// Whether the body is of a type that can be read.
pub(super) fn check_media(call: &Call<'_>) -> Result<(), Status> {
    let Body::Bytes { content_type, .. } = &call.request.body else { return Ok(()) };
    match content_type.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" | "application/yaml" => Ok(()),
        protobuf::MEDIA if !call.info().custom || call.request.subresource.is_some() => Ok(()),
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Status {
    Status::unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    )
}

/// The tree, and whether its text may have a member twice.
fn decoded(call: &Call<'_>, content_type: &str, bytes: &[u8]) -> Result<(Tree, bool), Status> {
    let unrecognized = |why: &str| {
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse error: {why} ({})",
            call.info().kind,
            summary(bytes)
        ))
    };
    let (tree, says_twice) = match content_type.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => Tree::from_json_noting(bytes)
            .map_err(|error| unrecognized(&golang::json_error(bytes, &error)))?,
        "application/yaml" => yaml::tree(bytes).map(|tree| (tree, true)).map_err(|error| {
            Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): yaml: {error} ({})",
                call.info().kind,
                summary(bytes)
            ))
        })?,
        protobuf::MEDIA if !call.info().custom || call.request.subresource.is_some() => {
            return message(call, bytes).map(|tree| (tree, true));
        }
        _ => return Err(unreadable()),
    };
    if !tree.is_map() && !tree.is_null() {
        return Err(unrecognized(&format!(
            r#"json: cannot unmarshal {} into Go value of type struct {{ APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }}"#,
            golang::type_name(&tree)
        )));
    }
    Ok((tree, says_twice))
}

/// An object in protobuf.
fn message(call: &Call<'_>, bytes: &[u8]) -> Result<Tree, Status> {
    let info = call.info();
    protobuf::object(bytes, (&info.api_version(), &info.kind)).map_err(|error| {
        Status::bad_request(match error {
            Unreadable::Envelope(why) => format!(
                "the object provided is unrecognized (must be of type {}): {why} ({})",
                info.kind,
                summary(bytes)
            ),
            Unreadable::Content { api_version, kind, why } => format!(
                "{kind} in version {:?} cannot be handled as a {}: {why}",
                api_version.rsplit('/').next().unwrap_or_default(),
                info.kind
            ),
        })
    })
}

/// The beginning of a body: as it is if it may be JSON, in hex otherwise.
fn summary(bytes: &[u8]) -> String {
    const LONGEST: usize = 30;
    let start = &bytes[..bytes.len().min(LONGEST)];
    let mut text = match bytes.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(start).into_owned(),
        Some(_) => start.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")),
    };
    if bytes.len() > LONGEST {
        text.push_str(" ...");
    }
    text
}

fn other_version(found: &str, wanted: &str) -> Status {
    Status::bad_request(format!(
        "the API version in the data ({found}) does not match the expected API version ({wanted})"
    ))
}

/// Kinds of `v1` that are no resources.
const NO_RESOURCES: &[&str] = &[
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
    "CreateOptions",
    "DeleteOptions",
    "GetOptions",
    "List",
    "ListOptions",
    "PatchOptions",
    "PodAttachOptions",
    "PodExecOptions",
    "PodLogOptions",
    "PodPortForwardOptions",
    "PodProxyOptions",
    "PodStatusResult",
    "RangeAllocation",
    "SerializedReference",
    "Status",
    "UpdateOptions",
    "WatchEvent",
];

/// Why an object that says to be of another kind or version than the URL's cannot be read; `None` if it can.
pub(super) fn misread(
    call: &Call<'_>,
    tree: &Tree,
    kind: &str,
    api_version: &str,
) -> Option<String> {
    let info = call.info();
    if kind == &*info.kind
        && (api_version == info.api_version() || protobuf::is_known(&info.group, api_version, kind))
    {
        return None;
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = call.server.kinds.iter().map(|known| &known.info).find(|info| {
        !info.custom
            && *info.group == *group
            && *info.version == *version
            && (*info.kind == *kind || *info.list_kind == *kind)
    });
    // It is read as what it says to be before anybody asks what it should be.
    if let Some(known) = known.filter(|known| *known.kind == *kind) {
        if let Some(why) = misread_metadata(tree, kind) {
            return Some(why);
        }
        if let Err(misfit) = known.schema.decode(tree, None) {
            return Some(misfit.to_string());
        }
    }
    if known.is_some() || api_version == "v1" && NO_RESOURCES.contains(&kind) {
        let package = match &*info.group {
            "" => "core",
            group => group.split('.').next().unwrap_or_default(),
        };
        return Some(format!(
            "converting ({version}.{kind}) to ({package}.{}): unknown conversion",
            info.kind
        ));
    }
    let scheme = if call.server.profile().minor < 24 {
        "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
    } else {
        "pkg/api/legacyscheme/scheme.go:30"
    };
    Some(format!("no kind {kind:?} is registered for version {api_version:?} in scheme {scheme:?}"))
}

fn misread_metadata(tree: &Tree, kind: &str) -> Option<String> {
    let metadata = tree.get("metadata").filter(|found| !found.is_map() && !found.is_null())?;
    let found = golang::type_name(metadata);
    Some(format!(
        "json: cannot unmarshal {found} into Go struct field {kind}.metadata of type v1.ObjectMeta"
    ))
}

/// Why the body of a request cannot be read, in the words of the server: until 1.22 they show the text, which is JSON
/// whatever was sent; of custom objects only metadata are read so.
pub(super) fn words_of_old(call: &Call<'_>, tree: &Tree, why: String) -> String {
    let info = call.info();
    let old = match &call.request.body {
        _ if call.server.profile().minor >= 23 => None,
        _ if info.custom => {
            let metadata = tree.get("metadata").map(Tree::to_json);
            metadata.and_then(|metadata| info.schema.misread_metadata(&metadata))
        }
        Body::Bytes { content_type, bytes } if !content_type.contains("yaml") => {
            info.schema.misread(bytes)
        }
        Body::Bytes { .. } => info.schema.misread(&tree.to_json()),
        _ => None,
    };
    old.unwrap_or(why)
}

/// A custom object says itself what it is.
fn check_custom(call: &mut Call<'_>, tree: &Tree) -> Result<(), Status> {
    let info = call.kind.info.clone();
    let kind = tree.str_at(&["kind"]).unwrap_or_default();
    if kind.is_empty() {
        let is_silent = call.request.options.field_validation == "Ignore";
        let bytes = match &call.request.body {
            Body::Bytes { content_type, bytes } if !is_silent || !content_type.contains("yaml") => {
                bytes.to_vec()
            }
            _ => tree.to_json(),
        };
        if is_silent {
            let (kind, version) = (&info.kind, &info.version);
            return Err(Status::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {kind}: Object 'Kind' is missing in '{}'",
                String::from_utf8_lossy(&bytes)
            )));
        }
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing in '{}' ({})",
            info.kind,
            String::from_utf8_lossy(&bytes),
            summary(&bytes)
        )));
    }
    let version = tree.str_at(&["apiVersion"]).unwrap_or_default();
    if version.is_empty() && call.server.profile().minor < 24 {
        let why = "Object 'apiVersion' is missing in 'object has no apiVersion field'";
        return Err(Status::internal(why));
    }
    let wanted = info.api_version();
    if version != wanted || kind != &*info.kind {
        let version = version.rsplit('/').next().unwrap_or_default();
        remark_on_another(call, tree, |why| {
            Status::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {}: {why}",
                info.kind
            ))
        })?;
    }
    if version != wanted {
        return Err(other_version(version, &wanted));
    }
    if let Some(found) = tree.get("metadata").filter(|found| !found.is_map() && !found.is_null()) {
        let (kind, version) = (&info.kind, &info.version);
        let found = golang::type_name(found);
        let why = format!("json: cannot unmarshal {found} into Go value of type v1.ObjectMeta");
        let why = words_of_old(call, tree, why);
        return Err(Status::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: {why}"
        )));
    }
    // Of an object that changes, that is asked once it is known which one.
    if call.request.verb == Verb::Update { Ok(()) } else { same_kind(call, tree, None) }
}

/// What is to be said of the members of a custom object that says it is of another kind or version: it is read as what
/// it says that it is before anybody asks.
pub(super) fn remark_on_another(
    call: &mut Call<'_>,
    tree: &Tree,
    refused: impl FnOnce(String) -> Status,
) -> Result<(), Status> {
    let told = unknown_of_another(call, tree)
        .map_err(|misfit| misfit.to_string())
        .and_then(|unknown| fields::told(call, &unknown));
    call.warnings.extend(told.map_err(refused)?);
    Ok(())
}

/// Of another version of its kind, all that this version lacks; of another kind, only metadata are known.
fn unknown_of_another(call: &Call<'_>, tree: &Tree) -> Result<Vec<String>, Misfit> {
    let info = call.info();
    let lacks = |schema: &Schema, tree: &Tree| schema.prune(tree, None).map(|(_, unknown)| unknown);
    let own = |key: &str| tree.str_at(&[key]).unwrap_or_default();
    let group = own("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let is_of_kind = own("kind") == &*info.kind && group == &*info.group;
    let version = call.versions().find(|known| known.api_version() == own("apiVersion"));
    if let Some(version) = version.filter(|_| is_of_kind) {
        return lacks(&version.schema, tree);
    }
    let metadata = tree.get("metadata").cloned().unwrap_or_else(Tree::empty_map);
    let mut unknown = lacks(&info.schema, &Tree::map([("metadata", metadata)]))?;
    if is_of_kind {
        let others = tree.entries().map(|(key, _)| key);
        let others = others.filter(|key| !matches!(*key, "apiVersion" | "kind" | "metadata"));
        unknown.extend(others.map(str::to_owned));
    }
    Ok(unknown)
}

/// What an object is cannot change, nor differ from its definition.
pub(super) fn same_kind(call: &Call<'_>, tree: &Tree, old: Option<&Tree>) -> Result<(), Status> {
    let info = call.info();
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    let own = |key: &str| tree.str_at(&[key]).unwrap_or_default();
    let version = info.api_version();
    for (key, wanted) in [("kind", &*info.kind), ("apiVersion", version.as_str())] {
        let found = own(key);
        if found != wanted {
            let details = Details {
                name: name.to_owned(),
                group: info.group.to_string(),
                kind: own("kind").to_owned(),
                ..Details::default()
            };
            let what = format!("{}.{}", own("kind"), info.group);
            let mut errors =
                vec![FieldError::invalid(key, &found.into(), &format!("must be {wanted}"))];
            if let Ok((known, _)) = info.schema.prune_made(tree, old) {
                errors.extend(info.schema.validate_another(&info.schema.default(&known, old), old));
            }
            return Err(Status::invalid_object(&what, details, &errors));
        }
    }
    Ok(())
}

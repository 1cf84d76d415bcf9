//! The rules of `metadata`, which are the same for all kinds but for the name.

use crate::builtin::cluster::bad_address;
use crate::kinds::KindInfo;
use crate::names;
use crate::object::Tree;
use crate::status::FieldError;

/// All annotations of an object together, in bytes.
const ANNOTATIONS: usize = 256 * 1024;

pub(super) fn validate_create(kind: &KindInfo, tree: &Tree) -> Vec<FieldError> {
    let metadata = tree.get("metadata").unwrap_or(&NOTHING);
    let mut errors = Vec::new();
    let string = |key: &str| metadata.str_at(&[key]).unwrap_or_default();
    for (field, name) in [("generateName", string("generateName")), ("name", string("name"))] {
        if !name.is_empty() {
            // A prefix may end in what a name may not: `web-`.
            let checked =
                if field == "generateName" { mask_trailing_dash(name) } else { name.to_owned() };
            for fault in name_faults(kind, &checked) {
                let field = format!("metadata.{field}");
                errors.push(FieldError::invalid(field, &name.into(), &fault));
            }
        }
    }
    common(kind, metadata, None, &mut errors);
    errors
}

pub(super) fn validate_update(kind: &KindInfo, tree: &Tree, old: &Tree) -> Vec<FieldError> {
    let metadata = tree.get("metadata").unwrap_or(&NOTHING);
    let was = old.get("metadata").unwrap_or(&NOTHING);
    if metadata.same(was) {
        return Vec::new();
    }
    let mut errors = Vec::new();
    no_new_finalizers(metadata, was, &mut errors);
    for key in IMMUTABLE {
        let (new, old) = (metadata.get(key), was.get(key));
        if new != old {
            let value = new.unwrap_or(&NOTHING);
            errors.push(FieldError::invalid(
                format!("metadata.{key}"),
                value,
                "field is immutable",
            ));
        }
    }
    let mut others = Vec::new();
    common(kind, metadata, Some(was), &mut others);
    let noted: Vec<FieldError> =
        others.iter().filter(|error| error.field == "metadata.annotations").cloned().collect();
    // A builtin kind's own rules look at its metadata as well, and the real server tells all findings.
    let (first, then) = if kind.custom { (1, 1) } else { (2, 3) };
    let times = |errors: Vec<FieldError>, count| std::iter::repeat_n(errors, count).flatten();
    let more = if kind.custom { Vec::new() } else { noted };
    times(errors, first).chain(times(others, then)).chain(more).collect()
}

static NOTHING: Tree = Tree::null();

const IMMUTABLE: [&str; 6] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

fn no_new_finalizers(metadata: &Tree, was: &Tree, errors: &mut Vec<FieldError>) {
    if was.get("deletionTimestamp").is_none_or(Tree::is_null) {
        return;
    }
    let finalizers = |tree: &Tree| {
        let items = tree.get("finalizers").into_iter().flat_map(Tree::items);
        items.filter_map(Tree::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let old = finalizers(was);
    let mut added = finalizers(metadata);
    added.retain(|name| !old.contains(name));
    if !added.is_empty() {
        added.sort();
        let quoted: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
        let detail = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            quoted.join(", ")
        );
        errors.push(FieldError::forbidden("metadata.finalizers", &detail));
    }
}

/// What holds on every write. Parts that are still the same memory held before.
fn common(kind: &KindInfo, metadata: &Tree, was: Option<&Tree>, errors: &mut Vec<FieldError>) {
    let changed = |key: &str| {
        let value = metadata.get(key)?;
        let old = was.and_then(|was| was.get(key));
        (!old.is_some_and(|old| old.same(value))).then_some(value)
    };
    if let Some(labels) = changed("labels") {
        for (key, value) in labels.entries() {
            for fault in names::qualified_name(key) {
                errors.push(FieldError::invalid("metadata.labels", &key.into(), &fault));
            }
            for fault in names::label_value(value.as_str().unwrap_or_default()) {
                errors.push(FieldError::invalid("metadata.labels", value, &fault));
            }
        }
    }
    if let Some(annotations) = changed("annotations") {
        let mut size = 0;
        for (key, value) in annotations.entries() {
            size += key.len() + value.as_str().map_or(0, str::len);
            for fault in names::qualified_name(&key.to_lowercase()) {
                errors.push(FieldError::invalid("metadata.annotations", &key.into(), &fault));
            }
        }
        if size > ANNOTATIONS {
            errors.push(FieldError::too_long("metadata.annotations", ANNOTATIONS));
        }
    }
    if let Some(owners) = changed("ownerReferences") {
        owner_references(owners, errors);
    }
    if let Some(finalizers) = changed("finalizers") {
        validate_finalizers(kind, finalizers, errors);
    }
}

fn owner_references(owners: &Tree, errors: &mut Vec<FieldError>) {
    let mut controller: Option<String> = None;
    for owner in owners.items() {
        let string = |key: &str| owner.str_at(&[key]).unwrap_or_default();
        for (key, what) in
            [("apiVersion", "version"), ("kind", "kind"), ("name", "name"), ("uid", "uid")]
        {
            let value = string(key);
            let checked = if key == "apiVersion" {
                value.rsplit('/').next().unwrap_or_default()
            } else {
                value
            };
            if checked.is_empty() {
                let field = format!("metadata.ownerReferences.{key}");
                let detail = format!("{what} must not be empty");
                errors.push(FieldError::invalid(field, &value.into(), &detail));
            }
        }
        if string("kind") == "Event" && string("apiVersion") == "v1" {
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            errors.push(FieldError::invalid("metadata.ownerReferences", owner, detail));
        }
        if owner.bool_at(&["controller"]) == Some(true) {
            let this = format!("{}/{}", string("kind"), string("name"));
            if let Some(first) = &controller {
                let detail = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                );
                let printed = printed(owners);
                let field = "metadata.ownerReferences";
                errors.push(FieldError::invalid_printed(field, &printed, &detail));
            } else {
                controller = Some(this);
            }
        }
    }
}

/// References as the server's own type orders their members.
fn printed(owners: &Tree) -> String {
    const ORDER: [&str; 6] =
        ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let one = |owner: &Tree| {
        let members = ORDER.iter().filter_map(|key| Some(format!("{key:?}:{}", owner.get(key)?)));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    format!("[{}]", owners.items().iter().map(one).collect::<Vec<_>>().join(","))
}

fn validate_finalizers(kind: &KindInfo, finalizers: &Tree, errors: &mut Vec<FieldError>) {
    let field = "metadata.finalizers";
    let names: Vec<&str> = finalizers.items().iter().filter_map(Tree::as_str).collect();
    for (at, name) in names.iter().enumerate() {
        for fault in names::qualified_name(name) {
            errors.push(FieldError::invalid(field, &(*name).into(), &fault));
        }
        let is_standard = matches!(*name, "kubernetes" | "foregroundDeletion" | "orphan");
        // Definitions are written to another server, which knows no standard names.
        let is_typed = !kind.custom && &*kind.group != "apiextensions.k8s.io";
        if is_typed && !name.contains('/') && !is_standard {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(format!("{field}[{at}]"), &(*name).into(), detail));
        }
    }
    if names.contains(&"orphan") && names.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(field, finalizers, detail));
    }
}

/// Finalizers of custom objects that should have a domain, and have none.
pub(super) fn warnings(kind: &KindInfo, tree: &Tree, old: Option<&Tree>) -> Vec<String> {
    let path = ["metadata", "finalizers"];
    let Some(finalizers) = tree.at(&path).filter(|_| kind.custom) else { return Vec::new() };
    if old.and_then(|old| old.at(&path)).is_some_and(|old| old.same(finalizers)) {
        return Vec::new();
    }
    let bare = finalizers.items().iter().filter_map(Tree::as_str).filter(|name| {
        !name.contains('/') && !matches!(*name, "orphan" | "foregroundDeletion" | "kubernetes")
    });
    bare.map(|name| {
        let how = if name.contains('.') { " including a path (/)" } else { "" };
        format!(
            "metadata.finalizers: {name:?}: prefer a domain-qualified finalizer name{how} to avoid accidental conflicts with other finalizer writers"
        )
    })
    .collect()
}

fn name_faults(kind: &KindInfo, name: &str) -> Vec<String> {
    match (&*kind.group, &*kind.kind) {
        ("", "Namespace") => names::dns_label(name),
        // Newer servers see that its pods, too, have names.
        ("apps", "StatefulSet") if kind.schema.minor() >= 21 => names::dns_label(name),
        ("", "Service") => names::dns_1035_label(name),
        ("rbac.authorization.k8s.io", _) => names::path_segment(name),
        ("networking.k8s.io", "IPAddress") => bad_address(name).into_iter().collect(),
        _ => names::dns_subdomain(name),
    }
}

fn mask_trailing_dash(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(start) if !start.is_empty() => format!("{start}a"),
        _ => prefix.to_owned(),
    }
}

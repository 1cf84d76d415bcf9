//! The rules of `metadata`, which are the same for all kinds but for the name.

use crate::builtin::check::NOT_NEGATIVE;
use crate::builtin::cluster::bad_address;
use crate::golang::quote;
use crate::kinds::KindInfo;
use crate::metadata::{labels_to_owners, part, validate_finalizers};
use crate::names;
use crate::object::Tree;
use crate::status::FieldError;

/// The metadata of a new object; `kubernetes`: with the finalizers that kinds of the core know.
pub(super) fn validate_create(kind: &KindInfo, tree: &Tree) -> Vec<FieldError> {
    let metadata = tree.get("metadata").unwrap_or(&NOTHING);
    let mut errors = Vec::new();
    whole(kind, metadata, None, &name_faults(kind, tree), &mut errors);
    standard_finalizers(kind, metadata, None, &mut errors);
    errors
}

/// The metadata of a new object of any kind.
pub(super) fn validate_any(kind: &KindInfo, tree: &Tree) -> Vec<FieldError> {
    let metadata = tree.get("metadata").unwrap_or(&NOTHING);
    let mut errors = Vec::new();
    whole(kind, metadata, None, &segment_faults, &mut errors);
    errors
}

/// The same of an object that changes, if its metadata does.
pub(super) fn validate_again(kind: &KindInfo, tree: &Tree, old: &Tree) -> Vec<FieldError> {
    let in_question =
        in_question(tree, old).or_else(|| is_api_service(kind).then(|| both(tree, old)));
    let Some((metadata, was)) = in_question else { return Vec::new() };
    let mut errors = Vec::new();
    whole(kind, metadata, Some(was), &name_faults(kind, tree), &mut errors);
    standard_finalizers(kind, metadata, Some(was), &mut errors);
    errors
}

/// What is looked at in the metadata of any kind before its own rules.
pub(super) fn validate_common(kind: &KindInfo, tree: &Tree, old: &Tree) -> Vec<FieldError> {
    let Some((metadata, was)) = in_question(tree, old) else { return Vec::new() };
    let mut errors = Vec::new();
    whole(kind, metadata, Some(was), &segment_faults, &mut errors);
    beside(kind, metadata, was, &mut errors);
    errors
}

/// The metadata beside what it was.
pub(super) fn validate_update(kind: &KindInfo, tree: &Tree, old: &Tree) -> Vec<FieldError> {
    let Some((metadata, was)) = changed(tree, old) else { return Vec::new() };
    let mut errors = Vec::new();
    beside(kind, metadata, was, &mut errors);
    standard_finalizers(kind, metadata, Some(was), &mut errors);
    errors
}

fn changed<'t>(tree: &'t Tree, old: &'t Tree) -> Option<(&'t Tree, &'t Tree)> {
    let (metadata, was) = both(tree, old);
    (!metadata.same(was)).then_some((metadata, was))
}

fn both<'t>(tree: &'t Tree, old: &'t Tree) -> (&'t Tree, &'t Tree) {
    let of = |tree: &'t Tree| tree.get("metadata").unwrap_or(&NOTHING);
    (of(tree), of(old))
}

/// What is unchanged is good, but for the beginning of a name: who writes a status may leave any.
fn in_question<'t>(tree: &'t Tree, old: &'t Tree) -> Option<(&'t Tree, &'t Tree)> {
    let has_prefix = tree.at(&["metadata", "generateName"]).is_some();
    changed(tree, old).or_else(|| has_prefix.then(|| both(tree, old)))
}

/// The second says whether it is the beginning of a name.
type NameFaults<'a> = &'a dyn Fn(&str, bool) -> Vec<String>;

fn whole(
    kind: &KindInfo,
    metadata: &Tree,
    was: Option<&Tree>,
    faults_of: NameFaults<'_>,
    errors: &mut Vec<FieldError>,
) {
    let string = |key: &str| metadata.str_at(&[key]).unwrap_or_default();
    for (field, name) in [("generateName", string("generateName")), ("name", string("name"))] {
        if !name.is_empty() {
            for fault in faults_of(name, field == "generateName") {
                let field = format!("metadata.{field}");
                errors.push(FieldError::invalid(field, &name.into(), &fault));
            }
        } else if field == "name" && was.is_none() {
            let why = "name or generateName is required";
            errors.push(FieldError::required("metadata.name", why));
        }
    }
    if let Some(generation) = metadata.int_at(&["generation"]).filter(|number| *number < 0) {
        errors.push(FieldError::invalid("metadata.generation", &generation.into(), NOT_NEGATIVE));
    }
    labels_to_owners(kind.schema.minor(), metadata, was, errors);
    if let Some(finalizers) = part(metadata, was, "finalizers") {
        validate_finalizers(finalizers, errors);
    }
}

fn beside(kind: &KindInfo, metadata: &Tree, was: &Tree, errors: &mut Vec<FieldError>) {
    no_new_finalizers(metadata, was, errors);
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
    labels_to_owners(kind.schema.minor(), metadata, Some(was), errors);
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

/// Finalizers without a domain are those that Kubernetes knows.
fn standard_finalizers(
    kind: &KindInfo,
    metadata: &Tree,
    was: Option<&Tree>,
    errors: &mut Vec<FieldError>,
) {
    // Some kinds are written to other servers, or checked by rules that know no standard names.
    let is_plain = matches!(
        &*kind.group,
        "apiextensions.k8s.io"
            | "coordination.k8s.io"
            | "admissionregistration.k8s.io"
            | "node.k8s.io"
            | "apiregistration.k8s.io"
    );
    if kind.custom || is_plain {
        return;
    }
    let Some(finalizers) = part(metadata, was, "finalizers") else { return };
    let names = finalizers.items().iter().filter_map(Tree::as_str);
    for (at, name) in names.enumerate() {
        let is_standard = matches!(name, "kubernetes" | "foregroundDeletion" | "orphan");
        if !name.contains('/') && !is_standard {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            let field = format!("metadata.finalizers[{at}]");
            errors.push(FieldError::invalid(field, &name.into(), detail));
        }
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

/// Of what is a part of a path, whatever it is called.
fn segment_faults(name: &str, is_prefix: bool) -> Vec<String> {
    if is_prefix { names::path_segment_prefix(name) } else { names::path_segment(name) }
}

fn name_faults(kind: &KindInfo, tree: &Tree) -> impl Fn(&str, bool) -> Vec<String> {
    let wanted = name_after_spec(kind, tree);
    move |name, is_prefix| {
        let mut faults = form_faults(kind, name, is_prefix);
        if let Some((wanted, why)) = &wanted
            && wanted != name
            && (faults.is_empty() || is_definition(kind))
        {
            faults.push(why.clone());
        }
        faults
    }
}

fn is_definition(kind: &KindInfo) -> bool {
    kind.is("apiextensions.k8s.io", "CustomResourceDefinition")
}

fn is_api_service(kind: &KindInfo) -> bool {
    kind.is("apiregistration.k8s.io", "APIService")
}

/// The name of what is called after its spec, and what is said of any other.
fn name_after_spec(kind: &KindInfo, tree: &Tree) -> Option<(String, String)> {
    let part = |path: &[&str]| tree.str_at(path).unwrap_or_default();
    if is_definition(kind) {
        let wanted = format!("{}.{}", part(&["spec", "names", "plural"]), part(&["spec", "group"]));
        return Some((wanted, "must be spec.names.plural+\".\"+spec.group".to_owned()));
    }
    is_api_service(kind).then(|| {
        let wanted = format!("{}.{}", part(&["spec", "version"]), part(&["spec", "group"]));
        let why = format!("must be `spec.version+\".\"+spec.group`: {}", quote(&wanted));
        (wanted, why)
    })
}

fn form_faults(kind: &KindInfo, name: &str, is_prefix: bool) -> Vec<String> {
    if &*kind.group == "rbac.authorization.k8s.io" || is_api_service(kind) {
        return names::path_segment(name);
    }
    // A prefix may end in what a name may not: `web-`.
    let masked = is_prefix.then(|| mask_trailing_dash(name));
    let name = masked.as_deref().unwrap_or(name);
    match (&*kind.group, &*kind.kind) {
        ("", "Namespace") => names::dns_label(name),
        // Newer servers see that its pods, too, have names.
        ("apps", "StatefulSet") if kind.schema.minor() >= 21 => names::dns_label(name),
        ("", "Service") => names::dns_1035_label(name),
        // Nothing of their own: what all kinds have in common is looked at last.
        ("certificates.k8s.io", _) => Vec::new(),
        ("networking.k8s.io", "IPAddress") => bad_address(name).into_iter().collect(),
        _ => names::dns_subdomain(name),
    }
}

/// As the real server does it, which loses what stands before the dash as well.
fn mask_trailing_dash(prefix: &str) -> String {
    let Some(start) = prefix.strip_suffix('-').filter(|start| !start.is_empty()) else {
        return prefix.to_owned();
    };
    let mut masked = start.to_owned();
    masked.pop();
    masked + "a"
}

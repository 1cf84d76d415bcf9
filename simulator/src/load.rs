//! A dump of objects back into a world, through its API: what is not valid does not come in.

use std::collections::BTreeMap;

use drydock_apiserver::{Body, Gvr, KindInfo, Request, Response, Tree};
use drydock_scenarios::Manifest;
use drydock_scenarios::Mistake;
use serde_json::Value;

use crate::world::World;

/// Metadata that a server sets itself.
const SERVERS_OWN: &[&str] = &[
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
];

/// Makes the objects of a dump, owners before what they own. They get new uids, and whatever names
/// an old one names the new one afterwards. What the world has already is left as it is.
pub fn load(world: &mut World, objects: &[Manifest]) -> Result<(), Mistake> {
    crate::run::check_manifests(world, objects)?;
    let mut uids = BTreeMap::new();
    for manifest in owners_first(&crate::run::ordered(objects)) {
        create(world, &manifest, &mut uids)?;
    }
    Ok(())
}

fn create(
    world: &mut World,
    manifest: &Manifest,
    uids: &mut BTreeMap<String, String>,
) -> Result<(), Mistake> {
    let mut object = manifest.to_json();
    let old_uid = metadata(&object, "uid").map(str::to_owned);
    let is_deleting = metadata(&object, "deletionTimestamp").is_some();
    rename(&mut object, uids);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !SERVERS_OWN.contains(&field.as_str()));
    }
    let server = world.server(0);
    let Some(info) = server
        .kinds()
        .find(|info| *info.kind == *manifest.kind && info.api_version() == manifest.api_version)
    else {
        return Ok(());
    };
    let (resource, has_status) = (gvr(info), info.has_subresource("status"));
    let namespace = if info.namespaced { manifest.namespace.as_str() } else { "" };
    let now = world.now();
    let tree = Tree::from_value(object);
    let mut handle = |request: Request| world.server_mut(0).handle(&request.by("load"), now).done();
    if !namespace.is_empty() {
        let named = Tree::null().with(&["metadata", "name"], namespace);
        handle(Request::create(Gvr::new("", "v1", "namespaces"), "", named));
    }
    let made = handle(Request::create(resource.clone(), namespace, tree.clone()));
    let Some(made) = made.filter(|made| made.code != 409) else { return Ok(()) };
    refused(manifest, &made)?;
    let Some(stored) = made.object() else { return Ok(()) };
    if let Some(old_uid) = old_uid {
        uids.insert(old_uid, stored.uid().to_owned());
    }
    if let Some(status) = tree.get("status").filter(|_| has_status) {
        let patch = Tree::null().with(&["status"], status.clone());
        let mut request = Request::merge_patch(resource.clone(), namespace, &manifest.name, patch)
            .subresource("status");
        request.options.field_validation = "Ignore".into();
        debug_assert!(matches!(request.body, Body::Patch(..)));
        if let Some(answer) = handle(request) {
            refused(manifest, &answer)?;
        }
    }
    if is_deleting {
        handle(Request::delete(resource, namespace, &manifest.name));
    }
    Ok(())
}

fn refused(manifest: &Manifest, answer: &Response) -> Result<(), Mistake> {
    match answer.error() {
        Some(status) => {
            let field = status.details.as_ref().and_then(|details| details.causes.first());
            let place = field.map_or(manifest.node.place, |cause| manifest.locate(&cause.field));
            Err(Mistake::new(&manifest.source, place, status.message.clone()))
        }
        None => Ok(()),
    }
}

/// Whatever names an old uid names the new one: owner references, labels, annotations.
fn rename(value: &mut Value, uids: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(new) = uids.get(text.as_str()) {
                text.clone_from(new);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, uids)),
        Value::Object(members) => members.values_mut().for_each(|member| rename(member, uids)),
        _ => {}
    }
}

/// Objects whose owners are in the dump come after them; those in a circle come last.
fn owners_first(manifests: &[Manifest]) -> Vec<Manifest> {
    let all: Vec<String> = manifests.iter().filter_map(uid).collect();
    let mut placed = std::collections::BTreeSet::new();
    let (mut left, mut ordered) = (manifests.to_vec(), Vec::new());
    while !left.is_empty() {
        let ready = |manifest: &Manifest| {
            owners(manifest).iter().all(|owner| placed.contains(owner) || !all.contains(owner))
        };
        let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(ready);
        if now.is_empty() {
            ordered.extend(later);
            break;
        }
        placed.extend(now.iter().filter_map(uid));
        ordered.extend(now);
        left = later;
    }
    ordered
}

fn uid(manifest: &Manifest) -> Option<String> {
    Some(manifest.node.get("metadata")?.get("uid")?.text()?.to_owned())
}

fn owners(manifest: &Manifest) -> Vec<String> {
    let json = manifest.to_json();
    let owners = json
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    owners.iter().filter_map(|owner| Some(owner.get("uid")?.as_str()?.to_owned())).collect()
}

fn metadata<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get("metadata")?.get(field)?.as_str()
}

fn gvr(info: &KindInfo) -> Gvr {
    Gvr {
        group: info.group.to_string().into(),
        version: info.version.to_string().into(),
        resource: info.plural.to_string().into(),
    }
}

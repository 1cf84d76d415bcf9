//! The documents with which a client finds out what is served.

use std::collections::{BTreeMap, BTreeSet};

use drydock_apiserver::{KindInfo, Server};
use serde_json::{Value, json};

/// The document at a path; none if there is none.
pub fn document(server: &Server, path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => Some(json!({ "paths": ["/api", "/api/v1", "/apis", "/version"] })),
        ["version"] => Some(version(server)),
        ["healthz" | "livez" | "readyz"] => Some(json!("ok")),
        ["api"] => Some(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })),
        ["api", version] => resources(server, "", version),
        ["apis"] => {
            let groups: BTreeSet<&str> = server.kinds().map(|kind| &*kind.group).filter(|group| !group.is_empty()).collect();
            let groups: Vec<_> = groups.into_iter().map(|name| group(server, name)).collect();
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", name] if server.kinds().any(|kind| &*kind.group == *name) => {
            let mut group = group(server, name);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(group)
        }
        ["apis", group, version] => resources(server, group, version),
        _ => None,
    }
}

fn version(server: &Server) -> Value {
    let version = server.profile().to_string();
    let (major, minor) = version.split_once('.').unwrap_or((&version, ""));
    json!({ "major": major, "minor": minor, "gitVersion": format!("v{version}.0+drydock"), "platform": "drydock" })
}

fn group(server: &Server, name: &str) -> Value {
    let versions: BTreeSet<&str> = server.kinds().filter(|kind| &*kind.group == name).map(|kind| &*kind.version).collect();
    // `v1` before `v1alpha1`: the short ones are the stable ones.
    let mut versions: Vec<_> = versions.into_iter().collect();
    versions.sort_by_key(|version| (version.len(), *version));
    let entry = |version: &&str| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let entries: Vec<_> = versions.iter().map(entry).collect();
    json!({ "name": name, "versions": entries, "preferredVersion": entries.first() })
}

fn resources(server: &Server, group: &str, version: &str) -> Option<Value> {
    let here = |kind: &&KindInfo| &*kind.group == group && &*kind.version == version;
    // In the order of their names, as the real one lists them.
    let kinds: BTreeMap<&str, &KindInfo> = server.kinds().filter(here).map(|kind| (&*kind.plural, kind)).collect();
    if kinds.is_empty() {
        return None;
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resources: Vec<_> = kinds.values().flat_map(|kind| resource(kind)).collect();
    Some(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources }))
}

fn resource(kind: &KindInfo) -> Vec<Value> {
    let mut object = json!({
        "name": &*kind.plural,
        "singularName": &*kind.singular,
        "namespaced": kind.namespaced,
        "kind": &*kind.kind,
        "verbs": kind.verbs,
    });
    let texts = |list: &[std::sync::Arc<str>]| list.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    if !kind.short_names.is_empty() {
        object["shortNames"] = json!(texts(&kind.short_names));
    }
    if !kind.categories.is_empty() {
        object["categories"] = json!(texts(&kind.categories));
    }
    let subresource = |name: &&str| {
        json!({
            "name": format!("{}/{name}", kind.plural),
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": &*kind.kind,
            "verbs": ["get", "patch", "update"],
        })
    };
    std::iter::once(object).chain(kind.subresources.iter().map(subresource)).collect()
}

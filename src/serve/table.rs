//! Objects as the rows that `kubectl get` prints.

use drydock_apiserver::{KindInfo, Object, Server, Tree};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Whether a client asks for rows.
pub fn is_wanted(accept: &str) -> bool {
    accept.contains("as=Table")
}

pub fn table(
    server: &Server,
    kind: &KindInfo,
    objects: &[Object],
    revision: u64,
    now: Timestamp,
) -> Value {
    let columns = columns(server, kind);
    let definitions: Vec<_> = columns.iter().map(|column| json!({
        "name": column.name, "type": column.type_name, "format": if column.name == "Name" { "name" } else { "" },
        "description": "", "priority": column.priority,
    })).collect();
    let rows: Vec<_> = objects
        .iter()
        .map(|object| {
            json!({
                "cells": columns.iter().map(|column| column.cell(object, now)).collect::<Vec<_>>(),
                "object": {
                    "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": object.shown().get("metadata").map(Tree::to_value),
                },
            })
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": { "resourceVersion": revision.to_string() },
        "columnDefinitions": definitions, "rows": rows,
    })
}

struct Column {
    name: String,
    type_name: String,
    priority: i64,
    value: Source,
}

enum Source {
    Builtin(fn(&Tree) -> String),
    /// `.status.phase`
    Path(Vec<String>),
    Age,
}

impl Column {
    fn builtin(name: &str, value: fn(&Tree) -> String) -> Self {
        Self {
            name: name.to_owned(),
            type_name: "string".to_owned(),
            priority: 0,
            value: Source::Builtin(value),
        }
    }

    fn age() -> Self {
        Self { value: Source::Age, ..Self::builtin("Age", name) }
    }

    fn cell(&self, object: &Object, now: Timestamp) -> Value {
        let tree = object.tree();
        match &self.value {
            Source::Builtin(value) => Value::String(value(tree)),
            Source::Age => Value::String(age(tree.str_at(&["metadata", "creationTimestamp"]), now)),
            Source::Path(path) => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let value = tree.at(&path).map_or(Value::Null, Tree::to_value);
                match (&*self.type_name, &value) {
                    ("date", Value::String(time)) => Value::String(age(Some(time), now)),
                    _ => value,
                }
            }
        }
    }
}

fn columns(server: &Server, kind: &KindInfo) -> Vec<Column> {
    let mut columns = vec![Column::builtin("Name", name)];
    match (&*kind.group, &*kind.kind) {
        _ if kind.custom => {
            columns.extend(custom(server, kind));
            if columns.len() > 1 {
                return columns;
            }
        }
        ("", "Pod") => columns.extend([
            Column::builtin("Ready", pod_ready),
            Column::builtin("Status", pod_status),
            Column::builtin("Restarts", pod_restarts),
        ]),
        ("", "Node") => columns.push(Column::builtin("Status", node_status)),
        ("", "Namespace") => {
            columns.push(Column::builtin("Status", |t| text(t, &["status", "phase"])));
        }
        ("", "Service") => columns.extend([
            Column::builtin("Type", |t| text(t, &["spec", "type"])),
            Column::builtin("Cluster-IP", |t| text(t, &["spec", "clusterIP"])),
        ]),
        ("", "PersistentVolumeClaim") => columns.extend([
            Column::builtin("Status", |t| text(t, &["status", "phase"])),
            Column::builtin("Volume", |t| text(t, &["spec", "volumeName"])),
            Column::builtin("Capacity", |t| text(t, &["status", "capacity", "storage"])),
        ]),
        ("", "Event") => columns.extend([
            Column::builtin("Type", |t| text(t, &["type"])),
            Column::builtin("Reason", |t| text(t, &["reason"])),
            Column::builtin("Object", |t| {
                format!(
                    "{}/{}",
                    text(t, &["involvedObject", "kind"]).to_lowercase(),
                    text(t, &["involvedObject", "name"])
                )
            }),
            Column::builtin("Message", |t| text(t, &["message"])),
        ]),
        ("", "ConfigMap" | "Secret") => {
            columns.push(Column::builtin("Data", |t| {
                t.get("data").map_or(0, |data| data.entries().len()).to_string()
            }));
        }
        _ => {}
    }
    columns.push(Column::age());
    columns
}

/// `additionalPrinterColumns` of the definition; simple paths only, as definitions of databases have them.
fn custom(server: &Server, kind: &KindInfo) -> Vec<Column> {
    let definitions = server.kind("apiextensions.k8s.io", "CustomResourceDefinition");
    let definition = definitions.and_then(|id| {
        server.table(id).get("", &format!("{}.{}", kind.plural, kind.group)).cloned()
    });
    let Some(definition) = definition else { return Vec::new() };
    let versions = definition.tree().at(&["spec", "versions"]).map(Tree::items).unwrap_or_default();
    let version = versions.iter().find(|version| version.str_at(&["name"]) == Some(&kind.version));
    let columns = version
        .and_then(|version| version.get("additionalPrinterColumns"))
        .map(Tree::items)
        .unwrap_or_default();
    let column = |column: &Tree| {
        let path = text(column, &["jsonPath"]);
        let path = path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Column {
            name: text(column, &["name"]),
            type_name: text(column, &["type"]),
            priority: column.int_at(&["priority"]).unwrap_or(0),
            value: Source::Path(path),
        }
    };
    columns.iter().map(column).collect()
}

fn text(tree: &Tree, path: &[&str]) -> String {
    match tree.at(path).map(Tree::to_value) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

fn name(tree: &Tree) -> String {
    text(tree, &["metadata", "name"])
}

fn containers(pod: &Tree) -> &[Tree] {
    pod.at(&["status", "containerStatuses"]).map(Tree::items).unwrap_or_default()
}

fn pod_ready(pod: &Tree) -> String {
    let all = pod.at(&["spec", "containers"]).map_or(0, |containers| containers.items().len());
    let ready = containers(pod)
        .iter()
        .filter(|container| container.bool_at(&["ready"]) == Some(true))
        .count();
    format!("{ready}/{all}")
}

fn pod_status(pod: &Tree) -> String {
    if pod.at(&["metadata", "deletionTimestamp"]).is_some() {
        return "Terminating".to_owned();
    }
    let waiting = containers(pod)
        .iter()
        .find_map(|container| container.str_at(&["state", "waiting", "reason"]));
    waiting.map_or_else(|| text(pod, &["status", "phase"]), str::to_owned)
}

fn pod_restarts(pod: &Tree) -> String {
    containers(pod)
        .iter()
        .filter_map(|container| container.int_at(&["restartCount"]))
        .sum::<i64>()
        .to_string()
}

fn node_status(node: &Tree) -> String {
    let conditions = node.at(&["status", "conditions"]).map(Tree::items).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.str_at(&["type"]) == Some("Ready"));
    match ready.and_then(|condition| condition.str_at(&["status"])) {
        Some("True") => "Ready".to_owned(),
        Some("Unknown") => "NotReady (unknown)".to_owned(),
        _ => "NotReady".to_owned(),
    }
}

/// `45s`, `12m`, `3h`, `2d`.
fn age(since: Option<&str>, now: Timestamp) -> String {
    let Some(since) = since.and_then(|time| time.parse::<Timestamp>().ok()) else {
        return "<unknown>".to_owned();
    };
    let seconds = now.duration_since(since).max(SignedDuration::ZERO).as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

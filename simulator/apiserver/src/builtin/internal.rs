//! Builtin objects as the real server prints the Go structs it holds them in: every field under its Go name and in its
//! order, `null` where nothing is set. Newer servers put them into messages as JSON, and the difference of two as a
//! unified diff.
//!
//! `tables/internal.txt` has the structs; `tables/internal.py` says what its lines mean.

mod unified;

use std::fmt::Write;

use super::check::{NOTHING, text};
use crate::Tree;
use crate::golang::html_safe;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

/// `tree` as JSON of the struct `name` (`core.PodSpec`).
pub(crate) fn json(name: &str, tree: &Tree) -> String {
    let mut out = String::new();
    Printer { out: &mut out, indents: false }.node(name, Some(tree), 0);
    out
}

/// The members of a value of the struct `name` that are set, by their Go names and in its order.
pub(crate) fn members(name: &str, tree: &Tree) -> Vec<(&'static str, Tree)> {
    let tree = conversion(name, tree);
    let mut fields = Vec::new();
    collect(name, &tree, &mut fields);
    let unset = [Tree::from(false), Tree::from(""), Tree::from(0)];
    let set = fields.into_iter().filter_map(|(name, kind, value)| {
        let value = value.filter(|value| !value.is_null())?;
        let is_set = kind.starts_with('*') || !unset.contains(value);
        is_set.then(|| Some((name?, value.clone()))).flatten()
    });
    set.collect()
}

/// What stands between two values of the struct `name`, with three lines around each change; each line ends.
pub(crate) fn diff(name: &str, old: &Tree, new: &Tree) -> String {
    let pretty = |tree| {
        let mut out = String::new();
        Printer { out: &mut out, indents: true }.node(name, Some(tree), 0);
        out
    };
    unified::diff(&pretty(old), &pretty(new))
}

/// An invalid value that is a struct.
pub(super) fn invalid(faults: &mut Faults, at: Path<'_>, name: &str, value: &Tree, why: &str) {
    faults.0.push(FieldError::invalid_printed(at, &json(name, value), why));
}

struct Printer<'a> {
    out: &'a mut String,
    /// A line for each member, one space deeper than its struct.
    indents: bool,
}

impl Printer<'_> {
    /// A value of a kind as `internal.py` writes them.
    fn node(&mut self, kind: &str, tree: Option<&Tree>, depth: usize) {
        let tree = tree.filter(|tree| !tree.is_null());
        if let Some(kind) = kind.strip_prefix('*') {
            match tree {
                Some(tree) => self.node(kind, Some(tree), depth),
                None => self.out.push_str("null"),
            }
        } else if let Some(kind) = kind.strip_prefix("[]") {
            let Some(tree) = tree else { return self.out.push_str("null") };
            let items: Vec<_> = tree.items().iter().map(|item| (None, kind, Some(item))).collect();
            self.members('[', ']', &items, depth);
        } else if let Some(kind) = kind.strip_prefix("{}") {
            let Some(tree) = tree else { return self.out.push_str("null") };
            let items: Vec<_> =
                tree.entries().map(|(key, value)| (Some(key), kind, Some(value))).collect();
            self.members('{', '}', &items, depth);
        } else {
            match (kind, tree) {
                ("s", None) => self.out.push_str("\"\""),
                ("i" | "I", None) => self.out.push('0'),
                ("b", None) => self.out.push_str("false"),
                ("Q", None) => self.out.push_str("\"0\""),
                ("T" | "J", None) => self.out.push_str("null"),
                ("J", Some(tree)) if tree.is_map() => self.node("{}J", Some(tree), depth),
                ("J", Some(tree)) if tree.is_list() => self.node("[]J", Some(tree), depth),
                ("s" | "i" | "b" | "Q" | "I" | "T" | "J", Some(tree)) => {
                    self.out.push_str(&html_safe(&tree.to_string()));
                }
                (name, tree) => {
                    let joined = conversion(name, tree.unwrap_or(&NOTHING));
                    let mut fields = Vec::new();
                    collect(name, &joined, &mut fields);
                    self.members('{', '}', &fields, depth);
                }
            }
        }
    }

    fn members(
        &mut self,
        open: char,
        close: char,
        items: &[(Option<&str>, &str, Option<&Tree>)],
        depth: usize,
    ) {
        self.out.push(open);
        for (index, (key, kind, value)) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth + 1);
            if let Some(key) = key {
                let gap = if self.indents { " " } else { "" };
                write!(self.out, "{}:{gap}", html_safe(&Tree::from(*key).to_string()))
                    .expect("a string takes any text");
            }
            self.node(kind, *value, depth + 1);
        }
        if !items.is_empty() {
            self.line(depth);
        }
        self.out.push(close);
    }

    fn line(&mut self, depth: usize) {
        if self.indents {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', depth));
        }
    }
}

/// The fields of a struct with their values, those of the structs it embeds in place.
fn collect<'t>(
    name: &str,
    tree: &'t Tree,
    into: &mut Vec<(Option<&'static str>, &'static str, Option<&'t Tree>)>,
) {
    for field in fields(name) {
        if let Some(embedded) = field.strip_prefix('=') {
            let inner = if embedded == "metav1.ObjectMeta" {
                tree.get("metadata").unwrap_or(&NOTHING)
            } else {
                tree
            };
            collect(embedded, inner, into);
            continue;
        }
        let (shown, kind) = field.split_once(':').expect("the generator writes name:kind");
        let (shown, may_lack) = match shown.strip_suffix(',') {
            Some(shown) => (shown, true),
            None => (shown, false),
        };
        let value = member(tree, shown);
        let is_pointer = kind.starts_with('*');
        let is_empty = value.is_none_or(|value| {
            value.is_null() || !is_pointer && (value.is_empty() || value.as_i64() == Some(0))
        });
        if !(may_lack && is_empty) {
            into.push((Some(shown), kind, value));
        }
    }
}

fn fields(name: &str) -> impl Iterator<Item = &'static str> {
    const TABLE: &str = include_str!("../../tables/internal.txt");
    let line = TABLE.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_default().split(' ').filter(|field| !field.is_empty())
}

/// The Go name of a member of a struct, and its kind as `internal.py` writes it, where it is known.
pub(crate) fn field(type_name: &str, key: &str) -> Option<(&'static str, &'static str)> {
    let names = PACKAGES.iter().map(|package| format!("{package}.{type_name}"));
    let shown = |field: &'static str| field.split_once(':').unwrap_or_default();
    names
        .flat_map(|name| fields(&name).map(shown).collect::<Vec<_>>())
        .find(|(name, _)| name.eq_ignore_ascii_case(key) && name.starts_with(char::is_uppercase))
}

const PACKAGES: [&str; 9] =
    ["core", "apps", "autoscaling", "batch", "networking", "policy", "rbac", "storage", "resource"];

/// The member of an object that a Go field holds: of the same name, but for its case and a few exceptions.
fn member<'t>(tree: &'t Tree, field: &str) -> Option<&'t Tree> {
    let renamed = match field {
        "DiscoveryCHAPAuth" => "chapAuthDiscovery",
        "SessionCHAPAuth" => "chapAuthSession",
        "CephMonitors" => "monitors",
        "RBDImage" => "image",
        "RBDPool" => "pool",
        "RadosUser" => "user",
        "EndpointsName" => "endpoints",
        "DataDiskURI" => "diskURI",
        "IntValue" => "int",
        "BoolValue" => "bool",
        "StringValue" => "string",
        "VersionValue" => "version",
        other => other,
    };
    let mut entries = tree.entries();
    entries.find(|(key, _)| key.eq_ignore_ascii_case(renamed)).map(|(_, value)| value)
}

/// Some members have another place in the struct.
fn conversion(name: &str, tree: &Tree) -> Tree {
    match name {
        "core.PodSpec" => pod(tree),
        "apiextensions.JSONSchemaProps" => {
            let renamed = tree.entries().map(|(key, value)| {
                let bare = key.trim_start_matches('$').replace("x-kubernetes-", "x");
                (bare.replace('-', ""), value.clone())
            });
            Tree::map(renamed)
        }
        "apiextensions.JSONSchemaPropsOrBool" => {
            let allows = tree.as_bool().unwrap_or(true);
            let schema = if tree.is_map() { tree.clone() } else { Tree::null() };
            Tree::map([("allows", Tree::from(allows)), ("schema", schema)])
        }
        "apiextensions.JSONSchemaPropsOrArray" | "apiextensions.JSONSchemaPropsOrStringArray" => {
            let all = if name.ends_with("OrArray") { "jsonSchemas" } else { "property" };
            Tree::map([(if tree.is_map() { "schema" } else { all }, tree.clone())])
        }
        "apiextensions.CustomResourceDefinitionVersion" => {
            let lists = ["selectableFields", "additionalPrinterColumns"].into_iter();
            let empty = lists.filter(|key| tree.get(key).is_some_and(Tree::is_empty));
            empty.fold(tree.clone(), |tree, key| tree.without(&[key]))
        }
        _ => tree.clone(),
    }
}

fn pod(tree: &Tree) -> Tree {
    // What a pod shares with its node belongs to its security there, which is never absent.
    let empty = Tree::empty_map();
    let mut context = tree.get("securityContext").unwrap_or(&empty).clone();
    for key in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
        if let Some(value) = tree.get(key) {
            context = context.with(&[key], value);
        }
    }
    let tree = tree.with(&["securityContext"], context);
    if text(&tree, "serviceAccountName").is_empty()
        && let Some(account) = tree.get("serviceAccount").cloned()
    {
        return tree.with(&["serviceAccountName"], account);
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_printed_with_all_its_fields() {
        let context =
            Tree::from(serde_json::json!({ "privileged": true, "capabilities": { "add": ["A"] } }));

        assert_eq!(
            json("core.SecurityContext", &context),
            "{\"Capabilities\":{\"Add\":[\"A\"],\"Drop\":null},\"Privileged\":true,\"SELinuxOptions\":null,\
             \"WindowsOptions\":null,\"RunAsUser\":null,\"RunAsGroup\":null,\"RunAsNonRoot\":null,\
             \"ReadOnlyRootFilesystem\":null,\"AllowPrivilegeEscalation\":null,\"ProcMount\":null,\
             \"SeccompProfile\":null,\"AppArmorProfile\":null}"
        );
    }

    #[test]
    fn a_diff_shows_three_lines_around_a_change() {
        let old = Tree::from(serde_json::json!({ "hostPath": { "path": "/x", "type": "" } }));
        let new = Tree::from(serde_json::json!({ "hostPath": { "path": "/y", "type": "" } }));

        assert_eq!(
            diff("core.PersistentVolumeSource", &old, &new),
            "@@ -2,7 +2,7 @@\n  \"GCEPersistentDisk\": null,\n  \"AWSElasticBlockStore\": null,\n  \"HostPath\": {\n\
             -  \"Path\": \"/x\",\n+  \"Path\": \"/y\",\n   \"Type\": \"\"\n  },\n  \"Glusterfs\": null,\n"
        );
    }
}

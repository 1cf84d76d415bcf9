//! What a server says about itself: its version, its groups, the resources of a group.

use crate::kinds::KindInfo;
use crate::object::Tree;
use crate::store::Server;

/// The order in which a server lists its own groups; clients resolve short names by it. Others follow by name.
const GROUPS: &[&str] = &[
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// In the order in which a server tells them of custom kinds.
const CUSTOM_VERBS: &[&str] =
    &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

impl Server {
    /// The document at a path: `/version`, `/api`, `/apis`, `/apis/apps`, `/api/v1`, `/apis/apps/v1`.
    pub fn document(&self, path: &str) -> Option<Tree> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["version"] => Some(self.version()),
            ["api"] => Some(api_versions()),
            ["apis"] => Some(self.groups()),
            ["apis", group] => self
                .group(group)
                .map(|tree| tree.with(&["kind"], "APIGroup").with(&["apiVersion"], "v1")),
            ["api", version] => self.resources("", version),
            ["apis", group, version] => self.resources(group, version),
            _ => None,
        }
    }

    fn version(&self) -> Tree {
        let minor = self.profile().minor;
        serde_json::json!({
            "major": "1",
            "minor": minor.to_string(),
            "gitVersion": format!("v1.{minor}.0"),
            "gitCommit": "0000000000000000000000000000000000000000",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "go1.25",
            "compiler": "gc",
            "platform": "linux/amd64",
        })
        .into()
    }

    fn groups(&self) -> Tree {
        let mut names: Vec<&str> = self.kinds().map(|kind| &*kind.group).collect();
        names.retain(|name| !name.is_empty());
        let rank =
            |name: &str| GROUPS.iter().position(|known| *known == name).unwrap_or(GROUPS.len());
        names.sort_by_key(|name| (rank(name), *name));
        names.dedup();
        Tree::empty_map()
            .with(&["kind"], "APIGroupList")
            .with(&["apiVersion"], "v1")
            .with(&["groups"], Tree::list(names.iter().filter_map(|name| self.group(name))))
    }

    fn group(&self, group: &str) -> Option<Tree> {
        let mut versions: Vec<&str> =
            self.kinds().filter(|kind| *kind.group == *group).map(|kind| &*kind.version).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        versions.dedup();
        let version = |version: &&str| {
            Tree::empty_map()
                .with(&["groupVersion"], format!("{group}/{version}"))
                .with(&["version"], *version)
        };
        let preferred = version(versions.first()?);
        Some(
            Tree::empty_map()
                .with(&["name"], group)
                .with(&["versions"], Tree::list(versions.iter().map(version)))
                .with(&["preferredVersion"], preferred),
        )
    }

    fn resources(&self, group: &str, version: &str) -> Option<Tree> {
        let mut api_version = None;
        let mut resources = Vec::new();
        for kind in self.kinds() {
            if *kind.group == *group && *kind.version == *version {
                api_version = Some(kind.api_version());
                resource(kind, &mut resources);
            }
        }
        let list = Tree::empty_map()
            .with(&["kind"], "APIResourceList")
            .with(&["groupVersion"], api_version?)
            .with(&["resources"], Tree::list(resources));
        Some(if group.is_empty() { list } else { list.with(&["apiVersion"], "v1") })
    }
}

fn api_versions() -> Tree {
    serde_json::json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443" }],
    })
    .into()
}

fn resource(kind: &KindInfo, resources: &mut Vec<Tree>) {
    let strings = |strings: &[std::sync::Arc<str>]| {
        Tree::list(strings.iter().map(|string| Tree::from(&**string)))
    };
    let verbs = if kind.custom { CUSTOM_VERBS.to_vec() } else { kind.verbs.clone() };
    let mut tree = Tree::empty_map()
        .with(&["name"], &*kind.plural)
        .with(&["singularName"], &*kind.singular)
        .with(&["namespaced"], kind.namespaced)
        .with(&["kind"], &*kind.kind)
        .with(&["verbs"], Tree::list(verbs.into_iter().map(Tree::from)));
    if !kind.short_names.is_empty() {
        tree = tree.with(&["shortNames"], strings(&kind.short_names));
    }
    if !kind.categories.is_empty() {
        tree = tree.with(&["categories"], strings(&kind.categories));
    }
    resources.push(tree);
    for subresource in &kind.subresources {
        resources.push(of_subresource(kind, subresource));
    }
}

fn of_subresource(kind: &KindInfo, subresource: &str) -> Tree {
    // Group, version and kind where they are not those of the resource itself.
    let (other, verbs): (Option<[&str; 3]>, &[&str]) = match subresource {
        "scale" => (Some(["autoscaling", "v1", "Scale"]), &["get", "patch", "update"]),
        "binding" => (Some(["", "", "Binding"]), &["create"]),
        "eviction" => (Some(["policy", "v1", "Eviction"]), &["create"]),
        "token" => (Some(["authentication.k8s.io", "v1", "TokenRequest"]), &["create"]),
        "finalize" => (None, &["update"]),
        "log" => (None, &["get"]),
        "exec" | "attach" | "portforward" | "proxy" => (None, &["create", "get"]),
        _ => (None, &["get", "patch", "update"]),
    };
    let mut tree = Tree::empty_map()
        .with(&["name"], format!("{}/{subresource}", kind.plural))
        .with(&["singularName"], "")
        .with(&["namespaced"], kind.namespaced)
        .with(&["kind"], other.map_or(&*kind.kind, |other| other[2]))
        .with(&["verbs"], Tree::list(verbs.iter().map(|verb| Tree::from(*verb))));
    if let Some([group, version, _]) = other.filter(|other| !other[0].is_empty()) {
        tree = tree.with(&["group"], group).with(&["version"], version);
    }
    tree
}

/// `v2` before `v1` before `v1beta2` before `v1beta1` before `v1alpha1`.
pub(crate) fn priority(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let (stage, major, minor) = if let Some((major, minor)) = rest.split_once("beta") {
        (1, major, minor)
    } else if let Some((major, minor)) = rest.split_once("alpha") {
        (0, major, minor)
    } else {
        (2, rest, "0")
    };
    (stage, major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

//! What a server says about itself: its version, its groups, the resources of a group.

mod aggregated;
mod hash;

pub(crate) use self::aggregated::Aggregated;

use crate::kinds::{KindInfo, Profile};
use crate::object::Tree;
use crate::status::Status;
use crate::store::Server;

/// Whether a group is one of the server itself.
pub(crate) fn is_builtin(group: &str) -> bool {
    group.is_empty() || GROUPS.contains(&group)
}

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
    "extensions",
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

/// What a server looks at when it is asked after its health.
const CHECKS: &[&str] = &["ping", "log", "etcd", "informer-sync"];

/// In the order in which a server tells them of custom kinds.
const CUSTOM_VERBS: &[&str] =
    &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

impl Server {
    /// The document at a path: `/version`, `/api`, `/apis`, `/apis/apps`, `/api/v1`, `/apis/apps/v1`.
    pub fn document(&self, path: &str) -> Option<Tree> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            [] => Some(self.paths()),
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

    /// What a path that asks after its health is answered with: `/healthz`, `/livez/ping`, `/readyz?verbose`.
    pub fn health(&self, path: &str, query: &str) -> Option<String> {
        let rest = path.strip_prefix('/')?;
        let (root, check) = rest.split_once('/').unwrap_or((rest, ""));
        if !matches!(root, "healthz" | "livez" | "readyz") {
            return None;
        }
        if !check.is_empty() {
            return CHECKS.contains(&check).then(|| "ok".to_owned());
        }
        if !query.split('&').any(|part| part == "verbose" || part.starts_with("verbose=")) {
            return Some("ok".to_owned());
        }
        let lines: String = CHECKS.iter().map(|check| format!("[+]{check} ok\n")).collect();
        Some(format!("{lines}{root} check passed\n"))
    }

    /// The paths there are, as `/` lists them.
    fn paths(&self) -> Tree {
        let mut paths: Vec<String> = ["/api", "/api/v1", "/apis", "/apis/", "/version"]
            .into_iter()
            .map(str::to_owned)
            .collect();
        for root in ["healthz", "livez", "readyz"] {
            paths.push(format!("/{root}"));
            paths.extend(CHECKS.iter().map(|check| format!("/{root}/{check}")));
        }
        for kind in self.kinds().filter(|kind| !kind.group.is_empty()) {
            paths.push(format!("/apis/{}", kind.group));
            paths.push(format!("/apis/{}/{}", kind.group, kind.version));
        }
        paths.sort();
        paths.dedup();
        Tree::empty_map().with(&["paths"], Tree::list(paths.into_iter().map(Tree::from)))
    }

    fn version(&self) -> Tree {
        let minor = self.profile().minor;
        // The patch releases that the recordings were made with.
        let patch = if minor == 20 { 2 } else { 4 };
        let version: Tree = serde_json::json!({
            "major": "1",
            "minor": minor.to_string(),
            "gitVersion": format!("v1.{minor}.{patch}"),
            "gitCommit": "0000000000000000000000000000000000000000",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "go1.25",
            "compiler": "gc",
            "platform": "linux/amd64",
        })
        .into();
        if minor < 33 {
            return version;
        }
        version
            .with(&["emulationMajor"], "1")
            .with(&["emulationMinor"], minor.to_string())
            .with(&["minCompatibilityMajor"], "1")
            .with(&["minCompatibilityMinor"], (minor - 1).to_string())
    }

    /// What a path is answered with where a group of the server itself has no such version.
    pub fn absent_document(&self, path: &str) -> Option<Status> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let group = match parts.as_slice() {
            ["apis", group, _] => group,
            ["api", _] => "",
            _ => return None,
        };
        let own = self.kinds().any(|kind| !kind.custom && *kind.group == *group);
        (own && self.document(path).is_none()).then(Status::unknown_resource)
    }

    /// Those with a name, in the order in which they are told.
    fn group_names(&self) -> Vec<String> {
        let mut names: Vec<&str> = self.kinds().map(|kind| &*kind.group).collect();
        names.retain(|name| !name.is_empty());
        let rank =
            |name: &str| GROUPS.iter().position(|known| *known == name).unwrap_or(GROUPS.len());
        names.sort_by_key(|name| (rank(name), *name));
        names.dedup();
        names.into_iter().map(str::to_owned).collect()
    }

    /// Of a group, the best first.
    fn versions(&self, group: &str) -> Vec<String> {
        let mut versions: Vec<&str> =
            self.kinds().filter(|kind| *kind.group == *group).map(|kind| &*kind.version).collect();
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        versions.dedup();
        if group == "autoscaling" && self.profile().minor < 23 {
            // As old servers list their own, whatever is newer.
            versions.sort_unstable();
        }
        versions.into_iter().map(str::to_owned).collect()
    }

    fn groups(&self) -> Tree {
        let names = self.group_names();
        Tree::empty_map()
            .with(&["kind"], "APIGroupList")
            .with(&["apiVersion"], "v1")
            .with(&["groups"], Tree::list(names.iter().filter_map(|name| self.group(name))))
    }

    fn group(&self, group: &str) -> Option<Tree> {
        let versions = self.versions(group);
        let version = |version: &String| {
            Tree::empty_map()
                .with(&["groupVersion"], format!("{group}/{version}"))
                .with(&["version"], version)
        };
        let preferred = version(versions.first()?);
        Some(
            Tree::empty_map()
                .with(&["name"], group)
                .with(&["versions"], Tree::list(versions.iter().map(version)))
                .with(&["preferredVersion"], preferred),
        )
    }

    /// The version that objects of a custom kind are kept in.
    fn stored<'a>(&'a self, of: &'a KindInfo) -> &'a str {
        let same =
            |kind: &&KindInfo| kind.storage && kind.group == of.group && kind.plural == of.plural;
        self.kinds().find(same).map_or(&*of.version, |kind| &*kind.version)
    }

    fn resources(&self, group: &str, version: &str) -> Option<Tree> {
        let mut api_version = None;
        let mut resources = Vec::new();
        for kind in self.kinds() {
            if *kind.group == *group && *kind.version == *version {
                api_version = Some(kind.api_version());
                let storage = if kind.custom { self.stored(kind) } else { version };
                resource(self.profile(), kind, storage, &mut resources);
            }
        }
        let list = Tree::empty_map()
            .with(&["kind"], "APIResourceList")
            .with(&["groupVersion"], api_version?)
            .with(&["resources"], Tree::list(resources));
        // The oldest two groups do not say in which version they speak.
        let old = matches!(group, "" | "extensions");
        Some(if old { list } else { list.with(&["apiVersion"], "v1") })
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

fn resource(profile: &Profile, kind: &KindInfo, storage: &str, resources: &mut Vec<Tree>) {
    let strings = |strings: &[std::sync::Arc<str>]| {
        Tree::list(strings.iter().map(|string| Tree::from(&**string)))
    };
    let verbs = if kind.custom { CUSTOM_VERBS.to_vec() } else { kind.verbs.clone() };
    let listed = verbs.contains(&"watch");
    // Servers before 1.27 name no singular of their own kinds.
    let singular = if kind.custom || profile.minor >= 27 { &*kind.singular } else { "" };
    let mut tree = Tree::empty_map()
        .with(&["name"], &*kind.plural)
        .with(&["singularName"], singular)
        .with(&["namespaced"], kind.namespaced)
        .with(&["kind"], &*kind.kind)
        .with(&["verbs"], Tree::list(verbs.into_iter().map(Tree::from)));
    if !kind.short_names.is_empty() {
        tree = tree.with(&["shortNames"], strings(&kind.short_names));
    }
    if !kind.categories.is_empty() {
        tree = tree.with(&["categories"], strings(&kind.categories));
    }
    if listed {
        let (group, version) = kept(profile, kind).unwrap_or((&*kind.group, storage));
        tree = tree.with(&["storageVersionHash"], hash::of(group, version, &kind.kind));
    }
    resources.push(tree);
    let mut subresources = kind.subresources.clone();
    if !kind.custom {
        subresources.extend(
            CONNECTED
                .iter()
                .filter(|(of, _)| kind.group.is_empty() && *kind.plural == **of)
                .map(|(_, name)| *name),
        );
        subresources.sort_unstable();
        subresources.dedup();
    }
    for subresource in subresources {
        resources.push(of_subresource(profile, kind, subresource));
    }
}

/// Subresources that lead out of the server, which no table of it names.
const CONNECTED: &[(&str, &str)] = &[
    ("pods", "attach"),
    ("pods", "exec"),
    ("pods", "log"),
    ("pods", "portforward"),
    ("pods", "proxy"),
    ("services", "proxy"),
    ("nodes", "proxy"),
    ("namespaces", "finalize"),
];

/// The group and version that a server keeps the objects of a kind of its own in, where that is not
/// the one it serves them in.
fn kept<'a>(profile: &Profile, kind: &'a KindInfo) -> Option<(&'a str, &'static str)> {
    if kind.custom {
        return None;
    }
    let group = &*kind.group;
    let version = match (profile.minor >= 34, group, &*kind.plural) {
        (_, "events.k8s.io", _) => return Some(("", "v1")),
        (false, "extensions", "ingresses") => return Some(("networking.k8s.io", "v1beta1")),
        (_, "apiextensions.k8s.io", _)
        | (true, "storage.k8s.io", "volumeattributesclasses")
        | (false, "storage.k8s.io", "csidrivers")
        | (false, "networking.k8s.io", "ingresses" | "ingressclasses")
        | (
            false,
            "admissionregistration.k8s.io"
            | "apiregistration.k8s.io"
            | "certificates.k8s.io"
            | "coordination.k8s.io"
            | "node.k8s.io",
            _,
        ) => "v1beta1",
        (true, "resource.k8s.io", _) => "v1beta2",
        (true, "autoscaling", _) => "v2",
        (false, "storage.k8s.io" | "rbac.authorization.k8s.io" | "autoscaling", _) => "v1",
        _ => return None,
    };
    Some((group, version))
}

fn of_subresource(profile: &Profile, kind: &KindInfo, subresource: &str) -> Tree {
    const ALL: &[&str] = &["create", "delete", "get", "patch", "update"];
    let own = &*kind.kind;
    let eviction = if profile.minor < 22 { "v1beta1" } else { "v1" };
    // Group and version where they are not those of the resource itself.
    let (group, version, kind_name, verbs): (&str, &str, String, &[&str]) = match subresource {
        "scale" => ("autoscaling", "v1", "Scale".to_owned(), &["get", "patch", "update"]),
        "binding" => ("", "", "Binding".to_owned(), &["create"]),
        "eviction" => ("policy", eviction, "Eviction".to_owned(), &["create"]),
        "token" => ("authentication.k8s.io", "v1", "TokenRequest".to_owned(), &["create"]),
        "finalize" => ("", "", own.to_owned(), &["update"]),
        "log" => ("", "", own.to_owned(), &["get"]),
        "exec" => ("", "", format!("{own}ExecOptions"), &["create", "get"]),
        "attach" => ("", "", format!("{own}AttachOptions"), &["create", "get"]),
        "portforward" => ("", "", format!("{own}PortForwardOptions"), &["create", "get"]),
        "proxy" => ("", "", format!("{own}ProxyOptions"), ALL),
        _ => ("", "", own.to_owned(), &["get", "patch", "update"]),
    };
    let mut tree = Tree::empty_map()
        .with(&["name"], format!("{}/{subresource}", kind.plural))
        .with(&["singularName"], "")
        .with(&["namespaced"], kind.namespaced)
        .with(&["kind"], kind_name)
        .with(&["verbs"], Tree::list(verbs.iter().map(|verb| Tree::from(*verb))));
    if !group.is_empty() {
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

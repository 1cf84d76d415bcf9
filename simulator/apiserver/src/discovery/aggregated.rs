//! All groups in one document, for clients that would rather ask once.

use crate::accept::Media;
use crate::object::Tree;
use crate::store::Server;

/// In which version and media type a client wants the whole: `v2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aggregated {
    pub media: Media,
    pub version: &'static str,
}

impl Aggregated {
    /// `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`
    pub(crate) fn content_type(self) -> String {
        let media = self.media.name();
        format!("{media};g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList", self.version)
    }
}

impl Server {
    /// `core`: only the group that has no name, else all others.
    pub(crate) fn aggregated(&self, core: bool, wanted: Aggregated) -> Tree {
        let names = if core { vec![String::new()] } else { self.group_names() };
        let items = names.iter().map(|name| self.aggregated_group(name));
        Tree::map([
            ("kind", Tree::from("APIGroupDiscoveryList")),
            ("apiVersion", format!("apidiscovery.k8s.io/{}", wanted.version).into()),
            ("metadata", Tree::empty_map()),
            ("items", Tree::list(items)),
        ])
    }

    fn aggregated_group(&self, group: &str) -> Tree {
        let mut metadata = Tree::empty_map();
        if !group.is_empty() {
            metadata = metadata.with(&["name"], group);
        }
        if self.profile().minor < 34 {
            metadata = metadata.with(&["creationTimestamp"], Tree::null());
        }
        let versions = self.versions(group).into_iter().map(|version| {
            let list = self.resources(group, &version).unwrap_or_default();
            let listed = list.at(&["resources"]).map_or(&[][..], Tree::items);
            let custom = self
                .kinds()
                .any(|kind| *kind.group == *group && *kind.version == version && kind.custom);
            let own = if custom { (group, version.as_str()) } else { ("", "") };
            let whole = listed.iter().filter(|resource| !name(resource).contains('/'));
            Tree::map([
                ("version", Tree::from(&version)),
                (
                    "resources",
                    Tree::list(whole.map(|resource| whole_resource(resource, listed, own))),
                ),
                ("freshness", "Current".into()),
            ])
        });
        Tree::map([("metadata", metadata), ("versions", Tree::list(versions))])
    }
}

fn name(resource: &Tree) -> &str {
    resource.str_at(&["name"]).unwrap_or_default()
}

/// A resource of a legacy list, with its subresources. `own`: group and version where the list says none.
fn whole_resource(resource: &Tree, listed: &[Tree], own: (&str, &str)) -> Tree {
    let scope =
        if resource.bool_at(&["namespaced"]) == Some(true) { "Namespaced" } else { "Cluster" };
    let mut tree = Tree::map([
        ("resource", Tree::from(name(resource))),
        ("responseKind", response_kind(resource, own)),
        ("scope", scope.into()),
        ("singularResource", resource.get("singularName").cloned().unwrap_or_default()),
    ]);
    for key in ["verbs", "shortNames", "categories"] {
        if let Some(value) = resource.get(key) {
            tree = tree.with(&[key], value);
        }
    }
    let subresources: Vec<Tree> = listed
        .iter()
        .filter_map(|other| {
            let subresource = name(other).strip_prefix(name(resource))?.strip_prefix('/')?;
            Some(Tree::map([
                ("subresource", Tree::from(subresource)),
                ("responseKind", response_kind(other, own)),
                ("verbs", other.get("verbs").cloned().unwrap_or_default()),
            ]))
        })
        .collect();
    if subresources.is_empty() { tree } else { tree.with(&["subresources"], subresources) }
}

fn response_kind(resource: &Tree, (group, version): (&str, &str)) -> Tree {
    let or = |key: &str, own: &str| Tree::from(resource.str_at(&[key]).unwrap_or(own));
    Tree::map([
        ("group", or("group", group)),
        ("version", or("version", version)),
        ("kind", or("kind", "")),
    ])
}

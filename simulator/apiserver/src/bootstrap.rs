//! What a server makes for itself when it starts: the roles everybody knows, priorities, its own service.

use jiff::Timestamp;

use crate::object::Tree;
use crate::request::{Gvr, Request};
use crate::store::Server;

/// Made by `tables/bootstrap.py`.
const OBJECTS: &str = include_str!("../tables/bootstrap.jsonl");

impl Server {
    /// Makes what a real server has from its start. `port`: where this one listens.
    ///
    /// Worlds do without: nobody in them needs to be told what they may.
    pub fn bootstrap(&mut self, port: u16, now: Timestamp) {
        for line in OBJECTS.lines() {
            let object = Tree::from_json(line.as_bytes()).expect("the table is JSON");
            let text = |path: &[&str]| object.str_at(path).unwrap_or_default();
            let version = text(&["apiVersion"]);
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let kind = text(&["kind"]);
            let found = self.kinds().find(|known| {
                (&*known.group, &*known.version, &*known.kind) == (group, version, kind)
            });
            // Older servers lack some kinds.
            let Some(info) = found else { continue };
            let resource = Gvr {
                group: group.to_owned().into(),
                version: version.to_owned().into(),
                resource: info.plural.to_string().into(),
            };
            let namespace = text(&["metadata", "namespace"]).to_owned();
            let object = completed(&object, group, kind, port);
            let create = Request::create(resource, &namespace, object).by("kube-apiserver");
            self.handle(&create, now);
        }
    }
}

/// What a server makes of a kind under a name, as the table has it.
pub(crate) fn object(kind: &str, name: &str) -> Option<Tree> {
    let objects = OBJECTS.lines().filter(|line| line.contains(kind));
    let mut objects = objects.filter_map(|line| Tree::from_json(line.as_bytes()).ok());
    objects.find(|object| {
        object.str_at(&["kind"]) == Some(kind) && object.str_at(&["metadata", "name"]) == Some(name)
    })
}

/// With what all objects of a kind have in common, which the table leaves out.
fn completed(object: &Tree, group: &str, kind: &str, port: u16) -> Tree {
    if group == "rbac.authorization.k8s.io" {
        let label = ["metadata", "labels", "kubernetes.io/bootstrapping"];
        let note = ["metadata", "annotations", "rbac.authorization.kubernetes.io/autoupdate"];
        return object.with(&label, "rbac-defaults").with(&note, "true");
    }
    if kind != "Service" {
        return object.clone();
    }
    let port_of = |entry: &Tree| entry.with(&["targetPort"], i64::from(port));
    let ports = object.at(&["spec", "ports"]).map_or(&[][..], Tree::items);
    object.with(&["spec", "ports"], Tree::list(ports.iter().map(port_of)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::Deed;
    use crate::{Profile, User};

    fn server() -> Server {
        let mut server = Server::new(Profile::V1_34, 1);
        server.bootstrap(6443, Timestamp::UNIX_EPOCH);
        server
    }

    #[test]
    fn every_object_of_the_table_is_one_that_the_server_takes() {
        let server = server();
        let made: usize = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
            .iter()
            .filter_map(|kind| server.kind("rbac.authorization.k8s.io", kind))
            .map(|kind| server.table(kind).len())
            .sum();
        let listed = OBJECTS.lines().filter(|line| line.contains("rbac.authorization.k8s.io/v1"));
        assert_eq!(made, listed.count());
        let services = server.kind("", "Service").expect("a kind");
        assert!(server.table(services).get("default", "kubernetes").is_some());
    }

    #[test]
    fn strangers_may_ask_for_the_version_and_users_for_what_there_is() {
        let server = server();
        let may = |user: &User, path: &str| server.authorize(user, &Deed::of("GET", path, ""));
        let user = User::new("jane", ["system:authenticated"]);

        assert!(may(&User::anonymous(), "/version").allowed);
        assert!(!may(&User::anonymous(), "/api").allowed);
        assert!(may(&user, "/api").allowed);
        assert!(!may(&user, "/api/v1/pods").allowed);
        assert_eq!(
            may(&User::anonymous(), "/version").reason,
            "RBAC: allowed by ClusterRoleBinding \"system:public-info-viewer\" of ClusterRole \"system:public-info-viewer\" to Group \"system:unauthenticated\""
        );
        assert!(may(&User::default(), "/api/v1/pods").allowed);
    }

    #[test]
    fn a_role_put_together_of_others_grants_what_they_grant() {
        let mut server = server();
        let binding = serde_json::json!({
            "metadata": { "name": "jane" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
            "subjects": [{ "kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io" }],
        });
        let bindings = Gvr::new("rbac.authorization.k8s.io", "v1", "rolebindings");
        server.handle(&Request::create(bindings, "default", binding.into()), Timestamp::UNIX_EPOCH);
        let user = User::new("jane", ["system:authenticated"]);
        let may =
            |method: &str, path: &str| server.authorize(&user, &Deed::of(method, path, "")).allowed;

        assert!(may("GET", "/api/v1/namespaces/default/pods/x/log"));
        assert!(!may("DELETE", "/api/v1/namespaces/default/pods/x"));
        assert!(!may("GET", "/api/v1/namespaces/kube-system/pods"));
        assert!(!may("GET", "/api/v1/namespaces/default/secrets/x"));
    }
}

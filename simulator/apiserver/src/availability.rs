//! Whether versions of groups are available, as the server itself says of each `APIService`: those it answers itself
//! always are, and those of a Service cannot be while it or what stands behind it is missing. Nobody is asked over a
//! network: of a Service that could answer nothing is said.

use jiff::Timestamp;

use crate::builtin::check::{list, text};
use crate::builtin::cluster::api_service::{Availability, LOCAL, with_availability};
use crate::consequences::SERVICE_OF_SLICE;
use crate::golang::quote;
use crate::object::{Object, Tree};
use crate::store::Server;

const GROUP: &str = "apiregistration.k8s.io";

impl Server {
    /// After a write of an `APIService`.
    pub(crate) fn watch_over(&mut self, registered: &Object) {
        let now = registered.write().time;
        let Some(tree) = self.with_what_is_available(registered.tree(), now) else { return };
        if tree != *registered.tree() {
            self.say(registered, &tree, now);
        }
    }

    /// After a write of a Service, or of addresses behind one.
    pub(crate) fn watch_over_those_of(&mut self, namespace: &str, service: &str) {
        let Some(kind) = self.kind(GROUP, "APIService") else { return };
        let is_its = |object: &&Object| {
            let place = |key: &str| object.tree().str_at(&["spec", "service", key]);
            place("namespace") == Some(namespace) && place("name") == Some(service)
        };
        let all: Vec<Object> = self.table(kind).iter().filter(is_its).cloned().collect();
        for registered in all {
            self.watch_over(&registered);
        }
    }

    fn with_what_is_available(&self, tree: &Tree, now: Timestamp) -> Option<Tree> {
        let Some(asked) = tree.at(&["spec", "service"]).filter(|asked| !asked.is_null()) else {
            return Some(with_availability(tree, &LOCAL, now));
        };
        let (reason, message) = self.missing(asked)?;
        let said = Availability { status: "False", reason, message: &message };
        Some(with_availability(tree, &said, now))
    }

    /// What has to be there before a Service is asked, and is not.
    fn missing(&self, asked: &Tree) -> Option<(&'static str, String)> {
        let (namespace, name) = (text(asked, "namespace"), text(asked, "name"));
        let place = quote(namespace);
        let service =
            self.kind("", "Service").and_then(|kind| self.table(kind).get(namespace, name));
        let Some(service) = service else {
            let why = format!("service/{name} in {place} is not present");
            return Some(("ServiceNotFound", why));
        };
        let spec = service.tree().get("spec")?;
        if text(spec, "type") != "ClusterIP" {
            return None;
        }
        let wanted = asked.int_at(&["port"]);
        let Some(port) = list(spec, "ports").iter().find(|port| port.int_at(&["port"]) == wanted)
        else {
            let wanted = wanted.unwrap_or(0);
            let why = format!("service/{name} in {place} is not listening on port {wanted}");
            return Some(("ServicePortError", why));
        };
        self.missing_behind(namespace, name, text(port, "name"))
    }

    /// The same of the addresses behind it. Older servers look at Endpoints, which nothing here makes of slices.
    fn missing_behind(
        &self,
        namespace: &str,
        name: &str,
        port: &str,
    ) -> Option<(&'static str, String)> {
        let kind = self.kind("discovery.k8s.io", "EndpointSlice")?;
        let is_its = |slice: &&Object| {
            slice.namespace() == namespace && slice.tree().str_at(&SERVICE_OF_SLICE) == Some(name)
        };
        let place = quote(namespace);
        let mut slices = self.table(kind).iter().filter(is_its).peekable();
        if slices.peek().is_none() {
            let why = format!("cannot find endpointslices for service/{name} in {place}");
            return Some(("EndpointsNotFound", why));
        }
        if slices.any(|slice| is_ready(slice.tree(), port)) {
            return None;
        }
        let why = format!(
            "endpointslices for service/{name} in {place} have no addresses with port name {}",
            quote(port)
        );
        Some(("MissingEndpoints", why))
    }
}

/// Whether a slice has an address that is ready, and the port.
fn is_ready(slice: &Tree, port: &str) -> bool {
    let ready = |endpoint: &Tree| endpoint.bool_at(&["conditions", "ready"]).unwrap_or(true);
    list(slice, "endpoints").iter().any(ready)
        && list(slice, "ports").iter().any(|known| {
            known.str_at(&["name"]).unwrap_or_default() == port && known.int_at(&["port"]).is_some()
        })
}

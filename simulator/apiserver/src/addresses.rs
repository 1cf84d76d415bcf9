//! The addresses of Services as objects, where a server keeps account of its ranges (from 1.33 on).

use jiff::Timestamp;

use crate::object::{Object, Tree};
use crate::request::{Gvr, Request};
use crate::store::Server;

const GROUP: &str = "networking.k8s.io";
const MANAGER: &str = "ipallocator.k8s.io";

impl Server {
    /// Worlds have no ranges, and nothing to keep account of.
    fn keeps_account(&self) -> bool {
        self.kind(GROUP, "ServiceCIDR").is_some_and(|kind| !self.table(kind).is_empty())
    }

    /// Before a Service is made.
    pub(crate) fn account_for_new(&mut self, service: &Tree, now: Timestamp) {
        if !self.keeps_account() {
            return;
        }
        let place = |key: &str| service.str_at(&["metadata", key]).unwrap_or_default();
        for address in addresses(service) {
            self.hold(&address, (place("namespace"), place("name")), now);
        }
    }

    /// After a Service was changed or removed.
    pub(crate) fn account_for(&mut self, service: &Object, before: &Object, removed: bool) {
        if !self.keeps_account() {
            return;
        }
        let now = service.write().time;
        let held = addresses(before.tree());
        let holds = if removed { Vec::new() } else { addresses(service.tree()) };
        for address in held.iter().filter(|address| !holds.contains(address)) {
            let gone = Request::delete(resource(), "", address).by("kube-apiserver");
            self.handle(&gone, now);
        }
        for address in holds.iter().filter(|address| !held.contains(address)) {
            self.hold(address, (service.namespace(), service.name()), now);
        }
    }

    fn hold(&mut self, address: &str, (namespace, name): (&str, &str), now: Timestamp) {
        let family = if address.contains(':') { "IPv6" } else { "IPv4" };
        let label = |name: &str| format!("ipaddress.kubernetes.io/{name}");
        let object = Tree::null()
            .with(&["metadata", "name"], address)
            .with(&["metadata", "labels", &label("ip-family")], family)
            .with(&["metadata", "labels", &label("managed-by")], MANAGER)
            .with(&["spec", "parentRef", "name"], name)
            .with(&["spec", "parentRef", "namespace"], namespace)
            .with(&["spec", "parentRef", "resource"], "services");
        let create = Request::create(resource(), "", object).by("kube-apiserver");
        self.handle(&create, now);
    }
}

fn resource() -> Gvr {
    Gvr { group: GROUP.into(), version: "v1".into(), resource: "ipaddresses".into() }
}

fn addresses(service: &Tree) -> Vec<String> {
    let all = service.at(&["spec", "clusterIPs"]).map_or(&[][..], Tree::items);
    let all = all.iter().filter_map(Tree::as_str).filter(|ip| *ip != "None");
    all.map(name_of).collect()
}

/// In the form that names objects.
fn name_of(address: &str) -> String {
    address.parse::<std::net::IpAddr>().map_or_else(|_| address.to_owned(), |ip| ip.to_string())
}

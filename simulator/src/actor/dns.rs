//! Cluster DNS as a function of the objects: what a name means at this moment.
//!
//! A headless Service stands for its ready pods, or for all of them if it publishes addresses that
//! are not ready; a pod of it that has a host name is found beneath it. The same `until nslookup`
//! guard therefore waits for a ready pod with one kind of Service, and for any with the other.

use drydock_apiserver::{Object, Server, Tree};

/// The addresses of `service.namespace`, `service.namespace.svc`, `pod.service.namespace.svc`, each
/// with the cluster domain or without. Nothing: there is no such name.
pub fn resolve(server: &Server, host: &str, domain: &str) -> Vec<String> {
    let host = host.trim_end_matches('.');
    let short = host.strip_suffix(domain).map_or(host, |head| head.trim_end_matches('.'));
    let short = short.strip_suffix(".svc").unwrap_or(short);
    let labels: Vec<&str> = short.split('.').collect();
    match labels.as_slice() {
        [service, namespace] => service_addresses(server, namespace, service),
        [pod, service, namespace] => pod_addresses(server, namespace, service, pod),
        _ => Vec::new(),
    }
}

fn service_addresses(server: &Server, namespace: &str, name: &str) -> Vec<String> {
    let Some(service) = get(server, "Service", namespace, name) else { return Vec::new() };
    match service.tree().str_at(&["spec", "clusterIP"]) {
        Some("None") | None => addresses(server, namespace, name).map(|(_, ip)| ip).collect(),
        Some(ip) => vec![ip.to_owned()],
    }
}

fn pod_addresses(server: &Server, namespace: &str, service: &str, pod: &str) -> Vec<String> {
    let named = addresses(server, namespace, service)
        .filter(|(hostname, _)| hostname.as_deref() == Some(pod));
    named.map(|(_, ip)| ip).collect()
}

fn addresses<'a>(
    server: &'a Server,
    namespace: &str,
    name: &str,
) -> impl Iterator<Item = (Option<String>, String)> + 'a {
    let endpoints = get(server, "Endpoints", namespace, name);
    let subsets = endpoints.and_then(|endpoints| endpoints.tree().get("subsets"));
    let listed =
        subsets.into_iter().flat_map(Tree::items).filter_map(|subset| subset.get("addresses"));
    listed.flat_map(Tree::items).filter_map(|address| {
        let hostname = address.str_at(&["hostname"]).map(str::to_owned);
        Some((hostname, address.str_at(&["ip"])?.to_owned()))
    })
}

fn get<'a>(server: &'a Server, kind: &str, namespace: &str, name: &str) -> Option<&'a Object> {
    server.table(server.kind("", kind)?).get(namespace, name)
}

//! Endpoints and `EndpointSlices`: which pods stand behind a Service, and which of them are ready.

use std::collections::{BTreeMap, BTreeSet};

use drydock_apiserver::{Change, LogEntry, Object, Request, Tree};
use drydock_operator_core::view::Key;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::objects::{ENDPOINTS, Pod, SLICES, tree};
use super::{Actor, Ctx, Stimulus, Tag};
use crate::hash::StateHasher;
use crate::world::WorldConfig;

const RETRY: SignedDuration = SignedDuration::from_secs(1);

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(Endpoints::default())]
}

#[derive(Clone, Default)]
struct Endpoints {
    numbers: BTreeMap<Key, u64>,
    keys: BTreeMap<u64, Key>,
    busy: BTreeSet<u64>,
    /// What was last sent, and how it was answered: a refused write is not repeated as it is.
    refused: BTreeSet<u64>,
}

impl Actor for Endpoints {
    fn name(&self) -> &'static str {
        "endpoints"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Service"), ("", "Pod")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Timer(number) => self.look(ctx, number),
            Stimulus::Answered(number, reply) => {
                self.busy.remove(&number);
                match reply.response() {
                    Some(response) if response.code == 409 => ctx.timer_after(RETRY, number),
                    Some(response) if response.code >= 400 => drop(self.refused.insert(number)),
                    Some(_) => self.look(ctx, number),
                    None => ctx.timer_after(RETRY, number),
                }
            }
            Stimulus::Changed(entry) if Some(entry.kind) == ctx.kind("", "Service") => {
                let key = Key::new(entry.object.namespace(), entry.object.name());
                let number = self.number(&key);
                self.refused.remove(&number);
                self.look(ctx, number);
            }
            Stimulus::Changed(entry) => self.pod_changed(ctx, entry),
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        hasher.number(self.busy.len() as u64);
    }
}

impl Endpoints {
    fn number(&mut self, key: &Key) -> Tag {
        let next = self.numbers.len() as u64;
        let number = *self.numbers.entry(key.clone()).or_insert(next);
        self.keys.insert(number, key.clone());
        number
    }

    fn pod_changed(&mut self, ctx: &mut Ctx<'_>, entry: &LogEntry) {
        let is_same = |before: &Object| looks_alike(before, &entry.object);
        if entry.change == Change::Modified && entry.before.as_ref().is_some_and(is_same) {
            return;
        }
        let new = entry.object.decode::<Pod>().ok();
        let old = entry.before.as_ref().and_then(|before| before.decode::<Pod>().ok());
        if entry.change == Change::Modified
            && let (Some(new), Some(old)) = (&new, &old)
            && standing(new) == standing(old)
            && new.metadata.labels == old.metadata.labels
        {
            return;
        }
        let Some(kind) = ctx.kind("", "Service") else { return };
        let namespace = entry.object.namespace();
        let services = ctx.server().table(kind).in_namespace(namespace);
        let touched: Vec<Key> = services
            .filter(|service| {
                let fits = |pod: &Option<std::sync::Arc<Pod>>| {
                    pod.as_ref().is_some_and(|pod| selects(service, &pod.metadata.labels))
                };
                fits(&new) || fits(&old)
            })
            .map(|service| Key::new(service.namespace(), service.name()))
            .collect();
        for key in touched {
            let number = self.number(&key);
            self.refused.remove(&number);
            self.look(ctx, number);
        }
    }

    fn look(&mut self, ctx: &mut Ctx<'_>, number: Tag) {
        let Some(key) = self.keys.get(&number) else { return };
        if self.busy.contains(&number) || self.refused.contains(&number) {
            return;
        }
        let Some(service) = ctx.get("", "Service", &key.namespace, &key.name) else {
            // Endpoints name no owner: they go because their Service is not there any more.
            if ctx.get("", "Endpoints", &key.namespace, &key.name).is_some() {
                let request = Request::delete(ENDPOINTS, &key.namespace, &key.name);
                self.busy.insert(number);
                ctx.send(request.by("kube-controller-manager"), number);
            }
            return;
        };
        if service.is_deleting()
            || service.tree().at(&["spec", "selector"]).is_none_or(Tree::is_empty)
        {
            return;
        }
        if let Some(request) = next_write(ctx, &service) {
            self.busy.insert(number);
            ctx.send(request.by("kube-controller-manager"), number);
        }
    }
}

fn selects(service: &Object, labels: &BTreeMap<String, String>) -> bool {
    let Some(selector) = service.tree().at(&["spec", "selector"]) else { return false };
    !selector.is_empty()
        && selector
            .entries()
            .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
}

/// Whether two revisions of a pod share all that an address rests on; cheap, and often enough.
fn looks_alike(old: &Object, new: &Object) -> bool {
    let part = |pod: &Object, path: &[&str]| pod.tree().at(path).cloned().unwrap_or_default();
    old.is_deleting() == new.is_deleting()
        && [&["status"] as &[&str], &["metadata", "labels"]]
            .iter()
            .all(|path| part(old, path) == part(new, path))
}

/// What of a pod an address rests on.
fn standing(pod: &Pod) -> (Option<&str>, bool, bool, bool) {
    let deleting = pod.metadata.deletion_timestamp.is_some();
    (pod.status.pod_ip.as_deref(), pod.is_ready(), pod.is_finished(), deleting)
}

fn next_write(ctx: &Ctx<'_>, service: &Object) -> Option<Request> {
    let (namespace, name) = (service.namespace(), service.name());
    let members = members(ctx, service);
    let endpoints = tree(endpoints(service, &members));
    match ctx.get("", "Endpoints", namespace, name) {
        None => {
            let labels = service.tree().at(&["metadata", "labels"]);
            let meta = json!({
                "name": name, "namespace": namespace,
                "labels": labels.map_or(json!({}), Tree::to_value),
            });
            let object = json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": meta });
            let object = tree(object);
            let object =
                if endpoints.is_empty() { object } else { object.with(&["subsets"], endpoints) };
            return Some(Request::create(ENDPOINTS, namespace, object));
        }
        Some(old) => {
            let before = old.tree().get("subsets").cloned().unwrap_or_default();
            if before != endpoints && !(before.is_empty() && endpoints.is_empty()) {
                let patch = Tree::map([("subsets", endpoints)]);
                return Some(Request::merge_patch(ENDPOINTS, namespace, name, patch));
            }
        }
    }
    let kind = ctx.kind("discovery.k8s.io", "EndpointSlice")?;
    let (list, ports) = slice(service, &members);
    let (list, ports) = (tree(list), tree(ports));
    let old = ctx
        .server()
        .table(kind)
        .labelled("kubernetes.io/service-name", name)
        .find(|one| one.namespace() == namespace);
    let Some(old) = old else {
        let object = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "generateName": format!("{name}-"), "namespace": namespace,
                "labels": {
                    "kubernetes.io/service-name": name,
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                },
                "ownerReferences": [{
                    "apiVersion": "v1", "kind": "Service", "name": name, "uid": service.uid(),
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "addressType": "IPv4",
        });
        let object = tree(object).with(&["endpoints"], list).with(&["ports"], ports);
        return Some(Request::create(SLICES, namespace, object));
    };
    let same = |field: &str, new: &Tree| {
        let before = old.tree().get(field).cloned().unwrap_or_default();
        before == *new || (before.is_empty() && new.is_empty())
    };
    if same("endpoints", &list) && same("ports", &ports) {
        return None;
    }
    let patch = Tree::map([("endpoints", list), ("ports", ports)]);
    Some(Request::merge_patch(SLICES, namespace, old.name(), patch))
}

struct Member {
    address: Value,
    ip: String,
    node: String,
    hostname: Option<String>,
    target: Value,
    ready: bool,
    deleting: bool,
    ports: Value,
}

fn members(ctx: &Ctx<'_>, service: &Object) -> Vec<Member> {
    let Some(kind) = ctx.kind("", "Pod") else { return Vec::new() };
    let not_ready_too =
        service.tree().bool_at(&["spec", "publishNotReadyAddresses"]).unwrap_or(false);
    let mut all = Vec::new();
    for object in ctx.server().table(kind).in_namespace(service.namespace()) {
        let Ok(pod) = object.decode::<Pod>() else { continue };
        let (Some(ip), false) = (&pod.status.pod_ip, pod.is_finished()) else { continue };
        if !selects(service, &pod.metadata.labels) {
            continue;
        }
        let deleting = pod.metadata.deletion_timestamp.is_some();
        let target = json!({
            "kind": "Pod", "namespace": object.namespace(), "name": object.name(), "uid": object.uid(),
        });
        let node = pod.spec.node_name.clone().unwrap_or_default();
        let subdomain = pod.spec.subdomain.as_deref() == Some(service.name());
        let hostname = pod.spec.hostname.clone().filter(|_| subdomain);
        let mut address = json!({ "ip": ip, "nodeName": node, "targetRef": target });
        if let Some(hostname) = &hostname {
            address["hostname"] = json!(hostname);
        }
        all.push(Member {
            address,
            ip: ip.clone(),
            node,
            hostname,
            target,
            ready: (pod.is_ready() && !deleting) || not_ready_too,
            deleting,
            ports: ports(service, &pod),
        });
    }
    all
}

/// The ports of a Service as numbers of this pod: a name means the container port of that name.
fn ports(service: &Object, pod: &Pod) -> Value {
    let Some(ports) = service.tree().at(&["spec", "ports"]) else { return json!([]) };
    let resolved = ports.items().iter().filter_map(|port| {
        let target = port.get("targetPort").or_else(|| port.get("port"))?;
        let number = match (target.as_i64(), target.as_str()) {
            (Some(number), _) => number,
            (None, Some(name)) => {
                let all = pod.spec.containers.iter().flat_map(|container| &container.ports);
                i64::from(all.clone().find(|one| one.name == name)?.container_port)
            }
            _ => return None,
        };
        let mut out =
            json!({ "port": number, "protocol": port.str_at(&["protocol"]).unwrap_or("TCP") });
        if let Some(name) = port.str_at(&["name"]) {
            out["name"] = json!(name);
        }
        Some(out)
    });
    Value::Array(resolved.collect())
}

fn endpoints(service: &Object, members: &[Member]) -> Value {
    let not_ready_too =
        service.tree().bool_at(&["spec", "publishNotReadyAddresses"]).unwrap_or(false);
    let listed = members.iter().filter(|member| !member.deleting || not_ready_too);
    let mut subsets: Vec<(Value, Vec<Value>, Vec<Value>)> = Vec::new();
    for member in listed {
        if !subsets.iter().any(|(ports, ..)| *ports == member.ports) {
            subsets.push((member.ports.clone(), Vec::new(), Vec::new()));
        }
        for (ports, ready, unready) in &mut subsets {
            if *ports == member.ports {
                let list = if member.ready { &mut *ready } else { &mut *unready };
                list.push(member.address.clone());
            }
        }
    }
    let subsets = subsets.into_iter().map(|(ports, ready, unready)| {
        let mut subset = json!({});
        for (field, list) in [("addresses", ready), ("notReadyAddresses", unready)] {
            if !list.is_empty() {
                subset[field] = Value::Array(list);
            }
        }
        if ports != json!([]) {
            subset["ports"] = ports;
        }
        subset
    });
    Value::Array(subsets.collect())
}

fn slice(service: &Object, members: &[Member]) -> (Value, Value) {
    let not_ready_too =
        service.tree().bool_at(&["spec", "publishNotReadyAddresses"]).unwrap_or(false);
    let list = members.iter().map(|member| {
        let ready = member.ready && (!member.deleting || not_ready_too);
        let mut endpoint = json!({
            "addresses": [member.ip],
            "conditions": { "ready": ready, "serving": member.ready, "terminating": member.deleting },
            "nodeName": member.node, "targetRef": member.target,
        });
        if let Some(hostname) = &member.hostname {
            endpoint["hostname"] = json!(hostname);
        }
        endpoint
    });
    // Slices name every port, if only with an empty name.
    let mut ports = members.first().map_or(json!([]), |member| member.ports.clone());
    for port in ports.as_array_mut().into_iter().flatten() {
        if port.get("name").is_none() {
            port["name"] = json!("");
        }
    }
    (Value::Array(list.collect()), ports)
}

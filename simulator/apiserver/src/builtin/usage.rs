//! What quotas limit: how much of it there is, and whether there is room for one object more.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{list, text};
use super::devices;
use super::limits::{add, amounts, of_pod};
use crate::Tree;
use crate::kinds::KindInfo;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::request::{Gvr, Request};
use crate::status::Status;
use crate::store::Server;

type Amounts = BTreeMap<String, Quantity>;

const QUOTAS: Gvr = Gvr::new("", "v1", "resourcequotas");

/// Kinds whose number is limited under their own name.
const COUNTED: [&str; 6] = [
    "configmaps",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

/// What each container has to say if it is limited.
const REQUIRED: [&str; 6] =
    ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

impl Server {
    /// The status of a quota as of now.
    pub fn quota_status(&self, quota: &Object) -> Tree {
        let hard = quota.tree().at(&["spec", "hard"]).cloned().unwrap_or_else(Tree::empty_map);
        let mut used = Amounts::new();
        for info in self.kinds().filter(|info| info.namespaced && info.storage) {
            let keys: Vec<&str> =
                hard.entries().map(|(key, _)| key).filter(|key| concerns(info, key)).collect();
            let Some(kind) = self.kind(&info.group, &info.kind).filter(|_| !keys.is_empty()) else {
                continue;
            };
            for key in &keys {
                used.insert((*key).to_owned(), Quantity::default());
            }
            for object in self.table(kind).in_namespace(quota.namespace()) {
                if in_scope(quota.tree(), info, object.tree()) {
                    let mut own = usage(info, object.tree());
                    own.retain(|key, _| keys.contains(&&**key));
                    add(&mut used, &own);
                }
            }
        }
        Tree::empty_map().with(&["hard"], hard).with(&["used"], printed(&used))
    }
}

/// Whether a change can make an object need more of what is limited.
pub(crate) fn may_grow(
    kind: &KindInfo,
    subresource: Option<&str>,
    tree: &Tree,
    old: &Tree,
) -> bool {
    if !kind.group.is_empty() {
        return false;
    }
    let ends = |pod: &Tree| pod.int_at(&["spec", "activeDeadlineSeconds"]).is_some();
    match (&*kind.kind, subresource) {
        ("Service" | "PersistentVolumeClaim", None) | ("Pod", Some("resize")) => true,
        // It may come under another quota.
        ("Pod", None) => ends(tree) != ends(old),
        _ => false,
    }
}

/// What a new object, or one that comes after `old`, does to the quotas of its namespace: the updates to make before it
/// is written. `Err` if one of them has no room for it.
pub(crate) fn charge(
    server: &Server,
    kind: &KindInfo,
    tree: &Tree,
    old: Option<&Tree>,
) -> Result<Vec<Request>, Status> {
    let namespace = tree.str_at(&["metadata", "namespace"]).unwrap_or_default();
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    let quotas = server.kind("", "ResourceQuota");
    let quotas = quotas.into_iter().flat_map(|quotas| server.table(quotas).in_namespace(namespace));
    let mut updates = Vec::new();
    let mut own = None;
    for quota in quotas {
        let refuse = |why: String| Err(Status::forbidden(kind, name, &why));
        let hard = amounts(quota.tree().at(&["status", "hard"]));
        let limited: Vec<&str> =
            hard.keys().map(|key| &**key).filter(|key| concerns(kind, key)).collect();
        if limited.is_empty() || !in_scope(quota.tree(), kind, tree) {
            continue;
        }
        if let Some(why) = unsaid(kind, tree, &limited, server.profile().minor) {
            return refuse(format!("failed quota: {}: {why}", quota.name()));
        }
        let used = amounts(quota.tree().at(&["status", "used"]));
        let unknown: Vec<&str> =
            limited.iter().filter(|key| !used.contains_key(**key)).copied().collect();
        if !unknown.is_empty() {
            let unknown = unknown.join(",");
            return refuse(format!(
                "status unknown for quota: {}, resources: {unknown}",
                quota.name()
            ));
        }
        let mut asked = own.get_or_insert_with(|| usage(kind, tree)).clone();
        if let Some(old) = old.filter(|old| in_scope(quota.tree(), kind, old)) {
            let had = usage(kind, old);
            for (key, amount) in &mut asked {
                *amount = had.get(key).map_or(*amount, |had| amount.beyond(*had));
            }
        }
        asked.retain(|key, amount| limited.contains(&&**key) && !amount.is_zero());
        let mut after = used.clone();
        add(&mut after, &asked);
        let over: BTreeSet<&str> =
            asked.keys().filter(|key| after[*key] > hard[*key]).map(|key| &**key).collect();
        if !over.is_empty() {
            let show = |amounts: &Amounts| {
                let each = amounts.iter().filter(|(key, _)| over.contains(&***key));
                let each = each.map(|(key, amount)| format!("{key}={amount}"));
                each.collect::<Vec<_>>().join(",")
            };
            return refuse(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                quota.name(),
                show(&asked),
                show(&used),
                show(&hard)
            ));
        }
        if !asked.is_empty() {
            let tree = quota.tree().with(&["status", "used"], printed(&after));
            let update = Request::update(QUOTAS, namespace, quota.name(), tree);
            updates.push(update.subresource("status").by("kube-apiserver"));
        }
    }
    Ok(updates)
}

fn printed(amounts: &Amounts) -> Tree {
    Tree::map(amounts.iter().map(|(key, amount)| (key.clone(), amount.to_string().into())))
}

/// `deployments.apps`, or `pods`.
fn resource(kind: &KindInfo) -> String {
    match &*kind.group {
        "" => kind.plural.to_string(),
        group => format!("{}.{group}", kind.plural),
    }
}

/// Whether a quota of `key` is about objects of a kind.
fn concerns(kind: &KindInfo, key: &str) -> bool {
    if let Some(counted) = key.strip_prefix("count/") {
        return counted == resource(kind);
    }
    if kind.is("resource.k8s.io", "ResourceClaim") {
        return key.ends_with(devices::OF_CLASS);
    }
    if !kind.group.is_empty() {
        return false;
    }
    match &*kind.kind {
        "Pod" => {
            let named = matches!(key, "pods" | "cpu" | "memory" | "ephemeral-storage");
            let of_claims = matches!(key, "requests.storage");
            let prefixed = ["requests.", "limits.", "hugepages-"];
            named || !of_claims && prefixed.iter().any(|prefix| key.starts_with(prefix))
        }
        "PersistentVolumeClaim" => {
            matches!(key, "persistentvolumeclaims" | "requests.storage")
                || key.contains(".storageclass.storage.k8s.io/")
        }
        "Service" => matches!(key, "services" | "services.nodeports" | "services.loadbalancers"),
        _ => COUNTED.contains(&key) && *kind.plural == *key,
    }
}

/// What an object uses of everything that can be limited.
fn usage(kind: &KindInfo, tree: &Tree) -> Amounts {
    let number = |count: usize| Quantity::from_whole(i128::try_from(count).unwrap_or(i128::MAX));
    let mut used = Amounts::from([(format!("count/{}", resource(kind)), number(1))]);
    if kind.is("resource.k8s.io", "ResourceClaim") {
        let wanted = devices::wanted(tree).into_iter();
        used.extend(wanted.map(|(class, count)| (class, Quantity::from_whole(count))));
    }
    if !kind.group.is_empty() {
        return used;
    }
    if COUNTED.contains(&&*kind.plural) {
        used.insert(kind.plural.to_string(), number(1));
    }
    let spec = tree.get("spec").cloned().unwrap_or_default();
    match &*kind.kind {
        "Pod" => {
            if matches!(tree.str_at(&["status", "phase"]), Some("Succeeded" | "Failed")) {
                return used;
            }
            used.insert("pods".into(), number(1));
            for (name, amount) in of_pod(tree, "requests") {
                used.insert(format!("requests.{name}"), amount);
                if matches!(&*name, "cpu" | "memory" | "ephemeral-storage")
                    || name.starts_with("hugepages-")
                {
                    used.insert(name, amount);
                }
            }
            for (name, amount) in of_pod(tree, "limits") {
                used.insert(format!("limits.{name}"), amount);
            }
        }
        "PersistentVolumeClaim" => {
            let asked = amounts(spec.at(&["resources", "requests"]));
            let class = text(&spec, "storageClassName");
            let of_class = |what: &str| format!("{class}.storageclass.storage.k8s.io/{what}");
            if !class.is_empty() {
                used.insert(of_class("persistentvolumeclaims"), number(1));
            }
            if let Some(asked) = asked.get("storage") {
                used.insert("requests.storage".into(), *asked);
                if !class.is_empty() {
                    used.insert(of_class("requests.storage"), *asked);
                }
            }
        }
        "Service" => {
            let ports = list(&spec, "ports");
            let balanced = text(&spec, "type") == "LoadBalancer";
            let given = spec.bool_at(&["allocateLoadBalancerNodePorts"]) != Some(false);
            let on_nodes = match text(&spec, "type") {
                "NodePort" => ports.len(),
                "LoadBalancer" if given => ports.len(),
                "LoadBalancer" => {
                    ports.iter().filter(|port| port.int_at(&["nodePort"]).is_some()).count()
                }
                _ => 0,
            };
            used.insert("services.nodeports".into(), number(on_nodes));
            used.insert("services.loadbalancers".into(), number(usize::from(balanced)));
        }
        _ => {}
    }
    used
}

/// Whether a quota is about such an object, by its scopes.
fn in_scope(quota: &Tree, kind: &KindInfo, tree: &Tree) -> bool {
    let spec = quota.get("spec").cloned().unwrap_or_default();
    let selector = spec.get("scopeSelector").cloned().unwrap_or_default();
    let (scopes, terms) = (list(&spec, "scopes"), list(&selector, "matchExpressions"));
    if scopes.is_empty() && terms.is_empty() {
        return true;
    }
    if !kind.is("", "Pod") {
        return false;
    }
    let named = scopes.iter().filter_map(Tree::as_str).all(|scope| has_scope(tree, scope, None));
    named && terms.iter().all(|term| has_scope(tree, text(term, "scopeName"), Some(term)))
}

fn has_scope(pod: &Tree, scope: &str, term: Option<&Tree>) -> bool {
    let is_ending = pod.at(&["spec", "activeDeadlineSeconds"]).is_some();
    let asks = || {
        let spec = pod.get("spec").cloned().unwrap_or_default();
        let each = list(&spec, "containers").iter().chain(list(&spec, "initContainers"));
        each.flat_map(|of| ["requests", "limits"].map(|key| amounts(of.at(&["resources", key]))))
            .flatten()
            .any(|(name, amount)| matches!(&*name, "cpu" | "memory") && !amount.is_zero())
    };
    match scope {
        "Terminating" => is_ending,
        "NotTerminating" => !is_ending,
        "BestEffort" => !asks(),
        "NotBestEffort" => asks(),
        "PriorityClass" => {
            let class = pod.str_at(&["spec", "priorityClassName"]).unwrap_or_default();
            let Some(term) = term else { return !class.is_empty() };
            let listed = list(term, "values").iter().any(|value| value.as_str() == Some(class));
            match text(term, "operator") {
                "In" => !class.is_empty() && listed,
                "NotIn" => !listed,
                "DoesNotExist" => class.is_empty(),
                _ => !class.is_empty(),
            }
        }
        _ => false,
    }
}

/// What the containers of a pod do not say of what is limited.
fn unsaid(kind: &KindInfo, pod: &Tree, limited: &[&str], minor: u32) -> Option<String> {
    let spec = pod.get("spec").filter(|_| kind.is("", "Pod"))?;
    if spec.at(&["resources"]).is_some_and(|of| !of.is_empty()) {
        return None;
    }
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in list(spec, "containers").iter().chain(list(spec, "initContainers")) {
        for key in limited.iter().filter(|key| REQUIRED.contains(key)) {
            let (of, name) = key.split_once('.').unwrap_or(("requests", key));
            if container.at(&["resources", of, name]).is_none() {
                missing.entry(key).or_default().insert(text(container, "name"));
            }
        }
    }
    if missing.is_empty() {
        return None;
    }
    let joined = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(",");
    // Older servers do not say whose they are.
    let said: Vec<String> = missing
        .iter()
        .map(|(key, names)| match minor {
            24.. => format!("{key} for: {}", joined(names)),
            _ => (*key).to_owned(),
        })
        .collect();
    Some(format!("must specify {}", said.join(if minor < 24 { "," } else { "; " })))
}

//! What a namespace's LimitRanges give to those who ask for nothing, and refuse to those who ask for too much.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{list, text};
use crate::Tree;
use crate::kinds::KindInfo;
use crate::object::Object;
use crate::quantity::Quantity;
use crate::status::Status;
use crate::store::Server;

type Amounts = BTreeMap<String, Quantity>;

const NOTE: [&str; 3] = ["metadata", "annotations", "kubernetes.io/limit-ranger"];

fn ranges<'a>(server: &'a Server, namespace: &'a str) -> impl Iterator<Item = &'a Object> {
    let kind = server.kind("", "LimitRange");
    kind.into_iter().flat_map(move |kind| server.table(kind).in_namespace(namespace))
}

fn limits<'a>(server: &'a Server, tree: &'a Tree) -> impl Iterator<Item = &'a Tree> {
    let namespace = tree.str_at(&["metadata", "namespace"]).unwrap_or_default();
    let of = |range: &'a Object| range.tree().at(&["spec", "limits"]).map_or(&[][..], Tree::items);
    ranges(server, namespace).flat_map(of)
}

/// A new pod with what its containers do not say.
pub(super) fn filled(server: &Server, pod: &Tree) -> Tree {
    let mut pod = pod.clone();
    let mut said: Vec<String> = Vec::new();
    let of_containers: Vec<Tree> =
        limits(server, &pod).filter(|limit| text(limit, "type") == "Container").cloned().collect();
    for limit in of_containers {
        for (key, what) in [("containers", "container"), ("initContainers", "init container")] {
            let path = ["spec", key];
            let Some(containers) = pod.at(&path).filter(|of| !of.is_empty()) else { continue };
            let each = containers.items().iter().map(|container| {
                let mut container = container.clone();
                for (kind, default, word) in
                    [("requests", "defaultRequest", "request"), ("limits", "default", "limit")]
                {
                    let mut set = Vec::new();
                    for (name, amount) in limit.get(default).into_iter().flat_map(Tree::entries) {
                        let place = ["resources", kind, name];
                        if container.at(&place).is_none() {
                            container = container.with(&place, amount);
                            set.push(name);
                        }
                    }
                    if !set.is_empty() {
                        let name = text(&container, "name");
                        said.push(format!("{} {word} for {what} {name}", set.join(", ")));
                    }
                }
                container
            });
            let each = Tree::list(each.collect::<Vec<_>>());
            pod = pod.with(&path, each);
        }
    }
    if said.is_empty() {
        return pod;
    }
    pod.with(&NOTE, format!("LimitRanger plugin set: {}", said.join("; ")))
}

/// Whether a new pod or claim keeps to the limits of its namespace.
pub(crate) fn check(server: &Server, kind: &KindInfo, tree: &Tree) -> Result<(), Status> {
    let is_pod = kind.is("", "Pod");
    if !is_pod && !kind.is("", "PersistentVolumeClaim") {
        return Ok(());
    }
    let mut wrong = Vec::new();
    for limit in limits(server, tree) {
        let what = text(limit, "type");
        let amounts = |of: &Tree, key: &str| amounts(of.at(&["resources", key]));
        match what {
            "Container" if is_pod => {
                for key in ["containers", "initContainers"] {
                    let spec = tree.get("spec").cloned().unwrap_or_default();
                    for container in list(&spec, key) {
                        let (requests, most) =
                            (amounts(container, "requests"), amounts(container, "limits"));
                        compare(limit, what, &requests, &most, &mut wrong);
                    }
                }
            }
            "Pod" if is_pod => {
                let (requests, most) = (of_pod(tree, "requests"), of_pod(tree, "limits"));
                compare(limit, what, &requests, &most, &mut wrong);
            }
            "PersistentVolumeClaim" if !is_pod => {
                let spec = tree.get("spec").cloned().unwrap_or_default();
                let requests = amounts(&spec, "requests");
                for (name, least) in self::amounts(limit.get("min")) {
                    wrong.extend(too_little(what, &name, least, &requests, &Amounts::new()));
                }
                for (name, most) in self::amounts(limit.get("max")) {
                    let start = format!("maximum {name} usage per {what} is {most}");
                    match requests.get(&name) {
                        None => wrong.push(format!("{start}.  No request is specified")),
                        Some(asked) if *asked > most => {
                            wrong.push(format!("{start}, but request is {asked}"));
                        }
                        Some(_) => {}
                    }
                }
            }
            _ => {}
        }
    }
    // What several containers do wrong alike is said once.
    let mut said = BTreeSet::new();
    wrong.retain(|why| said.insert(why.clone()));
    let why = match wrong.as_slice() {
        [] => return Ok(()),
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    Err(Status::forbidden(kind, name, &why))
}

pub(super) fn amounts(of: Option<&Tree>) -> Amounts {
    let entries = of.into_iter().flat_map(Tree::entries);
    let parsed = entries
        .filter_map(|(name, amount)| Some((name.to_owned(), Quantity::parse(amount.as_str()?)?)));
    parsed.collect()
}

fn compare(
    limit: &Tree,
    what: &str,
    requests: &Amounts,
    limits: &Amounts,
    wrong: &mut Vec<String>,
) {
    for (name, least) in amounts(limit.get("min")) {
        wrong.extend(too_little(what, &name, least, requests, limits));
    }
    for (name, most) in amounts(limit.get("max")) {
        let start = format!("maximum {name} usage per {what} is {most}");
        match (limits.get(&name), requests.get(&name)) {
            (None, _) => wrong.push(format!("{start}.  No limit is specified")),
            (Some(limit), _) if *limit > most => {
                wrong.push(format!("{start}, but limit is {limit}"));
            }
            (_, Some(request)) if *request > most => {
                wrong.push(format!("{start}, but request is {request}"));
            }
            _ => {}
        }
    }
    for (name, most) in amounts(limit.get("maxLimitRequestRatio")) {
        let start = format!("{name} max limit to request ratio per {what} is {most}");
        let some = |of: &Amounts| of.get(&name).copied().filter(|amount| !amount.is_zero());
        match (some(requests), some(limits)) {
            (None, _) => {
                wrong.push(format!("{start}, but no request is specified or request is 0"));
            }
            (_, None) => wrong.push(format!("{start}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) => {
                // In millionths: the real server prints so many places.
                let ratio = limit.millis() * 1_000_000 / request.millis();
                if ratio > most.millis() * 1000 {
                    let (whole, rest) = (ratio / 1_000_000, ratio % 1_000_000);
                    wrong.push(format!("{start}, but provided ratio is {whole}.{rest:06}"));
                }
            }
        }
    }
}

fn too_little(
    what: &str,
    name: &str,
    least: Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let start = format!("minimum {name} usage per {what} is {least}");
    match (requests.get(name), limits.get(name)) {
        (None, _) => Some(format!("{start}.  No request is specified")),
        (Some(request), _) if *request < least => {
            Some(format!("{start}, but request is {request}"))
        }
        (_, Some(limit)) if *limit < least => Some(format!("{start}, but limit is {limit}")),
        _ => None,
    }
}

/// What a pod as a whole asks for (`requests`), or may use (`limits`): its containers together, or while it starts the
/// most of any of those that come before them, if that is more; and what it costs to run it.
pub(super) fn of_pod(pod: &Tree, key: &str) -> Amounts {
    let spec = pod.get("spec").cloned().unwrap_or_default();
    let mut total = Amounts::new();
    for container in list(&spec, "containers") {
        add(&mut total, &amounts(container.at(&["resources", key])));
    }
    let (mut beside, mut starting) = (Amounts::new(), Amounts::new());
    for container in list(&spec, "initContainers") {
        let mut own = amounts(container.at(&["resources", key]));
        if text(container, "restartPolicy") == "Always" {
            add(&mut total, &own);
            add(&mut beside, &own);
            own.clone_from(&beside);
        } else {
            add(&mut own, &beside);
        }
        raise(&mut starting, &own);
    }
    raise(&mut total, &starting);
    // What is said of the pod counts for what its containers say.
    total.extend(amounts(spec.at(&["resources", key])));
    for (name, cost) in amounts(spec.get("overhead")) {
        if key == "requests" || total.contains_key(&name) {
            add(&mut total, &Amounts::from([(name, cost)]));
        }
    }
    total
}

pub(super) fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = total.get(name).map_or(*amount, |known| known.plus(*amount));
        total.insert(name.clone(), sum);
    }
}

fn raise(total: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let most = total.get(name).map_or(*amount, |known| *known.max(amount));
        total.insert(name.clone(), most);
    }
}

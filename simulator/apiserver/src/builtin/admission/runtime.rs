//! What a pod gets from the class of its runtime: what running it costs by itself, and where it may run.

use super::find;
use crate::Tree;
use crate::builtin::check::{list, text};
use crate::golang;
use crate::kinds::KindInfo;
use crate::names;
use crate::status::Status;
use crate::store::Server;

const OVERHEAD: [&str; 2] = ["spec", "overhead"];
const OTHER: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

pub(super) fn admit(server: &Server, kind: &KindInfo, pod: Tree) -> Result<Tree, Status> {
    let Some(name) = pod.str_at(&["spec", "runtimeClassName"]) else { return Ok(pod) };
    let refuse = |why: &str| Status::forbidden(kind, text_at(&pod, "name"), why);
    let Some(class) = find(server, "node.k8s.io", "RuntimeClass", name) else {
        // A name that no URL can have is not even asked for.
        let why = names::path_segment(name).join(" ");
        return Err(match name {
            "" => Status::plain(500, "resource name may not be empty"),
            _ if why.is_empty() => {
                refuse(&format!("pod rejected: RuntimeClass {} not found", golang::quote(name)))
            }
            _ => {
                let name = golang::quote(name);
                Status::plain(500, format!("invalid resource name {name}: [{why}]"))
            }
        });
    };
    let class = class.tree();
    let mut tree = pod.clone();
    if class.get("overhead").is_some() {
        let cost = class.at(&["overhead", "podFixed"]);
        let own = pod.at(&OVERHEAD).filter(|own| !own.is_empty());
        if own.is_some() && own != cost {
            return Err(refuse(OTHER));
        }
        tree = match cost {
            Some(cost) => tree.with(&OVERHEAD, cost),
            None => tree.without(&OVERHEAD),
        };
    }
    if let Some(places) = class.get("scheduling") {
        for (key, value) in places.get("nodeSelector").into_iter().flat_map(Tree::entries) {
            let path = ["spec", "nodeSelector", key];
            if let Some(own) = tree.at(&path).filter(|own| *own != value) {
                let plain = |value: &Tree| value.as_str().unwrap_or_default().to_owned();
                return Err(refuse(&format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; pod.spec.nodeSelector[{key}] = {}",
                    plain(value),
                    plain(own)
                )));
            }
            tree = tree.with(&path, value);
        }
        let spec = tree.get("spec").cloned().unwrap_or_default();
        let merged = merged(list(&spec, "tolerations"), list(places, "tolerations"));
        if !merged.is_empty() {
            tree = tree.with(&["spec", "tolerations"], merged);
        }
    }
    Ok(tree)
}

fn text_at<'t>(pod: &'t Tree, key: &str) -> &'t str {
    pod.str_at(&["metadata", key]).unwrap_or_default()
}

/// Those of both that no other covers.
fn merged(own: &[Tree], more: &[Tree]) -> Vec<Tree> {
    let all: Vec<&Tree> = own.iter().chain(more).collect();
    let mut merged: Vec<Tree> = Vec::new();
    for (index, one) in all.iter().enumerate() {
        let before = merged.iter().any(|other| covers(other, one));
        let after = all[index + 1..].iter().any(|other| other != one && covers(other, one));
        if !before && !after {
            merged.push((*one).clone());
        }
    }
    merged
}

fn covers(wide: &Tree, one: &Tree) -> bool {
    if wide == one {
        return true;
    }
    let (key, operator, effect) = (text(wide, "key"), text(wide, "operator"), text(wide, "effect"));
    if text(one, "key") != key && (!key.is_empty() || operator != "Exists")
        || text(one, "effect") != effect && !effect.is_empty()
    {
        return false;
    }
    if effect == "NoExecute"
        && let Some(most) = wide.int_at(&["tolerationSeconds"])
        && one.int_at(&["tolerationSeconds"]).is_none_or(|seconds| seconds > most)
    {
        return false;
    }
    match operator {
        "" | "Equal" => {
            matches!(text(one, "operator"), "" | "Equal")
                && text(one, "value") == text(wide, "value")
        }
        operator => operator == "Exists",
    }
}

/// Whether a new pod that is sound otherwise says of its costs what its class says. `given`: as it was sent.
pub(crate) fn check(
    server: &Server,
    kind: &KindInfo,
    pod: &Tree,
    given: Option<&Tree>,
) -> Result<(), Status> {
    let own = pod.at(&OVERHEAD);
    let said = given.and_then(|given| given.at(&OVERHEAD)).filter(|said| said.is_map());
    if own.is_none() && said.is_none() {
        return Ok(());
    }
    let class = pod.str_at(&["spec", "runtimeClassName"]);
    let class = class.and_then(|name| find(server, "node.k8s.io", "RuntimeClass", name));
    let why = match class.and_then(|class| class.tree().get("overhead")) {
        Some(cost) if cost.get("podFixed") == own => return Ok(()),
        Some(_) => OTHER,
        None => {
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        }
    };
    Err(Status::forbidden(kind, text_at(pod, "name"), why))
}

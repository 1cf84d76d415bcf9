//! Parts of an object that belong to features that are off, where more goes than the one member.

use super::check::list;
use super::devices;
use crate::Tree;
use crate::schema::Node;

/// The value of a definition without what goes; `None` if nothing does.
pub(crate) fn close(node: &Node, tree: &Tree, old: Option<&Tree>, minor: u32) -> Option<Tree> {
    let closed = match node.definition {
        "core.v1.PodSpec" => restarts(&without_images(node, tree, old), minor),
        "core.v1.Container" | "core.v1.EphemeralContainer" => without_signal(node, tree, old),
        "resource.v1.ResourceClaim" => devices::gates::claim(tree, old),
        "resource.v1.ResourceClaimTemplate" => devices::gates::template(tree, old),
        _ => return None,
    };
    (!closed.same(tree)).then_some(closed)
}

fn is_gated(node: &Node, path: &[&str]) -> bool {
    let mut node = node;
    let mut gated = false;
    for key in path {
        let Some(member) = node.member(key) else { return false };
        gated = member.flags.gated;
        node = member.node.items.as_deref().unwrap_or(&member.node);
    }
    gated
}

/// Volumes that are images go with what mounts them.
fn without_images(node: &Node, tree: &Tree, old: Option<&Tree>) -> Tree {
    let is_image = |volume: &Tree| volume.get("image").is_some();
    let used = old.is_some_and(|old| list(old, "volumes").iter().any(is_image));
    if used || !list(tree, "volumes").iter().any(is_image) || !is_gated(node, &["volumes", "image"])
    {
        return tree.clone();
    }
    let (gone, kept): (Vec<Tree>, Vec<Tree>) =
        list(tree, "volumes").iter().cloned().partition(is_image);
    let unmounted = |container: &Tree| {
        let all = list(container, "volumeMounts");
        let still =
            |mount: &&Tree| !gone.iter().any(|image| image.get("name") == mount.get("name"));
        let mounts: Vec<Tree> = all.iter().filter(still).cloned().collect();
        replaced(container, "volumeMounts", mounts)
    };
    let tree = replaced(tree, "volumes", kept);
    CONTAINERS.iter().fold(tree, |tree, key| map_items(&tree, key, &unmounted))
}

const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// A list, or nothing for an empty one.
fn replaced(tree: &Tree, key: &str, items: Vec<Tree>) -> Tree {
    if items.is_empty() { tree.without(&[key]) } else { tree.with(&[key], items) }
}

fn map_items(tree: &Tree, key: &str, change: &dyn Fn(&Tree) -> Tree) -> Tree {
    let items: Vec<Tree> = list(tree, key).iter().map(change).collect();
    let unchanged = items.iter().zip(list(tree, key)).all(|(a, b)| a.same(b));
    if unchanged { tree.clone() } else { tree.with(&[key], items) }
}

/// That a container restarts otherwise than its pod is behind a feature, but for those that run beside.
fn restarts(tree: &Tree, minor: u32) -> Tree {
    if minor < 28 {
        return tree.clone();
    }
    let never = |one: &Tree| one.without(&["restartPolicy"]).without(&["restartPolicyRules"]);
    let tree = map_items(tree, "containers", &never);
    let tree = map_items(&tree, "ephemeralContainers", &never);
    map_items(&tree, "initContainers", &|one| match one.str_at(&["restartPolicy"]) {
        Some("Always") => one.clone(),
        _ => never(one),
    })
}

/// A life cycle that says nothing but the signal to stop by goes with it.
fn without_signal(node: &Node, tree: &Tree, old: Option<&Tree>) -> Tree {
    let only = |lifecycle: &Tree| lifecycle.entries().all(|(key, _)| key == "stopSignal");
    let said = tree.get("lifecycle").filter(|lifecycle| lifecycle.get("stopSignal").is_some());
    let before = old.is_some_and(|old| old.at(&["lifecycle", "stopSignal"]).is_some());
    match said {
        Some(lifecycle)
            if only(lifecycle) && !before && is_gated(node, &["lifecycle", "stopSignal"]) =>
        {
            tree.without(&["lifecycle"])
        }
        _ => tree.clone(),
    }
}

//! How important pods are.

use crate::Tree;
use crate::builtin::admission::objects;
use crate::builtin::check::one_of;
use crate::builtin::rules::Write;
use crate::kinds::KindInfo;
use crate::schema::{Faults, Path};
use crate::status::Status;
use crate::store::Server;

const HIGHEST: i64 = 1_000_000_000;
/// The server's own classes, which exist before anybody makes one.
const SYSTEM: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let class = write.new;
    if write.old.is_some() {
        // Only what may not change is looked at then.
        return;
    }
    let value = class.int_at(&["value"]).unwrap_or(0);
    let name = class.str_at(&["metadata", "name"]).unwrap_or_default();
    if name.starts_with("system-") {
        if let Some(why) = no_system_class(name, value, class.bool_at(&["globalDefault"])) {
            let meta = Path::Root.field("metadata");
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {why}"
            );
            faults.forbidden(meta.field("name"), &why);
        }
    } else if value > HIGHEST {
        let why = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        faults.forbidden(Path::Root.field("value"), &why);
    }
    if class.str_at(&["preemptionPolicy"]) == Some("") {
        faults.required(Path::Root.field("preemptionPolicy"), "");
    } else {
        let known = ["PreemptLowerPriority", "Never"];
        one_of(faults, class, "preemptionPolicy", &Path::Root, &known);
    }
}

fn no_system_class(name: &str, value: i64, default: Option<bool>) -> Option<String> {
    let Some((_, wanted)) = SYSTEM.iter().find(|(known, _)| *known == name) else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if value != *wanted {
        return Some(format!("value of {name} PriorityClass must be {wanted}"));
    }
    (default == Some(true)).then(|| format!("globalDefault of {name} PriorityClass must be false"))
}

/// Pods that name no class are of one class.
pub(in crate::builtin) fn only_default(
    server: &Server,
    kind: &KindInfo,
    tree: &Tree,
) -> Result<(), Status> {
    let name = tree.str_at(&["metadata", "name"]).unwrap_or_default();
    let is_default = |tree: &Tree| tree.bool_at(&["globalDefault"]) == Some(true);
    let mut others = objects(server, "scheduling.k8s.io", "PriorityClass");
    match others.find(|class| class.name() != name && is_default(class.tree())) {
        Some(other) if is_default(tree) => {
            let why = format!(
                "PriorityClass {} is already marked as default. Only one default can exist",
                other.name()
            );
            Err(Status::forbidden(kind, name, &why))
        }
        _ => Ok(()),
    }
}

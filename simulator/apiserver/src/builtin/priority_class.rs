//! How important pods are.

use super::check::one_of;
use super::rules::Write;
use crate::schema::{Faults, Path};

const HIGHEST: i64 = 1_000_000_000;
/// The server's own classes, which exist before anybody makes one.
const SYSTEM: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

pub(super) fn check(write: &Write<'_>, faults: &mut Faults) {
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

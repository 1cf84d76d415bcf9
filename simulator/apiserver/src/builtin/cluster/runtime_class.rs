//! What runs the containers of a pod, what it costs and where it is.

use crate::Tree;
use crate::builtin::check::{complain, labels, list};
use crate::builtin::pod::container;
use crate::builtin::pod::scheduling;
use crate::builtin::resource;
use crate::builtin::rules::Write;
use crate::names;
use crate::schema::{Faults, Path};
use crate::status::FieldError;

pub(in crate::builtin) fn check(write: &Write<'_>, faults: &mut Faults) {
    let class = write.new;
    let handler = class.str_at(&["handler"]).unwrap_or_default();
    complain(faults, Path::Root.field("handler"), handler, names::dns_label(handler));
    if let Some(cost) = class.at(&["overhead", "podFixed"]) {
        // Looked at as the limits of a container.
        let limits = Tree::map([("limits", cost.clone())]);
        container::amounts(&limits, &Path::Root.field("overhead"), &resource::of_container, faults);
    }
    if let Some(scheduling) = class.get("scheduling") {
        placed(scheduling, &Path::Root.field("scheduling"), faults);
    }
}

fn placed(placed: &Tree, at: &Path<'_>, faults: &mut Faults) {
    labels(faults, placed.get("nodeSelector"), at.field("nodeSelector"));
    let all = at.field("tolerations");
    // The real server says the name twice.
    let twice = all.field("tolerations");
    let tolerations = list(placed, "tolerations");
    for (index, toleration) in tolerations.iter().enumerate() {
        scheduling::tolerate(toleration, &twice.index(index), faults);
    }
    // For how long makes no difference.
    let key = |toleration: &Tree| toleration.without(&["tolerationSeconds"]);
    for (index, toleration) in tolerations.iter().enumerate() {
        if tolerations[..index].iter().any(|other| key(other) == key(toleration)) {
            let printed = crate::builtin::internal::json("core.Toleration", toleration);
            faults.0.push(FieldError::duplicate_printed(all.index(index), &printed));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_runtime_class_tolerates_nothing_twice() {
        let toleration = json!({ "operator": "Exists" });
        let scheduling = json!({ "tolerations": [toleration, toleration] });
        let class = Tree::from(json!({ "handler": "a", "scheduling": scheduling }));
        let mut faults = Faults::default();
        check(&Write::of(&class, None), &mut faults);
        let fields: Vec<_> = faults.0.iter().map(|fault| &*fault.field).collect();
        assert_eq!(fields, ["scheduling.tolerations[1]"]);
    }
}

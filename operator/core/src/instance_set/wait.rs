//! What keeps the set from being as it should be, where no other step has said so.

use drydock_operator_api::workloads::InstanceSet;

use super::Tree;
use super::alignment::whose;
use super::pod::{is_available, is_ready};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Reference, Whose};

pub(super) fn wait(tree: &Tree, draft: &mut Draft<InstanceSet>, pass: &Pass<'_>) -> Flow {
    let set = &*tree.set;
    for (name, pod) in &tree.pods {
        let on = Reference::of(&**pod);
        if draft.waits().iter().any(|wait| wait.on == on) {
            continue;
        }
        let wanted = set.spec.stop != Some(true) && tree.desired().contains_key(name);
        if pod.metadata.is_deleting() {
            let because = if wanted {
                "it is made anew under the same name"
            } else {
                "it is not wanted any more"
            };
            draft.wait(on, "to be gone", because, Whose::Kubernetes);
        } else if !wanted {
        } else if !is_ready(pod) {
            draft.wait(on, "to be ready", "every instance of the set has to be", whose(pod));
        } else if !is_available(pod, set.spec.min_ready_seconds, pass.now) {
            let because = format!("it has to stay ready for {} s", set.spec.min_ready_seconds);
            draft.wait(on, "to be available", because, Whose::Kubernetes);
        } else if !set.spec.roles.is_empty() && pod.metadata.label(labels::ROLE).is_none() {
            draft.wait(on, "to have a role", "its agent has not reported one", Whose::Engine);
        }
    }
    Flow::Continue
}

//! kubeblocks#8082: before a Component that goes deletes anything, it lists all kinds that it could
//! own, `PodDisruptionBudgets` of policy/v1 among them. On a server that does not serve policy/v1
//! the client finds no such kind, the pass fails, and nothing is ever deleted.

use drydock_operator_api::apps::{Component, ComponentPhase};
use drydock_operator_api::{ObjectMeta, Resource};
use drydock_operator_core::component::{self, STEPS, Step, Tree};
use drydock_operator_core::controllers::Controller;
use drydock_operator_core::draft::{self, Draft, Flow, Pass};
use drydock_operator_core::plan::{Call, Plan};
use serde::{Deserialize, Serialize};

use super::Quirk;

pub const KUBEBLOCKS_8082: Quirk = Quirk {
    name: "kubeblocks-8082",
    report: "apecloud/kubeblocks#8082",
    affects: "0.9.0",
    fault: "it asks for a kind it does not need, on a server that does not have it",
    install,
};

/// No field of it is ever read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct PodDisruptionBudget {
    metadata: ObjectMeta,
}

drydock_operator_api::resource!(
    PodDisruptionBudget,
    "policy",
    "v1",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    true
);

fn install(controllers: &mut [Controller]) {
    for controller in
        controllers.iter_mut().filter(|controller| controller.name == component::SOURCE)
    {
        controller.plan = Box::new(|view, key, now, settings| match component::load(view, key) {
            Some(tree) => {
                let pass = Pass { now, settings };
                draft::run(&steps(), &tree, &*tree.component, component::SOURCE, &pass)
            }
            None => Plan::default(),
        });
    }
}

/// The pipeline with one more step, right before the one that deletes.
fn steps() -> Vec<(&'static str, Step)> {
    let mut steps = STEPS.to_vec();
    let deletion = steps.iter().position(|(name, _)| *name == "deletion");
    steps.insert(deletion.expect("a Component can be deleted"), ("list-all-kinds", list_all_kinds));
    steps
}

fn list_all_kinds(tree: &Tree, draft: &mut Draft<Component>, _pass: &Pass<'_>) -> Flow {
    let component = &tree.component;
    // It says that it goes before it looks at what it owns.
    if component.metadata.is_deleting() && component.status.phase == Some(ComponentPhase::Deleting)
    {
        let namespace = component.metadata.namespace.clone();
        draft.call(Call::List { kind: PodDisruptionBudget::kind(), namespace });
    }
    Flow::Continue
}

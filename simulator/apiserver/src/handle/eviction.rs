//! Eviction: the deletion of a pod, unless the disruption budget over it has nothing left.

use super::{Answered, Call, body, delete};
use crate::object::{Object, Operation, Tree, Write, text};
use crate::ownership::Update;
use crate::request::{DeleteOptions, Response};
use crate::selector::LabelSelector;
use crate::status::Status;

/// A budget that keeps this many pods in mind gets no more.
const DISRUPTED: usize = 2000;

pub(super) fn evict(call: &mut Call<'_>) -> Answered {
    let sent = body::raw(call)?;
    let version = sent.str_at(&["apiVersion"]).unwrap_or_default();
    if call.server.profile().minor < 22 && version == "policy/v1" {
        return Err(Status::bad_request(
            "Eviction in version \"v1\" cannot be handled as a Eviction: no kind \"Eviction\" is registered for version \"policy/v1\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
        ));
    }
    if sent.str_at(&["metadata", "name"]).unwrap_or_default() != call.request.name {
        return Err(Status::bad_request("name in URL does not match name in Eviction object"));
    }
    let options = match sent.get("deleteOptions").filter(|options| options.is_map()) {
        Some(options) => crate::wire::delete_options_of(options)?,
        None => DeleteOptions::default(),
    };
    let pod = call.stored()?;
    if !goes_anyway(&pod) {
        let budgets = budgets(call, &pod);
        match budgets.as_slice() {
            [] => {}
            [budget] => spend(call, &pod, budget)?,
            _ => {
                return Err(Status::plain(
                    500,
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        }
    }
    delete::check_preconditions(call, &pod, &options.preconditions)?;
    let pod = if call.server.profile().minor >= 26 { marked(call, &pod) } else { pod };
    delete::carry_out(call, &pod, &options);
    Ok(Response { changed: true, ..Status::created().into() })
}

/// A pod that does not run, or is going, is nobody's loss.
fn goes_anyway(pod: &Object) -> bool {
    let phase = pod.tree().str_at(&["status", "phase"]);
    matches!(phase, Some("Succeeded" | "Failed" | "Pending")) || pod.is_deleting()
}

fn budgets(call: &Call<'_>, pod: &Object) -> Vec<Object> {
    let Some(kind) = call.server.kind("policy", "PodDisruptionBudget") else { return Vec::new() };
    let all = call.server.table(kind).in_namespace(pod.namespace());
    let covers = |budget: &&Object| {
        let Some(selector) = budget.tree().at(&["spec", "selector"]) else { return false };
        // In v1beta1 an empty selector selects nothing.
        let is_old = budget.tree().str_at(&["apiVersion"]) == Some("policy/v1beta1");
        !(is_old && selector.is_empty()) && LabelSelector::from_tree(selector).matches(pod)
    };
    all.filter(covers).cloned().collect()
}

fn is_ready(pod: &Object) -> bool {
    let conditions = pod.tree().at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    conditions.iter().any(|condition| {
        condition.str_at(&["type"]) == Some("Ready")
            && condition.str_at(&["status"]) == Some("True")
    })
}

/// Takes the pod from what its budget allows.
fn spend(call: &mut Call<'_>, pod: &Object, budget: &Object) -> Result<(), Status> {
    let tree = budget.tree();
    let count = |key: &str| tree.int_at(&["status", key]).unwrap_or(0);
    let (healthy, desired) = (count("currentHealthy"), count("desiredHealthy"));
    if call.server.profile().minor >= 26 && !is_ready(pod) {
        let always = tree.str_at(&["spec", "unhealthyPodEvictionPolicy"]) == Some("AlwaysAllow");
        if always || healthy >= desired && desired > 0 {
            return Ok(());
        }
    }
    let name = budget.name();
    let refuse = |why: String, retry| Err(Status::eviction_refused(why, retry));
    if count("observedGeneration") < budget.generation() {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return refuse(why, (call.server.profile().minor >= 22).then_some(10));
    }
    let forbidden = |why: &str| {
        let message = format!("poddisruptionbudgets.policy {name:?} is forbidden: {why}");
        Err(Status::forbidden_with(message, "policy", "poddisruptionbudgets", name))
    };
    let allowed = count("disruptionsAllowed");
    if allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    let path = ["status", "disruptedPods"];
    if tree.at(&path).is_some_and(|pods| pods.entries().len() > DISRUPTED) {
        return forbidden(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        );
    }
    if allowed == 0 {
        let why = format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        );
        return refuse(why, None);
    }
    let minor = call.server.profile().minor;
    let mut tree = tree
        .with(&["status", "disruptionsAllowed"], allowed - 1)
        .with(&["status", "disruptedPods", pod.name()], call.now);
    if allowed == 1 && minor >= 21 {
        tree = spent(&tree, call.now);
    }
    let info = call.server.kinds.storage(budget.kind()).map(|kind| kind.info.clone());
    let Some(info) = info else { return Ok(()) };
    // It is the server itself that writes this.
    let note = Write {
        manager: text("kube-apiserver"),
        subresource: (minor >= 22).then(|| text("status")),
        api_version: text(&info.api_version()),
        ..call.write_note(Operation::Update)
    };
    let ownership = budget.ownership().after(Update {
        write: &note,
        kind: &info,
        others: Vec::new(),
        minor,
        old: Some(budget.tree()),
        new: &tree,
        stated: None,
    });
    call.server.commit_owned(budget.kind(), &tree, Some(budget), note, ownership);
    Ok(())
}

/// A budget that says that nothing is left of it.
fn spent(budget: &Tree, now: jiff::Timestamp) -> Tree {
    let path = ["status", "conditions"];
    let known = budget.at(&path).map_or(&[][..], Tree::items);
    let is_it = |condition: &&Tree| condition.str_at(&["type"]) == Some("DisruptionAllowed");
    let before = known.iter().find(is_it);
    let since = before
        .filter(|condition| condition.str_at(&["status"]) == Some("False"))
        .and_then(|condition| condition.get("lastTransitionTime").cloned());
    let condition = Tree::map([
        ("type", Tree::from("DisruptionAllowed")),
        ("status", "False".into()),
        (
            "observedGeneration",
            budget.int_at(&["status", "observedGeneration"]).unwrap_or(0).into(),
        ),
        ("lastTransitionTime", since.unwrap_or_else(|| now.into())),
        ("reason", "InsufficientPods".into()),
        ("message", "".into()),
    ]);
    let others = known.iter().filter(|condition| !is_it(condition)).cloned();
    budget.with(&path, Tree::list(others.chain([condition])))
}

/// The pod with the condition that says why it goes.
fn marked(call: &mut Call<'_>, pod: &Object) -> Object {
    if pod.is_deleting() {
        return pod.clone();
    }
    let condition = Tree::map([
        ("type", Tree::from("DisruptionTarget")),
        ("status", "True".into()),
        ("lastProbeTime", Tree::null()),
        ("lastTransitionTime", call.now.into()),
        ("reason", "EvictionByEvictionAPI".into()),
        ("message", "Eviction API: evicting".into()),
    ]);
    let path = ["status", "conditions"];
    let known = pod.tree().at(&path).map_or(&[][..], Tree::items);
    let others = known.iter().filter(|known| known.str_at(&["type"]) != Some("DisruptionTarget"));
    let tree = pod.tree().with(&path, Tree::list(others.cloned().chain([condition])));
    let note = call.write_note(Operation::Update);
    call.server.commit(pod.kind(), &tree, Some(pod), note)
}

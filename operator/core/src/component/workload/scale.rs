//! Updates of a running workload, and above all of the number of its members: who leaves takes
//! leave first, who comes joins.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Component, LifecycleActions, Retention};
use drydock_operator_api::workloads::InstanceSet;

use super::merge;
use crate::component::hold::Hold;
use crate::component::lifecycle::{self, RETRY, Request};
use crate::component::replicas::Replicas;
use crate::component::{Tree, files, names_of};
use crate::draft::{Draft, Flow, Pass};
use crate::labels;
use crate::plan::{Call, EventCall, OnFailure, Reference, Whose};

pub(super) fn update(
    tree: &Tree,
    draft: &mut Draft<Component>,
    running: &InstanceSet,
    wanted: InstanceSet,
    pass: &Pass<'_>,
) -> Flow {
    let broken = |rule| Hold::broken(Reference::of(&*tree.component), rule, Whose::User);
    let names = names_of::of_set(running)
        .and_then(|before| Ok((before, names_of::instances(&tree.component, Some(running))?)));
    let (before, after) = match names {
        Ok(names) => names,
        Err(rule) => return broken(rule).apply(draft),
    };
    let mut replicas = Replicas::of(running);
    let leaving: Vec<&String> = before.iter().filter(|name| !after.contains(name)).collect();
    if after.is_empty() && !leaving.is_empty() && !keeps_claims(running) {
        let rule = "spec.replicas cannot become 0 while persistentVolumeClaimRetentionPolicy.whenScaled is not Retain: \
                    the data would be lost";
        return broken(rule.to_owned()).apply(draft);
    }
    let departures = match departures(tree, &replicas, &leaving, pass) {
        Ok(departures) => departures,
        Err(hold) => return hold.apply(draft),
    };
    replicas.update(tree, &before, &after, pass.now);

    let mut new = merge::merge(running, wanted);
    if let Ok(files) = files::entries(tree, pass.settings) {
        merge::name_changed_files(tree, files, running, &mut new.spec.configs);
    }
    new.metadata.annotations.insert(labels::REPLICAS_STATUS.to_owned(), replicas.json());

    if departures.is_empty() {
        draft.patch_as_read(running, &new);
    } else {
        // The pods stay until every one of them has taken leave.
        for name in &leaving {
            let on = tree
                .pods
                .get(*name)
                .map_or_else(|| Reference::of(running), |pod| Reference::of(&**pod));
            draft.wait(on, "to have left", "memberLeave is called before a pod goes", Whose::Addon);
        }
        for call in departures {
            draft.call_last(call);
        }
        draft.late_patch(running, &new);
    }
    announce(tree, draft, running, &before, &after);
    if leaving.is_empty() && before == after {
        return arrivals(tree, draft, &new, replicas, pass);
    }
    Flow::Continue
}

fn keeps_claims(running: &InstanceSet) -> bool {
    let policy = running.spec.persistent_volume_claim_retention_policy.as_ref();
    running.spec.volume_claim_templates.is_empty()
        || policy.and_then(|policy| policy.when_scaled) == Some(Retention::Retain)
}

fn announce(
    tree: &Tree,
    draft: &mut Draft<Component>,
    running: &InstanceSet,
    before: &[String],
    after: &[String],
) {
    let (from, to) = (running.spec.replicas.unwrap_or(1), tree.component.spec.replicas);
    if before.len() == after.len() && from == to {
        return;
    }
    draft.call_last(Call::Event(EventCall {
        regarding: Reference::of(&*tree.component),
        warning: false,
        reason: "HorizontalScale".to_owned(),
        message: format!(
            "start horizontal scale component {} of cluster {} from {from} to {to}",
            tree.short_name, tree.cluster_name
        ),
        source: crate::component::SOURCE,
    }));
}

fn actions(tree: &Tree) -> Option<&LifecycleActions> {
    tree.definition().spec.lifecycle_actions.as_ref()
}

/// For each member that leaves: it hands over if it can, then takes leave.
fn departures(
    tree: &Tree,
    replicas: &Replicas,
    leaving: &[&String],
    pass: &Pass<'_>,
) -> Result<Vec<Call>, Hold> {
    let mut calls = Vec::new();
    let Some(actions) = actions(tree) else { return Ok(calls) };
    for name in leaving {
        let joined = replicas
            .get(name)
            .is_some_and(|replica| replica.provisioned && replica.member_joined != Some(false));
        if !joined {
            continue;
        }
        if let Some(action) = &actions.switchover {
            let mut parameters =
                lifecycle::pod_parameters(tree, pass.settings, "KB_SWITCHOVER_CURRENT", name);
            let role = tree
                .pods
                .get(*name)
                .and_then(|pod| pod.metadata.label(labels::ROLE))
                .unwrap_or_default();
            parameters.insert("KB_SWITCHOVER_ROLE".to_owned(), role.to_owned());
            let request = Request {
                name: "switchover",
                action,
                subject: Some(name),
                parameters,
                on_failure: OnFailure::Ignore,
            };
            // Who cannot hand over leaves all the same.
            calls.extend(request.calls(tree, pass.settings).unwrap_or_default());
        }
        if let Some(action) = &actions.member_leave {
            let request = Request {
                name: "memberLeave",
                action,
                subject: Some(name),
                parameters: lifecycle::pod_parameters(
                    tree,
                    pass.settings,
                    "KB_LEAVE_MEMBER_POD",
                    name,
                ),
                on_failure: OnFailure::Retry(RETRY),
            };
            calls.extend(request.calls(tree, pass.settings)?);
        }
    }
    Ok(calls)
}

/// For each new member whose pod is there: it joins, and that is noted before the next one does.
fn arrivals(
    tree: &Tree,
    draft: &mut Draft<Component>,
    workload: &InstanceSet,
    mut replicas: Replicas,
    pass: &Pass<'_>,
) -> Flow {
    for replica in replicas.loading() {
        let on = tree
            .pods
            .get(&replica.name)
            .map_or_else(|| Reference::of(workload), |pod| Reference::of(&**pod));
        draft.wait(on, "to have loaded its data", "it is a new replica", Whose::Engine);
    }
    let Some(action) = actions(tree).and_then(|actions| actions.member_join.as_ref()) else {
        return Flow::Continue;
    };
    let joining: Vec<String> = replicas.joining().map(|replica| replica.name.clone()).collect();
    for name in joining {
        let Some(pod) = tree.pods.get(&name) else {
            let because = format!("{name} is to join, and its pod is not there yet");
            draft.wait(Reference::of(workload), "to have all pods", because, Whose::Operator);
            continue;
        };
        let request = Request {
            name: "memberJoin",
            action,
            subject: Some(&name),
            parameters: lifecycle::pod_parameters(tree, pass.settings, "KB_JOIN_MEMBER_POD", &name),
            on_failure: OnFailure::Retry(RETRY),
        };
        match request.calls(tree, pass.settings) {
            Ok(calls) => {
                draft.wait(
                    Reference::of(&**pod),
                    "to have joined",
                    "memberJoin is called",
                    Whose::Addon,
                );
                for call in calls {
                    draft.call_last(call);
                }
                replicas.mark_joined(&name);
                let mut noted = workload.clone();
                noted.metadata.annotations =
                    BTreeMap::from([(labels::REPLICAS_STATUS.to_owned(), replicas.json())]);
                let mut stored = workload.clone();
                stored.metadata.annotations.clear();
                draft.late_patch(&stored, &noted);
            }
            Err(hold) => hold.wait(draft),
        }
    }
    Flow::Continue
}

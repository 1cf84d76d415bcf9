//! Calls to the agents in the pods of a component.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Action, Component, ComponentPhase, TargetPods};
use drydock_operator_api::core::Pod;
use jiff::SignedDuration;

use super::hold::Hold;
use super::{Tree, names_of, status, synthesis};
use crate::draft::{Draft, Pass};
use crate::labels;
use crate::plan::{AgentCall, Call, OnFailure, Reference, Whose};
use crate::settings::Settings;

/// After a call that joins, takes leave or prepares failed.
pub(super) const RETRY: SignedDuration = SignedDuration::from_secs(1);

/// One action, about one pod or about none.
pub(super) struct Request<'a> {
    pub name: &'static str,
    pub action: &'a Action,
    /// The pod the call is about; without a selector it is also the pod that is called.
    pub subject: Option<&'a str>,
    pub parameters: BTreeMap<String, String>,
    pub on_failure: OnFailure,
}

/// An action that is called once in the life of a Component, and noted when it is done.
pub(super) struct Once<'a> {
    pub name: &'static str,
    pub action: &'a Action,
    pub because: &'static str,
    pub retry: SignedDuration,
    /// The annotation that says it is done.
    pub mark: &'static str,
}

impl Once<'_> {
    pub fn call(&self, tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) {
        let request = Request {
            name: self.name,
            action: self.action,
            subject: None,
            parameters: BTreeMap::new(),
            on_failure: OnFailure::Retry(self.retry),
        };
        match request.calls(tree, pass.settings) {
            Ok(calls) => {
                let on = Reference::of(&*tree.component);
                let until = format!("to have run {}", self.name);
                draft.wait(on, until, self.because, Whose::Addon);
                for call in calls {
                    draft.call_last(call);
                }
                draft.late_mark(self.mark, pass.now.to_string());
            }
            Err(hold) => hold.wait(draft),
        }
    }
}

impl Request<'_> {
    /// The calls to make, or what they wait for. Variables of the component come along with the
    /// parameters, and win.
    pub fn calls(self, tree: &Tree, settings: &Settings) -> Result<Vec<Call>, Hold> {
        self.precondition(tree)?;
        let mut parameters = self.parameters.clone();
        if let Ok(vars) = super::vars::resolved(tree, settings) {
            parameters.extend(vars.template.clone());
        }
        let pods = self.targets(tree)?;
        Ok(pods
            .into_iter()
            .map(|pod| {
                Call::Agent(AgentCall {
                    pod: crate::draft::key(pod),
                    pod_uid: pod.metadata.uid.clone(),
                    action: self.name.to_owned(),
                    parameters: parameters.clone(),
                    timeout: None,
                    on_failure: self.on_failure,
                })
            })
            .collect())
    }

    fn precondition(&self, tree: &Tree) -> Result<(), Hold> {
        let because = || format!("precondition of {}", self.name);
        match self.action.pre_condition.as_str() {
            "RuntimeReady" => match &tree.workload {
                Some(workload) if status::instances_ready(workload) => Ok(()),
                Some(workload) => Err(Hold::not_yet(
                    Reference::of(&**workload),
                    "to have all instances ready",
                    because(),
                    Whose::Operator,
                )),
                None => Err(Hold::not_yet(
                    Reference::of(&*tree.component),
                    "to have a workload",
                    because(),
                    Whose::Operator,
                )),
            },
            "ComponentReady" if tree.component.status.phase != Some(ComponentPhase::Running) => {
                Err(Hold::not_yet(
                    Reference::of(&*tree.component),
                    "to be Running",
                    because(),
                    Whose::Operator,
                ))
            }
            "ClusterReady" => match &tree.cluster {
                Some(cluster) if !is_running(cluster) => Err(Hold::not_yet(
                    Reference::of(&**cluster),
                    "to be Running",
                    because(),
                    Whose::Operator,
                )),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn targets<'t>(&self, tree: &'t Tree) -> Result<Vec<&'t Pod>, Hold> {
        let exec = self.action.exec.as_ref();
        let selector =
            self.action.target_pod_selector.or(exec.and_then(|exec| exec.target_pod_selector));
        let key = match (self.action.matching_key.as_str(), exec) {
            ("", Some(exec)) => exec.matching_key.as_str(),
            (key, _) => key,
        };
        let pods =
            || tree.pods.values().map(|pod| &**pod).filter(|pod| !pod.metadata.is_deleting());
        let chosen: Vec<&Pod> = match selector {
            // Any is any: the first that can be called keeps runs alike.
            Some(TargetPods::Any) => pods().find(|pod| is_callable(pod)).into_iter().collect(),
            None => match self.subject {
                Some(name) => tree.pods.get(name).map(|pod| &**pod).into_iter().collect(),
                None => pods().next().into_iter().collect(),
            },
            Some(TargetPods::All) => pods().collect(),
            Some(TargetPods::Role) => pods()
                .filter(|pod| pod.metadata.label(labels::ROLE) == Some(&*key.to_lowercase()))
                .collect(),
            Some(TargetPods::Ordinal) => {
                pods().filter(|pod| pod.metadata.name.rsplit('-').next() == Some(key)).collect()
            }
        };
        if chosen.is_empty() {
            let until = match selector {
                Some(TargetPods::Role) => format!("to have a pod with the role {key}"),
                Some(TargetPods::Ordinal) => format!("to have a pod with the ordinal {key}"),
                _ => "to have a pod that can be called".to_owned(),
            };
            let because = format!("{} is called there", self.name);
            return Err(Hold::not_yet(on(tree), until, because, Whose::Operator));
        }
        if let Some(pod) = chosen.iter().find(|pod| !is_callable(pod)) {
            let because = format!("{} is called there", self.name);
            return Err(Hold::not_yet(
                Reference::of(*pod),
                "to run its agent",
                because,
                Whose::Kubernetes,
            ));
        }
        Ok(chosen)
    }
}

/// Where pods are missing, it is the workload's.
fn on(tree: &Tree) -> Reference {
    tree.workload
        .as_ref()
        .map_or_else(|| Reference::of(&*tree.component), |set| Reference::of(&**set))
}

fn is_running(cluster: &drydock_operator_api::apps::Cluster) -> bool {
    cluster.status.phase == Some(drydock_operator_api::apps::ClusterPhase::Running)
}

/// The pod has an address, and its agent is up.
fn is_callable(pod: &Pod) -> bool {
    let agent = pod.status.container_statuses.iter().find(|status| status.name == synthesis::AGENT);
    // A status without containers is one that a simulated node writes.
    !pod.status.pod_ip.is_empty()
        && agent.map_or(pod.status.container_statuses.is_empty(), |agent| agent.ready)
}

/// `<prefix>_NAME` and `<prefix>_FQDN` of a pod.
pub(super) fn pod_parameters(
    tree: &Tree,
    settings: &Settings,
    prefix: &str,
    pod: &str,
) -> BTreeMap<String, String> {
    let fqdn = names_of::pod_fqdn(tree.name(), tree.namespace(), pod, &settings.cluster_domain);
    [(format!("{prefix}_NAME"), pod.to_owned()), (format!("{prefix}_FQDN"), fqdn)].into()
}

//! What is known of each replica, beyond its pod: whether it was ever provisioned, has loaded its
//! data and has joined. It is kept in an annotation of the workload.

use drydock_operator_api::apps::LifecycleActions;
use drydock_operator_api::workloads::InstanceSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Tree;
use super::synthesis::{NewReplica, NewReplicaTask};
use crate::condition::to_the_second;
use crate::labels;
use crate::settings::Settings;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Replicas {
    pub replicas: i32,
    pub status: Vec<Replica>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Replica {
    pub name: String,
    pub generation: String,
    pub creation_timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub provisioned: bool,
    /// Absent where nothing is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_loaded: Option<bool>,
    /// Absent where nobody joins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_joined: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconfigured: Option<bool>,
}

impl Replicas {
    /// What the workload remembers; nothing where it remembers nothing that can be read.
    pub fn of(workload: &InstanceSet) -> Self {
        workload
            .metadata
            .annotation(labels::REPLICAS_STATUS)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }

    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a plain struct serializes")
    }

    pub fn get(&self, name: &str) -> Option<&Replica> {
        self.status.iter().find(|replica| replica.name == name)
    }

    pub fn mark_joined(&mut self, name: &str) {
        for replica in self.status.iter_mut().filter(|replica| replica.name == name) {
            replica.member_joined = Some(true);
        }
    }

    pub fn any_provisioned(&self) -> bool {
        self.status.iter().any(|replica| replica.provisioned)
    }

    /// Still to load their data.
    pub fn loading(&self) -> impl Iterator<Item = &Replica> {
        self.status.iter().filter(|replica| replica.data_loaded == Some(false))
    }

    /// Still to join.
    pub fn joining(&self) -> impl Iterator<Item = &Replica> {
        self.status.iter().filter(|replica| replica.member_joined == Some(false))
    }

    /// Brings it up to date with the pods there are and the instances that are `wanted`. `before`
    /// are those that the workload asks for so far.
    pub fn update(&mut self, tree: &Tree, before: &[String], wanted: &[String], now: Timestamp) {
        let actions = tree
            .definition
            .as_ref()
            .and_then(|definition| definition.spec.lifecycle_actions.as_ref());
        let loads = actions
            .is_some_and(|actions| actions.data_dump.is_some() && actions.data_load.is_some());
        let joins = actions.is_some_and(|actions| actions.member_join.is_some());
        let new = |name: &String, initial: bool| Replica {
            name: name.clone(),
            generation: tree.component.metadata.generation.to_string(),
            creation_timestamp: to_the_second(now),
            provisioned: initial,
            data_loaded: loads.then_some(initial),
            member_joined: joins.then_some(initial),
            ..Replica::default()
        };
        self.replicas = i32::try_from(wanted.len()).unwrap_or(i32::MAX);
        self.status.retain(|replica| wanted.contains(&replica.name));
        for name in wanted {
            let is_new = !before.contains(name);
            match self.status.iter_mut().find(|replica| replica.name == *name) {
                Some(replica) => replica.provisioned |= tree.pods.contains_key(name),
                None if is_new => self.status.push(new(name, false)),
                // The first instances neither load nor join: they are the beginning.
                None if tree.pods.contains_key(name) => self.status.push(new(name, true)),
                None => {}
            }
        }
    }

    /// The task for the replicas that have their data still to load, as the agents read it.
    pub fn load_task(&self, tree: &Tree, settings: &Settings, port: i32) -> Option<String> {
        let loading: Vec<&str> = self.loading().map(|replica| replica.name.as_str()).collect();
        if loading.is_empty() {
            return None;
        }
        let source = self.source(tree)?;
        let replicas = loading.join(",");
        let task = NewReplicaTask {
            instance: tree.name(),
            task: "newReplica",
            uid: tree.component.metadata.generation.to_string(),
            replicas: &replicas,
            notify_at_finish: true,
            report_period_seconds: 60,
            new_replica: NewReplica {
                remote: super::names_of::pod_fqdn(
                    tree.name(),
                    tree.namespace(),
                    &source,
                    &settings.cluster_domain,
                ),
                port,
                replicas: &replicas,
            },
        };
        Some(task.json())
    }

    /// A replica that has its data, of the role that the dump asks for.
    fn source(&self, tree: &Tree) -> Option<String> {
        let actions: &LifecycleActions =
            tree.definition.as_ref()?.spec.lifecycle_actions.as_ref()?;
        let exec = actions.data_dump.as_ref()?.exec.as_ref();
        let role =
            exec.map(|exec| exec.matching_key.to_lowercase()).filter(|role| !role.is_empty());
        self.status
            .iter()
            .filter(|replica| replica.data_loaded != Some(false))
            .filter_map(|replica| tree.pods.get(&replica.name))
            .find(|pod| {
                role.as_deref().is_none_or(|role| pod.metadata.label(labels::ROLE) == Some(role))
            })
            .map(|pod| pod.metadata.name.clone())
    }
}

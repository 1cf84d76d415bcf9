//! The Component controller: all objects of one part of a Cluster, from a definition and a few
//! choices, and above them the `InstanceSet` that runs its pods.
//!
//! **Invariant:** what a step needs of an earlier one is computed from the tree again, never from
//! what the earlier one did; so steps can be replaced one by one.

mod account_provision;
mod accounts;
mod deletion;
mod files;
mod hold;
mod lifecycle;
mod load;
mod meta;
mod names_of;
mod post_provision;
mod pre_terminate;
mod rbac;
mod replicas;
mod services;
mod status;
mod synthesis;
mod tls;
mod validation;
mod vars;
mod watches;
mod workload;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_operator_api::apps::{
    Cluster, Component, ComponentDefinition, ComponentVersion, ServiceDescriptor, SidecarDefinition,
};
use drydock_operator_api::core::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use drydock_operator_api::rbac::{Role, RoleBinding};
use drydock_operator_api::workloads::InstanceSet;
use jiff::Timestamp;

use crate::draft::{self, Draft};
use crate::plan::Plan;
use crate::settings::Settings;
use crate::view::Key;

pub use load::load;
pub use watches::controller;

/// A Component, what it owns, and what it refers to.
#[derive(Clone)]
pub struct Tree {
    pub component: Arc<Component>,
    /// Name of the Cluster, by label.
    pub cluster_name: String,
    /// The component's name in the Cluster, by label.
    pub short_name: String,
    pub cluster: Option<Arc<Cluster>>,
    pub definition: Option<Arc<ComponentDefinition>>,
    /// Those made for the definition.
    pub versions: Vec<Arc<ComponentVersion>>,
    /// The definitions of the sidecars that this component hosts, in order of sidecar name.
    pub sidecars: Vec<Arc<SidecarDefinition>>,
    pub workload: Option<Arc<InstanceSet>>,
    /// Of the workload, by name.
    pub pods: BTreeMap<String, Arc<Pod>>,
    pub owned: Owned,
    /// All components of the Cluster, this one among them, in order of name.
    pub family: Vec<Member>,
    /// All Services of the Cluster, by name.
    pub services: BTreeMap<String, Arc<Service>>,
    /// Secrets of the Cluster, and those that are referred to.
    pub secrets: BTreeMap<Key, Arc<Secret>>,
    /// `ConfigMaps` that are referred to: sources of files, and of variables.
    pub sources: BTreeMap<Key, Arc<ConfigMap>>,
    /// The account the user names, if it exists.
    pub user_account: Option<Arc<ServiceAccount>>,
    pub descriptors: BTreeMap<Key, Arc<ServiceDescriptor>>,
    derived: Derived,
}

/// What carries the labels of the component.
#[derive(Clone, Default)]
pub struct Owned {
    pub services: Vec<Arc<Service>>,
    pub secrets: Vec<Arc<Secret>>,
    pub config_maps: Vec<Arc<ConfigMap>>,
    pub service_accounts: Vec<Arc<ServiceAccount>>,
    pub roles: Vec<Arc<Role>>,
    pub role_bindings: Vec<Arc<RoleBinding>>,
}

/// A component of the same Cluster.
#[derive(Clone)]
pub struct Member {
    pub component: Arc<Component>,
    pub short_name: String,
    pub definition: Option<Arc<ComponentDefinition>>,
    pub workload: Option<Arc<InstanceSet>>,
}

/// Pure functions of the tree that several steps need, computed once.
#[derive(Clone, Default)]
struct Derived {
    vars: OnceCell<Result<vars::Vars, hold::Hold>>,
    files: OnceCell<Result<Vec<files::Entry>, hold::Hold>>,
}

impl Tree {
    /// Only for steps after the one that checks that it exists.
    fn definition(&self) -> &ComponentDefinition {
        self.definition.as_ref().expect("the load step holds everything back without a definition")
    }

    fn namespace(&self) -> &str {
        &self.component.metadata.namespace
    }

    fn name(&self) -> &str {
        &self.component.metadata.name
    }

    fn is_compact(&self) -> bool {
        self.component.metadata.annotations.contains_key(crate::labels::COMPACT_MODE)
    }
}

pub type Step = draft::Step<Tree, Component>;

/// The name under which the controller sends Events.
pub const SOURCE: &str = "component-controller";

/// The pipeline. Order is meaning: first the ways out, then what pods depend on, then the workload,
/// then what is told about it. Calls to agents come last, as they may fail.
pub const STEPS: &[(&str, Step)] = &[
    ("preTerminate", pre_terminate::step),
    ("deletion", deletion::step),
    ("meta", meta::step),
    ("load", validation::load),
    ("validation", validation::validate),
    ("services", services::step),
    ("accounts", accounts::step),
    ("tls", tls::step),
    ("vars", vars::step),
    ("files", files::step),
    ("rbac", rbac::step),
    ("workload", workload::step),
    ("postProvision", post_provision::step),
    ("status", status::step),
    ("accountProvision", account_provision::step),
];

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(STEPS, tree, &*tree.component, SOURCE, &draft::Pass { now, settings })
}

/// Whether the steps that build objects have work: not while deleting, and not behind a step that
/// holds them back.
fn builds(tree: &Tree, draft: &Draft<Component>) -> bool {
    !tree.component.metadata.is_deleting() && !draft.is_held()
}

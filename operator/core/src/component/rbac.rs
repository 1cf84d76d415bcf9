//! What the pods of a component may do: their account and its bindings.

use drydock_operator_api::apps::Component;
use drydock_operator_api::core::ServiceAccount;
use drydock_operator_api::rbac::RoleBinding;
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};

use super::hold::Hold;
use super::names_of::{base, merged, plain_meta};
use super::{Tree, builds};
use crate::draft::{Draft, Flow, Pass, controlled_by, is_controlled_by};
use crate::names;
use crate::plan::{Reference, Whose};
use crate::settings::Settings;
use crate::view::Key;

/// The role of pods whose agent reports Events.
const POD_ROLE: &str = "kubeblocks-cluster-pod-role";

pub(super) fn step(tree: &Tree, draft: &mut Draft<Component>, pass: &Pass<'_>) -> Flow {
    if !builds(tree, draft) || tree.is_compact() {
        return Flow::Continue;
    }
    let given = &tree.component.spec.service_account_name;
    if !given.is_empty() && tree.user_account.is_none() {
        let kind = <ServiceAccount as drydock_operator_api::Resource>::kind();
        let reference = Reference::new(kind, Key::new(tree.namespace(), given));
        return Hold::missing(reference, "spec.serviceAccountName names it", Whose::User)
            .apply(draft);
    }
    if !pass.settings.rbac_manager {
        return Flow::Continue;
    }
    if given.is_empty() {
        let wanted = account(tree);
        match tree
            .owned
            .service_accounts
            .iter()
            .find(|stored| stored.metadata.name == wanted.metadata.name)
        {
            None => draft.create(&wanted),
            Some(stored) => {
                let mut new = ServiceAccount::clone(stored);
                take(tree, &mut new.metadata, &wanted.metadata);
                draft.patch_as_read(&**stored, &new);
            }
        }
    }
    for wanted in bindings(tree) {
        match tree
            .owned
            .role_bindings
            .iter()
            .find(|stored| stored.metadata.name == wanted.metadata.name)
        {
            None => draft.create(&wanted),
            Some(stored) => {
                let mut new = RoleBinding::clone(stored);
                take(tree, &mut new.metadata, &wanted.metadata);
                new.subjects.clone_from(&wanted.subjects);
                draft.patch_as_read(&**stored, &new);
            }
        }
    }
    Flow::Continue
}

/// The account that pods run as; none: what the runtime says.
pub(super) fn account_name(tree: &Tree, settings: &Settings) -> Option<String> {
    let given = &tree.component.spec.service_account_name;
    if !given.is_empty() {
        Some(given.clone())
    } else if settings.rbac_manager && !tree.is_compact() {
        Some(names::service_account(tree.name()))
    } else {
        None
    }
}

/// Names of the bindings that this component makes.
pub(super) fn binding_names(account: &str) -> [String; 2] {
    [account.to_owned(), format!("{account}-pod")]
}

fn account(tree: &Tree) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(tree, names::service_account(tree.name())),
        ..ServiceAccount::default()
    }
}

fn bindings(tree: &Tree) -> Vec<RoleBinding> {
    let definition = tree.definition();
    let given = &tree.component.spec.service_account_name;
    let account =
        if given.is_empty() { names::service_account(tree.name()) } else { given.clone() };
    let [rules, pod] = binding_names(&account);
    let binding = |name: String, role: String| RoleBinding {
        metadata: metadata(tree, name),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role,
        },
        subjects: vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.clone(),
            namespace: Some(tree.namespace().to_owned()),
            api_group: None,
        }],
    };
    let mut bindings = Vec::new();
    if !definition.spec.policy_rules.is_empty() {
        bindings.push(binding(rules, names::cluster_role(&definition.metadata.name)));
    }
    if definition.spec.lifecycle_actions.is_some() {
        bindings.push(binding(pod, POD_ROLE.to_owned()));
    }
    bindings
}

fn metadata(tree: &Tree, name: String) -> drydock_operator_api::ObjectMeta {
    let definition = &tree.definition().spec;
    plain_meta(
        tree,
        name,
        merged([&definition.labels, &base(tree)]),
        definition.annotations.clone(),
    )
}

/// One that nobody controls, or that another component has left, becomes ours.
fn take(
    tree: &Tree,
    stored: &mut drydock_operator_api::ObjectMeta,
    wanted: &drydock_operator_api::ObjectMeta,
) {
    stored.labels.extend(wanted.labels.clone());
    stored.annotations.extend(wanted.annotations.clone());
    let ours = stored.controller().is_some_and(|owner| owner.uid == tree.component.metadata.uid);
    if !ours {
        stored.owner_references.retain(|owner| !owner.controller);
        stored.owner_references.push(controlled_by(&*tree.component));
    }
}

/// Whether an object of this name is the component's alone, and goes with it.
pub(super) fn is_own(tree: &Tree, name: &str) -> bool {
    let account = names::service_account(tree.name());
    binding_names(&account).iter().any(|own| own == name)
}

/// Whether this component controls it.
pub(super) fn controls<T: drydock_operator_api::Resource>(tree: &Tree, object: &T) -> bool {
    is_controlled_by(object, &*tree.component)
}

//! The `ComponentDefinition` controller: whether components can be made from a definition, and the
//! `ClusterRole` with what their pods may do.

mod validate;

use std::collections::BTreeSet;
use std::sync::Arc;

use drydock_operator_api::apps::{Component, ComponentDefinition, FileTemplate};
use drydock_operator_api::core::ConfigMap;
use drydock_operator_api::rbac::ClusterRole;
use drydock_operator_api::{ObjectMeta, Resource};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::controllers::{Controller, Map, Watch, planner};
use crate::definition::{self, broken};
use crate::draft::{self, Draft, Flow, Pass};
use crate::plan::{Plan, Problem, Reference};
use crate::settings::Settings;
use crate::view::{Key, Selection, View};
use crate::{hash, labels, names};

pub struct Tree {
    pub definition: Arc<ComponentDefinition>,
    /// Components that are made from it; read only when it is to go.
    pub components: Vec<Arc<Component>>,
    /// The templates that it names and that are there.
    pub templates: BTreeSet<Key>,
    pub cluster_role: Option<Arc<ClusterRole>>,
}

pub type Step = draft::Step<Tree, ComponentDefinition>;

pub const STEPS: &[(&str, Step)] =
    &[("guard", guard), ("validation", validation), ("permissions", permissions)];

pub fn controller() -> Controller {
    Controller {
        name: "component-definition-controller",
        root: ComponentDefinition::kind,
        watches: vec![
            Watch { kind: ComponentDefinition::kind, map: Map::Root },
            Watch { kind: ClusterRole::kind, map: Map::Owner },
            Watch { kind: Component::kind, map: Map::By(of_component) },
            Watch { kind: ConfigMap::kind, map: Map::By(of_template) },
        ],
        plan: planner(load, reconcile),
    }
}

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let definition = view.get::<ComponentDefinition>("", &key.name)?;
    Some(Tree {
        components: if definition.metadata.is_deleting() {
            view.list("", Selection::Labels(&[(labels::COMPONENT_DEFINITION, &key.name)]))
        } else {
            Vec::new()
        },
        templates: templates(&definition)
            .filter(|key| view.get::<ConfigMap>(&key.namespace, &key.name).is_some())
            .collect(),
        cluster_role: view.get("", &names::cluster_role(&key.name)),
        definition,
    })
}

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(
        STEPS,
        tree,
        &*tree.definition,
        "component-definition-controller",
        &Pass { now, settings },
    )
}

/// The ConfigMaps that hold the templates of its configs and scripts.
fn templates(definition: &ComponentDefinition) -> impl Iterator<Item = Key> {
    let files = definition.spec.configs.iter().chain(&definition.spec.scripts);
    files.filter(|file| !file.template.is_empty()).map(template_key)
}

fn template_key(file: &FileTemplate) -> Key {
    let namespace = if file.namespace.is_empty() { "default" } else { &file.namespace };
    Key::new(namespace, file.template.as_str())
}

/// A Component that goes may be the last that held its definition.
fn of_component(view: &dyn View, component: &ObjectMeta) -> Vec<Key> {
    definition::held::<ComponentDefinition>(view, component, labels::COMPONENT_DEFINITION)
}

fn of_template(view: &dyn View, template: &ObjectMeta) -> Vec<Key> {
    // What the operator rendered is nobody's template.
    if template.label(labels::MANAGED_BY) == Some(labels::KUBEBLOCKS) {
        return Vec::new();
    }
    let key = Key::new(template.namespace.as_str(), template.name.as_str());
    view.list::<ComponentDefinition>("", Selection::All)
        .iter()
        .filter(|definition| templates(definition).any(|named| named == key))
        .map(|definition| draft::key(&**definition))
        .collect()
}

fn guard(tree: &Tree, draft: &mut Draft<ComponentDefinition>, _pass: &Pass<'_>) -> Flow {
    let referrers: Vec<_> =
        tree.components.iter().map(|component| Reference::of(&**component)).collect();
    definition::guard(draft, &referrers)
}

fn validation(tree: &Tree, draft: &mut Draft<ComponentDefinition>, _pass: &Pass<'_>) -> Flow {
    let verdict = validate::validate(tree).and_then(|()| unchanged(draft));
    let good = verdict.is_ok();
    definition::judge(draft, verdict);
    if good { Flow::Continue } else { Flow::Commit }
}

/// What running components rest on may not change: its hash is written once, and held against
/// what is there later.
fn unchanged(draft: &mut Draft<ComponentDefinition>) -> Result<(), Problem> {
    let metadata = &draft.root.metadata;
    if metadata.annotation(labels::SKIP_IMMUTABLE_CHECK) == Some("true") {
        return Ok(());
    }
    let now = immutable_hash(&draft.root);
    match metadata.annotation(labels::IMMUTABLE_HASH) {
        Some(first) if first == now => Ok(()),
        Some(_) => Err(broken("immutable fields can't be updated")),
        None => {
            draft.root.metadata.annotations.insert(labels::IMMUTABLE_HASH.to_owned(), now);
            Ok(())
        }
    }
}

fn immutable_hash(definition: &ComponentDefinition) -> String {
    const MUTABLE: [&str; 7] = [
        "provider",
        "description",
        "exporter",
        "podManagementPolicy",
        "minReadySeconds",
        "podUpdatePolicy",
        "podUpgradePolicy",
    ];
    let mut spec: Value = json!(definition.spec);
    if let Some(fields) = spec.as_object_mut() {
        fields.retain(|name, _| !MUTABLE.contains(&name.as_str()));
    }
    hash::safe_encode(hash::fnv1_32(hash::go_json(&spec).as_bytes()))
}

fn permissions(tree: &Tree, draft: &mut Draft<ComponentDefinition>, pass: &Pass<'_>) -> Flow {
    let definition = &tree.definition;
    if definition.spec.policy_rules.is_empty() || !pass.settings.rbac_manager {
        return Flow::Continue;
    }
    match &tree.cluster_role {
        None => draft.create(&ClusterRole {
            metadata: ObjectMeta {
                name: names::cluster_role(&definition.metadata.name),
                labels: definition.metadata.labels.clone(),
                annotations: definition.metadata.annotations.clone(),
                owner_references: vec![draft::controlled_by(&**definition)],
                ..ObjectMeta::default()
            },
            rules: definition.spec.policy_rules.clone(),
        }),
        Some(stored) => {
            let mut wanted = ClusterRole::clone(stored);
            wanted.rules.clone_from(&definition.spec.policy_rules);
            draft.patch(&**stored, &wanted);
        }
    }
    Flow::Continue
}

//! The controllers of the definitions that need little looking after: `ShardingDefinition`,
//! `SidecarDefinition` and `ServiceDescriptor`.

use std::collections::BTreeSet;
use std::sync::Arc;

use drydock_operator_api::apps::{
    ComponentDefinition, CredentialValue, ServiceDescriptor, ShardingDefinition, SidecarDefinition,
    UpdateStrategy,
};
use drydock_operator_api::core::Secret;
use drydock_operator_api::{ObjectMeta, Resource};

use crate::controllers::{Controller, Map, Watch};
use crate::definition::{self, Definition, broken};
use crate::draft::{self, Draft, Flow, Pass};
use crate::matching;
use crate::plan::{Problem, Reference};
use crate::view::{Key, Selection, View};

/// A definition and the names of what it may refer to.
pub struct Tree<D> {
    pub definition: Arc<D>,
    pub component_definitions: BTreeSet<String>,
    /// Of the descriptor's namespace.
    pub secrets: BTreeSet<String>,
}

pub type Step<D> = draft::Step<Tree<D>, D>;

pub const SHARDING: &[(&str, Step<ShardingDefinition>)] =
    &[("guard", guard), ("validation", sharding)];
pub const SIDECAR: &[(&str, Step<SidecarDefinition>)] =
    &[("guard", guard), ("validation", sidecar)];
pub const DESCRIPTOR: &[(&str, Step<ServiceDescriptor>)] =
    &[("guard", guard), ("validation", descriptor)];

pub fn controllers() -> [Controller; 3] {
    [
        controller("sharding-definition-controller", SHARDING, ComponentDefinition::kind),
        controller("sidecar-definition-controller", SIDECAR, ComponentDefinition::kind),
        controller("service-descriptor-controller", DESCRIPTOR, Secret::kind),
    ]
}

fn controller<D: Definition>(
    name: &'static str,
    steps: &'static [(&'static str, Step<D>)],
    refers_to: fn() -> &'static drydock_operator_api::Kind,
) -> Controller {
    Controller {
        name,
        root: D::kind,
        watches: vec![
            Watch { kind: D::kind, map: Map::Root },
            Watch { kind: refers_to, map: Map::By(of_referred::<D>) },
        ],
        plan: Box::new(move |view, key, now, settings| {
            let Some(tree) = load::<D>(view, key) else { return crate::plan::Plan::default() };
            draft::run(steps, &tree, &*tree.definition, name, &Pass { now, settings })
        }),
    }
}

pub fn load<D: Definition>(view: &dyn View, key: &Key) -> Option<Tree<D>> {
    let definition = view.get::<D>(&key.namespace, &key.name)?;
    let definitions = view.list::<ComponentDefinition>("", Selection::All);
    Some(Tree {
        definition,
        component_definitions: definitions.iter().map(|d| d.metadata.name.clone()).collect(),
        secrets: if D::kind().namespaced {
            let secrets = view.list::<Secret>(&key.namespace, Selection::All);
            secrets.iter().map(|secret| secret.metadata.name.clone()).collect()
        } else {
            BTreeSet::new()
        },
    })
}

/// Those in the namespace of what changed, or all where there is none.
fn of_referred<D: Definition>(view: &dyn View, referred: &ObjectMeta) -> Vec<Key> {
    let namespace = if D::kind().namespaced { referred.namespace.as_str() } else { "" };
    view.list::<D>(namespace, Selection::All).iter().map(|found| draft::key(&**found)).collect()
}

fn guard<D: Definition>(_tree: &Tree<D>, draft: &mut Draft<D>, _pass: &Pass<'_>) -> Flow {
    // No object carries a label that says it uses one of these.
    definition::guard(draft, &[])
}

fn sharding(
    tree: &Tree<ShardingDefinition>,
    draft: &mut Draft<ShardingDefinition>,
    _pass: &Pass<'_>,
) -> Flow {
    let spec = &tree.definition.spec;
    let ordered = [spec.provision_strategy, spec.update_strategy];
    let verdict = if ordered.contains(&UpdateStrategy::BestEffortParallel) {
        Err(broken("shards are provisioned and updated one by one or all at once"))
    } else {
        named(tree, &spec.template.comp_def).map(|_| ())
    };
    definition::judge(draft, verdict);
    Flow::Continue
}

fn sidecar(
    tree: &Tree<SidecarDefinition>,
    draft: &mut Draft<SidecarDefinition>,
    _pass: &Pass<'_>,
) -> Flow {
    let spec = &tree.definition.spec;
    let verdict = named(tree, &spec.owner).and_then(|owners| {
        let mut selectors = BTreeSet::new();
        for pattern in &spec.selectors {
            selectors.extend(named(tree, pattern)?);
        }
        if let Some(both) = owners.intersection(&selectors).next() {
            return Err(broken(format!("{both} is among both the owners and the selectors")));
        }
        Ok((owners, selectors))
    });
    let join = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(",");
    let verdict = verdict.map(|(owners, selectors)| {
        draft.root.status.owners = join(owners);
        draft.root.status.selectors = join(selectors);
    });
    definition::judge(draft, verdict);
    Flow::Continue
}

fn descriptor(
    tree: &Tree<ServiceDescriptor>,
    draft: &mut Draft<ServiceDescriptor>,
    _pass: &Pass<'_>,
) -> Flow {
    let spec = &tree.definition.spec;
    let auth = spec.auth.iter().flat_map(|auth| [&auth.username, &auth.password]);
    let values = [&spec.endpoint, &spec.host, &spec.port, &spec.pod_fqdns];
    let secret = |value: &CredentialValue| {
        let source = value.value_from.as_ref()?.secret_key_ref.as_ref()?;
        Some(source.name.clone())
    };
    let missing = values
        .into_iter()
        .chain(auth)
        .filter_map(|value| value.as_ref().and_then(secret))
        .find(|name| !tree.secrets.contains(name));
    let verdict = match missing {
        Some(name) => {
            let key = Key::new(tree.definition.metadata.namespace.as_str(), name);
            Err(Problem::Missing(Reference::new(Secret::kind(), key)))
        }
        None => Ok(()),
    };
    definition::judge(draft, verdict);
    Flow::Continue
}

/// The component definitions that a pattern means; there must be one.
fn named<'a, D>(tree: &'a Tree<D>, pattern: &str) -> Result<BTreeSet<&'a str>, Problem> {
    let all = tree.component_definitions.iter().map(String::as_str);
    let found: BTreeSet<&str> = all.filter(|name| matching::matches(pattern, name)).collect();
    if found.is_empty() {
        let key = Key::new("", pattern);
        return Err(Problem::Missing(Reference::new(ComponentDefinition::kind(), key)));
    }
    Ok(found)
}

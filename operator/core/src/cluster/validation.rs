//! Whether the spec can be honoured at all: its definition, its topology, its names.

use drydock_operator_api::Resource;
use drydock_operator_api::apps::{Cluster, ClusterDefinition};

use super::{Tree, refuse};
use crate::definition::{self, broken};
use crate::draft::{Draft, Flow, Pass};
use crate::matching;
use crate::plan::{Problem, Reference, Whose};
use crate::view::Key;

pub(super) fn validation(tree: &Tree, draft: &mut Draft<Cluster>, pass: &Pass<'_>) -> Flow {
    let name = &tree.cluster.spec.cluster_def;
    let on = Reference::new(ClusterDefinition::kind(), Key::new("", name.as_str()));
    match &tree.definition {
        None if !name.is_empty() => {
            draft.wait(on, "to be there", "the Cluster is made from it", Whose::User);
            let missing = format!(
                "{}.{} \"{name}\" not found",
                ClusterDefinition::kind().kind,
                ClusterDefinition::kind().group
            );
            return refuse(tree, draft, broken(missing), pass);
        }
        Some(definition) if !definition::is_available(&**definition) => {
            draft.wait(on, "to be Available", "the Cluster is made from it", Whose::Addon);
            let message = format!("the referenced ClusterDefinition is not available: {name}");
            return refuse(tree, draft, broken(message), pass);
        }
        _ => {}
    }
    match validate(tree) {
        Ok(()) => Flow::Continue,
        Err(problem) => refuse(tree, draft, problem, pass),
    }
}

fn validate(tree: &Tree) -> Result<(), Problem> {
    let spec = &tree.cluster.spec;
    if !spec.shardings.is_empty() {
        return Err(broken("spec.shardings is not supported yet"));
    }
    for component in &spec.component_specs {
        let (name, pattern) = (&component.name, &component.component_def);
        if tree.definition.is_none() && pattern.is_empty() {
            return Err(broken(format!(
                "spec.componentSpecs {name} needs a componentDef, as there is no clusterDef"
            )));
        }
        if !matching::is_valid(pattern) {
            return Err(broken(format!(
                "spec.componentSpecs {name}: componentDef {pattern} is not a regular expression"
            )));
        }
    }
    if tree.definition.is_none() {
        return Ok(());
    }
    let Some(topology) = tree.topology() else {
        return Err(broken(if spec.topology.is_empty() {
            format!("ClusterDefinition {} has no default topology", spec.cluster_def)
        } else {
            format!("ClusterDefinition {} has no topology {}", spec.cluster_def, spec.topology)
        }));
    };
    if !topology.shardings.is_empty() {
        return Err(broken(format!(
            "topology {} has shardings, which are not supported yet",
            topology.name
        )));
    }
    for component in &spec.component_specs {
        let named = topology.components.iter().any(|of| of.matches(&component.name));
        if !named && component.component_def.is_empty() {
            return Err(broken(format!(
                "spec.componentSpecs {} is no component of topology {}",
                component.name, topology.name
            )));
        }
    }
    Ok(())
}

/// Whether a component of the spec is the one (or one of those) that a topology speaks of.
pub(super) trait Matches {
    fn matches(&self, name: &str) -> bool;
}

impl Matches for drydock_operator_api::apps::TopologyComponent {
    fn matches(&self, name: &str) -> bool {
        if self.template { name.starts_with(&self.name) } else { name == self.name }
    }
}

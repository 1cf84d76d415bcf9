//! Which definition and which version each component is made of. The answer is written back to the
//! spec, so that later releases of an addon change nothing by themselves.

use drydock_operator_api::apps::{
    Cluster, ClusterComponentSpec, Component, ComponentDefinition, ComponentVersion,
};

use super::validation::Matches;
use super::{PROVISIONING_STARTED, Tree, refuse};
use crate::component_version::fits;
use crate::condition::{self, Wanted};
use crate::definition::{self, broken};
use crate::draft::{Draft, Flow, Pass};
use crate::plan::{Problem, Reference, Whose};
use crate::{matching, version};

/// Why no definition could be chosen.
enum Unresolved {
    Problem(Problem),
    /// A version list that was not looked at yet, or is broken.
    Pending(Reference),
}

pub(super) fn normalization(tree: &Tree, draft: &mut Draft<Cluster>, pass: &Pass<'_>) -> Flow {
    let mut specs = specs(tree);
    for spec in &mut specs {
        match resolve(tree, spec) {
            Ok(()) => {}
            Err(Unresolved::Problem(problem)) => {
                let on = definition_reference(&spec.component_def);
                draft.wait(on, "to be there", problem.to_string(), Whose::User);
                return refuse(tree, draft, problem, pass);
            }
            Err(Unresolved::Pending(versions)) => {
                let message = format!("the ComponentVersion is not available: {}", versions.key);
                draft.wait(versions, "to be Available", message.clone(), Whose::Addon);
                return refuse(tree, draft, broken(message), pass);
            }
        }
    }
    let changed = resolved(&specs).ne(resolved(&tree.cluster.spec.component_specs));
    if changed {
        specs.iter_mut().for_each(canonical);
        draft.root.spec.component_specs = specs;
    }
    if changed || draft.root.metadata != tree.cluster.metadata {
        // What is made from the spec carries its generation, and this write makes a new one.
        return Flow::Commit;
    }
    let name = &tree.cluster.metadata.name;
    let started = Wanted::new(
        PROVISIONING_STARTED,
        true,
        "PreCheckSucceed",
        format!("The operator has started the provisioning of Cluster: {name}"),
    );
    let started = started.at_generation(tree.cluster.metadata.generation);
    condition::set(&mut draft.root.status.conditions, started, pass.now);
    Flow::Continue
}

/// What normalization is about.
fn resolved(specs: &[ClusterComponentSpec]) -> impl Iterator<Item = [&str; 3]> {
    specs.iter().map(|spec| {
        [spec.name.as_str(), spec.component_def.as_str(), spec.service_version.as_str()]
    })
}

/// The components of the spec, each with the definition that its topology says; components that
/// only the topology names come with no replicas, as nobody asked for any.
fn specs(tree: &Tree) -> Vec<ClusterComponentSpec> {
    let specs = &tree.cluster.spec.component_specs;
    let Some(topology) = tree.topology() else { return specs.clone() };
    let mut filled = Vec::new();
    for component in &topology.components {
        let asked = specs.iter().filter(|spec| component.matches(&spec.name));
        let before = filled.len();
        filled.extend(asked.cloned());
        if filled.len() == before && !component.template {
            filled.push(ClusterComponentSpec {
                name: component.name.clone(),
                ..ClusterComponentSpec::default()
            });
        }
        for spec in &mut filled[before..] {
            if spec.component_def.is_empty() {
                spec.component_def.clone_from(&component.comp_def);
            }
        }
    }
    let extra =
        specs.iter().filter(|spec| !topology.components.iter().any(|of| of.matches(&spec.name)));
    filled.extend(extra.cloned());
    // The order of the user's list stays.
    filled.sort_by_key(|spec| {
        specs.iter().position(|asked| asked.name == spec.name).unwrap_or(usize::MAX)
    });
    filled
}

fn resolve(tree: &Tree, spec: &mut ClusterComponentSpec) -> Result<(), Unresolved> {
    if let Some(running) = tree.components.get(&spec.name)
        && still_meant(spec, running)
    {
        spec.component_def.clone_from(&running.spec.comp_def);
        spec.service_version.clone_from(&running.spec.service_version);
        return Ok(());
    }
    let (definition, service_version) = choose(tree, &spec.component_def, &spec.service_version)?;
    spec.component_def = definition;
    spec.service_version = service_version;
    for instance in &mut spec.instances {
        if instance.comp_def.is_empty() && instance.service_version.is_empty() {
            continue;
        }
        let pattern =
            if instance.comp_def.is_empty() { &spec.component_def } else { &instance.comp_def };
        (instance.comp_def, instance.service_version) =
            choose(tree, pattern, &instance.service_version)?;
    }
    Ok(())
}

/// A running component keeps its definition and version unless the spec says something else.
fn still_meant(spec: &ClusterComponentSpec, running: &Component) -> bool {
    let same_instances = spec.instances.iter().all(|instance| {
        running.spec.instances.iter().any(|of| {
            of.name == instance.name
                && of.comp_def == instance.comp_def
                && of.service_version == instance.service_version
        })
    });
    let version = &spec.service_version;
    same_instances
        && matching::matches(&spec.component_def, &running.spec.comp_def)
        && (version.is_empty() || *version == running.spec.service_version)
}

/// The definition with the greatest name among those that offer the wanted, or else the newest,
/// version.
fn choose(tree: &Tree, pattern: &str, wanted: &str) -> Result<(String, String), Unresolved> {
    let candidates: Vec<_> = match tree.component_definitions.get(pattern) {
        Some(exact) => vec![exact],
        None => tree
            .component_definitions
            .values()
            .filter(|definition| matching::matches(pattern, &definition.metadata.name))
            .collect(),
    };
    let mut best: Option<(&str, &str)> = None;
    for definition in candidates {
        let name = definition.metadata.name.as_str();
        for offered in offered(tree, definition)? {
            let better = best.is_none_or(|(best_version, best_name)| {
                version::compare(offered, best_version).then_with(|| name.cmp(best_name)).is_gt()
            });
            if (wanted.is_empty() || wanted == offered) && better {
                best = Some((offered, name));
            }
        }
    }
    match best {
        Some((version, name)) => Ok((name.to_owned(), version.to_owned())),
        None => Err(Unresolved::Problem(broken(format!(
            "no matched component definition found with componentDef \"{pattern}\" and \
             serviceVersion \"{wanted}\""
        )))),
    }
}

/// The versions that a definition offers: its own, and those of releases that fit it.
fn offered<'a>(
    tree: &'a Tree,
    definition: &'a ComponentDefinition,
) -> Result<Vec<&'a str>, Unresolved> {
    let name = &definition.metadata.name;
    let mut versions = vec![definition.spec.service_version.as_str()];
    for list in &tree.component_versions {
        let of_definition = |version: &ComponentVersion| {
            let mut releases = version.spec.releases.iter();
            releases.any(|release| fits(version, name, &release.name))
        };
        if !of_definition(list) {
            continue;
        }
        if !definition::is_available(&**list) {
            return Err(Unresolved::Pending(Reference::of(&**list)));
        }
        let releases = list.spec.releases.iter().filter(|release| fits(list, name, &release.name));
        versions.extend(releases.map(|release| release.service_version.as_str()));
    }
    versions.retain(|version| !version.is_empty());
    Ok(versions)
}

/// Quantities in the form in which everybody else stores them.
pub(super) fn canonical(spec: &mut ClusterComponentSpec) {
    use crate::quantity::canonical;

    let resources = &mut spec.resources;
    for quantities in [&mut resources.limits, &mut resources.requests].into_iter().flatten() {
        for quantity in quantities.values_mut() {
            quantity.0 = canonical(&quantity.0);
        }
    }
    for claim in spec.volume_claim_templates.iter_mut().filter_map(|claim| claim.spec.as_mut()) {
        let Some(resources) = &mut claim.resources else { continue };
        for quantities in [&mut resources.limits, &mut resources.requests].into_iter().flatten() {
            for quantity in quantities.values_mut() {
                quantity.0 = canonical(&quantity.0);
            }
        }
    }
}

fn definition_reference(pattern: &str) -> Reference {
    use drydock_operator_api::Resource;
    Reference::new(ComponentDefinition::kind(), crate::view::Key::new("", pattern))
}

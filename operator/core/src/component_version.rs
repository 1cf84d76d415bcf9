//! The `ComponentVersion` controller: which definitions its releases fit, and which versions it
//! offers.

use std::collections::BTreeSet;
use std::sync::Arc;

use drydock_operator_api::apps::{ComponentDefinition, ComponentVersion};
use drydock_operator_api::{ObjectMeta, Resource};
use jiff::Timestamp;

use crate::controllers::{Controller, Map, Watch, planner};
use crate::definition::{self, broken};
use crate::draft::{self, Draft, Flow, Pass};
use crate::plan::{Plan, Problem};
use crate::settings::Settings;
use crate::view::{Key, Selection, View};
use crate::{labels, matching, version};

pub struct Tree {
    pub version: Arc<ComponentVersion>,
    /// The names of all component definitions.
    pub definitions: BTreeSet<String>,
}

pub type Step = draft::Step<Tree, ComponentVersion>;

pub const STEPS: &[(&str, Step)] =
    &[("guard", guard), ("validation", validation), ("compatibility", compatibility)];

pub fn controller() -> Controller {
    Controller {
        name: "component-version-controller",
        root: ComponentVersion::kind,
        watches: vec![
            Watch { kind: ComponentVersion::kind, map: Map::Root },
            Watch { kind: ComponentDefinition::kind, map: Map::By(all) },
        ],
        plan: planner(load, reconcile),
    }
}

pub fn load(view: &dyn View, key: &Key) -> Option<Tree> {
    let definitions = view.list::<ComponentDefinition>("", Selection::All);
    Some(Tree {
        version: view.get("", &key.name)?,
        definitions: definitions.iter().map(|found| found.metadata.name.clone()).collect(),
    })
}

pub fn reconcile(tree: &Tree, now: Timestamp, settings: &Settings) -> Plan {
    draft::run(STEPS, tree, &*tree.version, "component-version-controller", &Pass { now, settings })
}

/// Whether some rule of it lets this definition have this release.
pub fn fits(version: &ComponentVersion, definition: &str, release: &str) -> bool {
    version.spec.compatibility_rules.iter().any(|rule| {
        rule.releases.iter().any(|name| name == release)
            && rule.comp_defs.iter().any(|pattern| matching::matches(pattern, definition))
    })
}

fn all(view: &dyn View, definition: &ObjectMeta) -> Vec<Key> {
    // Only those that may speak of this definition.
    view.list::<ComponentVersion>("", Selection::All)
        .iter()
        .filter(|version| {
            let mut patterns =
                version.spec.compatibility_rules.iter().flat_map(|rule| &rule.comp_defs);
            patterns.any(|pattern| matching::matches(pattern, &definition.name))
        })
        .map(|version| draft::key(&**version))
        .collect()
}

fn guard(_tree: &Tree, draft: &mut Draft<ComponentVersion>, _pass: &Pass<'_>) -> Flow {
    // Nothing keeps track of who uses a version: running components hold their images themselves.
    definition::guard(draft, &[])
}

fn validation(tree: &Tree, draft: &mut Draft<ComponentVersion>, _pass: &Pass<'_>) -> Flow {
    let verdict = validate(tree);
    if verdict.is_ok() {
        let releases = &tree.version.spec.releases;
        let mut versions: Vec<_> = releases.iter().map(|r| r.service_version.as_str()).collect();
        versions.sort_by(|left, right| version::compare(right, left));
        versions.dedup();
        draft.root.status.service_versions = versions.join(",");
    }
    let good = verdict.is_ok();
    definition::judge(draft, verdict);
    if good { Flow::Continue } else { Flow::Commit }
}

fn validate(tree: &Tree) -> Result<(), Problem> {
    let spec = &tree.version.spec;
    for pattern in spec.compatibility_rules.iter().flat_map(|rule| &rule.comp_defs) {
        if !matching::is_valid(pattern) {
            return Err(broken(format!("{pattern} is not a regular expression")));
        }
    }
    for release in &spec.releases {
        let name = &release.name;
        let mut rules = spec.compatibility_rules.iter();
        if !rules.any(|rule| rule.releases.contains(name)) {
            return Err(broken(format!("no compatibility rule names release {name}")));
        }
        if !tree.definitions.iter().any(|definition| fits(&tree.version, definition, name)) {
            return Err(broken(format!("release {name} fits no component definition that exists")));
        }
        let number = &release.service_version;
        if !number.is_empty() && version::parse(number).is_none() {
            return Err(broken(format!("release {name}: {number} is not a semantic version")));
        }
    }
    Ok(())
}

/// Labels that let others find the versions of a definition.
fn compatibility(tree: &Tree, draft: &mut Draft<ComponentVersion>, _pass: &Pass<'_>) -> Flow {
    let mut patterns =
        tree.version.spec.compatibility_rules.iter().flat_map(|rule| &rule.comp_defs);
    let patterns: Vec<_> = patterns.by_ref().collect();
    let fitting: Vec<&str> = tree
        .definitions
        .iter()
        .filter(|name| patterns.iter().any(|pattern| matching::matches(pattern, name)))
        .map(String::as_str)
        .collect();
    let joined = fitting.join(",");
    let metadata = &mut draft.root.metadata;
    let before = metadata.annotation(labels::COMPATIBLE_DEFINITIONS).unwrap_or_default().to_owned();
    if before != joined {
        for gone in before.split(',').filter(|name| !fitting.contains(name)) {
            metadata.labels.remove(gone);
        }
        for name in fitting {
            metadata.labels.insert(name.to_owned(), name.to_owned());
        }
        metadata.annotations.insert(labels::COMPATIBLE_DEFINITIONS.to_owned(), joined);
    }
    Flow::Continue
}

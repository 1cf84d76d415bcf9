//! What is tried, as the story that it is: a scenario like any other, so that it can be kept and
//! replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use drydock_scenarios::manifest::{self, Manifest};
use drydock_scenarios::{Scenario, load};
use serde_json::{Value, json};

use super::Arguments;
use crate::{Refusal, input};

pub struct Plan {
    pub scenario: Scenario,
    /// The file of each dump, and how many steps come before it.
    pub stages: Vec<(String, usize)>,
    /// What is worth knowing before it begins.
    pub notes: Vec<String>,
}

/// The scenario's own file: what it names lies beside it.
const STORY: &str = "try.yaml";
/// Nothing that comes up takes longer; what does not is stuck.
const PATIENCE: &str = "1h";
const OURS: &str = "apps.kubeblocks.io/";
const DEFINITIONS: &[&str] = &[
    "ClusterDefinition",
    "ComponentDefinition",
    "ComponentVersion",
    "ServiceDescriptor",
    "ShardingDefinition",
    "SidecarDefinition",
];

pub fn of(arguments: &Arguments) -> Result<Plan, Refusal> {
    let mut files = Files::default();
    let mut first = Vec::new();
    for file in &arguments.files {
        first.extend(files.read(file)?);
    }
    if first.is_empty() {
        return Err(Refusal::bad_input(format_args!(
            "there is no manifest in {}",
            arguments.files.join(", ")
        )));
    }
    let dumped = match &arguments.from {
        Some(dump) => files.read(dump)?,
        None => Vec::new(),
    };
    let mut notes = placed(&manifest::place_templates(&mut first));
    let mut all = [dumped, first.clone()].concat();
    let mut steps = vec![json!({ "apply": names(&arguments.files) })];
    steps.extend(clusters(&all).iter().map(|cluster| running(cluster, PATIENCE)));
    // Whether a Cluster comes is known further down; until then it is not.
    let without_cluster = steps.len();
    steps.push(json!({ "settle": { "within": PATIENCE } }));
    let mut stages = vec![("00.yaml".to_owned(), steps.len())];
    for (index, file) in arguments.then.iter().enumerate() {
        all.extend(files.read(file)?);
        steps.push(json!({ "apply": [name(file)] }));
        steps.push(json!({ "settle": { "within": PATIENCE } }));
        // The phase of before would hold at once: it is looked at when everything is done.
        steps.extend(clusters(&all).iter().map(|cluster| running(cluster, "0s")));
        let stem = Path::new(file)
            .file_stem()
            .map_or_else(|| "then".to_owned(), |stem| stem.to_string_lossy().into_owned());
        stages.push((format!("{:02}-{stem}.yaml", index + 1), steps.len()));
    }
    for object in &arguments.then_delete {
        let object = named(object, &all)?;
        steps.push(json!({ "delete": object }));
        let mut gone = object;
        gone["gone"] = json!(true);
        gone["within"] = json!(PATIENCE);
        steps.push(json!({ "expect": gone }));
    }
    if !arguments.then_delete.is_empty() {
        steps.push(json!({ "settle": { "within": PATIENCE } }));
        stages.push((format!("{:02}-deleted.yaml", arguments.then.len() + 1), steps.len()));
    }
    if clusters(&all).is_empty() {
        let (note, claims) = alone(&first);
        notes.push(note);
        for (_, steps) in &mut stages {
            *steps += claims.len();
        }
        steps.splice(without_cluster..without_cluster, claims);
    }
    let ours = all.iter().any(|manifest| manifest.api_version.contains("kubeblocks.io/"));
    let dump: Vec<String> = arguments.from.iter().map(|dump| name(dump)).collect();
    let story = json!({
        "about": format!("What {} makes.", arguments.files.join(", ")),
        "given": {
            "kubernetes": arguments.kubernetes,
            "seed": arguments.seed,
            // Of no use where there is nothing for it to do, and then it must have done something.
            "operator": if ours { "ours" } else { "none" },
            "place-templates": true,
            "dump": dump,
        },
        "steps": steps,
    });
    let story = drydock_simulator::dump::to_yaml(&story);
    let scenario = load(STORY, &|path| {
        if path == STORY { Ok(story.clone()) } else { files.text(path) }
    })?;
    Ok(Plan { scenario, stages, notes })
}

/// The texts of what was named, each read once: standard input can be read no second time.
#[derive(Default)]
struct Files(BTreeMap<String, String>);

impl Files {
    fn read(&mut self, file: &str) -> Result<Vec<Manifest>, Refusal> {
        let source = input::source(file)?;
        self.0.insert(beside(&name(file)), source.text.clone());
        Ok(manifest::read(&source)?)
    }

    fn text(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| format!("there is no file {path}"))
    }
}

fn beside(name: &str) -> String {
    drydock_scenarios::beside(STORY, name)
}

fn name(file: &str) -> String {
    if file == "-" { "standard input".to_owned() } else { file.to_owned() }
}

fn names(files: &[String]) -> Vec<String> {
    files.iter().map(|file| name(file)).collect()
}

/// A line for each namespace into which templates were put.
fn placed(placed: &[(String, String)]) -> Vec<String> {
    let mut by_namespace: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (object, namespace) in placed {
        by_namespace.entry(namespace).or_default().push(object);
    }
    let line = |(namespace, objects): (&str, Vec<&str>)| {
        let more = if objects.len() > 1 {
            format!(" and {} more", objects.len() - 1)
        } else {
            String::new()
        };
        format!(
            "{}{more}: no namespace is named; made in {namespace}, where the definitions look",
            objects[0]
        )
    };
    by_namespace.into_iter().map(line).collect()
}

/// What is claimed where no Cluster is given: that definitions can be used, or else that what was
/// applied is there.
fn alone(manifests: &[Manifest]) -> (String, Vec<Value>) {
    let is_definition = |manifest: &&Manifest| {
        manifest.api_version.starts_with(OURS) && DEFINITIONS.contains(&&*manifest.kind)
    };
    let definitions: Vec<Value> = manifests
        .iter()
        .filter(is_definition)
        .map(|definition| {
            let until = json!({ "status": { "phase": "Available" } });
            json!({ "expect": {
                "object": definition.to_string(), "namespace": namespace(definition),
                "until": until, "within": PATIENCE,
            } })
        })
        .collect();
    if !definitions.is_empty() {
        let count = match definitions.len() {
            1 => "the definition is".to_owned(),
            count => format!("the {count} definitions are"),
        };
        return (
            format!("no Cluster was given: {count} checked, and nothing is made"),
            definitions,
        );
    }
    // Kinds that are defined here are not known before.
    let defines = manifests.iter().any(|manifest| manifest.kind == "CustomResourceDefinition");
    let known = manifests.iter().filter(|m| !defines || m.kind == "CustomResourceDefinition");
    let there = known
        .map(|manifest| {
            let kind = manifest.kind.to_lowercase();
            let object = match manifest.api_version.split_once('/') {
                Some((group, _)) => format!("{kind}.{group}/{}", manifest.name),
                None => manifest.to_string(),
            };
            json!({ "expect": {
                "object": object, "namespace": namespace(manifest),
                "until": { "metadata": { "name": manifest.name } }, "within": PATIENCE,
                "says": format!("{manifest} is there"),
            } })
        })
        .collect();
    ("no Cluster was given, and no definition: the operator has nothing to do".to_owned(), there)
}

/// Namespace and name of the Clusters.
fn clusters(manifests: &[Manifest]) -> BTreeSet<(String, String)> {
    let clusters =
        manifests.iter().filter(|m| m.kind == "Cluster" && m.api_version.starts_with(OURS));
    clusters.map(|cluster| (namespace(cluster), cluster.name.clone())).collect()
}

fn namespace(manifest: &Manifest) -> String {
    if manifest.namespace.is_empty() { "default".to_owned() } else { manifest.namespace.clone() }
}

fn running((namespace, name): &(String, String), within: &str) -> Value {
    json!({ "expect": {
        "object": format!("cluster/{name}"), "namespace": namespace,
        "until": { "status": { "phase": "Running" } }, "within": within,
    } })
}

/// `cluster/demo`, in the namespace of the manifest of that name.
fn named(text: &str, manifests: &[Manifest]) -> Result<Value, Refusal> {
    let Some((kind, name)) = text.split_once('/') else {
        return Err(Refusal::bad_input(format_args!(
            "`{text}` is not an object: write kind/name, as in cluster/demo"
        )));
    };
    let known = manifests.iter().find(|m| m.name == name && m.kind.eq_ignore_ascii_case(kind));
    let namespace = known.map_or_else(|| "default".to_owned(), namespace);
    Ok(json!({ "object": text, "namespace": namespace }))
}

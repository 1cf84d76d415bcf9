//! `drydock try FILE...`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use drydock_scenarios::manifest::{self, Manifest};
use drydock_scenarios::{
    Arm, Budgets, Claim, Condition, Given, KUBERNETES, ObjectRef, Operator, Place, Scenario,
    Source, Step, Subject, Verb,
};
use drydock_simulator::dump::dump;
use drydock_simulator::preset::Preset;
use drydock_simulator::{Options, Run, Story, load};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::paint::{Paint, print};
use crate::report::{Report, Stopwatch};
use crate::run::{Format, Output, PresetName};
use crate::{Exit, Refusal, input};

/// Apply an addon's manifests to a fresh cluster, and see whether its Clusters come up.
///
/// Definitions are applied before Clusters, and namespaces that are named are made. Then the world
/// runs until nothing moves. Each --then file is applied after that, in turn.
#[derive(Args)]
#[command(after_help = "\
Examples:
  helm template ./addons/redis | drydock try - cluster.yaml
  drydock try addon.yaml cluster.yaml --then scale-out.yaml
  drydock try addon.yaml cluster.yaml --then-delete cluster/mycluster --dump out/")]
pub struct Arguments {
    /// Manifests, YAML or JSON, of many documents; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Applied when nothing moves any more; may be repeated
    #[arg(long, value_name = "FILE")]
    then: Vec<String>,
    /// Deleted at the end, as kind/name
    #[arg(long, value_name = "OBJECT")]
    then_delete: Vec<String>,
    /// Begin with the objects of a dump
    #[arg(long, value_name = "DUMP")]
    from: Option<String>,
    /// Write all objects there, a file per stage
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// A set of timings
    #[arg(long, value_enum)]
    preset: Option<PresetName>,
    /// The version of Kubernetes
    #[arg(long, default_value = "1.34", value_parser = clap::builder::PossibleValuesParser::new(KUBERNETES))]
    kubernetes: String,
    /// Released behaviour that is known to be wrong, by name; may be repeated
    #[arg(long = "quirk", value_name = "NAME")]
    quirks: Vec<String>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

/// Nothing that comes up takes longer; what does not is stuck.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let plan = plan(arguments)?;
    let from = arguments.from.as_deref().map(read).transpose()?;
    drydock_simulator::run::check_quirks(&arguments.quirks).map_err(Refusal::bad_input)?;
    let options = Options {
        preset: arguments.preset.map(Into::into),
        quirks: arguments.quirks.clone(),
        trace: arguments.output.kept(),
        ..Options::default()
    };
    let watch = Stopwatch::start();
    let mut run = Run::new(Story::new(plan.scenario, options))?;
    if let Some(objects) = &from {
        load::load(&mut run.world, objects)?;
    }
    for (name, steps) in &plan.stages {
        while run.steps_done() < *steps && run.step() {}
        if let Some(folder) = &arguments.dump {
            write_dump(folder, name, &run)?;
        }
    }
    let report = Report::of(run, &watch, |_| again(arguments));
    arguments.output.write_trace(&report.run)?;
    if arguments.output.format == Format::Json {
        let mut json = report.json();
        json["dropped"] = report.run.dropped().iter().map(|d| json!({ "object": d.object, "field": d.field, "file": d.file, "line": d.place.line })).collect();
        print(&format!("{json}\n"))?;
        return Ok(report.exit());
    }
    if let Some(refusal) = report.refusal() {
        return Err(refusal);
    }
    let paint = Paint::stdout();
    let notes = placed(&plan.placed, paint) + &report.dropped(paint);
    print(&[notes, report.story(arguments.output.level(), paint), report.end(paint)].concat())?;
    Ok(report.exit())
}

struct Plan {
    scenario: Scenario,
    /// The file of each dump, and how many steps come before it.
    stages: Vec<(String, usize)>,
    /// Objects without a namespace, and the one in which their definitions look for them.
    placed: Vec<(String, String)>,
}

/// What is tried, as the story that it is.
fn plan(arguments: &Arguments) -> Result<Plan, Refusal> {
    let mut manifests =
        arguments.files.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?.concat();
    let placed = place(&mut manifests);
    if manifests.is_empty() {
        return Err(Refusal::bad_input(format_args!(
            "there is no manifest in {}",
            arguments.files.join(", ")
        )));
    }
    let mut clusters: BTreeSet<(String, String)> = names_of(&manifests);
    let mut steps = vec![Verb::Apply(manifests.clone())];
    steps.extend(clusters.iter().map(|name| Verb::Expect(running(name, PATIENCE))));
    steps.push(Verb::Settle { within: PATIENCE });
    let mut stages = vec![("00.yaml".to_owned(), steps.len())];
    for (index, file) in arguments.then.iter().enumerate() {
        let then = read(file)?;
        clusters.extend(names_of(&then));
        steps.extend([Verb::Apply(then), Verb::Settle { within: PATIENCE }]);
        // The phase of before would hold at once: it is looked at when everything is done.
        steps.extend(clusters.iter().map(|name| Verb::Expect(running(name, SignedDuration::ZERO))));
        let stem = Path::new(file)
            .file_stem()
            .map_or_else(|| "then".to_owned(), |stem| stem.to_string_lossy().into_owned());
        stages.push((format!("{:02}-{stem}.yaml", index + 1), steps.len()));
    }
    for name in &arguments.then_delete {
        let object = object(name, &manifests)?;
        steps.push(Verb::Delete(object.clone()));
        steps.push(Verb::Expect(Claim {
            place: Place::start(),
            subject: Subject::Object(object),
            condition: Condition::Gone,
            within: PATIENCE,
            says: None,
        }));
    }
    if !arguments.then_delete.is_empty() {
        steps.push(Verb::Settle { within: PATIENCE });
        stages.push((format!("{:02}-deleted.yaml", arguments.then.len() + 1), steps.len()));
    }
    let given = Given {
        kubernetes: arguments.kubernetes.clone(),
        nodes: 3,
        seed: arguments.seed,
        preset: "realistic".to_owned(),
        // Definitions alone are checked too, and nobody has to write anything for that.
        operator: Operator::Ours,
        namespace: "default".to_owned(),
        objects: Vec::new(),
    };
    let scenario = Scenario {
        name: "try".to_owned(),
        about: format!("What {} makes.", arguments.files.join(", ")),
        runs_on: vec![Arm::Simulator],
        given,
        steps: steps.into_iter().map(|verb| Step { place: Place::start(), verb }).collect(),
        invariants: Vec::new(),
        budgets: Budgets::default(),
        source: Source::new("try", ""),
        files: std::collections::BTreeMap::new(),
    };
    Ok(Plan { scenario, stages, placed })
}

fn read(file: &str) -> Result<Vec<Manifest>, Refusal> {
    let source: Arc<Source> = input::source(file)?;
    Ok(manifest::read(&source)?)
}

/// A chart leaves the namespace of its templates to `helm install -n`, and its definitions say which
/// one that is: templates that name none go where they are looked for.
fn place(manifests: &mut [Manifest]) -> Vec<(String, String)> {
    let mut wanted = std::collections::BTreeMap::new();
    for definition in manifests.iter().filter(|m| m.kind == "ComponentDefinition") {
        let json = definition.to_json();
        for list in ["/spec/configs", "/spec/scripts"] {
            let templates =
                json.pointer(list).and_then(Value::as_array).cloned().unwrap_or_default();
            for template in &templates {
                let text = |field| template.get(field).and_then(Value::as_str).map(str::to_owned);
                wanted.extend(text("template").zip(text("namespace")));
            }
        }
    }
    let mut placed = Vec::new();
    for manifest in manifests.iter_mut().filter(|m| m.kind == "ConfigMap" && m.namespace.is_empty())
    {
        if let Some(namespace) = wanted.get(&manifest.name) {
            manifest.namespace.clone_from(namespace);
            placed.push((manifest.to_string(), namespace.clone()));
        }
    }
    placed
}

fn placed(placed: &[(String, String)], paint: Paint) -> String {
    let mut by_namespace: std::collections::BTreeMap<&str, Vec<&str>> =
        std::collections::BTreeMap::new();
    for (object, namespace) in placed {
        by_namespace.entry(namespace).or_default().push(object);
    }
    let line = |(namespace, objects): (&str, Vec<&str>)| {
        let more = if objects.len() > 1 {
            format!(" and {} more", objects.len() - 1)
        } else {
            String::new()
        };
        let text = format!(
            "{}{more}: no namespace is named; made in {namespace}, where the definitions look",
            objects[0]
        );
        format!("  {} {text}\n", paint.warning("!"))
    };
    by_namespace.into_iter().map(line).collect()
}

/// Namespace and name of the Clusters.
fn names_of(manifests: &[Manifest]) -> BTreeSet<(String, String)> {
    let clusters = manifests
        .iter()
        .filter(|m| m.kind == "Cluster" && m.api_version.starts_with("apps.kubeblocks.io/"));
    clusters.map(|cluster| (namespace(cluster), cluster.name.clone())).collect()
}

fn namespace(manifest: &Manifest) -> String {
    if manifest.namespace.is_empty() { "default".to_owned() } else { manifest.namespace.clone() }
}

fn running((namespace, name): &(String, String), within: SignedDuration) -> Claim {
    let object = ObjectRef {
        kind: "cluster".to_owned(),
        namespace: namespace.clone(),
        name: name.clone(),
        place: Place::start(),
    };
    Claim {
        place: Place::start(),
        subject: Subject::Object(object),
        condition: Condition::Matches(json!({ "status": { "phase": "Running" } })),
        within,
        says: None,
    }
}

/// `cluster/demo`, in the namespace of the manifest of that name.
fn object(text: &str, manifests: &[Manifest]) -> Result<ObjectRef, Refusal> {
    let Some((kind, name)) = text.split_once('/') else {
        return Err(Refusal::bad_input(format_args!(
            "`{text}` is not an object: write kind/name, as in cluster/demo"
        )));
    };
    let known = manifests.iter().find(|m| m.name == name && m.kind.eq_ignore_ascii_case(kind));
    let namespace = known.map_or_else(|| "default".to_owned(), namespace);
    Ok(ObjectRef { kind: kind.to_owned(), namespace, name: name.to_owned(), place: Place::start() })
}

fn write_dump(folder: &Path, name: &str, run: &Run) -> Result<(), Refusal> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, dump(run.world.server(0))))
        .map_err(|error| Refusal::not_run(format_args!("cannot write {}: {error}", path.display())))
}

fn again(arguments: &Arguments) -> String {
    let mut words = vec!["drydock try".to_owned()];
    words.extend(arguments.files.iter().cloned());
    words.extend(arguments.then.iter().map(|file| format!("--then {file}")));
    words.extend(arguments.then_delete.iter().map(|object| format!("--then-delete {object}")));
    words.extend(arguments.from.iter().map(|dump| format!("--from {dump}")));
    words
        .extend(arguments.preset.map(|preset| format!("--preset {}", Preset::from(preset).name())));
    words.extend(arguments.quirks.iter().map(|quirk| format!("--quirk {quirk}")));
    if arguments.kubernetes != "1.34" {
        words.push(format!("--kubernetes {}", arguments.kubernetes));
    }
    words.push(format!("--seed {}", arguments.seed));
    words.join(" ")
}

//! From text to a [`Scenario`]. Everything that can be refused without a world is refused here.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;

use crate::fields::{Fields, duration, list, text, word};
use crate::manifest::{self, Manifest};
use crate::mistake::{Mistake, Place, Source};
use crate::step::{
    Advance, Arm, Budgets, Claim, Condition, Fault, Given, Named, NodeChoice, ObjectRef, Operator,
    Requests, Scenario, Step, Subject, Verb,
};
use crate::yaml::{self, Content, Node};

/// Verbs in the order of the alphabet, as mistakes list them.
pub const VERBS: &[&str] =
    &["advance", "apply", "delete", "expect", "fault", "heal", "patch", "settle", "wait"];
pub const PRESETS: &[&str] = &["realistic", "recorded"];
pub const KUBERNETES: &[&str] = &["1.20", "1.34"];

const SCENARIO: &[&str] = &["about", "runs-on", "given", "steps", "invariants", "budgets"];
const GIVEN: &[&str] = &[
    "kubernetes",
    "nodes",
    "seed",
    "preset",
    "operator",
    "namespace",
    "place-templates",
    "objects",
    "dump",
];

/// Reads the file of a name; an error says why it cannot.
pub type Read<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Loads the scenario in the file `path`; the files it names are looked up beside it.
pub fn load(path: &str, read: Read<'_>) -> Result<Scenario, Mistake> {
    let text =
        read(path).map_err(|why| Mistake::new(&Source::new(path, ""), Place::start(), why))?;
    let source = Source::new(path, text.clone());
    let documents = yaml::parse(&source)?;
    let [document] = documents.as_slice() else {
        let place = documents.get(1).map_or(Place::start(), |document| document.place);
        return Err(Mistake::new(&source, place, "a scenario is one document"));
    };
    let mut loader = Loader {
        source,
        read,
        files: BTreeMap::from([(path.to_owned(), text)]),
        namespace: String::new(),
        places_templates: false,
    };
    loader.scenario(path, document)
}

struct Loader<'a> {
    source: Arc<Source>,
    read: Read<'a>,
    files: BTreeMap<String, String>,
    namespace: String,
    /// Templates that name no namespace go where the definitions beside them look.
    places_templates: bool,
}

impl Loader<'_> {
    fn scenario(&mut self, path: &str, node: &Node) -> Result<Scenario, Mistake> {
        let source = Arc::clone(&self.source);
        let fields = Fields::of(&source, node, "a scenario", SCENARIO)?;
        let about = fields.required_text("about")?;
        let given = self.given(fields.get("given"))?;
        let runs_on = self.arms(fields.list("runs-on")?)?;
        let steps_node = fields.required("steps")?;
        let steps = list(&source, steps_node, "steps")?;
        let steps = steps.iter().map(|step| self.step(step)).collect::<Result<Vec<_>, _>>()?;
        if !steps.iter().any(|step| matches!(step.verb, Verb::Wait(_) | Verb::Expect(_))) {
            let message = "a scenario without a claim shows nothing: add a `wait` or an `expect`";
            return Err(Mistake::new(&source, steps_node.place, message));
        }
        let invariants =
            fields.list("invariants")?.iter().map(|node| self.named(node, "invariants"));
        let invariants = invariants.collect::<Result<Vec<_>, _>>()?;
        let budgets = self.budgets(fields.get("budgets"))?;
        let files = std::mem::take(&mut self.files);
        Ok(Scenario {
            name: name_of(path),
            about,
            runs_on,
            given,
            steps,
            invariants,
            budgets,
            source,
            files,
        })
    }

    fn given(&mut self, node: Option<&Node>) -> Result<Given, Mistake> {
        let empty = Node { place: Place::start(), content: Content::Map(Vec::new()) };
        let source = Arc::clone(&self.source);
        let fields = Fields::of(&source, node.unwrap_or(&empty), "given", GIVEN)?;
        let choice = |key: &'static str, known: &[&'static str], default: &'static str| {
            fields.get(key).map_or(Ok(default), |node| word(&source, node, key, known))
        };
        let kubernetes = choice("kubernetes", KUBERNETES, "1.34")?.to_owned();
        let preset = choice("preset", PRESETS, "realistic")?.to_owned();
        let operator = match choice("operator", &["ours", "none"], "ours")? {
            "none" => Operator::None,
            _ => Operator::Ours,
        };
        self.namespace = fields.text("namespace")?.unwrap_or_else(|| "default".to_owned());
        self.places_templates = fields.flag("place-templates")?.unwrap_or(false);
        let mut objects = |key| self.all_manifests(fields.list(key)?);
        let (objects, dump) = (objects("objects")?, objects("dump")?);
        Ok(Given {
            kubernetes,
            nodes: fields.small("nodes", 1000)?.unwrap_or(3),
            seed: fields.whole("seed")?.unwrap_or(1),
            preset,
            operator,
            namespace: self.namespace.clone(),
            objects,
            dump,
        })
    }

    fn arms(&self, nodes: &[Node]) -> Result<Vec<Arm>, Mistake> {
        let arm = |node| match word(&self.source, node, "arm", &["simulator", "cluster"])? {
            "cluster" => Ok(Arm::Cluster),
            _ => Ok(Arm::Simulator),
        };
        if nodes.is_empty() { Ok(vec![Arm::Simulator]) } else { nodes.iter().map(arm).collect() }
    }

    fn step(&mut self, node: &Node) -> Result<Step, Mistake> {
        let source = Arc::clone(&self.source);
        let Content::Map(entries) = &node.content else {
            let message = format!("a step is one verb and what it does, not {}", node.describe());
            return Err(Mistake::new(&source, node.place, message));
        };
        let [entry] = entries.as_slice() else {
            let place = entries.get(1).map_or(node.place, |entry| entry.place);
            return Err(Mistake::new(
                &source,
                place,
                "a step has one verb: begin a new one with `-`",
            ));
        };
        let value = &entry.value;
        let verb = match entry.key.as_str() {
            "apply" => Verb::Apply(self.apply(value)?),
            "patch" => self.patch(value)?,
            "delete" => {
                let fields = Fields::of(&source, value, "delete", &["object", "namespace"])?;
                Verb::Delete(self.object(&fields)?)
            }
            "fault" => Verb::Fault(self.fault(value)?),
            "heal" => Verb::Heal(
                match word(&source, value, "fault", &[&["all"], Fault::NAMES].concat())? {
                    "all" => None,
                    name => Some(name.to_owned()),
                },
            ),
            "wait" => Verb::Wait(self.claim(value, "wait", SignedDuration::from_mins(5))?),
            "expect" => Verb::Expect(self.claim(value, "expect", SignedDuration::ZERO)?),
            "advance" => Verb::Advance(self.advance(value)?),
            "settle" => {
                let fields = Fields::of(&source, value, "settle", &["within"])?;
                let within = fields.duration("within")?.unwrap_or(SignedDuration::from_mins(30));
                Verb::Settle { within }
            }
            other => return Err(Mistake::unknown(&source, entry.place, "verb", other, VERBS)),
        };
        Ok(Step { place: entry.place, verb })
    }

    /// A file, a list of files, or `{ objects: [..] }`.
    fn apply(&mut self, node: &Node) -> Result<Vec<Manifest>, Mistake> {
        match &node.content {
            Content::List(files) => self.all_manifests(files),
            _ => self.all_manifests(std::slice::from_ref(node)),
        }
    }

    fn all_manifests(&mut self, files: &[Node]) -> Result<Vec<Manifest>, Mistake> {
        let manifests = files.iter().map(|file| self.manifests(file));
        let mut manifests = manifests.collect::<Result<Vec<_>, _>>()?.concat();
        if self.places_templates {
            manifest::place_templates(&mut manifests);
        }
        Ok(manifests)
    }

    fn patch(&self, node: &Node) -> Result<Verb, Mistake> {
        let fields = Fields::of(&self.source, node, "patch", &["object", "namespace", "to"])?;
        Ok(Verb::Patch { object: self.object(&fields)?, to: fields.required("to")?.to_json() })
    }

    fn advance(&self, node: &Node) -> Result<Advance, Mistake> {
        if node.text().is_some() {
            return Ok(Advance::By(duration(&self.source, node, "advance")?));
        }
        let fields = Fields::of(&self.source, node, "advance", &["by", "to"])?;
        match (fields.duration("by")?, fields.duration("to")?) {
            (Some(by), None) => Ok(Advance::By(by)),
            (None, Some(to)) => Ok(Advance::To(to)),
            _ => Err(Mistake::new(
                &self.source,
                fields.place(),
                "`advance` needs `by` or `to`, one of them",
            )),
        }
    }

    fn claim(
        &self,
        node: &Node,
        what: &'static str,
        within: SignedDuration,
    ) -> Result<Claim, Mistake> {
        let known = ["object", "namespace", "engine", "until", "gone", "within", "says"];
        let fields = Fields::of(&self.source, node, what, &known)?;
        let gone = fields.flag("gone")?.unwrap_or(false);
        let (subject, condition) = match (fields.get("object"), fields.get("engine")) {
            (Some(_), None) => {
                let condition = match (fields.get("until"), gone) {
                    (Some(pattern), false) => Condition::Matches(pattern.to_json()),
                    (None, true) => Condition::Gone,
                    _ => {
                        return Err(Mistake::new(
                            &self.source,
                            fields.place(),
                            format!("`{what}` needs `until` or `gone: true`, one of them"),
                        ));
                    }
                };
                (Subject::Object(self.object(&fields)?), condition)
            }
            (None, Some(engine)) => self.engine(engine)?,
            _ => {
                return Err(Mistake::new(
                    &self.source,
                    fields.place(),
                    format!("`{what}` needs `object` or `engine`, one of them"),
                ));
            }
        };
        let within = fields.duration("within")?.unwrap_or(within);
        Ok(Claim { place: fields.place(), subject, condition, within, says: fields.text("says")? })
    }

    /// `{ pod: demo-redis-1, accepts-writes: true }`
    fn engine(&self, node: &Node) -> Result<(Subject, Condition), Mistake> {
        let known = ["pod", "namespace", "role", "accepts-writes", "replica-of", "running"];
        let fields = Fields::of(&self.source, node, "engine", &known)?;
        let pod = fields.required_text("pod")?;
        let namespace = fields.text("namespace")?.unwrap_or_else(|| self.namespace.clone());
        let Value::Object(mut facts) = node.to_json() else {
            unreachable!("its fields were read: it is a map")
        };
        facts.remove("pod");
        facts.remove("namespace");
        if facts.is_empty() {
            return Err(Mistake::new(
                &self.source,
                fields.place(),
                "`engine` needs a fact: accepts-writes, replica-of, role or running",
            ));
        }
        Ok((Subject::Engine { namespace, pod }, Condition::Matches(Value::Object(facts))))
    }

    fn fault(&self, node: &Node) -> Result<Fault, Mistake> {
        let nothing = Node { place: node.place, content: Content::Map(Vec::new()) };
        let (name, place, body) = match &node.content {
            Content::Map(entries) if entries.len() == 1 => {
                (entries[0].key.as_str(), entries[0].place, &entries[0].value)
            }
            Content::Scalar(Value::String(name)) => (name.as_str(), node.place, &nothing),
            _ => {
                return Err(Mistake::new(
                    &self.source,
                    node.place,
                    "a fault is one name and what it strikes",
                ));
            }
        };
        let fields = |known: &[&str]| Fields::of(&self.source, body, "a fault", known);
        Ok(match name {
            "node-down" => {
                Fault::NodeDown(self.node_choice(&fields(&["node", "of", "namespace"])?)?)
            }
            "api-error" => {
                let fields = fields(&["code", "verb", "kind", "times"])?;
                let code = fields.small("code", 599)?.unwrap_or(500);
                Fault::ApiError {
                    code: u16::try_from(code).expect("at most 599"),
                    requests: requests(&fields)?,
                }
            }
            "lost-reply" => {
                Fault::LostReply { requests: requests(&fields(&["verb", "kind", "times"])?)? }
            }
            "conflict" => {
                Fault::Conflict { requests: requests(&fields(&["verb", "kind", "times"])?)? }
            }
            "slow-request" => {
                let fields = fields(&["by", "verb", "kind", "times"])?;
                let by = fields.duration("by")?.unwrap_or(SignedDuration::from_secs(30));
                Fault::SlowRequest { by, requests: requests(&fields)? }
            }
            "watch-lag" => {
                let fields = fields(&["kind", "by"])?;
                let by = fields.duration("by")?.unwrap_or(SignedDuration::from_secs(10));
                Fault::WatchLag { kind: fields.required_text("kind")?, by }
            }
            "operator-restart" => {
                fields(&[])?;
                Fault::OperatorRestart
            }
            "api-group-not-served" => Fault::ApiGroupNotServed {
                group_version: fields(&["group"])?.required_text("group")?,
            },
            other => {
                return Err(Mistake::unknown(&self.source, place, "fault", other, Fault::NAMES));
            }
        })
    }

    fn node_choice(&self, fields: &Fields<'_>) -> Result<NodeChoice, Mistake> {
        match (fields.text("node")?, fields.text("of")?) {
            (Some(node), None) => Ok(NodeChoice::Named(node)),
            (None, Some(pod)) => {
                let namespace = fields.text("namespace")?.unwrap_or_else(|| self.namespace.clone());
                let pod = pod.strip_prefix("pod/").unwrap_or(&pod).to_owned();
                Ok(NodeChoice::Of { namespace, pod })
            }
            _ => Err(Mistake::new(
                &self.source,
                fields.place(),
                "`node-down` needs `node: node-1` or `of: pod/NAME`, one of them",
            )),
        }
    }

    /// `object: cluster/demo`
    fn object(&self, fields: &Fields<'_>) -> Result<ObjectRef, Mistake> {
        let node = fields.required("object")?;
        let name = text(&self.source, node, "object")?;
        let parts = name
            .split_once('/')
            .filter(|(kind, name)| !kind.is_empty() && !name.is_empty() && !name.contains('/'));
        let Some((kind, object)) = parts else {
            let mut mistake =
                Mistake::new(&self.source, node.place, format!("`{name}` is not an object"));
            mistake.expected = vec!["kind/name, as in cluster/demo".to_owned()];
            return Err(mistake.width(name.chars().count()));
        };
        let namespace = fields.text("namespace")?.unwrap_or_else(|| self.namespace.clone());
        Ok(ObjectRef {
            kind: kind.to_owned(),
            namespace,
            name: object.to_owned(),
            place: node.place,
        })
    }

    fn named(&self, node: &Node, what: &str) -> Result<Named, Mistake> {
        Ok(Named { name: text(&self.source, node, what)?, place: node.place })
    }

    fn budgets(&self, node: Option<&Node>) -> Result<Budgets, Mistake> {
        let Some(node) = node else { return Ok(Budgets::default()) };
        let fields =
            Fields::of(&self.source, node, "budgets", &["reconciles", "writes", "idle-writes"])?;
        Ok(Budgets {
            reconciles: fields.whole("reconciles")?,
            writes: fields.whole("writes")?,
            idle_writes: fields.whole("idle-writes")?,
        })
    }

    /// The objects of the file that `node` names, looked up beside the scenario.
    fn manifests(&mut self, node: &Node) -> Result<Vec<Manifest>, Mistake> {
        let name = text(&self.source, node, "objects")?;
        let path = beside(&self.source.name, &name);
        let wrong = |why| Mistake::new(&self.source, node.place, why).width(name.chars().count());
        let content = (self.read)(&path).map_err(wrong)?;
        let source = Source::new(path.clone(), content.clone());
        self.files.insert(path, content);
        manifest::read(&source)
    }
}

fn requests(fields: &Fields<'_>) -> Result<Requests, Mistake> {
    Ok(Requests {
        verb: fields.text("verb")?,
        kind: fields.text("kind")?,
        times: fields.small("times", 1_000_000)?.unwrap_or(1),
    })
}

/// `../definitions/redis.yaml` seen from `scenarios/failover/x/scenario.yaml`.
pub fn beside(path: &str, name: &str) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && !last.is_empty()) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folder of a scenario below `scenarios/`, or the file's own name.
fn name_of(path: &str) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    let below = path.rsplit_once("scenarios/").map_or(path, |(_, below)| below);
    let below = below.strip_suffix("/scenario.yaml").unwrap_or(below);
    below.strip_suffix(".yaml").unwrap_or(below).trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str =
        "apiVersion: apps.kubeblocks.io/v1\nkind: Cluster\nmetadata: { name: demo }\n";

    fn loaded(scenario: &str) -> Result<Scenario, Mistake> {
        load("here/my.yaml", &|path| match path {
            "here/my.yaml" => Ok(scenario.to_owned()),
            "cluster.yaml" => Ok(CLUSTER.to_owned()),
            other => Err(format!("there is no file {other}")),
        })
    }

    fn refusal(scenario: &str) -> String {
        loaded(scenario).unwrap_err().to_string()
    }

    #[test]
    fn a_story_is_read_as_it_is_written() {
        let scenario = loaded(
            "about: It works.\ngiven: { kubernetes: '1.20', objects: [../cluster.yaml] }\nsteps:\n\
             - wait: { object: cluster/demo, until: { status: { phase: Running } }, within: 90s }\n\
             - fault: { node-down: { of: pod/demo-0 } }\n- advance: 5m\n- heal: node-down\n\
             - expect: { engine: { pod: demo-1, accepts-writes: true }, within: 1m }\n",
        )
        .unwrap();

        assert_eq!(scenario.name, "here/my");
        assert_eq!(scenario.given.objects[0].to_string(), "cluster/demo");
        assert_eq!(scenario.files.len(), 2);
        let sentences: Vec<_> = scenario
            .steps
            .iter()
            .filter_map(|step| match &step.verb {
                Verb::Wait(claim) | Verb::Expect(claim) => Some(claim.sentence()),
                _ => None,
            })
            .collect();
        assert_eq!(sentences, ["cluster/demo is Running", "demo-1 accepts writes"]);
    }

    #[test]
    fn an_unknown_verb_is_shown_with_the_one_that_was_meant() {
        insta::assert_snapshot!(refusal("about: It works.\nsteps:\n  - wiat: { object: cluster/demo }\n"), @r"
        here/my.yaml:3:5: unknown verb `wiat`; did you mean `wait`?
           3 |   - wiat: { object: cluster/demo }
             |     ^^^^ one of: advance, apply, delete, expect, fault, heal, patch, settle, wait
        ");
    }

    #[test]
    fn every_other_mistake_is_shown_where_it_stands() {
        let first_line = |scenario: &str| refusal(scenario).lines().next().unwrap().to_owned();
        let with = |step: &str| first_line(&format!("about: x\nsteps:\n- {step}\n"));

        assert_eq!(
            first_line("abuot: x\n"),
            "here/my.yaml:1:1: unknown field `abuot`; did you mean `about`?"
        );
        assert_eq!(
            first_line("about: x\ngiven: { kubernetes: 1.20 }\nsteps: []"),
            "here/my.yaml:2:22: `kubernetes` is a number, and must be text, in quotes"
        );
        assert_eq!(
            with("wait: { object: demo, gone: true }"),
            "here/my.yaml:3:19: `demo` is not an object"
        );
        assert_eq!(
            with("fault: { node-donw: {} }"),
            "here/my.yaml:3:12: unknown fault `node-donw`; did you mean `node-down`?"
        );
        assert_eq!(
            with("apply: nothing.yaml"),
            "here/my.yaml:3:10: there is no file here/nothing.yaml"
        );
        assert_eq!(with("advance: soon"), "here/my.yaml:3:12: `advance` must be a time");
        assert_eq!(
            with("wait: { object: a/b }"),
            "here/my.yaml:3:9: `wait` needs `until` or `gone: true`, one of them"
        );
    }

    #[test]
    fn a_story_without_a_claim_is_refused() {
        assert!(refusal("about: x\nsteps:\n- advance: 5m\n").contains("without a claim"));
    }

    #[test]
    fn times_are_read_as_people_and_screens_write_them() {
        use crate::fields::parse_duration;
        assert_eq!(parse_duration("12m30s"), parse_duration("12:30"));
        assert_eq!(parse_duration("10:31.5"), Some(SignedDuration::from_millis(631_500)));
        assert_eq!(parse_duration("-5m"), None);
    }
}

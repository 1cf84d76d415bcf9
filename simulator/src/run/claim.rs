//! Claims: what must come to be true of an object or an engine, and by when.

use drydock_apiserver::{Gvr, KindId, KindInfo, Server, Tree};
use drydock_scenarios::{Claim, Condition, ObjectRef, Subject, matcher};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::About;
use crate::facts::PodFacts;
use crate::world::World;

/// A claim that does not hold yet.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub claim: Claim,
    pub since: Timestamp,
    pub deadline: Timestamp,
    /// The story waits for it.
    pub blocks: bool,
    /// What was looked at last, and what was found: the same need not be looked at again.
    seen: Option<(u64, String)>,
}

/// A claim that came to hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub sentence: String,
    pub at: Timestamp,
    #[serde(skip)]
    pub after: SignedDuration,
    #[serde(skip)]
    pub within: SignedDuration,
    /// It rests on a generic engine model or an assumed constant.
    pub assumed: bool,
}

impl Open {
    pub fn new(world: &World, claim: Claim, blocks: bool) -> Self {
        let since = world.now();
        let deadline = since.saturating_add(claim.within).unwrap_or(Timestamp::MAX);
        Self { claim, since, deadline, blocks, seen: None }
    }

    /// What is found instead; none if the claim holds.
    pub fn look(&mut self, world: &World) -> Option<String> {
        let version = self.version(world);
        if let Some((seen, found)) = &self.seen
            && *seen == version
        {
            return Some(found.clone());
        }
        let found = find(world, &self.claim)?;
        self.seen = Some((version, found.clone()));
        Some(found)
    }

    /// What was found when it was looked at last.
    pub fn found(&self) -> &str {
        self.seen.as_ref().map_or("it was never looked at", |(_, found)| found)
    }

    /// Changes whenever the subject may have changed.
    fn version(&self, world: &World) -> u64 {
        match &self.claim.subject {
            Subject::Object(object) => {
                let server = world.server(0);
                kind(server, &object.kind)
                    .and_then(|(id, info)| {
                        server.table(id).get(namespace(info, object), &object.name)
                    })
                    .map_or(0, drydock_apiserver::Object::revision)
            }
            Subject::Engine { .. } => world.facts().version(),
        }
    }

    pub fn held(&self, world: &World) -> Held {
        let assumed = match &self.claim.subject {
            Subject::Engine { namespace, pod } => {
                world.facts().get(namespace, pod).is_some_and(|facts| facts.assumed)
            }
            Subject::Object(_) => false,
        };
        let after = world.now().duration_since(self.since);
        Held {
            sentence: self.claim.sentence(),
            at: world.now(),
            after,
            within: self.claim.within,
            assumed,
        }
    }

    /// As the trace has it: the sentence, and after a tab its bound.
    pub fn line(&self) -> String {
        format!("{}\t{}", self.claim.sentence(), bound(None, self.claim.within))
    }

    pub fn about(&self, world: &World) -> Option<About> {
        let about = |info: &KindInfo, namespace: &str, name: &str| About {
            group: info.group.to_string(),
            kind: info.kind.to_string(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        match &self.claim.subject {
            Subject::Object(object) => {
                let (_, info) = kind(world.server(0), &object.kind)?;
                Some(about(info, namespace(info, object), &object.name))
            }
            Subject::Engine { namespace, pod } => {
                let (_, info) = kind(world.server(0), "pod")?;
                Some(about(info, namespace, pod))
            }
        }
    }
}

impl Held {
    pub fn line(&self) -> String {
        let assumed = if self.assumed { " (assumed)" } else { "" };
        format!("{}{assumed}\t{}", self.sentence, bound(Some(self.after), self.within))
    }
}

/// `21.1 s, within 1m`
fn bound(after: Option<SignedDuration>, within: SignedDuration) -> String {
    let parts = [
        after.filter(|after| !after.is_zero()).map(|after| format!("{:.1} s", after.as_secs_f64())),
        (!within.is_zero()).then(|| format!("within {within:#}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn find(world: &World, claim: &Claim) -> Option<String> {
    match &claim.subject {
        Subject::Object(object) => find_object(world.server(0), object, &claim.condition),
        Subject::Engine { namespace, pod } => {
            let facts = world.facts().get(namespace, pod);
            match (&claim.condition, facts) {
                (Condition::Gone, None) => None,
                (Condition::Gone, Some(_)) => Some(format!("an engine runs in {pod}")),
                (Condition::Matches(_), None) => Some(format!("no engine runs in {pod}")),
                (Condition::Matches(pattern), Some(facts)) => {
                    matcher::mismatch(pattern, &engine(facts, namespace))
                        .map(|mismatch| mismatch.to_string())
                }
            }
        }
    }
}

fn find_object(server: &Server, object: &ObjectRef, condition: &Condition) -> Option<String> {
    let Some((id, info)) = kind(server, &object.kind) else {
        return Some(format!("no kind {} is served", object.kind));
    };
    let found = server.table(id).get(namespace(info, object), &object.name);
    match (condition, found) {
        (Condition::Gone, None) => None,
        (Condition::Gone, Some(found)) if found.is_deleting() => {
            Some("it is still being deleted".to_owned())
        }
        (Condition::Gone, Some(_)) => Some("it is there, and nobody deleted it".to_owned()),
        (Condition::Matches(_), None) => Some("it does not exist".to_owned()),
        (Condition::Matches(pattern), Some(found)) => {
            matcher::mismatch(pattern, &named(pattern, found.tree()))
                .map(|mismatch| mismatch.to_string())
        }
    }
}

/// The part of an object that a pattern names: whole objects are large, and patterns small.
fn named(pattern: &Value, tree: &Tree) -> Value {
    match pattern {
        Value::Object(pattern) if tree.is_map() => {
            let members = pattern
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), named(value, tree.get(key)?))));
            Value::Object(members.collect::<Map<_, _>>())
        }
        _ => tree.to_value(),
    }
}

/// An engine as claims ask for it.
fn engine(facts: &PodFacts, namespace: &str) -> Value {
    let mut value = json!({ "running": facts.up, "role": &*facts.role, "accepts-writes": facts.accepts_writes });
    for (name, text) in &facts.values {
        // Members are known as `namespace/pod`; claims speak of pods of their own namespace.
        let text =
            text.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
        value[&**name] = Value::String(text.to_owned());
    }
    value
}

/// A kind as people write it: `cluster`, `clusters`, `Cluster`, `cmp`, `clusters.apps.kubeblocks.io`.
pub(super) fn kind<'a>(server: &'a Server, name: &str) -> Option<(KindId, &'a KindInfo)> {
    let (name, group) =
        name.split_once('.').map_or((name, None), |(name, group)| (name, Some(group)));
    let called = |info: &&KindInfo| {
        info.storage
            && group.is_none_or(|group| *info.group == *group)
            && [&info.kind, &info.singular, &info.plural]
                .into_iter()
                .chain(&info.short_names)
                .any(|known| known.eq_ignore_ascii_case(name))
    };
    // `cluster` is ours before it is anybody else's; core kinds come before those of other groups.
    let rank = |info: &&KindInfo| match &*info.group {
        "" => 0,
        group if group.ends_with("kubeblocks.io") => 1,
        _ => 2,
    };
    let info = server.kinds().filter(called).min_by_key(rank)?;
    Some((server.kind(&info.group, &info.kind)?, info))
}

pub(super) fn namespace<'a>(info: &KindInfo, object: &'a ObjectRef) -> &'a str {
    if info.namespaced { &object.namespace } else { "" }
}

/// Where requests about an object go.
pub(super) fn resource(world: &World, object: &ObjectRef) -> Option<(Gvr, String)> {
    let (_, info) = kind(world.server(0), &object.kind)?;
    Some((gvr(info), namespace(info, object).to_owned()))
}

pub(super) fn gvr(info: &KindInfo) -> Gvr {
    Gvr {
        group: info.group.to_string().into(),
        version: info.version.to_string().into(),
        resource: info.plural.to_string().into(),
    }
}

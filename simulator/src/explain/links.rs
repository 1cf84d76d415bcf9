//! One link of a chain: what is known of an object that does not move.

use drydock_apiserver::{Object, Server};
use drydock_operator_core::plan::{Problem, Reference, Whose};

use super::{Chain, Ending, KnownAs, Link, offset};
use crate::operator::Trouble;
use crate::world::World;

/// Something an object waits for.
struct Next {
    on: Reference,
    text: String,
    whose: Whose,
    assumed: bool,
}

pub(super) fn walk(world: &World, at: &Reference, path: &mut Vec<Reference>) -> Chain {
    if let Some(begin) = path.iter().position(|seen| same(seen, at)) {
        let circle = path[begin..].iter().chain([at]).map(ToString::to_string).collect();
        let verdict = "each of them waits for the next".to_owned();
        return Chain {
            links: Vec::new(),
            ending: Ending::Circle(circle),
            verdict,
            known_as: None,
            assumed: false,
        };
    }
    if let Some((controller, trouble)) = trouble(world, at) {
        return failing(world, at, controller, &trouble);
    }
    path.push(at.clone());
    let chains = waits(world, at).into_iter().map(|next| {
        // What an object waits for at itself is an end, and no circle.
        let mut rest = if same(&next.on, at) { here(&next) } else { walk(world, &next.on, path) };
        if rest.links.is_empty() && rest.ending == Ending::Nothing {
            rest = last(world, &next);
        }
        rest.assumed |= next.assumed;
        let text = with_state(world, at, &next.text);
        rest.links.insert(0, Link { object: at.to_string(), text, details: Vec::new() });
        rest
    });
    // A chain that knows its end says more than one that stops at a name; of those the longest says most.
    let best = chains.max_by_key(|chain| (certainty(chain), chain.links.len()));
    path.pop();
    best.unwrap_or_else(|| Chain {
        links: Vec::new(),
        ending: Ending::Nothing,
        verdict: String::new(),
        known_as: None,
        assumed: false,
    })
}

fn certainty(chain: &Chain) -> u8 {
    match chain.ending {
        Ending::Nothing => 0,
        Ending::Open(_) => 1,
        Ending::Circle(_) => 2,
    }
}

fn here(next: &Next) -> Chain {
    Chain {
        links: Vec::new(),
        ending: Ending::Open(next.whose),
        verdict: format!("{}: {}", next.on, next.text),
        known_as: None,
        assumed: next.assumed,
    }
}

/// The end of a chain whose last object says nothing itself.
fn last(world: &World, next: &Next) -> Chain {
    let (text, whose, details) = match object(world, &next.on) {
        None => ("does not exist".to_owned(), next.whose, Vec::new()),
        Some(object) => match pod_trouble(object) {
            Some((text, whose)) => (text, whose, Vec::new()),
            None => (
                state(world, &next.on).unwrap_or_else(|| "exists".to_owned()),
                next.whose,
                Vec::new(),
            ),
        },
    };
    let verdict = format!("{} {text}", next.on);
    Chain {
        links: vec![Link { object: next.on.to_string(), text, details }],
        ending: Ending::Open(whose),
        verdict,
        known_as: None,
        assumed: next.assumed,
    }
}

/// A pass that fails is an end: nothing below it is looked at any more.
fn failing(world: &World, at: &Reference, controller: &str, trouble: &Trouble) -> Chain {
    let since = offset(world.epoch(), trouble.first);
    let times = if trouble.count == 1 {
        "once, at".to_owned()
    } else {
        format!("{} times since", trouble.count)
    };
    let same_way = if trouble.count > 1 { ", the same way" } else { "" };
    let state = state(world, at).map_or_else(String::new, |state| format!("{state}; "));
    let text =
        format!("{state}its controller ({controller}) has failed {times} {since}{same_way}:");
    let call = trouble.call.as_deref().map_or_else(String::new, |call| format!("{call}: "));
    let mut details = vec![format!("{call}{}", trouble.message)];
    let (mut whose, mut verdict) =
        (Whose::Operator, "its pass fails the same way each time".to_owned());
    if let Some((kind, version)) = unserved(&trouble.message) {
        details.push(served_instead(world.server(0), kind, version));
        "it asks for a kind that this server does not have".clone_into(&mut verdict);
    } else if &*trouble.reason == "Retry" {
        (whose, verdict) = (Whose::Addon, "an action in the pod fails".to_owned());
    }
    let quirk = world.config().quirks.iter().find_map(|name| crate::quirk::by_name(name));
    let known_as = quirk.filter(|_| whose == Whose::Operator).map(|quirk| {
        quirk.fault.clone_into(&mut verdict);
        KnownAs { name: quirk.name, affects: quirk.affects }
    });
    Chain {
        links: vec![Link { object: at.to_string(), text, details }],
        ending: Ending::Open(whose),
        verdict,
        known_as,
        assumed: false,
    }
}

/// The most persistent trouble that some controller has with the object.
fn trouble(world: &World, at: &Reference) -> Option<(&'static str, Trouble)> {
    let keys = world
        .operators()
        .iter()
        .flat_map(|process| process.keys().iter().map(move |state| (process, state)));
    keys.filter(|(process, state)| same(&process.reference(state), at))
        .filter_map(|(process, state)| {
            Some((process.controller_name(state), state.trouble.clone()?))
        })
        .max_by_key(|(_, trouble)| trouble.count)
}

fn waits(world: &World, at: &Reference) -> Vec<Next> {
    let mut nexts = Vec::new();
    for process in world.operators() {
        for state in process.keys().iter().filter(|state| same(&process.reference(state), at)) {
            let Some(plan) = &state.plan else { continue };
            for finding in &plan.findings {
                let (on, text) = match &finding.problem {
                    Problem::Missing(what) => {
                        (what.clone(), format!("needs {what}, which does not exist"))
                    }
                    Problem::Broken(rule) => (finding.on.clone(), rule.clone()),
                };
                // Who wrote a definition that breaks a rule is not who uses it.
                let by_addon = matches!(finding.problem, Problem::Broken(_))
                    && finding.on.kind.ends_with("Definition");
                let whose = if by_addon { Whose::Addon } else { Whose::User };
                nexts.push(Next { on, text, whose, assumed: false });
            }
            for wait in &plan.waits {
                let because = if wait.because.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", wait.because)
                };
                let text = format!("waits for {} {}{because}", wait.on, wait.until);
                nexts.push(Next { on: wait.on.clone(), text, whose: wait.whose, assumed: false });
            }
        }
    }
    for held in
        world.actors.iter().filter_map(|slot| slot.actor.as_ref()).flat_map(|actor| actor.waits())
    {
        if same(&held.who, at) {
            let because = if held.wait.because.is_empty() {
                String::new()
            } else {
                format!(": {}", held.wait.because)
            };
            let text = if same(&held.wait.on, at) {
                format!("waits {}{because}", held.wait.until)
            } else {
                format!("waits for {} {}{because}", held.wait.on, held.wait.until)
            };
            nexts.push(Next {
                on: held.wait.on.clone(),
                text,
                whose: held.wait.whose,
                assumed: held.assumed,
            });
        }
    }
    if let Some(object) = object(world, at).filter(|object| object.is_deleting())
        && nexts.is_empty()
    {
        nexts.extend(object.finalizers().map(|finalizer| {
            let (text, whose) = finalizer_text(finalizer);
            Next { on: at.clone(), text, whose, assumed: false }
        }));
    }
    nexts
}

fn finalizer_text(finalizer: &str) -> (String, Whose) {
    let whose = if finalizer.contains("kubeblocks.io") {
        Whose::Operator
    } else if finalizer.starts_with("kubernetes.io/")
        || finalizer == "foregroundDeletion"
        || finalizer == "orphan"
    {
        Whose::Kubernetes
    } else {
        Whose::User
    };
    (format!("its finalizer {finalizer} has not been removed"), whose)
}

/// What a pod's status says, where no actor said more.
pub(super) fn pod_trouble(object: &Object) -> Option<(String, Whose)> {
    let status = object.tree().get("status")?;
    for list in ["initContainerStatuses", "containerStatuses"] {
        for container in status.get(list).into_iter().flat_map(drydock_apiserver::Tree::items) {
            if let Some(reason) = container.str_at(&["state", "waiting", "reason"]) {
                let name = container.str_at(&["name"]).unwrap_or_default();
                return Some((format!("container {name} waits: {reason}"), Whose::Addon));
            }
        }
    }
    let conditions = status.get("conditions")?.items();
    let unscheduled = conditions.iter().find(|condition| {
        condition.str_at(&["type"]) == Some("PodScheduled")
            && condition.str_at(&["status"]) == Some("False")
    })?;
    Some((
        unscheduled.str_at(&["message"]).unwrap_or("is not scheduled").to_owned(),
        Whose::Kubernetes,
    ))
}

fn object<'a>(world: &'a World, at: &Reference) -> Option<&'a Object> {
    let server = world.server(0);
    let group = at.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    server.table(server.kind(group, &at.kind)?).get(&at.key.namespace, &at.key.name)
}

fn with_state(world: &World, at: &Reference, text: &str) -> String {
    match state(world, at) {
        Some(state) => format!("{state}, {text}"),
        None => text.to_owned(),
    }
}

/// `Deleting since 0:31.2`, `Creating`.
fn state(world: &World, at: &Reference) -> Option<String> {
    let object = object(world, at)?;
    if object.is_deleting() {
        let since = object.tree().str_at(&["metadata", "deletionTimestamp"])?.parse().ok()?;
        return Some(format!("Deleting since {}", offset(world.epoch(), since)));
    }
    object.tree().str_at(&["status", "phase"]).map(str::to_owned)
}

fn same(one: &Reference, other: &Reference) -> bool {
    one.kind.eq_ignore_ascii_case(&other.kind) && one.key == other.key
}

/// Kind and group version of `no matches for kind "X" in version "g/v"`.
fn unserved(message: &str) -> Option<(&str, &str)> {
    let rest = &message[message.find("no matches for kind \"")? + 21..];
    let (kind, rest) = rest.split_once("\" in version \"")?;
    Some((kind, rest.split_once('"')?.0))
}

fn served_instead(server: &Server, kind: &str, version: &str) -> String {
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let profile = server.profile();
    let other = server.kinds().find(|info| &*info.kind == kind && &*info.group == group);
    match other {
        Some(info) => {
            format!("this server (Kubernetes {profile}) serves it as {}", info.api_version())
        }
        None => format!("this server (Kubernetes {profile}) does not serve it in any version"),
    }
}

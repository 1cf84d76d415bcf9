//! A server as a story finds it: the kinds of the operator are installed. Installing them takes
//! longer than most stories, so it is done once per Kubernetes version and time, and then copied.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use drydock_apiserver::{Gvr, Outcome, Profile, Request, Response, Server, Tree};
use drydock_operator_api::crd::{PARTS, Part};
use jiff::Timestamp;

use super::WorldConfig;

/// What is in it follows from its key alone, so it does not matter who put it there.
static INSTALLED: Mutex<BTreeMap<(u32, Timestamp), Server>> = Mutex::new(BTreeMap::new());

pub(super) fn server(config: &WorldConfig) -> Server {
    let profile = Profile::parse(&config.kubernetes).unwrap_or(Profile::V1_34);
    let (epoch, seed) = (config.epoch, config.seed);
    if !config.definitions {
        return Server::started_at(profile, seed, epoch);
    }
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    let server = installed.entry((profile.minor, epoch)).or_insert_with(|| {
        // Today's servers change nothing in the definitions, and have nothing to say of them: a test holds that.
        let create = match profile.minor {
            34 => Server::create_known,
            _ => Server::handle,
        };
        with_definitions(profile, epoch, create)
    });
    server.clone().seeded(seed)
}

/// What installing the operator's chart brings before anything runs: the kinds it is about.
fn with_definitions(
    profile: Profile,
    now: Timestamp,
    create: impl Fn(&mut Server, &Request, Timestamp) -> Outcome,
) -> Server {
    let mut server = Server::started_at(profile, 0, now);
    let resource = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    for (name, definition) in definitions().entries() {
        let request = Request::create(resource.clone(), "", definition.clone()).by("drydock");
        let created = create(&mut server, &request, now).done();
        debug_assert!(created.as_ref().is_some_and(Response::is_success), "{name}: {created:?}");
    }
    server
}

/// The committed definitions by name. What is equal in them is one memory: a twentieth of what their texts would give.
fn definitions() -> Tree {
    let mut trees: Vec<Tree> = Vec::with_capacity(PARTS.len());
    for part in PARTS {
        let tree = match part {
            Part::Bool(value) => Tree::from(*value),
            Part::Integer(number) => Tree::from(*number),
            Part::Text(text) => Tree::from(*text),
            Part::List(items) => Tree::list(items.iter().map(|item| trees[*item].clone())),
            Part::Map(members) => {
                Tree::map(members.iter().map(|(key, value)| (key, trees[*value].clone())))
            }
        };
        trees.push(tree);
    }
    trees.pop().expect("there are definitions")
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::crd::ALL;

    use super::*;

    #[test]
    fn definitions_that_are_not_checked_are_stored_as_those_that_are() {
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        let [known, asked] = [Server::create_known, Server::handle]
            .map(|create| stored(&with_definitions(Profile::V1_34, now, create)));

        assert_eq!(known.len(), ALL.len());
        assert!(
            known == asked,
            "a server fills in or leaves out something of the committed definitions"
        );
    }

    #[test]
    fn definitions_are_made_of_their_parts() {
        let read = ALL.iter().map(|crd| (crd.name, Tree::from_json(crd.json.as_bytes()).unwrap()));

        assert!(definitions() == Tree::map(read));
    }

    fn stored(server: &Server) -> Vec<Tree> {
        let kind = server.kind("apiextensions.k8s.io", "CustomResourceDefinition");
        let kind = kind.expect("every version has definitions");
        server.table(kind).iter().map(|object| object.tree().clone()).collect()
    }
}

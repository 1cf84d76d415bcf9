//! A server as a story finds it: the kinds of the operator are installed. Installing them takes
//! longer than most stories, so it is done once per Kubernetes version and time, and then copied.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use drydock_apiserver::{Gvr, Profile, Request, Response, Server, Tree};
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
    let server = installed.entry((profile.minor, epoch)).or_insert_with(|| install(profile, epoch));
    server.clone().seeded(seed)
}

/// What installing the operator's chart brings before anything runs: the kinds it is about.
fn install(profile: Profile, now: Timestamp) -> Server {
    let mut server = Server::started_at(profile, 0, now);
    let resource = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
    for crd in drydock_operator_api::crd::ALL {
        let definition =
            Tree::from_json(crd.json.as_bytes()).expect("a committed definition is JSON");
        let create = Request::create(resource.clone(), "", definition).by("drydock");
        let created = server.handle(&create, now).done();
        debug_assert!(
            created.as_ref().is_some_and(Response::is_success),
            "{}: {created:?}",
            crd.name
        );
    }
    server
}

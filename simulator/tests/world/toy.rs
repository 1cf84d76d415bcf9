//! A toy operator: a `ConfigMap` labelled `toy` wants a Secret for each key of its data, one after the
//! other, and is marked `done` when all are there.

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator_api::core::{ConfigMap, Secret};
use drydock_operator_api::{Kind, Resource};
use drydock_operator_core::controllers::{Controller, Map, Watch};
use drydock_operator_core::plan::{Action, Call, Plan, Reference, Wait, Whose};
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::{Key, Selection, View};
use drydock_simulator::explore::{Course, Failure};
use drydock_simulator::operator::OperatorConfig;
use drydock_simulator::{World, WorldConfig};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub const CONFIG_MAPS: Gvr = Gvr::new("", "v1", "configmaps");

type Decide = fn(&dyn View, &Key, Timestamp) -> Plan;

pub fn controllers_of(decide: Decide) -> Vec<Controller> {
    vec![Controller {
        name: "toy-controller",
        root: ConfigMap::kind,
        watches: vec![
            Watch { kind: ConfigMap::kind, map: Map::Root },
            Watch { kind: Secret::kind, map: Map::Owner },
        ],
        plan: Box::new(move |view, key, now, _: &Settings| decide(view, key, now)),
    }]
}

pub fn good() -> Vec<Controller> {
    controllers_of(decide)
}

pub fn decide(view: &dyn View, key: &Key, _now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let Some(parent) = view.get::<ConfigMap>(&key.namespace, &key.name) else { return plan };
    if parent.metadata.label("toy").is_none() || parent.metadata.is_deleting() {
        return plan;
    }
    let have = view.list::<Secret>(&key.namespace, Selection::OwnedBy(&parent.metadata.uid));
    let missing = parent
        .data
        .keys()
        .map(|part| format!("{}-{part}", key.name))
        .find(|name| have.iter().all(|secret| secret.metadata.name != *name));
    match missing {
        Some(name) => {
            plan.actions.push(create(&parent, &name));
            plan.waits.push(Wait {
                on: Reference::new(Secret::kind(), Key::new(&*key.namespace, name)),
                until: "to exist".into(),
                because: "one at a time".into(),
                whose: Whose::Operator,
            });
        }
        None if parent.metadata.annotation("done").is_none() => {
            plan.actions.push(annotate(&parent, "done", "true"));
        }
        None => {}
    }
    plan
}

pub fn create(parent: &ConfigMap, name: &str) -> Action {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": name, "namespace": parent.metadata.namespace,
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "ConfigMap", "name": parent.metadata.name,
                "uid": parent.metadata.uid, "controller": true,
            }],
        },
    });
    Action {
        because: "toy",
        call: Call::Create { kind: Secret::kind(), object, generate: Vec::new() },
    }
}

pub fn annotate(parent: &ConfigMap, name: &str, value: &str) -> Action {
    let patch =
        json!({ "metadata": { "uid": parent.metadata.uid, "annotations": { name: value } } });
    let key = Key::new(&*parent.metadata.namespace, &*parent.metadata.name);
    Action {
        because: "toy",
        call: Call::Patch { kind: ConfigMap::kind(), key, subresource: None, patch },
    }
}

pub fn world(controllers: fn() -> Vec<Controller>, change: impl FnOnce(&mut WorldConfig)) -> World {
    let operator = OperatorConfig { controllers, ..OperatorConfig::default() };
    let mut config = WorldConfig { operators: vec![operator], ..WorldConfig::default() };
    change(&mut config);
    World::new(config)
}

/// The `ConfigMap` `demo` with so many parts.
pub fn parent(parts: usize) -> Request {
    let data: serde_json::Map<_, _> =
        (0..parts).map(|part| (part.to_string(), json!("x"))).collect();
    let object =
        json!({ "metadata": { "name": "demo", "labels": { "toy": "yes" } }, "data": data });
    Request::create(CONFIG_MAPS, "default", Tree::from_value(object))
}

pub fn secrets(world: &World) -> usize {
    world.objects("", "Secret").count()
}

pub fn is_done(world: &World) -> bool {
    world.objects("", "ConfigMap").any(|parent| parent.annotation("done").is_some())
}

pub fn after(seconds: i64, world: &World) -> Timestamp {
    world.now() + SignedDuration::from_secs(seconds)
}

pub fn kind<T: Resource>() -> &'static Kind {
    T::kind()
}

/// Ends when the world is at rest; then `claim` must hold.
#[derive(Clone)]
pub struct ToRest {
    pub world: World,
    pub claim: fn(&World) -> Result<(), String>,
    pub end: Timestamp,
}

impl ToRest {
    pub fn new(world: World, claim: fn(&World) -> Result<(), String>) -> Self {
        let end = after(120, &world);
        Self { world, claim, end }
    }

    fn ended(&self) -> bool {
        self.world.now() >= self.end
    }
}

impl Course for ToRest {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn step(&mut self) -> bool {
        if self.world.next_at().is_none_or(|next| next >= self.end) {
            self.world.run_until(self.end);
            return false;
        }
        self.world.step();
        true
    }

    fn position(&self) -> u64 {
        0
    }

    fn failure(&self) -> Option<Failure> {
        let broken = self
            .world
            .broken()
            .front()
            .map(|broken| (broken.invariant.to_owned(), broken.message.clone()));
        let claim = || (self.claim)(&self.world).err().map(|message| ("claim".to_owned(), message));
        let (what, message) = broken.or_else(|| if self.ended() { claim() } else { None })?;
        Some(Failure { what, message, at: self.world.now(), chains: Vec::new() })
    }
}

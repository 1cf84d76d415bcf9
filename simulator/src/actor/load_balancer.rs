//! The load balancer of a cloud: a Service that asks for one gets an address after a while.

use std::collections::BTreeMap;

use drydock_apiserver::{Change, Request, Tree};
use drydock_operator_core::view::Key;
use jiff::SignedDuration;
use serde_json::json;

use super::objects::{SERVICES, named, tree};
use super::{Actor, Ctx, Held, Stimulus};
use crate::hash::StateHasher;
use crate::preset::Preset;
use crate::world::WorldConfig;
use drydock_operator_core::plan::{Wait, Whose};

const RETRY: SignedDuration = SignedDuration::from_secs(5);

pub fn make(_: &WorldConfig) -> Vec<Box<dyn Actor>> {
    vec![Box::new(LoadBalancer::default())]
}

#[derive(Clone, Default)]
struct LoadBalancer {
    /// Services that wait, by the tag of their timer; the tag is the number of their address, too.
    pending: BTreeMap<u64, Key>,
    given: u64,
}

impl Actor for LoadBalancer {
    fn name(&self) -> &'static str {
        "load-balancer"
    }

    fn watches(&self) -> &[(&'static str, &'static str)] {
        &[("", "Service")]
    }

    fn react(&mut self, ctx: &mut Ctx<'_>, stimulus: Stimulus<'_>) {
        match stimulus {
            Stimulus::Changed(entry) => {
                let object = &entry.object;
                let key = Key::new(object.namespace(), object.name());
                let wants = object.tree().str_at(&["spec", "type"]) == Some("LoadBalancer")
                    && entry.change != Change::Deleted
                    && !object.is_deleting()
                    && object
                        .tree()
                        .at(&["status", "loadBalancer", "ingress"])
                        .is_none_or(Tree::is_empty);
                if !wants {
                    self.pending.retain(|_, pending| *pending != key);
                } else if !self.pending.values().any(|pending| *pending == key) {
                    self.given += 1;
                    let (low, high) = match ctx.preset() {
                        Preset::Recorded => (500, 500),
                        Preset::Realistic => (2_000, 15_000),
                    };
                    let (low, high) =
                        (SignedDuration::from_millis(low), SignedDuration::from_millis(high));
                    let after = ctx.between(low, high, &format!("{key}"), 0);
                    self.pending.insert(self.given, key);
                    ctx.timer_after(after, self.given);
                }
            }
            Stimulus::Timer(number) => {
                let Some(key) = self.pending.get(&number) else { return };
                let ip = format!("203.0.{}.{}", 113 + number / 250, number % 250 + 1);
                let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": ip, "ipMode": "VIP" }] } } });
                let request =
                    Request::merge_patch(SERVICES, &key.namespace, &key.name, tree(status));
                ctx.send(request.subresource("status").by("cloud-controller-manager"), number);
            }
            Stimulus::Answered(number, reply)
                if !reply.is_ok() && self.pending.contains_key(&number) =>
            {
                ctx.timer_after(RETRY, number);
            }
            _ => {}
        }
    }

    fn clone_box(&self) -> Box<dyn Actor> {
        Box::new(self.clone())
    }

    fn digest(&self, hasher: &mut StateHasher) {
        for key in self.pending.values() {
            hasher.text(&key.name);
        }
    }

    fn waits(&self) -> Vec<Held> {
        let held = self.pending.values().map(|key| {
            let who = named("Service", &key.namespace, &key.name);
            let wait = Wait {
                on: who.clone(),
                until: "to have an address".into(),
                because: "the cloud makes a load balancer".into(),
                whose: Whose::Kubernetes,
            };
            Held { who, wait, assumed: false }
        });
        held.collect()
    }
}

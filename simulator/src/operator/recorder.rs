//! The recorder of Events. Like client-go's it lives in memory: it raises the count of what it has
//! sent before, and keeps quiet about an object that is spoken of too much.

use std::collections::BTreeMap;
use std::sync::Arc;

use drydock_apiserver::{Gvr, Request, Tree};
use drydock_operator_core::plan::EventCall;
use serde_json::json;

use super::KeyId;
use crate::inflight::{Sender, Subject};
use crate::random;
use crate::world::World;

pub(super) const EVENTS: Gvr = Gvr::new("", "v1", "events");

/// client-go's spam filter: so many at once per object and source, and one more each five minutes.
const BURST: i64 = 25;
const REFILL_US: i64 = 300_000_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    /// How often each has been sent.
    sent: BTreeMap<String, u32>,
    /// Of each object: how many were sent, and since when.
    spoken: BTreeMap<String, (i64, i64)>,
}

impl World {
    /// A Warning about the object of a key whose pass failed.
    pub(crate) fn warn(&mut self, operator: u16, id: KeyId, reason: &str, message: &str) {
        let process = &self.operators[usize::from(operator)];
        let state = process.key(id);
        let mut regarding = process.reference(state);
        let source = process.controller_name(state);
        let root = (process.controllers[usize::from(state.controller)].root)();
        let server = self.server(process.server);
        let object = server
            .kind(root.group, root.kind)
            .and_then(|kind| server.table(kind).get(&regarding.key.namespace, &regarding.key.name));
        // An Event about nothing would be refused.
        let Some(object) = object else { return };
        object.uid().clone_into(&mut regarding.uid);
        let event = EventCall {
            regarding,
            warning: true,
            reason: reason.to_owned(),
            message: message.to_owned(),
            source,
        };
        self.emit(operator, &event);
    }

    /// Sends an Event, or raises its count. Nobody waits for the answer.
    pub(crate) fn emit(&mut self, operator: u16, event: &EventCall) {
        let now_us = self.clock.now_us();
        let now = self
            .now()
            .round(jiff::Unit::Second)
            .expect("a time can be rounded to seconds")
            .to_string();
        let process = self.process_mut(operator);
        let about = format!("{} {} {}", event.source, event.regarding, event.regarding.uid);
        let (spoken, since_us) =
            process.recorder.spoken.entry(about.clone()).or_insert((0, now_us));
        *spoken += 1;
        if *spoken > BURST + (now_us - *since_us) / REFILL_US {
            *spoken -= 1;
            return;
        }
        let identity = format!("{about} {} {}", event.reason, event.message);
        let name = format!("{}.{:016x}", event.regarding.key.name, random::fnv_of(&identity));
        let count = process.recorder.sent.entry(identity).or_default();
        *count += 1;
        let count = *count;
        let server = process.server;
        let namespace = match event.regarding.key.namespace.as_str() {
            "" => "default",
            namespace => namespace,
        }
        .to_owned();
        let request = if count == 1 {
            let object = json!({
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": { "name": name, "namespace": namespace },
                "involvedObject": {
                    "apiVersion": event.regarding.api_version,
                    "kind": event.regarding.kind,
                    "namespace": event.regarding.key.namespace,
                    "name": event.regarding.key.name,
                    "uid": event.regarding.uid,
                },
                "reason": event.reason,
                "message": event.message,
                "type": if event.warning { "Warning" } else { "Normal" },
                "source": { "component": event.source },
                "reportingComponent": event.source,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            });
            Request::create(EVENTS, &namespace, Tree::from_value(object))
        } else {
            let patch = json!({ "count": count, "lastTimestamp": now });
            Request::merge_patch(EVENTS, &namespace, &name, Tree::from_value(patch))
        };
        let sender = Sender::Recorder { operator };
        self.issue(sender, server, Subject::Api(Arc::new(request.by("drydock"))));
    }
}

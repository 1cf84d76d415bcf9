//! The recorder of Events. Like client-go's it lives in memory: it raises the count of what it has sent before, and
//! keeps quiet about an object that is spoken of too much.

use std::collections::BTreeMap;

use drydock_operator_api::Resource;
use drydock_operator_api::core::Event;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::json;

use crate::hash::fnv1a_64_of;
use crate::plan::{Call, EventCall};
use crate::view::Key;

/// client-go's spam filter: so many at once per object and source, and one more each five minutes.
const BURST: i64 = 25;
const REFILL: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// How often each has been sent.
    sent: BTreeMap<String, u32>,
    /// Of each object: how many were sent, and since when.
    spoken: BTreeMap<String, (i64, Timestamp)>,
}

impl Recorder {
    /// The create of an Event, or the patch that raises its count. None: enough was said about the object.
    pub fn record(&mut self, event: &EventCall, now: Timestamp) -> Option<Call> {
        let about = format!("{} {} {}", event.source, event.regarding, event.regarding.uid);
        let (spoken, since) = self.spoken.entry(about.clone()).or_insert((0, now));
        let refilled = now.duration_since(*since).as_micros() / REFILL.as_micros();
        if i128::from(*spoken) >= i128::from(BURST) + refilled {
            return None;
        }
        *spoken += 1;
        let identity = format!("{about} {} {}", event.reason, event.message);
        let name = format!("{}.{:016x}", event.regarding.key.name, fnv1a_64_of(&identity));
        let count = self.sent.entry(identity).or_default();
        *count += 1;
        let namespace = match event.regarding.key.namespace.as_str() {
            "" => "default",
            namespace => namespace,
        };
        let kind = Event::kind();
        let now = now.round(Unit::Second).expect("a time can be rounded to seconds").to_string();
        if *count > 1 {
            let key = Key::new(namespace, name);
            let patch = json!({ "count": count, "lastTimestamp": now });
            return Some(Call::Patch { kind, key, subresource: None, patch });
        }
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
        Some(Call::Create { kind, object, generate: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::core::ConfigMap;

    use super::*;
    use crate::fixture::at;
    use crate::plan::Reference;

    fn event(message: &str) -> EventCall {
        EventCall {
            regarding: Reference::new(ConfigMap::kind(), Key::new("demo", "a")),
            warning: true,
            reason: "Warning".to_owned(),
            message: message.to_owned(),
            source: "toy-controller",
        }
    }

    #[test]
    fn what_is_said_again_raises_the_count_of_the_event_that_said_it() {
        let mut recorder = Recorder::default();

        let first = recorder.record(&event("no"), at(0));
        let again = recorder.record(&event("no"), at(1));

        let Some(Call::Create { object, .. }) = first else { panic!("{first:?}") };
        let Some(Call::Patch { key, patch, .. }) = again else { panic!("{again:?}") };
        assert_eq!(object["metadata"]["name"], key.name.as_str());
        assert_eq!(patch["count"], 2);
    }

    #[test]
    fn an_object_that_is_spoken_of_too_much_is_left_alone_for_five_minutes() {
        let mut recorder = Recorder::default();
        let mut said =
            |n: i64, second| recorder.record(&event(&n.to_string()), at(second)).is_some();

        let burst = (0..30).filter(|n| said(*n, 0)).count();

        assert_eq!(burst, 25);
        assert!(said(30, 300));
        assert!(!said(31, 300));
    }
}

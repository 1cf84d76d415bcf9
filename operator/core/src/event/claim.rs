//! Which Events are reports, and what they say.

use drydock_operator_api::core::Event;
use serde::Deserialize;

use super::Tree;
use crate::base64;
use crate::draft::{Draft, Flow, Pass};
use crate::labels::EVENT_HANDLED;

/// A report of the role probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    Role {
        role: String,
        anchor: Anchor,
    },
    /// The probe itself failed.
    Failed {
        instance: String,
        code: i64,
        message: String,
    },
    /// It cannot be read, and will not get better.
    Malformed,
}

/// When a role was true, in the order of the engine if it has one, else of the pod's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Version(u64),
    /// Microseconds.
    Time(i64),
}

/// What the agent writes into the message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    instance: String,
    code: i64,
    /// Base64, as bytes are in JSON.
    output: String,
    #[serde(rename = "message")]
    text: String,
}

/// Nothing is done for other Events, and for those whose count was handled already.
pub(super) fn claim(tree: &Tree, _draft: &mut Draft<Event>, _pass: &Pass<'_>) -> Flow {
    if tree.report.is_some() { Flow::Continue } else { Flow::Commit }
}

/// Nothing more is to be done for this count of the Event. It is written after all that was done.
pub(super) fn handled(tree: &Tree, draft: &mut Draft<Event>) -> Flow {
    let count = tree.event.count.to_string();
    draft.root.metadata.annotations.insert(EVENT_HANDLED.to_owned(), count);
    Flow::Commit
}

pub(super) fn report(event: &Event) -> Option<Report> {
    let claimed = event.reporting_component == "kbagent"
        && event.reason == "roleProbe"
        && event.involved_object.field_path == "spec.containers{kbagent}";
    let is_handled = event.metadata.annotation(EVENT_HANDLED) == Some(&*event.count.to_string());
    if !claimed || is_handled {
        return None;
    }
    let Ok(message) = serde_json::from_str::<Message>(&event.message) else {
        return Some(Report::Malformed);
    };
    if message.code != 0 {
        let Message { instance, code, text, .. } = message;
        return Some(Report::Failed { instance, code, message: text });
    }
    let output = base64::decode(&message.output).and_then(|bytes| String::from_utf8(bytes).ok());
    Some(output.map_or(Report::Malformed, |output| role(event, &output)))
}

/// `primary`, or `primary 7` where the engine counts its terms; nothing is "no role".
fn role(event: &Event, output: &str) -> Report {
    let mut words = output.split_whitespace();
    let role = words.next().unwrap_or_default().to_lowercase();
    let time = event.event_time.as_ref().map_or(0, |time| time.0.as_microsecond());
    match (words.next(), words.next()) {
        (None, _) => Report::Role { role, anchor: Anchor::Time(time) },
        (Some(version), None) => match version.parse() {
            Ok(version) => Report::Role { role, anchor: Anchor::Version(version) },
            Err(_) => Report::Malformed,
        },
        _ => Report::Malformed,
    }
}

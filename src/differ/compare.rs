//! Whether two servers gave the same answer, modulo what a server chooses.
//!
//! Each answer is brought into a form in which all that is chosen (uids, revisions, times, addresses, generated names)
//! has given way to a symbol, numbered by first sight; two answers are alike if these forms are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::{Map, Value};

use super::server::Reply;

/// Where two answers part first.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// `status`, `header warning`, or a pointer into the body.
    pub at: String,
    pub ours: String,
    pub theirs: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, ours, theirs } = self;
        write!(f, "at {at}\n      ours    {ours}\n      theirs  {theirs}")
    }
}

/// The symbols of one server within a story.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    known: BTreeMap<String, String>,
    /// Those that objects were answered with: a story may copy one into another field.
    revisions: BTreeSet<String>,
}

/// The first difference between two answers to one step.
pub fn first(ours: &Reply, theirs: &Reply, symbols: &mut [Symbols; 2]) -> Option<Difference> {
    if is_panic(theirs) && ours.status >= 400 {
        return None;
    }
    let [mine, other] = symbols;
    let at = |at: &str, ours: String, theirs: String| {
        (ours != theirs).then(|| Difference { at: at.to_owned(), ours, theirs })
    };
    let [mut my_bodies, other_bodies] = [
        ours.bodies().iter().filter(|it| !is_chance(it)).map(|it| mine.canonical(it)).collect(),
        theirs.bodies().iter().filter(|it| !is_chance(it)).map(|it| other.canonical(it)).collect(),
    ]
    .map(|bodies: Vec<Value>| bodies);
    let (mine_of, other_of) = (&mine.revisions, &other.revisions);
    for (mine, body) in my_bodies.iter_mut().zip(&other_bodies) {
        if alike_but_for_order(mine, body) || alike_but_for_lines(mine, body) {
            *mine = body.clone();
        }
        free_copies(mine_of, other_of, mine, body);
    }
    let bodies = [my_bodies, other_bodies];
    at("status", ours.status.to_string(), theirs.status.to_string())
        .or_else(|| {
            ["content-type", "warning", "retry-after", "cache-control"].iter().find_map(|name| {
                at(
                    &format!("header {name}"),
                    mine.text(&ours.header(name)),
                    other.text(&theirs.header(name)),
                )
            })
        })
        .or_else(|| {
            let [ours, theirs] = bodies;
            let mut place = String::new();
            within(&Value::Array(ours), &Value::Array(theirs), &mut place)
        })
}

/// Whether a server fell over a request: it compared two values that Go cannot compare, say. What it would have said of
/// the request if it had not, nobody knows; that it did not carry it out, is sure.
fn is_panic(reply: &Reply) -> bool {
    reply.status == 0
}

/// Bookmarks but for the one after the initial events: a real server sends them by its own clock, and one that ends a
/// watch of a second in the same second sends one, or none.
fn is_chance(event: &Value) -> bool {
    event["type"] == "BOOKMARK" && !event.to_string().contains("k8s.io/initial-events-end")
}

/// Whether two refusals tell the same, and of what stands in maps in another order. A real server written in Go walks a
/// map in no order, another one each time: three labels that are no labels, told three times, are told in three orders.
fn alike_but_for_order(ours: &Value, theirs: &Value) -> bool {
    let causes = |status: &Value| status["details"]["causes"].as_array().cloned();
    let (Some(mut mine), Some(mut other)) = (causes(ours), causes(theirs)) else { return false };
    let rest = |status: &Value| {
        let mut status = status.clone();
        status["details"]["causes"] = Value::Null;
        // The message has no more in it than the causes.
        status["message"] = Value::Null;
        status
    };
    let bytes = |status: &Value| {
        let mut bytes = status["message"].as_str().unwrap_or_default().as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    if rest(ours) != rest(theirs) || bytes(ours) != bytes(theirs) {
        return false;
    }
    // Whom an apply meets is kept in a map: who is told first is chance, what of his is told in order.
    let conflict = |cause: &Value| cause["reason"] == "FieldManagerConflict";
    if mine.iter().all(conflict) && other.iter().all(conflict) {
        let by_manager = |causes: &mut Vec<Value>| {
            causes.sort_by_key(|cause| cause["message"].as_str().map(str::to_owned));
        };
        by_manager(&mut mine);
        by_manager(&mut other);
        return mine == other;
    }
    // The validators of custom kinds walk the members of a schema as maps; their metadata is looked at as any other.
    let group = ours["details"]["group"].as_str().unwrap_or_default();
    let custom = group.contains('.') && !group.ends_with(".k8s.io");
    let by_schema = |cause: &Value| {
        custom && !cause["field"].as_str().is_some_and(|field| field.starts_with("metadata"))
    };
    let in_order = |causes: &[Value]| {
        let kept = causes.iter().filter(|cause| !by_schema(cause) && !is_of_map(cause));
        kept.cloned().collect::<Vec<_>>()
    };
    if in_order(&mine) != in_order(&other) {
        return false;
    }
    mine.sort_by_key(Value::to_string);
    other.sort_by_key(Value::to_string);
    mine == other
}

/// Gives way where both servers say the same of a revision of their own, which a story copied into another field: it is
/// chosen there as well. How far a text was read as a time goes by its digits.
fn free_copies(
    ours: &BTreeSet<String>,
    theirs: &BTreeSet<String>,
    mine: &mut Value,
    other: &Value,
) {
    match (mine, other) {
        (Value::Object(mine), Value::Object(other)) => {
            for (name, mine) in mine {
                if let Some(other) = other.get(name) {
                    free_copies(ours, theirs, mine, other);
                }
            }
        }
        (Value::Array(mine), Value::Array(other)) => {
            for (mine, other) in mine.iter_mut().zip(other) {
                free_copies(ours, theirs, mine, other);
            }
        }
        (Value::String(mine), Value::String(other))
            if mine != other && without_copies(mine, ours) == without_copies(other, theirs) =>
        {
            mine.clone_from(other);
        }
        _ => {}
    }
}

fn without_copies(text: &str, revisions: &BTreeSet<String>) -> String {
    let text = NUMBER.replace_all(text, |found: &regex::Captures<'_>| {
        if revisions.contains(&found[0]) { "<revision>".to_owned() } else { found[0].to_owned() }
    });
    NO_TIME.replace_all(&text, "${1}").into_owned()
}

/// Whether two refusals of an applied object tell the same of its values in another order: a real server walks those of
/// a map in no order.
fn alike_but_for_lines(ours: &Value, theirs: &Value) -> bool {
    let lines = |status: &Value| {
        let message = status["message"].as_str()?;
        let (lead, told) = message.split_once(": errors:\n")?;
        let mut told: Vec<String> = told.lines().map(str::to_owned).collect();
        told.sort_unstable();
        lead.starts_with("failed to create typed").then(|| (lead.to_owned(), told))
    };
    let rest = |status: &Value| {
        let mut status = status.clone();
        status["message"] = Value::Null;
        status
    };
    lines(ours).zip(lines(theirs)).is_some_and(|(mine, other)| mine == other)
        && rest(ours) == rest(theirs)
}

/// Whether a cause is about what stands in a map: under a key, or in one of those that are named as a whole.
fn is_of_map(cause: &Value) -> bool {
    const MAPS: [&str; 5] = ["labels", "annotations", "selector", "nodeSelector", "matchLabels"];
    let field = cause["field"].as_str().unwrap_or_default();
    let keyed =
        field.split('[').skip(1).any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    // The sources of a metric are kept in a set.
    let of_set = cause["message"] == "Forbidden: must populate the given metric source only";
    keyed || of_set || field.rsplit('.').next().is_some_and(|last| MAPS.contains(&last))
}

fn within(ours: &Value, theirs: &Value, place: &mut String) -> Option<Difference> {
    let differ = |place: &str, ours: Option<&Value>, theirs: Option<&Value>| Difference {
        at: place.to_owned(),
        ours: shown(ours),
        theirs: shown(theirs),
    };
    let length = place.len();
    match (ours, theirs) {
        (Value::Object(mine), Value::Object(other)) => {
            let names: BTreeSet<&String> = mine.keys().chain(other.keys()).collect();
            names.into_iter().find_map(|name| {
                place.truncate(length);
                place.push('/');
                place.push_str(&name.replace('~', "~0").replace('/', "~1"));
                match (mine.get(name), other.get(name)) {
                    (Some(mine), Some(other)) => within(mine, other, place),
                    (mine, other) => Some(differ(place, mine, other)),
                }
            })
        }
        (Value::Array(mine), Value::Array(other)) => {
            (0..mine.len().max(other.len())).find_map(|index| {
                place.truncate(length);
                place.push_str(&format!("/{index}"));
                match (mine.get(index), other.get(index)) {
                    (Some(mine), Some(other)) => within(mine, other, place),
                    (mine, other) => Some(differ(place, mine, other)),
                }
            })
        }
        (mine, other) if mine == other => None,
        (mine, other) => Some(differ(place, Some(mine), Some(other))),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(not there)".to_owned(), Value::to_string)
}

static UID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").expect("a pattern")
});
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z")
        .expect("a pattern")
});
/// In documents within texts: YAML, and objects that messages quote.
static REVISION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(resourceVersion\W{1,6})[0-9]+").expect("a pattern"));
/// Where a scheme was made: a server that was built from modules names the library, a released one its own file.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"in scheme \\?"[a-z0-9/.]+:[0-9]+\\?""#).expect("a pattern"));
/// A field that a type has not ends the look at the map that it stands in, and a real server comes across it in any order:
/// the same apply told twice names one of two fields, or what is wrong with others before it.
static UNDECLARED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?s)(failed to create typed patch object \([^)]*\): ).*field not declared in schema.*",
    )
    .expect("a pattern")
});
static RECORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(in record \()[0-9]+").expect("a pattern"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[0-9]+\b").expect("a pattern"));
/// What was read as a time and is a revision: how far that went.
static NO_TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(parsing time \\*"<revision>\\*" as \\*"[^"]*"): cannot parse \\*"[^"]*" as \\*"[^"]*""#,
    )
    .expect("a pattern")
});
/// Those that servers give to Services, wherever they stand: in rows of tables, in YAML.
static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b10\.(9[6-9]|10[0-9]|11[01])\.[0-9]{1,3}\.[0-9]{1,3}\b").expect("a pattern")
});
/// How old a row of a table is.
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[0-9]{1,2}s$").expect("a pattern"));
/// Go prints where a field is in memory.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("0xc[0-9a-f]{6,}").expect("a pattern"));

impl Symbols {
    fn canonical(&mut self, value: &Value) -> Value {
        self.learn(value);
        self.within("", value)
    }

    /// Names that a server made up stand in one place, and are quoted in others.
    fn learn(&mut self, value: &Value) {
        let meta = &value["metadata"];
        let (prefix, name) = (meta["generateName"].as_str(), meta["name"].as_str());
        if let (Some(prefix), Some(name)) = (prefix, name)
            && let Some(ending) = name.strip_prefix(prefix)
            && ending.len() == 5
            && !self.known.contains_key(name)
        {
            let symbol = format!("{prefix}<name {}>", self.known.len());
            self.known.insert(name.to_owned(), symbol);
        }
        self.revisions.extend(meta["resourceVersion"].as_str().map(str::to_owned));
        for item in value["items"].as_array().into_iter().flatten() {
            self.learn(item);
        }
    }

    fn within(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let members: Map<String, Value> = members
                    .iter()
                    .map(|(name, value)| (self.text(name), self.within(name, value)))
                    .collect();
                Value::Object(members)
            }
            Value::Array(items) => {
                let mut items: Vec<Value> =
                    items.iter().map(|item| self.within(key, item)).collect();
                if key == "managedFields" {
                    items.sort_by_key(Value::to_string);
                }
                Value::Array(items)
            }
            Value::String(text) => Value::String(self.of_key(key, text)),
            Value::Number(number) if key == "nodePort" || key == "healthCheckNodePort" => {
                match number.as_u64() {
                    // Beyond them are those of dry runs, which are not drawn.
                    Some(30_000..=32_767) => Value::from("<port>"),
                    _ => value.clone(),
                }
            }
            other => other.clone(),
        }
    }

    fn of_key(&mut self, key: &str, text: &str) -> String {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match key {
            "resourceVersion" if is_number => "<revision>".to_owned(),
            "continue" if !text.is_empty() => "<continue>".to_owned(),
            "cells" if AGE.is_match(text) => "<age>".to_owned(),
            "clusterIP" | "clusterIPs" | "podIP" | "ip" if text.parse::<IpAddr>().is_ok() => {
                "<address>".to_owned()
            }
            _ => self.text(text),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let text = UID.replace_all(text, |found: &regex::Captures<'_>| {
            let next = format!("<uid {}>", self.known.len());
            self.known.entry(found[0].to_owned()).or_insert(next).clone()
        });
        let text = TIME.replace_all(&text, |found: &regex::Captures<'_>| {
            if is_now(&found[0]) { "<time>".to_owned() } else { found[0].to_owned() }
        });
        let text = REVISION.replace_all(&text, "${1}<revision>");
        let text = UNDECLARED.replace(&text, "${1}<undeclared>");
        let text = RECORD.replace_all(&text, "${1}<revision>");
        let text = ADDRESSES.replace_all(&text, "<address>");
        let text = SCHEME.replace_all(&text, "in scheme <where>");
        let mut text = ADDRESS.replace_all(&text, "<memory>").into_owned();
        for (name, symbol) in self.known.iter().filter(|(_, symbol)| symbol.contains("<name")) {
            if text.contains(name.as_str()) {
                text = text.replace(name.as_str(), symbol);
            }
        }
        text
    }
}

/// Times that stories name are far from today.
fn is_now(time: &str) -> bool {
    time.parse::<Timestamp>().is_ok_and(|time| {
        let away = Timestamp::now().duration_since(time).abs();
        away < SignedDuration::from_hours(24 * 3)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(status: u16, body: &Value) -> Reply {
        Reply::new(status, &[("content-type", "application/json")], body.to_string())
    }

    fn between(ours: &Value, theirs: &Value) -> Option<Difference> {
        first(&reply(200, ours), &reply(200, theirs), &mut Default::default())
    }

    #[test]
    fn what_a_server_chooses_is_no_difference() {
        let object = |uid: &str, revision: &str, name: &str, time: Timestamp| {
            json!({
                "metadata": { "uid": uid, "resourceVersion": revision, "generateName": "a-", "name": name,
                    "creationTimestamp": time.to_string() },
                "message": format!("{name} of {uid} is there"),
            })
        };
        let now = Timestamp::now();
        let ours = object("8874e203-8028-465a-b0a2-649a7658a726", "7", "a-bcdfg", now);
        let theirs = object(
            "11111111-8028-465a-b0a2-649a7658a726",
            "8",
            "a-zzzzz",
            now - SignedDuration::from_secs(9),
        );
        assert_eq!(between(&ours, &theirs), None);
    }

    #[test]
    fn anything_else_is_one_at_its_place() {
        let ours = json!({ "spec": { "ports": [{ "port": 1 }] } });
        let theirs = json!({ "spec": { "ports": [{ "port": 1, "protocol": "TCP" }] } });
        let found = between(&ours, &theirs).expect("they differ");
        assert_eq!(found.at, "/0/spec/ports/0/protocol");
        assert_eq!((found.ours.as_str(), found.theirs.as_str()), ("(not there)", "\"TCP\""));

        let status = first(&reply(200, &ours), &reply(201, &ours), &mut Default::default());
        assert_eq!(status.expect("they differ").at, "status");
    }

    #[test]
    fn what_an_applied_object_breaks_may_be_told_in_another_order() {
        let status = |lines: [&str; 2]| {
            let lead = "failed to create typed patch object (/a; /v1, Kind=Pod): errors:";
            json!({ "message": format!("{lead}\n  {}\n  {}", lines[0], lines[1]) })
        };

        assert_eq!(between(&status(["a", "b"]), &status(["b", "a"])), None);
        assert!(between(&status(["a", "b"]), &status(["b", "c"])).is_some());
    }

    #[test]
    fn what_a_server_fell_over_is_told_only_where_ours_carries_it_out() {
        let between = |ours: u16| {
            let theirs = reply(0, &json!({}));
            first(&reply(ours, &json!({})), &theirs, &mut Default::default())
        };

        assert_eq!(between(422), None);
        assert_eq!(between(200).map(|found| found.at), Some("status".to_owned()));
    }

    #[test]
    fn a_uid_that_one_server_took_for_another_is_one() {
        let one = "8874e203-8028-465a-b0a2-649a7658a726";
        let two = "11111111-8028-465a-b0a2-649a7658a726";
        let ours = json!([{ "uid": one }, { "uid": one }]);
        let theirs = json!([{ "uid": one }, { "uid": two }]);
        assert!(between(&ours, &theirs).is_some());
    }

    #[test]
    fn a_revision_that_a_story_copied_is_one_where_both_have_their_own() {
        let object = |revision: &str, copy: &str| {
            let message =
                format!("parsing time \"{copy}\" as \"2006\": cannot parse \"{copy}\" as \"-\"");
            json!({ "metadata": { "resourceVersion": revision, "labels": { "a": copy } }, "message": message })
        };
        let theirs = object("17400", "17400");

        assert_eq!(between(&object("231", "231"), &theirs), None);
        assert!(between(&object("231", "232"), &theirs).is_some());
        assert!(between(&object("231", "231"), &object("17400", "17401")).is_some());
    }

    #[test]
    fn whom_an_apply_meets_first_is_chance_and_what_of_his_is_not() {
        let status = |causes: [(&str, &str); 3]| {
            let causes = causes.map(|(manager, field)| json!({ "reason": "FieldManagerConflict", "message": manager, "field": field }));
            json!({ "kind": "Status", "message": "m", "details": { "causes": causes } })
        };
        let [one, two, other] = [("one", ".a"), ("one", ".b"), ("two", ".a")];
        let ours = status([one, two, other]);

        assert_eq!(between(&ours, &status([other, one, two])), None);
        assert!(between(&ours, &status([two, one, other])).is_some());
    }

    #[test]
    fn causes_may_stand_in_another_order_where_a_real_server_has_none() {
        let status = |group: &str, fields: [&str; 2]| {
            let causes = fields.map(|field| json!({ "field": field, "message": "m" }));
            let message = fields.join(", ");
            json!({ "kind": "Status", "message": message, "details": { "group": group, "causes": causes } })
        };
        let free = |group: &str, [one, two]: [&str; 2]| {
            between(&status(group, [one, two]), &status(group, [two, one])).is_none()
        };

        assert!(!free("apps", ["spec.a", "spec.b"]));
        assert!(free("apps", ["metadata.labels", "spec.selector"]));
        assert!(free("differ.example", ["spec.a", "spec.b"]));
        assert!(!free("differ.example", ["metadata.name", "metadata.generateName"]));
        assert!(!free("storage.k8s.io", ["spec.a", "spec.b"]));
        let too_much = |fields: [&str; 2]| {
            let causes = fields.map(|field| {
                json!({ "field": field, "message": "Forbidden: must populate the given metric source only" })
            });
            json!({ "message": "m", "details": { "group": "autoscaling", "causes": causes } })
        };
        assert_eq!(
            between(&too_much(["a", "b"]), &too_much(["b", "a"])).map(|found| found.at),
            None
        );
    }
}

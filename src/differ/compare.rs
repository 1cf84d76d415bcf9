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

use super::chance;
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
    /// Those that objects were answered with, or are quoted with: a story may copy one into another field.
    revisions: BTreeSet<String>,
}

/// The first difference between two answers to one step.
pub fn first(ours: &Reply, theirs: &Reply, symbols: &mut [Symbols; 2]) -> Option<Difference> {
    if chance::is_panic(theirs) && ours.status >= 400 {
        return None;
    }
    let [mine, other] = symbols;
    let at = |at: &str, ours: String, theirs: String| {
        (ours != theirs).then(|| Difference { at: at.to_owned(), ours, theirs })
    };
    let [mut my_bodies, other_bodies] = [
        ours.bodies()
            .iter()
            .filter(|it| !chance::is_bookmark(it))
            .map(|it| mine.canonical(it))
            .collect(),
        theirs
            .bodies()
            .iter()
            .filter(|it| !chance::is_bookmark(it))
            .map(|it| other.canonical(it))
            .collect(),
    ]
    .map(|bodies: Vec<Value>| bodies);
    let (mine_of, other_of) = (&mine.revisions, &other.revisions);
    for (mine, body) in my_bodies.iter_mut().zip(&other_bodies) {
        if chance::is_alike(mine, body) {
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
static REVISION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(resourceVersion\W{1,6}|ResourceVersion in [a-z ]+: )([0-9]+)").expect("a pattern")
});
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
/// Those that servers give to Services, and the range of them, wherever they stand: in rows of tables, in YAML.
static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b10\.(9[6-9]|10[0-9]|11[01])\.[0-9]{1,3}\.[0-9]{1,3}\b(/1[0-9]\b)?")
        .expect("a pattern")
});
/// Of two ports without a number, which are given the same.
static PORT_TWICE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(Duplicate value: |duplicate nodePort: \{[A-Z]+ )3(?:[01][0-9]{3}|2[0-7][0-9]{2})\b",
    )
    .expect("a pattern")
});
/// How old a row of a table is.
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[0-9]{1,2}s$").expect("a pattern"));
/// A real server names the types of a definition's values by the nanosecond.
static SELF_TYPE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("selfType[0-9]+").expect("a pattern"));
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
        self.revisions.extend(REVISION.captures_iter(&text).map(|found| found[2].to_owned()));
        let text = REVISION.replace_all(&text, "${1}<revision>");
        let text = UNDECLARED.replace(&text, "${1}<undeclared>");
        let text = RECORD.replace_all(&text, "${1}<revision>");
        let text = ADDRESSES.replace_all(&text, "<address>");
        let text = SELF_TYPE.replace_all(&text, "selfType<now>");
        let text = PORT_TWICE.replace_all(&text, "${1}<port>");
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
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in crate::differ) fn reply(status: u16, body: &Value) -> Reply {
        Reply::new(status, &[("content-type", "application/json")], body.to_string())
    }

    pub(in crate::differ) fn between(ours: &Value, theirs: &Value) -> Option<Difference> {
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
        let twice = |port: &str| json!({ "message": format!("Duplicate value: {port}") });
        assert_eq!(between(&twice("30001"), &twice("32767")), None);
        assert!(between(&twice("30001"), &twice("33000")).is_some());
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
    fn a_revision_that_is_quoted_may_be_copied_too() {
        let quoted = |revision: &str, copy: &str| json!({ "message": format!("{{\"resourceVersion\":\"{revision}\",\"precedence\":\"{copy}\"}}") });
        let theirs = quoted("17400", "17400");

        assert_eq!(between(&quoted("231", "231"), &theirs), None);
        assert!(between(&quoted("231", "232"), &theirs).is_some());
    }
}

//! What a real server leaves to chance: Go walks a map in another order each time, and says what it meets first.
//!
//! Each rule here is as narrow as can be, and has a test that the difference beside it is still found.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::server::Reply;

/// Whether two answers are the same but for what is chance.
pub(super) fn is_alike(ours: &Value, theirs: &Value) -> bool {
    alike_but_for_order(ours, theirs)
        || alike_but_for_lines(ours, theirs)
        || alike_but_for_member(ours, theirs)
        || alike_but_for_value(ours, theirs)
}

/// Whether a server fell over a request: it compared two values that Go cannot compare, say. What it would have said of
/// the request if it had not, nobody knows; that it did not carry it out, is sure.
pub(super) fn is_panic(reply: &Reply) -> bool {
    reply.status == 0
}

/// Bookmarks but for the one after the initial events: a real server sends them by its own clock, and one that ends a
/// watch of a second in the same second sends one, or none.
pub(super) fn is_bookmark(event: &Value) -> bool {
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

/// Whether two refusals of an applied object tell the same of its values in another order: a real server walks those of
/// a map in no order.
fn alike_but_for_lines(ours: &Value, theirs: &Value) -> bool {
    let lines = |status: &Value| {
        let message = status["message"].as_str()?;
        let (lead, told) = message.split_once(": errors:\n")?;
        let mut told: Vec<String> = told.lines().map(str::to_owned).collect();
        told.sort_unstable();
        lead.starts_with("failed to create").then(|| (lead.to_owned(), told))
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

/// Whether two refusals of a strategic patch each tell one thing that cannot be merged: a patch is walked in no order, and
/// the first such thing ends it.
fn alike_but_for_member(ours: &Value, theirs: &Value) -> bool {
    static UNMERGEABLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?s)^(unable to find api field in struct \w+ for the json field ".*"|map: map\[.*\] does not contain declared merge key: \w+)$"#,
        )
        .expect("a pattern")
    });
    let tells = |status: &Value| {
        let message = status["message"].as_str().unwrap_or_default();
        status["code"] == 500 && UNMERGEABLE.is_match(message)
    };
    tells(ours) && tells(theirs)
}

/// Whether two refusals of a strategic patch each tell one value of the same data that cannot be read: the data of a
/// Secret is a map.
fn alike_but_for_value(ours: &Value, theirs: &Value) -> bool {
    static UNREADABLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r#"(?s)^(Invalid value: "map\[data:map\[.*\]\]"): (cannot restore \w+ from \w+|error decoding from json: [^:]+)$"#,
        )
        .expect("a pattern")
    });
    let patch = |status: &Value| {
        let causes = status["details"]["causes"].as_array().filter(|causes| causes.len() == 1)?;
        let told = UNREADABLE.captures(causes[0]["message"].as_str()?)?;
        Some((status["code"].clone(), causes[0]["field"].clone(), told[1].to_owned()))
    };
    patch(ours).is_some_and(|mine| patch(theirs) == Some(mine))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compare::first;
    use super::super::compare::tests::{between, reply};

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

    #[test]
    fn which_of_two_things_that_cannot_be_merged_is_told_is_chance() {
        let status = |message: &str| json!({ "code": 500, "message": message });
        let field =
            status("unable to find api field in struct ObjectMeta for the json field \"a\"");
        let key = status("map: map[a:b] does not contain declared merge key: name");

        assert_eq!(between(&field, &key), None);
        assert!(between(&field, &status("expected a map, but received a string")).is_some());
        let refused = json!({ "code": 400, "message": key["message"] });
        assert!(between(&field, &refused).is_some());
    }

    #[test]
    fn which_of_two_values_of_a_map_cannot_be_read_is_chance() {
        let status = |patch: &str, why: &str| {
            let message = format!("Invalid value: \"{patch}\": {why}");
            json!({ "code": 422, "message": why, "details": { "causes": [{ "field": "patch", "message": message }] } })
        };
        let text = "error decoding from json: illegal base64 data at input byte 0";
        let number = "cannot restore slice from int64";
        let data = "map[data:map[a:! b:96]]";

        assert_eq!(between(&status(data, text), &status(data, number)), None);
        assert!(between(&status(data, text), &status("map[data:map[a:!]]", number)).is_some());
        let spec = "map[spec:map[a:! b:96]]";
        assert!(between(&status(spec, text), &status(spec, number)).is_some());
    }
}

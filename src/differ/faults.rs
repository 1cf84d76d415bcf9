//! Faults planted in our server, each as a change of its answers: the differ has to find every one of them.
//!
//! Run by `make differ-faults` between two servers that somebody has started; elsewhere it says that it did not run.

use serde_json::{Value, json};

use super::server::{Fault, Reply};
use super::story::Verb;

/// The reply with its body changed: each document of it, where it is one of JSON.
fn changed(reply: Reply, change: impl Fn(&mut Value)) -> Reply {
    let mut text = String::new();
    for mut body in reply.bodies() {
        if !body.is_object() {
            return reply;
        }
        change(&mut body);
        text.push_str(&body.to_string());
        text.push('\n');
    }
    reply.with_text(text)
}

/// Every object in a body: itself, the items of a list, that of an event.
fn each(reply: Reply, change: fn(&mut Value)) -> Reply {
    changed(reply, |body| {
        // To index mutably would make what is not there.
        if let Some(items) = body.get_mut("items").and_then(Value::as_array_mut) {
            items.iter_mut().for_each(change);
        } else if let Some(object) = body.get_mut("object") {
            change(object);
        } else {
            change(body);
        }
    })
}

fn remove(object: &mut Value, at: &[&str]) {
    if let Some((last, parents)) = at.split_last()
        && let Some(parent) = parents
            .iter()
            .try_fold(object, |value, name| value.get_mut(*name))
            .and_then(Value::as_object_mut)
    {
        parent.remove(*last);
    }
}

fn message(reply: Reply, change: fn(String) -> String) -> Reply {
    changed(reply, |body| {
        if body["kind"] == "Status"
            && let Some(text) = body["message"].as_str()
        {
            body["message"] = change(text.to_owned()).into();
        }
    })
}

/// Each with what it is.
pub const ALL: [(&str, Fault); 30] = [
    ("no creationTimestamp", |_, reply| {
        each(reply, |it| remove(it, &["metadata", "creationTimestamp"]))
    }),
    ("no generation", |_, reply| each(reply, |it| remove(it, &["metadata", "generation"]))),
    ("generation does not count", |_, reply| {
        each(reply, |it| {
            if it["metadata"]["generation"].is_number() {
                it["metadata"]["generation"] = json!(1);
            }
        })
    }),
    ("no managedFields", |_, reply| each(reply, |it| remove(it, &["metadata", "managedFields"]))),
    ("another manager owns the fields", |_, reply| {
        each(reply, |it| {
            if it["metadata"]["managedFields"][0].is_object() {
                it["metadata"]["managedFields"][0]["manager"] = json!("somebody");
            }
        })
    }),
    ("an apply is an update", |_, reply| {
        each(reply, |it| {
            for entry in it
                .pointer_mut("/metadata/managedFields")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                entry["operation"] = json!("Update");
            }
        })
    }),
    ("no entry for the status", |_, reply| {
        each(reply, |it| {
            if let Some(entries) =
                it.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut)
            {
                entries.retain(|entry| entry["subresource"].is_null());
            }
        })
    }),
    ("fields of labels are owned whole", |_, reply| {
        each(reply, |it| {
            for entry in it
                .pointer_mut("/metadata/managedFields")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if entry["fieldsV1"]["f:metadata"]["f:labels"].is_object() {
                    entry["fieldsV1"]["f:metadata"]["f:labels"] = json!({});
                }
            }
        })
    }),
    ("a lost default of a service", |_, reply| {
        each(reply, |it| remove(it, &["spec", "sessionAffinity"]))
    }),
    ("a lost default of a template", |_, reply| {
        each(reply, |it| remove(it, &["spec", "template", "spec", "dnsPolicy"]))
    }),
    ("a lost default of a custom kind", |_, reply| {
        each(reply, |it| {
            if it["spec"]["mode"] == "slow" {
                remove(it, &["spec", "mode"]);
            }
        })
    }),
    ("a role without its rules", |_, reply| each(reply, |it| remove(it, &["rules"]))),
    ("a wrong message", |_, reply| {
        message(reply, |text| text.replace("Invalid value", "invalid value"))
    }),
    ("a message in another order", |_, reply| {
        message(reply, |text| text.replace("must be", "has to be"))
    }),
    ("not found in other words", |_, reply| {
        message(reply, |text| text.replace("not found", "unknown"))
    }),
    ("no causes", |_, reply| changed(reply, |body| remove(body, &["details", "causes"]))),
    ("no details", |_, reply| changed(reply, |body| remove(body, &["details"]))),
    ("422 is 400", |_, reply| if reply.status == 422 { reply.with_status(400) } else { reply }),
    ("201 is 200", |_, reply| if reply.status == 201 { reply.with_status(200) } else { reply }),
    ("no warnings", |_, reply| reply.without_header("warning")),
    ("strict is not strict", |step, reply| {
        if step.path.contains("fieldValidation=Strict") && reply.status == 400 {
            reply.with_status(200)
        } else {
            reply
        }
    }),
    ("a conflict of an apply goes by", |step, reply| {
        if step.verb == Verb::Apply && reply.status == 409 { reply.with_status(200) } else { reply }
    }),
    ("a stale update goes by", |step, reply| {
        if step.verb == Verb::Update && reply.status == 409 {
            reply.with_status(200)
        } else {
            reply
        }
    }),
    ("no bookmark", |step, reply| {
        if step.verb != Verb::Watch {
            return reply;
        }
        let events = reply.bodies().into_iter().filter(|event| event["type"] != "BOOKMARK");
        let text: String = events.map(|event| format!("{event}\n")).collect();
        reply.with_text(text)
    }),
    ("events in other words", |step, reply| {
        if step.verb != Verb::Watch {
            return reply;
        }
        changed(reply, |event| {
            if event["type"] == "ADDED" {
                event["type"] = json!("MODIFIED");
            }
        })
    }),
    ("a list without its revision", |step, reply| {
        if step.verb != Verb::List {
            return reply;
        }
        changed(reply, |body| remove(body, &["metadata", "resourceVersion"]))
    }),
    ("items say their kind", |step, reply| {
        if step.verb != Verb::List {
            return reply;
        }
        changed(reply, |body| {
            for item in body.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
                item["kind"] = json!("Item");
            }
        })
    }),
    ("a table without columns", |_, reply| {
        changed(reply, |body| remove(body, &["columnDefinitions"]))
    }),
    ("a deletion says nothing of what", |step, reply| {
        if step.verb != Verb::Delete {
            return reply;
        }
        changed(reply, |body| remove(body, &["details", "uid"]))
    }),
    ("another content type", |_, reply| reply.without_header("content-type")),
];

//! The shortest story that still differs: without steps, then without parts of bodies.

use serde_json::Value;

use super::story::{Body, Story};

/// Stories one piece smaller, the larger pieces first. None of them loses the last step, which is where the servers part.
pub fn smaller(story: &Story) -> Vec<Story> {
    let mut all = Vec::new();
    for at in 0..story.steps.len().saturating_sub(1) {
        let mut shorter = story.clone();
        shorter.steps.remove(at);
        all.push(shorter);
    }
    for (at, step) in story.steps.iter().enumerate() {
        if let Some((path, query)) = step.path.split_once('?') {
            let options: Vec<&str> = query.split('&').collect();
            for left_out in 0..options.len() {
                // Without its end a watch would last for minutes.
                if matches!(options[left_out], "watch=true" | "timeoutSeconds=1") {
                    continue;
                }
                let mut shorter = story.clone();
                let kept: Vec<&str> = options
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| *index != left_out)
                    .map(|(_, option)| *option)
                    .collect();
                shorter.steps[at].path = if kept.is_empty() {
                    path.to_owned()
                } else {
                    format!("{path}?{}", kept.join("&"))
                };
                all.push(shorter);
            }
        }
        let Body::Json(body) = &step.body else { continue };
        let names_itself = body.get("metadata").is_some();
        for body in without_one(body, 6) {
            // An object without a name is another story: of a Service, one that takes minutes.
            if body.is_object() && body.get("metadata").is_none() && names_itself {
                continue;
            }
            let mut shorter = story.clone();
            shorter.steps[at].body = Body::Json(body);
            all.push(shorter);
        }
    }
    all
}

/// The value without one of its members or items.
fn without_one(value: &Value, depth: u32) -> Vec<Value> {
    let mut all = Vec::new();
    if depth == 0 {
        return all;
    }
    match value {
        Value::Object(members) => {
            let free = members.keys().filter(|name| {
                !matches!(name.as_str(), "apiVersion" | "kind" | "name" | "op" | "path")
            });
            for name in free {
                let mut shorter = members.clone();
                shorter.remove(name);
                all.push(Value::Object(shorter));
            }
            for (name, below) in members {
                for below in without_one(below, depth - 1) {
                    let mut shorter = members.clone();
                    shorter.insert(name.clone(), below);
                    all.push(Value::Object(shorter));
                }
            }
        }
        Value::Array(items) => {
            for at in 0..items.len() {
                let mut shorter = items.clone();
                shorter.remove(at);
                all.push(Value::Array(shorter));
                for below in without_one(&items[at], depth - 1) {
                    let mut shorter = items.clone();
                    shorter[at] = below;
                    all.push(Value::Array(shorter));
                }
            }
        }
        _ => {}
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::differ::story::{Step, Verb};

    #[test]
    fn every_step_but_the_last_and_every_part_of_a_body_can_go() {
        let step = Step {
            verb: Verb::Create,
            method: "POST".into(),
            path: "/api/v1/nodes?dryRun=All".into(),
            content_type: None,
            accept: None,
            body: Body::Json(json!({ "spec": { "taints": [1, 2] } })),
        };
        let last = Step { body: Body::None, path: "/x".into(), ..step.clone() };
        let story = Story { kind: "v1/nodes".into(), steps: vec![step, last] };

        let found: Vec<String> = smaller(&story)
            .iter()
            .map(|story| format!("{} {}", story.steps[0].path, story.steps[0].body.text()))
            .collect();

        assert_eq!(
            found,
            [
                "/x ",
                "/api/v1/nodes {\"spec\":{\"taints\":[1,2]}}",
                "/api/v1/nodes?dryRun=All {}",
                "/api/v1/nodes?dryRun=All {\"spec\":{}}",
                "/api/v1/nodes?dryRun=All {\"spec\":{\"taints\":[2]}}",
                "/api/v1/nodes?dryRun=All {\"spec\":{\"taints\":[1]}}",
            ]
        );
    }

    #[test]
    fn an_object_keeps_its_name() {
        let body = json!({ "metadata": { "name": "a", "labels": {} }, "spec": {} });
        let step = Step {
            verb: Verb::Create,
            method: "POST".into(),
            path: "/x".into(),
            content_type: None,
            accept: None,
            body: Body::Json(body),
        };

        let found = smaller(&Story { kind: "v1/services".into(), steps: vec![step] });

        let left: Vec<String> = found.iter().map(|story| story.steps[0].body.text()).collect();
        assert_eq!(
            left,
            [r#"{"metadata":{"labels":{},"name":"a"}}"#, r#"{"metadata":{"name":"a"},"spec":{}}"#]
        );
    }
}

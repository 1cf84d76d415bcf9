//! The state of the parts of a control plane, which is stored nowhere: they are well.

use super::{Answered, Call, read};
use crate::object::{Object, Operation, Tree};
use crate::ownership::Ownership;
use crate::request::{Answer, Response};
use crate::status::Status;

const PARTS: [&str; 3] = ["etcd-0", "controller-manager", "scheduler"];

pub(super) fn get(call: &Call<'_>) -> Answered {
    let name = &*call.request.name;
    if !PARTS.contains(&name) {
        return Err(Status::no_component(name));
    }
    Ok(call.answer(200, state(call, name), false))
}

pub(super) fn list(call: &Call<'_>) -> Answered {
    let (labels, fields) = read::selectors(call)?;
    let all = PARTS.iter().map(|name| state(call, name));
    let wanted = all.filter(|object| labels.matches(object) && fields.matches(object));
    let body = Answer::Objects {
        kind: call.kind.info.clone(),
        items: wanted.collect(),
        revision: 0,
        continue_token: None,
        remaining: None,
    };
    Ok(Response { code: 200, body, warnings: Vec::new(), changed: false })
}

fn state(call: &Call<'_>, name: &str) -> Object {
    let healthy = Tree::map([
        ("type", Tree::from("Healthy")),
        ("status", "True".into()),
        ("message", "ok".into()),
    ]);
    let tree = Tree::map([
        ("kind", Tree::from("ComponentStatus")),
        ("apiVersion", "v1".into()),
        ("conditions", Tree::list([healthy])),
    ]);
    let tree = tree.with(&["metadata", "name"], name);
    let note = call.write_note(Operation::Update);
    Object::new(call.kind.id, tree, note, Ownership::default(), None)
}

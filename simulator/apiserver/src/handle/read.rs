//! Reading: one object, many, and what happens from now on.

use std::collections::VecDeque;

use super::{Answered, Call};
use crate::object::Object;
use crate::request::{Answer, Outcome, Response};
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::Status;
use crate::watch::{Cursor, WatchEvent, in_version};

pub(super) fn get(call: &mut Call<'_>) -> Answered {
    let object = call.stored()?;
    Ok(call.answer(200, object, false))
}

pub(super) fn list(call: &mut Call<'_>) -> Answered {
    let selected = selected(call)?;
    let items = selected.into_iter().map(|object| in_version(object, call.info())).collect();
    let body = Answer::Objects {
        kind: call.kind.info.clone(),
        items,
        revision: call.server.revision(),
        continue_token: None,
        remaining: None,
    };
    Ok(Response { code: 200, body, warnings: Vec::new(), changed: false })
}

/// The objects a collection request is about.
pub(super) fn selected(call: &Call<'_>) -> Result<Vec<Object>, Status> {
    let (labels, fields) = selectors(call)?;
    let table = call.server.table(call.kind.id);
    let namespace = &*call.request.namespace;
    let wanted = |object: &&Object| labels.matches(object) && fields.matches(object);
    Ok(match (fields.name(), labels.exact()) {
        (Some(name), _) if !namespace.is_empty() || !call.info().namespaced => {
            table.get(namespace, name).into_iter().filter(wanted).cloned().collect()
        }
        (_, Some((key, value))) => table
            .labelled(key, value)
            .filter(|object| namespace.is_empty() || object.namespace() == namespace)
            .filter(wanted)
            .cloned()
            .collect(),
        _ => table.in_namespace(namespace).filter(wanted).cloned().collect(),
    })
}

fn selectors(call: &Call<'_>) -> Result<(LabelSelector, FieldSelector), Status> {
    let options = &call.request.options;
    let labels = LabelSelector::parse(&options.label_selector)?;
    let mut fields = FieldSelector::parse(&options.field_selector, call.info())?;
    if !call.request.name.is_empty() {
        fields.require_name(&call.request.name);
    }
    Ok((labels, fields))
}

pub(super) fn watch(call: &mut Call<'_>) -> Result<Outcome, Status> {
    let (labels, fields) = selectors(call)?;
    let options = &call.request.options;
    let revision = match &*options.resource_version {
        "" => 0,
        text => text.parse::<u64>().map_err(|_| {
            Status::plain(
                500,
                format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"),
            )
        })?,
    };
    let server = &*call.server;
    let mut cursor = Cursor {
        id: call.kind.id,
        kind: call.kind.info.clone(),
        namespace: call.request.namespace.clone(),
        labels,
        fields,
        position: server.log_end(),
        first: VecDeque::new(),
        bookmarks: options.allow_bookmarks,
        is_over: false,
    };
    let streams = options.send_initial_events == Some(true);
    if revision == 0 || streams {
        let table = server.table(call.kind.id);
        let there = table.in_namespace(&cursor.namespace).filter(|object| cursor.wants(object));
        cursor.first =
            there.map(|object| WatchEvent::Added(cursor.shown(object.clone()))).collect();
        if streams && cursor.bookmarks {
            cursor.first.push_back(WatchEvent::Bookmark {
                revision: server.revision(),
                initial_events_end: true,
            });
        }
    } else if let Some(position) = server.log_after(revision) {
        cursor.position = position;
    } else {
        let oldest = server.compacted_revision();
        let message = format!("too old resource version: {revision} ({oldest})");
        cursor.first.push_back(WatchEvent::Error(Status::expired(message)));
    }
    Ok(Outcome::Watch(cursor))
}

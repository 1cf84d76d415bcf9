//! Reading what happens from now on, or from some revision on.

use std::collections::VecDeque;

use super::{Call, read};
use crate::request::{Options, Outcome};
use crate::status::{FieldError, Status};
use crate::watch::{Cursor, WatchEvent};

pub(super) fn watch(call: &mut Call<'_>) -> Result<Outcome, Status> {
    let options = &call.request.options;
    let minor = call.server.profile().minor;
    let (labels, fields) = read::selectors(call)?;
    let revision =
        read::revision(&options.resource_version).map_err(|why| Status::plain(500, why))?;
    let server = &*call.server;
    let mut cursor = Cursor {
        id: call.kind.id,
        kind: call.kind.info.clone(),
        namespace: call.request.namespace.clone(),
        labels,
        fields,
        position: server.log_end(),
        after: 0,
        first: VecDeque::new(),
        bookmarks: options.allow_bookmarks,
        is_over: false,
        newest: 0,
        warnings: call.warnings.clone(),
    };
    // Servers before 1.25 do not know of it.
    let initial = options.send_initial_events.filter(|_| minor >= 25);
    let streams = initial == Some(true);
    if revision > server.revision() {
        if streams {
            let status = Status::too_large_revision(revision, server.revision());
            cursor.first.push_back(WatchEvent::Error(status));
        } else {
            cursor.after = revision;
        }
    } else if streams || revision == 0 && initial.is_none() {
        let table = server.table(call.kind.id);
        let there = table.in_namespace(&cursor.namespace).filter(|object| cursor.wants(object));
        cursor.first =
            there.map(|object| WatchEvent::Added(cursor.shown(object.clone()))).collect();
        // Newer servers take a watch from the start for one that wants to know where the start ends.
        let from_start = minor >= 34 && options.resource_version_match.is_empty();
        if (streams || from_start) && cursor.bookmarks {
            cursor.first.push_back(WatchEvent::Bookmark {
                revision: server.revision(),
                initial_events_end: true,
            });
        }
    } else if revision == 0 {
        // From now on, without what there is.
    } else if let Some(position) = server.log_after(revision) {
        cursor.position = position;
    } else {
        let oldest = server.compacted_revision();
        let message = format!("too old resource version: {revision} ({oldest})");
        cursor.first.push_back(WatchEvent::Error(Status::expired(message)));
    }
    Ok(Outcome::Watch(cursor))
}

pub(super) fn check(options: &Options, minor: u32) -> Result<(), Status> {
    let mut wanted = &*options.resource_version_match;
    let field = "resourceVersionMatch";
    let mut errors = Vec::new();
    let from_start = matches!(&*options.resource_version, "" | "0");
    if minor >= 34 && from_start && wanted.is_empty() && options.send_initial_events.is_none() {
        // Newer servers take a watch from the start for one of the state there is.
        wanted = "NotOlderThan";
    }
    let initial = wanted != options.resource_version_match
        || options.send_initial_events.is_some() && minor >= 25;
    if initial && wanted != "NotOlderThan" {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(field, detail));
    }
    if initial && minor < 32 {
        let detail =
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        errors.push(FieldError::forbidden("sendInitialEvents", detail));
    }
    if !wanted.is_empty() {
        if minor < 25 {
            let detail = "resourceVersionMatch is forbidden for watch";
            errors.push(FieldError::forbidden(field, detail));
        } else if !initial {
            let detail =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(field, detail));
        }
        if wanted != "NotOlderThan" && minor >= 25 {
            errors.push(FieldError::not_supported(field, &wanted.into(), &["NotOlderThan"]));
        }
        if !options.continue_token.is_empty() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(field, detail));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid_options("ListOptions", &errors)) }
}

//! Reading: one object, or many.

use super::page::Token;
use super::{Answered, Call};
use crate::object::Object;
use crate::request::{Answer, Request, Response, Verb};
use crate::selector::{FieldSelector, LabelSelector};
use crate::status::{FieldError, Status};
use crate::store::Server;
use crate::table::Table;
use crate::watch::in_version;

pub(super) fn get(call: &mut Call<'_>) -> Answered {
    let current = call.server.revision();
    match revision(&call.request.options.resource_version) {
        Ok(wanted) if wanted > current => return Err(too_large(call, wanted, current)),
        Ok(_) => {}
        // Events are read past the cache, which says it in its own words.
        Err(why) if &*call.info().kind == "Event" && call.server.profile().minor >= 24 => {
            return Err(Status::bad_request(format!("invalid resource version: {why}")));
        }
        Err(why) => return Err(Status::plain(500, why)),
    }
    let object = call.stored()?;
    Ok(call.answer(200, object, false))
}

/// The real server waits for three seconds whether the revision comes, if the client has so much patience.
fn too_large(call: &Call<'_>, wanted: u64, current: u64) -> Status {
    const WAIT_NS: i64 = 3_000_000_000;
    match call.request.options.patience_ns {
        1..WAIT_NS => Status::out_of_time(),
        _ => Status::too_large_revision(wanted, current),
    }
}

/// What a client gave as a revision; 0 for nothing.
pub(super) fn revision(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax")
    })
}

pub(super) fn list(call: &mut Call<'_>) -> Answered {
    let options = &call.request.options;
    let minor = call.server.profile().minor;
    let (labels, fields) = selectors(call)?;
    let token = match &*options.continue_token {
        "" => None,
        text => {
            if !matches!(&*options.resource_version, "" | "0") {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            Some(Token::decode(text, minor)?)
        }
    };
    let moment = moment(call, token.as_ref())?;
    let start = token.map_or(String::new(), |token| token.start);
    let (items, rest) = page(call, &moment, &start, &labels, &fields);
    let mut continue_token = None;
    let mut remaining = None;
    if let Some(rest) = rest {
        let last = items.last().expect("a page that is full has an object");
        let key = match (last.namespace(), &*call.request.namespace) {
            ("", _) => last.name().to_owned(),
            (own, "") => format!("{own}/{}", last.name()),
            _ => last.name().to_owned(),
        };
        continue_token = Some(Token::after(&key, moment.revision).encode());
        remaining = (labels.is_everything() && fields.is_everything()).then_some(rest);
    }
    let items = items.into_iter().map(|object| in_version(object, call.info())).collect();
    let body = Answer::Objects {
        kind: call.kind.info.clone(),
        items,
        revision: moment.revision,
        continue_token,
        remaining,
    };
    Ok(Response { code: 200, body, warnings: Vec::new(), changed: false })
}

/// What is wrong with the options of a list or a watch, whatever it is about.
pub(super) fn check_options(request: &Request, server: &Server) -> Result<(), Status> {
    let (options, minor) = (&request.options, server.profile().minor);
    LabelSelector::parse(&options.label_selector, minor)?;
    FieldSelector::check(&options.field_selector)?;
    if request.verb == Verb::Watch {
        return super::watch::check(options, minor);
    }
    let (wanted, revision) = (&*options.resource_version_match, &*options.resource_version);
    let field = "resourceVersionMatch";
    let mut errors = Vec::new();
    if !wanted.is_empty() {
        if revision.is_empty() {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(FieldError::forbidden(field, detail));
        }
        if !options.continue_token.is_empty() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden(field, detail));
        }
        let supported = ["Exact", "NotOlderThan", ""];
        if !supported.contains(&wanted) {
            errors.push(FieldError::not_supported(field, &wanted.into(), &supported));
        }
        if wanted == "Exact" && revision == "0" {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(FieldError::forbidden(field, detail));
        }
    }
    if options.send_initial_events.is_some() && minor >= 25 {
        let detail = "sendInitialEvents is forbidden for list";
        errors.push(FieldError::forbidden("sendInitialEvents", detail));
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid_options("ListOptions", &errors)) }
}

/// The objects of a kind as they were at some revision.
struct Moment {
    table: Table,
    revision: u64,
    /// 0: no limit.
    limit: u64,
}

fn moment(call: &Call<'_>, token: Option<&Token>) -> Result<Moment, Status> {
    let options = &call.request.options;
    let server = &*call.server;
    let current = server.revision();
    let wanted = revision(&options.resource_version).map_err(|why| {
        if server.profile().minor < 24 {
            Status::plain(500, why)
        } else {
            Status::bad_request(format!("invalid resource version: {why}"))
        }
    })?;
    if wanted > current && options.resource_version_match == "Exact" && server.profile().minor < 24
    {
        let why = "etcdserver: mvcc: required revision is a future revision";
        return Err(Status::plain(500, why));
    }
    if wanted > current {
        return Err(too_large(call, wanted, current));
    }
    let table = server.table(call.kind.id);
    let exact = match token {
        Some(token) => u64::try_from(token.revision).ok(),
        None if wanted > 0 && (options.limit > 0 || options.resource_version_match == "Exact") => {
            (options.resource_version_match != "NotOlderThan").then_some(wanted)
        }
        None => None,
    };
    // Any state will do: the limit is not kept to.
    let keeps = token.is_some() && server.profile().minor < 24;
    let limit = if options.resource_version == "0" && !keeps { 0 } else { options.limit };
    let Some(exact) = exact else {
        return Ok(Moment { table: table.clone(), revision: current, limit });
    };
    match server.table_at(call.kind.id, exact) {
        Some(table) => Ok(Moment { table, revision: exact, limit }),
        None if token.is_some() => {
            let start = token.map(|token| token.start.clone()).unwrap_or_default();
            let go_on = Token { revision: -1, start }.encode();
            Err(Status::expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.").go_on_at(go_on))
        }
        None => Err(Status::expired("The resourceVersion for the provided list is too old.")),
    }
}

/// One page, and how many objects follow it; `None` if none does.
fn page(
    call: &Call<'_>,
    moment: &Moment,
    start: &str,
    labels: &LabelSelector,
    fields: &FieldSelector,
) -> (Vec<Object>, Option<u64>) {
    let namespace = &*call.request.namespace;
    if moment.limit == 0 && start.is_empty() {
        return (matching(call, &moment.table, labels, fields), None);
    }
    let limit = if moment.limit == 0 { u64::MAX } else { moment.limit };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let mut rest = 0;
    for object in moment.table.range(namespace, start) {
        if labels.matches(object) && fields.matches(object) {
            if items.len() < limit {
                items.push(object.clone());
            } else {
                rest += 1;
            }
        }
    }
    (items, (rest > 0).then_some(rest))
}

/// The objects a collection request is about, as they are now.
pub(super) fn selected(call: &Call<'_>) -> Result<Vec<Object>, Status> {
    let (labels, fields) = selectors(call)?;
    Ok(matching(call, call.server.table(call.kind.id), &labels, &fields))
}

fn matching(
    call: &Call<'_>,
    table: &Table,
    labels: &LabelSelector,
    fields: &FieldSelector,
) -> Vec<Object> {
    let namespace = &*call.request.namespace;
    let wanted = |object: &&Object| labels.matches(object) && fields.matches(object);
    match (fields.name(), labels.exact()) {
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
    }
}

pub(super) fn selectors(call: &Call<'_>) -> Result<(LabelSelector, FieldSelector), Status> {
    let options = &call.request.options;
    let labels = LabelSelector::parse(&options.label_selector, call.server.profile().minor)?;
    let mut fields = FieldSelector::parse(&options.field_selector, call.info())?;
    if !call.request.name.is_empty() {
        fields.require_name(&call.request.name);
    }
    Ok((labels, fields))
}

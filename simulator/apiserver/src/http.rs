//! Requests and answers of the `http` crate, for who serves a [`Server`] to clients that speak HTTP. No IO, no runtime:
//! those are of who listens.

mod entry;
mod warning;

use ::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, DATE, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER,
    USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use ::http::request::Parts;
use ::http::{Response as HttpResponse, StatusCode};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::accept::Form;
use crate::document::Document;
use crate::kinds::KindInfo;
use crate::registry::Missing;
use crate::request::{Answer, Gvr, Request, Response, Verb};
use crate::status::Status;
use crate::store::Server;
use crate::wire::{self, Http};

pub use entry::{Entry, Trust, admit};
pub use warning::warn;

/// What becomes of an HTTP request.
#[derive(Debug)]
pub enum Asked {
    /// A document, or a refusal: nobody needs to handle anything.
    Answered(HttpResponse<Vec<u8>>),
    Request(Box<Request>),
}

/// Reads a request. `server` is only asked for its documents.
pub fn ask(server: &Server, parts: &Parts, body: &[u8], now: Timestamp) -> Asked {
    let path = parts.uri.path();
    if let Some(text) = server.health(path, parts.uri.query().unwrap_or_default()) {
        return Asked::Answered(plain_text(200, text, now));
    }
    let header = |name: HeaderName| {
        let value: Option<&HeaderValue> = parts.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let form = Form::of_errors(header(ACCEPT));
    let query = parts.uri.query().unwrap_or_default();
    if let Some(document) = server.tell(path, query, header(ACCEPT)) {
        // The documents of schemas do not mind how they are asked for.
        if parts.method != ::http::Method::GET && !path.starts_with("/openapi/") {
            return Asked::Answered(refused(Status::method_not_allowed(), form, now));
        }
        return Asked::Answered(of_document(document, header(IF_NONE_MATCH), now));
    }
    let http = Http {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        content_type: header(CONTENT_TYPE),
        user_agent: header(USER_AGENT),
        body,
    };
    match wire::parse(&http) {
        Ok(request) => Asked::Request(Box::new(request)),
        Err(status) => {
            let status = missing(server, path, header(ACCEPT), &status).unwrap_or(status);
            let kind = wire::place(path).and_then(|place| known(server, &place.resource));
            Asked::Answered(refused_by(kind, status, form, now))
        }
    }
}

fn known<'s>(server: &'s Server, resource: &Gvr) -> Option<&'s KindInfo> {
    server.kinds().find(|kind| {
        (&*kind.group, &*kind.version, &*kind.plural)
            == (&*resource.group, &*resource.version, &*resource.resource)
    })
}

/// A refusal of a request about a kind. What is to be said of the kind is said of all requests that come as far as to
/// what carries them out.
fn refused_by(
    kind: Option<&KindInfo>,
    status: Status,
    form: Form,
    now: Timestamp,
) -> HttpResponse<Vec<u8>> {
    // Options are looked into once it is clear who carries it out.
    let of_options = status.code == 422;
    let is_routed =
        !matches!(status.code, 404 | 405 | 415) && (status.details.is_none() || of_options);
    let is_early = !is_routed || status.message.starts_with("invalid timeout specified");
    let mut answer = refused(status, form, now);
    if let Some(kind) = kind.filter(|kind| !is_early && !kind.deprecation.is_empty()) {
        warn(&mut answer, std::slice::from_ref(&kind.deprecation));
    }
    answer
}

/// What a server says of a path before it reads what is asked of it, if it does.
fn missing(server: &Server, path: &str, accept: &str, status: &Status) -> Option<Status> {
    let place = wire::place(path)?;
    match known(server, &place.resource) {
        None if status.code == 405 => Some(Status::unknown_resource()),
        None if matches!(server.kinds.find(&place.resource), Err(Missing::Group)) => {
            Some(Status::unknown_path())
        }
        Some(kind) if status.code == 400 && place.name.is_empty() => {
            let minor = server.profile().minor;
            let refused = Form::negotiate(accept, "", kind, (Verb::List, None), minor).err();
            refused.filter(|refusal| refusal.details.is_some())
        }
        _ => None,
    }
}

fn plain_text(code: u16, text: String, now: Timestamp) -> HttpResponse<Vec<u8>> {
    let mut answer = json(code, text.into_bytes(), now);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

pub fn refused(status: Status, form: Form, now: Timestamp) -> HttpResponse<Vec<u8>> {
    answer(&Response::from(status), form, now)
}

/// The name of the object in an answer, for who logs it: an extension of the answer, as the [`Status`] of a refusal is.
#[derive(Clone, Debug)]
pub struct Named(pub String);

/// An answer as it goes over the wire. The clients of a world take its time from the `Date` header.
pub fn answer(response: &Response, form: Form, now: Timestamp) -> HttpResponse<Vec<u8>> {
    if response.code == 204 {
        let mut empty = json(204, Vec::new(), now);
        empty.headers_mut().remove(CONTENT_TYPE);
        return empty;
    }
    let (body, content_type) = form.body(&response.body);
    let mut answer = json(response.code, body, now);
    warn(&mut answer, &response.warnings);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Answer::Object(object) = &response.body {
        answer.extensions_mut().insert(Named(object.name().to_owned()));
    }
    if let Answer::Status(status) = &response.body {
        answer.extensions_mut().insert(Arc::new(status.clone()));
        let headers = answer.headers_mut();
        if status.is_plain_text() {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        if let Some(seconds) = status.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    answer
}

/// In which form to answer a request. `Err`: the answer, if in none.
///
/// # Errors
/// What [`Form::negotiate`] says, or what is wrong with the request where a real server sees that first.
pub fn form(
    server: &Server,
    request: &Request,
    parts: &Parts,
    now: Timestamp,
) -> Result<Form, Box<HttpResponse<Vec<u8>>>> {
    let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let accept = accept.unwrap_or_default();
    let errors = Form::of_errors(accept);
    let Some(kind) = known(server, &request.resource) else { return Ok(errors) };
    if request.subresource.as_deref().is_some_and(|name| !kind.has_subresource(name)) {
        // That there is no such thing is said in any form.
        return Ok(errors);
    }
    let query = parts.uri.query().unwrap_or_default();
    let route = (request.verb, request.subresource.as_deref());
    Form::negotiate(accept, query, kind, route, server.profile().minor).map_err(|status| {
        // What no route gives is refused before anything else, what no representation gives after the options.
        let is_routed = status.details.is_none();
        // What cannot be streamed is seen when there is something to stream.
        let streams = is_routed && status.message.contains(";stream=watch");
        let options = is_routed.then(|| server.check_list_options(request).err()).flatten();
        let refusal =
            options.or_else(|| streams.then(|| Server::check_watch(request, kind).err()).flatten());
        let refused = refused_by(Some(kind), refusal.unwrap_or(status), errors, now);
        Box::new(refused)
    })
}

/// What became of a request, as it goes over the wire.
pub fn finished(
    server: &Server,
    request: &Request,
    response: Response,
    form: Form,
    now: Timestamp,
) -> HttpResponse<Vec<u8>> {
    let response = match known(server, &request.resource) {
        Some(kind) => form.of(response, kind, server.profile().minor, now),
        None => response,
    };
    answer(&response, form, now)
}

/// `known`: what the client has already.
fn of_document(document: Document, known: &str, now: Timestamp) -> HttpResponse<Vec<u8>> {
    let same = |(name, value): &(&str, String)| *name == "etag" && value == known;
    let unchanged = document.code == 200 && document.headers.iter().any(same);
    let mut answer = if unchanged {
        json(304, Vec::new(), now)
    } else {
        json(document.code, document.body, now)
    };
    let headers = answer.headers_mut();
    headers.remove(CONTENT_TYPE);
    let content_type = document.content_type.filter(|_| !unchanged);
    if let Some(Ok(value)) = content_type.map(|name| HeaderValue::try_from(name.as_ref())) {
        headers.insert(CONTENT_TYPE, value);
    }
    for (name, value) in document.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

/// An answer with any body.
pub fn json<B>(code: u16, body: B, now: Timestamp) -> HttpResponse<B> {
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok();
    if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
        headers.insert(DATE, date);
    }
    answer
}

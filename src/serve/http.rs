//! Plain HTTP and JSON in front of a world: each connection a task, all on one thread.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use drydock_apiserver::watch::WatchEvent;
use drydock_apiserver::{Answer, Cursor, KindInfo, Object, Outcome, Request, Response, Server};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::url::{self, Asked};
use super::{discovery, table};

type Body = BoxBody<Bytes, Infallible>;

/// The largest body that is read, as with a real API server.
const MAX_BODY: usize = 3 << 20;
/// A frozen world has no news; its watches still end at some time, as real ones do.
const WATCH_LIMIT: Duration = Duration::from_secs(3600);

/// What connections see: a state of the API server, and the time in it.
#[derive(Clone)]
pub struct Snapshot {
    pub server: Server,
    pub now: Timestamp,
}

/// A write on its way to the one who owns the world.
pub struct Write {
    pub request: Request,
    pub answer: tokio::sync::oneshot::Sender<Response>,
}

#[derive(Clone)]
pub struct Shared {
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub writes: mpsc::Sender<Write>,
}

pub async fn answer(shared: Shared, request: hyper::Request<Incoming>) -> Result<hyper::Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(status(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")),
    };
    let header = |name| parts.headers.get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok()).unwrap_or_default();
    let accept = header(ACCEPT);
    let incoming = url::Incoming {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        content_type: header(CONTENT_TYPE),
        body: &body,
    };
    let snapshot = shared.snapshots.borrow().clone();
    Ok(match url::asked(&incoming) {
        Asked::Unsupported => status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        Asked::Document => match discovery::document(&snapshot.server, incoming.path) {
            Some(document) => json_answer(200, &document, &[]),
            None => status(404, "NotFound", "the server could not find the requested resource"),
        },
        Asked::Object(request) if is_read(&request) => {
            // A reading request changes nothing: it is asked of a copy, and no write waits for it.
            let outcome = snapshot.server.clone().handle(&request, snapshot.now);
            match outcome {
                Outcome::Watch(cursor) => watching(shared, cursor, table::is_wanted(accept)),
                other => finished(&snapshot, &request, other.done(), table::is_wanted(accept)),
            }
        }
        Asked::Object(request) => {
            let (answer, answered) = tokio::sync::oneshot::channel();
            let sent = shared.writes.send(Write { request: (*request).clone(), answer }).await.is_ok();
            let response = if sent { answered.await.ok() } else { None };
            let snapshot = shared.snapshots.borrow().clone();
            finished(&snapshot, &request, response, table::is_wanted(accept))
        }
    })
}

fn is_read(request: &Request) -> bool {
    use drydock_apiserver::Verb::{Get, List, Watch};
    matches!(request.verb, Get | List | Watch)
}

fn finished(snapshot: &Snapshot, request: &Request, response: Option<Response>, as_table: bool) -> hyper::Response<Body> {
    let Some(response) = response else {
        return status(501, "NotImplemented", "this world does not answer such a request");
    };
    let kind = snapshot.server.kinds().find(|kind| {
        (&*kind.group, &*kind.version, &*kind.plural)
            == (&*request.resource.group, &*request.resource.version, &*request.resource.resource)
    });
    let body = match (&response.body, kind) {
        (Answer::Objects { items, revision, .. }, Some(kind)) if as_table => {
            table::table(&snapshot.server, kind, items, *revision, snapshot.now)
        }
        (Answer::Object(object), Some(kind)) if as_table && request.subresource.is_none() => {
            table::table(&snapshot.server, kind, std::slice::from_ref(object), object.revision(), snapshot.now)
        }
        (body, _) => plain(body),
    };
    json_answer(response.code, &body, &response.warnings)
}

fn plain(answer: &Answer) -> Value {
    match answer {
        Answer::Object(object) => object.tree().to_value(),
        Answer::Objects { kind, items, revision, continue_token, remaining } => json!({
            "kind": &*kind.list_kind,
            "apiVersion": kind.api_version(),
            "metadata": {
                "resourceVersion": revision.to_string(),
                "continue": continue_token.as_deref().unwrap_or_default(),
                "remainingItemCount": remaining,
            },
            "items": items.iter().map(|object| object.tree().to_value()).collect::<Vec<_>>(),
        }),
        Answer::Status(status) => serde_json::to_value(status).unwrap_or_default(),
        Answer::Tree(tree) => tree.to_value(),
    }
}

/// One line of JSON per event, for as long as somebody reads.
fn watching(shared: Shared, cursor: Cursor, as_table: bool) -> hyper::Response<Body> {
    let (lines, receiver) = mpsc::channel::<Bytes>(64);
    tokio::spawn(async move {
        // A reader that does not keep up is cut off with its connection, never waited for.
        let _ended = tokio::time::timeout(WATCH_LIMIT, feed(shared, cursor, as_table, lines)).await;
    });
    let body = Lines(receiver);
    response(200, BodyExt::boxed(body))
}

async fn feed(mut shared: Shared, mut cursor: Cursor, as_table: bool, lines: mpsc::Sender<Bytes>) {
    loop {
        let snapshot = shared.snapshots.borrow_and_update().clone();
        while let Some(event) = cursor.next(&snapshot.server) {
            let line = event_line(&snapshot, &cursor.kind, event, as_table);
            if lines.send(line).await.is_err() {
                return;
            }
        }
        if cursor.is_over() || shared.snapshots.changed().await.is_err() {
            return;
        }
    }
}

fn event_line(snapshot: &Snapshot, kind: &KindInfo, event: WatchEvent, as_table: bool) -> Bytes {
    let shown = |object: &Object| {
        if as_table {
            table::table(&snapshot.server, kind, std::slice::from_ref(object), object.revision(), snapshot.now)
        } else {
            object.tree().to_value()
        }
    };
    let (name, object) = match &event {
        WatchEvent::Added(object) => ("ADDED", shown(object)),
        WatchEvent::Modified(object) => ("MODIFIED", shown(object)),
        WatchEvent::Deleted(object) => ("DELETED", shown(object)),
        WatchEvent::Bookmark { revision, .. } => (
            "BOOKMARK",
            json!({ "kind": &*kind.kind, "apiVersion": kind.api_version(), "metadata": { "resourceVersion": revision.to_string() } }),
        ),
        WatchEvent::Error(status) => ("ERROR", serde_json::to_value(status).unwrap_or_default()),
    };
    Bytes::from(format!("{}\n", json!({ "type": name, "object": object })))
}

/// A channel as the stream that hyper sends.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

fn status(code: u16, reason: &str, message: &str) -> hyper::Response<Body> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    json_answer(code, &body, &[])
}

fn json_answer(code: u16, body: &Value, warnings: &[String]) -> hyper::Response<Body> {
    let mut answer = response(code, Full::new(Bytes::from(body.to_string())).boxed());
    for warning in warnings {
        if let Ok(value) = format!("299 - {}", json!(warning)).parse() {
            answer.headers_mut().append("Warning", value);
        }
    }
    answer
}

fn response(code: u16, body: Body) -> hyper::Response<Body> {
    let mut response = hyper::Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

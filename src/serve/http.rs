//! Plain HTTP and JSON in front of a world: each connection a task, all on one thread.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use drydock_apiserver::http::{self, Asked};
use drydock_apiserver::{
    Cursor, Form, KindInfo, Outcome, Request, Response, Server, Status, Verb, WatchEvent,
};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

type Body = BoxBody<Bytes, Infallible>;

/// The largest body that is read, as with a real API server.
const MAX_BODY: usize = 3 << 20;
/// A frozen world has no news; its watches still end at some time, as real ones do.
const WATCH_LIMIT: Duration = Duration::from_hours(1);
/// How often who asks for it is told how far a quiet watch has come.
const BOOKMARKS: Duration = Duration::from_mins(1);

/// What connections see: a state of the API server, and the time in it.
#[derive(Clone)]
pub struct Snapshot {
    pub server: Server,
    pub now: Timestamp,
}

/// A write on its way to the one who owns the world.
pub struct Write {
    pub request: Request,
    pub answer: oneshot::Sender<Response>,
}

#[derive(Clone)]
pub struct Shared {
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub writes: mpsc::Sender<Write>,
}

pub async fn answer(
    shared: Shared,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let errors = Form::of_errors(accept.unwrap_or_default());
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let status = Status::plain(413, "Request entity too large: limit is 3145728");
        return Ok(whole(http::refused(status, errors, shared.snapshots.borrow().now)));
    };
    let body = body.to_bytes();
    let snapshot = shared.snapshots.borrow().clone();
    let request = match http::ask(&snapshot.server, &parts, &body, snapshot.now) {
        Asked::Answered(answer) => return Ok(whole(answer)),
        Asked::Request(request) => *request,
    };
    let form = match form(&snapshot, &request, accept, parts.uri.query()) {
        Ok(form) => form,
        Err(status) => return Ok(whole(http::refused(status, errors, snapshot.now))),
    };
    if is_read(&request) {
        // A request that only reads is asked of a copy, and no write waits for it.
        return Ok(match snapshot.server.clone().handle(&request, snapshot.now) {
            Outcome::Watch(_) if form.is_list() => {
                http::json(200, Full::new(Bytes::new()).boxed(), snapshot.now)
            }
            Outcome::Watch(cursor) => {
                let limit = match request.options.timeout_seconds {
                    0 => WATCH_LIMIT,
                    seconds => Duration::from_secs(seconds),
                };
                watching(shared, cursor, form, limit)
            }
            other => finished(&snapshot, &request, other.done(), form),
        });
    }
    let (answer, answered) = oneshot::channel();
    let sent = shared.writes.send(Write { request: request.clone(), answer }).await.is_ok();
    let response = if sent { answered.await.ok() } else { None };
    let snapshot = shared.snapshots.borrow().clone();
    Ok(finished(&snapshot, &request, response, form))
}

fn form(
    snapshot: &Snapshot,
    request: &Request,
    accept: Option<&str>,
    query: Option<&str>,
) -> Result<Form, Status> {
    let Some(kind) = kind_of(&snapshot.server, request) else {
        return Ok(Form::of_errors(accept.unwrap_or_default()));
    };
    let minor = snapshot.server.profile().minor;
    let (accept, query) = (accept.unwrap_or_default(), query.unwrap_or_default());
    Form::negotiate(accept, query, kind, request.verb, minor)
}

fn kind_of<'s>(server: &'s Server, request: &Request) -> Option<&'s KindInfo> {
    server.kinds().find(|kind| {
        (&*kind.group, &*kind.version, &*kind.plural)
            == (&*request.resource.group, &*request.resource.version, &*request.resource.resource)
    })
}

fn is_read(request: &Request) -> bool {
    matches!(request.verb, Verb::Get | Verb::List | Verb::Watch)
}

fn finished(
    snapshot: &Snapshot,
    request: &Request,
    response: Option<Response>,
    form: Form,
) -> hyper::Response<Body> {
    let Some(response) = response else {
        let status = Status::plain(501, "this world does not answer such a request");
        return whole(http::refused(status, form, snapshot.now));
    };
    let server = &snapshot.server;
    let response = match kind_of(server, request) {
        Some(kind) => form.of(response, kind, server.profile().minor, snapshot.now),
        None => response,
    };
    whole(http::answer(&response, form, snapshot.now))
}

/// One frame per event, for as long as somebody reads.
fn watching(shared: Shared, cursor: Cursor, form: Form, limit: Duration) -> hyper::Response<Body> {
    let now = shared.snapshots.borrow().now;
    let (lines, receiver) = mpsc::channel::<Bytes>(64);
    tokio::spawn(async move {
        // A reader that does not keep up is cut off with its connection, never waited for.
        let _ended = tokio::time::timeout(limit, feed(shared, cursor, form, lines, limit)).await;
    });
    let mut answer = http::json(200, BodyExt::boxed(Lines(receiver)), now);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form.stream_type()));
    answer
}

async fn feed(
    mut shared: Shared,
    mut cursor: Cursor,
    form: Form,
    lines: mpsc::Sender<Bytes>,
    limit: Duration,
) {
    let mut told = shared.snapshots.borrow().server.revision();
    let mut first = true;
    // Now and then, and shortly before the end.
    let mut rest = limit.saturating_sub(Duration::from_secs(2));
    let mut mark = std::pin::pin!(tokio::time::sleep(rest.min(BOOKMARKS)));
    loop {
        let snapshot = shared.snapshots.borrow_and_update().clone();
        while let Some(event) = cursor.next(&snapshot.server) {
            told = told.max(revision_of(&event));
            let line =
                event_line(&snapshot, &cursor.kind, &event, form, std::mem::take(&mut first));
            if lines.send(line).await.is_err() {
                return;
            }
        }
        if cursor.is_over() {
            return;
        }
        tokio::select! {
            changed = shared.snapshots.changed() => if changed.is_err() {
                return;
            },
            () = &mut mark => {
                rest = rest.saturating_sub(BOOKMARKS);
                let pause = if rest.is_zero() { WATCH_LIMIT } else { rest.min(BOOKMARKS) };
                mark.as_mut().reset(tokio::time::Instant::now() + pause);
                let revision = shared.snapshots.borrow().server.revision();
                if cursor.bookmarks && revision > told {
                    told = revision;
                    let event = WatchEvent::Bookmark { revision, initial_events_end: false };
                    let bookmark = event_line(&snapshot, &cursor.kind, &event, form, std::mem::take(&mut first));
                    if lines.send(bookmark).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

fn revision_of(event: &WatchEvent) -> u64 {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            object.revision()
        }
        WatchEvent::Bookmark { revision, .. } => *revision,
        WatchEvent::Error(_) => 0,
    }
}

/// `first`: nothing was sent before.
fn event_line(
    snapshot: &Snapshot,
    kind: &KindInfo,
    event: &WatchEvent,
    form: Form,
    first: bool,
) -> Bytes {
    let minor = snapshot.server.profile().minor;
    Bytes::from(form.frame(event, kind, minor, snapshot.now, first))
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

fn whole(answer: hyper::Response<Vec<u8>>) -> hyper::Response<Body> {
    answer.map(|body| Full::new(Bytes::from(body)).boxed())
}

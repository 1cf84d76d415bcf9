//! HTTP and JSON in front of a world: who asks, what for, and what they are told.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use drydock_apiserver::http::{self, Asked};
use drydock_apiserver::{
    Cursor, Form, KindInfo, Outcome, Request, Response, Server, Status, User, Verb, WatchEvent,
};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::audit::{AuditLog, Record, Stage};
use super::clock;
use super::ground::{Reading, Turn};
use super::listen::Peer;
use super::stamp::Stamps;

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

/// What to do with the clock of the world.
pub struct Winding {
    pub turn: Option<Turn>,
    pub answer: oneshot::Sender<Result<Reading, &'static str>>,
}

/// What is asked of the one who owns the world.
pub enum Order {
    Write(Box<Write>),
    Wind(Winding),
}

#[derive(Clone)]
pub struct Shared {
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub orders: mpsc::Sender<Order>,
    pub audit: Option<AuditLog>,
    /// Each watch takes one.
    pub watches: Arc<Semaphore>,
    pub stamps: Arc<Stamps>,
}

impl Shared {
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }
}

/// An answer, and what is left of a watch after it.
enum Answered {
    Whole(hyper::Response<Vec<u8>>),
    Stream(hyper::Response<Body>),
}

impl From<hyper::Response<Vec<u8>>> for Answered {
    fn from(answer: hyper::Response<Vec<u8>>) -> Self {
        Self::Whole(answer)
    }
}

pub async fn answer(
    shared: Shared,
    peer: Peer,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let snapshot = shared.snapshot();
    let id = shared.stamps.audit_id(&parts.headers);
    let mut entry = http::admit(&snapshot.server, &parts, peer.trust(), snapshot.now);
    let record = shared
        .audit
        .as_ref()
        .map(|_| Arc::new(Record::of(&id, &parts, &entry, peer.address.ip(), snapshot.now)));
    let told = record.clone();
    let answered = match entry.refused.take() {
        Some(refusal) => refusal.into(),
        None if parts.uri.path() == clock::PATH => {
            clock::answer(&shared, &parts.method, body).await.into()
        }
        None => carried_out(&shared, &parts, body, entry.acting(), told).await,
    };
    let now = shared.snapshots.borrow().now;
    let (stage, (head, body)) = match answered {
        Answered::Whole(answer) => (Stage::ResponseComplete, whole(answer).into_parts()),
        Answered::Stream(answer) => (Stage::ResponseStarted, answer.into_parts()),
    };
    if let (Some(audit), Some(record)) = (&shared.audit, &record) {
        audit.write(record, stage, &head, now);
    }
    let mut response = hyper::Response::from_parts(head, body);
    shared.stamps.put_on(&mut response, &id);
    Ok(response)
}

async fn carried_out(
    shared: &Shared,
    parts: &Parts,
    body: Incoming,
    user: User,
    record: Option<Arc<Record>>,
) -> Answered {
    let accept = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let errors = Form::of_errors(accept.unwrap_or_default());
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let status = Status::too_large("limit is 3145728");
        return http::refused(status, errors, shared.snapshots.borrow().now).into();
    };
    let body = body.to_bytes();
    let snapshot = shared.snapshot();
    let mut request = match http::ask(&snapshot.server, parts, &body, snapshot.now) {
        Asked::Answered(answer) => return answer.into(),
        Asked::Request(request) => *request,
    };
    request.user = user;
    let form = match http::form(&snapshot.server, &request, parts, snapshot.now) {
        Ok(form) => form,
        Err(refused) => return (*refused).into(),
    };
    if is_read(&request) {
        // A request that only reads is asked of a copy, and no write waits for it.
        return match snapshot.server.clone().handle(&request, snapshot.now) {
            Outcome::Watch(cursor) if form.is_list() => {
                let nothing = Full::new(Bytes::new()).boxed();
                let mut answer = http::json(200, nothing, snapshot.now);
                http::warn(&mut answer, &cursor.warnings);
                Answered::Stream(answer)
            }
            Outcome::Watch(cursor) => {
                let limit = match request.options.timeout_seconds {
                    0 => WATCH_LIMIT,
                    seconds => Duration::from_secs(seconds),
                };
                let Ok(place) = Arc::clone(&shared.watches).try_acquire_owned() else {
                    let status = Status::too_many_requests(
                        "the server has received too many requests, please try again later",
                    );
                    return http::refused(status, errors, snapshot.now).into();
                };
                Answered::Stream(watching(shared.clone(), cursor, form, limit, (place, record)))
            }
            other => finished(&snapshot, &request, other.done(), form).into(),
        };
    }
    let (answer, answered) = oneshot::channel();
    let order = Order::Write(Box::new(Write { request: request.clone(), answer }));
    let sent = shared.orders.send(order).await.is_ok();
    let response = if sent { answered.await.ok() } else { None };
    let snapshot = shared.snapshot();
    finished(&snapshot, &request, response, form).into()
}

fn is_read(request: &Request) -> bool {
    matches!(request.verb, Verb::Get | Verb::List | Verb::Watch)
}

fn finished(
    snapshot: &Snapshot,
    request: &Request,
    response: Option<Response>,
    form: Form,
) -> hyper::Response<Vec<u8>> {
    let Some(response) = response else {
        let status = Status::plain(501, "this world does not answer such a request");
        return http::refused(status, form, snapshot.now);
    };
    http::finished(&snapshot.server, request, response, form, snapshot.now)
}

/// One frame per event, for as long as somebody reads.
fn watching(
    shared: Shared,
    cursor: Cursor,
    form: Form,
    limit: Duration,
    (place, record): (OwnedSemaphorePermit, Option<Arc<Record>>),
) -> hyper::Response<Body> {
    let now = shared.snapshots.borrow().now;
    let warnings = cursor.warnings.clone();
    let (lines, receiver) = mpsc::channel::<Bytes>(64);
    tokio::spawn(async move {
        // A reader that does not keep up is cut off with its connection, never waited for.
        let (audit, snapshots) = (shared.audit.clone(), shared.snapshots.clone());
        let _ended = tokio::time::timeout(limit, feed(shared, cursor, form, lines, limit)).await;
        if let (Some(audit), Some(record)) = (audit, record) {
            let now = snapshots.borrow().now;
            let (head, ()) = hyper::Response::new(()).into_parts();
            audit.write(&record, Stage::ResponseComplete, &head, now);
        }
        drop(place);
    });
    let mut answer = http::json(200, BodyExt::boxed(Lines(receiver)), now);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form.stream_type()));
    http::warn(&mut answer, &warnings);
    answer
}

async fn feed(
    mut shared: Shared,
    mut cursor: Cursor,
    form: Form,
    lines: mpsc::Sender<Bytes>,
    limit: Duration,
) {
    let mut first = true;
    // What there was at the start is no news: nobody needs to be told how far that goes.
    let mut known = None;
    let mut told = shared.snapshots.borrow().server.revision();
    // Now and then, and shortly before the end.
    let mut rest = limit.saturating_sub(Duration::from_secs(2));
    let mut mark = std::pin::pin!(tokio::time::sleep(rest.min(BOOKMARKS)));
    loop {
        let snapshot = shared.snapshots.borrow_and_update().clone();
        while let Some(event) = cursor.next(&snapshot.server) {
            let line =
                event_line(&snapshot, &cursor.kind, &event, form, std::mem::take(&mut first));
            if lines.send(line).await.is_err() {
                return;
            }
        }
        if cursor.is_over() {
            return;
        }
        let known = *known.get_or_insert(cursor.newest);
        tokio::select! {
            changed = shared.snapshots.changed() => if changed.is_err() {
                return;
            },
            () = &mut mark => {
                let is_last = rest <= BOOKMARKS;
                rest = rest.saturating_sub(BOOKMARKS);
                let pause = if rest.is_zero() { WATCH_LIMIT } else { rest.min(BOOKMARKS) };
                mark.as_mut().reset(tokio::time::Instant::now() + pause);
                // As far as this watch has come: what is newer it has yet to tell.
                let revision = snapshot.server.revision();
                let news = cursor.newest > known || !is_last && revision > told;
                if cursor.bookmarks && news {
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

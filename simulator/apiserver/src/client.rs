//! A server inside a program, asked through a `kube::Client`: no port, no process, no cluster.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use drydock_apiserver::Server;
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::Api;
//!
//! let client = Server::builder().client();
//!
//! let maps: Api<ConfigMap> = Api::default_namespaced(client);
//! let map = serde_json::from_value(serde_json::json!({ "metadata": { "name": "greeting" }, "data": { "to": "you" } }))?;
//! maps.create(&Default::default(), &map).await?;
//! assert_eq!(maps.list(&Default::default()).await?.items.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Time is the wall clock's, unless [`Builder::clock`] says otherwise. There is nobody but the server: no controller
//! acts on what is written.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderValue};
use ::http::request::Parts;
use ::http::{Request as HttpRequest, Response as HttpResponse};
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use jiff::Timestamp;
use kube::client::Body;
use tokio::sync::watch;

use crate::accept::Form;
use crate::http::{self, Asked};
use crate::kinds::Profile;
use crate::request::Outcome;
use crate::status::Status;
use crate::store::Server;
use crate::watch::Cursor;

/// How long a watch lasts for which nothing is said.
const WATCH_LIMIT: Duration = Duration::from_hours(1);

type Answer = HttpResponse<UnsyncBoxBody<Bytes, Infallible>>;
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A server in the making.
pub struct Builder {
    profile: Profile,
    seed: u64,
    clock: Clock,
}

impl Server {
    /// A server for one program: Kubernetes 1.34, by the wall clock.
    pub fn builder() -> Builder {
        Builder { profile: Profile::V1_34, seed: 0, clock: Arc::new(wall_clock) }
    }
}

#[expect(clippy::disallowed_methods, reason = "who wants another time brings a clock")]
fn wall_clock() -> Timestamp {
    Timestamp::now()
}

impl Builder {
    pub fn kubernetes(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// What uids and generated names are drawn from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What time it is, whenever the server is asked something: a world's time, say.
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    pub fn build(self) -> Local {
        let server = Server::started_at(self.profile, self.seed, (self.clock)());
        let (news, _) = watch::channel(server.revision());
        Local { server: Arc::new(Mutex::new(server)), clock: self.clock, news: Arc::new(news) }
    }

    /// A client of a server that nobody else needs.
    pub fn client(self) -> kube::Client {
        self.build().client()
    }
}

/// A server that its clients share. Clones are the same server.
#[derive(Clone)]
pub struct Local {
    server: Arc<Mutex<Server>>,
    clock: Clock,
    /// The last revision: who watches waits for the next.
    news: Arc<watch::Sender<u64>>,
}

impl Local {
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// The server as it is now. Nothing that happens to it later happens to this copy.
    pub fn snapshot(&self) -> Server {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Server> {
        // Requests are carried out whole or panic before they change anything that is shared.
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, parts: &Parts, body: &[u8]) -> Answer {
        let now = (self.clock)();
        let mut server = self.lock();
        let request = match http::ask(&server, parts, body, now) {
            Asked::Answered(answer) => return whole(answer),
            Asked::Request(request) => *request,
        };
        let form = match http::form(&server, &request, parts, now) {
            Ok(form) => form,
            Err(refused) => return whole(*refused),
        };
        let outcome = server.handle(&request, now);
        let revision = server.revision();
        self.news.send_if_modified(|last| std::mem::replace(last, revision) != revision);
        match outcome {
            Outcome::Watch(cursor) => {
                drop(server);
                let limit = match request.options.timeout_seconds {
                    0 => WATCH_LIMIT,
                    seconds => Duration::from_secs(seconds),
                };
                self.watching(cursor, form, limit, now)
            }
            other => {
                let response = other.done().unwrap_or_else(|| {
                    Status::plain(501, "this server does not answer such a request").into()
                });
                whole(http::finished(&server, &request, response, form, now))
            }
        }
    }

    fn watching(&self, cursor: Cursor, form: Form, limit: Duration, now: Timestamp) -> Answer {
        let watching = Watching {
            local: self.clone(),
            news: self.news.subscribe(),
            cursor,
            form,
            is_first: true,
            end: tokio::time::Instant::now() + limit,
        };
        let frames = stream::unfold(watching, |mut watching| async {
            let frame = watching.next().await?;
            Some((Ok(Frame::data(Bytes::from(frame))), watching))
        });
        let mut answer = http::json(200, StreamBody::new(frames.boxed()).boxed_unsync(), now);
        let content_type = HeaderValue::from_static(form.stream_type());
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        answer
    }
}

struct Watching {
    local: Local,
    news: watch::Receiver<u64>,
    cursor: Cursor,
    form: Form,
    is_first: bool,
    end: tokio::time::Instant,
}

impl Watching {
    /// The next frame. None: the watch is over.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            self.news.borrow_and_update();
            let (event, minor) = {
                let server = self.local.lock();
                (self.cursor.next(&server), server.profile().minor)
            };
            if let Some(event) = event {
                let now = (self.local.clock)();
                let is_first = std::mem::take(&mut self.is_first);
                return Some(self.form.frame(&event, &self.cursor.kind, minor, now, is_first));
            }
            if self.cursor.is_over() {
                return None;
            }
            let changed = tokio::time::timeout_at(self.end, self.news.changed());
            changed.await.ok()?.ok()?;
        }
    }
}

impl tower::Service<HttpRequest<Body>> for Local {
    type Response = Answer;
    type Error = kube::Error;
    type Future = BoxFuture<'static, Result<Answer, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let local = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(local.answer(&parts, &body))
        })
    }
}

fn whole(answer: HttpResponse<Vec<u8>>) -> Answer {
    answer.map(|body| Full::new(Bytes::from(body)).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::api::{DeleteParams, PostParams, WatchEvent, WatchParams};

    use super::*;

    #[tokio::test]
    async fn what_one_client_writes_another_one_sees_in_the_time_of_the_clock() {
        let local = Server::builder().clock(|| Timestamp::UNIX_EPOCH).build();
        let reader = Api::<ConfigMap>::default_namespaced(local.client());
        let writer = Api::<ConfigMap>::default_namespaced(local.client());
        let watch = WatchParams::default().disable_bookmarks().timeout(20);
        let mut watch = Box::pin(reader.watch(&watch, "0").await.expect("a watch"));
        let mut map = ConfigMap::default();
        map.metadata.name = Some("a".to_owned());

        writer.create(&PostParams::default(), &map).await.expect("it is made");
        writer.delete("a", &DeleteParams::default()).await.expect("it goes");

        let made = watch.try_next().await.expect("an event").expect("more");
        let WatchEvent::Added(made) = made else { panic!("{made:?}") };
        let time = made.metadata.creation_timestamp.expect("a time").0;
        assert_eq!(time.to_string(), "1970-01-01T00:00:00Z");
        let gone = watch.try_next().await.expect("an event").expect("more");
        assert!(matches!(gone, WatchEvent::Deleted(_)), "{gone:?}");
        assert!(local.snapshot().revision() > 0);
    }
}

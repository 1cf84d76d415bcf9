//! A world behind a tower service: what `kube::Client` sends becomes a request of the world, and its watches are bodies
//! that go on. One task owns the world and sleeps on tokio's clock until the world's next event.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use drydock_apiserver::http::{self as wire, Asked};
use drydock_apiserver::{Cursor, Form, Outcome, Request, Status, Verb};
use drydock_simulator::World;
use drydock_simulator::inflight::{Reply, RequestId};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tower::Service;

type Answer = http::Response<UnsyncBoxBody<Bytes, Infallible>>;

struct Ask {
    parts: http::request::Parts,
    body: Bytes,
    answer: oneshot::Sender<Answer>,
}

/// The client's side.
#[derive(Clone)]
pub struct Api(mpsc::UnboundedSender<Ask>);

impl Service<http::Request<Body>> for Api {
    type Response = Answer;
    type Error = oneshot::error::RecvError;
    type Future = BoxFuture<'static, Result<Answer, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let asks = self.0.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.expect("a body in memory").to_bytes();
            let (answer, answered) = oneshot::channel();
            // Who is gone drops the answer, and that is the error.
            let _gone = asks.send(Ask { parts, body, answer });
            answered.await
        }
        .boxed()
    }
}

/// Owns a world.
pub struct Owner {
    pub world: World,
    asks: mpsc::UnboundedReceiver<Ask>,
    began: (Instant, Timestamp),
    pending: Vec<(RequestId, oneshot::Sender<Answer>)>,
    watches: Vec<(Cursor, mpsc::UnboundedSender<Bytes>)>,
}

impl Owner {
    pub fn new(world: World) -> (Self, Api) {
        let (sender, asks) = mpsc::unbounded_channel();
        let began = (Instant::now(), world.now());
        (Self { world, asks, began, pending: Vec::new(), watches: Vec::new() }, Api(sender))
    }

    /// Lets the world live for that long, and answers who asks.
    pub async fn live(&mut self, span: SignedDuration) {
        let end = self.world.now() + span;
        while self.world.now() < end {
            let next = self.world.next_at().map_or(end, |next| next.min(end));
            let passed = Duration::try_from(next.duration_since(self.began.1)).unwrap_or_default();
            tokio::select! {
                biased;
                Some(ask) = self.asks.recv() => {
                    self.catch_up();
                    self.hear(ask);
                }
                () = sleep_until(self.began.0 + passed) => self.catch_up(),
            }
            self.answer();
            self.feed();
        }
    }

    fn catch_up(&mut self) {
        let passed = SignedDuration::try_from(self.began.0.elapsed()).expect("less than ages");
        self.world.run_until(self.began.1 + passed);
    }

    fn hear(&mut self, Ask { parts, body, answer }: Ask) {
        let now = self.world.now();
        let request = match wire::ask(self.world.server(0), &parts, &body, now) {
            Asked::Answered(document) => return reply(answer, document),
            Asked::Request(request) => *request,
        };
        if matches!(request.verb, Verb::Get | Verb::List | Verb::Watch) {
            self.read(&request, answer);
        } else {
            // On its way like any other request of the world: it takes its time, and faults may strike it.
            self.pending.push((self.world.submit(request), answer));
        }
    }

    fn read(&mut self, request: &Request, answer: oneshot::Sender<Answer>) {
        let now = self.world.now();
        match self.world.server(0).clone().handle(request, now) {
            Outcome::Done(response) => reply(answer, wire::answer(&response, Form::OWN, now)),
            Outcome::Watch(cursor) => {
                let (lines, receiver) = mpsc::unbounded_channel();
                self.watches.push((cursor, lines));
                let lines = stream::unfold(receiver, |mut receiver| async {
                    let line = receiver.recv().await?;
                    Some((Ok(Frame::data(line)), receiver))
                });
                let body = StreamBody::new(lines.boxed()).boxed_unsync();
                let _gone = answer.send(wire::json(200, body, now));
            }
            other => panic!("a read is answered or watched: {other:?}"),
        }
    }

    fn answer(&mut self) {
        let now = self.world.now();
        let pending = std::mem::take(&mut self.pending);
        for (id, answer) in pending {
            match self.world.take_answer_of(id) {
                Some(Reply::Api(response)) => {
                    reply(answer, wire::answer(&response, Form::OWN, now));
                }
                Some(_) => {
                    reply(answer, wire::refused(Status::unavailable("lost"), Form::OWN, now));
                }
                None => self.pending.push((id, answer)),
            }
        }
    }

    fn feed(&mut self) {
        let server = self.world.server(0);
        self.watches.retain_mut(|(cursor, lines)| {
            let mut is_read = true;
            while let Some(event) = cursor.next(server) {
                let mut line = event.to_json(&cursor.kind);
                if line.last() != Some(&b'\n') {
                    line.push(b'\n');
                }
                is_read = lines.send(Bytes::from(line)).is_ok();
            }
            is_read && !cursor.is_over()
        });
    }
}

fn reply(to: oneshot::Sender<Answer>, answer: http::Response<Vec<u8>>) {
    let _gone = to.send(answer.map(|body| Full::new(Bytes::from(body)).boxed_unsync()));
}

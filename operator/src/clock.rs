//! What time it is for the operator: what the API server says in its `Date` headers, so that an operator on a simulated
//! cluster lives at its speed, and one on a node with a wrong clock is right.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::DATE;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;
use tower::{Layer, Service};

/// A header tells whole seconds, rounded down.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// The server's time, as far as its headers have told. Between two headers it goes on as the local clock does.
pub struct Clock {
    /// A pair of equal times: the local one and the server's.
    known: Mutex<(Instant, Timestamp)>,
    moved: Notify,
}

impl Clock {
    /// `guess` is what to go by until the server has said something.
    pub fn new(guess: Timestamp) -> Arc<Self> {
        Arc::new(Self { known: Mutex::new((Instant::now(), guess)), moved: Notify::new() })
    }

    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// The local time at which the server will have this one; now for times that have passed.
    pub fn local(&self, at: Timestamp) -> Instant {
        let (local, server) = self.known();
        let now = Instant::now();
        let after = Duration::try_from(at.duration_since(server)).unwrap_or_default();
        // Further than anybody runs.
        local.checked_add(after).map_or(now, |at| at.max(now))
    }

    /// Ends when the server has told that its time is not what it was thought to be.
    pub async fn moved(&self) {
        self.moved.notified().await;
    }

    /// A request that was sent at this local time has come back with this header.
    fn heard(&self, date: Timestamp, sent: Instant) {
        let received = Instant::now();
        let at_least = date;
        // The header was written after the request was sent.
        let at_most = date + STEP + signed(received - sent);
        let before = self.at(received);
        let now = before.clamp(at_least, at_most);
        if now != before {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = (received, now);
            self.moved.notify_one();
        }
    }

    fn at(&self, instant: Instant) -> Timestamp {
        let (local, server) = self.known();
        server.saturating_add(signed(instant - local)).unwrap_or(server)
    }

    fn known(&self) -> (Instant, Timestamp) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Lets a clock hear the answers of a client.
#[derive(Clone)]
pub struct Listen(pub Arc<Clock>);

impl<S> Layer<S> for Listen {
    type Service = Listening<S>;

    fn layer(&self, inner: S) -> Listening<S> {
        Listening { inner, clock: Arc::clone(&self.0) }
    }
}

#[derive(Clone)]
pub struct Listening<S> {
    inner: S,
    clock: Arc<Clock>,
}

impl<S, Request, Body> Service<Request> for Listening<S>
where
    S: Service<Request, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let clock = Arc::clone(&self.clock);
        let sent = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
            if let Some(date) = date {
                clock.heard(date.timestamp(), sent);
            }
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).expect("near the epoch")
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_moves_the_clock_no_further_than_it_tells() {
        let clock = Clock::new(at(0));

        clock.heard(at(100_000), Instant::now());
        assert_eq!(clock.now(), at(100_000), "it was far behind");
        advance(Duration::from_millis(700)).await;
        clock.heard(at(100_000), Instant::now());
        assert_eq!(clock.now(), at(100_700), "that says nothing new");
        clock.heard(at(101_000), Instant::now());
        assert_eq!(clock.now(), at(101_000), "a second has begun");
        clock.heard(at(50_000), Instant::now());
        assert_eq!(clock.now(), at(51_000), "it was ahead");
        assert_eq!(clock.local(at(53_000)), Instant::now() + Duration::from_secs(2));
        assert_eq!(clock.local(at(0)), Instant::now());
    }
}

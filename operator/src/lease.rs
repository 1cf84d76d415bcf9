//! Of several operators on one cluster one is at work: who holds the Lease. Timings are those of client-go.

use std::sync::Arc;
use std::time::Duration;

use drydock_operator_core::view::Key;
use http::Request;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use kube::client::Body;
use kube::{Client, Error};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::request::send;

/// A holder that was not heard of for so long has gone.
const DURATION_S: u64 = 15;
/// A holder that could not renew for so long stops before others take over.
const DEADLINE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);

pub struct Lease {
    pub client: Client,
    pub clock: Arc<Clock>,
    pub key: Key,
    /// Who we are; no other process has the same.
    pub identity: String,
}

/// What is known of a lease that somebody else holds: its last revision, and since when by our own clock.
type Seen = Option<(String, Instant)>;

#[derive(Debug, PartialEq, Eq)]
enum Holder {
    Us,
    Another(String),
    /// Somebody wrote at the same time.
    Unknown,
}

impl Lease {
    /// Ends when we hold it.
    pub async fn acquire(&self) {
        let mut seen = None;
        let mut told = String::new();
        loop {
            match self.try_to_hold(&mut seen).await {
                Ok(Holder::Us) => return,
                Ok(Holder::Another(holder)) if holder != told => {
                    tracing::info!(lease = %self.key, holder, "another operator is at work");
                    told = holder;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(lease = %self.key, "cannot hold the lease: {error}"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Renews it, and ends when it is lost.
    pub async fn keep(&self) {
        let mut held = Instant::now();
        let mut seen = None;
        while held.elapsed() < DEADLINE {
            tokio::time::sleep(RETRY).await;
            match tokio::time::timeout(DEADLINE / 2, self.try_to_hold(&mut seen)).await {
                Ok(Ok(Holder::Us)) => held = Instant::now(),
                Ok(Ok(Holder::Another(_))) => return,
                Ok(Ok(Holder::Unknown)) | Err(_) => {}
                Ok(Err(error)) => tracing::warn!(lease = %self.key, "not renewed: {error}"),
            }
        }
    }

    /// Lets another one take over at once.
    pub async fn release(&self) {
        let released = async {
            let (_, mut lease) = self.get().await?;
            if lease["spec"]["holderIdentity"] == self.identity.as_str() {
                lease["spec"]["holderIdentity"] = json!("");
                self.put(&lease).await?;
            }
            Ok::<_, Error>(())
        };
        if !matches!(tokio::time::timeout(DEADLINE / 2, released).await, Ok(Ok(()))) {
            tracing::warn!(lease = %self.key, "the lease was not given back");
        }
    }

    async fn try_to_hold(&self, seen: &mut Seen) -> Result<Holder, String> {
        let text = |error: Error| error.to_string();
        let (code, stored) = self.get().await.map_err(text)?;
        let now = self.clock.now();
        let (code, answer) = match code {
            404 => self.post(&first(&self.key, &self.identity, now)).await.map_err(text)?,
            200 => match next(&stored, &self.identity, now, seen) {
                Ok(lease) => self.put(&lease).await.map_err(text)?,
                Err(holder) => return Ok(Holder::Another(holder)),
            },
            _ => (code, stored),
        };
        match code {
            200 | 201 => Ok(Holder::Us),
            409 => Ok(Holder::Unknown),
            code => Err(format!("{code} {}", answer["message"].as_str().unwrap_or_default())),
        }
    }

    async fn get(&self) -> Result<(u16, Value), Error> {
        send(&self.client, request("GET", &self.path(&self.key.name), Body::empty())).await
    }

    async fn post(&self, lease: &Value) -> Result<(u16, Value), Error> {
        let body = Body::from(lease.to_string().into_bytes());
        send(&self.client, request("POST", &self.path(""), body)).await
    }

    async fn put(&self, lease: &Value) -> Result<(u16, Value), Error> {
        let body = Body::from(lease.to_string().into_bytes());
        send(&self.client, request("PUT", &self.path(&self.key.name), body)).await
    }

    fn path(&self, name: &str) -> String {
        let leases =
            format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.key.namespace);
        if name.is_empty() { leases } else { format!("{leases}/{name}") }
    }
}

fn request(method: &str, path: &str, body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .expect("names of namespaces and leases are parts of paths")
}

fn first(key: &Key, identity: &str, now: Timestamp) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "namespace": key.namespace, "name": key.name },
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": DURATION_S,
            "acquireTime": micro(now),
            "renewTime": micro(now),
            "leaseTransitions": 0,
        },
    })
}

/// The lease held by us from now on; `Err` with the holder that is still heard of.
fn next(stored: &Value, us: &str, now: Timestamp, seen: &mut Seen) -> Result<Value, String> {
    let spec = &stored["spec"];
    let holder = spec["holderIdentity"].as_str().unwrap_or_default();
    let mut lease = stored.clone();
    if holder != us {
        let revision = stored["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let since = match seen {
            Some((known, since)) if known == revision => *since,
            _ => seen.insert((revision.to_owned(), Instant::now())).1,
        };
        let lasts =
            Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or(DURATION_S));
        if !holder.is_empty() && since.elapsed() < lasts {
            return Err(holder.to_owned());
        }
        let transitions = spec["leaseTransitions"].as_u64().unwrap_or(0) + 1;
        lease["spec"]["leaseTransitions"] = json!(transitions);
        lease["spec"]["acquireTime"] = json!(micro(now));
        lease["spec"]["holderIdentity"] = json!(us);
    }
    lease["spec"]["leaseDurationSeconds"] = json!(DURATION_S);
    lease["spec"]["renewTime"] = json!(micro(now));
    Ok(lease)
}

/// A `MicroTime` has six digits after the point.
fn micro(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_taken_over_when_its_holder_was_not_heard_of_for_its_duration() {
        let now = Timestamp::UNIX_EPOCH;
        let mut lease = first(&Key::new("a", "b"), "one", now);
        lease["metadata"]["resourceVersion"] = json!("1");
        let mut seen = None;

        assert_eq!(next(&lease, "two", now, &mut seen), Err("one".to_owned()));
        advance(Duration::from_secs(10)).await;
        lease["metadata"]["resourceVersion"] = json!("2");
        assert_eq!(next(&lease, "two", now, &mut seen), Err("one".to_owned()));
        advance(Duration::from_secs(14)).await;
        assert_eq!(next(&lease, "two", now, &mut seen), Err("one".to_owned()));
        advance(Duration::from_secs(1)).await;
        let taken = next(&lease, "two", now, &mut seen).expect("it is free");

        assert_eq!(taken["spec"]["holderIdentity"], "two");
        assert_eq!(taken["spec"]["leaseTransitions"], 1);
        assert_eq!(taken["spec"]["renewTime"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(taken["metadata"]["resourceVersion"], "2");
    }
}

//! From a call of a plan to a request, and from the reply to an answer.

use std::time::Duration;

use drydock_operator_api::Kind;
use drydock_operator_core::execution::Answer;
use drydock_operator_core::generate;
use drydock_operator_core::plan::{Call, Propagation};
use drydock_operator_core::view::Key;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use kube::client::Body;
use kube::{Client, Error};
use serde_json::{Value, json};

/// The field manager of all that the operator writes.
const MANAGER: &str = "drydock";
/// A request that takes longer counts as lost.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What came back for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub answer: Answer,
    pub wrote: Option<Written>,
}

impl Reply {
    pub fn new(answer: Answer) -> Self {
        Self { answer, wrote: None }
    }
}

/// What a write did, to be found again in the watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Revision(&'static Kind, u64),
    /// The object with that uid is gone.
    Gone(&'static Kind, Key, String),
}

/// Makes the request. Agent calls and Events are not for here: nothing comes of them.
pub async fn ask(client: &Client, call: &Call) -> Reply {
    let Some(request) = request(call) else { return Reply::new(Answer::Lost) };
    match tokio::time::timeout(TIMEOUT, send(client, request)).await {
        Ok(Ok((code @ 200..=299, body))) => {
            tracing::trace!(code, call = %call.in_words(), "answered");
            Reply { answer: Answer::Ok, wrote: written(call, &body) }
        }
        Ok(Ok((code, body))) => Reply::new(refused(call, code, &body)),
        Ok(Err(error)) => {
            tracing::warn!(%error, call = %call.in_words(), "a request was not answered");
            Reply::new(Answer::Lost)
        }
        Err(_) => {
            tracing::warn!(call = %call.in_words(), "a request was not answered in a minute");
            Reply::new(Answer::Lost)
        }
    }
}

/// The code and the JSON of the answer; what is not JSON is null.
pub async fn send(client: &Client, request: Request<Body>) -> Result<(u16, Value), Error> {
    let answer = client.send(request).await?;
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect().await?.to_bytes();
    Ok((code, serde_json::from_slice(&bytes).unwrap_or_default()))
}

/// `/api/v1`, `/apis/apps.kubeblocks.io/v1`
pub fn group_path(kind: &Kind) -> String {
    match kind.group {
        "" => format!("/api/{}", kind.version),
        group => format!("/apis/{group}/{}", kind.version),
    }
}

fn path(kind: &Kind, namespace: &str, name: &str) -> String {
    let mut path = group_path(kind);
    if !namespace.is_empty() {
        path = format!("{path}/namespaces/{namespace}");
    }
    path = format!("{path}/{}", kind.plural);
    if name.is_empty() { path } else { format!("{path}/{name}") }
}

fn request(call: &Call) -> Option<Request<Body>> {
    let (request, content_type, body) = match call {
        Call::Create { kind, object, generate } => {
            let mut object = object.clone();
            generate::fill(&mut object, generate, |_| random());
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            let path = path(kind, namespace, "");
            (Request::post(format!("{path}?fieldManager={MANAGER}")), "application/json", object)
        }
        Call::Patch { kind, key, subresource, patch } => {
            let mut path = path(kind, &key.namespace, &key.name);
            if let Some(subresource) = subresource {
                path = format!("{path}/{subresource}");
            }
            let content_type = match patch {
                Value::Array(_) => "application/json-patch+json",
                _ => "application/merge-patch+json",
            };
            let request = Request::patch(format!("{path}?fieldManager={MANAGER}"));
            (request, content_type, patch.clone())
        }
        Call::Delete { kind, key, uid, propagation } => {
            let mut options = json!({
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": match propagation {
                    Propagation::Background => "Background",
                    Propagation::Foreground => "Foreground",
                    Propagation::Orphan => "Orphan",
                },
            });
            if !uid.is_empty() {
                options["preconditions"] = json!({ "uid": uid });
            }
            let request = Request::delete(path(kind, &key.namespace, &key.name));
            (request, "application/json", options)
        }
        Call::List { kind, namespace } => {
            let request = Request::get(format!("{}?limit=1", path(kind, namespace, "")));
            return request.body(Body::empty()).ok();
        }
        Call::Agent(_) | Call::Event(_) => return None,
    };
    let body = Body::from(body.to_string().into_bytes());
    request.header(CONTENT_TYPE, content_type).body(body).ok()
}

/// What the answer tells of the object that was written.
fn written(call: &Call, body: &Value) -> Option<Written> {
    let kind = call.kind()?;
    match call {
        // The object is gone at once, and the answer tells only which one it was.
        Call::Delete { key, uid, .. } if body["kind"] == "Status" => {
            let uid = match uid.as_str() {
                "" => body["details"]["uid"].as_str()?,
                uid => uid,
            };
            Some(Written::Gone(kind, key.clone(), uid.to_owned()))
        }
        Call::List { .. } => None,
        _ => {
            let revision = body["metadata"]["resourceVersion"].as_str()?;
            Some(Written::Revision(kind, revision.parse().ok()?))
        }
    }
}

/// A server that has no such kind has no such path: it says so in plain text, and not in a Status.
fn refused(call: &Call, code: u16, body: &Value) -> Answer {
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    match call.kind() {
        Some(kind) if code == 404 && (body.is_null() || body["reason"].is_null()) => {
            Answer::no_match(kind)
        }
        _ if body.is_null() => Answer::Refused {
            code,
            reason: String::new(),
            message: format!("the server answered {code}"),
        },
        _ => Answer::Refused { code, reason: text("reason"), message: text("message") },
    }
}

/// From the operating system: what is made of it are passwords.
fn random() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::Resource;
    use drydock_operator_api::core::Pod;

    use super::*;

    fn delete(uid: &str) -> Call {
        Call::Delete {
            kind: Pod::kind(),
            key: Key::new("demo", "demo-0"),
            uid: uid.to_owned(),
            propagation: Propagation::Background,
        }
    }

    #[test]
    fn a_kind_that_is_not_served_is_told_apart_from_an_object_that_is_gone() {
        let reason = |body: &Value| match refused(&delete(""), 404, body) {
            Answer::Refused { reason, .. } => reason,
            other => panic!("not refused: {other:?}"),
        };

        assert_eq!(reason(&json!({ "kind": "Status", "reason": "NotFound" })), "NotFound");
        assert_eq!(reason(&Value::Null), "NoMatch");
    }

    #[test]
    fn a_write_is_found_again_by_its_revision_or_by_what_is_gone() {
        let pending = json!({ "kind": "Pod", "metadata": { "resourceVersion": "12" } });
        let gone = json!({ "kind": "Status", "details": { "uid": "u" } });

        assert_eq!(written(&delete(""), &pending), Some(Written::Revision(Pod::kind(), 12)));
        let key = Key::new("demo", "demo-0");
        assert_eq!(written(&delete(""), &gone), Some(Written::Gone(Pod::kind(), key, "u".into())));
    }
}

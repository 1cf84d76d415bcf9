//! The log of who asked for what, one JSON object a line, as a real server writes it at the level Metadata.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, PoisonError};

use drydock_apiserver::http::{Entry, Named};
use drydock_apiserver::{Status, User};
use hyper::header::USER_AGENT;
use hyper::http::request;
use hyper::http::response::Parts;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// Where it is written to.
#[derive(Clone)]
pub struct AuditLog(Arc<Mutex<File>>);

/// What is known of a request when it comes in.
pub struct Record {
    line: Line,
}

#[derive(Clone, Copy)]
pub enum Stage {
    /// A watch has begun.
    ResponseStarted,
    ResponseComplete,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    kind: &'static str,
    api_version: &'static str,
    level: &'static str,
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: &'static str,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: UserInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonated_user: Option<UserInfo>,
    #[serde(rename = "sourceIPs")]
    source_ips: [IpAddr; 1],
    #[serde(skip_serializing_if = "String::is_empty")]
    user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_ref: Option<ObjectRef>,
    response_status: Value,
    request_received_timestamp: String,
    stage_timestamp: String,
    annotations: Value,
}

#[derive(Clone, Serialize)]
struct UserInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    username: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extra: std::collections::BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef {
    #[serde(skip_serializing_if = "String::is_empty")]
    resource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    api_group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    subresource: String,
}

impl AuditLog {
    /// Goes on at the end of a file that only its owner may read.
    pub fn open(path: &str) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Arc::new(Mutex::new(file))))
    }

    /// `answer`: what is known of it, without its body.
    pub fn write(&self, record: &Record, stage: Stage, answer: &Parts, now: Timestamp) {
        let mut line = record.line.clone();
        line.stage = match stage {
            Stage::ResponseStarted => "ResponseStarted",
            Stage::ResponseComplete => "ResponseComplete",
        };
        line.stage_timestamp = microseconds(now);
        let refusal: Option<&Arc<Status>> = answer.extensions.get();
        line.response_status = status(answer.status.as_u16(), refusal.map(|status| &**status));
        if let Some(object) = &mut line.object_ref
            && object.name.is_empty()
        {
            let named: Option<&Named> = answer.extensions.get();
            let refused = refusal.and_then(|status| status.details.as_ref());
            let name = named.map(|named| &named.0).or(refused.map(|details| &details.name));
            object.name = name.cloned().unwrap_or_default();
        }
        let Ok(mut text) = serde_json::to_vec(&line) else { return };
        text.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written to must not keep the cluster from answering.
        let _full = file.write_all(&text);
    }
}

impl Record {
    pub fn of(
        id: &str,
        parts: &request::Parts,
        entry: &Entry,
        peer: IpAddr,
        now: Timestamp,
    ) -> Self {
        let deed = &entry.deed;
        let decision = if entry.decision.allowed { "allow" } else { "forbid" };
        let annotations = match &entry.user {
            Some(_) => json!({
                "authorization.k8s.io/decision": decision,
                "authorization.k8s.io/reason": entry.decision.reason,
            }),
            None => json!({}),
        };
        let object_ref = deed.path.is_empty().then(|| ObjectRef {
            resource: deed.resource.clone(),
            namespace: deed.namespace.clone(),
            name: deed.name.clone(),
            api_group: deed.group.clone(),
            api_version: deed.version.clone(),
            subresource: deed.subresource.clone(),
        });
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let uri = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let nobody = User::new("", [""; 0]);
        let line = Line {
            kind: "Event",
            api_version: "audit.k8s.io/v1",
            level: "Metadata",
            audit_id: id.to_owned(),
            stage: "",
            request_uri: uri.to_owned(),
            verb: deed.verb.clone(),
            user: UserInfo::of(entry.user.as_ref().unwrap_or(&nobody)),
            impersonated_user: entry.impersonated.as_ref().map(UserInfo::of),
            source_ips: [peer],
            user_agent: agent.unwrap_or_default().to_owned(),
            object_ref,
            response_status: Value::Null,
            request_received_timestamp: microseconds(now),
            stage_timestamp: String::new(),
            annotations,
        };
        Self { line }
    }
}

impl UserInfo {
    fn of(user: &User) -> Self {
        Self {
            username: user.name.to_string(),
            uid: user.uid.clone(),
            groups: user.groups.iter().map(ToString::to_string).collect(),
            extra: user.extra.clone(),
        }
    }
}

/// The answer as far as it is logged: of a refusal all but its kind.
fn status(code: u16, refusal: Option<&Status>) -> Value {
    let mut status = json!({ "metadata": {}, "code": code });
    let refusal = refusal.and_then(|refusal| serde_json::to_value(refusal).ok());
    for (key, value) in refusal.iter().filter_map(Value::as_object).flatten() {
        if !matches!(key.as_str(), "kind" | "apiVersion") {
            status[key.as_str()] = value.clone();
        }
    }
    status
}

fn microseconds(time: Timestamp) -> String {
    format!("{time:.6}")
}

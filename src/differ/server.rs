//! One of the two servers: what it serves, and what it answers.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use super::story::{Names, Step, Verb};

/// How long a server may take; a watch of a story lasts a second.
const PATIENCE: Duration = Duration::from_secs(8);

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    text: String,
}

impl Reply {
    #[cfg(test)]
    pub fn new(status: u16, headers: &[(&str, &str)], text: String) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Self { status, headers: headers.collect(), text }
    }

    /// All values of a header.
    pub fn header(&self, name: &str) -> String {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// The documents of the body: one, or one for each event of a watch.
    pub fn bodies(&self) -> Vec<Value> {
        let mut documents = Vec::new();
        for document in serde_json::Deserializer::from_str(&self.text).into_iter::<Value>() {
            match document {
                Ok(document) => documents.push(document),
                Err(_) => return vec![Value::from(self.text.as_str())],
            }
        }
        documents
    }

    pub fn body(&self) -> Value {
        self.bodies().into_iter().next().unwrap_or_default()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// As a server with a fault in it answers.
    #[cfg(test)]
    pub fn with_text(&self, text: String) -> Self {
        Self { text, ..self.clone() }
    }

    pub fn is_broken_off(&self) -> bool {
        self.status == 0 && self.text.starts_with(BROKEN_OFF)
    }

    #[cfg(test)]
    pub fn with_status(&self, status: u16) -> Self {
        Self { status, ..self.clone() }
    }

    #[cfg(test)]
    pub fn without_header(&self, name: &str) -> Self {
        let headers = self.headers.iter().filter(|(known, _)| known != name).cloned().collect();
        Self { headers, ..self.clone() }
    }
}

const BROKEN_OFF: &str = "no whole answer";

/// What is wrong with a server that planted faults are in; tests hold that each is found.
pub type Fault = fn(&Step, Reply) -> Reply;

#[derive(Clone)]
pub struct Server {
    client: Client,
    fault: Option<Fault>,
}

impl Server {
    pub fn new(client: Client) -> Self {
        Self { client, fault: None }
    }

    #[cfg(test)]
    pub fn with_fault(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let reply = self.send("GET", path, &[], String::new()).await?;
        anyhow::ensure!(reply.status == 200, "GET {path}: {} {}", reply.status, reply.text);
        Ok(reply.body())
    }

    pub async fn create(&self, path: &str, object: &Value) -> anyhow::Result<Reply> {
        let headers = [("content-type", "application/json")];
        self.send("POST", path, &headers, object.to_string()).await
    }

    /// Deletes an object at once: whatever holds it is let go. A definition that waited for its last object would keep
    /// others waiting.
    pub async fn remove(&self, path: &str) -> anyhow::Result<()> {
        let reply = self.send("DELETE", path, &[], String::new()).await?;
        if !reply.body()["metadata"]["finalizers"].is_null() {
            let headers = [("content-type", "application/merge-patch+json")];
            let free = r#"{"metadata":{"finalizers":null}}"#;
            self.send("PATCH", path, &headers, free.to_owned()).await?;
        }
        Ok(())
    }

    /// What it answers to a step, and learns of the object from it.
    pub async fn play(&self, step: &Step, names: &mut Names) -> anyhow::Result<Reply> {
        // By the same user on both: some objects say who made them.
        let mut headers = vec![
            ("user-agent", "differ"),
            ("impersonate-user", "differ"),
            ("impersonate-group", "system:masters"),
        ];
        headers.extend(step.content_type.as_deref().map(|value| ("content-type", value)));
        headers.extend(step.accept.as_deref().map(|value| ("accept", value)));
        let body = names.fill(&step.body.text());
        let mut reply = self.send(&step.method, &names.fill(&step.path), &headers, body).await?;
        if let Some(fault) = self.fault {
            reply = fault(step, reply);
        }
        if step.verb != Verb::Watch && reply.status < 300 {
            names.learn(&reply.body());
        }
        Ok(reply)
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> anyhow::Result<Reply> {
        let mut request = hyper::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.into_bytes()))?;
        let answered = async {
            let (parts, body) = self.client.send(request).await?.into_parts();
            anyhow::Ok((parts, body.collect().await?.to_bytes()))
        };
        let Ok(answered) = tokio::time::timeout(PATIENCE, answered).await else {
            // Not to answer is an answer too, and the other server may give another one.
            let text = format!("no answer within {PATIENCE:?}");
            return Ok(Reply { status: 0, headers: Vec::new(), text });
        };
        // Nor is a connection that breaks off: a server that falls over in one request is to be seen, not the end.
        let (parts, bytes) = match answered {
            Ok(answered) => answered,
            Err(error) => {
                let text = format!("{BROKEN_OFF}: {error:#}");
                return Ok(Reply { status: 0, headers: Vec::new(), text });
            }
        };
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())
        });
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

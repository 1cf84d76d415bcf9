//! Calls to the agents in the pods: one HTTP request each, answered when the action has ended.

use std::time::Duration;

use drydock_operator_api::core::Pod;
use drydock_operator_core::plan::AgentCall;
use drydock_operator_core::view::View;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The agent ends a blocking action after a minute; what has not answered then will not.
const PATIENCE: Duration = Duration::from_secs(65);
const CONNECT: Duration = Duration::from_secs(5);

/// How an agent is reached. On a real cluster over HTTP.
pub trait Agents: Send + Sync {
    /// Gives the JSON of the reply, or why there is none.
    fn post(&self, address: String, body: Value) -> BoxFuture<'static, Result<Value, String>>;
}

/// Makes the call; the error is what the agent said, or why it could not be asked.
pub async fn call(agents: &dyn Agents, address: String, call: &AgentCall) -> Result<(), String> {
    let mut body = json!({ "action": call.action, "parameters": call.parameters });
    if let Some(timeout) = call.timeout {
        body["timeoutSeconds"] = json!(timeout.as_secs());
    }
    let reply = agents.post(address, body).await?;
    match reply["error"].as_str() {
        None | Some("") => Ok(()),
        Some(error) => match reply["message"].as_str() {
            None | Some("") => Err(error.to_owned()),
            Some(message) => Err(message.to_owned()),
        },
    }
}

/// Where the agent of the pod listens, if the pod is the one that was meant and has an agent.
pub fn address(view: &dyn View, call: &AgentCall) -> Result<String, String> {
    let name = &call.pod.name;
    let pod = view
        .get::<Pod>(&call.pod.namespace, name)
        .filter(|pod| pod.metadata.uid == call.pod_uid)
        .ok_or_else(|| format!("pod {name} is gone"))?;
    let agent = pod.spec.containers.iter().find(|container| container.name == "kbagent");
    let port = agent.and_then(|agent| agent.ports.iter().find(|port| port.name == "http"));
    let port = port.ok_or_else(|| format!("pod {name} has no agent"))?;
    match &*pod.status.pod_ip {
        "" => Err(format!("pod {name} has no address")),
        ip if ip.contains(':') => Ok(format!("[{ip}]:{}", port.container_port)),
        ip => Ok(format!("{ip}:{}", port.container_port)),
    }
}

pub struct HttpAgents {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Default for HttpAgents {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }
}

impl Agents for HttpAgents {
    fn post(&self, address: String, body: Value) -> BoxFuture<'static, Result<Value, String>> {
        let client = self.client.clone();
        Box::pin(async move {
            let request = http::Request::post(format!("http://{address}/v1.0/action"))
                .header("content-type", "application/json")
                .body(Full::from(body.to_string()))
                .map_err(|error| error.to_string())?;
            let reply = async {
                let reply = client.request(request).await.map_err(|error| error.to_string())?;
                let status = reply.status();
                let bytes = reply.into_body().collect().await.map_err(|error| error.to_string())?;
                // An agent answers with 200 also for an action that failed; what else answers is no agent.
                let said = || serde_json::from_slice(&bytes.to_bytes()).ok();
                let said = matches!(status.as_u16(), 200 | 500).then(said).flatten();
                said.ok_or_else(|| format!("the agent answered {status}"))
            };
            tokio::time::timeout(PATIENCE, reply)
                .await
                .unwrap_or_else(|_| Err("the agent did not answer".to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use drydock_operator_core::plan::OnFailure;
    use drydock_operator_core::view::Key;
    use jiff::SignedDuration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    struct Says(Value, Mutex<Option<Value>>);

    impl Agents for Says {
        fn post(&self, _address: String, body: Value) -> BoxFuture<'static, Result<Value, String>> {
            *self.1.lock().expect("nobody panics") = Some(body);
            let reply = self.0.clone();
            Box::pin(async { Ok(reply) })
        }
    }

    fn switchover() -> AgentCall {
        AgentCall {
            pod: Key::new("demo", "demo-0"),
            pod_uid: "uid".to_owned(),
            action: "switchover".to_owned(),
            parameters: [("A".to_owned(), "b".to_owned())].into(),
            timeout: Some(SignedDuration::from_secs(5)),
            on_failure: OnFailure::Ignore,
        }
    }

    #[tokio::test]
    async fn an_action_that_failed_is_told_in_the_agents_words() {
        let good = Says(json!({ "error": "", "message": "" }), Mutex::default());
        let bad = Says(json!({ "error": "failed", "message": "exit code: 1" }), Mutex::default());

        assert_eq!(call(&good, String::new(), &switchover()).await, Ok(()));
        assert_eq!(call(&bad, String::new(), &switchover()).await, Err("exit code: 1".to_owned()));
        let asked = good.1.into_inner().expect("nobody panics");
        assert_eq!(
            asked,
            Some(
                json!({ "action": "switchover", "parameters": { "A": "b" }, "timeoutSeconds": 5 })
            )
        );
    }

    /// Answers one request so, and gives what was asked.
    async fn agent(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody asks");
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.expect("in one piece");
            stream.write_all(answer.as_bytes()).await.expect("somebody listens");
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (address, asked)
    }

    #[tokio::test]
    async fn an_agent_is_asked_over_http_and_nobody_else_is_taken_for_one() {
        let (address, asked) =
            agent("HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n{\"error\":\"notDefined\"}\n")
                .await;
        let (other, _) = agent("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await;
        let agents = HttpAgents::default();

        let answered = call(&agents, address, &switchover()).await;
        let refused = call(&agents, other, &switchover()).await;

        assert_eq!(answered, Err("notDefined".to_owned()));
        assert_eq!(refused, Err("the agent answered 404 Not Found".to_owned()));
        let asked = asked.await.expect("it was asked");
        assert!(asked.starts_with("POST /v1.0/action HTTP/1.1\r\n"), "{asked}");
    }
}

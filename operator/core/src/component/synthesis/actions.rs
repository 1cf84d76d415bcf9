//! How the agent in a pod is told its actions and probes: JSON texts in its environment.

use std::collections::BTreeMap;

use drydock_operator_api::apps::{Action, HttpHeader, LifecycleActions, Probe};
use serde::Serialize;

use crate::hash::go_escape;

/// The text of `KB_AGENT_ACTION`.
pub fn actions_json(actions: &[(String, &Action)]) -> String {
    let actions: Vec<AgentAction<'_>> =
        actions.iter().filter_map(|(name, action)| agent_action(name, action)).collect();
    list_json(&actions)
}

/// The text of `KB_AGENT_PROBE`.
pub fn probes_json(instance: &str, probes: &[(&str, &Probe)]) -> String {
    let probes: Vec<AgentProbe<'_>> = probes
        .iter()
        .filter(|(_, probe)| has_handler(&probe.action))
        .map(|(name, probe)| agent_probe(instance, name, probe))
        .collect();
    list_json(&probes)
}

/// All actions of a definition but the probes, in the order in which the agent is told of them and
/// in which their environments are merged.
pub fn plain(actions: &LifecycleActions) -> Vec<(&'static str, &Action)> {
    [
        ("postProvision", &actions.post_provision),
        ("preTerminate", &actions.pre_terminate),
        ("switchover", &actions.switchover),
        ("memberJoin", &actions.member_join),
        ("memberLeave", &actions.member_leave),
        ("readonly", &actions.readonly),
        ("readwrite", &actions.readwrite),
        ("dataDump", &actions.data_dump),
        ("dataLoad", &actions.data_load),
        ("reconfigure", &actions.reconfigure),
        ("accountProvision", &actions.account_provision),
    ]
    .into_iter()
    .filter_map(|(name, action)| Some((name, action.as_ref()?)))
    .collect()
}

/// Role probe, then availability probe.
pub fn probes(actions: &LifecycleActions) -> Vec<(&'static str, &Probe)> {
    [("roleProbe", &actions.role_probe), ("availableProbe", &actions.available_probe)]
        .into_iter()
        .filter_map(|(name, probe)| Some((name, probe.as_ref()?)))
        .collect()
}

/// The task that a new replica finds in its environment, `KB_AGENT_TASK`: to load its data from
/// another one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewReplicaTask<'a> {
    pub instance: &'a str,
    pub task: &'static str,
    #[serde(rename = "UID")]
    pub uid: String,
    pub replicas: &'a str,
    pub notify_at_finish: bool,
    pub report_period_seconds: i32,
    pub new_replica: NewReplica<'a>,
}

#[derive(Serialize)]
pub struct NewReplica<'a> {
    pub remote: String,
    pub port: i32,
    pub replicas: &'a str,
}

impl NewReplicaTask<'_> {
    pub fn json(&self) -> String {
        list_json(std::slice::from_ref(self))
    }
}

/// An empty list is `null`, as Go writes a list that was never made.
fn list_json<T: Serialize>(list: &[T]) -> String {
    if list.is_empty() {
        return "null".to_owned();
    }
    go_escape(&serde_json::to_string(list).expect("plain structs serialize"))
}

fn has_handler(action: &Action) -> bool {
    action.exec.is_some() || action.http.is_some() || action.grpc.is_some()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentAction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exec: Option<Exec<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc: Option<Grpc<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    non_blocking: bool,
    #[serde(skip_serializing_if = "is_zero")]
    timeout_seconds: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<Retry>,
}

#[derive(Serialize)]
struct Exec<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    command: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    args: &'a [String],
}

#[derive(Serialize)]
struct Http<'a> {
    port: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scheme: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
    #[serde(skip_serializing_if = "<[HttpHeader]>::is_empty")]
    headers: &'a [HttpHeader],
}

#[derive(Serialize)]
struct Grpc<'a> {
    port: &'a str,
    service: &'a str,
    method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    request: &'a BTreeMap<String, String>,
    response: Response<'a>,
}

#[derive(Serialize, Default)]
struct Response<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Retry {
    #[serde(skip_serializing_if = "is_zero")]
    max_retries: i32,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    retry_interval: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentProbe<'a> {
    instance: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    initial_delay_seconds: i32,
    #[serde(skip_serializing_if = "is_zero")]
    period_seconds: i32,
    #[serde(skip_serializing_if = "is_zero")]
    success_threshold: i32,
    #[serde(skip_serializing_if = "is_zero")]
    failure_threshold: i32,
    report_period_seconds: i32,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    report_on_file_change: &'static [&'static str],
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn agent_action<'a>(name: &'a str, action: &'a Action) -> Option<AgentAction<'a>> {
    const NANOSECONDS: i64 = 1_000_000_000;
    has_handler(action).then(|| AgentAction {
        name,
        exec: action.exec.as_ref().map(|exec| Exec { command: &exec.command, args: &exec.args }),
        http: action.http.as_ref().map(|http| Http {
            port: &http.port,
            host: &http.host,
            scheme: &http.scheme,
            path: &http.path,
            method: &http.method,
            body: &http.body,
            headers: &http.headers,
        }),
        grpc: action.grpc.as_ref().map(|grpc| Grpc {
            port: &grpc.port,
            service: &grpc.service,
            method: &grpc.method,
            host: &grpc.host,
            request: &grpc.request,
            response: grpc
                .response
                .as_ref()
                .map(|response| Response { status: &response.status, message: &response.message })
                .unwrap_or_default(),
        }),
        non_blocking: action.non_blocking,
        timeout_seconds: action.timeout_seconds,
        retry_policy: action.retry_policy.as_ref().map(|policy| Retry {
            max_retries: policy.max_retries,
            retry_interval: policy
                .retry_interval_seconds
                .map_or(policy.retry_interval, |seconds| seconds.saturating_mul(NANOSECONDS)),
        }),
    })
}

fn agent_probe<'a>(instance: &'a str, name: &'a str, probe: &Probe) -> AgentProbe<'a> {
    /// The agent repeats its last report at least this seldom.
    const SHORTEST_REPORT_PERIOD: i32 = 15;
    const REPORT_PERIOD: i32 = 60;
    let period = probe.period_seconds.unwrap_or(0);
    AgentProbe {
        instance,
        action: name,
        initial_delay_seconds: probe.initial_delay_seconds.unwrap_or(0),
        period_seconds: period,
        success_threshold: probe.success_threshold.unwrap_or(0),
        failure_threshold: probe.failure_threshold.unwrap_or(0),
        report_period_seconds: if period <= 0 {
            REPORT_PERIOD
        } else {
            period.max(SHORTEST_REPORT_PERIOD)
        },
        report_on_file_change: if name == "roleProbe" {
            &[super::agent::ROLE_LABEL_PATH]
        } else {
            &[]
        },
    }
}

#[cfg(test)]
mod tests {
    use drydock_operator_api::apps::{ExecAction, GrpcAction, HttpAction, RetryPolicy};

    use super::*;

    fn exec(command: &[&str]) -> Action {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Action { exec: Some(ExecAction { command, ..ExecAction::default() }), ..Action::default() }
    }

    #[test]
    fn commands_are_escaped_as_go_does_and_zero_values_left_out() {
        let leave = Action { timeout_seconds: 60, ..exec(&["sh", "-c", "a > b && c"]) };

        let json = actions_json(&[
            ("memberLeave".to_owned(), &leave),
            ("empty".to_owned(), &Action::default()),
        ]);

        assert_eq!(
            json,
            r#"[{"name":"memberLeave","exec":{"command":["sh","-c","a \u003e b \u0026\u0026 c"]},"timeoutSeconds":60}]"#
        );
        assert_eq!(actions_json(&[]), "null");
    }

    #[test]
    fn requests_and_calls_keep_the_fields_that_are_always_there() {
        let http = Action {
            http: Some(HttpAction {
                port: "80".to_owned(),
                path: "/ping".to_owned(),
                ..HttpAction::default()
            }),
            retry_policy: Some(RetryPolicy {
                max_retries: 3,
                retry_interval: 5,
                retry_interval_seconds: Some(2),
            }),
            ..Action::default()
        };
        let grpc =
            Action { grpc: Some(GrpcAction::default()), non_blocking: true, ..Action::default() };

        let json = actions_json(&[("a".to_owned(), &http), ("b".to_owned(), &grpc)]);

        assert_eq!(
            json,
            concat!(
                r#"[{"name":"a","http":{"port":"80","path":"/ping"},"#,
                r#""retryPolicy":{"maxRetries":3,"retryInterval":2000000000}},"#,
                r#"{"name":"b","grpc":{"port":"","service":"","method":"","response":{}},"nonBlocking":true}]"#
            )
        );
    }

    #[test]
    fn a_probe_reports_again_after_its_period_but_not_more_often_than_every_15_seconds() {
        let probe =
            |period| Probe { action: exec(&["x"]), period_seconds: period, ..Probe::default() };

        let json = probes_json(
            "demo-redis",
            &[("roleProbe", &probe(Some(1))), ("availableProbe", &probe(None))],
        );

        assert_eq!(
            json,
            concat!(
                r#"[{"instance":"demo-redis","action":"roleProbe","periodSeconds":1,"reportPeriodSeconds":15,"#,
                r#""reportOnFileChange":["/etc/kubeblocks/pod-metadata"]},"#,
                r#"{"instance":"demo-redis","action":"availableProbe","reportPeriodSeconds":60}]"#
            )
        );
    }
}

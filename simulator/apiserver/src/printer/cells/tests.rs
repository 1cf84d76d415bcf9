use super::*;
use crate::kinds::Profile;
use crate::printer::columns;
use crate::store::Server;

fn row(kind: &str, group: &str, object: Value) -> Value {
    let server = Server::new(Profile::V1_34, 1);
    let id = server.kind(group, kind).expect("a builtin kind");
    let kind = server.kind_info(id).expect("a builtin kind");
    let now = "2026-01-01T01:00:00Z".parse().expect("a time");
    Value::Array(of(kind, &columns::of(kind, 34), &Tree::from_value(object), now))
}

/// Kinds of which nothing is ever stored, and the one that is long gone: their cells are empty.
const WITHOUT: &[&str] = &["ComponentStatus", "PodSecurityPolicy"];

#[test]
fn every_column_of_every_builtin_kind_has_its_cell() {
    let without = [Profile::V1_20, Profile::V1_34].into_iter().flat_map(|profile| {
        let minor = profile.minor;
        let server = Server::new(profile, 1);
        let missing =
            server.kinds().filter(|kind| !WITHOUT.contains(&&*kind.kind)).flat_map(|kind| {
                let pod = |column: &Column| {
                    kind.is("", "Pod") && matches!(&*column.name, "Ready" | "Status" | "Restarts")
                };
                columns::of(kind, minor)
                    .into_iter()
                    .filter(|column| !pod(column) && cell_of(&kind.kind, &column.name).is_none())
                    .map(|column| format!("{} {}", kind.kind, column.name))
                    .collect::<Vec<_>>()
            });
        missing.collect::<Vec<_>>()
    });

    assert_eq!(without.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_pod_that_crashes_says_why_and_when_it_was_started_again() {
    let pod = json!({
        "metadata": { "name": "p", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "containers": [{ "name": "a" }, { "name": "b" }], "nodeName": "n" },
        "status": { "phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [
            { "ready": true, "restartCount": 0, "state": { "running": {} } },
            { "ready": false, "restartCount": 2, "state": { "waiting": { "reason": "CrashLoopBackOff" } },
              "lastState": { "terminated": { "finishedAt": "2026-01-01T00:55:00Z" } } },
        ] },
    });

    assert_eq!(
        row("Pod", "", pod),
        json!([
            "p",
            "1/2",
            "CrashLoopBackOff",
            "2 (5m ago)",
            "60m",
            "10.0.0.1",
            "n",
            "<none>",
            "<none>"
        ])
    );
}

#[test]
fn a_pod_that_is_initialized_says_how_far_it_is() {
    let pod = json!({
        "metadata": { "name": "p" },
        "spec": { "initContainers": [{ "name": "i" }, { "name": "j" }], "containers": [{ "name": "a" }] },
        "status": { "phase": "Pending", "initContainerStatuses": [
            { "name": "i", "state": { "terminated": { "exitCode": 0 } } },
            { "name": "j", "state": { "running": {} } },
        ] },
    });

    assert_eq!(row("Pod", "", pod)[2], json!("Init:1/2"));
}

#[test]
fn many_metrics_of_an_autoscaler_are_counted() {
    let metric = |name: &str| {
        json!({ "type": "Resource", "resource": { "name": name,
        "target": { "type": "Utilization", "averageUtilization": 50 } } })
    };
    let autoscaler =
        json!({ "spec": { "metrics": [metric("cpu"), metric("memory"), metric("x")] } });

    assert_eq!(
        row("HorizontalPodAutoscaler", "autoscaling", autoscaler)[2],
        json!("cpu: <unknown>/50%, memory: <unknown>/50% + 1 more...")
    );
}

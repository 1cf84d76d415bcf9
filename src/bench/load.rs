//! `drydock bench load`: what a request costs an API server, beside what it costs another one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use futures::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::paint::{Progress, print, table};
use crate::run::Format;
use crate::servers::{Served, client};
use crate::{Exit, Refusal};

/// CPU per request and memory of Drydock's API server, and of another one beside it.
///
/// The same client sends both the same requests about pods, over HTTPS. What is counted is the CPU time of the
/// server's process, in user and system mode: not that of the client, nor of a store like etcd unless its process
/// is named too. Linux only.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock bench load
  drydock bench load --pods 50000
  drydock bench load --against KUBECONFIG --pid $(pidof kube-apiserver)

Exit codes: 0 measured, 3 a server cannot be reached, or refuses.")]
pub struct Arguments {
    /// The kubeconfig of another server on this machine
    #[arg(long, value_name = "KUBECONFIG", requires = "pid")]
    against: Option<PathBuf>,
    /// The process of the other server; several are added up
    #[arg(long, value_name = "PID", requires = "against")]
    pid: Vec<u32>,
    /// How many requests of each sort; of lists a twentieth
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(500..=1_000_000))]
    requests: u64,
    /// How many requests are on their way at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    at_once: u64,
    /// How much memory that many pods take
    #[arg(long, value_name = "N")]
    pods: Option<u64>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::not_run(format_args!("cannot start: {error}")))?;
    let measured = runtime
        .block_on(measured(arguments))
        .map_err(|error| Refusal::not_run(format_args!("{error:#}")))?;
    match arguments.output {
        Format::Human => print(&shown(&measured))?,
        Format::Json => print(&format!("{}\n", document(&measured)))?,
    }
    Ok(Exit::Held)
}

/// What is measured, in this order: each needs what those before it made.
const SORTS: [Sort; 5] = [
    Sort { name: "create", method: "POST", media: "application/json", share: 1 },
    Sort { name: "get", method: "GET", media: "application/json", share: 1 },
    Sort { name: "merge patch", method: "PATCH", media: "application/merge-patch+json", share: 1 },
    Sort { name: "apply", method: "PATCH", media: "application/apply-patch+yaml", share: 1 },
    Sort { name: "list of 500", method: "GET", media: "application/json", share: 20 },
];

struct Sort {
    name: &'static str,
    method: &'static str,
    media: &'static str,
    /// One of how many requests.
    share: u64,
}

impl Sort {
    fn path(&self, namespace: &str, number: u64) -> String {
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        match self.name {
            "create" => pods,
            "list of 500" => format!("{pods}?limit=500"),
            "apply" => format!("{pods}/pod-{number}?fieldManager=bench&force=true"),
            _ => format!("{pods}/pod-{number}"),
        }
    }

    fn body(&self, namespace: &str, number: u64) -> Vec<u8> {
        match self.name {
            "create" => pod(namespace, number, "created").to_string().into_bytes(),
            "apply" => pod(namespace, number, "applied").to_string().into_bytes(),
            "merge patch" => {
                json!({ "metadata": { "annotations": { "bench": number.to_string() } } })
                    .to_string()
                    .into_bytes()
            }
            _ => Vec::new(),
        }
    }
}

/// A pod as an operator of databases makes them, of about 2 KB.
fn pod(namespace: &str, number: u64, step: &str) -> Value {
    let env = |name: &str, value: &str| json!({ "name": name, "value": value });
    let from = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": path } } });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("pod-{number}"),
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "bench",
                "app.kubernetes.io/instance": format!("cluster-{}", number / 3),
                "app.kubernetes.io/name": "redis",
            },
            "annotations": { "bench/step": step },
        },
        "spec": {
            "containers": [
                {
                    "name": "redis",
                    "image": "docker.io/library/redis:7.2.4",
                    "command": ["/bin/sh", "-c", "exec redis-server /etc/redis/redis.conf"],
                    "env": [from("POD_NAME", "metadata.name"), from("POD_IP", "status.podIP"), env("PORT", "6379"), env("MODE", "replication")],
                    "ports": [{ "name": "redis", "containerPort": 6379 }],
                    "resources": { "requests": { "cpu": "500m", "memory": "512Mi" }, "limits": { "cpu": "500m", "memory": "512Mi" } },
                    "readinessProbe": { "exec": { "command": ["sh", "-c", "redis-cli ping"] }, "periodSeconds": 5 },
                    "volumeMounts": [{ "name": "data", "mountPath": "/data" }, { "name": "config", "mountPath": "/etc/redis" }],
                },
                {
                    "name": "metrics",
                    "image": "docker.io/oliver006/redis_exporter:v1.58.0",
                    "ports": [{ "name": "metrics", "containerPort": 9121 }],
                    "resources": { "requests": { "cpu": "50m", "memory": "64Mi" } },
                },
            ],
            "volumes": [{ "name": "data", "emptyDir": {} }, { "name": "config", "configMap": { "name": "redis-config" } }],
            "terminationGracePeriodSeconds": 0,
        },
    })
}

/// A server, and the processes whose time counts.
struct Side {
    name: &'static str,
    client: Client,
    processes: Vec<u32>,
    namespace: String,
    /// Microseconds of CPU per request, in the order of `SORTS`.
    costs: Vec<f64>,
    /// Bytes of memory before and after the pods were made.
    memory: Option<(u64, u64)>,
    _ours: Option<Served>,
}

async fn measured(arguments: &Arguments) -> anyhow::Result<Vec<Side>> {
    let namespace = format!("bench-{:x}", Timestamp::now().as_second());
    let served = Served::start("target/bench", &[]).await?;
    let side = |name, client, processes, ours| Side {
        name,
        client,
        processes,
        namespace: namespace.clone(),
        costs: Vec::new(),
        memory: None,
        _ours: ours,
    };
    let mut sides = vec![side("drydock", served.client().await?, vec![served.pid()], Some(served))];
    if let Some(path) = &arguments.against {
        sides.push(side("other", client(path).await?, arguments.pid.clone(), None));
    }
    let mut progress = Progress::new();
    for side in &sides {
        let body =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        side.ask("POST", "/api/v1/namespaces", "application/json", body.to_string().into_bytes())
            .await?;
    }
    for sort in &SORTS {
        for side in &mut sides {
            progress.show(|| format!("{} on {}", sort.name, side.name));
            let cost = side.cost(sort, arguments).await?;
            side.costs.push(cost);
        }
    }
    if let Some(pods) = arguments.pods {
        for side in &mut sides {
            progress.show(|| format!("{pods} pods on {}", side.name));
            side.memory = Some(side.filled(pods, arguments).await?);
        }
    }
    for side in &sides {
        progress.show(|| format!("cleaning up on {}", side.name));
        // A server may take longer to delete that many pods than it gives a client: it goes on without one.
        for path in ["/pods", ""] {
            let path = format!("/api/v1/namespaces/{namespace}{path}");
            let _late = side.ask("DELETE", &path, "application/json", Vec::new()).await;
        }
    }
    Ok(sides)
}

impl Side {
    /// Microseconds of CPU per request.
    async fn cost(&self, sort: &Sort, arguments: &Arguments) -> anyhow::Result<f64> {
        let requests = arguments.requests / sort.share;
        let before = self.cpu()?;
        self.send(sort, 0..requests, arguments).await?;
        #[expect(clippy::cast_precision_loss, reason = "a cost, for people")]
        let cost = self.cpu()?.saturating_sub(before).as_nanos() as f64 / requests as f64 / 1e3;
        Ok(cost)
    }

    /// Memory before and after there are that many pods.
    async fn filled(&self, pods: u64, arguments: &Arguments) -> anyhow::Result<(u64, u64)> {
        let before = self.memory()?;
        let made = arguments.requests;
        self.send(&SORTS[0], made..made.max(pods), arguments).await?;
        // What is garbage is given back in a while.
        tokio::time::sleep(Duration::from_secs(20)).await;
        Ok((before, self.memory()?))
    }

    async fn send(
        &self,
        sort: &Sort,
        numbers: std::ops::Range<u64>,
        arguments: &Arguments,
    ) -> anyhow::Result<()> {
        let at_once = usize::try_from(arguments.at_once)?;
        futures::stream::iter(numbers)
            .map(|number| {
                let path = sort.path(&self.namespace, number);
                self.ask_owned(sort.method, path, sort.media, sort.body(&self.namespace, number))
            })
            .buffer_unordered(at_once)
            .try_collect()
            .await
    }

    async fn ask_owned(
        &self,
        method: &str,
        path: String,
        media: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<()> {
        self.ask(method, &path, media, body).await
    }

    /// Reads the whole answer, which must be a good one.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        media: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<()> {
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media)
            .body(Body::from(body))?;
        let (parts, body) = self.client.send(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        anyhow::ensure!(
            parts.status.is_success(),
            "{}: {method} {path}: {} {}",
            self.name,
            parts.status,
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
        Ok(())
    }

    /// The CPU time of all threads so far.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let mut sum = 0;
        for process in &self.processes {
            let threads = format!("/proc/{process}/task");
            let threads =
                std::fs::read_dir(&threads).with_context(|| format!("reading {threads}"))?;
            for thread in threads {
                // Nanoseconds on a CPU come first. A thread may have ended since.
                let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
                    continue;
                };
                let spent =
                    text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
                sum += spent.with_context(|| format!("`{text}` is no schedstat"))?;
            }
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Bytes in memory now.
    fn memory(&self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for process in &self.processes {
            let path = format!("/proc/{process}/status");
            let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kilobytes =
                line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            sum += kilobytes.with_context(|| format!("{path} has no VmRSS"))? << 10;
        }
        Ok(sum)
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn shown(sides: &[Side]) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(sides.iter().map(|side| side.name.to_owned()));
    if sides.len() == 2 {
        rows[0].push("ratio".to_owned());
    }
    let mut add = |name: &str, unit: &str, digits: usize, values: Vec<f64>| {
        let mut row = vec![name.to_owned()];
        row.extend(values.iter().map(|value| format!("{value:.digits$} {unit}")));
        if let [ours, theirs] = values[..] {
            row.push(format!("{:.2}", ours / theirs));
        }
        rows.push(row);
    };
    for (at, sort) in SORTS.iter().enumerate() {
        add(sort.name, "µs", 0, sides.iter().map(|side| side.costs[at]).collect());
    }
    let memory: Option<Vec<_>> = sides.iter().map(|side| side.memory).collect();
    if let Some(memory) = memory {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        add(
            "memory before",
            "MB",
            0,
            memory.iter().map(|(before, _)| megabytes(*before)).collect(),
        );
        add("with all pods", "MB", 0, memory.iter().map(|(_, after)| megabytes(*after)).collect());
    }
    table(&rows, &[1, 2, 3]).iter().map(|line| format!("  {line}\n")).collect()
}

fn document(sides: &[Side]) -> Value {
    let sides = sides.iter().map(|side| {
        let costs = SORTS.iter().zip(&side.costs).map(|(sort, cost)| (sort.name, json!(cost)));
        let costs: serde_json::Map<_, _> =
            costs.map(|(name, cost)| (name.to_owned(), cost)).collect();
        let memory = side.memory.map(|(before, after)| json!({ "before": before, "after": after }));
        (side.name.to_owned(), json!({ "cpu_microseconds": costs, "memory_bytes": memory }))
    });
    Value::Object(sides.collect())
}

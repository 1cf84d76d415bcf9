//! The command line of the operator.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use drydock_operator_core::controllers;
use drydock_operator_core::settings::Settings;
use drydock_operator_core::view::Key;
use futures::FutureExt;
use http::Request;
use jiff::Timestamp;
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::agent::HttpAgents;
use crate::clock::{Clock, Listen};
use crate::driver::{self, Driver};
use crate::lease::Lease;

/// Runs database clusters on the Kubernetes of the current context, or the one it runs in.
#[derive(Debug, Parser)]
#[command(
    name = "drydock-operator",
    version,
    after_help = "\
Examples:
  drydock-operator crds | kubectl apply --server-side -f -
  drydock-operator --context kind-demo --no-leader-election"
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Look after this namespace alone
    #[arg(long, env = "WATCH_NAMESPACE")]
    namespace: Option<String>,
    /// The kubeconfig to use, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<std::path::PathBuf>,
    /// The context of the kubeconfig
    #[arg(long)]
    context: Option<String>,
    /// The image that holds kbagent
    #[arg(long, env = "KUBEBLOCKS_TOOLS_IMAGE", default_value_t = Settings::default().tools_image)]
    tools_image: String,
    /// The DNS domain of the cluster
    #[arg(long, default_value_t = Settings::default().cluster_domain)]
    cluster_domain: String,
    /// For claim templates that name no storage class
    #[arg(long, env = "DEFAULT_STORAGE_CLASS")]
    default_storage_class: Option<String>,
    /// Where the Lease is, of which the holder is at work
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    lease_namespace: String,
    /// Work without a Lease: no other operator may run
    #[arg(long)]
    no_leader_election: bool,
    /// What to log: error, warn, info, debug, trace, or a filter like `drydock_operator=debug`
    #[arg(
        long,
        env = "RUST_LOG",
        default_value = "warn,kube_client::client::builder=off,drydock_operator=info"
    )]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the CustomResourceDefinitions, a document each
    Crds,
}

/// Why the operator does not run.
enum Refusal {
    BadInput(String),
    NotRun(String),
}

/// Runs until the process is told to stop: 0. Bad input: 2. No cluster, or the Lease was lost: 3.
pub async fn run(arguments: Arguments) -> ExitCode {
    let ran = match arguments.command {
        Some(Command::Crds) => crds().map_err(|error| Refusal::NotRun(error.to_string())),
        None => operate(arguments).await,
    };
    let (message, code) = match ran {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Refusal::BadInput(message)) => (message, 2),
        Err(Refusal::NotRun(message)) => (message, 3),
    };
    // Who cannot be told has to do with the code.
    let _told = writeln!(std::io::stderr(), "drydock-operator: {message}");
    ExitCode::from(code)
}

/// JSON is YAML, too.
fn crds() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for crd in drydock_operator_api::crds() {
        match writeln!(out, "---\n{}", crd.json) {
            // `| head` has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(())
}

async fn operate(arguments: Arguments) -> Result<(), Refusal> {
    let filter = EnvFilter::try_new(&arguments.log)
        .map_err(|error| Refusal::BadInput(format!("--log {}: {error}", arguments.log)))?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    log.with_writer(std::io::stderr).init();
    let clock = Clock::new(Timestamp::now());
    let client = client(&arguments, &clock).await?;
    check(&client).await?;
    let lease = (!arguments.no_leader_election).then(|| Lease {
        client: client.clone(),
        clock: Arc::clone(&clock),
        key: Key::new(arguments.lease_namespace.as_str(), "drydock-operator"),
        identity: identity(),
    });
    let driver = Driver {
        client,
        clock,
        controllers: controllers::all(),
        settings: Settings {
            tools_image: arguments.tools_image,
            cluster_domain: arguments.cluster_domain,
            default_storage_class: arguments.default_storage_class,
            ..Settings::default()
        },
        agents: Arc::new(HttpAgents::default()),
        namespace: arguments.namespace,
    };
    let stopped = stopped().shared();
    let Some(lease) = lease else {
        tracing::info!("at work");
        driver::run(driver, stopped).await;
        return Ok(());
    };
    tokio::select! {
        () = lease.acquire() => {}
        () = stopped.clone() => return Ok(()),
    }
    tracing::info!(lease = %lease.key, identity = lease.identity, "at work");
    let mut lost = false;
    let stop = async {
        tokio::select! {
            () = stopped => {}
            () = lease.keep() => lost = true,
        }
    };
    driver::run(driver, stop).await;
    if lost {
        return Err(Refusal::NotRun(format!("the lease {} was lost", lease.key)));
    }
    lease.release().await;
    Ok(())
}

async fn client(arguments: &Arguments, clock: &Arc<Clock>) -> Result<Client, Refusal> {
    let options =
        KubeConfigOptions { context: arguments.context.clone(), ..KubeConfigOptions::default() };
    let bad = |error: &dyn std::error::Error| Refusal::BadInput(with_causes(error));
    let config = match &arguments.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|error| bad(&error))?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|error| bad(&error))?
        }
        None if arguments.context.is_some() => {
            Config::from_kubeconfig(&options).await.map_err(|error| bad(&error))?
        }
        None => Config::infer().await.map_err(|error| bad(&error))?,
    };
    let builder = ClientBuilder::try_from(config).map_err(|error| bad(&error))?;
    Ok(builder.with_layer(&Listen(Arc::clone(clock))).build())
}

/// A cluster that cannot be reached is better told now than by twenty watches.
async fn check(client: &Client) -> Result<(), Refusal> {
    let request = Request::get("/version").body(Body::empty()).expect("the path is a good one");
    match crate::request::send(client, request).await {
        Ok((200, version)) => {
            let version = version["gitVersion"].as_str().unwrap_or("of unknown version");
            tracing::info!(version, "found a Kubernetes");
            Ok(())
        }
        Ok((code, answer)) => {
            let message = answer["message"].as_str().unwrap_or_default();
            Err(Refusal::NotRun(format!("the cluster refuses us: {code} {message}")))
        }
        Err(error) => {
            let cause = with_causes(&error);
            Err(Refusal::NotRun(format!("the cluster does not answer: {cause}")))
        }
    }
}

/// An error and what caused it, without what the error says of its cause itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// The name of the pod, or of the host, and something that no other process has.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut own = [0; 4];
    getrandom::fill(&mut own).expect("the operating system has random numbers");
    format!("{}_{:08x}", host.trim(), u32::from_le_bytes(own))
}

/// Ends when the process is told to.
async fn stopped() {
    let mut terminated = signal(SignalKind::terminate()).expect("a handler can be installed");
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("told to stop");
}

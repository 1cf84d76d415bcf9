//! `drydock serve`: a world for kubectl, living or frozen.

mod audit;
mod bare;
pub mod clock;
mod credentials;
pub mod ground;
mod http;
mod listen;
mod stamp;
mod subject;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use drydock_apiserver::Profile;
use drydock_scenarios::parse_duration;
use drydock_simulator::operator::OperatorConfig;
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Run, Story, World, WorldConfig};
use hyper_util::server::graceful::GracefulShutdown;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, watch};

use self::audit::AuditLog;
use self::bare::Bare;
use self::credentials::Credentials;
use self::ground::{BEAT, Ground, Living, Reading};
use self::http::{Order, Shared, Snapshot, Write};
use self::stamp::Stamps;
use crate::{Exit, Refusal, input, paint};

/// Where the kubeconfig is written if nothing is said.
pub const KUBECONFIG: &str = "target/serve/kubeconfig";

/// A cluster on loopback: empty, living through a story, or frozen at an instant of a run that failed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock serve                               an empty cluster with the operator in it
  export KUBECONFIG=target/serve/kubeconfig
  kubectl get nodes
  drydock clock advance 5m                    of a cluster that is served, from another terminal
  drydock serve --no-operator --nodes 5       a cluster and nothing in it
  drydock serve scenarios/failover/redis-primary-node-lost --speed 10
  drydock serve --from target/repro/x.repro --at 12m30s

Whoever holds the kubeconfig may do everything. The clients of a cluster are expected on this machine: it
listens on loopback only.")]
pub struct Arguments {
    /// A scenario to live through
    story: Option<String>,
    /// The repro of a run, frozen
    #[arg(long, value_name = "REPRO", conflicts_with_all = ["story", "speed"])]
    from: Option<String>,
    /// When in that run: 12m30s or 12:30; its end if not said
    #[arg(long, value_name = "TIME", requires = "from")]
    at: Option<String>,
    /// How many seconds of the world pass in one
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    #[arg(long, default_value_t = 8001)]
    port: u16,
    /// Of which Kubernetes version
    #[arg(long, value_name = "VERSION", default_value = "1.34", conflicts_with_all = ["story", "from"], value_parser = version)]
    kubernetes: Profile,
    /// How many nodes there are
    #[arg(long, value_name = "N", default_value_t = 3, conflicts_with_all = ["story", "from", "like_recorded"], value_parser = clap::value_parser!(u32).range(0..=1000))]
    nodes: u32,
    /// With the operator and its definitions, as if nothing is said
    #[arg(long, overrides_with = "no_operator", conflicts_with = "like_recorded")]
    operator: bool,
    /// Without the operator and its definitions
    #[arg(long, overrides_with = "operator", conflicts_with_all = ["story", "from"])]
    no_operator: bool,
    /// An API server and nothing else, set up as the recorded ones were: no nodes, no controllers, the past
    /// forgotten every minute
    #[arg(long, conflicts_with_all = ["story", "from", "speed"])]
    like_recorded: bool,
    /// Whether the server says of FlowSchemas if their priority level is there; as recorded, it does not
    #[arg(long, value_name = "BOOL")]
    enable_priority_and_fairness: Option<bool>,
    /// Where to write the kubeconfig
    #[arg(long, value_name = "FILE", default_value = KUBECONFIG)]
    kubeconfig: PathBuf,
    /// Plain HTTP, and everybody on this machine may do everything
    #[arg(long)]
    insecure_http: bool,
    /// Write down each request, a JSON object a line, as the audit log of a cluster does
    #[arg(long, value_name = "FILE")]
    audit_log: Option<String>,
}

fn version(text: &str) -> Result<Profile, String> {
    Profile::parse(text).ok_or_else(|| "known are 1.20 to 1.34".to_owned())
}

/// How many watches there may be at once.
const WATCHES: usize = 4096;
/// How long clients may take to read what they were being told when the server ends.
const FAREWELL: Duration = Duration::from_secs(2);

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::not_run(format_args!("cannot start: {error}")))?;
    let credentials =
        Credentials::new().map_err(|error| Refusal::not_run(format_args!("{error:#}")))?;
    let ground = ground(arguments, &credentials)?;
    runtime.block_on(serve(ground, &credentials, arguments))
}

fn ground(arguments: &Arguments, credentials: &Credentials) -> Result<Ground, Refusal> {
    if !(0.001..=100_000.0).contains(&arguments.speed) {
        return Err(Refusal::bad_input("--speed is from 0.001 to 100000"));
    }
    if arguments.like_recorded {
        return Ok(Ground::Bare(Bare::new(arguments.kubernetes.clone())));
    }
    if let Some(path) = &arguments.from {
        return Ok(Ground::Frozen(frozen(path, arguments.at.as_deref())?));
    }
    let world = match &arguments.story {
        Some(story) => living(story)?,
        None => empty(arguments, credentials),
    };
    Ok(Ground::Living(Living::new(world, arguments.speed)))
}

async fn serve(
    mut ground: Ground,
    credentials: &Credentials,
    arguments: &Arguments,
) -> Result<Exit, Refusal> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Refusal::not_run(format_args!("cannot listen on {address}: {error}; try --port"))
    })?;
    let address = listener.local_addr()?;
    let not_run = |error: anyhow::Error| Refusal::not_run(format_args!("{error:#}"));
    let audit = arguments.audit_log.as_deref().map(|path| {
        AuditLog::open(path)
            .map_err(|error| Refusal::not_run(format_args!("cannot write {path}: {error}")))
    });
    let audit = audit.transpose()?;
    ground.server_mut().sign_with(credentials::random_key().map_err(not_run)?);
    ground.server_mut().hand_out(&credentials.token, Credentials::admin());
    if !arguments.enable_priority_and_fairness.unwrap_or(!arguments.like_recorded) {
        ground.server_mut().without_priority_and_fairness();
    }
    if arguments.from.is_none() {
        let now = ground.now();
        ground.server_mut().bootstrap(address.port(), now);
    }
    if arguments.from.is_none() && arguments.story.is_none() {
        ground.register(arguments.nodes);
    }
    let kubeconfig = if arguments.insecure_http {
        credentials::open_kubeconfig(address)
    } else {
        credentials.kubeconfig(address)
    };
    credentials::write_secret(&arguments.kubeconfig, &kubeconfig).map_err(not_run)?;
    let tls = (!arguments.insecure_http).then(|| Arc::clone(&credentials.tls));
    let token = tls.as_ref().map(|_| &*credentials.token);
    paint::print(&introduction(&ground, address, &arguments.kubeconfig, token))?;

    let (snapshots, seen) = watch::channel(Arc::new(Snapshot::of(&ground)));
    let (orders, queue) = mpsc::channel(256);
    let stamps = Stamps::new(credentials::random_key().map_err(not_run)?);
    let watches = Arc::new(Semaphore::new(WATCHES));
    let shared = Shared { snapshots: seen, orders, audit, watches, stamps: Arc::new(stamps) };
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = own(ground, snapshots, queue) => {}
        () = listen::accept(&listener, tls, shared, &graceful) => {}
        () = told_to_end() => {}
    }
    // The world is gone, so watches end; who is being told something is told the rest of it.
    let _late = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    Ok(Exit::Held)
}

/// By Ctrl-C, or as service managers do it.
async fn told_to_end() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    let terminated = async {
        match &mut terminate {
            Ok(terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

/// Moves the world on with the wall clock, and carries out what clients write.
async fn own(
    mut ground: Ground,
    snapshots: watch::Sender<Arc<Snapshot>>,
    mut queue: mpsc::Receiver<Order>,
) {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // Who waits for the clock to get where they sent it.
    let mut waiting = Vec::new();
    loop {
        let order = tokio::select! {
            _ = beat.tick() => None,
            order = queue.recv() => match order {
                Some(order) => Some(order),
                None => return,
            },
        };
        ground.keep_up();
        let mut answered = None;
        match order {
            Some(Order::Write(write)) => {
                let Write { request, answer } = *write;
                answered = ground.carry_out(&request).map(|response| (answer, response));
            }
            Some(Order::Wind(winding)) => {
                match winding.turn.map_or(Ok(()), |turn| ground.turn(turn)) {
                    Ok(()) => waiting.push(winding.answer),
                    Err(why) => drop(winding.answer.send(Err(why))),
                }
            }
            None => {}
        }
        let seen = snapshots.borrow().server.revision();
        if !matches!(ground, Ground::Frozen(_)) || seen != ground.server().revision() {
            snapshots.send_replace(Arc::new(Snapshot::of(&ground)));
        }
        // Who is told that something was written can read it.
        if let Some((answer, response)) = answered {
            let _gone = answer.send(response);
        }
        if ground.has_arrived() {
            for answer in waiting.drain(..) {
                let _gone = answer.send(Ok(ground.reading()));
            }
        }
    }
}

impl Snapshot {
    fn of(ground: &Ground) -> Self {
        Self { server: ground.server().clone(), now: ground.now() }
    }
}

/// A cluster that nobody has used yet.
fn empty(arguments: &Arguments, credentials: &Credentials) -> World {
    let operators = if arguments.no_operator { vec![] } else { vec![OperatorConfig::default()] };
    let seed = Timestamp::now().as_microsecond().unsigned_abs();
    World::new(WorldConfig {
        kubernetes: arguments.kubernetes.to_string(),
        nodes: arguments.nodes,
        seed,
        epoch: Timestamp::now(),
        operators,
        definitions: !arguments.no_operator,
        invariants: Vec::new(),
        authority: Some(credentials.authority.clone()),
        trace: Level::Off,
        ..WorldConfig::default()
    })
}

fn frozen(path: &str, at: Option<&str>) -> Result<World, Refusal> {
    let repro = crate::replay::load(path)?;
    let mut run = Run::new(repro.story(Level::Off)?)?;
    match at {
        None => drop(run.finish()),
        Some(at) => {
            let wrong =
                || Refusal::bad_input(format_args!("`{at}` is no time: write 12m30s or 12:30"));
            let since = parse_duration(at).ok_or_else(wrong)?;
            run.run_until(run.world.epoch() + since);
        }
    }
    Ok(run.world)
}

/// The world of a story after its objects are applied: the rest is up to who watches.
fn living(story: &str) -> Result<World, Refusal> {
    let mut scenarios = input::scenarios(&[story.to_owned()])?;
    if scenarios.len() != 1 {
        return Err(Refusal::bad_input("serve lives through one story, and there are several"));
    }
    let scenario = scenarios.remove(0);
    let options =
        Options { trace: Level::Off, epoch: Some(Timestamp::now()), ..Options::default() };
    let mut run = Run::new(Story::new(scenario, options))?;
    while run.is_setting_up() && run.step() {}
    Ok(run.world)
}

fn introduction(
    ground: &Ground,
    address: SocketAddr,
    kubeconfig: &Path,
    token: Option<&str>,
) -> String {
    let version = ground.server().profile();
    let Reading { now, speed, .. } = ground.reading();
    let what = match ground {
        Ground::Living(_) => format!("a living cluster, Kubernetes {version}, at speed {speed}"),
        Ground::Frozen(_) => format!("a frozen cluster, Kubernetes {version}, at {now}"),
        Ground::Bare(_) => format!("an API server, Kubernetes {version}"),
    };
    let (scheme, token) = match token {
        Some(token) => ("https", format!("  token       {token}\n")),
        None => ("http", String::new()),
    };
    let kubeconfig = std::path::absolute(kubeconfig).unwrap_or_else(|_| kubeconfig.to_owned());
    format!(
        "  {what}\n\n  server      {scheme}://{address}\n{token}  kubeconfig  {path}\n\n  \
         export KUBECONFIG={path}\n  kubectl get nodes,pods -A\n\n  Ctrl-C ends it.\n",
        path = kubeconfig.display()
    )
}

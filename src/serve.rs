//! `drydock serve`: a world for kubectl, living or frozen.

mod bare;
mod http;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use drydock_apiserver::{Profile, Request, Response, Server};
use drydock_scenarios::parse_duration;
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Run, Story, World};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

use self::bare::Bare;
use self::http::{Shared, Snapshot, Write};
use crate::{Exit, Refusal, input, paint};

/// A cluster on loopback: living, or frozen at an instant of a run that failed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  drydock serve                               the bundled Redis comes up while you watch
  kubectl -s http://127.0.0.1:8001 get pods -w
  drydock serve --from target/repro/x.repro --at 12m30s")]
pub struct Arguments {
    /// A scenario to live through instead of the bundled failover's beginning
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
    /// An API server and nothing else, set up as the recorded ones were: no nodes, no controllers, the past
    /// forgotten every minute
    #[arg(long, conflicts_with_all = ["story", "from", "speed"])]
    like_recorded: bool,
    /// Of which Kubernetes version
    #[arg(long, value_name = "VERSION", default_value = "1.34", requires = "like_recorded", value_parser = version)]
    kubernetes: Profile,
    /// Without the operator, which no bare API server has
    #[arg(long, requires = "like_recorded")]
    no_operator: bool,
    /// Plain HTTP, the only way there is so far
    #[arg(long)]
    insecure_http: bool,
}

fn version(text: &str) -> Result<Profile, String> {
    Profile::parse(text).ok_or_else(|| "known are 1.20 and 1.34".to_owned())
}

/// How often a living world is moved on, and made known.
const BEAT: Duration = Duration::from_millis(20);

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::not_run(format_args!("cannot start: {error}")))?;
    let ground = match &arguments.from {
        _ if arguments.like_recorded => Ground::Bare(Bare::new(arguments.kubernetes.clone())),
        Some(path) => Ground::Frozen(frozen(path, arguments.at.as_deref())?),
        None => {
            if !(0.001..=100_000.0).contains(&arguments.speed) {
                return Err(Refusal::bad_input("--speed is from 0.001 to 100000"));
            }
            let world = living(arguments.story.as_deref())?;
            let pace = (Instant::now(), world.now());
            Ground::Living { world, pace, speed: arguments.speed }
        }
    };
    runtime.block_on(serve(ground, arguments.port))
}

/// What is served.
enum Ground {
    /// A world that moves on with the wall clock.
    Living { world: World, pace: (Instant, Timestamp), speed: f64 },
    /// A world at one instant.
    Frozen(World),
    /// An API server alone.
    Bare(Bare),
}

impl Ground {
    fn server(&self) -> &Server {
        match self {
            Self::Living { world, .. } | Self::Frozen(world) => world.server(0),
            Self::Bare(bare) => &bare.server,
        }
    }

    fn snapshot(&self) -> Snapshot {
        let now = match self {
            Self::Living { world, .. } | Self::Frozen(world) => world.now(),
            Self::Bare(_) => Timestamp::now(),
        };
        Snapshot { server: self.server().clone(), now }
    }

    fn keep_up(&mut self) {
        match self {
            Self::Living { world, pace, speed } => keep_up(world, pace, *speed),
            Self::Frozen(_) => {}
            Self::Bare(bare) => bare.keep_up(Timestamp::now()),
        }
    }

    fn carry_out(&mut self, request: &Request) -> Option<Response> {
        let outcome = match self {
            Self::Living { world, .. } => {
                let now = world.now();
                world.server_mut(0).handle(request, now)
            }
            // In a frozen world writes are tried out and forgotten.
            Self::Frozen(world) => world.server(0).clone().handle(request, world.now()),
            Self::Bare(bare) => bare.server.handle(request, Timestamp::now()),
        };
        outcome.done()
    }
}

async fn serve(ground: Ground, port: u16) -> Result<Exit, Refusal> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Refusal::not_run(format_args!("cannot listen on {address}: {error}; try --port"))
    })?;
    let address = listener.local_addr()?;
    paint::print(&introduction(&ground, address))?;
    let (snapshots, seen) = watch::channel(Arc::new(ground.snapshot()));
    let (writes, queue) = mpsc::channel(256);
    let shared = Shared { snapshots: seen, writes };
    let owner = own(ground, snapshots, queue);
    let accept = async {
        loop {
            // A connection that cannot be accepted is its client's trouble.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let shared = shared.clone();
            let service =
                hyper::service::service_fn(move |request| http::answer(shared.clone(), request));
            tokio::spawn(async move {
                let _closed = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    };
    tokio::select! {
        () = owner => {}
        () = accept => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Held)
}

/// Moves the world on with the wall clock, and carries out what clients write.
async fn own(
    mut ground: Ground,
    snapshots: watch::Sender<Arc<Snapshot>>,
    mut queue: mpsc::Receiver<Write>,
) {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let write = tokio::select! {
            _ = beat.tick() => None,
            write = queue.recv() => match write {
                Some(write) => Some(write),
                None => return,
            },
        };
        ground.keep_up();
        let mut answered = None;
        if let Some(Write { request, answer }) = write
            && let Some(response) = ground.carry_out(&request)
        {
            answered = Some((answer, response));
        }
        let seen = snapshots.borrow().server.revision();
        if !matches!(ground, Ground::Frozen(_)) || seen != ground.server().revision() {
            snapshots.send_replace(Arc::new(ground.snapshot()));
        }
        // Who is told that something was written can read it.
        if let Some((answer, response)) = answered {
            let _gone = answer.send(response);
        }
    }
}

/// Moves the world on to what the wall clock says, but works a beat at the most: a world that cannot keep up
/// lives slower from there on, and still answers.
fn keep_up(world: &mut World, pace: &mut (Instant, Timestamp), speed: f64) {
    let due = virtual_now(*pace, speed);
    let began = Instant::now();
    while world.next_at().is_some_and(|at| at <= due) {
        world.step();
        if began.elapsed() > BEAT {
            *pace = (Instant::now(), world.now());
            return;
        }
    }
    world.run_until(due);
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
fn living(story: Option<&str>) -> Result<World, Refusal> {
    let paths = [story.unwrap_or("scenarios/failover/redis-primary-node-lost").to_owned()];
    let mut scenarios = input::scenarios(&paths)?;
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

fn virtual_now((wall, began): (Instant, Timestamp), speed: f64) -> Timestamp {
    let passed = SignedDuration::try_from_secs_f64(wall.elapsed().as_secs_f64() * speed);
    began + passed.unwrap_or(SignedDuration::ZERO)
}

fn introduction(ground: &Ground, address: SocketAddr) -> String {
    let version = ground.server().profile();
    let what = match ground {
        Ground::Living { speed, .. } => {
            format!("a living cluster, Kubernetes {version}, at speed {speed}")
        }
        Ground::Frozen(world) => {
            format!("a frozen cluster, Kubernetes {version}, at {}", world.now())
        }
        Ground::Bare(_) => format!("an API server, Kubernetes {version}"),
    };
    format!(
        "  {what}\n\n  kubectl -s http://{address} get clusters,pods\n  \
         kubectl -s http://{address} get pods -w\n\n  Ctrl-C ends it.\n"
    )
}

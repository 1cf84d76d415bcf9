//! `drydock serve`: a world for kubectl, living or frozen.

mod http;
mod table;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use drydock_scenarios::parse_duration;
use drydock_simulator::trace::Level;
use drydock_simulator::{Options, Run, Story, World};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};

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
}

/// How often a living world is moved on, and made known.
const BEAT: Duration = Duration::from_millis(20);

pub fn run(arguments: &Arguments) -> Result<Exit, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal::not_run(format_args!("cannot start: {error}")))?;
    let (world, speed) = match &arguments.from {
        Some(path) => (frozen(path, arguments.at.as_deref())?, None),
        None => (living(arguments.story.as_deref())?, Some(arguments.speed)),
    };
    if speed.is_some_and(|speed| !(0.001..=100_000.0).contains(&speed)) {
        return Err(Refusal::bad_input("--speed is from 0.001 to 100000"));
    }
    runtime.block_on(serve(world, speed, arguments.port))
}

async fn serve(world: World, speed: Option<f64>, port: u16) -> Result<Exit, Refusal> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
        Refusal::not_run(format_args!("cannot listen on {address}: {error}; try --port"))
    })?;
    let address = listener.local_addr()?;
    paint::print(&introduction(&world, speed, address))?;
    let (snapshots, seen) = watch::channel(Arc::new(snapshot(&world)));
    let (writes, queue) = mpsc::channel(256);
    let shared = Shared { snapshots: seen, writes };
    let owner = own(world, speed, snapshots, queue);
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
    mut world: World,
    speed: Option<f64>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    mut queue: mpsc::Receiver<Write>,
) {
    let mut pace = (Instant::now(), world.now());
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
        if let Some(speed) = speed {
            keep_up(&mut world, &mut pace, speed);
        }
        if let Some(Write { request, answer }) = write {
            let now = world.now();
            // In a frozen world writes are tried out and forgotten.
            let outcome = match speed {
                Some(_) => world.server_mut(0).handle(&request, now),
                None => world.server(0).clone().handle(&request, now),
            };
            if let Some(response) = outcome.done() {
                let _gone = answer.send(response);
            }
        }
        let seen = snapshots.borrow().server.revision();
        if speed.is_some() || seen != world.server(0).revision() {
            snapshots.send_replace(Arc::new(snapshot(&world)));
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

fn snapshot(world: &World) -> Snapshot {
    Snapshot { server: world.server(0).clone(), now: world.now() }
}

fn introduction(world: &World, speed: Option<f64>, address: SocketAddr) -> String {
    let what = match speed {
        Some(speed) => {
            format!("a living cluster, Kubernetes {}, at speed {speed}", world.server(0).profile())
        }
        None => format!(
            "a frozen cluster, Kubernetes {}, at {}",
            world.server(0).profile(),
            world.now()
        ),
    };
    format!(
        "  {what}\n\n  kubectl -s http://{address} get clusters,pods\n  \
         kubectl -s http://{address} get pods -w\n\n  Ctrl-C ends it.\n"
    )
}

//! What is served, and its clock.

use std::time::{Duration, Instant};

use drydock_apiserver::{Request, Response, Server};
use drydock_simulator::World;
use jiff::{SignedDuration, Timestamp};

use super::bare::Bare;

/// How often a living world is moved on, and made known.
pub const BEAT: Duration = Duration::from_millis(20);

/// What is served.
pub enum Ground {
    /// A world that moves on with the wall clock.
    Living(Living),
    /// A world at one instant.
    Frozen(World),
    /// An API server alone.
    Bare(Bare),
}

pub struct Living {
    pub world: World,
    /// How many seconds of the world pass in one.
    pub speed: f64,
    /// When the world was last brought into step with the wall clock, and what time it was in it. None: it is paused.
    pace: Option<(Instant, Timestamp)>,
    /// It is on its way there as fast as it can.
    ahead: Option<Timestamp>,
    /// When the past was last looked at, and how far the server was then.
    mark: (Timestamp, u64),
}

/// What is older is forgotten: who reads on from there must start again.
const COMPACTION: SignedDuration = SignedDuration::from_mins(5);

/// How a clock stands.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Reading {
    pub now: Timestamp,
    pub speed: f64,
    pub paused: bool,
}

/// What can be asked of a clock.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    Pause,
    Resume,
    /// So many seconds, as fast as the world can.
    Advance(SignedDuration),
}

impl Ground {
    pub fn server(&self) -> &Server {
        match self {
            Self::Living(Living { world, .. }) | Self::Frozen(world) => world.server(0),
            Self::Bare(bare) => &bare.server,
        }
    }

    pub fn server_mut(&mut self) -> &mut Server {
        match self {
            Self::Living(Living { world, .. }) | Self::Frozen(world) => world.server_mut(0),
            Self::Bare(bare) => &mut bare.server,
        }
    }

    pub fn now(&self) -> Timestamp {
        match self {
            Self::Living(Living { world, .. }) | Self::Frozen(world) => world.now(),
            Self::Bare(_) => Timestamp::now(),
        }
    }

    /// Lets the kubelets of a new cluster tell of their nodes: who comes in finds them all.
    pub fn register(&mut self, nodes: u32) {
        let Self::Living(Living { world, .. }) = self else { return };
        let there = |server: &Server| {
            let kind = server.kind("", "Node").expect("every version has nodes");
            server.table(kind).iter().count()
        };
        while there(world.server(0)) < nodes as usize && world.step().is_some() {}
    }

    /// Moves on with the wall clock.
    pub fn keep_up(&mut self) {
        match self {
            Self::Living(living) => living.keep_up(),
            Self::Frozen(_) => {}
            Self::Bare(bare) => bare.keep_up(Timestamp::now()),
        }
    }

    pub fn carry_out(&mut self, request: &Request) -> Option<Response> {
        let outcome = match self {
            Self::Living(Living { world, .. }) => {
                let now = world.now();
                world.server_mut(0).handle(request, now)
            }
            // In a frozen world writes are tried out and forgotten.
            Self::Frozen(world) => world.server(0).clone().handle(request, world.now()),
            Self::Bare(bare) => bare.server.handle(request, Timestamp::now()),
        };
        outcome.done()
    }

    pub fn reading(&self) -> Reading {
        let (speed, paused) = match self {
            Self::Living(living) => (living.speed, living.pace.is_none()),
            Self::Frozen(_) => (0.0, true),
            Self::Bare(_) => (1.0, false),
        };
        Reading { now: self.now(), speed, paused }
    }

    /// `Err` for a clock that cannot be turned.
    pub fn turn(&mut self, turn: Turn) -> Result<(), &'static str> {
        match self {
            Self::Living(living) => {
                living.turn(turn);
                Ok(())
            }
            Self::Frozen(_) => Err("a frozen world has no time but its own instant"),
            Self::Bare(_) => Err("an API server alone goes by the wall clock"),
        }
    }

    /// Whether its clock stands where it was told to go.
    pub fn has_arrived(&self) -> bool {
        !matches!(self, Self::Living(Living { ahead: Some(_), .. }))
    }
}

impl Living {
    pub fn new(world: World, speed: f64) -> Self {
        let pace = Some((Instant::now(), world.now()));
        let mark = (world.now(), world.server(0).revision());
        Self { world, speed, pace, ahead: None, mark }
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Pause => self.pace = None,
            Turn::Resume => self.pace = Some((Instant::now(), self.world.now())),
            Turn::Advance(by) => {
                let from = self.ahead.unwrap_or(self.world.now());
                self.ahead = Some(from.saturating_add(by).unwrap_or(from));
            }
        }
    }

    /// Moves the world on to what the wall clock says, but works a beat at the most: a world that cannot keep up
    /// lives slower from there on, and still answers.
    fn keep_up(&mut self) {
        let now = self.world.now();
        if now.duration_since(self.mark.0) >= COMPACTION {
            let server = self.world.server_mut(0);
            server.compact(self.mark.1);
            self.mark = (now, server.revision());
        }
        let due = match (self.ahead, self.pace) {
            (Some(ahead), _) => ahead,
            (None, Some(pace)) => virtual_now(pace, self.speed),
            (None, None) => return,
        };
        let began = Instant::now();
        while self.world.next_at().is_some_and(|at| at <= due) {
            self.world.step();
            if began.elapsed() > BEAT {
                self.start_over();
                return;
            }
        }
        self.world.run_until(due);
        if self.ahead.take().is_some() {
            self.start_over();
        }
    }

    /// From here on the world goes by the wall clock again, unless it is paused.
    fn start_over(&mut self) {
        self.pace = self.pace.map(|_| (Instant::now(), self.world.now()));
    }
}

fn virtual_now((wall, began): (Instant, Timestamp), speed: f64) -> Timestamp {
    let passed = SignedDuration::try_from_secs_f64(wall.elapsed().as_secs_f64() * speed);
    began.saturating_add(passed.unwrap_or(SignedDuration::ZERO)).unwrap_or(began)
}

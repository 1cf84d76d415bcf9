//! An API server without a world under it.

use drydock_apiserver::{Profile, Server};
use jiff::{SignedDuration, Timestamp};

/// How often what is older than one such span is forgotten.
const COMPACTION: SignedDuration = SignedDuration::from_mins(1);

pub struct Bare {
    pub server: Server,
    /// When the past was last looked at, and how far the server was then.
    mark: (Timestamp, u64),
}

impl Bare {
    pub fn new(profile: Profile) -> Self {
        let now = Timestamp::now();
        // Nobody replays this server: the seed is the time.
        let seed = now.as_microsecond().unsigned_abs();
        let mut server = Server::started_at(profile, seed, now);
        // A server that has run for some time has forgotten how it started.
        server.compact(server.revision());
        let revision = server.revision();
        Self { server, mark: (now, revision) }
    }

    /// Forgets what happened before the last look, a minute ago.
    pub fn keep_up(&mut self, now: Timestamp) {
        if now.duration_since(self.mark.0) < COMPACTION {
            return;
        }
        self.server.compact(self.mark.1);
        self.mark = (now, self.server.revision());
    }
}

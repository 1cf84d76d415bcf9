//! A process that a sentinel watches, and how it comes to think that it is down.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::engine::redis::Info;
use crate::engine::{Member, Message, Turn};

pub const PING_PERIOD: SignedDuration = SignedDuration::from_secs(1);
const INFO_PERIOD: SignedDuration = SignedDuration::from_secs(10);
/// While the master is down or being replaced, replicas are asked this often.
const URGENT_INFO_PERIOD: SignedDuration = SignedDuration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub address: Member,
    /// The oldest ping that nothing has answered.
    pub ping_since: Option<Timestamp>,
    pinged_at: Timestamp,
    pub answered_at: Timestamp,
    pub down_since: Option<Timestamp>,
    pub info: Option<Arc<Info>>,
    pub info_at: Timestamp,
    info_asked_at: Timestamp,
    /// Since when it has said the role that its last INFO says.
    pub role_since: Timestamp,
    /// It was told to follow the new master of this failover.
    pub told: Option<Timestamp>,
}

impl Instance {
    pub fn new(address: Member, now: Timestamp) -> Self {
        Self {
            address,
            ping_since: None,
            pinged_at: Timestamp::MIN,
            answered_at: now,
            down_since: None,
            info: None,
            info_at: Timestamp::MIN,
            info_asked_at: Timestamp::MIN,
            role_since: now,
            told: None,
        }
    }

    pub fn ping(&mut self, turn: &mut Turn<'_>) {
        if since(self.pinged_at, turn.now) >= PING_PERIOD {
            self.pinged_at = turn.now;
            self.ping_since.get_or_insert(turn.now);
            turn.send(&self.address, Message::Ping);
        }
    }

    pub fn ask_info(&mut self, urgent: bool, turn: &mut Turn<'_>) {
        let period = if urgent { URGENT_INFO_PERIOD } else { INFO_PERIOD };
        if since(self.info_asked_at, turn.now) >= period {
            self.info_asked_at = turn.now;
            turn.send(&self.address, Message::AskInfo);
        }
    }

    /// True if it was thought to be down.
    pub fn answered(&mut self, now: Timestamp) -> bool {
        self.ping_since = None;
        self.answered_at = now;
        self.down_since.take().is_some()
    }

    /// True at the moment in which it is thought to be down for the first time.
    pub fn check(&mut self, down_after: SignedDuration, now: Timestamp) -> bool {
        let silent = self.ping_since.is_some_and(|ping| since(ping, now) > down_after);
        if silent && self.down_since.is_none() {
            self.down_since = Some(now);
            return true;
        }
        false
    }

    /// A ping is open, and it is not yet thought to be down.
    pub fn is_suspect(&self) -> bool {
        self.ping_since.is_some() && self.down_since.is_none()
    }

    pub fn is_down(&self) -> bool {
        self.down_since.is_some()
    }

    pub fn says_master(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.master.is_none())
    }

    pub fn take_info(&mut self, info: &Arc<Info>, now: Timestamp) {
        let changed =
            self.info.as_ref().is_none_or(|old| old.master.is_some() != info.master.is_some());
        if changed {
            self.role_since = now;
        }
        self.info = Some(info.clone());
        self.info_at = now;
    }
}

/// How long ago `earlier` was; a time that was never counts as an age.
pub fn since(earlier: Timestamp, now: Timestamp) -> SignedDuration {
    if earlier == Timestamp::MIN { SignedDuration::MAX } else { now.duration_since(earlier) }
}

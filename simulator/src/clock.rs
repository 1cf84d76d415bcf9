//! Virtual time. Microseconds since 1970 order the heap; everybody else sees a [`Timestamp`].

use jiff::{SignedDuration, Timestamp};

/// Where the world's time stands. It only moves when an event is handled.
#[derive(Clone, Debug)]
pub struct Clock {
    epoch: Timestamp,
    now: Timestamp,
    now_us: i64,
}

impl Clock {
    pub fn new(epoch: Timestamp) -> Self {
        let epoch_us = epoch.as_microsecond();
        let epoch = at(epoch_us);
        Self { epoch, now: epoch, now_us: epoch_us }
    }

    /// When the story began.
    pub fn epoch(&self) -> Timestamp {
        self.epoch
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Never goes back: an event of the past is handled now.
    pub fn advance(&mut self, at_us: i64) {
        if at_us > self.now_us {
            self.now_us = at_us;
            self.now = at(at_us);
        }
    }

    pub fn since_epoch(&self) -> SignedDuration {
        SignedDuration::from_micros(self.now_us - self.epoch.as_microsecond())
    }
}

/// The timestamp of a heap time.
pub fn at(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).expect("virtual time stays within the years jiff knows")
}

/// Whole microseconds of a duration; the heap knows nothing finer.
pub fn micros(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

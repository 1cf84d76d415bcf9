//! How large a value may be, and what it costs to read it.

/// What one character costs.
const READ: f64 = 0.1;
/// What one character of a pattern costs, for each unit of the text.
const PATTERN: f64 = 0.25;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Size {
    pub(super) const ANY: Self = Self { least: 0, most: u64::MAX };

    pub(super) const fn exactly(size: u64) -> Self {
        Self { least: size, most: size }
    }

    pub(super) const fn up_to(most: u64) -> Self {
        Self { least: 0, most }
    }

    /// Where the sizes of some values begin to be gathered.
    pub(super) const fn of_none(count: usize) -> Self {
        Self { least: if count == 0 { 0 } else { u64::MAX }, most: 0 }
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            least: self.least.saturating_add(other.least),
            most: self.most.saturating_add(other.most),
        }
    }

    pub(super) const fn times(self, other: Self) -> Self {
        Self {
            least: self.least.saturating_mul(other.least),
            most: self.most.saturating_mul(other.most),
        }
    }

    /// What it costs at most to read the text once.
    pub(super) fn read(self) -> u64 {
        scaled(self.most, READ)
    }

    pub(super) fn read_twice(self) -> u64 {
        scaled(self.most, 2.0 * READ)
    }

    /// What it costs at most to find a pattern in the text.
    pub(super) fn match_with(self, pattern: Self) -> u64 {
        let text = self.plus(Self::exactly(1)).read();
        text.saturating_mul(scaled(pattern.most, PATTERN))
    }
}

/// The product, rounded up.
pub(super) fn scaled(count: u64, factor: f64) -> u64 {
    up(float(count) * factor)
}

/// How many parts of this length there may be, rounded up.
pub(super) fn divided(count: u64, length: u64) -> u64 {
    up(float(count) / float(length))
}

#[expect(clippy::cast_precision_loss, reason = "the server counts with the nearest number")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "what is too much is the greatest number")]
#[expect(clippy::cast_sign_loss, reason = "no size is below zero")]
fn up(count: f64) -> u64 {
    count.ceil() as u64
}

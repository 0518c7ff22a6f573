//! The queue of deadlines. Pure: knows accounts by key and time by argument.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::fraction;
use crate::config::AccountName;

/// An account in the schedule. Ordered by place on the ring, so that accounts due at the same
/// moment are visited in hash order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey {
    place: u64,
    name: AccountName,
}

impl AccountKey {
    /// The key of `name`.
    pub fn new(name: AccountName) -> Self {
        Self { place: name.place(), name }
    }

    /// The account's place on the ring.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// The account's name.
    pub fn name(&self) -> &AccountName {
        &self.name
    }
}

/// Which of two queues a deadline stands in: accounts that could not be reached must not take
/// all the room of those that can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Anything but the other.
    Open,
    /// The last poll failed to reach the API.
    Unreachable,
}

/// Both, in the order in which they are served.
pub const LANES: [Lane; 2] = [Lane::Open, Lane::Unreachable];

/// One deadline per account.
#[derive(Debug, Default)]
pub struct Schedule {
    lanes: [BTreeSet<(Instant, AccountKey)>; LANES.len()],
    places: HashMap<AccountKey, (Lane, Instant)>,
}

impl Schedule {
    /// Sets the account's deadline, in place of an earlier one.
    pub fn set(&mut self, key: AccountKey, lane: Lane, at: Instant) {
        self.remove(&key);
        self.lanes[lane as usize].insert((at, key.clone()));
        self.places.insert(key, (lane, at));
    }

    /// Takes the account out of the schedule.
    pub fn remove(&mut self, key: &AccountKey) {
        if let Some((lane, at)) = self.places.remove(key) {
            self.lanes[lane as usize].remove(&(at, key.clone()));
        }
    }

    /// How many accounts there are in a lane.
    pub fn len(&self, lane: Lane) -> usize {
        self.lanes[lane as usize].len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The earliest deadline of a lane.
    pub fn next_at(&self, lane: Lane) -> Option<Instant> {
        self.lanes[lane as usize].first().map(|(at, _)| *at)
    }

    /// Takes out the earliest account of a lane whose deadline is `now` or past.
    pub fn pop_due(&mut self, lane: Lane, now: Instant) -> Option<AccountKey> {
        let lane = &mut self.lanes[lane as usize];
        if lane.first()?.0 > now {
            return None;
        }
        let (_, key) = lane.pop_first()?;
        self.places.remove(&key);
        Some(key)
    }

    /// How late the most overdue account is.
    pub fn lag(&self, now: Instant) -> Duration {
        let earliest = LANES.into_iter().filter_map(|lane| self.next_at(lane)).min();
        earliest.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }
}

/// A collector's regular moments, an interval apart.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// The first of them.
    first: Instant,
    /// Time between two of them.
    pub interval: Duration,
}

impl Rhythm {
    /// Of an account that enters at `start`, at `start + interval × (k + place)` for k = 1, 2, …:
    /// accounts that enter together go round evenly.
    pub fn entering(start: Instant, interval: Duration, place: u64) -> Self {
        Self { first: start + interval + interval.mul_f64(fraction(place)), interval }
    }

    /// The moments from `first` on.
    pub fn from(first: Instant, interval: Duration) -> Self {
        Self { first, interval }
    }

    /// The regular moment after a poll that began at `began` and ended at `ended`, when polls are
    /// to be `spacing` apart, which is at least the interval. Missed ones are skipped, and one that
    /// is more than half an interval too soon is left out: after a park the account rejoins its
    /// rhythm without a call too many. Where polls are spaced for the quota's sake, it is a tenth.
    pub fn next(&self, began: Instant, ended: Instant, spacing: Duration) -> Instant {
        let first = self.first;
        let early = if spacing > self.interval { self.interval / 10 } else { self.interval / 2 };
        let after = ended.max(began + spacing.saturating_sub(early));
        let behind = after.saturating_duration_since(first).as_nanos();
        let interval = self.interval.as_nanos().max(1);
        let steps = if after < first { 0 } else { behind / interval + 1 };
        first + self.interval.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests;

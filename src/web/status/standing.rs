//! How one account stands.

use std::time::Duration;

use crate::clock::WallTime;
use crate::config::{Account, Kind, Pool};
use crate::store::{LastGood, LastPoll, Readings};

/// Usage from which an account counts as nearly full, in thousandths of the limit.
pub(super) const NEARLY_FULL: u64 = 800;
/// Usage from which there is no time to lose.
pub(super) const NEAR_LIMIT: u64 = 950;
/// Usage at which it is full.
pub(super) const FULL: u64 = 1_000;

/// Values are old after so many intervals without others: one poll may fail, and the next be late.
const OLD_AFTER_INTERVALS: u32 = 3;
/// But not before: what is polled every few seconds may be slower than its interval.
const NEVER_OLD_BEFORE: Duration = Duration::from_secs(300);

/// The state of an account, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::web) enum State {
    /// The last poll failed.
    Failing,
    /// It did not, but its values are old: polls are late, or do not end.
    Stale,
    /// The last poll brought the values shown, but an optional collector fails.
    Degraded,
    /// The last poll brought the values shown.
    Healthy,
    /// No poll has ended yet.
    Pending,
}

impl State {
    /// All of them, in the order of the enum.
    pub(in crate::web) const ALL: [Self; 5] =
        [Self::Failing, Self::Stale, Self::Degraded, Self::Healthy, Self::Pending];

    /// Its name in queries, in JSON, and in the style sheet.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
            Self::Pending => "pending",
        }
    }
}

/// One account with what decides its place on the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    pub(super) readings: &'a Readings,
    pub(super) held: Option<&'a LastGood>,
    /// Whether the last success is longer ago than it should be.
    pub(super) is_old: bool,
    pub(super) state: State,
    /// The largest of its usages, in thousandths of the limit.
    pub(super) fullness: u64,
}

impl<'a> Standing<'a> {
    pub(super) fn new(readings: &'a Readings, now: WallTime) -> Self {
        let held = readings.held(now);
        let is_old = readings.last_good.is_some_and(|good| {
            let trusted = (readings.interval * OLD_AFTER_INTERVALS).max(NEVER_OLD_BEFORE);
            held.is_none() || age(good.at, now) > trusted
        });
        let state = match readings.last_poll {
            LastPoll::Failed(_) => State::Failing,
            LastPoll::Pending | LastPoll::Succeeded if is_old => State::Stale,
            LastPoll::Succeeded if is_partly_failing(readings) => State::Degraded,
            LastPoll::Succeeded => State::Healthy,
            LastPoll::Pending => State::Pending,
        };
        let fullness = held.map_or(0, |good| fullness(&readings.account, good));
        Self { readings, held, is_old, state, fullness }
    }

    pub(super) fn is_full(&self) -> bool {
        self.fullness >= FULL
    }

    pub(super) fn is_nearly_full(&self) -> bool {
        (NEARLY_FULL..FULL).contains(&self.fullness)
    }

    /// The usage of each kind, while its values are held.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (Kind, Usage)> {
        self.held.into_iter().flat_map(|good| kinds(&self.readings.account, good))
    }

    /// The usage of each pool, where kinds share a limit, while its values are held.
    pub(super) fn pools(&self) -> impl Iterator<Item = (Pool, Usage)> {
        self.held.into_iter().flat_map(|good| pools(&self.readings.account, good))
    }
}

fn is_partly_failing(readings: &Readings) -> bool {
    readings.last_polls().any(|last_poll| matches!(last_poll, LastPoll::Failed(_)))
}

/// How old a value of `at` is. One from the future is as old as it is ahead: the clock was wrong then,
/// or is now.
fn age(at: WallTime, now: WallTime) -> Duration {
    now.since(at).max(at.since(now))
}

/// Items against their limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) items: u64,
    pub(super) limit: u64,
}

impl Usage {
    /// Rounded down, so that 100 % means full.
    pub(super) fn thousandths(self) -> u64 {
        let exact = u128::from(self.items) * 1_000 / u128::from(self.limit.max(1));
        u64::try_from(exact).unwrap_or(u64::MAX)
    }
}

fn kinds(account: &Account, good: &LastGood) -> impl Iterator<Item = (Kind, Usage)> {
    let (limits, counts) = (account.limits.items, good.counts);
    Kind::ALL.into_iter().map(move |kind| (kind, Usage { items: counts[kind], limit: limits[kind] }))
}

fn pools(account: &Account, good: &LastGood) -> impl Iterator<Item = (Pool, Usage)> {
    let (limits, counts) = (account.limits, good.counts);
    Pool::ALL.into_iter().filter_map(move |pool| {
        Some((pool, Usage { items: pool.items(&counts), limit: limits.of_pool(pool)? }))
    })
}

/// The largest usage, of a pool where kinds share a limit, in thousandths of the limit.
fn fullness(account: &Account, good: &LastGood) -> u64 {
    let of_pools = pools(account, good).map(|(_, usage)| usage.thousandths());
    let of_kinds = || kinds(account, good).map(|(_, usage)| usage.thousandths()).max();
    of_pools.max().or_else(of_kinds).unwrap_or(0)
}

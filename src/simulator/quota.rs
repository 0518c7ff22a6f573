//! Counting calls against quotas. Pure: `now` is an argument.

use crate::clock::WallTime;

const MINUTE_MILLIS: i64 = 60_000;
const DAY_MILLIS: i64 = 86_400_000;
/// Quotas start anew at midnight in Shanghai, which is UTC+8 all year.
const SHANGHAI_MILLIS: i64 = 8 * 3_600_000;

/// Most calls of one API by one account; absent means unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quota {
    pub per_day: Option<u64>,
    pub per_minute: Option<u64>,
}

/// Which quota a call would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    Day,
    Minute,
}

/// Calls within the current day in Shanghai.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Daily(Window);

impl Daily {
    /// Counts one call unless the day has `limit` already.
    pub(super) fn take(&mut self, now: WallTime, limit: u64) -> bool {
        let free = self.used(now) < limit;
        self.0.used += u64::from(free);
        free
    }

    fn used(&mut self, now: WallTime) -> u64 {
        self.0.used_in((now.millis() + SHANGHAI_MILLIS).div_euclid(DAY_MILLIS))
    }
}

/// The calls of one API by one account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    day: Daily,
    minute: Window,
}

impl Usage {
    /// `used_today` calls were made today before `now`.
    pub(super) fn new(used_today: u64, now: WallTime) -> Self {
        let mut usage = Self::default();
        usage.day.used(now);
        usage.day.0.used = used_today;
        usage
    }

    /// Counts one call, or says which limit of `quota` refuses it. Refused calls are not counted.
    pub(super) fn take(&mut self, now: WallTime, quota: Quota) -> Result<(), Exceeded> {
        let used_in_minute = self.minute.used_in(now.millis().div_euclid(MINUTE_MILLIS));
        if quota.per_day.is_some_and(|limit| self.day.used(now) >= limit) {
            return Err(Exceeded::Day);
        }
        if quota.per_minute.is_some_and(|limit| used_in_minute >= limit) {
            return Err(Exceeded::Minute);
        }
        self.day.take(now, u64::MAX);
        self.minute.used += 1;
        Ok(())
    }

    /// Calls of today so far.
    pub(super) fn today(&mut self, now: WallTime) -> u64 {
        self.day.used(now)
    }
}

/// Calls within one numbered stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    number: i64,
    used: u64,
}

impl Window {
    /// Calls so far in the window `number`: none when it has just begun.
    fn used_in(&mut self, number: i64) -> u64 {
        if self.number != number {
            *self = Self { number, used: 0 };
        }
        self.used
    }
}

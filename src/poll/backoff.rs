//! How long an account waits after a failed poll. Pure: the same name, day and failure give the
//! same delay, so a restart does not move it.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::clock::WallTime;
use crate::store::Failing;
use crate::wechat::class::{self, Rule};

/// Delays are longer by up to this share, so that accounts which failed together come back apart.
const JITTER: f64 = 0.1;
/// Asia/Shanghai is UTC+8 all year.
const SHANGHAI_OFFSET_MS: i64 = 8 * 3_600 * 1_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;
const HOUR: Duration = Duration::from_secs(3_600);
/// Accounts parked for the day come back within this time after midnight.
const MORNING: Duration = Duration::from_secs(30 * 60);

/// Who waits, and when the wait begins.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The account's interval.
    pub interval: Duration,
    /// The account's place on the ring.
    pub place: u64,
    /// When the poll ended.
    pub now: WallTime,
}

/// The wait after poll number `n` in a row, from 0, that failed in this class.
pub fn delay(failing: &Failing, n: u32, waiting: Waiting) -> Duration {
    let at_least = |delay: Duration| waiting.jittered(delay.max(waiting.interval));
    match failing.class.row().rule {
        Rule::Attempts | Rule::Interval => at_least(Duration::ZERO),
        Rule::Doubling { base, cap } => at_least(doubled(base.unwrap_or(waiting.interval), cap, n)),
        Rule::Confirmation => at_least(class::confirmation_delay(failing.errcode)),
        Rule::NextMinute if n == 0 => class::MINUTE + waiting.share(Salt::Minute, class::MINUTE_SPREAD),
        Rule::NextMinute => at_least(class::MINUTE),
        Rule::NextDay if n == 0 => until_midnight(waiting.now) + waiting.share(Salt::Morning, MORNING),
        Rule::NextDay => at_least(HOUR),
    }
}

/// The wait before the next attempt of the same poll, `attempt` being the one that failed, from 0.
/// None when the poll has ended.
pub fn attempt_delay(failing: &Failing, attempt: u32, waiting: Waiting) -> Option<Duration> {
    if failing.class.row().rule != Rule::Attempts {
        return None;
    }
    // 1 s and 2 s, ± 50 %.
    let middle = match attempt {
        0 => Duration::from_secs(1),
        1 => Duration::from_secs(2),
        _ => return None,
    };
    Some(middle / 2 + waiting.share(Salt::Attempt(attempt), middle))
}

/// Attempts that [`attempt_delay`] grants a poll.
pub const ATTEMPTS: u32 = 3;

/// Keeps the shares of one account independent of each other.
#[derive(Clone, Copy)]
enum Salt {
    Jitter,
    Minute,
    Morning,
    Attempt(u32),
}

impl Waiting {
    fn jittered(self, delay: Duration) -> Duration {
        delay + self.share(Salt::Jitter, delay.mul_f64(JITTER))
    }

    /// A part of `whole` that depends on the name and the day.
    fn share(self, salt: Salt, whole: Duration) -> Duration {
        let salt: u64 = match salt {
            Salt::Jitter => 0,
            Salt::Minute => 1,
            Salt::Morning => 2,
            Salt::Attempt(attempt) => 3 + u64::from(attempt),
        };
        let seed = shanghai_day(self.now).cast_unsigned().wrapping_mul(8).wrapping_add(salt);
        let hash = xxh3_64_with_seed(&self.place.to_le_bytes(), seed);
        whole.mul_f64(fraction(hash))
    }
}

/// `hash` as a part of the ring, from 0 up to but not including 1.
pub(super) fn fraction(hash: u64) -> f64 {
    // 53 bits: what an f64 holds exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

fn doubled(base: Duration, cap: Duration, n: u32) -> Duration {
    base.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(cap)
}

fn shanghai_ms(now: WallTime) -> i64 {
    now.millis().saturating_add(SHANGHAI_OFFSET_MS)
}

/// The number of the day in Shanghai, where quotas are reset at midnight.
pub(super) fn shanghai_day(now: WallTime) -> i64 {
    shanghai_ms(now).div_euclid(DAY_MS)
}

/// The time until the next midnight in Shanghai.
pub(super) fn until_midnight(now: WallTime) -> Duration {
    let into_day = shanghai_ms(now).rem_euclid(DAY_MS);
    Duration::from_millis((DAY_MS - into_day).cast_unsigned())
}

#[cfg(test)]
mod tests;

//! How far apart polls are while the daily quota of their API is short. Pure.

use std::time::Duration;

use super::backoff::{shanghai_day, until_midnight};
use crate::clock::WallTime;
use crate::config::Budget;
use crate::wechat::collect::QuotaLimit;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What `quota/get` said of an API, and when.
#[derive(Clone, Copy, Debug)]
pub struct KnownQuota {
    /// The quota and what remained of it.
    pub limit: QuotaLimit,
    /// When that was said.
    pub at: WallTime,
}

/// The time between two polls of an API: `interval`, or longer where its quota asks for that.
///
/// - The planned calls stay within `max_share` of the real quota, as they do within the assumed one.
/// - While less than `reserve` of today's quota remains, what is called until midnight in Shanghai
///   is at most half of that: the rest is for the account's own systems.
pub fn spacing(interval: Duration, budget: &Budget, quota: Option<KnownQuota>, now: WallTime) -> Duration {
    let Some(KnownQuota { limit, at }) = quota else { return interval };
    let fitting = if budget.allow_over_budget {
        Duration::ZERO
    } else {
        apart(DAY, limit.calls as f64 * budget.max_share.ratio())
    };
    let sparing = if is_short(budget, KnownQuota { limit, at }, now) {
        // From when it was told: what was called since then is not in it.
        apart(until_midnight(at), limit.remaining as f64 / 2.0)
    } else {
        Duration::ZERO
    };
    interval.max(fitting).max(sparing)
}

/// Whether nothing may be called until midnight in Shanghai: less than two calls remain of today's quota.
pub fn is_used_up(budget: &Budget, quota: Option<KnownQuota>, now: WallTime) -> bool {
    quota.is_some_and(|quota| quota.limit.remaining < 2 && is_short(budget, quota, now))
}

/// Whether less than `reserve` of today's quota remains.
fn is_short(budget: &Budget, quota: KnownQuota, now: WallTime) -> bool {
    let KnownQuota { limit, at } = quota;
    // Yesterday's remainder says nothing about today.
    let is_of_today = shanghai_day(at) == shanghai_day(now);
    is_of_today && (limit.remaining as f64) < limit.calls as f64 * budget.reserve.ratio()
}

/// The time between so many calls within `span`; the whole of it for less than one.
fn apart(span: Duration, calls: f64) -> Duration {
    span.div_f64(calls.max(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Share;

    const MINUTE: Duration = Duration::from_secs(60);
    /// 2026-11-24 12:00 in Shanghai.
    const NOON: WallTime = WallTime::from_millis(1_795_492_800_000);

    fn known(calls: u64, remaining: u64) -> KnownQuota {
        KnownQuota { limit: QuotaLimit { calls, remaining }, at: NOON }
    }

    #[test]
    fn a_small_quota_or_a_small_rest_of_it_spaces_polls() {
        let budget = Budget::default();
        let at_noon = |quota| spacing(10 * MINUTE, &budget, Some(quota), NOON);
        assert_eq!(spacing(10 * MINUTE, &budget, None, NOON), 10 * MINUTE);
        assert_eq!(at_noon(known(1_000, 900)), 10 * MINUTE);
        assert_eq!(at_noon(known(1_000, 100)), 10 * MINUTE, "the reserve itself is not touched yet");
        assert_eq!(at_noon(known(1_000, 99)), Duration::from_secs(12 * 3_600).div_f64(49.5));
        assert_eq!(at_noon(known(1_000, 0)), Duration::from_secs(12 * 3_600), "not before midnight");
        assert_eq!(at_noon(known(100, 100)), DAY / 20, "a fifth of 100 calls");
        assert_eq!(at_noon(known(2, 2)), DAY, "at least one call a day");
        let generous = Budget { allow_over_budget: true, ..budget };
        assert_eq!(spacing(10 * MINUTE, &generous, Some(known(100, 100)), NOON), 10 * MINUTE);
    }

    #[test]
    fn the_next_day_begins_with_the_usual_interval() {
        let budget = Budget::default();
        let midnight = NOON.plus(Duration::from_secs(12 * 3_600));
        let before = WallTime::from_millis(midnight.millis() - 1);
        assert_eq!(spacing(MINUTE, &budget, Some(known(100_000, 10)), before), DAY / 10);
        assert_eq!(spacing(MINUTE, &budget, Some(known(100_000, 10)), midnight), MINUTE);
    }

    proptest! {
        /// However small the quota: what is polled until midnight fits into half of what remains.
        #[test]
        fn never_more_than_half_of_a_short_rest(
            seconds in 1..86_400_u64, calls in 1..1_000_000_u64, part in 10..1_000_u64, minute in 0..1_439_u32,
        ) {
            let budget = Budget { max_share: Share::of_million(1_000_000), ..Budget::default() };
            let remaining = (calls / part).saturating_sub(1);
            let now = WallTime::from_millis(NOON.millis() - 12 * 3_600_000).plus(MINUTE * minute);
            let quota = KnownQuota { limit: QuotaLimit { calls, remaining }, at: now };
            let spaced = spacing(Duration::from_secs(seconds), &budget, Some(quota), now);
            let polls = until_midnight(now).as_secs_f64() / spaced.as_secs_f64();
            prop_assert!(polls <= (remaining as f64 / 2.0).max(1.0) + 1e-6);
        }
    }
}

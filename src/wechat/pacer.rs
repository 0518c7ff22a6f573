//! Hands out the moments at which requests may start: never closer than the configured rate.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Requests that wait start in groups, each up to so long before its slot: they share what it costs to
/// wake up and to fill the processor's caches, which is several times the cost of a request.
const GROUP: Duration = Duration::from_millis(20);

/// How much later than others a request may start that waited, as timers and busy machines have it.
const LATE: Duration = Duration::from_millis(10);

/// The pace of all requests to the API. First come, first served, but for those who wait anew after a
/// standstill.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Mutex<Pace>,
    /// Groups start a multiple of [`GROUP`] after it.
    created: Instant,
    /// A request takes so many slots of the rate.
    slots: u32,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    gap: Duration,
    /// The first slot that is free; none was taken yet when absent.
    free: Option<Instant>,
    /// When the next request would start if the last ones had kept their distance; as above.
    next: Option<Instant>,
}

impl Pacer {
    /// At most `rate` requests a second.
    pub(crate) fn new(rate: NonZeroU32) -> Self {
        Self::taking(1, rate)
    }

    /// At most half of `rate` requests a second.
    pub(crate) fn half(rate: NonZeroU32) -> Self {
        Self::taking(2, rate)
    }

    fn taking(slots: u32, rate: NonZeroU32) -> Self {
        Self {
            pace: Mutex::new(Pace { gap: gap(rate) * slots, free: None, next: None }),
            created: Instant::now(),
            slots,
        }
    }

    /// Another `rate` from the next slot on that is not taken yet.
    pub(crate) fn set_rate(&self, rate: NonZeroU32) {
        self.pace().gap = gap(rate) * self.slots;
    }

    /// Waits for the next free slot. A caller that goes away leaves its slot unused.
    pub(crate) async fn slot(&self) {
        loop {
            let now = Instant::now();
            let slot = self.reserve(now);
            let early = slot.saturating_duration_since(self.created).as_nanos() % GROUP.as_nanos();
            let start = slot - Duration::from_nanos(u64::try_from(early).unwrap_or(0));
            // A timer rounds up to the next millisecond, and a slot is mostly free at once.
            if start > now {
                sleep_until(start).await;
            }
            if self.may_start(Instant::now()) {
                return;
            }
        }
    }

    /// The first free slot at or after `now`, taken from then on.
    fn reserve(&self, now: Instant) -> Instant {
        let mut pace = self.pace();
        let slot = pace.free.map_or(now, |free| free.max(now));
        pace.free = Some(slot + pace.gap);
        slot
    }

    /// Whether a request that waited for its slot may start now. After the process stood still, all who
    /// waited wake up at once: some start, the others wait for slots anew.
    fn may_start(&self, now: Instant) -> bool {
        let mut pace = self.pace();
        let next = pace.next.map_or(now, |next| next.max(now));
        let is_in_time = next - now <= GROUP + LATE;
        if is_in_time {
            pace.next = Some(next + pace.gap);
        }
        is_in_time
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn gap(rate: NonZeroU32) -> Duration {
    // A second may end with a group that starts early, and begin with one that starts late. The slack
    // keeps these from falling into one second with `rate` others.
    const SLACK: f64 = 1.0 + (GROUP.as_millis() + LATE.as_millis()) as f64 / 1_000.0 + 0.001;
    Duration::from_secs_f64(SLACK / f64::from(rate.get()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_than_the_rate() {
        let pacer = Pacer::new(NonZeroU32::new(20).unwrap());
        let mut starts = Vec::new();
        for _ in 0..100 {
            pacer.slot().await;
            starts.push(Instant::now());
        }
        for window in starts.windows(21) {
            assert!(window[20] - window[0] > Duration::from_secs(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_start_in_groups_and_no_second_holds_more_than_the_rate() {
        let pacer = Pacer::new(NonZeroU32::new(1_000).unwrap());
        let (began, mut starts) = (Instant::now(), Vec::new());
        for _ in 0..5_000 {
            pacer.slot().await;
            starts.push(Instant::now());
        }
        for window in starts.windows(1_001) {
            assert!(window[1_000] - window[0] > Duration::from_secs(1));
        }
        assert!(began.elapsed() < Duration::from_secs_f64(5_000.0 / 1_000.0 * 1.04), "nor much less");
        starts.dedup();
        assert!(starts.len() < 300, "{}", starts.len());
    }

    /// As after SIGSTOP, or in a container that has used up its share of the processor.
    #[tokio::test(start_paused = true)]
    async fn no_second_after_a_standstill_holds_more_than_the_rate() {
        let pacer = Arc::new(Pacer::new(NonZeroU32::new(20).unwrap()));
        let mut waiting = JoinSet::new();
        for _ in 0..100 {
            let pacer = Arc::clone(&pacer);
            waiting.spawn(async move {
                pacer.slot().await;
                Instant::now()
            });
        }
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(3)).await;
        let mut starts = waiting.join_all().await;
        starts.sort();
        for window in starts.windows(21) {
            assert!(window[20] - window[0] > Duration::from_secs(1));
        }
        assert!(starts[99] - starts[0] < Duration::from_secs(9), "what was missed is not waited for twice");
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_a_rate_stays_half_when_the_rate_changes() {
        let rate = |rate| NonZeroU32::new(rate).unwrap();
        let pacer = Pacer::half(rate(2));
        pacer.set_rate(rate(200));
        let start = Instant::now();
        for _ in 0..101 {
            pacer.slot().await;
        }
        let seconds = start.elapsed().as_secs_f64();
        assert!((1.0..1.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn unused_time_is_not_saved_up() {
        let pacer = Pacer::new(NonZeroU32::new(1).unwrap());
        pacer.slot().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let start = Instant::now();
        pacer.slot().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        pacer.slot().await;
        assert!(start.elapsed() >= Duration::from_secs(1));
    }
}

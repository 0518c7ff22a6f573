//! A token bucket, as `rate_limit` asks for one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::web::RateLimit;

/// Lets in as many as a [`RateLimit`] says.
#[derive(Debug)]
pub(super) struct Limiter {
    interval: Duration,
    /// How far the next free moment may lie ahead: all of the burst but one.
    ahead: Duration,
    /// When the bucket is full again.
    full_at: Mutex<Instant>,
}

impl Limiter {
    /// With a full bucket.
    pub(super) fn new(limit: RateLimit) -> Self {
        let RateLimit { interval, burst } = limit;
        let ahead = interval.saturating_mul(burst.saturating_sub(1));
        Self { interval, ahead, full_at: Mutex::new(Instant::now()) }
    }

    /// Whether one more may come in now, which counts if so.
    pub(super) fn lets_in(&self) -> bool {
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let from = (*full_at).max(now);
        let lets_in = from - now <= self.ahead;
        if lets_in {
            *full_at = from + self.interval;
        }
        lets_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_in_and_then_one_each_interval() {
        let limiter = Limiter::new(RateLimit { interval: Duration::from_secs(1), burst: 3 });
        let let_in = |tries: usize| (0..tries).filter(|_| limiter.lets_in()).count();
        assert_eq!(let_in(10), 3);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(let_in(10), 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(let_in(10), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(let_in(10), 2);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(let_in(10), 3, "no more than the burst, however long nobody came");
    }
}

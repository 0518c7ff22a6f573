//! How fast a demo polls: quickly enough to see numbers move, slowly enough for the machine that plays
//! both sides.

use std::num::NonZeroU32;
use std::time::Duration;

/// Short, so that one sees numbers move. A real fleet would use up its quota in no time.
const SHORTEST: Duration = Duration::from_secs(5);
/// With more accounts each is polled less often.
const POLLS_PER_SECOND: usize = 100;
/// What an account is asked first: for a token, counts, drafts, quotas.
const FIRST_CALLS: usize = 4;
/// The first round should be over by then.
const FIRST_ROUND_SECONDS: usize = 8;
const LEAST_REQUESTS_PER_SECOND: usize = 20;
/// Above this a small machine is busy with nothing else.
const MOST_REQUESTS_PER_SECOND: usize = 2_000;
/// Both ends of a connection are open files of one process, of which many systems allow 1,024.
const MOST_IN_FLIGHT: usize = 200;

/// The pace of a demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Time between two polls of an account's counts.
    pub(super) interval: Duration,
    pub(super) requests_per_second: NonZeroU32,
    pub(super) max_in_flight: usize,
}

impl Pace {
    /// Of a demo of so many accounts.
    pub(super) fn of(accounts: usize) -> Self {
        let round = u64::try_from(accounts.div_ceil(POLLS_PER_SECOND)).unwrap_or(u64::MAX);
        let wanted = accounts * FIRST_CALLS / FIRST_ROUND_SECONDS;
        let requests = wanted.clamp(LEAST_REQUESTS_PER_SECOND, MOST_REQUESTS_PER_SECOND);
        Self {
            interval: SHORTEST.max(Duration::from_secs(round)),
            requests_per_second: u32::try_from(requests)
                .ok()
                .and_then(NonZeroU32::new)
                .unwrap_or(NonZeroU32::MIN),
            max_in_flight: requests.min(MOST_IN_FLIGHT),
        }
    }

    /// Time between two polls of an account's drafts.
    pub(super) fn draft_interval(self) -> Duration {
        2 * self.interval
    }

    /// Time between two polls of an account's quotas, and between two readings of a platform's list.
    pub(super) fn quota_interval(self) -> Duration {
        4 * self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::scenario::Scenario;

    #[test]
    fn a_demo_stays_within_its_machine_and_what_it_plans() {
        for accounts in [0, 13, 113, 1_013, 10_013, 100_013] {
            let pace = Pace::of(accounts);
            let polls = accounts as f64 / pace.interval.as_secs_f64();
            assert!(polls <= 100.0, "{accounts}: {polls} polls a second");
            let planned = polls * (1.0 + 1.0 / 2.0 + 1.0 / 4.0);
            let requests = f64::from(pace.requests_per_second.get());
            assert!(requests >= 1.2 * planned && requests <= 2_000.0, "{accounts}: {requests} for {planned}");
            assert!((20..=200).contains(&pace.max_in_flight));
            // A fifth of the quota that the simulator gives, as the budget's rule has it.
            let daily = 86_400.0 / pace.interval.as_secs_f64();
            assert!(daily <= 0.2 * Scenario::DEMO_DAILY_CALLS as f64, "{accounts}: {daily} calls a day");
        }
        assert_eq!(Pace::of(13).interval, Duration::from_secs(5));
        assert_eq!(Pace::of(10_000).interval, Duration::from_secs(100));
    }
}

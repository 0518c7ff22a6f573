//! Which of an endpoint's two hosts is called: the fallback after three polls in a row that could
//! not connect, the first one again every ten minutes.

use std::time::Duration;

use tokio::time::Instant;

/// Polls in a row that must fail to connect before the fallback is used.
const PATIENCE: u8 = 3;
/// Time between two trials of the first host while the fallback is in use.
const TRIAL_EVERY: Duration = Duration::from_secs(600);

/// The state of one base URL that has a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// The first host is used; so many polls in a row could not connect to it.
    First { failures: u8 },
    /// The fallback is used; the first host is tried again at `trial_at`.
    Fallback { trial_at: Instant },
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    First,
    Fallback,
}

impl Default for Host {
    fn default() -> Self {
        Self::First { failures: 0 }
    }
}

impl Host {
    /// Where the next request goes. One request is the trial; the others stay with the fallback
    /// until it has succeeded.
    pub(super) fn choose(&mut self, now: Instant) -> Choice {
        match self {
            Self::First { .. } => Choice::First,
            Self::Fallback { trial_at } if *trial_at <= now => {
                *trial_at = now + TRIAL_EVERY;
                Choice::First
            }
            Self::Fallback { .. } => Choice::Fallback,
        }
    }

    /// The first host took a connection.
    pub(super) fn connected(&mut self) {
        *self = Self::default();
    }

    /// A poll ended without a connection to the first host.
    pub(super) fn poll_failed(&mut self, now: Instant) {
        if let Self::First { failures } = self {
            *failures += 1;
            if *failures >= PATIENCE {
                *self = Self::Fallback { trial_at: now + TRIAL_EVERY };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_polls_switch_and_one_trial_in_ten_minutes_switches_back() {
        let start = Instant::now();
        let mut host = Host::default();
        host.poll_failed(start);
        host.poll_failed(start);
        host.connected();
        for _ in 0..3 {
            assert_eq!(host.choose(start), Choice::First);
            host.poll_failed(start);
        }
        assert_eq!(host.choose(start), Choice::Fallback);
        let later = start + TRIAL_EVERY;
        assert_eq!(host.choose(later), Choice::First, "the trial");
        assert_eq!(host.choose(later), Choice::Fallback, "one at a time");
        host.poll_failed(later);
        assert_eq!(host.choose(later), Choice::Fallback);
        assert_eq!(host.choose(later + TRIAL_EVERY), Choice::First);
        host.connected();
        assert_eq!(host.choose(later + TRIAL_EVERY), Choice::First);
        assert_eq!(host, Host::First { failures: 0 });
    }
}

//! A token in hand, and when another one is wanted. Pure: reads no clock, does no I/O. Fetches are
//! few on purpose: each one is a call against a quota, and a loop of them has broken many an account.

use std::time::Duration;

use tokio::time::Instant;

use crate::secret::Secret;
use crate::store::Failing;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::ApiError;

/// A fetched token is renewed when so little of its life remains: from then on the platform hands
/// out the next stable token while the old one still works (page of `getStableAccessToken`), and a
/// new component token leaves the old one 5 minutes.
pub(crate) const RENEW_BELOW: Duration = Duration::from_secs(300);
/// Least time between two fetches for age.
const FETCH_FLOOR: Duration = Duration::from_secs(60);
/// Least time between two fetches after a rejection.
pub(crate) const REJECTION_FLOOR: Duration = Duration::from_secs(300);

/// What is held of a token, and when it was last tried to get another.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    held: Option<Held>,
    tried_at: Option<Instant>,
    replaced_at: Option<Instant>,
    unheard: Option<Unheard>,
}

/// A fetch that brought no token here, but may have retired the one that others hold: its answer
/// was lost, or cannot be read. Another one would retire the next.
#[derive(Debug)]
pub(crate) struct Unheard {
    at: Instant,
    failing: Failing,
}

#[derive(Debug)]
struct Held {
    value: Secret,
    until: Until,
}

/// How long a token is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// It was fetched here and expires then.
    Expiry(Instant),
    /// It is read again from then on; looking costs nothing.
    Look(Instant),
}

/// What a call does about its token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Use the held one.
    Nothing(Secret),
    /// Get another, but go on with the held one if that fails.
    Renewal(Secret),
    /// Get one; without a token there is no call.
    Token,
    /// Make no call: the last fetch failed in this way, a short while ago.
    Patience(Failing),
}

impl Unheard {
    /// A fetch that begins at `at`, and is cut off unless more is heard of it.
    fn beginning(at: Instant) -> Self {
        let failing = Failing { class: ErrorClass::Network, errcode: None, seen_ip: None, source: None };
        Self { at, failing }
    }

    /// A fetch that began at `at` and failed by `error`; nothing if it cannot have reached the API.
    pub(crate) fn new(at: Instant, error: &ApiError) -> Option<Self> {
        error.may_have_acted().then(|| Self { at, failing: error.failing() })
    }

    /// How it failed, while it is too soon for another one.
    pub(crate) fn forbids(&self, now: Instant) -> Option<&Failing> {
        (now.saturating_duration_since(self.at) < REJECTION_FLOOR).then_some(&self.failing)
    }
}

impl Kept {
    /// What a call at `now` does.
    pub(crate) fn need(&self, now: Instant) -> Need {
        let unheard = self.unheard.as_ref().and_then(|unheard| unheard.forbids(now));
        let Some(held) = &self.held else {
            return unheard.map_or(Need::Token, |failing| Need::Patience(failing.clone()));
        };
        let value = || held.value.clone();
        match held.until {
            Until::Look(at) if now < at => Need::Nothing(value()),
            Until::Look(_) => Need::Token,
            Until::Expiry(at) => {
                let remains = at.saturating_duration_since(now);
                let tried = self.tried_at.is_some_and(|tried| now - tried < FETCH_FLOOR);
                if remains > RENEW_BELOW || tried {
                    return Need::Nothing(value());
                }
                if let Some(failing) = unheard {
                    let is_alive = remains > Duration::ZERO;
                    return if is_alive { Need::Nothing(value()) } else { Need::Patience(failing.clone()) };
                }
                if remains > Duration::ZERO { Need::Renewal(value()) } else { Need::Token }
            }
        }
    }

    /// How long the held token is held.
    pub(crate) fn until(&self) -> Option<Until> {
        self.held.as_ref().map(|held| held.until)
    }

    /// Another token is being asked for.
    pub(crate) fn trying(&mut self, now: Instant) {
        self.tried_at = Some(now);
    }

    /// Another token is being fetched in a way that retires the one that others hold.
    pub(crate) fn taking_over(&mut self, now: Instant) {
        self.trying(now);
        self.unheard = Some(Unheard::beginning(now));
    }

    /// The fetch that [`Kept::taking_over`] told of failed.
    pub(crate) fn failed(&mut self, error: &ApiError) {
        self.unheard = self.unheard.take().and_then(|unheard| Unheard::new(unheard.at, error));
    }

    /// Holds `value` from now on. Whether it is another one than before.
    pub(crate) fn keep(&mut self, value: Secret, until: Until) -> bool {
        let is_other = self.held.as_ref().is_none_or(|held| held.value != value);
        (self.held, self.unheard) = (Some(Held { value, until }), None);
        is_other
    }

    /// The held token, if it is another one than `rejected`.
    pub(crate) fn other(&self, rejected: &Secret) -> Option<Secret> {
        self.held.as_ref().map(|held| &held.value).filter(|value| *value != rejected).cloned()
    }

    /// Holds nothing any more.
    pub(crate) fn forget(&mut self) {
        self.held = None;
    }

    /// The held token was refused: whether another may be asked for. A fetched one is dropped, at
    /// most once in 5 minutes and not soon after a fetch that was not heard of, so that two programs
    /// that fight over a token cost few calls; one that was read is looked at again each time.
    pub(crate) fn refused(&mut self, now: Instant) -> bool {
        match &mut self.held {
            Some(Held { until: Until::Expiry(_), .. }) => {
                let is_unheard = self.unheard.as_ref().is_some_and(|unheard| unheard.forbids(now).is_some());
                if is_unheard || self.replaced_at.is_some_and(|replaced| now - replaced < REJECTION_FLOOR) {
                    return false;
                }
                self.replaced_at = Some(now);
                self.held = None;
            }
            Some(held) => held.until = Until::Look(now),
            None => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::api::Api;
    use crate::wechat::error::{Failure, Step};

    fn token() -> Secret {
        Secret::new("t".into())
    }

    fn kept(until: Until, tried_ago: Option<u64>, now: Instant) -> Kept {
        let mut kept = Kept::default();
        kept.keep(token(), until);
        if let Some(ago) = tried_ago {
            kept.trying(now - Duration::from_secs(ago));
        }
        kept
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetched_token_is_renewed_late_and_rarely() {
        let now = Instant::now() + Duration::from_secs(10_000);
        let need = |remains, tried_ago| {
            kept(Until::Expiry(now + Duration::from_secs(remains)), tried_ago, now).need(now)
        };
        assert_eq!(Kept::default().need(now), Need::Token);
        assert_eq!(need(7_200, Some(0)), Need::Nothing(token()));
        assert_eq!(need(301, Some(9_000)), Need::Nothing(token()));
        assert_eq!(need(300, Some(6_900)), Need::Renewal(token()));
        assert_eq!(need(300, Some(59)), Need::Nothing(token()), "the floor of 60 s");
        assert_eq!(need(300, Some(60)), Need::Renewal(token()));
        assert_eq!(need(0, Some(7_200)), Need::Token);
        assert_eq!(need(0, Some(59)), Need::Nothing(token()), "a token born with no life");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_was_read_is_looked_at_again_in_time() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert_eq!(kept(Until::Look(later), Some(0), now).need(now), Need::Nothing(token()));
        assert_eq!(kept(Until::Look(now), Some(0), now).need(now), Need::Token);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_fetched_anew_once_in_five_minutes_and_read_anew_each_time() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut fetched = kept(Until::Expiry(at(7_200)), Some(0), now);
        assert!(fetched.refused(now));
        assert_eq!(fetched.need(now), Need::Token, "exempt from the floor of 60 s");
        assert!(fetched.keep(token(), Until::Expiry(at(7_200))));
        assert!(!fetched.refused(at(299)));
        assert_eq!(fetched.need(at(299)), Need::Nothing(token()), "kept, not dropped");
        assert!(fetched.refused(at(300)));
        let mut read = kept(Until::Look(at(1_800)), Some(0), now);
        for seconds in 0..3 {
            assert!(read.refused(at(seconds)));
            assert_eq!(read.need(at(seconds)), Need::Token);
            assert!(!read.keep(token(), Until::Look(at(1_800))), "the same as before");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_may_have_retired_a_token_is_repeated_after_five_minutes() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let error = |failure| ApiError { step: Step::Call(Api::Token), failure };
        let lost = || error(Failure::Transport("timed out".to_owned()));
        let patience = || Need::Patience(lost().failing());

        let mut kept = Kept::default();
        kept.taking_over(now);
        assert_eq!(kept.need(at(1)), patience(), "cut off");
        kept.failed(&lost());
        assert_eq!(kept.need(at(299)), patience());
        assert_eq!(kept.need(at(300)), Need::Token);
        kept.taking_over(at(300));
        kept.failed(&error(Failure::Connect("refused".to_owned())));
        assert_eq!(kept.need(at(301)), Need::Token, "nothing can have happened");

        let mut old = Kept::default();
        old.keep(token(), Until::Expiry(at(200)));
        old.taking_over(now);
        old.failed(&lost());
        assert_eq!(old.need(at(100)), Need::Nothing(token()));
        assert!(!old.refused(at(100)));
        assert_eq!(old.need(at(200)), patience());
        assert_eq!(old.need(at(300)), Need::Token);
    }
}

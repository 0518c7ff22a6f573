//! One collector of one account: its rhythm, its deadline, and how its last polls ended.

use std::time::Duration;

use tokio::time::Instant;

use super::News;
use crate::config::Account;
use crate::poll::schedule::Rhythm;
use crate::store::{Failing, LastPoll};
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::Collector;

#[derive(Clone, Debug)]
pub(super) struct CollectorState {
    pub(super) rhythm: Rhythm,
    /// Time between two polls: the interval, or longer while the quota is short.
    pub(super) spacing: Duration,
    pub(super) due: Instant,
    /// When the last poll that has ended began.
    pub(super) last: Option<Instant>,
    /// Failed polls of one class in a row, and how many there were before the last one.
    pub(super) streak: Option<(ErrorClass, u32)>,
    /// The poll that runs or waits for its next attempt.
    pub(super) poll: Option<PollInProgress>,
    /// The class of the failure that the log tells of, until it is over.
    pub(super) told: Option<ErrorClass>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PollInProgress {
    pub(super) began: Instant,
    pub(super) attempt: u32,
}

/// Time between two polls, if the account collects this at all.
pub(super) fn interval(account: &Account, collector: Collector) -> Option<Duration> {
    match collector {
        Collector::Material => Some(account.interval),
        Collector::Draft => account.collect.draft,
        Collector::Quota => account.collect.quota,
    }
}

impl CollectorState {
    /// A collector that is due at `due` for the first time.
    pub(super) fn entering(due: Instant, interval: Duration, place: u64) -> Self {
        Self::on(Rhythm::entering(due, interval, place), due)
    }

    /// A collector that is due at `due`, and goes on by `rhythm`.
    pub(super) fn on(rhythm: Rhythm, due: Instant) -> Self {
        Self { rhythm, spacing: rhythm.interval, due, last: None, streak: None, poll: None, told: None }
    }

    /// Begins an attempt; its number in its poll, from 0.
    pub(super) fn begin(&mut self, now: Instant) -> u32 {
        let poll = match self.poll {
            Some(PollInProgress { began, attempt }) => PollInProgress { began, attempt: attempt + 1 },
            None => PollInProgress { began: now, attempt: 0 },
        };
        self.poll = Some(poll);
        poll.attempt
    }

    /// When the poll that runs began.
    pub(super) fn began(&self, now: Instant) -> Instant {
        self.poll.map_or(now, |poll| poll.began)
    }

    /// The regular moment after the poll that runs, which ends now.
    pub(super) fn next_moment(&self, now: Instant) -> Instant {
        self.rhythm.next(self.began(now), now, self.spacing)
    }

    /// Polls so far apart from `now` on, and not before the end of a `rest`. A wait after a failure, and
    /// a poll that runs, stay as they are.
    pub(super) fn space(&mut self, spacing: Duration, rest: Option<Instant>, now: Instant) {
        let is_new = std::mem::replace(&mut self.spacing, spacing) != spacing;
        let Some(last) = self.last.filter(|_| self.due > now && self.streak.is_none() && self.poll.is_none())
        else {
            return;
        };
        if is_new {
            self.due = self.rhythm.next(last, last, spacing).max(now);
        }
        if let Some(rest) = rest.filter(|rest| self.due < *rest) {
            self.due = self.rhythm.next(last, rest, self.rhythm.interval);
        }
    }

    /// Counts one more failed poll of `class`; how many there were in a row before it.
    pub(super) fn count(&mut self, class: ErrorClass) -> u32 {
        let n = match self.streak {
            Some((known, n)) if known == class => n.saturating_add(1),
            _ => 0,
        };
        self.streak = Some((class, n));
        n
    }

    /// What a poll that ended with `last_poll` brings that the log has not told: once for each class of
    /// failures. There is no `error` where a platform's own line says it; and what material fails with,
    /// by `material`, it fails with for all.
    pub(super) fn news(
        &mut self,
        last_poll: &LastPoll,
        error: Option<String>,
        material: Option<ErrorClass>,
    ) -> News {
        match (last_poll, error) {
            (LastPoll::Failed(Failing { class, .. }), Some(error))
                if ![self.told, material].contains(&Some(*class)) =>
            {
                self.told = Some(*class);
                News::Failing(error)
            }
            (LastPoll::Succeeded, _) if self.told.take().is_some() => News::Recovered,
            _ => News::None,
        }
    }

    /// Whether the last call did not come through, be it the end of its poll or not.
    pub(super) fn is_unreachable(&self) -> bool {
        self.poll.is_some() || self.streak.is_some_and(|(class, _)| class == ErrorClass::Network)
    }

    /// Whether it waits for `WeChat` in a way that no change of ours ends.
    pub(super) fn is_held(&self) -> bool {
        let held = [ErrorClass::QuotaDay, ErrorClass::QuotaMinute, ErrorClass::Risk];
        self.streak.is_some_and(|(class, _)| held.contains(&class))
    }

    /// Polls at another interval from `now` on. A wait after a failure stays what it is.
    pub(super) fn change_interval(&mut self, interval: Duration, now: Instant, place: u64) {
        if self.rhythm.interval == interval {
            return;
        }
        let is_spaced = self.spacing > self.rhythm.interval;
        (self.rhythm, self.spacing) = (Rhythm::entering(now, interval, place), interval);
        // Nor does one for the quota's sake, until it is worked out anew.
        if self.streak.is_none() && !is_spaced {
            self.due = self.due.min(now + interval);
        }
    }

    /// Ends the wait, unless it is one that only `WeChat` ends.
    pub(super) fn end_wait(&mut self, now: Instant) {
        if !self.is_held() {
            self.streak = None;
            self.poll = None;
            self.due = now;
        }
    }
}

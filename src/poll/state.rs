//! What the scheduler knows of one account, and what follows from a poll's report. Pure: reads no
//! clock, does no I/O.

use std::sync::Arc;

use tokio::time::Instant;

use super::account::{PollReport, Visit};
use super::backoff::{self, ATTEMPTS, Waiting};
use super::schedule::{AccountKey, Lane, Rhythm};
use crate::clock::WallTime;
use crate::config::Account;
use crate::store::{Failing, LastGood, LastPoll, MaterialCounts, Readings};
use crate::token::TokenState;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::ApiError;

/// One account in the scheduler's hands.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) readings: Readings,
    token: TokenState,
    rhythm: Rhythm,
    /// Failed polls of one class in a row.
    streak: Option<(ErrorClass, u32)>,
    /// The poll that runs or waits for its next attempt.
    poll: Option<PollInProgress>,
}

#[derive(Clone, Copy, Debug)]
struct PollInProgress {
    began: Instant,
    attempt: u32,
}

/// When an account is visited next, and what the poll came to if it has ended.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) at: Instant,
    pub(super) lane: Lane,
    pub(super) ended: Option<Ended>,
}

/// A poll that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) began: Instant,
    /// How the poll before it ended.
    pub(super) before: LastPoll,
    pub(super) failed: Option<ErrorClass>,
}

/// The two clocks of one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) wall: WallTime,
}

impl AccountState {
    pub(super) fn new(account: Arc<Account>, key: &AccountKey, now: Moment) -> Self {
        let rhythm = Rhythm { start: now.instant, interval: account.interval, place: key.place() };
        Self {
            readings: Readings::new(account, now.wall),
            token: TokenState::default(),
            rhythm,
            streak: None,
            poll: None,
        }
    }

    /// Begins the next attempt: lends the token to the visit.
    pub(super) fn visit(&mut self, now: Instant) -> Visit {
        let poll = match self.poll {
            Some(PollInProgress { began, attempt }) => PollInProgress { began, attempt: attempt + 1 },
            None => PollInProgress { began: now, attempt: 0 },
        };
        self.poll = Some(poll);
        Visit {
            account: Arc::clone(&self.readings.account),
            token: std::mem::take(&mut self.token),
            last_attempt: poll.attempt + 1 >= ATTEMPTS,
        }
    }

    /// Takes the report of a visit.
    pub(super) fn report(&mut self, report: PollReport, now: Moment) -> Next {
        self.token = report.token;
        self.readings.token_refreshes += report.refreshes;
        self.readings.token_rejections += report.rejections;
        match report.result {
            Ok(counts) => self.succeeded(counts, now),
            Err(error) => self.failed(failing(&error), now),
        }
    }

    /// A visit ended by a panic: its token is lost, the account goes on.
    pub(super) fn panicked(&mut self, now: Moment) -> Next {
        self.failed(Failing { class: ErrorClass::Other, errcode: None, seen_ip: None }, now)
    }

    fn succeeded(&mut self, counts: MaterialCounts, now: Moment) -> Next {
        self.streak = None;
        self.readings.last_good = Some(LastGood { counts, at: now.wall });
        let began = self.began(now.instant);
        self.end(LastPoll::Succeeded, self.rhythm.next(began, now.instant), Lane::Open, now)
    }

    fn failed(&mut self, failing: Failing, now: Moment) -> Next {
        let waiting = Waiting { interval: self.rhythm.interval, place: self.rhythm.place, now: now.wall };
        let lane = if failing.class == ErrorClass::Network { Lane::Unreachable } else { Lane::Open };
        let attempt = self.poll.map_or(0, |poll| poll.attempt);
        if let Some(delay) = backoff::attempt_delay(&failing, attempt, waiting) {
            return Next { at: now.instant + delay, lane, ended: None };
        }
        let n = match self.streak {
            Some((class, n)) if class == failing.class => n.saturating_add(1),
            _ => 0,
        };
        self.streak = Some((failing.class, n));
        self.readings.failures += 1;
        let at = now.instant + backoff::delay(&failing, n, waiting);
        self.end(LastPoll::Failed(failing), at, lane, now)
    }

    fn end(&mut self, last_poll: LastPoll, at: Instant, lane: Lane, now: Moment) -> Next {
        let began = self.began(now.instant);
        self.poll = None;
        let failed = match &last_poll {
            LastPoll::Failed(failing) => Some(failing.class),
            LastPoll::Pending | LastPoll::Succeeded => None,
        };
        self.readings.polls += 1;
        self.readings.next_poll = now.wall.plus(at - now.instant);
        let before = std::mem::replace(&mut self.readings.last_poll, last_poll);
        Next { at, lane, ended: Some(Ended { began, before, failed }) }
    }

    fn began(&self, now: Instant) -> Instant {
        self.poll.map_or(now, |poll| poll.began)
    }
}

fn failing(error: &ApiError) -> Failing {
    Failing { class: error.class(), errcode: error.errcode(), seen_ip: error.seen_ip() }
}

//! What the scheduler knows of one account, and what follows from a poll's report. Pure: reads no
//! clock, does no I/O.

use std::sync::Arc;

use tokio::time::Instant;

use super::account::{PollReport, Visit};
use super::backoff::{self, ATTEMPTS, Waiting};
use super::schedule::{Lane, Rhythm};
use crate::clock::WallTime;
use crate::config::Account;
use crate::store::{Failing, LastGood, LastPoll, OptionalReadings, Readings};
use crate::token::TokenState;
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::{Collected, Collector};
use crate::wechat::error::{ApiError, Step};

/// One account in the scheduler's hands.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) readings: Readings,
    token: TokenState,
    place: u64,
    /// In the order of [`Collector::ALL`]; nothing where one is off.
    rhythms: [Option<CollectorState>; Collector::ALL.len()],
    /// What the running visit was sent for.
    visited: Vec<Collector>,
}

/// One collector of one account.
#[derive(Clone, Debug)]
struct CollectorState {
    rhythm: Rhythm,
    due: Instant,
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

/// When an account is visited next, and what has ended.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) at: Instant,
    pub(super) lane: Lane,
    pub(super) ended: Vec<Ended>,
}

/// A poll of one collector that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) collector: Collector,
    pub(super) began: Instant,
    /// How the poll before it ended.
    pub(super) before: LastPoll,
    pub(super) now: LastPoll,
    /// Why it failed, in words for the log; none where a platform's own line says it.
    pub(super) error: Option<String>,
}

/// The two clocks of one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) wall: WallTime,
}

impl AccountState {
    pub(super) fn new(account: Arc<Account>, now: Moment) -> Self {
        let place = account.name.place();
        let rhythms = Collector::ALL.map(|collector| CollectorState::new(&account, collector, now.instant));
        let readings = Readings::new(account, now.wall);
        Self { readings, token: TokenState::default(), place, rhythms, visited: Vec::new() }
    }

    /// Takes new settings over; what is known of the account stays.
    pub(super) fn configure(&mut self, account: Arc<Account>, now: Instant) {
        for collector in Collector::ALL {
            let new = CollectorState::new(&account, collector, now);
            let known = &mut self.rhythms[collector as usize];
            match (known.as_mut(), new) {
                (Some(known), Some(new)) if known.rhythm.interval == new.rhythm.interval => {}
                (_, new) => *known = new,
            }
        }
        self.readings.draft = account.collect.draft.map(|_| self.readings.draft.take().unwrap_or_default());
        self.readings.quota = account.collect.quota.map(|_| self.readings.quota.take().unwrap_or_default());
        self.readings.account = account;
    }

    /// When the account is visited next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.rhythms.iter().flatten().map(|state| state.due).min()
    }

    /// Begins the next attempt of all that is due: lends the token to the visit.
    pub(super) fn visit(&mut self, now: Instant) -> Visit {
        let mut last_attempt = true;
        self.visited.clear();
        for collector in Collector::ALL {
            if let Some(state) = &mut self.rhythms[collector as usize]
                && state.due <= now
            {
                last_attempt &= state.begin(now) + 1 >= ATTEMPTS;
                self.visited.push(collector);
            }
        }
        Visit {
            account: Arc::clone(&self.readings.account),
            token: std::mem::take(&mut self.token),
            due: self.visited.clone(),
            last_attempt,
        }
    }

    /// Takes the report of a visit. Nothing where the account collects nothing, which does not
    /// happen: material is always on.
    pub(super) fn report(&mut self, report: PollReport, now: Moment) -> Option<Next> {
        self.token = report.token;
        self.readings.token_refreshes += report.refreshes;
        self.readings.token_rejections += report.rejections;
        let mut ended = Vec::new();
        for (collector, result) in report.outcomes {
            self.visited.retain(|&visited| visited != collector);
            ended.extend(match result {
                Ok(collected) => self.succeeded(collector, collected, now),
                Err(error) => self.failed(collector, &error, now),
            });
        }
        if let Some(error) = report.token_error {
            ended.extend(self.token_failed(&error, now));
        }
        self.next(ended)
    }

    /// A visit ended by a panic: its token is lost, the account goes on.
    pub(super) fn panicked(&mut self, now: Moment) -> Option<Next> {
        let failing = Failing { class: ErrorClass::Other, errcode: None, seen_ip: None, source: None };
        let text = "the poll panicked, its token is lost";
        let visited = std::mem::take(&mut self.visited);
        let ended = visited.into_iter().filter_map(|one| self.fail(one, &failing, text, now)).collect();
        self.next(ended)
    }

    fn next(&self, ended: Vec<Ended>) -> Option<Next> {
        let unreachable = self.rhythms.iter().flatten().any(CollectorState::is_unreachable);
        let lane = if unreachable { Lane::Unreachable } else { Lane::Open };
        Some(Next { at: self.due()?, lane, ended })
    }

    fn succeeded(&mut self, collector: Collector, collected: Collected, now: Moment) -> Option<Ended> {
        match collected {
            Collected::Material(counts) => self.readings.last_good = Some(LastGood { counts, at: now.wall }),
            Collected::Draft(drafts) => keep(self.readings.draft.as_deref_mut(), drafts, now.wall),
            Collected::Quota(quotas) => keep(self.readings.quota.as_deref_mut(), quotas, now.wall),
        }
        let state = self.rhythms[collector as usize].as_mut()?;
        state.streak = None;
        let at = state.rhythm.next(state.began(now.instant), now.instant);
        self.end(collector, LastPoll::Succeeded, at, None, now)
    }

    /// A data call failed: its collector is parked.
    fn failed(&mut self, collector: Collector, error: &ApiError, now: Moment) -> Option<Ended> {
        self.fail(collector, &error.failing(), &error.to_string(), now)
    }

    /// There was no token: the whole account is parked.
    fn token_failed(&mut self, error: &ApiError, now: Moment) -> Vec<Ended> {
        let failing = error.failing();
        if error.step == Step::Platform {
            let visited = std::mem::take(&mut self.visited);
            return visited.into_iter().filter_map(|one| self.stay_on_schedule(one, &failing, now)).collect();
        }
        let text = error.to_string();
        let visited = std::mem::take(&mut self.visited);
        let ended: Vec<_> = visited.iter().filter_map(|&one| self.fail(one, &failing, &text, now)).collect();
        // The others would fail in the same way: none of them is sooner than those that did.
        let until = visited.iter().filter_map(|&one| Some(self.rhythms[one as usize].as_ref()?.due)).max();
        if !ended.is_empty()
            && let Some(until) = until
        {
            for state in self.rhythms.iter_mut().flatten() {
                state.due = state.due.max(until);
            }
        }
        ended
    }

    /// The platform is parked and no call was made: nothing is learned about the account.
    fn stay_on_schedule(&mut self, collector: Collector, failing: &Failing, now: Moment) -> Option<Ended> {
        let state = self.rhythms[collector as usize].as_ref()?;
        let at = state.rhythm.next(state.began(now.instant), now.instant);
        self.end(collector, LastPoll::Failed(failing.clone()), at, None, now)
    }

    /// A failed attempt. Nothing has ended if another one follows.
    fn fail(&mut self, collector: Collector, failing: &Failing, error: &str, now: Moment) -> Option<Ended> {
        let place = self.place;
        let state = self.rhythms[collector as usize].as_mut()?;
        let waiting = Waiting { interval: state.rhythm.interval, place, now: now.wall };
        let attempt = state.poll.map_or(0, |poll| poll.attempt);
        if let Some(delay) = backoff::attempt_delay(failing, attempt, waiting) {
            state.due = now.instant + delay;
            return None;
        }
        let n = state.streak(failing.class);
        let at = now.instant + backoff::delay(failing, n, waiting);
        self.end(collector, LastPoll::Failed(failing.clone()), at, Some(error.to_owned()), now)
    }

    fn end(
        &mut self,
        collector: Collector,
        last_poll: LastPoll,
        at: Instant,
        error: Option<String>,
        now: Moment,
    ) -> Option<Ended> {
        let state = self.rhythms[collector as usize].as_mut()?;
        let began = state.began(now.instant);
        state.poll = None;
        state.due = at;
        let readings = &mut self.readings;
        let shown = match collector {
            Collector::Material => {
                readings.polls += 1;
                readings.failures += u64::from(matches!(last_poll, LastPoll::Failed(_)));
                readings.next_poll = now.wall.plus(at - now.instant);
                &mut readings.last_poll
            }
            Collector::Draft => &mut readings.draft.as_deref_mut()?.last_poll,
            Collector::Quota => &mut readings.quota.as_deref_mut()?.last_poll,
        };
        let before = std::mem::replace(shown, last_poll.clone());
        Some(Ended { collector, began, before, now: last_poll, error })
    }
}

impl CollectorState {
    fn new(account: &Account, collector: Collector, now: Instant) -> Option<Self> {
        let interval = match collector {
            Collector::Material => Some(account.interval),
            Collector::Draft => account.collect.draft,
            Collector::Quota => account.collect.quota,
        };
        let rhythm = Rhythm { start: now, interval: interval?, place: account.name.place() };
        Some(Self { rhythm, due: now, streak: None, poll: None })
    }

    /// Begins an attempt; its number in its poll, from 0.
    fn begin(&mut self, now: Instant) -> u32 {
        let poll = match self.poll {
            Some(PollInProgress { began, attempt }) => PollInProgress { began, attempt: attempt + 1 },
            None => PollInProgress { began: now, attempt: 0 },
        };
        self.poll = Some(poll);
        poll.attempt
    }

    fn began(&self, now: Instant) -> Instant {
        self.poll.map_or(now, |poll| poll.began)
    }

    /// Counts one more failed poll of `class`; how many there were in a row before it.
    fn streak(&mut self, class: ErrorClass) -> u32 {
        let n = match self.streak {
            Some((known, n)) if known == class => n.saturating_add(1),
            _ => 0,
        };
        self.streak = Some((class, n));
        n
    }

    /// Whether the last call did not come through, be it the end of its poll or not.
    fn is_unreachable(&self) -> bool {
        self.poll.is_some() || self.streak.is_some_and(|(class, _)| class == ErrorClass::Network)
    }
}

fn keep<T>(readings: Option<&mut OptionalReadings<T>>, value: T, at: WallTime) {
    if let Some(readings) = readings {
        readings.last_good = Some((value, at));
    }
}

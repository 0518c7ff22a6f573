//! What the scheduler knows of one account, and what follows from a poll's report. Pure: reads no
//! clock, does no I/O.

mod collector;
mod saved;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::collector::{CollectorState, interval};
use super::account::{PollReport, Visit};
use super::backoff::{self, ATTEMPTS, Waiting};
use super::schedule::Lane;
use super::spacing::{KnownQuota, is_used_up, spacing};
use crate::clock::WallTime;
use crate::config::Account;
use crate::store::{Failing, LastGood, LastPoll, OptionalReadings, Readings};
use crate::token::TokenState;
use crate::token::kept::Until;
use crate::wechat::api::Api;
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::{Collected, Collector};
use crate::wechat::error::{ApiError, Step};

/// One account in the scheduler's hands.
#[derive(Debug)]
pub(super) struct AccountState {
    /// Shared with the store once it is published.
    pub(super) readings: Arc<Readings>,
    /// Whether the configuration lists it; else a platform has found it.
    pub(super) is_listed: bool,
    token: TokenState,
    place: u64,
    /// In the order of [`Collector::ALL`]; nothing where one is off. Boxed, because most accounts
    /// have but one.
    collectors: [Option<Box<CollectorState>>; Collector::ALL.len()],
    /// What the running visit was sent for.
    visited: Vec<Collector>,
    /// Whether the running visit was sent with token settings that are no longer the account's.
    is_visit_outdated: bool,
    /// What is due until then may be polled: the state file knows of it.
    lease: Option<Instant>,
    /// When somebody last wished for a poll.
    wished_at: Option<Instant>,
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
    pub(super) now: LastPoll,
    pub(super) news: News,
}

/// What the log says of a poll that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing: it went as the one before, or another line says it.
    None,
    /// It failed, and did not before, or in another way: why, in words.
    Failing(String),
    /// It succeeded again.
    Recovered,
}

/// The two clocks of one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) wall: WallTime,
}

impl Moment {
    /// The wall time of `at`, never earlier by the rounding to milliseconds.
    pub(super) fn wall_of(self, at: Instant) -> WallTime {
        const CEILING: Duration = Duration::from_nanos(999_999);
        let past = self.instant.saturating_duration_since(at);
        let past = i64::try_from(past.as_millis()).unwrap_or(i64::MAX);
        let base = WallTime::from_millis(self.wall.millis().saturating_sub(past));
        match at.saturating_duration_since(self.instant) {
            Duration::ZERO => base,
            ahead => base.plus(ahead + CEILING),
        }
    }
}

impl AccountState {
    /// An account that is due at once.
    pub(super) fn new(account: Arc<Account>, now: Moment) -> Self {
        let place = account.name.place();
        let collectors = Collector::ALL.map(|collector| {
            let interval = interval(&account, collector)?;
            Some(Box::new(CollectorState::entering(now.instant, interval, place)))
        });
        Self {
            readings: Arc::new(Readings::new(account, now.wall)),
            is_listed: false,
            token: TokenState::default(),
            place,
            collectors,
            visited: Vec::new(),
            is_visit_outdated: false,
            lease: None,
            wished_at: None,
        }
    }

    /// The readings, apart from those that were published.
    fn readings_mut(&mut self) -> &mut Readings {
        Arc::make_mut(&mut self.readings)
    }

    fn collector(&self, collector: Collector) -> Option<&CollectorState> {
        self.collectors[collector as usize].as_deref()
    }

    fn due_of(&self, collector: Collector) -> Option<Instant> {
        self.collector(collector).map(|state| state.due)
    }

    /// When the account is visited next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.collectors.iter().flatten().map(|state| state.due).min()
    }

    /// Which queue it waits in.
    pub(super) fn lane(&self) -> Lane {
        let unreachable = self.collectors.iter().flatten().any(|state| state.is_unreachable());
        if unreachable { Lane::Unreachable } else { Lane::Open }
    }

    /// Whether a poll waits for its next attempt.
    pub(super) fn has_attempt_left(&self) -> bool {
        self.collectors.iter().flatten().any(|state| state.poll.is_some())
    }

    /// Lets the next visit take what is due until `lease`, and nothing later.
    pub(super) fn lend_until(&mut self, lease: Instant) {
        self.lease = Some(lease);
    }

    /// Whether the next visit may begin, as far as the state file goes.
    pub(super) fn has_lease(&self) -> bool {
        self.lease.is_some()
    }

    /// Takes that back where no visit makes use of it. Whether there was such a limit.
    pub(super) fn end_lease(&mut self) -> bool {
        self.visited.is_empty() && self.lease.take().is_some()
    }

    /// The visit that runs, if one does, was sent for another account of this name.
    pub(super) fn drop_visit(&mut self, is_visited: bool) {
        self.is_visit_outdated = is_visited;
    }

    /// Begins the next attempt of all that is due: lends the token to the visit.
    pub(super) fn visit(&mut self, now: Instant) -> Visit {
        let mut last_attempt = true;
        let until = self.lease.map_or(now, |lease| lease.min(now));
        self.visited.clear();
        for collector in Collector::ALL {
            if let Some(state) = &mut self.collectors[collector as usize]
                && state.due <= until
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
        self.lease = None;
        let readings = self.readings_mut();
        readings.token_refreshes += report.refreshes;
        readings.token_rejections += report.rejections;
        if std::mem::take(&mut self.is_visit_outdated) {
            self.visited = Vec::new();
            return self.next(Vec::new());
        }
        // Yesterday's quota spaces polls no longer, however those of today end.
        self.space(now);
        self.token = report.token;
        self.readings_mut().token_until = match self.token.until() {
            Some(Until::Expiry(at)) => Some(now.wall_of(at)),
            Some(Until::Look(_)) | None => None,
        };
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
        self.visited = Vec::new();
        self.next(ended)
    }

    /// A visit ended by a panic: its token is lost, the account goes on.
    pub(super) fn panicked(&mut self, now: Moment) -> Option<Next> {
        (self.lease, self.is_visit_outdated) = (None, false);
        self.readings_mut().token_until = None;
        let failing = Failing { class: ErrorClass::Other, errcode: None, seen_ip: None, source: None };
        let text = "the poll panicked, its token is lost";
        let visited = std::mem::take(&mut self.visited);
        let ended = visited.into_iter().filter_map(|one| self.fail(one, &failing, text, now)).collect();
        self.next(ended)
    }

    fn next(&self, ended: Vec<Ended>) -> Option<Next> {
        Some(Next { at: self.due()?, lane: self.lane(), ended })
    }

    /// What is known of the quota that `collector` uses.
    fn quota_of(&self, collector: Collector) -> Option<KnownQuota> {
        let api = match collector {
            Collector::Material => Api::MaterialCount,
            Collector::Draft => Api::DraftCount,
            Collector::Quota => return None,
        };
        let (quotas, at) = self.readings.quota.as_deref()?.last_good.as_ref()?;
        let limit = quotas.iter().find(|quota| quota.api == api)?.limit?;
        Some(KnownQuota { limit, at: *at })
    }

    /// Moves the polls of an API whose spacing has changed.
    fn space(&mut self, now: Moment) {
        let due_before = self.due_of(Collector::Material);
        let quotas = Collector::ALL.map(|collector| self.quota_of(collector));
        let budget = &self.readings.account.budget;
        for (state, quota) in self.collectors.iter_mut().zip(quotas) {
            if let Some(state) = state {
                let spacing = spacing(state.rhythm.interval, budget, quota, now.wall);
                let is_used_up = is_used_up(budget, quota, now.wall);
                let rest = is_used_up.then(|| now.instant + backoff::until_midnight(now.wall));
                state.space(spacing, rest, now.instant);
            }
        }
        if let Some(spacing) = self.collector(Collector::Material).map(|state| state.spacing) {
            self.readings_mut().interval = spacing;
        }
        if self.due_of(Collector::Material) != due_before {
            self.show_next(now);
        }
    }

    /// Shows when material is polled next.
    fn show_next(&mut self, now: Moment) {
        if let Some(due) = self.due_of(Collector::Material) {
            self.readings_mut().next_poll = now.wall_of(due);
        }
    }

    fn succeeded(&mut self, collector: Collector, collected: Collected, now: Moment) -> Option<Ended> {
        let readings = self.readings_mut();
        match collected {
            Collected::Material(counts) => readings.last_good = Some(LastGood { counts, at: now.wall }),
            Collected::Draft(drafts) => keep(readings.draft.as_deref_mut(), drafts, now.wall),
            Collected::Quota(quotas) => keep(readings.quota.as_deref_mut(), quotas, now.wall),
        }
        self.space(now);
        let state = self.collectors[collector as usize].as_mut()?;
        state.streak = None;
        let at = state.next_moment(now.instant);
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
        // The others would fail in the same way: they wait too, but no longer than the account would
        // if it had been asked for what it is asked for most often.
        let streak = visited.iter().filter_map(|&one| self.collector(one)?.streak).max_by_key(|(_, n)| *n);
        if !ended.is_empty()
            && let Some((class, n)) = streak
            && let Some(interval) = self.collectors.iter().flatten().map(|state| state.spacing).min()
        {
            let waiting = Waiting { interval, place: self.place, now: now.wall };
            let until = now.instant + backoff::delay(&failing, n, waiting);
            for state in self.collectors.iter_mut().flatten().filter(|state| state.due < until) {
                // An attempt that is still to come would be one of a poll long past.
                (state.due, state.streak, state.poll) = (until, Some((class, n)), None);
            }
            self.show_next(now);
        }
        ended
    }

    /// The platform is parked and no call was made: nothing is learned about the account.
    fn stay_on_schedule(&mut self, collector: Collector, failing: &Failing, now: Moment) -> Option<Ended> {
        let at = self.collector(collector)?.next_moment(now.instant);
        self.end(collector, LastPoll::Failed(failing.clone()), at, None, now)
    }

    /// A failed attempt. Nothing has ended if another one follows.
    fn fail(&mut self, collector: Collector, failing: &Failing, error: &str, now: Moment) -> Option<Ended> {
        let place = self.place;
        let state = self.collectors[collector as usize].as_mut()?;
        let waiting = Waiting { interval: state.spacing, place, now: now.wall };
        let attempt = state.poll.map_or(0, |poll| poll.attempt);
        if let Some(delay) = backoff::attempt_delay(failing, attempt, waiting) {
            state.due = now.instant + delay;
            return None;
        }
        let n = state.count(failing.class);
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
        let material = self.collector(Collector::Material).and_then(|state| state.told);
        let state = self.collectors[collector as usize].as_mut()?;
        let began = state.began(now.instant);
        (state.poll, state.last) = (None, Some(began));
        state.due = at;
        let news = state.news(&last_poll, error, material);
        let readings = Arc::make_mut(&mut self.readings);
        let shown = match collector {
            Collector::Material => {
                readings.polls += 1;
                readings.failures += u64::from(matches!(last_poll, LastPoll::Failed(_)));
                readings.next_poll = now.wall_of(at);
                &mut readings.last_poll
            }
            Collector::Draft => &mut readings.draft.as_deref_mut()?.last_poll,
            Collector::Quota => &mut readings.quota.as_deref_mut()?.last_poll,
        };
        *shown = last_poll.clone();
        Some(Ended { collector, began, now: last_poll, news })
    }
}

fn keep<T>(readings: Option<&mut OptionalReadings<T>>, value: T, at: WallTime) {
    if let Some(readings) = readings {
        readings.last_good = Some((value, at));
    }
}

#[cfg(test)]
mod tests;

//! The one task that owns all account state: starts polls that are due, takes their reports,
//! publishes readings, and sets the next deadline. No account is ever polled twice at once,
//! because its state is either here or with its poll.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::account::{PollReport, Visit};
use super::change::FleetChange;
use super::schedule::{AccountKey, Lane, Schedule};
use super::state::{AccountState, Ended, Moment, Next};
use crate::clock::Clock;
use crate::config::{Account, AccountName};
use crate::metrics::own::ExporterMetrics;
use crate::store::{LastPoll, Store};
use crate::web::ready::Readiness;
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::Collector;

/// Where the scheduler leaves what it learns.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// Readings, one per account.
    pub store: Arc<Store>,
    /// Counters of polls.
    pub metrics: Arc<ExporterMetrics>,
    /// Marked ready when every account was polled once.
    pub ready: Readiness,
}

/// Polls all accounts for as long as it runs.
#[derive(Debug)]
pub struct Scheduler<P> {
    poll: P,
    clock: Clock,
    outlets: Outlets,
    max_in_flight: usize,
    changes: mpsc::Receiver<FleetChange>,
    schedule: Schedule,
    accounts: HashMap<AccountKey, AccountState>,
    running: JoinSet<PollReport>,
    /// Which account a running poll belongs to, and the lane it came from.
    visits: HashMap<Id, (AccountKey, Lane)>,
    /// Accounts that are being visited, and whether they went meanwhile.
    visited: HashMap<AccountKey, bool>,
    /// How many visits came from [`Lane::Unreachable`].
    unreachable: usize,
    /// Listed accounts whose first poll has not ended.
    pending: HashSet<AccountKey>,
}

impl<P, F> Scheduler<P>
where
    P: Fn(Visit) -> F,
    F: Future<Output = PollReport> + Send + 'static,
{
    /// A scheduler of `accounts`, all due at once, and of those that come by `changes`. Their empty
    /// readings are published, so that their counters are on the first page.
    pub fn new(
        accounts: &[Arc<Account>],
        changes: mpsc::Receiver<FleetChange>,
        max_in_flight: usize,
        clock: Clock,
        outlets: Outlets,
        poll: P,
    ) -> Self {
        let mut scheduler = Self {
            poll,
            clock,
            outlets,
            max_in_flight: max_in_flight.max(1),
            changes,
            schedule: Schedule::default(),
            accounts: HashMap::with_capacity(accounts.len()),
            running: JoinSet::new(),
            visits: HashMap::new(),
            visited: HashMap::new(),
            unreachable: 0,
            pending: HashSet::with_capacity(accounts.len()),
        };
        for account in accounts {
            scheduler.pending.insert(AccountKey::new(account.name.clone()));
            scheduler.set(Arc::clone(account));
        }
        scheduler
    }

    /// Polls until `stop`, then waits for the polls that run. A caller that cannot wait drops it.
    pub async fn run(mut self, stop: CancellationToken) {
        self.tell_ready();
        while !stop.is_cancelled() {
            self.start_due();
            let wake_at = self.wake_at();
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.running.join_next_with_id() => self.take(ended),
                Some(change) = self.changes.recv() => self.change(change),
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
        }
        while let Some(ended) = self.running.join_next_with_id().await {
            self.take(ended);
        }
    }

    fn now(&self) -> Moment {
        Moment { instant: Instant::now(), wall: self.clock.now() }
    }

    fn tell_ready(&self) {
        if self.pending.is_empty() {
            self.outlets.ready.mark_ready();
        }
    }

    fn change(&mut self, change: FleetChange) {
        match change {
            FleetChange::Set(account) => self.set(account),
            FleetChange::Gone(name) => self.remove(&AccountKey::new(name)),
            FleetChange::Listed(_) | FleetChange::PollNow(_) => todo!(),
        }
    }

    /// A new account is due at once; a known one keeps all that is known of it.
    fn set(&mut self, account: Arc<Account>) {
        let key = AccountKey::new(account.name.clone());
        let now = self.now();
        if let Some(gone) = self.visited.get_mut(&key) {
            *gone = false;
        }
        let state = match self.accounts.entry(key.clone()) {
            Entry::Occupied(known) => {
                let state = known.into_mut();
                state.configure(account, now.instant);
                state
            }
            Entry::Vacant(free) => free.insert(AccountState::new(account, now)),
        };
        self.outlets.store.publish(state.readings.clone());
        if let Some(due) = state.due()
            && !self.visited.contains_key(&key)
        {
            self.schedule.set(key, Lane::Open, due);
        }
    }

    fn remove(&mut self, key: &AccountKey) {
        self.outlets.store.forget(key.name());
        self.schedule.remove(key);
        // A visit that runs keeps the state until it is back: the account may return sooner.
        match self.visited.get_mut(key) {
            Some(gone) => *gone = true,
            None => _ = self.accounts.remove(key),
        }
    }

    /// Whether one more poll of this lane may start. Unreachable accounts take at most half of
    /// the room, so that a dead host does not slow the others down.
    fn has_room(&self, lane: Lane) -> bool {
        let free = self.visits.len() < self.max_in_flight;
        match lane {
            Lane::Open => free,
            Lane::Unreachable => free && self.unreachable < (self.max_in_flight / 2).max(1),
        }
    }

    fn start_due(&mut self) {
        let now = Instant::now();
        for lane in [Lane::Open, Lane::Unreachable] {
            while self.has_room(lane)
                && let Some(key) = self.schedule.pop_due(lane, now)
            {
                self.start(key, lane, now);
            }
        }
        self.outlets.metrics.set_scheduler_lag(self.schedule.lag(now));
        self.outlets.metrics.set_polls_in_flight(self.visits.len());
    }

    fn start(&mut self, key: AccountKey, lane: Lane, now: Instant) {
        let Some(state) = self.accounts.get_mut(&key) else { return };
        let visit = (self.poll)(state.visit(now));
        let id = self.running.spawn(visit).id();
        self.visited.insert(key.clone(), false);
        self.visits.insert(id, (key, lane));
        self.unreachable += usize::from(lane == Lane::Unreachable);
    }

    /// The next deadline that could be met: while there is no room, a report is what wakes us.
    fn wake_at(&self) -> Option<Instant> {
        let lanes = [Lane::Open, Lane::Unreachable];
        lanes
            .into_iter()
            .filter(|lane| self.has_room(*lane))
            .filter_map(|lane| self.schedule.next_at(lane))
            .min()
    }

    fn take(&mut self, ended: Result<(Id, PollReport), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let now = self.now();
        let Some((key, lane)) = self.visits.remove(&id) else { return };
        self.unreachable -= usize::from(lane == Lane::Unreachable);
        if self.visited.remove(&key) == Some(true) {
            self.accounts.remove(&key);
        }
        let Some(state) = self.accounts.get_mut(&key) else { return };
        let next = match ended {
            Ok((_, report)) => state.report(report, now),
            Err(_) => state.panicked(now),
        };
        if let Some(next) = next {
            self.follow_up(key, &next, now.instant);
        }
    }

    fn follow_up(&mut self, key: AccountKey, next: &Next, now: Instant) {
        for ended in &next.ended {
            log_change(key.name(), ended);
            if ended.collector == Collector::Material {
                self.outlets.metrics.poll_ended(now - ended.began, class(&ended.now));
                self.pending.remove(&key);
            }
        }
        if !next.ended.is_empty()
            && let Some(state) = self.accounts.get(&key)
        {
            self.outlets.store.publish(state.readings.clone());
            self.tell_ready();
        }
        self.schedule.set(key, next.lane, next.at);
    }
}

fn class(poll: &LastPoll) -> Option<ErrorClass> {
    match poll {
        LastPoll::Failed(failing) => Some(failing.class),
        LastPoll::Pending | LastPoll::Succeeded => None,
    }
}

/// One line when a collector of an account begins to fail, fails in another way, or recovers; none
/// while it stays as it was, and none for an account whose platform has its own line.
fn log_change(account: &AccountName, ended: &Ended) {
    let collector = ended.collector.label();
    match (&ended.now, class(&ended.before)) {
        (LastPoll::Failed(failing), before) if before != Some(failing.class) => {
            let Some(error) = &ended.error else { return };
            let row = failing.class.row();
            tracing::warn!(
                %account,
                collector,
                class = row.label,
                errcode = failing.errcode.map(|code| code.0),
                error,
                remedy = failing.remedy().en,
                "account failing: {}", row.summary.en
            );
        }
        (LastPoll::Succeeded, Some(_)) => tracing::info!(%account, collector, "account recovered"),
        _ => tracing::debug!(%account, collector, "poll ended"),
    }
}

#[cfg(test)]
mod tests;

//! The one task that owns all account state: starts polls that are due, takes their reports,
//! publishes readings, and sets the next deadline. No account is ever polled twice at once,
//! because its state is either here or with its poll.

mod fleet;
mod leases;
mod log;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::leases::Leases;
use super::account::{PollReport, Visit};
use super::change::FleetChange;
use super::schedule::{AccountKey, LANES, Lane, Schedule};
use super::state::{AccountState, Moment, Next};
use crate::clock::Clock;
use crate::config::{Account, AccountName, AppId};
use crate::metrics::own::ExporterMetrics;
use crate::state::record::{Record, SavedAccount};
use crate::state::restored::Restored;
use crate::state::saver::Saver;
use crate::store::Store;
use crate::web::ready::Readiness;
use crate::wechat::collect::Collector;

/// Polls that come due within so long after others began wait and begin together. In a large fleet a
/// processor that is woken for each poll spends several times the poll's cost on waking up and on
/// filling its caches.
const GROUP: Duration = Duration::from_millis(100);

/// Where the scheduler leaves what it learns.
#[derive(Clone, Debug)]
pub struct Outlets {
    /// Readings, one per account.
    pub store: Arc<Store>,
    /// Counters of polls.
    pub metrics: Arc<ExporterMetrics>,
    /// Marked ready when every account was polled once.
    pub ready: Readiness,
    /// What outlives the process.
    pub saver: Saver,
}

/// What a scheduler begins with.
#[derive(Debug)]
pub struct Beginning {
    /// The accounts that the configuration lists.
    pub accounts: Vec<Arc<Account>>,
    /// What an earlier process kept: an account in it is polled when it would have been then. The
    /// others are due at once.
    pub restored: Restored,
    /// What changes from then on. Without a sender a round can end.
    pub changes: mpsc::Receiver<FleetChange>,
    /// Most polls at once.
    pub max_in_flight: usize,
    /// How long to go on.
    pub rounds: Rounds,
}

/// How often accounts are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// Again and again, until the scheduler is stopped.
    Endless,
    /// Once, if they are due at the start, all attempts included. The scheduler ends when that is
    /// done and no more changes can come.
    One,
}

/// Polls all accounts for as long as it runs.
#[derive(Debug)]
pub struct Scheduler<P> {
    poll: P,
    clock: Clock,
    outlets: Outlets,
    max_in_flight: usize,
    rounds: Rounds,
    changes: mpsc::Receiver<FleetChange>,
    /// Whether no more changes can come.
    is_settled: bool,
    restored: Restored,
    /// Accounts that went, with the settings of then. Those whose deadline is over are forgotten at the
    /// next listing, unless they wait for a failure.
    former: HashMap<AccountName, (Arc<Account>, SavedAccount)>,
    /// Deadlines of polls that may begin.
    schedule: Schedule,
    /// Deadlines of polls that may not begin yet.
    leases: Leases,
    /// Boxed: a table has more places than entries.
    accounts: HashMap<AccountKey, Box<AccountState>>,
    running: JoinSet<PollReport>,
    visits: HashMap<Id, Running>,
    /// App ids that are being visited, and who waits to visit them too: under a new name, an account
    /// must not be polled beside its old one.
    app_ids: HashMap<AppId, Option<AccountKey>>,
    /// Accounts that are being visited, and whether they went meanwhile.
    visited: HashMap<AccountKey, bool>,
    /// How many visits came from [`Lane::Unreachable`].
    unreachable: usize,
    /// When polls began that were due by then. Those due later wait until [`GROUP`] after it.
    begun: Instant,
    /// Listed accounts that are unknown until their first poll has ended.
    pending: HashSet<AccountKey>,
}

/// Whose visit runs.
#[derive(Debug)]
struct Running {
    key: AccountKey,
    app_id: AppId,
    lane: Lane,
}

impl<P, F> Scheduler<P>
where
    P: Fn(Visit) -> F,
    F: Future<Output = PollReport> + Send + 'static,
{
    /// A scheduler of the accounts that `beginning` lists, and of those that come by its changes.
    /// Their readings are published, so that their counters are on the first page.
    pub fn new(beginning: Beginning, clock: Clock, outlets: Outlets, poll: P) -> Self {
        let Beginning { accounts, restored, changes, max_in_flight, rounds } = beginning;
        let mut scheduler = Self {
            poll,
            clock,
            leases: Leases::new(outlets.saver.clone()),
            outlets,
            max_in_flight: max_in_flight.max(1),
            rounds,
            changes,
            is_settled: false,
            restored,
            former: HashMap::new(),
            schedule: Schedule::default(),
            accounts: HashMap::with_capacity(accounts.len()),
            running: JoinSet::new(),
            visits: HashMap::new(),
            app_ids: HashMap::new(),
            visited: HashMap::new(),
            unreachable: 0,
            begun: Instant::now(),
            pending: HashSet::new(),
        };
        scheduler.begin(accounts);
        scheduler
    }

    /// Polls until `stop`, or until the only round is over; then waits for the polls that run. A
    /// caller that cannot wait drops it.
    pub async fn run(mut self, stop: CancellationToken) {
        // Whoever was due when the accounts were taken over is of the first group.
        self.begun = Instant::now();
        self.tell_ready();
        while !stop.is_cancelled() && !self.is_over() {
            self.ask_for_leases();
            self.start_due();
            let wake_at = self.wake_at();
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.running.join_next_with_id() => self.take(ended),
                () = self.leases.granted() => self.take_leases(),
                change = self.changes.recv(), if !self.is_settled => match change {
                    Some(change) => self.change(change),
                    None => self.is_settled = true,
                },
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            }
        }
        // First, because the polls that run may not end in time.
        self.give_leases_back();
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

    /// Whether the only round has ended.
    fn is_over(&self) -> bool {
        let is_idle = self.visits.is_empty() && self.schedule.is_empty() && self.leases.is_empty();
        self.rounds == Rounds::One && self.is_settled && is_idle
    }

    /// Whether one more poll of this lane may start. Unreachable accounts take at most half of
    /// the room, so that a dead host does not slow the others down.
    fn has_room(&self, lane: Lane) -> bool {
        let free = self.visits.len() < self.max_in_flight;
        match lane {
            Lane::Open => free,
            Lane::Unreachable => free && self.unreachable < self.most(lane),
        }
    }

    /// Most polls of this lane at once.
    fn most(&self, lane: Lane) -> usize {
        match lane {
            Lane::Open => self.max_in_flight,
            Lane::Unreachable => (self.max_in_flight / 2).max(1),
        }
    }

    fn start_due(&mut self) {
        let now = Instant::now();
        if now >= self.begun + GROUP {
            self.begun = now;
        }
        while let Some(lane) = self.most_overdue(self.begun)
            && let Some(key) = self.schedule.pop_due(lane, self.begun)
        {
            self.start(key, lane, now);
        }
        let lag = self.schedule.lag(now).max(self.leases.lag(now));
        self.outlets.metrics.set_scheduler_lag(lag);
        self.outlets.metrics.set_polls_in_flight(self.visits.len());
    }

    /// The lane whose next account has waited longest, of those that have room: neither starves
    /// while the other has a backlog.
    fn most_overdue(&self, by: Instant) -> Option<Lane> {
        let with_room = LANES.into_iter().filter(|lane| self.has_room(*lane));
        let heads = with_room.filter_map(|lane| Some((self.schedule.next_at(lane)?, lane)));
        heads.filter(|(at, _)| *at <= by).min_by_key(|(at, _)| *at).map(|(_, lane)| lane)
    }

    fn start(&mut self, key: AccountKey, lane: Lane, now: Instant) {
        let Some(state) = self.accounts.get_mut(&key) else { return };
        let app_id = state.readings.account.app_id.clone();
        match self.app_ids.entry(app_id.clone()) {
            Entry::Occupied(mut visited) => {
                visited.insert(Some(key));
                return;
            }
            Entry::Vacant(free) => _ = free.insert(None),
        }
        let visit = (self.poll)(state.visit(now));
        let id = self.running.spawn(visit).id();
        self.visited.insert(key.clone(), false);
        self.visits.insert(id, Running { key, app_id, lane });
        self.unreachable += usize::from(lane == Lane::Unreachable);
    }

    /// The next deadline that could be met: while there is no room, a report is what wakes us.
    fn wake_at(&self) -> Option<Instant> {
        let starts = LANES
            .into_iter()
            .filter(|lane| self.has_room(*lane))
            .filter_map(|lane| self.schedule.next_at(lane))
            .map(|at| if at > self.begun { at.max(self.begun + GROUP) } else { at });
        starts.chain(self.next_lease_at()).min()
    }

    fn take(&mut self, ended: Result<(Id, PollReport), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let now = self.now();
        let Some(Running { key, app_id, lane }) = self.visits.remove(&id) else { return };
        self.unreachable -= usize::from(lane == Lane::Unreachable);
        let waiting = self.app_ids.remove(&app_id).flatten();
        let is_gone = self.visited.remove(&key) == Some(true);
        if let Some(state) = self.accounts.get_mut(&key) {
            let next = match ended {
                Ok((_, report)) => state.report(report, now),
                Err(_) => state.panicked(now),
            };
            match next {
                Some(next) if !is_gone => self.follow_up(key.clone(), &next, now),
                _ => {}
            }
        }
        if is_gone {
            self.let_go(&key, now);
        }
        if let Some(waiting) = waiting
            && let Some(state) = self.accounts.get(&waiting)
            && let Some(due) = state.due()
            && !self.visited.contains_key(&waiting)
        {
            self.place(waiting, state.lane(), due);
        }
    }

    fn follow_up(&mut self, key: AccountKey, next: &Next, now: Moment) {
        for ended in &next.ended {
            log::change(key.name(), ended);
            if ended.collector == Collector::Material {
                self.outlets.metrics.poll_ended(now.instant - ended.began, log::class(&ended.now));
                self.pending.remove(&key);
            }
        }
        let Some(state) = self.accounts.get(&key) else { return };
        if !next.ended.is_empty() {
            self.outlets.store.publish(Arc::clone(&state.readings));
            self.keep(state, now);
            self.tell_ready();
        }
        if self.rounds == Rounds::Endless || state.has_attempt_left() {
            self.place(key, next.lane, next.at);
        }
    }

    fn keep(&self, state: &AccountState, now: Moment) {
        if self.outlets.saver.is_on() {
            self.outlets.saver.keep(Record::Account(state.saved(now)));
        }
    }
}

#[cfg(test)]
mod tests;

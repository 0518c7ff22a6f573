//! The one task that owns all account state: starts polls that are due, takes their reports,
//! publishes readings, and sets the next deadline. No account is ever polled twice at once,
//! because its state is either here or with its poll.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::account::{PollReport, Visit};
use super::schedule::{AccountKey, Lane, Schedule};
use super::state::{AccountState, Ended, Moment, Next};
use crate::clock::Clock;
use crate::config::Account;
use crate::metrics::own::ExporterMetrics;
use crate::store::{LastPoll, Readings, Store};
use crate::web::ready::Readiness;

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
    schedule: Schedule,
    accounts: HashMap<AccountKey, AccountState>,
    running: JoinSet<PollReport>,
    /// Which account a running poll belongs to, and the lane it came from.
    visits: HashMap<Id, (AccountKey, Lane)>,
    /// How many of them came from [`Lane::Unreachable`].
    unreachable: usize,
    /// Accounts whose first poll has not ended.
    pending: usize,
}

impl<P, F> Scheduler<P>
where
    P: Fn(Visit) -> F,
    F: Future<Output = PollReport> + Send + 'static,
{
    /// A scheduler of `accounts`, all due at once. Their empty readings are published, so that
    /// their counters are on the first page.
    pub fn new(
        accounts: &[Arc<Account>],
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
            schedule: Schedule::default(),
            accounts: HashMap::with_capacity(accounts.len()),
            running: JoinSet::new(),
            visits: HashMap::new(),
            unreachable: 0,
            pending: accounts.len(),
        };
        let now = scheduler.now();
        for account in accounts {
            let key = AccountKey::new(account.name.clone());
            let state = AccountState::new(Arc::clone(account), &key, now);
            scheduler.outlets.store.publish(state.readings.clone());
            scheduler.schedule.set(key.clone(), Lane::Open, now.instant);
            scheduler.accounts.insert(key, state);
        }
        scheduler
    }

    /// Polls until `stop`, then waits for the polls that run. A caller that cannot wait drops it.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.start_due();
            let wake_at = self.wake_at();
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.running.join_next_with_id() => self.take(ended),
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
        let Some(state) = self.accounts.get_mut(&key) else { return };
        let (next, error) = if let Ok((_, report)) = ended {
            let error = report.result.as_ref().err().map(ToString::to_string);
            (state.report(report, now), error)
        } else {
            (state.panicked(now), Some("the poll panicked, its token is lost".to_owned()))
        };
        self.follow_up(key, next, error.as_deref().unwrap_or_default(), now);
    }

    fn follow_up(&mut self, key: AccountKey, next: Next, error: &str, now: Moment) {
        if let Some(ended) = next.ended
            && let Some(state) = self.accounts.get(&key)
        {
            self.outlets.metrics.poll_ended(now.instant - ended.began, ended.failed);
            log_change(&state.readings, &ended, error);
            self.outlets.store.publish(state.readings.clone());
            if ended.before == LastPoll::Pending {
                self.pending -= 1;
            }
            if self.pending == 0 {
                self.outlets.ready.mark_ready();
            }
        }
        self.schedule.set(key, next.lane, next.at);
    }
}

/// One line when an account begins to fail, fails in another way, or recovers; none while it
/// stays as it was.
fn log_change(readings: &Readings, ended: &Ended, error: &str) {
    let account = &readings.account;
    let before = match &ended.before {
        LastPoll::Failed(failing) => Some(failing.class),
        LastPoll::Pending | LastPoll::Succeeded => None,
    };
    match &readings.last_poll {
        LastPoll::Failed(failing) if before != Some(failing.class) => {
            let row = failing.class.row();
            tracing::warn!(
                account = %account.name,
                class = row.label,
                errcode = failing.errcode.map(|code| code.0),
                error,
                remedy = row.remedy.en,
                "account failing: {}", row.summary.en
            );
        }
        LastPoll::Succeeded if before.is_some() => {
            tracing::info!(account = %account.name, "account recovered");
        }
        _ => tracing::debug!(account = %account.name, polls = readings.polls, "poll ended"),
    }
}

#[cfg(test)]
mod tests;

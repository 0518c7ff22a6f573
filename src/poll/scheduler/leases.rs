//! Polls that begin are in the state file before: an account whose poll is due soon is written
//! there with its next deadline, and may be polled when that is on the disk. So a process that is
//! killed at any moment never makes its successor ask twice. Without a state file nothing waits.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Scheduler;
use crate::poll::account::{PollReport, Visit};
use crate::poll::schedule::{AccountKey, LANES, Lane, Schedule};
use crate::state::record::Record;
use crate::state::saver::Saver;

/// A lease is asked for so long before it is needed: longer than a disk takes.
const LEAD: Duration = Duration::from_millis(500);
/// A disk that takes longer does not answer, and holds nobody up any more.
const PATIENCE: Duration = Duration::from_secs(10);
/// As long is waited for a disk that did not answer the last time.
const SHORT_PATIENCE: Duration = Duration::from_millis(100);
/// One writing leases what is due within this time, so that a fleet is not one writing an account.
const AHEAD: Duration = Duration::from_millis(1_500);

/// Accounts that wait for a lease.
#[derive(Debug)]
pub(super) struct Leases {
    saver: Saver,
    waiting: Schedule,
    asked: Option<Asked>,
    /// Whether the last leases were not written in time.
    is_stuck: bool,
}

/// Leases that are being written.
#[derive(Debug)]
struct Asked {
    keys: Vec<AccountKey>,
    /// The earliest deadline among them.
    due: Instant,
    until: Instant,
    /// When polling goes on though they are not written.
    patience: Instant,
    written: oneshot::Receiver<()>,
}

impl Leases {
    pub(super) fn new(saver: Saver) -> Self {
        Self { saver, waiting: Schedule::default(), asked: None, is_stuck: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.asked.is_none()
    }

    /// How late the most overdue account is that waits here.
    pub(super) fn lag(&self, now: Instant) -> Duration {
        let asked = self.asked.as_ref().map(|asked| now.saturating_duration_since(asked.due));
        self.waiting.lag(now).max(asked.unwrap_or_default())
    }

    /// Returns when the leases that were asked for are written, or could not be in time.
    pub(super) async fn granted(&mut self) {
        let Some(asked) = &mut self.asked else { return pending().await };
        // A saver that is gone keeps nothing, and holds nobody up.
        let is_late = timeout_at(asked.patience, &mut asked.written).await.is_err();
        if std::mem::replace(&mut self.is_stuck, is_late) != is_late {
            if is_late {
                tracing::warn!(
                    waited_seconds = PATIENCE.as_secs(),
                    "the state file is not written in time: polling goes on without it"
                );
            } else {
                tracing::info!("the state file is written in time again");
            }
        }
    }
}

impl<P, F> Scheduler<P>
where
    P: Fn(Visit) -> F,
    F: Future<Output = PollReport> + Send + 'static,
{
    /// Sets an account's deadline, in place of an earlier one.
    pub(super) fn place(&mut self, key: AccountKey, lane: Lane, at: Instant) {
        if self.leases.saver.is_on() {
            self.schedule.remove(&key);
            self.leases.waiting.set(key, lane, at);
        } else {
            self.schedule.set(key, lane, at);
        }
    }

    /// Takes an account's deadline away.
    pub(super) fn unplace(&mut self, key: &AccountKey) {
        self.schedule.remove(key);
        self.leases.waiting.remove(key);
    }

    /// Whether more leases of this lane are of use: those that are granted would not fill the room.
    fn wants_leases(&self, lane: Lane) -> bool {
        self.leases.asked.is_none() && self.schedule.len(lane) < self.most(lane)
    }

    /// When the next lease is to be asked for.
    pub(super) fn next_lease_at(&self) -> Option<Instant> {
        let wanting = LANES.into_iter().filter(|lane| self.wants_leases(*lane));
        wanting
            .filter_map(|lane| self.leases.waiting.next_at(lane))
            .min()
            .map(|at| at.checked_sub(LEAD).unwrap_or(at))
    }

    pub(super) fn ask_for_leases(&mut self) {
        let now = self.now();
        let Some(due) = self.next_lease_at().filter(|at| *at <= now.instant).map(|at| at + LEAD) else {
            return;
        };
        let until = now.instant + AHEAD;
        let (mut keys, mut records) = (Vec::new(), Vec::new());
        for lane in LANES {
            let mut room = if self.wants_leases(lane) { 2 * self.most(lane) } else { 0 };
            while room > 0
                && let Some(key) = self.leases.waiting.pop_due(lane, until)
            {
                if let Some(state) = self.accounts.get_mut(&key) {
                    state.lend_until(until);
                    records.push(Record::Account(state.saved(now)));
                    keys.push(key);
                    room -= 1;
                }
            }
        }
        let written = self.leases.saver.keep_now(records);
        let patience = now.instant + if self.leases.is_stuck { SHORT_PATIENCE } else { PATIENCE };
        self.leases.asked = Some(Asked { keys, due, until, patience, written });
    }

    pub(super) fn take_leases(&mut self) {
        let Some(Asked { keys, until, .. }) = self.leases.asked.take() else { return };
        for key in keys {
            let Some(state) = self.accounts.get(&key) else { continue };
            let Some(due) = state.due() else { continue };
            let lane = state.lane();
            // It may have been put off meanwhile, or be another account by the same name.
            if due <= until && state.has_lease() {
                self.leases.waiting.remove(&key);
                self.schedule.set(key, lane, due);
            } else {
                self.leases.waiting.set(key, lane, due);
            }
        }
    }

    /// Keeps the real deadlines of accounts that will not be polled after all, now.
    pub(super) fn give_leases_back(&mut self) {
        let now = self.now();
        let mut records = Vec::new();
        for state in self.accounts.values_mut() {
            if state.end_lease() {
                records.push(Record::Account(state.saved(now)));
            }
        }
        if self.leases.saver.is_on() {
            // Whether it came to that is in the log.
            drop(self.leases.saver.keep_now(records));
        }
    }
}

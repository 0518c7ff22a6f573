//! Accounts that come, change and go.

use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::Arc;

use super::{Rounds, Scheduler};
use crate::config::Account;
use crate::poll::account::{PollReport, Visit};
use crate::poll::change::{FleetChange, Listing, PollNow, PollNowAnswer};
use crate::poll::schedule::AccountKey;
use crate::poll::state::{AccountState, Moment};
use crate::state::record::Record;
use crate::store::Readings;

impl<P, F> Scheduler<P>
where
    P: Fn(Visit) -> F,
    F: Future<Output = PollReport> + Send + 'static,
{
    /// Takes over the accounts that are listed at the start.
    pub(super) fn begin(&mut self, accounts: Vec<Arc<Account>>) {
        let now = self.now();
        let mut readings = Vec::with_capacity(accounts.len());
        for account in accounts {
            let key = AccountKey::new(account.name.clone());
            let is_restored = self.restored.has_account(&account.name, &account.app_id);
            readings.push(self.set(account, true, now));
            if !is_restored {
                self.pending.insert(key);
            }
        }
        self.restored.shrink();
        self.outlets.store.publish_all(readings, &[], None);
    }

    pub(super) fn change(&mut self, change: FleetChange) {
        let now = self.now();
        match change {
            FleetChange::Set(account) => {
                let key = AccountKey::new(account.name.clone());
                if !self.is_listed(&key) {
                    let readings = self.set(account, false, now);
                    self.outlets.store.publish(readings);
                }
            }
            FleetChange::Gone(name) => {
                let key = AccountKey::new(name);
                if !self.is_listed(&key) {
                    self.remove(&key, now);
                    self.outlets.store.forget(key.name());
                }
            }
            FleetChange::Listed(listing) => self.list(*listing, now),
            FleetChange::PollNow(wish) => self.poll_now(wish, now),
        }
    }

    fn is_listed(&self, key: &AccountKey) -> bool {
        self.accounts.get(key).is_some_and(|state| state.is_listed)
    }

    fn list(&mut self, listing: Listing, now: Moment) {
        let Listing { set, gone, info_labels, max_in_flight, applied } = listing;
        self.max_in_flight = max_in_flight.max(1);
        self.former.retain(|_, (_, saved)| saved.material.park.is_some() || saved.material.next > now.wall);
        for name in &gone {
            self.remove(&AccountKey::new(name.clone()), now);
        }
        let mut readings = self.relabel_discovered(&info_labels);
        readings.extend(set.into_iter().map(|account| self.set(account, true, now)));
        self.outlets.store.publish_all(readings, &gone, Some(info_labels));
        self.tell_ready();
        // Whoever waits may have gone away.
        applied.send(()).unwrap_or_default();
    }

    /// Brings the labels of discovered accounts in line with their new names. Their platforms tell
    /// of them anew, but a page may be sooner.
    fn relabel_discovered(&mut self, after: &[String]) -> Vec<Arc<Readings>> {
        let before = self.outlets.store.info_labels();
        if *before == *after {
            return Vec::new();
        }
        let is_gone = |key: &AccountKey| self.visited.get(key) == Some(&true);
        let discovered = self.accounts.iter_mut().filter(|(key, state)| !state.is_listed && !is_gone(key));
        let relabelled = discovered.map(|(_, state)| {
            let readings = Arc::make_mut(&mut state.readings);
            readings.account = readings.account.relabelled(&before, after);
            Arc::clone(&state.readings)
        });
        relabelled.collect()
    }

    fn poll_now(&mut self, wish: PollNow, now: Moment) {
        let PollNow { name, answer } = wish;
        let key = AccountKey::new(name);
        let is_visited = self.visited.get(&key);
        let told = match self.accounts.get_mut(&key).filter(|_| is_visited != Some(&true)) {
            None => PollNowAnswer::Unknown,
            Some(state) => state.poll_now(now),
        };
        if told == PollNowAnswer::Due
            && is_visited.is_none()
            && let Some(state) = self.accounts.get(&key)
        {
            tracing::info!(account = %key.name(), "account is polled now, as asked");
            self.outlets.store.publish(Arc::clone(&state.readings));
            let lane = state.lane();
            self.place(key, lane, now.instant);
        }
        // Whoever asked may have gone away.
        answer.send(told).unwrap_or_default();
    }

    /// A new account is due at once, or when it was to be polled before a restart; a known one
    /// keeps all that is known of it, unless it is another account by the same name. What is to be
    /// published of it.
    fn set(&mut self, account: Arc<Account>, is_listed: bool, now: Moment) -> Arc<Readings> {
        let key = AccountKey::new(account.name.clone());
        let is_visited = self.visited.contains_key(&key);
        if let Some(is_gone) = self.visited.get_mut(&key) {
            *is_gone = false;
        }
        let (state, is_to_keep) = match self.accounts.entry(key.clone()) {
            Entry::Occupied(known) if known.get().readings.account.app_id == account.app_id => {
                let state = known.into_mut();
                let is_moved = state.configure(account, now);
                (state, is_moved)
            }
            Entry::Occupied(other) => {
                let mut fresh = AccountState::new(account, now);
                fresh.drop_visit(is_visited);
                let state = other.into_mut();
                **state = fresh;
                (state, false)
            }
            Entry::Vacant(free) => {
                let former = self.former.remove(&account.name);
                let former = former.filter(|(before, _)| before.app_id == account.app_id);
                let saved = self.restored.take_account(&account.name, &account.app_id);
                let (state, is_to_keep) = match (former, saved) {
                    (Some((before, known)), _) => {
                        let mut state = AccountState::restored(before, known, None, now);
                        let is_moved = state.configure(account, now);
                        (state, is_moved)
                    }
                    (None, Some(saved)) => {
                        let next = saved.material.next;
                        let state = AccountState::restored(account, saved, self.restored.written_at, now);
                        // The clock was set back. Kept as it was, the deadline would be far away as
                        // soon as the file is written by this clock.
                        let is_earlier = state.readings.next_poll < next;
                        (state, is_earlier)
                    }
                    (None, None) => (AccountState::new(account, now), false),
                };
                (free.insert(Box::new(state)), is_to_keep)
            }
        };
        if is_to_keep && self.outlets.saver.is_on() {
            self.outlets.saver.keep(Record::Account(state.saved(now)));
        }
        state.is_listed = is_listed;
        let (readings, lane, due) = (Arc::clone(&state.readings), state.lane(), state.due());
        let is_of_round = self.rounds == Rounds::Endless || due.is_some_and(|due| due <= now.instant);
        if let Some(due) = due.filter(|_| is_of_round && !is_visited) {
            self.place(key, lane, due);
        }
        readings
    }

    fn remove(&mut self, key: &AccountKey, now: Moment) {
        self.unplace(key);
        self.pending.remove(key);
        // A visit that runs keeps the state until it is back: the account may return sooner.
        match self.visited.get_mut(key) {
            Some(is_gone) => {
                *is_gone = true;
                if let Some(state) = self.accounts.get_mut(key) {
                    state.is_listed = false;
                }
            }
            None => self.let_go(key, now),
        }
    }

    /// Lets an account go that is not visited any more. A configuration may lose it for a moment, and
    /// then it is not polled more often for it: it comes back to its deadline and to a wait after a
    /// failure, unless with other token settings.
    pub(super) fn let_go(&mut self, key: &AccountKey, now: Moment) {
        if let Some(state) = self.accounts.remove(key) {
            let before = Arc::clone(&state.readings.account);
            self.former.insert(key.name().clone(), (before, state.saved(now)));
        }
    }
}

//! What of an account is kept over a restart, and what is made of it afterwards. No poll is made
//! earlier than without the restart.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::collector::{CollectorState, interval};
use super::{AccountState, Moment};
use crate::clock::WallTime;
use crate::config::Account;
use crate::poll::schedule::Rhythm;
use crate::state::record::{SavedAccount, SavedCollector};
use crate::store::{LastGood, LastPoll, OptionalReadings};
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::Collector;

/// What happened so long after the file was last written may not be in it.
const UNSAVED: Duration = Duration::from_secs(3);
/// No account waits longer: an interval is at most 24 h, and the second poll comes within two of
/// them. A longer wait comes from a clock that was wrong.
const LONGEST_WAIT: Duration = Duration::from_secs(2 * 24 * 3_600);

impl AccountState {
    /// What is kept. A poll that runs, or may begin before this is called again, is kept as its
    /// next regular deadline.
    pub(in crate::poll) fn saved(&self, now: Moment) -> SavedAccount {
        let readings = &self.readings;
        let good = readings.last_good.map(|good| (good.counts, good.at));
        SavedAccount {
            name: readings.account.name.clone(),
            app_id: readings.account.app_id.clone(),
            material: self.saved_collector(Collector::Material, good, &readings.last_poll, now),
            draft: readings
                .draft
                .as_deref()
                .map(|draft| self.saved_collector(Collector::Draft, draft.last_good, &draft.last_poll, now)),
            quota: readings.quota.as_deref().map(|quota| {
                self.saved_collector(Collector::Quota, quota.last_good.clone(), &quota.last_poll, now)
            }),
        }
    }

    fn saved_collector<T>(
        &self,
        collector: Collector,
        last_good: Option<(T, WallTime)>,
        last_poll: &LastPoll,
        now: Moment,
    ) -> SavedCollector<T> {
        let state = self.collector(collector);
        let park = state.and_then(|state| state.streak);
        let next = state.map_or(now.wall, |state| {
            let is_under_way = state.poll.is_some() || self.lease.is_some_and(|lease| state.due <= lease);
            if is_under_way {
                let began = state.began(state.due.max(now.instant));
                now.wall_of(state.rhythm.next(began, began, state.spacing))
            } else if collector == Collector::Material {
                self.readings.next_poll
            } else {
                now.wall_of(state.due)
            }
        });
        SavedCollector { last_good, last_poll: last_poll.clone(), park, next }
    }

    /// The account as it was kept, in a file that was last written at `written_at` or in memory.
    pub(in crate::poll) fn restored(
        account: Arc<Account>,
        saved: SavedAccount,
        written_at: Option<WallTime>,
        now: Moment,
    ) -> Self {
        let mut state = Self::new(account, now);
        let SavedAccount { material, draft, quota, .. } = saved;
        let resumption = Resumption { written_at, now, place: state.place };
        let account = Arc::clone(&state.readings.account);
        let is_parked = material.park.is_some();
        let mut resume = |collector, kept: Option<Kept>, otherwise: Instant| {
            let interval = interval(&account, collector)?;
            let resumed = kept.map(|kept| resumption.collector(&kept, interval));
            let resumed =
                resumed.unwrap_or_else(|| CollectorState::entering(otherwise, interval, resumption.place));
            let due = resumed.due;
            state.collectors[collector as usize] = Some(Box::new(resumed));
            Some(due)
        };
        let due = resume(Collector::Material, Some(Kept::from(&material)), now.instant);
        // An account without a token waits as a whole, also for what is collected since today.
        let otherwise = due.filter(|_| is_parked).unwrap_or(now.instant);
        resume(Collector::Draft, draft.as_ref().map(Kept::from), otherwise);
        resume(Collector::Quota, quota.as_ref().map(Kept::from), otherwise);
        let readings = state.readings_mut();
        readings.last_good = material.last_good.map(|(counts, at)| LastGood { counts, at });
        readings.last_poll = material.last_poll;
        take(readings.draft.as_deref_mut(), draft);
        take(readings.quota.as_deref_mut(), quota);
        state.space(now);
        state.show_next(now);
        state
    }
}

fn take<T>(readings: Option<&mut OptionalReadings<T>>, saved: Option<SavedCollector<T>>) {
    if let (Some(readings), Some(saved)) = (readings, saved) {
        *readings = OptionalReadings { last_good: saved.last_good, last_poll: saved.last_poll };
    }
}

/// What a deadline is made from.
struct Kept {
    next: WallTime,
    park: Option<(ErrorClass, u32)>,
    told: Option<ErrorClass>,
}

impl<T> From<&SavedCollector<T>> for Kept {
    fn from(saved: &SavedCollector<T>) -> Self {
        // An earlier process told of it, but for what its account's platform failed with.
        let told = match (&saved.last_poll, saved.park) {
            (LastPoll::Failed(failing), Some((class, _))) if failing.class == class => Some(class),
            _ => None,
        };
        Self { next: saved.next, park: saved.park, told }
    }
}

/// The moment at which an account is taken over from a process that wrote its file last at
/// `written_at`, or from memory.
struct Resumption {
    written_at: Option<WallTime>,
    now: Moment,
    place: u64,
}

impl Resumption {
    fn collector(&self, kept: &Kept, interval: Duration) -> CollectorState {
        let Self { written_at, now, place } = *self;
        let covered = written_at.is_some_and(|at| kept.next >= at && kept.next.since(at) <= UNSAVED);
        let next = if covered { kept.next.plus(interval) } else { kept.next };
        // Nobody knows how much time has passed on a clock that was set back: as if none had.
        let wait = next.since(written_at.map_or(now.wall, |at| now.wall.max(at))).min(LONGEST_WAIT);
        let due = now.instant + wait;
        // The end of a wait is no regular moment, and a fleet may have failed as one.
        let rhythm = match kept.park {
            Some(_) => Rhythm::entering(due, interval, place),
            None => self.rhythm(next, wait, interval),
        };
        CollectorState { streak: kept.park, told: kept.told, ..CollectorState::on(rhythm, due) }
    }

    /// The rhythm that `next` belongs to: accounts that are late together go round evenly again.
    fn rhythm(&self, next: WallTime, wait: Duration, interval: Duration) -> Rhythm {
        if !wait.is_zero() {
            return Rhythm::from(self.now.instant + wait, interval);
        }
        let millis = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let until = next.millis().saturating_sub(self.now.wall.millis()).rem_euclid(millis);
        Rhythm::from(self.now.instant + Duration::from_millis(until.cast_unsigned()), interval)
    }
}

#[cfg(test)]
mod tests;

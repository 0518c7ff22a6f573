//! What new settings, and the wish for a poll, do to an account that is known.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::collector::{CollectorState, interval};
use super::{AccountState, Moment};
use crate::config::Account;
use crate::poll::change::PollNowAnswer;
use crate::token::TokenState;
use crate::wechat::collect::Collector;

/// Least time between two wishes to poll the same account.
const WISH_FLOOR: Duration = Duration::from_secs(60);

impl AccountState {
    /// Takes new settings over; what is known of the account stays. New token settings end its
    /// wait, but not one that is `WeChat`'s: it is due at once, and what a running visit brings
    /// back is of the old settings and is dropped. Whether one of its deadlines moved.
    pub(in crate::poll) fn configure(&mut self, account: Arc<Account>, now: Moment) -> bool {
        let is_token_new = account.token != self.readings.account.token;
        let due = |state: &Self| Collector::ALL.map(|collector| state.due_of(collector));
        let before = due(self);
        // An account without a token waits as a whole.
        let parked = self.collectors.iter().flatten().filter(|state| state.streak.is_some());
        let waits = parked.map(|state| state.due).max();
        for collector in Collector::ALL {
            let known = &mut self.collectors[collector as usize];
            match (known.as_mut(), interval(&account, collector)) {
                (Some(known), Some(interval)) => known.change_interval(interval, now.instant, self.place),
                (None, Some(interval)) => {
                    let due = waits.unwrap_or(now.instant);
                    *known = Some(Box::new(CollectorState::entering(due, interval, self.place)));
                }
                (_, None) => *known = None,
            }
        }
        let readings = self.readings_mut();
        readings.draft = account.collect.draft.map(|_| readings.draft.take().unwrap_or_default());
        readings.quota = account.collect.quota.map(|_| readings.quota.take().unwrap_or_default());
        readings.account = account;
        if is_token_new {
            self.token = TokenState::default();
            self.readings_mut().token_until = None;
            self.is_visit_outdated |= !self.visited.is_empty();
            self.end_wait(now.instant);
        }
        self.space(now);
        // The same moment is shown as the same number.
        if self.due_of(Collector::Material) != before[Collector::Material as usize] {
            self.show_next(now);
        }
        due(self) != before
    }

    /// Makes the account due at once, at most once a minute, unless it waits for `WeChat`.
    pub(in crate::poll) fn poll_now(&mut self, now: Moment) -> PollNowAnswer {
        let waited = self.wished_at.map_or(WISH_FLOOR, |at| now.instant - at);
        if let Some(remaining) = WISH_FLOOR.checked_sub(waited).filter(|remaining| !remaining.is_zero()) {
            return PollNowAnswer::TooSoon(remaining);
        }
        if let Some((class, _)) =
            self.collector(Collector::Material).filter(|it| it.is_held()).and_then(|it| it.streak)
        {
            return PollNowAnswer::Parked(class.label());
        }
        self.wished_at = Some(now.instant);
        // A poll that runs is what was wished for; of the others, the wait ends.
        for collector in Collector::ALL.into_iter().filter(|one| !self.visited.contains(one)) {
            if let Some(state) = &mut self.collectors[collector as usize] {
                state.end_wait(now.instant);
            }
        }
        self.show_next(now);
        PollNowAnswer::Due
    }

    fn end_wait(&mut self, now: Instant) {
        self.collectors.iter_mut().flatten().for_each(|collector| collector.end_wait(now));
    }
}

//! What every component call passes on its way out: lets it through or not, learns from its
//! outcome, and shows that to the pages and, at a change of class, to the log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::park::{Change, Entry, Outlook, Park, Reason, Ticket};
use crate::clock::Clock;
use crate::config::PlatformName;
use crate::store::{AuthorizerState, Failing, PlatformReadings, Store};
use crate::wechat::api::Api;
use crate::wechat::error::{ApiError, Failure, Step};

/// Authorizers by state, in the order of [`AuthorizerState::ALL`].
pub(super) type Tally = [u64; AuthorizerState::ALL.len()];

/// A platform's one way out.
#[derive(Debug)]
pub(super) struct Gate {
    name: PlatformName,
    store: Arc<Store>,
    clock: Clock,
    state: Mutex<State>,
    /// Wakes those who wait for a call to end.
    ended: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    park: Park,
    authorizers: Option<Tally>,
    /// Another gate has taken its place, or the platform is gone: nothing is shown or logged any more.
    is_retired: bool,
}

/// The right to make one component call. Given up when it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    ticket: Option<Ticket>,
}

/// What a call that failed for the platform's sake came to.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What the caller is told.
    pub(super) error: ApiError,
    /// Whether the platform is parked by it now, all its attempts being made.
    pub(super) is_last_attempt: bool,
}

impl Gate {
    /// A gate that shows its platform as never called, with so many authorizers.
    pub(super) fn new(
        name: PlatformName,
        store: Arc<Store>,
        clock: Clock,
        authorizers: Option<Tally>,
    ) -> Self {
        let park = Park::new(name.place());
        let state = Mutex::new(State { park, authorizers, is_retired: false });
        let gate = Self { name, store, clock, state, ended: watch::Sender::new(()) };
        gate.publish(&gate.state());
        gate
    }

    /// A pass for one call to `api`. Waits only for the platform's very first call.
    pub(super) async fn enter(&self, api: Api) -> Result<Pass<'_>, ApiError> {
        let mut ended = self.ended.subscribe();
        loop {
            let entry = self.state().park.enter(Instant::now());
            match entry {
                Entry::Open(ticket) => return Ok(Pass { gate: self, ticket: Some(ticket) }),
                Entry::Closed(failing, reason) => return Err(refusal(api, failing, reason)),
                // The sender lives as long as `self`.
                Entry::Wait => ended.changed().await.unwrap_or_default(),
            }
        }
    }

    /// Fails while no call to `api` may go out; for those who make none.
    pub(super) fn check(&self, api: Api) -> Result<(), ApiError> {
        let state = self.state();
        let closed = state.park.closed();
        closed.map_or(Ok(()), |(failing, reason)| Err(refusal(api, failing.clone(), reason)))
    }

    /// Fails while the platform is parked and not to be tried yet; for those who could do without it.
    pub(super) fn check_park(&self) -> Result<(), ApiError> {
        let state = self.state();
        match state.park.closed() {
            Some((failing, Reason::Parked)) if state.park.outlook(Instant::now()) != Outlook::Open => {
                Err(parked(failing.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Returns when a call may go out.
    pub(super) async fn open(&self) {
        let mut ended = self.ended.subscribe();
        loop {
            let outlook = self.state().park.outlook(Instant::now());
            match outlook {
                Outlook::Open => return,
                Outlook::At(reopens) => sleep_until(reopens).await,
                Outlook::AfterProbe => ended.changed().await.unwrap_or_default(),
            }
        }
    }

    /// Returns when the platform is parked, all attempts of a call being made.
    pub(super) async fn parked(&self) {
        let mut ended = self.ended.subscribe();
        while !matches!(self.state().park.closed(), Some((_, Reason::Parked))) {
            ended.changed().await.unwrap_or_default();
        }
    }

    /// Shows how many authorizers there are; nothing if nobody counts them.
    pub(super) fn show_authorizers(&self, tally: Option<Tally>) {
        let mut state = self.state();
        if state.authorizers != tally {
            state.authorizers = tally;
            self.publish(&state);
        }
    }

    /// Shows nothing from now on, whatever becomes of the calls that are under way. The authorizers
    /// that were shown.
    pub(super) fn retire(&self) -> Option<Tally> {
        let mut state = self.state();
        state.is_retired = true;
        state.authorizers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the lock of `state`, so that the newest readings are the last ones.
    fn publish(&self, state: &State) {
        if state.is_retired {
            return;
        }
        self.store.publish_platform(PlatformReadings {
            name: self.name.clone(),
            last_call: state.park.shown().clone(),
            authorizers: state.authorizers,
        });
    }

    fn succeeded(&self, ticket: Ticket) {
        let mut state = self.state();
        match state.park.succeeded(ticket) {
            _ if state.is_retired => {}
            Change::Works => self.publish(&state),
            Change::Recovered => {
                self.publish(&state);
                tracing::info!(platform = %self.name, "platform recovered");
            }
            Change::None | Change::Failing | Change::StillFailing => {}
        }
    }

    fn failed(&self, ticket: Ticket, error: &ApiError) -> Change {
        let failing = error.failing();
        let mut state = self.state();
        let change = state.park.failed(ticket, failing.clone(), Instant::now(), self.clock.now());
        if matches!(change, Change::Failing | Change::StillFailing) {
            self.publish(&state);
        }
        let is_retired = state.is_retired;
        drop(state);
        if change == Change::Failing && !is_retired {
            let row = failing.class.row();
            tracing::warn!(
                platform = %self.name,
                class = row.label,
                errcode = failing.errcode.map(|code| code.0),
                %error,
                remedy = failing.remedy().en,
                "platform failing, its accounts wait: {}", row.summary.en
            );
        } else {
            tracing::debug!(platform = %self.name, %error, "component call failed");
        }
        change
    }
}

impl Pass<'_> {
    /// Whether nothing was learned of the platform since the pass was given out: else its call has
    /// become pointless.
    pub(super) fn check(&self, api: Api) -> Result<(), ApiError> {
        match self.ticket {
            Some(ticket) if self.gate.state().park.is_current(ticket) => Ok(()),
            // The platform may have failed and recovered since: then there is no need to give up.
            _ => self.gate.check(api),
        }
    }

    /// The platform answered as it should.
    pub(super) fn succeeded(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.succeeded(ticket);
            self.gate.ended.send_replace(());
        }
    }

    /// The platform failed: what the caller is to say of it.
    pub(super) fn failed(&mut self, error: ApiError) -> Refusal {
        let Some(ticket) = self.ticket.take() else { return Refusal { error, is_last_attempt: false } };
        let change = self.gate.failed(ticket, &error);
        self.gate.ended.send_replace(());
        let is_last_attempt = matches!(change, Change::Failing | Change::StillFailing);
        let state = self.gate.state();
        let error = match state.park.closed() {
            Some((failing, Reason::Parked)) => parked(failing.clone()),
            // Another attempt follows, or others have found the platform working: the error is this call's.
            Some((_, Reason::Attempt)) | None => error,
        };
        Refusal { error, is_last_attempt }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.gate.state().park.abandoned(ticket);
            self.gate.ended.send_replace(());
        }
    }
}

fn refusal(api: Api, failing: Failing, reason: Reason) -> ApiError {
    match reason {
        Reason::Parked => parked(failing),
        // An account that hears this tries again in a second or two, as the platform does.
        Reason::Attempt => ApiError { step: Step::Call(api), failure: Failure::Parked(failing) },
    }
}

fn parked(failing: Failing) -> ApiError {
    ApiError { step: Step::Platform, failure: Failure::Parked(failing) }
}

#[cfg(test)]
mod tests;

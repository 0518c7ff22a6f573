//! A simulator of the `WeChat` API: the peer of the demo, of drills and of load tests.
//!
//! It keeps the platform's rules on tokens, whitelists and quotas, answers in the platform's shapes
//! and fails on a timeline. It shares no code with [`crate::wechat`], so that a mistake in the one is
//! not repeated by the other; exact tests of the wire use a mock server instead.

mod account;
mod answer;
mod body;
mod component;
mod endpoint;
mod ledger;
mod owner;
mod quota;
mod routes;
pub mod scenario;
mod token;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, WallTime};
use crate::config::AppId;
use crate::simulator::account::AccountState;
use crate::simulator::component::ComponentState;
pub use crate::simulator::endpoint::Endpoint;
use crate::simulator::ledger::Ledger;
use crate::simulator::scenario::Scenario;
use crate::simulator::token::TokenRules;
use crate::web::accept;
use crate::web::connection::ConnectionLimits;

/// The scenario has nothing of this app id that could be meant.
#[derive(Debug, thiserror::Error)]
#[error("the scenario has no such account or platform: `{}`", .0.as_str())]
pub struct UnknownAppId(pub AppId);

/// The simulated API. Clones share one state, so that a test can look and act while it serves.
#[derive(Clone, Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
}

/// Accounts and platforms never come or go, so a call locks what it names and nothing else. Nobody
/// holds two of the locks at once.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// Of the accounts, then of the platforms.
    places: HashMap<AppId, usize>,
    accounts: Box<[Mutex<AccountState>]>,
    components: Box<[Mutex<ComponentState>]>,
    /// The place of the account whose cloud container calls without a token come from.
    cloud_host: Option<usize>,
    /// By `Endpoint`.
    calls: [AtomicU64; Endpoint::ALL.len()],
    answered_errors: AtomicU64,
}

/// Whom a token belongs to.
enum Named<'a> {
    Account(MutexGuard<'a, AccountState>),
    Component,
    Nobody,
}

impl Simulator {
    /// Starts `scenario` now, on a clock that moves with the runtime's.
    pub fn new(scenario: Scenario) -> Self {
        Self::with_clock(scenario, Clock::Anchored { wall: Clock::System.now(), since: Instant::now() })
    }

    /// Starts `scenario` at the time `clock` shows. The same scenario, clock and calls give the same
    /// answers. Of two accounts with one app id, the first is unreachable by token calls; authorizers
    /// without an account are left out.
    pub fn with_clock(scenario: Scenario, clock: Clock) -> Self {
        let started = clock.now();
        let Scenario { token_lifetime, token_overlap, speed, accounts, platforms } = scenario;
        let rules = TokenRules { lifetime: token_lifetime, overlap: token_overlap };
        let app_ids = accounts.iter().map(|account| &account.app_id);
        let app_ids = app_ids.chain(platforms.iter().map(|platform| &platform.app_id));
        let places: HashMap<_, _> =
            app_ids.enumerate().map(|(place, app_id)| (app_id.clone(), place)).collect();
        let cloud_host = accounts.iter().position(|account| account.cloud_hosting);
        let start = |(place, account)| AccountState::new(place, account, rules, speed, started);
        let mut accounts: Vec<_> = accounts.into_iter().enumerate().map(start).collect();
        let mut components = Vec::with_capacity(platforms.len());
        for (number, mut platform) in platforms.into_iter().enumerate() {
            let mut authorizers = Vec::with_capacity(platform.authorizers.len());
            for terms in std::mem::take(&mut platform.authorizers) {
                let Some(&place) = places.get(&terms.app_id) else { continue };
                if let Some(account) = accounts.get_mut(place) {
                    account.authorize(number, terms);
                    authorizers.push(place);
                }
            }
            let place = accounts.len() + number;
            components.push(ComponentState::new(place, platform, authorizers, rules, started));
        }
        let shared = Shared {
            clock,
            places,
            accounts: accounts.into_iter().map(Mutex::new).collect(),
            components: components.into_iter().map(Mutex::new).collect(),
            cloud_host,
            calls: Default::default(),
            answered_errors: AtomicU64::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The API as a router.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// Calls to `endpoint` so far that named this account or platform by a known app id or a token of
    /// its own, refused ones included. Calls of a platform about an account count for both, its list
    /// for the platform alone. 0 for an unknown app id.
    pub fn calls(&self, app_id: &AppId, endpoint: Endpoint) -> u64 {
        self.with_ledger(app_id, |ledger| ledger.calls(endpoint)).unwrap_or_default()
    }

    /// All calls to `endpoint` so far, those that named nobody included.
    pub fn total_calls(&self, endpoint: Endpoint) -> u64 {
        self.shared.calls[endpoint as usize].load(Ordering::Relaxed)
    }

    fn now(&self) -> WallTime {
        self.shared.clock.now()
    }

    fn count(&self, endpoint: Endpoint) {
        self.shared.calls[endpoint as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A number that no other error answer has.
    fn next_error(&self) -> u64 {
        self.shared.answered_errors.fetch_add(1, Ordering::Relaxed)
    }

    fn with_ledger<T>(
        &self,
        app_id: &AppId,
        action: impl FnOnce(&mut Ledger) -> T,
    ) -> Result<T, UnknownAppId> {
        if let Some(mut account) = self.account(app_id) {
            return Ok(action(account.ledger()));
        }
        match self.component(app_id) {
            Some((_, mut component)) => Ok(action(component.ledger())),
            None => Err(UnknownAppId(app_id.clone())),
        }
    }

    fn account(&self, app_id: &AppId) -> Option<MutexGuard<'_, AccountState>> {
        self.by_place(*self.shared.places.get(app_id)?)
    }

    fn by_place(&self, place: usize) -> Option<MutexGuard<'_, AccountState>> {
        self.shared.accounts.get(place).map(lock)
    }

    /// The number of a platform.
    fn number(&self, app_id: &AppId) -> Option<usize> {
        self.shared.places.get(app_id)?.checked_sub(self.shared.accounts.len())
    }

    /// A platform and its number.
    fn component(&self, app_id: &AppId) -> Option<(usize, MutexGuard<'_, ComponentState>)> {
        let number = self.number(app_id)?;
        Some((number, lock(self.shared.components.get(number)?)))
    }

    /// A page of the accounts of platform `number`: how many there are, and the places of these.
    fn page(&self, number: usize, offset: usize, count: usize) -> Option<(usize, Vec<usize>)> {
        Some(lock(self.shared.components.get(number)?).page(offset, count))
    }

    fn cloud_host(&self) -> Option<MutexGuard<'_, AccountState>> {
        self.by_place(self.shared.cloud_host?)
    }

    /// Whose `token` is, if the text is shaped like a token of ours.
    fn by_token(&self, token: &str) -> Named<'_> {
        let Some(place) = token::place(token) else { return Named::Nobody };
        let accounts = self.shared.accounts.len();
        match self.by_place(place) {
            Some(account) => Named::Account(account),
            None if place - accounts < self.shared.components.len() => Named::Component,
            None => Named::Nobody,
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves `simulator` on `listener` until `stop`.
pub async fn run(listener: TcpListener, simulator: Simulator, stop: CancellationToken) {
    accept::serve(vec![listener], simulator.router(), None, ConnectionLimits::default(), stop).await;
}

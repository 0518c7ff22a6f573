//! A simulator of the `WeChat` API: the peer of the demo, of drills and of load tests.
//!
//! It keeps the platform's rules on tokens, whitelists and quotas, answers in the platform's shapes
//! and fails on a timeline. It shares no code with [`crate::wechat`], so that a mistake in the one is
//! not repeated by the other; exact tests of the wire use a mock server instead.

mod account;
mod answer;
mod body;
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
use crate::simulator::scenario::{Calls, Fault, Scenario};
use crate::simulator::token::TokenRules;
use crate::web::accept;
use crate::web::connection::ConnectionLimits;

/// A call that the simulator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /cgi-bin/stable_token`
    StableToken,
    /// `GET /cgi-bin/token`
    Token,
    /// `GET /cgi-bin/material/get_materialcount`
    MaterialCount,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::StableToken, Self::Token, Self::MaterialCount];

    /// The path on the wire.
    pub const fn path(self) -> &'static str {
        match self {
            Self::StableToken => "/cgi-bin/stable_token",
            Self::Token => "/cgi-bin/token",
            Self::MaterialCount => "/cgi-bin/material/get_materialcount",
        }
    }
}

/// There is no such account in the scenario.
#[derive(Debug, thiserror::Error)]
#[error("the scenario has no account with the app id `{}`", .0.as_str())]
pub struct UnknownAppId(pub AppId);

/// The simulated platform. Clones share one state, so that a test can look and act while it serves.
#[derive(Clone, Debug)]
pub struct Simulator {
    platform: Arc<Platform>,
}

/// The accounts never come or go, so a call locks its own account and no other.
#[derive(Debug)]
struct Platform {
    clock: Clock,
    places: HashMap<AppId, usize>,
    accounts: Box<[Mutex<AccountState>]>,
    /// By `Endpoint`.
    calls: [AtomicU64; Endpoint::ALL.len()],
    answered_errors: AtomicU64,
}

impl Simulator {
    /// Starts `scenario` now, on a clock that moves with the runtime's.
    pub fn new(scenario: Scenario) -> Self {
        Self::with_clock(scenario, Clock::Anchored { wall: Clock::System.now(), since: Instant::now() })
    }

    /// Starts `scenario` at the time `clock` shows. The same scenario, clock and calls give the same
    /// answers. Of two accounts with one app id, the first is unreachable by token calls.
    pub fn with_clock(scenario: Scenario, clock: Clock) -> Self {
        let started = clock.now();
        let rules = TokenRules { lifetime: scenario.token_lifetime, overlap: scenario.token_overlap };
        let speed = scenario.speed;
        let places = scenario.accounts.iter().map(|account| account.app_id.clone());
        let places = places.enumerate().map(|(place, app_id)| (app_id, place)).collect();
        let start = |(place, account)| Mutex::new(AccountState::new(place, account, rules, speed, started));
        let accounts = scenario.accounts.into_iter().enumerate().map(start).collect();
        let platform = Platform {
            clock,
            places,
            accounts,
            calls: Default::default(),
            answered_errors: AtomicU64::default(),
        };
        Self { platform: Arc::new(platform) }
    }

    /// The API as a router.
    pub fn router(&self) -> Router {
        routes::router(self.clone())
    }

    /// Calls to `endpoint` so far that named this account by a known app id or a token of its own,
    /// refused ones included. 0 for an unknown account.
    pub fn calls(&self, app_id: &AppId, endpoint: Endpoint) -> u64 {
        self.by_app_id(app_id).map_or(0, |account| account.calls(endpoint))
    }

    /// All calls to `endpoint` so far, those that named no account included.
    pub fn total_calls(&self, endpoint: Endpoint) -> u64 {
        self.platform.calls[endpoint as usize].load(Ordering::Relaxed)
    }

    /// Retires every token of the account at once, as a foreign forced refresh does.
    pub fn retire_tokens(&self, app_id: &AppId) -> Result<(), UnknownAppId> {
        self.act(app_id, AccountState::retire_tokens)
    }

    /// Lets `calls` of the account fail by `fault` until [`Simulator::clear_fault`], beside its
    /// timeline. Replaces the fault set before.
    pub fn set_fault(&self, app_id: &AppId, calls: Calls, fault: Fault) -> Result<(), UnknownAppId> {
        self.act(app_id, |account| account.set_fault(Some((calls, fault))))
    }

    /// Ends what [`Simulator::set_fault`] began; the timeline goes on.
    pub fn clear_fault(&self, app_id: &AppId) -> Result<(), UnknownAppId> {
        self.act(app_id, |account| account.set_fault(None))
    }

    fn act(&self, app_id: &AppId, action: impl FnOnce(&mut AccountState)) -> Result<(), UnknownAppId> {
        let mut account = self.by_app_id(app_id).ok_or_else(|| UnknownAppId(app_id.clone()))?;
        action(&mut account);
        Ok(())
    }

    fn now(&self) -> WallTime {
        self.platform.clock.now()
    }

    fn count(&self, endpoint: Endpoint) {
        self.platform.calls[endpoint as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A number that no other error answer has.
    fn next_error(&self) -> u64 {
        self.platform.answered_errors.fetch_add(1, Ordering::Relaxed)
    }

    fn by_app_id(&self, app_id: &AppId) -> Option<MutexGuard<'_, AccountState>> {
        self.by_place(*self.platform.places.get(app_id)?)
    }

    /// The account that issued `token`, if the text is shaped like a token of ours.
    fn by_token(&self, token: &str) -> Option<MutexGuard<'_, AccountState>> {
        self.by_place(token::place(token)?)
    }

    fn by_place(&self, place: usize) -> Option<MutexGuard<'_, AccountState>> {
        let account = self.platform.accounts.get(place)?;
        Some(account.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves `simulator` on `listener` until `stop`.
pub async fn run(listener: TcpListener, simulator: Simulator, stop: CancellationToken) {
    accept::serve(listener, simulator.router(), ConnectionLimits::default(), stop).await;
}

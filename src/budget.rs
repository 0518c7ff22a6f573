//! The plan of calls: how many of each API are made a day, known before the first one. Pure.
//!
//! The plan is what happens while all is well. Beside it stands what failures can make of it at
//! the most: restarts and polls that an operator asks for are in neither.

pub mod table;

use std::sync::Arc;
use std::time::Duration;

use crate::config::platform::{AuthorizerToken, ComponentToken};
use crate::config::{Account, Collect, Platform, Share, TokenSource};
use crate::platform::{PAGE, PROFILE_LIFE};
use crate::poll::backoff::ATTEMPTS;
use crate::token::kept::{REJECTION_FLOOR, RENEW_BELOW};
use crate::wechat::api::Api;
use crate::wechat::collect::apis_with_quota;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// How long a fetched token lives (pages of `getAccessToken`, `getStableAccessToken`,
/// `api_component_token` and `api_authorizer_token`: 7200 seconds).
const TOKEN_LIFE: Duration = Duration::from_secs(7_200);
/// How old a fetched token is when it is renewed.
const RENEWAL: Duration = TOKEN_LIFE.saturating_sub(RENEW_BELOW);
/// How many authorizers a platform's plan is told for: what a page of their list holds.
pub const AUTHORIZERS: u32 = PAGE;

/// Calls of one API that are planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Planned {
    /// What is called.
    pub api: Api,
    /// So many calls …
    pub calls: u32,
    /// … in this time, which is not zero.
    pub every: Duration,
    /// Calls a day that `WeChat` allows, where that is known; not zero.
    pub daily_quota: Option<u64>,
    /// Most calls within any 24 hours, whatever fails. Nothing for a platform's own calls: what
    /// fails there parks the platform, and then one call at a time tries it again.
    pub at_most: Option<u64>,
}

/// What the calls of an account depend on.
#[derive(Clone, Copy, Debug)]
pub struct Polling {
    /// Time between two polls.
    pub interval: Duration,
    /// What is collected beside material.
    pub collect: Collect,
    /// Calls of `get_materialcount` a day that `WeChat` is assumed to allow; not zero.
    pub daily_calls: u64,
    /// How the account comes by its token.
    pub token: TokenCalls,
}

/// What an account's token costs in calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCalls {
    /// Fetched by this API.
    Fetched(Api),
    /// None: it is read where others keep it, and may be another one at any time.
    Read,
    /// None: there is no token, and so no other one either.
    Absent,
}

impl TokenCalls {
    /// What `token` costs, by those of `platforms`, which are in name order. An account of an
    /// unknown platform costs nothing.
    pub fn new(token: &TokenSource, platforms: &[Arc<Platform>]) -> Self {
        match token {
            TokenSource::StableToken { .. } => Self::Fetched(Api::StableToken),
            TokenSource::Token { .. } => Self::Fetched(Api::Token),
            TokenSource::ReadOnly(_) | TokenSource::CloudFile { .. } => Self::Read,
            TokenSource::CloudHosting { .. } => Self::Absent,
            TokenSource::Authorizer { platform, .. } => {
                let found = platforms.binary_search_by(|known| known.name.cmp(platform));
                let found = found.ok().and_then(|at| platforms.get(at));
                found.map_or(Self::Read, |platform| Self::through(platform))
            }
        }
    }

    fn through(platform: &Platform) -> Self {
        match platform.authorizer_token {
            AuthorizerToken::ReadOnly(_) => Self::Read,
            AuthorizerToken::Fetched => Self::Fetched(Api::AuthorizerToken),
        }
    }
}

impl Polling {
    /// What an account's calls depend on. `platforms` are in name order.
    pub fn of_account(account: &Account, platforms: &[Arc<Platform>]) -> Self {
        Self {
            interval: account.interval,
            collect: account.collect,
            daily_calls: account.budget.daily_calls,
            token: TokenCalls::new(&account.token, platforms),
        }
    }

    /// What the calls of each account depend on that a platform discovers, if it does.
    pub fn of_discovered(platform: &Platform) -> Option<Self> {
        platform.discovery.as_ref().map(|discovery| Self {
            interval: discovery.interval,
            collect: discovery.collect,
            daily_calls: discovery.budget.daily_calls,
            token: TokenCalls::through(platform),
        })
    }

    /// The plan: what is collected, then the token.
    ///
    /// The most that failures can make of it follows from the rules for retries:
    /// - A poll has up to 3 attempts. In the long run there is one poll an interval; within 24
    ///   hours up to two more, because a poll after a park may come half an interval early.
    /// - A poll that hits the quota of a minute is followed by another one a minute later, which
    ///   may happen to each. The first one that hits the quota of the day is followed by another at
    ///   midnight, once.
    /// - An attempt repeats its calls once when its token was refused and another one is found: one
    ///   that is read can be another each time, a fetched one every 5 minutes.
    /// - Without a token each attempt of each collector fetches one, and each refusal that may be
    ///   followed by a fetch another. One for an authorizer takes up to four calls: with the next
    ///   refresh token after one that was refused, and each again after a refused component token.
    pub fn plan(self) -> Vec<Planned> {
        let Self { interval, collect, token, .. } = self;
        let quotas = u32::try_from(apis_with_quota(collect).count()).unwrap_or(u32::MAX);
        let collectors = [
            Some((Api::MaterialCount, 1, interval)),
            collect.draft.map(|every| (Api::DraftCount, 1, every)),
            collect.quota.map(|every| (Api::QuotaGet, quotas, every)),
        ];
        let collectors = collectors.into_iter().flatten();
        let replacements = DAY.as_secs() / REJECTION_FLOOR.as_secs() + 1;
        let mut all_attempts = 0;
        let mut plan = Vec::new();
        let data_calls = collectors.clone().map(|(api, calls, every)| {
            let attempts = attempts(every);
            let repeats = match token {
                TokenCalls::Fetched(_) => attempts.min(replacements),
                TokenCalls::Read => attempts,
                TokenCalls::Absent => 0,
            };
            all_attempts += attempts;
            let at_most = Some(u64::from(calls) * (attempts + repeats));
            Planned { api, calls, every, daily_quota: self.daily_quota(api), at_most }
        });
        plan.extend(data_calls);
        if let TokenCalls::Fetched(api) = token {
            // A token is renewed by the first call after it has become old.
            let most_often = collectors.map(|(_, _, every)| every).min();
            let every = most_often.map_or(RENEWAL, |every| every.max(RENEWAL));
            let fetch = if api == Api::AuthorizerToken { 4 } else { 1 };
            let at_most = Some(fetch * (all_attempts + all_attempts.min(replacements)));
            plan.push(Planned { api, calls: 1, every, daily_quota: self.daily_quota(api), at_most });
        }
        plan
    }

    /// Calls of `api` a day that the account may make, with those of its own systems.
    fn daily_quota(&self, api: Api) -> Option<u64> {
        match api {
            // On no page; 1000 is what most consoles show.
            Api::MaterialCount => Some(self.daily_calls),
            // Page of `draft/count`, and the table of daily limits.
            Api::DraftCount => Some(1_000),
            // Page of `getStableAccessToken`.
            Api::StableToken => Some(500_000),
            // Table of daily limits, which the page of `getAccessToken` names.
            Api::Token => Some(2_000),
            Api::QuotaGet
            | Api::ComponentToken
            | Api::AuthorizerToken
            | Api::AuthorizerList
            | Api::AuthorizerInfo => None,
        }
    }
}

/// Most attempts of one collector within 24 hours; see [`Polling::plan`].
fn attempts(interval: Duration) -> u64 {
    let intervals = DAY.as_nanos().div_ceil(interval.as_nanos().max(1));
    let polls = 2 * (u64::try_from(intervals).unwrap_or(u64::MAX / 16) + 2) + 1;
    u64::from(ATTEMPTS) * polls
}

/// The plan of a platform's own calls. How many authorizers it has is not known before, so those
/// of discovery are told for [`AUTHORIZERS`] of them.
pub fn of_platform(platform: &Platform) -> Vec<Planned> {
    let fetches = matches!(platform.component_token, ComponentToken::VerifyTicket { .. });
    let discovers = platform.discovery.is_some();
    let calls = [
        fetches.then_some((Api::ComponentToken, 1, RENEWAL)),
        discovers.then_some((Api::AuthorizerList, 1, platform.refresh_interval)),
        discovers.then_some((Api::AuthorizerInfo, AUTHORIZERS, PROFILE_LIFE)),
    ];
    let planned = |(api, calls, every)| Planned { api, calls, every, daily_quota: None, at_most: None };
    calls.into_iter().flatten().map(planned).collect()
}

impl Planned {
    /// Calls a second, in the long run.
    pub fn per_second(&self) -> f64 {
        f64::from(self.calls) / self.every.as_secs_f64()
    }

    /// Calls a day, in the long run.
    pub fn per_day(&self) -> f64 {
        self.per_second() * DAY.as_secs_f64()
    }

    /// The share of the quota in millionths, rounded up; none where the quota is unknown.
    pub fn share_millionths(&self) -> Option<u128> {
        let quota = self.every.as_nanos() * u128::from(self.daily_quota?);
        Some((u128::from(self.calls) * DAY.as_nanos() * 1_000_000).div_ceil(quota.max(1)))
    }

    /// Whether the share of a known quota is above `most`.
    pub fn is_above(&self, most: Share) -> bool {
        self.share_millionths().is_some_and(|share| share > u128::from(most.millionths()))
    }

    /// The shortest `every` that is not above `most`, in whole seconds, minutes or hours. None
    /// where the quota is unknown.
    pub fn shortest_within(&self, most: Share) -> Option<Duration> {
        let allowed = u128::from(most.millionths()) * u128::from(self.daily_quota?);
        let nanos = (u128::from(self.calls) * DAY.as_nanos() * 1_000_000).div_ceil(allowed.max(1));
        let seconds = u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        let unit = match seconds {
            0..=60 => 1,
            61..=3_600 => 60,
            _ => 3_600,
        };
        Some(Duration::from_secs(seconds.div_ceil(unit).saturating_mul(unit)))
    }
}

#[cfg(test)]
mod tests;

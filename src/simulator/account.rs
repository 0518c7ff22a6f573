//! One account of the platform: decides what each of its calls gets. Pure: `now` is an argument.

use std::time::Duration;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::clock::WallTime;
use crate::config::{Kind, Limits, PerKind};
use crate::simulator::Endpoint;
use crate::simulator::answer::Answer;
use crate::simulator::quota::{Exceeded, Quota, Usage};
use crate::simulator::scenario::{Calls, Fault, Latency, ScheduledFault, SimulatedAccount};
use crate::simulator::token::{Refusal, TokenRules, Tokens};

/// The platform's published limits of the two token calls.
const STABLE_TOKEN_QUOTA: Quota = Quota { per_day: Some(500_000), per_minute: Some(10_000) };
const TOKEN_QUOTA: Quota = Quota { per_day: Some(2_000), per_minute: None };

/// What a token call asks for, as far as the account decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenRequest<'a> {
    pub grant_type: Option<&'a str>,
    pub secret: Option<&'a str>,
    pub mode: TokenMode,
}

/// Which token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenMode {
    Stable,
    StableForced,
    Plain,
}

impl TokenMode {
    const fn endpoint(self) -> Endpoint {
        match self {
            Self::Stable | Self::StableForced => Endpoint::StableToken,
            Self::Plain => Endpoint::Token,
        }
    }
}

/// What a call gets, and when.
#[derive(Debug)]
pub(super) struct Outcome {
    pub answer: Answer,
    pub delay: Duration,
}

/// One account as it is now.
#[derive(Debug)]
pub(super) struct AccountState {
    account: SimulatedAccount,
    speed: f64,
    started: WallTime,
    salt: u64,
    tokens: Tokens,
    /// By `Endpoint`.
    usage: [Usage; Endpoint::ALL.len()],
    /// By `Endpoint`.
    calls: [u64; Endpoint::ALL.len()],
    fault: Option<(Calls, Fault)>,
}

/// The faults that strike one call.
#[derive(Default)]
struct Strike {
    delay: Duration,
    flap: bool,
    slow: Option<Duration>,
    /// What is answered without looking at the request.
    instead: Option<Answer>,
}

impl AccountState {
    /// The account at the start of its scenario. `place` is its own among all accounts, `speed` the
    /// scenario's.
    pub(super) fn new(
        place: usize,
        account: SimulatedAccount,
        rules: TokenRules,
        speed: f64,
        started: WallTime,
    ) -> Self {
        // With the start in it, a restarted simulator does not issue the tokens of its last run again.
        let salt = xxh3_64_with_seed(account.app_id.as_str().as_bytes(), started.millis().cast_unsigned());
        let data_quota = Quota { per_day: account.daily_calls, per_minute: account.minute_calls };
        let usage = Endpoint::ALL.map(|endpoint| match endpoint {
            Endpoint::StableToken => Usage::new(STABLE_TOKEN_QUOTA, 0, started),
            Endpoint::Token => Usage::new(TOKEN_QUOTA, 0, started),
            Endpoint::MaterialCount => Usage::new(data_quota, account.used_today, started),
        });
        let tokens = Tokens::new(place, salt, rules);
        Self { account, speed, started, salt, tokens, usage, calls: Default::default(), fault: None }
    }

    pub(super) fn calls(&self, endpoint: Endpoint) -> u64 {
        self.calls[endpoint as usize]
    }

    pub(super) fn retire_tokens(&mut self) {
        self.tokens.retire_all();
    }

    pub(super) fn set_fault(&mut self, fault: Option<(Calls, Fault)>) {
        self.fault = fault;
    }

    /// A call of one of the two token endpoints.
    pub(super) fn token(&mut self, now: WallTime, request: TokenRequest<'_>) -> Outcome {
        let endpoint = request.mode.endpoint();
        let strike = self.visit(now, endpoint);
        let answer = strike.instead.unwrap_or_else(|| match self.granted(now, request) {
            Ok(answer) | Err(answer) => answer,
        });
        Outcome { answer: drip(answer, strike.slow), delay: strike.delay }
    }

    /// A call of `get_materialcount`.
    pub(super) fn material_count(&mut self, now: WallTime, token: &str) -> Outcome {
        let strike = self.visit(now, Endpoint::MaterialCount);
        let answer =
            strike.instead.unwrap_or_else(|| match self.admit(now, Endpoint::MaterialCount, token) {
                Ok(()) => Answer::Counts(self.counts(now)),
                Err(code) => Answer::Error(code),
            });
        if strike.flap {
            self.tokens.retire_all();
        }
        Outcome { answer: drip(answer, strike.slow), delay: strike.delay }
    }

    /// Counts a call and gathers what strikes it.
    fn visit(&mut self, now: WallTime, endpoint: Endpoint) -> Strike {
        self.calls[endpoint as usize] += 1;
        let calls = match endpoint {
            Endpoint::StableToken | Endpoint::Token => Calls::Token,
            Endpoint::MaterialCount => Calls::Data,
        };
        let since_start = now.since(self.started);
        let scheduled = self.account.faults.iter().filter(|fault| fault.is_active(since_start));
        let scheduled = scheduled.map(|fault| (fault.calls, fault.fault));
        let mut strike = Strike { delay: self.pick(self.account.latency), ..Strike::default() };
        for (_, fault) in
            self.fault.into_iter().chain(scheduled).filter(|(on, _)| *on == Calls::All || *on == calls)
        {
            match fault {
                Fault::Latency(latency) => strike.delay += self.pick(latency),
                Fault::Slow(time) => strike.slow = strike.slow.or(Some(time)),
                Fault::TokenFlap => strike.flap = true,
                Fault::Reset => strike.answer(Answer::Reset),
                Fault::Http(status) => strike.answer(Answer::Http(status)),
                Fault::Garbage => strike.answer(Answer::Garbage),
                Fault::Html => strike.answer(Answer::Html),
                Fault::Errcode(code) => strike.answer(Answer::Error(code)),
            }
        }
        strike
    }

    fn granted(&mut self, now: WallTime, request: TokenRequest<'_>) -> Result<Answer, Answer> {
        let wrong_secret = if request.mode == TokenMode::Plain { 40001 } else { 40125 };
        match (request.grant_type, request.secret) {
            (Some("client_credential"), Some(secret)) if secret == self.account.secret => {}
            (Some("client_credential"), Some(_)) => return Err(Answer::Error(wrong_secret)),
            (Some("client_credential"), None) => return Err(Answer::Error(41004)),
            _ => return Err(Answer::Error(40002)),
        }
        if let Some(ip) = self.account.refused_ip {
            return Err(Answer::NotInWhitelist(ip));
        }
        self.use_up(now, request.mode.endpoint()).map_err(Answer::Error)?;
        let grant = match request.mode {
            TokenMode::Stable => self.tokens.stable(now),
            TokenMode::StableForced => self.tokens.force(now).map_err(|_| Answer::Error(45009))?,
            TokenMode::Plain => self.tokens.plain(now),
        };
        Ok(Answer::Token(grant))
    }

    /// Whether a data call may go ahead, or its `errcode`.
    fn admit(&mut self, now: WallTime, endpoint: Endpoint, token: &str) -> Result<(), i64> {
        match self.tokens.check(now, token) {
            Ok(()) => self.use_up(now, endpoint),
            Err(Refusal::Retired) => Err(40001),
            Err(Refusal::Expired) => Err(42001),
        }
    }

    fn use_up(&mut self, now: WallTime, endpoint: Endpoint) -> Result<(), i64> {
        self.usage[endpoint as usize].take(now).map_err(|exceeded| match exceeded {
            Exceeded::Day => 45009,
            Exceeded::Minute => 45011,
        })
    }

    /// Items now. Growth does not pass the storage limits; a start beyond them stays.
    fn counts(&self, now: WallTime) -> PerKind<u64> {
        let hours = now.since(self.started).as_secs_f64() / 3_600.0 * self.speed;
        let limits = Limits::default().items;
        PerKind::new(|kind: Kind| {
            let first = self.account.counts[kind];
            let change = self.account.growth_per_hour[kind] * hours;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the size of a change, far below 2⁶⁴"
            )]
            let size = change.abs() as u64;
            if change < 0.0 {
                first.saturating_sub(size)
            } else {
                first.saturating_add(size).min(limits[kind].max(first))
            }
        })
    }

    /// A time between the bounds that differs by account and call.
    fn pick(&self, latency: Latency) -> Duration {
        let spread = latency.most.saturating_sub(latency.least);
        if spread.is_zero() {
            return latency.least;
        }
        let call = self.calls.iter().sum::<u64>();
        let share = xxh3_64((self.salt ^ call).to_le_bytes().as_slice()) >> 32;
        latency.least + spread.mul_f64(share as f64 / f64::from(u32::MAX))
    }
}

impl Strike {
    fn answer(&mut self, answer: Answer) {
        self.instead.get_or_insert(answer);
    }
}

impl ScheduledFault {
    fn is_active(&self, since_start: Duration) -> bool {
        since_start.checked_sub(self.after).is_some_and(|age| self.lasts.is_none_or(|lasts| age < lasts))
    }
}

/// Spreads what can be read to its end.
fn drip(answer: Answer, time: Option<Duration>) -> Answer {
    match (answer, time) {
        (answer, None) | (answer @ (Answer::Reset | Answer::Http(_) | Answer::Html), Some(_)) => answer,
        (answer, Some(time)) => Answer::Slow(Box::new(answer), time),
    }
}

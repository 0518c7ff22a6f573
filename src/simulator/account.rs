//! One account of the platform: decides what each of its calls gets. Pure: `now` is an argument.

mod authorization;

use serde_json::json;

use crate::clock::WallTime;
use crate::config::{Kind, Limits, PerKind};
use crate::simulator::Endpoint;
use crate::simulator::account::authorization::Authorization;
use crate::simulator::answer::{Answer, Outcome};
use crate::simulator::ledger::Ledger;
use crate::simulator::quota::Quota;
use crate::simulator::scenario::SimulatedAccount;
use crate::simulator::token::{Grant, Issuer, Refusal, TokenRules, Tokens};

/// The platform's published limits of the two token calls.
const STABLE_TOKEN_QUOTA: Quota = Quota { per_day: Some(500_000), per_minute: Some(10_000) };
const TOKEN_QUOTA: Quota = Quota { per_day: Some(2_000), per_minute: None };
const NO_QUOTA: Quota = Quota { per_day: None, per_minute: None };

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

/// A call that needs an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataCall<'a> {
    Material,
    Draft,
    /// Asks for the quota of the API at this path.
    Quota(&'a str),
}

impl DataCall<'_> {
    pub(super) const fn endpoint(self) -> Endpoint {
        match self {
            Self::Material => Endpoint::MaterialCount,
            Self::Draft => Endpoint::DraftCount,
            Self::Quota(_) => Endpoint::QuotaGet,
        }
    }
}

/// What lets a data call in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pass<'a> {
    /// An `access_token`, still to be checked.
    Token(&'a str),
    /// The cloud container that the call comes from.
    Cloud,
}

/// One account as it is now.
#[derive(Debug)]
pub(super) struct AccountState {
    account: SimulatedAccount,
    speed: f64,
    rules: TokenRules,
    tokens: Tokens,
    /// One for each third-party platform that ever had the account.
    authorizations: Vec<Authorization>,
    ledger: Ledger,
}

impl AccountState {
    /// The account at the start of its scenario. `place` is its own among all app ids, `speed` the
    /// scenario's.
    pub(super) fn new(
        place: usize,
        mut account: SimulatedAccount,
        rules: TokenRules,
        speed: f64,
        started: WallTime,
    ) -> Self {
        let faults = std::mem::take(&mut account.faults);
        let mut ledger = Ledger::new(&account.app_id, account.latency, faults, account.refused_ip, started);
        ledger.use_before(Endpoint::MaterialCount, account.used_today);
        let tokens = Tokens::new(Issuer::new(place, ledger.salt()), rules);
        Self { account, speed, rules, tokens, authorizations: Vec::new(), ledger }
    }

    pub(super) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    pub(super) fn retire_tokens(&mut self) {
        self.tokens.retire_all();
        self.authorizations.iter_mut().for_each(Authorization::retire_tokens);
    }

    /// A call of one of the two token endpoints.
    pub(super) fn token(&mut self, now: WallTime, request: TokenRequest<'_>) -> Outcome {
        let strike = self.ledger.visit(now, request.mode.endpoint());
        strike.on(|| match self.granted(now, request) {
            Ok(answer) | Err(answer) => answer.into(),
        })
    }

    /// A data call.
    pub(super) fn data(&mut self, now: WallTime, call: DataCall<'_>, pass: Pass<'_>) -> Outcome {
        let strike = self.ledger.visit(now, call.endpoint());
        let flap = strike.flap();
        let outcome = strike.on(|| match self.served(now, call, pass) {
            Ok(answer) => answer.into(),
            Err(code) => Outcome::refused(code),
        });
        if flap {
            self.retire_tokens();
        }
        outcome
    }

    /// The stable token, as another program of the account's owner would get it: no call is counted.
    pub(super) fn stable_token(&mut self, now: WallTime) -> Grant {
        self.tokens.stable(now)
    }

    /// What the token file of the account's cloud container holds now.
    pub(super) fn cloud_token(&mut self, now: WallTime) -> Grant {
        self.tokens.cloud(now)
    }

    /// Whether calls may come through cloud containers.
    pub(super) fn is_in_cloud(&self) -> bool {
        self.account.cloud || self.account.cloud_hosting
    }

    /// Checks a `cloudbase_access_token`.
    pub(super) fn check_cloud(&self, now: WallTime, token: &str) -> Result<(), i64> {
        self.tokens.check_cloud(now, token).map_err(Refusal::errcode)
    }

    fn granted(&mut self, now: WallTime, request: TokenRequest<'_>) -> Result<Answer, Answer> {
        let wrong_secret = if request.mode == TokenMode::Plain { 40001 } else { 40125 };
        match (request.grant_type, request.secret) {
            (Some("client_credential"), Some(secret)) if secret == self.account.secret => {}
            (Some("client_credential"), Some(_)) => return Err(Answer::Error(wrong_secret)),
            (Some("client_credential"), None) => return Err(Answer::Error(41004)),
            _ => return Err(Answer::Error(40002)),
        }
        if let Some(ip) = self.ledger.refused_ip() {
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

    fn served(&mut self, now: WallTime, call: DataCall<'_>, pass: Pass<'_>) -> Result<Answer, i64> {
        if let Pass::Token(token) = pass {
            self.admit(now, call, token)?;
        }
        self.use_up(now, call.endpoint())?;
        match call {
            DataCall::Material => Ok(Answer::Counts(self.counts(now))),
            DataCall::Draft => Ok(Answer::Json(json!({"total_count": self.account.drafts}))),
            DataCall::Quota(path) => self.quota_of(now, path),
        }
    }

    /// Whether the token may make the call, or the `errcode`.
    fn admit(&self, now: WallTime, call: DataCall<'_>, token: &str) -> Result<(), i64> {
        let through_platform =
            self.authorizations.iter().find_map(|authorization| authorization.admit(now, call, token));
        through_platform.unwrap_or_else(|| self.tokens.check(now, token).map_err(Refusal::errcode))
    }

    fn quota_of(&mut self, now: WallTime, path: &str) -> Result<Answer, i64> {
        if !path.starts_with('/') {
            return Err(76003);
        }
        let endpoint = Endpoint::at(path).ok_or(76021)?;
        if endpoint.is_component() {
            return Err(76022);
        }
        let Quota { per_day, per_minute } = self.quota(endpoint);
        let (limit, used) = (per_day.unwrap_or(0), self.ledger.used_today(now, endpoint));
        let refresh = if per_minute.is_some() { 60 } else { 0 };
        Ok(Answer::Json(json!({
            "errcode": 0,
            "errmsg": "ok",
            "quota": {"daily_limit": limit, "used": used, "remain": limit.saturating_sub(used)},
            "rate_limit": {"call_count": per_minute.unwrap_or(0), "refresh_second": refresh},
            "component_rate_limit": {"call_count": 0, "refresh_second": 0},
        })))
    }

    fn use_up(&mut self, now: WallTime, endpoint: Endpoint) -> Result<(), i64> {
        let quota = self.quota(endpoint);
        self.ledger.use_up(now, endpoint, quota)
    }

    fn quota(&self, endpoint: Endpoint) -> Quota {
        let per_minute = self.account.minute_calls;
        match endpoint {
            Endpoint::StableToken => STABLE_TOKEN_QUOTA,
            Endpoint::Token => TOKEN_QUOTA,
            Endpoint::MaterialCount => Quota { per_day: self.account.daily_calls, per_minute },
            Endpoint::DraftCount => Quota { per_day: self.account.draft_daily_calls, per_minute },
            _ => NO_QUOTA,
        }
    }

    /// Items now. Growth does not pass the storage limits; a start beyond them stays.
    fn counts(&self, now: WallTime) -> PerKind<u64> {
        let hours = self.ledger.since_start(now).as_secs_f64() / 3_600.0 * self.speed;
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
}

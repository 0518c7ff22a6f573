//! The token of one account: when it is fetched, when it is kept. Fetches are few on purpose:
//! each one is a call against a quota, and a loop of them has broken many an account.

pub(crate) mod advice;
pub mod cloud;
mod fetch;
pub mod read;

use std::time::Duration;

use tokio::time::Instant;

use crate::config::token::Ids;
use crate::config::{Account, AppId, PlatformName, TokenSource};
use crate::secret::Secret;
use crate::store::Failing;
use crate::upstream::Upstream;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::{ApiError, Failure, Step};

/// A token is renewed when so little of its life remains: from then on the platform hands out the
/// next stable token while the old one still works (page of `getStableAccessToken`).
const RENEW_BELOW: Duration = Duration::from_secs(300);
/// Least time between two fetches for age.
const FETCH_FLOOR: Duration = Duration::from_secs(60);
/// Least time between two fetches after a rejection.
const REJECTION_FLOOR: Duration = Duration::from_secs(300);

/// What a data call is authorised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token of the account.
    AccessToken(Secret),
    /// The cloud's token, and the account it is used for if that is not the environment's owner.
    CloudToken(Secret, Option<AppId>),
    /// Nothing: the cloud's sidecar adds what is needed.
    CloudHosted(Option<AppId>),
}

impl Credential {
    /// The query of a data call, unescaped.
    pub(crate) fn query(&self) -> Vec<(&str, &str)> {
        match self {
            Self::AccessToken(token) => vec![("access_token", token.expose())],
            Self::CloudToken(token, from) => {
                let mut query = vec![("cloudbase_access_token", token.expose())];
                query.extend(from.as_ref().map(|app_id| ("from_appid", app_id.as_str())));
                query
            }
            Self::CloudHosted(from) => from.iter().map(|app_id| ("from_appid", app_id.as_str())).collect(),
        }
    }

    /// The secret in it.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::AccessToken(token) | Self::CloudToken(token, _) => Some(token),
            Self::CloudHosted(_) => None,
        }
    }
}

/// What an account holds of its token. Moves with the poll that uses it.
#[derive(Debug, Default)]
pub struct TokenState {
    held: Option<Held>,
    tried_at: Option<Instant>,
    replaced_at: Option<Instant>,
    /// Tokens obtained since the last [`TokenState::take_refreshes`].
    refreshes: u64,
}

#[derive(Debug)]
struct Held {
    value: Secret,
    until: Until,
}

/// How long a token is held.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// It was fetched here and expires then.
    Expiry(Instant),
    /// It is read again from then on; looking costs nothing.
    Look(Instant),
}

/// What a poll does about its token.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Use the held one.
    Nothing(Secret),
    /// Get another, but go on with the held one if that fails.
    Renewal(Secret),
    /// Get one; without a token there is no poll.
    Token,
}

impl TokenState {
    fn need(&self, now: Instant) -> Need {
        let Some(held) = &self.held else { return Need::Token };
        let value = || held.value.clone();
        match held.until {
            Until::Look(at) if now < at => Need::Nothing(value()),
            Until::Look(_) => Need::Token,
            Until::Expiry(at) => {
                let remains = at.saturating_duration_since(now);
                let tried = self.tried_at.is_some_and(|tried| now - tried < FETCH_FLOOR);
                if remains > RENEW_BELOW || tried {
                    Need::Nothing(value())
                } else if remains > Duration::ZERO {
                    Need::Renewal(value())
                } else {
                    Need::Token
                }
            }
        }
    }

    /// Tokens obtained since this was last asked.
    pub fn take_refreshes(&mut self) -> u64 {
        std::mem::take(&mut self.refreshes)
    }

    /// What to poll with; fetched or read if needed.
    pub(crate) async fn hold(
        &mut self,
        upstream: &Upstream,
        account: &Account,
    ) -> Result<Credential, ApiError> {
        match self.need(Instant::now()) {
            Need::Nothing(held) => Ok(Credential::AccessToken(held)),
            Need::Token => self.obtain(upstream, account).await,
            Need::Renewal(held) => Ok(self.obtain(upstream, account).await.unwrap_or_else(|error| {
                tracing::debug!(account = %account.name, %error, "token not renewed, the held one is still valid");
                Credential::AccessToken(held)
            })),
        }
    }

    /// After `rejected` was refused on a data call: another credential, if there is one. Fetches at
    /// most once in 5 minutes, so that two programs that fight over a token cost few calls; a
    /// source that is only read is read each time.
    pub(crate) async fn replace(
        &mut self,
        upstream: &Upstream,
        account: &Account,
        rejected: &Credential,
    ) -> Result<Option<Credential>, ApiError> {
        let now = Instant::now();
        if matches!(self.held, Some(Held { until: Until::Expiry(_), .. })) {
            if self.replaced_at.is_some_and(|replaced| now - replaced < REJECTION_FLOOR) {
                return Ok(None);
            }
            self.replaced_at = Some(now);
            self.held = None;
        } else if let Some(held) = &mut self.held {
            held.until = Until::Look(now);
        }
        let other = self.hold(upstream, account).await?;
        Ok(Some(other).filter(|other| other != rejected))
    }

    async fn obtain(&mut self, upstream: &Upstream, account: &Account) -> Result<Credential, ApiError> {
        let now = Instant::now();
        self.tried_at = Some(now);
        let (value, until) = match &account.token {
            TokenSource::StableToken { app_secret } => {
                let (value, life) = fetch::stable_token(&upstream.client, account, app_secret).await?;
                (value, Until::Expiry(Instant::now() + life))
            }
            TokenSource::Token { app_secret } => {
                let (value, life) = fetch::token(&upstream.client, account, app_secret).await?;
                (value, Until::Expiry(Instant::now() + life))
            }
            TokenSource::ReadOnly(source) => {
                let ids = Ids { app_id: account.app_id.as_str(), component_app_id: "" };
                let read = upstream.reader.read(source, ids).await;
                let read = read.map_err(|failure| from_source(account, failure))?;
                (read.value, Until::Look(read.good_until.unwrap_or(now)))
            }
            TokenSource::Authorizer { platform, refresh_token } => {
                let handle = upstream.platforms.get(platform).ok_or_else(|| unknown(platform))?;
                let grant = handle.authorizer_token(&account.app_id, refresh_token.as_ref()).await?;
                let until = grant.good_until.unwrap_or(now);
                (grant.value, if grant.is_fetched { Until::Expiry(until) } else { Until::Look(until) })
            }
            // The cloud's credentials are never held: the platform may change them at any time.
            TokenSource::CloudHosting { from_app_id } => {
                return Ok(Credential::CloudHosted(from_app_id.clone()));
            }
            TokenSource::CloudFile { path, from_app_id } => {
                let token = cloud::read_file(path).await.map_err(|failure| from_source(account, failure))?;
                return Ok(Credential::CloudToken(token, from_app_id.clone()));
            }
        };
        if self.held.as_ref().is_none_or(|held| held.value != value) {
            self.refreshes += 1;
        }
        self.held = Some(Held { value: value.clone(), until });
        Ok(Credential::AccessToken(value))
    }
}

fn from_source(account: &Account, failure: Failure) -> ApiError {
    ApiError { step: Step::Source(account.token.label()), failure }
}

/// The configuration does not let an account name a platform that is not there.
fn unknown(platform: &PlatformName) -> ApiError {
    tracing::error!(%platform, "no such platform");
    let failing = Failing { class: ErrorClass::Other, errcode: None, seen_ip: None, source: None };
    ApiError { step: Step::Platform, failure: Failure::Parked(failing) }
}

#[cfg(test)]
mod tests;

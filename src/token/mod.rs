//! What a data call of one account is authorised by, from whichever source its token comes.

pub(crate) mod advice;
pub mod cloud;
mod fetch;
pub(crate) mod kept;
pub mod read;

use tokio::time::Instant;

use crate::config::token::Ids;
use crate::config::{Account, AppId, PlatformName, TokenSource};
use crate::secret::Secret;
use crate::store::Failing;
use crate::token::kept::{Kept, Need, Until};
use crate::upstream::Upstream;
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::error::{ApiError, Failure, Step};

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
    kept: Kept,
    /// Tokens obtained since the last [`TokenState::take_refreshes`].
    refreshes: u64,
}

impl TokenState {
    /// Tokens obtained since this was last asked.
    pub fn take_refreshes(&mut self) -> u64 {
        std::mem::take(&mut self.refreshes)
    }

    /// How long the held token is held; none when none is.
    pub(crate) fn until(&self) -> Option<Until> {
        self.kept.until()
    }

    /// What to poll with; fetched or read if needed. Fails while the account's platform is parked.
    pub(crate) async fn hold(
        &mut self,
        upstream: &Upstream,
        account: &Account,
    ) -> Result<Credential, ApiError> {
        self.hold_after(upstream, account, None).await
    }

    async fn hold_after(
        &mut self,
        upstream: &Upstream,
        account: &Account,
        rejected: Option<&Secret>,
    ) -> Result<Credential, ApiError> {
        if let TokenSource::Authorizer { platform, .. } = &account.token
            && let Some(handle) = upstream.platforms.get(platform)
        {
            handle.check()?;
        }
        match self.kept.need(Instant::now()) {
            Need::Nothing(held) => Ok(Credential::AccessToken(held)),
            Need::Token => self.obtain(upstream, account, rejected).await,
            Need::Patience(failing) => Err(ApiError::too_soon(Api::Token, failing)),
            Need::Renewal(held) => Ok(self.obtain(upstream, account, rejected).await.unwrap_or_else(|error| {
                tracing::debug!(account = %account.name, %error, "token not renewed, the held one is still valid");
                Credential::AccessToken(held)
            })),
        }
    }

    /// After `rejected` was refused on a data call: another credential, if there is one and it may
    /// be asked for.
    pub(crate) async fn replace(
        &mut self,
        upstream: &Upstream,
        account: &Account,
        rejected: &Credential,
    ) -> Result<Option<Credential>, ApiError> {
        if !self.kept.refused(Instant::now()) {
            return Ok(None);
        }
        let other = self.hold_after(upstream, account, rejected.secret()).await?;
        Ok(Some(other).filter(|other| other != rejected))
    }

    /// A data call of `account` failed by `code`, which says that its authorisation has ended: the
    /// next poll asks the platform, which knows more.
    pub(crate) fn unauthorized(&mut self, upstream: &Upstream, account: &Account, code: Option<ErrCode>) {
        let TokenSource::Authorizer { platform, .. } = &account.token else { return };
        self.kept.forget();
        if let Some(handle) = upstream.platforms.get(platform) {
            handle.unauthorized(&account.app_id, code);
        }
    }

    async fn obtain(
        &mut self,
        upstream: &Upstream,
        account: &Account,
        rejected: Option<&Secret>,
    ) -> Result<Credential, ApiError> {
        let now = Instant::now();
        self.kept.trying(now);
        let (value, until) = match &account.token {
            TokenSource::StableToken { app_secret } => {
                let (value, life) = fetch::stable_token(&upstream.client, account, app_secret).await?;
                (value, Until::Expiry(Instant::now() + life))
            }
            TokenSource::Token { app_secret } => {
                self.kept.taking_over(now);
                let fetched = fetch::token(&upstream.client, account, app_secret).await;
                let (value, life) = fetched.inspect_err(|error| self.kept.failed(error))?;
                (value, Until::Expiry(Instant::now() + life))
            }
            TokenSource::ReadOnly(source) => {
                let ids = Ids { app_id: account.app_id.as_str(), component_app_id: "" };
                let read = upstream.reader.read_after(source, ids, rejected).await;
                let read = read.map_err(|failure| from_source(account, failure))?;
                (read.value, Until::Look(read.good_until.unwrap_or(now)))
            }
            TokenSource::Authorizer { platform, refresh_token } => {
                let handle = upstream.platforms.get(platform).ok_or_else(|| unknown(platform))?;
                let grant =
                    handle.authorizer_token_after(&account.app_id, refresh_token.as_ref(), rejected).await?;
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
        self.refreshes += u64::from(self.kept.keep(value.clone(), until));
        Ok(Credential::AccessToken(value))
    }
}

fn from_source(account: &Account, failure: Failure) -> ApiError {
    ApiError { step: Step::Source(account.token.label()), failure }
}

/// A reload took the platform away, and the account goes with it in a moment: the configuration
/// does not let an account name a platform that is not there.
fn unknown(platform: &PlatformName) -> ApiError {
    tracing::debug!(%platform, "no such platform any more");
    let failing = Failing { class: ErrorClass::Other, errcode: None, seen_ip: None, source: None };
    ApiError { step: Step::Platform, failure: Failure::Parked(failing) }
}

#[cfg(test)]
mod tests;

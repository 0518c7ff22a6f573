//! What an account's poll reaches a platform by: tokens of its authorizers, fetched with the
//! refresh tokens that are known or read from their owner's store.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::answer::{self, Grant};
use super::call::{Caller, ComponentCall, authorizer_appid, own_code};
use super::list::Authorizers;
use crate::config::platform::AuthorizerToken;
use crate::config::token::{Ids, ReadOnlySource};
use crate::config::{AppId, PlatformName};
use crate::secret::{Secret, SecretSource};
use crate::token::kept::Unheard;
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::error::{ApiError, Failure, Step};

/// The account did not authorise the platform.
pub(super) const NOT_AUTHORIZED: ErrCode = ErrCode(61003);
/// The refresh token is not valid: it is unknown, has expired, or the account's password was changed.
const REFRESH_TOKEN_REFUSED: [ErrCode; 3] = [ErrCode(61023), ErrCode(42002), ErrCode(42007)];

/// The platforms that run, by name. A reload replaces them all at once.
#[derive(Debug, Default)]
pub struct PlatformHandles(RwLock<HashMap<PlatformName, PlatformHandle>>);

impl PlatformHandles {
    /// A handle on the platform of this name, as it is configured now.
    pub fn get(&self, name: &PlatformName) -> Option<PlatformHandle> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn replace(&self, handles: HashMap<PlatformName, PlatformHandle>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = handles;
    }
}

/// A handle on a platform; clones share it. It works as long as it is held, whether the platform
/// still runs or not.
#[derive(Clone, Debug)]
pub struct PlatformHandle {
    pub(super) shared: Arc<Shared>,
}

/// What accounts and discovery share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) caller: Arc<Caller>,
    pub(super) authorizers: Arc<Authorizers>,
    /// Tells discovery of accounts that were found to be no longer authorised.
    pub(super) lost: mpsc::UnboundedSender<AppId>,
}

/// A token of one authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerGrant {
    /// The token.
    pub value: Secret,
    /// Until when it may be used: its expiry when it was fetched, as in
    /// [`crate::token::read::ExternalToken::good_until`] when it was read.
    pub good_until: Option<Instant>,
    /// Whether it was fetched here, at the price of a call.
    pub is_fetched: bool,
}

impl PlatformHandle {
    /// A token for `app_id`. While the platform is parked it fails at once, without a call, by
    /// [`Step::Platform`] and [`Failure::Parked`]; so does the call that parks it. `refresh_token`
    /// goes before the one of the platform's list.
    pub async fn authorizer_token(
        &self,
        app_id: &AppId,
        refresh_token: Option<&SecretSource>,
    ) -> Result<AuthorizerGrant, ApiError> {
        self.authorizer_token_after(app_id, refresh_token, None).await
    }

    /// As [`PlatformHandle::authorizer_token`], after a call with `rejected` was refused: where
    /// tokens are read, it comes back only if it is still there.
    pub(crate) async fn authorizer_token_after(
        &self,
        app_id: &AppId,
        refresh_token: Option<&SecretSource>,
        rejected: Option<&Secret>,
    ) -> Result<AuthorizerGrant, ApiError> {
        match &self.shared.caller.platform.authorizer_token {
            AuthorizerToken::ReadOnly(source) => self.shared.read(app_id, source, rejected).await,
            AuthorizerToken::Fetched => self.shared.fetch(app_id, refresh_token).await,
        }
    }

    /// Fails while the platform is parked, until the moment at which it may be tried again: its
    /// accounts make no call then, whatever tokens they hold.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        self.shared.caller.gate.check_park()
    }

    /// Tells that a call with a token of `app_id` failed by `code`, which says that the platform is
    /// not authorised.
    pub(crate) fn unauthorized(&self, app_id: &AppId, code: Option<ErrCode>) {
        if code == Some(NOT_AUTHORIZED) {
            self.shared.tell_lost(app_id);
        }
    }
}

impl Shared {
    async fn read(
        &self,
        app_id: &AppId,
        source: &ReadOnlySource,
        rejected: Option<&Secret>,
    ) -> Result<AuthorizerGrant, ApiError> {
        let Caller { gate, reader, platform, .. } = &*self.caller;
        gate.check(Api::AuthorizerToken)?;
        let component_app_id = platform.component_app_id.as_str();
        let ids = Ids { app_id: app_id.as_str(), component_app_id };
        let read = reader.read_after(source, ids, rejected).await;
        let read = read.map_err(|failure| ApiError { step: Step::Source(source.label()), failure })?;
        Ok(AuthorizerGrant { value: read.value, good_until: read.good_until, is_fetched: false })
    }

    /// Fetches a token, unless the last fetch was not heard of a short while ago: it may have been
    /// made all the same, and each one retires the token before. If the account's refresh token is unknown or refused, the list is read
    /// again, and the call repeated once if that brought another one.
    async fn fetch(
        &self,
        app_id: &AppId,
        configured: Option<&SecretSource>,
    ) -> Result<AuthorizerGrant, ApiError> {
        let asked = Instant::now();
        if let Some(failing) = self.authorizers.refresh_tokens(|known| known.forbids(app_id, asked)) {
            self.caller.gate.check(Api::AuthorizerToken)?;
            return Err(ApiError::too_soon(Api::AuthorizerToken, failing));
        }
        let configured = match configured {
            Some(source) => Some(source.read().await.map_err(|error| ApiError {
                step: Step::Call(Api::AuthorizerToken),
                failure: error.into(),
            })?),
            None => None,
        };
        let choose = || self.authorizers.refresh_tokens(|known| known.choose(app_id, configured.as_ref()));
        let Some(first) = choose() else {
            self.authorizers.read_again(&self.caller, asked, || choose().is_some()).await?;
            let first = choose().ok_or_else(no_refresh_token)?;
            return self.fetch_by(app_id, &first).await.map_err(|error| self.lose(app_id, error));
        };
        let error = match self.fetch_by(app_id, &first).await {
            Ok(grant) => return Ok(grant),
            Err(error) => error,
        };
        match own_code(&error) {
            Some(NOT_AUTHORIZED) => {}
            Some(code) if REFRESH_TOKEN_REFUSED.contains(&code) => {
                self.authorizers.refresh_tokens(|known| known.refuse(app_id, &first));
            }
            _ => return Err(error),
        }
        self.authorizers.read_again(&self.caller, Instant::now(), || false).await?;
        let result = match choose() {
            Some(other) if other != first => self.fetch_by(app_id, &other).await,
            _ => Err(error),
        };
        result.map_err(|error| self.lose(app_id, error))
    }

    async fn fetch_by(&self, app_id: &AppId, refresh_token: &Secret) -> Result<AuthorizerGrant, ApiError> {
        let token = Value::from(refresh_token.expose());
        let body = [authorizer_appid(app_id), ("authorizer_refresh_token".to_owned(), token)];
        let call = ComponentCall {
            api: Api::AuthorizerToken,
            body: body.into_iter().collect(),
            secrets: &[refresh_token],
        };
        let began = Instant::now();
        let note = |error: &ApiError| {
            self.authorizers.refresh_tokens(|known| known.failed(app_id, Unheard::new(began, error)));
        };
        let Grant { token, life, refresh_token } = self.caller.call_noting(call, answer::grant, note).await?;
        if let Some(token) = refresh_token {
            self.authorizers.refresh_tokens(|known| known.keep(app_id, token));
        }
        Ok(AuthorizerGrant { value: token, good_until: Some(Instant::now() + life), is_fetched: true })
    }

    /// Tells discovery if `error` says that the account is no longer authorised.
    fn lose(&self, app_id: &AppId, error: ApiError) -> ApiError {
        if own_code(&error) == Some(NOT_AUTHORIZED) {
            self.tell_lost(app_id);
        }
        error
    }

    fn tell_lost(&self, app_id: &AppId) {
        // Without discovery nobody listens, and nobody needs to know.
        self.lost.send(app_id.clone()).unwrap_or_default();
    }
}

fn no_refresh_token() -> ApiError {
    let failure = Failure::Source {
        class: ErrorClass::Authorization,
        code: None,
        text: "the platform's list has no refresh token for this account".to_owned(),
    };
    ApiError { step: Step::Source("authorizer"), failure }
}

//! A third-party platform at work: its component token, its authorizers, and its own state, which
//! parks all of its accounts at once.
//!
//! The callers share what is known, each makes its own calls: a fleet's calls run side by side,
//! what is wanted by all is done by one, and a caller that goes away takes nothing with it.

mod answer;
mod call;
mod claims;
mod component;
mod discovery;
mod gate;
mod list;
mod park;
mod refresh;
mod roster;
mod turns;

use std::num::NonZeroU32;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::answer::Grant;
pub use self::answer::Profile;
use self::call::{Caller, ComponentCall, authorizer_appid, own_code};
pub use self::claims::Claims;
use self::component::Component;
use self::discovery::Rounds;
use self::gate::Gate;
use self::list::Authorizers;
use crate::clock::Clock;
use crate::config::platform::AuthorizerToken;
use crate::config::token::{Ids, ReadOnlySource};
use crate::config::{AppId, Platform};
use crate::poll::change::FleetChange;
use crate::secret::{Secret, SecretSource};
use crate::store::Store;
use crate::token::read::Reader;
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::client::ApiClient;
use crate::wechat::error::{ApiError, Failure, Step};

/// The account did not authorise the platform.
const NOT_AUTHORIZED: ErrCode = ErrCode(61003);
/// The refresh token is not valid.
const REFRESH_TOKEN_REFUSED: ErrCode = ErrCode(61023);

/// What a platform needs from outside.
#[derive(Clone, Debug)]
pub struct PlatformParts {
    /// Calls of the API.
    pub client: Arc<ApiClient>,
    /// Tokens and tickets that other programs keep.
    pub reader: Arc<Reader>,
    /// Where its readings are shown.
    pub store: Arc<Store>,
    /// The wall clock.
    pub clock: Clock,
    /// Who polls which account; the same for all platforms.
    pub claims: Arc<Claims>,
    /// Where accounts that come and go are told.
    pub changes: mpsc::Sender<FleetChange>,
    /// Most requests a second; discovery takes at most half of them.
    pub requests_per_second: NonZeroU32,
}

/// A handle on a running platform; clones share it.
#[derive(Clone, Debug)]
pub struct PlatformHandle {
    shared: Arc<Shared>,
}

/// What accounts and discovery share.
#[derive(Debug)]
struct Shared {
    caller: Caller,
    authorizers: Authorizers,
    /// Tells discovery of accounts that were found to be no longer authorised.
    lost: mpsc::UnboundedSender<AppId>,
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

/// A platform, shown as never called, and its discovery, which runs until `stop`. The handle works
/// from now on and as long as it is held, whether discovery runs or not.
pub fn start(
    platform: Arc<Platform>,
    parts: PlatformParts,
    stop: CancellationToken,
) -> (PlatformHandle, impl Future<Output = ()> + Send) {
    let PlatformParts { client, reader, store, clock, claims, changes, requests_per_second } = parts;
    let gate = Gate::new(platform.name.clone(), store, clock);
    let settings = platform.discovery.clone();
    let caller = Caller { platform, client, reader, gate, component: Component::default() };
    let (lost, found_lost) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared { caller, authorizers: Authorizers::default(), lost });
    let handle = PlatformHandle { shared: Arc::clone(&shared) };
    let discovery = async move {
        let Some(settings) = settings else { return stop.cancelled().await };
        let rounds = Rounds::new(shared, settings, claims, changes, found_lost, requests_per_second);
        stop.run_until_cancelled(rounds.run()).await.unwrap_or_default();
    };
    (handle, discovery)
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
        match &self.shared.caller.platform.authorizer_token {
            AuthorizerToken::ReadOnly(source) => self.shared.read(app_id, source).await,
            AuthorizerToken::Fetched => self.shared.fetch(app_id, refresh_token).await,
        }
    }
}

impl Shared {
    async fn read(&self, app_id: &AppId, source: &ReadOnlySource) -> Result<AuthorizerGrant, ApiError> {
        let Caller { gate, reader, platform, .. } = &self.caller;
        gate.check(Api::AuthorizerToken)?;
        let component_app_id = platform.component_app_id.as_str();
        let ids = Ids { app_id: app_id.as_str(), component_app_id };
        let read = reader.read(source, ids).await;
        let read = read.map_err(|failure| ApiError { step: Step::Source(source.label()), failure })?;
        Ok(AuthorizerGrant { value: read.value, good_until: read.good_until, is_fetched: false })
    }

    /// Fetches a token. If the account's refresh token is unknown or refused, the list is read
    /// again, and the call repeated once if that brought another one.
    async fn fetch(
        &self,
        app_id: &AppId,
        configured: Option<&SecretSource>,
    ) -> Result<AuthorizerGrant, ApiError> {
        let asked = Instant::now();
        let configured = match configured {
            Some(source) => Some(source.read().await.map_err(|error| ApiError {
                step: Step::Call(Api::AuthorizerToken),
                failure: error.into(),
            })?),
            None => None,
        };
        let choose = || self.authorizers.refresh_tokens(|known| known.choose(app_id, configured.as_ref()));
        let Some(first) = choose() else {
            self.authorizers.read_again(&self.caller, asked).await?;
            let first = choose().ok_or_else(no_refresh_token)?;
            return self.fetch_by(app_id, &first).await.map_err(|error| self.lose(app_id, error));
        };
        let error = match self.fetch_by(app_id, &first).await {
            Ok(grant) => return Ok(grant),
            Err(error) => error,
        };
        match own_code(&error) {
            Some(REFRESH_TOKEN_REFUSED) => {
                self.authorizers.refresh_tokens(|known| known.refuse(app_id, &first));
            }
            Some(NOT_AUTHORIZED) => {}
            _ => return Err(error),
        }
        self.authorizers.read_again(&self.caller, Instant::now()).await?;
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
        let Grant { token, life, refresh_token } = self.caller.call(call, answer::grant).await?;
        if let Some(token) = refresh_token {
            self.authorizers.refresh_tokens(|known| known.keep(app_id, token));
        }
        Ok(AuthorizerGrant { value: token, good_until: Some(Instant::now() + life), is_fetched: true })
    }

    /// Tells discovery if `error` says that the account is no longer authorised.
    fn lose(&self, app_id: &AppId, error: ApiError) -> ApiError {
        if own_code(&error) == Some(NOT_AUTHORIZED) {
            // Without discovery nobody listens, and nobody needs to know.
            self.lost.send(app_id.clone()).unwrap_or_default();
        }
        error
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

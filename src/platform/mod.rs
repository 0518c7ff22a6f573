//! A third-party platform at work: its component token, its authorizers, and its own state, which
//! parks all of its accounts at once.

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::{Account, AccountName, AppId};
use crate::secret::{Secret, SecretSource};
use crate::wechat::error::ApiError;

/// A handle on a running platform; clones share it.
#[derive(Clone, Debug)]
pub struct PlatformHandle {}

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
    /// [`crate::wechat::error::Failure::Parked`]. `refresh_token` goes before the one of the
    /// platform's list.
    pub async fn authorizer_token(
        &self,
        app_id: &AppId,
        refresh_token: Option<&SecretSource>,
    ) -> Result<AuthorizerGrant, ApiError> {
        let _ = (app_id, refresh_token);
        todo!()
    }
}

/// A change of the accounts that a platform's discovery found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetChange {
    /// A new account, or new settings of a known one.
    Set(Arc<Account>),
    /// An account that is no longer there.
    Gone(AccountName),
}

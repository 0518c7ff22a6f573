//! One visit to one account.

use std::sync::Arc;

use crate::config::Account;
use crate::secret::Secret;
use crate::store::MaterialCounts;
use crate::token::TokenState;
use crate::upstream::Upstream;
use crate::wechat::answer;
use crate::wechat::api::Api;
use crate::wechat::class::ErrorClass;
use crate::wechat::client::Request;
use crate::wechat::error::ApiError;

/// What a visit needs.
#[derive(Debug)]
pub struct Visit {
    /// Whom to visit.
    pub account: Arc<Account>,
    /// Its token, lent for the visit.
    pub token: TokenState,
    /// Whether a failure ends the poll, or is tried again in a second or two.
    pub last_attempt: bool,
}

/// What a visit brought back.
#[derive(Debug)]
pub struct PollReport {
    /// The token, returned.
    pub token: TokenState,
    /// The counts, or why there are none.
    pub result: Result<MaterialCounts, ApiError>,
    /// Tokens fetched during the visit.
    pub refreshes: u64,
    /// Tokens refused on a data call during the visit.
    pub rejections: u64,
}

/// Visits an account: holds a token, asks for the counts, and on a refused token repeats once.
pub async fn poll_account(upstream: &Upstream, visit: Visit) -> PollReport {
    let Visit { account, mut token, last_attempt } = visit;
    let mut rejections = 0;
    let result = ask(upstream, &account, &mut token, &mut rejections).await;
    if let Err(error) = &result
        && last_attempt
        && error.failed_to_connect()
    {
        upstream.client.poll_failed_to_connect(&account.endpoint);
    }
    let refreshes = token.take_refreshes();
    PollReport { token, result, refreshes, rejections }
}

async fn ask(
    upstream: &Upstream,
    account: &Account,
    token: &mut TokenState,
    rejections: &mut u64,
) -> Result<MaterialCounts, ApiError> {
    let held = token.hold(upstream, account).await?;
    let error = match material_counts(upstream, account, &held).await {
        Err(error) if error.class() == ErrorClass::Token => error,
        result => return result,
    };
    *rejections += 1;
    // A repeat with the same token would be refused again: it needs another one.
    let Some(other) = token.replace(upstream, account, &held).await? else { return Err(error) };
    let result = material_counts(upstream, account, &other).await;
    if result.as_ref().is_err_and(|error| error.class() == ErrorClass::Token) {
        *rejections += 1;
    }
    result
}

async fn material_counts(
    upstream: &Upstream,
    account: &Account,
    token: &Secret,
) -> Result<MaterialCounts, ApiError> {
    let request = Request {
        endpoint: &account.endpoint,
        api: Api::MaterialCount,
        query: &[("access_token", token.expose())],
        body: None,
        secrets: &[token],
    };
    upstream.client.call(request, |object| answer::material_counts(&object)).await
}

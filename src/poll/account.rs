//! One visit to one account.

use std::sync::Arc;

use crate::config::Account;
use crate::store::MaterialCounts;
use crate::wechat::class::ErrorClass;
use crate::wechat::client::ApiClient;
use crate::wechat::error::ApiError;
use crate::wechat::token::TokenState;

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
pub async fn poll_account(client: &ApiClient, visit: Visit) -> PollReport {
    let Visit { account, mut token, last_attempt } = visit;
    let mut rejections = 0;
    let result = ask(client, &account, &mut token, &mut rejections).await;
    if let Err(error) = &result
        && last_attempt
        && error.failed_to_connect()
    {
        client.poll_failed_to_connect(&account.endpoint);
    }
    let refreshes = token.take_refreshes();
    PollReport { token, result, refreshes, rejections }
}

async fn ask(
    client: &ApiClient,
    account: &Account,
    token: &mut TokenState,
    rejections: &mut u64,
) -> Result<MaterialCounts, ApiError> {
    let held = token.hold(client, account).await?;
    let error = match client.material_counts(&account.endpoint, &held).await {
        Err(error) if error.class() == ErrorClass::Token => error,
        result => return result,
    };
    *rejections += 1;
    // A repeat with the same token would be refused again: it needs another one.
    let Some(other) = token.replace(client, account, &held).await? else { return Err(error) };
    let result = client.material_counts(&account.endpoint, &other).await;
    if result.as_ref().is_err_and(|error| error.class() == ErrorClass::Token) {
        *rejections += 1;
    }
    result
}

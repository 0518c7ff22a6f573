//! Tokens fetched with the account's own secret: the stable one, and by opt-in the plain one.

use std::time::Duration;

use serde_json::json;

use crate::config::Account;
use crate::secret::{Secret, SecretSource};
use crate::wechat::answer;
use crate::wechat::api::Api;
use crate::wechat::client::{ApiClient, Request};
use crate::wechat::error::{ApiError, Step};

/// A token from `/cgi-bin/stable_token` in normal mode, and its remaining life. `force_refresh` is
/// never sent.
pub(super) async fn stable_token(
    client: &ApiClient,
    account: &Account,
    app_secret: &SecretSource,
) -> Result<(Secret, Duration), ApiError> {
    let api = Api::StableToken;
    let secret = read(api, app_secret).await?;
    let body = json!({
        "grant_type": "client_credential",
        "appid": account.app_id.as_str(),
        "secret": secret.expose(),
    });
    let request =
        Request { endpoint: &account.endpoint, api, query: &[], body: Some(&body), secrets: &[&secret] };
    client.call(request, answer::token).await
}

/// A token from `/cgi-bin/token`, and its life. Retires the one that others hold.
pub(super) async fn token(
    client: &ApiClient,
    account: &Account,
    app_secret: &SecretSource,
) -> Result<(Secret, Duration), ApiError> {
    let api = Api::Token;
    let secret = read(api, app_secret).await?;
    let query = [
        ("grant_type", "client_credential"),
        ("appid", account.app_id.as_str()),
        ("secret", secret.expose()),
    ];
    let request =
        Request { endpoint: &account.endpoint, api, query: &query, body: None, secrets: &[&secret] };
    client.call(request, answer::token).await
}

async fn read(api: Api, secret: &SecretSource) -> Result<Secret, ApiError> {
    secret.read().await.map_err(|error| ApiError { step: Step::Call(api), failure: error.into() })
}

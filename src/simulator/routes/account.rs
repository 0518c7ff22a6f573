//! The calls of an account: for a token, and with one.

use std::sync::MutexGuard;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Method, Response, Uri};
use serde::Deserialize;
use serde_json::json;

use crate::config::AppId;
use crate::simulator::account::{AccountState, DataCall, Pass, TokenMode, TokenRequest};
use crate::simulator::answer::{Answer, Content, Outcome};
use crate::simulator::routes::{deliver, filled, posted, query};
use crate::simulator::token::Grant;
use crate::simulator::{Endpoint, Named, Simulator};

/// The parameters of both token calls.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenParameters {
    grant_type: Option<String>,
    appid: Option<String>,
    secret: Option<String>,
    force_refresh: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DataParameters {
    access_token: Option<String>,
    cloudbase_access_token: Option<String>,
    from_appid: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct QuotaParameters {
    cgi_path: String,
}

pub(super) async fn stable_token(
    State(simulator): State<Simulator>,
    method: Method,
    body: Bytes,
) -> Response<Body> {
    simulator.count(Endpoint::StableToken);
    let outcome = match posted::<TokenParameters>(&method, &body) {
        Ok(parameters) if parameters.force_refresh => grant(&simulator, &parameters, TokenMode::StableForced),
        Ok(parameters) => grant(&simulator, &parameters, TokenMode::Stable),
        Err(code) => Outcome::refused(code),
    };
    deliver(&simulator, outcome, Content::Json).await
}

pub(super) async fn token(State(simulator): State<Simulator>, uri: Uri) -> Response<Body> {
    simulator.count(Endpoint::Token);
    let outcome = grant(&simulator, &query::<TokenParameters>(&uri), TokenMode::Plain);
    deliver(&simulator, outcome, Content::Json).await
}

pub(super) async fn material_count(State(simulator): State<Simulator>, uri: Uri) -> Response<Body> {
    let outcome = data(&simulator, &uri, Ok(DataCall::Material));
    deliver(&simulator, outcome, Content::PlainText).await
}

pub(super) async fn draft_count(State(simulator): State<Simulator>, uri: Uri) -> Response<Body> {
    let outcome = data(&simulator, &uri, Ok(DataCall::Draft));
    deliver(&simulator, outcome, Content::Json).await
}

pub(super) async fn quota_get(
    State(simulator): State<Simulator>,
    uri: Uri,
    method: Method,
    body: Bytes,
) -> Response<Body> {
    let parameters = posted::<QuotaParameters>(&method, &body);
    let call = parameters.as_ref().map(|parameters| DataCall::Quota(&parameters.cgi_path));
    let outcome = data(&simulator, &uri, call.map_err(|&code| code));
    deliver(&simulator, outcome, Content::Json).await
}

/// Answers as token servers of companies do, whose `code` is no `errcode`.
pub(super) async fn token_server(
    State(simulator): State<Simulator>,
    Path(app_id): Path<String>,
) -> Response<Body> {
    simulator.count(Endpoint::TokenServer);
    let account = AppId::parse(&app_id).and_then(|app_id| simulator.account(&app_id));
    let answer = account.map_or_else(
        || json!({"code": 404, "msg": "unknown app id"}),
        |mut account| {
            account.ledger().count(Endpoint::TokenServer);
            let Grant { token, expires_in_seconds } = account.stable_token(simulator.now());
            json!({"code": 0, "data": {"access_token": token, "expires_in": expires_in_seconds}})
        },
    );
    deliver(&simulator, Answer::Json(answer).into(), Content::Json).await
}

/// The platform looks at the app id before all else.
fn grant(simulator: &Simulator, parameters: &TokenParameters, mode: TokenMode) -> Outcome {
    let Some(app_id) = filled(parameters.appid.as_ref()) else {
        return Outcome::refused(41002);
    };
    let Some(mut account) = AppId::parse(app_id).and_then(|app_id| simulator.account(&app_id)) else {
        return Outcome::refused(40013);
    };
    let (grant_type, secret) = (filled(parameters.grant_type.as_ref()), filled(parameters.secret.as_ref()));
    account.token(simulator.now(), TokenRequest { grant_type, secret, mode })
}

/// A call that could not be read fails by its `errcode`.
fn data(simulator: &Simulator, uri: &Uri, call: Result<DataCall<'_>, i64>) -> Outcome {
    simulator.count(call.map_or(Endpoint::QuotaGet, DataCall::endpoint));
    let parameters: DataParameters = query(uri);
    let now = simulator.now();
    let call = match call {
        Ok(call) => call,
        Err(code) => return Outcome::refused(code),
    };
    if let Some(token) = filled(parameters.access_token.as_ref()) {
        return match simulator.by_token(token) {
            Named::Account(mut account) => account.data(now, call, Pass::Token(token)),
            Named::Component => Outcome::refused(61015),
            Named::Nobody => Outcome::refused(40001),
        };
    }
    match from_cloud(simulator, call, &parameters) {
        Ok(mut account) => account.data(now, call, Pass::Cloud),
        Err(code) => Outcome::refused(code),
    }
}

/// The account that a call without an access token is for: the owner of its cloud container, or
/// another that shares with it.
fn from_cloud<'a>(
    simulator: &'a Simulator,
    call: DataCall<'_>,
    parameters: &DataParameters,
) -> Result<MutexGuard<'a, AccountState>, i64> {
    // Quotas are not told to cloud calls.
    if matches!(call, DataCall::Quota(_)) {
        return Err(41001);
    }
    let owner = match filled(parameters.cloudbase_access_token.as_ref()) {
        None => simulator.cloud_host().ok_or(41001)?,
        Some(token) => match simulator.by_token(token) {
            Named::Account(account) => {
                account.check_cloud(simulator.now(), token)?;
                account
            }
            Named::Component | Named::Nobody => return Err(40001),
        },
    };
    let account = match filled(parameters.from_appid.as_ref()) {
        None => owner,
        Some(app_id) => {
            // The owner may name itself, and nobody holds two accounts at once.
            drop(owner);
            AppId::parse(app_id).and_then(|app_id| simulator.account(&app_id)).ok_or(40013)?
        }
    };
    if account.is_in_cloud() { Ok(account) } else { Err(48001) }
}

//! The calls of a third-party platform.

use std::sync::MutexGuard;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Response, Uri};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::AppId;
use crate::simulator::account::AccountState;
use crate::simulator::answer::{Answer, Content, Outcome};
use crate::simulator::component::ComponentTokenRequest;
use crate::simulator::routes::{deliver, filled, posted, query};
use crate::simulator::{Endpoint, Named, Simulator};

/// Most entries of one page of the list.
const MOST_LISTED: usize = 500;

/// The bodies of all these calls.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    component_appid: Option<String>,
    component_appsecret: Option<String>,
    component_verify_ticket: Option<String>,
    authorizer_appid: Option<String>,
    authorizer_refresh_token: Option<String>,
    offset: usize,
    count: usize,
}

/// Both names are in use for the component token.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenParameters {
    component_access_token: Option<String>,
    access_token: Option<String>,
}

pub(super) async fn component_token(
    State(simulator): State<Simulator>,
    method: Method,
    body: Bytes,
) -> Response<Body> {
    simulator.count(Endpoint::ComponentToken);
    let outcome = posted(&method, &body).and_then(|parameters: Parameters| {
        let (_, mut component) = simulator.component(&component_app_id(&parameters)?).ok_or(40013)?;
        let secret = filled(parameters.component_appsecret.as_ref());
        let ticket = filled(parameters.component_verify_ticket.as_ref());
        Ok(component.token(simulator.now(), ComponentTokenRequest { secret, ticket }))
    });
    deliver(&simulator, outcome.unwrap_or_else(Outcome::refused), Content::Json).await
}

pub(super) async fn authorizer_token(
    State(simulator): State<Simulator>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<Body> {
    let outcome =
        with_token(&simulator, Endpoint::AuthorizerToken, &method, &uri, &body, |platform, parameters| {
            let Some(mut account) = authorizer(&simulator, parameters)? else { return Err(61003) };
            let refresh_token = filled(parameters.authorizer_refresh_token.as_ref());
            Ok(account.authorizer_token(simulator.now(), platform, refresh_token))
        });
    deliver(&simulator, outcome, Content::Json).await
}

pub(super) async fn authorizer_list(
    State(simulator): State<Simulator>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<Body> {
    let outcome =
        with_token(&simulator, Endpoint::AuthorizerList, &method, &uri, &body, |platform, parameters| {
            if !(1..=MOST_LISTED).contains(&parameters.count) {
                return Err(40170);
            }
            let Some((total, places)) = simulator.page(platform, parameters.offset, parameters.count) else {
                return Err(40013);
            };
            let listed = |place| simulator.by_place(place)?.listed(platform);
            let list: Vec<Value> = places.into_iter().filter_map(listed).collect();
            Ok(Answer::Json(json!({"total_count": total, "list": list})).into())
        });
    deliver(&simulator, outcome, Content::Json).await
}

pub(super) async fn authorizer_info(
    State(simulator): State<Simulator>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<Body> {
    let outcome =
        with_token(&simulator, Endpoint::AuthorizerInfo, &method, &uri, &body, |platform, parameters| {
            let Some(mut account) = authorizer(&simulator, parameters)? else { return Err(61003) };
            Ok(account.authorizer_info(platform).into())
        });
    deliver(&simulator, outcome, Content::Json).await
}

/// A call with a component token: `work` is done, with the platform's number, once that was checked.
fn with_token(
    simulator: &Simulator,
    endpoint: Endpoint,
    method: &Method,
    uri: &Uri,
    body: &[u8],
    work: impl FnOnce(usize, &Parameters) -> Result<Outcome, i64>,
) -> Outcome {
    simulator.count(endpoint);
    let read = posted(method, body).and_then(|parameters: Parameters| {
        let tokens: TokenParameters = query(uri);
        let names = [&tokens.component_access_token, &tokens.access_token];
        let token = names.into_iter().find_map(|token| filled(token.as_ref())).ok_or(41001)?.to_owned();
        let app_id = component_app_id(&parameters)?;
        Ok((parameters, token, app_id))
    });
    let (parameters, token, app_id) = match read {
        Ok(read) => read,
        Err(code) => return Outcome::refused(code),
    };
    if matches!(simulator.by_token(&token), Named::Account(_)) {
        return Outcome::refused(61014);
    }
    let Some((platform, mut component)) = simulator.component(&app_id) else {
        return Outcome::refused(40013);
    };
    let (strike, admitted) = component.admit(simulator.now(), endpoint, &token);
    // The work locks accounts, and nobody holds two locks at once.
    drop(component);
    strike.on(|| match admitted {
        Ok(()) => work(platform, &parameters).unwrap_or_else(Outcome::refused),
        Err(answer) => answer.into(),
    })
}

fn component_app_id(parameters: &Parameters) -> Result<AppId, i64> {
    AppId::parse(filled(parameters.component_appid.as_ref()).ok_or(41018)?).ok_or(40013)
}

/// The account that a call names; absent when there is none.
fn authorizer<'a>(
    simulator: &'a Simulator,
    parameters: &Parameters,
) -> Result<Option<MutexGuard<'a, AccountState>>, i64> {
    let app_id = filled(parameters.authorizer_appid.as_ref()).ok_or(41002)?;
    Ok(simulator.account(&AppId::parse(app_id).ok_or(40013)?))
}

//! The endpoints: what a call names is read here, what it gets is decided in `account` and
//! `component`.

mod account;
mod component;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Method, Response, Uri};
use axum::routing::any;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::simulator::answer::{Content, Outcome, Rid};
use crate::simulator::{Endpoint, Simulator};

/// Answers every path and method, as the platform does.
pub(super) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route(Endpoint::StableToken.path(), any(account::stable_token))
        .route(Endpoint::Token.path(), any(account::token))
        .route(Endpoint::MaterialCount.path(), any(account::material_count))
        .route(Endpoint::DraftCount.path(), any(account::draft_count))
        .route(Endpoint::QuotaGet.path(), any(account::quota_get))
        .route(Endpoint::ComponentToken.path(), any(component::component_token))
        .route(Endpoint::AuthorizerToken.path(), any(component::authorizer_token))
        .route(Endpoint::AuthorizerList.path(), any(component::authorizer_list))
        .route(Endpoint::AuthorizerInfo.path(), any(component::authorizer_info))
        .route(Endpoint::TokenServer.path(), any(account::token_server))
        .fallback(unknown_path)
        .with_state(simulator)
}

async fn unknown_path(State(simulator): State<Simulator>) -> Response<Body> {
    deliver(&simulator, Outcome::refused(40066), Content::Json).await
}

/// The body of a call that has to be posted, or the `errcode` that refuses it.
fn posted<T: DeserializeOwned>(method: &Method, body: &[u8]) -> Result<T, i64> {
    if method != Method::POST {
        return Err(43002);
    }
    if body.is_empty() {
        return Err(44002);
    }
    serde_json::from_slice(body).map_err(|_| 47001)
}

/// A query that cannot be read has no parameters.
fn query<T: DeserializeOwned + Default>(uri: &Uri) -> T {
    Query::try_from_uri(uri).map(|Query(parameters)| parameters).unwrap_or_default()
}

/// An empty parameter counts as a missing one.
fn filled(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// Waits and answers. No account is locked here.
async fn deliver(simulator: &Simulator, outcome: Outcome, content: Content) -> Response<Body> {
    if !outcome.delay.is_zero() {
        sleep(outcome.delay).await;
    }
    outcome.answer.into_response(content, || Rid { now: simulator.now(), number: simulator.next_error() })
}

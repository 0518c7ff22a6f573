//! The endpoints: what a call names is read here, what it gets is decided in `account`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{Method, Response, Uri};
use axum::routing::any;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use crate::config::AppId;
use crate::simulator::account::{Outcome, TokenMode, TokenRequest};
use crate::simulator::answer::{Answer, Content, Rid};
use crate::simulator::{Endpoint, Simulator};

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
}

/// Answers every path and method, as the platform does.
pub(super) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route(Endpoint::StableToken.path(), any(stable_token))
        .route(Endpoint::Token.path(), any(token))
        .route(Endpoint::MaterialCount.path(), any(material_count))
        .fallback(unknown_path)
        .with_state(simulator)
}

async fn stable_token(State(simulator): State<Simulator>, method: Method, body: Bytes) -> Response<Body> {
    simulator.count(Endpoint::StableToken);
    let outcome = if method != Method::POST {
        Outcome::refused(43002)
    } else if body.is_empty() {
        Outcome::refused(44002)
    } else {
        match serde_json::from_slice::<TokenParameters>(&body) {
            Ok(parameters) if parameters.force_refresh => {
                grant(&simulator, &parameters, TokenMode::StableForced)
            }
            Ok(parameters) => grant(&simulator, &parameters, TokenMode::Stable),
            Err(_) => Outcome::refused(47001),
        }
    };
    deliver(&simulator, outcome, Content::Json).await
}

async fn token(State(simulator): State<Simulator>, uri: Uri) -> Response<Body> {
    simulator.count(Endpoint::Token);
    let outcome = grant(&simulator, &query::<TokenParameters>(&uri), TokenMode::Plain);
    deliver(&simulator, outcome, Content::Json).await
}

async fn material_count(State(simulator): State<Simulator>, uri: Uri) -> Response<Body> {
    simulator.count(Endpoint::MaterialCount);
    let outcome = match query::<DataParameters>(&uri).access_token.as_deref() {
        None | Some("") => Outcome::refused(41001),
        Some(token) => match simulator.by_token(token) {
            Some(mut account) => account.material_count(simulator.now(), token),
            None => Outcome::refused(40001),
        },
    };
    deliver(&simulator, outcome, Content::PlainText).await
}

async fn unknown_path(State(simulator): State<Simulator>) -> Response<Body> {
    deliver(&simulator, Outcome::refused(40066), Content::Json).await
}

/// The platform looks at the app id before all else.
fn grant(simulator: &Simulator, parameters: &TokenParameters, mode: TokenMode) -> Outcome {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let Some(app_id) = filled(&parameters.appid) else {
        return Outcome::refused(41002);
    };
    let Some(mut account) = AppId::parse(&app_id).and_then(|app_id| simulator.by_app_id(&app_id)) else {
        return Outcome::refused(40013);
    };
    let (grant_type, secret) = (filled(&parameters.grant_type), filled(&parameters.secret));
    let request = TokenRequest { grant_type: grant_type.as_deref(), secret: secret.as_deref(), mode };
    account.token(simulator.now(), request)
}

/// A query that cannot be read has no parameters.
fn query<T: DeserializeOwned + Default>(uri: &Uri) -> T {
    Query::try_from_uri(uri).map(|Query(parameters)| parameters).unwrap_or_default()
}

/// Waits and answers. No account is locked here.
async fn deliver(simulator: &Simulator, outcome: Outcome, content: Content) -> Response<Body> {
    if !outcome.delay.is_zero() {
        sleep(outcome.delay).await;
    }
    outcome.answer.into_response(content, || Rid { now: simulator.now(), number: simulator.next_error() })
}

impl Outcome {
    /// An error that no account has part in.
    fn refused(errcode: i64) -> Self {
        Self { answer: Answer::Error(errcode), delay: std::time::Duration::ZERO }
    }
}

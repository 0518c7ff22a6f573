//! Requests that make the exporter do something. Refused unless it was started to allow them.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::config::AccountName;
use crate::poll::change::{FleetChange, PollNow, PollNowAnswer};
use crate::reload::ReloadFailed;
use crate::web::Lifecycle;
use crate::web::handlers::Pages;

type Shared = State<Arc<Pages>>;

/// The query of `/-/poll`.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    account: String,
}

pub(super) async fn reload(State(pages): Shared) -> Response {
    let Some(Lifecycle { reloads, .. }) = &pages.state.lifecycle else { return not_enabled() };
    match reloads.reload().await {
        Ok(changes) => changes.to_string().into_response(),
        Err(ReloadFailed { faults, partly }) => {
            let force = match partly {
                None => "The configuration before stays in force.\n".to_owned(),
                Some(changes) => format!("All but the broken files was taken over.\n{changes}"),
            };
            let text = format!("{}\n{force}", faults.join("\n"));
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

pub(super) async fn poll(State(pages): Shared, wish: Result<Query<Wish>, QueryRejection>) -> Response {
    let Some(Lifecycle { polls, .. }) = &pages.state.lifecycle else { return not_enabled() };
    let Ok(Query(Wish { account })) = wish else {
        return told(StatusCode::BAD_REQUEST, "Name one account: /-/poll?account=NAME");
    };
    let Some(name) = AccountName::parse(&account) else { return unknown() };
    let (answer, answered) = oneshot::channel();
    if polls.send(FleetChange::PollNow(PollNow { name, answer })).await.is_err() {
        return stopping();
    }
    match answered.await {
        Ok(PollNowAnswer::Due) => told(StatusCode::ACCEPTED, "The account is polled now."),
        Ok(PollNowAnswer::Unknown) => unknown(),
        Ok(PollNowAnswer::TooSoon(wait)) => {
            let seconds = wait.as_secs() + 1;
            let text = format!("An account is polled on request once a minute: wait {seconds} s.\n");
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())], text).into_response()
        }
        Ok(PollNowAnswer::Parked(class)) => {
            let text =
                format!("The account waits for WeChat ({class}): a poll now would fail too, and count.");
            told(StatusCode::CONFLICT, &text)
        }
        Err(_) => stopping(),
    }
}

pub(super) async fn method_not_allowed() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")], "Method not allowed.\n")
}

fn not_enabled() -> Response {
    told(StatusCode::FORBIDDEN, "Not enabled: start the exporter with --web.enable-lifecycle.")
}

fn unknown() -> Response {
    told(StatusCode::NOT_FOUND, "There is no account of this name.")
}

fn stopping() -> Response {
    told(StatusCode::SERVICE_UNAVAILABLE, "The exporter is stopping.")
}

fn told(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}

//! The handlers: each turns what a page is made from into one answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};

use serde::Deserialize;

use crate::config::AccountName;
use crate::metrics::page::{Page, render};
use crate::metrics::{Encoding, Format};
use crate::store::LastPoll;
use crate::web::external_url::ExternalUrl;
use crate::web::negotiate::{self, Language};
use crate::web::ready::ReadyState;
use crate::web::rendering::{Answer, RenderingFailed, SharedPage};
use crate::web::status::Shown;
use crate::web::status::query::View;
use crate::web::turns::Turns;
use crate::web::{WebState, discovery, status, texts};

/// Sent with the status page: it shows text from outside, so nothing on it may run or be framed.
const HTML_HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    NOT_SNIFFED,
    (REFERRER_POLICY, "no-referrer"),
    NOT_KEPT,
];
const NOT_SNIFFED: (HeaderName, &str) = (X_CONTENT_TYPE_OPTIONS, "nosniff");
const NOT_KEPT: (HeaderName, &str) = (CACHE_CONTROL, "no-store");

/// How often a browser loads the status page anew, in seconds. A header, as the page has no script.
const REFRESHED: (HeaderName, &str) = (HeaderName::from_static("refresh"), status::REFRESH_SECONDS);

/// The state with the pages that are the same for all who ask, shared like the metrics page, and the
/// turns of those that are not.
pub(super) struct Pages {
    pub(super) state: WebState,
    shown: Shown,
    status_en: SharedPage,
    status_zh: SharedPage,
    config: SharedPage,
    /// Of views of the status page: at most half a megabyte each.
    views: Turns,
    /// Of lists of targets: tens of megabytes each for a large fleet.
    lists: Turns,
}

/// The query of the metrics page.
#[derive(Debug, Deserialize)]
pub(super) struct Selection {
    account: Option<String>,
}

impl Pages {
    pub(super) fn new(state: WebState) -> Self {
        let shown = Shown::new(Arc::clone(&state.store), state.clock, state.telemetry_path.clone());
        let status = |language| {
            let shown = shown.clone();
            SharedPage::new(move || shown.html(&View::default(), language))
        };
        let store = Arc::clone(&state.store);
        let config = SharedPage::new(move || match store.config() {
            Some(config) => Ok(config.masked().into_bytes()),
            None => Err(RenderingFailed),
        });
        let (status_en, status_zh) = (status(Language::En), status(Language::Zh));
        let (views, lists) = (Turns::new(2, 16), Turns::new(1, 2));
        Self { state, shown, status_en, status_zh, config, views, lists }
    }
}

type Shared = State<Arc<Pages>>;

pub(super) async fn metrics(
    State(pages): Shared,
    version: Version,
    selection: Result<Query<Selection>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(Selection { account })) = selection else {
        return told(StatusCode::BAD_REQUEST, "Name one account, or none: ?account=NAME");
    };
    (pages.state.on_scrape)();
    let format = negotiate::format(negotiate::joined(&headers, &ACCEPT).as_deref());
    let encoding = negotiate::encoding(negotiate::joined(&headers, &ACCEPT_ENCODING).as_deref());
    let page = match account {
        None => match pages.state.renderings.page(format, encoding).await {
            // There the end of a connection is the end of an answer of unknown length, even if it was cut.
            Ok(page) if version == Version::HTTP_10 => page.finished().await,
            page => page,
        },
        Some(name) => match of_account(&pages.state, &name, format, encoding) {
            Some(page) => Ok(Answer::Whole(page.into())),
            None => return told(StatusCode::NOT_FOUND, "There is no account of this name."),
        },
    };
    let page = match page {
        Ok(page) => page,
        Err(error) => return failed(error),
    };
    let mut response = page.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    match encoding {
        Encoding::Identity => {}
        Encoding::Gzip => _ = headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
    }
    response
}

/// The families of one account, if there is one of this name.
fn of_account(state: &WebState, name: &str, format: Format, encoding: Encoding) -> Option<Vec<u8>> {
    let (readings, info_labels) = state.store.get_with_labels(&AccountName::parse(name)?)?;
    let page = Page {
        readings: &[readings],
        platforms: &[],
        info_labels: &info_labels,
        now: state.clock.now(),
        own: None,
    };
    Some(render(&page, format, encoding))
}

/// The accounts as targets of Prometheus.
pub(super) async fn discovery(State(pages): Shared, headers: HeaderMap) -> Response {
    let state = &pages.state;
    let Some(url) = state.external_url.clone().or_else(|| ExternalUrl::of_request(&headers, state.tls))
    else {
        return told(StatusCode::BAD_REQUEST, "The header Host is missing, or not one host.");
    };
    let (store, path) = (Arc::clone(&state.store), state.telemetry_path.clone());
    let groups = move || {
        let (readings, info_labels) = store.snapshot_with_labels();
        discovery::groups(&readings, &info_labels, &url, &path).map_err(|_| RenderingFailed)
    };
    match pages.lists.page(groups).await {
        Ok(groups) => ([(CONTENT_TYPE, "application/json"), NOT_SNIFFED, NOT_KEPT], groups).into_response(),
        Err(error) => failed(error),
    }
}

/// The configuration in force.
pub(super) async fn config(State(pages): Shared) -> Response {
    match pages.config.get().await {
        Ok(text) => {
            ([(CONTENT_TYPE, "text/plain; charset=utf-8"), NOT_SNIFFED, NOT_KEPT], text).into_response()
        }
        Err(error) => failed(error),
    }
}

/// The status page, in the language and with the part of the fleet that is asked for.
pub(super) async fn status(State(pages): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let view = View::parse(query.as_deref().unwrap_or_default());
    let accepted = || negotiate::language(negotiate::joined(&headers, &ACCEPT_LANGUAGE).as_deref());
    let language = view.language().unwrap_or_else(accepted);
    let refresh = (!view.is_still()).then_some([REFRESHED]);
    let page = match language {
        _ if view != View::default() => {
            let shown = pages.shown.clone();
            pages.views.page(move || shown.html(&view, language)).await.map(Answer::Whole)
        }
        Language::En => pages.status_en.get().await,
        Language::Zh => pages.status_zh.get().await,
    };
    match page {
        Ok(html) => {
            let of_language = [(VARY, "Accept-Language"), (CONTENT_LANGUAGE, texts::of(language).tag)];
            (HTML_HEADERS, of_language, refresh, html).into_response()
        }
        Err(error) => failed(error),
    }
}

/// The same for programs.
pub(super) async fn status_json(State(pages): Shared, RawQuery(query): RawQuery) -> Response {
    let (shown, view) = (pages.shown.clone(), View::parse(query.as_deref().unwrap_or_default()));
    match pages.views.page(move || shown.json(&view)).await {
        Ok(json) => ([(CONTENT_TYPE, "application/json"), NOT_SNIFFED, NOT_KEPT], json).into_response(),
        Err(error) => failed(error),
    }
}

pub(super) async fn style() -> impl IntoResponse {
    // The page asks for it by version, so it may be kept.
    let headers =
        [(CONTENT_TYPE, "text/css; charset=utf-8"), NOT_SNIFFED, (CACHE_CONTROL, "public, max-age=86400")];
    (headers, Bytes::from_static(include_bytes!("../../templates/style.css")))
}

pub(super) async fn healthy() -> &'static str {
    "Healthy.\n"
}

pub(super) async fn ready(State(pages): Shared) -> Response {
    match pages.state.readiness.state() {
        ReadyState::Ready => "Ready.\n".into_response(),
        ReadyState::Stopping => unavailable("Not ready: stopping.\n".to_owned()),
        ReadyState::Starting => {
            let readings = pages.state.store.snapshot();
            let missing = readings.iter().filter(|one| one.last_poll == LastPoll::Pending).count();
            let all = readings.len();
            unavailable(format!(
                "Not ready: {missing} of {all} accounts were not polled yet. Discovered ones are not waited for.\n"
            ))
        }
    }
}

pub(super) async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, "Not found.\n")
}

pub(super) async fn method_not_allowed() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")], "Method not allowed.\n")
}

fn told(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}

fn unavailable(text: String) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

fn failed(error: RenderingFailed) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}

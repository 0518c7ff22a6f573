//! The handlers: each turns what a page is made from into one answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::metrics::Encoding;
use crate::store::LastPoll;
use crate::web::WebState;
use crate::web::negotiate::{self, Language};
use crate::web::ready::ReadyState;
use crate::web::rendering::{RenderingFailed, SharedPage};
use crate::web::{status, texts};

/// Sent with the status page: it shows text from outside, so nothing on it may run or be framed.
const HTML_HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// The state with the status page in each language, shared like the metrics page: it may list
/// many accounts.
pub(super) struct Pages {
    pub(super) state: WebState,
    status_en: SharedPage,
    status_zh: SharedPage,
}

impl Pages {
    pub(super) fn new(state: WebState) -> Self {
        let status = |language| {
            let (store, clock) = (Arc::clone(&state.store), state.clock);
            let telemetry_path = state.telemetry_path.clone();
            SharedPage::new(move || {
                status::page(
                    &store.snapshot(),
                    &store.config_faults(),
                    clock.now(),
                    language,
                    &telemetry_path,
                )
                .map_err(|_| RenderingFailed)
            })
        };
        Self { status_en: status(Language::En), status_zh: status(Language::Zh), state }
    }
}

type Shared = State<Arc<Pages>>;

pub(super) async fn metrics(State(pages): Shared, headers: HeaderMap) -> Response {
    (pages.state.on_scrape)();
    let format = negotiate::format(negotiate::joined(&headers, &ACCEPT).as_deref());
    let encoding = negotiate::encoding(negotiate::joined(&headers, &ACCEPT_ENCODING).as_deref());
    let page = match pages.state.renderings.page(format, encoding).await {
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

pub(super) async fn status(State(pages): Shared, headers: HeaderMap) -> Response {
    let language = negotiate::language(negotiate::joined(&headers, &ACCEPT_LANGUAGE).as_deref());
    let page = match language {
        Language::En => &pages.status_en,
        Language::Zh => &pages.status_zh,
    };
    match page.get().await {
        Ok(html) => {
            let of_language = [(VARY, "Accept-Language"), (CONTENT_LANGUAGE, texts::of(language).tag)];
            (HTML_HEADERS, of_language, html).into_response()
        }
        Err(error) => failed(error),
    }
}

pub(super) async fn style() -> impl IntoResponse {
    // The page asks for it by version, so it may be kept.
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "public, max-age=86400"),
    ];
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

fn unavailable(text: String) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

fn failed(error: RenderingFailed) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}

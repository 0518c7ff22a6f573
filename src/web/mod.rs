//! What the exporter serves: the routes and what they stand on. Reads the store, never the API.

pub mod accept;
pub mod connection;
mod discovery;
pub mod external_url;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod handlers;
mod lifecycle;
pub mod negotiate;
mod progress;
pub mod ready;
pub mod rendering;
mod status;
pub mod telemetry_path;
mod texts;
mod turns;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::poll::change::FleetChange;
use crate::reload::Reloads;
use crate::store::Store;
use crate::web::external_url::ExternalUrl;
use crate::web::ready::Readiness;
use crate::web::rendering::Renderings;
use crate::web::telemetry_path::TelemetryPath;

/// What the pages are made from.
pub struct WebState {
    /// What is known of each account.
    pub store: Arc<Store>,
    /// Tells how old a value is.
    pub clock: Clock,
    /// What `/-/ready` answers.
    pub readiness: Readiness,
    /// Where the metrics page is.
    pub telemetry_path: TelemetryPath,
    /// Where others reach the exporter, if not as a request says.
    pub external_url: Option<ExternalUrl>,
    /// The metrics page.
    pub renderings: Arc<Renderings>,
    /// What may be asked of the exporter; nothing if that is not enabled.
    pub lifecycle: Option<Lifecycle>,
    /// Called once for each request of the metrics page, before it is rendered.
    pub on_scrape: Box<dyn Fn() + Send + Sync>,
}

/// Where requests go that make the exporter do something.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// Reads the configuration anew.
    pub reloads: Reloads,
    /// Takes wishes for polls.
    pub polls: mpsc::Sender<FleetChange>,
}

impl fmt::Debug for WebState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebState")
            .field("readiness", &self.readiness)
            .field("telemetry_path", &self.telemetry_path)
            .finish_non_exhaustive()
    }
}

/// All routes. Each takes GET and HEAD only, or POST only. A telemetry path of `/` takes the status page's place.
pub fn router(state: WebState) -> Router {
    let metrics_path = state.telemetry_path.as_str().to_owned();
    let mut router = Router::new()
        .route(&metrics_path, get(handlers::metrics))
        .route(telemetry_path::HEALTHY, get(handlers::healthy))
        .route(telemetry_path::READY, get(handlers::ready))
        .route(telemetry_path::STYLE, get(handlers::style))
        .route(telemetry_path::STATUS_JSON, get(handlers::status_json))
        .route(telemetry_path::DISCOVERY, get(handlers::discovery))
        .route(telemetry_path::CONFIG, get(handlers::config))
        .route(telemetry_path::RELOAD, post(lifecycle::reload).fallback(lifecycle::method_not_allowed))
        .route(telemetry_path::POLL, post(lifecycle::poll).fallback(lifecycle::method_not_allowed));
    if metrics_path != telemetry_path::STATUS {
        router = router.route(telemetry_path::STATUS, get(handlers::status));
    }
    router
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .with_state(Arc::new(handlers::Pages::new(state)))
}

#[cfg(test)]
mod tests;

//! The status page, as HTML and as JSON: which accounts, in which order, in which words.

mod figures;
mod fleet;
mod json;
pub(super) mod query;
mod row;
#[cfg(test)]
mod samples;
mod standing;
mod trouble;
mod view;
mod words;

use std::sync::Arc;

use crate::clock::Clock;
use crate::store::Store;
use crate::web::negotiate::Language;
use crate::web::rendering::RenderingFailed;
use crate::web::status::fleet::Material;
use crate::web::status::query::View;
pub(super) use crate::web::status::standing::State;
use crate::web::telemetry_path::TelemetryPath;

/// How often a browser loads the page anew: often enough to watch something come back, seldom enough
/// to read, or to type a search.
pub(super) const REFRESH_SECONDS: &str = "30";

/// What the pages show. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    store: Arc<Store>,
    clock: Clock,
    telemetry_path: TelemetryPath,
}

impl Shown {
    pub(super) fn new(store: Arc<Store>, clock: Clock, telemetry_path: TelemetryPath) -> Self {
        Self { store, clock, telemetry_path }
    }

    /// The page as of now.
    pub(super) fn html(&self, view: &View, language: Language) -> Result<Vec<u8>, RenderingFailed> {
        let page = |material: &Material<'_>| view::page(material, view, language, &self.telemetry_path);
        self.with(page).map_err(|_| RenderingFailed)
    }

    /// The same content for programs.
    pub(super) fn json(&self, view: &View) -> Result<Vec<u8>, RenderingFailed> {
        self.with(|material| json::page(material, view)).map_err(|_| RenderingFailed)
    }

    fn with<T>(&self, make: impl FnOnce(&Material<'_>) -> T) -> T {
        make(&Material {
            readings: &self.store.snapshot(),
            platforms: &self.store.platforms(),
            config_faults: &self.store.config_faults(),
            now: self.clock.now(),
        })
    }
}

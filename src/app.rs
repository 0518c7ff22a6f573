//! Wires the parts together, runs them, and ends them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::listen::ListenAddress;
use crate::metrics::own::ExporterMetrics;
use crate::metrics::page::{self, Page};
use crate::platform::{PlatformParts, Profiles, RunningPlatforms};
use crate::poll::account::poll_account;
use crate::poll::change::FleetChange;
use crate::poll::scheduler::{Outlets, Scheduler};
use crate::state::saver::Saver;
use crate::store::Store;
use crate::token::read::Reader;
use crate::upstream::Upstream;
use crate::web::accept;
use crate::web::connection::ConnectionLimits;
use crate::web::ready::Readiness;
use crate::web::rendering::Renderings;
use crate::web::telemetry_path::TelemetryPath;
use crate::web::{self, WebState};
use crate::wechat::client::ApiClient;

/// Scrapers are let in after this time even if some account was never polled: an account that
/// hangs must not keep the others off the dashboards.
const READY_AFTER: Duration = Duration::from_secs(60);
/// Accounts that platforms found and the scheduler has not taken yet; beyond it discovery waits.
const CHANGES: usize = 256;
const CLOCK: Clock = Clock::System;

/// An exporter with its sockets bound; nothing is polled or served before [`App::run`].
#[derive(Debug)]
pub struct App {
    config: Config,
    client: Arc<ApiClient>,
    outlets: Outlets,
    listeners: Vec<TcpListener>,
    router: Router,
}

impl App {
    /// Prepares everything that can fail, and binds `listen`. Fails without having polled anything.
    pub async fn bind(
        config: Config,
        listen: &[ListenAddress],
        telemetry_path: TelemetryPath,
    ) -> anyhow::Result<Self> {
        let metrics = Arc::new(ExporterMetrics::new().context("cannot set up the exporter's own metrics")?);
        metrics.set_accounts(config.accounts.len(), config.accounts.len());
        let endpoints: Vec<_> = config.endpoints().collect();
        let client = Arc::new(ApiClient::new(&config.api, &endpoints, Arc::clone(&metrics))?);
        let outlets = Outlets { store: Arc::new(Store::default()), metrics, ready: Readiness::default() };
        let router = web::router(web_state(&config, &outlets, telemetry_path));
        let mut listeners = Vec::with_capacity(listen.len());
        for address in listen {
            listeners.push(address.bind().await?);
        }
        Ok(Self { config, client, outlets, listeners, router })
    }

    /// Where it listens, with the real port where port 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// What is known of the accounts; fills while the exporter runs.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.outlets.store)
    }

    /// Polls and serves until `stop`; then ends the polls and answers in progress, however long
    /// they take: the caller sets the deadline by dropping this future.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let addresses: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let ready = self.outlets.ready.clone();
        let mut parts = JoinSet::new();
        let (sender, changes) = mpsc::channel(CHANGES);
        let reader = Arc::new(Reader::new(self.config.api.connect_timeout, CLOCK));
        let mut platforms = self.platforms(sender, &reader).await;
        let upstream = Arc::new(Upstream {
            client: Arc::clone(&self.client),
            reader,
            platforms: platforms.handles(),
            started: Instant::now(),
        });
        let poll = move |visit| {
            let upstream = Arc::clone(&upstream);
            async move { poll_account(&upstream, visit).await }
        };
        let max_in_flight = self.config.api.max_in_flight;
        let scheduler =
            Scheduler::new(&self.config.accounts, changes, max_in_flight, CLOCK, self.outlets, poll);
        parts.spawn(scheduler.run(stop.clone()));
        for listener in self.listeners {
            let limits = ConnectionLimits::default();
            parts.spawn(accept::serve(listener, self.router.clone(), limits, stop.clone()));
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            accounts = self.config.accounts.len(),
            platforms = self.config.platforms.len(),
            listening = addresses.join(","),
            requests_per_second = self.config.api.requests_per_second,
            "started"
        );
        supervise(&mut parts, &mut platforms, &ready, &stop).await?;
        platforms.stop().await?;
        tracing::info!("stopped");
        Ok(())
    }
}

impl App {
    /// The configured platforms, at work.
    async fn platforms(&self, changes: mpsc::Sender<FleetChange>, reader: &Arc<Reader>) -> RunningPlatforms {
        let mut platforms = RunningPlatforms::new(PlatformParts {
            client: Arc::clone(&self.client),
            reader: Arc::clone(reader),
            store: Arc::clone(&self.outlets.store),
            clock: CLOCK,
            profiles: Profiles::new(Vec::new(), Saver::off()),
            changes,
            requests_per_second: self.config.api.requests_per_second,
        });
        let by_hand = self.config.accounts.iter().map(|account| account.app_id.clone());
        platforms.apply(&self.config.platforms, by_hand).await;
        platforms.resume();
        platforms
    }
}

/// Waits for the stop and then for all parts. A part that ends before the stop is a failure.
async fn supervise(
    parts: &mut JoinSet<()>,
    platforms: &mut RunningPlatforms,
    ready: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let late = tokio::time::sleep(READY_AFTER);
    tokio::pin!(late);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = &mut late, if !late.is_elapsed() => ready.mark_ready(),
            error = platforms.failed() => return Err(error),
            Some(ended) = parts.join_next() => {
                ended.context("a part of the exporter panicked")?;
                // Some parts see the stop before we do.
                if !stop.is_cancelled() {
                    bail!("a part of the exporter ended by itself");
                }
            }
        }
    }
    ready.mark_stopping();
    while let Some(ended) = parts.join_next().await {
        ended.context("a part of the exporter panicked")?;
    }
    Ok(())
}

fn web_state(config: &Config, outlets: &Outlets, telemetry_path: TelemetryPath) -> WebState {
    let (store, own) = (Arc::clone(&outlets.store), Arc::clone(&outlets.metrics));
    let info_labels = config.info_labels.clone();
    let renderings = Renderings::new(move |format, encoding| {
        let readings = store.snapshot();
        let platforms = store.platforms();
        let page = Page {
            readings: &readings,
            platforms: &platforms,
            info_labels: &info_labels,
            now: CLOCK.now(),
            own: &own,
        };
        page::render(&page, format, encoding)
    });
    let metrics = Arc::clone(&outlets.metrics);
    WebState {
        store: Arc::clone(&outlets.store),
        clock: CLOCK,
        readiness: outlets.ready.clone(),
        telemetry_path,
        renderings: Arc::new(renderings),
        on_scrape: Box::new(move || metrics.scraped()),
    }
}

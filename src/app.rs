//! Wires the parts together, runs them, and ends them in order.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::listen::ListenAddress;
use crate::metrics::own::ExporterMetrics;
use crate::metrics::page::{self, Page};
use crate::poll::account::poll_account;
use crate::poll::scheduler::{Outlets, Scheduler};
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

/// An exporter with its sockets bound; nothing is polled or served before [`App::run`].
#[derive(Debug)]
pub struct App {
    config: Config,
    upstream: Arc<Upstream>,
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
        let upstream = Arc::new(Upstream {
            client: Arc::new(ApiClient::new(&config.api, &config.accounts, Arc::clone(&metrics))?),
            reader: Arc::new(Reader::new(config.api.connect_timeout, Clock::System)),
            platforms: HashMap::new(),
            started: Instant::now(),
        });
        let outlets = Outlets { store: Arc::new(Store::default()), metrics, ready: Readiness::default() };
        let router = web::router(web_state(&config, &outlets, telemetry_path));
        let mut listeners = Vec::with_capacity(listen.len());
        for address in listen {
            listeners.push(address.bind().await?);
        }
        Ok(Self { config, upstream, outlets, listeners, router })
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
        let upstream = self.upstream;
        let poll = move |visit| {
            let upstream = Arc::clone(&upstream);
            async move { poll_account(&upstream, visit).await }
        };
        let scheduler = Scheduler::new(
            &self.config.accounts,
            self.config.api.max_in_flight,
            Clock::System,
            self.outlets,
            poll,
        );
        let mut parts = JoinSet::new();
        parts.spawn(scheduler.run(stop.clone()));
        for listener in self.listeners {
            let limits = ConnectionLimits::default();
            parts.spawn(accept::serve(listener, self.router.clone(), limits, stop.clone()));
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            accounts = self.config.accounts.len(),
            listening = addresses.join(","),
            requests_per_second = self.config.api.requests_per_second,
            "started"
        );
        supervise(&mut parts, &ready, &stop).await?;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Waits for the stop and then for all parts. A part that ends before the stop is a failure.
async fn supervise(
    parts: &mut JoinSet<()>,
    ready: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let late = tokio::time::sleep(READY_AFTER);
    tokio::pin!(late);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = &mut late, if !late.is_elapsed() => ready.mark_ready(),
            _ = parts.join_next() => bail!("a part of the exporter ended by itself"),
        }
    }
    ready.mark_stopping();
    while let Some(ended) = parts.join_next().await {
        ended.context("a part of the exporter panicked")?;
    }
    Ok(())
}

fn web_state(config: &Config, outlets: &Outlets, telemetry_path: TelemetryPath) -> WebState {
    let clock = Clock::System;
    let (store, own) = (Arc::clone(&outlets.store), Arc::clone(&outlets.metrics));
    let info_labels = config.info_labels.clone();
    let renderings = Renderings::new(move |format, encoding| {
        let readings = store.snapshot();
        let page = Page { readings: &readings, info_labels: &info_labels, now: clock.now(), own: &own };
        page::render(&page, format, encoding)
    });
    let metrics = Arc::clone(&outlets.metrics);
    WebState {
        store: Arc::clone(&outlets.store),
        clock,
        readiness: outlets.ready.clone(),
        telemetry_path,
        renderings: Arc::new(renderings),
        on_scrape: Box::new(move || metrics.scraped()),
    }
}

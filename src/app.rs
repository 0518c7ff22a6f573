//! Wires the parts together, runs them, and ends them in order.

mod polling;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::polling::{Polling, Started, open_state};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::listen::ListenAddress;
use crate::metrics::own::ExporterMetrics;
use crate::metrics::page::{self, Page};
use crate::metrics::{Encoding, Format};
use crate::poll::scheduler::{Outlets, Rounds};
use crate::reload::{InForce, ReloadRequests, Reloads, Source, show_broken};
use crate::store::{LastPoll, Store};
use crate::systemd::{self, Systemd, Told};
use crate::version;
use crate::web::accept;
use crate::web::connection::ConnectionLimits;
use crate::web::external_url::ExternalUrl;
use crate::web::guard::Guard;
use crate::web::guard::watch::{self, Watch, WebReloads, WebSource};
use crate::web::ready::Readiness;
use crate::web::rendering::Renderings;
use crate::web::telemetry_path::TelemetryPath;
use crate::web::{self, Lifecycle, WebState};
use crate::wechat::client::ApiClient;

/// Scrapers are let in after this time even if some account was never polled: an account that
/// hangs must not keep the others off the dashboards.
const READY_AFTER: Duration = Duration::from_secs(60);
const CLOCK: Clock = Clock::System;

/// How an exporter is run, beside its configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where it listens.
    pub listen: Vec<ListenAddress>,
    /// Where the metrics page is.
    pub telemetry_path: TelemetryPath,
    /// Where others reach it, if not as a request says.
    pub external_url: Option<ExternalUrl>,
    /// Whether it may be asked to reload and to poll.
    pub enable_lifecycle: bool,
    /// TLS, users and headers.
    pub web_config: Option<WebSource>,
    /// Whether the health pages need no password.
    pub auth_exempt_health: bool,
    /// Where it keeps what outlives it.
    pub state_file: Option<PathBuf>,
    /// Who is told how far it is.
    pub systemd: Systemd,
}

/// An exporter with its sockets bound; nothing is polled or served before [`App::run`].
#[derive(Debug)]
pub struct App {
    source: Option<Source>,
    systemd: Systemd,
    polling: Polling,
    saving: JoinSet<()>,
    reloads: Reloads,
    requests: ReloadRequests,
    listeners: Vec<TcpListener>,
    router: Router,
    guarding: Option<Guarding>,
}

/// What there is with a web configuration only.
#[derive(Debug)]
struct Guarding {
    guard: Arc<Guard>,
    watch: Watch,
    reloads: WebReloads,
}

/// How the only round of an exporter ended.
#[derive(Clone, Debug)]
pub struct Round {
    /// The metrics page, as text.
    pub page: Vec<u8>,
    /// How many accounts there are.
    pub accounts: usize,
    /// How many of them failed in any of what they collect, or were not polled at all.
    pub failed: usize,
    /// How many platforms failed.
    pub failed_platforms: usize,
}

impl App {
    /// Prepares everything that can fail, and binds the sockets. Fails without having polled
    /// anything. `source` is where `loaded` came from and is read anew; without one, nothing is.
    pub async fn bind(loaded: Loaded, source: Option<Source>, settings: Settings) -> anyhow::Result<Self> {
        let Loaded { config, warnings, broken } = loaded;
        for warning in warnings {
            tracing::warn!(%warning, "configuration warning");
        }
        let mut listeners = Vec::with_capacity(settings.listen.len());
        for address in &settings.listen {
            listeners.push(address.bind().await?);
        }
        let metrics = Arc::new(ExporterMetrics::new().context("cannot set up the exporter's own metrics")?);
        let endpoints: Vec<_> = config.endpoints().collect();
        let client = Arc::new(ApiClient::new(&config.api, &endpoints, Arc::clone(&metrics))?);
        let store = Arc::new(Store::default());
        store.publish_all(Vec::new(), &[], Some(config.info_labels.as_slice().into()));
        show_broken(&broken, &store);
        metrics.configured(&config, broken.iter().map(|file| file.accounts).sum(), CLOCK.now());
        let (saver, restored, saving) = open_state(settings.state_file).await?;
        let outlets = Outlets { store, metrics, ready: Readiness::default(), saver };
        let config = Arc::new(config);
        outlets.store.publish_config(Arc::clone(&config));
        let polling = Polling::new(config, client, outlets, restored);
        let (reloads, requests) = Reloads::new();
        let lifecycle = Lifecycle { reloads: reloads.clone(), polls: polling.sender.clone() };
        let lifecycle = settings.enable_lifecycle.then_some(lifecycle);
        let guarding = match settings.web_config {
            None => None,
            Some(web) => {
                let metrics = Arc::clone(&polling.outlets.metrics);
                let (guard, watch, reloads) = watch::start(web, settings.auth_exempt_health, metrics, CLOCK)?;
                Some(Guarding { guard, watch, reloads })
            }
        };
        let tls = guarding.as_ref().is_some_and(|guarding| guarding.guard.has_tls());
        let (path, external_url) = (settings.telemetry_path, settings.external_url);
        let router =
            web::router(WebState { tls, ..web_state(&polling.outlets, path, external_url, lifecycle) });
        let systemd = settings.systemd;
        Ok(Self { source, systemd, polling, saving, reloads, requests, listeners, router, guarding })
    }

    /// Where it listens, with the real port where port 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// What is known of the accounts; fills while the exporter runs.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.polling.outlets.store)
    }

    /// Asks the running exporter to read its configuration anew.
    pub fn reloads(&self) -> Reloads {
        self.reloads.clone()
    }

    /// Polls and serves until `stop`; then ends the polls and answers in progress, however long
    /// they take: the caller sets the deadline by dropping this future.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let addresses: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        let Self { source, systemd, polling, saving, reloads: _, requests, listeners, router, guarding } =
            self;
        let (config, client) = (Arc::clone(&polling.config), Arc::clone(&polling.client));
        let Outlets { store, metrics, ready, saver: _ } = polling.outlets.clone();
        let Started { scheduler, mut platforms, changes } =
            polling.start(Rounds::Endless, stop.clone()).await;
        tracing::info!(
            version = version::VERSION,
            accounts = config.accounts.len(),
            platforms = config.platforms.len(),
            listening = addresses.join(","),
            requests_per_second = config.api.requests_per_second,
            "started"
        );
        platforms.resume();
        let mut parts = JoinSet::new();
        let (guard, web) = match guarding {
            None => (None, None),
            Some(Guarding { guard, watch, reloads }) => {
                parts.spawn(unfailing(watch.run(stop.clone())));
                (Some(guard), Some(reloads))
            }
        };
        parts.spawn(unfailing(scheduler));
        parts.spawn(unfailing(accept::serve(
            listeners,
            router,
            guard,
            ConnectionLimits::default(),
            stop.clone(),
        )));
        // Before it can be told of a reload.
        systemd.tell(Told::Ready(systemd::status(&store))).await;
        parts.spawn(unfailing(systemd.clone().follow(Arc::clone(&store), stop.clone())));
        let in_force = InForce {
            source,
            config,
            client,
            platforms,
            changes,
            store,
            metrics,
            systemd,
            web,
            clock: CLOCK,
        };
        parts.spawn(in_force.run(requests, stop.clone()));
        let ended = supervise(&mut parts, &ready, &stop).await;
        // Whatever happened, what is known is kept: without its parts nobody adds to it.
        drop(parts);
        end(saving).await?;
        ended?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Polls every account once, or those that are due by what an earlier process kept, and serves
    /// nothing. Ends early at `stop`.
    pub async fn run_once(self, stop: CancellationToken) -> anyhow::Result<Round> {
        let Self { polling, saving, router, .. } = self;
        // It could bring wishes for polls, which would keep the round open.
        drop(router);
        let Outlets { store, metrics, .. } = polling.outlets.clone();
        let Started { scheduler, mut platforms, changes } = polling.start(Rounds::One, stop.clone()).await;
        drop(changes);
        let mut polls = JoinSet::new();
        polls.spawn(scheduler);
        stop.run_until_cancelled(platforms.one_round()).await.transpose()?;
        platforms.stop().await?;
        end(polls).await?;
        end(saving).await?;
        let (readings, info_labels) = store.snapshot_with_labels();
        let platforms = store.platforms();
        let failed = |last_poll: &LastPoll| *last_poll != LastPoll::Succeeded;
        let page = Page {
            readings: &readings,
            platforms: &platforms,
            info_labels: &info_labels,
            now: CLOCK.now(),
            own: Some(&metrics),
        };
        Ok(Round {
            page: page::render(&page, Format::Text, Encoding::Identity),
            accounts: readings.len(),
            failed: readings.iter().filter(|readings| readings.last_polls().any(failed)).count(),
            failed_platforms: platforms
                .iter()
                .filter(|platform| matches!(platform.last_call, LastPoll::Failed(_)))
                .count(),
        })
    }
}

/// Waits for tasks that end by themselves.
async fn end(mut tasks: JoinSet<()>) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the exporter panicked")?;
    }
    Ok(())
}

async fn unfailing(part: impl Future<Output = ()>) -> anyhow::Result<()> {
    part.await;
    Ok(())
}

/// Waits for the stop and then for all parts. A part that ends before the stop is a failure.
async fn supervise(
    parts: &mut JoinSet<anyhow::Result<()>>,
    ready: &Readiness,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let late = tokio::time::sleep(READY_AFTER);
    tokio::pin!(late);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = &mut late, if !late.is_elapsed() => ready.mark_ready(),
            Some(ended) = parts.join_next() => {
                ended.context("a part of the exporter panicked")??;
                // Some parts see the stop before we do.
                if !stop.is_cancelled() {
                    bail!("a part of the exporter ended by itself");
                }
            }
        }
    }
    ready.mark_stopping();
    while let Some(ended) = parts.join_next().await {
        ended.context("a part of the exporter panicked")??;
    }
    Ok(())
}

fn web_state(
    outlets: &Outlets,
    telemetry_path: TelemetryPath,
    external_url: Option<ExternalUrl>,
    lifecycle: Option<Lifecycle>,
) -> WebState {
    let (store, own) = (Arc::clone(&outlets.store), Arc::clone(&outlets.metrics));
    let renderings = Renderings::new(move |format, encoding, pass_on| {
        let (readings, info_labels) = store.snapshot_with_labels();
        let platforms = store.platforms();
        let page = Page {
            readings: &readings,
            platforms: &platforms,
            info_labels: &info_labels,
            now: CLOCK.now(),
            own: Some(&own),
        };
        page::render_in_parts(&page, format, encoding, pass_on);
    });
    let metrics = Arc::clone(&outlets.metrics);
    WebState {
        store: Arc::clone(&outlets.store),
        clock: CLOCK,
        readiness: outlets.ready.clone(),
        telemetry_path,
        external_url,
        tls: false,
        renderings: Arc::new(renderings),
        lifecycle,
        on_scrape: Box::new(move || metrics.scraped()),
    }
}

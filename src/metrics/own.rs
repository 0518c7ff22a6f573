//! The exporter's own metrics, on one registry of the `prometheus` crate. Label sets are few, fixed
//! and all known at the start: the crate's vectors must never hold values from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::family::{Family, exporter};
use crate::clock::WallTime;
use crate::config::Config;
use crate::version;
use crate::wechat::api::Api;
use crate::wechat::class::{CLASSES, ErrorClass};

/// Upper bounds in seconds: from an answer of a near data centre to the longest default timeout.
const DURATION_BUCKETS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Places in `reloads_successful`.
const CONFIGURATION: usize = 0;
const WEB_CONFIGURATION: usize = 1;

/// Counts what the exporter does. Every method is a few atomic operations and can be called from
/// any thread; share it by `Arc`.
#[derive(Debug)]
pub struct ExporterMetrics {
    registry: Registry,
    accounts_broken: IntGauge,
    accounts_configured: IntGauge,
    accounts_owned: IntGauge,
    config_hash: IntGauge,
    shard_ordinal: IntGauge,
    shards: IntGauge,
    last_reload_successful: IntGauge,
    /// Of the configuration and of the web configuration: both are in the gauge.
    reloads_successful: [AtomicBool; 2],
    last_reload_success: Gauge,
    polls_in_flight: IntGauge,
    poll_duration: Histogram,
    /// In the order of [`CLASSES`].
    poll_failures: [IntCounter; CLASSES.len()],
    /// In the order of [`Api::ALL`].
    api_requests: [IntCounter; Api::ALL.len()],
    /// In the order of [`Api::ALL`].
    api_request_duration: [Histogram; Api::ALL.len()],
    scheduler_lag: Gauge,
    scrapes: IntCounter,
    /// Not on the page without TLS.
    certificate_expiry: Gauge,
}

impl ExporterMetrics {
    /// All metrics at 0. Fails only if the table of families breaks a rule of the crate, so never
    /// depending on input.
    pub fn new() -> prometheus::Result<Self> {
        let poll_failures = IntCounterVec::new(
            opts(&exporter::EXPORTER_POLL_FAILURES),
            exporter::EXPORTER_POLL_FAILURES.labels,
        )?;
        let api_requests = IntCounterVec::new(opts(&exporter::API_REQUESTS), exporter::API_REQUESTS.labels)?;
        let api_request_duration = HistogramVec::new(
            duration_opts(&exporter::API_REQUEST_DURATION),
            exporter::API_REQUEST_DURATION.labels,
        )?;
        let metrics = Self {
            registry: Registry::new(),
            accounts_broken: IntGauge::with_opts(opts(&exporter::ACCOUNTS_BROKEN))?,
            accounts_configured: IntGauge::with_opts(opts(&exporter::ACCOUNTS_CONFIGURED))?,
            accounts_owned: IntGauge::with_opts(opts(&exporter::ACCOUNTS_OWNED))?,
            config_hash: IntGauge::with_opts(opts(&exporter::CONFIG_HASH))?,
            shard_ordinal: IntGauge::with_opts(opts(&exporter::SHARD_ORDINAL))?,
            shards: IntGauge::with_opts(opts(&exporter::SHARDS))?,
            last_reload_successful: IntGauge::with_opts(opts(&exporter::CONFIG_LAST_RELOAD_SUCCESSFUL))?,
            reloads_successful: [true, true].map(AtomicBool::new),
            last_reload_success: Gauge::with_opts(opts(&exporter::CONFIG_LAST_RELOAD_SUCCESS))?,
            polls_in_flight: IntGauge::with_opts(opts(&exporter::POLLS_IN_FLIGHT))?,
            poll_duration: Histogram::with_opts(duration_opts(&exporter::EXPORTER_POLL_DURATION))?,
            poll_failures: CLASSES.map(|row| poll_failures.with_label_values(&[row.label])),
            api_requests: Api::ALL.map(|api| api_requests.with_label_values(&[api.label()])),
            api_request_duration: Api::ALL.map(|api| api_request_duration.with_label_values(&[api.label()])),
            scheduler_lag: Gauge::with_opts(opts(&exporter::SCHEDULER_LAG))?,
            scrapes: IntCounter::with_opts(opts(&exporter::SCRAPES))?,
            certificate_expiry: Gauge::with_opts(opts(&exporter::TLS_CERTIFICATE_EXPIRY))?,
        };
        let registry = &metrics.registry;
        registry.register(Box::new(build_info()?))?;
        let gauges = [
            &metrics.accounts_broken,
            &metrics.accounts_configured,
            &metrics.accounts_owned,
            &metrics.last_reload_successful,
            &metrics.config_hash,
            &metrics.shard_ordinal,
            &metrics.shards,
        ];
        for gauge in gauges {
            registry.register(Box::new(gauge.clone()))?;
        }
        registry.register(Box::new(metrics.last_reload_success.clone()))?;
        registry.register(Box::new(metrics.polls_in_flight.clone()))?;
        registry.register(Box::new(metrics.poll_duration.clone()))?;
        registry.register(Box::new(poll_failures))?;
        registry.register(Box::new(api_requests))?;
        registry.register(Box::new(api_request_duration))?;
        registry.register(Box::new(metrics.scheduler_lag.clone()))?;
        registry.register(Box::new(metrics.scrapes.clone()))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// `config` was read at `at` and is in force from now on; so many accounts stand in broken
    /// account files.
    pub fn configured(&self, config: &Config, broken: usize, at: WallTime) {
        self.accounts_configured.set(gauge_value(config.accounts.len()));
        self.accounts_owned.set(gauge_value(config.owned().count()));
        self.config_hash.set(i64::try_from(config.hash()).unwrap_or(i64::MAX));
        self.shard_ordinal.set(config.shard.ordinal().into());
        self.shards.set(config.shard.total().into());
        self.accounts_broken.set(gauge_value(broken));
        self.set_reload_successful(CONFIGURATION, true);
        self.last_reload_success.set(at.seconds());
    }

    /// A configuration was read and refused: the one before stays in force.
    pub fn reload_failed(&self) {
        self.set_reload_successful(CONFIGURATION, false);
    }

    /// A web configuration was read, and is now in force or was refused.
    pub fn web_config_read(&self, is_in_force: bool) {
        self.set_reload_successful(WEB_CONFIGURATION, is_in_force);
    }

    fn set_reload_successful(&self, which: usize, is_successful: bool) {
        self.reloads_successful[which].store(is_successful, Ordering::SeqCst);
        let all = self.reloads_successful.iter().all(|one| one.load(Ordering::SeqCst));
        self.last_reload_successful.set(all.into());
    }

    /// Shows on the page when the TLS certificate ends. To be called once.
    pub fn serve_tls(&self) -> prometheus::Result<()> {
        self.registry.register(Box::new(self.certificate_expiry.clone()))
    }

    /// The TLS certificate that is served from now on ends then.
    pub fn certificate_ends(&self, at: WallTime) {
        self.certificate_expiry.set(at.seconds());
    }

    /// So many polls run now.
    pub fn set_polls_in_flight(&self, polls: usize) {
        self.polls_in_flight.set(gauge_value(polls));
    }

    /// A poll ended after `duration`, with a failure of that class if it failed.
    pub fn poll_ended(&self, duration: Duration, failed: Option<ErrorClass>) {
        self.poll_duration.observe(duration.as_secs_f64());
        if let Some(class) = failed {
            self.poll_failures[class as usize].inc();
        }
    }

    /// A request to `api` ended, well or not, after `duration`.
    pub fn api_request(&self, api: Api, duration: Duration) {
        self.api_requests[api as usize].inc();
        self.api_request_duration[api as usize].observe(duration.as_secs_f64());
    }

    /// How far the poll that waits longest is behind its due time.
    pub fn set_scheduler_lag(&self, lag: Duration) {
        self.scheduler_lag.set(lag.as_secs_f64());
    }

    /// As [`ExporterMetrics::set_scheduler_lag`] was told last, in seconds.
    #[cfg(test)]
    pub(crate) fn scheduler_lag(&self) -> f64 {
        self.scheduler_lag.get()
    }

    /// The metrics page was asked for.
    pub fn scraped(&self) {
        self.scrapes.inc();
    }

    /// All of it as of now, families and series in name order. Reads `/proc`.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

fn gauge_value(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn build_info() -> prometheus::Result<IntGauge> {
    let opts = opts(&exporter::BUILD_INFO)
        .const_label("version", version::VERSION)
        .const_label("revision", version::REVISION);
    let gauge = IntGauge::with_opts(opts)?;
    gauge.set(1);
    Ok(gauge)
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn duration_opts(family: &Family) -> HistogramOpts {
    HistogramOpts::new(family.name, family.help).buckets(DURATION_BUCKETS.to_vec())
}

#[cfg(test)]
mod tests;

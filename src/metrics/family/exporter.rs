//! Families about the exporter itself.

use super::{ALWAYS, Family, WITH_TLS, counter, gauge, histogram};

pub(crate) const ACCOUNTS_BROKEN: Family = gauge(
    "wechat_exporter_accounts_broken",
    &[],
    ALWAYS,
    "Accounts in account files that cannot be used as they are, in accounts, at least one for each such file; those that ran before go on with their old settings.",
);

pub(crate) const ACCOUNTS_CONFIGURED: Family = gauge(
    "wechat_exporter_accounts_configured",
    &[],
    ALWAYS,
    "Accounts that the configuration lists, in accounts.",
);

pub(crate) const ACCOUNTS_OWNED: Family = gauge(
    "wechat_exporter_accounts_owned",
    &[],
    ALWAYS,
    "Listed accounts that this process polls, in accounts.",
);

pub(crate) const API_REQUEST_DURATION: Family = histogram(
    "wechat_exporter_api_request_duration_seconds",
    &["api"],
    "Time from the start of an API request to the last byte of its answer or its failure, in seconds.",
);

pub(crate) const API_REQUESTS: Family = counter(
    "wechat_exporter_api_requests_total",
    &["api"],
    "API requests that ended, well or not, in requests.",
);

pub(crate) const BUILD_INFO: Family = gauge(
    "wechat_exporter_build_info",
    &["revision", "version"],
    ALWAYS,
    "Version and source revision of the running exporter, as labels; the value is 1 and has no unit.",
);

pub(crate) const CONFIG_HASH: Family = gauge(
    "wechat_exporter_config_hash",
    &[],
    ALWAYS,
    "Hash of the configuration in force without secrets and shard flags, a number without unit; equal for all shards that share a configuration and a version.",
);

pub(crate) const SHARD_ORDINAL: Family = gauge(
    "wechat_exporter_shard_ordinal",
    &[],
    ALWAYS,
    "Number of this shard, from 0, a number without unit.",
);

pub(crate) const SHARDS: Family =
    gauge("wechat_exporter_shards", &[], ALWAYS, "How many shards this one believes there are, in shards.");

pub(crate) const CONFIG_LAST_RELOAD_SUCCESSFUL: Family = gauge(
    "wechat_exporter_config_last_reload_successful",
    &[],
    ALWAYS,
    "Whether the configuration and the web configuration that were read last are those in force, apart from broken account files, as 1 or 0 without unit.",
);

pub(crate) const CONFIG_LAST_RELOAD_SUCCESS: Family = gauge(
    "wechat_exporter_config_last_reload_success_timestamp_seconds",
    &[],
    ALWAYS,
    "When the configuration in force was read, in seconds since the Unix epoch.",
);

pub(crate) const EXPORTER_POLL_DURATION: Family = histogram(
    "wechat_exporter_poll_duration_seconds",
    &[],
    "Time that one poll of an account took, token request included, in seconds.",
);

pub(crate) const EXPORTER_POLL_FAILURES: Family = counter(
    "wechat_exporter_poll_failures_total",
    &["class"],
    "Failed polls of all accounts by class of the failure, in polls.",
);

pub(crate) const POLLS_IN_FLIGHT: Family =
    gauge("wechat_exporter_polls_in_flight", &[], ALWAYS, "Polls that are running now, in polls.");

pub(crate) const SCHEDULER_LAG: Family = gauge(
    "wechat_exporter_scheduler_lag_seconds",
    &[],
    ALWAYS,
    "How far the poll that waits longest is behind its due time, in seconds.",
);

pub(crate) const SCRAPES: Family =
    counter("wechat_exporter_scrapes_total", &[], "Requests for the metrics page, in requests.");

pub(crate) const TLS_CERTIFICATE_EXPIRY: Family = gauge(
    "wechat_exporter_tls_certificate_expiry_timestamp_seconds",
    &[],
    WITH_TLS,
    "When the TLS certificate that is served ends, in seconds since the Unix epoch.",
);

//! The one table of metric families: name, type, labels, help, and when a family has series.
//! Pages, `docs/metrics.md` and tests read it; no name or help stands anywhere else.

use std::fmt::Write as _;

/// What the values of a family mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyType {
    /// Goes up and down.
    Gauge,
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Counts of observations up to each bound, their sum and their number.
    Histogram,
}

impl FamilyType {
    /// The word after the name on a `# TYPE` line, the same in both formats.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The name; that of a counter ends in `_total`.
    pub name: &'static str,
    /// What its values mean.
    pub family_type: FamilyType,
    /// The label names, in the order they are printed; without `le`.
    pub labels: &'static [&'static str],
    /// One sentence for `# HELP`: what is measured, in which unit, how old it may be.
    pub help: &'static str,
    /// When the family has series, for the documentation.
    pub present: &'static str,
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    present: &'static str,
    help: &'static str,
) -> Family {
    Family { name, family_type: FamilyType::Gauge, labels, help, present }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, family_type: FamilyType::Counter, labels, help, present: ALWAYS }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, family_type: FamilyType::Histogram, labels, help, present: ALWAYS }
}

const ALWAYS: &str = "always";
const HELD: &str = "from the first success until `hold` has passed without another";
const LINUX: &str = "on Linux";

pub(crate) const ITEMS: Family = gauge(
    "wechat_material_items",
    &["account", "kind"],
    HELD,
    "Permanent materials of this kind in the account, in items, as get_materialcount last told; \
     cached, its age follows from wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const LIMIT_ITEMS: Family = gauge(
    "wechat_material_limit_items",
    &["account", "kind"],
    ALWAYS,
    "Most permanent materials of this kind that the account can hold, in items; a setting.",
);

pub(crate) const USAGE_RATIO: Family = gauge(
    "wechat_material_usage_ratio",
    &["account", "kind"],
    HELD,
    "Permanent materials of this kind divided by their limit: 1 is full, more is possible; \
     cached, its age follows from wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const POOL_LIMIT_ITEMS: Family = gauge(
    "wechat_material_pool_limit_items",
    &["account", "pool"],
    "with `limits.pooled`",
    "Most permanent materials that the two kinds of this pool can hold together, in items; a setting.",
);

pub(crate) const POOL_USAGE_RATIO: Family = gauge(
    "wechat_material_pool_usage_ratio",
    &["account", "pool"],
    "with `limits.pooled`, while `wechat_material_items` is there",
    "Permanent materials of the two kinds of this pool divided by their common limit: 1 is full, more is \
     possible; cached, its age follows from wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const INFO: Family = gauge(
    "wechat_account_info",
    &["account", "app_id", "display_name", "source", "platform"],
    ALWAYS,
    "What the configuration says of the account, as labels; the value is 1 and has no unit.",
);

pub(crate) const UP: Family = gauge(
    "wechat_account_up",
    &["account"],
    "once the first poll has ended",
    "Whether the last poll of the account succeeded, 1 or 0; cached until the next poll, \
     the last success was at wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const FAILING: Family = gauge(
    "wechat_account_failing",
    &["account", "class", "errcode"],
    "while the last poll failed; `errcode` is empty when the failure has none",
    "Why the last poll of the account failed; the value is 1 and has no unit; cached until the next poll, \
     the last success was at wechat_account_last_success_timestamp_seconds.",
);

pub(crate) const LAST_SUCCESS: Family = gauge(
    "wechat_account_last_success_timestamp_seconds",
    &["account"],
    "from the first success on, also after `hold`",
    "When the last successful poll of the account ended, in seconds since the Unix epoch: \
     all cached counts of the account are of that moment.",
);

pub(crate) const NEXT_POLL: Family = gauge(
    "wechat_account_next_poll_timestamp_seconds",
    &["account"],
    ALWAYS,
    "When the next poll of the account is due, in seconds since the Unix epoch; \
     further off than the interval while failures hold it back.",
);

pub(crate) const POLL_INTERVAL: Family = gauge(
    "wechat_account_poll_interval_seconds",
    &["account"],
    ALWAYS,
    "Time between two polls of the account, in seconds; a setting.",
);

pub(crate) const POLLS: Family = counter(
    "wechat_account_polls_total",
    &["account"],
    "Polls of the account that ended, well or not, in polls since the exporter started.",
);

pub(crate) const POLL_FAILURES: Family = counter(
    "wechat_account_poll_failures_total",
    &["account"],
    "Polls of the account that failed, in polls since the exporter started.",
);

pub(crate) const TOKEN_REFRESHES: Family = counter(
    "wechat_account_token_refreshes_total",
    &["account"],
    "Access tokens obtained for the account, in tokens since the exporter started.",
);

pub(crate) const TOKEN_REJECTIONS: Family = counter(
    "wechat_account_token_rejections_total",
    &["account"],
    "Access tokens of the account that a data call refused, in tokens since the exporter started.",
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

/// The families of each account, in the order of the page.
pub const ACCOUNT_FAMILIES: [Family; 15] = [
    ITEMS,
    LIMIT_ITEMS,
    USAGE_RATIO,
    POOL_LIMIT_ITEMS,
    POOL_USAGE_RATIO,
    INFO,
    UP,
    FAILING,
    LAST_SUCCESS,
    NEXT_POLL,
    POLL_INTERVAL,
    POLLS,
    POLL_FAILURES,
    TOKEN_REFRESHES,
    TOKEN_REJECTIONS,
];

/// The families about the exporter itself, in the order of the page, which is that of the names.
/// The texts of `process_*` are the `prometheus` crate's; a test holds them equal.
pub const EXPORTER_FAMILIES: [Family; 17] = [
    process_counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds."),
    process_gauge("process_max_fds", "Maximum number of open file descriptors."),
    process_gauge("process_open_fds", "Number of open file descriptors."),
    process_gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
    process_gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds."),
    process_gauge("process_threads", "Number of OS threads in the process."),
    process_gauge("process_virtual_memory_bytes", "Virtual memory size in bytes."),
    ACCOUNTS_CONFIGURED,
    ACCOUNTS_OWNED,
    API_REQUEST_DURATION,
    API_REQUESTS,
    BUILD_INFO,
    EXPORTER_POLL_DURATION,
    EXPORTER_POLL_FAILURES,
    POLLS_IN_FLIGHT,
    SCHEDULER_LAG,
    SCRAPES,
];

const fn process_gauge(name: &'static str, help: &'static str) -> Family {
    gauge(name, &[], LINUX, help)
}

const fn process_counter(name: &'static str, help: &'static str) -> Family {
    Family { present: LINUX, ..counter(name, &[], help) }
}

const INTRODUCTION: &str = "\
# Metrics

The page is served at `/metrics` as text 0.0.4 or OpenMetrics 1.0, whichever `Accept` prefers. This file is
generated from the table of families in the source.

Values of accounts come from the exporter's memory: a scrape never calls the API. How old the counts of an
account are is `time() - wechat_account_last_success_timestamp_seconds`. No sample carries a timestamp, and
an unknown value is absent, never 0. An account that leaves the configuration leaves the page.

In OpenMetrics the `HELP` and `TYPE` lines of a counter name it without `_total`; its samples keep the suffix.
";

const ACCOUNTS: &str = "
## Accounts

The label `account` is the account's name in the configuration. `kind` is `voice`, `video`, `image` or `news`;
`pool` is `image_news` or `voice_video`. `wechat_account_info` also has the labels listed under `info_labels`;
a label for which an account has no value is empty, and `platform` is empty for an account with its own secret.
`class` says what is done about a failure; `errcode` is the number in WeChat's answer.
";

const EXPORTER: &str = "
## The exporter itself

Every label set is there from the start, with the value 0. `api` is the kind of request, `class` as above.
";

/// The text of `docs/metrics.md`.
pub fn documentation() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (heading, families) in [(ACCOUNTS, &ACCOUNT_FAMILIES[..]), (EXPORTER, &EXPORTER_FAMILIES[..])] {
        text.push_str(heading);
        text.push_str("\n| family | type | labels | present | meaning |\n|---|---|---|---|---|\n");
        for family in families {
            let labels = family.labels.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let Family { name, family_type, help, present, .. } = family;
            // Writing to a String cannot fail.
            _ = writeln!(text, "| `{name}` | {} | {labels} | {present} | {help} |", family_type.word());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    fn all() -> impl Iterator<Item = Family> {
        ACCOUNT_FAMILIES.into_iter().chain(EXPORTER_FAMILIES)
    }

    #[test]
    fn every_name_stands_once_in_the_table() {
        let mut seen = HashSet::new();
        for family in all() {
            assert!(seen.insert(family.name), "{}", family.name);
        }
    }

    #[test]
    fn names_and_helps_follow_the_conventions() {
        for family in all() {
            let Family { name, help, family_type, .. } = family;
            assert_eq!(name.ends_with("_total"), family_type == FamilyType::Counter, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(help.ends_with('.') && !help.contains(['\n', '"', '|']), "{name}");
            assert!(!["_count", "_sum", "_bucket"].iter().any(|suffix| name.ends_with(suffix)), "{name}");
        }
    }

    #[test]
    fn the_documentation_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, documentation()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == documentation(),
            "docs/metrics.md differs from the table: run `UPDATE_DOCS=1 cargo test --lib metrics::family`"
        );
    }
}

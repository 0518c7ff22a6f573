//! The one table of metric families: name, type, labels, help, and when a family has series.
//! Pages, `docs/metrics.md` and tests read it; no name or help stands anywhere else.

pub(crate) mod account;
pub(crate) mod exporter;

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
const WITH_TLS: &str = "with TLS, see `--web.config.file`";

/// The families of accounts and platforms, in the order of the page.
pub const ACCOUNT_FAMILIES: [Family; 24] = [
    account::ITEMS,
    account::LIMIT_ITEMS,
    account::USAGE_RATIO,
    account::POOL_LIMIT_ITEMS,
    account::POOL_USAGE_RATIO,
    account::INFO,
    account::UP,
    account::FAILING,
    account::LAST_SUCCESS,
    account::NEXT_POLL,
    account::POLL_INTERVAL,
    account::POLLS,
    account::POLL_FAILURES,
    account::TOKEN_REFRESHES,
    account::TOKEN_REJECTIONS,
    account::DRAFTS,
    account::QUOTA_LIMIT,
    account::QUOTA_USED,
    account::QUOTA_REMAINING,
    account::COLLECTOR_LAST_SUCCESS,
    account::COLLECTOR_FAILING,
    account::PLATFORM_AUTHORIZERS,
    account::PLATFORM_UP,
    account::PLATFORM_FAILING,
];

/// The families about the exporter itself, in the order of the page, which is that of the names.
/// The texts of `process_*` are the `prometheus` crate's; a test holds them equal.
pub const EXPORTER_FAMILIES: [Family; 24] = [
    process_counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds."),
    process_gauge("process_max_fds", "Maximum number of open file descriptors."),
    process_gauge("process_open_fds", "Number of open file descriptors."),
    process_gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
    process_gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds."),
    process_gauge("process_threads", "Number of OS threads in the process."),
    process_gauge("process_virtual_memory_bytes", "Virtual memory size in bytes."),
    exporter::ACCOUNTS_BROKEN,
    exporter::ACCOUNTS_CONFIGURED,
    exporter::ACCOUNTS_OWNED,
    exporter::API_REQUEST_DURATION,
    exporter::API_REQUESTS,
    exporter::BUILD_INFO,
    exporter::CONFIG_HASH,
    exporter::CONFIG_LAST_RELOAD_SUCCESS,
    exporter::CONFIG_LAST_RELOAD_SUCCESSFUL,
    exporter::EXPORTER_POLL_DURATION,
    exporter::EXPORTER_POLL_FAILURES,
    exporter::POLLS_IN_FLIGHT,
    exporter::SCHEDULER_LAG,
    exporter::SCRAPES,
    exporter::SHARD_ORDINAL,
    exporter::SHARDS,
    exporter::TLS_CERTIFICATE_EXPIRY,
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

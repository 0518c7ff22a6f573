use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use prometheus::Encoder as _;

use super::*;
use crate::config::ApiConfig;
use crate::metrics::family::EXPORTER_FAMILIES;
use crate::metrics::fleet::account;
use crate::metrics::gathered::write_gathered;
use crate::metrics::write::PageWriter;
use crate::metrics::{Encoding, Format};
use crate::shard::Shard;

/// Twelve accounts, and the second of three shards.
fn config() -> Config {
    let accounts = (0..12).map(|i| Arc::new(account(&format!("account-{i}")))).collect();
    let api = ApiConfig {
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        requests_per_second: NonZeroU32::MIN,
        max_in_flight: 1,
        ca_file: None,
    };
    let shard = Shard::new(1, NonZeroU32::new(3).unwrap()).unwrap();
    Config { api, info_labels: Vec::new(), accounts, platforms: Vec::new(), account_files: Vec::new(), shard }
}

fn used() -> ExporterMetrics {
    let metrics = ExporterMetrics::new().unwrap();
    metrics.configured(&config(), 5, WallTime::from_millis(1_795_435_200_250));
    metrics.set_polls_in_flight(1);
    metrics.poll_ended(Duration::from_millis(70), Some(ErrorClass::Ip));
    metrics.api_request(Api::MaterialCount, Duration::from_millis(1_234));
    metrics.set_scheduler_lag(Duration::from_millis(250));
    metrics.scraped();
    metrics
}

/// One gathering, so that the values of `process_*` cannot differ between the pages.
fn write(gathered: &[MetricFamily], format: Format) -> String {
    let mut page = Vec::new();
    let mut pass_on = |part| page = part;
    let mut writer = PageWriter::new(format, Encoding::Identity, &mut pass_on);
    for family in gathered {
        write_gathered(&mut writer, family);
    }
    writer.finish();
    String::from_utf8(page).unwrap()
}

#[test]
fn it_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<ExporterMetrics>();
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_gathered_is_what_the_table_says() {
    let metrics = ExporterMetrics::new().unwrap();
    metrics.serve_tls().unwrap();
    let gathered = metrics.gather();
    let names: Vec<_> = gathered.iter().map(MetricFamily::name).collect();
    assert_eq!(names, EXPORTER_FAMILIES.map(|family| family.name));
    for (gathered, family) in gathered.iter().zip(EXPORTER_FAMILIES) {
        assert_eq!(gathered.help(), family.help);
        let type_of = format!("{:?}", gathered.get_field_type()).to_lowercase();
        assert_eq!(type_of, family.family_type.word(), "{}", family.name);
        for metric in gathered.get_metric() {
            let labels: Vec<_> = metric.get_label().iter().map(prometheus::proto::LabelPair::name).collect();
            assert_eq!(labels, family.labels, "{}", family.name);
        }
    }
}

#[test]
fn the_end_of_a_certificate_is_shown_with_tls_only() {
    let name = "wechat_exporter_tls_certificate_expiry_timestamp_seconds";
    let metrics = ExporterMetrics::new().unwrap();
    assert!(!write(&metrics.gather(), Format::Text).contains(name));
    metrics.serve_tls().unwrap();
    metrics.certificate_ends(WallTime::from_millis(1_795_435_200_000));
    assert!(write(&metrics.gather(), Format::Text).contains(&format!("{name} 1795435200\n")));
}

#[test]
fn a_reload_was_successful_if_both_configurations_are_in_force() {
    let metrics = used();
    let successful = || {
        let page = write(&metrics.gather(), Format::Text);
        page.contains("wechat_exporter_config_last_reload_successful 1\n")
    };
    assert!(successful());
    metrics.web_config_read(false);
    metrics.configured(&config(), 0, WallTime::from_millis(0));
    assert!(!successful(), "the web configuration is still broken");
    metrics.reload_failed();
    metrics.web_config_read(true);
    assert!(!successful(), "the configuration is broken now");
    metrics.configured(&config(), 0, WallTime::from_millis(0));
    assert!(successful());
}

/// The crate finds a child by a hash over the values without separators, so two tuples that
/// concatenate to one string would share a child.
#[test]
fn no_two_label_tuples_concatenate_to_the_same_string() {
    for family in used().gather() {
        let mut seen = HashSet::new();
        for metric in family.get_metric() {
            let tuple: String = metric.get_label().iter().map(prometheus::proto::LabelPair::value).collect();
            assert!(seen.insert(tuple), "{}", family.name());
        }
    }
}

#[test]
fn every_label_set_starts_at_zero() {
    let page = write(&ExporterMetrics::new().unwrap().gather(), Format::Text);
    for row in CLASSES {
        let series = format!("wechat_exporter_poll_failures_total{{class=\"{}\"}} 0\n", row.label);
        assert!(page.contains(&series), "{series}");
    }
    for api in Api::ALL {
        for series in [
            format!("wechat_exporter_api_requests_total{{api=\"{}\"}} 0\n", api.label()),
            format!("wechat_exporter_api_request_duration_seconds_count{{api=\"{}\"}} 0\n", api.label()),
        ] {
            assert!(page.contains(&series), "{series}");
        }
    }
}

#[test]
fn what_happened_is_counted_where_it_belongs() {
    let page = write(&used().gather(), Format::Text);
    for line in [
        "wechat_exporter_accounts_broken 5",
        "wechat_exporter_accounts_configured 12",
        "wechat_exporter_accounts_owned 5",
        "wechat_exporter_shard_ordinal 1",
        "wechat_exporter_shards 3",
        "wechat_exporter_config_last_reload_success_timestamp_seconds 1795435200.25",
        "wechat_exporter_config_last_reload_successful 1",
        "wechat_exporter_polls_in_flight 1",
        "wechat_exporter_poll_duration_seconds_bucket{le=\"0.05\"} 0",
        "wechat_exporter_poll_duration_seconds_bucket{le=\"0.1\"} 1",
        "wechat_exporter_poll_duration_seconds_sum 0.07",
        "wechat_exporter_poll_failures_total{class=\"ip\"} 1",
        "wechat_exporter_poll_failures_total{class=\"risk\"} 0",
        "wechat_exporter_api_requests_total{api=\"get_materialcount\"} 1",
        "wechat_exporter_api_requests_total{api=\"stable_token\"} 0",
        "wechat_exporter_api_request_duration_seconds_sum{api=\"get_materialcount\"} 1.234",
        "wechat_exporter_scheduler_lag_seconds 0.25",
        "wechat_exporter_scrapes_total 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
}

#[test]
fn the_text_is_that_of_the_crate() {
    let gathered = used().gather();
    let mut theirs = Vec::new();
    prometheus::TextEncoder::new().encode(&gathered, &mut theirs).unwrap();
    assert_eq!(write(&gathered, Format::Text), String::from_utf8(theirs).unwrap());
}

#[test]
fn openmetrics_spells_bounds_canonically() {
    let page = write(&used().gather(), Format::OpenMetrics);
    let bounds: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("wechat_exporter_poll_duration_seconds_bucket{le=\""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(bounds, ["0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"]);
}

mod against_oracle;
mod oracle;

use std::collections::HashSet;
use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;

use super::*;
use crate::metrics::family::{ACCOUNT_FAMILIES, EXPORTER_FAMILIES};
use crate::metrics::fleet::{HOLD, NOW, account, failed, pending, platforms, succeeded, with_optional};
use crate::wechat::class::ErrorClass;

const MINUTE: Duration = Duration::from_secs(60);

fn page_with_labels(readings: Vec<Readings>, info_labels: &[&str], format: Format) -> String {
    let readings: Vec<_> = readings.into_iter().map(Arc::new).collect();
    let info_labels: Vec<_> = info_labels.iter().map(|&label| label.to_owned()).collect();
    let own = ExporterMetrics::new().unwrap();
    own.serve_tls().unwrap();
    let page = Page {
        readings: &readings,
        platforms: &platforms(),
        info_labels: &info_labels,
        now: NOW,
        own: Some(&own),
    };
    String::from_utf8(render(&page, format, Encoding::Identity)).unwrap()
}

fn page(readings: Vec<Readings>) -> String {
    page_with_labels(readings, &[], Format::Text)
}

/// The values of a family's series, whatever their labels.
fn values<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let series =
        page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')));
    series.map(|line| line.rsplit_once(' ').unwrap().1).collect()
}

/// One account of each sort.
fn fleet() -> Vec<Readings> {
    let mut pooled = account("b-pooled");
    pooled.limits.pooled = true;
    pooled.display_name = r#"品牌 "B" \ main"#.into();
    pooled.info_labels = Box::new(["retail".into(), "line\nbreak".into()]);
    let mut plain = account("c-plain");
    plain.info_labels = Box::new(["".into(), "".into()]);
    vec![
        pending(account("a-new")),
        with_optional(succeeded(pooled, MINUTE)),
        failed(succeeded(plain, 2 * MINUTE), ErrorClass::QuotaDay, Some(45009)),
        failed(succeeded(account("d-expired"), 2 * HOLD), ErrorClass::Network, None),
    ]
}

#[test]
fn nothing_is_claimed_of_an_account_before_its_first_poll_ended() {
    let page = page(vec![pending(account("a"))]);
    for absent in [
        "wechat_material_items",
        "wechat_material_usage_ratio",
        "wechat_account_up",
        "wechat_account_failing",
        "wechat_account_last_success_timestamp_seconds",
    ] {
        assert!(!page.contains(&format!("# TYPE {absent} ")), "{absent}");
        assert!(values(&page, absent).is_empty(), "{absent}");
    }
    for zero in [
        "wechat_account_polls_total",
        "wechat_account_poll_failures_total",
        "wechat_account_token_refreshes_total",
        "wechat_account_token_rejections_total",
    ] {
        assert_eq!(values(&page, zero), ["0"], "{zero}");
    }
    assert_eq!(values(&page, "wechat_material_limit_items"), ["1000", "1000", "100000", "100000"]);
    assert_eq!(values(&page, "wechat_account_poll_interval_seconds"), ["300"]);
    assert_eq!(values(&page, "wechat_account_next_poll_timestamp_seconds"), ["1790000001.255"]);
}

#[test]
fn a_failing_account_keeps_its_counts_while_they_are_held() {
    let at_the_end = failed(succeeded(account("a"), HOLD), ErrorClass::Ip, Some(40164));
    let page_then = page(vec![at_the_end]);
    assert_eq!(values(&page_then, "wechat_material_items"), ["1", "2", "3", "4"]);
    assert_eq!(values(&page_then, "wechat_material_usage_ratio"), ["0.001", "0.002", "0.00003", "0.00004"]);
    assert_eq!(values(&page_then, "wechat_account_up"), ["0"]);
    assert!(page_then.contains("wechat_account_failing{account=\"a\",class=\"ip\",errcode=\"40164\"} 1\n"));

    let past_it = succeeded(account("a"), HOLD + Duration::from_millis(1));
    let page_later = page(vec![failed(past_it, ErrorClass::Network, None)]);
    assert!(!page_later.contains("wechat_material_items"));
    assert!(!page_later.contains("wechat_material_usage_ratio"));
    assert!(page_later.contains("wechat_account_failing{account=\"a\",class=\"network\",errcode=\"\"} 1\n"));
    let last_success = values(&page_later, "wechat_account_last_success_timestamp_seconds");
    assert_eq!(last_success, ["1789996400.249"], "the time of the last success outlives the counts");
}

#[test]
fn a_success_ends_the_failing_series() {
    let page = page(vec![succeeded(account("a"), MINUTE)]);
    assert_eq!(values(&page, "wechat_account_up"), ["1"]);
    assert!(!page.contains("wechat_account_failing"));
}

#[test]
fn pools_are_shown_for_accounts_that_pool_their_limits() {
    let mut pooled = account("pooled");
    pooled.limits.pooled = true;
    let page_of_both = page(vec![succeeded(account("a"), MINUTE), succeeded(pooled.clone(), MINUTE)]);
    for line in [
        "wechat_material_pool_limit_items{account=\"pooled\",pool=\"image_news\"} 100000",
        "wechat_material_pool_limit_items{account=\"pooled\",pool=\"voice_video\"} 1000",
        "wechat_material_pool_usage_ratio{account=\"pooled\",pool=\"image_news\"} 0.00007",
        "wechat_material_pool_usage_ratio{account=\"pooled\",pool=\"voice_video\"} 0.003",
    ] {
        assert!(page_of_both.lines().any(|found| found == line), "{line}");
    }
    assert_eq!(values(&page_of_both, "wechat_material_pool_limit_items").len(), 2);

    let page_of_unknown = page(vec![pending(pooled)]);
    assert_eq!(values(&page_of_unknown, "wechat_material_pool_limit_items").len(), 2);
    assert!(!page_of_unknown.contains("wechat_material_pool_usage_ratio"));
}

#[test]
fn an_info_label_without_a_value_is_empty() {
    let mut short = account("a");
    short.info_labels = Box::new(["x".into()]);
    let page = page_with_labels(vec![pending(short)], &["team", "city"], Format::Text);
    let line = "wechat_account_info{account=\"a\",app_id=\"wx0123456789abcdef\",display_name=\"\",\
                source=\"stable_token\",platform=\"\",team=\"x\",city=\"\"} 1\n";
    assert!(page.contains(line), "{page}");
}

/// Names of families in page order, from the TYPE lines.
fn families(page: &str) -> Vec<(&str, &str)> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|rest| rest.split_once(' ')).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_page_and_the_table_have_the_same_families() {
    let page = page(fleet());
    let table: Vec<_> = ACCOUNT_FAMILIES.iter().chain(&EXPORTER_FAMILIES).collect();
    let expected: Vec<_> = table.iter().map(|family| (family.name, family.family_type.word())).collect();
    assert_eq!(families(&page), expected);
    for family in table {
        assert!(page.contains(&format!("# HELP {} {}\n# TYPE {0} ", family.name, family.help)));
    }
}

#[test]
fn the_series_of_a_family_have_the_labels_of_the_table() {
    let page = page(fleet());
    for family in ACCOUNT_FAMILIES {
        let start = format!("{}{{{}=\"", family.name, family.labels[0]);
        let series: Vec<_> = page.lines().filter(|line| line.starts_with(&start)).collect();
        assert!(!series.is_empty(), "{}", family.name);
        for line in series {
            let places = family.labels.iter().map(|label| line.find(&format!("{label}=\"")));
            let places: Vec<_> = places.collect::<Option<_>>().unwrap_or_default();
            assert!(!places.is_empty() && places.is_sorted(), "{line}");
        }
    }
}

#[test]
fn openmetrics_keeps_its_order_and_ends_once() {
    let page = page_with_labels(fleet(), &["team", "note"], Format::OpenMetrics);
    assert!(page.ends_with("\n# EOF\n"));
    assert_eq!(page.matches("# EOF").count(), 1);

    let (mut seen_families, mut seen_series) = (HashSet::new(), HashSet::new());
    let (mut family, mut family_type) = ("", "");
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            (family, family_type) = rest.split_once(' ').unwrap();
            assert!(seen_families.insert(family), "{family} has two groups");
            assert!(!family.ends_with("_total"), "{family}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.starts_with(&format!("{family} ")), "HELP follows the TYPE of its family: {line}");
        } else {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let suffix = series.split('{').next().unwrap().strip_prefix(family).unwrap();
            let suffixes: &[&str] = match family_type {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(seen_series.insert(series), "{series} stands twice");
        }
    }
}

#[test]
fn a_compressed_page_is_the_same_page() {
    // Enough accounts for several chunks.
    let readings: Vec<_> =
        (0..400).map(|n| Arc::new(succeeded(account(&format!("a{n:03}")), MINUTE))).collect();
    let own = ExporterMetrics::new().unwrap();
    let page = Page { readings: &readings, platforms: &[], info_labels: &[], now: NOW, own: Some(&own) };
    for format in [Format::Text, Format::OpenMetrics] {
        let mut unpacked = String::new();
        GzDecoder::new(&render(&page, format, Encoding::Gzip)[..]).read_to_string(&mut unpacked).unwrap();
        let identity = String::from_utf8(render(&page, format, Encoding::Identity)).unwrap();
        assert!(identity.len() > 500_000);
        assert_eq!(steady(&unpacked), steady(&identity));
    }
}

/// The page without the values that differ from process to process.
fn steady(page: &str) -> String {
    let varies =
        |line: &&str| line.starts_with("process_") || line.starts_with("wechat_exporter_build_info{");
    let mut text = String::new();
    for line in page.lines().filter(|line| !varies(line)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(target_os = "linux")]
#[test]
fn golden_page_in_text() {
    insta::assert_snapshot!("text", steady(&page_with_labels(fleet(), &["team", "note"], Format::Text)));
}

#[cfg(target_os = "linux")]
#[test]
fn golden_page_in_openmetrics() {
    let page = page_with_labels(fleet(), &["team", "note"], Format::OpenMetrics);
    insta::assert_snapshot!("openmetrics", steady(&page));
}

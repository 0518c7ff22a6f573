//! Time between two processes, right and wrong.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::simulator::scenario::Scenario;

use crate::installed::Installed;
use crate::program::eventually;

const DAY: i64 = 24 * 3_600 * 1_000;

/// Replaces the times of a state file, each by its key, in milliseconds.
fn retime(installed: &Installed, time: impl Fn(&str, i64) -> i64) {
    let mut text = String::new();
    for line in fs::read_to_string(installed.state()).unwrap().lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        retime_value(&mut line, &time);
        writeln!(text, "{line}").unwrap();
    }
    fs::write(installed.state(), text).unwrap();
}

fn retime_value(value: &mut Value, time: &impl Fn(&str, i64) -> i64) {
    let Some(map) = value.as_object_mut() else { return };
    for (key, value) in map {
        match value.as_i64() {
            Some(at) if ["saved_at", "next", "at"].contains(&key.as_str()) => *value = time(key, at).into(),
            _ => retime_value(value, time),
        }
    }
}

fn now() -> i64 {
    Clock::System.now().millis()
}

/// When the second account is polled next, as a page says.
fn next_poll(page: &str) -> f64 {
    let series = "wechat_account_next_poll_timestamp_seconds{account=\"simulated-1\"} ";
    page.lines().find_map(|line| line.strip_prefix(series)).unwrap().parse().unwrap()
}

/// Two accounts that were polled once.
async fn polled_once() -> Installed {
    let installed = Installed::new(Scenario::generated(2), "1h").await;
    assert!(installed.once().await.status.success());
    assert_eq!(installed.polls(), [1; 2]);
    installed
}

#[tokio::test]
async fn the_next_poll_comes_when_it_was_due() {
    let installed = polled_once().await;
    let next = now() + 3_000;
    retime(&installed, |key, at| match key {
        "next" => next,
        "saved_at" => at - 60_000,
        _ => at,
    });
    let exporter = installed.serve().await;
    let shown = next_poll(&exporter.page("/metrics").await);
    assert!((shown - next as f64 / 1000.0).abs() < 0.000_5, "{shown}, not {next}");
    eventually("both are polled", || {
        let polls = installed.polls();
        assert!(polls == [1; 2] || now() >= next, "polled {} ms early", next - now());
        polls == [2; 2]
    })
    .await;
    exporter.stop().await;
}

#[tokio::test]
async fn a_file_of_ninety_days_ago_is_like_none() {
    let installed = polled_once().await;
    retime(&installed, |_, at| at - 90 * DAY);
    installed.hold_back(1, Duration::from_secs(60));
    let exporter = installed.serve().await;
    let page = exporter.page("/metrics").await;
    for absent in [
        "wechat_material_items{account=\"simulated-1\"",
        "last_success_timestamp_seconds{account=\"simulated-1\"",
    ] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    eventually("both are polled", || installed.polls() == [2; 2]).await;
    exporter.kill().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_by_a_year_makes_nobody_wait_and_nothing_new() {
    let installed = polled_once().await;
    let saved_at = now() + 365 * DAY;
    retime(&installed, |key, at| match key {
        "saved_at" => saved_at,
        "next" => saved_at + 4_000,
        _ => at + 365 * DAY,
    });
    let exporter = installed.serve().await;
    let page = exporter.page("/metrics").await;
    for family in [
        "wechat_material_items",
        "wechat_material_usage_ratio",
        "wechat_draft_items",
        "wechat_api_quota_used_calls",
    ] {
        assert!(!page.contains(&format!("{family}{{")), "{family} is of next year: {page}");
    }
    let counts = |page: &str| page.contains("wechat_material_items{account=\"simulated-1\"");
    let page = exporter.wait_for("/metrics", counts).await;
    let wait = next_poll(&page) - now() as f64 / 1000.0;
    assert!((1_800.0..=7_200.0).contains(&wait), "{wait} s to the next poll");
    exporter.stop().await;
}

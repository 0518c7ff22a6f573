//! Other settings of all calls.

use std::time::Duration;

use tokio::time::Instant;
use wechat_material_exporter::simulator::scenario::Calls;

use super::{Site, accounts, entry, late};

/// Accounts of a fleet beside the first one.
const MORE: u32 = 20;

fn fleet(site: &Site, api: &str, count: u32) -> Vec<String> {
    let entries: Vec<_> = (0..count).map(|n| entry(&format!("a{n}"), n, "")).collect();
    site.configure_with(api, &accounts(&entries));
    (0..count).map(|n| format!("a{n}")).collect()
}

/// How long it takes until the rest of a fleet, two calls each, was polled at a new pace.
async fn time_of_a_new_fleet(before: &str, after: &str) -> Duration {
    let site = Site::start(1 + MORE).await;
    fleet(&site, before, 1);
    let exporter = site.serve().await;
    exporter.wait_for_up(&["a0"]).await;
    let names = fleet(&site, after, 1 + MORE);
    let began = Instant::now();
    exporter.reload().await;
    exporter.wait_for_up(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let took = began.elapsed();
    site.end(exporter).await;
    took
}

#[tokio::test]
async fn a_higher_rate_is_in_force_at_once() {
    let took = time_of_a_new_fleet("requests_per_second: 1", "requests_per_second: 2000").await;
    assert!(took < Duration::from_secs(20), "40 s at the old rate: {took:?}");
}

#[tokio::test]
async fn a_lower_rate_is_in_force_at_once() {
    let took = time_of_a_new_fleet("requests_per_second: 2000", "requests_per_second: 20").await;
    assert!(took > Duration::from_millis(1_900), "40 requests at 20 a second: {took:?}");
}

#[tokio::test]
async fn a_longer_timeout_is_in_force_for_the_next_attempt() {
    let site = Site::start(1).await;
    fleet(&site, "timeout: 1s", 1);
    site.strike(0, Calls::Material, late(Duration::from_millis(1_500)));
    let exporter = site.serve().await;
    site.wait_for_polls(0, (1, 1)).await;
    fleet(&site, "timeout: 30s", 1);
    assert_eq!(exporter.reload().await, "added 0\nchanged 0\nremoved 0\n");
    let page = exporter.wait_for_up(&["a0"]).await;
    assert_eq!(page.of("wechat_account_poll_failures_total", "a0"), Some("0"));
    assert_eq!(site.polls(0), (1, 2), "the first attempt had the old one");
    site.end(exporter).await;
}

#[tokio::test]
async fn more_polls_run_at_once_when_more_may() {
    let in_flight = "wechat_exporter_polls_in_flight";
    let site = Site::start(8).await;
    for n in 0..8 {
        site.strike(n, Calls::Token, late(Duration::from_secs(3)));
    }
    fleet(&site, "max_in_flight: 2, requests_per_second: 1000", 8);
    let exporter = site.serve().await;
    exporter.wait_for(|page| page.value(in_flight) == Some("2")).await;
    fleet(&site, "max_in_flight: 6, requests_per_second: 1000", 8);
    exporter.reload().await;
    let page = exporter.wait_for(|page| page.value(in_flight) == Some("6")).await;
    assert_eq!(page.of("wechat_account_polls_total", "a0"), Some("0"), "the first ones still run");
    site.end(exporter).await;
}

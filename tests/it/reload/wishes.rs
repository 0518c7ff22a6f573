//! Polls that somebody asks for.

use reqwest::StatusCode;
use wechat_material_exporter::simulator::scenario::{Calls, Fault};

use super::{Metrics, Site, accounts, app_id, entry};

#[tokio::test]
async fn a_wish_makes_an_account_due_at_once_and_the_next_one_waits_a_minute() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a", "b"]).await;
    assert_eq!(exporter.post("/-/poll?account=a").await.status, StatusCode::ACCEPTED);
    let again = |page: &Metrics| page.of("wechat_account_polls_total", "a") == Some("2");
    let after = exporter.wait_for(again).await;
    assert_eq!((site.polls(0), site.polls(1)), ((1, 2), (1, 1)), "its token is still good");
    assert_eq!(after.about("b"), before.about("b"));
    let soon = exporter.post("/-/poll?account=a").await;
    assert_eq!(soon.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(soon.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{soon:?}");
    assert_eq!(exporter.post("/-/poll?account=b").await.status, StatusCode::ACCEPTED, "each for itself");
    site.wait_for_polls(1, (1, 2)).await;
    assert_eq!(site.polls(0), (1, 2));
    site.end(exporter).await;
}

#[tokio::test]
async fn wishes_that_name_no_account_are_refused() {
    let site = Site::start(1).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let exporter = site.serve().await;
    exporter.wait_for_up(&["a"]).await;
    for (query, status) in [
        ("?account=nobody", StatusCode::NOT_FOUND),
        ("?account=", StatusCode::NOT_FOUND),
        ("?account=a%20b", StatusCode::NOT_FOUND),
        ("", StatusCode::BAD_REQUEST),
        ("?name=a", StatusCode::BAD_REQUEST),
        ("?account=a&account=a", StatusCode::BAD_REQUEST),
    ] {
        let answer = exporter.post(&format!("/-/poll{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
    assert_eq!(site.polls(0), (1, 1));
    site.end(exporter).await;
}

#[tokio::test]
async fn a_wish_ends_a_park_but_none_that_is_wechats() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("listed", 0, ""), entry("spent", 1, "")]));
    site.simulated.simulator.set_refused_ip(&app_id(0), Some("203.0.113.8".parse().unwrap())).unwrap();
    site.strike(1, Calls::Material, Fault::Errcode(45009));
    let exporter = site.serve().await;
    let before = exporter
        .wait_for(|page| {
            ["listed", "spent"].iter().all(|name| page.of("wechat_account_up", name) == Some("0"))
        })
        .await;
    site.simulated.simulator.set_refused_ip(&app_id(0), None).unwrap();
    assert_eq!(exporter.post("/-/poll?account=listed").await.status, StatusCode::ACCEPTED);
    let after = exporter.wait_for_up(&["listed"]).await;
    let answer = exporter.post("/-/poll?account=spent").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("quota_day"), "{}", answer.text);
    assert_eq!(after.about("spent"), before.about("spent"));
    assert_eq!(site.polls(1), (1, 1));
    site.end(exporter).await;
}

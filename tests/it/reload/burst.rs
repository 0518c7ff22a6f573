//! Reloads during reloads.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::task::JoinSet;
use wechat_material_exporter::simulator::scenario::Calls;

use super::{Answer, Site, accounts, entry, late};

/// Accounts 0 to 9 are in both files, the other ten in one of them each.
fn file(which: usize) -> String {
    let always = (0..10).map(|n| (n, String::new()));
    let more = format!("display_name: 'version {which}'");
    let sometimes = (0..10_u32).filter(|n| (*n < 5) == (which == 0)).map(|n| (10 + n, more.clone()));
    let entries: Vec<_> =
        always.chain(sometimes).map(|(n, more)| entry(&format!("a{n}"), n, &more)).collect();
    accounts(&entries)
}

#[tokio::test]
async fn any_number_at_once_is_answered_and_the_last_file_is_in_force() {
    let site = Site::start(20).await;
    for n in 0..20 {
        site.strike(n, Calls::Material, late(Duration::from_millis(400)));
    }
    site.configure_with("requests_per_second: 1000", &file(0));
    let exporter = site.serve().await;
    site.wait_for_polls(0, (1, 1)).await;
    let client = reqwest::Client::new();
    let mut answers = JoinSet::new();
    for round in 0..20 {
        site.configure_with("requests_per_second: 1000", &file(round % 2));
        let request = client.post(format!("{}/-/reload", exporter.serving.url));
        answers.spawn(async move { Answer::of(request.send().await.unwrap()).await });
        exporter.serving.signal("HUP");
        // Some reloads meet the same file, others another one.
        tokio::task::yield_now().await;
    }
    while let Some(answer) = answers.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    site.configure_with("requests_per_second: 1000", &file(1));
    exporter.reload().await;
    let names: Vec<_> = (0..10).chain(15..20).map(|n| format!("a{n}")).collect();
    let page = exporter.wait_for_up(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for n in 0..10 {
        assert_eq!(site.polls(n), (1, 1), "account {n} was in every file");
        assert_eq!(page.of("wechat_account_polls_total", &format!("a{n}")), Some("1"));
    }
    for n in 10..15 {
        assert_eq!(page.about(&format!("a{n}")), [""; 0]);
    }
    assert_eq!(page.value("wechat_exporter_accounts_configured"), Some("15"));
    assert!(page.info("a19").contains("version 1"), "{}", page.info("a19"));
    site.end(exporter).await;
}

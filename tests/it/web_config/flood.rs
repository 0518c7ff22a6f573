//! A flood of wrong passwords: it costs those nothing who have the right one, nor the polls.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

/// Far more than may wait, so that most are turned away.
const ATTACKERS: usize = 100;

/// The time of a scrape with the right password.
async fn scrape(client: &Client, url: &str, user: &str) -> Duration {
    let began = Instant::now();
    let answer = client.get(format!("{url}/metrics")).basic_auth(user, Some("right")).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.bytes().await.unwrap();
    began.elapsed()
}

async fn polls(client: &Client, url: &str) -> u64 {
    let request = client.get(format!("{url}/metrics")).basic_auth("known", Some("right"));
    let page = told(request.send().await.unwrap()).await.1;
    value(&page, "wechat_account_polls_total{account=\"brand\"}").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_passwords_keeps_nobody_waiting() {
    let site = Site::start().await;
    let web = format!("basic_auth_users: {{known: {RIGHT_10}, late: {RIGHT_10}}}\n");
    let exporter = site.serve(&web, &[]).await;
    let url: Arc<str> = exporter.url.as_str().into();
    // Each with a connection of its own to every request of its client.
    let from = |address: [u8; 4]| Client::builder().local_address(IpAddr::from(address)).build().unwrap();
    let (attacker, scraper) = (from([127, 0, 0, 1]), from([127, 0, 0, 2]));
    scrape(&scraper, &url, "known").await;

    let (over, tried) =
        (Arc::new(AtomicBool::new(false)), Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]));
    let mut flood = JoinSet::new();
    for number in 0..ATTACKERS {
        let (attacker, url, over, tried) =
            (attacker.clone(), Arc::clone(&url), Arc::clone(&over), Arc::clone(&tried));
        flood.spawn(async move {
            for guess in 0.. {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let name = if number % 2 == 0 { "known" } else { "unknown" };
                let request = attacker
                    .get(format!("{url}/metrics"))
                    .basic_auth(name, Some(format!("{number}-{guess}")));
                let status = request.send().await.unwrap().status().as_u16();
                assert!(status == 401 || status == 429, "{status}");
                tried[usize::from(status == 429)].fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let refused = || tried.each_ref().map(|count| count.load(Ordering::SeqCst));
    crate::program::eventually("the flood", || refused().iter().all(|count| *count > 5)).await;
    let polled = polls(&scraper, &url).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        slowest = slowest.max(scrape(&scraper, &url, "known").await);
    }
    // Its password was never seen before, so it has to be checked in the midst of all others.
    let first = scrape(&scraper, &url, "late").await;
    let goes_on = async { while polls(&scraper, &url).await < polled + 2 {} };
    within("polls go on", goes_on).await;
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = flood.join_next().await {
        ended.unwrap();
    }
    let [wrong, turned_away] = refused();
    eprintln!(
        "{wrong} checked, {turned_away} turned away; slowest known scrape {slowest:?}, first of a new user {first:?}"
    );
    // As long as Prometheus waits where nobody told it otherwise.
    let timeout = Duration::from_secs(10);
    assert!(slowest < timeout && first < timeout, "{slowest:?}, {first:?}");
    exporter.stop().await;
}

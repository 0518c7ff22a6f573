//! A process that crashes again and again.

use std::time::Duration;

use tokio::time::Instant;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;

use crate::installed::{Installed, are_up};
use crate::program::eventually;

const STARTS: usize = 20;

#[tokio::test]
async fn twenty_starts_ask_no_account_twice_wherever_they_end() {
    let installed = Installed::new(Scenario::generated(21), "1h").await;
    for start in 0..STARTS {
        // Each start has an account more, which is due at once.
        installed.list(start + 1, "1h", "");
        let called = |endpoint| installed.calls(start, endpoint) > 0;
        if start % 4 == 2 {
            installed.hold_back(start, Duration::from_secs(60));
        }
        let exporter = installed.serve().await;
        match start % 4 {
            0 => {}
            1 => eventually("its token is fetched", || called(Endpoint::StableToken)).await,
            2 => eventually("its poll waits for the answer", || called(Endpoint::MaterialCount)).await,
            _ => drop(exporter.wait_for("/metrics", |page| are_up(page, start..start + 1)).await),
        }
        exporter.kill().await;
    }
    installed.list(STARTS + 1, "1h", "");
    let last = installed.serve().await;
    last.wait_for("/metrics", |page| are_up(page, STARTS..STARTS + 1)).await;
    last.stop().await;
    for (account, polls) in installed.polls().into_iter().enumerate() {
        assert!(polls <= 1, "account {account} was asked {polls} times");
        assert!(polls == 1 || account % 4 < 2, "account {account} was not asked");
    }
}

#[tokio::test]
async fn twenty_starts_within_a_few_intervals_make_no_extra_call() {
    const INTERVAL: u64 = 2;
    let installed = Installed::new(Scenario::generated(8), &format!("{INTERVAL}s")).await;
    (0..8).filter(|i| i % 2 == 0).for_each(|i| installed.hold_back(i, Duration::from_millis(300)));
    let began = Instant::now();
    let first = installed.serve().await;
    first.wait_for("/metrics", |page| are_up(page, 0..8)).await;
    first.kill().await;
    for start in 0..STARTS {
        let exporter = installed.serve().await;
        // Any moment will do: where a life ends is what is tried here.
        tokio::time::sleep(Duration::from_millis((start as u64 * 61) % 240)).await;
        exporter.kill().await;
    }
    // Without a crash: at once, and an interval apart from the second poll on.
    let most = began.elapsed().as_secs() / INTERVAL + 1;
    let polls = installed.polls();
    assert!(polls.iter().all(|polls| (1..=most).contains(polls)), "{polls:?}, not {most}");
}

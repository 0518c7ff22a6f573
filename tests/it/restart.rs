//! The real program, killed and started again on the same state file.

mod clock;
mod crash;
mod file;
mod platform;

use std::time::Duration;

use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Scenario};

use crate::installed::{Installed, are_up, known, known_of};
use crate::program::eventually;

#[tokio::test]
async fn a_killed_process_is_followed_by_one_that_shows_the_same_at_once_and_asks_nobody() {
    let installed = Installed::new(Scenario::generated(5), "1h").await;
    installed.list(4, "1h", "");
    let first = installed.serve().await;
    let page = first.wait_for("/metrics", |page| are_up(page, 0..4)).await;
    installed.are_saved(4).await;
    first.kill().await;
    let polls = installed.polls();

    let second = installed.serve().await;
    let ready = reqwest::get(format!("{}/-/ready", second.url)).await.unwrap();
    assert_eq!(ready.status(), 200, "all accounts are restored");
    assert_eq!(known(&second.page("/metrics").await), known(&page));
    second.kill().await;

    // An account that is new is polled at once: by then the others would have been polled too.
    installed.list(5, "1h", "");
    let third = installed.serve().await;
    assert_eq!(known_of(&third.page("/metrics").await, 0..4), known(&page));
    let later = third.wait_for("/metrics", |page| are_up(page, 4..5)).await;
    assert_eq!(known_of(&later, 0..4), known(&page));
    third.stop().await;
    assert_eq!((&installed.polls()[..4], installed.polls()[4]), (&polls[..4], 1));
    assert_eq!(installed.calls(0, Endpoint::DraftCount), 1);
}

#[tokio::test]
async fn parks_survive_with_all_that_the_status_page_says_of_them() {
    let mut scenario = Scenario::generated(5);
    scenario.accounts[3].refused_ip = Some([203, 0, 113, 7].into());
    let installed = Installed::new(scenario, "1h").await;
    installed.strike(1, Calls::Material, Fault::Errcode(45009));
    installed.strike(2, Calls::Token, Fault::Errcode(40125));
    installed.list(4, "1h", "");
    let first = installed.serve().await;
    let failing = "wechat_account_failing{account=\"simulated-";
    let all_ended = |page: &str| are_up(page, 0..1) && page.matches(failing).count() == 3;
    let page = first.wait_for("/metrics", all_ended).await;
    installed.are_saved(4).await;
    first.kill().await;
    let calls = |installed: &Installed| {
        [1, 2, 3].map(|i| [Endpoint::StableToken, Endpoint::MaterialCount].map(|one| installed.calls(i, one)))
    };
    let before = calls(&installed);

    installed.list(5, "1h", "");
    let second = installed.serve().await;
    let restored = second.page("/metrics").await;
    assert_eq!(known_of(&restored, 0..4), known(&page));
    for parked in [
        "1\",class=\"quota_day\",errcode=\"45009\"",
        "2\",class=\"secret\",errcode=\"40125\"",
        "3\",class=\"ip\",errcode=\"40164\"",
    ] {
        assert!(restored.contains(&format!("{failing}{parked}}} 1\n")), "{restored}");
    }
    let status = second.page("/").await;
    for shown in ["203.0.113.7", "45009", "40125", "40164", "quota_day"] {
        assert!(status.contains(shown), "{shown}: {status}");
    }
    second.wait_for("/metrics", |page| are_up(page, 4..5)).await;
    second.stop().await;
    assert_eq!(calls(&installed), before);
}

#[tokio::test]
async fn an_orderly_end_saves_the_last_poll_too() {
    let installed = Installed::new(Scenario::generated(20), "1h").await;
    installed.hold_back(7, Duration::from_secs(1));
    let exporter = installed.serve().await;
    eventually("the last poll runs", || installed.calls(7, Endpoint::MaterialCount) == 1).await;
    exporter.stop().await;
    let saved = installed.saved();
    let succeeded = saved.values().filter(|one| one["material"]["last"] == "succeeded").count();
    assert_eq!((saved.len(), succeeded), (20, 20), "{saved:#?}");
    assert!(
        saved["simulated-0"]["draft"]["good"]["at"].is_i64()
            && saved["simulated-0"]["quota"]["good"]["at"].is_i64()
    );
    let next = installed.serve().await;
    assert!(are_up(&next.page("/metrics").await, 0..20));
    next.stop().await;
    assert_eq!(installed.polls(), [1; 20]);
}

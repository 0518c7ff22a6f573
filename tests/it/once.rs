//! The only round of the real program: its page, its exit code, its calls.

use std::fs;
use std::process::Output;
use std::time::Duration;

use tokio::net::TcpListener;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Scenario};

use crate::installed::{Installed, are_up, ended, known, up_with_platform};
use crate::program::eventually;
use crate::program::{PATIENCE, run, text};

/// Exit code, page and log.
fn parts(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn a_round_in_which_all_succeed_exits_0_and_listens_nowhere() {
    let installed = Installed::new(Scenario::generated(5), "10m").await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = installed.stateless();
    command.args(["--once", "--log.level=debug", "--web.listen-address", &address]);
    let (code, page, log) = parts(&ended(&mut command).await);
    assert_eq!(code, Some(0), "{log}");
    assert!(are_up(&page, 0..5), "{page}");
    assert!(page.contains("wechat_draft_items{account=\"simulated-0\"} "), "{page}");
    let is_of_a_page =
        |line: &str| line.starts_with("# ") || line.starts_with("wechat_") || line.starts_with("process_");
    assert!(page.lines().all(is_of_a_page), "the log is on stderr: {page}");
    assert!(log.contains("level=debug"), "{log}");
    assert_eq!(installed.polls(), [1; 5]);
}

#[tokio::test]
async fn one_failing_account_exits_1_and_the_page_is_printed() {
    let installed = Installed::new(Scenario::generated(3), "10m").await;
    installed.strike(1, Calls::Material, Fault::Errcode(48001));
    let (code, page, log) = parts(&ended(installed.stateless().arg("--once")).await);
    assert_eq!(code, Some(1), "{log}");
    assert!(are_up(&page, 0..1) && are_up(&page, 2..3), "{page}");
    assert!(page.contains(
        "wechat_account_failing{account=\"simulated-1\",class=\"permission\",errcode=\"48001\"} 1\n"
    ));
    assert!(log.contains("not all accounts could be polled") && log.contains("failed=1"), "{log}");
}

#[tokio::test]
async fn a_failing_collector_beside_material_exits_1_too() {
    let installed = Installed::new(Scenario::generated(2), "10m").await;
    installed.strike(0, Calls::Draft, Fault::Errcode(48001));
    let (code, page, log) = parts(&ended(installed.stateless().arg("--once")).await);
    assert_eq!((code, are_up(&page, 0..2)), (Some(1), true), "{log}");
}

#[tokio::test]
async fn discovered_accounts_are_polled_too() {
    let installed = Installed::new(Scenario::generated_platform(8), "10m").await;
    installed.list_with_platform(1, "10m");
    let (code, page, log) = parts(&installed.once().await);
    assert_eq!((code, up_with_platform(&page, 8)), (Some(0), true), "{log}{page}");
    // Again: nothing is due, neither the accounts nor the platform's list.
    let (code, again, log) = parts(&installed.once().await);
    assert_eq!((code, known(&again)), (Some(0), known(&page)), "{log}");
    assert_eq!(installed.polls(), [1; 8]);
    let total = |endpoint| installed.simulator().total_calls(endpoint);
    assert_eq!((total(Endpoint::AuthorizerList), total(Endpoint::AuthorizerInfo)), (1, 7));
}

#[tokio::test]
async fn a_second_round_prints_what_was_kept_and_calls_nobody() {
    let installed = Installed::new(Scenario::generated(4), "1h").await;
    let (code, page, log) = parts(&installed.once().await);
    assert_eq!(code, Some(0), "{log}");
    let (code, again, log) = parts(&installed.once().await);
    assert_eq!((code, known(&again)), (Some(0), known(&page)), "{log}");
    let total = |endpoint| installed.simulator().total_calls(endpoint);
    assert_eq!((installed.polls(), total(Endpoint::StableToken)), (vec![1; 4], 4));
}

#[tokio::test]
async fn a_parked_account_is_left_out_and_exits_1_again() {
    let installed = Installed::new(Scenario::generated(3), "1h").await;
    installed.strike(1, Calls::Material, Fault::Errcode(45009));
    let (code, page, _) = parts(&installed.once().await);
    assert_eq!(code, Some(1));
    let (code, again, log) = parts(&installed.once().await);
    assert_eq!((code, known(&again)), (Some(1), known(&page)), "{log}");
    assert!(again.contains(
        "wechat_account_failing{account=\"simulated-1\",class=\"quota_day\",errcode=\"45009\"} 1\n"
    ));
    assert_eq!(installed.polls(), [1; 3]);
}

#[tokio::test]
async fn a_broken_account_file_exits_1_with_the_page_of_the_others() {
    let installed = Installed::new(Scenario::generated(2), "10m").await;
    let broken = installed.directory.path().join("more.yaml");
    fs::write(&broken, "accounts:\n  other: {app_id: none}\n").unwrap();
    installed.list(2, "10m", &format!("account_files: [{}]\n", broken.display()));
    let (code, page, log) = parts(&installed.once().await);
    assert_eq!((code, are_up(&page, 0..2)), (Some(1), true), "{log}");
    assert!(log.contains("more.yaml") && log.contains("app_id"), "{log}");
}

#[tokio::test]
async fn a_signal_ends_a_round_with_what_there_is() {
    let installed = Installed::new(Scenario::generated(40), "10m").await;
    (0..40).for_each(|i| installed.hold_back(i, Duration::from_millis(500)));
    let mut command = installed.command();
    command.arg("--once").env("WECHAT_EXPORTER__API__MAX_IN_FLIGHT", "2");
    let child = command.spawn().unwrap();
    eventually("the first polls run", || installed.polls().iter().sum::<u64>() >= 1).await;
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    let (code, page, log) = parts(&output);
    assert_eq!(code, Some(1), "{log}");
    let up = page.lines().filter(|line| line.starts_with("wechat_account_up{")).count() as u64;
    assert_eq!(
        (up, page.matches("\nwechat_account_info{").count()),
        (installed.polls().iter().sum(), 40),
        "{log}"
    );
    assert!(up < 40);
    // The next round polls the others, and nobody twice.
    let (code, page, log) = parts(&installed.once().await);
    assert_eq!((code, are_up(&page, 0..40)), (Some(0), true), "{log}");
    assert_eq!(installed.polls(), [1; 40]);
}

#[tokio::test]
async fn two_hundred_slow_accounts_are_all_polled() {
    let installed = Installed::new(Scenario::generated(200), "1h").await;
    (0..200).for_each(|i| installed.hold_back(i, Duration::from_millis(200 + i as u64)));
    let (code, page, log) = parts(&installed.once().await);
    assert_eq!((code, are_up(&page, 0..200)), (Some(0), true), "{log}");
    assert_eq!((installed.polls(), installed.saved().len()), (vec![1; 200], 200));
}

#[tokio::test]
async fn a_round_and_a_check_are_two_things() {
    let output = run(&["--once", "--config.check"]).await;
    let (code, page, message) = parts(&output);
    assert_eq!((code, page.as_str()), (Some(2), ""));
    assert!(message.contains("cannot be used with"), "{message}");
}

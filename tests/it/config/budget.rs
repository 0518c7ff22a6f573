//! The section `budget`: what it becomes, and which plans it lets through.

use std::fmt::Write as _;

use wechat_material_exporter::config::{Budget, Share};

use super::{ONE, faults, good, load_text};

fn budget(keys: &str, variables: &[(&str, &str)]) -> Budget {
    good(&format!("budget: {{{keys}}}\n{ONE}"), variables).accounts[0].budget
}

#[test]
fn a_budget_has_its_keys_or_their_defaults() {
    assert_eq!(budget("", &[]), Budget::default());
    let set = Budget {
        daily_calls: 5_000,
        max_share: Share::of_million(1_000_000),
        reserve: Share::of_million(0),
        allow_over_budget: true,
    };
    assert_eq!(budget("daily_calls: 5000, max_share: 1, reserve: 0, allow_over_budget: true", &[]), set);
}

#[test]
fn a_share_arrives_as_it_is_written() {
    for (text, millionths) in [("0.2", 200_000), ("1", 1_000_000), ("1.0", 1_000_000), ("0.145678", 145_678)]
    {
        let share = Share::of_million(millionths);
        for quoted in [format!("max_share: {text}"), format!("max_share: '{text}'")] {
            assert_eq!(budget(&quoted, &[]).max_share, share, "{quoted}");
        }
        let variable = [("WECHAT_EXPORTER__BUDGET__MAX_SHARE", text)];
        assert_eq!(budget("max_share: 0.9", &variable).max_share, share, "{text}");
    }
    assert_eq!(budget("reserve: 0.05", &[]).reserve, Share::of_million(50_000));
}

#[test]
fn an_account_may_have_a_quota_of_its_own() {
    let file = "budget: {daily_calls: 2000, max_share: 0.3}\naccounts:\n  \
                a: {app_id: wx0123456789abcdef, daily_calls: 10000, interval: 1m, token: {app_secret: x}}\n  \
                b: {app_id: wx1123456789abcdef, token: {app_secret: x}}\n";
    let config = good(file, &[]);
    let [a, b] = [0, 1].map(|at: usize| config.accounts[at].budget);
    assert_eq!((a.daily_calls, b.daily_calls), (10_000, 2_000));
    assert_eq!(a.max_share, Share::of_million(300_000));
}

#[test]
fn a_plan_above_its_budget_can_be_allowed_and_is_warned_about() {
    let file = format!("poll: {{interval: 1m}}\nbudget: {{allow_over_budget: true}}\n{ONE}");
    let warnings = load_text(&file, &[]).unwrap().warnings;
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let (_, text) = warning.split_once("test.yaml: ").unwrap();
    assert_eq!(
        text,
        "poll.interval: 1440 calls of get_materialcount a day are 144 % of 1000, more than `max_share` 20 %: let \
         `interval` be at least `8m`, or raise `daily_calls` if the account's quota is larger"
    );
}

#[test]
fn a_setting_of_all_accounts_is_one_fault() {
    let mut file = String::from("poll: {interval: 1m}\naccounts:\n");
    for i in 0..1_000 {
        writeln!(file, "  a{i}: {{app_id: wx{i:016x}, token: {{app_secret: x}}}}").unwrap();
    }
    let lines = faults(&file, &[]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("poll.interval: 1440 calls of get_materialcount a day"), "{lines:?}");
    let lines = faults(ONE, &[("WECHAT_EXPORTER__POLL__INTERVAL", "1m")]);
    assert!(lines[0].starts_with("environment: WECHAT_EXPORTER__POLL__INTERVAL: 1440 calls"), "{lines:?}");
}

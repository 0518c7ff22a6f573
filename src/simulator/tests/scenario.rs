//! What scenarios hold, and how files of them are read.

use std::fmt::Write as _;

use crate::config::{Kind, PerKind};
use crate::simulator::scenario::{Fault, Latency, Scenario, SimulatedAccount, SimulatedAuthorizer};
use crate::simulator::tests::app_id;

#[test]
fn generated_accounts_keep_the_promised_names() {
    let scenario = Scenario::generated(300);
    assert_eq!(scenario.accounts.len(), 300);
    let account = &scenario.accounts[255];
    assert_eq!(account.app_id.as_str(), "wx00000000000000ff");
    assert_eq!(account.secret, "simulated-secret-255");
    assert_ne!(account.counts, scenario.accounts[254].counts);
    assert_eq!(scenario, Scenario::generated(300));
}

#[test]
fn the_demo_has_its_accounts_and_their_platform() {
    let scenario = Scenario::demo();
    let names: Vec<_> = scenario.own_accounts().map(|account| account.name.as_str()).collect();
    let own =
        ["healthy", "nearly-full", "full", "growing", "secret-wrong", "ip-refused", "quota-used-up", "slow"];
    assert_eq!((&names[..8], &names[8..]), (&own[..], &["file-fed"][..]));
    assert_eq!((scenario.accounts[6].daily_calls, scenario.accounts[6].used_today), (Some(1_000), 1_000));
    let [agency] = scenario.platforms.as_slice() else { panic!("{:?}", scenario.platforms) };
    let polled = |terms: &&SimulatedAuthorizer| !terms.mini_program && terms.func_info.contains(&11);
    assert_eq!((agency.authorizers.len(), agency.authorizers.iter().filter(polled).count()), (4, 2));
    assert_eq!(scenario.accounts.len(), 13);
    assert!(scenario.accounts.iter().all(|account| !account.display_name.is_empty()));
}

#[test]
fn a_larger_demo_has_some_of_each_kind_of_trouble() {
    let (own, scenario) = (Scenario::demo(), Scenario::demo().with_mixed(200));
    assert_eq!((&scenario.accounts[..13], &scenario.platforms), (&own.accounts[..], &own.platforms));
    let mixed = &scenario.accounts[13..];
    assert_eq!(mixed.len(), 200);
    for (i, (account, plain)) in mixed.iter().zip(Scenario::generated(200).accounts).enumerate() {
        assert_eq!((&account.name, &account.app_id), (&plain.name, &plain.app_id), "{i}");
    }
    let is_failing = |account: &&SimulatedAccount| {
        !account.faults.is_empty()
            || account.refused_ip.is_some()
            || account.daily_calls == Some(account.used_today)
    };
    assert_eq!(mixed.iter().filter(is_failing).count(), 18);
    let usage = |account: &SimulatedAccount| Kind::ALL.map(|kind| account.counts[kind]);
    let full = mixed.iter().filter(|account| usage(account)[Kind::Video as usize] == 1_000).count();
    let nearly = mixed.iter().filter(|account| usage(account)[Kind::Image as usize] > 96_000).count();
    assert_eq!((full, nearly), (2, 4));
}

#[test]
fn the_example_file_is_a_scenario() {
    let text = include_str!("../../../config/scenario.example.yaml");
    let scenario = Scenario::from_yaml(text, "scenario.example.yaml").unwrap();
    let by_name = |name: &str| scenario.accounts.iter().find(|account| account.name == name).unwrap();
    let [main, storm, wrong_network] = ["brand-main", "storm", "wrong-network"].map(by_name);
    assert_eq!((main.counts[Kind::Image], main.growth_per_hour[Kind::News]), (2_200, -0.1));
    assert_eq!(main.latency.most.as_millis(), 80);
    assert_eq!(storm.faults.len(), 9);
    assert_eq!(storm.faults[3].fault, Fault::Http(503));
    assert_eq!(storm.faults[8].lasts, None);
    assert!(wrong_network.refused_ip.is_some());
    let defaults = (wrong_network.latency, wrong_network.daily_calls, wrong_network.counts);
    assert_eq!(defaults, (Latency::default(), None, PerKind::new(|_| 0)));
    assert_eq!((main.drafts, main.draft_daily_calls, storm.draft_daily_calls), (7, Some(500), None));
    assert!(by_name("in-the-cloud").cloud && by_name("hosted").cloud_hosting);
    let [agency, banned] = scenario.platforms.as_slice() else { panic!("{:?}", scenario.platforms) };
    let [plain, told] = agency.authorizers.as_slice() else { panic!("{agency:?}") };
    let refresh_token = "refreshtoken@@@simulated-wx00000000a0000001";
    assert_eq!(plain, &SimulatedAuthorizer::new(by_name("travel-shop").app_id.clone(), refresh_token));
    assert_eq!((told.func_info.as_slice(), told.mini_program), (&[1, 15][..], true));
    assert_eq!(told.auth_time, plain.auth_time);
    assert_eq!((agency.latency.most.as_millis(), agency.faults.len()), (20, 1));
    assert!(banned.refused_ip.is_some() && banned.authorizers.is_empty());
}

#[test]
fn drafts_bring_their_documented_quota() {
    let text = "accounts: {a: {app_id: wx0123456789abcdef, secret: s, drafts: 3}}";
    let account = &Scenario::from_yaml(text, "drill.yaml").unwrap().accounts[0];
    assert_eq!((account.drafts, account.draft_daily_calls), (3, Some(1_000)));
}

#[test]
fn a_file_of_twenty_thousand_accounts_loads() {
    let mut text = String::from("accounts:\n");
    for i in 0..20_000 {
        let app_id = app_id(i);
        writeln!(text, "  a{i}: {{app_id: {}, secret: s{i}, counts: {{image: {i}}}}}", app_id.as_str())
            .unwrap();
    }
    text.push_str("platforms:\n  p:\n    component_app_id: wxffffffffffffffff\n");
    text.push_str("    component_app_secret: s\n    ticket: t\n    authorizers:\n");
    (0..20_000).for_each(|i| writeln!(text, "      {}:", app_id(i).as_str()).unwrap());
    let scenario = Scenario::from_yaml(&text, "large.yaml").unwrap();
    assert_eq!((scenario.accounts.len(), scenario.platforms[0].authorizers.len()), (20_000, 20_000));
}

#[test]
fn a_generated_platform_has_all_the_accounts() {
    let scenario = Scenario::generated_platform(300);
    assert_eq!(scenario.accounts, Scenario::generated(300).accounts);
    let platform = &scenario.platforms[0];
    assert_eq!(platform.app_id.as_str(), "wxffffffffffffffff");
    let last = &platform.authorizers[299];
    assert_eq!(
        (last.app_id.as_str(), last.refresh_token.as_str()),
        ("wx000000000000012b", "refreshtoken@@@simulated-299",)
    );
    assert_eq!(scenario.own_accounts().count(), 0);
}

#[test]
fn a_scenario_file_is_refused_with_its_name_and_what_would_be_right() {
    let account = "accounts: {a: {app_id: wx0123456789abcdef, secret: s";
    let fault = |what: &str| format!("{account}, faults: [{{what: {what}}}]}}}}");
    let platform = |what: &str| {
        let start = "component_app_secret: s, ticket: t";
        format!("{account}}}}}\nplatforms: {{p: {{{start}, {what}}}}}")
    };
    let cases = [
        (
            "accounts: {a: {app_id: WX1, secret: s}}".to_owned(),
            "accounts.a.app_id: `WX1` is not right: `wx` and 8",
        ),
        (
            "accounts: {A: {app_id: wx0123456789abcdef, secret: s}}".to_owned(),
            "accounts.A.name: `A` is not right",
        ),
        (format!("{account}, b: 1}}}}"), "unknown field"),
        (format!("{account}, latency: fast}}}}"), "`fast` is not a duration such as `200ms`"),
        (format!("{account}, latency: 3s..2s}}}}"), "`3s..2s` is not a duration"),
        (format!("{account}}}, b: {{app_id: wx0123456789abcdef, secret: s}}}}"), "accounts.b.app_id"),
        (format!("{account}}}}}\ntoken_overlap: 3h"), "token_overlap: 10800s is not below"),
        (format!("{account}}}}}\nspeed: -1"), "speed: `-1` is not a factor"),
        (fault("{http: 200}"), "accounts.a.faults[0].what: `200` is not right: an HTTP status"),
        (fault("{errcode: 0}"), "accounts.a.faults[0].what: `0` is not right"),
        (fault("explode"), "unknown variant `explode`, expected one of latency"),
        (format!("{account}}}, a: 1}}"), "duplicate mapping key `a`"),
        ("accounts: [".to_owned(), "line 1"),
        (
            format!(
                "{account}, cloud_hosting: true}}, b: {{app_id: wx0123456789, secret: s, cloud_hosting: true}}}}"
            ),
            "accounts.b.cloud_hosting: is set for `a` already",
        ),
        (platform("component_app_id: wx0"), "platforms.p.component_app_id: `wx0` is not right: `wx` and 8"),
        (
            platform("component_app_id: wx0123456789abcdef"),
            "platforms.p.component_app_id: `wx0123456789abcdef` belongs to another",
        ),
        (
            platform("component_app_id: wx0123456789, authorizers: {wx9876543210: }"),
            "platforms.p.authorizers: `wx9876543210` is not right: the app id of an account above",
        ),
        (
            platform("component_app_id: wx0123456789, faults: [{what: {http: 1}}]"),
            "platforms.p.faults[0].what: `1` is not right",
        ),
        (platform("component_app_id: wx0123456789, b: 1"), "unknown field"),
    ];
    for (text, part) in cases {
        let message = Scenario::from_yaml(&text, "drill.yaml").unwrap_err().to_string();
        assert!(
            message.starts_with("drill.yaml: ") && message.contains(part) && !message.contains('\n'),
            "{text}\n{message}"
        );
    }
}

#[test]
fn digits_stay_a_text_in_a_scenario_file() {
    let text = "accounts: {007: {app_id: wx0123456789abcdef, secret: 00120e5, display_name: 1.10}}";
    let scenario = Scenario::from_yaml(text, "drill.yaml").unwrap();
    let SimulatedAccount { name, secret, display_name, .. } = &scenario.accounts[0];
    assert_eq!((name.as_str(), secret.as_str(), display_name.as_str()), ("007", "00120e5", "1.10"));
}

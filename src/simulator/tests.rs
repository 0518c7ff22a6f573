//! The state by itself, with `now` as an argument; then the wire on a loopback socket.

mod state;
mod wire;

use crate::config::{AppId, Kind, PerKind};
use crate::simulator::scenario::{Fault, Latency, Scenario, SimulatedAccount};

fn app_id(i: u32) -> AppId {
    AppId::parse(&format!("wx{i:016x}")).unwrap()
}

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
fn the_demo_has_its_eight_accounts() {
    let scenario = Scenario::demo();
    let names: Vec<_> = scenario.accounts.iter().map(|account| account.name.as_str()).collect();
    let all =
        ["healthy", "nearly-full", "full", "growing", "secret-wrong", "ip-refused", "quota-used-up", "slow"];
    assert_eq!(names, all);
    assert!(scenario.accounts.iter().all(|account| !account.display_name.is_empty()));
}

#[test]
fn the_example_file_is_a_scenario() {
    let text = include_str!("../../config/scenario.example.yaml");
    let scenario = Scenario::from_yaml(text, "scenario.example.yaml").unwrap();
    let [main, storm, wrong_network] = scenario.accounts.as_slice() else { panic!("{scenario:?}") };
    assert_eq!((main.counts[Kind::Image], main.growth_per_hour[Kind::News]), (2_200, -0.1));
    assert_eq!(main.latency.most.as_millis(), 80);
    assert_eq!(storm.faults.len(), 9);
    assert_eq!(storm.faults[3].fault, Fault::Http(503));
    assert_eq!(storm.faults[8].lasts, None);
    assert!(wrong_network.refused_ip.is_some());
    let defaults = (wrong_network.latency, wrong_network.daily_calls, wrong_network.counts);
    assert_eq!(defaults, (Latency::default(), None, PerKind::new(|_| 0)));
}

#[test]
fn a_scenario_file_is_refused_with_its_name_and_what_would_be_right() {
    let account = "accounts: {a: {app_id: wx0123456789abcdef, secret: s";
    let fault = |what: &str| format!("{account}, faults: [{{what: {what}}}]}}}}");
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

//! Tokens, quotas, growth and faults of one account.

use std::time::Duration;

use crate::clock::WallTime;
use crate::config::{Kind, PerKind};
use crate::simulator::Endpoint;
use crate::simulator::account::{AccountState, Outcome, TokenMode, TokenRequest};
use crate::simulator::answer::Answer;
use crate::simulator::scenario::{Calls, Fault, Latency, ScheduledFault, SimulatedAccount};
use crate::simulator::tests::app_id;
use crate::simulator::token::{self, Grant, Refusal, TokenRules, Tokens};

const RULES: TokenRules =
    TokenRules { lifetime: Duration::from_secs(7_200), overlap: Duration::from_secs(300) };
/// 2026-07-01 12:00:00 in Shanghai.
const NOON: WallTime = WallTime::from_millis(1_782_878_400_000);

fn after(seconds: u64) -> WallTime {
    NOON.plus(Duration::from_secs(seconds))
}

fn tokens() -> Tokens {
    Tokens::new(5, 7, RULES)
}

fn account(change: impl FnOnce(&mut SimulatedAccount)) -> AccountState {
    let mut account = SimulatedAccount::new("a", app_id(1), "right");
    account.counts = PerKind::new(|kind| [10, 20, 30, 40][kind as usize]);
    change(&mut account);
    AccountState::new(0, account, RULES, 1.0, NOON)
}

fn fetch(account: &mut AccountState, now: WallTime, mode: TokenMode) -> Answer {
    let request = TokenRequest { grant_type: Some("client_credential"), secret: Some("right"), mode };
    account.token(now, request).answer
}

fn fetched(account: &mut AccountState, now: WallTime) -> Box<str> {
    match fetch(account, now, TokenMode::Stable) {
        Answer::Token(grant) => grant.token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_is_opaque_long_and_leads_to_its_account() {
    let Grant { token, expires_in_seconds } = tokens().stable(NOON);
    assert_eq!(expires_in_seconds, 7_200);
    assert_eq!(token.len(), 135);
    let (number, rest) = token.split_once('_').unwrap();
    assert!(number.parse::<u32>().is_ok());
    assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    assert_eq!(token::place(&token), Some(5));
    assert_eq!(tokens().stable(NOON).token, token, "the same seed gives the same tokens");
    for foreign in ["", "98_", "98_short", "98_€€€€€€€€", "no token at all"] {
        assert_eq!(token::place(foreign), None, "{foreign}");
    }
}

#[test]
fn a_stable_token_is_renewed_in_its_last_five_minutes() {
    let mut tokens = tokens();
    let first = tokens.stable(NOON);
    let late = tokens.stable(after(6_899));
    assert_eq!((&late.token, late.expires_in_seconds), (&first.token, 301));
    let second = tokens.stable(after(6_900));
    assert_ne!(second.token, first.token);
    assert_eq!(tokens.stable(after(6_901)).token, second.token);
    assert_eq!(tokens.check(after(7_199), &first.token), Ok(()));
    assert_eq!(tokens.check(after(7_199), &second.token), Ok(()));
    assert_eq!(tokens.check(after(7_200), &first.token), Err(Refusal::Expired));
    assert_eq!(tokens.check(after(7_200), &second.token), Ok(()));
}

#[test]
fn a_plain_token_works_five_minutes_beside_the_next() {
    let mut tokens = tokens();
    let first = tokens.plain(NOON).token;
    let second = tokens.plain(after(1_000)).token;
    assert_ne!(first, second);
    assert_eq!(tokens.check(after(1_299), &first), Ok(()));
    assert_eq!(tokens.check(after(1_300), &first), Err(Refusal::Retired));
    assert_eq!(tokens.check(after(1_300), &second), Ok(()));
}

#[test]
fn stable_and_plain_tokens_leave_each_other_alone() {
    let mut tokens = tokens();
    let plain = tokens.plain(NOON).token;
    let stable = tokens.stable(NOON).token;
    for second in 0..10 {
        tokens.plain(after(second));
    }
    assert_eq!(tokens.stable(after(1_000)).token, stable);
    assert_eq!(tokens.check(after(1_000), &stable), Ok(()));
    assert_eq!(tokens.check(after(1_000), &plain), Err(Refusal::Retired));
    let plain = tokens.plain(after(1_000)).token;
    tokens.force(after(1_000)).unwrap();
    assert_eq!(tokens.check(after(1_000), &plain), Ok(()));
}

#[test]
fn a_forced_refresh_retires_at_once_but_not_within_thirty_seconds_or_beyond_twenty_a_day() {
    let mut tokens = tokens();
    let first = tokens.stable(NOON).token;
    let second = tokens.force(NOON).unwrap().token;
    assert_eq!(tokens.check(NOON, &first), Err(Refusal::Retired));
    assert_eq!(tokens.force(after(29)).unwrap().token, second);
    for i in 1..20 {
        assert!(tokens.force(after(30 * i)).is_ok(), "{i}");
    }
    assert!(tokens.force(after(600)).is_err());
    assert!(tokens.force(after(12 * 3_600)).is_ok(), "the next day has its own twenty");
}

#[test]
fn an_expired_token_is_forgotten_in_the_end() {
    let mut tokens = tokens();
    let first = tokens.stable(NOON).token;
    tokens.stable(after(7_300));
    assert_eq!(tokens.check(after(14_000), &first), Err(Refusal::Expired));
    tokens.stable(after(15_000));
    assert_eq!(tokens.check(after(15_000), &first), Err(Refusal::Retired));
}

#[test]
fn token_calls_are_refused_in_the_order_of_the_platform() {
    let (grant, right) = (Some("client_credential"), Some("right"));
    let cases = [
        (None, right, TokenMode::Stable, 40002),
        (Some("password"), right, TokenMode::Stable, 40002),
        (grant, None, TokenMode::Stable, 41004),
        (grant, Some("wrong"), TokenMode::Stable, 40125),
        (grant, Some("wrong"), TokenMode::Plain, 40001),
    ];
    for (grant_type, secret, mode, errcode) in cases {
        let request = TokenRequest { grant_type, secret, mode };
        assert_eq!(account(|_| {}).token(NOON, request).answer, Answer::Error(errcode), "{request:?}");
    }
    let ip = "203.0.113.8".parse().unwrap();
    let mut refused = account(|account| account.refused_ip = Some(ip));
    assert_eq!(fetch(&mut refused, NOON, TokenMode::Stable), Answer::NotInWhitelist(ip));
}

#[test]
fn the_daily_quota_starts_anew_at_midnight_in_shanghai() {
    let mut account = account(|account| (account.daily_calls, account.used_today) = (Some(10), 8));
    let token = fetched(&mut account, after(40_000));
    let mut call = |seconds| account.material_count(after(seconds), &token).answer;
    assert!(matches!(call(40_000), Answer::Counts(_)));
    assert!(matches!(call(40_001), Answer::Counts(_)));
    assert_eq!(call(43_199), Answer::Error(45009));
    assert!(matches!(call(43_200), Answer::Counts(_)));
}

#[test]
fn the_minute_quota_starts_anew_with_the_minute() {
    let mut account = account(|account| account.minute_calls = Some(1));
    let token = fetched(&mut account, NOON);
    let mut call = |seconds| account.material_count(after(seconds), &token).answer;
    assert!(matches!(call(0), Answer::Counts(_)));
    assert_eq!(call(59), Answer::Error(45011));
    assert!(matches!(call(60), Answer::Counts(_)));
}

#[test]
fn the_token_endpoint_has_its_daily_quota() {
    let mut account = account(|_| {});
    for _ in 0..2_000 {
        assert!(matches!(fetch(&mut account, NOON, TokenMode::Plain), Answer::Token(_)));
    }
    assert_eq!(fetch(&mut account, NOON, TokenMode::Plain), Answer::Error(45009));
    assert!(matches!(fetch(&mut account, NOON, TokenMode::Stable), Answer::Token(_)));
}

#[test]
fn counts_grow_with_the_clock_up_to_the_limit() {
    let mut account = account(|account| {
        account.counts = PerKind::new(|kind| [990, 2_000, 30, 3][kind as usize]);
        account.growth_per_hour = PerKind::new(|kind| [20.0, 20.0, 1.5, -2.0][kind as usize]);
    });
    let counts = |account: &mut AccountState, seconds| {
        let token = fetched(account, after(seconds));
        match account.material_count(after(seconds), &token).answer {
            Answer::Counts(counts) => Kind::ALL.map(|kind| counts[kind]),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(counts(&mut account, 0), [990, 2_000, 30, 3]);
    assert_eq!(counts(&mut account, 3_600), [1_000, 2_000, 31, 1]);
    assert_eq!(counts(&mut account, 7_200), [1_000, 2_000, 33, 0]);
}

#[test]
fn faults_keep_to_their_time_and_their_calls() {
    let (after_a_minute, minute) = (Duration::from_secs(60), Some(Duration::from_secs(60)));
    let (calls, fault) = (Calls::Data, Fault::Errcode(48001));
    let fault = ScheduledFault { after: after_a_minute, lasts: minute, calls, fault };
    let mut account = account(|account| account.faults = vec![fault]);
    let token = fetched(&mut account, NOON);
    for (seconds, struck) in [(59, false), (60, true), (119, true), (120, false)] {
        let answer = account.material_count(after(seconds), &token).answer;
        assert_eq!(answer == Answer::Error(48001), struck, "{seconds}");
        assert_eq!(fetched(&mut account, after(seconds)), token);
    }
}

#[test]
fn latencies_add_up_and_vary_within_their_bounds() {
    let bounds = |least, most| Latency { least: Duration::from_secs(least), most: Duration::from_secs(most) };
    let mut account = account(|account| account.latency = bounds(2, 3));
    account.set_fault(Some((Calls::All, Fault::Latency(bounds(10, 10)))));
    let delays: Vec<_> = (0..20).map(|_| account.material_count(NOON, "").delay).collect();
    assert!(delays.iter().all(|delay| (12..=13).contains(&delay.as_secs())), "{delays:?}");
    assert!(delays.windows(2).any(|pair| pair[0] != pair[1]));
    account.set_fault(None);
    assert!(account.material_count(NOON, "").delay < Duration::from_secs(4));
}

#[test]
fn in_a_token_flap_a_new_token_helps_once() {
    let mut account = account(|_| {});
    account.set_fault(Some((Calls::All, Fault::TokenFlap)));
    for second in 0..3 {
        let token = fetched(&mut account, after(second));
        let Outcome { answer, .. } = account.material_count(after(second), &token);
        assert!(matches!(answer, Answer::Counts(_)), "{answer:?}");
        assert_eq!(account.material_count(after(second), &token).answer, Answer::Error(40001));
    }
    assert_eq!(account.calls(Endpoint::MaterialCount), 6);
    assert_eq!(account.calls(Endpoint::StableToken), 3);
}

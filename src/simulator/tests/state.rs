//! Tokens, quotas, growth and faults of one account.

use std::time::Duration;

use serde_json::json;

use crate::clock::WallTime;
use crate::config::{Kind, PerKind};
use crate::simulator::Endpoint;
use crate::simulator::account::{AccountState, DataCall, Pass, TokenMode, TokenRequest};
use crate::simulator::answer::{Answer, Outcome};
use crate::simulator::scenario::{Calls, Fault, Latency, ScheduledFault, SimulatedAccount};
use crate::simulator::tests::app_id;
use crate::simulator::token::{self, Grant, Issuer, Refusal, TokenRules, Tokens};

pub(super) const RULES: TokenRules =
    TokenRules { lifetime: Duration::from_secs(7_200), overlap: Duration::from_secs(300) };
/// 2026-07-01 12:00:00 in Shanghai.
pub(super) const NOON: WallTime = WallTime::from_millis(1_782_878_400_000);

pub(super) fn after(seconds: u64) -> WallTime {
    NOON.plus(Duration::from_secs(seconds))
}

fn tokens() -> Tokens {
    Tokens::new(Issuer::new(5, 7), RULES)
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

fn material(account: &mut AccountState, now: WallTime, token: &str) -> Outcome {
    account.data(now, DataCall::Material, Pass::Token(token))
}

fn quota(account: &mut AccountState, now: WallTime, path: &str) -> Answer {
    let token = fetched(account, now);
    account.data(now, DataCall::Quota(path), Pass::Token(&token)).answer
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
    let mut call = |seconds| material(&mut account, after(seconds), &token).answer;
    assert!(matches!(call(40_000), Answer::Counts(_)));
    assert!(matches!(call(40_001), Answer::Counts(_)));
    assert_eq!(call(43_199), Answer::Error(45009));
    assert!(matches!(call(43_200), Answer::Counts(_)));
}

#[test]
fn the_minute_quota_starts_anew_with_the_minute() {
    let mut account = account(|account| account.minute_calls = Some(1));
    let token = fetched(&mut account, NOON);
    let mut call = |seconds| material(&mut account, after(seconds), &token).answer;
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
        match material(account, after(seconds), &token).answer {
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
        let answer = material(&mut account, after(seconds), &token).answer;
        assert_eq!(answer == Answer::Error(48001), struck, "{seconds}");
        assert_eq!(fetched(&mut account, after(seconds)), token);
    }
}

#[test]
fn latencies_add_up_and_vary_within_their_bounds() {
    let bounds = |least, most| Latency { least: Duration::from_secs(least), most: Duration::from_secs(most) };
    let mut account = account(|account| account.latency = bounds(2, 3));
    account.ledger().set_fault(Some((Calls::All, Fault::Latency(bounds(10, 10)))));
    let delays: Vec<_> = (0..20).map(|_| material(&mut account, NOON, "").delay).collect();
    assert!(delays.iter().all(|delay| (12..=13).contains(&delay.as_secs())), "{delays:?}");
    assert!(delays.windows(2).any(|pair| pair[0] != pair[1]));
    account.ledger().set_fault(None);
    assert!(material(&mut account, NOON, "").delay < Duration::from_secs(4));
}

#[test]
fn in_a_token_flap_a_new_token_helps_once() {
    let mut account = account(|_| {});
    account.ledger().set_fault(Some((Calls::All, Fault::TokenFlap)));
    for second in 0..3 {
        let token = fetched(&mut account, after(second));
        let Outcome { answer, .. } = material(&mut account, after(second), &token);
        assert!(matches!(answer, Answer::Counts(_)), "{answer:?}");
        assert_eq!(material(&mut account, after(second), &token).answer, Answer::Error(40001));
    }
    assert_eq!(account.ledger().calls(Endpoint::MaterialCount), 6);
    assert_eq!(account.ledger().calls(Endpoint::StableToken), 3);
}

/// A and B share `/cgi-bin/token` and each believes in its token until it is refused; an exporter
/// beside them lives on its stable token.
#[test]
fn two_services_that_fight_over_plain_tokens_leave_the_stable_token_alone() {
    let mut account = account(|_| {});
    let stable = fetched(&mut account, NOON);
    let plain = |account: &mut AccountState, seconds| match fetch(account, after(seconds), TokenMode::Plain) {
        Answer::Token(grant) => grant.token,
        other => panic!("{other:?}"),
    };
    let mut held = [plain(&mut account, 0), plain(&mut account, 1)];
    let mut refused = [0, 0];
    for minute in 1..=60 {
        let seconds = 60 * minute;
        for (service, held) in held.iter_mut().enumerate() {
            if material(&mut account, after(seconds), held).answer == Answer::Error(40001) {
                refused[service] += 1;
                *held = plain(&mut account, seconds);
                let answer = material(&mut account, after(seconds), held).answer;
                assert!(matches!(answer, Answer::Counts(_)), "{answer:?}");
            }
        }
        let answer = material(&mut account, after(seconds), &stable).answer;
        assert!(matches!(answer, Answer::Counts(_)), "{answer:?}");
    }
    assert!(refused.iter().all(|&times| times >= 5), "each breaks the other again and again: {refused:?}");
    assert_eq!(fetched(&mut account, after(3_600)), stable);
}

#[test]
fn drafts_have_a_quota_of_their_own() {
    let mut account = account(|account| {
        (account.drafts, account.draft_daily_calls, account.daily_calls) = (7, Some(1), Some(1));
    });
    let token = fetched(&mut account, NOON);
    let mut call = |call| account.data(NOON, call, Pass::Token(&token)).answer;
    assert_eq!(call(DataCall::Draft), Answer::Json(json!({"total_count": 7})));
    assert_eq!(call(DataCall::Draft), Answer::Error(45009));
    assert!(matches!(call(DataCall::Material), Answer::Counts(_)));
}

#[test]
fn the_quota_call_tells_the_real_numbers() {
    let mut account = account(|account| {
        (account.daily_calls, account.used_today, account.minute_calls) = (Some(100), 98, Some(60));
    });
    let told = |limit, used, remain, per_minute, seconds| {
        Answer::Json(json!({
            "errcode": 0,
            "errmsg": "ok",
            "quota": {"daily_limit": limit, "used": used, "remain": remain},
            "rate_limit": {"call_count": per_minute, "refresh_second": seconds},
            "component_rate_limit": {"call_count": 0, "refresh_second": 0},
        }))
    };
    let path = Endpoint::MaterialCount.path();
    assert_eq!(quota(&mut account, NOON, path), told(100, 98, 2, 60, 60));
    let token = fetched(&mut account, NOON);
    for _ in 0..3 {
        material(&mut account, NOON, &token);
    }
    assert_eq!(quota(&mut account, NOON, path), told(100, 100, 0, 60, 60));
    let unlimited = quota(&mut account, NOON, Endpoint::DraftCount.path());
    assert_eq!(unlimited, told(0, 0, 0, 60, 60));
    assert_eq!(quota(&mut account, NOON, Endpoint::QuotaGet.path()), told(0, 4, 0, 0, 0));
    assert_eq!(quota(&mut account, after(43_200), path), told(100, 0, 100, 60, 60));
    for (path, errcode) in [
        ("", 76003),
        ("cgi-bin/draft/count", 76003),
        ("/cgi-bin/no_such", 76021),
        ("/token-server/{app_id}", 76021),
        ("/cgi-bin/component/api_component_token", 76022),
    ] {
        assert_eq!(quota(&mut account, NOON, path), Answer::Error(errcode), "{path}");
    }
}

#[test]
fn a_fault_can_strike_one_collector_alone() {
    for (calls, struck) in [
        (Calls::Material, [true, false, false]),
        (Calls::Draft, [false, true, false]),
        (Calls::Quota, [false, false, true]),
        (Calls::Data, [true, true, true]),
        (Calls::Token, [false, false, false]),
    ] {
        let mut account = account(|_| {});
        let token = fetched(&mut account, NOON);
        account.ledger().set_fault(Some((calls, Fault::Errcode(-1))));
        let all = [DataCall::Material, DataCall::Draft, DataCall::Quota("/cgi-bin/token")];
        let seen = all.map(|call| account.data(NOON, call, Pass::Token(&token)).answer == Answer::Error(-1));
        assert_eq!(seen, struck, "{calls:?}");
    }
}

#[test]
fn a_cloud_token_is_pushed_each_ten_minutes_and_lives_thirty() {
    let mut account = account(|account| account.cloud = true);
    let first = account.cloud_token(NOON).token;
    assert_eq!(account.cloud_token(after(599)).token, first);
    let second = account.cloud_token(after(600)).token;
    assert_ne!(first, second);
    assert_eq!(account.check_cloud(after(1_799), &first), Ok(()));
    assert_eq!(account.check_cloud(after(1_800), &first), Err(42001));
    assert_eq!(account.check_cloud(after(1_800), &second), Ok(()));
    assert_eq!(material(&mut account, NOON, &first).answer, Answer::Error(40001), "not as access_token");
}

use std::collections::BTreeSet;

use super::*;
use crate::config::{BaseUrl, Budget, Collect, Endpoint, Limits};
use crate::platform::answer::Listed;
use crate::secret::Secret;

fn id(n: u64) -> AppId {
    AppId::parse(&format!("wx{n:016x}")).unwrap()
}

fn ids(numbers: &[u64]) -> BTreeSet<AppId> {
    numbers.iter().map(|&n| id(n)).collect()
}

fn settings(include: &[u64], exclude: &[u64]) -> Discovery {
    let base_url = BaseUrl::parse("https://api.weixin.qq.com").unwrap();
    Discovery {
        include: ids(include),
        exclude: ids(exclude),
        info_labels: Box::default(),
        interval: Duration::from_secs(600),
        hold: Duration::from_secs(259_200),
        collect: Collect::default(),
        limits: Limits::default(),
        budget: Budget::default(),
        endpoint: Arc::new(Endpoint { base_url, fallback: None, proxy: None }),
    }
}

fn roster(include: &[u64], exclude: &[u64]) -> Roster {
    let platform = PlatformName::parse("agency").unwrap();
    Roster::new(settings(include, exclude), platform, &AuthorizerToken::Fetched)
}

fn listed(auth_time: u64) -> Listed {
    Listed { auth_time, refresh_token: Some(Secret::new("refresh".into())) }
}

fn list(numbers: &[u64]) -> List {
    numbers.iter().map(|&n| (id(n), listed(1))).collect()
}

fn official(nickname: &str) -> Profile {
    Profile::Official { nickname: nickname.into() }
}

fn due(roster: &Roster, now: Instant) -> BTreeSet<AppId> {
    roster.due(now).into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_profile_is_asked_for_once_then_daily_or_after_a_new_authorisation() {
    let now = Instant::now();
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1, 2]));
    assert_eq!(due(&roster, now), ids(&[1, 2]));
    roster.see(&id(1), official("a"), now);
    roster.see(&id(2), official("b"), now);
    assert!(due(&roster, now + PROFILE_LIFE - Duration::from_secs(1)).is_empty());
    assert_eq!(due(&roster, now + PROFILE_LIFE), ids(&[1, 2]));
    roster.take_list(&List::from([(id(1), listed(2)), (id(2), listed(1))]));
    assert_eq!(due(&roster, now), ids(&[1]));
}

#[test]
fn include_and_exclude_are_heeded() {
    let now = Instant::now;
    let mut all = roster(&[], &[2]);
    all.take_list(&list(&[1, 2, 3]));
    assert_eq!(due(&all, now()), ids(&[1, 3]));
    let mut some = roster(&[1, 2], &[2]);
    some.take_list(&list(&[1, 2, 3]));
    assert_eq!(due(&some, now()), ids(&[1]));
}

#[test]
fn an_authorizer_goes_after_two_lists_without_it() {
    let mut roster = roster(&[], &[]);
    assert!(roster.take_list(&list(&[1, 2])).is_empty());
    roster.see(&id(1), official("a"), Instant::now());
    assert!(roster.announce(&id(1), "a").is_some());
    assert!(roster.take_list(&list(&[2])).is_empty());
    assert!(roster.take_list(&list(&[1, 2])).is_empty(), "it came back");
    assert!(roster.take_list(&list(&[2])).is_empty());
    assert_eq!(roster.take_list(&list(&[2])), [id(1)]);
    assert_eq!(roster.forget(&id(1)).unwrap().as_str(), id(1).as_str());
    assert_eq!(roster.verdict(&id(1)), Verdict::Unknown);
}

#[test]
fn a_lost_authorizer_stays_away_until_it_is_authorised_anew() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1]));
    roster.see(&id(1), official("a"), Instant::now());
    roster.announce(&id(1), "a");
    assert!(roster.lose(&id(1)).is_some());
    assert!(roster.lose(&id(1)).is_none(), "it goes once");
    roster.take_list(&list(&[1]));
    assert_eq!(roster.verdict(&id(1)), Verdict::Unknown);
    assert!(roster.due(Instant::now()).is_empty());
    roster.take_list(&List::from([(id(1), listed(2))]));
    assert_eq!(roster.verdict(&id(1)), Verdict::Polled("a".into()));
    assert_eq!(roster.due(Instant::now()), [id(1)]);
}

#[test]
fn reasons_not_to_poll_are_told_apart() {
    let mut roster = roster(&[], &[]);
    let mut authorizers = list(&[1, 2, 3]);
    authorizers.insert(id(4), Listed { auth_time: 1, refresh_token: None });
    roster.take_list(&authorizers);
    let profiles = [Profile::MiniProgram, Profile::NotPermitted, official("a"), official("b")];
    for (n, profile) in (1..).zip(profiles) {
        roster.see(&id(n), profile, Instant::now());
    }
    let verdicts = [1, 2, 3, 4].map(|n| roster.verdict(&id(n)));
    let expected = [
        Verdict::Skipped(AuthorizerState::MiniProgram),
        Verdict::Skipped(AuthorizerState::NoPermission),
        Verdict::Polled("a".into()),
        Verdict::Skipped(AuthorizerState::NoRefreshToken),
    ];
    assert_eq!(verdicts, expected);
    // One that is polled lives on its last grant.
    roster.announce(&id(3), "a");
    authorizers.insert(id(3), Listed { auth_time: 1, refresh_token: None });
    roster.take_list(&authorizers);
    assert_eq!(roster.verdict(&id(3)), Verdict::Polled("a".into()));
}

#[test]
fn an_account_is_announced_when_it_is_new_or_renamed() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1]));
    let account = roster.announce(&id(1), "品牌").unwrap();
    assert_eq!((account.name.as_str(), &*account.display_name), (id(1).as_str(), "品牌"));
    assert_eq!((account.token.platform(), account.interval), ("agency", Duration::from_secs(600)));
    assert_eq!(roster.announce(&id(1), "品牌"), None);
    assert_eq!(&*roster.announce(&id(1), "新品牌").unwrap().display_name, "新品牌");
}

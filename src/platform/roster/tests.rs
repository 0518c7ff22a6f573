use std::collections::BTreeSet;

use super::*;
use crate::config::token::{FileSource, ReadOnlySource, Template};
use crate::config::{BaseUrl, Budget, Collect, Endpoint, Limits};
use crate::platform::answer::Listed;
use crate::secret::Secret;
use crate::shard::Shard;

fn id(n: u64) -> AppId {
    AppId::parse(&format!("wx{n:016x}")).unwrap()
}

fn ids(numbers: &[u64]) -> BTreeSet<AppId> {
    numbers.iter().map(|&n| id(n)).collect()
}

/// Settings that name these authorizers.
pub(in crate::platform) fn settings(include: &[u64], exclude: &[u64]) -> Discovery {
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
        pin: None,
        shard: Shard::default(),
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

const NOW: WallTime = WallTime::from_millis(1_795_435_200_000);
const ALMOST_A_DAY: Duration = Duration::from_secs(24 * 3_600 - 1);

fn see(roster: &mut Roster, n: u64, profile: Profile) {
    roster.see(&id(n), Seen { profile, at: NOW, auth_time: 1 });
}

fn due(roster: &mut Roster, now: WallTime) -> BTreeSet<AppId> {
    roster.due(now).into_iter().collect()
}

fn known(roster: &Roster) -> BTreeSet<AppId> {
    roster.app_ids().into_iter().collect()
}

#[test]
fn a_profile_is_asked_for_once_then_daily_or_after_a_new_authorisation() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1, 2]));
    assert_eq!(due(&mut roster, NOW), ids(&[1, 2]));
    see(&mut roster, 1, official("a"));
    see(&mut roster, 2, official("b"));
    let day = NOW.plus(PROFILE_LIFE);
    assert!(due(&mut roster, NOW.plus(ALMOST_A_DAY)).is_empty());
    assert_eq!(due(&mut roster, day), ids(&[1, 2]));
    roster.take_list(&List::from([(id(1), listed(2)), (id(2), listed(1))]));
    assert_eq!(due(&mut roster, NOW), ids(&[1]));
    assert_eq!(roster.due_since(&id(1), NOW), Some(2));
    assert_eq!(roster.due_since(&id(2), NOW), None);
}

#[test]
fn a_profile_from_the_future_lives_no_longer_than_a_day() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1]));
    let at = NOW.plus(PROFILE_LIFE * 365);
    roster.see(&id(1), Seen { profile: official("a"), at, auth_time: 1 });
    assert!(due(&mut roster, NOW).is_empty());
    assert!(due(&mut roster, NOW.plus(ALMOST_A_DAY)).is_empty());
    assert_eq!(due(&mut roster, NOW.plus(PROFILE_LIFE)), ids(&[1]));
}

#[test]
fn include_and_exclude_are_heeded() {
    let mut all = roster(&[], &[2]);
    all.take_list(&list(&[1, 2, 3]));
    assert_eq!(due(&mut all, NOW), ids(&[1, 3]));
    let mut some = roster(&[1, 2], &[2]);
    some.take_list(&list(&[1, 2, 3]));
    assert_eq!(due(&mut some, NOW), ids(&[1]));
}

#[test]
fn other_settings_leave_some_out_and_tell_when_more_may_be_wanted() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1, 2, 3]));
    see(&mut roster, 2, official("b"));
    let narrower = settings(&[], &[2]);
    assert!(!roster.is_narrower_than(&narrower));
    let left_out = roster.resettle(narrower, &AuthorizerToken::Fetched);
    let seen = Seen { profile: official("b"), at: NOW, auth_time: 1 };
    assert_eq!(left_out, [(id(2), Some(seen))]);
    assert_eq!(known(&roster), ids(&[1, 3]));
    let wider = [settings(&[], &[]), settings(&[], &[3]), settings(&[2], &[])];
    assert_eq!(wider.each_ref().map(|settings| roster.is_narrower_than(settings)), [true; 3]);
    let not_wider = [settings(&[1], &[2]), settings(&[], &[1, 2]), settings(&[], &[2])];
    assert_eq!(not_wider.each_ref().map(|settings| roster.is_narrower_than(settings)), [false; 3]);
    roster.resettle(settings(&[1], &[]), &AuthorizerToken::Fetched);
    assert!(roster.is_narrower_than(&settings(&[], &[])) && roster.is_narrower_than(&settings(&[1, 5], &[])));
    assert!(!roster.is_narrower_than(&settings(&[1], &[7])));
}

#[test]
fn an_authorizer_goes_after_two_lists_without_it() {
    let mut roster = roster(&[], &[]);
    assert!(roster.take_list(&list(&[1, 2])).is_empty());
    see(&mut roster, 1, official("a"));
    assert!(roster.announce(&id(1), "a").is_some());
    assert!(roster.take_list(&list(&[2])).is_empty());
    assert!(roster.take_list(&list(&[1, 2])).is_empty(), "it came back");
    assert!(roster.take_list(&list(&[2])).is_empty());
    assert_eq!(roster.take_list(&list(&[2])), [id(1)]);
    assert_eq!(roster.verdict(&id(1)), Verdict::Unknown);
}

#[test]
fn a_lost_authorizer_stays_away_until_it_is_authorised_anew() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1]));
    see(&mut roster, 1, official("a"));
    roster.announce(&id(1), "a");
    roster.lose(&id(1));
    roster.take_list(&list(&[1]));
    assert_eq!(roster.verdict(&id(1)), Verdict::Unknown);
    assert!(due(&mut roster, NOW).is_empty());
    roster.take_list(&List::from([(id(1), listed(2))]));
    assert_eq!(roster.verdict(&id(1)), Verdict::Polled("a".into()));
    assert_eq!(due(&mut roster, NOW), ids(&[1]));
    assert!(roster.announce(&id(1), "a").is_some(), "it comes back");
}

#[test]
fn reasons_not_to_poll_are_told_apart() {
    let mut roster = roster(&[], &[]);
    let mut authorizers = list(&[1, 2, 3]);
    authorizers.insert(id(4), Listed { auth_time: 1, refresh_token: None });
    roster.take_list(&authorizers);
    let profiles = [Profile::MiniProgram, Profile::NotPermitted, official("a"), official("b")];
    for (n, profile) in (1..).zip(profiles) {
        see(&mut roster, n, profile);
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
fn a_refresh_token_is_needed_only_where_tokens_are_fetched() {
    let mut roster = roster(&[], &[]);
    let path = Template::new("/run/tokens/{app_id}");
    let file = FileSource { path, pointer: None };
    let kept_elsewhere = AuthorizerToken::ReadOnly(Arc::new(ReadOnlySource::File(file)));
    roster.take_list(&List::from([(id(1), Listed { auth_time: 1, refresh_token: None })]));
    see(&mut roster, 1, official("a"));
    roster.resettle(settings(&[], &[]), &kept_elsewhere);
    assert_eq!(roster.verdict(&id(1)), Verdict::Polled("a".into()));
    roster.announce(&id(1), "a");
    roster.resettle(settings(&[], &[]), &AuthorizerToken::Fetched);
    assert_eq!(roster.verdict(&id(1)), Verdict::Skipped(AuthorizerState::NoRefreshToken));
}

#[test]
fn an_account_is_announced_when_it_is_new_or_another_one() {
    let mut roster = roster(&[], &[]);
    roster.take_list(&list(&[1]));
    let account = roster.announce(&id(1), "品牌").unwrap();
    assert_eq!((account.name.as_str(), &*account.display_name), (id(1).as_str(), "品牌"));
    assert_eq!((account.token.platform(), account.interval), ("agency", Duration::from_secs(600)));
    assert_eq!(roster.announce(&id(1), "品牌"), None);
    assert_eq!(&*roster.announce(&id(1), "新品牌").unwrap().display_name, "新品牌");
    let slower = Discovery { interval: Duration::from_secs(900), ..settings(&[], &[]) };
    roster.resettle(slower, &AuthorizerToken::Fetched);
    assert_eq!(roster.announce(&id(1), "新品牌").unwrap().interval, Duration::from_secs(900));
    roster.withdraw(&id(1));
    assert!(roster.announce(&id(1), "新品牌").is_some());
}

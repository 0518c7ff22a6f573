use std::time::Duration;

use super::*;
use crate::config::platform::{AuthorizerToken, ComponentToken};
use crate::config::token::{FileSource, ReadOnlySource, Template};
use crate::platform::answer::{Listed, Profile};
use crate::platform::roster::tests::settings;
use crate::secret::Secret;
use crate::state::restored::FormerPlatforms;
use crate::state::saver::Saver;

const NOW: WallTime = WallTime::from_millis(1_795_435_200_000);

fn id() -> AppId {
    AppId::parse("wx00000000000000aa").unwrap()
}

fn no_profiles() -> Profiles {
    Profiles::new(FormerPlatforms::default(), Saver::off())
}

/// Members of the platform `name`, with the one authorizer [`id`].
fn members(name: &str, claims: &Arc<Claims>) -> Members {
    let settings = settings(&[], &[]);
    let file = FileSource { path: Template::new("/run/component"), pointer: None };
    let platform = Platform {
        name: PlatformName::parse(name).unwrap(),
        component_app_id: AppId::parse("wxcomponent00000").unwrap(),
        endpoint: Arc::clone(&settings.endpoint),
        component_token: ComponentToken::ReadOnly(Arc::new(ReadOnlySource::File(file))),
        authorizer_token: AuthorizerToken::Fetched,
        discovery: Some(settings.clone()),
        refresh_interval: Duration::from_secs(3_600),
    };
    let mut members = Members::new(&platform, settings, Arc::clone(claims));
    let listed = Listed { auth_time: 1, refresh_token: Some(Secret::new("refresh".into())) };
    assert_eq!(members.take_list(&List::from([(id(), listed)]), &no_profiles(), NOW), [id()]);
    members.see(&id(), Seen { profile: Profile::Official { nickname: "a".into() }, at: NOW, auth_time: 1 });
    members
}

/// What is told: through which platform an account comes, or that it goes.
fn told(members: &mut Members) -> String {
    let (sender, mut receiver) = mpsc::channel(1);
    members.tell(sender.try_reserve().unwrap());
    match receiver.try_recv().unwrap() {
        FleetChange::Set(account) => account.token.platform().to_owned(),
        FleetChange::Gone(_) => "gone".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_account_changes_hands_only_after_its_end_was_told() {
    let claims = Arc::default();
    let (mut first, mut second) = (members("first", &claims), members("second", &claims));
    assert_eq!(told(&mut first), "first");
    assert!(!second.has_news());
    first.lose(&id(), &no_profiles(), NOW);
    second.judge_all();
    assert!(!second.has_news(), "the scheduler polls it still");
    assert_eq!(told(&mut first), "gone");
    second.judge_all();
    assert_eq!(told(&mut second), "second");
    assert!(!first.has_news() && !second.has_news());
}

#[test]
fn an_account_that_nobody_was_told_of_changes_hands_at_once() {
    let claims = Arc::default();
    let (mut first, mut second) = (members("first", &claims), members("second", &claims));
    first.lose(&id(), &no_profiles(), NOW);
    assert!(!first.has_news());
    second.judge_all();
    assert_eq!(told(&mut second), "second");
}

#[test]
fn an_account_listed_by_hand_is_handed_over_once() {
    let claims: Arc<Claims> = Arc::default();
    let mut members = members("agency", &claims);
    assert_eq!(members.yield_to_hand(&id()), None, "it is not listed");
    told(&mut members);
    claims.list_by_hand([id()].into());
    assert_eq!(members.yield_to_hand(&id()).unwrap().as_str(), id().as_str());
    assert_eq!(members.yield_to_hand(&id()), None);
    members.judge_all();
    assert!(!members.has_news());
    claims.list_by_hand([].into());
    members.judge_all();
    assert_eq!(told(&mut members), "agency");
}

#[test]
fn a_platform_that_ends_hands_over_what_was_told_and_leaves_its_profiles() {
    let claims = Arc::default();
    let profiles = no_profiles();
    let (mut told_of, mut losing, never_told) =
        (members("first", &claims), members("second", &Arc::default()), members("third", &Arc::default()));
    told(&mut told_of);
    told(&mut losing);
    losing.lose(&id(), &no_profiles(), NOW);
    for (members, handed_over) in [(told_of, 1), (losing, 1), (never_told, 0)] {
        let platform = members.platform.clone();
        assert_eq!(members.dissolve(&profiles).len(), handed_over);
        assert!(profiles.take(&platform, &id()).is_some());
    }
    let mut next = members("next", &claims);
    assert_eq!(told(&mut next), "next", "it was released");
}

#[test]
fn a_kept_profile_answers_in_place_of_the_platform_if_it_is_good() {
    let claims: Arc<Claims> = Arc::default();
    let profiles = no_profiles();
    let mut members = members("agency", &claims);
    let listed = Listed { auth_time: 2, refresh_token: Some(Secret::new("refresh".into())) };
    let name = members.platform.clone();
    let mut asks = |auth_time, at| {
        let profile = Profile::Official { nickname: "kept".into() };
        profiles.put_back(&name, [(id(), Seen { profile, at, auth_time })].into_iter());
        members.take_list(&List::from([(id(), listed.clone())]), &profiles, NOW);
        members.ask(&id(), &profiles, NOW)
    };
    let day = Duration::from_secs(24 * 3_600);
    assert_eq!(asks(1, NOW), Some(2), "of another authorisation");
    assert_eq!(asks(2, WallTime::from_millis(NOW.millis() - 24 * 3_600_000)), Some(2), "too old");
    assert_eq!(asks(2, NOW.plus(day)), None, "from the future");
    assert_eq!(members.roster.due_since(&id(), NOW.plus(day)), Some(2), "for a day from now");
    claims.list_by_hand([id()].into());
    assert_eq!(members.ask(&id(), &profiles, NOW.plus(day)), None, "nothing is asked of the hand-listed");
}

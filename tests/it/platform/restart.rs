//! What a former run has left of a platform.

use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::clock::{Clock, WallTime};
use wechat_material_exporter::config::{AppId, PlatformName};
use wechat_material_exporter::platform::Profile;
use wechat_material_exporter::state::record::{SavedList, SavedProfile};
use wechat_material_exporter::state::restored::FormerPlatforms;

use super::discovery::{OFTEN, ONCE, named};
use super::running::{Setting, failing, id};
use super::world::{Api, COMPONENT, GRANT, LIST, OTHER_COMPONENT, PROFILE, app_id, error, official};

const HOUR: Duration = Duration::from_secs(3_600);

/// A profile of the platform `agency`, asked for so long ago.
pub(super) fn saved(n: u64, age: Duration, nickname: &str) -> SavedProfile {
    let age = i64::try_from(age.as_millis()).unwrap();
    SavedProfile {
        platform: PlatformName::parse("agency").unwrap(),
        app_id: id(n),
        auth_time: official(n).1.auth_time,
        asked_at: WallTime::from_millis(Clock::System.now().millis() - age),
        profile: Profile::Official { nickname: nickname.into() },
    }
}

#[tokio::test]
async fn profiles_that_are_young_and_of_this_authorisation_are_not_asked_for_again() {
    let api = Api::start(6).await;
    let other_authorisation = SavedProfile { auth_time: 1_600_000_000, ..saved(2, HOUR, "kept") };
    let mini_program = SavedProfile { profile: Profile::MiniProgram, ..saved(4, HOUR, "kept") };
    let other_platform =
        SavedProfile { platform: PlatformName::parse("other").unwrap(), ..saved(5, HOUR, "kept") };
    let saved = vec![
        saved(0, HOUR, "kept"),
        saved(1, 24 * HOUR, "kept"),
        other_authorisation,
        mini_program,
        other_platform,
        saved(9, HOUR, "no authorizer"),
    ];
    let mut running = Setting::new(&api).with_discovery(ONCE).start_with(saved, &[]).await;
    running.follow("five accounts", |running| running.fleet.len() == 5).await;
    running.counted([5, 1, 0, 0, 0]).await;
    assert_eq!(named(&api.calls(PROFILE)), [1, 2, 3, 5].map(app_id));
    assert_eq!((running.nickname(0), running.nickname(1)), ("kept", "account 1"));
}

#[tokio::test]
async fn a_restart_costs_the_list_alone() {
    let api = Api::start(1_100).await;
    let saved = (0..1_100).map(|n| saved(n, HOUR, "kept")).collect();
    let mut running = Setting::new(&api).with_discovery(ONCE).start_with(saved, &[]).await;
    running.follow("all accounts", |running| running.fleet.len() == 1_100).await;
    running.counted([1_100, 0, 0, 0, 0]).await;
    assert_eq!((api.count(LIST), api.count(PROFILE)), (3, 0));
}

#[tokio::test]
async fn a_profile_from_the_future_is_used() {
    let api = Api::start(1).await;
    let at = Clock::System.now().plus(1_000 * HOUR);
    let saved = SavedProfile { asked_at: at, ..saved(0, HOUR, "kept") };
    let mut running = Setting::new(&api).with_discovery(ONCE).start_with(vec![saved], &[]).await;
    running.follow("the account", |running| running.fleet.len() == 1).await;
    assert_eq!((running.nickname(0), api.count(PROFILE)), ("kept", 0));
}

/// What a run left that read the list of `component` so long ago, and polled the accounts `polled`.
fn former(component: &str, age: Duration, profiles: Vec<SavedProfile>, polled: &[u64]) -> FormerPlatforms {
    let list = SavedList {
        platform: PlatformName::parse("agency").unwrap(),
        component_app_id: AppId::parse(component).unwrap(),
        read_at: WallTime::from_millis(
            Clock::System.now().millis() - i64::try_from(age.as_millis()).unwrap(),
        ),
    };
    FormerPlatforms { profiles, lists: vec![list], polled: polled.iter().map(|&n| id(n)).collect() }
}

#[tokio::test]
async fn a_list_that_is_not_due_is_not_read_and_its_accounts_are_there_at_once() {
    let api = Api::start(4).await;
    let mut setting = Setting::new(&api).with_discovery(ONCE);
    setting.discovery().exclude = [id(3)].into();
    let mini_program = SavedProfile { profile: Profile::MiniProgram, ..saved(2, HOUR, "kept") };
    // The profile is old; it is asked for again after the next list.
    let profiles =
        vec![saved(0, 48 * HOUR, "kept"), saved(1, HOUR, "by hand"), mini_program, saved(3, HOUR, "")];
    let former = former(COMPONENT, Duration::from_secs(60), profiles, &[0, 1, 3]);
    let mut running = setting.start_after(former, &[1]).await;
    running.follow("the account", |running| running.fleet.len() == 1).await;
    running.counted([1, 1, 0, 0, 1]).await;
    assert_eq!((running.nickname(0), api.count(LIST), api.count(PROFILE)), ("kept", 0, 0));

    // A grant needs a refresh token, which is never kept: the list is read for it, once.
    let (first, second) = tokio::join!(running.ask(0), running.ask(0));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((api.count(LIST), api.count(GRANT)), (1, 2));
}

#[tokio::test]
async fn accounts_of_a_former_run_stay_while_the_platform_is_parked() {
    let api = Api::start(2).await;
    api.plan(LIST, [error(61004, "access clientip is not registered")]);
    let profiles = vec![saved(0, HOUR, "kept"), saved(1, HOUR, "kept")];
    let mut running = Setting::new(&api)
        .with_discovery(ONCE)
        .start_after(former(COMPONENT, 48 * HOUR, profiles, &[0, 1]), &[])
        .await;
    running.follow("both accounts", |running| running.fleet.len() == 2).await;
    let parked = Some(("ip", Some(61004)));
    let store = Arc::clone(&running.store);
    running.follow_until("the park", || failing(&store.platforms()[0]) == parked).await;
    assert_eq!((running.fleet.len(), api.count(LIST)), (2, 1));
}

#[tokio::test]
async fn what_a_former_run_knew_goes_by_the_list_like_all_else() {
    let api = Api::start(1).await;
    let profiles =
        vec![saved(0, HOUR, "kept"), saved(7, HOUR, "gone meanwhile"), saved(8, HOUR, "not polled")];
    let mut running = Setting::new(&api)
        .with_discovery(OFTEN)
        .start_after(former(COMPONENT, HOUR, profiles, &[0, 7]), &[])
        .await;
    running.follow("one account comes and goes", |running| running.gone == [app_id(7)]).await;
    assert_eq!(running.fleet.keys().cloned().collect::<Vec<_>>(), [app_id(0)]);
}

#[tokio::test]
async fn another_component_is_asked_for_its_own_list() {
    let api = Api::start(1).await;
    let former = former(OTHER_COMPONENT, Duration::ZERO, vec![saved(5, HOUR, "another's")], &[5]);
    let mut running = Setting::new(&api).with_discovery(ONCE).start_after(former, &[]).await;
    running.counted([1, 0, 0, 0, 0]).await;
    running.follow("its own account", |running| running.fleet.len() == 1).await;
    assert_eq!((running.nickname(0), api.count(LIST)), ("account 0", 1));
}

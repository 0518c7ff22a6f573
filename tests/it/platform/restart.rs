//! Profiles that a former run has left.

use std::time::Duration;

use wechat_material_exporter::clock::{Clock, WallTime};
use wechat_material_exporter::config::PlatformName;
use wechat_material_exporter::platform::Profile;
use wechat_material_exporter::state::record::SavedProfile;

use super::discovery::{ONCE, named};
use super::running::{Setting, id};
use super::world::{Api, LIST, PROFILE, app_id, official};

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

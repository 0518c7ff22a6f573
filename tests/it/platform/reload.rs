//! Platforms under another configuration.

use std::time::Duration;

use wechat_material_exporter::store::LastPoll;
use wiremock::ResponseTemplate;

use super::NOT_REGISTERED;
use super::discovery::{OFTEN, ONCE, named};
use super::running::{Running, Setting, id, token};
use super::world::{Api, GRANT, LIST, OTHER_COMPONENT, PROFILE, TOKEN, app_id, error};
use crate::program::eventually;

/// So many accounts at work, all told and counted.
async fn at_work(setting: &Setting, count: u64) -> Running {
    let mut running = setting.start().await;
    let len = usize::try_from(count).unwrap();
    running.follow("all accounts", |running| running.fleet.len() == len).await;
    running.counted([count, 0, 0, 0, 0]).await;
    running
}

fn app_ids(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(app_id).collect()
}

#[tokio::test]
async fn a_platform_that_is_configured_as_before_goes_on_as_before() {
    let api = Api::start(3).await;
    let setting = Setting::new(&api).with_ticket().with_discovery(ONCE);
    let mut running = at_work(&setting, 3).await;
    running.ask(0).await.unwrap();
    for _ in 0..3 {
        assert!(running.reload(&[&setting], &[]).await.is_empty());
    }
    running.ask(1).await.unwrap();
    assert_eq!([TOKEN, LIST, PROFILE].map(|call| api.count(call)), [1, 1, 3]);
    assert_eq!(running.shown().last_call, LastPoll::Succeeded);
    // And its discovery is at work.
    api.world().denied.insert(app_id(2));
    running.ask(2).await.unwrap_err();
    running.follow("an end", |running| running.gone == [app_id(2)]).await;
    running.counted([2, 0, 0, 0, 0]).await;
}

#[tokio::test]
async fn a_park_outlasts_a_reload_unless_the_connection_changes() {
    let api = Api::start(1).await;
    let setting = Setting::new(&api).with_ticket();
    let mut running = setting.start().await;
    api.plan(GRANT, [error(61004, NOT_REGISTERED)]);
    running.ask(0).await.unwrap_err();
    let slower = setting.clone().with_discovery(ONCE);
    for same_connection in [&setting, &slower, &setting] {
        assert!(running.reload(&[same_connection], &[]).await.is_empty());
        assert_eq!(running.failing(), Some(("ip", Some(61004))));
        running.ask(0).await.unwrap_err();
    }
    assert_eq!((api.count(GRANT), api.count(LIST)), (1, 1), "a park is a park");
    let other_token = setting.clone().with_token_file("other", &api.world().component_token);
    assert!(running.reload(&[&other_token], &[]).await.is_empty());
    assert_eq!(running.shown().last_call, LastPoll::Pending);
    assert_eq!(running.ask(0).await.unwrap().value, token(0));
    assert_eq!(running.failing(), None);
}

#[tokio::test]
async fn returned_refresh_tokens_survive_every_change_of_the_connection() {
    let api = Api::start(1).await;
    api.world().rotates = true;
    let first = Setting::new(&api);
    let mut running = first.start().await;
    let ask = async |running: &Running| running.ask_all(1, Some("refreshtoken@@@0")).await.remove(0).unwrap();
    ask(&running).await;
    let by_ticket = first.clone().with_ticket();
    running.reload(&[&by_ticket], &[]).await;
    ask(&running).await;
    running.reload(&[], &[]).await;
    assert!(running.shown_of("agency").is_none());
    running.reload(&[&by_ticket], &[]).await;
    ask(&running).await;
    assert_eq!((api.count(GRANT), api.count(LIST)), (3, 0));
}

#[tokio::test]
async fn a_fetched_component_token_survives_what_does_not_concern_it() {
    let api = Api::start(1).await;
    let setting = Setting::new(&api).with_ticket();
    let mut running = setting.start().await;
    running.ask(0).await.unwrap();
    let elsewhere = setting.clone().with_authorizer_files();
    running.reload(&[&elsewhere], &[]).await;
    running.reload(&[&setting], &[]).await;
    running.ask(0).await.unwrap();
    assert_eq!((api.count(TOKEN), api.count(GRANT)), (1, 2));
}

#[tokio::test]
async fn other_settings_are_announced_without_a_question() {
    let api = Api::start(4).await;
    let setting = Setting::new(&api).with_discovery(ONCE);
    let mut running = at_work(&setting, 4).await;
    let mut slower = setting.clone();
    slower.discovery().interval = Duration::from_secs(900);
    assert!(running.reload(&[&slower], &[]).await.is_empty());
    let is_slower = |running: &Running| {
        running.fleet.values().all(|account| account.interval == Duration::from_secs(900))
    };
    running.follow("other settings", is_slower).await;
    assert_eq!((running.fleet.len(), api.count(LIST), api.count(PROFILE)), (4, 1, 4));

    slower.discovery().exclude = [id(1), id(2)].into();
    assert_eq!(running.reload(&[&slower], &[]).await, app_ids([1, 2]));
    running.counted([2, 0, 0, 0, 0]).await;
    assert_eq!((running.fleet.len(), api.count(LIST)), (2, 1));

    slower.discovery().exclude = [id(2), id(3)].into();
    assert_eq!(running.reload(&[&slower], &[]).await, app_ids([3]));
    running.follow("one that is included", |running| running.fleet.contains_key(&app_id(1))).await;
    running.counted([2, 0, 0, 0, 0]).await;
    assert_eq!((api.count(LIST), api.count(PROFILE)), (2, 4), "its profile was known");
}

#[tokio::test]
async fn a_shorter_refresh_interval_begins_now() {
    let api = Api::start(1).await;
    let setting = Setting::new(&api).with_discovery(ONCE);
    let mut running = at_work(&setting, 1).await;
    running.reload(&[&setting.clone().with_discovery(OFTEN)], &[]).await;
    eventually("more rounds", || api.count(LIST) > 3).await;
    running.reload(&[&setting], &[]).await;
    assert!(running.fleet.len() == 1 && running.gone.is_empty());
}

#[tokio::test]
async fn another_connection_goes_on_with_the_accounts_that_are_known() {
    let (old_api, api) = (Api::start(40).await, Api::start(41).await);
    let setting = Setting::new(&old_api).with_discovery(ONCE);
    let mut running = at_work(&setting, 40).await;
    let other = Setting::new(&api).with_discovery(ONCE);
    assert!(running.reload(&[&other], &[]).await.is_empty());
    assert_eq!(running.shown().authorizers, Some([40, 0, 0, 0, 0]));
    running.follow("the last account", |running| running.fleet.len() == 41).await;
    running.counted([41, 0, 0, 0, 0]).await;
    assert_eq!(named(&api.calls(PROFILE)), [app_id(40)]);
    let at_new_place =
        |running: &Running| running.fleet.values().all(|account| account.endpoint == other.platform.endpoint);
    running.follow("the other endpoint", at_new_place).await;
    running.ask(0).await.unwrap();
    assert_eq!((old_api.count(GRANT), api.count(GRANT)), (0, 1));
}

#[tokio::test]
async fn a_round_that_another_connection_interrupts_is_made_by_the_new_one() {
    let (old_api, api) = (Api::start(5).await, Api::start(5).await);
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(4));
    old_api.plan(PROFILE, (0..5).map(|_| slow.clone()));
    let setting = Setting::new(&old_api).with_discovery(ONCE);
    let mut running = setting.start().await;
    eventually("questions", || old_api.count(PROFILE) == 5).await;
    let other = Setting::new(&api).with_discovery(ONCE);
    running.reload(&[&other], &[]).await;
    running.follow("all accounts", |running| running.fleet.len() == 5).await;
    running.counted([5, 0, 0, 0, 0]).await;
    eventually("the list", || api.count(LIST) == 1).await;
    assert_eq!(named(&api.calls(PROFILE)), app_ids(0..5));
}

#[tokio::test]
async fn another_component_is_another_platform() {
    let (old_api, api) = (Api::start(3).await, Api::start(4).await);
    api.world().component = OTHER_COMPONENT.into();
    let mut running = at_work(&Setting::new(&old_api).with_discovery(ONCE), 3).await;
    let other = Setting::new(&api).of_component("agency", OTHER_COMPONENT).with_discovery(ONCE);
    assert_eq!(running.reload(&[&other], &[]).await, app_ids(0..3));
    running.follow("its accounts", |running| running.fleet.len() == 4).await;
    running.counted([4, 0, 0, 0, 0]).await;
}

#[tokio::test]
async fn discovery_can_be_switched_off_and_on() {
    let api = Api::start(3).await;
    let without = Setting::new(&api);
    let with = without.clone().with_discovery(ONCE);
    let mut running = at_work(&with, 3).await;
    assert_eq!(running.reload(&[&without], &[]).await, app_ids(0..3));
    assert_eq!(running.shown().authorizers, None);
    assert_eq!(running.shown().last_call, LastPoll::Succeeded);
    assert!(running.reload(&[&with], &[]).await.is_empty());
    running.follow("all accounts", |running| running.fleet.len() == 3).await;
    running.counted([3, 0, 0, 0, 0]).await;
    assert_eq!((api.count(LIST), api.count(PROFILE)), (2, 3), "the profiles were known");
    // And it hears again of accounts that are lost.
    api.world().denied.insert(app_id(0));
    running.ask(0).await.unwrap_err();
    running.follow("an end", |running| running.gone == [app_id(0)]).await;
}

#[tokio::test]
async fn a_removed_platform_is_gone_even_if_nobody_takes_its_accounts() {
    let api = Api::start(100).await;
    let setting = Setting::new(&api).with_discovery(OFTEN);
    let mut running = setting.start().await;
    // The channel is full, and more are waiting.
    eventually("profiles", || running.changes.len() == 16 && api.count(PROFILE) == 100).await;
    let late = running.handle();
    assert_eq!(running.reload(&[], &[]).await.len(), 16);
    assert!(running.fleet.is_empty() && running.shown_of("agency").is_none());
    api.plan(GRANT, [error(61004, NOT_REGISTERED)]);
    late.authorizer_token(&id(0), None).await.unwrap_err();
    assert!(running.shown_of("agency").is_none(), "the last calls show nothing");
    assert!(running.changes.is_empty());
    assert!(running.reload(&[&setting], &[]).await.is_empty());
    running.follow("all accounts", |running| running.fleet.len() == 100).await;
}

#[tokio::test]
async fn accounts_of_a_removed_platform_go_to_another_that_has_them_too() {
    let (first_api, second_api) = (Api::start(3).await, Api::start(3).await);
    second_api.world().component = OTHER_COMPONENT.into();
    let first = Setting::new(&first_api).with_discovery(ONCE);
    let second = Setting::new(&second_api).of_component("other", OTHER_COMPONENT).with_discovery(ONCE);
    let mut running = at_work(&first, 3).await;
    running.reload(&[&first, &second], &[]).await;
    running.counted_of("other", [0, 0, 0, 0, 3]).await;
    assert_eq!(running.reload(&[&second], &[]).await, app_ids(0..3));
    running.follow("all accounts", |running| running.fleet.len() == 3).await;
    running.counted_of("other", [3, 0, 0, 0, 0]).await;
    assert_eq!(running.platform_of(0), Some("other"));
    assert_eq!(second_api.count(LIST), 1, "without a new list");
}

#[tokio::test]
async fn an_account_that_is_listed_by_hand_leaves_its_platform_until_it_is_no_longer() {
    let api = Api::start(3).await;
    let setting = Setting::new(&api).with_discovery(ONCE);
    let mut running = setting.start_with(Vec::new(), &[2]).await;
    running.follow("two accounts", |running| running.fleet.len() == 2).await;
    running.counted([2, 0, 0, 0, 1]).await;
    assert_eq!(running.reload(&[&setting], &[0, 2]).await, app_ids([0]));
    running.counted([1, 0, 0, 0, 2]).await;
    assert!(running.reload(&[&setting], &[0, 2]).await.is_empty(), "it went already");
    assert!(running.reload(&[&setting], &[]).await.is_empty());
    running.follow("all accounts", |running| running.fleet.len() == 3).await;
    running.counted([3, 0, 0, 0, 0]).await;
    assert_eq!(api.count(LIST), 1, "soon, not at the next round");
    assert_eq!(named(&api.calls(PROFILE)), app_ids(0..3), "each once");
}

#[tokio::test]
async fn no_account_is_ever_polled_twice_however_often_the_hand_moves() {
    let api = Api::start(60).await;
    let setting = Setting::new(&api).with_discovery(Duration::from_millis(2));
    let mut running = setting.start().await;
    let mut seed = 7_u64;
    for round in 0..60 {
        let mut by_hand = Vec::new();
        for n in 0..60 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            by_hand.extend((seed >> 33).is_multiple_of(2).then_some(n));
            let mut world = api.world();
            if (seed >> 34).is_multiple_of(16) && !world.denied.remove(&app_id(n)) {
                world.denied.insert(app_id(n));
            }
            world.authorizers.get_mut(&app_id(n)).unwrap().auth_time += 1;
        }
        running.reload(&[&setting], &by_hand).await;
        // Some configurations live for some rounds, others are replaced at once.
        let lists = api.count(LIST) + round % 3;
        running.follow_until("rounds", || api.count(LIST) >= lists).await;
    }
    api.world().denied.clear();
    for n in 0..60 {
        api.world().authorizers.get_mut(&app_id(n)).unwrap().auth_time += 1;
    }
    running.reload(&[&setting], &[]).await;
    running.follow("all accounts", |running| running.fleet.len() == 60).await;
}

//! Accounts that a platform's discovery finds, renames and loses.

use std::time::Duration;

use serde_json::{Value, json};
use wechat_material_exporter::config::AppId;
use wiremock::ResponseTemplate;

use super::running::{Setting, id, refused};
use super::world::{Api, GRANT, LIST, OTHER_COMPONENT, PROFILE, app_id, error, official};
use crate::program::{eventually, within};

pub(super) const ONCE: Duration = Duration::from_secs(3_600);
pub(super) const OFTEN: Duration = Duration::from_millis(50);

/// The accounts that `calls` are about.
pub(super) fn named(calls: &[Value]) -> Vec<String> {
    let mut names: Vec<_> =
        calls.iter().map(|body| body["authorizer_appid"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_and_each_profile_once() {
    let api = Api::start(1_100).await;
    let mut running = Setting::new(&api).with_discovery(ONCE).start().await;
    running.follow("all accounts", |running| running.fleet.len() == 1_100).await;
    running.counted([1_100, 0, 0, 0, 0]).await;
    let offsets: Vec<_> = api.calls(LIST).iter().map(|body| body["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets, [0, 500, 1_000]);
    let expected: Vec<_> = (0..1_100).map(app_id).collect();
    assert_eq!(named(&api.calls(PROFILE)), expected);
    assert_eq!(running.nickname(7), "account 7");
    // The list's refresh tokens are at hand.
    running.ask(1_099).await.unwrap();
    assert_eq!((api.count(LIST), api.count(GRANT)), (3, 1));
}

#[tokio::test]
async fn who_cannot_be_polled_is_counted() {
    let api = Api::start(6).await;
    {
        let mut world = api.world();
        let mut change = |n: u64| world.authorizers.remove(&app_id(n)).unwrap();
        let (mut mini, mut denied, mut incomplete) = (change(0), change(1), change(2));
        mini.is_mini_program = true;
        denied.set = 1;
        incomplete.refresh_token.clear();
        world.authorizers.extend([(app_id(0), mini), (app_id(1), denied), (app_id(2), incomplete)]);
    }
    let mut running = Setting::new(&api).with_discovery(ONCE).start_with(Vec::new(), &[3]).await;
    running.follow("two accounts", |running| running.fleet.len() == 2).await;
    running.counted([2, 1, 1, 1, 1]).await;
    assert_eq!(running.fleet.keys().cloned().collect::<Vec<_>>(), [app_id(4), app_id(5)]);
    assert!(!named(&api.calls(PROFILE)).contains(&app_id(3)), "nothing is asked of the hand-listed");
}

#[tokio::test]
async fn an_account_on_two_platforms_belongs_to_one_until_that_lets_it_go() {
    let (first_api, second_api) = (Api::start(2).await, Api::start(3).await);
    let first = Setting::new(&first_api).with_discovery(OFTEN);
    let second = Setting::new(&second_api).of_component("other", OTHER_COMPONENT).with_discovery(OFTEN);
    second_api.world().component = OTHER_COMPONENT.into();
    let mut running = first.start().await;
    running.follow("both accounts", |running| running.fleet.len() == 2).await;
    assert!(running.reload(&[&first, &second], &[]).await.is_empty());
    running.follow("the third account", |running| running.platform_of(2) == Some("other")).await;
    running.counted_of("other", [1, 0, 0, 0, 2]).await;
    assert_eq!((running.platform_of(0), running.platform_of(1)), (Some("agency"), Some("agency")));
    first_api.world().authorizers.remove(&app_id(0));
    running.follow("another hand", |running| running.platform_of(0) == Some("other")).await;
    assert_eq!(running.gone, [app_id(0)]);
    running.counted_of("other", [2, 0, 0, 0, 1]).await;
}

#[tokio::test]
async fn accounts_come_go_and_change_their_names_between_rounds() {
    let api = Api::start(2).await;
    let mut running = Setting::new(&api).with_discovery(OFTEN).start().await;
    running.follow("two accounts", |running| running.fleet.len() == 2).await;
    let (new_id, new) = official(2);
    api.world().authorizers.insert(new_id, new);
    running.follow("a third account", |running| running.fleet.len() == 3).await;
    {
        let mut world = api.world();
        let renamed = world.authorizers.get_mut(&app_id(1)).unwrap();
        (renamed.nickname, renamed.auth_time) = ("renamed".into(), 1_800_000_000);
    }
    running.follow("a new name", |running| running.nickname(1) == "renamed").await;
    let whole_lists = {
        let mut world = api.world();
        world.authorizers.remove(&app_id(0));
        world.whole_lists
    };
    running.follow("an end", |running| running.gone == [app_id(0)]).await;
    assert!(api.world().whole_lists >= whole_lists + 2);
    running.counted([2, 0, 0, 0, 0]).await;
    assert_eq!(named(&api.calls(PROFILE)), [0, 1, 1, 2].map(app_id));
}

#[tokio::test]
async fn an_incomplete_round_removes_nobody() {
    let api = Api::start(501).await;
    let mut running = Setting::new(&api).with_discovery(OFTEN).start().await;
    running.follow("all accounts", |running| running.fleet.len() == 501).await;
    let whole_lists = {
        let mut world = api.world();
        world.authorizers.remove(&app_id(0));
        let (id, new) = official(501);
        world.authorizers.insert(id, new);
        let page = json!({"total_count": 501, "list": [{"authorizer_appid": app_id(1)}]});
        let first_page = ResponseTemplate::new(200).set_body_json(page);
        world.planned.insert(LIST, vec![first_page, ResponseTemplate::new(502)]);
        world.whole_lists
    };
    running.follow("one end", |running| running.gone.len() == 1).await;
    assert!(api.world().whole_lists >= whole_lists + 2);
    assert_eq!(running.gone, [app_id(0)]);
    running.follow("its successor", |running| running.fleet.len() == 501).await;
}

#[tokio::test]
async fn an_empty_page_before_the_total_ends_the_reading() {
    let api = Api::start(1).await;
    let page = json!({"total_count": 9_000_000, "list": []});
    api.plan(LIST, (0..99).map(|_| ResponseTemplate::new(200).set_body_json(&page)));
    let running = Setting::new(&api).with_discovery(ONCE).start().await;
    eventually("park", || running.failing() == Some(("decode", None))).await;
    assert_eq!(api.count(LIST), 1);
}

#[tokio::test]
async fn an_account_that_is_denied_goes_at_once_and_comes_back_with_a_new_authorisation() {
    let api = Api::start(2).await;
    let mut running = Setting::new(&api).with_discovery(OFTEN).start().await;
    running.follow("two accounts", |running| running.fleet.len() == 2).await;
    api.world().denied.insert(app_id(0));
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!(refused(&failure), ("authorization", Some(61003)));
    running.follow("its end", |running| running.gone == [app_id(0)]).await;
    running.counted([1, 0, 0, 0, 0]).await;
    let lists = api.count(LIST);
    eventually("three rounds", || api.count(LIST) > lists + 3).await;
    api.world().denied.clear();
    api.world().authorizers.get_mut(&app_id(0)).unwrap().auth_time += 1;
    running.follow("its return", |running| running.fleet.len() == 2).await;
    assert_eq!(running.gone.len(), 1);
}

#[tokio::test]
async fn a_denial_from_before_a_new_authorisation_is_not_held_against_it() {
    let api = Api::start(1).await;
    let late = error(61003, "not authorized").set_delay(Duration::from_secs(1));
    api.plan(PROFILE, [late]);
    let mut running = Setting::new(&api).with_discovery(OFTEN).start().await;
    eventually("a question", || api.count(PROFILE) == 1).await;
    api.world().authorizers.get_mut(&app_id(0)).unwrap().auth_time += 1;
    running.follow("the account", |running| running.fleet.len() == 1).await;
    assert_eq!(api.count(PROFILE), 2);
}

#[tokio::test]
async fn one_authorizer_without_a_profile_does_not_stop_the_round() {
    let api = Api::start(5).await;
    api.plan(PROFILE, [error(50002, "user limited"), error(61003, "not authorized")]);
    let mut running = Setting::new(&api).with_discovery(ONCE).start().await;
    running.follow("three accounts", |running| running.fleet.len() == 3).await;
    running.counted([3, 0, 0, 0, 0]).await;
    assert_eq!((api.count(PROFILE), running.failing()), (5, None));
}

#[tokio::test]
async fn an_account_without_a_profile_is_not_asked_about_in_every_round() {
    let api = Api::start(3).await;
    let refusals = [50002, 40013, 48001].map(|code| error(code, "refused"));
    api.plan(PROFILE, refusals);
    let running = Setting::new(&api).with_discovery(OFTEN).start().await;
    running.counted([0, 0, 1, 0, 0]).await;
    let lists = api.count(LIST);
    eventually("three rounds", || api.count(LIST) > lists + 3).await;
    assert_eq!((api.count(PROFILE), running.failing()), (3, None));
}

#[tokio::test]
async fn an_authorizer_whose_profile_always_fails_is_left_alone_until_the_next_round() {
    let api = Api::start(1).await;
    api.plan(PROFILE, (0..99).map(|_| ResponseTemplate::new(503)));
    let running = Setting::new(&api).with_discovery(ONCE).start().await;
    running.counted([0, 0, 0, 0, 0]).await;
    eventually("another list", || api.count(LIST) == 2).await;
    let healed = async {
        while running.ask(0).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("recovery", healed).await;
    assert_eq!((api.count(PROFILE), api.count(LIST), running.failing()), (1, 2, None));
}

#[tokio::test]
async fn the_next_round_asks_again_for_the_profile_that_failed() {
    let api = Api::start(2).await;
    api.plan(PROFILE, [ResponseTemplate::new(503)]);
    let mut running = Setting::new(&api).with_discovery(OFTEN).start().await;
    running.follow("both accounts", |running| running.fleet.len() == 2).await;
    assert_eq!(running.failing(), None);
}

#[tokio::test]
async fn include_and_exclude_choose_among_the_authorizers() {
    let api = Api::start(4).await;
    let mut setting = Setting::new(&api).with_discovery(ONCE);
    let discovery = setting.discovery();
    let ids = |numbers: [u64; 2]| numbers.map(|n| AppId::parse(&app_id(n)).unwrap()).into();
    (discovery.include, discovery.exclude) = (ids([1, 2]), ids([2, 3]));
    let mut running = setting.start().await;
    running.follow("one account", |running| running.fleet.contains_key(&app_id(1))).await;
    running.counted([1, 0, 0, 0, 0]).await;
    assert_eq!(named(&api.calls(PROFILE)), [app_id(1)]);
}

#[tokio::test]
async fn a_stop_ends_discovery_and_lets_the_last_polls_have_their_tokens() {
    let api = Api::start(40).await;
    let mut running = Setting::new(&api).with_ticket().with_discovery(OFTEN).start().await;
    running.follow("some accounts", |running| running.fleet.len() > 3).await;
    let handle = running.handle();
    within("stop", running.platforms.stop()).await.unwrap();
    assert!(handle.authorizer_token(&id(0), None).await.is_ok());
    let lists = api.count(LIST);
    while running.changes.recv().await.is_some() {}
    assert_eq!(api.count(LIST), lists, "no round begins");
}

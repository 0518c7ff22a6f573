//! Accounts that are polled through a platform.

use std::sync::Arc;

use serde_json::json;
use wechat_material_exporter::config::{Account, AccountName, PlatformName, TokenSource};
use wechat_material_exporter::wechat::error::Step;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::NOT_REGISTERED;
use super::discovery::ONCE;
use super::running::{Running, Setting, id, refused};
use super::world::{Api, GRANT, app_id, error};
use crate::harness::{Poller, account, api_config, api_server, outcome};

const COUNT: &str = "/cgi-bin/material/get_materialcount";

fn counts() -> ResponseTemplate {
    let counts = json!({"voice_count": 5, "video_count": 3, "image_count": 10, "news_count": 7});
    ResponseTemplate::new(200).set_body_json(counts)
}

/// The first authorizer, its data calls answered by a server of their own.
fn poller(running: &Running, server: &MockServer) -> Poller {
    let platform = PlatformName::parse("agency").unwrap();
    let account = Account {
        name: AccountName::parse(&app_id(0)).unwrap(),
        app_id: id(0),
        token: TokenSource::Authorizer { platform, refresh_token: None },
        ..account(&server.uri())
    };
    Poller::through(Arc::clone(&running.handles), account, &api_config())
}

#[tokio::test]
async fn an_account_whose_authorisation_ended_asks_the_platform_next_time() {
    let (api, server) = (Api::start(1).await, api_server().await);
    let mut running = Setting::new(&api).with_discovery(ONCE).start().await;
    running.follow("the account", |running| running.fleet.len() == 1).await;
    let denied = error(61003, "component is not authorized by this account");
    Mock::given(path(COUNT)).respond_with(counts()).with_priority(5).mount(&server).await;
    let mut poller = poller(&running, &server);
    outcome(&poller.poll().await).unwrap();
    Mock::given(path(COUNT)).respond_with(denied).up_to_n_times(1).with_priority(2).mount(&server).await;
    assert_eq!(refused(outcome(&poller.poll().await).unwrap_err()), ("authorization", Some(61003)));
    running.follow("its end", |running| running.gone == [app_id(0)]).await;
    assert_eq!(api.count(GRANT), 1, "the held token was used");
    outcome(&poller.poll().await).unwrap();
    assert_eq!(api.count(GRANT), 2);
}

#[tokio::test]
async fn an_account_of_a_parked_platform_makes_no_call_with_the_token_it_holds() {
    let (api, server) = (Api::start(2).await, api_server().await);
    Mock::given(path(COUNT)).respond_with(counts()).expect(1).mount(&server).await;
    let running = Setting::new(&api).start().await;
    let mut poller = poller(&running, &server);
    outcome(&poller.poll().await).unwrap();
    api.plan(GRANT, [error(61004, NOT_REGISTERED)]);
    running.ask(1).await.unwrap_err();
    for _ in 0..3 {
        let report = poller.poll().await;
        let failure = outcome(&report).unwrap_err();
        assert_eq!((failure.step, refused(failure)), (Step::Platform, ("ip", Some(61004))));
    }
}

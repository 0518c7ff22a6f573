//! One round of discovery, as `--once` makes it.

use std::time::Duration;

use wechat_material_exporter::state::restored::FormerPlatforms;

use super::NOT_REGISTERED;
use super::discovery::{OFTEN, ONCE};
use super::running::{Running, Setting};
use super::world::{Api, LIST, PROFILE, app_id, error};
use crate::program::within;

impl Running {
    /// Makes one round, the fleet's changes being taken meanwhile.
    async fn make_one_round(&mut self) {
        let Self { platforms, changes, .. } = self;
        let mut taken = Vec::new();
        let taking = async {
            loop {
                taken.extend(changes.recv().await);
            }
        };
        tokio::select! {
            ended = within("one round", platforms.one_round()) => ended.unwrap(),
            () = taking => {}
        }
        taken.extend(std::iter::from_fn(|| self.changes.try_recv().ok()));
        for change in taken {
            self.take(change);
        }
    }
}

#[tokio::test]
async fn a_round_ends_by_itself_when_all_accounts_are_told() {
    let api = Api::start(600).await;
    for refresh_interval in [ONCE, OFTEN] {
        let setting = Setting::new(&api).with_discovery(refresh_interval);
        let mut running = setting.prepare(FormerPlatforms::default(), &[0]).await;
        running.make_one_round().await;
        let expected: Vec<_> = (1..600).map(app_id).collect();
        assert_eq!(running.fleet.keys().cloned().collect::<Vec<_>>(), expected);
        assert_eq!(running.shown().authorizers, Some([599, 0, 0, 0, 1]));
    }
}

#[tokio::test]
async fn a_round_without_authorizers_or_without_discovery_ends_too() {
    let api = Api::start(0).await;
    let mut running = Setting::new(&api).with_discovery(ONCE).prepare(FormerPlatforms::default(), &[]).await;
    running.make_one_round().await;
    assert_eq!((running.shown().authorizers, api.count(LIST)), (Some([0; 5]), 1));
    let mut running = Setting::new(&api).prepare(FormerPlatforms::default(), &[]).await;
    running.make_one_round().await;
    assert_eq!((running.shown().authorizers, api.count(LIST)), (None, 1));
}

#[tokio::test]
async fn a_round_ends_when_the_platform_is_parked_and_shows_why() {
    let api = Api::start(40).await;
    api.plan(LIST, [error(61004, NOT_REGISTERED)]);
    let mut running = Setting::new(&api).with_discovery(ONCE).prepare(FormerPlatforms::default(), &[]).await;
    running.make_one_round().await;
    assert_eq!(running.failing(), Some(("ip", Some(61004))));
    assert_eq!((api.count(LIST), api.count(PROFILE), running.fleet.len()), (1, 0, 0));
}

#[tokio::test]
async fn what_was_found_before_a_park_is_told() {
    let api = Api::start(3).await;
    let setting = Setting::new(&api).with_discovery(ONCE);
    let saved = super::restart::saved(0, Duration::from_secs(60), "kept");
    api.plan(PROFILE, [error(61004, NOT_REGISTERED), error(61004, NOT_REGISTERED)]);
    let mut running =
        setting.prepare(FormerPlatforms { profiles: vec![saved], ..FormerPlatforms::default() }, &[]).await;
    running.make_one_round().await;
    assert_eq!(running.failing(), Some(("ip", Some(61004))));
    assert_eq!(running.nickname(0), "kept");
}

#[tokio::test]
async fn passing_faults_are_tried_again_within_the_round() {
    let api = Api::start(1).await;
    api.plan(LIST, [wiremock::ResponseTemplate::new(503)]);
    let mut running = Setting::new(&api).with_discovery(ONCE).prepare(FormerPlatforms::default(), &[]).await;
    running.make_one_round().await;
    assert_eq!((running.fleet.len(), api.count(LIST), running.failing()), (1, 2, None));
}

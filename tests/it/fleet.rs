//! The whole exporter on a platform of two thousand authorizers, against the simulator.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::config::platform::{AuthorizerToken, ComponentToken, Discovery};
use wechat_material_exporter::config::token::{FileSource, ReadOnlySource, Template};
use wechat_material_exporter::config::{
    Account, AccountName, AppId, Budget, Collect, Limits, Platform, PlatformName,
};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::shard::Shard;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;
use wechat_material_exporter::store::{AuthorizerState, LastPoll, Store};

use crate::app::{Exporter, Simulated};
use crate::program::PATIENCE;

const AUTHORIZERS: u32 = 2_000;

/// The scenario's platform as its owner would configure it, with the ticket in a file.
fn platform(scenario: &Scenario, simulated: &Simulated, ticket: &std::path::Path) -> Platform {
    let simulated_platform = &scenario.platforms[0];
    std::fs::write(ticket, &simulated_platform.ticket).unwrap();
    let ticket = FileSource { path: Template::new(ticket.to_str().unwrap()), pointer: None };
    Platform {
        name: PlatformName::parse("agency").unwrap(),
        component_app_id: simulated_platform.app_id.clone(),
        endpoint: Arc::clone(&simulated.endpoint),
        component_token: ComponentToken::VerifyTicket {
            component_app_secret: SecretSource::Inline(Secret::new(simulated_platform.secret.clone())),
            ticket: Arc::new(ReadOnlySource::File(ticket)),
        },
        authorizer_token: AuthorizerToken::Fetched,
        discovery: Some(Discovery {
            include: BTreeSet::new(),
            exclude: BTreeSet::new(),
            info_labels: Box::default(),
            interval: Duration::from_secs(3_600),
            hold: Duration::from_secs(72 * 3_600),
            collect: Collect::default(),
            limits: Limits::default(),
            budget: Budget::default(),
            pin: None,
            shard: Shard::default(),
            endpoint: Arc::clone(&simulated.endpoint),
        }),
        refresh_interval: Duration::from_millis(200),
    }
}

async fn wait_for(store: &Store, wanted: impl Fn(&Store) -> bool) {
    let mut changes = store.changes();
    let wait = async {
        while !wanted(store) {
            changes.changed().await.unwrap();
        }
    };
    let came = tokio::time::timeout(PATIENCE, wait).await;
    assert!(came.is_ok(), "{} accounts, {:?}", store.snapshot().len(), store.platforms());
}

fn polled(store: &Store) -> u64 {
    let platforms = store.platforms();
    platforms[0].authorizers.map_or(0, |authorizers| authorizers[AuthorizerState::Polled as usize])
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_authorizers_are_found_polled_once_and_followed() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario::generated_platform(AUTHORIZERS);
    let simulated = Simulated::start(scenario.clone()).await;
    let agency = platform(&scenario, &simulated, &dir.path().join("ticket"));
    // One of them is listed by hand too: it keeps its name and is polled once.
    let by_hand = Account {
        name: AccountName::parse("by-hand").unwrap(),
        ..simulated.account(&scenario.accounts[7], Duration::from_secs(3_600))
    };
    let exporter = Exporter::with_platforms(vec![by_hand], vec![agency]).await;
    let all = AUTHORIZERS as usize;
    wait_for(exporter.store(), |store| {
        let known = store.snapshot();
        known.len() == all && known.iter().all(|readings| readings.last_poll == LastPoll::Succeeded)
    })
    .await;
    wait_for(exporter.store(), |store| polled(store) == u64::from(AUTHORIZERS) - 1).await;
    let calls = |endpoint| simulated.simulator.total_calls(endpoint);
    assert_eq!(calls(Endpoint::MaterialCount), u64::from(AUTHORIZERS), "each account was polled once");
    assert_eq!(calls(Endpoint::AuthorizerToken), u64::from(AUTHORIZERS) - 1);
    assert_eq!(calls(Endpoint::ComponentToken), 1, "one component token for all of it");
    assert!(calls(Endpoint::AuthorizerInfo) <= u64::from(AUTHORIZERS), "info is asked once each");
    assert_eq!(calls(Endpoint::Token), 0);
    let page = exporter.page("/metrics").await;
    assert!(page.contains("wechat_platform_authorizers{platform=\"agency\",state=\"duplicate\"} 1\n"));
    assert!(page.contains("wechat_platform_up{platform=\"agency\"} 1\n"));

    // One goes, and comes back, without a restart.
    let component = &scenario.platforms[0].app_id;
    let gone = scenario.accounts[11].app_id.clone();
    let authorizer = scenario.platforms[0].authorizers.iter().find(|one| one.app_id == gone).unwrap().clone();
    let name = |app_id: &AppId| AccountName::parse(app_id.as_str()).unwrap();
    simulated.simulator.deauthorize(component, &gone).unwrap();
    wait_for(exporter.store(), |store| store.get(&name(&gone)).is_none()).await;
    assert_eq!(exporter.store().snapshot().len(), all - 1, "no other account went");
    simulated.simulator.authorize(component, authorizer).unwrap();
    wait_for(exporter.store(), |store| {
        store.get(&name(&gone)).is_some_and(|readings| readings.last_poll == LastPoll::Succeeded)
    })
    .await;
    exporter.end().await;
}

//! Four processes share one configuration, under a real Prometheus.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;

use crate::app::Simulated;
use crate::program::{Serving, run, text};
use crate::prometheus::Prometheus;

const SHARDS: usize = 4;
const LISTED: usize = 40;
const DISCOVERED: usize = 40;

/// Accounts of which the second half are authorizers of a platform.
fn scenario() -> Scenario {
    let mut scenario = Scenario::generated_platform(u32::try_from(LISTED + DISCOVERED).unwrap());
    scenario.platforms[0].authorizers.drain(..LISTED);
    scenario
}

/// What an operator of [`scenario`] would write, with the component token in a file. The first
/// account is pinned to shard 3.
fn configure(dir: &Path, simulated: &Simulated, scenario: &Scenario) -> PathBuf {
    let platform = &scenario.platforms[0];
    let token = dir.join("component-token");
    std::fs::write(&token, simulated.simulator.component_token_of(&platform.app_id).unwrap()).unwrap();
    let mut file = format!(
        "api: {{base_url: '{}'}}\nplatforms:\n  agency: {{component_app_id: {}, component_token: {{source: file, path: {}}}, \
         authorizer_token: {{source: api_authorizer_token, accept_token_takeover: true}}, discover: true, interval: 1h}}\naccounts:\n",
        simulated.url,
        platform.app_id.as_str(),
        token.display(),
    );
    for (n, account) in scenario.own_accounts().enumerate() {
        let pin = if n == 0 { "shard: 3, " } else { "" };
        let (name, app_id, secret) = (&account.name, account.app_id.as_str(), &account.secret);
        let written = writeln!(
            file,
            "  {name}: {{app_id: {app_id}, interval: 1h, {pin}token: {{app_secret: {secret}}}}}"
        );
        written.unwrap();
    }
    let path = dir.join("config.yaml");
    std::fs::write(&path, file).unwrap();
    path
}

async fn start(config: &Path, shard: usize, total: usize) -> Serving {
    let (shard, total) = (shard.to_string(), total.to_string());
    Serving::start(&["--config.file", config.to_str().unwrap(), "--shard", &shard, "--total-shards", &total])
        .await
}

fn is(value: f64) -> impl Fn(&[(Value, f64)]) -> bool {
    move |series| series.len() == 1 && (series[0].1 - value).abs() < f64::EPSILON
}

#[tokio::test]
async fn four_shards_poll_every_account_exactly_once_between_them() {
    let scenario = scenario();
    let simulated = Simulated::start(scenario.clone()).await;
    let dir = tempfile::tempdir().unwrap();
    let config = configure(dir.path(), &simulated, &scenario);
    let mut shards = Vec::new();
    for shard in 0..SHARDS {
        shards.push(start(&config, shard, SHARDS).await);
    }
    let targets: Vec<_> = shards.iter().map(|shard| shard.url.trim_start_matches("http://")).collect();
    let prometheus = Prometheus::start(&targets).await;

    // Every account is up, on one shard.
    let all = (LISTED + DISCOVERED) as f64;
    prometheus.wait_for("count(wechat_account_up == 1)", is(all)).await;
    prometheus.wait_for("count(count by (account) (wechat_account_up))", is(all)).await;
    prometheus.wait_for("max(count by (account) (wechat_account_up))", is(1.0)).await;
    prometheus.wait_for("sum(wechat_platform_authorizers{state=\"polled\"})", is(DISCOVERED as f64)).await;
    // They agree on what there is, and have all of it between them.
    prometheus.wait_for("sum(wechat_exporter_accounts_owned)", is(LISTED as f64)).await;
    prometheus.wait_for("count(wechat_exporter_accounts_configured == 40)", is(4.0)).await;
    prometheus
        .wait_for("count(count by (hash) (count_values(\"hash\", wechat_exporter_config_hash)))", is(1.0))
        .await;
    prometheus
        .wait_for("count(count by (n) (count_values(\"n\", wechat_exporter_shard_ordinal)))", is(4.0))
        .await;
    prometheus.wait_for("min(wechat_exporter_shards)", is(4.0)).await;
    let first = &scenario.own_accounts().next().unwrap().name;
    let pinned =
        format!("wechat_exporter_shard_ordinal and on (instance) wechat_account_up{{account=\"{first}\"}}");
    prometheus.wait_for(&pinned, is(3.0)).await;

    // So does the API: one data call and one token each, and one look at each authorizer.
    for account in &scenario.accounts {
        let calls = |endpoint| simulated.simulator.calls(&account.app_id, endpoint);
        assert_eq!(calls(Endpoint::MaterialCount), 1, "{}", account.name);
    }
    assert_eq!(simulated.simulator.total_calls(Endpoint::StableToken), LISTED as u64);
    assert_eq!(simulated.simulator.total_calls(Endpoint::AuthorizerInfo), DISCOVERED as u64);
    assert_eq!(simulated.simulator.total_calls(Endpoint::AuthorizerToken), DISCOVERED as u64);
    for shard in shards {
        shard.signal("TERM");
        assert_eq!(shard.ended().await.0, Some(0));
    }
}

#[tokio::test]
async fn shards_with_different_configurations_are_told_apart() {
    let scenario = scenario();
    let simulated = Simulated::start(scenario.clone()).await;
    let dir = tempfile::tempdir().unwrap();
    let config = configure(dir.path(), &simulated, &scenario);
    let mut hashes = BTreeSet::new();
    for (shard, change) in [(0, ""), (1, ""), (1, "limits: {voice: 2000}\n")] {
        let mut file = std::fs::read_to_string(&config).unwrap();
        file.insert_str(0, change);
        let path = dir.path().join(format!("config-{}.yaml", hashes.len()));
        std::fs::write(&path, file).unwrap();
        let page = start(&path, shard, SHARDS).await.page("/metrics").await;
        let hash = page.lines().find_map(|line| line.strip_prefix("wechat_exporter_config_hash ")).unwrap();
        hashes.insert(hash.to_owned());
        assert_eq!(hashes.len(), if change.is_empty() { 1 } else { 2 }, "{hashes:?}");
        assert!(hash.parse::<u64>().unwrap() <= 1 << 53);
    }
}

#[tokio::test]
async fn what_shards_cannot_share_is_refused() {
    let scenario = scenario();
    let simulated = Simulated::start(scenario.clone()).await;
    let dir = tempfile::tempdir().unwrap();
    let config = configure(dir.path(), &simulated, &scenario);
    let check = async |shards: &str| {
        run(&["--config.check", "--config.file", config.to_str().unwrap(), "--total-shards", shards]).await
    };
    // Alone, a process polls what is pinned elsewhere too.
    assert_eq!(check("1").await.status.code(), Some(0));
    assert_eq!(check("4").await.status.code(), Some(0));
    let pinned = check("3").await;
    assert_eq!(pinned.status.code(), Some(1));
    let told = text(&pinned.stderr);
    assert!(told.contains(".shard: a shard that there is none of: name one from 0 to 2"), "{told}");
    // Each would fetch a component token, and retire the others'.
    let file = std::fs::read_to_string(&config).unwrap();
    let at = file.find("component_token: ").unwrap();
    let end = at + file.get(at..).unwrap().find('}').unwrap() + 1;
    let fetched = "component_token: {source: verify_ticket, component_app_secret: s3cret, accept_token_takeover: true, \
                   ticket: {source: file, path: /dev/null}}";
    let file = [file.get(..at).unwrap(), fetched, file.get(end..).unwrap()].concat();
    std::fs::write(&config, file).unwrap();
    let fetched = check("4").await;
    assert_eq!(fetched.status.code(), Some(1));
    let told = text(&fetched.stderr);
    assert!(told.contains("a token that each shard would fetch and retire"), "{told}");
    assert_eq!(check("1").await.status.code(), Some(0));
}

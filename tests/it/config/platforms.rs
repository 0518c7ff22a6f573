//! Third-party platforms: what stands in the file becomes exactly this.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::config::platform::{AuthorizerToken, ComponentToken, Discovery};
use wechat_material_exporter::config::token::{
    FileSource, ReadOnlySource, RedisFormat, RedisSource, Template,
};
use wechat_material_exporter::config::{AppId, Budget, Collect, Kind, Limits, PerKind};
use wechat_material_exporter::secret::SecretSource;
use wechat_material_exporter::shard::Shard;

use super::sources::inline;
use super::{ONE, good, load_text};

const TOKENS: &str =
    "component_token: {source: file, path: c}, authorizer_token: {source: file, path: '{app_id}'}";

fn file_source(path: &str) -> Arc<ReadOnlySource> {
    Arc::new(ReadOnlySource::File(FileSource { path: Template::new(path), pointer: None }))
}

fn app_ids(texts: &[&str]) -> BTreeSet<AppId> {
    texts.iter().map(|text| AppId::parse(text).unwrap()).collect()
}

#[test]
fn a_platform_needs_its_app_id_and_two_sources() {
    let config =
        good(&format!("platforms: {{open: {{component_app_id: wxa123456789abcdef, {TOKENS}}}}}\n{ONE}"), &[]);
    let platform = &config.platforms[0];
    assert_eq!((platform.name.as_str(), platform.component_app_id.as_str()), ("open", "wxa123456789abcdef"));
    assert_eq!(platform.component_token, ComponentToken::ReadOnly(file_source("c")));
    assert_eq!(platform.authorizer_token, AuthorizerToken::ReadOnly(file_source("{app_id}")));
    assert_eq!((platform.discovery.as_ref(), platform.refresh_interval), (None, Duration::from_secs(3600)));
    assert!(Arc::ptr_eq(&platform.endpoint, &config.accounts[0].endpoint));
    assert!(good(&format!("platforms: {{}}\n{ONE}"), &[]).platforms.is_empty());
}

#[test]
fn platforms_stand_in_name_order_and_may_come_after_the_accounts() {
    let file = format!(
        "accounts: {{a: {{app_id: wx0123456789abcdef, token: {{source: authorizer, platform: a-first}}}}}}\nplatforms:\n  \
         b-second: {{component_app_id: wxb123456789abcdef, {TOKENS}}}\n  \
         a-first: {{component_app_id: wxa123456789abcdef, {TOKENS}}}\n"
    );
    let config = good(&file, &[]);
    let names: Vec<_> = config.platforms.iter().map(|platform| platform.name.as_str()).collect();
    assert_eq!(names, ["a-first", "b-second"]);
    assert_eq!(config.accounts[0].token.platform(), "a-first");
}

#[test]
fn tokens_of_a_platform_are_taken_over_only_when_asked() {
    let file = "platforms:\n  open:\n    component_app_id: wxa123456789abcdef\n    component_token:\n      \
                source: verify_ticket\n      component_app_secret: '007'\n      accept_token_takeover: true\n      \
                ticket: {source: redis, url: 'rediss://x', key: 'ticket:{component_app_id}'}\n    \
                authorizer_token: {source: api_authorizer_token, accept_token_takeover: true}\n";
    let loaded = load_text(&format!("{file}{ONE}"), &[]).unwrap();
    let platform = &loaded.config.platforms[0];
    let ticket = Arc::new(ReadOnlySource::Redis(RedisSource {
        url: inline("rediss://x"),
        key: Template::new("ticket:{component_app_id}"),
        format: RedisFormat::Plain,
        ca_file: None,
    }));
    let component_app_secret = inline("007");
    assert_eq!(platform.component_token, ComponentToken::VerifyTicket { component_app_secret, ticket });
    assert_eq!(platform.authorizer_token, AuthorizerToken::Fetched);
    let short: Vec<_> =
        loaded.warnings.iter().map(|line| line.split_once("test.yaml: ").unwrap().1).collect();
    insta::assert_snapshot!(short.join("\n"));
}

#[test]
fn the_preset_of_a_platform_has_the_keys_of_its_sdk() {
    for (prefix, key) in [
        ("", ""),
        (", prefix: ''", ""),
        (", prefix: 'wx:open'", "wx:open:"),
        (", prefix: 'wx:open:'", "wx:open:"),
    ] {
        let file = format!(
            "platforms: {{open: {{component_app_id: wxa123456789abcdef, component_token: {{source: file, path: c}}, \
             authorizer_token: {{source: redis, url: 'rediss://x', preset: wxjava-open-authorizer{prefix}}}}}}}\n{ONE}"
        );
        let config = good(&file, &[]);
        let AuthorizerToken::ReadOnly(source) = &config.platforms[0].authorizer_token else {
            panic!("it reads")
        };
        let ReadOnlySource::Redis(redis) = &**source else { panic!("{source:?}") };
        let key = format!("{key}wechat_authorizer_access_token:{{component_app_id}}:{{app_id}}");
        assert_eq!((&redis.key, &redis.format), (&Template::new(&key), &RedisFormat::Plain), "{prefix}");
    }
}

#[test]
fn discovered_accounts_have_the_settings_of_their_platform() {
    let file = format!(
        "info_labels: [team, region]\npoll: {{interval: 20m, quota_interval: 2h}}\nplatforms:\n  open:\n    \
         {{component_app_id: wxa123456789abcdef, {TOKENS}, discover: true, refresh_interval: 30m, include: \
         [wx0123456789abcdef, wx1123456789abcdef], exclude: [wx2123456789abcdef], hold: 80h, draft_interval: 3h, \
         voice: 5, labels: {{region: 华东}}, collect: [draft, quota], base_url: 'https://gate.internal', proxy_env: PROXY}}\n"
    );
    let config = good(&file, &[("PROXY", "http://proxy:1")]);
    assert!(config.accounts.is_empty(), "they are discovered");
    let platform = &config.platforms[0];
    assert_eq!(platform.refresh_interval, Duration::from_secs(1800));
    assert_eq!(platform.endpoint.proxy, Some(SecretSource::Env("PROXY".into())));
    assert_eq!(format!("{:?}", platform.endpoint.base_url), "https://gate.internal");
    let items = PerKind::new(|kind| match kind {
        Kind::Voice => 5,
        kind => Limits::default().items[kind],
    });
    let hours = |n: u64| Duration::from_secs(n * 3600);
    assert_eq!(
        platform.discovery,
        Some(Discovery {
            include: app_ids(&["wx0123456789abcdef", "wx1123456789abcdef"]),
            exclude: app_ids(&["wx2123456789abcdef"]),
            info_labels: ["".into(), "华东".into()].into(),
            interval: Duration::from_secs(1200),
            hold: hours(80),
            collect: Collect { draft: Some(hours(3)), quota: Some(hours(2)) },
            limits: Limits { items, pooled: false },
            budget: Budget::default(),
            pin: None,
            shard: Shard::default(),
            endpoint: Arc::clone(&platform.endpoint),
        })
    );
}

#[test]
fn the_environment_wins_over_a_platform_of_the_file() {
    let file =
        format!("platforms: {{open: {{component_app_id: wxa123456789abcdef, {TOKENS}, discover: true}}}}\n");
    let config = good(
        &file,
        &[
            ("WECHAT_EXPORTER__PLATFORMS__OPEN__INTERVAL", "8m"),
            ("WECHAT_EXPORTER__PLATFORMS__OPEN__INCLUDE", "wx0123456789abcdef, wx1123456789abcdef"),
            ("WECHAT_EXPORTER__PLATFORMS__OPEN__COMPONENT_TOKEN__PATH", "d"),
        ],
    );
    let platform = &config.platforms[0];
    assert_eq!(platform.component_token, ComponentToken::ReadOnly(file_source("d")));
    let discovery = platform.discovery.as_ref().unwrap();
    assert_eq!(discovery.interval, Duration::from_secs(480));
    assert_eq!(discovery.include, app_ids(&["wx0123456789abcdef", "wx1123456789abcdef"]));
}

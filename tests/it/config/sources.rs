//! Token sources and optional collectors: what stands in the file becomes exactly this.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::config::token::{
    FileSource, HttpSource, Pointer, ReadOnlySource, RedisFormat, RedisSource, Template,
};
use wechat_material_exporter::config::{AppId, Collect, Config, PlatformName, TokenSource};
use wechat_material_exporter::secret::{Secret, SecretSource};

use super::{good, load_text, set_mode};

pub(super) fn inline(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text.to_owned()))
}

pub(super) fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

/// What `token: {…}` becomes.
fn token(keys: &str) -> TokenSource {
    let file = format!("accounts: {{a: {{app_id: wx0123456789abcdef, token: {{{keys}}}}}}}\n");
    good(&file, &[]).accounts[0].token.clone()
}

/// What a file with a secret becomes when it is loaded.
fn secret_file(path: &Path) -> SecretSource {
    match token(&format!("app_secret_file: '{}'", path.display())) {
        TokenSource::StableToken { app_secret } => app_secret,
        other => panic!("{other:?}"),
    }
}

fn read_only(keys: &str) -> ReadOnlySource {
    match token(keys) {
        TokenSource::ReadOnly(source) => ReadOnlySource::clone(&source),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sources_that_call_wechat_have_their_secrets() {
    let app_secret = || SecretSource::Env("SECRET".into());
    assert_eq!(token("app_secret_env: SECRET"), TokenSource::StableToken { app_secret: app_secret() });
    assert_eq!(
        token("source: stable_token, app_secret: 007"),
        TokenSource::StableToken { app_secret: inline("007") }
    );
    assert_eq!(
        token("source: token, app_secret_env: SECRET, accept_token_takeover: true"),
        TokenSource::Token { app_secret: app_secret() }
    );
}

#[test]
fn a_file_source_has_a_path_and_maybe_a_pointer() {
    let path = Template::new("/run/tokens/{app_id}");
    assert_eq!(
        read_only("source: file, path: '/run/tokens/{app_id}'"),
        ReadOnlySource::File(FileSource { path: path.clone(), pointer: None })
    );
    assert_eq!(
        read_only("source: file, path: '/run/tokens/{app_id}', pointer: /access_token"),
        ReadOnlySource::File(FileSource { path, pointer: Some(pointer("/access_token")) })
    );
}

#[test]
fn a_token_server_has_everything_from_its_places() {
    let dir = tempfile::tempdir().unwrap();
    let header = dir.path().join("header");
    fs::write(&header, "Bearer x\n").unwrap();
    set_mode(&header, 0o600);
    let keys = format!(
        "source: http, url: 'https://u:p@tokens.internal/{{app_id}}?key=x', headers: {{X-Inline: 007, Authorization: \
         {{file: '{}'}}, x-env: {{env: SECRET}}}}, pointer: /data/access_token, expires_pointer: /data/expires_in",
        header.display()
    );
    let headers = vec![
        ("x-inline".to_owned(), inline("007")),
        ("authorization".to_owned(), secret_file(&header)),
        ("x-env".to_owned(), SecretSource::Env("SECRET".into())),
    ];
    assert_eq!(
        read_only(&keys),
        ReadOnlySource::Http(HttpSource {
            url: inline("https://u:p@tokens.internal/{app_id}?key=x"),
            headers,
            pointer: Some(pointer("/data/access_token")),
            expires_pointer: Some(pointer("/data/expires_in")),
            ca_file: None,
        })
    );

    let (url, ca) = (dir.path().join("url"), dir.path().join("ca.pem"));
    fs::write(&url, "http://127.0.0.1:9000/token\n").unwrap();
    set_mode(&url, 0o600);
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let keys = format!("source: http, url_file: '{}', ca_file: '{}'", url.display(), ca.display());
    assert_eq!(
        read_only(&keys),
        ReadOnlySource::Http(HttpSource {
            url: secret_file(&url),
            headers: Vec::new(),
            pointer: None,
            expires_pointer: None,
            ca_file: Some(ca),
        })
    );
}

#[test]
fn a_redis_key_is_plain_or_json() {
    let redis = |key: &str, format| {
        let url = inline("rediss://:p%40w@cache.internal:6380/2");
        ReadOnlySource::Redis(RedisSource { url, key: Template::new(key), format, ca_file: None })
    };
    let read = |keys: &str| {
        read_only(&format!("source: redis, url: 'rediss://:p%40w@cache.internal:6380/2', {keys}"))
    };
    assert_eq!(read("key: 'token:{app_id}'"), redis("token:{app_id}", RedisFormat::Plain));
    assert_eq!(read("key: 007, format: plain"), redis("007", RedisFormat::Plain));
    assert_eq!(read("key: x, format: json"), redis("x", RedisFormat::Json(pointer(""))));
    assert_eq!(
        read("key: x, format: json, pointer: /access_token"),
        redis("x", RedisFormat::Json(pointer("/access_token")))
    );
    let by_environment = "source: redis, url_env: CACHE, key: x";
    let file = format!("accounts: {{a: {{app_id: wx0123456789abcdef, token: {{{by_environment}}}}}}}\n");
    let config = good(&file, &[("CACHE", "redis://[fc00::1]:6379")]);
    let TokenSource::ReadOnly(source) = &config.accounts[0].token else { panic!("a source that reads") };
    assert!(
        matches!(&**source, ReadOnlySource::Redis(redis) if redis.url == SecretSource::Env("CACHE".into()))
    );
}

#[test]
fn presets_have_the_keys_of_their_sdks() {
    let root = || RedisFormat::Json(pointer(""));
    for (keys, key, format) in [
        ("wxjava-mp", "wx:access_token:{app_id}", RedisFormat::Plain),
        ("wxjava-mp, prefix: 'wx:mp:multi'", "wx:mp:multi:access_token:{app_id}", RedisFormat::Plain),
        ("wxjava-mp, prefix: 'null'", "null:access_token:{app_id}", RedisFormat::Plain),
        ("wxjava-mp, prefix: ''", ":access_token:{app_id}", RedisFormat::Plain),
        ("wechatpy", "wechatpy:{app_id}_access_token", root()),
        ("wechatpy, prefix: shop", "shop:{app_id}_access_token", root()),
        ("silenceper", "gowechat_officialaccount__access_token_{app_id}", RedisFormat::Plain),
        ("silenceper-stable", "gowechat_officialaccount__stable_access_token_{app_id}", RedisFormat::Plain),
    ] {
        let source = read_only(&format!("source: redis, url: 'redis://127.0.0.1', preset: {keys}"));
        let ReadOnlySource::Redis(redis) = source else { panic!("{source:?}") };
        assert_eq!((redis.key, redis.format), (Template::new(key), format), "{keys}");
    }
}

#[test]
fn cloud_sources_and_authorizers_have_their_options() {
    let own = || AppId::parse("wx0123456789abcdef");
    assert_eq!(token("source: cloud_hosting"), TokenSource::CloudHosting { from_app_id: None });
    assert_eq!(
        token("source: cloud_hosting, from_app_id: wx0123456789abcdef"),
        TokenSource::CloudHosting { from_app_id: own() }
    );
    let path = PathBuf::from("/.tencentcloudbase/wx/cloudbase_access_token");
    assert_eq!(token("source: cloud_file"), TokenSource::CloudFile { path, from_app_id: None });
    assert_eq!(
        token("source: cloud_file, path: /x, from_app_id: wx0123456789abcdef"),
        TokenSource::CloudFile { path: "/x".into(), from_app_id: own() }
    );
    let file = "platforms: {open: {component_app_id: wxa123456789abcdef, component_token: {source: file, path: c}, \
                authorizer_token: {source: api_authorizer_token, accept_token_takeover: true}}}\naccounts:\n  \
                a: {app_id: wx0123456789abcdef, token: {source: authorizer, platform: open}}\n  \
                b: {app_id: wx1123456789abcdef, token: {source: authorizer, platform: open, refresh_token: 007}}\n";
    let config = good(file, &[]);
    let authorizer = |refresh_token| {
        let platform = PlatformName::parse("open").unwrap();
        TokenSource::Authorizer { platform, refresh_token }
    };
    assert_eq!(config.accounts[0].token, authorizer(None));
    assert_eq!(config.accounts[1].token, authorizer(Some(inline("007"))));
}

#[test]
fn sources_that_name_the_account_may_be_shared() {
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().join("url");
    fs::write(&url, "https://tokens/{app_id}\n").unwrap();
    set_mode(&url, 0o600);
    for keys in [
        "source: file, path: 'x/{app_id}'".to_owned(),
        "source: http, url: 'https://tokens/{app_id}'".to_owned(),
        format!("source: http, url_file: '{}'", url.display()),
        "source: http, url_env: URL".to_owned(),
        "source: http, url: 'https://tokens/', headers: {x-app-id: '{app_id}'}".to_owned(),
        "source: http, url: 'https://tokens/', headers: {x-app-id: {env: URL}}".to_owned(),
        "source: redis, url: 'rediss://cache', key: 'x:{app_id}'".to_owned(),
        "source: redis, url: 'rediss://{app_id}:x@cache', key: x".to_owned(),
        "source: redis, url: 'rediss://cache', preset: wechatpy".to_owned(),
    ] {
        let file = format!(
            "accounts:\n  a: {{app_id: wx0123456789abcdef, token: {{{keys}}}}}\n  \
             b: {{app_id: wx1123456789abcdef, token: {{{keys}}}}}\n"
        );
        assert_eq!(good(&file, &[("URL", "https://tokens/{app_id}")]).accounts.len(), 2, "{keys}");
    }
}

#[test]
fn a_source_in_a_file_or_variable_is_one_accounts_too() {
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().join("url");
    fs::write(&url, "https://tokens/one\n").unwrap();
    set_mode(&url, 0o600);
    for keys in [format!("url_file: '{}'", url.display()), "url_env: URL".to_owned()] {
        let token = format!("token: {{source: http, {keys}}}");
        let file = format!(
            "accounts:\n  a: {{app_id: wx0123456789abcdef, {token}}}\n  b: {{app_id: wx1123456789abcdef, {token}}}\n"
        );
        let faults = load_text(&file, &[("URL", "https://tokens/one")]).unwrap_err().to_string();
        assert!(faults.contains("accounts.b.token: the token of account `a` too"), "{faults}");
    }
}

#[test]
fn calls_of_cloud_hosting_go_where_the_sidecar_listens() {
    let file = |api: &str, keys: &str| {
        format!(
            "api: {{{api}}}\naccounts: {{a: {{app_id: wx0123456789abcdef{keys}, token: {{source: cloud_hosting}}}}}}\n"
        )
    };
    let endpoint = |api: &str, keys: &str| {
        let loaded = load_text(&file(api, keys), &[]).unwrap();
        let endpoint = &loaded.config.accounts[0].endpoint;
        (format!("{:?} {:?}", endpoint.base_url, endpoint.fallback), loaded.warnings.len())
    };
    let none = |url: &str, warnings: usize| (format!("{url} None"), warnings);
    assert_eq!(endpoint("", ""), none("http://api.weixin.qq.com", 0));
    let fallback = "fallback_base_url: 'https://two.internal'";
    assert_eq!(endpoint(fallback, ""), none("http://api.weixin.qq.com", 0));
    assert_eq!(endpoint("base_url: 'https://gate.internal'", ""), none("https://gate.internal", 0));
    assert_eq!(endpoint("", ", base_url: 'http://127.0.0.1:81'"), none("http://127.0.0.1:81", 0));
    assert_eq!(
        endpoint("allow_http: true", ", base_url: 'http://gate.internal'"),
        none("http://gate.internal", 1)
    );
    let https = "base_url: 'https://api.weixin.qq.com'";
    assert_eq!(endpoint(https, ""), none("https://api.weixin.qq.com", 1), "the sidecar sees http only");
    let file = file("", "").replace("cloud_hosting", "cloud_file");
    let endpoint = &good(&file, &[]).accounts[0].endpoint;
    assert_eq!(format!("{:?}", endpoint.base_url), "https://api.weixin.qq.com");
    assert_eq!(format!("{:?}", endpoint.fallback), "Some(https://api2.weixin.qq.com)");
}

#[test]
fn equal_sources_are_shared() {
    let file = "accounts:\n  \
                a: {app_id: wx0123456789abcdef, token: &t {source: file, path: '{app_id}'}}\n  \
                b: {app_id: wx1123456789abcdef, token: *t}\n  \
                c: {app_id: wx2123456789abcdef, token: {source: file, path: other}}\n";
    let config = good(file, &[]);
    let source = |i: usize| match &config.accounts[i].token {
        TokenSource::ReadOnly(source) => source,
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(source(0), source(1)) && source(1) != source(2));
}

#[test]
fn collectors_are_off_until_they_are_named() {
    let file = "poll: {draft_interval: 2h}\naccounts:\n  \
                a: {app_id: wx0123456789abcdef, token: &t {app_secret: x}, draft_interval: 3h}\n  \
                b: {app_id: wx1123456789abcdef, token: *t, collect: [draft]}\n  \
                c: {app_id: wx2123456789abcdef, token: *t, collect: [quota, draft], quota_interval: 30m}\n  \
                d: {app_id: wx3123456789abcdef, token: *t, collect: [quota]}\n  \
                e: {app_id: wx4123456789abcdef, token: *t, collect: []}\n  \
                f: {app_id: wx5123456789abcdef, token: {source: cloud_file}, collect: [draft]}\n";
    let config = good(file, &[("WECHAT_EXPORTER__POLL__QUOTA_INTERVAL", "20m")]);
    let minutes = |n: u64| Some(Duration::from_secs(n * 60));
    let seen: HashMap<&str, Collect> =
        config.accounts.iter().map(|account| (account.name.as_str(), account.collect)).collect();
    assert_eq!(seen["a"], Collect::default());
    assert_eq!(seen["b"], Collect { draft: minutes(120), quota: None });
    assert_eq!(seen["c"], Collect { draft: minutes(120), quota: minutes(30) });
    assert_eq!(seen["d"], Collect { draft: None, quota: minutes(20) });
    assert_eq!(seen["e"], Collect::default());
    assert_eq!(seen["f"], Collect { draft: minutes(120), quota: None });
}

#[test]
fn the_plan_counts_every_call_to_wechat() {
    let planned = |keys: &str| {
        let platform = |name: &str, id: char, token: &str| {
            format!(
                "  {name}: {{component_app_id: wx{id}123456789abcdef, component_token: {{source: file, path: c}}, \
                     authorizer_token: {{{token}}}}}\n"
            )
        };
        let reads = platform("reads", 'b', "source: file, path: '{app_id}'");
        let fetches = platform("fetches", 'c', "source: api_authorizer_token, accept_token_takeover: true");
        let account = format!("accounts: {{a: {{app_id: wx0123456789abcdef, interval: 10s, {keys}}}}}\n");
        let config: Config =
            good(&format!("budget: {{allow_over_budget: true}}\nplatforms:\n{reads}{fetches}{account}"), &[]);
        (config.planned_requests_per_second() * 1e6).round() / 1e6
    };
    let token = 1.0 / 6_900.0;
    let check = |keys: &str, expected: f64| {
        assert!((planned(keys) - expected).abs() < 2e-6, "{keys}: {} is not {expected}", planned(keys));
    };
    check("token: {app_secret: x}", 0.1 + token);
    check("token: {source: token, app_secret: x, accept_token_takeover: true}", 0.1 + token);
    for reading in [
        "source: file, path: x",
        "source: http, url: 'https://x/'",
        "source: redis, url: 'rediss://x', key: x",
        "source: cloud_hosting",
        "source: cloud_file",
        "source: authorizer, platform: reads",
    ] {
        check(&format!("token: {{{reading}}}"), 0.1);
    }
    check("token: {source: authorizer, platform: fetches}", 0.1 + token);
    check("token: {source: cloud_file}, collect: [draft], draft_interval: 20s", 0.1 + 0.05);
    check("token: {source: file, path: x}, collect: [quota], quota_interval: 20s", 0.1 + 0.05);
    check(
        "token: {source: file, path: x}, collect: [quota, draft], quota_interval: 20s, draft_interval: 40s",
        0.1 + 0.1 + 0.025,
    );
}

#[test]
fn takeovers_and_open_ways_are_warned_about() {
    let mut file = String::from("accounts:\n");
    for (i, keys) in [
        "source: token, app_secret: x, accept_token_takeover: true",
        "source: http, url: 'http://tokens.internal/'",
        "source: http, url_env: URL",
        "source: redis, url: 'redis://cache', key: x",
        "source: redis, url: 'redis://8.8.8.8:6379/0', key: x",
        "source: redis, url: 'redis://[2001:db8::1]', preset: wechatpy",
        "source: redis, url: 'redis://172.32.0.1', key: x",
    ]
    .into_iter()
    .enumerate()
    {
        writeln!(file, "  a{i}: {{app_id: wx{i}123456789abcdef, token: {{{keys}}}}}").unwrap();
    }
    let loaded = load_text(&file, &[("URL", "http://11.0.0.1/canary")]).unwrap();
    let short: Vec<_> =
        loaded.warnings.iter().map(|line| line.split_once("test.yaml: ").unwrap().1).collect();
    insta::assert_snapshot!(short.join("\n"));
}

#[test]
fn this_machine_and_private_networks_are_not_warned_about() {
    for host in [
        "localhost",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.7.7",
        "169.254.1.1",
        "[fc00::1]",
        "[fd12::1]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
    ] {
        for keys in
            [format!("http, url: 'http://{host}:90/x'"), format!("redis, key: x, url: 'redis://{host}:90'")]
        {
            let file =
                format!("accounts: {{a: {{app_id: wx0123456789abcdef, token: {{source: {keys}}}}}}}\n");
            assert_eq!(load_text(&file, &[]).unwrap().warnings, [""; 0], "{host}");
        }
    }
}

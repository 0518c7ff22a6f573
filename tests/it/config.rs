//! Configuration files in, configurations or exact faults out.

mod account_files;
mod budget;
mod check;
mod examples;
mod hostile;
mod platforms;
mod reference;
mod running;
mod sources;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wechat_material_exporter::config::{Config, Faults, Kind, Loaded, TokenSource, load};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::shard::Shard;

use crate::program::unexpected;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Loads text as the file `test.yaml`, with the variable `SECRET` set.
fn load_text(text: &str, more: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.yaml");
    fs::write(&path, text).unwrap();
    let mut all = variables(&[("SECRET", "s3cret-of-the-environment")]);
    all.extend(variables(more));
    load(&path, &all, Shard::default(), None)
}

pub(crate) fn good(text: &str, more: &[(&str, &str)]) -> Config {
    load_text(text, more).unwrap_or_else(|faults| panic!("{faults}\n{text}")).config
}

/// The faults without the file's name.
fn faults(text: &str, more: &[(&str, &str)]) -> Vec<String> {
    let faults = load_text(text, more).expect_err("has faults");
    let short =
        |line: &String| line.split_once("test.yaml: ").map_or(line.as_str(), |(_, rest)| rest).to_owned();
    faults.lines().iter().map(short).collect()
}

const ONE: &str = "accounts: {a: {app_id: wx0123456789abcdef, token: {app_secret_env: SECRET}}}\n";

/// Every file has its faults beside it in a `.txt`. A first line `# NAME=value …` sets variables.
#[test]
fn every_rule_has_its_exact_faults() {
    let mut paths: Vec<PathBuf> = fs::read_dir("tests/it/testdata/bad")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() > 40, "the files were found");
    let mut wrong = Vec::new();
    for path in paths {
        let head = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        let pairs = head.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
        let pairs: Vec<_> = pairs.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let mut all = variables(&[("SECRET", "s3cret")]);
        all.extend(variables(&pairs));
        let actual = match load(&path, &all, Shard::default(), None) {
            Ok(_) => "loaded\n".to_owned(),
            Err(faults) => format!("{faults}\n").replace("tests/it/testdata/bad/", ""),
        };
        wrong.extend(unexpected(&path, &actual));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[test]
fn what_is_not_set_has_its_default() {
    let config = good(ONE, &[]);
    assert_eq!(config.api.timeout, Duration::from_secs(10));
    assert_eq!(config.api.connect_timeout, Duration::from_secs(5));
    let short = good(&format!("api: {{timeout: 2s}}\n{ONE}"), &[]);
    assert_eq!(short.api.connect_timeout, Duration::from_millis(1_600), "told from `timeout`");
    assert_eq!(config.api.requests_per_second.get(), 20);
    assert_eq!(config.api.max_in_flight, 20);
    assert_eq!(config.api.ca_file, None);
    let account = &config.accounts[0];
    assert_eq!(account.interval, Duration::from_secs(600));
    assert_eq!(account.hold, Duration::from_secs(72 * 3600));
    assert_eq!(Kind::ALL.map(|kind| account.limits.items[kind]), [1_000, 1_000, 100_000, 100_000]);
    assert_eq!(format!("{:?}", account.endpoint.base_url), "https://api.weixin.qq.com");
    assert_eq!(format!("{:?}", account.endpoint.fallback), "Some(https://api2.weixin.qq.com)");
    assert_eq!(account.endpoint.proxy, None);
    assert_eq!(account.info_labels.len(), 0);
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = format!("poll: {{interval: 20m, hold: 80h}}\ninfo_labels: [x]\n{ONE}");
    let config = good(
        &file,
        &[
            ("WECHAT_EXPORTER__POLL__INTERVAL", "8m"),
            ("WECHAT_EXPORTER__LIMITS__POOLED", "true"),
            ("WECHAT_EXPORTER__LIMITS__VOICE", "20"),
            ("WECHAT_EXPORTER__LIMITS__VIDEO", "20"),
            ("WECHAT_EXPORTER__INFO_LABELS", "team, region"),
            ("WECHAT_EXPORTER__API__REQUESTS_PER_SECOND", "007"),
            ("WECHAT_EXPORTER__API__PROXY", "http://u:p@proxy:3128"),
            ("WECHAT_EXPORTER_CONFIG_FILE", "a flag's variable is no key"),
        ],
    );
    let account = &config.accounts[0];
    assert_eq!((account.interval.as_secs(), account.hold.as_secs()), (480, 80 * 3600));
    assert!(account.limits.pooled);
    assert_eq!(account.limits.items[Kind::Voice], 20);
    assert_eq!(config.info_labels, ["team", "region"]);
    assert_eq!((config.api.requests_per_second.get(), config.api.max_in_flight), (7, 16));
    assert!(matches!(account.endpoint.proxy, Some(SecretSource::Inline(_))));
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    let variables = [
        ("WECHAT_EXPORTER__POLL__INTERVAL", "60"),
        ("WECHAT_EXPORTER__POLL__HOLT", "60h"),
        ("WECHAT_EXPORTER__API", "x"),
        ("WECHAT_EXPORTER__API__CONNECT_TIMEOUT", "30s"),
        ("WECHAT_EXPORTER__LIMITS", "x"),
        ("WECHAT_EXPORTER__accounts__x", "x"),
        ("WECHAT_EXPORTER__ACCOUNTS__A__INTERVAL", "1m"),
        ("WECHAT_EXPORTER__SHARD", "1"),
        ("WECHAT_EXPORTER__COLOUR__RED__DARK", "1"),
        ("WECHAT_EXPORTER__LIMITS[99999999999]", "1"),
        ("WECHAT_EXPORTER__", ""),
    ];
    insta::assert_snapshot!(faults(ONE, &variables).join("\n"));
}

#[test]
fn a_variable_does_not_hide_a_broken_section() {
    let file = format!("api: 5\n{ONE}");
    let lines = faults(&file, &[("WECHAT_EXPORTER__API__TIMEOUT", "5s")]);
    assert_eq!(lines, ["api: not a map: write its keys below it, or remove it"]);
}

fn inline_secret(config: &Config) -> String {
    let TokenSource::StableToken { app_secret } = &config.accounts[0].token else { panic!("a stable token") };
    let SecretSource::Inline(secret) = app_secret else { panic!("an inline secret") };
    // A secret compares with its like only, so the test asks for equality.
    let candidates = ["12345678901234567890123456789012", "00123", "1e5", "0x1F", "1.10", "true", "007"];
    let same = |text: &&&str| *secret == Secret::new((**text).to_owned());
    candidates.iter().find(same).map_or_else(|| "another value".to_owned(), |text| (*text).to_owned())
}

#[test]
fn scalars_of_accounts_are_taken_as_written() {
    for secret in ["12345678901234567890123456789012", "00123", "1e5", "0x1F", "1.10", "true"] {
        let file = format!(
            "# 品牌 😀\ninfo_labels: [version]\naccounts:\n  007:\n    app_id: wx0123456789abcdef\n    \
             display_name: 1.0\n    labels: {{version: 1.10}}\n    token: {{app_secret: {secret}}}\n"
        );
        let config = good(&file, &[]);
        assert_eq!(inline_secret(&config), secret);
        let account = &config.accounts[0];
        assert_eq!((account.name.as_str(), &*account.display_name), ("007", "1.0"));
        assert_eq!(*account.info_labels[0], *"1.10");
    }
}

#[test]
fn accounts_can_share_what_they_have_in_common() {
    let file = "accounts:\n  b: &defaults\n    app_id: wx0123456789abcdef\n    interval: 20m\n    \
                token: &token {app_secret: 007}\n  a:\n    <<: *defaults\n    app_id: wx1123456789abcdef\n    \
                interval: 30m\n  c: {app_id: wx2123456789abcdef, token: *token}\n";
    let config = good(file, &[]);
    let seen: Vec<_> =
        config.accounts.iter().map(|account| (account.name.as_str(), account.interval.as_secs())).collect();
    assert_eq!(seen, [("a", 1800), ("b", 1200), ("c", 600)], "in name order");
    assert_eq!(inline_secret(&config), "007");
}

#[test]
fn accounts_share_equal_endpoints() {
    let file = "api: {base_url: https://proxy.internal, fallback_base_url: https://two.internal}\naccounts:\n  \
                a: {app_id: wx0123456789abcdef, token: {app_secret: x}}\n  \
                b: {app_id: wx1123456789abcdef, token: {app_secret: x}}\n  \
                c: {app_id: wx2123456789abcdef, token: {app_secret: x}, base_url: https://api.weixin.qq.com/}\n  \
                d: {app_id: wx3123456789abcdef, token: {app_secret: x}, base_url: https://other.internal}\n  \
                e: {app_id: wx4123456789abcdef, token: {app_secret: x}, proxy: http://p:1}\n  \
                f: {app_id: wx5123456789abcdef, token: {app_secret: x}, proxy: http://p:1}\n";
    let config = good(file, &[]);
    let endpoint = |i: usize| &config.accounts[i].endpoint;
    assert!(Arc::ptr_eq(endpoint(0), endpoint(1)) && Arc::ptr_eq(endpoint(4), endpoint(5)));
    let fallback = |i: usize| format!("{:?}", endpoint(i).fallback);
    assert_eq!(fallback(0), "Some(https://two.internal)");
    assert_eq!(fallback(2), "Some(https://api2.weixin.qq.com)", "the official API keeps its second host");
    assert_eq!(fallback(3), "None", "a base URL of its own has no fallback");
    assert!(endpoint(0).proxy.is_none() && endpoint(4).proxy.is_some());
}

#[test]
fn the_rate_follows_the_accounts() {
    let accounts = |count: usize| {
        let mut file = String::from("poll: {interval: 10s}\nbudget: {allow_over_budget: true}\naccounts:\n");
        for i in 0..count {
            writeln!(file, "  a{i}: {{app_id: wx{i:016x}, token: {{app_secret: x}}}}").unwrap();
        }
        file
    };
    let config = good(&accounts(200), &[]);
    assert_eq!((config.api.requests_per_second.get(), config.api.max_in_flight), (41, 41));
    let lines = faults(&format!("api: {{requests_per_second: 24}}\n{}", accounts(200)), &[]);
    assert_eq!(
        lines,
        [
            "api.requests_per_second: too few for the 20.0 requests a second that the accounts need: set at least \
          25, or remove it"
        ]
    );
    good(&format!("api: {{requests_per_second: 25}}\n{}", accounts(200)), &[]);
}

#[cfg(unix)]
#[test]
fn doubtful_settings_are_warned_about() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "x").unwrap();
    set_mode(&secret, 0o640);
    let file = format!(
        "api: {{base_url: 'http://api.internal', allow_http: true}}\npoll: {{hold: 25h}}\naccounts:\n  a: {{app_id: \
         wx0123456789abcdef, token: {{app_secret_file: '{}'}}}}\n  b: {{app_id: wx1123456789abcdef, hold: 2h, \
         base_url: 'http://127.0.0.1:1', token: {{app_secret: x}}}}\n",
        secret.display()
    );
    let warnings = load_text(&file, &[]).unwrap().warnings.join("\n");
    let warnings = warnings.replace(dir.path().to_str().unwrap(), "");
    let short: Vec<_> =
        warnings.lines().map(|line| line.split_once("test.yaml: ").map_or(line, |(_, rest)| rest)).collect();
    insta::assert_snapshot!(short.join("\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let check = |path: &Path, expected: &str| {
        let faults = load(path, &[], Shard::default(), None).unwrap_err();
        assert_eq!(faults.to_string(), format!("{}: {expected}", path.display()));
    };
    let rule = "name a YAML file that this user can read";
    check(&dir.path().join("none.yaml"), &format!("no such file: {rule}"));
    check(dir.path(), &format!("a directory, not a file: {rule}"));
    let binary = dir.path().join("binary.yaml");
    fs::write(&binary, b"accounts: \xff\xfe").unwrap();
    check(&binary, "a file that is not UTF-8 text: save it as UTF-8");
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_once() {
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(ONE.as_bytes()).unwrap();
    drop(writer);
    let path = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
    let loaded = load(&path, &variables(&[("SECRET", "x")]), Shard::default(), None).unwrap();
    assert_eq!(loaded.config.accounts.len(), 1);
}

#[test]
fn thousands_of_accounts_load() {
    let mut file = String::from("info_labels: [team]\naccounts:\n");
    for i in 0..5_000 {
        writeln!(file, "  account-{i}:\n    app_id: wx{i:016x}\n    display_name: 品牌 {i}").unwrap();
        let team = i % 7;
        writeln!(file, "    labels: {{team: t{team}}}\n    token: {{app_secret: simulated-secret-{i}}}")
            .unwrap();
    }
    let config = good(&file, &[]);
    assert_eq!(config.accounts.len(), 5_000);
    assert!(config.accounts.is_sorted_by(|a, b| a.name < b.name));
}

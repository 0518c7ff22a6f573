//! The files that are shipped as examples load, and show what the defaults are.

use std::fs;
use std::path::Path;

use wechat_material_exporter::config::load;
use wechat_material_exporter::shard::Shard;

use super::{ONE, good, set_mode, variables};

/// Each small example, with how many accounts and warnings it has.
const SMALL_EXAMPLES: [(&str, usize, usize); 8] = [
    ("minimal", 1, 0),
    ("token-file", 1, 0),
    ("token-http", 1, 0),
    ("token-redis", 2, 0),
    ("token", 1, 1),
    ("cloud-hosting", 2, 0),
    ("cloud-file", 1, 0),
    ("platform", 1, 0),
];

#[test]
fn every_small_example_loads() {
    let env = variables(&[
        ("BRAND_MAIN_APP_SECRET", "0123456789abcdef"),
        ("TOKEN_SERVER_KEY", "Bearer 0123456789abcdef"),
        ("CACHE_URL", "rediss://:password@cache.internal:6380/0"),
    ]);
    for (name, accounts, warnings) in SMALL_EXAMPLES {
        let path = format!("config/{name}.yaml");
        let loaded =
            load(Path::new(&path), &env, Shard::default(), None).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!((loaded.config.accounts.len(), loaded.warnings.len()), (accounts, warnings), "{path}");
    }
    let known = |file: &str| SMALL_EXAMPLES.iter().any(|(name, ..)| file == format!("{name}.yaml"));
    for entry in fs::read_dir("config").unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            known(&file) || file.contains(".example.y") || file == "accounts.d",
            "{file} is loaded by no test"
        );
    }
}

#[test]
fn the_example_with_every_key_loads() {
    let env = variables(&[
        ("BRAND_MAIN_APP_SECRET", "0123456789abcdef"),
        ("BRAND_SERVICE_APP_SECRET", "0123456789abcdef"),
        ("BRAND_SERVICE_PROXY", "http://user:password@egress.internal:3128"),
        ("CLIENT_FLOWERS_APP_SECRET", "0123456789abcdef"),
        ("CLIENT_TEA_APP_SECRET", "0123456789abcdef"),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("brand-main");
    fs::write(&secret, "0123456789abcdef\n").unwrap();
    set_mode(&secret, 0o600);
    let example = fs::read_to_string("config/wechat-material-exporter.example.yaml").unwrap();
    let example = example.replace("/run/secrets/brand-main", secret.to_str().unwrap());
    let example = example.replace("[accounts.d/", "[config/accounts.d/");
    let path = dir.path().join("example.yaml");
    fs::write(&path, &example).unwrap();
    let loaded = load(&path, &env, Shard::default(), None).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(loaded.warnings, [""; 0]);
    let defaults = good(ONE, &[]);
    assert_eq!(loaded.broken, []);
    let names: Vec<_> = loaded.config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["brand-main", "brand-service", "client-flowers", "client-tea"]);
    let main = &loaded.config.accounts[0];
    assert_eq!(main.endpoint, defaults.accounts[0].endpoint, "the example shows the defaults");
    assert_eq!(main.limits, defaults.accounts[0].limits);
    assert_eq!(main.budget, defaults.accounts[0].budget);
    assert_eq!((main.interval, main.hold), (defaults.accounts[0].interval, defaults.accounts[0].hold));
    assert_eq!(loaded.config.api.timeout, defaults.api.timeout);
    assert_eq!(loaded.config.api.connect_timeout, defaults.api.connect_timeout);
}

/// The sources and platforms that the example shows as comments, one by one.
#[test]
fn the_commented_part_of_the_example_loads_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path.to_str().unwrap().to_owned()
    };
    let secret = file("secret", "0123456789abcdef");
    let ca = file("ca.pem", "-----BEGIN CERTIFICATE-----");
    let example = fs::read_to_string("config/wechat-material-exporter.example.yaml").unwrap();
    let (_, commented) = example.split_once("\n#token: ").unwrap();
    let commented = format!("token: {commented}").replace("/etc/ssl/internal-ca.pem", &ca);
    let commented: String = commented
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .map(|line| match line.split_once("/run/secrets/") {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '-');
                format!("{before}{secret}{rest}\n")
            }
            None => format!("{line}\n"),
        })
        .filter(|line| !line.starts_with([' ', '\n']) || line.starts_with("  "))
        .collect();
    let (tokens, platforms) = commented.split_once("platforms:\n").unwrap();
    let platforms = format!("info_labels: [team]\nplatforms:\n{platforms}");
    let env = [("TOKENS_KEY", "x"), ("CACHE_URL", "rediss://cache.internal")];
    good(&platforms, &env);
    let tokens: Vec<&str> = tokens.split("token:").filter(|text| !text.trim().is_empty()).collect();
    assert_eq!(tokens.len(), 9);
    for token in tokens {
        let token = token.replace('\n', "\n    ");
        let account = format!("accounts:\n  a:\n    app_id: wxfedcba9876543210\n    token:{token}\n");
        good(&format!("{platforms}{account}"), &env);
    }
}

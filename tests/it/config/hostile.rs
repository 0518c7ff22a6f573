//! Secrets in the wrong place, and input that nobody would write.

use std::fs;

use proptest::prelude::{Strategy, any, proptest};
use wechat_material_exporter::config::load;
use wechat_material_exporter::shard::Shard;

use super::{ONE, load_text};

const CANARY: &str = "c0ffee0123456789c0ffee0123456789";

/// Every key, one a line, so that each value can be replaced.
const EVERY_KEY: &str = "\
api:
  base_url: https://api.weixin.qq.com
  fallback_base_url: https://api2.weixin.qq.com
  timeout: 10s
  connect_timeout: 5s
  requests_per_second: 20
  max_in_flight: 20
  proxy: http://user:c0ffee0123456789c0ffee0123456789@proxy
  ca_file: none.pem
  allow_http: false
poll:
  interval: 10m
  hold: 72h
limits:
  voice: 1
  pooled: false
budget:
  daily_calls: 1000
  max_share: 0.2
  reserve: 0.1
  allow_over_budget: false
info_labels: [team]
account_files: [none/x.yaml]
accounts:
  a:
    app_id: wx0123456789abcdef
    display_name: x
    labels:
      team: x
    interval: 10m
    hold: 72h
    voice: 1
    daily_calls: 1000
    base_url: https://api.weixin.qq.com
    proxy_file: x
    token:
      source: stable_token
      app_secret: c0ffee0123456789c0ffee0123456789
  b:
    app_id: wx0123456789abcdef
    proxy_env: x
    token:
      app_secret_file: x
  c:
    app_id: wx0123456789abcdee
    token:
      app_secret_env: SECRET
";

/// As [`EVERY_KEY`], for platforms and the sources of tokens.
const EVERY_SOURCE: &str = "\
platforms:
  open:
    component_app_id: wxa123456789abcdef
    component_token:
      source: verify_ticket
      component_app_secret: c0ffee0123456789c0ffee0123456789
      accept_token_takeover: true
      ticket:
        source: file
        path: x
        pointer: /x
    authorizer_token:
      source: redis
      url: redis://:c0ffee0123456789c0ffee0123456789@cache/0
      preset: wxjava-open-authorizer
      prefix: x
      ca_file: none.pem
    discover: true
    refresh_interval: 1h
    include: [wx0123456789abcdef]
    exclude: []
    collect: [draft]
    labels: {team: x}
    draft_interval: 1h
    base_url: https://api.weixin.qq.com
    proxy_env: x
accounts:
  d:
    app_id: wx1123456789abcdef
    collect: [quota]
    quota_interval: 1h
    token:
      source: http
      url: https://c0ffee0123456789c0ffee0123456789@tokens/
      headers:
        x-key: c0ffee0123456789c0ffee0123456789
        x-file:
          file: x
        x-env:
          env: x
      pointer: /a
      expires_pointer: /b
  e:
    app_id: wx2123456789abcdef
    token:
      source: redis
      url_file: x
      key: x
      format: json
      pointer: /x
  f:
    app_id: wx3123456789abcdef
    token:
      source: cloud_hosting
      from_app_id: wx4123456789abcdef
  g:
    app_id: wx5123456789abcdef
    token:
      source: authorizer
      platform: open
      refresh_token: c0ffee0123456789c0ffee0123456789
";

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let wrong =
        ["", "[", "*", "!", "\"", "- ", "{x: ", "x: y: ", "&x ", "[{x: [", "http://u:p@", "|\n", "1 #"];
    for (file, at, line) in [EVERY_KEY, EVERY_SOURCE]
        .iter()
        .flat_map(|file| file.lines().enumerate().map(move |(at, line)| (file, at, line)))
    {
        let (key, _) = line.split_once(':').unwrap();
        if key == "account_files" {
            // Its values are names of files, and what is wrong in a file is told with its name.
            continue;
        }
        for before in wrong {
            for after in ["", "]", "}", "]}]", "\"", ": x"] {
                let mut lines: Vec<String> = file.lines().map(ToOwned::to_owned).collect();
                lines[at] = format!("{key}: {before}{CANARY}{after}");
                if let Err(faults) = load_text(&lines.join("\n"), &[]) {
                    assert!(!format!("{faults} {faults:?}").contains(CANARY), "{}: {faults}", lines[at]);
                }
            }
        }
    }
}

#[test]
fn a_secret_in_key_position_is_not_shown() {
    let whole = |file: &str| file.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
    for file in [EVERY_KEY, EVERY_SOURCE] {
        for (at, line) in file.lines().enumerate() {
            let indent: String = line.chars().take_while(|c| *c == ' ').collect();
            let (key, _) = line.trim_start().split_once(':').unwrap();
            if key == "account_files" {
                // As above.
                continue;
            }
            for wrong in [
                format!("{key}:{CANARY}: x"),
                format!("{key}={CANARY}: x"),
                format!("\"{key} {CANARY}\": x"),
                format!("{CANARY}: x"),
                format!("{key}: {{{CANARY}: x}}"),
                format!("{CANARY}: [x]"),
                format!("{key}: {{{key}:{CANARY}}}"),
                format!("{key}: {{{CANARY}}}"),
                format!("{key}: {{file:{CANARY}}}"),
                format!("{key}: [{key}:{CANARY}]"),
                format!("{key}: [{{{key}:{CANARY}}}]"),
                format!("? {CANARY}"),
            ] {
                // Beside the line and in its place.
                let mut beside = whole(file);
                beside.insert(at, format!("{indent}{wrong}"));
                let mut instead = whole(file);
                instead[at] = format!("{indent}{wrong}");
                for lines in [beside, instead] {
                    let faults = load_text(&lines.join("\n"), &[]).unwrap_err();
                    let place = lines.get(at).map_or("", String::as_str);
                    assert!(!format!("{faults} {faults:?}").contains(CANARY), "{place}: {faults}");
                }
            }
        }
    }
}

#[test]
fn a_missing_blank_is_named() {
    let file = ONE.replace("app_secret_env: SECRET", "app_secret:0123456789abcdef0123456789abcdef");
    assert_ne!(file, ONE);
    let faults = load_text(&file, &[]).unwrap_err().to_string();
    assert!(faults.contains("token.\"app_secret…\": unknown key: write a blank after the `:`"), "{faults}");
}

#[test]
fn a_secret_in_the_wrong_variable_is_not_shown() {
    let mut path: Vec<&str> = Vec::new();
    let before_accounts = |file: &'static str| file.lines().take_while(|line| *line != "accounts:");
    for line in before_accounts(EVERY_KEY).chain(before_accounts(EVERY_SOURCE)) {
        let (key, _) = line.split_once(':').unwrap();
        path.truncate((key.len() - key.trim_start().len()) / 2);
        path.push(key.trim_start());
        let name = format!("WECHAT_EXPORTER__{}", path.join("__").to_uppercase());
        if let Err(faults) = load_text(ONE, &[(&name, CANARY)]) {
            // What a platform lacks besides is a fault of the file.
            let is_first = faults.to_string().starts_with(&format!("environment: {name}: "));
            assert!(is_first || path[0] == "platforms", "{faults}");
            assert!(!faults.to_string().contains(CANARY), "{faults}");
        }
    }
}

#[test]
fn a_secret_in_the_right_place_is_not_shown() {
    let file = format!(
        "api: {{proxy: 'http://u:{CANARY}@proxy'}}\nplatforms: {{open: {{component_app_id: wxa123456789abcdef, \
         component_token: {{source: verify_ticket, component_app_secret: {CANARY}, accept_token_takeover: true, \
         ticket: {{source: redis, url: 'redis://:{CANARY}@cache', key: x}}}}, authorizer_token: {{source: http, \
         url: 'http://tokens/{CANARY}/{{app_id}}', headers: {{x-key: {CANARY}}}}}}}, own: {{component_app_id: wxb123456789abcdef, \
         component_token: {{source: file, path: x}}, authorizer_token: {{source: api_authorizer_token, \
         accept_token_takeover: true}}}}}}\naccounts:\n  \
         a: {{app_id: wx0123456789abcdef, token: {{app_secret: {CANARY}}}}}\n  \
         b: {{app_id: wx1123456789abcdef, token: {{source: authorizer, platform: own, refresh_token: {CANARY}}}}}\n  \
         c: {{app_id: wx2123456789abcdef, token: {{source: http, url: 'http://{CANARY}.tokens/{CANARY}'}}}}\n"
    );
    let loaded = load_text(&file, &[]).unwrap();
    assert_eq!(loaded.warnings.len(), 5, "{:?}", loaded.warnings);
    assert!(!format!("{loaded:?} {loaded:#?}").contains(CANARY), "{loaded:?}");
}

fn yaml_like() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "accounts",
        "api",
        "poll",
        "token",
        "app_id",
        "info_labels",
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "<<: ",
        "!",
        "!!int ",
        "'",
        "\"",
        "|",
        ">",
        "#",
        "%",
        "é",
        "007",
        "1e5",
        "~",
        "true",
        "\t",
        "\r\n",
        "---\n",
        "...",
        "? ",
        "\u{feff}",
        "\0",
        "\\",
        ".inf",
        "=",
        "@",
    ]);
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_refused_in_lines(bytes in any::<Vec<u8>>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.yaml");
        fs::write(&path, bytes).unwrap();
        assert!(load(&path, &[], Shard::default(), None).is_err());
    }

    #[test]
    fn anything_like_yaml_is_refused_in_lines(text in yaml_like()) {
        if let Err(faults) = load_text(&text, &[]) {
            assert!(!faults.lines().is_empty());
            assert!(faults.lines().iter().all(|line| !line.contains(char::is_control)), "{faults}");
        }
    }

    #[test]
    fn any_variable_is_refused_in_lines(name in "[A-Z_\\[\\].0-9]{0,20}", value in any::<String>()) {
        let name = format!("WECHAT_EXPORTER__{name}");
        if let Err(faults) = load_text(ONE, &[(&name, &value)]) {
            assert!(faults.to_string().contains(&name), "{faults}");
        }
    }
}

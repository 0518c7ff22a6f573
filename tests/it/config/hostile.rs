//! Secrets in the wrong place, and input that nobody would write.

use std::fs;

use proptest::prelude::{Strategy, any, proptest};
use wechat_material_exporter::config::load;

use super::{ONE, load_text};

const CANARY: &str = "canary-5ecret";

/// Every key, one a line, so that each value can be replaced.
const EVERY_KEY: &str = "\
api:
  base_url: https://api.weixin.qq.com
  fallback_base_url: https://api2.weixin.qq.com
  timeout: 10s
  connect_timeout: 5s
  requests_per_second: 20
  max_in_flight: 20
  proxy: http://user:canary-5ecret@proxy
  ca_file: none.pem
  allow_http: false
poll:
  interval: 10m
  hold: 72h
limits:
  voice: 1
  pooled: false
info_labels: [team]
accounts:
  a:
    app_id: wx0123456789abcdef
    display_name: x
    labels:
      team: x
    interval: 10m
    hold: 72h
    voice: 1
    base_url: https://api.weixin.qq.com
    proxy_file: x
    token:
      source: stable_token
      app_secret: canary-5ecret
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

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let wrong =
        ["", "[", "*", "!", "\"", "- ", "{x: ", "x: y: ", "&x ", "[{x: [", "http://u:p@", "|\n", "1 #"];
    for (at, line) in EVERY_KEY.lines().enumerate() {
        let (key, _) = line.split_once(':').unwrap();
        for before in wrong {
            for after in ["", "]", "}", "]}]", "\"", ": x"] {
                let mut lines: Vec<String> = EVERY_KEY.lines().map(ToOwned::to_owned).collect();
                lines[at] = format!("{key}: {before}{CANARY}{after}");
                if let Err(faults) = load_text(&lines.join("\n"), &[]) {
                    let keys = format!("{before}{CANARY}{after}").contains("canary-5ecret:");
                    assert!(
                        keys || !format!("{faults} {faults:?}").contains(CANARY),
                        "{}: {faults}",
                        lines[at]
                    );
                }
            }
        }
    }
    for (at, line) in EVERY_KEY.lines().enumerate().take(17) {
        let parent =
            EVERY_KEY.lines().take(at).filter(|line| !line.starts_with(' ')).last().unwrap_or_default();
        let path = if line.starts_with(' ') { format!("{parent}{line}") } else { line.to_owned() };
        let path = path.split(": ").next().unwrap().trim_end_matches(':').replace(":  ", "__").to_uppercase();
        let name = format!("WECHAT_EXPORTER__{path}");
        if let Err(faults) = load_text(ONE, &[(&name, CANARY)]) {
            assert!(faults.to_string().starts_with(&format!("environment: {name}: ")), "{faults}");
            assert!(!faults.to_string().contains(CANARY), "{faults}");
        }
    }
}

#[test]
fn a_secret_in_the_right_place_is_not_shown() {
    let file = format!(
        "api: {{proxy: 'http://u:{CANARY}@proxy'}}\naccounts: {{a: {{app_id: wx0123456789abcdef, token: {{app_secret: \
         {CANARY}}}}}}}\n"
    );
    let loaded = load_text(&file, &[]).unwrap();
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
        assert!(load(&path, &[]).is_err());
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

//! The status page in Debian's Chromium: tests/browser, run against the demo and the gallery. `make
//! test` installs what it needs; with `SCREENSHOTS` set, pictures for the README go to that directory.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::gallery;
use crate::program::{Serving, text};

/// Longest run of all browser tests. It takes a minute on a machine that does nothing else.
const LONGEST_RUN: Duration = Duration::from_secs(600);

/// Whether each account was polled once, discovered ones too.
fn is_first_round_over(page: &str) -> bool {
    let page: Value = serde_json::from_str(page).unwrap();
    let discovered = page["platforms"][0]["authorizers"]["polled"].as_u64();
    let of_platform = |account: &&Value| account["token"]["platform"].is_string();
    let known = page["accounts"].as_array().unwrap().iter().filter(of_platform).count() as u64;
    discovered == Some(known) && page["summary"]["states"]["pending"] == 0
}

#[tokio::test]
async fn the_status_page_works_in_a_browser() {
    let demo = Serving::start(&["demo", "--log.level", "info"]).await;
    demo.wait_for("/status.json", is_first_round_over).await;
    let gallery = gallery::exporter().await;
    let run = Command::new("node")
        .args(["--test", "accessibility.test.js", "demo.test.js", "gallery.test.js"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser"))
        .env("DEMO_URL", &demo.url)
        .env("GALLERY_URL", gallery.url(""))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LONGEST_RUN, run).await.expect("the browser tests end");
    let output = output.unwrap_or_else(|error| panic!("cannot run node, see `make test`: {error}"));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "see `make test` if modules or Chromium are missing:\n{said}");
    gallery.end().await;
    demo.stop().await;
}

//! The wall clock jumps by a year under the real binary; `make test` installs the library that does it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::faults::child::{configure, listed};
use crate::faults::drill::{assert_undisturbed, value};
use crate::faults::peer::{Call, Fault, Peer};
use crate::program::{Serving, command};

const DAY_SECONDS: f64 = 86_400.0;
const JUMP_DAYS: f64 = 366.0;
const QUOTA_USED_UP: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{\"errcode\":45009,\"errmsg\":\"reach max\"}";

/// Debian's `libfaketime`, in the directory of the machine's architecture.
fn faketime() -> PathBuf {
    let architectures = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut places = architectures.map(|path| path.join("faketime/libfaketimeMT.so.1"));
    places.find(|path| path.exists()).expect("`make test` installs libfaketime")
}

/// Sets how many days the child's clock is off, at once and whole.
fn set_clock(file: &Path, days: f64) {
    let next = file.with_extension("next");
    std::fs::write(&next, format!("{days:+}d\n")).unwrap();
    std::fs::rename(next, file).unwrap();
}

/// The value of a family that has the label `account` alone.
fn last_success(page: &str, account: &str) -> Option<f64> {
    value(page, "wechat_account_last_success_timestamp_seconds", account)
}

#[tokio::test]
async fn a_clock_that_jumps_a_year_ahead_and_back_causes_no_call_and_no_false_age() {
    let (steady, seldom) = (Peer::start().await, Peer::start().await);
    let parked = Peer::struck(Fault::Raw(QUOTA_USED_UP), Some(Call::Data)).await;
    let dir = tempfile::tempdir().unwrap();
    let accounts = [("steady", &steady, "1s"), ("seldom", &seldom, "24h"), ("parked", &parked, "1s")];
    let listed =
        accounts.iter().enumerate().map(|(n, (name, peer, interval))| listed(name, n, peer, interval));
    let config = configure(dir.path(), listed);
    let clock = dir.path().join("clock");
    set_clock(&clock, 0.0);

    let mut child = command(&["--config.file", config.to_str().unwrap()]);
    child.env("LD_PRELOAD", faketime()).env("FAKETIME_TIMESTAMP_FILE", &clock);
    child.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let serving = Serving::spawn(child).await;
    let began = Instant::now();
    let polled =
        |page: &str| accounts.iter().all(|(name, ..)| value(page, "wechat_account_up", name).is_some());
    let page = serving.wait_for("/metrics", polled).await;
    let start = last_success(&page, "seldom").unwrap();

    for days in [JUMP_DAYS, -JUMP_DAYS, 0.0] {
        set_clock(&clock, days);
        let there = start + days * DAY_SECONDS;
        let jumped = |page: &str| (last_success(page, "steady").unwrap() - there).abs() < DAY_SECONDS;
        let page = serving.wait_for("/metrics", jumped).await;
        assert_eq!(last_success(&page, "seldom"), Some(start), "the moment of a reading does not move");
        assert_eq!(value(&page, "wechat_account_up", "seldom"), Some(1.0));
        assert!(page.contains(
            "wechat_account_failing{account=\"parked\",class=\"quota_day\",errcode=\"45009\"} 1\n"
        ));
        // By this clock it is past its `hold` of 72 hours.
        let is_held = page.contains("wechat_material_items{account=\"seldom\"");
        assert_eq!(is_held, days.abs() < 1.0, "{days}");
        assert!(page.contains("wechat_material_items{account=\"steady\""), "{days}");
        steady.called(Call::Data, steady.calls(Call::Data).len() + 1).await;
        assert_eq!((seldom.calls(Call::Data).len(), parked.calls(Call::Data).len()), (1, 1), "{days}");
    }
    assert_undisturbed(&steady, Duration::from_secs(1), began).await;
    serving.signal("TERM");
    assert_eq!(serving.ended().await.0, Some(0));
}

//! Accounts that wait after a failure, and which changes end that.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use wechat_material_exporter::simulator::scenario::{Calls, Fault};

use super::{Metrics, Site, accounts, entry, entry_with};

const WRONG: &str = "app_secret: canary-wrong";

fn class(page: &Metrics, name: &str) -> Option<String> {
    let series = format!("wechat_account_failing{{account=\"{name}\",class=\"");
    let line = page.0.lines().find_map(|line| line.strip_prefix(&series))?;
    line.split('"').next().map(str::to_owned)
}

fn write_secret(site: &Site, text: &str) {
    site.write("secret", text);
    fs::set_permissions(site.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_reload_shortens_no_park_of_an_account_whose_token_settings_are_the_same() {
    let site = Site::start(3).await;
    site.configure(&accounts(&[entry_with("a", 0, WRONG, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for(|page| class(page, "a").as_deref() == Some("secret")).await;
    site.configure(&accounts(&[entry_with("a", 0, WRONG, ""), entry("b", 1, "")]));
    exporter.reload().await;
    exporter.wait_for_up(&["b"]).await;
    assert_eq!(exporter.page().await.about("a"), before.about("a"));
    // Nor do other settings of its own.
    let other = "display_name: A, interval: 8m, collect: [draft]";
    site.configure(&accounts(&[entry_with("a", 0, WRONG, other), entry("c", 2, "")]));
    exporter.reload().await;
    let after = exporter.wait_for_up(&["c"]).await;
    let next = "wechat_account_next_poll_timestamp_seconds";
    assert_eq!(after.of(next, "a"), before.of(next, "a"));
    assert_eq!(site.polls(0), (1, 0));
    site.end(exporter).await;
}

#[tokio::test]
async fn a_corrected_secret_ends_the_park_at_once() {
    let site = Site::start(2).await;
    write_secret(&site, "canary-wrong\n");
    let in_file = format!("app_secret_file: '{}'", site.path("secret").display());
    site.configure(&accounts(&[entry_with("a", 0, &in_file, ""), entry_with("b", 1, WRONG, "")]));
    let exporter = site.serve().await;
    let parked =
        |page: &Metrics| ["a", "b"].iter().all(|name| class(page, name).as_deref() == Some("secret"));
    exporter.wait_for(parked).await;
    // Another file at the same path, with the same text: nothing new.
    write_secret(&site, "canary-wrong");
    assert_eq!(exporter.reload().await, "added 0\nchanged 0\nremoved 0\n");
    write_secret(&site, "simulated-secret-0\n");
    assert_eq!(exporter.reload().await, "added 0\nchanged 1: a\nremoved 0\n");
    let page = exporter.wait_for_up(&["a"]).await;
    assert!(page.value("wechat_material_items{account=\"a\",kind=\"image\"}").is_some());
    assert_eq!((class(&page, "a"), class(&page, "b").as_deref()), (None, Some("secret")));
    site.configure(&accounts(&[entry_with("a", 0, &in_file, ""), entry("b", 1, "")]));
    assert_eq!(exporter.reload().await, "added 0\nchanged 1: b\nremoved 0\n");
    let page = exporter.wait_for_up(&["a", "b"]).await;
    assert_eq!(page.of("wechat_account_poll_failures_total", "b"), Some("1"), "counters go on");
    assert_eq!((site.polls(0), site.polls(1)), ((2, 1), (2, 1)));
    site.end(exporter).await;
}

#[tokio::test]
async fn a_new_secret_ends_no_wait_that_is_wechats() {
    let site = Site::start(6).await;
    let held =
        [(Calls::Token, 45009), (Calls::Token, 45011), (Calls::Token, 89503), (Calls::Material, 45009)];
    for (n, (calls, code)) in (0..).zip(held) {
        site.strike(n, calls, Fault::Errcode(code));
    }
    let names = ["a", "b", "c", "d"];
    let with = |secret: &str, last: String| {
        let each = (0..).zip(names).map(|(n, name)| entry_with(name, n, secret, ""));
        let mut entries: Vec<_> = each.collect();
        // Its token call has to go well.
        entries[3] = entry_with("d", 3, "app_secret: simulated-secret-3", "");
        entries.push(last);
        accounts(&entries)
    };
    site.configure(&with(WRONG, entry_with("z", 4, WRONG, "")));
    let exporter = site.serve().await;
    let classes = ["quota_day", "quota_minute", "risk", "quota_day"];
    let parked = |page: &Metrics| {
        names.iter().zip(classes).all(|(name, wanted)| class(page, name).as_deref() == Some(wanted))
            && class(page, "z").is_some()
    };
    let before = exporter.wait_for(parked).await;
    let other = with("app_secret: canary-other", entry("z", 4, ""));
    site.configure(&other.replace("app_secret: simulated-secret-3", "app_secret: canary-other"));
    assert_eq!(exporter.reload().await, "added 0\nchanged 5: a, b, c, d, z\nremoved 0\n");
    let after = exporter.wait_for_up(&["z"]).await;
    for name in names {
        assert_eq!(after.about(name), before.about(name));
    }
    assert_eq!([0, 1, 2, 3].map(|n| site.polls(n)), [(1, 0), (1, 0), (1, 0), (1, 1)]);
    site.end(exporter).await;
}

#[tokio::test]
async fn a_parked_account_that_is_removed_begins_anew_when_it_returns_with_another_secret() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry_with("a", 0, WRONG, ""), entry("b", 1, "")]));
    let exporter = site.serve().await;
    exporter.wait_for(|page| class(page, "a").is_some()).await;
    site.configure(&accounts(&[entry("b", 1, "")]));
    exporter.reload().await;
    assert_eq!(exporter.page().await.about("a"), [""; 0]);
    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    exporter.reload().await;
    let page = exporter.wait_for_up(&["a", "b"]).await;
    assert_eq!(page.of("wechat_account_polls_total", "a"), Some("1"));
    assert_eq!(site.polls(0), (2, 1));
    site.end(exporter).await;
}

//! Accounts that come, change and go.

use std::time::Duration;

use wechat_material_exporter::simulator::scenario::{Calls, Fault};

use super::{Metrics, Site, accounts, app_id, entry, late};

#[tokio::test]
async fn an_added_account_is_polled_and_the_others_stay_as_they_are() {
    let site = Site::start(3).await;
    let two = [entry("a", 0, ""), entry("b", 1, "")];
    site.configure(&accounts(&two));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a", "b"]).await;
    let three = [&two[..], &[entry("c", 2, "")]].concat();
    site.configure(&accounts(&three));
    assert_eq!(exporter.reload().await, "added 1: c\nchanged 0\nremoved 0\n");
    let after = exporter.wait_for_up(&["a", "b", "c"]).await;
    for (n, name) in [(0, "a"), (1, "b")] {
        assert_eq!(after.about(name), before.about(name), "next poll, counters and counts");
        assert_eq!(site.polls(n), (1, 1));
    }
    assert_eq!(site.polls(2), (1, 1));
    assert_eq!(after.value("wechat_exporter_accounts_configured"), Some("3"));
    let log = site.end(exporter).await;
    let line = log.lines().find(|line| line.contains("configuration reloaded")).expect("it is told");
    assert!(line.contains("added=1") && line.contains("added_accounts=c"), "{line}");
}

#[tokio::test]
async fn a_file_that_says_the_same_changes_nothing() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    let mut exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a", "b"]).await;
    site.configure(&accounts(&[entry("b", 1, "interval: 600s"), entry("a", 0, "display_name: ''")]));
    let line = exporter.hang_up("configuration reloaded").await;
    assert!(line.contains("added=0") && line.contains("changed=0") && line.contains("removed=0"), "{line}");
    assert_eq!(exporter.reload().await, "added 0\nchanged 0\nremoved 0\n");
    let after = exporter.page().await;
    for name in ["a", "b"] {
        assert_eq!(after.about(name), before.about(name));
    }
    site.end(exporter).await;
}

#[tokio::test]
async fn a_removed_account_is_not_on_the_next_page() {
    let site = Site::start(3).await;
    let all = [entry("a", 0, ""), entry("b", 1, ""), entry("c", 2, "")];
    site.configure(&accounts(&all));
    let mut exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a", "b", "c"]).await;
    site.configure(&accounts(&all[..2]));
    let line = exporter.hang_up("configuration reloaded").await;
    assert!(line.contains("removed=1") && line.contains("removed_accounts=c"), "{line}");
    let after = exporter.page().await;
    assert_eq!(after.about("c"), [""; 0]);
    assert_eq!(after.about("a"), before.about("a"));
    site.configure(&accounts(&all[..1]));
    assert_eq!(exporter.reload().await, "added 0\nchanged 0\nremoved 1: b\n");
    assert_eq!(exporter.page().await.about("b"), [""; 0]);
    site.end(exporter).await;
}

#[tokio::test]
async fn a_changed_account_keeps_its_readings() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a", "b"]).await;
    let more = "display_name: 品牌, interval: 20m, image: 50000, labels: {team: shop}";
    site.configure(&format!(
        "info_labels: [team]\n{}",
        accounts(&[entry("a", 0, more), entry("b", 1, "labels: {}")])
    ));
    assert_eq!(exporter.reload().await, "added 0\nchanged 2: a, b\nremoved 0\n");
    let after = exporter.page().await;
    assert_eq!(after.of("wechat_account_poll_interval_seconds", "a"), Some("1200"));
    assert_eq!(after.value("wechat_material_limit_items{account=\"a\",kind=\"image\"}"), Some("50000"));
    for label in ["display_name=\"品牌\"", "team=\"shop\""] {
        assert!(after.info("a").contains(label), "{}", after.info("a"));
    }
    assert!(after.info("b").contains("team=\"\""), "{}", after.info("b"));
    let kept = |line: &&str| {
        ["_items{", "_total{", "account_up{", "last_success"].iter().any(|part| line.contains(part))
            && !line.contains("limit_items")
    };
    let kept_of = |page: &Metrics| -> Vec<String> {
        page.about("a").into_iter().filter(kept).map(str::to_owned).collect()
    };
    assert_eq!(kept_of(&after), kept_of(&before));
    assert!(kept_of(&after).len() > 8);
    assert_eq!((site.polls(0), site.polls(1)), ((1, 1), (1, 1)), "nothing was asked");
    site.end(exporter).await;
}

#[tokio::test]
async fn labels_stay_with_their_names_in_another_order() {
    let site = Site::start(2).await;
    let both = accounts(&[
        entry("a", 0, "labels: {team: shop, region: north}"),
        entry("b", 1, "labels: {region: south}"),
    ]);
    site.configure(&format!("info_labels: [team, region]\n{both}"));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a", "b"]).await;
    assert!(before.info("a").contains("team=\"shop\",region=\"north\""), "{}", before.info("a"));
    site.configure(&format!("info_labels: [tier, region, team]\n{both}"));
    exporter.reload().await;
    let after = exporter.page().await;
    for (name, labels) in
        [("a", "tier=\"\",region=\"north\",team=\"shop\"}"), ("b", "tier=\"\",region=\"south\",team=\"\"}")]
    {
        assert!(after.info(name).contains(labels), "{}", after.info(name));
    }
    site.end(exporter).await;
}

#[tokio::test]
async fn a_poll_that_runs_meanwhile_ends_well_and_is_not_repeated() {
    let site = Site::start(3).await;
    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, ""), entry("c", 2, "")]));
    for n in 0..3 {
        site.strike(n, Calls::Material, late(Duration::from_millis(1_500)));
    }
    let exporter = site.serve().await;
    for n in 0..3 {
        site.wait_for_polls(n, (1, 1)).await;
    }
    let changed = [entry("a", 0, ""), entry("b", 1, "display_name: B, interval: 30m")];
    site.configure(&accounts(&changed));
    exporter.reload().await;
    let after = exporter.page().await;
    assert_eq!(after.of("wechat_account_polls_total", "a"), Some("0"), "it still runs");
    let after = exporter.wait_for_up(&["a", "b"]).await;
    for (n, name) in [(0, "a"), (1, "b")] {
        assert_eq!(after.of("wechat_account_polls_total", name), Some("1"));
        assert_eq!(site.polls(n), (1, 1));
    }
    let end = exporter.wait_for(|page| page.value("wechat_exporter_polls_in_flight") == Some("0")).await;
    assert_eq!(end.about("c"), [""; 0], "its poll brings nothing back");
    site.end(exporter).await;
}

#[tokio::test]
async fn a_name_with_another_app_id_begins_anew() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a"]).await;
    let image = "wechat_material_items{account=\"a\",kind=\"image\"}";
    assert!(before.value(image).is_some());
    site.strike(1, Calls::Material, Fault::Errcode(48001));
    site.configure(&accounts(&[entry("a", 1, "")]));
    assert_eq!(exporter.reload().await, "added 0\nchanged 1: a\nremoved 0\n");
    let after = exporter.wait_for(|page| page.of("wechat_account_up", "a") == Some("0")).await;
    assert!(after.info("a").contains(app_id(1).as_str()), "{}", after.info("a"));
    assert_eq!(after.value(image), None, "the counts were another account's");
    assert_eq!(after.of("wechat_account_last_success_timestamp_seconds", "a"), None);
    assert_eq!(after.of("wechat_account_polls_total", "a"), Some("1"));
    assert_eq!(after.of("wechat_account_token_refreshes_total", "a"), Some("1"));
    assert_eq!((site.polls(0), site.polls(1)), ((1, 1), (1, 1)));
    site.end(exporter).await;
}

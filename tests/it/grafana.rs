//! The dashboards of `deploy/grafana`: each query on real data, and each name in a real scrape.

mod board;
mod check;
mod files;
mod history;
mod lint;
mod world;

use std::collections::BTreeSet;

use serde_json::json;
use wechat_material_exporter::metrics::family::{ACCOUNT_FAMILIES, EXPORTER_FAMILIES, Family, FamilyType};

use self::board::Board;
use self::check::names;
use self::world::{ACCOUNTS, FAILING, STALE, World};

/// Families that neither a rule nor a dashboard uses, and why.
const UNUSED: [(&str, &str); 1] = [(
    "wechat_material_usage_ratio",
    "for queries by hand: the rules divide recorded items by recorded limits, which last over a restart",
)];

/// A query of a copy of the Overview, replaced.
fn with_query(panel: &str, expr: &str) -> Vec<Board> {
    let mut boards = Board::all();
    boards.retain(|board| board.name == "overview");
    *boards[0].query_of(panel) = json!(expr);
    boards
}

#[tokio::test]
async fn every_panel_and_variable_has_data_and_every_name_exists() {
    let world = World::start().await;
    let check = world.until_every_query_has_data(&Board::all()).await;

    // The numbers at the top are those of the scenario, although two instances tell of each account.
    let boards = Board::all();
    let overview = boards.iter().find(|board| board.name == "overview").unwrap();
    let count = |accounts: usize| accounts as f64;
    for (panel, wanted) in [
        ("Accounts", count(ACCOUNTS)),
        ("Up", count(ACCOUNTS - FAILING)),
        ("Failing", count(FAILING)),
        ("Stale", count(STALE)),
        ("Above 80 %", 1.0),
        ("Full", 1.0),
        ("Unscraped", 0.0),
    ] {
        check.comes_to(overview, panel, wanted).await;
    }

    // Rules name nothing that there is not.
    let rules = world.rules().await;
    let mut used: BTreeSet<String> = names(&rules).await.into_iter().flatten().collect();
    let known = check.known();
    let missing: Vec<_> = used.difference(known).collect();
    assert!(missing.is_empty(), "rules name series that no scrape and no rule has: {missing:?}");

    // And of each family somebody makes use.
    used.extend(check.used().iter().cloned());
    let unused = unused(&used);
    let told: BTreeSet<_> = UNUSED.iter().map(|(name, _)| *name).collect();
    assert_eq!(unused, told, "families that nobody uses, and those that are listed as such");
    let absent: Vec<_> =
        ACCOUNT_FAMILIES.iter().map(|family| family.name).filter(|name| !known.contains(*name)).collect();
    assert!(absent.is_empty(), "the scenario has none of {absent:?}");

    // It can say no.
    for (expr, wanted) in [
        ("max(wechat_account_up{job=~\"$job\"}) > 5", vec!["no data"]),
        ("max(wechat_acount_up{job=~\"$job\"})", vec!["no data", "no series is called `wechat_acount_up`"]),
        ("max(wechat_account_up{job=~\"$jbo\"})", vec!["`$jbo` is no variable"]),
        ("max(wechat_account_up{job=~\"$job\"}", vec!["cannot be answered"]),
        ("wechat_account_up * on (job) wechat_account_up", vec!["cannot be answered"]),
    ] {
        let faults = check.again(&with_query("Up", expr)).await;
        assert_eq!(faults.len(), wanted.len(), "{expr}: {faults:#?}");
        for (fault, wanted) in faults.iter().zip(wanted) {
            assert!(fault.starts_with("overview: Up: A: ") && fault.contains(wanted), "{fault}");
        }
    }
    let mut boards = Board::all();
    boards[0].variable("account")["query"]["query"] =
        json!("label_values(wechat_account_info{job=~\"$job\"}, acount)");
    let faults = check.again(&boards[..1]).await;
    assert!(faults.iter().any(|fault| fault == "account: variable account: no data"), "{faults:#?}");
    world.end().await;
}

/// Families of which `used` holds no series.
fn unused(used: &BTreeSet<String>) -> BTreeSet<&'static str> {
    let is_used = |family: &Family| match family.family_type {
        FamilyType::Histogram => {
            ["_bucket", "_count", "_sum"].iter().any(|end| used.contains(&format!("{}{end}", family.name)))
        }
        FamilyType::Counter | FamilyType::Gauge => used.contains(family.name),
    };
    let families = ACCOUNT_FAMILIES.iter().chain(&EXPORTER_FAMILIES);
    families.filter(|family| !is_used(family)).map(|family| family.name).collect()
}

#[test]
fn a_family_that_nobody_uses_is_found() {
    let mut used: BTreeSet<_> =
        ACCOUNT_FAMILIES.iter().chain(&EXPORTER_FAMILIES).map(|family| family.name.to_owned()).collect();
    assert_eq!(
        unused(&used),
        ["wechat_exporter_api_request_duration_seconds", "wechat_exporter_poll_duration_seconds"].into(),
        "a histogram has no series of its own name"
    );
    used.remove("wechat_draft_items");
    assert!(unused(&used).contains("wechat_draft_items"));
}

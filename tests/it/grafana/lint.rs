//! What must be true of every dashboard and can be seen from the file alone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::board::{Board, Query, When, list, text};
use crate::rules::shipped_text;

const UIDS: [(&str, &str); 3] = [
    ("account", "wechat-material-account"),
    ("exporter", "wechat-material-exporter"),
    ("overview", "wechat-material-overview"),
];

/// All that is wrong with a dashboard.
fn faults(board: &Board) -> Vec<String> {
    let json = &board.json;
    let mut faults = Vec::new();
    let mut must = |holds: bool, fault: String| {
        if !holds {
            faults.push(format!("{}: {fault}", board.name));
        }
    };
    let uid = UIDS.iter().find(|(name, _)| *name == board.name).map(|(_, uid)| *uid);
    must(json["uid"].as_str() == uid, format!("uid {}", json["uid"]));
    must(json.get("id").is_none(), "an id of another Grafana".to_owned());
    must(json["editable"] == false, "editable".to_owned());
    let links: Vec<_> = list(&json["links"]).iter().map(|link| text(&link["title"])).collect();
    must(links == ["Dashboards", "Status page", "Runbook"], format!("links {links:?}"));
    let variables: BTreeSet<_> = board.variables().iter().map(|variable| text(&variable["name"])).collect();
    must(
        ["datasource", "job", "instance"].iter().all(|name| variables.contains(name)),
        format!("{variables:?}"),
    );
    let mut ids = BTreeSet::new();
    for panel in
        list(&json["panels"]).iter().flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])))
    {
        must(ids.insert(panel["id"].as_u64()), format!("two panels {}", panel["id"]));
    }
    for panel in board.panels() {
        let title = text(&panel["title"]);
        must(!title.is_empty(), "a panel without a title".to_owned());
        must(text(&panel["description"]).ends_with('.'), format!("{title}: no description"));
        must(panel["fieldConfig"]["defaults"]["unit"].is_string(), format!("{title}: no unit"));
        let queries = list(&panel["targets"]);
        must(!queries.is_empty(), format!("{title}: no query"));
        for source in queries.iter().chain([panel]).map(|at| &at["datasource"]["uid"]) {
            must(source == "${datasource}", format!("{title}: from the data source {source}"));
        }
    }
    for Query { at, expr, when } in board.queries() {
        let selectors = expr.matches('{').count();
        let of_job = expr.matches("{job=~\"$job\", ").count();
        must(selectors > 0 && selectors == of_job, format!("{at}: not of the chosen job: {expr}"));
        let over_time = ["rate(", "increase("].iter().any(|function| expr.contains(function));
        must(
            when == When::Now || !over_time || expr.contains("[$__rate_interval]"),
            format!("{at}: a rate over a fixed time: {expr}"),
        );
    }
    faults.extend(overlaps(board));
    faults
}

/// Panels that lie over others or beside the grid.
fn overlaps(board: &Board) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut faults = Vec::new();
    for panel in
        list(&board.json["panels"]).iter().flat_map(|row| std::iter::once(row).chain(list(&row["panels"])))
    {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        if x + w > 24 || !cells.into_iter().all(|cell| taken.insert(cell)) {
            faults.push(format!("{}: {}: no room at {x}, {y}", board.name, panel["title"]));
        }
    }
    faults
}

#[test]
fn dashboards_keep_to_the_rules() {
    let faults: Vec<_> = Board::all().iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn links_between_dashboards_lead_somewhere() {
    let boards = Board::all();
    let mut found = 0;
    for board in &boards {
        for link in board.json.to_string().split("\"/d/").skip(1) {
            let there = link.split('?').next().unwrap();
            assert!(UIDS.iter().any(|(_, uid)| *uid == there), "{}: {there}", board.name);
            found += 1;
        }
    }
    assert!(found > 3, "{found}");
}

#[test]
fn panels_link_to_what_the_runbook_says_of_alerts_that_there_are() {
    let rules = shipped_text();
    let known: BTreeSet<_> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    let mut found = 0;
    for board in Board::all() {
        for link in board.panels().into_iter().flat_map(|panel| list(&panel["links"])) {
            found += 1;
            assert!(known.contains(text(&link["url"])), "{}: {link}", board.name);
        }
    }
    assert!(found > 10, "{found}");
}

/// A change that a rule is against, and what is said of it.
type Break = (fn(&mut Board), &'static str);

#[test]
fn each_rule_can_be_broken() {
    let breaks: [Break; 12] = [
        (|board| board.json["uid"] = json!("other"), "uid"),
        (|board| board.json["id"] = json!(7), "an id of another Grafana"),
        (|board| board.json["editable"] = json!(true), "editable"),
        (|board| board.json["links"] = json!([]), "links []"),
        (|board| board.variable("job")["name"] = json!("jobs"), "{\"account\""),
        (|board| board.panel("Full")["id"] = json!(2), "two panels 2"),
        (|board| board.panel("Full")["title"] = Value::Null, "a panel without a title"),
        (|board| board.panel("Full")["description"] = json!(""), "Full: no description"),
        (|board| board.panel("Full")["fieldConfig"]["defaults"]["unit"] = Value::Null, "Full: no unit"),
        (
            |board| board.panel("Full")["datasource"]["uid"] = json!("mine"),
            "Full: from the data source \"mine\"",
        ),
        (|board| board.panel("Full")["gridPos"]["x"] = json!(22), "\"Full\": no room at 22, 1"),
        (
            |board| *board.query_of("Full") = json!("wechat_account_up{}"),
            "overview: Full: A: not of the chosen job",
        ),
    ];
    for (change, wanted) in breaks {
        let mut board = Board::all().into_iter().find(|board| board.name == "overview").unwrap();
        change(&mut board);
        let faults = faults(&board);
        assert!(faults.iter().any(|fault| fault.contains(wanted)), "{wanted}: {faults:#?}");
    }
    let mut board = Board::all().into_iter().find(|board| board.name == "exporter").unwrap();
    let rate = text(board.query_of("CPU")).replace("$__rate_interval", "5m");
    *board.query_of("CPU") = json!(rate);
    assert!(faults(&board)[0].contains("CPU: A: a rate over a fixed time"), "{:?}", faults(&board));
}

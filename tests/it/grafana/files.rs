//! The files as such: made by the generator, of the shape that Grafana publishes, found by its provisioning.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::board::{Board, home, list, text};
use crate::program::feed;
use crate::tools::root;

/// Runs the generator. What it wrote, by file name.
async fn generate(args: &[&str]) -> Vec<(String, String)> {
    let out = tempfile::tempdir().unwrap();
    let script = home().join("generate.py");
    let args = [&[script.to_str().unwrap(), "--output", out.path().to_str().unwrap()], args].concat();
    let (code, said) = feed("python3", &args, b"").await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    written(out.path())
}

fn written(dir: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())
    };
    let mut files: Vec<_> = files.map(read).collect();
    files.sort();
    files
}

#[tokio::test]
async fn dashboards_are_what_the_generator_writes() {
    let shipped = written(&home().join("dashboards"));
    for (written, shipped) in generate(&[]).await.into_iter().zip(&shipped) {
        assert!(written == *shipped, "{}: run deploy/grafana/generate.py", shipped.0);
    }
    assert_eq!(generate(&[]).await.len(), shipped.len());
}

#[tokio::test]
async fn links_lead_where_the_generator_is_told() {
    let there =
        ["--runbook", "https://wiki.internal/\"wechat\"", "--status-page", "https://wechat.internal/"];
    for (name, text) in generate(&there).await {
        let board: Value = serde_json::from_str(&text).unwrap();
        let urls: Vec<_> = list(&board["links"]).iter().map(|link| link["url"].clone()).collect();
        assert_eq!(urls, ["", "https://wechat.internal/", "https://wiki.internal/\"wechat\""], "{name}");
        assert!(!text.contains("example.com"), "{name}");
    }
}

/// Holds dashboards against the schema. What is wrong, a line each.
async fn against_schema(boards: &[Board]) -> (Option<i32>, String) {
    let (python, script) =
        (root().join(".tools/venv/bin/python"), root().join("tests/tools/check_dashboards.py"));
    let schema = root().join(".tools/grafana/dashboard.schema.json");
    let named: Value = boards.iter().map(|board| (board.name.clone(), board.json.clone())).collect();
    let args = [script.to_str().unwrap(), schema.to_str().unwrap()];
    feed(python.to_str().unwrap(), &args, &serde_json::to_vec(&named).unwrap()).await
}

#[tokio::test]
async fn dashboards_fit_the_schema_that_grafana_publishes() {
    assert_eq!(against_schema(&Board::all()).await, (Some(0), String::new()));
}

/// A change that the schema is against, and what is said of it.
type Break = (fn(&mut Board), &'static str);

#[tokio::test]
async fn the_schema_is_against_what_grafana_does_not_know() {
    let breaks: [Break; 7] = [
        (|board| board.json["titel"] = json!("Overview"), "overview: 'titel' was unexpected"),
        (
            |board| board.json["schemaVersion"] = json!("39"),
            "overview.schemaVersion: '39' is not of type 'number'",
        ),
        (
            |board| board.panel("Full")["type"] = json!("singlestat"),
            "overview.panels.6: 'singlestat' is no panel",
        ),
        (
            |board| board.panel("Full")["gridPos"] = json!({"x": 0}),
            "overview.panels.6.gridPos: 'h' is a required property",
        ),
        (
            |board| board.panel("Full")["options"]["colorMode"] = json!("bright"),
            "overview.panels.6.options.colorMode: 'bright' is not one of",
        ),
        (
            |board| {
                let custom =
                    &mut board.panel("Failing accounts by class")["fieldConfig"]["defaults"]["custom"];
                custom["drawStile"] = json!("bars");
            },
            "overview.panels.18.fieldConfig.defaults.custom: 'drawStile' was unexpected",
        ),
        (
            |board| board.variable("job")["hide"] = json!("no"),
            "overview.templating.list.1.hide: 'no' is not one of",
        ),
    ];
    for (change, wanted) in breaks {
        let mut board = Board::all().into_iter().find(|board| board.name == "overview").unwrap();
        change(&mut board);
        let (code, said) = against_schema(&[board]).await;
        assert!(code == Some(1) && said.contains(wanted), "{wanted}: {code:?} {said}");
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Providers {
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    r#type: String,
    allow_ui_updates: bool,
    options: ProviderOptions,
}

#[derive(Deserialize)]
struct ProviderOptions {
    path: String,
}

#[derive(Deserialize)]
struct DataSources {
    datasources: Vec<DataSource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataSource {
    r#type: String,
    is_default: bool,
    json_data: JsonData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonData {
    time_interval: String,
}

fn provisioned(file: &str) -> String {
    std::fs::read_to_string(home().join("provisioning").join(file)).unwrap()
}

#[test]
fn provisioning_names_the_dashboards_and_the_scrape_interval() {
    let text_of_readme = std::fs::read_to_string(home().join("README.md")).unwrap();
    let providers: Providers =
        serde_saphyr::from_str(&provisioned("dashboards/wechat-material.yml")).unwrap();
    let provider = &providers.providers[0];
    assert_eq!((provider.r#type.as_str(), provider.allow_ui_updates), ("file", false));
    assert!(text_of_readme.contains(&provider.options.path), "{}", provider.options.path);
    let sources: DataSources =
        serde_saphyr::from_str(&provisioned("datasources/wechat-material.yml")).unwrap();
    let source = &sources.datasources[0];
    assert_eq!((source.r#type.as_str(), source.is_default), ("prometheus", true));
    // `$__rate_interval` follows from it, as from the least step of each query.
    for board in Board::all() {
        let steps = board.panels().into_iter().flat_map(|panel| list(&panel["targets"]));
        let steps: Vec<_> =
            steps.map(|target| text(&target["interval"])).filter(|step| !["", "1d"].contains(step)).collect();
        assert!(
            !steps.is_empty() && steps.iter().all(|step| *step == source.json_data.time_interval),
            "{steps:?}"
        );
    }
}

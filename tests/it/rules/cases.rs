//! promtool on the rules and their tests, and whether the tests have a case for everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde_json::Value;

use crate::program::feed;
use crate::rules::names::selectors;
use crate::rules::{RULES, RuleFile, deployed, shipped_text, yaml};
use crate::tools::Generation;

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    input_series: Vec<Input>,
    #[serde(default)]
    alert_rule_test: Vec<AlertTest>,
}

#[derive(Deserialize)]
struct Input {
    series: String,
}

#[derive(Deserialize)]
struct AlertTest {
    alertname: String,
    exp_alerts: Vec<Value>,
}

/// The paths of the files with tests.
fn test_files() -> Vec<String> {
    let entries = fs::read_dir(deployed("tests")).unwrap();
    let mut paths: Vec<_> =
        entries.map(|entry| entry.unwrap().path().into_os_string().into_string().unwrap()).collect();
    paths.sort();
    paths
}

async fn promtool(generation: Generation, args: &[&str]) -> (Option<i32>, String) {
    feed(&generation.program("promtool"), args, b"").await
}

async fn is_content(generation: Generation) {
    let (rules, config) = (deployed(RULES), deployed("prometheus.yml"));
    for (check, file) in [("rules", rules), ("config", config)] {
        let args = ["check", check, "--lint=all", "--lint-fatal", file.to_str().unwrap()];
        let (code, said) = promtool(generation, &args).await;
        assert_eq!(code, Some(0), "{said}");
    }
    for file in test_files() {
        let (code, said) = promtool(generation, &["test", "rules", &file]).await;
        assert_eq!(code, Some(0), "{said}");
    }
}

#[tokio::test]
async fn promtool_2_passes_rules_and_tests() {
    is_content(Generation::Installed).await;
}

#[tokio::test]
async fn promtool_3_passes_rules_and_tests() {
    is_content(Generation::Newer).await;
}

#[tokio::test]
async fn promtool_can_say_no() {
    let dir = tempfile::tempdir().unwrap();
    let tests = dir.path().join("tests");
    fs::create_dir_all(&tests).unwrap();
    fs::create_dir_all(dir.path().join("rules")).unwrap();
    let name = "material_test.yml";
    fs::copy(deployed("tests").join(name), tests.join(name)).unwrap();
    let test = tests.join(name).into_os_string().into_string().unwrap();
    for generation in Generation::BOTH {
        for (threshold, outcome) in [("> 0.80", 0), ("> 0.90", 1)] {
            let rules = shipped_text().replace("> 0.80", threshold);
            fs::write(dir.path().join(RULES), rules).unwrap();
            let (code, said) = promtool(generation, &["test", "rules", &test]).await;
            assert_eq!(code, Some(outcome), "{threshold}: {said}");
        }
        let twice = shipped_text().replace("WeChatMaterialQuotaNearLimit", "WeChatMaterialQuotaAlmostFull");
        let twice =
            twice.replace(">= 0.95 < 1", "> 0.80 < 0.95").replace("severity: critical", "severity: warning");
        let rules = dir.path().join(RULES);
        fs::write(&rules, twice).unwrap();
        let args = ["check", "rules", "--lint=all", "--lint-fatal", rules.to_str().unwrap()];
        let (code, said) = promtool(generation, &args).await;
        assert_ne!(code, Some(0), "{said}");
    }
}

/// The metrics that each alert rests on, those of recorded series included.
async fn metrics(file: &RuleFile) -> BTreeMap<String, BTreeSet<String>> {
    let expressions: Vec<&str> = file.rules().map(|rule| rule.expr.as_str()).collect();
    let mut recorded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut alerts = BTreeMap::new();
    for (rule, selectors) in file.rules().zip(selectors(&expressions).await) {
        let names: BTreeSet<String> = selectors.into_iter().filter_map(|one| one.name).collect();
        match (&rule.record, &rule.alert) {
            (Some(record), None) => drop(recorded.insert(record.clone(), names)),
            (None, Some(alert)) => drop(alerts.insert(alert.clone(), names)),
            other => panic!("{other:?}"),
        }
    }
    for names in alerts.values_mut() {
        let mut open: Vec<String> = names.iter().cloned().collect();
        names.clear();
        while let Some(name) = open.pop() {
            match recorded.get(&name) {
                Some(of) => open.extend(of.iter().cloned()),
                None => drop(names.insert(name)),
            }
        }
    }
    alerts
}

/// The kinds of cases that an alert must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Fires,
    Silent,
    /// None of its series is there.
    Absent,
}

#[tokio::test]
async fn each_alert_has_a_case_that_fires_one_that_does_not_and_one_without_its_series() {
    let metrics = metrics(&RuleFile::shipped()).await;
    let mut missing: BTreeSet<(String, Kind)> = metrics
        .keys()
        .flat_map(|alert| [Kind::Fires, Kind::Silent, Kind::Absent].map(|kind| (alert.clone(), kind)))
        .collect();
    for path in test_files() {
        let file: TestFile = yaml(&fs::read_to_string(path).unwrap());
        for Case { input_series, alert_rule_test } in file.tests {
            let inputs: BTreeSet<&str> =
                input_series.iter().map(|one| one.series.split('{').next().unwrap()).collect();
            for AlertTest { alertname, exp_alerts } in alert_rule_test {
                let of = metrics.get(&alertname).unwrap_or_else(|| panic!("there is no alert {alertname}"));
                let there = of.iter().any(|name| inputs.contains(name.as_str()));
                let kind = match (there, exp_alerts.is_empty()) {
                    (true, false) => Kind::Fires,
                    (true, true) => Kind::Silent,
                    (false, _) => Kind::Absent,
                };
                missing.remove(&(alertname, kind));
            }
        }
    }
    assert!(missing.is_empty(), "no case: {missing:?}");
}

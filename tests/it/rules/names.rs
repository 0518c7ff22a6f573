//! Every metric that the rules name exists, with the labels and values that they look for.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use wechat_material_exporter::metrics::family::{ACCOUNT_FAMILIES, EXPORTER_FAMILIES, Family};
use wechat_material_exporter::wechat::class::CLASSES;

use crate::program::feed;
use crate::rules::{RuleFile, shipped_text, yaml};
use crate::tools::root;

/// What a selector of an expression looks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Selector {
    pub(crate) name: Option<String>,
    /// Label and value, or a pattern of values.
    matchers: Vec<(String, String)>,
}

/// The selectors of each expression, by the Prometheus project's grammar.
pub(crate) async fn selectors(expressions: &[&str]) -> Vec<Vec<Selector>> {
    let python = root().join(".tools/venv/bin/python");
    let script = root().join("tests/tools/promql_selectors.py");
    let input = serde_json::to_vec(expressions).unwrap();
    let (code, said) = feed(python.to_str().unwrap(), &[script.to_str().unwrap()], &input).await;
    assert_eq!(code, Some(0), "{said}");
    serde_json::from_str(&said).unwrap()
}

/// Labels that Prometheus adds to everything it scrapes.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// Everything wrong with what `file` names.
async fn faults(file: &RuleFile) -> Vec<String> {
    let families: BTreeMap<&str, Family> =
        ACCOUNT_FAMILIES.into_iter().chain(EXPORTER_FAMILIES).map(|one| (one.name, one)).collect();
    let recorded: BTreeSet<&str> = file.rules().filter_map(|rule| rule.record.as_deref()).collect();
    let expressions: Vec<&str> = file.rules().map(|rule| rule.expr.as_str()).collect();
    let mut faults = Vec::new();
    for (rule, selectors) in file.rules().zip(selectors(&expressions).await) {
        let at = rule.alert.as_ref().or(rule.record.as_ref()).unwrap();
        for Selector { name, matchers } in selectors {
            let name = name.unwrap_or_default();
            if name == "up" || recorded.contains(name.as_str()) {
                continue;
            }
            let Some(family) = families.get(name.as_str()) else {
                faults.push(format!("{at}: there is no metric `{name}`"));
                continue;
            };
            for (label, pattern) in matchers {
                if !family.labels.contains(&label.as_str()) && !TARGET_LABELS.contains(&label.as_str()) {
                    faults.push(format!("{at}: `{name}` has no label `{label}`"));
                }
                let known = |class: &str| CLASSES.iter().any(|row| row.label == class);
                for class in pattern.split('|').filter(|class| label == "class" && !known(class)) {
                    faults.push(format!("{at}: there is no class `{class}`"));
                }
            }
        }
        for word in
            rule.annotations.values().flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'))
        {
            if word.starts_with("wechat_") && !families.contains_key(word) {
                faults.push(format!("{at}: there is no metric `{word}`, which an annotation asks for"));
            }
        }
    }
    faults
}

#[tokio::test]
async fn every_metric_label_and_class_that_the_rules_name_exists() {
    assert_eq!(faults(&RuleFile::shipped()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_with_an_unknown_metric_is_refused() {
    let shipped = shipped_text();
    let file = RuleFile::shipped();
    let expressions: Vec<&str> = file.rules().map(|rule| rule.expr.as_str()).collect();
    let named: BTreeSet<String> =
        selectors(&expressions).await.into_iter().flatten().filter_map(|one| one.name).collect();
    let families: Vec<_> = named.iter().filter(|name| name.starts_with("wechat_")).collect();
    assert!(families.len() > 20, "{families:?}");
    for family in families {
        // As an expression has it, not as the part of a longer name.
        let misspelt: String = shipped
            .split_inclusive(family.as_str())
            .map(|piece| match piece.strip_suffix(family.as_str()) {
                Some(before) if !before.ends_with(':') => format!("{before}{family}_x"),
                _ => piece.to_owned(),
            })
            .collect();
        let faults = faults(&yaml(&misspelt)).await;
        let expected = format!("there is no metric `{family}_x");
        assert!(
            !faults.is_empty() && faults.iter().all(|fault| fault.contains(&expected)),
            "{family}: {faults:?}"
        );
    }
}

#[tokio::test]
async fn a_copy_with_an_unknown_class_or_label_is_refused() {
    let shipped = shipped_text();
    let classes = yaml(&shipped.replace("secret|ip|", "secret|iq|"));
    assert_eq!(faults(&classes).await, ["WeChatAccountAuthFailing: there is no class `iq`"]);
    let labels = yaml(&shipped.replace("{class=~", "{clas=~"));
    assert_eq!(
        faults(&labels).await,
        ["WeChatAccountAuthFailing: `wechat_account_failing` has no label `clas`"]
    );
}

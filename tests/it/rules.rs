//! The shipped rules of `deploy/prometheus`: that what they name exists, that each alert was seen to
//! fire and not to fire, and that what they point at is written.

pub(crate) mod alertmanager;
mod cases;
mod docs;
pub(crate) mod names;
pub(crate) mod settings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::tools::root;

/// A rule file.
#[derive(Debug, Deserialize)]
pub(crate) struct RuleFile {
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Group {
    interval: Option<String>,
    pub(crate) rules: Vec<Rule>,
}

/// A rule that records or alerts.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    alert: Option<String>,
    record: Option<String>,
    pub(crate) expr: String,
    #[serde(default, rename = "for")]
    pending: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl RuleFile {
    pub(crate) fn shipped() -> Self {
        yaml(&shipped_text())
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }

    /// Alerts by name.
    fn alerts(&self) -> impl Iterator<Item = (&str, &Rule)> {
        self.rules().filter_map(|rule| Some((rule.alert.as_deref()?, rule)))
    }
}

/// A file of `deploy/prometheus`.
pub(crate) fn deployed(name: &str) -> PathBuf {
    root().join("deploy/prometheus").join(name)
}

pub(crate) const RULES: &str = "rules/wechat-material-exporter.rules.yml";

pub(crate) fn shipped_text() -> String {
    std::fs::read_to_string(deployed(RULES)).unwrap()
}

pub(crate) fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

//! A dashboard file, read as Grafana reads it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::tools::root;

/// Where everything of Grafana's is.
pub(super) fn home() -> PathBuf {
    root().join("deploy/grafana")
}

/// One file.
#[derive(Clone)]
pub(super) struct Board {
    /// Of the file, without its ending.
    pub(super) name: String,
    pub(super) json: Value,
}

/// One query as it stands in the file, with variables.
pub(super) struct Query {
    /// Board, panel and letter.
    pub(super) at: String,
    pub(super) expr: String,
    pub(super) when: When,
}

/// What Grafana asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Now,
    /// Seconds back, and between two points.
    Over {
        span: u64,
        step: u64,
    },
}

/// Curves are looked at closely, since the test's Prometheus is young.
const CLOSE: When = When::Over { span: 600, step: 1 };

impl Board {
    /// All that are shipped, by name.
    pub(super) fn all() -> Vec<Self> {
        let files = std::fs::read_dir(home().join("dashboards")).unwrap().map(|entry| entry.unwrap().path());
        let mut boards: Vec<_> = files.map(|path| Self::read(&path)).collect();
        boards.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(boards.len(), 3, "Account, Exporter, Overview");
        boards
    }

    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self { name, json }
    }

    /// All panels but rows, those in collapsed rows included.
    pub(super) fn panels(&self) -> Vec<&Value> {
        let top = list(&self.json["panels"]);
        let within = top.iter().flat_map(|panel| list(&panel["panels"]));
        top.iter().chain(within).filter(|panel| panel["type"] != "row").collect()
    }

    /// The queries of all panels and annotations.
    pub(super) fn queries(&self) -> Vec<Query> {
        let of_panels = self.panels().into_iter().flat_map(|panel| {
            list(&panel["targets"]).iter().map(move |target| (text(&panel["title"]), target))
        });
        let annotations = list(&self.json["annotations"]["list"]).iter();
        let annotations = annotations.filter(|annotation| annotation["builtIn"] != 1);
        let annotations = annotations.map(|annotation| (text(&annotation["name"]), &annotation["target"]));
        let query = |(title, target): (&str, &Value)| Query {
            at: format!("{}: {title}: {}", self.name, text(&target["refId"])),
            expr: text(&target["expr"]).to_owned(),
            when: self.when(target),
        };
        of_panels.chain(annotations).map(query).collect()
    }

    /// A query that is asked for once a day is asked for over the time of the whole dashboard.
    fn when(&self, target: &Value) -> When {
        match (target["instant"] == true, target["interval"].as_str()) {
            (true, _) => When::Now,
            (false, Some("1d")) => When::Over { span: self.span(), step: 86_400 },
            (false, _) => CLOSE,
        }
    }

    /// The seconds that the dashboard shows at first.
    fn span(&self) -> u64 {
        let back = text(&self.json["time"]["from"]).strip_prefix("now-").unwrap();
        let (number, unit) = back.split_at(back.len() - 1);
        let unit = match unit {
            "h" => 3_600,
            "d" => 86_400,
            _ => panic!("{back}"),
        };
        number.parse::<u64>().unwrap() * unit
    }

    /// What can be chosen, in order.
    pub(super) fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    /// One of them.
    pub(super) fn variable(&mut self, name: &str) -> &mut Value {
        let all = self.json["templating"]["list"].as_array_mut().unwrap();
        all.iter_mut().find(|variable| variable["name"] == name).unwrap()
    }

    /// The first query of a panel that is in no collapsed row.
    pub(super) fn query_of(&mut self, title: &str) -> &mut Value {
        &mut self.panel(title)["targets"][0]["expr"]
    }

    /// A panel that is in no collapsed row.
    pub(super) fn panel(&mut self, title: &str) -> &mut Value {
        let panels = self.json["panels"].as_array_mut().unwrap();
        panels.iter_mut().find(|panel| panel["title"] == title && panel["type"] != "row").unwrap()
    }
}

/// What a list holds; nothing where there is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text, or one that is nowhere else.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

//! Asks a Prometheus every query of a dashboard, as Grafana would.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use wechat_material_exporter::clock::Clock;

use super::board::{Board, Query, When, list, text};
use crate::prometheus::{Prometheus, feed};

/// `$__rate_interval`, four scrapes and more of one a second.
const RATE_INTERVAL: &str = "20s";

/// What a Prometheus knows, and what was found out about dashboards with it.
pub(super) struct Check<'a> {
    prometheus: &'a Prometheus,
    /// Names of series that are scraped or recorded now.
    known: BTreeSet<String>,
    /// Names in queries so far.
    used: BTreeSet<String>,
    pub(super) faults: Vec<String>,
}

impl<'a> Check<'a> {
    /// Asks all queries once.
    pub(super) async fn of(boards: &[Board], prometheus: &'a Prometheus) -> Self {
        let series = [("query", "group by (__name__) ({job=\"wechat\"})")];
        let answer = prometheus.get("query", &series).await.unwrap_or_default();
        let series = list(&answer["result"]).iter();
        let known = series.map(|series| text(&series["metric"]["__name__"]).to_owned()).collect();
        let mut check = Self { prometheus, known, used: BTreeSet::new(), faults: Vec::new() };
        for board in boards {
            check.board(board).await;
        }
        check
    }

    /// The faults of other dashboards on the same data.
    pub(super) async fn again(&self, boards: &[Board]) -> Vec<String> {
        Self::of(boards, self.prometheus).await.faults
    }

    /// Names of series that are scraped or recorded now.
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Names in the queries.
    pub(super) fn used(&self) -> &BTreeSet<String> {
        &self.used
    }

    /// Waits until a panel with one number shows `wanted`.
    pub(super) async fn comes_to(&self, board: &Board, title: &str, wanted: f64) {
        let at = format!("{}: {title}: A", board.name);
        let query = board.queries().into_iter().find(|query| query.at == at).unwrap();
        let expr = self.variables(board).await.fill(&query.expr).unwrap();
        let is_wanted =
            |series: &[(Value, f64)]| series.len() == 1 && (series[0].1 - wanted).abs() < f64::EPSILON;
        self.prometheus.wait_for(&expr, is_wanted).await;
    }

    async fn board(&mut self, board: &Board) {
        let variables = self.variables(board).await;
        self.faults.extend(variables.faults.iter().cloned());
        let mut answered = Vec::new();
        for query in board.queries() {
            match variables.fill(&query.expr) {
                Ok(expr) => answered.extend(self.query(Query { expr, ..query }).await),
                Err(fault) => self.faults.push(format!("{}: {fault}", query.at)),
            }
        }
        let exprs: Vec<_> = answered.iter().map(|query| query.expr.clone()).collect();
        for (query, names) in answered.iter().zip(names(&exprs).await) {
            for name in names.difference(&self.known) {
                self.faults.push(format!("{}: no series is called `{name}`", query.at));
            }
            self.used.extend(names);
        }
    }

    /// Gives the query back if Prometheus understands it.
    async fn query(&mut self, query: Query) -> Option<Query> {
        let Some(answer) = self.ask(&query).await else {
            self.faults.push(format!("{}: cannot be answered: {}", query.at, query.expr));
            return None;
        };
        if !has_number(&answer) {
            self.faults.push(format!("{}: no data: {}", query.at, query.expr));
        }
        Some(query)
    }

    async fn ask(&self, query: &Query) -> Option<Value> {
        let expr = ("query", query.expr.as_str());
        match query.when {
            When::Now => self.prometheus.get("query", &[expr]).await,
            When::Over { span, step } => {
                // As Grafana does: on multiples of the step.
                let end = now() / step * step;
                let [start, end, step] = [end - span, end, step].map(|number| number.to_string());
                let over = [expr, ("start", &start), ("end", &end), ("step", &step)];
                self.prometheus.get("query_range", &over).await
            }
        }
    }

    /// As if everything was chosen.
    async fn variables(&self, board: &Board) -> Variables {
        let mut variables = Variables::default();
        for variable in board.variables() {
            let name = text(&variable["name"]);
            let values = match text(&variable["type"]) {
                "datasource" => continue,
                "custom" => text(&variable["query"]).split(',').map(str::to_owned).collect(),
                _ => match variables.fill(text(&variable["query"]["query"])) {
                    Ok(query) => self.label_values(&query).await,
                    Err(fault) => {
                        variables.faults.push(format!("{}: variable {name}: {fault}", board.name));
                        continue;
                    }
                },
            };
            if values.is_empty() {
                variables.faults.push(format!("{}: variable {name}: no data", board.name));
            }
            let all = variable["allValue"].as_str().map_or_else(|| one_of(&values), str::to_owned);
            variables.chosen.push((name.to_owned(), all));
        }
        variables
    }

    /// Grafana's own function: the values that `label` has in `series`.
    async fn label_values(&self, query: &str) -> Vec<String> {
        let asked = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (series, label) =
            asked.and_then(|asked| asked.rsplit_once(", ")).unwrap_or_else(|| panic!("{query}"));
        let values = self.prometheus.get(&format!("label/{label}/values"), &[("match[]", series)]).await;
        list(&values.unwrap_or_default()).iter().map(|value| text(value).to_owned()).collect()
    }
}

/// What is chosen in a dashboard.
#[derive(Default)]
struct Variables {
    chosen: Vec<(String, String)>,
    faults: Vec<String>,
}

impl Variables {
    /// Puts what was chosen in the place of variables.
    fn fill(&self, expr: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = expr;
        while let Some((before, after)) = rest.split_once('$') {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            let (name, left) = after.split_at(end);
            let value = match name {
                "__rate_interval" => RATE_INTERVAL,
                _ => match self.chosen.iter().find(|(known, _)| known == name) {
                    Some((_, value)) => value,
                    None => return Err(format!("`${name}` is no variable: {expr}")),
                },
            };
            write!(filled, "{before}{value}").unwrap();
            rest = left;
        }
        Ok(filled + rest)
    }
}

/// A regular expression for several chosen values.
fn one_of(values: &[String]) -> String {
    let escaped: Vec<_> = values.iter().map(|value| value.replace('.', "\\\\.")).collect();
    format!("({})", escaped.join("|"))
}

/// Whether an answer holds a number that can be shown.
fn has_number(answer: &Value) -> bool {
    let is_number = |point: &Value| text(&point[1]).parse::<f64>().is_ok_and(|value| !value.is_nan());
    list(&answer["result"])
        .iter()
        .any(|series| is_number(&series["value"]) || list(&series["values"]).iter().any(is_number))
}

/// In seconds since the Unix epoch.
pub(super) fn now() -> u64 {
    u64::try_from(Clock::System.now().millis()).unwrap() / 1_000
}

/// The names of series in each expression.
pub(super) async fn names(exprs: &[String]) -> Vec<BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (python, script) = (root.join(".tools/venv/bin/python"), root.join("tests/tools/selectors.py"));
    let exprs = serde_json::to_vec(exprs).unwrap();
    let (code, said) = feed(python.to_str().unwrap(), &[script.to_str().unwrap()], &exprs).await;
    assert_eq!(code, Some(0), "{said}");
    let selectors: Vec<Vec<Value>> = serde_json::from_str(&said).unwrap();
    let names = |selectors: Vec<Value>| selectors.iter().map(|one| text(&one["name"]).to_owned()).collect();
    selectors.into_iter().map(names).collect()
}

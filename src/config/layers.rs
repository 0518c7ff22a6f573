//! Lays the environment over the file. Accounts do not pass here: they are in the file only.

use std::collections::BTreeMap;

use ::config::{ConfigError, Environment, Map, Source, Value, ValueKind};

use super::fault::{Place, Report, join};
use super::section::refuse_duplicates;
use super::yaml::{Form, Node, STREAMED_KEY, Scalar};

/// What all variables that stand for keys begin with.
const PREFIX: &str = "WECHAT_EXPORTER__";
const SEPARATOR: &str = "__";
/// How `config` marks values of its `Environment`.
const ENVIRONMENT_ORIGIN: &str = "the environment";
/// How scalars of the file are marked that may be read as a number or boolean only.
const BARE_ORIGIN: &str = "written without quotes";

/// The environment variable that stands for the key at `path`.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('.', SEPARATOR))
}

/// The entries of the file with those of the environment over them.
pub(super) fn layered(
    mut file: Vec<(String, Node)>,
    variables: &[(String, String)],
    report: &Report,
) -> Vec<(String, Node)> {
    let variables = own_variables(variables, report);
    refuse_duplicates("", &mut file, report);
    let (file, mut aside): (Vec<_>, Vec<_>) = file.into_iter().partition(|(key, _)| is_layered(key));
    for (key, node) in &file {
        let below = format!("{}{SEPARATOR}", variable(key));
        if !matches!(node, Node::Map(_)) && variables.keys().any(|name| name.starts_with(&below)) {
            // The variable's map would replace the value and hide what is wrong with it.
            report.fault(&Place::key("", key), "not a map", "write its keys below it, or remove it");
        }
    }
    let file = Layer(file.into_iter().map(|(key, node)| (key.clone(), value(&key, node, report))).collect());
    let environment = Environment::default()
        .prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .source(Some(variables.into_iter().collect()));
    let built = ::config::Config::builder().add_source(file).add_source(environment).build();
    match built.map(|built| node(built.cache)) {
        Ok(Node::Map(entries)) => aside.extend(entries),
        _ => report.fault(&Place::File, "cannot be combined with the environment", "unset its variables"),
    }
    aside
}

/// `config` takes a top-level key as a path (`a.b`, `a[5]`): only plain words may reach it.
fn is_layered(key: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    key != STREAMED_KEY && !key.is_empty() && key.bytes().all(plain)
}

/// The variables that stand for keys. Refuses names that cannot be right.
fn own_variables(variables: &[(String, String)], report: &Report) -> BTreeMap<String, String> {
    let mut own = BTreeMap::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<&str> = path.split(SEPARATOR).collect();
        let place = Place::Variable(name.replace(char::is_control, "?"));
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if keys.iter().any(|key| key.is_empty() || key.starts_with('_') || !key.bytes().all(allowed)) {
            let right = "write keys in capital letters with two underscores between them";
            report.fault(&place, "not the name of a key", right);
        } else if keys.first().is_some_and(|key| key.eq_ignore_ascii_case(STREAMED_KEY)) {
            let right = "write them in the file, with secrets as `app_secret_env` if you like";
            report.fault(&place, "accounts cannot be set by the environment", right);
        } else {
            own.insert(name.clone(), value.clone());
        }
    }
    let names: Vec<String> = own.keys().cloned().collect();
    for name in &names {
        let below = format!("{name}{SEPARATOR}");
        if names.iter().any(|other| other.starts_with(&below)) {
            let right = "unset it, and keep the variables of its keys";
            report.fault(&Place::Variable(name.clone()), "one value for a whole section", right);
            own.remove(name);
        }
    }
    own
}

/// The file, as `config` wants it.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// Every scalar passes as text, so that it arrives as it was written: `0.2` would come back from a
/// float as something else.
fn value(path: &str, node: Node, report: &Report) -> Value {
    let text =
        |origin: Option<&str>, text| Value::new(origin.map(str::to_owned).as_ref(), ValueKind::String(text));
    match node {
        Node::Empty => Value::new(None, ValueKind::Nil),
        Node::Scalar(Scalar { text: written, form: Form::Bare }) => text(Some(BARE_ORIGIN), written),
        Node::Scalar(Scalar { text: written, .. }) => text(None, written),
        Node::List(items) => {
            let items = items.into_iter().map(|item| value(path, item, report)).collect();
            Value::new(None, ValueKind::Array(items))
        }
        Node::Map(mut entries) => {
            refuse_duplicates(path, &mut entries, report);
            let below = |(key, node): (String, Node)| {
                let value = value(&join(path, &key), node, report);
                (key, value)
            };
            Value::new(None, ValueKind::Table(entries.into_iter().map(below).collect()))
        }
    }
}

fn node(value: Value) -> Node {
    let form = match value.origin() {
        Some(ENVIRONMENT_ORIGIN) => Form::Variable,
        Some(BARE_ORIGIN) => Form::Bare,
        _ => Form::Text,
    };
    match value.kind {
        ValueKind::Nil => Node::Empty,
        ValueKind::Table(entries) => {
            let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, node(value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Node::Map(entries)
        }
        ValueKind::Array(items) => Node::List(items.into_iter().map(node).collect()),
        scalar => Node::Scalar(Scalar { text: scalar.to_string(), form }),
    }
}

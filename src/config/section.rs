//! Reads typed values out of loose ones. The keys that are taken are the keys that exist: what is
//! left at the end is unknown.

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use super::fault::{Place, Report, join};
use super::layers::variable;
use super::share::Share;
use super::yaml::{Form, Node, Scalar};

/// One map of the configuration, and where it stands.
#[derive(Debug)]
pub(super) struct Section<'r> {
    path: String,
    entries: Vec<(String, Node)>,
    taken: Vec<&'static str>,
    from_variables: Vec<&'static str>,
    report: &'r Report,
}

/// The names in a table, for a message.
pub(super) struct Names<'t, T>(pub(super) &'t [(&'static str, T)]);

impl<T> Display for Names<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, _)) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// A range of durations, and the same as an operator would write it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) least: Duration,
    pub(super) most: Duration,
    pub(super) text: &'static str,
}

impl<'r> Section<'r> {
    /// The map at `path`, or a fault if it is something else.
    pub(super) fn open(path: String, node: Node, report: &'r Report) -> Option<Self> {
        let wrong = match node {
            Node::Map(mut entries) => {
                refuse_duplicates(&path, &mut entries, report);
                return Some(Self { entries, ..Self::empty(path, report) });
            }
            Node::Empty => "empty",
            Node::List(_) => "a list, not a map",
            Node::Scalar(Scalar { form: Form::Variable, .. }) => {
                let name = variable(&path);
                let right = format!("set its keys, as `{name}__KEY`");
                report.fault(&Place::Variable(name), "one value for a whole section", right);
                return None;
            }
            Node::Scalar(_) => "one value, not a map",
        };
        report.fault(&Place::Key(path), wrong, "write its keys below it, or remove it");
        None
    }

    /// A map without keys, where none stands.
    pub(super) fn empty(path: String, report: &'r Report) -> Self {
        Self { path, entries: Vec::new(), taken: Vec::new(), from_variables: Vec::new(), report }
    }

    /// Where the value of `key` was given.
    pub(super) fn place(&self, key: &str) -> Place {
        if self.from_variables.contains(&key) {
            return Place::Variable(variable(&join(&self.path, key)));
        }
        Place::key(&self.path, key)
    }

    /// Where faults of this map go.
    pub(super) fn report(&self) -> &'r Report {
        self.report
    }

    /// The path of this map.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn fault(&self, key: &str, wrong: impl Display, right: impl Display) {
        self.report.fault(&self.place(key), wrong, right);
    }

    pub(super) fn warn(&self, key: &str, doubtful: impl Display, better: impl Display) {
        self.report.warn(&self.place(key), doubtful, better);
    }

    /// Whether a value stands under `key` that was not taken yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// Refuses a map in which `key` is missing; `right` says what to give.
    pub(super) fn require(&self, key: &str, right: impl Display) {
        if !self.has(key) {
            self.fault(key, "missing", right);
        }
    }

    /// Takes the value of `key`, which from now on is a known key.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.taken.push(key);
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        let (_, node) = self.entries.swap_remove(at);
        if matches!(node, Node::Scalar(Scalar { form: Form::Variable, .. })) {
            self.from_variables.push(key);
        }
        Some(node)
    }

    /// The map under `key`.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Self> {
        let node = self.take(key)?;
        Section::open(join(&self.path, key), node, self.report)
    }

    /// A value that is one piece of text. `what` is the noun for it, `rule` says what would be right.
    pub(super) fn text<T>(
        &mut self,
        key: &'static str,
        what: impl Display,
        rule: impl Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let scalar = self.scalar(key, &what, &rule)?;
        if scalar.form == Form::Bare {
            self.fault(key, format_args!("a bare number or boolean, not {what}"), "write it in quotes");
            return None;
        }
        let parsed = parse(&scalar.text);
        if parsed.is_none() {
            self.fault(key, format_args!("not {what}"), rule);
        }
        parsed
    }

    /// A text that is one of the names in `table`: what stands beside it.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        what: &str,
        table: &[(&'static str, T)],
    ) -> Option<T> {
        let rule = format_args!("known here: {}", Names(table));
        let scalar = self.scalar(key, what, rule)?;
        let found = table.iter().find(|(name, _)| *name == scalar.text).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<&'static str> = table.iter().map(|(name, _)| *name).collect();
            let meant = nearest(&scalar.text, &names).map_or_else(String::new, did_you_mean);
            self.fault(key, format_args!("not {what}"), format_args!("{meant}{rule}"));
        }
        found
    }

    /// A duration within `span`.
    pub(super) fn duration(&mut self, key: &'static str, span: Span) -> Option<Duration> {
        let rule = format_args!("write a duration from {}, with its unit", span.text);
        let scalar = self.scalar(key, "a duration", rule)?;
        let parsed = match scalar.text.as_str() {
            "0" => Some(Duration::ZERO),
            text => SpanParser::new().parse_unsigned_duration(text).ok(),
        };
        let wrong = match parsed {
            Some(value) if (span.least..=span.most).contains(&value) => return parsed,
            Some(value) if value < span.least => "a duration that is too short",
            Some(_) => "a duration that is too long",
            None => "not a duration",
        };
        self.fault(key, wrong, rule);
        None
    }

    /// A whole number from 1 to `most`.
    pub(super) fn whole(&mut self, key: &'static str, most: u64) -> Option<u64> {
        self.whole_from(key, 1..=most)
    }

    /// A whole number within `range`.
    pub(super) fn whole_from(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let rule =
            format_args!("write a whole number from {} to {}, without quotes", range.start(), range.end());
        let scalar = self.scalar(key, "a whole number", rule)?;
        let parsed = scalar.text.parse().ok().filter(|_| scalar.form != Form::Text);
        let wrong = match parsed {
            Some(number) if range.contains(&number) => return parsed,
            Some(_) => "a number out of range",
            None => "not a whole number",
        };
        self.fault(key, wrong, rule);
        None
    }

    /// A part of a whole that `fits`; `range` says which do.
    pub(super) fn share(
        &mut self,
        key: &'static str,
        range: &str,
        fits: impl FnOnce(Share) -> bool,
    ) -> Option<Share> {
        let rule = format_args!("write a decimal number {range}, {}", Share::RULE);
        let scalar = self.scalar(key, "a decimal number", rule)?;
        let parsed = Share::parse(&scalar.text);
        let wrong = match parsed {
            Some(share) if fits(share) => return parsed,
            Some(_) => "a number out of range",
            None => "not a decimal number",
        };
        self.fault(key, wrong, rule);
        None
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let rule = "write `true` or `false`, without quotes";
        let scalar = self.scalar(key, "a boolean", rule)?;
        let parsed = scalar.text.to_ascii_lowercase().parse().ok().filter(|_| scalar.form != Form::Text);
        if parsed.is_none() {
            self.fault(key, "not a boolean", rule);
        }
        parsed
    }

    /// A list of texts; in an environment variable they are separated by commas.
    pub(super) fn texts(&mut self, key: &'static str, rule: &str) -> Option<Vec<String>> {
        let items = match self.take(key)? {
            Node::List(items) => items,
            Node::Scalar(Scalar { text, form: Form::Variable }) => {
                return Some(text.split(',').map(|item| item.trim().to_owned()).collect());
            }
            _ => {
                self.fault(key, "not a list", rule);
                return None;
            }
        };
        let count = items.len();
        let text = |item| match item {
            Node::Scalar(Scalar { text, form }) if form != Form::Bare => Some(text),
            _ => None,
        };
        let texts: Vec<String> = items.into_iter().filter_map(text).collect();
        if texts.len() < count {
            self.fault(key, "an item that is not text", "write numbers and booleans in quotes");
        }
        Some(texts)
    }

    /// All keys of this map with their values, for maps whose keys the operator chooses.
    pub(super) fn into_entries(self) -> Vec<(String, Node)> {
        self.entries
    }

    /// All keys of this map with their texts, for maps whose keys the operator chooses.
    pub(super) fn into_texts(mut self, what: &str, rule: &str) -> Vec<(String, String)> {
        let entries = std::mem::take(&mut self.entries);
        let text = |(key, node): (String, Node)| match node {
            Node::Scalar(Scalar { text, form }) if form != Form::Bare => Some((key, text)),
            Node::Empty => {
                self.fault(&key, "empty", rule);
                None
            }
            _ => {
                self.fault(&key, format_args!("not {what}"), rule);
                None
            }
        };
        entries.into_iter().filter_map(text).collect()
    }

    /// Refuses `key` with a hint of its own; it does not become a known key.
    pub(super) fn refuse(&mut self, key: &str, wrong: &str, right: &str) {
        if self.has(key) {
            self.entries.retain(|(name, _)| name != key);
            self.fault(key, wrong, right);
        }
    }

    /// Refuses every key that was not taken.
    pub(super) fn finish(mut self) {
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (key, node) in &self.entries {
            let place = place_of(join(&self.path, key), node);
            self.report.fault(&place, "unknown key", suggestion(key, &self.taken));
        }
    }

    /// A value that is one piece of text or a bare number or boolean, as it is written.
    pub(super) fn scalar(
        &mut self,
        key: &'static str,
        what: impl Display,
        rule: impl Display,
    ) -> Option<Scalar> {
        match self.take(key)? {
            Node::Scalar(scalar) if scalar.form == Form::Variable && scalar.text.is_empty() => {
                self.fault(key, "empty", rule);
            }
            Node::Scalar(scalar) => return Some(scalar),
            Node::Empty => self.fault(key, "empty", rule),
            Node::List(_) => self.fault(key, format_args!("a list, not {what}"), rule),
            Node::Map(_) => self.fault(key, format_args!("a map, not {what}"), rule),
        }
        None
    }
}

/// Keeps the first of the entries that share a key, and reports the others.
pub(super) fn refuse_duplicates(path: &str, entries: &mut Vec<(String, Node)>, report: &Report) {
    // Nearly always there are none, which this tells at a fraction of the cost.
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    if keys.windows(2).all(|pair| pair[0] != pair[1]) {
        return;
    }
    let mut seen = HashSet::new();
    let repeated: Vec<bool> = entries.iter().map(|(key, _)| !seen.insert(key.as_str())).collect();
    for ((key, _), _) in entries.iter().zip(&repeated).filter(|(_, repeated)| **repeated) {
        report.fault(&Place::key(path, key), "a key that stands twice", "keep one of them");
    }
    let mut repeated = repeated.into_iter();
    entries.retain(|_| !repeated.next().unwrap_or(false));
}

/// Where `node` was given, which stands at `path`: in a variable if nothing of it is of the file.
pub(super) fn place_of(path: String, node: &Node) -> Place {
    match node {
        Node::Scalar(Scalar { form: Form::Variable, .. }) => Place::Variable(variable(&path)),
        Node::Map(entries) if entries.iter().all(|(_, below)| is_of_variables(below)) => {
            match entries.first() {
                Some((key, below)) => place_of(join(&path, key), below),
                None => Place::Key(path),
            }
        }
        _ => Place::Key(path),
    }
}

fn is_of_variables(node: &Node) -> bool {
    match node {
        Node::Scalar(scalar) => scalar.form == Form::Variable,
        Node::Map(entries) => !entries.is_empty() && entries.iter().all(|(_, below)| is_of_variables(below)),
        Node::Empty | Node::List(_) => false,
    }
}

/// The name that was probably meant by `text`.
pub(crate) fn nearest<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&text.to_lowercase(), &name.to_lowercase());
    let close = |name: &&str| distance(name) <= 1 + name.len() / 5;
    names.iter().copied().filter(close).min_by_key(|name| distance(name))
}

/// The start of a hint that goes on.
pub(crate) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`? ")
}

/// The known key that was probably meant, or all of them.
fn suggestion(key: &str, known: &[&str]) -> String {
    if key.contains(':') {
        return "write a blank after the `:`".into();
    }
    if let Some(name) = nearest(key, known) {
        return format!("did you mean `{name}`?");
    }
    match (key.split_once('.'), known.is_empty()) {
        (Some(_), false) => "write each part as a key of its own, one below the other".into(),
        (None, false) => format!("known here: {}", known.join(", ")),
        (_, true) => "remove it".into(),
    }
}

#[cfg(test)]
mod tests;

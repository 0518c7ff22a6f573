//! What is wrong with a configuration, gathered so that the operator sees all of it at once.
//! A fault names keys and describes what would be right. It never quotes a value: a secret may
//! stand in the wrong place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::Path;

/// Why a configuration was refused: at least one fault, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl Faults {
    /// These faults and after them those of `others`.
    pub(super) fn and(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        self.0.extend(others.into_iter().flat_map(|Self(lines)| lines));
        self
    }

    /// One line for each fault: `FILE: path.to.key: what is wrong: what would be right`.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Faults {}

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere within the file, such as for a file that cannot be read.
    File,
    /// Under this path of keys in the file.
    Key(String),
    /// In this environment variable.
    Variable(String),
}

impl Place {
    /// The place of `key` under `path`, which is empty at the top of the file.
    pub(super) fn key(path: &str, key: &str) -> Self {
        Self::Key(join(path, key))
    }
}

/// `path.key`, with a key that is not a plain word in quotes, on one line and not too long.
pub(super) fn join(path: &str, key: &str) -> String {
    const LONGEST: usize = 64;
    let mut out = String::from(path);
    if !path.is_empty() {
        out.push('.');
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !key.is_empty() && key.len() <= LONGEST && key.bytes().all(plain) {
        out.push_str(key);
        return out;
    }
    out.push('"');
    out.extend(key.chars().take(LONGEST).flat_map(char::escape_debug));
    out.push_str(if key.chars().nth(LONGEST).is_some() { "…\"" } else { "\"" });
    out
}

/// Collects faults and warnings while a configuration is read, by several readers at once.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    rank: Cell<usize>,
    faults: RefCell<Vec<(usize, String)>>,
    warnings: RefCell<Vec<(usize, String)>>,
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        let file = file.display().to_string().replace(char::is_control, "?");
        Self { file, rank: Cell::new(0), faults: RefCell::default(), warnings: RefCell::default() }
    }

    /// The file's name, on one line.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Whether anything is wrong so far.
    pub(super) fn has_faults(&self) -> bool {
        !self.faults.borrow().is_empty()
    }

    /// Sets the rank of what is reported from now on: lower ranks are printed first.
    pub(super) fn set_rank(&self, rank: usize) {
        self.rank.set(rank);
    }

    /// Adds a fault: what is wrong, and what would be right.
    pub(super) fn fault(&self, place: &Place, wrong: impl fmt::Display, right: impl fmt::Display) {
        let line = self.line(place, format_args!("{wrong}: {right}"));
        self.faults.borrow_mut().push((self.rank.get(), line));
    }

    /// Adds a warning: what is doubtful, and what would be better.
    pub(super) fn warn(&self, place: &Place, doubtful: impl fmt::Display, better: impl fmt::Display) {
        let line = self.line(place, format_args!("{doubtful}: {better}"));
        self.warnings.borrow_mut().push((self.rank.get(), line));
    }

    /// What was read with the warnings, or the faults if there is any.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<(T, Vec<String>), Faults> {
        if read.is_none() && self.faults.borrow().is_empty() {
            self.fault(&Place::File, "cannot be used", "check it as a whole");
        }
        match read.filter(|_| self.faults.borrow().is_empty()) {
            Some(read) => Ok((read, sorted(self.warnings.into_inner()))),
            None => Err(Faults(sorted(self.faults.into_inner()))),
        }
    }

    fn line(&self, place: &Place, text: fmt::Arguments<'_>) -> String {
        match place {
            Place::File => format!("{}: {text}", self.file),
            Place::Key(path) => format!("{}: {path}: {text}", self.file),
            Place::Variable(name) => format!("environment: {name}: {text}"),
        }
    }
}

fn sorted(mut lines: Vec<(usize, String)>) -> Vec<String> {
    lines.sort_by_key(|(rank, _)| *rank);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Warnings go to the log at each start: the same one for 100,000 accounts must not fill it.
pub(super) fn shortened(mut lines: Vec<String>) -> Vec<String> {
    const MOST: usize = 100;
    if let Some(more) = lines.len().checked_sub(MOST).filter(|more| *more > 0) {
        lines.truncate(MOST);
        lines.push(format!("{more} more warnings like these are not shown"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_on_one_line_and_short() {
        assert_eq!(join("accounts", "brand-1"), "accounts.brand-1");
        assert_eq!(join("", "品牌 1\n"), "\"品牌 1\\n\"");
        assert_eq!(join("a", ""), "a.\"\"");
        assert_eq!(join("", &"é".repeat(65)), format!("\"{}…\"", "é".repeat(64)));
    }

    #[test]
    fn faults_are_printed_by_rank() {
        let report = Report::new(Path::new("x.yaml"));
        report.set_rank(2);
        report.fault(&Place::key("a", "b"), "missing", "give one");
        report.set_rank(0);
        report.fault(&Place::Variable("V".into()), "empty", "give one");
        report.fault(&Place::File, "not there", "name one");
        let faults = report.finish(Some(())).unwrap_err();
        assert_eq!(
            faults.to_string(),
            "environment: V: empty: give one\nx.yaml: not there: name one\nx.yaml: a.b: missing: give one"
        );
    }

    #[test]
    fn many_warnings_are_shortened() {
        let warnings = |count| shortened(vec![String::from("doubtful"); count]);
        assert_eq!(warnings(100).len(), 100);
        assert_eq!(warnings(150).len(), 101);
        assert_eq!(warnings(150)[100], "50 more warnings like these are not shown");
    }
}

//! What is wrong with a configuration, gathered so that the operator sees all of it at once.
//! A fault names keys and describes what would be right. It never quotes a value, and of a key only
//! what cannot be a secret: one may stand in the wrong place.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::Path;

/// Why a configuration was refused: at least one fault, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl Faults {
    /// These faults and after them those of `others`.
    #[must_use]
    pub fn and(mut self, others: impl IntoIterator<Item = Self>) -> Self {
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

/// `path.key`, on one line and not too long. A key that is not a plain word is in quotes and cut where
/// a secret may begin: `app_secret:VALUE` without its blank is a key.
pub(super) fn join(path: &str, key: &str) -> String {
    if !key.is_empty() && key.bytes().all(is_of_a_word) && is_like_a_key(key) {
        return join_name(path, key);
    }
    let is_shown = |c: char| !c.is_ascii() || c == '.' || u8::try_from(c).is_ok_and(is_of_a_word);
    let head: String = key.chars().take_while(|c| is_shown(*c)).collect();
    let rest = if head.len() < key.len() { "…" } else { "" };
    let shown = if is_like_a_key(&head) { head + rest } else { "…".to_owned() };
    join_name(path, &format!("\"{}\"", shown.escape_debug()))
}

/// `path.name` for a name that is known to be one.
pub(super) fn join_name(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Characters of the keys that exist.
fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Whether somebody may have meant a key by it, not a secret: an `AppSecret` has 32 letters and digits,
/// a token more, a good password small and capital letters and digits.
fn is_like_a_key(text: &str) -> bool {
    const LONGEST: usize = 40;
    const LONGEST_PART: usize = 20;
    const LONGEST_MIXED_PART: usize = 8;
    let is_word = |part: &str| {
        let has = |kind: fn(&u8) -> bool| part.as_bytes().iter().any(kind);
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        part.len() <= if is_mixed { LONGEST_MIXED_PART } else { LONGEST_PART }
    };
    text.len() <= LONGEST && text.split(|c: char| !c.is_alphanumeric()).all(is_word)
}

/// What is doubtful, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    /// What retires other programs' tokens: said first, and never left out.
    takeovers: Vec<String>,
    others: Vec<String>,
}

impl Warnings {
    /// Adds those of another file.
    pub(super) fn extend(&mut self, more: Self) {
        self.takeovers.extend(more.takeovers);
        self.others.extend(more.others);
    }

    /// For the log at each start, which the same warning for 100,000 accounts must not fill.
    pub(super) fn shortened(self) -> Vec<String> {
        const MOST: usize = 100;
        let Self { takeovers: mut lines, others } = self;
        let left_out = others.len().saturating_sub(MOST);
        lines.extend(others.into_iter().take(MOST));
        if left_out > 0 {
            lines.push(format!("{left_out} more warnings like these are not shown"));
        }
        lines
    }
}

/// Collects faults and warnings while a configuration is read, by several readers at once.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    rank: Cell<usize>,
    faults: RefCell<Vec<(usize, String)>>,
    takeovers: RefCell<Vec<(usize, String)>>,
    warnings: RefCell<Vec<(usize, String)>>,
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        let file = file.display().to_string().replace(char::is_control, "?");
        Self {
            file,
            rank: Cell::new(0),
            faults: RefCell::default(),
            takeovers: RefCell::default(),
            warnings: RefCell::default(),
        }
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

    /// Adds a warning that other programs' tokens will be retired, and what would be better.
    pub(super) fn warn_of_takeover(&self, place: &Place, what: impl fmt::Display, better: impl fmt::Display) {
        let line = self.line(place, format_args!("{what}: {better}"));
        self.takeovers.borrow_mut().push((self.rank.get(), line));
    }

    /// What was read with the warnings, or the faults if there is any.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<(T, Warnings), Faults> {
        if read.is_none() && self.faults.borrow().is_empty() {
            self.fault(&Place::File, "cannot be used", "check it as a whole");
        }
        match read.filter(|_| self.faults.borrow().is_empty()) {
            Some(read) => {
                let takeovers = sorted(self.takeovers.into_inner());
                Ok((read, Warnings { takeovers, others: sorted(self.warnings.into_inner()) }))
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_on_one_line_and_short() {
        assert_eq!(join("accounts", "brand-1"), "accounts.brand-1");
        assert_eq!(join("", "品牌\u{2028}1"), "\"品牌\\u{2028}1\"");
        assert_eq!(join("", "品牌 1\n"), "\"品牌…\"");
        assert_eq!(join("", "poll.interval"), "\"poll.interval\"");
        assert_eq!(join("a", ""), "a.\"\"");
        assert_eq!(join("", &"é".repeat(65)), "\"…\"");
    }

    #[test]
    fn a_key_is_cut_where_a_secret_may_begin() {
        let shown = [
            ("app_secret:0123456789abcdef0123456789abcdef", "\"app_secret…\""),
            ("Authorization:Bearer-hunter2", "\"Authorization…\""),
            ("X-Api-Key hunter2", "\"X-Api-Key…\""),
            ("APP_SECRET=hunter2", "\"APP_SECRET…\""),
            ("redis://:hunter2@cache", "\"redis…\""),
            ("refreshtoken@@@hunter2", "\"refreshtoken…\""),
            ("0123456789abcdef0123456789abcdef", "\"…\""),
            ("0123456789abcdef0123456789abcdef:x", "\"…\""),
            ("x-0123456789abcdef0123456789abcdef", "\"…\""),
            ("eyJhbGciOiJIUzI1NiJ9.e30.abc", "\"…\""),
            ("Tr0ub4dor3and5", "\"…\""),
            ("some-words-that-are-rather-many-for-one-key", "\"…\""),
            ("component_app_secret_file", "component_app_secret_file"),
            ("acceptTokenTakeover", "acceptTokenTakeover"),
            ("X-Api-V2", "X-Api-V2"),
            ("wx0123456789abcdef", "wx0123456789abcdef"),
        ];
        for (key, expected) in shown {
            assert_eq!(join("", key), expected);
        }
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
    fn many_warnings_are_shortened_but_no_takeover_is_left_out() {
        let warnings = |takeovers, others| {
            let lines = |text: &str, count| vec![String::from(text); count];
            Warnings { takeovers: lines("takeover", takeovers), others: lines("doubtful", others) }
                .shortened()
        };
        assert_eq!(warnings(0, 100).len(), 100);
        let long = warnings(150, 150);
        assert_eq!(long.len(), 251);
        assert!(long[..150].iter().all(|line| line == "takeover"));
        assert_eq!(long[250], "50 more warnings like these are not shown");
    }
}

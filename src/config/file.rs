//! Reads one file of the configuration: the main one, one of accounts, or that of the web.

use std::io::Read as _;
use std::path::Path;

use super::accounts::Accounts;
use super::fault::{Place, Report};
use super::secrets::why_unreadable;
use super::yaml::{self, Node};

/// The entries at the top of the file at `path`; the map `accounts` is handed to `accounts` and
/// empty in the answer. Nothing where the file cannot be read as a map.
pub(super) fn read(path: &Path, accounts: &mut Accounts<'_>, report: &Report) -> Option<Vec<(String, Node)>> {
    let text = text(path).map_err(|(wrong, right)| report.fault(&Place::File, wrong, right)).ok()?;
    entries(&text, &mut |name, node| accounts.read(&name, node), "accounts", report)
}

/// The entries at the top of a file with this text. Those of the map `accounts` are handed to `each`.
/// `key` is one that may stand there. Nothing where the text cannot be read as a map.
pub(super) fn entries(
    text: &str,
    each: &mut dyn FnMut(String, Node),
    key: &str,
    report: &Report,
) -> Option<Vec<(String, Node)>> {
    let root = match yaml::read(text, each) {
        Ok(root) => root,
        Err(fault) => {
            report.set_rank(usize::MAX);
            let place = match fault.line {
                0 => Place::File,
                line => Place::Key(format!("line {line}, column {}", fault.column)),
            };
            report.fault(&place, fault.wrong, fault.right);
            return None;
        }
    };
    report.set_rank(0);
    match root {
        Node::Map(entries) => Some(entries),
        Node::Empty => Some(Vec::new()),
        Node::List(_) | Node::Scalar(_) => {
            report.fault(&Place::File, "not a map", format_args!("begin with keys such as `{key}:`"));
            None
        }
    }
}

/// The whole file as text, or what is wrong with it. Read once, so that it may be a pipe.
fn text(path: &Path) -> Result<String, (&'static str, &'static str)> {
    const MOST_BYTES: u64 = 256 << 20;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| (why_unreadable(error.kind()), RIGHT))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(("a file of more than 256 MiB", "name a smaller YAML file"));
    }
    String::from_utf8(bytes).map_err(|_| ("a file that is not UTF-8 text", "save it as UTF-8"))
}

/// What would be right where a file cannot be read.
pub(super) const RIGHT: &str = "name a YAML file that this user can read";

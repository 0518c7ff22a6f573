//! The real binary as a child process, on accounts of these tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::faults::peer::Peer;

/// An account of the child's configuration.
pub(crate) fn listed(name: &str, n: usize, peer: &Peer, interval: &str) -> String {
    format!(
        "  {name}: {{app_id: wx{n:016x}, interval: {interval}, base_url: '{}', token: {{source: stable_token, app_secret: s}}}}\n",
        peer.url()
    )
}

/// Writes the child's configuration.
pub(crate) fn configure(dir: &Path, accounts: impl Iterator<Item = String>) -> PathBuf {
    let mut text =
        String::from("api: {requests_per_second: 5000}\nbudget: {allow_over_budget: true}\naccounts:\n");
    for account in accounts {
        text.write_str(&account).unwrap();
    }
    let path = dir.join("config.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

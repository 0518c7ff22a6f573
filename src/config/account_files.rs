//! Account files: which ones there are, and what stands in each. What is wrong with one of them
//! concerns no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, glob_with};

use super::AccountFile;
use super::account::Account;
use super::accounts::{Accounts, refuse_other_shapes};
use super::fault::{Place, Report};
use super::file;
use super::platforms::Platforms;
use super::resolve::Resolver;
use super::secrets::{Variables, regular_file};
use super::section::Section;
use super::yaml::{Node, STREAMED_KEY};

const KEY: &str = "account_files";

/// What the patterns found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files in name order, each once.
    files: Vec<PathBuf>,
    /// Directories that cannot be looked into.
    closed: Vec<PathBuf>,
}

/// An account file that was read.
#[derive(Debug)]
pub(super) struct ReadFile {
    pub(super) path: PathBuf,
    /// Its faults and warnings.
    pub(super) report: Report,
    /// How many entries stand in it, good or bad.
    pub(super) count: usize,
    /// Its accounts without a fault, in name order.
    pub(super) accounts: Vec<Arc<Account>>,
}

impl Found {
    /// Takes the patterns from `root`. A pattern without a wildcard is a file that must be there.
    pub(super) fn read(root: &mut Section<'_>) -> Self {
        let patterns = root.texts(KEY, "write a list of paths, such as `[accounts.d/*.yaml]`");
        let (mut files, mut closed) = (BTreeMap::new(), Vec::new());
        for (at, pattern) in patterns.unwrap_or_default().iter().enumerate() {
            let item = at + 1;
            if pattern.trim().is_empty() {
                root.fault(KEY, format_args!("item {item} is empty"), "write a path");
                continue;
            }
            if !pattern.contains(['*', '?', '[']) {
                keep(&mut files, PathBuf::from(pattern));
                continue;
            }
            // As in a shell: a wildcard stands for no part of a path, and not for a leading dot.
            let options = MatchOptions {
                case_sensitive: true,
                require_literal_separator: true,
                require_literal_leading_dot: true,
            };
            let Ok(matches) = glob_with(pattern, options) else {
                let right = "write a path, in which `*`, `?`, `[…]` and `/**/` stand for others";
                root.fault(KEY, format_args!("item {item} is not a pattern of paths"), right);
                continue;
            };
            let mut found_any = false;
            for entry in matches.filter(|entry| !entry.as_ref().is_ok_and(|path| path.is_dir())) {
                found_any = true;
                match entry {
                    Ok(path) => keep(&mut files, path),
                    Err(error) => closed.push(error.path().to_owned()),
                }
            }
            if !found_any {
                root.warn(KEY, format_args!("item {item} matches no file"), "check it, or remove it");
            }
        }
        closed.sort_unstable();
        closed.dedup();
        let mut files: Vec<PathBuf> = files.into_values().collect();
        files.sort_unstable();
        Self { files, closed }
    }

    /// Adds files that were there before and now lie where nobody can look: they are not known to
    /// be gone.
    pub(super) fn keep_hidden(&mut self, before: &[AccountFile]) {
        let paths = before.iter().map(|file| &file.path);
        let hidden = paths.filter(|path| self.closed.iter().any(|closed| path.starts_with(closed)));
        self.files.extend(hidden.cloned());
        self.files.sort_unstable();
        self.files.dedup();
    }

    /// Reads all of them.
    pub(super) fn read_all(
        self,
        variables: &Variables<'_>,
        resolver: &mut Resolver<'_>,
        platforms: &Platforms,
    ) -> Vec<ReadFile> {
        let closed = self.closed.into_iter().map(|path| {
            let report = Report::new(&path);
            report.fault(&Place::File, "a directory that this user may not list", "let this user list it");
            ReadFile { path, report, count: 0, accounts: Vec::new() }
        });
        let mut read: Vec<_> = closed.collect();
        read.extend(self.files.into_iter().map(|path| {
            let report = Report::new(&path);
            let (accounts, count) = read_file(&path, variables, resolver, platforms, &report);
            ReadFile { path, report, count, accounts }
        }));
        read.sort_by(|a, b| a.path.cmp(&b.path));
        read
    }
}

/// Keeps one path to each file, the first in name order.
fn keep(files: &mut BTreeMap<PathBuf, PathBuf>, path: PathBuf) {
    let file = path.canonicalize().unwrap_or_else(|_| path.clone());
    let kept = files.entry(file).or_insert_with(|| path.clone());
    if path < *kept {
        *kept = path;
    }
}

/// The accounts of one file, and how many entries it has.
fn read_file(
    path: &Path,
    variables: &Variables<'_>,
    resolver: &mut Resolver<'_>,
    platforms: &Platforms,
    report: &Report,
) -> (Vec<Arc<Account>>, usize) {
    const NONE: &str = "name accounts below it, or write `accounts: {}` for none";
    if let Err(wrong) = regular_file(path) {
        report.fault(&Place::File, wrong, file::RIGHT);
        return (Vec::new(), 0);
    }
    let mut accounts = Accounts::new(report, variables);
    let entries = file::read(path, &mut accounts, report);
    let root = entries.and_then(|entries| Section::open(String::new(), Node::Map(entries), report));
    if let Some(mut root) = root {
        // An empty file is one that was cut short rather than one that means none.
        root.require(STREAMED_KEY, NONE);
        match root.take(STREAMED_KEY) {
            None | Some(Node::Map(_)) => {}
            Some(Node::Empty) => root.fault(STREAMED_KEY, "empty", NONE),
            Some(other) => refuse_other_shapes(&other, report),
        }
        root.finish();
    }
    let count = accounts.count();
    (accounts.resolve(resolver, platforms), count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_a_directory_that_is_closed_are_not_given_up() {
        let file = |path: &str| AccountFile { path: path.into(), names: Vec::new() };
        let mut found = Found { files: vec!["a.yaml".into(), "b/c.yaml".into()], closed: vec!["b".into()] };
        found.keep_hidden(&[file("a.yaml"), file("b/a.yaml"), file("b/c.yaml"), file("gone.yaml")]);
        assert_eq!(found.files, ["a.yaml", "b/a.yaml", "b/c.yaml"].map(PathBuf::from));
    }
}

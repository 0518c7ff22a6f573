//! The body of the fuzz target `configuration`: any bytes as a main file, an account file and
//! environment variables, and as a web configuration.
#![expect(clippy::unwrap_used, reason = "it is part of a test")]

use std::fs;
use std::path::Path;
use std::str;

use super::layers::variable;
use super::web::load_web;
use super::yaml::{self, Node};
use super::{AccountName, AppId, Config, Loaded, load};
use crate::clock::WallTime;
use crate::fuzzing::CANARY;
use crate::shard::Shard;

/// The keys whose texts are secret.
const SECRET_KEYS: [&str; 6] =
    ["app_secret", "component_app_secret", "refresh_token", "url", "proxy", HEADERS];
/// The one of them that is a map, with keys of the operator's choice.
const HEADERS: &str = "headers";

/// Loads what `bytes` holds, divided by NUL, from files that are written to `directory`: a main
/// file, an account file, then variables as `NAME=VALUE`. Faults are lines that name a file or a
/// variable and show no value, a secret is shown nowhere, a configuration is what its types and
/// rules promise, and loading it again changes nothing. The main file is a web configuration too, mostly
/// one with faults, of which the same holds.
pub fn configuration(directory: &Path, bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    let main = parts.next().unwrap_or_default();
    let accounts = parts.next().unwrap_or_default();
    let (path, accounts_path) = (directory.join("main.yaml"), directory.join("accounts.yaml"));
    for (path, text) in [(&path, main), (&accounts_path, accounts)] {
        fs::write(path, text).unwrap();
    }
    // Patterns of the input's own would look through the whole disk.
    let account_files = variable("account_files");
    let given = parts.filter_map(|part| str::from_utf8(part).ok()?.split_once('='));
    let given = given.filter(|(name, _)| !name.starts_with(&account_files));
    let mut variables: Vec<_> = given.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    variables.push((account_files, accounts_path.display().to_string()));
    let input = Input::new([main, accounts], &variables);
    variables.push(("SECRET".to_owned(), CANARY.to_owned()));
    let web = load_web(&path, WallTime::from_millis(0));
    let told = web.as_ref().map_or_else(|broken| broken.faults.lines(), |loaded| &loaded.warnings);
    input.check_faults(told, directory);
    match load(&path, &variables, Shard::default(), None) {
        Ok(loaded) => {
            input.check_loaded(&loaded, directory);
            check_config(&loaded.config);
            let again = load(&path, &variables, Shard::default(), Some(&loaded.config));
            assert_eq!(again.as_ref(), Ok(&loaded), "loading again changes something");
        }
        Err(faults) => {
            assert!(!faults.lines().is_empty());
            input.check_faults(faults.lines(), directory);
        }
    }
}

/// Whether the canary stands in an input where it may be shown.
#[derive(Debug, Default)]
struct Input {
    /// As a key, or in the name of a variable.
    in_names: bool,
    /// As a value that is no secret.
    in_values: bool,
}

impl Input {
    fn new(files: [&[u8]; 2], variables: &[(String, String)]) -> Self {
        let mut input = Self::default();
        for (name, value) in variables {
            input.in_names |= name.contains(CANARY);
            input.in_values |= value.contains(CANARY);
        }
        for text in files.into_iter().filter_map(|file| str::from_utf8(file).ok()) {
            let mut accounts = Vec::new();
            let root = yaml::read(text, &mut |name, account| accounts.push((name, account)));
            // Of what is no YAML nothing is shown but the accounts before the fault.
            input.take("", &root.unwrap_or(Node::Empty));
            input.take("", &Node::Map(accounts));
        }
        input
    }

    fn take(&mut self, key: &str, node: &Node) {
        match node {
            Node::Empty => {}
            Node::Scalar(scalar) => {
                self.in_values |= !SECRET_KEYS.contains(&key) && scalar.text.contains(CANARY);
            }
            Node::List(items) => items.iter().for_each(|item| self.take(key, item)),
            Node::Map(entries) => {
                for (name, below) in entries {
                    self.in_names |= name.contains(CANARY);
                    let is_header = key == HEADERS && matches!(below, Node::Scalar(_));
                    self.take(if is_header { HEADERS } else { name }, below);
                }
            }
        }
    }

    fn check_faults(&self, lines: &[String], directory: &Path) {
        let directory = directory.display().to_string();
        for line in lines {
            assert!(line.starts_with(&directory) || line.starts_with("environment: "), "{line}");
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(self.in_names || !line.contains(CANARY), "{line}");
        }
    }

    fn check_loaded(&self, loaded: &Loaded, directory: &Path) {
        for file in &loaded.broken {
            assert!(file.accounts > 0);
            self.check_faults(file.faults.lines(), directory);
        }
        let shown = format!("{loaded:?}");
        assert!(self.in_names || self.in_values || !shown.contains(CANARY), "{shown}");
    }
}

fn check_config(config: &Config) {
    let names: Vec<_> = config.accounts.iter().map(|account| account.name.as_str()).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    let mut app_ids: Vec<_> = config.accounts.iter().map(|account| account.app_id.as_str()).collect();
    app_ids.sort_unstable();
    assert!(app_ids.is_sorted_by(|a, b| a < b), "{app_ids:?}");
    assert!(names.iter().all(|name| AccountName::parse(name).is_some()));
    assert!(app_ids.iter().all(|app_id| AppId::parse(app_id).is_some()));
    for account in &config.accounts {
        assert!(!account.interval.is_zero() && account.hold >= account.interval, "{account:?}");
    }
    for file in &config.account_files {
        assert!(file.names.iter().all(|name| names.contains(&name.as_str())), "{file:?}");
    }
    let api = &config.api;
    assert!(!api.timeout.is_zero() && !api.connect_timeout.is_zero() && api.max_in_flight > 0);
    assert!(config.planned_requests_per_second() <= f64::from(api.requests_per_second.get()));
}

#[cfg(test)]
mod tests {
    use super::configuration;

    #[test]
    fn any_configuration_is_loaded_as_promised_or_refused_in_lines() {
        crate::fuzzing::check("configuration", |bytes| {
            configuration(tempfile::tempdir().unwrap().path(), bytes);
        });
    }
}

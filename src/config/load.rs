//! From a file and the environment to a [`Config`], or to all that is wrong with them.

use std::io::Read as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::accounts::Accounts;
use super::fault::{Faults, Place, Report};
use super::layers::layered;
use super::platforms::Platforms;
use super::resolve::Resolver;
use super::secrets::{Variables, why_unreadable};
use super::section::Section;
use super::settings::Settings;
use super::yaml::{self, Node, STREAMED_KEY};
use super::{ApiConfig, Config, planned};

/// A configuration that may be used, and what is doubtful about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// One line for each thing an operator should look at, for the log.
    pub warnings: Vec<String>,
    /// Account files that cannot be used as they are, in name order. Their accounts are not in
    /// `config`, or are there as they were running before.
    pub broken: Vec<BrokenFile>,
}

impl From<Config> for Loaded {
    /// A configuration that was made, not read.
    fn from(config: Config) -> Self {
        Self { config, warnings: Vec::new(), broken: Vec::new() }
    }
}

/// An account file that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenFile {
    /// Its path as the configuration's pattern gave it.
    pub path: PathBuf,
    /// Entries in it that could be counted, at least 1.
    pub accounts: usize,
    /// What is wrong with it.
    pub faults: Faults,
}

/// Reads the file at `path` once, so that it may be a pipe, and lays `variables` over it: the
/// environment, as [`process_environment`] gives it. Paths in it are relative to the working
/// directory. Secret files and variables are read once, to see that they can be. `running` is the
/// configuration in force, if there is one: its accounts go before others of their name or app id,
/// and go on as they are when their file is broken.
pub fn load(path: &Path, variables: &[(String, String)], running: Option<&Config>) -> Result<Loaded, Faults> {
    let _ = running;
    let report = Report::new(path);
    let config = read(path, variables, &report);
    let (config, warnings) = report.finish(config)?;
    Ok(Loaded { config, warnings, broken: Vec::new() })
}

/// The variables of this process whose names and values are UTF-8, which all of ours are.
pub fn process_environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

fn read(path: &Path, variables: &[(String, String)], report: &Report) -> Option<Config> {
    let text = read_text(path).map_err(|(wrong, right)| report.fault(&Place::File, wrong, right)).ok()?;
    let secrets: Variables<'_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut accounts = Accounts::new(report, &secrets);
    let root = match yaml::read(&text, &mut |name, node| accounts.read(&name, node)) {
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
    drop(text);
    report.set_rank(0);
    let entries = match root {
        Node::Map(entries) => entries,
        Node::Empty => Vec::new(),
        Node::List(_) | Node::Scalar(_) => {
            report.fault(&Place::File, "not a map", "begin with keys such as `accounts:`");
            return None;
        }
    };
    let root = Node::Map(layered(entries, variables, report));
    let mut root = Section::open(String::new(), root, report)?;
    let entries = root.take(STREAMED_KEY);
    let settings = Settings::read(&mut root, &secrets, report);
    let mut resolver = Resolver::new(&settings, report);
    let platforms = Platforms::read(&mut root, &secrets, &mut resolver, report);
    check_accounts(entries.as_ref(), accounts.count(), &platforms, report);
    root.finish();
    let accounts = accounts.resolve(&mut resolver, &platforms);
    report.set_rank(0);
    let platforms = platforms.into_inner();
    let api = api_config(&settings, planned(&accounts, &platforms), report)?;
    Some(Config { api, info_labels: settings.info_labels, accounts, platforms, account_files: Vec::new() })
}

/// The whole file as text, or what is wrong with it.
fn read_text(path: &Path) -> Result<String, (&'static str, &'static str)> {
    const MOST_BYTES: u64 = 256 << 20;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| (why_unreadable(error.kind()), "name a YAML file that this user can read"))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_BYTES) {
        return Err(("a file of more than 256 MiB", "name a smaller YAML file"));
    }
    String::from_utf8(bytes).map_err(|_| ("a file that is not UTF-8 text", "save it as UTF-8"))
}

fn check_accounts(node: Option<&Node>, count: usize, platforms: &Platforms, report: &Report) {
    let place = Place::key("", STREAMED_KEY);
    match node {
        Some(Node::Map(_)) if count > 0 => {}
        None | Some(Node::Empty | Node::Map(_)) if platforms.discover() => {}
        None | Some(Node::Empty | Node::Map(_)) => {
            report.fault(&place, "none", "name at least one account, or let a platform discover them");
        }
        Some(Node::List(_)) => {
            report.fault(&place, "a list, not a map", "write each account's name as a key, without `-`");
        }
        Some(Node::Scalar(_)) => {
            report.fault(&place, "one value, not a map", "write each account's name as a key below it");
        }
    }
}

fn api_config(settings: &Settings, planned: f64, report: &Report) -> Option<ApiConfig> {
    const LEAST_RATE: u32 = 20;
    const LEAST_IN_FLIGHT: u32 = 16;
    /// Retries and uneven rounds need some room above the plan.
    const ROOM: f64 = 1.2;
    let api = &settings.api;
    let least = round_up(planned * ROOM);
    let requests_per_second = match api.requests_per_second {
        None => NonZeroU32::new(round_up(planned * 2.0).max(LEAST_RATE))?,
        Some(set) => {
            if set.get() < least {
                let wrong = format!("too few for the {planned:.1} requests a second that the accounts need");
                report.fault(&api.requests_place, wrong, format_args!("set at least {least}, or remove it"));
            }
            set
        }
    };
    let max_in_flight = api.max_in_flight.unwrap_or(requests_per_second.get().max(LEAST_IN_FLIGHT));
    Some(ApiConfig {
        timeout: api.timeout,
        connect_timeout: api.connect_timeout,
        requests_per_second,
        max_in_flight: usize::try_from(max_in_flight).unwrap_or(usize::MAX),
        ca_file: api.ca_file.clone(),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and `as` stops at the largest u32"
)]
fn round_up(rate: f64) -> u32 {
    rate.ceil() as u32
}

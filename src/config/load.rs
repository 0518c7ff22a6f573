//! From a file and the environment to a [`Config`], or to all that is wrong with them.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account_files::{Found, ReadFile};
use super::accounts::{Accounts, refuse_other_shapes};
use super::fault::{Faults, Place, Report, Warnings};
use super::keepers::{SettledFile, Settling};
use super::layers::layered;
use super::platforms::Platforms;
use super::resolve::Resolver;
use super::secrets::Variables;
use super::section::Section;
use super::settings::Settings;
use super::yaml::{Node, STREAMED_KEY};
use super::{ApiConfig, Config, file, planned};
use crate::shard::Shard;

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
/// and go on as they are when their file is broken. All accounts are read and checked; `shard` says
/// which of them are to be polled.
pub fn load(
    path: &Path,
    variables: &[(String, String)],
    shard: Shard,
    running: Option<&Config>,
) -> Result<Loaded, Faults> {
    let report = Report::new(path);
    let (config, files) = read(path, variables, shard, running, &report);
    let mut broken = Vec::new();
    let mut more_warnings = Warnings::default();
    for ReadFile { path, report, count, .. } in files {
        match report.finish(Some(())) {
            Ok(((), warnings)) => more_warnings.extend(warnings),
            Err(faults) => broken.push(BrokenFile { path, accounts: count.max(1), faults }),
        }
    }
    match report.finish(config) {
        Err(faults) => Err(faults.and(broken.into_iter().map(|file| file.faults))),
        Ok((config, mut warnings)) => {
            warnings.extend(more_warnings);
            Ok(Loaded { config, warnings: warnings.shortened(), broken })
        }
    }
}

/// The variables of this process whose names and values are UTF-8, which all of ours are.
pub fn process_environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// The configuration, where it is good enough to be one, and all account files.
fn read(
    path: &Path,
    variables: &[(String, String)],
    shard: Shard,
    running: Option<&Config>,
    report: &Report,
) -> (Option<Config>, Vec<ReadFile>) {
    let secrets: Variables<'_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut accounts = Accounts::new(report, &secrets);
    let root = file::read(path, &mut accounts, report).and_then(|entries| {
        Section::open(String::new(), Node::Map(layered(entries, variables, report)), report)
    });
    let Some(mut root) = root else { return (None, Vec::new()) };
    let entries = root.take(STREAMED_KEY);
    let mut found = Found::read(&mut root);
    let settings = Settings::read(&mut root, &secrets, report);
    let mut resolver = Resolver::new(&settings, shard);
    let platforms = Platforms::read(&mut root, &secrets, &mut resolver, report);
    root.finish();
    let count = accounts.count();
    let main_accounts = accounts.resolve(&mut resolver, &platforms);
    found.keep_hidden(running.map_or(&[], |running| &running.account_files));
    let files = found.read_all(&secrets, &mut resolver, &platforms);
    report.set_rank(0);
    resolver.finish(report);
    let info_labels = &settings.info_labels;
    let settling = Settling {
        main: report,
        main_accounts: &main_accounts,
        running,
        platforms: &platforms,
        info_labels,
        variables: &secrets,
    };
    let files = settling.settle(files);
    let in_files = files.iter().map(|settled| settled.file.count.max(usize::from(settled.is_broken())));
    let expected = count + in_files.sum::<usize>() + usize::from(platforms.discover());
    check_accounts(entries.as_ref(), expected, report);
    let account_files = files.iter().filter_map(SettledFile::listed).collect();
    let mut accounts = main_accounts;
    accounts.extend(files.iter().flat_map(SettledFile::accounts).map(Arc::clone));
    accounts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    accounts.shrink_to_fit();
    let platforms = platforms.into_inner();
    let api = api_config(&settings, planned(&accounts, shard, &platforms), report);
    let info_labels = settings.info_labels;
    let config = api.map(|api| Config { api, info_labels, accounts, platforms, shard, account_files });
    (config, files.into_iter().map(|settled| settled.file).collect())
}

/// Refuses a main file whose accounts are no map, and one by which no account is `expected`.
fn check_accounts(node: Option<&Node>, expected: usize, report: &Report) {
    match node {
        Some(node @ (Node::List(_) | Node::Scalar(_))) => refuse_other_shapes(node, report),
        None | Some(Node::Empty | Node::Map(_)) if expected == 0 => {
            let right =
                "name at least one account, here or in `account_files`, or let a platform discover them";
            report.fault(&Place::key("", STREAMED_KEY), "none", right);
        }
        None | Some(Node::Empty | Node::Map(_)) => {}
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

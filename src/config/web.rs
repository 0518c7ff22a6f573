//! The web configuration: the file of `--web.config.file`, in the format of Prometheus's
//! exporter-toolkit. Loaded whole, with the files that it names; it reads no clock and keeps nothing.

mod clients;
mod http;
mod identity;
mod pem;
mod protocol;
mod tls;
mod users;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::HeaderMap;
use xxhash_rust::xxh3::xxh3_64;

pub use self::tls::ServerTls;
pub use self::users::{PasswordHash, WebUser};
use super::fault::{Faults, Place, Report, join_name};
use super::file;
use super::secrets::{is_open_to_others, small_file, why_unreadable};
use super::section::{Section, Span};
use super::yaml::Node;
use crate::clock::WallTime;

/// Who may ask, how the connection is secured, and what is added to every answer.
#[derive(Clone, Debug)]
pub struct WebConfig {
    /// TLS, if it is asked for.
    pub tls: Option<ServerTls>,
    /// Headers of every answer.
    pub headers: HeaderMap,
    /// Who may ask, in name order; everybody if there is nobody.
    pub users: Vec<WebUser>,
    /// How often may be asked, if that is bounded.
    pub rate_limit: Option<RateLimit>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// One more request is let in after so long.
    pub interval: Duration,
    /// So many are let in at once after a rest.
    pub burst: u32,
}

/// A web configuration that may be used.
#[derive(Clone, Debug)]
pub struct LoadedWeb {
    /// The configuration.
    pub config: WebConfig,
    /// One line for each thing an operator should look at, for the log.
    pub warnings: Vec<String>,
    /// What it was made from.
    pub inputs: Inputs,
}

/// A web configuration that may not be used.
#[derive(Clone, Debug)]
pub struct BrokenWeb {
    /// All that is wrong with it.
    pub faults: Faults,
    /// What it was made from.
    pub inputs: Inputs,
}

/// The files that were read for a web configuration, and what was in each. Two are equal if the same was
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs(Vec<(PathBuf, Option<u64>)>);

impl Inputs {
    /// The same files as they are now. Blocks.
    #[must_use]
    pub fn look_again(&self) -> Self {
        let now = |(path, _): &(PathBuf, _)| (path.clone(), fingerprint(&read_file(path)));
        Self(self.0.iter().map(now).collect())
    }
}

/// Reads the file at `path` and those that it names, relative to its directory. Blocks. `now` decides
/// only which warnings there are.
pub fn load_web(path: &Path, now: WallTime) -> Result<LoadedWeb, BrokenWeb> {
    let report = Report::new(path);
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut files = Files { directory, main_is_open: false, seen: Vec::new() };
    let config = read(path, &mut files, now, &report);
    let inputs = Inputs(files.seen);
    match report.finish(config) {
        Ok((config, warnings)) => Ok(LoadedWeb { config, warnings: warnings.shortened(), inputs }),
        Err(faults) => Err(BrokenWeb { faults, inputs }),
    }
}

fn read(path: &Path, files: &mut Files<'_>, now: WallTime, report: &Report) -> Option<WebConfig> {
    let told = |wrong| report.fault(&Place::File, wrong, file::RIGHT);
    let FileRead { bytes, is_open_to_others } = files.read(path.to_owned()).map_err(told).ok()?;
    files.main_is_open = is_open_to_others;
    let text = String::from_utf8(bytes).map_err(|_| told(why_unreadable(std::io::ErrorKind::InvalidData)));
    let entries = file::entries(&text.ok()?, &mut |_, _| {}, "tls_server_config", report)?;
    let mut root = Section::open(String::new(), Node::Map(entries), report)?;
    let tls = below(&mut root, "tls_server_config").and_then(|section| tls::read(section, files, now));
    let headers = below(&mut root, "http_server_config").map(|section| http::read(section, tls.is_some()));
    let users = below(&mut root, "basic_auth_users").map(users::read).unwrap_or_default();
    let rate_limit = below(&mut root, "rate_limit").and_then(rate_limit);
    if !report.has_faults() && tls.is_none() {
        if users.is_empty() {
            let better = "set `tls_server_config` or `basic_auth_users`";
            report.warn(&Place::File, "everybody may read the pages, as without this file", better);
        } else {
            root.warn(
                "basic_auth_users",
                "passwords that cross the network in clear",
                "set `tls_server_config`",
            );
        }
    }
    root.finish();
    Some(WebConfig { tls, headers: headers.unwrap_or_default(), users, rate_limit })
}

/// The map under `key`, if anything is in it. The toolkit takes a key without a value for an empty map.
fn below<'r>(root: &mut Section<'r>, key: &'static str) -> Option<Section<'r>> {
    match root.take(key)? {
        Node::Empty => {
            root.warn(key, "empty, so it is as if it was not there", "write its keys below it, or remove it");
            None
        }
        Node::Map(entries) if entries.is_empty() => None,
        node => Section::open(join_name(root.path(), key), node, root.report()),
    }
}

fn rate_limit(mut section: Section<'_>) -> Option<RateLimit> {
    const INTERVAL: Span =
        Span { least: Duration::ZERO, most: Duration::from_secs(3600), text: "`0` to `1h`" };
    const MOST_BURST: u64 = 1_000_000;
    section.require("interval", "write the time between two requests, such as `1s`");
    let interval = section.duration("interval", INTERVAL);
    let is_off = interval.is_some_and(|interval| interval.is_zero());
    if !is_off {
        section.require("burst", "write how many requests may come at once, such as `20`");
    }
    let least = u64::from(!is_off);
    let burst = section.whole_from("burst", least..=MOST_BURST);
    section.finish();
    let burst = u32::try_from(burst?).ok()?;
    interval.filter(|interval| !interval.is_zero()).map(|interval| RateLimit { interval, burst })
}

/// Reads files and remembers what was in them.
#[derive(Debug)]
struct Files<'p> {
    /// Where relative paths begin.
    directory: &'p Path,
    /// Whether others may read the configuration itself.
    main_is_open: bool,
    seen: Vec<(PathBuf, Option<u64>)>,
}

/// What was in a file.
#[derive(Debug)]
struct FileRead {
    bytes: Vec<u8>,
    is_open_to_others: bool,
}

impl Files<'_> {
    /// The file at `path`, or what is wrong with it.
    fn read(&mut self, path: PathBuf) -> Result<FileRead, &'static str> {
        let read = read_file(&path);
        self.seen.push((path, fingerprint(&read)));
        read
    }

    /// The file at `path` as it stands in the configuration.
    fn read_named(&mut self, path: &str) -> Result<FileRead, &'static str> {
        self.read(self.directory.join(path))
    }
}

fn read_file(path: &Path) -> Result<FileRead, &'static str> {
    let metadata = small_file(path)?;
    let bytes = std::fs::read(path).map_err(|error| why_unreadable(error.kind()))?;
    Ok(FileRead { bytes, is_open_to_others: is_open_to_others(&metadata) })
}

fn fingerprint(read: &Result<FileRead, &'static str>) -> Option<u64> {
    read.as_ref().ok().map(|read| xxh3_64(&read.bytes))
}

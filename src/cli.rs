//! The command line: every flag once, with its environment variable.

pub mod describe;
mod parse;
pub mod shard_choice;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};

use self::shard_choice::ShardChoice;
use crate::listen::ListenAddress;
use crate::shard::{self, Shard};
use crate::simulator::scenario::Scenario;
use crate::telemetry::{LogFormat, LogLevel};
use crate::version;
use crate::web::external_url::ExternalUrl;
use crate::web::telemetry_path::TelemetryPath;

/// The port registered for nothing else that is common; `:PORT` means all addresses.
const DEFAULT_LISTEN: &str = ":19870";
/// The demo shows itself to this machine only.
pub const DEMO_LISTEN: &str = "127.0.0.1:19870";
/// As many as the exporter is made for.
const DEMO_MOST: i64 = 100_000;
/// They take some kilobytes each.
const SIMULATED_MOST: i64 = 1_000_000;
/// Any account is full within a second.
const FASTEST: f64 = 1e6;

const DEMO_NOTES: &str = "Listens on 127.0.0.1:19870 and logs errors alone, unless told otherwise.";

const DOCTOR_NOTES: &str = "\
Calls each API at most once for each account, and changes no state. Tokens that another program may \
hold are not fetched: such accounts are skipped. More than 20 accounts are announced with the number \
of calls before the first one, and only those in trouble are told in detail. Exits 1 when a step failed. \
Logs errors alone, unless told otherwise.";

const HEALTH_NOTES: &str = "\
For containers, whose image has no shell to ask from. Speaks HTTPS where the exporter does, and trusts any \
certificate. Exits 0 when the answer is 200, else 1. An exporter that wants a password needs \
--web.auth-exempt-health; one that wants a client certificate cannot be asked.";

/// Prometheus exporter for the permanent material counts of WeChat Official Accounts
#[derive(Debug, Parser)]
#[command(name = "wechat-material-exporter", version = version(), max_term_width = 100)]
pub struct Cli {
    /// What to do; serve when absent.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What holds for every command.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do other than serve.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the exporter against an embedded simulator; needs no file and no account
    #[command(after_help = DEMO_NOTES)]
    Demo(Demo),
    /// Run the simulator of the WeChat API alone
    Simulate(Simulate),
    /// Check configuration, network and accounts, and say what to do about each trouble
    #[command(after_help = DOCTOR_NOTES)]
    Doctor(Doctor),
    /// Ask the exporter that listens here on --web.listen-address whether it is healthy
    #[command(after_help = HEALTH_NOTES)]
    Health,
}

/// Flags that mean something to few sub-commands, and which these are.
const OF_FEW: [(&str, &[&str]); 12] = [
    ("config_file", &["doctor"]),
    ("config_check", &[]),
    ("once", &[]),
    ("state_file", &[]),
    ("shard", &[]),
    ("total_shards", &[]),
    ("listen", &["demo", "health"]),
    ("telemetry_path", &["demo"]),
    ("external_url", &["demo"]),
    ("web_config_file", &[]),
    ("auth_exempt_health", &[]),
    ("enable_lifecycle", &["demo"]),
];

impl Command {
    /// Whether the flag of this id means something to the sub-command of this name; all do without one.
    fn heeds(name: Option<&str>, flag: &str) -> bool {
        let row = OF_FEW.iter().find(|(of_few, _)| *of_few == flag);
        name.zip(row).is_none_or(|(name, (_, heeded_by))| heeded_by.contains(&name))
    }
}

/// What the demo shows.
#[derive(Debug, Args)]
pub struct Demo {
    /// Add N generated accounts to the demo's own, about one in ten of them in some kind of trouble
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=DEMO_MOST), env = "WECHAT_EXPORTER_ACCOUNTS")]
    pub accounts: u32,
    /// How many times faster than the clock the counts grow: 0 stands still, 1 is as in life
    #[arg(
        long,
        value_name = "X",
        default_value_t = Scenario::DEMO_SPEED,
        value_parser = speed,
        env = "WECHAT_EXPORTER_SPEED"
    )]
    pub speed: f64,
}

/// What the doctor looks at.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Accounts to check, by name; without any, all that the configuration lists
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
    /// Write one JSON document instead of lines for people
    #[arg(long, env = "WECHAT_EXPORTER_JSON")]
    pub json: bool,
}

/// What the simulator simulates.
#[derive(Debug, Args)]
pub struct Simulate {
    /// Address to serve the simulated API on: HOST:PORT with IPv6 in brackets, or :PORT
    // The id `listen` is that of a flag of the exporter.
    #[arg(id = "simulator_listen", long = "listen", value_name = "ADDR", env = "WECHAT_EXPORTER_LISTEN")]
    pub listen: ListenAddress,
    /// Simulate N accounts: account i (from 0) has app id `wx` and i as 16 hex digits, and the
    /// secret `simulated-secret-<i>`
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=SIMULATED_MOST),
        required_unless_present = "scenario",
        conflicts_with = "scenario",
        env = "WECHAT_EXPORTER_ACCOUNTS"
    )]
    pub accounts: Option<u32>,
    /// Simulate the accounts and faults of a scenario file, YAML
    #[arg(long, value_name = "FILE", env = "WECHAT_EXPORTER_SCENARIO")]
    pub scenario: Option<PathBuf>,
}

/// Flags that may stand before or after a sub-command.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are independent of each other")]
pub struct Flags {
    /// Configuration file, YAML; any readable path
    #[arg(
        long = "config.file",
        value_name = "PATH",
        default_value = "./wechat-material-exporter.yaml",
        global = true,
        env = "WECHAT_EXPORTER_CONFIG_FILE"
    )]
    pub config_file: PathBuf,
    /// Validate the configuration, print every fault or the plan of calls, and exit 0 or 1
    #[arg(long = "config.check", global = true, env = "WECHAT_EXPORTER_CONFIG_CHECK")]
    pub config_check: bool,
    /// Poll every account once, write the metrics page to stdout, and exit 0 if all succeeded, else
    /// 1. With --state.file it skips what is parked or not yet due
    #[arg(long = "once", global = true, conflicts_with = "config_check", env = "WECHAT_EXPORTER_ONCE")]
    pub once: bool,
    /// File that keeps values, deadlines and waits over a restart; never a secret or token. `{shard}`
    /// in it becomes the number of the shard
    #[arg(long = "state.file", value_name = "PATH", global = true, env = "WECHAT_EXPORTER_STATE_FILE")]
    pub state_file: Option<PathBuf>,
    /// Number of this process among --total-shards, from 0; `auto`: the number at the end of the host
    /// name
    #[arg(
        long = "shard",
        value_name = "I|auto",
        default_value = "0",
        global = true,
        env = "WECHAT_EXPORTER_SHARD"
    )]
    pub shard: ShardChoice,
    /// How many processes share this configuration, each polling its part of it
    #[arg(long = "total-shards", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(shard::MOST)), global = true, env = "WECHAT_EXPORTER_TOTAL_SHARDS")]
    pub total_shards: u32,
    /// Which part of the fleet these two name.
    #[arg(skip)]
    pub own_shard: Shard,
    /// Address to listen on: HOST:PORT with IPv6 in brackets, or :PORT for all addresses; repeatable
    #[arg(long = "web.listen-address", value_name = "ADDR", default_value = DEFAULT_LISTEN, value_delimiter = ',', global = true, env = "WECHAT_EXPORTER_WEB_LISTEN_ADDRESS")]
    pub listen: Vec<ListenAddress>,
    /// Path of the metrics page
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path, global = true, env = "WECHAT_EXPORTER_WEB_TELEMETRY_PATH")]
    pub telemetry_path: TelemetryPath,
    /// URL under which others reach the exporter, for the targets of /sd; without it what each request
    /// says
    #[arg(
        long = "web.external-url",
        value_name = "URL",
        global = true,
        env = "WECHAT_EXPORTER_WEB_EXTERNAL_URL"
    )]
    pub external_url: Option<ExternalUrl>,
    /// File with TLS, client certificates, users and headers, in the format of Prometheus's
    /// exporter-toolkit; read again when it or a file that it names changes
    #[arg(
        long = "web.config.file",
        value_name = "PATH",
        global = true,
        env = "WECHAT_EXPORTER_WEB_CONFIG_FILE"
    )]
    pub web_config_file: Option<PathBuf>,
    /// Serve /-/healthy and /-/ready without a password where --web.config.file names users
    #[arg(long = "web.auth-exempt-health", global = true, env = "WECHAT_EXPORTER_WEB_AUTH_EXEMPT_HEALTH")]
    pub auth_exempt_health: bool,
    /// Allow POST /-/reload and POST /-/poll
    #[arg(long = "web.enable-lifecycle", global = true, env = "WECHAT_EXPORTER_WEB_ENABLE_LIFECYCLE")]
    pub enable_lifecycle: bool,
    /// Least important events to write to stderr: error, warn, info, debug or trace
    #[arg(
        long = "log.level",
        value_name = "LEVEL",
        hide_possible_values = true,
        default_value = "info",
        global = true,
        env = "WECHAT_EXPORTER_LOG_LEVEL"
    )]
    pub log_level: LogLevel,
    /// How they are written: logfmt, or json with one object a line
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        hide_possible_values = true,
        default_value = "logfmt",
        global = true,
        env = "WECHAT_EXPORTER_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
}

/// The version, and the source revision where the build was told of one.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| match version::REVISION {
        "" => version::VERSION.to_owned(),
        revision => format!("{} (revision {revision})", version::VERSION),
    });
    &VERSION
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.0..=FASTEST).contains(speed));
    speed.ok_or_else(|| {
        format!("must be a number from 0 to {FASTEST}: 1 is as in life, 60 is an hour a minute")
    })
}

fn telemetry_path(text: &str) -> Result<TelemetryPath, String> {
    TelemetryPath::parse(text).ok_or_else(|| format!("must be {}", TelemetryPath::RULE))
}

#[cfg(test)]
mod tests;

//! The command line: every flag once, with its environment variable.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::listen::ListenAddress;
use crate::shard::{self, Shard};
use crate::telemetry::{LogFormat, LogLevel};
use crate::web::external_url::ExternalUrl;
use crate::web::telemetry_path::TelemetryPath;

/// The port registered for nothing else that is common; `:PORT` means all addresses.
const DEFAULT_LISTEN: &str = ":19870";
/// The demo shows itself to this machine only.
pub const DEMO_LISTEN: &str = "127.0.0.1:19870";

/// Prometheus exporter for the permanent material counts of WeChat Official Accounts.
///
/// Polls each configured account on a schedule and serves the last good counts, their limits and
/// ratios. A scrape never causes a call to the API.
#[derive(Debug, Parser)]
#[command(name = "wechat-material-exporter", version, max_term_width = 100)]
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
    Demo,
    /// Run the simulator of the WeChat API alone
    Simulate(Simulate),
    /// Check configuration, network and accounts step by step, and say what to do about each trouble
    ///
    /// Calls each API at most once for each account, and changes no state. Tokens that another
    /// program may hold are not fetched: such accounts are skipped. More than 20 accounts are
    /// announced with the number of calls before the first one, and only those in trouble are
    /// told in detail. Exits 1 when a step failed.
    Doctor(Doctor),
    /// Ask the exporter that listens here on --web.listen-address whether it is healthy
    ///
    /// For containers, whose image has no shell to ask from. Speaks HTTPS where the exporter does, and trusts
    /// any certificate. Exits 0 when the answer is 200, else 1. An exporter that wants a password needs
    /// --web.auth-exempt-health; one that wants a client certificate cannot be asked.
    Health,
}

impl Command {
    /// The flags that mean nothing to it.
    fn meaningless(&self) -> &'static [&'static str] {
        match self {
            Self::Demo | Self::Simulate(_) => {
                &["config_file", "config_check", "once", "state_file", "shard", "total_shards"]
            }
            Self::Health => &[
                "config_file",
                "config_check",
                "once",
                "state_file",
                "shard",
                "total_shards",
                "telemetry_path",
                "external_url",
                "enable_lifecycle",
            ],
            Self::Doctor(_) => &[
                "config_check",
                "once",
                "state_file",
                "shard",
                "total_shards",
                "listen",
                "telemetry_path",
                "external_url",
                "enable_lifecycle",
            ],
        }
    }
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
    #[arg(long, value_name = "ADDR", env = "WECHAT_EXPORTER_LISTEN")]
    pub listen: ListenAddress,
    /// Simulate N accounts: account i (from 0) has app id `wx` and i as 16 hex digits, and the
    /// secret `simulated-secret-<i>`
    #[arg(
        long,
        value_name = "N",
        required_unless_present = "scenario",
        conflicts_with = "scenario",
        env = "WECHAT_EXPORTER_ACCOUNTS"
    )]
    pub accounts: Option<u32>,
    /// Simulate the accounts and faults of a scenario file
    #[arg(long, value_name = "FILE", env = "WECHAT_EXPORTER_SCENARIO")]
    pub scenario: Option<PathBuf>,
}

/// Flags that may stand before or after a sub-command.
#[derive(Debug, Args)]
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
    /// Validate the configuration, print every fault and the planned rate, and exit 0 or 1
    #[arg(long = "config.check", global = true, env = "WECHAT_EXPORTER_CONFIG_CHECK")]
    pub config_check: bool,
    /// Poll every account once, write the metrics page to stdout and exit 0 if all succeeded, else 1;
    /// listens nowhere. With --state.file it skips what is parked or not yet due
    #[arg(long = "once", global = true, conflicts_with = "config_check", env = "WECHAT_EXPORTER_ONCE")]
    pub once: bool,
    /// File that keeps values, deadlines and parks over a restart; never a secret or token
    #[arg(long = "state.file", value_name = "PATH", global = true, env = "WECHAT_EXPORTER_STATE_FILE")]
    pub state_file: Option<PathBuf>,
    /// Number of this shard from 0, or `auto`: the number at the end of the host name
    #[arg(
        long = "shard",
        value_name = "I|auto",
        default_value = "0",
        global = true,
        env = "WECHAT_EXPORTER_SHARD"
    )]
    pub shard: ShardChoice,
    /// How many processes share this configuration, each polling its part of the accounts
    #[arg(long = "total-shards", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(shard::MOST)), global = true, env = "WECHAT_EXPORTER_TOTAL_SHARDS")]
    pub total_shards: u32,
    /// Which part of the fleet these two name.
    #[arg(skip)]
    pub own_shard: Shard,
    /// Address to listen on, repeatable: HOST:PORT with IPv6 in brackets, or :PORT for all addresses
    #[arg(long = "web.listen-address", value_name = "ADDR", default_value = DEFAULT_LISTEN, value_delimiter = ',', global = true, env = "WECHAT_EXPORTER_WEB_LISTEN_ADDRESS")]
    pub listen: Vec<ListenAddress>,
    /// Path of the metrics page
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path, global = true, env = "WECHAT_EXPORTER_WEB_TELEMETRY_PATH")]
    pub telemetry_path: TelemetryPath,
    /// URL under which others reach the exporter, for the targets of /sd; without it, what each request
    /// says
    #[arg(
        long = "web.external-url",
        value_name = "URL",
        global = true,
        env = "WECHAT_EXPORTER_WEB_EXTERNAL_URL"
    )]
    pub external_url: Option<ExternalUrl>,
    /// Allow POST /-/reload and POST /-/poll
    #[arg(long = "web.enable-lifecycle", global = true, env = "WECHAT_EXPORTER_WEB_ENABLE_LIFECYCLE")]
    pub enable_lifecycle: bool,
    /// Least important log events to write to stderr; libraries are held at warn
    #[arg(
        long = "log.level",
        value_name = "LEVEL",
        default_value = "info",
        global = true,
        env = "WECHAT_EXPORTER_LOG_LEVEL"
    )]
    pub log_level: LogLevel,
    /// How log events are written
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        default_value = "logfmt",
        global = true,
        env = "WECHAT_EXPORTER_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
}

/// Which shard a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// This one.
    Number(u32),
    /// The one that the host name ends with, as that of a Kubernetes `StatefulSet` does.
    Auto,
}

impl FromStr for ShardChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Number).map_err(|_| "must be a whole number or `auto`"),
        }
    }
}

impl ShardChoice {
    /// The shard of `total` that is chosen on the host of this name, or what is wrong.
    fn of(self, total: u32, host: &str) -> Result<Shard, String> {
        let ordinal = match self {
            Self::Number(ordinal) => ordinal,
            Self::Auto => {
                let before = host.trim_end_matches(|c: char| c.is_ascii_digit());
                let digits = host.strip_prefix(before).unwrap_or_default();
                digits.parse().map_err(|_| {
                    format!(
                        "--shard auto: the host name `{host}` does not end with a number: give the number"
                    )
                })?
            }
        };
        let shard = NonZeroU32::new(total).and_then(|total| Shard::new(ordinal, total));
        shard.ok_or_else(|| {
            format!(
                "--shard {ordinal}: there are --total-shards {total}, numbered from 0 to {}",
                total.saturating_sub(1)
            )
        })
    }
}

/// The name of this machine, or of the container.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

impl Cli {
    /// Parses the process's arguments and environment. A usage error exits 2, `--help` and
    /// `--version` exit 0, as clap does.
    pub fn from_process() -> Self {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self::parse_all(std::env::args_os(), names).unwrap_or_else(|error| error.exit())
    }

    fn parse_all<A>(args: A, variables: impl Iterator<Item = String>) -> Result<Self, clap::Error>
    where
        A: IntoIterator,
        A::Item: Into<std::ffi::OsString> + Clone,
    {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(args)?;
        for name in variables {
            if is_unknown_variable(&command, &name) {
                let message = format!(
                    "environment variable `{name}` is not one of this version: see --help, or WECHAT_EXPORTER__SECTION__KEY for configuration keys\n"
                );
                return Err(command.error(ErrorKind::UnknownArgument, message));
            }
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        let Flags { shard, total_shards, .. } = cli.flags;
        cli.flags.own_shard = shard
            .of(total_shards, &host_name())
            .map_err(|wrong| command.error(ErrorKind::ValueValidation, format!("{wrong}\n")))?;
        let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let meaningless = cli.command.as_ref().map(Command::meaningless).unwrap_or_default();
        if let Some(id) = meaningless.iter().find(|id| given(id)) {
            let flag = command.get_arguments().find(|arg| arg.get_id() == id).and_then(|arg| arg.get_long());
            let message = format!("--{} has no meaning for this sub-command\n", flag.unwrap_or(id));
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        let chosen =
            |id: &str| matches.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue);
        if matches!(cli.command, Some(Command::Demo)) && !chosen("listen") {
            cli.flags.listen = DEMO_LISTEN.parse().into_iter().collect();
        }
        // These print each account themselves; its troubles are no news.
        if matches!(cli.command, Some(Command::Demo | Command::Doctor(_))) && !chosen("log_level") {
            cli.flags.log_level = LogLevel::Error;
        }
        Ok(cli)
    }
}

fn telemetry_path(text: &str) -> Result<TelemetryPath, String> {
    TelemetryPath::parse(text).ok_or_else(|| format!("must be {}", TelemetryPath::RULE))
}

/// Whether a variable looks like a flag of ours and is none. Kubernetes sets variables for each
/// service in the same namespace, and a service may well be called `wechat-exporter`.
fn is_unknown_variable(command: &clap::Command, name: &str) -> bool {
    let Some(rest) = name.strip_prefix("WECHAT_EXPORTER_") else { return false };
    let by_kubernetes = rest == "PORT"
        || rest.starts_with("PORT_")
        || rest.contains("_PORT_")
        || rest.ends_with("_PORT")
        || rest.contains("SERVICE_HOST")
        || rest.contains("SERVICE_PORT");
    let known = |command: &clap::Command| {
        command.get_arguments().any(|arg| arg.get_env().is_some_and(|env| env == name))
    };
    !rest.starts_with('_') && !by_kubernetes && !known(command) && !command.get_subcommands().any(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, variables: &[&str]) -> Result<Cli, String> {
        let args = std::iter::once("x").chain(line.split_whitespace()).map(str::to_owned);
        Cli::parse_all(args, variables.iter().map(|name| (*name).to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_variable() {
        for arg in
            Cli::command().get_arguments().filter(|arg| arg.get_id() != "help" && arg.get_id() != "version")
        {
            let long = arg.get_long().unwrap().to_uppercase().replace(['.', '-'], "_");
            assert_eq!(arg.get_env().unwrap().to_str().unwrap(), format!("WECHAT_EXPORTER_{long}"));
        }
    }

    #[test]
    fn flags_may_stand_before_or_after_a_sub_command() {
        let before = parse("--web.listen-address :1 --web.listen-address [::1]:2 demo", &[]).unwrap();
        let after = parse("demo --web.listen-address :1 --web.listen-address [::1]:2", &[]).unwrap();
        assert_eq!(before.flags.listen.len(), 2);
        assert_eq!(before.flags.listen, after.flags.listen);
        assert_eq!(parse("demo", &[]).unwrap().flags.listen, [DEMO_LISTEN.parse().unwrap()]);
        assert_eq!(parse("", &[]).unwrap().flags.listen, [DEFAULT_LISTEN.parse().unwrap()]);
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for bad in [
            "--once --config.check",
            "--shard x",
            "--shard -1",
            "--total-shards 0",
            "--total-shards 2 --shard 2",
            "--web.config.file x",
            "--config.fil x",
            "x",
        ] {
            assert!(parse(bad, &[]).is_err(), "{bad}");
        }
        for bad in [
            "simulate --listen :1",
            "simulate --listen :1 --accounts 2 --scenario x",
            "simulate --accounts 2",
        ] {
            assert!(parse(bad, &[]).is_err(), "{bad}");
        }
        for bad in [
            "--web.telemetry-path metrics",
            "--web.telemetry-path /-/x",
            "--web.telemetry-path /a?b",
            "--web.listen-address x",
        ] {
            assert!(parse(bad, &[]).is_err(), "{bad}");
        }
        assert!(parse("demo --config.file x", &[]).unwrap_err().contains("--config.file"));
        assert!(parse("demo --once", &[]).unwrap_err().contains("--once"));
        assert!(parse("", &["WECHAT_EXPORTER_SHARDS"]).unwrap_err().contains("WECHAT_EXPORTER_SHARDS"));
        assert!(parse("doctor --config.file x --json a b", &[]).is_ok());
        for bad in ["--config.check", "--once", "--web.listen-address :1", "--web.telemetry-path /x"] {
            let error = parse(&format!("doctor {bad}"), &[]).unwrap_err();
            assert!(error.contains(bad.split(' ').next().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_shard_is_a_number_below_the_total_or_the_end_of_the_host_name() {
        let shard = parse("--shard 2 --total-shards 3", &[]).unwrap().flags.own_shard;
        assert_eq!((shard.ordinal(), shard.total()), (2, 3));
        assert!(parse("", &[]).unwrap().flags.own_shard.is_whole());
        let auto = |host| ShardChoice::Auto.of(12, host).map(Shard::ordinal);
        assert_eq!(auto("exporter-0"), Ok(0));
        assert_eq!(auto("exporter-11"), Ok(11));
        assert!(auto("exporter-12").unwrap_err().contains("numbered from 0 to 11"));
        for host in ["exporter", "", "exporter-99999999999"] {
            assert!(auto(host).unwrap_err().contains("give the number"), "{host}");
        }
    }

    #[test]
    fn variables_of_kubernetes_and_of_the_configuration_are_left_alone() {
        let foreign = [
            "WECHAT_EXPORTER_PORT",
            "WECHAT_EXPORTER_PORT_19870_TCP_ADDR",
            "WECHAT_EXPORTER_SERVICE_HOST",
            "WECHAT_EXPORTER_SERVICE_PORT_HTTP",
            "WECHAT_EXPORTER_EU_SERVICE_HOST",
            "WECHAT_EXPORTER_EU_PORT_1_TCP",
            "WECHAT_EXPORTER__POLL__INTERVAL",
            "WECHAT_EXPORTER_LOG_LEVEL",
            "PATH",
        ];
        assert!(parse("", &foreign).is_ok());
    }
}

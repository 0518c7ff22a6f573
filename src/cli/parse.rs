//! From arguments and environment to a command line that means something.

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;

use super::{Cli, Command, DEMO_LISTEN, Flags, describe};
use crate::cli::shard_choice::host_name;
use crate::telemetry::LogLevel;

impl Cli {
    /// Parses the process's arguments and environment. A usage error exits 2, `--help` and
    /// `--version` exit 0, as clap does.
    pub fn from_process() -> Self {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self::parse_all(std::env::args_os(), names).unwrap_or_else(|error| error.exit())
    }

    pub(super) fn parse_all<A>(args: A, variables: impl Iterator<Item = String>) -> Result<Self, clap::Error>
    where
        A: IntoIterator,
        A::Item: Into<std::ffi::OsString> + Clone,
    {
        let mut command = describe::for_parser();
        let matches = command.try_get_matches_from_mut(args)?;
        for name in variables {
            if is_unknown_variable(&command, &name) {
                let message = format!(
                    "environment variable `{name}` is not one of this version: see --help, or WECHAT_EXPORTER__SECTION__KEY for configuration keys"
                );
                return Err(command.error(ErrorKind::UnknownArgument, message));
            }
        }
        let mut cli = Self::from_arg_matches(&matches)?;
        let Flags { shard, total_shards, .. } = cli.flags;
        cli.flags.own_shard = shard
            .of(total_shards, &host_name())
            .map_err(|wrong| command.error(ErrorKind::ValueValidation, wrong))?;
        let given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let is_ignored = |id: &str| given(id) && !Command::heeds(matches.subcommand_name(), id);
        let ignored = command.get_arguments().find(|flag| is_ignored(flag.get_id().as_str()));
        if let Some(flag) = ignored.map(|flag| flag.get_long().unwrap_or(flag.get_id().as_str()).to_owned()) {
            let message = format!("--{flag} has no meaning for this sub-command");
            return Err(command.error(ErrorKind::ArgumentConflict, message));
        }
        let chosen =
            |id: &str| matches.value_source(id).is_some_and(|source| source != ValueSource::DefaultValue);
        if matches!(cli.command, Some(Command::Demo(_))) && !chosen("listen") {
            cli.flags.listen = DEMO_LISTEN.parse().into_iter().collect();
        }
        // These print each account themselves; its troubles are no news.
        if matches!(cli.command, Some(Command::Demo(_) | Command::Doctor(_))) && !chosen("log_level") {
            cli.flags.log_level = LogLevel::Error;
        }
        Ok(cli)
    }
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

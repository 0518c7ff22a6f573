//! The command line as it is told to readers: in `--help`, in the manual and to shells. All of it comes
//! from the flags themselves.

use clap::{Arg, Command, CommandFactory};

use super::{Cli, Command as SubCommand};

const NOTES: &str = "\
Environment:
  Each flag has a variable: WECHAT_EXPORTER_ and its name in capitals, with _
  for other signs. --log.level is WECHAT_EXPORTER_LOG_LEVEL. Keys of the
  configuration have theirs too, as in WECHAT_EXPORTER__POLL__INTERVAL=15m.

Signals:
  SIGHUP reads the configuration anew. SIGTERM and SIGINT end the exporter in
  order.

Exit codes:
  0  fine, or ended by SIGTERM or SIGINT
  1  failure of the configuration or at run time
  2  wrong usage";

/// For the parser, which also writes `--help`. Variables are told once, not with each flag; flags that
/// mean nothing to a sub-command are known to it, so that they can be refused, and not shown.
pub fn for_parser() -> Command {
    let command = grouped();
    let flags: Vec<Arg> = command.get_arguments().cloned().collect();
    command
        .after_help(NOTES)
        .mut_subcommands(|sub| {
            let hidden = flags.iter().filter(|flag| !has_meaning(flag, sub.get_name())).cloned();
            let hidden: Vec<_> = hidden.map(|flag| flag.hide(true)).collect();
            sub.args(hidden).mut_args(|arg| arg.hide_env(true))
        })
        .mut_args(|arg| arg.hide_env(true))
}

/// For manual pages and completions: each sub-command has the flags that mean something to it.
pub fn for_documents() -> Command {
    let command = grouped().mut_args(|flag| flag.global(false));
    let flags: Vec<Arg> = command.get_arguments().cloned().collect();
    command.mut_subcommands(|sub| {
        let own = flags.iter().filter(|flag| has_meaning(flag, sub.get_name())).cloned();
        let own: Vec<_> = own.collect();
        sub.args(own)
    })
}

fn grouped() -> Command {
    Cli::command().mut_args(|flag| {
        let heading = flag.get_long().map(heading);
        flag.help_heading(heading)
    })
}

/// Flags with the same word before the dot belong together.
fn heading(flag: &str) -> &'static str {
    match flag.split('.').next() {
        Some("web") => "Web",
        Some("log") => "Logging",
        Some("state" | "shard" | "total-shards") => "State and shards",
        _ => "Configuration",
    }
}

fn has_meaning(flag: &Arg, sub_command: &str) -> bool {
    SubCommand::heeds(Some(sub_command), flag.get_id().as_str())
}

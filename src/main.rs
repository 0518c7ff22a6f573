//! The binary: parses the command line, runs the command, maps the end to an exit code.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use wechat_material_exporter::cli::Cli;
use wechat_material_exporter::command;

fn main() -> ExitCode {
    let cli = Cli::from_process();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            command::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(command::run(cli));
    // What still runs was given its time, or was cut off on purpose.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

//! What each command does, from its flags to its end.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::budget::table::Table;
use crate::cli::{Cli, Command, Flags, Simulate};
use crate::config::{Loaded, load, process_environment};
use crate::shutdown::Signals;
use crate::simulator::scenario::Scenario;
use crate::simulator::{self, Simulator};
use crate::{demo, telemetry};

/// Runs the chosen command to its end. An error is a failure of configuration or at run time.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::init(cli.flags.log_level, cli.flags.log_format).context("cannot set up the log")?;
    match cli.command {
        Some(Command::Demo) => demo::run(&cli.flags).await?,
        Some(Command::Simulate(simulate)) => run_simulator(&simulate).await?,
        None if cli.flags.config_check => check(&cli.flags)?,
        None => serve(&cli.flags).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes an error to stderr, one line for each fault.
pub fn complain(error: &anyhow::Error) {
    // Nobody is left to tell when stderr is closed.
    drop(writeln!(std::io::stderr(), "{error:#}"));
}

async fn serve(flags: &Flags) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let Loaded { config, warnings, broken: _ } = load(&flags.config_file, &process_environment(), None)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let app = App::bind(config, &flags.listen, flags.telemetry_path.clone()).await?;
    let stop = CancellationToken::new();
    signals.run(stop.clone(), app.run(stop)).await
}

fn check(flags: &Flags) -> anyhow::Result<()> {
    let Loaded { config, warnings, broken } = load(&flags.config_file, &process_environment(), None)?;
    if !broken.is_empty() {
        let faults: Vec<_> = broken.iter().map(|file| file.faults.to_string()).collect();
        anyhow::bail!(faults.join("\n"));
    }
    let mut out = std::io::stdout().lock();
    for warning in warnings {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(
        out,
        "{}: valid, {} accounts, {} account files, {} platforms; planned {:.2} requests a second, at most {}",
        flags.config_file.display(),
        config.accounts.len(),
        config.account_files.len(),
        config.platforms.len(),
        config.planned_requests_per_second(),
        config.api.requests_per_second,
    )?;
    write!(out, "{}", Table(&config))?;
    Ok(())
}

async fn run_simulator(simulate: &Simulate) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let scenario = match (&simulate.scenario, simulate.accounts) {
        (Some(path), _) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the scenario `{name}`"))?;
            Scenario::from_yaml(&text, &name)?
        }
        (None, accounts) => Scenario::generated(accounts.unwrap_or_default()),
    };
    let listener = simulate.listen.bind().await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "simulating {} accounts at http://{address}", scenario.accounts.len())?;
    let stop = CancellationToken::new();
    let work = simulator::run(listener, Simulator::new(scenario), stop.clone());
    signals
        .run(stop, async {
            work.await;
            Ok(())
        })
        .await
}

//! What each command does, from its flags to its end.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use crate::app::{App, Round, Settings};
use crate::budget::table::Table;
use crate::cli::{Cli, Command, Flags, Simulate};
use crate::clock::Clock;
use crate::config::web::load_web;
use crate::config::{Faults, Loaded, load, process_environment};
use crate::counted::counted;
use crate::reload::Source;
use crate::shutdown::{Hangups, Signals};
use crate::simulator::scenario::Scenario;
use crate::simulator::{self, Simulator};
use crate::stdout::{Stdout, reader_left};
use crate::systemd::Systemd;
use crate::telemetry::Reader;
use crate::web::guard::watch::WebSource;
use crate::{demo, doctor, health, telemetry};

/// Runs the chosen command to its end. An error is a failure of configuration or at run time.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    telemetry::init(cli.flags.log_level, cli.flags.log_format).context("cannot set up the log")?;
    match cli.command {
        Some(Command::Demo(asked)) => demo::run(&asked, &cli.flags).await?,
        Some(Command::Simulate(simulate)) => run_simulator(&simulate).await?,
        Some(Command::Doctor(asked)) => return doctor::run(&asked, &cli.flags).await,
        Some(Command::Health) => {
            health::check(&cli.flags.listen).await?;
            writeln!(Stdout, "healthy")?;
        }
        None if cli.flags.config_check => check(&cli.flags)?,
        None if cli.flags.once => {
            return Ok(if once(&cli.flags).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        None => serve(&cli.flags).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes an error to stderr, one line for each fault; nothing where only the reader of the output left.
pub fn complain(error: &anyhow::Error) {
    if reader_left(error) {
        return;
    }
    let prefix = Reader::of_stderr().prefix(Level::ERROR);
    for line in format!("{error:#}").lines() {
        // Nobody is left to tell when stderr is closed.
        drop(writeln!(std::io::stderr(), "{prefix}{line}"));
    }
}

async fn serve(flags: &Flags) -> anyhow::Result<()> {
    let (signals, mut hangups) = (Signals::listen()?, Hangups::listen()?);
    let stop = CancellationToken::new();
    let work = async {
        let source = source(flags);
        let Some(loaded) = stop.run_until_cancelled(source.load(None)).await else { return Ok(()) };
        let (loaded, web_config) = both(loaded?, web_config(flags))?;
        let settings = Settings {
            listen: flags.listen.clone(),
            telemetry_path: flags.telemetry_path.clone(),
            external_url: flags.external_url.clone(),
            enable_lifecycle: flags.enable_lifecycle,
            web_config,
            auth_exempt_health: flags.auth_exempt_health,
            state_file: state_file(flags),
            systemd: Systemd::from_environment(),
        };
        let app = App::bind(loaded, Some(source), settings).await?;
        let reloads = app.reloads();
        let reload = async {
            loop {
                hangups.next().await;
                // How it ended is in the log.
                drop(reloads.reload().await);
            }
        };
        tokio::select! {
            ended = app.run(stop.clone()) => ended,
            () = reload => Ok(()),
        }
    };
    signals.run(stop.clone(), work).await
}

/// Polls once and prints the page; whether all went well.
async fn once(flags: &Flags) -> anyhow::Result<bool> {
    let signals = Signals::listen()?;
    let stop = CancellationToken::new();
    let mut round = None;
    let work = async {
        let source = source(flags);
        let Some(loaded) = stop.run_until_cancelled(source.load(None)).await else { return Ok(()) };
        let loaded = loaded??;
        let is_whole = loaded.broken.is_empty();
        let settings = Settings { state_file: state_file(flags), ..Settings::default() };
        let ended = App::bind(loaded, None, settings).await?.run_once(stop.clone()).await?;
        round = Some((ended, is_whole));
        Ok(())
    };
    signals.run(stop.clone(), work).await?;
    let Some((Round { page, accounts, failed, failed_platforms }, is_whole)) = round else {
        return Ok(false);
    };
    Stdout.write_all(&page)?;
    if failed > 0 || failed_platforms > 0 {
        tracing::error!(accounts, failed, failed_platforms, "not all accounts could be polled");
    }
    Ok(is_whole && failed == 0 && failed_platforms == 0)
}

/// What `--web.config.file` names, if anything.
fn web_config(flags: &Flags) -> Result<Option<WebSource>, Faults> {
    let Some(path) = flags.web_config_file.clone() else { return Ok(None) };
    match load_web(&path, Clock::System.now()) {
        Ok(loaded) => Ok(Some(WebSource { path, loaded })),
        Err(broken) => Err(broken.faults),
    }
}

/// Both of two configurations, or the faults of both.
fn both<A, B>(one: Result<A, Faults>, other: Result<B, Faults>) -> Result<(A, B), Faults> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(faults), Ok(_)) | (Ok(_), Err(faults)) => Err(faults),
        (Err(faults), Err(more)) => Err(faults.and([more])),
    }
}

/// Each shard has a file of its own.
fn state_file(flags: &Flags) -> Option<PathBuf> {
    let path = flags.state_file.as_ref()?;
    // A path that is not UTF-8 holds no placeholder that anybody could have written on purpose.
    let Some(text) = path.to_str() else { return Some(path.clone()) };
    Some(text.replace("{shard}", &flags.own_shard.ordinal().to_string()).into())
}

fn source(flags: &Flags) -> Source {
    Source { path: flags.config_file.clone(), variables: process_environment(), shard: flags.own_shard }
}

fn check(flags: &Flags) -> anyhow::Result<()> {
    let loaded = load(&flags.config_file, &process_environment(), flags.own_shard, None);
    let (Loaded { config, warnings, broken }, web) = both(loaded, web_config(flags))?;
    if !broken.is_empty() {
        let faults: Vec<_> = broken.iter().map(|file| file.faults.to_string()).collect();
        anyhow::bail!(faults.join("\n"));
    }
    let mut out = Stdout;
    for warning in warnings {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(
        out,
        "{}: valid, {}, {}, {}; planned {:.2} requests a second, at most {}",
        flags.config_file.display(),
        counted(config.accounts.len(), "account"),
        counted(config.account_files.len(), "account file"),
        counted(config.platforms.len(), "platform"),
        config.planned_requests_per_second(),
        config.api.requests_per_second,
    )?;
    if let Some(WebSource { path, loaded }) = web {
        for warning in loaded.warnings {
            writeln!(out, "warning: {warning}")?;
        }
        let tls = loaded.config.tls.map_or_else(
            || "no TLS".to_owned(),
            |tls| format!("TLS with a certificate that ends at {}", tls.end_date()),
        );
        let users = counted(loaded.config.users.len(), "user");
        writeln!(out, "{}: valid, {tls}, {users}", path.display())?;
    }
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
    let (address, accounts) = (listener.local_addr()?, counted(scenario.accounts.len(), "account"));
    writeln!(Stdout, "simulating {accounts} at http://{address}")?;
    let stop = CancellationToken::new();
    let work = simulator::run(listener, Simulator::new(scenario), stop.clone());
    signals
        .run(stop, async {
            work.await;
            Ok(())
        })
        .await
}

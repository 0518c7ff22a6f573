//! The demo: the real exporter against the simulator over real HTTP, on this machine alone.

mod fleet;
mod pace;
mod report;

use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Settings};
use crate::cli::{Demo, Flags};
use crate::demo::fleet::KeptFiles;
use crate::demo::pace::Pace;
use crate::demo::report::{Report, tell_addresses};
use crate::shutdown::Signals;
use crate::simulator::scenario::Scenario;
use crate::simulator::{self, Simulator};

/// How often the files that other programs would keep are written anew: well within a token's life.
const REWRITE: Duration = Duration::from_secs(60);

/// Runs until a signal.
pub async fn run(demo: &Demo, flags: &Flags) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let scenario = Scenario { speed: demo.speed, ..Scenario::demo().with_mixed(demo.accounts) };
    let pace = Pace::of(scenario.accounts.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
    let api = listener.local_addr()?;
    let simulator = Simulator::new(scenario.clone());
    let files = KeptFiles::new()?;
    files.write(&scenario, &simulator)?;
    let config = fleet::config(&scenario, api, pace, &files)?;
    let listed = config.accounts.len();
    let settings = Settings {
        listen: flags.listen.clone(),
        telemetry_path: flags.telemetry_path.clone(),
        external_url: flags.external_url.clone(),
        enable_lifecycle: flags.enable_lifecycle,
        ..Settings::default()
    };
    let app = App::bind(config.into(), None, settings).await?;
    tell_addresses(&app.addresses(), flags.telemetry_path.as_str(), api)?;
    let stop = CancellationToken::new();
    let mut beside = JoinSet::new();
    beside.spawn(simulator::run(listener, simulator.clone(), stop.clone()));
    let store = app.store();
    let work = async {
        let report = Report::new(demo.accounts);
        let first_round = report.first_round(&store, listed, pace);
        let keep_files = keep(&files, &scenario, &simulator);
        let running = app.run(stop.clone());
        tokio::pin!(running);
        tokio::select! {
            told = first_round => told?,
            ended = &mut running => return ended,
        }
        tokio::select! {
            failed = keep_files => failed?,
            ended = &mut running => ended?,
        }
        while beside.join_next().await.is_some() {}
        Ok(())
    };
    signals.run(stop.clone(), work).await
}

/// Plays the programs that keep tokens and tickets in files. Ends only by an error.
async fn keep(files: &KeptFiles, scenario: &Scenario, simulator: &Simulator) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(REWRITE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        files.write(scenario, simulator)?;
    }
}

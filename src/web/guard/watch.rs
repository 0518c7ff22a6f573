//! Takes a changed web configuration into force while the exporter runs. What is broken, or would
//! open what is closed, changes nothing and is told once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, WallTime};
use crate::config::web::{BrokenWeb, Inputs, LoadedWeb, WebConfig, load_web};
use crate::metrics::own::ExporterMetrics;
use crate::web::guard::Guard;

/// How often the files are looked at. A change counts when two looks in a row have seen the same, so
/// that a file is not taken half written.
const LOOK: Duration = Duration::from_millis(500);
/// Requests for a reload that wait for the one in progress.
const WAITING: usize = 16;

/// Where a web configuration is, and what was read there at the start.
#[derive(Clone, Debug)]
pub struct WebSource {
    /// The file.
    pub path: PathBuf,
    /// What was in it.
    pub loaded: LoadedWeb,
}

/// Asks for another look; clones share it.
#[derive(Clone, Debug)]
pub struct WebReloads(mpsc::Sender<oneshot::Sender<Vec<String>>>);

impl WebReloads {
    /// Reads the web configuration anew. What is wrong with it; if nothing is, it is in force.
    pub async fn reload(&self) -> Vec<String> {
        let (answer, told) = oneshot::channel();
        // Whoever is asked is gone when the exporter stops, and then it does not matter.
        self.0.send(answer).await.unwrap_or_default();
        told.await.unwrap_or_default()
    }
}

/// Looks after the web configuration of a running exporter.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    guard: Arc<Guard>,
    metrics: Arc<ExporterMetrics>,
    clock: Clock,
    requests: mpsc::Receiver<oneshot::Sender<Vec<String>>>,
    in_force: Facts,
    /// What is in force was made from these.
    applied: Inputs,
    /// These were looked into last, whatever came of it.
    judged: Inputs,
    /// Another state of the files, seen once.
    seen: Option<Inputs>,
    is_end_told: bool,
}

/// What a change must not take away, and what is told.
#[derive(Clone, Copy, Debug)]
struct Facts {
    ends: Option<WallTime>,
    users: usize,
}

impl Facts {
    fn of(config: &WebConfig) -> Self {
        Self { ends: config.tls.as_ref().map(|tls| tls.ends), users: config.users.len() }
    }
}

/// A guard of the configuration that `source` holds, what looks after it, and how to ask for a look.
pub fn start(
    source: WebSource,
    exempts_health: bool,
    metrics: Arc<ExporterMetrics>,
    clock: Clock,
) -> anyhow::Result<(Arc<Guard>, Watch, WebReloads)> {
    let WebSource { path, loaded: LoadedWeb { config, warnings, inputs } } = source;
    for warning in &warnings {
        tracing::warn!(%warning, "configuration warning");
    }
    let in_force = Facts::of(&config);
    if let Some(ends) = in_force.ends {
        metrics.serve_tls().context("cannot set up the metric of the certificate")?;
        metrics.certificate_ends(ends);
    }
    tell(&path, &config);
    let guard = Guard::new(config, exempts_health).context("cannot make a random key")?;
    let guard = Arc::new(guard);
    let (sender, requests) = mpsc::channel(WAITING);
    let (applied, judged) = (inputs.clone(), inputs);
    let watch = Watch {
        path,
        guard: Arc::clone(&guard),
        metrics,
        clock,
        requests,
        in_force,
        applied,
        judged,
        seen: None,
        // A warning has told it.
        is_end_told: in_force.ends.is_some_and(|ends| ends < clock.now()),
    };
    Ok((guard, watch, WebReloads(sender)))
}

impl Watch {
    /// Looks at the files until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => drop(self.look().await),
                Some(answer) = self.requests.recv() => {
                    let faults = self.reload().await;
                    // Whoever asked may have gone away.
                    answer.send(faults).unwrap_or_default();
                }
            }
        }
    }

    /// What is wrong with the files, if they were read anew.
    async fn look(&mut self) -> Option<Vec<String>> {
        if let Some(ends) = self.in_force.ends
            && ends < self.clock.now()
            && !self.is_end_told
        {
            self.is_end_told = true;
            tracing::warn!(path = %self.path.display(), "the TLS certificate has ended: renew it, clients refuse it");
        }
        let inputs = self.judged.clone();
        let now = spawn_blocking(move || inputs.look_again()).await.ok()?;
        if now == self.judged {
            self.seen = None;
        } else if self.seen.as_ref() == Some(&now) {
            return Some(self.reload().await);
        } else {
            self.seen = Some(now);
        }
        None
    }

    /// Loads the files and takes them over, or tells what is wrong with them.
    async fn reload(&mut self) -> Vec<String> {
        self.seen = None;
        let (path, now) = (self.path.clone(), self.clock.now());
        let faults = match spawn_blocking(move || load_web(&path, now)).await {
            Ok(Ok(loaded)) => {
                self.judged = loaded.inputs.clone();
                self.take_over(loaded)
            }
            Ok(Err(BrokenWeb { faults, inputs })) => {
                self.judged = inputs;
                Err(faults.lines().to_vec())
            }
            // What panicked might have quoted the file.
            Err(_) => Err(vec!["the web configuration cannot be read: its reader failed".to_owned()]),
        };
        self.metrics.web_config_read(faults.is_ok());
        let faults = faults.err().unwrap_or_default();
        for fault in &faults {
            tracing::error!(fault, "configuration fault");
        }
        if !faults.is_empty() {
            let (path, faults) = (self.path.display(), faults.len());
            tracing::error!(%path, faults, "web configuration not taken over, the one before stays in force");
        }
        faults
    }

    fn take_over(&mut self, loaded: LoadedWeb) -> Result<(), Vec<String>> {
        let LoadedWeb { config, warnings, inputs } = loaded;
        let facts = Facts::of(&config);
        self.check_change(facts)?;
        if inputs == self.applied {
            return Ok(());
        }
        for warning in &warnings {
            tracing::warn!(%warning, "configuration warning");
        }
        tell(&self.path, &config);
        self.guard.replace(config);
        if let Some(ends) = facts.ends {
            self.metrics.certificate_ends(ends);
            self.is_end_told = ends < self.clock.now();
        }
        self.in_force = facts;
        self.applied = inputs;
        Ok(())
    }

    /// An empty file is a valid one, and files are empty for a moment while some programs write them.
    fn check_change(&self, to: Facts) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, wrong: &str| {
            faults.push(format!("{}: {key}: {wrong}: restart the exporter for that", self.path.display()));
        };
        match (self.in_force.ends, to.ends) {
            (Some(_), None) => fault("tls_server_config", "would turn TLS off"),
            (None, Some(_)) => fault("tls_server_config", "would turn TLS on"),
            _ => {}
        }
        if self.in_force.users > 0 && to.users == 0 {
            fault("basic_auth_users", "would let everybody in");
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

fn tell(path: &Path, config: &WebConfig) {
    let ends = config.tls.as_ref().map_or_else(|| "none".to_owned(), crate::config::web::ServerTls::end_date);
    let (path, tls, users) = (path.display(), config.tls.is_some(), config.users.len());
    tracing::info!(%path, tls, certificate_ends = ends, users, "web configuration in force");
}

#[cfg(test)]
mod tests;

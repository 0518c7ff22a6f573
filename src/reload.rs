//! Keeps the configuration in force in line with its files: loads, compares, and tells everybody
//! what has changed. A bad configuration changes nothing.

mod diff;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use self::diff::Changes;
use self::diff::{Names, diff};
use crate::clock::Clock;
use crate::config::{Account, BrokenFile, Config, Faults, Loaded, load};
use crate::metrics::own::ExporterMetrics;
use crate::platform::RunningPlatforms;
use crate::poll::change::{FleetChange, Listing};
use crate::shard::Shard;
use crate::store::Store;
use crate::systemd::{self, Systemd, Told};
use crate::web::guard::watch::WebReloads;
use crate::wechat::client::ApiClient;

/// Requests for a reload that wait for the one in progress.
const WAITING: usize = 16;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The main file.
    pub path: PathBuf,
    /// The environment, which does not change while a process runs.
    pub variables: Vec<(String, String)>,
    /// Which part of the fleet is polled.
    pub shard: Shard,
}

impl Source {
    /// Reads the configuration, beside the runtime: it may take seconds. `running` is as in
    /// [`load`].
    pub async fn load(&self, running: Option<Arc<Config>>) -> anyhow::Result<Result<Loaded, Faults>> {
        let Self { path, variables, shard } = self.clone();
        let read = move || load(&path, &variables, shard, running.as_deref());
        Ok(tokio::task::spawn_blocking(read).await?)
    }
}

/// Why a reload did not, or not wholly, come about: one line for each fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadFailed {
    /// What is wrong.
    pub faults: Vec<String>,
    /// What was taken over all the same, where only some account files or the web configuration are broken.
    pub partly: Option<Changes>,
}

type Outcome = Result<Changes, ReloadFailed>;

/// Asks for reloads; clones share it.
#[derive(Clone, Debug)]
pub struct Reloads(mpsc::Sender<oneshot::Sender<Outcome>>);

/// The requests of [`Reloads`].
#[derive(Debug)]
pub struct ReloadRequests(mpsc::Receiver<oneshot::Sender<Outcome>>);

impl Reloads {
    /// A handle, and what it asks for.
    pub fn new() -> (Self, ReloadRequests) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), ReloadRequests(receiver))
    }

    /// Reloads. When it returns, the pages show what has changed. Requests that come while one is in
    /// progress are answered together by the next.
    pub async fn reload(&self) -> Outcome {
        let stopping = || ReloadFailed { faults: vec!["the exporter is stopping".to_owned()], partly: None };
        let (answer, told) = oneshot::channel();
        self.0.send(answer).await.map_err(|_| stopping())?;
        told.await.map_err(|_| stopping())?
    }
}

/// The configuration in force, and those who act on it.
#[derive(Debug)]
pub struct InForce {
    /// Where it is read anew; nothing if it came from nowhere.
    pub source: Option<Source>,
    /// The configuration.
    pub config: Arc<Config>,
    /// Calls of the API.
    pub client: Arc<ApiClient>,
    /// The platforms at work.
    pub platforms: RunningPlatforms,
    /// Takes the accounts over.
    pub changes: mpsc::Sender<FleetChange>,
    /// Shows faults.
    pub store: Arc<Store>,
    /// Shows how the last reload ended.
    pub metrics: Arc<ExporterMetrics>,
    /// Is told that a reload is under way.
    pub systemd: Systemd,
    /// Reads the web configuration anew, if there is one.
    pub web: Option<WebReloads>,
    /// The wall clock.
    pub clock: Clock,
}

impl InForce {
    /// Reloads at each request until `stop`, then ends the platforms. Ends early only if the
    /// discovery of a platform does, which is a defect.
    pub async fn run(mut self, requests: ReloadRequests, stop: CancellationToken) -> anyhow::Result<()> {
        let ReloadRequests(mut requests) = requests;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                error = self.platforms.failed() => return Err(error),
                Some(first) = requests.recv() => {
                    let mut waiting = vec![first];
                    while let Ok(more) = requests.try_recv() {
                        waiting.push(more);
                    }
                    self.systemd.tell(Told::Reloading).await;
                    // A pipe may be silent for ever.
                    let Some(loaded) = stop.run_until_cancelled(self.load()).await else { break };
                    let outcome = match loaded {
                        Ok(loaded) => self.take_over(loaded).await,
                        Err(faults) => Err(self.refuse(faults)),
                    };
                    let outcome = self.with_web(outcome).await;
                    self.systemd.tell(Told::Ready(systemd::status(&self.store))).await;
                    for answer in waiting {
                        // Whoever asked may have gone away.
                        answer.send(outcome.clone()).unwrap_or_default();
                    }
                }
            }
        }
        self.platforms.stop().await
    }

    /// Reads the configuration, or tells what is wrong with it.
    async fn load(&self) -> Result<Loaded, Vec<String>> {
        let Some(source) = &self.source else {
            return Err(vec!["there is no configuration file to read".to_owned()]);
        };
        match source.load(Some(Arc::clone(&self.config))).await {
            Ok(Ok(loaded)) => Ok(loaded),
            Ok(Err(faults)) => Err(faults.lines().to_vec()),
            // What panicked might have quoted the file.
            Err(_) => Err(vec!["the configuration cannot be read: its reader failed".to_owned()]),
        }
    }

    /// Reads the web configuration too. The two break apart, and are told together.
    async fn with_web(&self, outcome: Outcome) -> Outcome {
        let Some(web) = &self.web else { return outcome };
        let web_faults = web.reload().await;
        match outcome {
            outcome if web_faults.is_empty() => outcome,
            Ok(changes) => Err(ReloadFailed { faults: web_faults, partly: Some(changes) }),
            Err(ReloadFailed { mut faults, partly }) => {
                faults.extend(web_faults);
                Err(ReloadFailed { faults, partly })
            }
        }
    }

    async fn take_over(&mut self, loaded: Loaded) -> Outcome {
        let Loaded { mut config, warnings, broken } = loaded;
        let endpoints: Vec<_> = config.endpoints().collect();
        if let Err(error) = self.client.reconfigure(&config.api, &endpoints) {
            return Err(self.refuse(vec![format!("{error:#}")]));
        }
        for warning in warnings {
            tracing::warn!(%warning, "configuration warning");
        }
        // Both share what has not changed; then only what this process polls counts.
        diff(&self.config.accounts, &mut config.accounts);
        let before: Vec<_> = self.config.owned().map(Arc::clone).collect();
        let mut owned: Vec<_> = config.owned().map(Arc::clone).collect();
        let changes = diff(&before, &mut owned);
        self.apply(config, &changes).await;
        let faults = show_broken(&broken, &self.store);
        let broken = broken.iter().map(|file| file.accounts).sum();
        self.metrics.configured(&self.config, broken, self.clock.now());
        tracing::info!(
            added = changes.added.len(),
            changed = changes.changed.len(),
            removed = changes.removed.len(),
            added_accounts = %Names(&changes.added),
            changed_accounts = %Names(&changes.changed),
            removed_accounts = %Names(&changes.removed),
            "configuration reloaded"
        );
        if faults.is_empty() { Ok(changes) } else { Err(ReloadFailed { faults, partly: Some(changes) }) }
    }

    /// Tells that the configuration is refused.
    fn refuse(&self, faults: Vec<String>) -> ReloadFailed {
        self.metrics.reload_failed();
        self.store.publish_config_faults(faults.clone());
        for fault in &faults {
            tracing::error!(fault, "configuration fault");
        }
        tracing::error!(faults = faults.len(), "configuration not reloaded, the one before stays in force");
        ReloadFailed { faults, partly: None }
    }

    async fn apply(&mut self, config: Config, changes: &Changes) {
        self.platforms.reconfigure(&config.api);
        let by_hand = config.accounts.iter().map(|account| account.app_id.clone());
        let mut gone = self.platforms.apply(&config.platforms, by_hand).await;
        gone.extend(changes.removed.iter().cloned());
        let is_new = |account: &&Arc<Account>| {
            changes.added.binary_search(&account.name).is_ok()
                || changes.changed.binary_search(&account.name).is_ok()
        };
        let (applied, is_applied) = oneshot::channel();
        let listing = Listing {
            set: config.owned().filter(is_new).map(Arc::clone).collect(),
            gone,
            info_labels: config.info_labels.as_slice().into(),
            max_in_flight: config.api.max_in_flight,
            applied,
        };
        let is_sent = self.changes.send(FleetChange::Listed(Box::new(listing))).await.is_ok();
        if !is_sent || is_applied.await.is_err() {
            tracing::debug!("nobody takes the changes of the fleet any more");
        }
        self.platforms.resume();
        self.config = Arc::new(config);
        self.store.publish_config(Arc::clone(&self.config));
    }
}

/// Tells of the account files that are broken: in the log, and on the status page. All faults.
pub(crate) fn show_broken(broken: &[BrokenFile], store: &Store) -> Vec<String> {
    let faults: Vec<String> = broken.iter().flat_map(|file| file.faults.lines()).cloned().collect();
    for fault in &faults {
        tracing::error!(fault, "configuration fault");
    }
    for file in broken {
        let (path, accounts) = (file.path.display(), file.accounts);
        tracing::error!(%path, accounts, "account file broken: its accounts go on as they were, if they ran");
    }
    store.publish_config_faults(faults.clone());
    faults
}

//! What polls: the scheduler, the platforms it polls through, and what both keep over a restart.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::CLOCK;
use crate::config::Config;
use crate::platform::{PlatformParts, Profiles, RunningPlatforms};
use crate::poll::account::poll_account;
use crate::poll::change::FleetChange;
use crate::poll::scheduler::{Beginning, Outlets, Rounds, Scheduler};
use crate::state::file::{Opened, StateFile};
use crate::state::restored::Restored;
use crate::state::saver::{self, Saver};
use crate::token::read::Reader;
use crate::upstream::Upstream;
use crate::wechat::client::ApiClient;

/// Accounts that platforms found and the scheduler has not taken yet; beyond it discovery waits.
const CHANGES: usize = 256;

/// Everything that polling begins with.
#[derive(Debug)]
pub(super) struct Polling {
    pub(super) config: Arc<Config>,
    pub(super) client: Arc<ApiClient>,
    pub(super) outlets: Outlets,
    pub(super) restored: Restored,
    pub(super) changes: mpsc::Receiver<FleetChange>,
    pub(super) sender: mpsc::Sender<FleetChange>,
}

/// Polling, ready to begin: the scheduler has to be run, and the platforms sent to work.
pub(super) struct Started {
    pub(super) scheduler: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(super) platforms: RunningPlatforms,
    pub(super) changes: mpsc::Sender<FleetChange>,
}

impl Polling {
    pub(super) fn new(
        config: Arc<Config>,
        client: Arc<ApiClient>,
        outlets: Outlets,
        restored: Restored,
    ) -> Self {
        let (sender, changes) = mpsc::channel(CHANGES);
        Self { config, client, outlets, restored, changes, sender }
    }

    /// The scheduler runs for `rounds`, or until `stop`.
    pub(super) async fn start(self, rounds: Rounds, stop: CancellationToken) -> Started {
        let Self { config, client, outlets, mut restored, changes, sender } = self;
        let reader = Arc::new(Reader::new(config.api.connect_timeout, CLOCK));
        let mut platforms = RunningPlatforms::new(PlatformParts {
            client: Arc::clone(&client),
            reader: Arc::clone(&reader),
            store: Arc::clone(&outlets.store),
            clock: CLOCK,
            profiles: Profiles::new(restored.take_platforms(), outlets.saver.clone()),
            changes: sender.clone(),
            requests_per_second: config.api.requests_per_second,
        });
        let by_hand = config.accounts.iter().map(|account| account.app_id.clone());
        platforms.apply(&config.platforms, by_hand).await;
        let upstream =
            Arc::new(Upstream { client, reader, platforms: platforms.handles(), started: Instant::now() });
        let poll = move |visit| {
            let upstream = Arc::clone(&upstream);
            async move { poll_account(&upstream, visit).await }
        };
        let accounts = config.owned().map(Arc::clone).collect();
        let max_in_flight = config.api.max_in_flight;
        let beginning = Beginning { accounts, restored, changes, max_in_flight, rounds };
        let scheduler = Box::pin(Scheduler::new(beginning, CLOCK, outlets, poll).run(stop));
        Started { scheduler, platforms, changes: sender }
    }
}

/// What an earlier process kept, how to keep what comes, and the task that does. What is wrong with
/// the file is told and holds nobody up, unless another process uses it: then nothing must be polled.
pub(super) async fn open_state(path: Option<PathBuf>) -> anyhow::Result<(Saver, Restored, JoinSet<()>)> {
    let mut tasks = JoinSet::new();
    let Some(path) = path else { return Ok((Saver::off(), Restored::default(), tasks)) };
    let open = move || StateFile::open(&path, CLOCK.now());
    let Opened { file, restored, troubles } =
        spawn_blocking(open).await.context("the state file could not be read")??;
    for trouble in troubles {
        tracing::error!(%trouble, "state file in trouble");
    }
    let (saver, saving) = saver::start(file, CLOCK);
    tasks.spawn(saving);
    Ok((saver, restored, tasks))
}

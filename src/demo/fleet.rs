//! The demo's configuration: the scenario's accounts as their operator would list them, one of them
//! fed by a file, and a third-party platform whose authorizers are discovered.

use std::fs::{self, DirBuilder};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::platform::{AuthorizerToken, ComponentToken, Discovery};
use crate::config::token::{FileSource, ReadOnlySource, Template};
use crate::config::{
    Account, AccountName, ApiConfig, BaseUrl, Budget, Collect, Config, Endpoint, Limits, Platform,
    PlatformName, TokenSource,
};
use crate::demo::pace::Pace;
use crate::secret::{Secret, SecretSource};
use crate::shard::Shard;
use crate::simulator::Simulator;
use crate::simulator::scenario::{Scenario, SimulatedAccount, SimulatedPlatform};

const HOLD: Duration = Duration::from_secs(72 * 3_600);
/// The account whose token another program keeps in a file.
const FILE_FED: &str = "file-fed";

/// Files that other programs would keep, in a directory of their own that goes with this value.
#[derive(Debug)]
pub(super) struct KeptFiles {
    dir: PathBuf,
}

impl KeptFiles {
    pub(super) fn new() -> anyhow::Result<Self> {
        let name = format!("{}-demo-{}", env!("CARGO_PKG_NAME"), std::process::id());
        let dir = std::env::temp_dir().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("cannot make the directory `{}`", dir.display()))?;
        Ok(Self { dir })
    }

    /// Writes what those programs would have written by now.
    pub(super) fn write(&self, scenario: &Scenario, simulator: &Simulator) -> anyhow::Result<()> {
        for account in scenario.own_accounts().filter(|account| account.name == FILE_FED) {
            fs::write(self.dir.join(FILE_FED), simulator.stable_token_of(&account.app_id)?)?;
        }
        for platform in &scenario.platforms {
            fs::write(self.ticket(platform), &platform.ticket)?;
        }
        Ok(())
    }

    fn ticket(&self, platform: &SimulatedPlatform) -> PathBuf {
        self.dir.join(format!("{}-ticket", platform.name))
    }
}

impl Drop for KeptFiles {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::debug!(%error, "the demo's files stay behind");
        }
    }
}

/// What an operator would have written for `scenario`, served at `api`.
pub(super) fn config(
    scenario: &Scenario,
    api: SocketAddr,
    pace: Pace,
    files: &KeptFiles,
) -> anyhow::Result<Config> {
    let base_url = BaseUrl::parse(&format!("http://{api}")).context("the simulator has no address")?;
    let endpoint = Arc::new(Endpoint { base_url, fallback: None, proxy: None });
    let accounts: Option<Vec<_>> =
        scenario.own_accounts().map(|one| account(one, &endpoint, pace, files).map(Arc::new)).collect();
    let mut accounts = accounts.context("an account of the demo has no valid name")?;
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    let platforms: Option<Vec<_>> =
        scenario.platforms.iter().map(|one| platform(one, &endpoint, pace, files).map(Arc::new)).collect();
    let platforms = platforms.context("a platform of the demo has no valid name")?;
    let api = ApiConfig {
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        requests_per_second: pace.requests_per_second,
        max_in_flight: pace.max_in_flight,
        ca_file: None,
    };
    Ok(Config {
        api,
        info_labels: Vec::new(),
        accounts,
        platforms,
        account_files: Vec::new(),
        shard: Shard::default(),
    })
}

fn account(
    simulated: &SimulatedAccount,
    endpoint: &Arc<Endpoint>,
    pace: Pace,
    files: &KeptFiles,
) -> Option<Account> {
    let token = if simulated.name == FILE_FED {
        TokenSource::ReadOnly(file(&files.dir.join(FILE_FED)))
    } else {
        TokenSource::StableToken { app_secret: SecretSource::Inline(Secret::new(simulated.secret.clone())) }
    };
    Some(Account {
        name: AccountName::parse(&simulated.name)?,
        app_id: simulated.app_id.clone(),
        display_name: simulated.display_name.as_str().into(),
        info_labels: Box::default(),
        interval: pace.interval,
        collect: Collect { draft: Some(pace.draft_interval()), quota: Some(pace.quota_interval()) },
        hold: HOLD,
        limits: Limits::default(),
        budget: budget(),
        shard: None,
        endpoint: Arc::clone(endpoint),
        token,
    })
}

fn platform(
    simulated: &SimulatedPlatform,
    endpoint: &Arc<Endpoint>,
    pace: Pace,
    files: &KeptFiles,
) -> Option<Platform> {
    let secret = SecretSource::Inline(Secret::new(simulated.secret.clone()));
    let discovery = Discovery {
        include: std::collections::BTreeSet::new(),
        exclude: std::collections::BTreeSet::new(),
        info_labels: Box::default(),
        interval: pace.interval,
        hold: HOLD,
        collect: Collect::default(),
        limits: Limits::default(),
        budget: budget(),
        pin: None,
        shard: Shard::default(),
        endpoint: Arc::clone(endpoint),
    };
    Some(Platform {
        name: PlatformName::parse(&simulated.name)?,
        component_app_id: simulated.app_id.clone(),
        endpoint: Arc::clone(endpoint),
        component_token: ComponentToken::VerifyTicket {
            component_app_secret: secret,
            ticket: file(&files.ticket(simulated)),
        },
        authorizer_token: AuthorizerToken::Fetched,
        discovery: Some(discovery),
        refresh_interval: pace.quota_interval(),
    })
}

/// What the simulator allows.
fn budget() -> Budget {
    Budget { daily_calls: Scenario::DEMO_DAILY_CALLS, ..Budget::default() }
}

fn file(path: &Path) -> Arc<ReadOnlySource> {
    let path = Template::new(&path.to_string_lossy());
    Arc::new(ReadOnlySource::File(FileSource { path, pointer: None }))
}

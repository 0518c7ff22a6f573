//! The exporter inside the test's process, against the simulator or a mock server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wechat_material_exporter::app::{App, Settings};
use wechat_material_exporter::config::{
    Account, AccountName, ApiConfig, Config, Endpoint, Platform, TokenSource,
};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::shard::Shard;
use wechat_material_exporter::simulator::scenario::{Scenario, SimulatedAccount};
use wechat_material_exporter::simulator::{self, Simulator};
use wechat_material_exporter::store::{Readings, Store};

use crate::harness::{account, api_config, endpoint};
use crate::program::PATIENCE;

/// An exporter that polls and serves until it is dropped.
pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    store: Arc<Store>,
    stop: CancellationToken,
    running: JoinSet<()>,
    pub(crate) simulated: Option<Simulated>,
}

/// A simulator that serves until it is dropped.
pub(crate) struct Simulated {
    pub(crate) simulator: Simulator,
    pub(crate) url: String,
    pub(crate) endpoint: Arc<Endpoint>,
    _running: JoinSet<()>,
}

impl Simulated {
    pub(crate) async fn start(scenario: Scenario) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let simulator = Simulator::new(scenario);
        let mut running = JoinSet::new();
        running.spawn(simulator::run(listener, simulator.clone(), CancellationToken::new()));
        Self { simulator, endpoint: endpoint(&url), url, _running: running }
    }

    /// The account as an operator would configure it, with a stable token.
    pub(crate) fn account(&self, simulated: &SimulatedAccount, interval: Duration) -> Account {
        Account {
            name: AccountName::parse(&simulated.name).unwrap(),
            app_id: simulated.app_id.clone(),
            display_name: simulated.display_name.as_str().into(),
            interval,
            endpoint: Arc::clone(&self.endpoint),
            token: TokenSource::StableToken {
                app_secret: SecretSource::Inline(Secret::new(simulated.secret.clone())),
            },
            ..account("http://127.0.0.1:1")
        }
    }
}

impl Exporter {
    pub(crate) async fn start(accounts: Vec<Account>) -> Self {
        Self::with_platforms(accounts, Vec::new()).await
    }

    pub(crate) async fn with_platforms(accounts: Vec<Account>, platforms: Vec<Platform>) -> Self {
        Self::with_api(api_config(), accounts, platforms).await
    }

    pub(crate) async fn with_api(api: ApiConfig, accounts: Vec<Account>, platforms: Vec<Platform>) -> Self {
        let mut accounts: Vec<_> = accounts.into_iter().map(Arc::new).collect();
        accounts.sort_by(|a, b| a.name.cmp(&b.name));
        let platforms = platforms.into_iter().map(Arc::new).collect();
        let config = Config {
            api,
            info_labels: Vec::new(),
            accounts,
            platforms,
            account_files: Vec::new(),
            shard: Shard::default(),
        };
        let by_hand = config.accounts.len();
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let settings = Settings { listen, ..Settings::default() };
        let app = App::bind(config.into(), None, settings).await.unwrap();
        let (address, store, stop) = (app.addresses()[0], app.store(), CancellationToken::new());
        let mut running = JoinSet::new();
        let work = app.run(stop.clone());
        running.spawn(async move { work.await.unwrap() });
        // A wait for all readings must not find none.
        let mut changes = store.changes();
        changes.wait_for(|_| store.snapshot().len() >= by_hand).await.unwrap();
        Self { address, store, stop, running, simulated: None }
    }

    /// Polls every account of the scenario through a simulator of its own.
    pub(crate) async fn on_simulator(scenario: Scenario, interval: Duration) -> Self {
        let simulated = Simulated::start(scenario.clone()).await;
        let accounts = scenario.accounts.iter().map(|one| simulated.account(one, interval));
        let mut exporter = Self::start(accounts.collect()).await;
        exporter.simulated = Some(simulated);
        exporter
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn page(&self, path: &str) -> String {
        reqwest::get(self.url(path)).await.unwrap().text().await.unwrap()
    }

    /// Waits until the readings of all accounts are as wanted.
    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Readings) -> bool) {
        let mut changes = self.store.changes();
        let wait = async {
            while !self.store.snapshot().iter().all(|readings| wanted(readings)) {
                changes.changed().await.unwrap();
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "never came to what was wanted: {:#?}", self.store.snapshot());
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Ends it in order. Whatever the test did, no plain token was fetched.
    pub(crate) async fn end(mut self) {
        if let Some(simulated) = &self.simulated {
            assert_eq!(simulated.simulator.total_calls(simulator::Endpoint::Token), 0);
        }
        self.stop.cancel();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
    }
}

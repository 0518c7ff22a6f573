//! A platform that runs against a [`World`](super::world::World).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::platform::{AuthorizerToken, ComponentToken, Discovery};
use wechat_material_exporter::config::token::{FileSource, ReadOnlySource, Template};
use wechat_material_exporter::config::{AppId, Budget, Collect, Limits, Platform, PlatformName};
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::platform::{AuthorizerGrant, Claims, PlatformHandle, PlatformParts, start};
use wechat_material_exporter::poll::change::FleetChange;
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::store::{LastPoll, PlatformReadings, Store};
use wechat_material_exporter::token::read::Reader;
use wechat_material_exporter::wechat::client::ApiClient;
use wechat_material_exporter::wechat::error::ApiError;

use super::world::{Api, COMPONENT, COMPONENT_SECRET, TICKET, app_id};
use crate::harness::{api_config, endpoint};

pub(crate) struct Running {
    pub(crate) handle: PlatformHandle,
    pub(crate) store: Arc<Store>,
    name: PlatformName,
    changes: mpsc::Receiver<FleetChange>,
    /// Display names of the accounts announced and not gone, by name.
    pub(crate) fleet: BTreeMap<String, String>,
    /// Accounts that went, in order.
    pub(crate) gone: Vec<String>,
    pub(crate) stop: CancellationToken,
    pub(crate) discovery: JoinSet<()>,
    _dir: Arc<TempDir>,
}

/// A platform's settings, and the directory that its files are in.
pub(crate) struct Setting {
    pub(crate) platform: Platform,
    pub(crate) dir: Arc<TempDir>,
}

fn file(path: &std::path::Path) -> Arc<ReadOnlySource> {
    let path = Template::new(path.to_str().unwrap());
    Arc::new(ReadOnlySource::File(FileSource { path, pointer: None }))
}

pub(crate) fn id(n: u64) -> AppId {
    AppId::parse(&app_id(n)).unwrap()
}

impl Setting {
    /// The component token is read from a file, authorizer tokens are fetched, nothing is discovered.
    pub(crate) fn new(api: &Api) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        std::fs::write(dir.path().join("component"), "component-0\n").unwrap();
        let platform = Platform {
            name: PlatformName::parse("agency").unwrap(),
            component_app_id: AppId::parse(COMPONENT).unwrap(),
            endpoint: endpoint(&api.server.uri()),
            component_token: ComponentToken::ReadOnly(file(&dir.path().join("component"))),
            authorizer_token: AuthorizerToken::Fetched,
            discovery: None,
            refresh_interval: Duration::from_secs(3_600),
        };
        Self { platform, dir }
    }

    pub(crate) fn with_ticket(mut self) -> Self {
        let path = self.dir.path().join("ticket");
        std::fs::write(&path, TICKET).unwrap();
        self.platform.component_token = ComponentToken::VerifyTicket {
            component_app_secret: SecretSource::Inline(Secret::new(COMPONENT_SECRET.into())),
            ticket: file(&path),
        };
        self
    }

    pub(crate) fn with_token_files(mut self) -> Self {
        self.platform.authorizer_token = AuthorizerToken::ReadOnly(file(&self.dir.path().join("{app_id}")));
        self
    }

    pub(crate) fn with_discovery(mut self, refresh_interval: Duration) -> Self {
        self.platform.discovery = Some(Discovery {
            include: [].into(),
            exclude: [].into(),
            info_labels: Box::default(),
            interval: Duration::from_secs(600),
            hold: Duration::from_secs(259_200),
            collect: Collect::default(),
            limits: Limits::default(),
            budget: Budget::default(),
            endpoint: Arc::clone(&self.platform.endpoint),
        });
        self.platform.refresh_interval = refresh_interval;
        self
    }

    pub(crate) fn start(&self) -> Running {
        self.start_with(Arc::default())
    }

    pub(crate) fn start_with(&self, claims: Arc<Claims>) -> Running {
        let config = api_config();
        let metrics = Arc::new(ExporterMetrics::new().unwrap());
        let client = ApiClient::new(&config, &[&self.platform.endpoint], metrics).unwrap();
        let store = Arc::new(Store::default());
        let (sender, changes) = mpsc::channel(16);
        let parts = PlatformParts {
            client: Arc::new(client),
            reader: Arc::new(Reader::new(config.connect_timeout, Clock::System)),
            store: Arc::clone(&store),
            clock: Clock::System,
            claims,
            changes: sender,
            requests_per_second: config.requests_per_second,
        };
        let stop = CancellationToken::new();
        let (handle, discovery) = start(Arc::new(self.platform.clone()), parts, stop.clone());
        let mut running = JoinSet::new();
        running.spawn(discovery);
        Running {
            handle,
            store,
            name: self.platform.name.clone(),
            changes,
            fleet: BTreeMap::new(),
            gone: Vec::new(),
            stop,
            discovery: running,
            _dir: Arc::clone(&self.dir),
        }
    }
}

impl Running {
    pub(crate) async fn ask(&self, n: u64) -> Result<AuthorizerGrant, ApiError> {
        self.handle.authorizer_token(&id(n), None).await
    }

    /// Asks for the tokens of the accounts 0 to `count` at once.
    pub(crate) async fn ask_all(
        &self,
        count: u64,
        configured: Option<&str>,
    ) -> Vec<Result<AuthorizerGrant, ApiError>> {
        let mut asking = JoinSet::new();
        for n in 0..count {
            let handle = self.handle.clone();
            let configured = configured.map(|token| SecretSource::Inline(Secret::new(token.into())));
            asking.spawn(async move { handle.authorizer_token(&id(n), configured.as_ref()).await });
        }
        asking.join_all().await
    }

    pub(crate) fn shown(&self) -> Arc<PlatformReadings> {
        let platforms = self.store.platforms();
        Arc::clone(platforms.iter().find(|readings| readings.name == self.name).unwrap())
    }

    /// Class and errcode of the platform's failure, if it fails.
    pub(crate) fn failing(&self) -> Option<(&'static str, Option<i64>)> {
        match &self.shown().last_call {
            LastPoll::Failed(failing) => Some((failing.class.label(), failing.errcode.map(|code| code.0))),
            LastPoll::Pending | LastPoll::Succeeded => None,
        }
    }

    /// Takes the changes of the fleet until `done` with them.
    pub(crate) async fn follow(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let change = within(what, self.changes.recv()).await.unwrap();
            match change {
                FleetChange::Set(account) => {
                    assert_eq!(account.name.as_str(), account.app_id.as_str());
                    assert_eq!(account.token.platform(), self.name.as_str());
                    self.fleet.insert(account.name.as_str().to_owned(), account.display_name.to_string());
                }
                FleetChange::Gone(name) => {
                    assert!(self.fleet.remove(name.as_str()).is_some(), "{name} was never there");
                    self.gone.push(name.as_str().to_owned());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the count of authorizers by state.
    pub(crate) async fn counted(&self, expected: [u64; 5]) {
        eventually("count of authorizers", || self.shown().authorizers == Some(expected)).await;
    }
}

pub(crate) fn token(n: u64) -> Secret {
    Secret::new(format!("token-of-{}", app_id(n)))
}

/// Class and errcode of a refusal.
pub(crate) fn refused(error: &ApiError) -> (&'static str, Option<i64>) {
    (error.class().label(), error.errcode().map(|code| code.0))
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

pub(crate) async fn eventually(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    within(what, wait).await;
}

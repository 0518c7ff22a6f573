//! Platforms that run against a [`World`](super::world::World).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::platform::{AuthorizerToken, ComponentToken, Discovery};
use wechat_material_exporter::config::token::{FileSource, ReadOnlySource, Template};
use wechat_material_exporter::config::{Account, AppId, Budget, Collect, Limits, Platform, PlatformName};
use wechat_material_exporter::metrics::own::ExporterMetrics;
use wechat_material_exporter::platform::{
    AuthorizerGrant, PlatformHandle, PlatformHandles, PlatformParts, Profiles, RunningPlatforms,
};
use wechat_material_exporter::poll::change::FleetChange;
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::shard::Shard;
use wechat_material_exporter::state::record::SavedProfile;
use wechat_material_exporter::state::restored::FormerPlatforms;
use wechat_material_exporter::state::saver::Saver;
use wechat_material_exporter::store::{LastPoll, PlatformReadings, Store};
use wechat_material_exporter::token::read::Reader;
use wechat_material_exporter::wechat::client::ApiClient;
use wechat_material_exporter::wechat::error::ApiError;

use super::world::{Api, COMPONENT, COMPONENT_SECRET, TICKET, app_id};
use crate::harness::{api_config, endpoint};
use crate::program::{eventually, within};

/// Platforms that run, and the fleet as the scheduler would know it.
pub(crate) struct Running {
    pub(crate) platforms: RunningPlatforms,
    pub(crate) handles: Arc<PlatformHandles>,
    pub(crate) store: Arc<Store>,
    /// The first platform's name.
    name: PlatformName,
    pub(crate) changes: mpsc::Receiver<FleetChange>,
    /// The discovered accounts that are polled, by name.
    pub(crate) fleet: BTreeMap<String, Arc<Account>>,
    /// Accounts that went, in order; not those of a reload.
    pub(crate) gone: Vec<String>,
    by_hand: Vec<AppId>,
    _dir: Arc<TempDir>,
}

/// A platform's settings, and the directory that its files are in.
#[derive(Clone)]
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

    /// The component token is read from another file.
    pub(crate) fn with_token_file(mut self, name: &str, component_token: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::write(&path, component_token).unwrap();
        self.platform.component_token = ComponentToken::ReadOnly(file(&path));
        self
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

    pub(crate) fn with_authorizer_files(mut self) -> Self {
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
            pin: None,
            shard: Shard::default(),
            endpoint: Arc::clone(&self.platform.endpoint),
        });
        self.platform.refresh_interval = refresh_interval;
        self
    }

    /// As the platform `name` of another component.
    pub(crate) fn of_component(mut self, name: &str, component: &str) -> Self {
        self.platform.name = PlatformName::parse(name).unwrap();
        self.platform.component_app_id = AppId::parse(component).unwrap();
        self
    }

    pub(crate) fn discovery(&mut self) -> &mut Discovery {
        self.platform.discovery.as_mut().unwrap()
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_with(Vec::new(), &[]).await
    }

    /// At work, with profiles of a former run, beside accounts that are listed by hand.
    pub(crate) async fn start_with(&self, profiles: Vec<SavedProfile>, by_hand: &[u64]) -> Running {
        self.start_after(FormerPlatforms { profiles, ..FormerPlatforms::default() }, by_hand).await
    }

    /// At work, after a former run, beside accounts that are listed by hand.
    pub(crate) async fn start_after(&self, former: FormerPlatforms, by_hand: &[u64]) -> Running {
        let mut running = self.prepare(former, by_hand).await;
        running.platforms.resume();
        running
    }

    /// At rest.
    pub(crate) async fn prepare(&self, former: FormerPlatforms, by_hand: &[u64]) -> Running {
        let config = api_config();
        let metrics = Arc::new(ExporterMetrics::new().unwrap());
        let client = ApiClient::new(&config, &[&self.platform.endpoint], metrics).unwrap();
        let store = Arc::new(Store::default());
        let (sender, changes) = mpsc::channel(16);
        let mut platforms = RunningPlatforms::new(PlatformParts {
            client: Arc::new(client),
            reader: Arc::new(Reader::new(config.connect_timeout, Clock::System)),
            store: Arc::clone(&store),
            clock: Clock::System,
            profiles: Profiles::new(former, Saver::off()),
            changes: sender,
            requests_per_second: config.requests_per_second,
        });
        let by_hand: Vec<_> = by_hand.iter().map(|&n| id(n)).collect();
        let platform = Arc::new(self.platform.clone());
        assert!(platforms.apply(&[platform], by_hand.iter().cloned()).await.is_empty());
        Running {
            handles: platforms.handles(),
            platforms,
            store,
            name: self.platform.name.clone(),
            changes,
            fleet: BTreeMap::new(),
            gone: Vec::new(),
            by_hand,
            _dir: Arc::clone(&self.dir),
        }
    }
}

impl Running {
    /// A handle on the first platform.
    pub(crate) fn handle(&self) -> PlatformHandle {
        self.handles.get(&self.name).unwrap()
    }

    pub(crate) async fn ask(&self, n: u64) -> Result<AuthorizerGrant, ApiError> {
        self.handle().authorizer_token(&id(n), None).await
    }

    /// Another configuration: what the app and the scheduler do about it. The accounts that are
    /// gone by it.
    pub(crate) async fn reload(&mut self, settings: &[&Setting], by_hand: &[u64]) -> Vec<String> {
        let platforms: Vec<_> = settings.iter().map(|setting| Arc::new(setting.platform.clone())).collect();
        let listed = by_hand.iter().map(|&n| id(n));
        let gone = within("reload", self.platforms.apply(&platforms, listed.clone())).await;
        // What was told before comes before.
        let before: Vec<_> = std::iter::from_fn(|| self.changes.try_recv().ok()).collect();
        for change in before {
            self.take(change);
        }
        self.by_hand = listed.collect();
        let mut gone: Vec<_> = gone.iter().map(|name| name.as_str().to_owned()).collect();
        for name in &gone {
            assert!(self.fleet.remove(name).is_some(), "{name} was never there");
        }
        for account in self.fleet.values() {
            assert!(!self.by_hand.contains(&account.app_id), "{} is polled twice", account.name);
        }
        self.platforms.resume();
        gone.sort_unstable();
        gone
    }

    /// Asks for the tokens of the accounts 0 to `count` at once.
    pub(crate) async fn ask_all(
        &self,
        count: u64,
        configured: Option<&str>,
    ) -> Vec<Result<AuthorizerGrant, ApiError>> {
        let mut asking = JoinSet::new();
        for n in 0..count {
            let handle = self.handle();
            let configured = configured.map(|token| SecretSource::Inline(Secret::new(token.into())));
            asking.spawn(async move { handle.authorizer_token(&id(n), configured.as_ref()).await });
        }
        asking.join_all().await
    }

    pub(crate) fn shown(&self) -> Arc<PlatformReadings> {
        self.shown_of(self.name.as_str()).unwrap()
    }

    pub(crate) fn shown_of(&self, name: &str) -> Option<Arc<PlatformReadings>> {
        let platforms = self.store.platforms();
        platforms.iter().find(|readings| readings.name.as_str() == name).map(Arc::clone)
    }

    /// Class and errcode of the platform's failure, if it fails.
    pub(crate) fn failing(&self) -> Option<(&'static str, Option<i64>)> {
        failing(&self.shown())
    }

    /// Takes the changes of the fleet until `done` with them.
    pub(crate) async fn follow(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let change = within(what, self.changes.recv()).await.unwrap();
            self.take(change);
        }
    }

    /// Takes the changes of the fleet, if any, until `done`.
    pub(crate) async fn follow_until(&mut self, what: &str, done: impl Fn() -> bool) {
        let changes = &mut self.changes;
        let mut taken = Vec::new();
        let taking = async {
            loop {
                taken.extend(changes.recv().await);
            }
        };
        tokio::select! {
            () = eventually(what, done) => {}
            () = taking => {}
        }
        for change in taken {
            self.take(change);
        }
    }

    pub(super) fn take(&mut self, change: FleetChange) {
        match change {
            FleetChange::Set(account) => {
                assert_eq!(account.name.as_str(), account.app_id.as_str());
                assert!(!self.by_hand.contains(&account.app_id), "{} is polled twice", account.name);
                self.fleet.insert(account.name.as_str().to_owned(), account);
            }
            FleetChange::Gone(name) => {
                assert!(self.fleet.remove(name.as_str()).is_some(), "{name} was never there");
                self.gone.push(name.as_str().to_owned());
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn nickname(&self, n: u64) -> &str {
        &self.fleet[&app_id(n)].display_name
    }

    /// Which platform an account is polled through.
    pub(crate) fn platform_of(&self, n: u64) -> Option<&str> {
        self.fleet.get(&app_id(n)).map(|account| account.token.platform())
    }

    /// Waits for the count of authorizers by state.
    pub(crate) async fn counted(&self, expected: [u64; 5]) {
        self.counted_of(self.name.as_str(), expected).await;
    }

    pub(crate) async fn counted_of(&self, platform: &str, expected: [u64; 5]) {
        let counted = || self.shown_of(platform).and_then(|shown| shown.authorizers);
        eventually("count of authorizers", || counted() == Some(expected)).await;
    }
}

/// Class and errcode of a platform's failure, if it fails.
pub(crate) fn failing(platform: &PlatformReadings) -> Option<(&'static str, Option<i64>)> {
    match &platform.last_call {
        LastPoll::Failed(failing) => Some((failing.class.label(), failing.errcode.map(|code| code.0))),
        LastPoll::Pending | LastPoll::Succeeded => None,
    }
}

pub(crate) fn token(n: u64) -> Secret {
    Secret::new(format!("token-of-{}", app_id(n)))
}

/// Class and errcode of a refusal.
pub(crate) fn refused(error: &ApiError) -> (&'static str, Option<i64>) {
    (error.class().label(), error.errcode().map(|code| code.0))
}

//! The exporter with failing accounts and a healthy one beside them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use wechat_material_exporter::config::{Account, AccountName, ApiConfig, AppId};
use wechat_material_exporter::store::{LastPoll, Readings};

use crate::app::Exporter;
use crate::faults::peer::{Call, Peer};
use crate::harness::{account, api_config, endpoint};

/// How often the healthy account is polled, and most of the others.
pub(crate) const INTERVAL: Duration = Duration::from_millis(500);
/// Of a request.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(1);

/// Tests that load the machine take turns.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Numbers for `docs/reliability.md`, to be seen with `--nocapture`.
#[expect(clippy::print_stdout, reason = "numbers that are worth knowing and not worth a bound")]
pub(crate) fn seen(what: &str) {
    println!("seen: {what}");
}

pub(crate) fn quick_api() -> ApiConfig {
    ApiConfig { timeout: TIMEOUT, connect_timeout: TIMEOUT, ..api_config() }
}

/// Account number `n`, polled at `url`.
pub(crate) fn polled(n: usize, url: &str) -> Account {
    Account {
        name: AccountName::parse(&format!("failing-{n}")).unwrap(),
        app_id: AppId::parse(&format!("wx{n:016x}")).unwrap(),
        interval: INTERVAL,
        endpoint: endpoint(url),
        ..account(url)
    }
}

/// One account for each of the servers.
pub(crate) fn one_each(peers: &[Peer]) -> Vec<Account> {
    peers.iter().enumerate().map(|(n, peer)| polled(n, &peer.url())).collect()
}

pub(crate) fn is_well(readings: &Readings) -> bool {
    readings.last_poll == LastPoll::Succeeded
}

/// The number that a page shows of an account, if it does: whole ones have no decimals.
pub(crate) fn value(page: &str, family: &str, account: &str) -> Option<f64> {
    let series = format!("{family}{{account=\"{account}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&series)).map(|value| value.parse().unwrap())
}

/// Class and errcode, where the last poll failed.
pub(crate) fn failure(readings: &Readings) -> Option<(&'static str, Option<i64>)> {
    match &readings.last_poll {
        LastPoll::Failed(failing) => Some((failing.class.label(), failing.errcode.map(|code| code.0))),
        LastPoll::Pending | LastPoll::Succeeded => None,
    }
}

/// The longest time between two polls of a server's account that ends after `since`. Its first poll is
/// at once and its second at its place in the round, up to two intervals later: they are left out.
fn longest_gap(healthy: &Peer, since: Instant) -> Duration {
    let mut calls = healthy.calls(Call::Data);
    calls.push(Instant::now());
    let pairs = calls.windows(2).skip(1).filter(|pair| pair[1] >= since);
    pairs.map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

/// Since then, the account of this server was polled on, on time, and always with one token.
pub(crate) async fn assert_undisturbed(healthy: &Peer, interval: Duration, since: Instant) {
    healthy.called(Call::Data, 5).await;
    let gap = longest_gap(healthy, since);
    seen(&format!("the healthy account, to be polled every {interval:?}, was so at least every {gap:?}"));
    assert!(gap <= 3 * interval, "not polled for {gap:?}, which is more than thrice {interval:?}");
    assert_eq!(healthy.calls(Call::Token).len(), 1);
}

pub(crate) struct Drill {
    pub(crate) exporter: Exporter,
    healthy: Peer,
    interval: Duration,
    since: Instant,
}

impl Drill {
    pub(crate) async fn start(failing: Vec<Account>) -> Self {
        Self::with_api(quick_api(), INTERVAL, failing).await
    }

    /// `interval` is the healthy account's.
    pub(crate) async fn with_api(api: ApiConfig, interval: Duration, mut accounts: Vec<Account>) -> Self {
        let healthy = Peer::start().await;
        let beside = polled(accounts.len(), &healthy.url());
        accounts.push(Account { name: Self::healthy_name(), interval, ..beside });
        let exporter = Exporter::with_api(api, accounts, Vec::new()).await;
        Self { exporter, healthy, interval, since: Instant::now() }
    }

    /// Leaves out what became of the healthy account until now: the first round of many accounts, all
    /// due at once, takes its time.
    pub(crate) fn has_settled(&mut self) {
        self.since = Instant::now();
    }

    fn healthy_name() -> AccountName {
        AccountName::parse("healthy").unwrap()
    }

    pub(crate) fn readings(&self, name: &AccountName) -> Arc<Readings> {
        self.exporter.store().get(name).unwrap()
    }

    pub(crate) async fn healthy_is_polled(&self) {
        self.exporter
            .wait_for(|readings| readings.account.name != Self::healthy_name() || is_well(readings))
            .await;
    }

    /// Waits until the readings of all but the healthy account are as wanted.
    pub(crate) async fn comes_to(&self, wanted: impl Fn(&Readings) -> bool) {
        let healthy = Self::healthy_name();
        self.exporter.wait_for(|readings| readings.account.name == healthy || wanted(readings)).await;
    }

    /// Waits until all but the healthy account fail in this class, without an errcode.
    pub(crate) async fn fails_as(&self, class: &str) {
        self.comes_to(|readings| failure(readings) == Some((class, None))).await;
    }

    /// Waits until all succeed.
    pub(crate) async fn recovers(&self) {
        self.comes_to(is_well).await;
    }

    /// Ends it; all that time the healthy account was polled on and never failed.
    pub(crate) async fn end(self) {
        assert_undisturbed(&self.healthy, self.interval, self.since).await;
        let readings = self.readings(&Self::healthy_name());
        assert!(is_well(&readings) && readings.failures == 0, "{readings:?}");
        self.exporter.end().await;
    }
}

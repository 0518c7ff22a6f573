//! The demo: the real exporter against the simulator over real HTTP, on this machine alone.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::Flags;
use crate::config::{Account, AccountName, ApiConfig, BaseUrl, Config, Endpoint, Kind, Limits, TokenSource};
use crate::secret::{Secret, SecretSource};
use crate::shutdown::Signals;
use crate::simulator::scenario::{Scenario, SimulatedAccount};
use crate::simulator::{self, Simulator};
use crate::store::{LastPoll, Readings, Store};

/// Short, so that one sees numbers move. A real fleet would use up its quota in no time.
const INTERVAL: Duration = Duration::from_secs(5);

/// Runs until a signal.
pub async fn run(flags: &Flags) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let scenario = Scenario::demo();
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen on 127.0.0.1")?;
    let api = listener.local_addr()?;
    let config = config(&scenario, api)?;
    let app = App::bind(config, &flags.listen, flags.telemetry_path.clone()).await?;
    let report = Report { colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() };
    tell_addresses(&app.addresses(), flags.telemetry_path.as_str(), api)?;
    let stop = CancellationToken::new();
    let mut beside = JoinSet::new();
    beside.spawn(simulator::run(listener, Simulator::new(scenario), stop.clone()));
    let store = app.store();
    let work = async {
        let first_round = report.first_round(&store);
        let running = app.run(stop.clone());
        tokio::pin!(running);
        tokio::select! {
            told = first_round => told?,
            ended = &mut running => return ended,
        }
        running.await?;
        while beside.join_next().await.is_some() {}
        Ok(())
    };
    signals.run(stop.clone(), work).await
}

fn config(scenario: &Scenario, api: SocketAddr) -> anyhow::Result<Config> {
    let base_url = BaseUrl::parse(&format!("http://{api}")).context("the simulator has no address")?;
    let endpoint = Arc::new(Endpoint { base_url, fallback: None, proxy: None });
    let accounts: Option<Vec<_>> =
        scenario.accounts.iter().map(|account| configured(account, &endpoint).map(Arc::new)).collect();
    let mut accounts = accounts.context("an account of the demo has no valid name")?;
    accounts.sort_by(|a, b| a.name.cmp(&b.name));
    let api = ApiConfig {
        timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(5),
        requests_per_second: NonZeroU32::MIN.saturating_add(19),
        max_in_flight: 20,
        ca_file: None,
    };
    Ok(Config { api, info_labels: Vec::new(), accounts, platforms: Vec::new() })
}

fn configured(account: &SimulatedAccount, endpoint: &Arc<Endpoint>) -> Option<Account> {
    Some(Account {
        name: AccountName::parse(&account.name)?,
        app_id: account.app_id.clone(),
        display_name: account.display_name.as_str().into(),
        info_labels: Box::default(),
        interval: INTERVAL,
        collect: crate::config::Collect::default(),
        hold: Duration::from_secs(72 * 3_600),
        limits: Limits::default(),
        endpoint: Arc::clone(endpoint),
        token: TokenSource::StableToken {
            app_secret: SecretSource::Inline(Secret::new(account.secret.clone())),
        },
    })
}

fn tell_addresses(served: &[SocketAddr], telemetry_path: &str, api: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "The exporter runs against a simulated WeChat API; nothing leaves this machine.\n")?;
    for address in served {
        writeln!(out, "  status page    http://{address}/")?;
        writeln!(out, "  metrics        http://{address}{telemetry_path}")?;
    }
    writeln!(out, "  simulated API  http://{api}\n\nFirst round:\n")?;
    Ok(out.flush()?)
}

/// Tells how the accounts fare.
struct Report {
    colour: bool,
}

impl Report {
    /// One line for each account as its first poll ends, then how to stop.
    async fn first_round(&self, store: &Store) -> anyhow::Result<()> {
        let mut changes = store.changes();
        let mut told = Vec::new();
        loop {
            let known = store.snapshot();
            for readings in &known {
                let name = &readings.account.name;
                if readings.last_poll != LastPoll::Pending && !told.contains(name) {
                    writeln!(std::io::stdout(), "{}", self.line(readings))?;
                    told.push(name.clone());
                }
            }
            if !known.is_empty() && told.len() == known.len() {
                break;
            }
            changes.changed().await.context("the store is gone")?;
        }
        let seconds = INTERVAL.as_secs();
        writeln!(
            std::io::stdout(),
            "\nHealthy accounts are polled every {seconds} s, failing ones wait. Stop with Ctrl-C."
        )?;
        Ok(())
    }

    fn line(&self, readings: &Readings) -> String {
        let name = readings.account.name.as_str();
        if let LastPoll::Failed(failing) = &readings.last_poll {
            let row = failing.class.row();
            let errcode = failing.errcode.map(|code| format!(" (errcode {code})")).unwrap_or_default();
            let ip = failing.seen_ip.map(|ip| format!(": {ip}")).unwrap_or_default();
            return format!("  {} {name:<14} {}{ip}{errcode}", self.paint("31", "fail"), row.summary.en);
        }
        let Some(good) = &readings.last_good else { return String::new() };
        let limits = &readings.account.limits.items;
        let usage = Kind::ALL.map(|kind| {
            let share = good.counts[kind] as f64 / limits[kind] as f64;
            let text = format!("{} {} / {}", kind.label(), good.counts[kind], limits[kind]);
            if share >= 0.95 { self.paint("33", &text) } else { text }
        });
        format!("  {} {name:<14} {}", self.paint("32", "ok  "), usage.join("  "))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

//! What the demo tells the person who started it.

use std::collections::{BTreeMap, HashSet};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::sleep;

use crate::config::Kind;
use crate::demo::pace::Pace;
use crate::simulator::scenario::Scenario;
use crate::stdout::Stdout;
use crate::store::{AuthorizerState, LastPoll, Readings, Store};

/// More generated accounts than these are told in one line.
const MOST_LINES: u32 = 20;
/// Accounts change too often to look at all of them each time.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Says where everything is.
pub(super) fn tell_addresses(
    served: &[SocketAddr],
    telemetry_path: &str,
    api: SocketAddr,
) -> anyhow::Result<()> {
    let mut out = Stdout;
    writeln!(out, "The exporter runs against a simulated WeChat API; nothing leaves this machine.\n")?;
    for address in served {
        writeln!(out, "  status page    http://{address}/")?;
        writeln!(out, "  metrics        http://{address}{telemetry_path}")?;
    }
    writeln!(out, "  simulated API  http://{api}\n\nFirst round:\n")?;
    Ok(out.flush()?)
}

/// Tells how the accounts fare.
pub(super) struct Report {
    colour: bool,
    /// Whether the generated accounts are told as one.
    is_large: bool,
}

impl Report {
    /// Of a demo with so many generated accounts. With colour on a terminal only, and not against the
    /// reader's wish.
    pub(super) fn new(generated: u32) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colour, is_large: generated > MOST_LINES }
    }

    /// One line for each account as its first poll ends, then how to stop.
    pub(super) async fn first_round(&self, store: &Store, listed: usize, pace: Pace) -> anyhow::Result<()> {
        let mut changes = store.changes();
        let mut told = HashSet::new();
        let known = loop {
            let known = store.snapshot();
            for readings in known.iter().filter(|readings| readings.last_poll != LastPoll::Pending) {
                if told.insert(readings.account.name.clone()) && !self.is_one_of_many(readings) {
                    writeln!(Stdout, "{}", self.line(readings))?;
                }
            }
            let is_known = expected(store, listed).is_some_and(|expected| told.len() >= expected);
            if known.len() == told.len() && is_known {
                break known;
            }
            changes.changed().await.context("the store is gone")?;
            sleep(LOOK_AGAIN).await;
        };
        let many: Vec<_> = known.iter().filter(|readings| self.is_one_of_many(readings)).collect();
        if !many.is_empty() {
            writeln!(Stdout, "{}", self.summary(&many))?;
        }
        let seconds = pace.interval.as_secs();
        writeln!(
            Stdout,
            "\nHealthy accounts are polled every {seconds} s, failing ones wait. Stop with Ctrl-C."
        )?;
        Ok(())
    }

    fn is_one_of_many(&self, readings: &Readings) -> bool {
        self.is_large && readings.account.name.as_str().starts_with(Scenario::GENERATED)
    }

    fn summary(&self, many: &[&Arc<Readings>]) -> String {
        let mut failing = BTreeMap::new();
        for readings in many {
            if let LastPoll::Failed(why) = &readings.last_poll {
                *failing.entry(why.class.label()).or_default() += 1;
            }
        }
        let fine = many.len() - failing.values().sum::<usize>();
        let classes: Vec<_> = failing.iter().map(|(class, number)| format!("{number} {class}")).collect();
        let name = format!("{}*", Scenario::GENERATED);
        format!("  {} {name:<18} {fine} fine, failing: {}", self.paint("32", "ok  "), classes.join(", "))
    }

    fn line(&self, readings: &Readings) -> String {
        let name = readings.account.name.as_str();
        if let LastPoll::Failed(failing) = &readings.last_poll {
            let row = failing.class.row();
            let errcode = failing.errcode.map(|code| format!(" (errcode {code})")).unwrap_or_default();
            let ip = failing.seen_ip.map(|ip| format!(": {ip}")).unwrap_or_default();
            return format!("  {} {name:<18} {}{ip}{errcode}", self.paint("31", "fail"), row.summary.en);
        }
        let Some(good) = &readings.last_good else { return String::new() };
        let limits = &readings.account.limits.items;
        let usage = Kind::ALL.map(|kind| {
            let share = good.counts[kind] as f64 / limits[kind] as f64;
            let text = format!("{} {} / {}", kind.label(), good.counts[kind], limits[kind]);
            if share >= 0.95 { self.paint("33", &text) } else { text }
        });
        format!("  {} {name:<18} {}", self.paint("32", "ok  "), usage.join("  "))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// How many accounts there will be, once all platforms have told.
fn expected(store: &Store, listed: usize) -> Option<usize> {
    store.platforms().iter().try_fold(listed, |sum, platform| {
        let polled = platform.authorizers?[AuthorizerState::Polled as usize];
        Some(sum + usize::try_from(polled).ok()?)
    })
}

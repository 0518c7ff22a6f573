//! What the demo tells the person who started it.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;

use anyhow::Context;

use crate::config::Kind;
use crate::demo::INTERVAL;
use crate::store::{AuthorizerState, LastPoll, Readings, Store};

/// Says where everything is.
pub(super) fn tell_addresses(
    served: &[SocketAddr],
    telemetry_path: &str,
    api: SocketAddr,
) -> anyhow::Result<()> {
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
pub(super) struct Report {
    colour: bool,
}

impl Report {
    /// With colour on a terminal only, and not against the reader's wish.
    pub(super) fn new() -> Self {
        Self { colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// One line for each account as its first poll ends, then how to stop.
    pub(super) async fn first_round(&self, store: &Store, listed: usize) -> anyhow::Result<()> {
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
            if known.len() == told.len()
                && expected(store, listed).is_some_and(|expected| told.len() >= expected)
            {
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

//! Signals become one token. The first SIGTERM or SIGINT asks for an orderly end, the second one
//! ends at once.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Longest orderly end. Orchestrators kill after 30 s by default. A poll is a token call, a data call
/// for each collector and one repeat, each of at most `api.timeout`: where nothing answers, polls may
/// take longer and are cut off.
pub const GRACE: Duration = Duration::from_secs(20);

/// The signals that end the process.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// The signal that asks for a reload. Taken over early, it never kills.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Takes over SIGHUP from here on. One that comes before [`Hangups::next`] is not lost.
    pub fn listen() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::hangup()).context("cannot listen for signals")?))
    }

    /// Returns at the next SIGHUP.
    pub async fn next(&mut self) {
        // There is no end to signals.
        self.0.recv().await.unwrap_or_default();
    }
}

impl Signals {
    /// Takes over SIGTERM and SIGINT from here on.
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Runs `work` until it ends by itself or a signal asks it to, through `stop`. An error when a
    /// second signal or the deadline of [`GRACE`] cuts it off.
    pub async fn run<F>(mut self, stop: CancellationToken, work: F) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        tokio::pin!(work);
        let name = tokio::select! {
            result = &mut work => return result,
            name = self.next() => name,
        };
        tracing::info!(
            signal = name,
            grace_seconds = GRACE.as_secs(),
            "stopping; a second signal ends at once"
        );
        stop.cancel();
        tokio::select! {
            result = &mut work => result,
            name = self.next() => bail!("ended at once by a second signal, {name}"),
            () = tokio::time::sleep(GRACE) => bail!("the end took longer than {} s and was cut off", GRACE.as_secs()),
        }
    }
}

//! Tells systemd how far the service is, where it asks for that (`Type=notify`). Reads `NOTIFY_SOCKET`,
//! changes nothing of the environment, and holds nobody up who cannot be told.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::spawn_blocking;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::counted::counted;
use crate::store::{LastPoll, Store};

/// How often the status line is brought in line with the accounts.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Longest wait for a service manager that does not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// The service manager, if there is one that wants to be told.
#[derive(Clone, Debug, Default)]
pub struct Systemd {
    /// As in `NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    socket: Option<OsString>,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The service does its work, as this status line says.
    Ready(String),
    /// As this status line says now.
    Working(String),
    /// The configuration is being read anew; [`Told::Ready`] follows, however that ends.
    Reloading,
    /// The orderly end has begun.
    Stopping,
}

impl Systemd {
    /// The one that the environment names.
    pub fn from_environment() -> Self {
        Self { socket: std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) }
    }

    /// Tells it, and returns when that is sent. What cannot be sent is logged.
    pub async fn tell(&self, told: Told) {
        let Some(socket) = self.socket.clone() else { return };
        // A service manager that is busy lets a sender wait.
        let sent = spawn_blocking(move || told.send(&socket)).await.map_err(io::Error::other);
        if let Err(error) = sent.flatten() {
            tracing::warn!(%error, "systemd cannot be told how the service fares");
        }
    }

    /// Keeps the status line true until `stop`, then tells of the stop.
    pub async fn follow(self, store: Arc<Store>, stop: CancellationToken) {
        if self.socket.is_none() {
            return stop.cancelled().await;
        }
        let mut told = status(&store);
        let mut ticks = tokio::time::interval(STATUS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = status(&store);
            if now != told {
                self.tell(Told::Working(now.clone())).await;
                told = now;
            }
        }
        self.tell(Told::Stopping).await;
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}

impl Told {
    fn send(&self, socket: &OsStr) -> io::Result<()> {
        let sender = UnixDatagram::unbound()?;
        sender.set_write_timeout(Some(PATIENCE))?;
        // Not by `sd_notify::notify`, which takes every name for a path.
        sender.send_to_addr(self.message()?.as_bytes(), &address(socket)?)?;
        Ok(())
    }

    fn message(&self) -> io::Result<String> {
        let states = match self {
            Self::Ready(status) => vec![NotifyState::Ready, NotifyState::Status(status)],
            Self::Working(status) => vec![NotifyState::Status(status)],
            Self::Reloading => vec![
                NotifyState::Reloading,
                NotifyState::monotonic_usec_now()?,
                NotifyState::Status("reading the configuration anew"),
            ],
            Self::Stopping => vec![
                NotifyState::Stopping,
                NotifyState::Status("stopping: polls and answers in progress are ended"),
            ],
        };
        Ok(states.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

/// How the accounts fare, in one line.
pub fn status(store: &Store) -> String {
    let readings = store.snapshot();
    let (mut pending, mut failing) = (0, 0);
    for one in &readings {
        if one.last_polls().any(is_failed) {
            failing += 1;
        } else if one.last_poll == LastPoll::Pending {
            pending += 1;
        }
    }
    let fine = readings.len() - pending - failing;
    let mut line = format!("{}: {fine} fine", counted(readings.len(), "account"));
    let failing_platforms = store.platforms().iter().filter(|one| is_failed(&one.last_call)).count();
    for (number, what) in [
        (failing, "failing"),
        (pending, "not polled yet"),
        (failing_platforms, "platforms failing"),
        (store.config_faults().len(), "faults in the configuration that was read last"),
    ] {
        if number > 0 {
            // Writing to a String cannot fail.
            _ = write!(line, ", {number} {what}");
        }
    }
    line
}

fn is_failed(last_poll: &LastPoll) -> bool {
    matches!(last_poll, LastPoll::Failed(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fleet::{account, failed, pending, platforms, succeeded};
    use crate::store::PlatformReadings;
    use crate::wechat::class::ErrorClass;

    #[test]
    fn the_status_line_says_how_the_accounts_fare() {
        let store = Store::default();
        assert_eq!(status(&store), "0 accounts: 0 fine");
        let fine = |name| succeeded(account(name), Duration::ZERO);
        store.publish_all(vec![Arc::new(fine("a")), Arc::new(fine("b"))], &[], None);
        assert_eq!(status(&store), "2 accounts: 2 fine");
        store.publish(Arc::new(failed(fine("c"), ErrorClass::Ip, None)));
        store.publish(Arc::new(pending(account("d"))));
        for platform in platforms() {
            store.publish_platform(PlatformReadings::clone(&platform));
        }
        store.publish_config_faults(vec!["x".to_owned(), "y".to_owned()]);
        assert_eq!(
            status(&store),
            "4 accounts: 2 fine, 1 failing, 1 not polled yet, 1 platforms failing, \
             2 faults in the configuration that was read last"
        );
    }

    #[test]
    fn messages_are_those_of_sd_notify() {
        let message = |told: Told| told.message().unwrap();
        assert_eq!(message(Told::Ready("a".to_owned())), "READY=1\nSTATUS=a");
        assert_eq!(message(Told::Working("b".to_owned())), "STATUS=b");
        assert!(message(Told::Stopping).starts_with("STOPPING=1\nSTATUS="));
        let reloading = message(Told::Reloading);
        let since_boot = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(since_boot.split('\n').next().unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    }
}

//! Prometheus, Alertmanager and their tools, of two generations. `make test` installs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::program::within;

/// The project's directory.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Debian 12's: Prometheus 2.42, Alertmanager 0.25.
    Installed,
    /// Debian testing's: Prometheus 3, Alertmanager 0.33 or newer.
    Newer,
}

impl Generation {
    pub(crate) const BOTH: [Self; 2] = [Self::Installed, Self::Newer];

    /// What runs a program of this name.
    pub(crate) fn program(self, name: &str) -> String {
        let path: PathBuf = match self {
            Self::Installed => name.into(),
            Self::Newer => root().join(".tools/prometheus-3/usr/bin").join(name),
        };
        path.into_os_string().into_string().unwrap()
    }
}

/// A server on a free port, until it is dropped.
pub(crate) struct Daemon {
    pub(crate) url: String,
    _child: Child,
    _reader: JoinSet<()>,
}

impl Daemon {
    /// Starts it and waits until it says where it listens.
    pub(crate) async fn start(program: &str, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).arg("--web.listen-address=127.0.0.1:0").kill_on_drop(true);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child =
            spawned.unwrap_or_else(|error| panic!("cannot run {program}, see `make test`: {error}"));
        let log = Arc::<Mutex<String>>::default();
        let (told, address) = oneshot::channel();
        let mut reader = JoinSet::new();
        reader.spawn(read(child.stderr.take().unwrap(), Arc::clone(&log), told));
        let Ok(address) = within("where it listens", address).await else {
            panic!("{program} ended:\n{}", log.lock().unwrap_or_else(PoisonError::into_inner));
        };
        Self { url: format!("http://{address}"), _child: child, _reader: reader }
    }

    /// An answer of its API; nothing while it has none.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url)).query(query);
        request.send().await.ok()?.json().await.ok()
    }
}

/// Reads a log to its end, and tells the address in it.
async fn read(stderr: ChildStderr, log: Arc<Mutex<String>>, told: oneshot::Sender<String>) {
    let mut told = Some(told);
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains("msg=\"Listening on\"")
            && let Some((_, address)) = line.split_once("address=")
            && let Some(told) = told.take()
        {
            told.send(address.to_owned()).ok();
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}

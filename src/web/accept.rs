//! The accept loop: serves a router on a bound listener, with a bound on connections, until told
//! to stop.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::web::connection::{self, ConnectionLimits};
use crate::web::progress::Progress;

/// How long accepting rests after an error such as "too many open files", which lasts: without a
/// rest the loop would spin.
const ACCEPT_REST: Duration = Duration::from_secs(1);

/// Serves `router` until `stop`; then closes idle connections at once, lets answers in progress
/// end, and returns when all connections have ended. Each answer is bounded by `limits`, the end
/// as a whole is not: the caller puts its own deadline around it. Dropping the future cuts all.
pub async fn serve(listener: TcpListener, router: Router, limits: ConnectionLimits, stop: CancellationToken) {
    let mut connections = Connections::new(router, limits, stop);
    while let Some(stream) = connections.accept(&listener).await {
        if !connections.make_room().await {
            break;
        }
        connections.start(stream);
    }
    // What waits in the backlog is refused now, not after the last answer.
    drop(listener);
    connections.ended().await;
}

struct Entry {
    progress: Arc<Progress>,
    leave: CancellationToken,
}

struct Connections {
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    entries: HashMap<Id, Entry>,
    went_idle: Arc<Notify>,
}

impl Connections {
    fn new(router: Router, limits: ConnectionLimits, stop: CancellationToken) -> Self {
        Self {
            router,
            limits,
            stop,
            tasks: JoinSet::new(),
            entries: HashMap::new(),
            went_idle: Arc::default(),
        }
    }

    /// The next connection; nothing once stopped.
    async fn accept(&mut self, listener: &TcpListener) -> Option<TcpStream> {
        let mut failed = false;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                Some(ended) = self.tasks.join_next_with_id() => forget(&mut self.entries, ended),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => return Some(stream),
                    Err(error) if is_the_clients(&error) => {}
                    Err(error) => {
                        if !failed {
                            tracing::error!(%error, "accepting connections fails");
                        }
                        failed = true;
                        tokio::select! {
                            () = self.stop.cancelled() => return None,
                            () = sleep(ACCEPT_REST) => {}
                        }
                    }
                }
            }
        }
    }

    /// Waits until one more connection may start, asking the oldest idle one to leave if that is
    /// needed. `false` once stopped.
    async fn make_room(&mut self) -> bool {
        // Connections that ended unnoticed are room too.
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            forget(&mut self.entries, ended);
        }
        while self.tasks.len() >= self.limits.connections {
            self.ask_oldest_idle_to_leave();
            tokio::select! {
                () = self.stop.cancelled() => return false,
                Some(ended) = self.tasks.join_next_with_id() => forget(&mut self.entries, ended),
                () = self.went_idle.notified() => {}
            }
        }
        true
    }

    fn ask_oldest_idle_to_leave(&self) {
        let idle = |entry: &Entry| entry.progress.idle_since();
        // One at a time: whoever was asked and is still idle is about to end.
        let asked = |entry: &&Entry| entry.leave.is_cancelled() && idle(entry).is_some();
        if self.entries.values().any(|entry| asked(&entry)) {
            return;
        }
        let oldest = self.entries.values().filter_map(|entry| Some((idle(entry)?, entry)));
        if let Some((_, entry)) = oldest.min_by_key(|(since, _)| *since) {
            // Asked, not aborted: a request that arrives this very moment is still answered.
            entry.leave.cancel();
        }
    }

    fn start(&mut self, stream: TcpStream) {
        // Small answers should not wait for the client's acknowledgement of the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a new connection is already gone");
            return;
        }
        let progress = Arc::new(Progress::new(Arc::clone(&self.went_idle)));
        let leave = self.stop.child_token();
        let task =
            connection::run(stream, self.router.clone(), self.limits, Arc::clone(&progress), leave.clone());
        let id = self.tasks.spawn(task).id();
        self.entries.insert(id, Entry { progress, leave });
    }

    async fn ended(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

fn forget(entries: &mut HashMap<Id, Entry>, ended: Result<(Id, ()), JoinError>) {
    let id = match ended {
        Ok((id, ())) => id,
        Err(error) => {
            tracing::error!(%error, "answering a request failed");
            error.id()
        }
    };
    entries.remove(&id);
}

/// Whether an accept error is about one client that went away again, not about this process.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests;

//! The accept loop: serves a router on bound listeners, with one bound on the connections of all of
//! them, until told to stop.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::web::connection::{self, ConnectionLimits, LAST_LOOK};
use crate::web::guard::{Guard, guarded};
use crate::web::progress::Progress;
use crate::web::secure;

/// How long accepting rests after an error such as "too many open files", which lasts: without a
/// rest the loop would spin.
const ACCEPT_REST: Duration = Duration::from_secs(1);

/// Serves `router` on all `listeners` until `stop`, behind `guard` if there is one; then closes idle connections at once, lets answers in progress
/// end, and returns when all connections have ended. Each answer is bounded by `limits`, the end
/// as a whole is not: the caller puts its own deadline around it. Dropping the future cuts all.
pub async fn serve(
    listeners: Vec<TcpListener>,
    router: Router,
    guard: Option<Arc<Guard>>,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let mut listeners = Listeners { listeners, first: 0 };
    let mut connections = Connections::new(router, guard, limits, stop);
    while let Some(stream) = connections.accept(&mut listeners).await {
        if !connections.make_room().await {
            break;
        }
        connections.start(stream);
    }
    connections.take_backlog(&mut listeners).await;
    // Who comes later is refused now, not after the last answer.
    drop(listeners);
    connections.ended().await;
}

/// All listeners, which take turns.
struct Listeners {
    listeners: Vec<TcpListener>,
    /// Which one is asked first.
    first: usize,
}

impl Listeners {
    /// The next connection of any of them. Nothing is lost when the future is dropped.
    async fn accept(&mut self) -> io::Result<TcpStream> {
        poll_fn(|context| {
            let count = self.listeners.len();
            for (at, listener) in self.listeners.iter().enumerate().cycle().skip(self.first).take(count) {
                if let Poll::Ready(accepted) = listener.poll_accept(context) {
                    // A flood on one of them must not keep the others waiting.
                    self.first = (at + 1) % count;
                    return Poll::Ready(accepted.map(|(stream, _)| stream));
                }
            }
            Poll::Pending
        })
        .await
    }
}

struct Entry {
    progress: Arc<Progress>,
    leave: CancellationToken,
}

struct Connections {
    router: Router,
    guard: Option<Arc<Guard>>,
    limits: ConnectionLimits,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    entries: HashMap<Id, Entry>,
    went_idle: Arc<Notify>,
}

impl Connections {
    fn new(
        router: Router,
        guard: Option<Arc<Guard>>,
        limits: ConnectionLimits,
        stop: CancellationToken,
    ) -> Self {
        let router = match &guard {
            Some(guard) => guarded(router, Arc::clone(guard)),
            None => router,
        };
        Self {
            router,
            guard,
            limits,
            stop,
            tasks: JoinSet::new(),
            entries: HashMap::new(),
            went_idle: Arc::default(),
        }
    }

    /// The next connection; nothing once stopped.
    async fn accept(&mut self, listeners: &mut Listeners) -> Option<TcpStream> {
        let mut failed = false;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                Some(ended) = self.tasks.join_next_with_id() => forget(&mut self.entries, ended),
                accepted = listeners.accept() => match accepted {
                    Ok(stream) => return Some(stream),
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

    /// Begins with those who had connected by the stop, as far as there is room.
    async fn take_backlog(&mut self, listeners: &mut Listeners) {
        let until = Instant::now() + LAST_LOOK;
        while self.tasks.len() < self.limits.connections
            && let Ok(Ok(stream)) = timeout_at(until, listeners.accept()).await
        {
            self.start(stream);
        }
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
        let (router, limits, left) = (self.router.clone(), self.limits, leave.clone());
        let watched = Arc::clone(&progress);
        let task = match &self.guard {
            None => {
                let left = left.cancelled_owned();
                self.tasks.spawn(connection::run(stream, None, router, limits, watched, left))
            }
            Some(guard) => {
                self.tasks.spawn(secure::run(stream, Arc::clone(guard), router, limits, watched, left))
            }
        };
        let id = task.id();
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

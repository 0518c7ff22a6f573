//! One connection: HTTP/1.1 by hyper under time limits. Hyper's own `header_read_timeout` cannot
//! serve here, because it also runs while a kept-alive connection is idle.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, sleep_until};

use crate::web::guard::Origin;
use crate::web::progress::{Progress, WatchedBody, WatchedStream};

/// What one client may take. A connection that passes a time limit is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// From the first byte of a request head to its end.
    pub header: Duration,
    /// A write that makes no progress, because the client does not read.
    pub stalled_write: Duration,
    /// From the end of a request head to the last byte of its answer.
    pub answer: Duration,
    /// Between requests, and before the first.
    pub idle: Duration,
    /// Most connections at once, on all listeners together.
    pub connections: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(5),
            stalled_write: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            connections: 512,
        }
    }
}

/// Longest request head: a browser's cookies for the same host name fit, a flood does not.
const HEAD_BYTES: usize = 16 * 1024;

/// Bound on hyper's read buffer and on what it gathers before a write; an answer's single large
/// chunk is passed through uncopied whatever its size.
const BUFFER_BYTES: usize = 2 * HEAD_BYTES;

/// When something is to end that clients may just have sent to: a moment in which the runtime looks at
/// its sockets once more, which it does before its timers.
pub(super) const LAST_LOOK: Duration = Duration::from_millis(2);

/// Serves requests from `stream` until the client goes, a limit is passed, or `left` is over and the
/// request that came before, if one did, is answered. A guard finds `origin` with each request.
pub(super) async fn run<S>(
    stream: S,
    origin: Option<Origin>,
    router: Router,
    limits: ConnectionLimits,
    progress: Arc<Progress>,
    left: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = watched(router, origin, Arc::clone(&progress));
    let io = TokioIo::new(WatchedStream::new(stream, Arc::clone(&progress)));
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_header_size(HEAD_BYTES).max_buf_size(BUFFER_BYTES);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut left = pin!(async {
        left.await;
        sleep(LAST_LOOK).await;
    });
    let mut leaving = false;
    let mut alarm = pin!(sleep_until(progress.deadline(&limits)));

    poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // After `connection`, which has begun with a request that came before.
        if !leaving && left.as_mut().poll(cx).is_ready() {
            leaving = true;
            connection.as_mut().graceful_shutdown();
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        // Progress moves only while `connection` is polled, so it is looked at right after. A
        // deadline that moved away is noticed when the alarm goes: a request that ends in time
        // costs no timer.
        loop {
            let deadline = progress.deadline(&limits);
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            ready!(alarm.as_mut().poll(cx));
            if deadline <= Instant::now() {
                tracing::debug!("connection cut: it passed a time limit");
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    })
    .await;
}

fn watched(
    router: Router,
    origin: Option<Origin>,
    progress: Arc<Progress>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<WatchedBody>,
    Error = std::convert::Infallible,
    Future: Send,
> {
    let router = TowerToHyperService::new(router);
    service_fn(move |mut request: Request<Incoming>| {
        progress.request_began();
        if let Some(origin) = origin {
            request.extensions_mut().insert(origin);
        }
        let progress = Arc::clone(&progress);
        let answer = router.call(request);
        async move { answer.await.map(|answer| answer.map(|body| WatchedBody::new(body, progress))) }
    })
}

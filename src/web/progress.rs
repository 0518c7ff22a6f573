//! How far a connection is, as seen from outside hyper: the stream and the answer's body report
//! here, and the time limits are read from it. Decides nothing.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::web::connection::ConnectionLimits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request in progress.
    Idle,
    /// Some bytes of a request head came.
    Head,
    /// The head is read, the answer's last byte is not yet written.
    Answer {
        /// Hyper has taken the whole body, so the next finished flush ends the answer.
        body_taken: bool,
    },
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    stalled_since: Option<Instant>,
    /// Bytes came during an answer: the next request may have begun.
    read_ahead: bool,
}

/// The progress of one connection, shared by the connection and the accept loop.
#[derive(Debug)]
pub(super) struct Progress {
    // Held for a few instructions only, never across an await.
    state: Mutex<State>,
    went_idle: Arc<Notify>,
}

impl Progress {
    /// Of a connection accepted now; wakes `went_idle` whenever a request has ended.
    pub(super) fn new(went_idle: Arc<Notify>) -> Self {
        let state =
            State { phase: Phase::Idle, since: Instant::now(), stalled_since: None, read_ahead: false };
        Self { state: Mutex::new(state), went_idle }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when no request is in progress; nothing while one is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.phase == Phase::Idle).then_some(state.since)
    }

    /// When the connection is to be cut unless it makes progress before.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Instant {
        let state = self.lock();
        let allowed = match state.phase {
            Phase::Idle => limits.idle,
            Phase::Head => limits.header,
            Phase::Answer { .. } => limits.answer,
        };
        let end = state.since + allowed;
        state.stalled_since.map_or(end, |since| end.min(since + limits.stalled_write))
    }

    /// A request head was read to its end.
    pub(super) fn request_began(&self) {
        let mut state = self.lock();
        // A pipelined request may begin before the last answer is flushed. It inherits that
        // answer's start, or a client could put the limit off for ever.
        if !matches!(state.phase, Phase::Answer { .. }) {
            state.since = Instant::now();
        }
        state.phase = Phase::Answer { body_taken: false };
        state.read_ahead = false;
    }

    fn body_taken(&self) {
        if let Phase::Answer { body_taken } = &mut self.lock().phase {
            *body_taken = true;
        }
    }

    fn bytes_came(&self) {
        let mut state = self.lock();
        match state.phase {
            Phase::Idle => (state.phase, state.since) = (Phase::Head, Instant::now()),
            Phase::Head => {}
            Phase::Answer { .. } => state.read_ahead = true,
        }
    }

    fn note_write<T>(&self, outcome: &Poll<io::Result<T>>) {
        let mut state = self.lock();
        match outcome {
            Poll::Pending => _ = state.stalled_since.get_or_insert_with(Instant::now),
            Poll::Ready(_) => state.stalled_since = None,
        }
    }

    fn flushed(&self) {
        let mut state = self.lock();
        if state.phase == (Phase::Answer { body_taken: true }) {
            state.phase = if state.read_ahead { Phase::Head } else { Phase::Idle };
            state.since = Instant::now();
            drop(state);
            self.went_idle.notify_one();
        }
    }
}

/// A stream that reports to a [`Progress`].
#[derive(Debug)]
pub(super) struct WatchedStream<S> {
    stream: S,
    progress: Arc<Progress>,
}

impl<S> WatchedStream<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.progress.bytes_came();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.progress.note_write(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.progress.note_write(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.progress.note_write(&outcome);
        if matches!(outcome, Poll::Ready(Ok(()))) {
            self.progress.flushed();
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.progress.note_write(&outcome);
        outcome
    }
}

/// An answer's body that reports when hyper has taken all of it: hyper drops it then.
#[derive(Debug)]
pub(super) struct WatchedBody {
    body: Body,
    progress: Arc<Progress>,
}

impl WatchedBody {
    pub(super) fn new(body: Body, progress: Arc<Progress>) -> Self {
        Self { body, progress }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.progress.body_taken();
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;

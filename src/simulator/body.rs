//! Response bodies that misbehave.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::{Instant, Sleep, sleep};

/// Fails at once. The server has not written the head by then, so that the client sees its connection
/// closed without an answer.
pub(super) struct Broken;

impl Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
    }
}

/// A text that comes in pieces.
pub(super) struct Dripping {
    rest: Bytes,
    piece: usize,
    pause: Duration,
    next: Pin<Box<Sleep>>,
}

impl Dripping {
    const PIECES: u32 = 10;

    /// Spreads `text` over about `time`.
    pub(super) fn new(text: String, time: Duration) -> Self {
        let pause = time / Self::PIECES;
        let piece = text.len().div_ceil(Self::PIECES as usize).max(1);
        Self { rest: text.into(), piece, pause, next: Box::pin(sleep(Duration::ZERO)) }
    }
}

impl Body for Dripping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.next.as_mut().poll(context));
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let deadline = Instant::now() + self.pause;
        self.next.as_mut().reset(deadline);
        let piece = self.piece.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }
}

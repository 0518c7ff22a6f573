//! A page while it is made, and those who read it meanwhile.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{RenderingFailed, lock};

type Message = Result<Bytes, RenderingFailed>;

/// A page that is being made, or is made. Alive while somebody reads it.
#[derive(Debug, Default)]
pub(super) struct Made {
    // Held for a few instructions only, never across an await.
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    /// All so far, if it is kept whole.
    kept: Option<Vec<Bytes>>,
    has_ended: bool,
    /// Who is passed the parts that come.
    readers: Vec<UnboundedSender<Message>>,
}

impl Made {
    /// Keeps it whole. To be called before its first part is made.
    pub(super) fn keep(&self) {
        lock(&self.parts).kept = Some(Vec::new());
    }

    /// Whether it can still be read from its beginning.
    pub(super) fn is_kept(&self) -> bool {
        lock(&self.parts).kept.is_some()
    }

    /// Reads it from its beginning. Before that is made, or if it is kept.
    pub(super) fn read(page: &Arc<Self>) -> Reading {
        let (sender, parts) = unbounded_channel();
        let mut made = lock(&page.parts);
        for part in made.kept.iter().flatten() {
            pass(&sender, Ok(part.clone()));
        }
        if !made.has_ended {
            made.readers.push(sender);
        }
        Reading { parts, page: Arc::clone(page) }
    }

    /// Passes the next part on to all who read.
    pub(super) fn pass_on(&self, part: Bytes) {
        let mut made = lock(&self.parts);
        made.readers.retain(|reader| pass(reader, Ok(part.clone())));
        if let Some(kept) = &mut made.kept {
            kept.push(part);
        }
    }

    /// No part will follow, which those who read it have yet to be told. One that failed is not kept:
    /// nobody else shall share the failure.
    pub(super) fn end(&self, how: Result<(), RenderingFailed>) -> Untold {
        let mut made = lock(&self.parts);
        made.has_ended = true;
        if how.is_err() {
            made.kept = None;
        }
        Untold { how, readers: std::mem::take(&mut made.readers) }
    }
}

/// The readers of a page that has ended.
#[must_use]
pub(super) struct Untold {
    how: Result<(), RenderingFailed>,
    readers: Vec<UnboundedSender<Message>>,
}

impl Untold {
    pub(super) fn tell(self) {
        for reader in self.readers {
            if let Err(error) = self.how {
                pass(&reader, Err(error));
            }
        }
    }
}

/// Whether there is somebody yet.
fn pass(reader: &UnboundedSender<Message>, message: Message) -> bool {
    reader.send(message).is_ok()
}

/// The parts of a page that are not yet read.
#[derive(Debug)]
pub(super) struct Reading {
    parts: UnboundedReceiver<Message>,
    page: Arc<Made>,
}

impl Reading {
    /// Waits until it is known whether the first part is all.
    pub(super) async fn answer(mut self) -> Result<Answer, RenderingFailed> {
        let Some(first) = self.next().await.transpose()? else { return Ok(Answer::Whole(Bytes::new())) };
        match self.next().await.transpose()? {
            None => Ok(Answer::Whole(first)),
            Some(second) => {
                Ok(Answer::InParts(PartsBody { begun: VecDeque::from([first, second]), rest: Some(self) }))
            }
        }
    }

    async fn next(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let held = |part| Bytes::from_owner(Held { part, _page: Arc::clone(&self.page) });
        self.parts.poll_recv(cx).map(|message| message.map(|message| message.map(held)))
    }
}

/// Keeps a page alive for as long as some answer sends a part of it.
struct Held {
    part: Bytes,
    _page: Arc<Made>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.part
    }
}

/// A page as it is sent. It is alive until this, and every part that was taken from it, is dropped.
#[derive(Debug)]
pub enum Answer {
    /// Of a page that is short, or was made as a whole.
    Whole(Bytes),
    /// Of a page that is longer, and may still be in the making.
    InParts(PartsBody),
}

impl Answer {
    /// The same once the page is made to its end, of known length then: for a client that could not be
    /// told that the end is missing.
    pub async fn finished(self) -> Result<Self, RenderingFailed> {
        let Self::InParts(mut body) = self else { return Ok(self) };
        if let Some(mut rest) = body.rest.take() {
            while let Some(part) = rest.next().await.transpose()? {
                body.begun.push_back(part);
            }
        }
        Ok(Self::InParts(body))
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Whole(page) => page.into_response(),
            Self::InParts(parts) => Body::new(parts).into_response(),
        }
    }
}

/// The body of an answer. Ends with an error if the page could not be made to its end.
#[derive(Debug)]
pub struct PartsBody {
    begun: VecDeque<Bytes>,
    rest: Option<Reading>,
}

impl HttpBody for PartsBody {
    type Data = Bytes;
    type Error = RenderingFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RenderingFailed>>> {
        if let Some(part) = self.begun.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        rest.poll_next(cx).map(|message| message.map(|message| message.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_some() {
            return SizeHint::default();
        }
        SizeHint::with_exact(self.begun.iter().map(|part| part.len() as u64).sum())
    }
}

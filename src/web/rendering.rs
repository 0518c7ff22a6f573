//! Pages that are expensive to make are made once for all who wait for them, and few copies are
//! alive at a time, so that memory is bounded whatever the number and slowness of clients.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::Bytes;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::metrics::{Encoding, Format};

/// A page could not be made; the log says so too. The next request tries anew.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the page could not be rendered")]
pub struct RenderingFailed;

/// The metrics page in each format and encoding, each a shared page of its own.
#[derive(Debug)]
pub struct Renderings {
    text: SharedPage,
    text_gzip: SharedPage,
    open_metrics: SharedPage,
    open_metrics_gzip: SharedPage,
}

impl Renderings {
    /// Pages made by `render`, which runs on the blocking pool and may take its time.
    pub fn new(render: impl Fn(Format, Encoding) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let render = Arc::new(render);
        let page = |format, encoding| {
            let render = Arc::clone(&render);
            SharedPage::new(move || Ok(render(format, encoding)))
        };
        Self {
            text: page(Format::Text, Encoding::Identity),
            text_gzip: page(Format::Text, Encoding::Gzip),
            open_metrics: page(Format::OpenMetrics, Encoding::Identity),
            open_metrics_gzip: page(Format::OpenMetrics, Encoding::Gzip),
        }
    }

    /// The page, at least as new as the oldest answer still being sent. Of one format and
    /// encoding, one is rendered at a time and at most two are alive; a page is alive while any
    /// returned `Bytes` of it is.
    pub async fn page(&self, format: Format, encoding: Encoding) -> Result<Bytes, RenderingFailed> {
        let page = match (format, encoding) {
            (Format::Text, Encoding::Identity) => &self.text,
            (Format::Text, Encoding::Gzip) => &self.text_gzip,
            (Format::OpenMetrics, Encoding::Identity) => &self.open_metrics,
            (Format::OpenMetrics, Encoding::Gzip) => &self.open_metrics_gzip,
        };
        page.get().await
    }
}

/// Most pages alive: one that slow clients hold, one fresh for the others.
const MOST_ALIVE: usize = 2;

type Page = Arc<Vec<u8>>;
type Outcome = Option<Result<Page, RenderingFailed>>;

#[derive(Default)]
struct Alive {
    /// The rendering that is under way; whoever comes meanwhile waits for it too.
    under_way: Option<watch::Receiver<Outcome>>,
    /// Newest last.
    pages: Vec<Weak<Vec<u8>>>,
}

/// One page that all who ask for it share.
pub(super) struct SharedPage {
    render: Arc<dyn Fn() -> Result<Vec<u8>, RenderingFailed> + Send + Sync>,
    // Held for a few instructions only, never across an await or a rendering.
    alive: Arc<Mutex<Alive>>,
}

impl fmt::Debug for SharedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPage").finish_non_exhaustive()
    }
}

enum Next {
    Take(Page),
    Await(watch::Receiver<Outcome>),
}

impl SharedPage {
    pub(super) fn new(render: impl Fn() -> Result<Vec<u8>, RenderingFailed> + Send + Sync + 'static) -> Self {
        Self { render: Arc::new(render), alive: Arc::default() }
    }

    /// The page that is being rendered; a new one if none is; the newest alive if
    /// [`MOST_ALIVE`] are.
    pub(super) async fn get(&self) -> Result<Bytes, RenderingFailed> {
        let page = match self.next() {
            Next::Take(page) => page,
            Next::Await(mut outcome) => {
                let outcome = outcome.wait_for(Option::is_some).await.map_err(|_| RenderingFailed)?;
                outcome.clone().unwrap_or(Err(RenderingFailed))?
            }
        };
        Ok(Bytes::from_owner(Held(page)))
    }

    fn next(&self) -> Next {
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = &alive.under_way {
            return Next::Await(under_way.clone());
        }
        alive.pages.retain(|page| page.strong_count() > 0);
        if alive.pages.len() >= MOST_ALIVE
            && let Some(page) = alive.pages.iter().rev().find_map(Weak::upgrade)
        {
            return Next::Take(page);
        }
        let (sender, receiver) = watch::channel(None);
        alive.under_way = Some(receiver.clone());
        self.start(sender);
        Next::Await(receiver)
    }

    /// Renders apart from whoever asked first, so that the others do not depend on that client.
    fn start(&self, sender: watch::Sender<Outcome>) {
        let render = Arc::clone(&self.render);
        let alive = Arc::clone(&self.alive);
        spawn_blocking(move || {
            let rendered = catch_unwind(AssertUnwindSafe(|| render())).unwrap_or(Err(RenderingFailed));
            if rendered.is_err() {
                tracing::error!("rendering a page failed");
            }
            let outcome = rendered.map(Arc::new);
            let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            alive.under_way = None;
            alive.pages.extend(outcome.as_ref().map(Arc::downgrade));
            // The sender holds the page too, so it goes before anybody can count the pages again.
            sender.send_replace(Some(outcome));
            drop(sender);
        });
    }
}

/// Keeps a page alive for as long as some answer sends it.
struct Held(Page);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests;

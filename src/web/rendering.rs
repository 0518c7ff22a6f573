//! Pages that are expensive to make are made once for all who wait for them, and sent while they are
//! made. Few are alive at a time, so that memory is bounded whatever the number and slowness of clients.

mod made;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use thiserror::Error;
use tokio::task::spawn_blocking;

pub use self::made::Answer;
use self::made::{Made, Reading};
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
    /// Pages made by `render`, which runs on the blocking pool, may take its time, and passes on each
    /// part of the page as soon as it is made.
    pub fn new(render: impl Fn(Format, Encoding, &mut dyn FnMut(Vec<u8>)) + Send + Sync + 'static) -> Self {
        let render = Arc::new(render);
        let page = |format, encoding| {
            let render = Arc::clone(&render);
            SharedPage::in_parts(move |pass_on| {
                render(format, encoding, pass_on);
                Ok(())
            })
        };
        Self {
            text: page(Format::Text, Encoding::Identity),
            text_gzip: page(Format::Text, Encoding::Gzip),
            open_metrics: page(Format::OpenMetrics, Encoding::Identity),
            open_metrics_gzip: page(Format::OpenMetrics, Encoding::Gzip),
        }
    }

    /// The page of one format and encoding, as [`SharedPage::get`] says.
    pub async fn page(&self, format: Format, encoding: Encoding) -> Result<Answer, RenderingFailed> {
        let page = match (format, encoding) {
            (Format::Text, Encoding::Identity) => &self.text,
            (Format::Text, Encoding::Gzip) => &self.text_gzip,
            (Format::OpenMetrics, Encoding::Identity) => &self.open_metrics,
            (Format::OpenMetrics, Encoding::Gzip) => &self.open_metrics_gzip,
        };
        page.get().await
    }
}

/// Most pages alive: one that slow clients hold, one for the others.
const MOST_ALIVE: usize = 2;

type Render = dyn Fn(&mut dyn FnMut(Vec<u8>)) -> Result<(), RenderingFailed> + Send + Sync;

/// One page that all who ask for it share.
///
/// One is made at a time and at most [`MOST_ALIVE`] are alive, which a page is while an answer sends it.
/// The first gives its memory back part by part, as far as all have read who asked before it was begun;
/// who comes later waits for the next one. That is kept whole, so that those can share it who come while
/// both are alive.
pub(super) struct SharedPage {
    render: Arc<Render>,
    // Held for a few instructions only, never across an await or a rendering.
    alive: Arc<Mutex<Alive>>,
}

#[derive(Default)]
struct Alive {
    is_making: bool,
    /// Asked for, and begun when the one that is being made is done.
    next: Option<Arc<Made>>,
    /// Newest last.
    pages: Vec<Weak<Made>>,
}

impl fmt::Debug for SharedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPage").finish_non_exhaustive()
    }
}

impl SharedPage {
    /// A page that `render` makes as a whole.
    pub(super) fn new(render: impl Fn() -> Result<Vec<u8>, RenderingFailed> + Send + Sync + 'static) -> Self {
        Self::in_parts(move |pass_on| {
            pass_on(render()?);
            Ok(())
        })
    }

    /// A page of which `render` passes on part by part.
    fn in_parts(
        render: impl Fn(&mut dyn FnMut(Vec<u8>)) -> Result<(), RenderingFailed> + Send + Sync + 'static,
    ) -> Self {
        Self { render: Arc::new(render), alive: Arc::default() }
    }

    /// A page that is begun after this call; or one that is kept whole, if it is being made or
    /// [`MOST_ALIVE`] are alive. Returns when its first part is made.
    pub(super) async fn get(&self) -> Result<Answer, RenderingFailed> {
        let reading = self.read();
        reading.answer().await
    }

    fn read(&self) -> Reading {
        let mut alive = lock(&self.alive);
        if let Some(next) = &alive.next {
            return Made::read(next);
        }
        alive.pages.retain(|page| page.strong_count() > 0);
        if (alive.is_making || alive.pages.len() >= MOST_ALIVE)
            && let Some(kept) = alive.pages.iter().rev().filter_map(Weak::upgrade).find(|page| page.is_kept())
        {
            return Made::read(&kept);
        }
        let page = Arc::new(Made::default());
        let reading = Made::read(&page);
        if alive.is_making {
            alive.next = Some(page);
        } else {
            alive.begin(&page);
            self.make(page);
        }
        reading
    }

    /// Makes a page apart from whoever asked first, so that the others do not depend on that client;
    /// and then the next one, for as long as there is one.
    fn make(&self, mut page: Arc<Made>) {
        let (render, alive) = (Arc::clone(&self.render), Arc::clone(&self.alive));
        spawn_blocking(move || {
            loop {
                let rendered =
                    catch_unwind(AssertUnwindSafe(|| render(&mut |part| page.pass_on(part.into()))))
                        .unwrap_or(Err(RenderingFailed));
                if rendered.is_err() {
                    tracing::error!("rendering a page failed");
                }
                let mut alive = lock(&alive);
                let readers = page.end(rendered);
                // First, so that for those who learn of the end it is alive through themselves alone.
                drop(page);
                readers.tell();
                alive.is_making = false;
                let Some(next) = alive.next.take() else { return };
                alive.begin(&next);
                page = next;
            }
        });
    }
}

impl Alive {
    fn begin(&mut self, page: &Arc<Made>) {
        self.pages.retain(|page| page.strong_count() > 0);
        if !self.pages.is_empty() {
            page.keep();
        }
        self.pages.push(Arc::downgrade(page));
        self.is_making = true;
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

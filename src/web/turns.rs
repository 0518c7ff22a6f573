//! Pages that depend on the request are made one for each: few at a time, and few are alive, so that
//! memory is bounded whatever the number and slowness of clients.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::web::rendering::RenderingFailed;

/// Whose turn it is.
#[derive(Debug)]
pub(super) struct Turns {
    making: Arc<Semaphore>,
    alive: Arc<Semaphore>,
}

impl Turns {
    /// At most `making` pages are made at a time, and at most `alive` are being made or sent.
    pub(super) fn new(making: usize, alive: usize) -> Self {
        Self { making: Arc::new(Semaphore::new(making)), alive: Arc::new(Semaphore::new(alive)) }
    }

    /// The page that `make` makes on the blocking pool, when it is its turn. The turn ends when the
    /// page is no longer held, or was made for a client that has gone.
    pub(super) async fn page(
        &self,
        make: impl FnOnce() -> Result<Vec<u8>, RenderingFailed> + Send + 'static,
    ) -> Result<Bytes, RenderingFailed> {
        let alive = turn(&self.alive).await?;
        let permit = turn(&self.making).await?;
        // The permits go along: a client that leaves does not make room for one more.
        let page = spawn_blocking(move || {
            let text = make();
            drop(permit);
            text.map(|text| Bytes::from_owner(Held { text, _alive: alive }))
        });
        page.await.unwrap_or_else(|_| {
            // The panic has told itself.
            tracing::error!("rendering a page failed");
            Err(RenderingFailed)
        })
    }
}

async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, RenderingFailed> {
    // They are never closed.
    Arc::clone(turns).acquire_owned().await.map_err(|_| RenderingFailed)
}

/// A page with its turn.
struct Held {
    text: Vec<u8>,
    _alive: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::{JoinSet, yield_now};

    use super::*;

    fn numbered(number: u8) -> impl FnOnce() -> Result<Vec<u8>, RenderingFailed> {
        move || Ok(vec![number])
    }

    #[tokio::test]
    async fn a_page_keeps_its_turn_until_it_is_sent() {
        let turns = Arc::new(Turns::new(1, 2));
        let first = turns.page(numbered(1)).await.unwrap();
        let second = turns.page(numbered(2)).await.unwrap();
        let mut third = JoinSet::new();
        let asked = Arc::clone(&turns);
        third.spawn(async move { asked.page(numbered(3)).await });
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(third.try_join_next().is_none(), "there is no room for a third");
        let clone = first.clone();
        drop(first);
        assert_eq!((turns.alive.available_permits(), &clone[..]), (0, &[1][..]), "it is held twice");
        drop(clone);
        assert_eq!(third.join_next().await.unwrap().unwrap().as_deref(), Ok(&[3][..]));
        assert_eq!(second[..], [2]);
    }

    #[tokio::test]
    async fn who_leaves_makes_no_room_before_the_page_is_made() {
        let turns = Arc::new(Turns::new(1, 2));
        let (started, starts) = mpsc::channel();
        let (finish, finishes) = mpsc::channel::<()>();
        let mut client = JoinSet::new();
        let asked = Arc::clone(&turns);
        client.spawn(async move {
            let make = move || {
                started.send(()).unwrap();
                finishes.recv().unwrap();
                Ok(Vec::new())
            };
            asked.page(make).await
        });
        while starts.try_recv().is_err() {
            yield_now().await;
        }
        client.shutdown().await;
        assert_eq!((turns.making.available_permits(), turns.alive.available_permits()), (0, 1));
        finish.send(()).unwrap();
        assert_eq!(turns.page(numbered(4)).await.as_deref(), Ok(&[4][..]));
    }

    #[tokio::test]
    async fn a_page_that_fails_or_panics_gives_its_turn_back() {
        let turns = Turns::new(1, 1);
        assert_eq!(turns.page(|| Err(RenderingFailed)).await, Err(RenderingFailed));
        assert_eq!(turns.page(|| panic!("as this test wants")).await, Err(RenderingFailed));
        assert_eq!(turns.page(numbered(1)).await.as_deref(), Ok(&[1][..]));
    }
}

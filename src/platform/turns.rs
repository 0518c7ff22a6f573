//! What is done for all is done by one, while the others wait for the outcome and look again.

use tokio::sync::watch;

/// One turn at a time.
#[derive(Debug)]
pub(super) struct Turns {
    is_taken: watch::Sender<bool>,
}

/// Whoever holds it is at work. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
}

impl Default for Turns {
    fn default() -> Self {
        Self { is_taken: watch::Sender::new(false) }
    }
}

impl Turns {
    /// The turn; or nothing, after another one's turn has ended.
    pub(super) async fn take(&self) -> Option<Turn<'_>> {
        let mut is_taken = self.is_taken.subscribe();
        if self.is_taken.send_if_modified(|taken| !std::mem::replace(taken, true)) {
            return Some(Turn { turns: self });
        }
        // The sender lives as long as `self`: this ends by the turn's end alone.
        is_taken.wait_for(|taken| !taken).await.map(|_| None).unwrap_or_default()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.is_taken.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_works_and_the_others_look_again() {
        let (turns, worked) = (Arc::new(Turns::default()), Arc::new(AtomicU32::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (turns, worked) = (Arc::clone(&turns), Arc::clone(&worked));
            tasks.spawn(async move {
                let Some(_turn) = turns.take().await else { return };
                tokio::time::sleep(Duration::from_secs(1)).await;
                worked.fetch_add(1, Ordering::Relaxed);
            });
        }
        tasks.join_all().await;
        assert_eq!(worked.load(Ordering::Relaxed), 1);
        assert!(turns.take().await.is_some(), "the turn was given back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_goes_away_gives_its_turn_back() {
        let turns = Turns::default();
        let turn = turns.take().await.unwrap();
        let waiting = turns.take();
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("two turns at once"),
            () = tokio::time::sleep(Duration::from_secs(1)) => drop(turn),
        }
        assert!(waiting.await.is_none(), "it looks again first");
        assert!(turns.take().await.is_some());
    }
}

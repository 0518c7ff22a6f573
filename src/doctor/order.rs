//! Many checks at once, their results one after the other.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio::task::JoinSet;

/// Works on `items`, at most `at_once` of them at a time, and hands each result to `take` in the
/// order of the items as soon as those before it are through. Work in progress ends with the
/// future.
pub(super) async fn in_order<T, F>(
    items: impl IntoIterator<Item = T>,
    at_once: usize,
    work: impl Fn(T) -> F,
    mut take: impl FnMut(F::Output) -> anyhow::Result<()>,
) -> anyhow::Result<()>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut items = items.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut early = BTreeMap::new();
    let mut next = 0;
    loop {
        while running.len() < at_once.max(1)
            && let Some((place, item)) = items.next()
        {
            let work = work(item);
            running.spawn(async move { (place, work.await) });
        }
        let Some(ended) = running.join_next().await else { return Ok(()) };
        let (place, result) = ended.context("a check panicked")?;
        early.insert(place, result);
        while let Some(result) = early.remove(&next) {
            take(result)?;
            next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn results_keep_their_order_and_no_more_run_than_may() {
        let running = Arc::new(AtomicUsize::new(0));
        let mut taken = Vec::new();
        let work = |item: u64| {
            let running = Arc::clone(&running);
            async move {
                assert!(running.fetch_add(1, Ordering::SeqCst) < 3);
                tokio::time::sleep(Duration::from_millis(100 - item * 7 % 50)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                item
            }
        };
        in_order(0..50, 3, work, |item| {
            taken.push(item);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(taken, (0..50).collect::<Vec<_>>());
    }
}

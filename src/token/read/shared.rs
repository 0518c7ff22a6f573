//! One value for all who need it at once: whoever comes first makes it, the others wait for it and
//! share what comes of it, good or bad.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Fault;

/// Values by key. Nothing is kept of a failure once those who waited for it know.
#[derive(Debug)]
pub(super) struct Shared<K, V> {
    entries: Mutex<Vec<(K, Arc<Outcome<V>>)>>,
}

type Outcome<V> = OnceCell<Result<V, Fault>>;

impl<K: PartialEq, V: Clone> Shared<K, V> {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default() }
    }

    /// The value of `key`: the one that is there if it is `fresh`, the one that is being made, or
    /// one from `make`. Values that are not fresh any more are dropped.
    pub(super) async fn get<F: Future<Output = Result<V, Fault>>>(
        &self,
        key: K,
        fresh: impl Fn(&V) -> bool,
        make: impl FnOnce() -> F,
    ) -> Result<V, Fault> {
        let outcome = self.outcome(key, fresh);
        // When the one who makes it goes away, the next in line begins anew.
        outcome.get_or_init(make).await.clone()
    }

    fn outcome(&self, key: K, fresh: impl Fn(&V) -> bool) -> Arc<Outcome<V>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|(_, outcome)| match outcome.get() {
            Some(Ok(value)) => fresh(value),
            Some(Err(_)) => false,
            None => Arc::strong_count(outcome) > 1,
        });
        if let Some((_, outcome)) = entries.iter().find(|(known, _)| *known == key) {
            return Arc::clone(outcome);
        }
        let outcome = Arc::new(Outcome::new());
        entries.push((key, Arc::clone(&outcome)));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_value_is_made_once_for_all_and_again_when_it_is_stale() {
        let shared = Shared::new();
        let count = Cell::new(0);
        let make = || async {
            sleep(SECOND).await;
            count.set(count.get() + 1);
            Ok(count.get())
        };
        let (a, b) = tokio::join!(shared.get("key", |_| true, make), shared.get("key", |_| true, make));
        assert_eq!((a.unwrap(), b.unwrap()), (1, 1));
        assert_eq!(shared.get("other", |_| true, make).await.unwrap(), 2);
        assert_eq!(shared.get("key", |_| true, make).await.unwrap(), 1);
        assert_eq!(shared.get("key", |value| *value > 1, make).await.unwrap(), 3);
        assert_eq!(shared.entries.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_by_nobody_else() {
        let shared = Shared::<&str, u8>::new();
        let fail = || async {
            sleep(SECOND).await;
            Err(Fault::decode("no".to_owned()))
        };
        let (a, b) = tokio::join!(shared.get("key", |_| true, fail), shared.get("key", |_| true, pending));
        assert!(a.is_err() && b.is_err());
        assert_eq!(shared.get("key", |_| true, || ready(Ok(1))).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_in_line_takes_over_from_one_who_went_away() {
        let shared = Shared::<&str, u8>::new();
        let gone = timeout(SECOND, shared.get("key", |_| true, pending));
        let next = shared.get("key", |_| true, || ready(Ok(2)));
        let (gone, next) = tokio::join!(gone, next);
        assert!(gone.is_err());
        assert_eq!(next.unwrap(), 2);
        assert!(timeout(SECOND, shared.get("other", |_| true, pending)).await.is_err());
        assert_eq!(shared.get("key", |_| true, || ready(Ok(3))).await.unwrap(), 2);
        assert_eq!(shared.entries.lock().unwrap().len(), 1, "what nobody makes is dropped");
    }
}

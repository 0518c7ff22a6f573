//! Checks of passwords one at a time, in turns by where they come from: who floods waits for himself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::web::guard::Origin;

/// Most checks of one origin that wait. Prometheus and a few people behind one address fit.
const MOST_OF_ONE: usize = 8;
/// Most checks that wait, far below the number of connections, which would run out otherwise.
const MOST: usize = 64;

/// Hands out one [`Turn`] at a time.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    waiting: usize,
    /// None of them empty. The first one is next.
    queues: VecDeque<Queue>,
}

#[derive(Debug)]
struct Queue {
    origin: Origin,
    waiters: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to check one password, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turns>);

/// There are too many waiting already.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crowded;

impl Turns {
    /// Waits for a turn. Origins take turns too, so that one of them cannot keep the others waiting; the
    /// one with the longest queue makes room for others.
    pub(super) async fn take(self: &Arc<Self>, origin: Origin) -> Result<Turn, Crowded> {
        let waiter = {
            let mut state = self.lock();
            if !state.is_taken {
                state.is_taken = true;
                return Ok(Turn(Arc::clone(self)));
            }
            state.enter(origin)?
        };
        waiter.await.map_err(|_| Crowded)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = self.0.lock().next();
        if let Some(waiter) = next {
            // A turn that nobody waits for any more comes back, is dropped here, and goes on.
            drop(waiter.send(Turn(Arc::clone(&self.0))));
        }
    }
}

impl State {
    fn enter(&mut self, origin: Origin) -> Result<oneshot::Receiver<Turn>, Crowded> {
        self.forget_the_gone();
        let at = self.queues.iter().position(|queue| queue.origin == origin);
        let own = at.map_or(0, |at| self.queues[at].waiters.len());
        if own >= MOST_OF_ONE {
            return Err(Crowded);
        }
        if self.waiting >= MOST {
            let longest = self.queues.iter_mut().max_by_key(|queue| queue.waiters.len());
            let longest = longest.filter(|queue| queue.waiters.len() > own + 1).ok_or(Crowded)?;
            longest.waiters.pop_back();
            self.waiting -= 1;
        }
        let (sender, receiver) = oneshot::channel();
        match at {
            Some(at) => self.queues[at].waiters.push_back(sender),
            None => self.queues.push_back(Queue { origin, waiters: VecDeque::from([sender]) }),
        }
        self.waiting += 1;
        Ok(receiver)
    }

    /// Whose clients went away while they waited.
    fn forget_the_gone(&mut self) {
        for queue in &mut self.queues {
            queue.waiters.retain(|waiter| !waiter.is_closed());
        }
        self.queues.retain(|queue| !queue.waiters.is_empty());
        self.waiting = self.queues.iter().map(|queue| queue.waiters.len()).sum();
    }

    /// Who is next; the turn is free if nobody is.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let next = self.queues.pop_front().and_then(|mut queue| {
            let next = queue.waiters.pop_front();
            if !queue.waiters.is_empty() {
                self.queues.push_back(queue);
            }
            next
        });
        self.waiting -= usize::from(next.is_some());
        self.is_taken = next.is_some();
        next
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::Pin;

    use tokio::task::yield_now;

    use super::*;

    type Wait = Pin<Box<dyn Future<Output = Result<Turn, Crowded>>>>;

    fn origin(last: u8) -> Origin {
        Origin::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    /// One that has asked already.
    async fn waiting(turns: &Arc<Turns>, last: u8) -> Wait {
        let turns = Arc::clone(turns);
        let mut wait: Wait = Box::pin(async move { turns.take(origin(last)).await });
        tokio::select! {
            biased;
            taken = &mut wait => panic!("{taken:?} at once"),
            () = yield_now() => {}
        }
        wait
    }

    /// Which of these is next.
    async fn next(waits: &mut Vec<(u8, Wait)>) -> (u8, Turn) {
        for at in 0..waits.len() {
            let ready = tokio::select! {
                biased;
                taken = &mut waits[at].1 => Some(taken.unwrap()),
                () = yield_now() => None,
            };
            if let Some(turn) = ready {
                return (waits.remove(at).0, turn);
            }
        }
        panic!("nobody is next");
    }

    #[tokio::test]
    async fn origins_take_turns_however_many_come_from_one() {
        let turns = Arc::<Turns>::default();
        let mut turn = turns.take(origin(1)).await.unwrap();
        let mut waits = Vec::new();
        for last in [1, 1, 1, 1, 2, 3, 3] {
            waits.push((last, waiting(&turns, last).await));
        }
        let mut order = Vec::new();
        while !waits.is_empty() {
            drop(turn);
            let (last, next) = next(&mut waits).await;
            order.push(last);
            turn = next;
        }
        assert_eq!(order, [1, 2, 3, 1, 3, 1, 1]);
        drop(turn);
        assert!(turns.take(origin(1)).await.is_ok(), "it is free again");
    }

    #[tokio::test]
    async fn one_origin_may_have_few_waiting_and_another_still_comes_in() {
        let turns = Arc::<Turns>::default();
        let turn = turns.take(origin(1)).await.unwrap();
        let mut waits = Vec::new();
        for _ in 0..MOST_OF_ONE {
            waits.push(waiting(&turns, 1).await);
        }
        assert_eq!(turns.take(origin(1)).await.unwrap_err(), Crowded);
        let other = waiting(&turns, 2).await;
        drop(waits);
        drop(turn);
        assert!(other.await.is_ok(), "those that went away are passed over");
    }

    #[tokio::test]
    async fn when_all_is_full_the_longest_queue_makes_room() {
        let turns = Arc::<Turns>::default();
        let turn = turns.take(origin(0)).await.unwrap();
        let mut waits = Vec::new();
        for at in 0..MOST {
            waits.push(waiting(&turns, u8::try_from(at / MOST_OF_ONE).unwrap()).await);
        }
        let newcomer = waiting(&turns, 200).await;
        let last = MOST / MOST_OF_ONE - 1;
        let displaced = waits.remove((last + 1) * MOST_OF_ONE - 1);
        assert_eq!(displaced.await.unwrap_err(), Crowded);
        drop(waits);
        drop(turn);
        assert!(newcomer.await.is_ok());
    }
}

//! Whether the exporter is ready for scrapes. Set by the program's life cycle, read by `/-/ready`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How far the exporter's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyState {
    /// Some accounts were not polled yet.
    Starting,
    /// Scrapes see all accounts.
    Ready,
    /// On its way out.
    Stopping,
}

const READY: u8 = 1;
const STOPPING: u8 = 2;

/// A handle on the state; clones share it. It only moves forward: ready ends with the stop alone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Every account was polled once, or has had its time. No effect once stopping.
    pub fn mark_ready(&self) {
        self.0.fetch_max(READY, Ordering::Relaxed);
    }

    /// The stop has begun.
    pub fn mark_stopping(&self) {
        self.0.fetch_max(STOPPING, Ordering::Relaxed);
    }

    /// The state now.
    pub fn state(&self) -> ReadyState {
        match self.0.load(Ordering::Relaxed) {
            STOPPING.. => ReadyState::Stopping,
            READY => ReadyState::Ready,
            _ => ReadyState::Starting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_only_moves_forward() {
        let readiness = Readiness::default();
        assert_eq!(readiness.state(), ReadyState::Starting);
        readiness.clone().mark_ready();
        assert_eq!(readiness.state(), ReadyState::Ready);
        readiness.mark_stopping();
        readiness.mark_ready();
        assert_eq!(readiness.state(), ReadyState::Stopping);
    }
}

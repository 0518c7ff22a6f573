//! How far a long check has come, on stderr: in place on a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Accounts checked so far; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Done(Arc<AtomicUsize>);

/// Where progress is shown.
#[derive(Debug)]
pub(super) struct Progress<W> {
    out: W,
    is_terminal: bool,
    total: usize,
    is_shown: Cell<bool>,
}

impl Done {
    /// One more.
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Progress<io::Stderr> {
    /// Of a check of `total` accounts.
    pub(super) fn new(total: usize) -> Self {
        let out = io::stderr();
        Self { is_terminal: out.is_terminal(), out, total, is_shown: Cell::new(false) }
    }
}

impl<W> Progress<W>
where
    for<'w> &'w W: Write,
{
    /// Shows how many are `done`, again and again, until it cannot be written any more.
    pub(super) async fn show(&self, done: &Done) -> io::Result<Infallible> {
        let every = if self.is_terminal { Duration::from_millis(200) } else { Duration::from_secs(10) };
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let text = format!("checked {} of {} accounts", done.count(), self.total);
            if self.is_terminal {
                write!(&self.out, "\r{text}")?;
                (&self.out).flush()?;
                self.is_shown.set(true);
            } else {
                writeln!(&self.out, "{text}")?;
            }
        }
    }

    /// Clears the line in place, so that something else can be written there.
    pub(super) fn hide(&self) -> io::Result<()> {
        if self.is_shown.take() {
            write!(&self.out, "\r\x1b[K")?;
            (&self.out).flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Seek};

    use super::*;

    async fn shown(is_terminal: bool, after: Duration) -> String {
        let mut file = tempfile::tempfile().unwrap();
        let progress = Progress::<File> {
            out: file.try_clone().unwrap(),
            is_terminal,
            total: 30,
            is_shown: Cell::new(false),
        };
        let done = Done::default();
        (0..7).for_each(|_| done.add_one());
        assert!(tokio::time::timeout(after, progress.show(&done)).await.is_err(), "it goes on");
        progress.hide().unwrap();
        progress.hide().unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_terminal_has_one_line_and_a_log_one_every_ten_seconds() {
        assert_eq!(shown(true, Duration::from_millis(300)).await, "\rchecked 7 of 30 accounts\r\x1b[K");
        assert_eq!(shown(false, Duration::from_secs(9)).await, "");
        assert_eq!(shown(false, Duration::from_secs(21)).await, "checked 7 of 30 accounts\n".repeat(2));
    }
}

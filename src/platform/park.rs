//! When a platform's component calls may go out. Pure: reads no clock, does no I/O.
//!
//! Until the first call has succeeded, and after a failure, one call at a time finds out whether
//! the platform works: a whole fleet must not run into the same refusal.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::WallTime;
use crate::poll::backoff::{self, Waiting};
use crate::store::{Failing, LastPoll};
use crate::wechat::class::ErrorClass;

/// Stands for an account's interval in the delays of the table of classes, a platform having none:
/// its probe costs one call for all of its accounts, and the quota of `quota_minute` is a minute's.
const INTERVAL: Duration = Duration::from_secs(60);

/// What a platform's failures come to.
#[derive(Debug)]
pub(super) struct Park {
    /// The platform's place on the ring, for jitter.
    place: u64,
    /// What is shown: moves only when a call has succeeded or all its attempts have failed.
    shown: LastPoll,
    closed: Option<Closed>,
    /// Failures of one class in a row, attempts not counted.
    streak: Option<(ErrorClass, u32)>,
    /// Attempts of the current call that have failed.
    attempt: u32,
    is_probing: bool,
    /// Counts openings and closings. A call that began before the last one says nothing new.
    epoch: u64,
}

#[derive(Debug)]
struct Closed {
    failing: Failing,
    until: Instant,
    reason: Reason,
}

/// Why no call goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Another attempt follows in a second or two.
    Attempt,
    /// The platform is parked.
    Parked,
}

/// What a caller may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Call.
    Open(Ticket),
    /// Wait: the first call of all is under way.
    Wait,
    /// Do without.
    Closed(Failing, Reason),
}

/// The right to make one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    epoch: u64,
    is_probe: bool,
}

/// Whether a call could go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Now.
    Open,
    /// Not before this moment.
    At(Instant),
    /// When the probe that is under way has ended.
    AfterProbe,
}

/// What a call's outcome changed in what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// The first success of all.
    Works,
    /// The platform works again.
    Recovered,
    /// The platform fails, and did not before, or in another way.
    Failing,
    /// It fails as before.
    StillFailing,
}

impl Park {
    /// A platform that was never called.
    pub(super) fn new(place: u64) -> Self {
        Self {
            place,
            shown: LastPoll::Pending,
            closed: None,
            streak: None,
            attempt: 0,
            is_probing: false,
            epoch: 0,
        }
    }

    /// What is shown of the platform.
    pub(super) fn shown(&self) -> &LastPoll {
        &self.shown
    }

    /// Lets a call in, if it may go out.
    pub(super) fn enter(&mut self, now: Instant) -> Entry {
        if let Some(closed) = &self.closed
            && (self.is_probing || now < closed.until)
        {
            return Entry::Closed(closed.failing.clone(), closed.reason);
        }
        let is_known_to_work = self.closed.is_none() && self.shown != LastPoll::Pending;
        if !is_known_to_work && self.is_probing {
            return Entry::Wait;
        }
        self.is_probing = !is_known_to_work;
        Entry::Open(Ticket { epoch: self.epoch, is_probe: self.is_probing })
    }

    /// The failure that keeps calls from going out, without asking to make one.
    pub(super) fn closed(&self) -> Option<(&Failing, Reason)> {
        self.closed.as_ref().map(|closed| (&closed.failing, closed.reason))
    }

    /// When a call could go out.
    pub(super) fn outlook(&self, now: Instant) -> Outlook {
        match &self.closed {
            Some(closed) if now < closed.until => Outlook::At(closed.until),
            Some(_) if self.is_probing => Outlook::AfterProbe,
            Some(_) | None => Outlook::Open,
        }
    }

    /// Whether nothing was learned of the platform since the ticket was given out.
    pub(super) fn is_current(&self, ticket: Ticket) -> bool {
        ticket.epoch == self.epoch
    }

    /// The platform answered as it should.
    pub(super) fn succeeded(&mut self, ticket: Ticket) -> Change {
        if !self.end(ticket) {
            return Change::None;
        }
        self.attempt = 0;
        self.streak = None;
        if self.closed.take().is_some() {
            self.epoch += 1;
        }
        match std::mem::replace(&mut self.shown, LastPoll::Succeeded) {
            LastPoll::Pending => Change::Works,
            LastPoll::Succeeded => Change::None,
            LastPoll::Failed(_) => Change::Recovered,
        }
    }

    /// The platform failed: no call goes out for a while. `now` and `wall` are the same moment.
    pub(super) fn failed(
        &mut self,
        ticket: Ticket,
        failing: Failing,
        now: Instant,
        wall: WallTime,
    ) -> Change {
        if !self.end(ticket) {
            return Change::None;
        }
        self.epoch += 1;
        let waiting = Waiting { interval: INTERVAL, place: self.place, now: wall };
        if let Some(delay) = backoff::attempt_delay(&failing, self.attempt, waiting) {
            self.attempt += 1;
            let until = now + delay;
            self.closed = Some(match &self.shown {
                // What is shown stays true until the last attempt.
                LastPoll::Failed(shown) => Closed { failing: shown.clone(), until, reason: Reason::Parked },
                _ => Closed { failing, until, reason: Reason::Attempt },
            });
            return Change::None;
        }
        self.attempt = 0;
        let n = match self.streak {
            Some((class, n)) if class == failing.class => n.saturating_add(1),
            _ => 0,
        };
        self.streak = Some((failing.class, n));
        let until = now + backoff::delay(&failing, n, waiting);
        self.closed = Some(Closed { failing: failing.clone(), until, reason: Reason::Parked });
        let class = failing.class;
        match std::mem::replace(&mut self.shown, LastPoll::Failed(failing)) {
            LastPoll::Failed(before) if before.class == class => Change::StillFailing,
            _ => Change::Failing,
        }
    }

    /// The call was given up before it came to anything.
    pub(super) fn abandoned(&mut self, ticket: Ticket) {
        self.end(ticket);
    }

    /// Whether the ticket's call still counts. Ends it if it was the probe.
    fn end(&mut self, ticket: Ticket) -> bool {
        let counts = self.is_current(ticket);
        if counts && ticket.is_probe {
            self.is_probing = false;
        }
        counts
    }
}

#[cfg(test)]
mod tests;

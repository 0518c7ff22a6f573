//! When accounts are polled and what a poll does: the scheduler owns all account state and lends
//! it to a poll by value.

pub mod account;
pub mod backoff;
pub mod change;
pub mod schedule;
pub mod scheduler;
pub mod spacing;
pub mod state;

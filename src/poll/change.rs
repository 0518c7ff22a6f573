//! What changes the fleet while the scheduler runs. All of it comes by one channel, so that what
//! was said first is done first.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::{Account, AccountName};

/// A change of the fleet.
#[derive(Debug)]
pub enum FleetChange {
    /// A platform's discovery found an account, or learnt new settings of one. Ignored where the
    /// configuration lists an account of that name.
    Set(Arc<Account>),
    /// A platform's discovery lost an account. Ignored where the configuration lists one of that name.
    Gone(AccountName),
    /// The configuration was read anew.
    Listed(Box<Listing>),
    /// Somebody wants an account to be polled now.
    PollNow(PollNow),
}

/// What a new configuration changes. Applied as one: no page shows a part of it.
#[derive(Debug)]
pub struct Listing {
    /// Listed accounts that are new or have other settings.
    pub set: Vec<Arc<Account>>,
    /// Accounts that are no longer listed, and discovered ones that have lost their platform or
    /// are listed now. One that is in `set` too begins anew, but comes back to a wait for a failure.
    pub gone: Vec<AccountName>,
    /// The names of [`Account::info_labels`].
    pub info_labels: Arc<[String]>,
    /// Most polls at once.
    pub max_in_flight: usize,
    /// Told when all of it is applied and the pages show it.
    pub applied: oneshot::Sender<()>,
}

/// A wish to poll one account now.
#[derive(Debug)]
pub struct PollNow {
    /// Which account.
    pub name: AccountName,
    /// Told what becomes of it.
    pub answer: oneshot::Sender<PollNowAnswer>,
}

/// What becomes of a [`PollNow`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollNowAnswer {
    /// The account is due now.
    Due,
    /// There is no such account.
    Unknown,
    /// It was asked for less than a minute ago: so long to wait.
    TooSoon(Duration),
    /// It waits for `WeChat` in a class that no wish ends, of this label.
    Parked(&'static str),
}

//! Tokens that another program keeps: read from a file, a central token server or Redis, never
//! written.

pub(super) mod file;
mod http;
mod redis;
mod shared;
pub(super) mod value;

use std::time::Duration;

use tokio::time::Instant;

use self::file::read_token_file;
use self::http::TokenServers;
use self::redis::Caches;
use crate::clock::Clock;
use crate::config::token::{Ids, ReadOnlySource};
use crate::secret::Secret;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::Failure;

/// A token whose expiry is known is used without another look for at most this long: its keeper
/// may replace it at any time.
const LONGEST_TRUST: Duration = Duration::from_secs(30 * 60);
/// A token is not used in the last part of its life, so that no call outlives it.
const MARGIN: Duration = Duration::from_secs(60);

/// Reads tokens and tickets. Shares connections and reads between accounts.
#[derive(Debug)]
pub struct Reader {
    clock: Clock,
    servers: TokenServers,
    caches: Caches,
}

/// A token as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalToken {
    /// The token: not empty, printable, at most 512 characters.
    pub value: Secret,
    /// Until when it may be used without another look: 60 s before its expiry and at most 30 min
    /// from now. None where the source tells no expiry: then it is read at each poll.
    pub good_until: Option<Instant>,
}

/// What is wrong with a source. Unlike [`Failure`] it can be given to all who wait for one read.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    class: ErrorClass,
    text: String,
}

impl Reader {
    /// A reader that gives up on a connection that takes longer than `connect_timeout`. Nothing is
    /// connected before the first read.
    pub fn new(connect_timeout: Duration, clock: Clock) -> Self {
        Self { clock, servers: TokenServers::new(connect_timeout), caches: Caches::new(connect_timeout) }
    }

    /// Gives up on a connection that takes longer than `connect_timeout`, from the next one on.
    pub(crate) fn set_connect_timeout(&self, connect_timeout: Duration) {
        self.servers.set_connect_timeout(connect_timeout);
        self.caches.set_connect_timeout(connect_timeout);
    }

    /// What `source` holds for `ids`, now or, where reads are shared, a second ago.
    pub async fn read(&self, source: &ReadOnlySource, ids: Ids<'_>) -> Result<ExternalToken, Failure> {
        self.read_after(source, ids, None).await
    }

    /// As [`Reader::read`], after a call with `rejected` was refused: `rejected` comes back only if
    /// the source still holds it now.
    pub(crate) async fn read_after(
        &self,
        source: &ReadOnlySource,
        ids: Ids<'_>,
        rejected: Option<&Secret>,
    ) -> Result<ExternalToken, Failure> {
        match source {
            ReadOnlySource::File(source) => Ok(read_token_file(source, ids).await?),
            ReadOnlySource::Http(source) => self.servers.read(source, ids, self.clock, rejected).await,
            ReadOnlySource::Redis(source) => self.caches.read(source, ids).await,
        }
    }
}

impl ExternalToken {
    /// A token with so much of its life left, if the source told.
    fn new(value: Secret, life: Option<Duration>) -> Self {
        let good_until = life.map(|life| Instant::now() + life.saturating_sub(MARGIN).min(LONGEST_TRUST));
        Self { value, good_until }
    }
}

impl Fault {
    pub(super) fn new(class: ErrorClass, text: String) -> Self {
        Self { class, text }
    }

    /// What was found is no token, or nothing was found.
    pub(super) fn decode(text: String) -> Self {
        Self::new(ErrorClass::Decode, text)
    }

    /// The same with what the operator should look at.
    pub(super) fn with_hint(self, hint: &str) -> Self {
        Self { text: format!("{}: {hint}", self.text), ..self }
    }

    fn network(text: String) -> Self {
        Self::new(ErrorClass::Network, text)
    }
}

impl From<Fault> for Failure {
    // Never `Failure::Connect`: that one counts against the API's host.
    fn from(fault: Fault) -> Self {
        Self::Source { class: fault.class, code: None, text: fault.text }
    }
}

//! Tokens that another program keeps: read from a file, a central token server or Redis, never
//! written.

use tokio::time::Instant;

use crate::config::token::{Ids, ReadOnlySource};
use crate::secret::Secret;
use crate::wechat::error::Failure;

/// Reads tokens and tickets. Shares connections and reads between accounts.
#[derive(Debug)]
pub struct Reader {}

/// A token as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalToken {
    /// The token: not empty, printable, at most 512 characters.
    pub value: Secret,
    /// Until when it may be used without another look: 60 s before its expiry and at most 30 min
    /// from now. None where the source tells no expiry: then it is read at each poll.
    pub good_until: Option<Instant>,
}

impl Reader {
    /// What `source` holds now for `ids`.
    pub async fn read(&self, source: &ReadOnlySource, ids: Ids<'_>) -> Result<ExternalToken, Failure> {
        let _ = (source, ids);
        todo!()
    }
}

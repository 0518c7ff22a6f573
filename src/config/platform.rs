//! A third-party platform (第三方平台): how its tokens are had, and which of its authorizers are
//! polled.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::account::{AccountName, AppId, Collect, Endpoint, Limits};
use super::share::Budget;
use super::token::ReadOnlySource;
use crate::secret::SecretSource;
use crate::shard::Shard;

/// The name an operator gave a platform; the `platform` label. Same alphabet as account names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformName(AccountName);

impl PlatformName {
    /// A valid name, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        AccountName::parse(text).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The platform's place on the ring, for jitter.
    pub fn place(&self) -> u64 {
        self.0.place()
    }
}

impl fmt::Display for PlatformName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One third-party platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The operator's name for it.
    pub name: PlatformName,
    /// WeChat's name for it.
    pub component_app_id: AppId,
    /// Where component calls go.
    pub endpoint: Arc<Endpoint>,
    /// Where the component token comes from.
    pub component_token: ComponentToken,
    /// Where the tokens of its authorizers come from.
    pub authorizer_token: AuthorizerToken,
    /// Whether and how accounts are found; none when they are listed by hand only.
    pub discovery: Option<Discovery>,
    /// Time between two readings of the authorizer list.
    pub refresh_interval: Duration,
}

/// Where a platform's component token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentToken {
    /// Its owner's store.
    ReadOnly(Arc<ReadOnlySource>),
    /// Fetched here from the verify ticket, which retires the owner's token. Only by
    /// `accept_token_takeover: true`.
    VerifyTicket {
        /// The platform's secret.
        component_app_secret: SecretSource,
        /// Where the ticket is read; never written.
        ticket: Arc<ReadOnlySource>,
    },
}

/// Where the tokens of a platform's authorizers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizerToken {
    /// Their owner's store, by `{app_id}`.
    ReadOnly(Arc<ReadOnlySource>),
    /// Fetched here from refresh tokens, which may retire the owner's tokens. Only by
    /// `accept_token_takeover: true`.
    Fetched,
}

/// Which of a platform's authorizers become accounts, and with what settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Only these, when any are named.
    pub include: BTreeSet<AppId>,
    /// Never these.
    pub exclude: BTreeSet<AppId>,
    /// The accounts' settings, as in [`super::Account`].
    pub info_labels: Box<[Box<str>]>,
    /// Time between two polls.
    pub interval: Duration,
    /// See [`super::Account::hold`].
    pub hold: Duration,
    /// See [`super::Account::collect`].
    pub collect: Collect,
    /// See [`super::Account::limits`].
    pub limits: Limits,
    /// See [`super::Account::budget`].
    pub budget: Budget,
    /// See [`super::Account::shard`].
    pub pin: Option<u32>,
    /// Which part of the authorizers is this process's.
    pub shard: Shard,
    /// Where their calls go.
    pub endpoint: Arc<Endpoint>,
}

//! `get_materialcount` does not say whose counts it asks for: the credential decides. So no two
//! accounts may have the same one, or one of them would show the other's counts as its own.

use std::sync::Arc;

use super::secrets::Variables;
use super::token::{APP_ID, HttpSource, ReadOnlySource, TokenSource};
use crate::secret::SecretSource;

/// A credential that does not depend on the app id of the account that uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum SharedCredential {
    /// That of the account which the cloud service belongs to.
    Cloud,
    /// One token that another program keeps.
    Kept(Arc<ReadOnlySource>),
}

impl SharedCredential {
    /// That of `token`; nothing where each account has its own by its app id.
    pub(super) fn of(token: &TokenSource, variables: &Variables<'_>) -> Option<Self> {
        match token {
            TokenSource::CloudHosting { from_app_id: None }
            | TokenSource::CloudFile { from_app_id: None, .. } => Some(Self::Cloud),
            TokenSource::ReadOnly(source) => {
                (!names_app_id(source, variables)).then(|| Self::Kept(Arc::clone(source)))
            }
            TokenSource::CloudHosting { .. }
            | TokenSource::CloudFile { .. }
            | TokenSource::StableToken { .. }
            | TokenSource::Token { .. }
            | TokenSource::Authorizer { .. } => None,
        }
    }

    /// What would be right where two accounts have this one.
    pub(super) const fn remedy(&self) -> &'static str {
        match self {
            Self::Cloud => "give `from_app_id`, which says whose counts the cloud is asked for",
            Self::Kept(_) => {
                "read this account's own token, or let `{app_id}` stand where the app id belongs"
            }
        }
    }
}

/// Whether accounts with other app ids read another token there. What cannot be read is taken for
/// one that does: that is a fault of its own.
fn names_app_id(source: &ReadOnlySource, variables: &Variables<'_>) -> bool {
    let in_secret = |source: &SecretSource| match source {
        SecretSource::Env(name) => variables.get(name.as_str()).is_none_or(|value| value.contains(APP_ID)),
        SecretSource::Inline(_) | SecretSource::File(_) => {
            source.read_blocking().map_or(true, |value| value.expose().contains(APP_ID))
        }
    };
    match source {
        ReadOnlySource::File(file) => file.path.names_app_id(),
        ReadOnlySource::Http(HttpSource { url, headers, .. }) => {
            in_secret(url) || headers.iter().any(|(_, value)| in_secret(value))
        }
        ReadOnlySource::Redis(redis) => redis.key.names_app_id() || in_secret(&redis.url),
    }
}

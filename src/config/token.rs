//! Where an account's access token comes from. Sources that only read are one type: a platform's
//! component token, verify ticket and authorizer tokens come from the same places.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::account::AppId;
use super::platform::PlatformName;
use crate::secret::SecretSource;

/// Where an account's access token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// `/cgi-bin/stable_token` in normal mode: never retires anybody's token.
    StableToken {
        /// The account's AppSecret.
        app_secret: SecretSource,
    },
    /// `/cgi-bin/token`: each fetch retires the token that others hold. Only by
    /// `accept_token_takeover: true`.
    Token {
        /// The account's AppSecret.
        app_secret: SecretSource,
    },
    /// A token that another program keeps; read, never written.
    ReadOnly(Arc<ReadOnlySource>),
    /// 微信云托管: the platform's sidecar adds the credential.
    CloudHosting {
        /// The account's own app id, where it is another account of the same subject than the one the
        /// service belongs to.
        from_app_id: Option<AppId>,
    },
    /// 云调用: the token file that the platform pushes, sent as `cloudbase_access_token`.
    CloudFile {
        /// The file, re-read for each request.
        path: PathBuf,
        /// As for [`TokenSource::CloudHosting`].
        from_app_id: Option<AppId>,
    },
    /// 第三方调用: through a third-party platform of this configuration.
    Authorizer {
        /// Which one.
        platform: PlatformName,
        /// The account's refresh token, where it is not taken from the platform's list.
        refresh_token: Option<SecretSource>,
    },
}

impl TokenSource {
    /// The value of the configuration key `source` and of the label `source`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::StableToken { .. } => "stable_token",
            Self::Token { .. } => "token",
            Self::ReadOnly(source) => source.label(),
            Self::CloudHosting { .. } => "cloud_hosting",
            Self::CloudFile { .. } => "cloud_file",
            Self::Authorizer { .. } => "authorizer",
        }
    }

    /// The value of the label `platform`; empty unless the account is polled through one.
    pub fn platform(&self) -> &str {
        match self {
            Self::Authorizer { platform, .. } => platform.as_str(),
            _ => "",
        }
    }

    /// Whether calls go through WeChat's cloud, which has errors of its own and no quota API.
    pub fn is_cloud(&self) -> bool {
        matches!(self, Self::CloudHosting { .. } | Self::CloudFile { .. })
    }
}

/// A place where another program keeps a token or ticket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadOnlySource {
    /// A file.
    File(FileSource),
    /// A central token server (中控服务器).
    Http(HttpSource),
    /// A shared cache of an SDK.
    Redis(RedisSource),
}

impl ReadOnlySource {
    /// The value of the configuration key `source`.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Http(_) => "http",
            Self::Redis(_) => "redis",
        }
    }
}

/// Stands for the account's app id in a [`Template`].
pub(super) const APP_ID: &str = "{app_id}";
/// Stands for the third-party platform's app id in a [`Template`].
pub(super) const COMPONENT_APP_ID: &str = "{component_app_id}";

/// Text in which `{app_id}` and `{component_app_id}` stand for the ids of whoever reads. `Debug` does
/// not show it: some SDKs put the `AppSecret` into the names of Redis keys.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Template(Box<str>);

impl Template {
    /// Any text is a template.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text with the ids in place. An id that there is none of is replaced by nothing.
    pub fn fill(&self, ids: &Ids<'_>) -> String {
        ids.fill(&self.0)
    }

    /// Whether accounts with other app ids get another text.
    pub(super) fn names_app_id(&self) -> bool {
        self.0.contains(APP_ID)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(…)")
    }
}

/// The ids that a [`Template`] is filled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids<'a> {
    /// The account's app id.
    pub app_id: &'a str,
    /// The third-party platform's app id.
    pub component_app_id: &'a str,
}

impl Ids<'_> {
    /// `text` with the ids in place: for templates that are secrets, such as URLs.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace(APP_ID, self.app_id).replace(COMPONENT_APP_ID, self.component_app_id)
    }
}

/// A JSON pointer (RFC 6901): empty, or begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointer(Box<str>);

impl Pointer {
    /// What is allowed, for error messages.
    pub const RULE: &str = "a JSON pointer, such as `/data/access_token`";

    /// A valid pointer, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        (text.is_empty() || text.starts_with('/')).then(|| Self(text.into()))
    }

    /// The pointer as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file with a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileSource {
    /// Its path, a template.
    pub path: Template,
    /// Where the token stands in it; the whole file is the token when absent.
    pub pointer: Option<Pointer>,
}

/// A central token server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpSource {
    /// Its URL, a template; a secret, because many servers take a password in it.
    pub url: SecretSource,
    /// Headers to send: lower-case names, and values that are secrets and templates.
    pub headers: Vec<(String, SecretSource)>,
    /// Where the token stands in the JSON answer; the whole body is the token when absent.
    pub pointer: Option<Pointer>,
    /// Where its expiry stands.
    pub expires_pointer: Option<Pointer>,
    /// PEM certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// A key in Redis. Read by `GET` and `PTTL` only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedisSource {
    /// `redis://` or `rediss://`, with user and password if needed.
    pub url: SecretSource,
    /// The key, a template.
    pub key: Template,
    /// What the value is.
    pub format: RedisFormat,
    /// PEM certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// What the value of a Redis key is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RedisFormat {
    /// The token itself.
    Plain,
    /// JSON: the token is the string at the pointer, the root by default.
    Json(Pointer),
}

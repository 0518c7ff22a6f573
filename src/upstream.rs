//! Everything a poll needs from outside, in one place.

use std::sync::Arc;

use tokio::time::Instant;

use crate::platform::PlatformHandles;
use crate::token::read::Reader;
use crate::wechat::client::ApiClient;

/// What polls reach for: the API, the sources of tokens, the third-party platforms.
#[derive(Debug)]
pub struct Upstream {
    /// Calls of the API.
    pub client: Arc<ApiClient>,
    /// Tokens that other programs keep.
    pub reader: Arc<Reader>,
    /// Third-party platforms by name. A reload replaces them.
    pub platforms: Arc<PlatformHandles>,
    /// When the exporter started: in its first minute a cloud's sidecar may not be ready.
    pub started: Instant,
}

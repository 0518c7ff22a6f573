//! Calls through WeChat's cloud: the token file that the platform pushes, and the errors that only
//! its sidecar gives.

use std::path::Path;
use std::time::Duration;

use crate::secret::Secret;
use crate::wechat::error::{ApiError, Failure};

/// The pushed token as it is now.
pub(crate) async fn read_file(path: &Path) -> Result<Secret, Failure> {
    let _ = path;
    todo!()
}

/// What an error of a data call through the cloud really means, `up` being the time since the
/// exporter started.
pub(crate) fn explain(error: ApiError, up: Duration) -> ApiError {
    let _ = up;
    error
}

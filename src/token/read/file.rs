//! Token files. Re-read each time: whoever keeps the token may replace it at any moment.

use std::io::{Error, ErrorKind};
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::value::{SIZE_LIMIT, json, token, token_at, utf8, without_line_break};
use super::{ExternalToken, Fault};
use crate::config::token::{FileSource, Ids};

/// The token in the file as it is now. A file tells no expiry.
pub(super) async fn read_token_file(source: &FileSource, ids: Ids<'_>) -> Result<ExternalToken, Fault> {
    let path = source.path.fill(&ids);
    let text = read_text(Path::new(&path)).await?;
    let value = match &source.pointer {
        None => token(without_line_break(&text), &path)?,
        Some(pointer) => token_at(&json(&text, &path)?, pointer, &path)?,
    };
    Ok(ExternalToken::new(value, None))
}

/// The text of a file of bounded size.
pub(in crate::token) async fn read_text(path: &Path) -> Result<String, Fault> {
    let place = path.display().to_string();
    let bytes =
        bounded(path).await.map_err(|error| Fault::decode(format!("cannot read {place}: {error}")))?;
    if bytes.len() > SIZE_LIMIT {
        return Err(Fault::decode(format!("{place}: the file is longer than 1 MiB")));
    }
    utf8(bytes, &place)
}

/// The file's bytes, at most one more than the limit.
async fn bounded(path: &Path) -> Result<Vec<u8>, Error> {
    // Opening a pipe would wait for a writer.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path).await?.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

//! Secrets: a value that cannot print itself, and the places it may come from.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

/// What stands wherever a secret would be printed.
pub const MASK: &str = "<secret>";

/// A secret or token. `Debug`, `Display` and serde show [`MASK`]; memory is zeroed on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the value over; the caller keeps no copy.
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value itself. Only requests may call this, never anything that prints.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `text` with every occurrence of this secret replaced by [`MASK`]. One of a few characters
    /// is left alone: masking it would mangle the text, and show the secret by its gaps.
    pub(crate) fn redact(&self, text: &str) -> String {
        const SHORTEST: usize = 6;
        let value = self.expose();
        if value.len() < SHORTEST { text.to_owned() } else { text.replace(value, MASK) }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Where a secret is read from each time it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// Written in the configuration itself.
    Inline(Secret),
    /// A file, re-read at each use; one trailing line break is trimmed.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// Why a secret could not be read. Names the place, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret file `{path}`: {source}", path = path.display())]
    File {
        /// The file as configured.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file holds nothing but white space.
    #[error("the secret file `{}` is empty", .0.display())]
    EmptyFile(PathBuf),
    /// The variable is not set, empty, or not valid UTF-8.
    #[error("the environment variable `{0}` is not set or empty")]
    Env(String),
}

impl SecretSource {
    /// Reads the value as it is now.
    pub async fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => from_file(path, text),
                Err(source) => Err(SecretError::File { path: path.clone(), source }),
            },
            Self::Inline(_) | Self::Env(_) => self.read_blocking(),
        }
    }

    /// As [`SecretSource::read`], for callers outside the runtime, such as the configuration.
    pub fn read_blocking(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => from_file(path, text),
                Err(source) => Err(SecretError::File { path: path.clone(), source }),
            },
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
                _ => Err(SecretError::Env(name.clone())),
            },
        }
    }
}

/// Editors end a file with a line break that is not part of the secret.
fn from_file(path: &Path, mut text: String) -> Result<Secret, SecretError> {
    let trimmed = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(trimmed);
    if text.trim().is_empty() {
        return Err(SecretError::EmptyFile(path.to_owned()));
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("hunter2".into());
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(format!("{secret:?} {secret} {json}"), "<secret> <secret> \"<secret>\"");
        assert_eq!(secret.redact("bad hunter2, hunter2!"), "bad <secret>, <secret>!");
    }

    #[test]
    fn a_file_loses_its_line_break_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, " 0012\r\n").unwrap();
        let source = SecretSource::File(path.clone());
        assert_eq!(source.read_blocking().unwrap().expose(), " 0012");
        std::fs::write(&path, "\n").unwrap();
        assert!(source.read_blocking().unwrap_err().to_string().ends_with("is empty"));
    }
}

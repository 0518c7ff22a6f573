//! Secrets: a value that cannot print itself, and the places it may come from.

use std::fmt;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

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

    /// `text` with every occurrence of this secret replaced by [`MASK`], be it as it is or as it
    /// stands in a URL. One of a few characters is left alone: masking it would mangle the text, and
    /// show the secret by its gaps.
    pub(crate) fn redact(&self, text: &str) -> String {
        const SHORTEST: usize = 6;
        // What stays as it is in a URL by RFC 3986 (2.3), and in its query by the URL standard.
        const SPELLINGS: [&[u8]; 2] = [b"-._~", b"*-._"];
        let value = self.expose();
        if value.len() < SHORTEST {
            return text.to_owned();
        }
        let masked = text.replace(value, MASK);
        SPELLINGS.iter().fold(masked, |text, kept| text.replace(&percent_encoded(value, kept), MASK))
    }
}

/// `value` with all bytes but letters, digits and `kept` percent-encoded.
fn percent_encoded(value: &str, kept: &[u8]) -> String {
    let spelled = |byte: u8| match char::from(byte) {
        plain if byte.is_ascii_alphanumeric() || kept.contains(&byte) => plain.to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(spelled).collect()
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

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

/// Where a secret is read from each time it is used. Two are equal when they name the same place
/// and, as far as a configuration has looked into it, the same value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// Written in the configuration itself.
    Inline(Secret),
    /// A file, re-read at each use; line breaks at its end are trimmed.
    File(SecretFile),
    /// An environment variable.
    Env(String),
}

/// A file with a secret. Remembers a fingerprint of what was in it when the configuration was
/// loaded, so that a later configuration with another value is not equal to that one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretFile {
    path: Box<Path>,
    /// None where the file was not read. One value in 2⁶⁴ counts as unread too, which costs nothing
    /// but that a change to it may be missed.
    fingerprint: Option<NonZeroU64>,
}

impl SecretFile {
    /// The file at `path`, in which `secret` was found.
    pub(crate) fn holding(path: PathBuf, secret: &Secret) -> Self {
        Self { path: path.into(), fingerprint: NonZeroU64::new(xxh3_64(secret.expose().as_bytes())) }
    }

    /// Its path as configured.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The path only: even a fingerprint tells something about a short secret.
impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// Why a secret could not be read. Names the place, never the value.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret file `{path}`: {source}", path = path.display())]
    File {
        /// The file as configured.
        path: PathBuf,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// The file holds nothing but white space.
    #[error("the secret file `{}` is empty", .0.display())]
    EmptyFile(PathBuf),
    /// The variable is not set, empty, or not valid UTF-8.
    #[error("the environment variable `{0}` is not set or empty")]
    Env(String),
}

impl SecretSource {
    /// A file that was not read yet.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(SecretFile { path: path.into().into(), fingerprint: None })
    }

    /// Whether both are read from the same place, whatever stood there when.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inline(one), Self::Inline(other)) => one == other,
            (Self::File(one), Self::File(other)) => one.path == other.path,
            (Self::Env(one), Self::Env(other)) => one == other,
            _ => false,
        }
    }

    /// Reads the value as it is now.
    pub async fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::File(SecretFile { path, .. }) => {
                let reading = tokio::task::spawn_blocking({
                    let path = path.clone();
                    move || small_file(&path)
                });
                from_file(path, reading.await.unwrap_or_else(|error| Err(io::Error::other(error))))
            }
            Self::Inline(_) | Self::Env(_) => self.read_blocking(),
        }
    }

    /// As [`SecretSource::read`], for callers outside the runtime, such as the configuration.
    pub fn read_blocking(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(SecretFile { path, .. }) => from_file(path, small_file(path)),
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
                _ => Err(SecretError::Env(name.clone())),
            },
        }
    }
}

/// The text of a regular file of a size that makes sense.
fn small_file(path: &Path) -> io::Result<String> {
    // As much as the configuration takes.
    const MOST_BYTES: u64 = 4 << 20;
    // Opening a pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    let read = File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MOST_BYTES { Err(io::Error::other("it is longer than 4 MiB")) } else { Ok(text) }
}

/// Editors end a file with a line break that is not part of the secret, and some with more.
fn from_file(path: &Path, read: io::Result<String>) -> Result<Secret, SecretError> {
    let failed = |error| SecretError::File { path: path.to_owned(), source: Arc::new(error) };
    let mut text = read.map_err(failed)?;
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
        let token = Secret::new("a@@@b/c~*".into());
        for spelling in ["a@@@b/c~*", "a%40%40%40b%2Fc~%2A", "a%40%40%40b%2Fc%7E*"] {
            assert_eq!(token.redact(&format!("/x?t={spelling}&u")), "/x?t=<secret>&u");
        }
    }

    #[test]
    fn a_file_loses_the_line_breaks_at_its_end_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, " 0012\r\n\n").unwrap();
        let source = SecretSource::file(&path);
        assert_eq!(source.read_blocking().unwrap().expose(), " 0012");
        std::fs::write(&path, "\n").unwrap();
        assert!(source.read_blocking().unwrap_err().to_string().ends_with("is empty"));
    }

    #[tokio::test]
    async fn what_is_no_small_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("long");
        File::create(&long).unwrap().set_len((4 << 20) + 1).unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, wrong) in [(long, "longer than 4 MiB"), (pipe, "no regular file")] {
            let error = SecretSource::file(path).read().await.unwrap_err().to_string();
            assert!(error.ends_with(wrong), "{error}");
        }
    }

    #[test]
    fn a_file_with_another_secret_is_another_source() {
        let holding = |value: &str| {
            let secret = Secret::new(value.into());
            SecretSource::File(SecretFile::holding("/run/secret".into(), &secret))
        };
        assert_eq!(holding("a"), holding("a"));
        assert_ne!(holding("a"), holding("b"));
        assert_eq!(format!("{:?}", holding("a")), r#"File("/run/secret")"#);
    }
}
